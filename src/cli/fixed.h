/* fixed.h: numbers of fixed point as text, each with a comma behind it, eight at a time. */
#ifndef ATTUNE_CLI_FIXED_H
#define ATTUNE_CLI_FIXED_H

#include <stdbool.h>
#include <stdint.h>

#define FIXED_AT_ONCE 8
#define FIXED_MAXIMUM 24 /* bytes that a number takes at most, and those behind it that may be written over */

/* Eight numbers, rounded half away from zero, as digits: one in a byte, the first in the lowest. */
struct fixed {
  double x[FIXED_AT_ONCE];
  int decimals; /* 0 to 9 */
  bool few;     /* eight digits hold each of them; else fixed_put() does without `digits` */
  uint64_t digits[FIXED_AT_ONCE];
};
/* From x and decimals; x must hold finite numbers, all eight. */
void fixed_find(struct fixed *fixed);
/* Writes number k and a comma; returns what is behind them. From 1e8 on as printf's %.10g. */
char *fixed_put(char *to, const struct fixed *fixed, int k);

#endif
