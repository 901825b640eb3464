/* fixed.h: numbers of fixed point as text, each with a comma behind it, many at a time. */
#ifndef ATTUNE_CLI_FIXED_H
#define ATTUNE_CLI_FIXED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FIXED_MOST 32    /* numbers at a time */
#define FIXED_MAXIMUM 24 /* bytes that a number takes at most, and those behind it that may be written over */

/* Numbers, rounded half away from zero, as text in words: the first character in the lowest byte. */
struct fixed {
  int count, decimals;         /* numbers; 0 to 9 */
  double x[FIXED_MOST];        /* finite */
  bool few;                    /* the words hold each of them; else fixed_put() does without */
  uint64_t before[FIXED_MOST]; /* what stands before the point, the sign included */
  uint64_t length[FIXED_MOST]; /* its characters */
  uint64_t behind[FIXED_MOST]; /* the point, the decimals and the comma */
};
/* From count, x and decimals. */
void fixed_find(struct fixed *fixed);
/* As printf's %.10g from 1e8 on. */
char *fixed_put_any(char *to, double x, int decimals);

/* Writes number k and a comma; returns what is behind them. */
static inline char *fixed_put(char *to, const struct fixed *fixed, size_t k) {
  if (!fixed->few) return fixed_put_any(to, fixed->x[k], fixed->decimals);
  memcpy(to, &fixed->before[k], sizeof fixed->before[k]);
  to += fixed->length[k];
  memcpy(to, &fixed->behind[k], sizeof fixed->behind[k]);
  return to + fixed->decimals + 2;
}

#endif
