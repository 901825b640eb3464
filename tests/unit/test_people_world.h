/* test_people_world.h: a home of its own for each test, on SQLite and, when ATTUNE_TEST_POSTGRESQL names a server, on
 * PostgreSQL too; a made-up trial of two kinds beside the accounts; and what the tests of the room say in short. */
#ifndef ATTUNE_TEST_PEOPLE_WORLD_H
#define ATTUNE_TEST_PEOPLE_WORLD_H

#include "ledger/ledger.h"
#include "people/sign_in.h"
#include "store_fixture.h"

struct world {
  struct home home;
  struct store *store;
  struct keys keys;
  struct ledger *ledger;
  struct db *db; /* an open reader */
  struct sign_in_seen *seen;
  struct arena arena;
  int64_t now_ms; /* the clock: a test moves it */
};

static inline const char *world_engine(void **state) {
  return *state;
}

/* A PostgreSQL database takes half a second to make: one serves all tests, emptied before each. */
static struct home shared;

static inline void empty_shared(void) {
  char connect[600], erasures[FIXTURE_PATH + 16];
  fixture_connect(connect, sizeof connect, shared.database);
  PGconn *connection = PQconnectdb(connect);
  PGresult *result =
      PQexec(connection, "DO $$ DECLARE name text; BEGIN FOR name IN SELECT tablename FROM pg_tables WHERE "
                         "schemaname = 'public' AND tablename NOT LIKE 'schema%' ORDER BY tablename LOOP "
                         "EXECUTE 'DELETE FROM ' || quote_ident(name); END LOOP; END $$");
  if (PQresultStatus(result) != PGRES_COMMAND_OK) stop_test("%s", PQerrorMessage(connection));
  PQclear(result);
  PQfinish(connection);
  snprintf(erasures, sizeof erasures, "%s/erasures", shared.path);
  unlink(erasures);
}

static inline struct home world_home(bool postgresql, const struct chance *chance) {
  struct home home;
  if (!postgresql) {
    home_make(&home, false, chance);
    return home;
  }
  if (*shared.path)
    empty_shared();
  else
    home_make(&shared, true, chance);
  return shared;
}

static inline struct world *world_open(const char *engine, const struct entry_kind *const *kinds, int64_t now_ms,
                                       struct chance chance) {
  struct world *world = calloc(1, sizeof *world);
  if (!world) die("no memory");
  arena_init(&world->arena, 0);
  world->now_ms = now_ms;
  world->seen = sign_in_seen_new();
  world->home = world_home(!strcmp(engine, "postgresql"), &chance);
  assert_ok(keys_load(&world->keys, world->home.path, error));
  assert_ok(store_open(&world->store, world->home.path, STORE_OWN, error));
  struct ledger_config config = {.store = world->store,
                                 .keys = &world->keys,
                                 .clock = clock_fixed(&world->now_ms),
                                 .chance = chance,
                                 .origin = "attune.local/test",
                                 .kinds = kinds};
  assert_ok(ledger_open(&world->ledger, &config, error));
  assert_ok(db_open(&world->db, world->store, DB_OPEN, error));
  return world;
}

static inline void world_close(struct world *world) {
  db_close(world->db);
  ledger_close(world->ledger);
  store_close(world->store);
  sign_in_seen_free(world->seen);
  arena_free(&world->arena);
  if (!*world->home.database) home_remove(&world->home);
  free(world);
}

#define RIGHT_HASH "$argon2id$v=19$m=65536,t=3,p=1$AAECAwQFBgcICQoLDA0ODw$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define NOON INT64_C(1795435200000) /* 2026-11-23T12:00:00Z */

/* ---- a trial of two activities, beside the accounts: a therapist is enrolled, a subject is erased ---- */

static inline enum err apply_person(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  (void)body;
  return db_exec(db, error,
                 "INSERT INTO person (code, subject, kind, site, therapist, language, study_version, enrolled_ms,"
                 " withdrawn_ms, withdrawn_reason) VALUES ($1, $2, 'therapist', '', '', 'en', 1, $3, 0, '')",
                 ARGS(v_text(entry->subject), v_text(entry->subject), v_int(entry->time_ms)));
}

static inline enum err apply_erasure(struct db *db, const struct entry *entry, const json_t *body,
                                     struct error *error) {
  const char *erased = json_text(body, "erased", "");
  enum err err = db_erase_subject(db, erased, error);
  if (err) return err;
  return db_exec(db, error,
                 "INSERT INTO tombstone (erased, subject, kind, site, therapist, time_ms) VALUES ($1, 'study', "
                 "'account', '', '', $2)",
                 ARGS(v_text(erased), v_int(entry->time_ms)));
}

extern const struct entry_kind kind_account_create, kind_account_change, kind_account_credential, kind_account_sign_in, kind_account_link,
    kind_account_ask, kind_account_confirm, kind_account_refuse, kind_account_refused, kind_access_refused;
static const struct entry_kind *const kinds[] = {
    &kind_account_create,
    &kind_account_change,
    &kind_account_credential,
    &kind_account_sign_in,
    &kind_account_link,
    &kind_account_ask,
    &kind_account_confirm,
    &kind_account_refuse,
    &kind_account_refused,
    &kind_access_refused,
    &(const struct entry_kind){"test.person", LOG_MASKED, apply_person},
    &(const struct entry_kind){"test.erase", LOG_MASKED, apply_erasure},
    NULL,
};

static inline enum err enrol(struct txn *txn, void *input, struct error *error) {
  return ledger_append(txn, "cli", "test.person", input, json_object(), error);
}

static inline enum err erase(struct txn *txn, void *input, struct error *error) {
  enum err err = ledger_destroy_key(txn, input, error);
  if (err) return err;
  return ledger_append(txn, "cli", "test.erase", "study", json_pack("{s:s}", "erased", input), error);
}

#define THERAPIST "T-7K3QX9M2"

/* ---- in short ---- */

static struct world *w; /* of the test that runs */
static struct error why;

static inline enum err run(verb *verb_run, void *input) {
  memset(&why, 0, sizeof why);
  return ledger_do(w->ledger, verb_run, input, &why);
}

static inline void must(verb *verb_run, void *input) {
  if (run(verb_run, input)) stop_test("%s: %s", why.id, why.text);
}

#define refused_by(verb_run, input, wanted, wanted_id)                                                                 \
  do {                                                                                                                 \
    int64_t before_ = entries();                                                                                       \
    assert_int_equal(run(verb_run, input), wanted);                                                                    \
    assert_string_equal(why.id, wanted_id);                                                                            \
    assert_int_equal(entries(), before_);                                                                              \
  } while (0)

static inline int64_t number(const char *sql) {
  int64_t out = -1;
  assert_int_equal(db_int(w->db, &why, &out, -1, sql, NO_ARGS), OK);
  return out;
}

static inline int64_t entries(void) {
  return number("SELECT count(*) FROM ledger_entry");
}

static inline struct account_create plain(unsigned roles, const char *login) {
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
static inline const char *person_with_password(unsigned roles, const char *login) {
  struct account_create create = plain(roles, login);
  must(account_create, &create);
  const char *code = arena_text(&w->arena, create.code);
  must(account_credential, &(struct account_credential){.by = "cli", .account = code, .password_hash = RIGHT_HASH});
  return code;
}

static const uint8_t *const secret = (const uint8_t *)"12345678901234567890";
/* The codes of that secret at 2026-11-23T12:00:00Z and in the two half minutes after, from Python's hmac. */
static const char *const noon_codes[] = {"454838", "625812", "995064"};

/* A try from a network ("" unknown) on a device ("": none that has signed in before). */
static inline struct sign_in_try attempt_on(const char *device, const char *login, const char *address, bool right) {
  struct sign_in_candidate candidate;
  struct sign_in_from from = {.address = address, .device = device};
  assert_int_equal(sign_in_candidate(w->db, &w->keys, login, &candidate, &why), OK);
  struct sign_in_try in = {.login = login, .from = from, .password_right = right, .account = arena_text(&w->arena, candidate.account)};
  bool held;
  assert_int_equal(sign_in_held(w->db, &w->keys, login, &from, w->now_ms, &held, &why), OK);
  must(sign_in_try, &in);
  assert_int_equal(held, in.refused.code == ERR_LIMIT); /* what is said before hashing is what the writer says */
  assert_true((in.refused.code != OK) == (in.cookie[0] == 0));
  return in;
}

static inline struct sign_in_try attempt(const char *login, const char *address, bool right) {
  return attempt_on("", login, address, right);
}

static inline const char *cookie_of(const char *login) {
  struct sign_in_try in = attempt(login, "", true);
  assert_int_equal(in.refused.code, OK);
  return arena_text(&w->arena, in.cookie);
}

static struct sign_in found;
static bool flush;

static inline enum err find(const char *cookie) {
  return sign_in_find(w->db, w->seen, cookie, w->now_ms, &found, &flush, &why);
}

static inline void verified(void) {
  struct verify_report report;
  assert_int_equal(ledger_verify(w->store, &w->keys, kinds, NULL, &report, &why), OK);
  if (!report.tree_holds || !report.bodies_hold || !report.tables_hold) stop_test("%s", report.first_difference);
  assert_int_equal(report.entries, entries());
}

static inline int set_up(void **state) {
  w = world_open(world_engine(state), kinds, NOON, chance_frozen(1));
  return 0;
}

static inline int tear_down(void **state) {
  (void)state;
  verified(); /* whatever the test did: replaying gives the tables */
  world_close(w);
  return 0;
}

static inline const char *with_totp(const char *login) {
  const char *code = person_with_password(ROLE_RATER, login);
  must(account_credential, &(struct account_credential){.by = "cli", .account = code, .totp_secret = secret});
  return code;
}

#define on_ledger(test)                                                                                                \
  { #test, test, set_up, tear_down, NULL }

/* Every test on SQLite, and on PostgreSQL when there is a server. */
static inline int run_on_engines(struct CMUnitTest *tests, size_t count) {
  crypto_start();
  for (size_t i = 0; i < count; i++) tests[i].initial_state = (void *)"sqlite";
  int failed = _cmocka_run_group_tests("on SQLite", tests, count, NULL, NULL);
  if (!fixture_server()) return failed;
  for (size_t i = 0; i < count; i++) tests[i].initial_state = (void *)"postgresql";
  failed += _cmocka_run_group_tests("on PostgreSQL", tests, count, NULL, NULL);
  home_remove(&shared);
  return failed;
}

#endif
