/* Signing in, on a real ledger: every refusal, what is counted, what locks and ends, codes and links used twice. */
#include <semaphore.h>

#include "people/authenticator.h"
#include "people/password.h"
#include "test_people_world.h"

/* ---- signing in ---- */

static void a_right_password_signs_in_and_a_wrong_one_does_not(void **state) {
  (void)state;
  const char *ada = person_with_password(ROLE_RATER, "ada");
  struct sign_in_try wrong = attempt("ada", "192.0.2.1", false);
  assert_int_equal(wrong.refused.code, ERR_DENIED);
  assert_string_equal(wrong.refused.id, "sign-in-wrong");
  int64_t before = entries();
  struct sign_in_try right = attempt(" Ada", "192.0.2.1", true);
  assert_int_equal(right.refused.code, OK);
  assert_false(right.needs_code);
  assert_int_equal(entries(), before + 1);
  assert_int_equal(find(right.cookie), OK);
  assert_string_equal(found.account.code, ada);
  assert_int_equal(found.account.roles, ROLE_RATER);
  assert_int_equal(found.account.sign_ins, 1);
  assert_int_equal(found.account.signed_in_ms, NOON);
  assert_true(found.full);
  assert_false(found.locked);
  assert_int_equal(found.proved_ms, NOON);
  assert_int_equal(strlen(found.form_token), 43);
  assert_string_not_equal(found.form_token, right.cookie);
  assert_int_equal(number("SELECT count(*) FROM run_session WHERE form_token = token"), 0);
  struct rows rows; /* the cookie itself stands nowhere */
  rows_open(&rows, w->db, "SELECT token FROM run_session WHERE token = $1 ORDER BY token", ARGS(v_text(right.cookie)));
  assert_false(rows_next(&rows));
  assert_int_equal(rows_close(&rows, &why), OK);
}

static void each_sign_in_is_counted_and_has_a_cookie_of_its_own(void **state) {
  (void)state;
  person_with_password(ROLE_RATER, "ada");
  const char *cookies[3];
  for (int i = 0; i < 3; i++) {
    w->now_ms += HOUR_MS;
    cookies[i] = cookie_of("ada");
    assert_int_equal(find(cookies[i]), OK);
    assert_int_equal(found.account.sign_ins, i + 1);
    assert_int_equal(found.account.signed_in_ms, w->now_ms);
    for (int j = 0; j < i; j++) assert_string_not_equal(cookies[j], cookies[i]);
  }
}

/* Whatever is wrong, the answer is one and the same, and a hash is there to be worked on. */
static void it_cannot_be_told_which_names_exist(void **state) {
  (void)state;
  person_with_password(ROLE_RATER, "ada");
  struct account_create create = plain(ROLE_RATER, "linkonly");
  must(account_create, &create);
  const char *gone = person_with_password(ROLE_RATER, "gone");
  must(account_change, &(struct account_change){.by = "cli", .account = gone, .disabled = 1});
  char wide[4000];
  memset(wide, 'x', sizeof wide - 1);
  wide[sizeof wide - 1] = 0;
  const char *const names[] = {"ada", "nobody", "linkonly", "gone", "", wide, "'; DROP TABLE account; --"};
  struct sign_in_try first = attempt("ada", "", false);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    struct sign_in_candidate candidate;
    assert_int_equal(sign_in_candidate(w->db, &w->keys, names[i], &candidate, &why), OK);
    assert_int_equal(strlen(candidate.hash), strlen(RIGHT_HASH));
    assert_memory_equal(candidate.hash, RIGHT_HASH, 31); /* the same passes and memory: one hashing of equal cost */
    assert_int_equal(*candidate.account != 0, i == 0);
    struct sign_in_try in = attempt(names[i], "", i != 0); /* even when the pool says right: a decoy opens nothing */
    assert_memory_equal(&in.refused, &first.refused, sizeof in.refused);
  }
}

static void what_changes_while_a_password_is_hashed_counts(void **state) {
  (void)state;
  const char *ada = person_with_password(ROLE_RATER, "ada");
  struct sign_in_try in = {.login = "ada", .from = {"", ""}, .account = ada, .password_right = true};
  must(account_change, &(struct account_change){.by = "cli", .account = ada, .disabled = 1});
  must(sign_in_try, &in);
  assert_string_equal(in.refused.id, "sign-in-wrong");
  struct account_create create = plain(ROLE_RATER, "linkonly");
  must(account_create, &create);
  in.account = create.code;
  must(sign_in_try, &in);
  assert_string_equal(in.refused.id, "sign-in-wrong"); /* it has no password */
  must(erase, (void *)ada);
  in.account = ada;
  must(sign_in_try, &in);
  assert_string_equal(in.refused.id, "sign-in-wrong");
  assert_int_equal(number("SELECT count(*) FROM run_session"), 0);
}

static void ten_wrong_tries_close_a_name_for_a_quarter_of_an_hour(void **state) {
  (void)state;
  person_with_password(ROLE_RATER, "ada");
  person_with_password(ROLE_RATER, "bea");
  for (int i = 0; i < 10; i++) /* each from elsewhere */
    assert_string_equal(attempt("ada", arena_printf(&w->arena, "192.0.2.%d", i), false).refused.id, "sign-in-wrong");
  struct sign_in_try in = attempt(" ADA", "192.0.2.77", true);
  assert_int_equal(in.refused.code, ERR_LIMIT);
  assert_string_equal(in.refused.id, "throttled");
  assert_int_equal(attempt("bea", "192.0.2.77", true).refused.code, OK);
  w->now_ms += 15 * MINUTE_MS - 1;
  assert_string_equal(attempt("ada", "192.0.2.77", true).refused.id, "throttled");
  w->now_ms += 1;
  assert_int_equal(attempt("ada", "192.0.2.77", true).refused.code, OK);
}

static void an_unknown_name_is_closed_like_a_known_one(void **state) {
  (void)state;
  for (int i = 0; i < 10; i++) assert_string_equal(attempt("nobody", "", false).refused.id, "sign-in-wrong");
  assert_string_equal(attempt("nobody", "", false).refused.id, "throttled");
}

static void ten_wrong_tries_close_an_address(void **state) {
  (void)state;
  person_with_password(ROLE_RATER, "ada");
  for (int i = 0; i < 10; i++)
    assert_string_equal(attempt(arena_printf(&w->arena, "name %d", i), "192.0.2.1", false).refused.id, "sign-in-wrong");
  assert_string_equal(attempt("ada", "192.0.2.1", true).refused.id, "throttled");
  assert_int_equal(attempt("ada", "192.0.2.2", true).refused.code, OK);
  assert_int_equal(number("SELECT count(*) FROM run_throttle WHERE name = '192.0.2.1' OR name = 'ada'"), 0);
}

static void a_right_password_clears_the_name_and_not_the_address(void **state) {
  (void)state;
  person_with_password(ROLE_RATER, "ada");
  for (int i = 0; i < 9; i++) attempt("ada", "192.0.2.1", false);
  assert_int_equal(attempt("ada", "192.0.2.1", true).refused.code, OK);
  assert_string_equal(attempt("ada", "192.0.2.1", false).refused.id, "sign-in-wrong"); /* the address's tenth */
  assert_string_equal(attempt("ada", "192.0.2.1", true).refused.id, "throttled");
  assert_int_equal(attempt("ada", "192.0.2.2", true).refused.code, OK);
}

static void what_is_no_cookie_finds_nothing(void **state) {
  (void)state;
  person_with_password(ROLE_RATER, "ada");
  const char *cookie = cookie_of("ada");
  char other[SIGN_IN_TOKEN_BYTES];
  snprintf(other, sizeof other, "%s", cookie);
  other[20] = other[20] == 'A' ? 'B' : 'A';
  const char *const wrong[] = {"", "x", other, arena_printf(&w->arena, "%sA", cookie), "' OR '1'='1"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    assert_int_equal(find(wrong[i]), ERR_MISSING);
    assert_string_equal(why.id, "sign-in-ended");
  }
  assert_int_equal(find(cookie), OK);
}

static void idle_for_a_quarter_of_an_hour_is_locked_until_proved(void **state) {
  (void)state;
  person_with_password(ROLE_RATER, "ada");
  const char *cookie = cookie_of("ada");
  for (int i = 0; i < 3; i++) { /* each look is activity, though nothing is written */
    w->now_ms += 15 * MINUTE_MS;
    assert_int_equal(find(cookie), OK);
    assert_false(found.locked);
  }
  w->now_ms += 15 * MINUTE_MS + 1;
  for (int i = 0; i < 3; i++) { /* looking does not unlock */
    assert_int_equal(find(cookie), OK);
    assert_true(found.locked);
    assert_false(flush);
  }
  struct sign_in_prove prove = {.cookie = cookie, .password_right = false};
  must(sign_in_prove, &prove);
  assert_string_equal(prove.refused.id, "password-wrong");
  assert_int_equal(find(cookie), OK);
  assert_true(found.locked);
  prove.password_right = true;
  must(sign_in_prove, &prove);
  assert_int_equal(prove.refused.code, OK);
  assert_int_equal(find(cookie), OK);
  assert_false(found.locked);
  assert_int_equal(found.proved_ms, w->now_ms);
}

static void proofs_are_counted(void **state) {
  (void)state;
  person_with_password(ROLE_RATER, "ada");
  const char *cookie = cookie_of("ada");
  struct sign_in_prove prove = {.cookie = cookie, .password_right = false};
  for (int i = 0; i < 10; i++) {
    must(sign_in_prove, &prove);
    assert_int_equal(prove.refused.code, ERR_DENIED);
  }
  prove.password_right = true;
  must(sign_in_prove, &prove);
  assert_int_equal(prove.refused.code, ERR_LIMIT);
  prove.cookie = "nothing";
  refused_by(sign_in_prove, &prove, ERR_MISSING, "sign-in-ended");
}

static void what_was_seen_is_flushed_once_a_minute_and_outlives_a_restart(void **state) {
  (void)state;
  person_with_password(ROLE_RATER, "ada");
  const char *cookie = cookie_of("ada");
  assert_int_equal(find(cookie), OK);
  assert_false(flush);
  w->now_ms += MINUTE_MS;
  assert_int_equal(find(cookie), OK);
  assert_true(flush);
  assert_int_equal(find(cookie), OK);
  assert_false(flush); /* one of those who come at once */
  must(sign_in_touch, &(struct sign_in_touch){.token_hash = found.token_hash});
  assert_int_equal(number("SELECT seen_ms FROM run_session ORDER BY token"), w->now_ms);
  sign_in_seen_free(w->seen);
  w->seen = sign_in_seen_new();
  w->now_ms += 15 * MINUTE_MS;
  assert_int_equal(find(cookie), OK);
  assert_false(found.locked);
}

static void a_sign_in_ends(void **state) {
  (void)state;
  const char *ada = person_with_password(ROLE_RATER, "ada");
  const char *left = cookie_of("ada");
  must(sign_in_end, &(struct sign_in_end){.cookie = left});
  must(sign_in_end, &(struct sign_in_end){.cookie = left});
  must(sign_in_end, &(struct sign_in_end){.cookie = ""});
  assert_int_equal(find(left), ERR_MISSING);

  const char *old = cookie_of("ada");
  for (int64_t until = w->now_ms + 12 * HOUR_MS; w->now_ms < until; w->now_ms += 10 * MINUTE_MS)
    assert_int_equal(find(old), OK);
  assert_int_equal(find(old), OK);
  w->now_ms += 1;
  assert_int_equal(find(old), ERR_MISSING);
  struct sign_in_prove prove = {.cookie = old, .password_right = true};
  refused_by(sign_in_prove, &prove, ERR_MISSING, "sign-in-ended");

  const char *stopped = cookie_of("ada");
  assert_int_equal(number("SELECT count(*) FROM run_session"), 1); /* the old one was dropped */
  must(account_change, &(struct account_change){.by = "cli", .account = ada, .disabled = 1});
  assert_int_equal(find(stopped), ERR_MISSING);
  must(account_change, &(struct account_change){.by = "cli", .account = ada, .disabled = 0});
  assert_int_equal(find(stopped), ERR_MISSING); /* does not come back */
}

static void new_roles_count_at_once(void **state) {
  (void)state;
  const char *ada = person_with_password(ROLE_RATER, "ada");
  const char *cookie = cookie_of("ada");
  must(account_change, &(struct account_change){.by = "cli", .account = ada, .roles = ROLE_ANALYST, .disabled = -1});
  assert_int_equal(find(cookie), OK);
  assert_int_equal(found.account.roles, ROLE_ANALYST);
}

static void a_new_password_ends_the_other_sign_ins(void **state) {
  (void)state;
  const char *ada = person_with_password(ROLE_RATER, "ada");
  person_with_password(ROLE_RATER, "bea");
  const char *bea = cookie_of("bea"), *other = cookie_of("ada"), *this = cookie_of("ada");
  struct sign_in_link_make link = {.by = "cli", .account = ada, .valid_ms = HOUR_MS, .purpose = "test"};
  must(sign_in_link_make, &link);
  assert_int_equal(find(this), OK);
  must(account_credential,
       &(struct account_credential){
           .by = ada, .account = ada, .password_hash = RIGHT_HASH, .keep_token_hash = found.token_hash});
  assert_int_equal(find(this), OK);
  assert_int_equal(find(other), ERR_MISSING);
  assert_int_equal(find(bea), OK);
  struct sign_in_link_use use = {.token = link.token};
  refused_by(sign_in_link_use, &use, ERR_MISSING, "link-used");
  must(account_credential, &(struct account_credential){.by = ada, .account = ada, .password_hash = RIGHT_HASH});
  assert_int_equal(find(this), ERR_MISSING);
}

/* ---- the second factor ---- */

static void the_code_completes_the_sign_in(void **state) {
  (void)state;
  with_totp("ada");
  int64_t before = entries();
  struct sign_in_try in = attempt("ada", "", true);
  assert_true(in.needs_code);
  assert_int_equal(entries(), before);
  assert_int_equal(find(in.cookie), OK);
  assert_false(found.full);
  struct sign_in_prove prove = {.cookie = in.cookie, .password_right = true};
  refused_by(sign_in_prove, &prove, ERR_MISSING, "sign-in-ended"); /* no way round the code */
  struct sign_in_code code = {.cookie = in.cookie, .code = "000000", .from = {"", ""}};
  must(sign_in_code, &code);
  assert_string_equal(code.refused.id, "code-wrong");
  assert_int_equal(find(in.cookie), OK);
  assert_false(found.full);
  code.code = noon_codes[0];
  must(sign_in_code, &code);
  assert_int_equal(code.refused.code, OK);
  assert_int_equal(entries(), before + 2); /* the refused one, and this */
  assert_int_equal(find(in.cookie), OK);
  assert_true(found.full);
  refused_by(sign_in_code, &code, ERR_MISSING, "sign-in-ended"); /* it is complete */
  assert_int_equal(number("SELECT count(*) FROM account WHERE totp = '3132333435363738393031323334353637383930'"), 0);
}

static void a_code_is_not_taken_twice(void **state) {
  (void)state;
  const char *ada = with_totp("ada");
  struct sign_in_code code = {.cookie = cookie_of("ada"), .code = noon_codes[0], .from = {"", ""}};
  must(sign_in_code, &code);
  assert_int_equal(code.refused.code, OK);
  code.cookie = cookie_of("ada");
  must(sign_in_code, &code);
  assert_string_equal(code.refused.id, "code-wrong"); /* seen over a shoulder */
  code.code = noon_codes[1];
  must(sign_in_code, &code);
  assert_int_equal(code.refused.code, OK);
  assert_int_equal(number("SELECT step FROM run_totp ORDER BY account"), NOON / 30000 + 1);

  must(account_credential, &(struct account_credential){.by = "cli", .account = ada, .totp_secret = secret});
  code.cookie = cookie_of("ada");
  must(sign_in_code, &code);
  assert_int_equal(code.refused.code, OK); /* a new secret begins anew */
  must(account_credential, &(struct account_credential){.by = "cli", .account = ada, .remove_totp = 1});
  assert_false(attempt("ada", "", true).needs_code);
}

/* The code that the secret gives now. */
static const char *code_for(const uint8_t of[TOTP_SECRET_BYTES]) {
  char digits[7];
  totp_code(of, w->now_ms, digits);
  return arena_text(&w->arena, digits);
}

static void an_authenticator_is_set_by_its_first_code(void **state) {
  (void)state;
  uint8_t offered[TOTP_SECRET_BYTES], again[TOTP_SECRET_BYTES];
  const char *ada = person_with_password(ROLE_RATER, "ada"), *bea = person_with_password(ROLE_RATER, "bea");
  const char *other = cookie_of("ada"), *cookie = cookie_of("ada");
  char hash[65];
  assert_int_equal(find(cookie), OK);
  snprintf(hash, sizeof hash, "%s", found.token_hash);
  assert_int_equal(authenticator_offer(w->db, &w->keys, ada, hash, offered, &why), OK);
  assert_int_equal(authenticator_offer(w->db, &w->keys, ada, hash, again, &why), OK);
  assert_memory_equal(offered, again, sizeof again); /* the page may be loaded again */
  assert_int_equal(authenticator_offer(w->db, &w->keys, bea, hash, again, &why), OK);
  assert_memory_not_equal(offered, again, sizeof again);
  assert_int_equal(authenticator_offer(w->db, &w->keys, ada, "another sign-in", again, &why), OK);
  assert_memory_not_equal(offered, again, sizeof again);
  assert_int_equal(authenticator_offer(w->db, &w->keys, "A-2222222A", hash, again, &why), ERR_MISSING);

  const char *right = code_for(offered);
  int64_t before = entries();
  struct authenticator_set set = {.account = ada, .token_hash = hash, .code = strcmp(right, "000000") ? "000000" : "000001", .address = "::1"};
  must(authenticator_set, &set);
  assert_string_equal(set.refused.id, "code-wrong");
  assert_int_equal(entries(), before);
  set.code = right;
  must(authenticator_set, &set);
  assert_int_equal(set.refused.code, OK);
  assert_int_equal(entries(), before + 1);
  assert_int_equal(find(cookie), OK);
  assert_true(found.account.has_totp);
  assert_int_equal(find(other), ERR_MISSING); /* the other sign-ins have ended */
  assert_int_equal(authenticator_offer(w->db, &w->keys, ada, hash, again, &why), OK);
  assert_memory_not_equal(offered, again, sizeof again); /* what is offered next is another */

  struct sign_in_code code = {.cookie = cookie_of("ada"), .code = right, .from = {"", ""}};
  must(sign_in_code, &code);
  assert_string_equal(code.refused.id, "code-wrong"); /* it was used up */
  w->now_ms += 2 * MINUTE_MS;
  code.code = code_for(offered);
  must(sign_in_code, &code);
  assert_int_equal(code.refused.code, OK);
}

static void codes_that_should_set_an_authenticator_are_counted(void **state) {
  (void)state;
  uint8_t offered[TOTP_SECRET_BYTES];
  const char *ada = person_with_password(ROLE_RATER, "ada");
  assert_int_equal(authenticator_offer(w->db, &w->keys, ada, "h", offered, &why), OK);
  const char *right = code_for(offered);
  struct authenticator_set set = {.account = ada, .token_hash = "h", .code = "no", .address = ""};
  for (int i = 0; i < 10; i++) must(authenticator_set, &set);
  set.code = right;
  must(authenticator_set, &set);
  assert_string_equal(set.refused.id, "throttled");
  w->now_ms += 16 * MINUTE_MS;
  set.code = code_for(offered);
  must(authenticator_set, &set);
  assert_int_equal(set.refused.code, OK);
}

static void codes_are_counted_and_the_password_does_not_clear_them(void **state) {
  (void)state;
  with_totp("ada");
  struct sign_in_code code = {.code = "000000", .from = {"", ""}};
  for (int i = 0; i < 10; i++) {
    code.cookie = cookie_of("ada");
    must(sign_in_code, &code);
    assert_int_equal(code.refused.code, ERR_DENIED);
  }
  code.cookie = cookie_of("ada");
  code.code = noon_codes[0];
  must(sign_in_code, &code);
  assert_int_equal(code.refused.code, ERR_LIMIT);
  assert_string_equal(code.refused.id, "throttled");
}

static void the_code_must_follow_within_ten_minutes(void **state) {
  (void)state;
  with_totp("ada");
  const char *cookie = cookie_of("ada");
  w->now_ms += 10 * MINUTE_MS + 1;
  assert_int_equal(find(cookie), ERR_MISSING);
  struct sign_in_code code = {.cookie = cookie, .code = noon_codes[0], .from = {"", ""}};
  refused_by(sign_in_code, &code, ERR_MISSING, "sign-in-ended");
  code.cookie = "no cookie";
  refused_by(sign_in_code, &code, ERR_MISSING, "sign-in-ended");
}

/* ---- one-time links ---- */

static void a_link_works_once(void **state) {
  (void)state;
  struct account_create create = plain(ROLE_RATER, "");
  must(account_create, &create);
  struct sign_in_link_make make = {.by = "cli", .account = create.code, .valid_ms = HOUR_MS, .purpose = "demo"};
  must(sign_in_link_make, &make);
  struct sign_in_link_use use = {.token = make.token}, again = {.token = make.token};
  must(sign_in_link_use, &use);
  assert_false(use.needs_code);
  assert_int_equal(find(use.cookie), OK);
  assert_true(found.full);
  assert_string_equal(found.account.code, create.code);
  refused_by(sign_in_link_use, &again, ERR_MISSING, "link-used");
  assert_string_equal(again.cookie, "");
  const char *const wrong[] = {"", "x", use.cookie, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    again.token = wrong[i];
    refused_by(sign_in_link_use, &again, ERR_MISSING, "link-used");
  }
}

static void a_link_expires_and_stops_with_its_account(void **state) {
  (void)state;
  struct account_create create = plain(ROLE_RATER, "");
  must(account_create, &create);
  struct sign_in_link_make late = {.by = "cli", .account = create.code, .valid_ms = HOUR_MS, .purpose = "one"};
  struct sign_in_link_make stopped = {.by = "cli", .account = create.code, .valid_ms = 10 * HOUR_MS, .purpose = "two"};
  must(sign_in_link_make, &late);
  must(sign_in_link_make, &stopped);
  assert_string_not_equal(late.token, stopped.token);
  w->now_ms += HOUR_MS;
  struct sign_in_link_use use = {.token = late.token};
  refused_by(sign_in_link_use, &use, ERR_MISSING, "link-used");
  must(account_change, &(struct account_change){.by = "cli", .account = create.code, .disabled = 1});
  use.token = stopped.token;
  refused_by(sign_in_link_use, &use, ERR_MISSING, "link-used");
  refused_by(sign_in_link_make, &late, ERR_STATE, "account-disabled");
  late.account = "A-2222222A";
  refused_by(sign_in_link_make, &late, ERR_MISSING, "account-missing");
}

static void a_link_does_not_stand_for_the_authenticator(void **state) {
  (void)state;
  const char *ada = with_totp("ada");
  struct sign_in_link_make make = {.by = "cli", .account = ada, .valid_ms = HOUR_MS, .purpose = "demo"};
  must(sign_in_link_make, &make);
  struct sign_in_link_use use = {.token = make.token};
  must(sign_in_link_use, &use);
  assert_true(use.needs_code);
  assert_int_equal(find(use.cookie), OK);
  assert_false(found.full);
}

static sem_t begun, go_on, answered;
static enum err wait_in_writer(struct txn *txn, void *input, struct error *error) {
  (void)txn, (void)input, (void)error;
  sem_post(&begun);
  sem_wait(&go_on);
  return OK;
}
static void answer(struct job *job) {
  (void)job;
  sem_post(&answered);
}

static void two_who_use_a_link_at_once_are_one_too_many(void **state) {
  (void)state;
  struct account_create create = plain(ROLE_RATER, "");
  must(account_create, &create);
  struct sign_in_link_make make = {.by = "cli", .account = create.code, .valid_ms = HOUR_MS, .purpose = "demo"};
  must(sign_in_link_make, &make);
  sem_init(&begun, 0, 0);
  sem_init(&go_on, 0, 0);
  sem_init(&answered, 0, 0);
  int64_t batches = ledger_counts(w->ledger).batches;
  struct sign_in_link_use uses[2] = {{.token = make.token}, {.token = make.token}};
  struct job hold = {.run = wait_in_writer, .done = answer};
  struct job jobs[2] = {{.run = sign_in_link_use, .input = &uses[0], .done = answer},
                        {.run = sign_in_link_use, .input = &uses[1], .done = answer}};
  ledger_post(w->ledger, &hold);
  sem_wait(&begun); /* the writer is in the held job's batch */
  ledger_post(w->ledger, &jobs[0]);
  ledger_post(w->ledger, &jobs[1]);
  sem_post(&go_on);
  for (int i = 0; i < 3; i++) sem_wait(&answered);
  assert_true(ledger_counts(w->ledger).batches - batches <= 2); /* both stood in one batch */
  assert_int_equal(jobs[0].result, OK);
  assert_int_equal(jobs[1].result, ERR_MISSING);
  assert_string_equal(jobs[1].error.id, "link-used");
  assert_int_equal(number("SELECT count(*) FROM run_session"), 1);
  sem_destroy(&begun);
  sem_destroy(&go_on);
  sem_destroy(&answered);
}

int main(void) {
  struct CMUnitTest tests[] = {
      on_ledger(a_right_password_signs_in_and_a_wrong_one_does_not),
      on_ledger(each_sign_in_is_counted_and_has_a_cookie_of_its_own),
      on_ledger(it_cannot_be_told_which_names_exist),
      on_ledger(what_changes_while_a_password_is_hashed_counts),
      on_ledger(ten_wrong_tries_close_a_name_for_a_quarter_of_an_hour),
      on_ledger(an_unknown_name_is_closed_like_a_known_one),
      on_ledger(ten_wrong_tries_close_an_address),
      on_ledger(a_right_password_clears_the_name_and_not_the_address),
      on_ledger(what_is_no_cookie_finds_nothing),
      on_ledger(idle_for_a_quarter_of_an_hour_is_locked_until_proved),
      on_ledger(proofs_are_counted),
      on_ledger(what_was_seen_is_flushed_once_a_minute_and_outlives_a_restart),
      on_ledger(a_sign_in_ends),
      on_ledger(new_roles_count_at_once),
      on_ledger(a_new_password_ends_the_other_sign_ins),
      on_ledger(the_code_completes_the_sign_in),
      on_ledger(a_code_is_not_taken_twice),
      on_ledger(an_authenticator_is_set_by_its_first_code),
      on_ledger(codes_that_should_set_an_authenticator_are_counted),
      on_ledger(codes_are_counted_and_the_password_does_not_clear_them),
      on_ledger(the_code_must_follow_within_ten_minutes),
      on_ledger(a_link_works_once),
      on_ledger(a_link_expires_and_stops_with_its_account),
      on_ledger(a_link_does_not_stand_for_the_authenticator),
      on_ledger(two_who_use_a_link_at_once_are_one_too_many),
  };
  return run_on_engines(tests, sizeof tests / sizeof *tests);
}
