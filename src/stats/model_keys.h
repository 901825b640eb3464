/* model_keys.h: distinct 64-bit keys, numbered in order of appearance. A struct with its memory set is an empty set. */
#ifndef ATTUNE_STATS_MODEL_KEYS_H
#define ATTUNE_STATS_MODEL_KEYS_H

#include "stats/model_base.h"

struct key_set {
  const struct stats_memory *memory;
  uint64_t *key; /* by number */
  int32_t *slot; /* number + 1, or 0 */
  size_t count, capacity;
};

/* The number of a key, a new one if it was not there; -1 without memory. */
int32_t key_set_number(struct key_set *set, uint64_t key);

#endif
