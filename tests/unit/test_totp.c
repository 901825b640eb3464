/* The codes of an authenticator, against the vectors of RFC 6238 appendix B (SHA-1; its eight digits cut to the last
 * six) and RFC 4226 appendix D. */
#include <string.h>

#include "people/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* after our own: it takes the name fail() for itself */

static const uint8_t *const secret = (const uint8_t *)"12345678901234567890";

static const struct {
  int64_t seconds;
  const char *code;
} rfc6238[] = {{59, "287082"},         {1111111109, "081804"}, {1111111111, "050471"},
               {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"}};

static const char *const rfc4226[] = {"755224", "287082", "359152", "969429", "338314",
                                      "254676", "287922", "162583", "399871", "520489"};

static void codes_are_those_of_the_standards(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof rfc6238 / sizeof *rfc6238; i++)
    assert_int_equal(totp_check(secret, rfc6238[i].code, rfc6238[i].seconds * 1000, -1), rfc6238[i].seconds / 30);
  for (int step = 0; step < 10; step++)
    assert_int_equal(totp_check(secret, rfc4226[step], step * INT64_C(30000) + 29999, -1), step);
}

static void one_step_either_side_is_taken_and_no_more(void **state) {
  (void)state;
  for (int step = 0; step < 10; step++)
    for (int now = 0; now < 10; now++) {
      int64_t found = totp_check(secret, rfc4226[step], now * INT64_C(30000), -1);
      bool near = step >= now - 1 && step <= now + 1;
      assert_int_equal(found, near ? step : -1);
    }
}

static void a_code_is_taken_once(void **state) {
  (void)state;
  int64_t now = 5 * INT64_C(30000);
  int64_t used = totp_check(secret, rfc4226[5], now, -1);
  assert_int_equal(used, 5);
  assert_int_equal(totp_check(secret, rfc4226[5], now, used), -1);
  assert_int_equal(totp_check(secret, rfc4226[4], now, used), -1); /* an older one is not a way round */
  assert_int_equal(totp_check(secret, rfc4226[6], now, used), 6);
}

static void what_is_no_code_is_refused(void **state) {
  (void)state;
  static const char *const wrong[] = {"",       "75522",  "7552240", "755225", "75522a",
                                      " 75522", "-75522", "755 224", "７55224"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_int_equal(totp_check(secret, wrong[i], 0, -1), -1);
  assert_int_equal(totp_check(secret, rfc4226[0], 0, -1), 0);
  uint8_t other[20] = {1};
  assert_int_equal(totp_check(other, rfc4226[0], 0, -1), -1);
}

static void the_address_is_what_authenticators_read(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena, 0);
  /* base32 of the vectors' secret, as `printf 12345678901234567890 | base32` gives it */
  assert_string_equal(
      totp_address(&arena, secret, "Attune demo", "A-1&x"),
      "otpauth://totp/Attune%20demo:A-1%26x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Attune%20demo"
      "&algorithm=SHA1&digits=6&period=30");
  uint8_t ones[20];
  memset(ones, 0xff, sizeof ones);
  assert_non_null(strstr(totp_address(&arena, ones, "a", "b"), "secret=77777777777777777777777777777777&"));
  arena_free(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(codes_are_those_of_the_standards),
      cmocka_unit_test(one_step_either_side_is_taken_and_no_more),
      cmocka_unit_test(a_code_is_taken_once),
      cmocka_unit_test(what_is_no_code_is_refused),
      cmocka_unit_test(the_address_is_what_authenticators_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
