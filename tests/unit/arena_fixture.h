/* arena_fixture.h: an arena and an error that each test finds empty. */
#ifndef ATTUNE_TESTS_ARENA_FIXTURE_H
#define ATTUNE_TESTS_ARENA_FIXTURE_H

#include <string.h>

#include "base/arena.h"
#include "base/err.h"

static struct arena arena;
static struct error error;

static inline int setup(void **state) {
  (void)state;
  arena_init(&arena, 0);
  memset(&error, 0, sizeof error);
  return 0;
}
static inline int teardown(void **state) {
  (void)state;
  arena_free(&arena);
  return 0;
}

#endif
