#include "base/decimal.h"

#include <locale.h>
#include <math.h>
#include <stdint.h>

#define LEAST_POWER (-64)
#define GREATEST_POWER 64

/* 5^q scaled to 128 bits, most significant half first: truncated for q >= 0; for q < 0 the reciprocal, rounded up
 * (the paper's table, made with exact integers). */
static const uint64_t fives[GREATEST_POWER - LEAST_POWER + 1][2] = {
#include "base/decimal_fives.inc"
};

static const double exact_tens[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                      1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* w * 10^q for w that is exact; false when 128 bits of the power of five do not decide the rounding. */
static bool from_product(uint64_t w, int q, double *value) {
  if (q < LEAST_POWER || q > GREATEST_POWER || !w) return false;
  int zeros = __builtin_clzll(w);
  w <<= zeros;
  const uint64_t *five = fives[q - LEAST_POWER];
  unsigned __int128 product = (unsigned __int128)w * five[0];
  uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;
  if ((high & 0x1ff) == 0x1ff) { /* the upper half alone may be one too small */
    uint64_t carry = (uint64_t)(((unsigned __int128)w * five[1]) >> 64);
    low += carry;
    high += low < carry;
  }
  if (low == UINT64_MAX && (q < -27 || q > 55)) return false;
  int upper = (int)(high >> 63);
  int shift = upper + 64 - 52 - 3;
  uint64_t mantissa = high >> shift;
  int exponent = (((152170 + 65536) * q) >> 16) + 63 + upper - zeros + 1023;
  if (exponent <= 0) return false;
  bool tie = low <= 1 && q >= -4 && q <= 23 && (mantissa & 3) == 1 && mantissa << shift == high;
  if (tie) mantissa &= ~UINT64_C(1);
  mantissa = (mantissa + (mantissa & 1)) >> 1;
  if (mantissa >> 53) {
    mantissa >>= 1;
    exponent++;
  }
  if (exponent >= 0x7ff) return false;
  uint64_t bits = (uint64_t)exponent << 52 | (mantissa & ((UINT64_C(1) << 52) - 1));
  memcpy(value, &bits, sizeof bits);
  return true;
}

/* Correct for every length and exponent: the C library's own conversion, without the user's locale. */
static enum decimal from_library(const char *start, size_t length, double *value) {
  char small[128];
  char *copy = length < sizeof small ? small : malloc(length + 1);
  if (!copy) return DECIMAL_NONE;
  memcpy(copy, start, length);
  copy[length] = 0;
  locale_t plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
  *value = strtod_l(copy, NULL, plain);
  freelocale(plain);
  if (copy != small) free(copy);
  return isinf(*value) ? DECIMAL_TOO_BIG : DECIMAL_READ;
}

/* Eight digits at once (little-endian machines), by three multiplications. */
static bool eight_digits(const char *at, uint64_t *digits) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  uint64_t word;
  memcpy(&word, at, sizeof word);
  uint64_t low = word - 0x3030303030303030, high = word + 0x4646464646464646;
  if ((low | high) & 0x8080808080808080) return false;
  low = low * 10 + (low >> 8);
  uint64_t pairs =
      (low & 0x000000ff000000ff) * 0x000f424000000064 + (low >> 16 & 0x000000ff000000ff) * 0x0000271000000001;
  *digits = pairs >> 32;
  return true;
#else
  (void)at;
  (void)digits;
  return false;
#endif
}

static inline const char *take_digits(const char *at, uint64_t *w) {
  uint64_t eight, sum = *w;
  while (eight_digits(at, &eight)) {
    sum = sum * 100000000 + eight;
    at += 8;
  }
  for (unsigned digit; (digit = (unsigned char)*at - '0') < 10; at++) sum = sum * 10 + digit;
  *w = sum;
  return at;
}

/* An exponent after a number's digits, held within +-99999; *at moves past it when there is one. */
static int take_exponent(const char **at) {
  const char *p = *at + 1;
  bool negative = *p == '-';
  if (*p == '-' || *p == '+') p++;
  if (*p < '0' || *p > '9') return 0;
  int exponent = 0;
  for (unsigned digit; (digit = (unsigned char)*p - '0') < 10; p++)
    if (exponent < 10000) exponent = exponent * 10 + (int)digit;
  *at = p;
  return negative ? -exponent : exponent;
}

/* Significant digits from the first one that is not zero. */
static size_t significant(const char *start, const char *end) {
  while (start < end && (*start == '0' || *start == '.')) start++;
  size_t count = 0;
  for (; start < end; start++) count += *start != '.';
  return count;
}

enum decimal decimal_scan(const char **at, double *value) {
  const char *start = *at, *p = start;
  bool negative = *p == '-';
  if (*p == '-' || *p == '+') p++;
  const char *digits = p;
  uint64_t w = 0;
  p = take_digits(p, &w);
  size_t count = (size_t)(p - digits);
  int exponent = 0;
  if (*p == '.') {
    const char *fraction = ++p;
    p = take_digits(p, &w);
    exponent = -(int)(p - fraction < 100000 ? p - fraction : 100000);
    count += (size_t)(p - fraction);
  }
  if (!count) return DECIMAL_NONE;
  const char *after = p;
  if (*p == 'e' || *p == 'E') exponent += take_exponent(&p);
  *at = p;
  if (count > 19 && significant(digits, after) > 19) return from_library(start, (size_t)(p - start), value);
  double result;
  if (!w)
    result = 0;
  else if (w >> 53 == 0 && exponent >= -22 && exponent <= 22)
    result = exponent < 0 ? (double)w / exact_tens[-exponent] : (double)w * exact_tens[exponent];
  else if (!from_product(w, exponent, &result))
    return from_library(start, (size_t)(p - start), value);
  *value = negative ? -result : result;
  return DECIMAL_READ;
}

enum decimal decimal_read(const char *text, size_t length, double *value) {
  char small[64 + 2 * DECIMAL_PADDING] = {0};
  char *copy = length <= 64 ? small : calloc(length + 2 * DECIMAL_PADDING, 1);
  if (!copy) return DECIMAL_NONE;
  if (length) memcpy(copy, text, length);
  const char *at = copy;
  enum decimal result = decimal_scan(&at, value);
  if (at != copy + length) result = DECIMAL_NONE;
  if (copy != small) free(copy);
  return result;
}
