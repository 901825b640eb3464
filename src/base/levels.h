/* levels.h: distinct texts and their codes 0, 1, 2, ... in order of first appearance (the levels of a factor).
 *
 * Memory comes from the arena; a struct of zeroes is an empty set. About 25 bytes a level beside its text. */
#ifndef ATTUNE_BASE_LEVELS_H
#define ATTUNE_BASE_LEVELS_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct levels {
  const char **names; /* names[code], each ended by a NUL */
  uint32_t *lengths;
  size_t count;
  /* open addressing; a slot holds code + 1, or 0 */
  uint32_t *slots;
  size_t capacity, slot_count;
  uint32_t last; /* the code found last: neighbours often share a level */
};

/* The code of a text, a new one if it was not there. */
uint32_t levels_code(struct arena *arena, struct levels *levels, const char *text, size_t length);

#endif
