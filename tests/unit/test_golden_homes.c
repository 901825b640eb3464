/* Homes made by earlier versions (tests/golden/homes): each is opened, brought forward, verified, written to and
 * verified again. */
#include "store/store_files.h"
#include "trial_fixture.h"

#define GOLDEN "tests/golden/homes"

/* A copy of one of them at a place of its own, its database uncompressed. */
static void copy(struct trial *trial, const char *name, const char *database) {
  char command[900];
  home_name(&trial->place);
  const char *path = trial->place.path;
  snprintf(command, sizeof command, "cp -R " GOLDEN "/%s %s && chmod -R go= %s && gzip -d %s/%s.gz", name, path, path, path, database);
  FILE *pipe = popen(command, "r");
  if (!pipe || pclose(pipe)) stop_test("%s", command);
}

static void settings(const char *home, const char *text) {
  char path[FIXTURE_PATH + 40];
  snprintf(path, sizeof path, "%s/store.json", home);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  assert_int_equal(fclose(file), 0);
}

static void copy_sqlite(struct trial *trial, const char *name) {
  copy(trial, name, "attune.db");
  settings(trial->place.path, "{\"engine\": \"sqlite\"}");
}

/* A dump holds no roles; whoever restores one on another server makes the masked role again. */
static void copy_postgresql(struct trial *trial, const char *name) {
  char connect[512], text[1200];
  copy(trial, name, "database.sql");
  snprintf(trial->place.database, sizeof trial->place.database, "attune_golden_%ld", (long)getpid());
  fixture_admin("CREATE DATABASE", trial->place.database, "ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
  fixture_connect(connect, sizeof connect, trial->place.database);
  snprintf(text, sizeof text, "{\"engine\": \"postgresql\", \"connect\": \"%s\", \"connect_masked\": \"%s user=attune_masked\"}", connect, connect);
  settings(trial->place.path, text);
  snprintf(text, sizeof text, "%s/database.sql", trial->place.path);
  size_t length;
  char *sql;
  assert_ok(file_read(&trial->arena, text, 8 << 20, &sql, &length, error));
  PGconn *connection = PQconnectdb(connect);
  PGresult *result = PQexec(connection, sql);
  if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK) stop_test("%s", PQerrorMessage(connection));
  PQclear(result);
  result = PQexec(connection, "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'attune_masked') THEN CREATE ROLE attune_masked LOGIN; END IF; END $$");
  assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
  PQclear(result);
  PQfinish(connection);
}

static int64_t count_of(struct trial *trial, const char *sql) {
  struct db *db;
  int64_t count;
  assert_ok(db_open(&db, trial->home->store, DB_MASKED, error));
  assert_ok(db_int(db, error, &count, -1, sql, NO_ARGS));
  db_close(db);
  return count;
}

/* What make_home left: two erased, the withdrawn, answers that can be read, and a ledger that goes on. */
static void lives(struct trial *trial) {
  char therapist[CODE_BYTES], patient[CODE_BYTES];
  trial->now_ms = INT64_C(20514) * DAY_MS + 11 * HOUR_MS;
  assert_ok(home_open(&trial->home, trial->place.path, STORE_OWN, clock_fixed(&trial->now_ms), chance_frozen(9), error));
  trial_verify(trial);
  assert_int_equal(count_of(trial, "SELECT count(*) FROM tombstone ORDER BY 1"), 2);
  assert_int_equal(count_of(trial, "SELECT count(*) FROM run_draft ORDER BY 1"), 1);
  assert_true(count_of(trial, "SELECT count(*) FROM answer ORDER BY 1") > 100);
  int64_t answers = count_of(trial, "SELECT count(*) FROM answer ORDER BY 1");
  trial_person(trial, "therapist", "", "new@example.org", therapist);
  trial_person(trial, "patient", therapist, "newer@example.org", patient);
  trial_session(trial, patient, 1);
  trial_submit(trial, patient, 1, "patient", "5", "0");
  assert_true(count_of(trial, "SELECT count(*) FROM answer ORDER BY 1") > answers);
  trial_verify(trial);
  home_close(trial->home);
  assert_ok(home_open(&trial->home, trial->place.path, STORE_LOOK, clock_fixed(&trial->now_ms), chance_frozen(9), error));
  trial_verify(trial);
  trial_close(trial);
}

static void test_practice(void **state) {
  (void)state;
  struct trial trial = {.desk = expression_desk_open()};
  copy_sqlite(&trial, "2026-practice");
  lives(&trial);
}

static void test_trial(void **state) {
  (void)state;
  struct trial trial = {.desk = expression_desk_open()};
  copy_sqlite(&trial, "2026-trial");
  lives(&trial);
}

/* A backup of an earlier version (its database is as good as one) becomes a home of this one, on either engine. */
static void an_old_backup_is_restored(bool postgresql) {
  struct trial old = {0}, trial = {.desk = expression_desk_open()};
  struct chance chance = chance_frozen(2);
  struct store *store;
  char path[FIXTURE_PATH + 20], keys[FIXTURE_PATH + 20];
  copy(&old, "2026-trial", "attune.db");
  home_make(&trial.place, postgresql, &chance);
  snprintf(keys, sizeof keys, "%s/keys", trial.place.path);
  assert_int_equal(nftw(keys, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
  snprintf(path, sizeof path, "%s/keys", old.place.path);
  assert_ok(keys_copy(path, keys, error));
  snprintf(path, sizeof path, "%s/attune.db", old.place.path);
  assert_ok(store_open(&store, trial.place.path, STORE_OWN, error));
  assert_ok(store_restore(store, path, error));
  store_close(store);
  snprintf(path, sizeof path, "%s/restoring.db", trial.place.path);
  assert_int_not_equal(access(path, F_OK), 0);
  trial.now_ms = INT64_C(20514) * DAY_MS + 11 * HOUR_MS;
  assert_ok(home_open(&trial.home, trial.place.path, STORE_OWN, clock_fixed(&trial.now_ms), chance_frozen(9), error));
  trial_verify(&trial);
  assert_int_equal(count_of(&trial, "SELECT count(*) FROM tombstone ORDER BY 1"), 2);
  trial_close(&trial);
  home_remove(&old.place);
}
ON_BOTH(an_old_backup_is_restored)

static void test_trial_postgresql(void **state) {
  (void)state;
  if (!fixture_server()) skip();
  struct trial trial = {.desk = expression_desk_open()};
  copy_postgresql(&trial, "2026-trial-postgresql");
  lives(&trial);
}

int main(void) {
  crypto_start();
  if (!fixture_server()) print_message("PostgreSQL was left out: ATTUNE_TEST_POSTGRESQL is not set\n");
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_practice),
      cmocka_unit_test(test_trial),
      cmocka_unit_test(test_trial_postgresql),
      BOTH(an_old_backup_is_restored),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
