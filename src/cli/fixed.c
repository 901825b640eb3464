#include "cli/fixed.h"

#include <math.h>
#include <stdio.h>

#include "alliance/lanes.h"

_Static_assert(FIXED_MOST % LANES == 0, "whole vectors of numbers");

typedef uint32_t lane_halves __attribute__((vector_size(8 * LANES)));
typedef uint16_t lane_quarters __attribute__((vector_size(8 * LANES)));
typedef int32_t lane_integers __attribute__((vector_size(4 * LANES)));

static const double powers[10] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};

/* A number below 1e8, eight digits one in a byte: cut into halves of four digits, these into pairs and these into
 * digits, side by side in a word; a division by a constant is a multiplication and a shift, exact in this range. */
LANES_INLINE lane_words digits_of(lane_words value) {
  lane_words upper = (value * 3518437209u) >> 45;
  lane_halves four = (lane_halves)(upper | (value - upper * 10000u) << 32);
  lane_halves hundreds = (four * 10486u) >> 20;
  lane_quarters two = (lane_quarters)(hundreds | (four - hundreds * 100u) << 16);
  lane_quarters tens = (two * 103u) >> 10;
  return (lane_words)(tens | (two - tens * 10u) << 8);
}

/* 1 where a < b: both far below 2^63. Compared as numbers they would not stay in the vector. */
LANES_INLINE lane_words is_less(lane_words a, lane_words b) {
  return (a - b) >> 63;
}

/* Finds the words of eight numbers; false where one of them is too large. */
LANES_INLINE bool words_find(struct fixed *fixed, int first) {
  int decimals = fixed->decimals, whole = 8 - decimals; /* digits before the point; zeroes in front are left out */
  lanes x, most = lanes_of(1e8);
  memcpy(&x, fixed->x + first, sizeof x);
  lanes scaled = lanes_larger(x, -x) * powers[decimals] + 0.5;
  lane_bits large = scaled >= most;
  int64_t any = 0;
  for (int u = 0; u < LANES; u++) any |= large[u];
  lane_integers rounded = __builtin_convertvector(lanes_smaller(scaled, most), lane_integers);
  lane_words none = {0}, value = __builtin_convertvector(rounded, lane_words);
  lane_words negative = (lane_words)x >> 63 & is_less(none, value), length = none + 1;
  for (int power = decimals + 1; power < 8; power++) length += is_less(none + (uint64_t)(powers[power] - 1), value);
  lane_words text = digits_of(value) + 0x3030303030303030;
  lane_words before = text >> 8 * ((uint64_t)whole - length);
  lane_words behind = text >> 8 * whole << 8 | '.' | (uint64_t)',' << 8 * (decimals + 1);
  before = before << 8 * negative | '-' * negative;
  length += negative;
  memcpy(fixed->before + first, &before, sizeof before);
  memcpy(fixed->length + first, &length, sizeof length);
  memcpy(fixed->behind + first, &behind, sizeof behind);
  return !any;
}

LANES_CLONES void fixed_find(struct fixed *fixed) {
  bool little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
  fixed->few = little && fixed->decimals > 0 && fixed->decimals < 7;
  for (int k = fixed->count; k % LANES; k++) fixed->x[k] = 0;
  for (int k = 0; fixed->few && k < fixed->count; k += LANES) fixed->few = words_find(fixed, k);
}

/* Any number, one digit after the other from the last. */
char *fixed_put_any(char *to, double x, int decimals) {
  char digits[FIXED_MAXIMUM], *end = digits + sizeof digits, *at = end;
  if (!(x < 1e8 && x > -1e8)) return to + snprintf(to, FIXED_MAXIMUM, "%.10g,", x);
  uint64_t value = (uint64_t)(fabs(x) * powers[decimals] + 0.5);
  bool negative = x < 0 && value > 0;
  *--at = ',';
  for (int k = 0; value || k <= decimals; k++, value /= 10) {
    if (k && k == decimals) *--at = '.';
    *--at = (char)('0' + value % 10);
  }
  if (negative) *--at = '-';
  memcpy(to, at, (size_t)(end - at));
  return to + (end - at);
}
