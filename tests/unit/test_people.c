/* Accounts on a real ledger: every refusal, who may, what is replayed, erasure; and mail that waits. */
#include "people/account_secret.h"
#include "test_people_world.h"

/* ---- accounts ---- */

static void an_account_is_read_as_it_was_made(void **state) {
  (void)state;
  must(enrol, (void *)THERAPIST);
  struct account_create create = plain(ROLE_THERAPIST | ROLE_TRAINER, "Ada");
  create.person = THERAPIST, create.site = "ottawa", create.language = "fr";
  must(account_create, &create);
  assert_true(code_valid(create.code, 'A'));
  struct account account;
  assert_int_equal(account_read(w->db, create.code, &account, &why), OK);
  assert_string_equal(account.code, create.code);
  assert_int_equal(account.roles, ROLE_THERAPIST | ROLE_TRAINER);
  assert_string_equal(account.person, THERAPIST);
  assert_string_equal(account.site, "ottawa");
  assert_string_equal(account.language, "fr");
  assert_false(account.disabled || account.has_password || account.has_totp);
  assert_int_equal(account.created_ms, NOON);
  assert_int_equal(account.sign_ins, 0);

  char code[CODE_BYTES];
  assert_int_equal(account_find(w->db, &w->keys, " aDA ", code, &why), OK);
  assert_string_equal(code, create.code);
  assert_int_equal(account_find(w->db, &w->keys, "adam", code, &why), OK);
  assert_string_equal(code, "");
  assert_int_equal(account_read(w->db, "A-2222222A", &account, &why), ERR_MISSING);
  assert_string_equal(why.id, "account-missing");
}

static void names_are_sealed_and_opened_by_the_identity_key_alone(void **state) {
  (void)state;
  struct account_create create = plain(ROLE_TRAINER, "ada");
  create.name = "Ada \"Countess\" \xc3\x89";
  must(account_create, &create);
  uint8_t identity[KEY_BYTES], other[KEY_BYTES] = {9};
  assert_int_equal(keys_load_identity_secret(identity, w->home.path, &why), OK);
  struct account_identity is;
  assert_int_equal(account_identity(w->db, &w->arena, &w->keys, identity, create.code, &is, &why), OK);
  assert_string_equal(is.login, "ada");
  assert_string_equal(is.name, create.name);
  assert_string_equal(is.address, "ada@example.org");
  assert_int_equal(account_identity(w->db, &w->arena, &w->keys, other, create.code, &is, &why), ERR_STATE);
  assert_string_equal(is.name, "");
  assert_int_equal(account_identity(w->db, &w->arena, &w->keys, identity, "A-2222222A", &is, &why), ERR_MISSING);
  struct rows rows;
  rows_open(&rows, w->db, "SELECT login, identity FROM account ORDER BY code", NO_ARGS);
  assert_true(rows_next(&rows));
  size_t length;
  const void *blob = rows_blob(&rows, 1, &length);
  assert_null(memmem(blob, length, "Countess", 8));
  assert_int_equal(strlen(rows_text(&rows, 0)), 64);
  assert_int_equal(rows_close(&rows, &why), OK);
}

static void accounts_are_listed_by_code_each_once(void **state) {
  (void)state;
  for (int i = 0; i < 70; i++) { /* more than the list's first room */
    struct account_create create =
        plain(i % 2 ? ROLE_TRAINER | ROLE_COORDINATOR | ROLE_INTERVIEWER : ROLE_TRAINER, arena_printf(&w->arena, "person %d", i));
    must(account_create, &create);
  }
  struct account *list;
  size_t count;
  assert_int_equal(account_list(w->db, &w->arena, &list, &count, &why), OK);
  assert_int_equal(count, 70);
  int three = 0;
  for (size_t i = 0; i < count; i++) {
    if (i) assert_true(strcmp(list[i - 1].code, list[i].code) < 0);
    three += list[i].roles == (ROLE_TRAINER | ROLE_COORDINATOR | ROLE_INTERVIEWER);
  }
  assert_int_equal(three, 35);
}

static void what_makes_no_account_is_refused_with_its_field(void **state) {
  (void)state;
  must(enrol, (void *)THERAPIST);
  static char wide[300];
  memset(wide, 'x', sizeof wide - 1);
  static const struct {
    unsigned roles;
    const char *person, *site, *language, *login, *name, *address, *id, *field;
  } cases[] = {
      {0, "", "", "en", "ada", "Ada", "", "roles-none", "role"},
      {ROLE_PATIENT, "", "", "en", "ada", "Ada", "", "roles-none", "role"},
      {ROLE_RATER | ROLE_PUBLIC, "", "", "en", "ada", "Ada", "", "roles-none", "role"},
      {1 << 20, "", "", "en", "ada", "Ada", "", "roles-none", "role"},
      {ROLE_RATER | ROLE_TRAINER, "", "", "en", "ada", "Ada", "", "roles-mixed", "role"},
      {ROLE_RATER, "", "no such; site", "en", "ada", "Ada", "", "site-form", "site"},
      {ROLE_RATER, "", wide, "en", "ada", "Ada", "", "site-form", "site"},
      {ROLE_RATER, "", "", "english-english", "ada", "Ada", "", "language-form", "language"},
      {ROLE_RATER, "", "", "e n", "ada", "Ada", "", "language-form", "language"},
      {ROLE_RATER, "", "", "en", "ada\n", "Ada", "", "login-form", "login"},
      {ROLE_RATER, "", "", "en", "a", "Ada", "", "login-form", "login"},
      {ROLE_RATER, "", "", "en", "   ", "Ada", "", "login-form", "login"},
      {ROLE_RATER, "", "", "en", wide, "Ada", "", "login-form", "login"},
      {ROLE_RATER, "", "", "en", "ad\xc3", "Ada", "", "login-form", "login"},
      {ROLE_RATER, "", "", "en", "ada", wide, "", "name-form", "name"},
      {ROLE_RATER, "", "", "en", "ada", "Ada\r\nBcc: eve", "", "name-form", "name"},
      {ROLE_RATER, "", "", "en", "ada", "Ada \xff", "", "name-form", "name"},
      {ROLE_RATER, "", "", "en", "ada", "Ada", "ada", "address-form", "address"},
      {ROLE_RATER, "", "", "en", "ada", "Ada", "@b", "address-form", "address"},
      {ROLE_RATER, "", "", "en", "ada", "Ada", "a@", "address-form", "address"},
      {ROLE_RATER, "", "", "en", "ada", "Ada", "a@b@c", "address-form", "address"},
      {ROLE_RATER, "", "", "en", "ada", "Ada", "a@b, eve@c", "address-form", "address"},
      {ROLE_RATER, "", "", "en", "ada", "Ada", "a@b\r\nBcc:eve", "address-form", "address"},
      {ROLE_THERAPIST, "", "", "en", "ada", "Ada", "", "person-missing", "person"},
      {ROLE_THERAPIST, "T-2222222A", "", "en", "ada", "Ada", "", "person-missing", "person"},
      {ROLE_RATER, THERAPIST, "", "en", "ada", "Ada", "", "person-missing", "person"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct account_create create = {.by = "cli",
                                    .roles = cases[i].roles,
                                    .person = cases[i].person,
                                    .site = cases[i].site,
                                    .language = cases[i].language,
                                    .login = cases[i].login,
                                    .name = cases[i].name,
                                    .address = cases[i].address};
    refused_by(account_create, &create, ERR_INPUT, cases[i].id);
    assert_string_equal(why.field, cases[i].field);
  }
}

static void masked_roles_and_roles_that_meet_an_arm_are_kept_apart(void **state) {
  (void)state;
  static const enum role masked[] = {ROLE_ASSISTANT, ROLE_RATER, ROLE_ANALYST, ROLE_MONITOR};
  static const enum role meets[] = {ROLE_THERAPIST,   ROLE_COORDINATOR, ROLE_TRAINER,
                                    ROLE_INTERVIEWER, ROLE_ALLOCATOR,   ROLE_ADMINISTRATOR};
  must(enrol, (void *)THERAPIST);
  struct account_create create = plain(ROLE_ANALYST, "ada");
  must(account_create, &create);
  unsigned all[2] = {0};
  for (size_t i = 0; i < sizeof masked / sizeof *masked; i++) {
    all[0] |= masked[i];
    for (size_t j = 0; j < sizeof meets / sizeof *meets; j++) {
      all[1] |= meets[j];
      struct account_change change = {.by = "cli", .account = create.code, .roles = masked[i] | meets[j], .disabled = -1};
      refused_by(account_change, &change, ERR_INPUT, "roles-mixed");
      assert_non_null(strstr(why.text, role_name(masked[i])));
      assert_non_null(strstr(why.text, role_name(meets[j])));
      assert_string_equal(why.field, "role");
    }
  }
  assert_int_equal(all[0] | all[1], ROLES_STAFF); /* every role that signs in was on one side */
  must(account_change, &(struct account_change){.by = "cli", .account = create.code, .roles = all[0], .disabled = -1});
  struct account_create other = plain(all[1], "bea");
  other.person = THERAPIST;
  must(account_create, &other);
}

static enum err mixed_before(struct txn *txn, void *input, struct error *error) {
  json_t *body = json_pack("{s:[s, s]}", "roles", "trainer", "analyst");
  return ledger_append(txn, "cli", "account.change", input, body, error);
}

/* A ledger from before the rule replays, and the account can still be switched off or put right. */
static void a_mixed_account_of_earlier_days_is_replayed(void **state) {
  (void)state;
  struct account_create create = plain(ROLE_TRAINER, "ada");
  must(account_create, &create);
  must(mixed_before, create.code);
  verified();
  struct account account;
  assert_int_equal(account_read(w->db, create.code, &account, &why), OK);
  assert_int_equal(account.roles, ROLE_TRAINER | ROLE_ANALYST);
  must(account_change, &(struct account_change){.by = "cli", .account = create.code, .roles = account.roles, .disabled = 1});
  must(account_change, &(struct account_change){.by = "cli", .account = create.code, .roles = ROLE_TRAINER, .disabled = 0});
}

static void a_sign_in_name_is_taken_once(void **state) {
  (void)state;
  struct account_create create = plain(ROLE_RATER, "ada");
  must(account_create, &create);
  create.login = " ADA ";
  refused_by(account_create, &create, ERR_CONFLICT, "login-taken");
  create.login = "";
  must(account_create, &create); /* by link only: as many as there are */
  create.address = "ida@example.org";
  must(account_create, &create);
  assert_int_equal(number("SELECT count(*) FROM account"), 3);
}

static void only_administrators_change_accounts(void **state) {
  (void)state;
  struct account_create create = plain(ROLE_ADMINISTRATOR, "root");
  must(account_create, &create);
  const char *root = arena_text(&w->arena, create.code);
  create = plain(ROLE_COORDINATOR, "cora"), create.by = root;
  must(account_create, &create);
  const char *cora = arena_text(&w->arena, create.code);

  create = plain(ROLE_ADMINISTRATOR, "eve");
  static const char *const others[] = {"", "A-2222222A", "CLI", "web"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    create.by = others[i];
    refused_by(account_create, &create, ERR_DENIED, "not-administrator");
  }
  create.by = cora;
  refused_by(account_create, &create, ERR_DENIED, "not-administrator");
  struct account_change rise = {.by = cora, .account = cora, .roles = ROLE_ADMINISTRATOR, .disabled = -1};
  refused_by(account_change, &rise, ERR_DENIED, "not-administrator");
  struct account_change stop = {.by = cora, .account = root, .disabled = 1};
  refused_by(account_change, &stop, ERR_DENIED, "not-administrator");
  struct account_change word = {.by = cora, .account = root, .disabled = -1, .language = "fr"};
  refused_by(account_change, &word, ERR_DENIED, "not-administrator");
  struct account_credential take = {.by = cora, .account = root, .password_hash = RIGHT_HASH};
  refused_by(account_credential, &take, ERR_DENIED, "not-yours");
  take.by = root, take.account = cora; /* an administrator neither: that would be a way into the account */
  refused_by(account_credential, &take, ERR_DENIED, "not-yours");

  must(account_change, &(struct account_change){.by = cora, .account = cora, .disabled = -1, .language = "fr"});
  must(account_credential, &(struct account_credential){.by = cora, .account = cora, .password_hash = RIGHT_HASH});
  must(account_change, &(struct account_change){.by = root, .account = cora, .disabled = 1});
  struct account_change own = {.by = cora, .account = cora, .disabled = -1, .language = "en"};
  refused_by(account_change, &own, ERR_DENIED, "not-administrator"); /* no longer */
  struct account_credential again = {.by = cora, .account = cora, .password_hash = RIGHT_HASH};
  refused_by(account_credential, &again, ERR_DENIED, "not-yours");
  must(account_change, &(struct account_change){.by = "cli", .account = root, .disabled = 1});
  create = plain(ROLE_ADMINISTRATOR, "eve"), create.by = root;
  refused_by(account_create, &create, ERR_DENIED, "not-administrator"); /* a disabled one is none */
}

static void the_last_administrator_stays(void **state) {
  (void)state;
  struct account_create create = plain(ROLE_ADMINISTRATOR, "one");
  must(account_create, &create);
  const char *one = arena_text(&w->arena, create.code);
  struct account_change stop = {.by = one, .account = one, .disabled = 1};
  struct account_change leave = {.by = one, .account = one, .roles = ROLE_RATER, .disabled = -1};
  refused_by(account_change, &stop, ERR_STATE, "last-administrator");
  refused_by(account_change, &leave, ERR_STATE, "last-administrator");
  create = plain(ROLE_ADMINISTRATOR, "two");
  must(account_create, &create);
  must(account_change, &leave); /* there is another now */
  struct account_change both = {.by = create.code, .account = create.code, .disabled = 1};
  refused_by(account_change, &both, ERR_STATE, "last-administrator");
  both.by = "cli";
  must(account_change, &both);
  must(account_change,
       &(struct account_change){.by = "cli", .account = one, .roles = ROLE_ADMINISTRATOR, .disabled = -1});
  refused_by(account_change, &stop, ERR_STATE, "last-administrator"); /* the other is disabled, so does not count */
}

static void changes_are_entries_and_no_change_is_none(void **state) {
  (void)state;
  struct account_create create = plain(ROLE_RATER, "ada");
  must(account_create, &create);
  int64_t before = entries();
  must(account_change, &(struct account_change){.by = "cli", .account = create.code, .disabled = -1});
  must(account_change, &(struct account_change){
                           .by = "cli", .account = create.code, .roles = ROLE_RATER, .disabled = 0, .language = "en"});
  assert_int_equal(entries(), before);
  must(account_change,
       &(struct account_change){
           .by = "cli", .account = create.code, .roles = ROLE_MONITOR | ROLE_ANALYST, .disabled = 1, .language = "fr"});
  assert_int_equal(entries(), before + 1);
  struct account account;
  assert_int_equal(account_read(w->db, create.code, &account, &why), OK);
  assert_int_equal(account.roles, ROLE_MONITOR | ROLE_ANALYST);
  assert_true(account.disabled);
  assert_string_equal(account.language, "fr");

  struct account_change nobody = {.by = "cli", .account = "A-2222222A", .disabled = 1};
  refused_by(account_change, &nobody, ERR_MISSING, "account-missing");
  struct account_change patient = {.by = "cli", .account = create.code, .roles = ROLE_PATIENT, .disabled = -1};
  refused_by(account_change, &patient, ERR_INPUT, "roles-none");
  struct account_change therapist = {.by = "cli", .account = create.code, .roles = ROLE_THERAPIST, .disabled = -1};
  refused_by(account_change, &therapist, ERR_INPUT, "person-missing");
  struct account_change tongue = {.by = "cli", .account = create.code, .disabled = -1, .language = "klingonese"};
  refused_by(account_change, &tongue, ERR_INPUT, "language-form");
  struct account_credential hash = {.by = "cli", .account = create.code, .password_hash = "hunter2"};
  refused_by(account_credential, &hash, ERR_INPUT, "password-hash");
}

/* ---- chance, erasure, mail ---- */

static void frozen_values_do_not_depend_on_order(void **state) {
  char codes[2][2][CODE_BYTES], cookies[2][2][SIGN_IN_TOKEN_BYTES];
  static const char *const names[] = {"ada", "bea"};
  for (int order = 0; order < 2; order++) {
    if (order) {
      verified();
      world_close(w);
      w = world_open(world_engine(state), kinds, NOON, chance_frozen(1));
    }
    for (int i = 0; i < 2; i++) {
      int who = order ? 1 - i : i;
      snprintf(codes[order][who], CODE_BYTES, "%s", person_with_password(ROLE_RATER, names[who]));
    }
    for (int i = 0; i < 2; i++) {
      int who = order ? 1 - i : i;
      cookie_of(names[who]); /* the second sign-in is looked at */
      snprintf(cookies[order][who], SIGN_IN_TOKEN_BYTES, "%s", cookie_of(names[who]));
    }
  }
  for (int who = 0; who < 2; who++) {
    assert_string_equal(codes[0][who], codes[1][who]);
    assert_string_equal(cookies[0][who], cookies[1][who]);
  }
  assert_string_not_equal(cookies[0][0], cookies[0][1]);
}

static void an_erased_account_leaves_nothing_and_the_replay_agrees(void **state) {
  (void)state;
  const char *ada = with_totp("ada"), *bea = with_totp("bea");
  const char *const names[] = {"ada", "bea"};
  for (int i = 0; i < 2; i++) {
    struct sign_in_code code = {.cookie = cookie_of(names[i]), .code = noon_codes[0], .from = {"", ""}};
    must(sign_in_code, &code);
    assert_int_equal(code.refused.code, OK);
  }
  must(account_change,
       &(struct account_change){.by = "cli", .account = ada, .roles = ROLE_ANALYST | ROLE_RATER, .disabled = -1});
  struct sign_in_link_make make = {.by = "cli", .account = ada, .valid_ms = HOUR_MS, .purpose = "demo"};
  must(sign_in_link_make, &make);
  verified();
  must(erase, (void *)ada);
  verified();
  struct account account;
  assert_int_equal(account_read(w->db, ada, &account, &why), ERR_MISSING);
  assert_int_equal(account_read(w->db, bea, &account, &why), OK);
  static const char *const left[] = {"SELECT count(*) FROM account", "SELECT count(*) FROM account_role",
                                     "SELECT count(*) FROM run_session", "SELECT count(*) FROM run_totp"};
  for (size_t i = 0; i < sizeof left / sizeof *left; i++) assert_int_equal(number(left[i]), 1); /* bea's */
  assert_int_equal(number("SELECT count(*) FROM run_sign_in_link"), 0);
  struct account_create create = plain(ROLE_RATER, "ada");
  must(account_create, &create); /* the name is free again, and the code is another */
  assert_string_not_equal(create.code, ada);
}

static void an_authenticators_secret_opens_for_its_account_alone(void **state) {
  (void)state;
  struct chance chance = chance_frozen(1);
  struct keys other = w->keys;
  other.body[0] ^= 1;
  uint8_t opened[TOTP_SECRET_BYTES];
  const char *sealed = account_secret_seal(&w->arena, &w->keys, &chance, "A-7K3QX9M2", 0, secret);
  assert_true(account_secret_open(&w->keys, "A-7K3QX9M2", sealed, opened));
  assert_memory_equal(opened, secret, sizeof opened);
  assert_false(account_secret_open(&w->keys, "A-7K3QX9M3", sealed, opened));
  assert_false(account_secret_open(&other, "A-7K3QX9M2", sealed, opened));
  assert_false(account_secret_open(&w->keys, "A-7K3QX9M2", "", opened));
}

int main(void) {
  struct CMUnitTest tests[] = {
      on_ledger(an_account_is_read_as_it_was_made),
      on_ledger(names_are_sealed_and_opened_by_the_identity_key_alone),
      on_ledger(accounts_are_listed_by_code_each_once),
      on_ledger(what_makes_no_account_is_refused_with_its_field),
      on_ledger(masked_roles_and_roles_that_meet_an_arm_are_kept_apart),
      on_ledger(a_mixed_account_of_earlier_days_is_replayed),
      on_ledger(a_sign_in_name_is_taken_once),
      on_ledger(only_administrators_change_accounts),
      on_ledger(the_last_administrator_stays),
      on_ledger(changes_are_entries_and_no_change_is_none),
      on_ledger(frozen_values_do_not_depend_on_order),
      on_ledger(an_erased_account_leaves_nothing_and_the_replay_agrees),
      on_ledger(an_authenticators_secret_opens_for_its_account_alone),
  };
  return run_on_engines(tests, sizeof tests / sizeof *tests);
}
