/* The masked reader: what it must refuse, on both engines, and that each guard of SQLite holds alone. */
#include "base/crypto.h"
#include "store/store_engine.h"
#include "store_fixture.h"

struct reader {
  struct home home;
  struct store *store;
  struct db *masked;
};

static void reader_open(struct reader *reader, bool postgresql) {
  struct chance chance = chance_frozen(1);
  struct db *writer;
  home_make(&reader->home, postgresql, &chance);
  assert_ok(store_open(&reader->store, reader->home.path, STORE_OWN, error));
  assert_ok(db_open(&writer, reader->store, DB_WRITER, error));
  assert_ok(db_begin(writer, error));
  static const char *const codes[] = {"P-1", "P-2"};
  for (int i = 0; i < 2; i++) {
    assert_ok(db_exec(writer, error,
                      "INSERT INTO person (code, subject, kind, site, therapist, language, study_version, enrolled_ms, "
                      "withdrawn_ms, withdrawn_reason) VALUES ($1, $1, 'patient', 'north', '', 'en', 1, 5, 0, '')",
                      ARGS(v_text(codes[i]))));
    assert_ok(db_exec(
        writer, error,
        "INSERT INTO arm_allocation (person, subject, arm, wave, slot, released_ms) VALUES ($1, $1, $2, 1, $3, 9)",
        ARGS(v_text(codes[i]), v_text(i ? "usual" : "training"), v_int(2 - i))));
  }
  assert_ok(db_commit(writer, error));
  db_close(writer);
  assert_ok(db_open(&reader->masked, reader->store, DB_MASKED, error));
}

static void reader_close(struct reader *reader) {
  db_close(reader->masked);
  store_close(reader->store);
  home_remove(&reader->home);
}

static enum err run(struct db *db, const char *sql, struct error *error, int *count) {
  struct rows rows;
  rows_open(&rows, db, sql, NO_ARGS);
  for (*count = 0; rows_next(&rows);) ++*count;
  return rows_close(&rows, error);
}

static const char *const allowed[] = {
    "SELECT code FROM person ORDER BY code",
    "SELECT p.code, count(*) AS sessions FROM person p LEFT JOIN session s ON s.patient = p.code GROUP BY p.code ORDER "
    "BY p.code",
    "WITH recent AS (SELECT code FROM person WHERE enrolled_ms > 1) SELECT code FROM recent ORDER BY code",
    "SELECT code FROM person WHERE code IN (SELECT person FROM screening) OR site = 'arm_allocation' ORDER BY code",
    "SELECT coalesce(max(number), 0) + 1 FROM audit_masked ORDER BY 1",
    "SELECT CASE WHEN withdrawn_ms = 0 THEN 'in' ELSE 'out' END AS state, site FROM person ORDER BY code LIMIT 5",
    "SELECT code FROM person WHERE code LIKE 'P-%' AND length(code) > 2 ORDER BY code DESC",
    "SELECT x.code FROM (SELECT code, site FROM person) x ORDER BY x.code",
};

static const char *const refused[] = {
    /* the tables themselves */
    "SELECT arm FROM arm_allocation ORDER BY person",
    "SELECT count(*) FROM arm_allocation ORDER BY 1",
    "SELECT 1 FROM arm_allocation ORDER BY 1",
    "SELECT login FROM account ORDER BY code",
    "SELECT sealed FROM identity ORDER BY person",
    "SELECT size FROM ledger_head ORDER BY one",
    "SELECT sequence FROM ledger_entry ORDER BY sequence",
    "SELECT template FROM run_outbox ORDER BY id",
    "SELECT version FROM schema_version ORDER BY one",
    /* joins whose columns the authorizer does not see */
    "SELECT p.code FROM person p JOIN arm_allocation a USING (subject) ORDER BY p.code",
    "SELECT p.code FROM person p NATURAL JOIN arm_allocation ORDER BY p.code",
    "SELECT code FROM person NATURAL JOIN session ORDER BY code",
    "SELECT p.code FROM person p, arm_allocation a WHERE a.person = p.code ORDER BY a.slot",
    /* a CTE that borrows a name, on either side */
    "WITH person AS (SELECT arm AS code FROM arm_allocation) SELECT code FROM person ORDER BY code",
    "WITH arm_allocation AS (SELECT code FROM person) SELECT code FROM arm_allocation ORDER BY code",
    "WITH x AS (SELECT code FROM person) SELECT (SELECT max(arm) FROM arm_allocation) FROM x ORDER BY 1",
    "SELECT code FROM person WHERE EXISTS (SELECT 1 FROM arm_allocation WHERE person = code AND arm = 'usual') ORDER "
    "BY code",
    "SELECT code FROM person ORDER BY (SELECT slot FROM arm_allocation WHERE person = code)",
    "SELECT code FROM person UNION SELECT arm FROM arm_allocation ORDER BY 1",
    "SELECT 1 AS arm_allocation FROM arm_allocation ORDER BY 1",
    "SELECT x.arm FROM (SELECT * FROM arm_allocation) x ORDER BY 1",
    /* the engines' own tables and functions */
    "SELECT sql FROM sqlite_schema ORDER BY 1",
    "SELECT name FROM sqlite_master ORDER BY 1",
    "SELECT stat FROM sqlite_stat1 ORDER BY 1",
    "SELECT name FROM pragma_table_info('arm_allocation') ORDER BY 1",
    "SELECT name FROM dbstat ORDER BY 1",
    "SELECT relname FROM pg_class ORDER BY 1",
    "SELECT reltuples FROM pg_catalog.pg_class ORDER BY 1",
    "SELECT table_name FROM information_schema.tables ORDER BY 1",
    "SELECT 1 AS pg_class FROM pg_class ORDER BY 1",
    "SELECT set_config('default_transaction_read_only', 'off', false) ORDER BY 1",
    "SELECT pg_sleep(1) ORDER BY 1",
    "SELECT pg_read_file('/etc/passwd') ORDER BY 1",
    "SELECT query_to_xml('SELECT * FROM arm_allocation', true, true, '') ORDER BY 1",
    "SELECT load_extension('x') ORDER BY 1",
    "SELECT sqlite_version() ORDER BY 1",
    "SELECT randomblob(9) ORDER BY 1",
    "SELECT rowid FROM person ORDER BY 1",
    "SELECT ctid FROM person ORDER BY 1",
    "SELECT current_user FROM person ORDER BY 1",
    /* other statements */
    "ATTACH DATABASE 'x' AS y",
    "VACUUM INTO 'x'",
    "PRAGMA table_info(arm_allocation)",
    "CREATE TEMP TABLE t AS SELECT code FROM person",
    "CREATE TEMP VIEW v AS SELECT arm FROM arm_allocation",
    "DELETE FROM person",
    "DELETE FROM person RETURNING code",
    "UPDATE person SET site = 'x'",
    "UPDATE person SET site = site RETURNING site",
    "INSERT INTO person (code) VALUES ('x')",
    "EXPLAIN SELECT code FROM person",
    "QUERY PLAN SELECT arm FROM arm_allocation",
    "BEGIN IMMEDIATE",
    "SET ROLE postgres",
    "RESET ROLE",
    "COPY person TO STDOUT",
    "TABLE arm_allocation",
    "VALUES (1)",
    "WITH d AS (DELETE FROM person RETURNING code) SELECT code FROM d ORDER BY code",
    "SELECT code INTO x FROM person ORDER BY code",
    "SELECT code FROM person ORDER BY code FOR UPDATE",
    /* ways of writing */
    "SELECT \"arm\" FROM \"arm_allocation\" ORDER BY 1",
    "SELECT arm FROM [arm_allocation] ORDER BY 1",
    "SELECT arm FROM `arm_allocation` ORDER BY 1",
    "SELECT arm FROM/**/arm_allocation ORDER BY 1",
    "SELECT arm FROM Arm_Allocation ORDER BY 1",
    "SELECT arm FROM main.arm_allocation ORDER BY 1",
    "SELECT arm FROM public.arm_allocation ORDER BY 1",
    "SELECT code FROM person ORDER BY code; DELETE FROM person",
    "SELECT $$x$$ FROM person ORDER BY 1",
    "SELECT E'\\x41' FROM person ORDER BY 1",
    "SELECT U&'x' FROM person ORDER BY 1",
    "SELECT code::text FROM person ORDER BY 1",
    "SELECT person.* FROM person JOIN arm_allocation ON true ORDER BY 1",
    "",
    "   ",
    "-- nothing",
};

static void lists_hold(bool postgresql) {
  struct reader reader;
  struct error problem;
  int count;
  reader_open(&reader, postgresql);
  for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
    if (run(reader.masked, allowed[i], &problem, &count)) stop_test("%s: %s\n", allowed[i], problem.text);
  assert_ok(run(reader.masked, allowed[0], error, &count));
  assert_int_equal(count, 2);
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    problem = (struct error){0};
    enum err err = run(reader.masked, refused[i], &problem, &count);
    if (err != ERR_DENIED || count || strcmp(problem.id, "masked"))
      stop_test("not refused as masked: %s (%d, %s)\n", refused[i], err, problem.text);
    if (!postgresql) continue;
    if (db_exec(reader.masked, &problem, refused[i], NO_ARGS) != ERR_DENIED) stop_test("executed: %s\n", refused[i]);
  }
  reader_close(&reader);
}

static void test_lists_sqlite(void **state) {
  (void)state;
  lists_hold(false);
}
static void test_lists_postgresql(void **state) {
  (void)state;
  if (!fixture_server()) skip();
  lists_hold(true);
}

/* With the check of words off, everything that reads a table off the list must still be refused by the compiled
 * program alone; and with all guards off the leaks are real, or this test would show nothing. */
static void test_explain_alone(void **state) {
  (void)state;
  static const char *const leaks[] = {
      "SELECT p.code FROM person p JOIN arm_allocation a USING (subject) ORDER BY p.code",
      "SELECT p.code FROM person p NATURAL JOIN arm_allocation ORDER BY p.code",
      "WITH person AS (SELECT arm AS code FROM arm_allocation) SELECT code FROM person ORDER BY code",
      "SELECT count(*) FROM arm_allocation ORDER BY 1",
      "SELECT code FROM person ORDER BY (SELECT slot FROM arm_allocation WHERE person = code)",
      "SELECT code FROM person WHERE EXISTS (SELECT 1 FROM arm_allocation WHERE person = code) ORDER BY code",
      "SELECT name FROM sqlite_schema ORDER BY 1",
      "SELECT name FROM pragma_table_info('arm_allocation') ORDER BY 1",
      "SELECT max(person) FROM arm_allocation ORDER BY 1",
      "SELECT name FROM dbstat ORDER BY 1",
  };
  struct reader reader;
  struct error problem;
  int count;
  reader_open(&reader, false);
  for (size_t i = 0; i < sizeof leaks / sizeof *leaks; i++) {
    sqlite_guards_set(reader.masked, GUARD_EXPLAIN);
    if (run(reader.masked, leaks[i], &problem, &count) != ERR_DENIED || count)
      stop_test("the compiled program was let through: %s\n", leaks[i]);
    sqlite_guards_set(reader.masked, 0);
    if (run(reader.masked, leaks[i], &problem, &count) || !count)
      stop_test("is no leak: %s: %s\n", leaks[i], problem.text);
  }
  reader_close(&reader);
}

static void test_authorizer_alone(void **state) {
  (void)state;
  static const char *const plain[] = {"SELECT arm FROM arm_allocation ORDER BY 1",
                                      "SELECT name FROM sqlite_schema ORDER BY 1",
                                      "ATTACH DATABASE ':memory:' AS y",
                                      "PRAGMA user_version",
                                      "CREATE TEMP TABLE t (a)",
                                      "SELECT randomblob(4)",
                                      "DELETE FROM person"};
  struct reader reader;
  struct error problem;
  int count;
  reader_open(&reader, false);
  sqlite_guards_set(reader.masked, GUARD_AUTHORIZER);
  for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
    if (run(reader.masked, plain[i], &problem, &count) != ERR_DENIED)
      stop_test("the authorizer let through: %s (%s)\n", plain[i], problem.text);
  reader_close(&reader);
}

/* PostgreSQL's grants alone, as a stranger with the masked role's login would meet them. */
static void test_grants_alone(void **state) {
  (void)state;
  if (!fixture_server()) skip();
  struct reader reader;
  reader_open(&reader, true);
  char connect[600];
  snprintf(connect, sizeof connect, "%s dbname=%s user=attune_masked", fixture_server(), reader.home.database);
  PGconn *connection = PQconnectdb(connect);
  assert_int_equal(PQstatus(connection), CONNECTION_OK);
  size_t count, masked_count;
  store_derived_tables(&count);
  const char *const *masked = store_masked_tables(&masked_count);
  for (size_t i = 0; i < masked_count; i++) {
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", masked[i]);
    PGresult *result = PQexec(connection, sql);
    assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
    PQclear(result);
  }
  static const char *const no[] = {"SELECT count(*) FROM arm_allocation",
                                   "SELECT count(*) FROM account",
                                   "SELECT count(*) FROM ledger_head",
                                   "CREATE TABLE public.t (a int)",
                                   "CREATE TEMP TABLE t (a int)",
                                   "SET default_transaction_read_only = off; DELETE FROM person",
                                   "SET ROLE postgres"};
  for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
    PGresult *result = PQexec(connection, no[i]);
    if (PQresultStatus(result) != PGRES_FATAL_ERROR) stop_test("PostgreSQL let through: %s\n", no[i]);
    PQclear(result);
  }
  PQfinish(connection);
  reader_close(&reader);
}

static int64_t root_of(struct store *store, const char *table) {
  struct db *db;
  int64_t root;
  assert_ok(db_open(&db, store, DB_OPEN, error));
  assert_ok(db_int(db, error, &root, -1, "SELECT rootpage FROM sqlite_schema WHERE name = $1 ORDER BY rootpage", ARGS(v_text(table))));
  db_close(db);
  return root;
}

/* After an erasure the file is written anew and tables lie elsewhere: a connection that was open before goes by where they
 * are now, for statements that it had prepared and for new ones. */
static void test_tables_move(void **state) {
  (void)state;
  struct reader reader;
  struct error problem;
  struct db *writer;
  int count;
  reader_open(&reader, false);
  assert_ok(run(reader.masked, allowed[0], error, &count));
  assert_ok(db_open(&writer, reader.store, DB_WRITER, error));
  assert_ok(db_exec(writer, error, "CREATE TABLE extra (a BIGINT)", NO_ARGS));
  assert_ok(db_exec(writer, error, "DROP TABLE reminder", NO_ARGS)); /* its pages are free, those after it move */
  assert_ok(db_exec(writer, error, "CREATE TABLE reminder (occasion TEXT)", NO_ARGS));
  int64_t before = root_of(reader.store, "arm_allocation"), person = root_of(reader.store, "person");
  assert_ok(db_rewrite(writer, error));
  db_close(writer);
  assert_true(root_of(reader.store, "arm_allocation") != before || root_of(reader.store, "person") != person);
  sqlite_guards_set(reader.masked, GUARD_EXPLAIN);
  for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
    if (run(reader.masked, allowed[i], &problem, &count)) stop_test("%s: %s\n", allowed[i], problem.text);
  assert_int_equal(run(reader.masked, "SELECT person FROM arm_allocation ORDER BY 1", &problem, &count), ERR_DENIED);
  assert_int_equal(run(reader.masked, "SELECT p.code FROM person p NATURAL JOIN arm_allocation ORDER BY p.code", &problem, &count), ERR_DENIED);
  reader_close(&reader);
}

/* What is refused once is refused again, and what is allowed is still allowed: the cache keeps no half-made state. */
static void test_refusal_repeats(void **state) {
  (void)state;
  struct reader reader;
  struct error problem;
  int count;
  reader_open(&reader, false);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(run(reader.masked, refused[0], &problem, &count), ERR_DENIED);
    assert_int_equal(run(reader.masked, allowed[1], &problem, &count), OK);
  }
  reader_close(&reader);
}

int main(void) {
  crypto_start();
  if (!fixture_server()) print_message("PostgreSQL was left out: ATTUNE_TEST_POSTGRESQL is not set\n");
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_lists_sqlite),  cmocka_unit_test(test_lists_postgresql),
      cmocka_unit_test(test_explain_alone), cmocka_unit_test(test_authorizer_alone),
      cmocka_unit_test(test_grants_alone),  cmocka_unit_test(test_refusal_repeats),
      cmocka_unit_test(test_tables_move),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
