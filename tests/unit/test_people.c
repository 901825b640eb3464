/* Accounts and signing in, on a real ledger: every refusal, what is counted, what ends, what is replayed. */
#include "people/outbox.h"
#include "people/password.h"
#include "people/sign_in.h"

#include "test_people_world.h"

#include <semaphore.h>
#include <string.h>

#define RIGHT_HASH "$argon2id$v=19$m=65536,t=3,p=1$AAECAwQFBgcICQoLDA0ODw$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define NOON INT64_C(1795435200000) /* 2026-11-23T12:00:00Z */

/* ---- a trial of two activities, beside the accounts: a therapist is enrolled, a subject is erased ---- */

static enum err apply_person(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  (void)body;
  return db_exec(db, error,
                 "INSERT INTO person (code, subject, kind, site, therapist, language, study_version, enrolled_ms,"
                 " withdrawn_ms, withdrawn_reason) VALUES ($1, $2, 'therapist', '', '', 'en', 1, $3, 0, '')",
                 ARGS(v_text(entry->subject), v_text(entry->subject), v_int(entry->time_ms)));
}

static enum err apply_erasure(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  const char *erased = json_text(body, "erased", "");
  enum err err = db_erase_subject(db, erased, error);
  if (err) return err;
  return db_exec(db, error,
                 "INSERT INTO tombstone (erased, subject, kind, site, therapist, time_ms) VALUES ($1, 'study', "
                 "'account', '', '', $2)",
                 ARGS(v_text(erased), v_int(entry->time_ms)));
}

static const struct entry_kind kinds[] = {
    {"account.create", true, account_apply_create},
    {"account.change", true, account_apply_change},
    {"account.credential", true, account_apply_credential},
    {"account.sign_in", false, account_apply_sign_in},
    {"test.person", true, apply_person},
    {"test.erase", true, apply_erasure},
    {NULL, false, NULL},
};

static enum err enrol(struct txn *txn, void *input, struct error *error) {
  return ledger_append(txn, "cli", "test.person", input, json_object(), error);
}

static enum err erase(struct txn *txn, void *input, struct error *error) {
  enum err err = ledger_destroy_key(txn, input, error);
  if (err) return err;
  return ledger_append(txn, "cli", "test.erase", "study", json_pack("{s:s}", "erased", input), error);
}

#define THERAPIST "T-7K3QX9M2"

/* ---- in short ---- */

static struct world *w; /* of the test that runs */
static struct error why;

static enum err run(verb *verb_run, void *input) {
  memset(&why, 0, sizeof why);
  return ledger_do(w->ledger, verb_run, input, &why);
}

static void must(verb *verb_run, void *input) {
  if (run(verb_run, input)) stop_test("%s: %s", why.id, why.text);
}

#define refused_by(verb_run, input, wanted, wanted_id)                                                                 \
  do {                                                                                                                 \
    int64_t before_ = entries();                                                                                       \
    assert_int_equal(run(verb_run, input), wanted);                                                                    \
    assert_string_equal(why.id, wanted_id);                                                                            \
    assert_int_equal(entries(), before_);                                                                              \
  } while (0)

static int64_t number(const char *sql) {
  int64_t out = -1;
  assert_int_equal(db_int(w->db, &why, &out, -1, sql, NO_ARGS), OK);
  return out;
}

static int64_t entries(void) {
  return number("SELECT count(*) FROM ledger_entry");
}

static struct account_create plain(unsigned roles, const char *login) {
  return (struct account_create){.by = "cli",
                                 .roles = roles,
                                 .person = "",
                                 .site = "",
                                 .language = "en",
                                 .login = login,
                                 .name = "Ada Byron",
                                 .address = "ada@example.org"};
}

/* An account with a password, its code in memory that lives as long as the test. */
static const char *person_with_password(unsigned roles, const char *login) {
  struct account_create create = plain(roles, login);
  must(account_create, &create);
  const char *code = arena_text(&w->arena, create.code);
  must(account_credential, &(struct account_credential){.by = "cli", .account = code, .password_hash = RIGHT_HASH});
  return code;
}

static const uint8_t *const secret = (const uint8_t *)"12345678901234567890";
/* The codes of that secret at 2026-11-23T12:00:00Z and in the two half minutes after, from Python's hmac. */
static const char *const noon_codes[] = {"454838", "625812", "995064"};

static struct sign_in_try attempt(const char *login, const char *address, bool right) {
  struct sign_in_candidate candidate;
  assert_int_equal(sign_in_candidate(w->db, &w->keys, login, &candidate, &why), OK);
  struct sign_in_try in = {
      .login = login, .address = address, .password_right = right, .account = arena_text(&w->arena, candidate.account)};
  must(sign_in_try, &in);
  assert_true((in.refused.code != OK) == (in.cookie[0] == 0));
  return in;
}

static const char *cookie_of(const char *login) {
  struct sign_in_try in = attempt(login, "", true);
  assert_int_equal(in.refused.code, OK);
  return arena_text(&w->arena, in.cookie);
}

static struct sign_in found;
static bool flush;

static enum err find(const char *cookie) {
  return sign_in_find(w->db, w->seen, cookie, w->now_ms, &found, &flush, &why);
}

static void verified(void) {
  struct verify_report report;
  assert_int_equal(ledger_verify(w->store, &w->keys, kinds, &report, &why), OK);
  if (!report.tree_holds || !report.bodies_hold || !report.tables_hold) stop_test("%s", report.first_difference);
  assert_int_equal(report.entries, entries());
}

static int set_up(void **state) {
  w = world_open(world_engine(state), kinds, NOON, chance_frozen(1));
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  verified(); /* whatever the test did: replaying gives the tables */
  world_close(w);
  return 0;
}

/* ---- accounts ---- */

static void an_account_is_read_as_it_was_made(void **state) {
  (void)state;
  must(enrol, (void *)THERAPIST);
  struct account_create create = plain(ROLE_THERAPIST | ROLE_RATER, "Ada");
  create.person = THERAPIST, create.site = "ottawa", create.language = "fr";
  must(account_create, &create);
  assert_true(code_valid(create.code, 'A'));
  struct account account;
  assert_int_equal(account_read(w->db, create.code, &account, &why), OK);
  assert_string_equal(account.code, create.code);
  assert_int_equal(account.roles, ROLE_THERAPIST | ROLE_RATER);
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
        plain(i % 2 ? ROLE_TRAINER | ROLE_RATER | ROLE_ANALYST : ROLE_TRAINER, arena_printf(&w->arena, "person %d", i));
    must(account_create, &create);
  }
  struct account *list;
  size_t count;
  assert_int_equal(account_list(w->db, &w->arena, &list, &count, &why), OK);
  assert_int_equal(count, 70);
  int three = 0;
  for (size_t i = 0; i < count; i++) {
    if (i) assert_true(strcmp(list[i - 1].code, list[i].code) < 0);
    three += list[i].roles == (ROLE_TRAINER | ROLE_RATER | ROLE_ANALYST);
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
  refused_by(account_credential, &take, ERR_DENIED, "not-administrator");

  must(account_change, &(struct account_change){.by = cora, .account = cora, .disabled = -1, .language = "fr"});
  must(account_credential, &(struct account_credential){.by = cora, .account = cora, .password_hash = RIGHT_HASH});
  must(account_change, &(struct account_change){.by = root, .account = cora, .disabled = 1});
  struct account_change own = {.by = cora, .account = cora, .disabled = -1, .language = "en"};
  refused_by(account_change, &own, ERR_DENIED, "not-administrator"); /* no longer */
  struct account_credential again = {.by = cora, .account = cora, .password_hash = RIGHT_HASH};
  refused_by(account_credential, &again, ERR_DENIED, "not-administrator");
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
           .by = "cli", .account = create.code, .roles = ROLE_TRAINER | ROLE_ANALYST, .disabled = 1, .language = "fr"});
  assert_int_equal(entries(), before + 1);
  struct account account;
  assert_int_equal(account_read(w->db, create.code, &account, &why), OK);
  assert_int_equal(account.roles, ROLE_TRAINER | ROLE_ANALYST);
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
  struct sign_in_prove prove = {.cookie = cookie, .password_right = false, .address = ""};
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
  struct sign_in_prove prove = {.cookie = cookie, .password_right = false, .address = ""};
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
  struct sign_in_prove prove = {.cookie = old, .password_right = true, .address = ""};
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
  struct sign_in_link_make link = {.account = ada, .valid_ms = HOUR_MS, .purpose = "test"};
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

static const char *with_totp(const char *login) {
  const char *code = person_with_password(ROLE_RATER, login);
  must(account_credential, &(struct account_credential){.by = "cli", .account = code, .totp_secret = secret});
  return code;
}

static void the_code_completes_the_sign_in(void **state) {
  (void)state;
  with_totp("ada");
  int64_t before = entries();
  struct sign_in_try in = attempt("ada", "", true);
  assert_true(in.needs_code);
  assert_int_equal(entries(), before);
  assert_int_equal(find(in.cookie), OK);
  assert_false(found.full);
  struct sign_in_prove prove = {.cookie = in.cookie, .password_right = true, .address = ""};
  refused_by(sign_in_prove, &prove, ERR_MISSING, "sign-in-ended"); /* no way round the code */
  struct sign_in_code code = {.cookie = in.cookie, .code = "000000", .address = ""};
  must(sign_in_code, &code);
  assert_string_equal(code.refused.id, "code-wrong");
  assert_int_equal(find(in.cookie), OK);
  assert_false(found.full);
  code.code = noon_codes[0];
  must(sign_in_code, &code);
  assert_int_equal(code.refused.code, OK);
  assert_int_equal(entries(), before + 1);
  assert_int_equal(find(in.cookie), OK);
  assert_true(found.full);
  refused_by(sign_in_code, &code, ERR_MISSING, "sign-in-ended"); /* it is complete */
  assert_int_equal(number("SELECT count(*) FROM account WHERE totp = '3132333435363738393031323334353637383930'"), 0);
}

static void a_code_is_not_taken_twice(void **state) {
  (void)state;
  const char *ada = with_totp("ada");
  struct sign_in_code code = {.cookie = cookie_of("ada"), .code = noon_codes[0], .address = ""};
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

static void codes_are_counted_and_the_password_does_not_clear_them(void **state) {
  (void)state;
  with_totp("ada");
  struct sign_in_code code = {.code = "000000", .address = ""};
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
  struct sign_in_code code = {.cookie = cookie, .code = noon_codes[0], .address = ""};
  refused_by(sign_in_code, &code, ERR_MISSING, "sign-in-ended");
  code.cookie = "no cookie";
  refused_by(sign_in_code, &code, ERR_MISSING, "sign-in-ended");
}

/* ---- one-time links ---- */

static void a_link_works_once(void **state) {
  (void)state;
  struct account_create create = plain(ROLE_RATER, "");
  must(account_create, &create);
  struct sign_in_link_make make = {.account = create.code, .valid_ms = HOUR_MS, .purpose = "demo"};
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
  struct sign_in_link_make late = {.account = create.code, .valid_ms = HOUR_MS, .purpose = "one"};
  struct sign_in_link_make stopped = {.account = create.code, .valid_ms = 10 * HOUR_MS, .purpose = "two"};
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
  struct sign_in_link_make make = {.account = ada, .valid_ms = HOUR_MS, .purpose = "demo"};
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
  struct sign_in_link_make make = {.account = create.code, .valid_ms = HOUR_MS, .purpose = "demo"};
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
    struct sign_in_code code = {.cookie = cookie_of(names[i]), .code = noon_codes[0], .address = ""};
    must(sign_in_code, &code);
    assert_int_equal(code.refused.code, OK);
  }
  must(account_change,
       &(struct account_change){.by = "cli", .account = ada, .roles = ROLE_ANALYST | ROLE_RATER, .disabled = -1});
  struct sign_in_link_make make = {.account = ada, .valid_ms = HOUR_MS, .purpose = "demo"};
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

static enum err put_two(struct txn *txn, void *input, struct error *error) {
  (void)input;
  enum err err = outbox_put(txn, "reminder", "F-7K3QX9M2", "P-7K3QX9M2", "P-7K3QX9M2", 3, error);
  return err ? err : outbox_put(txn, "reminder", "F-7K3QX9M2", "P-7K3QX9M2", "P-7K3QX9M2", 3, error);
}

static void mail_waits_as_a_reference(void **state) {
  (void)state;
  must(put_two, NULL);
  struct rows rows;
  rows_open(
      &rows, w->db,
      "SELECT id, subject, template, occasion, person, serial, made_ms, sent_ms, state FROM run_outbox ORDER BY id",
      NO_ARGS);
  int count = 0;
  for (; rows_next(&rows); count++) {
    assert_true(code_valid(rows_text(&rows, 0), 'M'));
    assert_string_equal(rows_text(&rows, 1), "P-7K3QX9M2");
    assert_string_equal(rows_text(&rows, 2), "reminder");
    assert_string_equal(rows_text(&rows, 3), "F-7K3QX9M2");
    assert_string_equal(rows_text(&rows, 4), "P-7K3QX9M2");
    assert_int_equal(rows_int(&rows, 5), 3);
    assert_int_equal(rows_int(&rows, 6), NOON);
    assert_int_equal(rows_int(&rows, 7), 0);
    assert_string_equal(rows_text(&rows, 8), "waiting");
  }
  assert_int_equal(rows_close(&rows, &why), OK);
  assert_int_equal(count, 2);
}

#define on_ledger(test)                                                                                                \
  { #test, test, set_up, tear_down, NULL }

int main(void) {
  struct CMUnitTest tests[] = {
      on_ledger(an_account_is_read_as_it_was_made),
      on_ledger(names_are_sealed_and_opened_by_the_identity_key_alone),
      on_ledger(accounts_are_listed_by_code_each_once),
      on_ledger(what_makes_no_account_is_refused_with_its_field),
      on_ledger(a_sign_in_name_is_taken_once),
      on_ledger(only_administrators_change_accounts),
      on_ledger(the_last_administrator_stays),
      on_ledger(changes_are_entries_and_no_change_is_none),
      on_ledger(a_right_password_signs_in_and_a_wrong_one_does_not),
      on_ledger(it_cannot_be_told_which_names_exist),
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
      on_ledger(codes_are_counted_and_the_password_does_not_clear_them),
      on_ledger(the_code_must_follow_within_ten_minutes),
      on_ledger(a_link_works_once),
      on_ledger(a_link_expires_and_stops_with_its_account),
      on_ledger(a_link_does_not_stand_for_the_authenticator),
      on_ledger(two_who_use_a_link_at_once_are_one_too_many),
      on_ledger(frozen_values_do_not_depend_on_order),
      on_ledger(an_erased_account_leaves_nothing_and_the_replay_agrees),
      on_ledger(mail_waits_as_a_reference),
  };
  const size_t count = sizeof tests / sizeof *tests;
  crypto_start();
  for (size_t i = 0; i < count; i++) tests[i].initial_state = (void *)"sqlite";
  int failed = _cmocka_run_group_tests("people on SQLite", tests, count, NULL, NULL);
  if (!fixture_server()) return failed;
  for (size_t i = 0; i < count; i++) tests[i].initial_state = (void *)"postgresql";
  failed += _cmocka_run_group_tests("people on PostgreSQL", tests, count, NULL, NULL);
  home_remove(&shared);
  return failed;
}
