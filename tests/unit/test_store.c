/* The store: statements, transactions, homes, dumps and backups, each on both engines where both have it. */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/crypto.h"
#include "base/embed.h"
#include "store/store_engine.h"
#include "store_place.h"

/* ---- values ---- */

static void values_round_trip(bool postgresql) {
  struct place place;
  place_open(&place, postgresql);
  static const int64_t integers[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT64_C(4294967296)};
  static const char text[] = "quote ' back \\ per % d\xc3\xa9j\xc3\xa0 \xf0\x9f\x99\x82 $1 ?";
  uint8_t blob[256];
  for (int i = 0; i < 256; i++) blob[i] = (uint8_t)i;
  assert_ok(db_begin(place.writer, error));
  for (int i = 0; i < 6; i++) {
    char code[24];
    snprintf(code, sizeof code, "P-%d", i);
    assert_ok(db_exec(place.writer, error, note_insert,
                      ARGS(v_text(code), v_text(""), v_int(integers[i]), v_text(text), v_int(0))));
    assert_int_equal(db_changes(place.writer), 1);
    assert_ok(db_exec(place.writer, error, "INSERT INTO ledger_key (subject, wrapped) VALUES ($1, $2)",
                      ARGS(v_text(code), v_blob(blob, i ? sizeof blob : 0))));
  }
  struct rows rows;
  int seen = 0;
  rows_open(&rows, place.writer,
            "SELECT n.number, n.text, n.author, k.wrapped FROM note AS n JOIN ledger_key AS k ON k.subject = n.subject "
            "ORDER BY n.patient",
            NO_ARGS);
  for (; rows_next(&rows); seen++) {
    size_t length;
    assert_true(rows_int(&rows, 0) == integers[seen]);
    assert_string_equal(rows_text(&rows, 1), text);
    assert_string_equal(rows_text(&rows, 2), "");
    assert_false(rows_null(&rows, 2));
    const void *bytes = rows_blob(&rows, 3, &length);
    assert_int_equal(length, seen ? sizeof blob : 0);
    assert_memory_equal(bytes, blob, length);
    assert_memory_equal(rows_blob(&rows, 3, &length), blob, length); /* a second look gives the same */
    assert_int_equal(rows_columns(&rows), 4);
  }
  assert_ok(rows_close(&rows, error));
  assert_int_equal(seen, 6);
  int64_t number;
  assert_ok(db_int(place.writer, error, &number, 77, "SELECT max(number) FROM note WHERE patient = $1 ORDER BY 1",
                   ARGS(v_text("nobody"))));
  assert_int_equal(number, 77);
  assert_ok(db_int(place.writer, error, &number, 77, "SELECT sum(time_ms) FROM note ORDER BY 1", NO_ARGS));
  assert_int_equal(number, 0);
  struct arena arena = {0};
  char *found;
  assert_ok(db_text(place.writer, error, &arena, &found, "SELECT text FROM note WHERE patient = $1 ORDER BY patient",
                    ARGS(v_text("P-3"))));
  assert_string_equal(found, text);
  assert_ok(db_text(place.writer, error, &arena, &found, "SELECT text FROM note WHERE patient = $1 ORDER BY patient",
                    ARGS(v_text("P-9"))));
  assert_null(found);
  arena_free(&arena);
  assert_ok(db_commit(place.writer, error));
  place_close(&place);
}
ON_BOTH(values_round_trip)

static void foreign_text_is_refused(bool postgresql) {
  struct place place;
  struct error problem;
  place_open(&place, postgresql);
  static const char *const broken[] = {"\xff", "\xc3", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80"};
  for (size_t i = 0; i < 5; i++) assert_int_equal(note(place.writer, "P-1", 1, broken[i], &problem), ERR_INPUT);
  struct value with_nul = {.type = VALUE_TEXT, .bytes = "a\0b", .length = 3};
  assert_int_equal(
      db_exec(place.writer, &problem, note_insert, ARGS(v_text("P-1"), v_text("A"), v_int(1), with_nul, v_int(1))),
      ERR_INPUT);
  assert_int_equal(notes(place.writer), 0);
  place_close(&place);
}
ON_BOTH(foreign_text_is_refused)

static void wrong_statements_are_errors(bool postgresql) {
  struct place place;
  struct error problem;
  place_open(&place, postgresql);
  struct db *open;
  assert_ok(db_open(&open, place.store, DB_OPEN, error));
  assert_int_equal(db_exec(open, &problem, "DELETE FROM note", NO_ARGS) != OK, 1);
  assert_int_equal(db_exec(place.writer, &problem, "SELECT nothing FROM nowhere ORDER BY 1", NO_ARGS), ERR_STORE);
  assert_int_equal(db_exec(place.writer, &problem, note_insert, ARGS(v_text("P-1"))), ERR_STORE);
  assert_int_equal(db_exec(place.writer, &problem, "DELETE FROM note; DELETE FROM note", NO_ARGS), ERR_STORE);
  struct rows rows;
  rows_open(&rows, open, "SELECT nothing FROM nowhere ORDER BY 1", NO_ARGS);
  assert_false(rows_next(&rows));
  assert_false(rows_next(&rows));
  assert_int_equal(rows_close(&rows, &problem), ERR_STORE);
  db_close(open);
  place_close(&place);
}
ON_BOTH(wrong_statements_are_errors)

/* ---- transactions ---- */

static void savepoints_hold(bool postgresql) {
  struct place place;
  struct error problem;
  place_open(&place, postgresql);
  struct db *db = place.writer;
  assert_ok(db_begin(db, error));
  assert_ok(db_savepoint(db, error));
  assert_ok(note(db, "P-1", 1, "kept", error));
  assert_ok(db_release(db, error));
  assert_ok(db_savepoint(db, error));
  assert_ok(note(db, "P-1", 2, "undone", error));
  assert_int_equal(note(db, "P-1", 2, "twice", &problem), ERR_STORE); /* the key is taken */
  assert_ok(db_rollback_to(db, error));
  assert_int_equal(notes(db), 1);
  assert_ok(db_commit(db, error));
  assert_int_equal(db_counts(db).commits, 1);
  assert_ok(db_begin(db, error));
  assert_ok(note(db, "P-1", 3, "gone", error));
  db_rollback(db);
  struct db *open;
  assert_ok(db_open(&open, place.store, DB_OPEN, error));
  assert_int_equal(notes(open), 1);
  db_close(open);
  place_close(&place);
}
ON_BOTH(savepoints_hold)

static void a_failed_batch_commits_nothing(bool postgresql) {
  struct place place;
  struct error problem;
  place_open(&place, postgresql);
  assert_ok(db_begin(place.writer, error));
  assert_ok(note(place.writer, "P-1", 1, "one", error));
  assert_int_equal(note(place.writer, "P-1", 1, "twice", &problem), ERR_STORE);
  if (postgresql) { /* PostgreSQL rolls all back then; SQLite the one statement */
    assert_int_equal(db_commit(place.writer, &problem), ERR_BUSY);
    assert_int_equal(notes(place.writer), 0);
  } else
    db_rollback(place.writer);
  assert_int_equal(notes(place.writer), 0);
  place_close(&place);
}
ON_BOTH(a_failed_batch_commits_nothing)

static void readers_see_a_snapshot(bool postgresql) {
  struct place place;
  struct db *open;
  place_open(&place, postgresql);
  assert_ok(db_open(&open, place.store, DB_OPEN, error));
  assert_ok(db_snapshot(open, error));
  assert_int_equal(notes(open), 0);
  assert_ok(db_begin(place.writer, error));
  assert_ok(note(place.writer, "P-1", 1, "later", error));
  assert_ok(db_commit(place.writer, error));
  assert_int_equal(notes(open), 0);
  db_snapshot_end(open);
  assert_int_equal(notes(open), 1);
  db_close(open);
  place_close(&place);
}
ON_BOTH(readers_see_a_snapshot)

static void two_looks_at_one_text(bool postgresql) {
  struct place place;
  place_open(&place, postgresql);
  assert_ok(db_begin(place.writer, error));
  for (int i = 1; i <= 3; i++) assert_ok(note(place.writer, "P-1", i, "x", error));
  static const char sql[] = "SELECT number FROM note ORDER BY number";
  struct rows a, b;
  rows_open(&a, place.writer, sql, NO_ARGS);
  assert_true(rows_next(&a));
  rows_open(&b, place.writer, sql, NO_ARGS);
  assert_true(rows_next(&b) && rows_next(&b));
  assert_int_equal(rows_int(&b, 0), 2);
  assert_int_equal(rows_int(&a, 0), 1);
  assert_ok(rows_close(&a, error));
  assert_true(rows_next(&b));
  assert_int_equal(rows_int(&b, 0), 3);
  assert_ok(rows_close(&b, error));
  assert_ok(db_commit(place.writer, error));
  place_close(&place);
}
ON_BOTH(two_looks_at_one_text)

static void many_statements_fit(bool postgresql) {
  struct place place;
  place_open(&place, postgresql);
  for (int i = 0; i < 1500; i++) { /* more than either cache holds */
    char sql[96];
    int64_t out;
    snprintf(sql, sizeof sql, "SELECT count(*) + %d FROM note ORDER BY 1", i);
    assert_ok(db_int(place.writer, error, &out, -1, sql, NO_ARGS));
    assert_int_equal(out, i);
  }
  place_close(&place);
}
ON_BOTH(many_statements_fit)

/* ---- tables ---- */

static bool in_list(const char *const *list, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++)
    if (!strcmp(list[i], name)) return true;
  return false;
}

/* The lists in store_tables.c and the schema are one; every table has a key, and `subject` where it is said to. */
static void lists_are_the_schema(bool postgresql) {
  struct place place;
  place_open(&place, postgresql);
  size_t counts[5];
  const char *const *lists[] = {store_derived_tables(&counts[0]), store_ledger_tables(&counts[1]),
                                store_working_tables(&counts[2]), store_reader_tables(DB_MASKED, &counts[3]),
                                store_reader_tables(DB_ACCOUNT, &counts[4])};
  for (int l = 0; l < 5; l++) {
    for (size_t i = 0; i < counts[l]; i++) {
      struct table_shape shape;
      const char *name = lists[l][i];
      assert_ok(place.writer->engine->shape(place.writer, name, &shape, error));
      if (!shape.columns || !shape.keys) stop_test("%s is not in the schema\n", name);
      bool subject = false;
      for (int c = 0; c < shape.columns; c++) subject |= !strcmp(shape.name[c], "subject");
      if ((l == 0 || l == 2) && subject != store_table_has_subject(name)) stop_test("%s and its subject\n", name);
      if (i) assert_true(strcmp(lists[l][i - 1], name) < 0);
      if (l >= 3 && (!strncmp(name, "arm_", 4) || !strncmp(name, "ledger_", 7)))
        stop_test("%s may be in no reader's list\n", name);
      if (l >= 3 && !in_list(lists[0], counts[0], name) && !in_list(lists[2], counts[2], name))
        stop_test("%s is in no list\n", name);
    }
  }
  struct rows rows;
  int tables = 0;
  rows_open(&rows, place.writer,
            postgresql ? "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = "
                         "'public'::regnamespace ORDER BY 1"
                       : "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1",
            NO_ARGS);
  for (; rows_next(&rows); tables++)
    if (!store_table_known(rows_text(&rows, 0)))
      stop_test("the table %s is in no list of store_tables.c\n", rows_text(&rows, 0));
  assert_ok(rows_close(&rows, error));
  assert_int_equal(tables, (int)(counts[0] + counts[1] + counts[2]) + 1);
  place_close(&place);
}
ON_BOTH(lists_are_the_schema)

static void test_dump_is_one_file(void **state) {
  (void)state;
  struct place place;
  static struct text here, there;
  place_open(&place, false);
  some_rows(place.writer);
  dump_of(place.writer, &here);
  assert_non_null(strstr(here.bytes, "table account 0\ntable account_ask 0\ntable account_role 0\n"));
  static const char some_notes[] = "table note 7\nt1:A,t3:A-1,i6,t1:A,t20:text, with: 5 signs\n,i-5,\nt1:B,t3:A-1,i2,";
  static const char an_identity[] = "t3:P-1,t3:P-1,t1:x,b4:\0\1,\n,\n";
  assert_non_null(memmem(here.bytes, here.length, some_notes, sizeof some_notes - 1));
  assert_non_null(memmem(here.bytes, here.length, an_identity, sizeof an_identity - 1));
  assert_null(memmem(here.bytes, here.length, "ledger_", 7));
  place_close(&place);
  if (!fixture_server()) return;
  place_open(&place, true);
  some_rows(place.writer);
  dump_of(place.writer, &there);
  assert_int_equal(here.length, there.length);
  assert_memory_equal(here.bytes, there.bytes, here.length);
  place_close(&place);
}

static void differences_are_named(bool postgresql) {
  struct place place;
  struct store *memory;
  struct db *other;
  char difference[256];
  place_open(&place, postgresql);
  assert_ok(store_open_memory(&memory, error));
  assert_ok(db_open(&other, memory, DB_WRITER, error));
  some_rows(place.writer);
  some_rows(other);
  assert_ok(db_first_difference(place.writer, other, difference, sizeof difference, error));
  assert_string_equal(difference, "");
  assert_ok(db_exec(other, error, "UPDATE note SET time_ms = 1 WHERE patient = 'B'", NO_ARGS));
  assert_ok(db_first_difference(place.writer, other, difference, sizeof difference, error));
  assert_non_null(strstr(difference, "table note, row patient=B, author=A-1, number=2"));
  assert_ok(db_exec(other, error, "DELETE FROM note WHERE patient = 'A'", NO_ARGS));
  assert_ok(db_first_difference(place.writer, other, difference, sizeof difference, error));
  assert_non_null(strstr(difference, "table note, row patient=A"));
  db_close(other);
  store_close(memory);
  place_close(&place);
}
ON_BOTH(differences_are_named)

static void erasing_takes_all_rows(bool postgresql) {
  struct place place;
  int64_t left;
  place_open(&place, postgresql);
  some_rows(place.writer);
  assert_ok(db_exec(place.writer, error,
                    "INSERT INTO run_draft (occasion, subject, body, saved_ms) VALUES ('F-1', 'a', '{}', 1)", NO_ARGS));
  assert_ok(db_begin(place.writer, error));
  assert_ok(db_erase_subject(place.writer, "a", error));
  assert_ok(db_commit(place.writer, error));
  assert_int_equal(notes(place.writer), 6);
  assert_ok(db_int(place.writer, error, &left, -1, "SELECT count(*) FROM run_draft ORDER BY 1", NO_ARGS));
  assert_int_equal(left, 0);
  place_close(&place);
}
ON_BOTH(erasing_takes_all_rows)

/* ---- homes ---- */

static void homes_are_guarded(bool postgresql) {
  struct place place;
  struct store *other;
  struct db *second;
  struct error problem;
  place_open(&place, postgresql);
  assert_int_equal(db_open(&second, place.store, DB_WRITER, &problem), ERR_STATE); /* there is one writer */
  assert_int_equal(store_create(place.home.path, NULL, &problem), ERR_STATE);
  assert_string_equal(problem.id, "home-exists");
  assert_ok(store_open(&other, place.home.path, STORE_LOOK, error));
  assert_int_equal(db_open(&second, other, DB_WRITER, &problem), ERR_STATE);
  assert_ok(db_open(&second, other, DB_OPEN, error));
  some_rows(place.writer);
  assert_int_equal(notes(second), 7);
  db_close(second);
  store_close(other);
  place_close(&place);
  assert_int_equal(store_open(&other, place.home.path, STORE_LOOK, &problem), ERR_STATE);
  assert_string_equal(problem.id, "home-missing");
}
ON_BOTH(homes_are_guarded)

/* Another process that would write is refused with one sentence, and let in once the first is gone, however it went. */
static void test_one_process_writes(void **state) {
  (void)state;
  struct place place;
  place_open(&place, false);
  pid_t child = fork();
  if (!child) {
    struct store *other;
    struct error problem;
    char sentence[FIXTURE_PATH + 80];
    snprintf(sentence, sizeof sentence, "%s is served by process %ld; stop it first", place.home.path, (long)getppid());
    bool refused =
        store_open(&other, place.home.path, STORE_OWN, &problem) == ERR_STATE && !strcmp(problem.text, sentence);
    _exit(refused ? 0 : 1);
  }
  int status;
  waitpid(child, &status, 0);
  assert_int_equal(status, 0);
  db_close(place.writer);
  store_close(place.store);
  int ready[2];
  assert_int_equal(pipe(ready), 0);
  if (!(child = fork())) {
    struct store *other;
    struct error problem;
    bool held = store_open(&other, place.home.path, STORE_OWN, &problem) == OK;
    if (write(ready[1], held ? "y" : "n", 1) != 1) _exit(1);
    pause();
  }
  char answer = 0;
  assert_int_equal(read(ready[0], &answer, 1), 1);
  assert_int_equal(answer, 'y');
  struct error problem;
  assert_int_equal(store_open(&place.store, place.home.path, STORE_OWN, &problem), ERR_STATE);
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  assert_ok(store_open(&place.store, place.home.path, STORE_OWN, error));
  assert_ok(db_open(&place.writer, place.store, DB_WRITER, error));
  close(ready[0]);
  close(ready[1]);
  place_close(&place);
}

static void versions_are_told(bool postgresql) {
  struct place place;
  struct store *other;
  struct error problem;
  place_open(&place, postgresql);
  assert_ok(db_exec(place.writer, error, "UPDATE schema_version SET version = version + 1 WHERE one = 1", NO_ARGS));
  assert_int_equal(store_open(&other, place.home.path, STORE_LOOK, &problem), ERR_STATE);
  assert_string_equal(problem.id, "home-newer");
  assert_non_null(strstr(problem.text, "newer version"));
  assert_ok(db_exec(place.writer, error, "UPDATE schema_version SET version = 1 WHERE one = 1", NO_ARGS));
  assert_int_equal(store_open(&other, place.home.path, STORE_LOOK, &problem), ERR_STATE);
  assert_string_equal(problem.id, "home-older");
  place_close(&place);
}
ON_BOTH(versions_are_told)

static mode_t mode_of(const char *home, const char *name) {
  char path[FIXTURE_PATH + 40];
  struct stat facts;
  snprintf(path, sizeof path, "%s/%s", home, name);
  if (stat(path, &facts)) stop_test("%s is not there", path);
  return facts.st_mode & 0777;
}

/* Whatever the umask, and after a copy by hand has opened what was closed. */
static void test_nobody_else_reads(void **state) {
  (void)state;
  static const char *const files[] = {"attune.db", "attune.db-wal", "attune.db-shm", "store.json", "lock"};
  struct place place;
  mode_t before = umask(0);
  place_open(&place, false);
  some_rows(place.writer);
  umask(before);
  assert_int_equal(mode_of(place.home.path, "."), 0700);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) assert_int_equal(mode_of(place.home.path, files[i]), 0600);
  db_close(place.writer);
  store_close(place.store);
  char path[FIXTURE_PATH + 40];
  snprintf(path, sizeof path, "%s/attune.db", place.home.path);
  assert_int_equal(chmod(path, 0664), 0);
  assert_int_equal(chmod(place.home.path, 0755), 0);
  assert_ok(store_open(&place.store, place.home.path, STORE_OWN, error));
  assert_ok(db_open(&place.writer, place.store, DB_WRITER, error));
  assert_ok(note(place.writer, "more", 1, "", error));
  assert_int_equal(mode_of(place.home.path, "."), 0700);
  for (size_t i = 0; i < 3; i++) assert_int_equal(mode_of(place.home.path, files[i]), 0600);
  place_close(&place);
}

/* A database that was cut to nothing is not taken for a new one, and nobody is told to remove anything. */
static void test_a_lost_database_is_not_a_new_one(void **state) {
  (void)state;
  struct place place;
  struct error problem;
  char path[FIXTURE_PATH + 20];
  place_open(&place, false);
  some_rows(place.writer);
  db_close(place.writer);
  store_close(place.store);
  snprintf(path, sizeof path, "%s/attune.db", place.home.path);
  assert_int_equal(truncate(path, 0), 0);
  for (int mode = STORE_OWN; mode <= STORE_LOOK; mode++) {
    assert_int_equal(store_open(&place.store, place.home.path, (enum store_mode)mode, &problem), ERR_STATE);
    assert_string_equal(problem.id, "home-emptied");
    assert_non_null(strstr(problem.text, "keep this home and its keys"));
    assert_null(strstr(problem.text, "remove"));
  }
  home_remove(&place.home);
}

static void integrity_is(struct store *store, const char *part) {
  struct db *db;
  char what[200], unchecked[200];
  assert_ok(db_open(&db, store, DB_OPEN, error));
  assert_ok(db_snapshot(db, error));
  assert_ok(db_integrity(db, what, sizeof what, unchecked, sizeof unchecked, error));
  assert_string_equal(unchecked, "");
  if (part ? !strstr(what, part) : *what) stop_test("'%s' is not '%s'", what, part ? part : "");
  db_close(db);
}

/* An index that has lost a row: hidden while the row is written, then put back. No table differs. */
static void test_an_index_that_differs_sqlite(void **state) {
  (void)state;
  struct place place;
  char path[FIXTURE_PATH + 20];
  sqlite3 *handle;
  place_open(&place, false);
  integrity_is(place.store, NULL);
  db_close(place.writer);
  snprintf(path, sizeof path, "%s/attune.db", place.home.path);
  assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
  static const char *const hide = "PRAGMA writable_schema = ON; CREATE TABLE t AS SELECT * FROM sqlite_schema WHERE name = 'person_therapist';"
                                  "DELETE FROM sqlite_schema WHERE name = 'person_therapist';";
  static const char *const row = "INSERT INTO person VALUES ('P-1', 'P-1', 'patient', 'x', 'T-1', 'en', 1, 1, 0, '');"
                                 "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema SELECT * FROM t;";
  assert_int_equal(sqlite3_exec(handle, hide, NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(handle);
  assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
  assert_int_equal(sqlite3_exec(handle, row, NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(handle);
  integrity_is(place.store, "person_therapist");
  store_close(place.store);
  home_remove(&place.home);
}

static void test_an_index_that_differs_postgresql(void **state) {
  (void)state;
  if (!fixture_server()) skip();
  struct place place;
  char what[200], unchecked[200] = "";
  place_open(&place, true);
  assert_ok(db_integrity(place.writer, what, sizeof what, unchecked, sizeof unchecked, error));
  assert_non_null(strstr(unchecked, "amcheck")); /* said, not passed over */
  assert_ok(db_exec(place.writer, error, "CREATE EXTENSION amcheck", NO_ARGS));
  integrity_is(place.store, NULL);
  assert_ok(db_exec(place.writer, error, "UPDATE pg_index SET indisready = false WHERE indexrelid = 'person_therapist'::regclass", NO_ARGS));
  assert_ok(db_exec(place.writer, error, "INSERT INTO person VALUES ('P-1', 'P-1', 'patient', 'x', 'T-1', 'en', 1, 1, 0, '')", NO_ARGS));
  assert_ok(db_exec(place.writer, error, "UPDATE pg_index SET indisready = true WHERE indexrelid = 'person_therapist'::regclass", NO_ARGS));
  integrity_is(place.store, "person_therapist");
  place_close(&place);
}

static void overwrite(const char *path, off_t at, const void *bytes, size_t length) {
  int file = open(path, O_WRONLY);
  assert_true(file >= 0);
  assert_int_equal(pwrite(file, bytes, length, at), (ssize_t)length);
  close(file);
}

static void test_damage_is_a_sentence(void **state) {
  (void)state;
  struct place place;
  struct error problem;
  char path[FIXTURE_PATH + 20];
  place_open(&place, false);
  some_rows(place.writer);
  db_close(place.writer);
  store_close(place.store);
  snprintf(path, sizeof path, "%s/attune.db", place.home.path);
  static char rubbish[4096];
  memset(rubbish, 0x5a, sizeof rubbish);
  overwrite(path, 0, rubbish, 100); /* no header */
  assert_int_equal(store_open(&place.store, place.home.path, STORE_LOOK, &problem), ERR_STORE);
  assert_string_equal(problem.id, "store-damaged");
  assert_non_null(strstr(problem.text, "restore it from a backup"));
  assert_int_equal(store_open(&place.store, place.home.path, STORE_OWN, &problem), ERR_STORE);
  unlink(path);
  assert_int_equal(store_open(&place.store, place.home.path, STORE_OWN, &problem), ERR_STATE);
  home_remove(&place.home);
}

static void test_settings_are_read(void **state) {
  (void)state;
  static const char *const broken[] = {
      "", "{", "[]", "{\"engine\": \"mysql\"}", "{\"engine\": \"postgresql\"}", "{\"engine\": 3}"};
  struct store *store;
  struct error problem;
  struct place place;
  char path[FIXTURE_PATH + 20];
  place_open(&place, false);
  db_close(place.writer);
  store_close(place.store);
  snprintf(path, sizeof path, "%s/store.json", place.home.path);
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
    FILE *file = fopen(path, "w");
    fputs(broken[i], file);
    fclose(file);
    enum err err = store_open(&store, place.home.path, STORE_LOOK, &problem);
    if (!err || !strstr(problem.text, "store.json")) stop_test("taken: %s (%s)\n", broken[i], problem.text);
  }
  home_remove(&place.home);
}

/* ---- one checkpointer ---- */

static off_t size_of(const struct place *place, const char *suffix) {
  char path[FIXTURE_PATH + 20];
  struct stat facts;
  snprintf(path, sizeof path, "%s/attune.db%s", place->home.path, suffix);
  return stat(path, &facts) ? -1 : facts.st_size;
}

static void write_much(struct place *place, int from, int count) {
  static char text[3000];
  memset(text, 'x', sizeof text - 1);
  for (int i = from; i < from + count; i++) {
    assert_ok(db_begin(place->writer, error));
    assert_ok(note(place->writer, "P-1", i, text, error));
    assert_ok(db_commit(place->writer, error));
  }
}

/* The writer is frozen with a full WAL; readers of every kind, here and in another process, open, read and close last.
 * Neither the database file nor the WAL may change by that. */
static void test_readers_never_checkpoint(void **state) {
  (void)state;
  struct place place;
  place_open(&place, false);
  write_much(&place, 0, 50);
  off_t database = size_of(&place, ""), wal = size_of(&place, "-wal");
  assert_true(wal > 100000);
  assert_int_equal(db_counts(place.writer).checkpoints, 0);
  pid_t child = fork();
  if (!child) { /* the parent's connections are not used here, and the process ends without closing them */
    struct store *look;
    struct db *db;
    struct error problem;
    int64_t count = 0;
    if (store_open(&look, place.home.path, STORE_LOOK, &problem)) _exit(2);
    for (int i = 0; i < 3; i++) {
      enum db_kind kind = i % 2 ? DB_MASKED : DB_OPEN;
      if (db_open(&db, look, kind, &problem)) _exit(3);
      if (db_int(db, &problem, &count, 0,
                 kind == DB_OPEN ? "SELECT count(*) FROM note ORDER BY 1" : "SELECT count(*) FROM person ORDER BY 1",
                 NO_ARGS))
        _exit(4);
      if (db_counts(db).checkpoints) _exit(5);
      db_close(db);
    }
    store_close(look);
    _exit(count == 50 ? 0 : 6);
  }
  int status;
  waitpid(child, &status, 0);
  assert_int_equal(status, 0);
  struct db *reader[2];
  assert_ok(db_open(&reader[0], place.store, DB_OPEN, error));
  assert_ok(db_open(&reader[1], place.store, DB_MASKED, error));
  assert_int_equal(notes(reader[0]), 50);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(db_counts(reader[i]).checkpoints, 0);
    db_close(reader[i]);
  }
  assert_int_equal(size_of(&place, ""), database);
  assert_int_equal(size_of(&place, "-wal"), wal);
  write_much(&place, 50, 1000); /* and the writer itself does */
  assert_true(db_counts(place.writer).checkpoints >= 1);
  assert_true(size_of(&place, "") > database);
  place_close(&place);
}

/* A server that was killed leaves a WAL. The last to close a look at it leaves it as it is. */
static void test_last_reader_leaves_the_wal(void **state) {
  (void)state;
  struct place place;
  struct chance chance = chance_frozen(1);
  home_make(&place.home, false, &chance);
  pid_t child = fork();
  if (!child) {
    assert_ok(store_open(&place.store, place.home.path, STORE_OWN, error));
    assert_ok(db_open(&place.writer, place.store, DB_WRITER, error));
    write_much(&place, 0, 20);
    kill(getpid(), SIGKILL);
  }
  int status;
  waitpid(child, &status, 0);
  assert_true(WIFSIGNALED(status));
  off_t database = size_of(&place, ""), wal = size_of(&place, "-wal");
  assert_true(wal > 30000);
  struct db *reader;
  assert_ok(store_open(&place.store, place.home.path, STORE_LOOK, error));
  assert_ok(db_open(&reader, place.store, DB_OPEN, error));
  assert_int_equal(notes(reader), 20);
  db_close(reader);
  store_close(place.store);
  assert_int_equal(size_of(&place, ""), database);
  assert_int_equal(size_of(&place, "-wal"), wal);
  assert_ok(store_open(&place.store, place.home.path, STORE_OWN, error));
  assert_ok(db_open(&place.writer, place.store, DB_WRITER, error));
  assert_int_equal(notes(place.writer), 20);
  place_close(&place);
}

static void test_writer_is_set_as_promised(void **state) {
  (void)state;
  static const struct {
    const char *pragma, *writer, *reader;
  } wanted[] = {{"PRAGMA journal_mode", "wal", "wal"},  {"PRAGMA synchronous", "2", NULL},
                {"PRAGMA mmap_size", "0", "0"},         {"PRAGMA secure_delete", "1", NULL},
                {"PRAGMA query_only", "0", "1"},        {"PRAGMA trusted_schema", "0", "0"},
                {"PRAGMA wal_autocheckpoint", "0", "0"}};
  struct place place;
  struct db *open;
  place_open(&place, false);
  assert_ok(db_open(&open, place.store, DB_OPEN, error));
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    for (int reader = 0; reader < 2; reader++) {
      const char *expected = reader ? wanted[i].reader : wanted[i].writer;
      struct rows rows;
      char got[32] = "";
      rows_open(&rows, reader ? open : place.writer, wanted[i].pragma, NO_ARGS);
      if (rows_next(&rows)) {
        struct value value = rows_value(&rows, 0);
        if (value.type == VALUE_INT)
          snprintf(got, sizeof got, "%lld", (long long)value.integer);
        else
          snprintf(got, sizeof got, "%s", rows_text(&rows, 0));
      }
      assert_ok(rows_close(&rows, error));
      if (expected && strcmp(got, expected)) stop_test("%s is %s, not %s\n", wanted[i].pragma, got, expected);
    }
  }
  db_close(open);
  place_close(&place);
}

/* ---- PostgreSQL's own ---- */

static void test_unfit_databases(void **state) {
  (void)state;
  if (!fixture_server()) skip();
  struct error problem;
  struct home home;
  char connect[512], name[64];
  home_name(&home);
  snprintf(name, sizeof name, "attune_unfit_%ld", (long)getpid());
  fixture_admin("CREATE DATABASE", name, "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
  fixture_connect(connect, sizeof connect, name);
  assert_int_equal(store_create(home.path, connect, &problem), ERR_INPUT);
  assert_string_equal(problem.id, "database-order");
  fixture_admin("DROP DATABASE", name, "");
  assert_int_equal(store_create(home.path, connect, &problem), ERR_STATE); /* it is not there */
  assert_string_equal(problem.id, "store-away");
  home_remove(&home);
}

/* The server ends our connection: what was under way is lost, the next transaction finds a new one. */
static void test_reconnects(void **state) {
  (void)state;
  if (!fixture_server()) skip();
  struct place place;
  struct error problem;
  place_open(&place, true);
  assert_ok(db_begin(place.writer, error));
  assert_ok(note(place.writer, "P-1", 1, "lost", error));
  int64_t ended;
  struct db *open;
  assert_ok(db_open(&open, place.store, DB_OPEN, error));
  assert_ok(
      db_int(open, error, &ended, 0,
             "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND "
             "pid <> pg_backend_pid() ORDER BY 1",
             NO_ARGS));
  assert_true(ended >= 1);
  assert_int_equal(note(place.writer, "P-1", 2, "lost too", &problem), ERR_BUSY);
  assert_int_equal(db_commit(place.writer, &problem), ERR_BUSY);
  assert_ok(db_begin(place.writer, error));
  assert_ok(note(place.writer, "P-1", 3, "kept", error));
  assert_ok(db_commit(place.writer, error));
  assert_int_equal(notes(open), 1);
  db_close(open);
  place_close(&place);
}

int main(void) {
  crypto_start();
  if (!fixture_server()) print_message("PostgreSQL was left out: ATTUNE_TEST_POSTGRESQL is not set\n");
  const struct CMUnitTest tests[] = {
      BOTH(values_round_trip),
      BOTH(foreign_text_is_refused),
      BOTH(wrong_statements_are_errors),
      BOTH(savepoints_hold),
      BOTH(a_failed_batch_commits_nothing),
      BOTH(readers_see_a_snapshot),
      BOTH(two_looks_at_one_text),
      BOTH(many_statements_fit),
      BOTH(lists_are_the_schema),
      cmocka_unit_test(test_dump_is_one_file),
      BOTH(differences_are_named),
      BOTH(erasing_takes_all_rows),
      BOTH(homes_are_guarded),
      cmocka_unit_test(test_one_process_writes),
      cmocka_unit_test(test_nobody_else_reads),
      cmocka_unit_test(test_a_lost_database_is_not_a_new_one),
      cmocka_unit_test(test_an_index_that_differs_sqlite),
      cmocka_unit_test(test_an_index_that_differs_postgresql),
      BOTH(versions_are_told),
      cmocka_unit_test(test_damage_is_a_sentence),
      cmocka_unit_test(test_settings_are_read),
      cmocka_unit_test(test_readers_never_checkpoint),
      cmocka_unit_test(test_last_reader_leaves_the_wal),
      cmocka_unit_test(test_writer_is_set_as_promised),
      cmocka_unit_test(test_unfit_databases),
      cmocka_unit_test(test_reconnects),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
