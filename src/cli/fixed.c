#include "cli/fixed.h"

#include <math.h>
#include <stdio.h>

#include "alliance/lanes.h"

_Static_assert(FIXED_AT_ONCE == LANES, "a vector of numbers at a time");

typedef uint32_t lane_halves __attribute__((vector_size(8 * LANES)));
typedef uint16_t lane_quarters __attribute__((vector_size(8 * LANES)));
typedef int32_t lane_integers __attribute__((vector_size(4 * LANES)));

static const double powers[10] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};

/* A number below 1e8 is cut into halves of four digits, these into pairs and these into digits, side by side in a
 * word; a division by a constant is a multiplication and a shift, exact in the range at hand. */
LANES_CLONES void fixed_find(struct fixed *fixed) {
  lanes x, most = lanes_of(1e8);
  memcpy(&x, fixed->x, sizeof x);
  lanes scaled = lanes_larger(x, -x) * powers[fixed->decimals] + 0.5;
  lane_bits large = scaled >= most;
  int64_t any = 0;
  for (int u = 0; u < LANES; u++) any |= large[u];
  fixed->few = !any && fixed->decimals > 0 && fixed->decimals < 8;
  lane_words value =
      __builtin_convertvector(__builtin_convertvector(lanes_smaller(scaled, most), lane_integers), lane_words);
  lane_words upper = (value * 3518437209u) >> 45;
  lane_halves four = (lane_halves)(upper | (value - upper * 10000u) << 32);
  lane_halves hundreds = (four * 10486u) >> 20;
  lane_quarters two = (lane_quarters)(hundreds | (four - hundreds * 100u) << 16);
  lane_quarters tens = (two * 103u) >> 10;
  lane_words digits = (lane_words)(tens | (two - tens * 10u) << 8);
  memcpy(fixed->digits, &digits, sizeof digits);
}

/* Any number, one digit after the other from the last. */
static char *put_any(char *to, double x, int decimals) {
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

/* Without a branch that depends on the number. */
char *fixed_put(char *to, const struct fixed *fixed, int k) {
  if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ || !fixed->few) return put_any(to, fixed->x[k], fixed->decimals);
  int decimals = fixed->decimals, whole = 8 - decimals; /* digits before the point; zeroes in front are left out */
  uint64_t digits = fixed->digits[k], text = digits + 0x3030303030303030;
  int zeroes = __builtin_ctzll(digits | (uint64_t)1 << 8 * (whole - 1)) / 8;
  uint64_t before = text >> 8 * zeroes, behind = text >> 8 * whole;
  *to = '-';
  to += (fixed->x[k] < 0) & (digits > 0);
  memcpy(to, &before, sizeof before);
  to += whole - zeroes;
  *to++ = '.';
  memcpy(to, &behind, sizeof behind);
  to += decimals;
  *to++ = ',';
  return to;
}
