/* Numbers of fixed point: many at a time say what one by one says, and what was meant. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attune/stats_random.h"
#include "cli/fixed.h"

#include <cmocka.h>

static char text[FIXED_MOST][64];

static void write_all(struct fixed *fixed, int decimals) {
  fixed->decimals = decimals;
  fixed_find(fixed);
  for (size_t k = 0; k < (size_t)fixed->count; k++) {
    char *end = fixed_put(text[k], fixed, k);
    assert_int_equal(end[-1], ',');
    assert_true(end - text[k] <= FIXED_MAXIMUM);
    end[-1] = 0;
  }
}

static void known(void **state) {
  (void)state;
  struct fixed fixed = {.count = 8, .x = {0, -0.0, 5.04, -0.00004, -0.00005, 9999.99994, 0.99995, -12.5}};
  static const char *const four[] = {"0.0000",  "0.0000",    "5.0400", "0.0000",
                                     "-0.0001", "9999.9999", "1.0000", "-12.5000"};
  write_all(&fixed, 4);
  assert_true(fixed.few);
  for (int k = 0; k < 8; k++) assert_string_equal(text[k], four[k]);
  write_all(&fixed, 0);
  assert_string_equal(text[2], "5");
  assert_string_equal(text[7], "-13");
  fixed.x[3] = 12345678900.0;
  write_all(&fixed, 2);
  assert_false(fixed.few);
  assert_string_equal(text[3], "1.23456789e+10");
  assert_string_equal(text[5], "10000.00");
}

/* As a person would read it: the nearest decimal, as many decimals as asked, no zero too many, no negative zero. */
static void means_what_it_says(const char *said, double x, int decimals) {
  double unit = pow(10, -decimals), value = strtod(said, NULL);
  assert_true(fabs(value - x) <= 0.5 * unit * (1 + 1e-9) + fabs(x) * 1e-15);
  const char *digits = said + (*said == '-'), *point = strchr(said, '.');
  assert_int_equal(point ? strlen(point + 1) : 0, decimals);
  if (digits[0] == '0') assert_true(digits[1] == '.' || digits[1] == 0);
  if (*said == '-') assert_true(value < 0);
}

static void any_number(void **state) {
  (void)state;
  struct stats_stream stream;
  int few = 0, rounds = 0;
  stats_stream_init(&stream, 7, 1, 2, 3);
  for (; rounds < 20000; rounds++) {
    struct fixed fixed = {.count = 1 + rounds % FIXED_MOST};
    int decimals = rounds % 10;
    double most = pow(10, (double)stats_random_below(&stream, 10) - 1);
    for (int k = 0; k < fixed.count; k++) fixed.x[k] = (2 * stats_random_uniform(&stream) - 1) * most;
    char together[FIXED_MOST][64];
    write_all(&fixed, decimals);
    memcpy(together, text, sizeof text);
    few += fixed.few;
    fixed.few = false;
    for (size_t k = 0; k < (size_t)fixed.count; k++) {
      char *end = fixed_put(text[k], &fixed, k);
      end[-1] = 0;
      assert_string_equal(text[k], together[k]);
      if (fabs(fixed.x[k]) < 1e8) means_what_it_says(text[k], fixed.x[k], decimals);
    }
  }
  assert_true(few > rounds / 4 && few < rounds); /* both ways were met */
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(known), cmocka_unit_test(any_number)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
