#include "base/levels.h"

#include <stdbool.h>

static uint32_t hash_text(const char *text, size_t length) {
  uint64_t hash = UINT64_C(0x9e3779b97f4a7c15) ^ length;
  while (length) {
    uint64_t word = 0;
    size_t take = length < 8 ? length : 8;
    memcpy(&word, text, take);
    hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
    hash ^= hash >> 32;
    text += take;
    length -= take;
  }
  return (uint32_t)(hash ^ hash >> 29);
}

static bool is_level(const struct levels *levels, uint32_t code, const char *text, size_t length) {
  return levels->lengths[code] == length && !memcmp(levels->names[code], text, length);
}

/* Twice the room, and every level in its new slot. */
static void levels_grow(struct arena *arena, struct levels *levels) {
  size_t capacity = levels->capacity ? levels->capacity * 2 : 64;
  const char **names = arena_array(arena, capacity, sizeof *names);
  uint32_t *lengths = arena_array(arena, capacity, sizeof *lengths);
  if (levels->count) {
    memcpy(names, levels->names, levels->count * sizeof *names);
    memcpy(lengths, levels->lengths, levels->count * sizeof *lengths);
  }
  levels->names = names;
  levels->lengths = lengths;
  levels->capacity = capacity;
  levels->slot_count = capacity * 2;
  levels->slots = arena_array(arena, levels->slot_count, sizeof *levels->slots);
  for (size_t code = 0; code < levels->count; code++) {
    size_t slot = hash_text(names[code], lengths[code]) & (levels->slot_count - 1);
    while (levels->slots[slot]) slot = (slot + 1) & (levels->slot_count - 1);
    levels->slots[slot] = (uint32_t)code + 1;
  }
}

uint32_t levels_code(struct arena *arena, struct levels *levels, const char *text, size_t length) {
  if (levels->count && is_level(levels, levels->last, text, length)) return levels->last;
  if (levels->count == levels->capacity) levels_grow(arena, levels);
  size_t slot = hash_text(text, length) & (levels->slot_count - 1);
  for (; levels->slots[slot]; slot = (slot + 1) & (levels->slot_count - 1))
    if (is_level(levels, levels->slots[slot] - 1, text, length)) return levels->last = levels->slots[slot] - 1;
  uint32_t code = (uint32_t)levels->count++;
  levels->names[code] = arena_text_n(arena, text, length);
  levels->lengths[code] = (uint32_t)length;
  levels->slots[slot] = code + 1;
  return levels->last = code;
}
