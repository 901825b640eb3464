#include "stats/model_keys.h"

static uint64_t hash_bits(uint64_t key) {
  key ^= key >> 33;
  key *= UINT64_C(0xff51afd7ed558ccd);
  key ^= key >> 33;
  key *= UINT64_C(0xc4ceb9fe1a85ec53);
  return key ^ key >> 33;
}

static bool key_set_grow(struct key_set *set) {
  size_t capacity = set->capacity ? set->capacity * 4 : 1024;
  uint64_t *key = model_take(set->memory, capacity / 2, sizeof *key);
  int32_t *slot = model_take(set->memory, capacity, sizeof *slot);
  if (!key || !slot) return false;
  for (size_t i = 0; i < set->count; i++) {
    key[i] = set->key[i];
    size_t at = hash_bits(key[i]) & (capacity - 1);
    while (slot[at]) at = (at + 1) & (capacity - 1);
    slot[at] = (int32_t)i + 1;
  }
  set->key = key;
  set->slot = slot;
  set->capacity = capacity;
  return true;
}

int32_t key_set_number(struct key_set *set, uint64_t key) {
  if (set->count * 2 >= set->capacity && !key_set_grow(set)) return -1;
  size_t at = hash_bits(key) & (set->capacity - 1);
  for (; set->slot[at]; at = (at + 1) & (set->capacity - 1))
    if (set->key[set->slot[at] - 1] == key) return set->slot[at] - 1;
  set->key[set->count] = key;
  set->slot[at] = (int32_t)++set->count;
  return (int32_t)set->count - 1;
}
