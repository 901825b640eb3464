/* What guards the door: devices that have signed in before, clocks that jump, entries of who was not let in, proofs. */
#include "people/device.h"
#include "people/refusal.h"
#include "people/told.h"
#include "test_people_world.h"

static int64_t of_kind(const char *kind) {
  int64_t count = -1;
  assert_int_equal(db_int(w->db, &why, &count, -1, "SELECT count(*) FROM ledger_entry WHERE kind = $1", ARGS(v_text(kind))), OK);
  return count;
}

static const char *device_of(const char *account) {
  char token[DEVICE_TOKEN_BYTES], id[DEVICE_ID_BYTES];
  struct chance chance = chance_system();
  device_make(&w->keys, &chance, account, 0, token);
  device_known(&w->keys, account, token, id);
  assert_int_equal(strlen(id), DEVICE_ID_BYTES - 1);
  return arena_text(&w->arena, id);
}

static void a_device_is_known_to_its_account_alone(void **state) {
  (void)state;
  struct chance chance = chance_system();
  char token[DEVICE_TOKEN_BYTES], id[DEVICE_ID_BYTES], name[2][DEVICE_NAME_BYTES];
  device_make(&w->keys, &chance, "A-7K3QX9M2", 0, token);
  device_known(&w->keys, "A-7K3QX9M2", token, id);
  assert_memory_equal(id, token, DEVICE_ID_BYTES - 1);
  device_known(&w->keys, "A-7K3QX9M3", token, id);
  assert_string_equal(id, "");
  for (size_t i = 0; i < DEVICE_TOKEN_BYTES - 1; i++) { /* every character counts */
    char forged[DEVICE_TOKEN_BYTES];
    memcpy(forged, token, sizeof forged);
    forged[i] = forged[i] == 'A' ? 'B' : 'A';
    device_known(&w->keys, "A-7K3QX9M2", forged, id);
    assert_string_equal(id, "");
  }
  static const char *const none[] = {NULL, "", "x", "AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAA"};
  for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
    device_known(&w->keys, "A-7K3QX9M2", none[i], id);
    assert_string_equal(id, "");
  }
  device_name(&w->keys, "A-7K3QX9M2", name[0]);
  device_name(&w->keys, "A-7K3QX9M3", name[1]);
  assert_string_not_equal(name[0], name[1]);
  assert_null(strstr(name[0], "7K3"));
}

static void a_stranger_does_not_lock_a_person_out_of_a_known_device(void **state) {
  (void)state;
  const char *ada = person_with_password(ROLE_RATER, "ada"), *device = device_of(ada);
  for (int i = 0; i < 30; i++) attempt("ada", "192.0.2.1", false);
  assert_string_equal(attempt("ada", "192.0.2.9", true).refused.id, "throttled");      /* a new device waits */
  assert_int_equal(attempt_on(device, "ada", "192.0.2.1", true).refused.code, OK);     /* even in the stranger's network */
  for (int i = 0; i < 10; i++) attempt_on(device, "ada", "192.0.2.7", false);          /* but it is counted by itself */
  assert_string_equal(attempt_on(device, "ada", "192.0.2.7", true).refused.id, "throttled");
  assert_int_equal(attempt_on(device_of(ada), "ada", "", true).refused.code, OK);      /* and no other is */
  w->now_ms += 15 * MINUTE_MS;
  assert_int_equal(attempt_on(device, "ada", "192.0.2.7", true).refused.code, OK);
}

static void a_clock_that_jumped_throttles_nobody_for_days(void **state) {
  (void)state;
  person_with_password(ROLE_RATER, "ada");
  w->now_ms += 2 * DAY_MS;
  for (int i = 0; i < 10; i++) attempt("ada", "192.0.2.1", false);
  assert_string_equal(attempt("ada", "", true).refused.id, "throttled");
  w->now_ms -= 2 * DAY_MS; /* right again; entries keep the later time */
  assert_int_equal(attempt("ada", "192.0.2.1", true).refused.code, OK);
  for (int i = 0; i < 10; i++) attempt("ada", "192.0.2.1", false);
  assert_string_equal(attempt("ada", "192.0.2.1", true).refused.id, "throttled");
  w->now_ms += 15 * MINUTE_MS;
  assert_int_equal(attempt("ada", "192.0.2.1", true).refused.code, OK);
}

static void a_clock_that_jumped_keeps_no_sign_in_and_no_proof(void **state) {
  (void)state;
  person_with_password(ROLE_RATER, "ada");
  const char *before = cookie_of("ada");
  w->now_ms += 2 * DAY_MS;
  const char *ahead = cookie_of("ada");
  assert_int_equal(find(ahead), OK);
  w->now_ms -= 2 * DAY_MS;
  assert_int_equal(find(ahead), ERR_MISSING);
  assert_int_equal(find(before), ERR_MISSING); /* dropped as old while the clock was ahead */

  const char *cookie = cookie_of("ada");
  assert_int_equal(find(cookie), OK);
  w->now_ms += 10 * HOUR_MS;
  assert_int_equal(find(cookie), OK);
  assert_true(found.locked);
  struct sign_in_prove prove = {.cookie = cookie, .password_right = true};
  must(sign_in_prove, &prove); /* seen and proved ten hours ahead */
  assert_int_equal(find(cookie), OK);
  assert_true(sign_in_proved(&found, w->now_ms));
  w->now_ms -= 10 * HOUR_MS;
  assert_int_equal(find(cookie), OK);
  assert_true(found.locked);
  assert_false(sign_in_proved(&found, w->now_ms));
  must(sign_in_prove, &prove);
  assert_int_equal(find(cookie), OK);
  assert_false(found.locked);
  assert_true(sign_in_proved(&found, w->now_ms));
}

static void who_was_not_let_in_is_an_entry_and_the_same_again_is_none(void **state) {
  (void)state;
  person_with_password(ROLE_RATER, "ada");
  for (int i = 0; i < 5; i++) attempt("ada", "192.0.2.1", false);
  assert_int_equal(of_kind("account.refused"), 1);
  for (int i = 0; i < 5; i++) attempt(arena_printf(&w->arena, "nobody %d", i), arena_printf(&w->arena, "192.0.2.%d", i + 2), false);
  assert_int_equal(of_kind("account.refused"), 2); /* names that are nobody's are one */
  w->now_ms += TOLD_MS;
  attempt("ada", "", false);
  assert_int_equal(of_kind("account.refused"), 3);
  assert_int_equal(number("SELECT count(*) FROM audit_masked WHERE kind = 'account.refused'"), 0);
  assert_int_equal(number("SELECT count(*) FROM ledger_entry WHERE kind = 'account.refused' AND subject = 'study'"), 1);
  assert_int_equal(number("SELECT count(*) FROM run_told"), 1); /* those that are over are gone */
}

static void who_asks_for_what_is_not_theirs_is_an_entry(void **state) {
  (void)state;
  const char *ada = person_with_password(ROLE_RATER, "ada");
  struct refusal one = {.account = ada, .sign_in = "s1", .what = "/overview"};
  struct told same = {"access.refused", ada, ada, "/overview", "s1"};
  bool lately;
  assert_int_equal(told_lately(w->db, &same, w->now_ms, &lately, &why), OK);
  assert_false(lately);
  must(refusal, &one);
  must(refusal, &one);
  assert_int_equal(of_kind("access.refused"), 1);
  assert_int_equal(told_lately(w->db, &same, w->now_ms, &lately, &why), OK);
  assert_true(lately);
  one.what = "/people";
  must(refusal, &one);
  one.sign_in = "s2";
  must(refusal, &one);
  assert_int_equal(of_kind("access.refused"), 3);
  w->now_ms += TOLD_MS;
  assert_int_equal(told_lately(w->db, &same, w->now_ms, &lately, &why), OK);
  assert_false(lately);
  assert_int_equal(number("SELECT count(*) FROM audit_masked WHERE kind = 'access.refused'"), 0);
  must(erase, (void *)ada);
  assert_int_equal(number("SELECT count(*) FROM run_told"), 0);
}

static void a_proof_is_good_for_minutes(void **state) {
  (void)state;
  person_with_password(ROLE_RATER, "ada");
  const char *cookie = cookie_of("ada");
  assert_int_equal(find(cookie), OK);
  assert_true(sign_in_proved(&found, w->now_ms));
  w->now_ms += SIGN_IN_PROVED_MS - 1;
  assert_true(sign_in_proved(&found, w->now_ms));
  w->now_ms += 1;
  assert_int_equal(find(cookie), OK);
  assert_false(sign_in_proved(&found, w->now_ms));

  struct account_create create = plain(ROLE_RATER, "linkonly"); /* nothing to prove by but the link */
  must(account_create, &create);
  struct sign_in_link_make make = {.by = "cli", .account = create.code, .valid_ms = HOUR_MS, .purpose = "test"};
  must(sign_in_link_make, &make);
  struct sign_in_link_use use = {.token = make.token};
  must(sign_in_link_use, &use);
  assert_string_equal(use.account, create.code);
  w->now_ms += 10 * MINUTE_MS;
  assert_int_equal(find(use.cookie), OK);
  assert_true(sign_in_proved(&found, w->now_ms));
  w->now_ms += 10 * MINUTE_MS;
  assert_int_equal(find(use.cookie), OK);
  w->now_ms += 10 * MINUTE_MS;
  assert_int_equal(find(use.cookie), OK);
  assert_false(found.locked);
  assert_false(sign_in_proved(&found, w->now_ms));
}

static void a_code_proves_as_a_password_does_and_once(void **state) {
  (void)state;
  with_totp("ada");
  struct sign_in_code code = {.cookie = cookie_of("ada"), .code = noon_codes[0], .from = {"", ""}};
  must(sign_in_code, &code);
  struct sign_in_prove prove = {.cookie = code.cookie, .code = noon_codes[0]};
  must(sign_in_prove, &prove);
  assert_string_equal(prove.refused.id, "code-wrong"); /* it was used to come in */
  prove.code = noon_codes[1];
  must(sign_in_prove, &prove);
  assert_int_equal(prove.refused.code, OK);
  must(sign_in_prove, &prove);
  assert_string_equal(prove.refused.id, "code-wrong");
  person_with_password(ROLE_RATER, "bea"); /* has no authenticator */
  struct sign_in_prove other = {.cookie = cookie_of("bea"), .code = noon_codes[1]};
  must(sign_in_prove, &other);
  assert_string_equal(other.refused.id, "code-wrong");
}

int main(void) {
  struct CMUnitTest tests[] = {
      on_ledger(a_device_is_known_to_its_account_alone),
      on_ledger(a_stranger_does_not_lock_a_person_out_of_a_known_device),
      on_ledger(a_clock_that_jumped_throttles_nobody_for_days),
      on_ledger(a_clock_that_jumped_keeps_no_sign_in_and_no_proof),
      on_ledger(who_was_not_let_in_is_an_entry_and_the_same_again_is_none),
      on_ledger(who_asks_for_what_is_not_theirs_is_an_entry),
      on_ledger(a_proof_is_good_for_minutes),
      on_ledger(a_code_proves_as_a_password_does_and_once),
  };
  return run_on_engines(tests, sizeof tests / sizeof *tests);
}
