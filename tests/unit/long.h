/* long.h: counts that cost more than ten seconds are done at a tenth, and in full by `./test long`. */
#ifndef ATTUNE_TESTS_LONG_H
#define ATTUNE_TESTS_LONG_H

#include <stdlib.h>

static inline int long_count(int full) {
  return getenv("ATTUNE_LONG") ? full : (full + 9) / 10;
}

/* The same for what is slow under the sanitisers alone: in full without them. */
static inline int long_count_sanitised(int full) {
#ifdef __SANITIZE_ADDRESS__
  return long_count(full);
#else
  return full;
#endif
}

#endif
