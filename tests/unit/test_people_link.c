/* Roles' names, and the tokens of patients' links. */
#include "people/link.h"
#include "people/role.h"
#include "people/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* after our own: it takes the name fail() for itself */

#include <string.h>

static void roles_have_names_both_ways(void **state) {
  (void)state;
  for (int i = 0; i < ROLE_COUNT; i++) {
    assert_true(strlen(role_name((enum role)(1 << i))) > 0);
    assert_int_equal(role_from_name(role_name((enum role)(1 << i))), 1 << i);
  }
  assert_int_equal(role_from_name("therapist"), ROLE_THERAPIST);
  assert_int_equal(role_from_name("administrator"), ROLE_ADMINISTRATOR);
  assert_int_equal(role_from_name("Therapist"), 0);
  assert_int_equal(role_from_name(""), 0);
  assert_string_equal(role_name((enum role)(ROLE_RATER | ROLE_TRAINER)), "");
  assert_false(ROLES_STAFF & (ROLE_PUBLIC | ROLE_PATIENT));
}

/* RFC 4648 section 10, in the alphabet of section 5 and without padding. */
static void tokens_are_base64url(void **state) {
  (void)state;
  static const char *const pairs[][2] = {
      {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
      {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xbf", "-_-_"}};
  char out[16];
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    token_write(pairs[i][0], strlen(pairs[i][0]), out);
    assert_string_equal(out, pairs[i][1]);
    assert_int_equal(strlen(out), token_characters(strlen(pairs[i][0])));
  }
}

/* HMAC-SHA256(key 00 01 .. 1f, "F-7K3QX9M" || 00 || "12"), its first 160 bits; from Python's hmac and base64. */
static void a_link_is_the_stated_code_and_is_written_again_equal(void **state) {
  (void)state;
  struct keys keys = {0};
  for (int i = 0; i < KEY_BYTES; i++) keys.link[i] = (uint8_t)i;
  char token[LINK_TOKEN_BYTES], again[LINK_TOKEN_BYTES], hash[65];
  link_token(&keys, "F-7K3QX9M", 12, token);
  assert_string_equal(token, "q7gMzgbGLF-pwgLN3nnsfQie5po");
  link_hash(token, hash);
  assert_string_equal(hash, "d36555e27595f7cb374ab1bf8556ddc81e314ed1f92ace7bb37427a6e26a3528");
  link_token(&keys, "F-7K3QX9M", 12, again);
  assert_string_equal(token, again);
  assert_true(link_well_formed(token));
}

static void another_form_serial_or_key_gives_another_link(void **state) {
  (void)state;
  struct keys keys = {0}, other = {0};
  other.link[31] = 1;
  char tokens[5][LINK_TOKEN_BYTES];
  link_token(&keys, "F-7K3QX9M", 12, tokens[0]);
  link_token(&keys, "F-7K3QX9M", 1, tokens[1]);
  link_token(&keys, "F-7K3QX9N", 12, tokens[2]);
  link_token(&other, "F-7K3QX9M", 12, tokens[3]);
  link_token(&keys, "F-7K3QX9M1", 2, tokens[4]);
  for (int i = 0; i < 5; i++)
    for (int j = 0; j < i; j++) assert_string_not_equal(tokens[i], tokens[j]);
}

static void what_is_no_token_is_told(void **state) {
  (void)state;
  static const char *const wrong[] = {"",
                                      "abc",
                                      "abcdefghijklmnopqrstuvwxyz",
                                      "abcdefghijklmnopqrstuvwxyz12",
                                      "abcdefghijklmnopqrstuvwxyz=",
                                      "abcdefghijklmnopqrstuvwxyz/",
                                      "abcdefghijklmnopqrstuvwxy\xc3\xa9"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(link_well_formed(wrong[i]));
  assert_true(link_well_formed("abcdefghijklmnopqrstuvwx-_9"));
}

static int start(void **state) {
  (void)state;
  crypto_start();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(roles_have_names_both_ways),
      cmocka_unit_test(tokens_are_base64url),
      cmocka_unit_test(a_link_is_the_stated_code_and_is_written_again_equal),
      cmocka_unit_test(another_form_serial_or_key_gives_another_link),
      cmocka_unit_test(what_is_no_token_is_told),
  };
  return cmocka_run_group_tests(tests, start, NULL);
}
