/* Backups: what travels, between the engines too, and what is refused. */
#include <sys/stat.h>

#include "base/crypto.h"
#include "store_place.h"

static void backup_travels(bool from_postgresql, bool into_postgresql) {
  struct place from, into;
  struct error problem;
  static struct text before, after;
  char file[FIXTURE_PATH + 20];
  place_open(&from, from_postgresql);
  some_rows(from.writer);
  assert_ok(db_exec(from.writer, error,
                    "INSERT INTO run_draft (occasion, subject, body, saved_ms) VALUES ('F-1', 'a', '{}', 1)", NO_ARGS));
  assert_ok(db_exec(from.writer, error, "INSERT INTO ledger_body (sequence, sealed) VALUES (0, $1)",
                    ARGS(v_blob("\0\xff", 2))));
  dump_of(from.writer, &before);
  snprintf(file, sizeof file, "%s.backup", from.home.path);
  assert_ok(store_backup(from.store, file, error)); /* the writer is open */
  assert_int_equal(store_backup(from.store, file, &problem), ERR_STATE);
  struct stat facts;
  assert_int_equal(stat(file, &facts), 0);
  assert_int_equal(facts.st_mode & 0777, 0600);
  place_open(&into, into_postgresql);
  db_close(into.writer);
  assert_ok(store_restore(into.store, file, error));
  assert_int_equal(store_restore(into.store, file, &problem), ERR_STATE); /* no longer empty */
  assert_ok(db_open(&into.writer, into.store, DB_WRITER, error));
  dump_of(into.writer, &after);
  assert_int_equal(before.length, after.length);
  assert_memory_equal(before.bytes, after.bytes, before.length);
  int64_t rows;
  assert_ok(db_int(into.writer, error, &rows, -1, "SELECT count(*) FROM run_draft ORDER BY 1", NO_ARGS));
  assert_int_equal(rows, 0);
  assert_ok(db_int(into.writer, error, &rows, -1, "SELECT length(sealed) FROM ledger_body ORDER BY sequence", NO_ARGS));
  assert_int_equal(rows, 2);
  place_close(&from);
  place_close(&into);
  unlink(file);
}

static void test_backup_sqlite(void **state) {
  (void)state;
  backup_travels(false, false);
}
static void test_backup_changes_engine(void **state) {
  (void)state;
  if (!fixture_server()) skip();
  backup_travels(false, true);
  backup_travels(true, false);
}

static void test_backups_that_are_none(void **state) {
  (void)state;
  struct place place;
  struct error problem;
  char file[FIXTURE_PATH + 20];
  static char rubbish[8192];
  place_open(&place, false);
  db_close(place.writer);
  snprintf(file, sizeof file, "%s.backup", place.home.path);
  assert_int_equal(store_restore(place.store, file, &problem), ERR_INPUT);
  FILE *out = fopen(file, "w");
  fclose(out);
  assert_int_equal(store_restore(place.store, file, &problem), ERR_INPUT); /* empty */
  assert_string_equal(problem.id, "backup-broken");
  out = fopen(file, "w");
  memset(rubbish, 'r', sizeof rubbish);
  fwrite(rubbish, 1, sizeof rubbish, out);
  fclose(out);
  assert_int_equal(store_restore(place.store, file, &problem) != OK, 1);
  assert_non_null(strstr(problem.text, file));
  unlink(file);
  store_close(place.store);
  home_remove(&place.home);
}

int main(void) {
  crypto_start();
  if (!fixture_server()) print_message("PostgreSQL was left out: ATTUNE_TEST_POSTGRESQL is not set\n");
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_backup_sqlite),
      cmocka_unit_test(test_backup_changes_engine),
      cmocka_unit_test(test_backups_that_are_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
