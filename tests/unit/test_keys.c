/* The keys of a home: files, permissions, what is derived from them. */
#include <sys/stat.h>

#include "base/crypto.h"
#include "store_fixture.h"

static void home_with_keys(struct home *home, struct keys *keys) {
  struct chance chance = chance_frozen(3);
  home_make(home, false, &chance);
  assert_ok(keys_load(keys, home->path, error));
}

static void test_keys_come_from_chance(void **state) {
  (void)state;
  struct home a, b;
  struct keys one, two;
  home_with_keys(&a, &one);
  home_with_keys(&b, &two);
  assert_memory_equal(&one, &two, sizeof one);
  uint8_t none[KEY_BYTES] = {0};
  assert_memory_not_equal(one.body, none, KEY_BYTES);
  assert_memory_not_equal(one.body, one.link, KEY_BYTES);
  assert_memory_not_equal(one.lookup, one.link, KEY_BYTES);
  struct error problem;
  struct chance chance = chance_system();
  assert_int_equal(keys_create(a.path, &chance, &problem), ERR_STATE); /* never over others */
  home_remove(&a);
  home_remove(&b);
}

static void test_halves_belong_together(void **state) {
  (void)state;
  struct home home;
  struct keys keys;
  home_with_keys(&home, &keys);
  uint8_t signature[SIGNATURE_BYTES], secret[KEY_BYTES], sealed[5 + SEALED_OVERHEAD], plain[5];
  sign_write(signature, "text", 4, keys.log_secret);
  assert_true(sign_check(signature, "text", 4, keys.log_public));
  assert_false(sign_check(signature, "texd", 4, keys.log_public));
  assert_ok(keys_load_identity_secret(secret, home.path, error));
  struct chance chance = chance_system();
  sealed_write(&chance, keys.identity_public, "x", 0, "hello", 5, sealed);
  assert_true(sealed_read(keys.identity_public, secret, sealed, sizeof sealed, plain));
  assert_memory_equal(plain, "hello", 5);
  home_remove(&home);
}

static void test_files_are_private(void **state) {
  (void)state;
  static const char *const files[] = {"log", "log.public", "body", "link", "lookup", "identity", "identity.public"};
  struct home home;
  struct keys keys;
  struct error problem;
  struct stat facts;
  char path[FIXTURE_PATH + 40];
  home_with_keys(&home, &keys);
  snprintf(path, sizeof path, "%s/keys", home.path);
  assert_int_equal(stat(path, &facts), 0);
  assert_int_equal(facts.st_mode & 0777, 0700);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    snprintf(path, sizeof path, "%s/keys/%s", home.path, files[i]);
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
    assert_int_equal(facts.st_size, 65);
  }
  snprintf(path, sizeof path, "%s/keys/body", home.path);
  chmod(path, 0640);
  assert_int_equal(keys_load(&keys, home.path, &problem), ERR_STATE);
  assert_string_equal(problem.id, "key-open");
  chmod(path, 0600);
  assert_ok(keys_load(&keys, home.path, error));
  assert_int_equal(truncate(path, 40), 0);
  assert_int_equal(keys_load(&keys, home.path, &problem), ERR_STATE);
  assert_string_equal(problem.id, "key-broken");
  unlink(path);
  assert_int_equal(keys_load(&keys, home.path, &problem), ERR_STATE);
  assert_string_equal(problem.id, "key-missing");
  home_remove(&home);
}

/* A file of another pair is refused before anything is sealed to it or signed with it. */
static void test_pairs_are_checked(void **state) {
  (void)state;
  static const char *const files[] = {"log", "log.public", "identity", "identity.public"};
  struct home home, other;
  struct keys keys, of_other;
  struct error problem;
  struct chance chance = chance_frozen(99);
  char path[FIXTURE_PATH + 40], foreign[FIXTURE_PATH + 40], kept[FIXTURE_PATH + 40];
  home_with_keys(&home, &keys);
  home_name(&other);
  mkdir(other.path, 0700);
  assert_ok(keys_create(other.path, &chance, error));
  assert_ok(keys_load(&of_other, other.path, error));
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    snprintf(path, sizeof path, "%s/keys/%s", home.path, files[i]);
    snprintf(kept, sizeof kept, "%s/keys/kept", home.path);
    snprintf(foreign, sizeof foreign, "%s/keys/%s", other.path, files[i]);
    assert_int_equal(rename(path, kept), 0);
    assert_int_equal(link(foreign, path), 0);
    assert_int_equal(keys_load(&keys, home.path, &problem), ERR_STATE);
    assert_string_equal(problem.id, "key-pair");
    assert_int_equal(rename(kept, path), 0);
    assert_ok(keys_load(&keys, home.path, error));
  }
  char ours[KEYS_CHECK_BYTES], theirs[KEYS_CHECK_BYTES];
  keys_check_write(&keys, ours);
  keys_check_write(&of_other, theirs);
  assert_null(keys_check_differs(&keys, ours));
  assert_string_equal(keys_check_differs(&keys, theirs), "log");
  assert_null(strstr(ours, "00000000"));
  home_remove(&home);
  home_remove(&other);
}

static void test_copies(void **state) {
  (void)state;
  struct home home, other;
  struct keys keys, again;
  struct error problem;
  char from[FIXTURE_PATH + 20], to[FIXTURE_PATH + 20];
  home_with_keys(&home, &keys);
  home_name(&other);
  mkdir(other.path, 0700);
  snprintf(from, sizeof from, "%s/keys", home.path);
  snprintf(to, sizeof to, "%s/keys", other.path);
  assert_ok(keys_copy(from, to, error));
  assert_ok(keys_load(&again, other.path, error));
  assert_memory_equal(&keys, &again, sizeof keys);
  assert_int_equal(keys_copy(from, to, &problem), ERR_STATE);
  home_remove(&home);
  home_remove(&other);
}

static void test_lookup_normalises(void **state) {
  (void)state;
  struct home home;
  struct keys keys;
  char a[65], b[65];
  home_with_keys(&home, &keys);
  keys_lookup(&keys, "address", " Jo.Doe@Example.org\t\n", a);
  keys_lookup(&keys, "address", "jo.doe@example.ORG", b);
  assert_string_equal(a, b);
  assert_int_equal(strlen(a), 64);
  keys_lookup(&keys, "name", "jo.doe@example.org", b);
  assert_string_not_equal(a, b);
  keys_lookup(&keys, "address", "jo.doe@example.or", b);
  assert_string_not_equal(a, b);
  keys_lookup(&keys, "addres", "sjo.doe@example.org", b); /* the purpose does not run into the text */
  assert_string_not_equal(a, b);
  keys_lookup(&keys, "address", "   ", a);
  keys_lookup(&keys, "address", "", b);
  assert_string_equal(a, b);
  home_remove(&home);
}

int main(void) {
  crypto_start();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_keys_come_from_chance), cmocka_unit_test(test_halves_belong_together),
      cmocka_unit_test(test_files_are_private),     cmocka_unit_test(test_copies),
      cmocka_unit_test(test_lookup_normalises),
      cmocka_unit_test(test_pairs_are_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
