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
    if (err != ERR_DENIED || count || strcmp(problem.id, "reader"))
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
  const char *const *masked = store_reader_tables(DB_MASKED, &masked_count);
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

/* ---- the account reader ---- */

static const char *const account_allowed[] = {
    "SELECT a.code, r.role FROM account a JOIN account_role r ON r.account = a.code ORDER BY a.code, r.role",
    "SELECT password FROM account WHERE login = 'x' AND disabled = 0 AND password <> '' ORDER BY code",
    "SELECT subject, seen_ms, form_token FROM run_session ORDER BY token",
    "SELECT step FROM run_totp ORDER BY account",
    "SELECT tries FROM run_throttle WHERE window_ms > 5 ORDER BY name",
    "SELECT subject FROM run_sign_in_link ORDER BY token",
};
static const char *const account_refused[] = {
    "SELECT arm FROM arm_allocation ORDER BY person",
    "SELECT code FROM person ORDER BY code",
    "SELECT sealed FROM identity ORDER BY person",
    "SELECT value FROM answer ORDER BY occasion, item",
    "SELECT body FROM run_draft ORDER BY occasion",
    "SELECT template FROM run_outbox ORDER BY id",
    "SELECT actor FROM audit_masked ORDER BY number",
    "SELECT wrapped FROM ledger_key ORDER BY subject",
    "SELECT a.code FROM account a JOIN arm_allocation m ON m.person = a.person ORDER BY m.slot",
    "SELECT a.code FROM account a JOIN arm_allocation USING (subject) ORDER BY a.code",
    "SELECT a.code FROM account a NATURAL JOIN arm_allocation ORDER BY a.code",
    "WITH account AS (SELECT arm AS code FROM arm_allocation) SELECT code FROM account ORDER BY code",
    "SELECT code FROM account ORDER BY (SELECT slot FROM arm_allocation WHERE person = code)",
    "SELECT name FROM sqlite_schema ORDER BY 1",
    "SELECT relname FROM pg_class ORDER BY 1",
    "UPDATE account SET disabled = 0",
};

static void account_lists_hold(bool postgresql) {
  struct reader reader;
  struct db *db;
  struct error problem;
  int count;
  reader_open(&reader, postgresql);
  assert_ok(db_open(&db, reader.store, DB_ACCOUNT, error));
  for (size_t i = 0; i < sizeof account_allowed / sizeof *account_allowed; i++)
    if (run(db, account_allowed[i], &problem, &count)) stop_test("%s: %s\n", account_allowed[i], problem.text);
  for (size_t i = 0; i < sizeof account_refused / sizeof *account_refused; i++) {
    problem = (struct error){0};
    enum err err = run(db, account_refused[i], &problem, &count);
    if (err != ERR_DENIED || count || strcmp(problem.id, "reader")) stop_test("not refused: %s (%d, %s)\n", account_refused[i], err, problem.text);
  }
  /* the planted leak: the compiled program alone must see it, and with every guard off it is real */
  static const char leak[] = "WITH account AS (SELECT arm AS code FROM arm_allocation) SELECT code FROM account ORDER BY code";
  if (!postgresql) {
    sqlite_guards_set(db, GUARD_EXPLAIN);
    assert_int_equal(run(db, leak, &problem, &count), ERR_DENIED);
    sqlite_guards_set(db, 0);
    assert_int_equal(run(db, leak, &problem, &count), OK);
    assert_int_equal(count, 2);
  }
  db_close(db);
  reader_close(&reader);
}
ON_BOTH(account_lists_hold)

/* ---- what a role of PostgreSQL may do by itself ---- */

static PGconn *as_role(const struct home *home, const char *role) {
  char connect[600];
  snprintf(connect, sizeof connect, "%s dbname=%s user=%s", fixture_server(), home->database, role);
  PGconn *connection = PQconnectdb(connect);
  if (PQstatus(connection) != CONNECTION_OK) stop_test("%s: %s", role, PQerrorMessage(connection));
  return connection;
}

static bool role_may(PGconn *connection, const char *sql) {
  PGresult *result = PQexec(connection, sql);
  ExecStatusType status = PQresultStatus(result);
  PQclear(result);
  return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

/* A home made by a superuser: no role learns the number of rows of a table that it may not read. */
static void test_counts_are_closed(void **state) {
  (void)state;
  if (!fixture_server()) skip();
  static const char *const tells[] = {"SELECT reltuples FROM pg_class WHERE relname = 'arm_allocation'",
                                      "SELECT relpages FROM pg_class WHERE relname = 'arm_allocation'",
                                      "SELECT n_live_tup FROM pg_stat_user_tables WHERE relname = 'arm_allocation'",
                                      "SELECT n_tup_ins FROM pg_stat_all_tables WHERE relname = 'arm_allocation'",
                                      "SELECT heap_blks_read FROM pg_statio_all_tables WHERE relname = 'arm_allocation'",
                                      "SELECT idx_scan FROM pg_stat_all_indexes WHERE relname = 'arm_allocation'",
                                      "SELECT pg_stat_get_tuples_inserted(oid) FROM pg_class WHERE relname = 'arm_allocation'",
                                      "SELECT pg_relation_size(oid) FROM pg_class WHERE relname = 'arm_allocation'",
                                      "SELECT pg_total_relation_size('arm_allocation')",
                                      "SELECT n_distinct FROM pg_stats WHERE tablename = 'arm_allocation' UNION ALL SELECT 1 / 0",
                                      "EXPLAIN SELECT arm FROM arm_allocation"};
  struct reader reader;
  reader_open(&reader, true);
  static const char *const roles[] = {"attune_masked", "attune_account"};
  for (int r = 0; r < 2; r++) {
    PGconn *connection = as_role(&reader.home, roles[r]);
    for (size_t i = 0; i < sizeof tells / sizeof *tells; i++)
      if (role_may(connection, tells[i])) stop_test("%s may: %s", roles[r], tells[i]);
    assert_true(role_may(connection, "SELECT oid, relname, relkind FROM pg_class WHERE relname = 'person'"));
    PQfinish(connection);
  }
  reader_close(&reader);
}

/* Two homes in one database, each in a schema of its own, beside whatever stands in public. */
static void test_a_schema_a_home(void **state) {
  (void)state;
  if (!fixture_server()) skip();
  struct home homes[2] = {0};
  struct store *stores[2];
  struct chance chance = chance_frozen(1);
  struct error problem;
  char connect[600], database[80];
  snprintf(database, sizeof database, "attune_schemas_%ld", (long)getpid());
  fixture_admin("CREATE DATABASE", database, "ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
  for (int i = 0; i < 2; i++) {
    home_name(&homes[i]);
    snprintf(connect, sizeof connect, "schema=%s %s dbname='%s'", i ? "north_trial" : "south", fixture_server(), database);
    assert_ok(store_create(homes[i].path, connect, error));
    assert_ok(keys_create(homes[i].path, &chance, error));
    assert_ok(store_open(&stores[i], homes[i].path, STORE_OWN, error));
  }
  struct db *writer, *masked;
  int count;
  assert_ok(db_open(&writer, stores[0], DB_WRITER, error));
  assert_ok(db_exec(writer, error, "INSERT INTO tombstone (erased, subject, kind, site, therapist, time_ms) VALUES ('P-1', 'study', 'patient', '', '', 1)", NO_ARGS));
  db_close(writer);
  for (int i = 0; i < 2; i++) {
    assert_ok(db_open(&masked, stores[i], DB_MASKED, error));
    assert_ok(run(masked, "SELECT erased FROM tombstone ORDER BY erased", error, &count));
    assert_int_equal(count, !i);
    db_close(masked);
    store_close(stores[i]);
  }
  homes[0].database[0] = 0;
  snprintf(homes[1].database, sizeof homes[1].database, "%s", database);
  PGconn *connection = as_role(&homes[1], "attune_masked_south");
  assert_true(role_may(connection, "SELECT erased FROM south.tombstone"));
  assert_false(role_may(connection, "SELECT erased FROM north_trial.tombstone"));
  assert_false(role_may(connection, "SELECT arm FROM south.arm_allocation"));
  PQfinish(connection);
  snprintf(connect, sizeof connect, "%s dbname=%s schema=south", fixture_server(), database);
  struct home third;
  home_name(&third);
  assert_int_equal(store_create(third.path, connect, &problem), ERR_STATE);
  assert_string_equal(problem.id, "database-used");
  snprintf(connect, sizeof connect, "%s dbname=%s schema=So-uth", fixture_server(), database);
  home_remove(&third);
  assert_int_equal(store_create(third.path, connect, &problem), ERR_INPUT);
  assert_string_equal(problem.id, "schema-name");
  home_remove(&third);
  home_remove(&homes[0]);
  home_remove(&homes[1]);
  for (int i = 0; i < 4; i++) {
    static const char *const roles[] = {"attune_masked_south", "attune_account_south", "attune_masked_north_trial", "attune_account_north_trial"};
    fixture_admin("DROP ROLE", roles[i], "");
  }
}

/* A stronger synchronous_commit is the administrator's; none at all is not. */
static void test_synchronous_commit_is_respected(void **state) {
  (void)state;
  if (!fixture_server()) skip();
  static const char *const set[][2] = {{"remote_apply", "remote_apply"}, {"local", "local"}, {"off", "on"}};
  struct home home;
  struct chance chance = chance_frozen(1);
  home_make(&home, true, &chance);
  for (size_t i = 0; i < 3; i++) {
    struct store *store;
    struct db *db;
    struct arena arena = {0};
    char after[80], *now;
    snprintf(after, sizeof after, "SET synchronous_commit = %s", set[i][0]);
    fixture_admin("ALTER DATABASE", home.database, after);
    assert_ok(store_open(&store, home.path, STORE_OWN, error));
    assert_ok(db_open(&db, store, DB_WRITER, error));
    assert_ok(db_text(db, error, &arena, &now, "SELECT current_setting('synchronous_commit') ORDER BY 1", NO_ARGS));
    assert_string_equal(now, set[i][1]);
    arena_free(&arena);
    db_close(db);
    store_close(store);
  }
  home_remove(&home);
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
      BOTH(account_lists_hold),
      cmocka_unit_test(test_counts_are_closed),
      cmocka_unit_test(test_a_schema_a_home),
      cmocka_unit_test(test_synchronous_commit_is_respected),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
