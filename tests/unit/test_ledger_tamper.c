/* Tampering: in a small ledger with an erasure, every column of every row of every table that matters is changed in
 * turn, and each change must be noticed and named by ledger_verify(). */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/crypto.h"
#include "ledger_fixture.h"
#include "long.h"
#include "store/store_engine.h"

/* A change of a column that nothing can or need notice: what is said about a kept checkpoint beside its signed note,
 * and the body of an erased subject, which nobody can open any more. */
static bool exempt(const char *table, const char *column, const char *key) {
  if (!strcmp(table, "ledger_checkpoint")) return !strcmp(column, "reason") || !strcmp(column, "time_ms");
  if (!strcmp(table, "ledger_body") && !strcmp(column, "sealed"))
    return strlen(key) == 1 && *key >= '5' && *key <= '9'; /* P-0001's */
  return false;
}

static char *whole_file(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  struct stat facts;
  assert_non_null(file);
  assert_int_equal(fstat(fileno(file), &facts), 0);
  *length = (size_t)facts.st_size;
  char *bytes = malloc(*length);
  assert_int_equal(fread(bytes, 1, *length, file), *length);
  fclose(file);
  return bytes;
}

static void put_file(const char *path, const char *bytes, size_t length) {
  FILE *file = fopen(path, "wb");
  assert_int_equal(fwrite(bytes, 1, length, file), length);
  fclose(file);
}

static struct verify_report verify_home(const char *path, const struct keys *keys) {
  struct store *store;
  struct verify_report report;
  assert_ok(store_open(&store, path, STORE_LOOK, error));
  assert_ok(ledger_verify(store, keys, toy_kinds, NULL, &report, error));
  store_close(store);
  return report;
}

/* The places of a value that are changed: of bytes the first, the middle and the last. */
static int variants(const struct value *value) {
  if (value->type == VALUE_INT || !value->length) return 1;
  return value->length >= 3 ? 3 : 1;
}

static struct value changed(struct arena *arena, const struct value *value, int variant) {
  if (value->type == VALUE_INT) return v_int(value->integer + 1000);
  if (!value->length) return value->type == VALUE_BLOB ? v_blob("x", 1) : v_text("x");
  size_t at = variant == 0 ? 0 : variant == 1 ? value->length / 2 : value->length - 1;
  char *bytes = arena_text_n(arena, value->bytes, value->length);
  if (value->type == VALUE_BLOB)
    bytes[at] = (char)(bytes[at] ^ 1);
  else { /* stays UTF-8: a sign that was ASCII becomes another; elsewhere the text grows */
    if ((unsigned char)bytes[at] >= 128) at = 0;
    bytes[at] = bytes[at] == 'x' ? 'y' : 'x';
  }
  return (struct value){.type = value->type, .bytes = bytes, .length = value->length};
}

struct run {
  struct world world;
  char path[FIXTURE_PATH + 20];
  char *original;
  size_t length;
  int changes, tried, noticed; /* changes: met by tamper_table(), of which every one or every tenth is tried */
};

static void try_one(struct run *run, const char *sql, const struct value *values, size_t count, const char *what) {
  struct store *store;
  struct db *db;
  struct error problem;
  assert_ok(store_open(&store, run->world.home.path, STORE_OWN, error));
  assert_ok(db_open(&db, store, DB_WRITER, error));
  enum err err = db_exec(db, &problem, sql, values, count);
  bool done = !err && db_changes(db) == 1;
  db_close(db);
  store_close(store);
  if (!done && strncmp(what, "key ", 4)) stop_test("not tried: %s (%s)\n", what, err ? problem.text : "no row");
  if (done) {
    struct verify_report report = verify_home(run->world.home.path, &run->world.keys);
    run->tried++;
    bool noticed = *report.first_difference && !(report.tree_holds && report.checkpoints_hold && report.bodies_hold && report.tables_hold &&
                                                 report.times_hold && report.keys_hold);
    run->noticed += noticed;
    if (!noticed) print_error("not noticed: %s\n", what);
  }
  put_file(run->path, run->original, run->length);
}

static void tamper_table(struct run *run, struct db *original, const char *table) {
  struct arena arena = {0};
  struct table_shape shape;
  struct rows rows;
  char *select, sql[512], what[300], key_text[64];
  assert_ok(table_select(original, &arena, table, &shape, &select, error));
  rows_open(&rows, original, select, NO_ARGS);
  while (rows_next(&rows)) {
    struct value key[4];
    char where[256] = "";
    for (int k = 0; k < shape.keys; k++) {
      key[k] = rows_value(&rows, shape.key[k]);
      size_t used = strlen(where);
      snprintf(where + used, sizeof where - used, "%s%s = $%d", k ? " AND " : "", shape.name[shape.key[k]], k + 2);
    }
    if (key[0].type == VALUE_INT)
      snprintf(key_text, sizeof key_text, "%lld", (long long)key[0].integer);
    else
      snprintf(key_text, sizeof key_text, "%.*s", (int)key[0].length, (const char *)key[0].bytes);
    for (int c = 0; c < shape.columns; c++) {
      if (exempt(table, shape.name[c], key_text)) continue;
      struct value value = rows_value(&rows, c), values[5];
      for (int v = 0; v < variants(&value); v++) {
        values[0] = changed(&arena, &value, v);
        for (int k = 0; k < shape.keys; k++) values[1 + k] = key[k];
        snprintf(sql, sizeof sql, "UPDATE %s SET %s = $1 WHERE %s", table, shape.name[c], where);
        snprintf(what, sizeof what, "%s.%s of row %s, change %d", table, shape.name[c], key_text, v);
        if (run->changes++ % (10 / long_count_sanitised(10))) continue;
        try_one(run, sql, values, 1 + (size_t)shape.keys, what);
      }
    }
    char gone[300];
    for (int k = 0; k < shape.keys; k++) {
      gone[0] = 0;
      size_t used = 0;
      for (int j = 0; j < shape.keys; j++)
        used += (size_t)snprintf(gone + used, sizeof gone - used, "%s%s = $%d", j ? " AND " : "",
                                 shape.name[shape.key[j]], j + 1);
    }
    snprintf(sql, sizeof sql, "DELETE FROM %s WHERE %s", table, gone);
    snprintf(what, sizeof what, "%s row %s deleted", table, key_text);
    if (strcmp(table, "ledger_checkpoint") != 0)
      try_one(run, sql, key, (size_t)shape.keys, what); /* an older one may go */
  }
  assert_ok(rows_close(&rows, error));
  arena_free(&arena);
}

static void test_every_value(void **state) {
  (void)state;
  struct run run = {0};
  world_open(&run.world, false);
  world_live(&run.world, 2);
  world_stop(&run.world);
  snprintf(run.path, sizeof run.path, "%s/attune.db", run.world.home.path);
  run.original = whole_file(run.path, &run.length);
  assert_string_equal(verify_home(run.world.home.path, &run.world.keys).first_difference, "");
  char copy[FIXTURE_PATH + 20];
  snprintf(copy, sizeof copy, "%s/original.db", run.world.home.path);
  put_file(copy, run.original, run.length);
  struct db *original;
  assert_ok(sqlite_file_open(&original, copy, false, error));
  size_t ledger_count, derived_count;
  const char *const *ledger = store_ledger_tables(&ledger_count), *const *derived =
                                                                      store_derived_tables(&derived_count);
  for (size_t i = 0; i < ledger_count; i++) tamper_table(&run, original, ledger[i]);
  for (size_t i = 0; i < derived_count; i++) tamper_table(&run, original, derived[i]);
  db_close(original);
  print_message("%d changes, %d noticed\n", run.tried, run.noticed);
  assert_true(run.tried > 30 * long_count_sanitised(10));
  assert_int_equal(run.noticed, run.tried);
  free(run.original);
  home_remove(&run.world.home);
}

/* What a person with the database, but without the keys, might do on purpose. */
static void test_on_purpose(void **state) {
  (void)state;
  static const char *const acts[] = {
      /* the newest entry taken away, and the head put back by one */
      "UPDATE ledger_head SET size = 10",
      "INSERT INTO session (patient, number, subject, held_day, recorded_ms) VALUES ('P-0000', 99, 'P-0000', 1, 1)",
      "INSERT INTO tombstone (erased, subject, kind, site, therapist, time_ms) VALUES ('P-0000', 'study', 'patient', "
      "'', '', 1)",
      "INSERT INTO audit_masked (number, time_ms, actor, kind, about) VALUES (99, 1, 'A-1', 'session.record', "
      "'P-0000')",
      "INSERT INTO ledger_body (sequence, sealed) VALUES (77, 'x')",
      "INSERT INTO ledger_checkpoint (size, time_ms, reason, note) VALUES (3, 1, 'lock', 'note')",
      "UPDATE ledger_key SET wrapped = x'' WHERE subject = 'P-0000'", /* an erasure that no entry tells of */
      "DELETE FROM ledger_key WHERE subject = 'P-0001'",
      "UPDATE ledger_key SET wrapped = (SELECT wrapped FROM ledger_key WHERE subject = 'study') WHERE subject = "
      "'P-0000'",
      "UPDATE ledger_body SET sealed = (SELECT sealed FROM ledger_body WHERE sequence = 1) WHERE sequence = 2",
      "UPDATE arm_allocation SET arm = 'training' WHERE person = 'P-0000'",
      "UPDATE ledger_head SET checkpoint = (SELECT note FROM ledger_checkpoint ORDER BY size LIMIT 1)",
  };
  struct run run = {0};
  world_open(&run.world, false);
  world_live(&run.world, 2);
  world_stop(&run.world);
  snprintf(run.path, sizeof run.path, "%s/attune.db", run.world.home.path);
  run.original = whole_file(run.path, &run.length);
  for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) try_one(&run, acts[i], NO_ARGS, acts[i]);
  assert_int_equal(run.tried, sizeof acts / sizeof *acts);
  assert_int_equal(run.noticed, run.tried);
  /* verifying with the keys of another home */
  struct keys other = run.world.keys;
  uint8_t seed[32] = {5};
  sign_keys(other.log_public, other.log_secret, seed);
  assert_false(verify_home(run.world.home.path, &other).checkpoints_hold);
  other = run.world.keys;
  other.body[0] ^= 1;
  assert_false(verify_home(run.world.home.path, &other).bodies_hold);
  free(run.original);
  home_remove(&run.world.home);
}

/* The same eyes on PostgreSQL: one change of each sort. */
static void test_postgresql_too(void **state) {
  (void)state;
  if (!fixture_server()) skip();
  static const char *const acts[] = {
      "UPDATE session SET held_day = held_day + 1 WHERE number = 2 AND patient = 'P-0000'",
      "UPDATE session SET held_day = held_day - 1 WHERE number = 2 AND patient = 'P-0000'",
      "UPDATE ledger_entry SET actor = 'A-2' WHERE sequence = 3",
      "UPDATE ledger_entry SET actor = 'A-1' WHERE sequence = 3",
      "UPDATE ledger_head SET size = size - 1",
      "UPDATE ledger_head SET size = size + 1",
  };
  struct world world;
  struct db *db;
  struct verify_report report;
  world_open(&world, true);
  world_live(&world, 2);
  ledger_close(world.ledger);
  for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
    assert_ok(db_open(&db, world.store, DB_WRITER, error));
    assert_ok(db_exec(db, error, acts[i], NO_ARGS));
    db_close(db);
    world_verify(&world, &report);
    if ((*report.first_difference != 0) != (i % 2 == 0)) stop_test("%s: '%s'\n", acts[i], report.first_difference);
  }
  store_close(world.store);
  home_remove(&world.home);
}

int main(void) {
  crypto_start();
  if (!fixture_server()) print_message("PostgreSQL was left out: ATTUNE_TEST_POSTGRESQL is not set\n");
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_value),
      cmocka_unit_test(test_on_purpose),
      cmocka_unit_test(test_postgresql_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
