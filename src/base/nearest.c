#include "base/nearest.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

unsigned text_distance(const char *a, const char *b) {
  unsigned row[65];
  size_t m = strlen(a), n = strlen(b);
  if (m > 64 || n > 64) return UINT32_MAX;
  for (size_t j = 0; j <= n; j++) row[j] = (unsigned)j;
  for (size_t i = 1; i <= m; i++) {
    unsigned diagonal = row[0];
    row[0] = (unsigned)i;
    for (size_t j = 1; j <= n; j++) {
      bool same = (a[i - 1] | 32) == (b[j - 1] | 32);
      unsigned change = diagonal + !same, least = row[j] + 1 < row[j - 1] + 1 ? row[j] + 1 : row[j - 1] + 1;
      diagonal = row[j];
      row[j] = change < least ? change : least;
    }
  }
  return row[n];
}

const char *nearest_name(const char *name, const char *const *names, size_t count) {
  const char *best = NULL;
  unsigned least = 3;
  for (size_t i = 0; i < count; i++) {
    unsigned distance = text_distance(name, names[i]);
    if (distance < least && distance < strlen(name)) {
      best = names[i];
      least = distance;
    }
  }
  return best;
}
