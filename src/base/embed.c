#include "base/embed.h"

/* Written by the Makefile (tools/embed.sh): the table and its bytes. */
extern const struct embedded attune_embedded[];
extern const size_t attune_embedded_count;

const struct embedded *embedded_find(const char *name) {
  size_t low = 0, high = attune_embedded_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = strcmp(attune_embedded[middle].name, name);
    if (order == 0) return &attune_embedded[middle];
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return NULL;
}

const struct embedded *embedded_all(size_t *count) {
  *count = attune_embedded_count;
  return attune_embedded;
}
