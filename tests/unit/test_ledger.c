/* The ledger on both engines: what is answered is stored, what is refused leaves nothing, replay gives the tables. */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>

#include "base/crypto.h"
#include "ledger/tree.h"
#include "ledger_fixture.h"
#include "store/store_engine.h"
#include "store/store_files.h"

static int64_t one(struct world *world, const char *sql) {
  struct db *db;
  int64_t out;
  assert_ok(db_open(&db, world->store, DB_OPEN, error));
  assert_ok(db_int(db, error, &out, -1, sql, NO_ARGS));
  db_close(db);
  return out;
}

static void assert_holds(struct world *world) {
  struct verify_report report;
  world_verify(world, &report);
  assert_string_equal(report.first_difference, "");
  assert_true(report.tree_holds && report.checkpoints_hold && report.bodies_hold && report.tables_hold);
}

static void a_life_verifies(bool postgresql) {
  struct world world;
  struct verify_report report;
  world_open(&world, postgresql);
  assert_holds(&world); /* empty */
  world_live(&world, 5);
  world_verify(&world, &report);
  assert_string_equal(report.first_difference, "");
  assert_int_equal(report.entries, 26);
  assert_int_equal(report.erased_subjects, 1);
  assert_int_equal(report.checkpoints, 3); /* the day's first, the erasure's, the newest */
  assert_int_equal(one(&world, "SELECT count(*) FROM tombstone ORDER BY 1"), 1);
  assert_int_equal(one(&world, "SELECT count(*) FROM person ORDER BY 1"), 4);
  assert_int_equal(one(&world, "SELECT count(*) FROM session WHERE subject = 'P-0001' ORDER BY 1"), 0);
  /* the masked log: no row of a kind that is not shown; it outlives the erasure, with numbers of its own */
  assert_int_equal(one(&world, "SELECT count(*) FROM audit_masked ORDER BY 1"), 21);
  assert_int_equal(one(&world, "SELECT max(number) FROM audit_masked ORDER BY 1"), 21);
  assert_int_equal(one(&world, "SELECT count(*) FROM audit_masked WHERE about = 'P-0001' ORDER BY 1"), 4);
  assert_int_equal(one(&world, "SELECT count(*) FROM audit_masked WHERE kind = 'arm.release' ORDER BY 1"), 0);
  world_stop(&world); /* and it opens again */
  assert_ok(store_open(&world.store, world.home.path, STORE_OWN, error));
  assert_ok(world_ledger(&world, error));
  assert_int_equal(world_do(&world, (struct toy){.kind = "person.enrol", .subject = "P-new", .text = "south"}), OK);
  assert_holds(&world);
  world_close(&world);
}
ON_BOTH(a_life_verifies)

/* ---- dumps ---- */

static enum err digest_write(void *state, const void *bytes, size_t length) {
  buf_add(state, bytes, length);
  return OK;
}
static char *dump_of(struct store *store, struct arena *arena) {
  struct db *db;
  struct buf text = buf_in(arena, 65536);
  uint8_t hash[SHA256_BYTES];
  assert_ok(db_open(&db, store, DB_OPEN, error));
  assert_ok(db_dump(db, digest_write, &text, error));
  db_close(db);
  assert_true(text.length > 2000);
  sha256(hash, text.data, text.length);
  return hex_text(arena, hash, sizeof hash);
}

/* One life, three databases: SQLite, PostgreSQL, the replay of each: one dump. */
/* A step of the schema that alters a derived table loses its rows; the next opening of the ledger brings all back. */
static void a_step_that_alters_tables_replays(bool postgresql) {
  static const char step[] = SCHEMA_REPLAY "DROP TABLE session;\nCREATE TABLE session (patient TEXT NOT NULL, number BIGINT NOT NULL, subject TEXT NOT NULL, "
                             "held_day BIGINT NOT NULL, recorded_ms BIGINT NOT NULL, PRIMARY KEY (patient, number));";
  struct world world;
  struct arena arena = {0};
  struct error problem;
  struct db *db;
  world_open(&world, postgresql);
  world_live(&world, 4);
  ledger_close(world.ledger);
  char *before = dump_of(world.store, &arena);
  int64_t version = one(&world, "SELECT version FROM schema_version WHERE one = 1 ORDER BY one");
  assert_ok(db_open(&db, world.store, DB_WRITER, error));
  assert_ok(db_begin(db, error));
  assert_ok(schema_step(db, (int)version, false, step, error));
  assert_ok(db_exec(db, error, "DELETE FROM person WHERE code = 'P-0000'", NO_ARGS)); /* whatever stands there is made anew */
  assert_ok(db_commit(db, error));
  db_close(db);
  store_close(world.store);
  assert_int_equal(store_open(&world.store, world.home.path, STORE_LOOK, &problem), ERR_STATE);
  assert_string_equal(problem.id, "home-older");
  for (int opened = 0; opened < 2; opened++) { /* a process that ends before the ledger is open leaves it to the next */
    if (opened) store_close(world.store);
    assert_ok(store_open(&world.store, world.home.path, STORE_OWN, error));
    assert_int_equal(one(&world, "SELECT count(*) FROM session ORDER BY 1"), 0);
  }
  assert_ok(world_ledger(&world, error));
  assert_int_equal(one(&world, "SELECT count(*) FROM session ORDER BY 1"), 9);
  assert_string_equal(dump_of(world.store, &arena), before);
  assert_int_equal(world_do(&world, (struct toy){.kind = "session.record", .subject = "P-0000", .number = 4}), OK);
  assert_holds(&world);
  world_stop(&world);
  assert_ok(store_open(&world.store, world.home.path, STORE_OWN, error));
  assert_ok(world_ledger(&world, error)); /* once */
  assert_int_equal(one(&world, "SELECT count(*) FROM session ORDER BY 1"), 10);
  arena_free(&arena);
  world_close(&world);
}
ON_BOTH(a_step_that_alters_tables_replays)

/* The machine's clock goes back two days: time on the record does not, and what need not stand still sees the clock. */
struct told {
  int64_t now, clock;
};
static enum err tell_time(struct txn *txn, void *input, struct error *error) {
  (void)error;
  *(struct told *)input = (struct told){txn_now(txn), txn_clock(txn)};
  return OK;
}

static void time_does_not_run_backwards(bool postgresql) {
  struct world world;
  struct told told;
  struct db *db;
  struct verify_report report;
  world_open(&world, postgresql);
  world_live(&world, 2);
  int64_t last = world.now;
  world.now -= 2 * DAY_MS;
  int64_t clock = world.now;
  assert_int_equal(world_do(&world, (struct toy){.kind = "session.record", .subject = "P-0000", .number = 7}), OK);
  assert_true(one(&world, "SELECT max(time_ms) FROM ledger_entry ORDER BY 1") == last);
  world_stop(&world);
  assert_ok(store_open(&world.store, world.home.path, STORE_OWN, error));
  assert_ok(world_ledger(&world, error)); /* nor after a new start */
  assert_ok(ledger_do(world.ledger, tell_time, &told, error));
  assert_true(told.now == last && told.clock == clock + 1000);
  assert_int_equal(world_do(&world, (struct toy){.kind = "session.record", .subject = "P-0000", .number = 8}), OK);
  assert_int_equal(one(&world, "SELECT count(*) FROM ledger_entry WHERE time_ms < (SELECT e.time_ms FROM ledger_entry AS e WHERE e.sequence = 10) AND sequence > 10 ORDER BY 1"), 0);
  assert_holds(&world);
  world_stop(&world);
  /* what an earlier version wrote may go back; what this one writes may not */
  assert_ok(store_open(&world.store, world.home.path, STORE_OWN, error));
  assert_ok(db_open(&db, world.store, DB_WRITER, error));
  assert_ok(db_exec(db, error, "UPDATE ledger_entry SET time_ms = time_ms + 500 WHERE sequence = 3", NO_ARGS));
  assert_ok(db_exec(db, error, "UPDATE ledger_entry SET time_ms = time_ms + 5000 WHERE sequence = 4", NO_ARGS));
  world_verify(&world, &report);
  assert_false(report.times_hold);
  assert_ok(db_exec(db, error, "UPDATE ledger_head SET ordered_from = 6", NO_ARGS));
  world_verify(&world, &report);
  assert_true(report.times_hold);
  assert_false(report.tree_holds); /* that is what notices them now */
  db_close(db);
  store_close(world.store);
  home_remove(&world.home);
}
ON_BOTH(time_does_not_run_backwards)

/* ---- keys ---- */

static void opening_says(struct world *world, const char *key) {
  struct error problem = {0};
  assert_ok(keys_load(&world->keys, world->home.path, error));
  assert_ok(store_open(&world->store, world->home.path, STORE_OWN, error));
  enum err err = world_ledger(world, &problem);
  if (!key) {
    if (err) stop_test("%s", problem.text);
    ledger_close(world->ledger);
  } else if (err != ERR_STATE || strcmp(problem.id, "key-other") || !strstr(problem.text, key))
    stop_test("%s: %d %s", key, err, problem.text);
  store_close(world->store);
}

static void put_key(struct world *world, const char *name, const char *text) {
  char path[FIXTURE_PATH + 40];
  snprintf(path, sizeof path, "%s/keys/%s", world->home.path, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

/* Another home's key beside this home's record: refused by name, before anything is sealed with it. Also in a home of an
 * earlier version, which has not learnt its keys yet. */
static void keys_are_checked(bool postgresql) {
  static const char *const names[] = {"body", "link", "lookup"}; /* log and identity are pairs: test_keys.c */
  struct world world;
  world_open(&world, postgresql);
  world_live(&world, 2);
  world_stop(&world);
  for (int old = 0; old < 2; old++) {
    for (size_t i = 0; i < (old ? 1 : sizeof names / sizeof *names); i++) {
      struct arena arena = {0};
      char path[FIXTURE_PATH + 40], *own;
      size_t length;
      snprintf(path, sizeof path, "%s/keys/%s", world.home.path, names[i]);
      assert_ok(file_read(&arena, path, 256, &own, &length, error));
      put_key(&world, names[i], "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n");
      char plain[32];
      snprintf(plain, sizeof plain, "keys/%.*s is not", (int)strcspn(names[i], "."), names[i]);
      opening_says(&world, plain);
      put_key(&world, names[i], own);
      opening_says(&world, NULL);
      arena_free(&arena);
    }
    struct db *db;
    assert_ok(store_open(&world.store, world.home.path, STORE_OWN, error));
    assert_ok(db_open(&db, world.store, DB_WRITER, error));
    assert_ok(db_exec(db, error, "UPDATE ledger_head SET key_check = ''", NO_ARGS));
    db_close(db);
    store_close(world.store);
  }
  opening_says(&world, NULL); /* learns them */
  put_key(&world, "link", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n");
  opening_says(&world, "keys/link is not");
  home_remove(&world.home);
}
ON_BOTH(keys_are_checked)

/* ---- a note kept elsewhere ---- */

static void note_verdict(struct world *world, const char *note, const char *part) {
  struct verify_report report;
  assert_ok(ledger_verify(world->store, &world->keys, toy_kinds, note, &report, error));
  if (part ? !strstr(report.first_difference, part) : *report.first_difference)
    stop_test("'%s', not '%s'", report.first_difference, part ? part : "");
}

static char *newest_note(struct world *world, struct arena *arena) {
  struct db *db;
  char *note;
  assert_ok(db_open(&db, world->store, DB_OPEN, error));
  assert_ok(ledger_checkpoint_text(db, arena, &note, error));
  db_close(db);
  return note;
}

/* The record is put back to what it was and written on differently: without the note nothing is wrong with it. */
static void test_a_rollback_is_found_by_a_note(void **state) {
  (void)state;
  struct world world;
  struct arena arena = {0};
  struct error problem;
  char path[FIXTURE_PATH + 20], *bytes;
  size_t length;
  world_open(&world, false);
  world_live(&world, 2);
  char *early = newest_note(&world, &arena);
  world_stop(&world);
  snprintf(path, sizeof path, "%s/attune.db", world.home.path);
  assert_ok(file_read(&arena, path, 8 << 20, &bytes, &length, error));
  assert_ok(store_open(&world.store, world.home.path, STORE_OWN, error));
  assert_ok(world_ledger(&world, error));
  for (int n = 4; n < 8; n++) assert_int_equal(world_do(&world, (struct toy){.kind = "session.record", .subject = "P-0000", .number = n}), OK);
  char *late = newest_note(&world, &arena);
  note_verdict(&world, early, NULL);
  note_verdict(&world, late, NULL);
  world_stop(&world);
  assert_ok(file_write_whole(path, bytes, length, error));
  assert_ok(store_open(&world.store, world.home.path, STORE_OWN, error));
  assert_ok(world_ledger(&world, error));
  note_verdict(&world, early, NULL);
  note_verdict(&world, NULL, NULL);
  note_verdict(&world, late, "entry 11 is not there: a checkpoint of size 15 (kept elsewhere) was signed");
  for (int n = 14; n < 20; n++) assert_int_equal(world_do(&world, (struct toy){.kind = "session.record", .subject = "P-0000", .number = n}), OK);
  note_verdict(&world, NULL, NULL);
  note_verdict(&world, late, "size 15 (kept elsewhere): the entries before it are not those that were signed");
  struct verify_report report;
  late[strlen(late) - 4] ^= 1;
  assert_int_equal(ledger_verify(world.store, &world.keys, toy_kinds, late, &report, &problem), ERR_INPUT);
  assert_string_equal(problem.id, "note-broken");
  arena_free(&arena);
  world_close(&world);
}

static void test_three_dumps_are_one(void **state) {
  (void)state;
  struct arena arena = {0};
  char *first = NULL;
  for (int postgresql = 0; postgresql <= (fixture_server() != NULL); postgresql++) {
    struct world world;
    struct store *memory;
    struct db *from, *into;
    world_open(&world, postgresql);
    world_live(&world, 4);
    char *tables = dump_of(world.store, &arena);
    if (!first) first = tables;
    assert_string_equal(tables, first);
    assert_ok(store_open_memory(&memory, error));
    assert_ok(db_open(&from, world.store, DB_OPEN, error));
    assert_ok(db_open(&into, memory, DB_WRITER, error));
    assert_ok(ledger_replay(from, &world.keys, toy_kinds, into, error));
    db_close(into);
    db_close(from);
    assert_string_equal(dump_of(memory, &arena), first);
    store_close(memory);
    world_close(&world);
  }
  arena_free(&arena);
}

/* ---- batches ---- */

struct gate {
  sem_t entered, go;
};
static enum err wait_at_gate(struct txn *txn, void *input, struct error *error) {
  (void)txn, (void)error;
  struct gate *gate = input;
  sem_post(&gate->entered);
  sem_wait(&gate->go);
  return OK;
}

static void count_done(struct job *job) {
  __atomic_fetch_add((int *)job->owner, 1, __ATOMIC_SEQ_CST);
}

static void wait_for(const int *done, int count) {
  while (__atomic_load_n(done, __ATOMIC_SEQ_CST) < count) usleep(500);
}

/* Holds the writer inside a job until gate_open(): what is posted meanwhile becomes one batch. */
static void gate_close(struct world *world, struct gate *gate, struct job *job, int *done) {
  sem_init(&gate->entered, 0, 0);
  sem_init(&gate->go, 0, 0);
  *job = (struct job){.run = wait_at_gate, .input = gate, .done = count_done, .owner = done};
  ledger_post(world->ledger, job);
  sem_wait(&gate->entered);
}

/* One batch of good jobs and of jobs that append and then refuse: the refused leave no trace, not a number, not a row,
 * not a key, and the good ones have neighbouring sequences. */
static void refusals_leave_nothing(bool postgresql) {
  enum { JOBS = 40 };
  struct world world;
  struct gate gate;
  struct job gatekeeper, jobs[JOBS];
  struct toy toys[JOBS];
  char codes[JOBS][24];
  int done = 0, expected = 0;
  world_open(&world, postgresql);
  struct ledger_counts before = ledger_counts(world.ledger);
  gate_close(&world, &gate, &gatekeeper, &done);
  for (int i = 0; i < JOBS; i++) {
    snprintf(codes[i], sizeof codes[i], "P-%d", i / 2 * 2); /* the refused of a pair is the first to need its key */
    toys[i] = (struct toy){.kind = "person.enrol", .subject = codes[i], .text = "north", .refuse = i % 2 == 0, .greedy = i % 4 == 0};
    if (i % 10 == 9) toys[i] = (struct toy){.busy_write = true, .subject = codes[i]};
    jobs[i] = (struct job){.run = toy_verb, .input = &toys[i], .done = count_done, .owner = &done};
    ledger_post(world.ledger, &jobs[i]);
  }
  sem_post(&gate.go);
  wait_for(&done, JOBS + 1);
  for (int i = 0; i < JOBS; i++) {
    assert_int_equal(jobs[i].result, toys[i].greedy ? ERR_BUSY : toys[i].refuse ? ERR_STATE : OK);
    assert_int_equal(jobs[i].sequence, toys[i].refuse || toys[i].busy_write ? -1 : expected++);
    if (toys[i].refuse) assert_string_equal(jobs[i].error.id, toys[i].greedy ? "too-much" : "toy-refuses");
  }
  assert_int_equal(expected, 16);
  struct ledger_counts after = ledger_counts(world.ledger);
  assert_int_equal(after.batches - before.batches, 2); /* the gatekeeper's own, and one */
  assert_int_equal(after.entries - before.entries, 16);
  assert_int_equal(after.jobs - before.jobs, JOBS + 1);
  assert_int_equal(one(&world, "SELECT count(*) FROM person ORDER BY 1"), 16);
  assert_int_equal(one(&world, "SELECT count(*) FROM ledger_key ORDER BY 1"), 16);
  assert_int_equal(one(&world, "SELECT count(*) FROM run_throttle ORDER BY 1"), 4);
  assert_holds(&world);
  world_close(&world);
}
ON_BOTH(refusals_leave_nothing)

static void test_a_full_queue_says_so(void **state) {
  (void)state;
  enum { JOBS = 4200 };
  struct world world;
  struct gate gate;
  struct job gatekeeper, *jobs = calloc(JOBS, sizeof *jobs);
  struct toy toy = {.busy_write = true, .subject = "once"};
  int done = 0, refused = 0;
  world_open(&world, false);
  gate_close(&world, &gate, &gatekeeper, &done);
  for (int i = 0; i < JOBS; i++) {
    jobs[i] = (struct job){.run = toy_verb, .input = &toy, .done = count_done, .owner = &done};
    ledger_post(world.ledger, &jobs[i]);
  }
  for (int i = 0; i < JOBS; i++) refused += jobs[i].result == ERR_BUSY;
  assert_int_equal(refused, JOBS - 4096);
  sem_post(&gate.go);
  wait_for(&done, JOBS + 1);
  assert_int_equal(one(&world, "SELECT count(*) FROM run_throttle ORDER BY 1"),
                   1); /* the same key again: refused, alone */
  world_close(&world);
  free(jobs);
}

struct clients {
  struct world *world;
  int number;
};
static void *client_run(void *state) {
  struct clients *client = state;
  struct error problem;
  char code[24];
  snprintf(code, sizeof code, "P-%d", client->number);
  for (int n = 1; n <= 30; n++) {
    struct toy toy = {.kind = "session.record", .subject = code, .number = n};
    if (ledger_do(client->world->ledger, toy_verb, &toy, &problem)) return client;
  }
  return NULL;
}

static void many_at_once(bool postgresql) {
  struct world world;
  pthread_t threads[12];
  struct clients clients[12];
  world_open(&world, postgresql);
  for (int i = 0; i < 12; i++) {
    clients[i] = (struct clients){&world, i};
    pthread_create(&threads[i], NULL, client_run, &clients[i]);
  }
  for (int i = 0; i < 12; i++) {
    void *failed;
    pthread_join(threads[i], &failed);
    assert_null(failed);
  }
  assert_int_equal(one(&world, "SELECT count(*) FROM session ORDER BY 1"), 360);
  assert_true(ledger_counts(world.ledger).batches < 360); /* some shared a sync */
  assert_holds(&world);
  world_close(&world);
}
ON_BOTH(many_at_once)

/* ---- erasure ---- */

static void erasure_is_for_good(bool postgresql) {
  struct world world;
  struct error problem;
  struct db *db;
  json_t *body;
  world_open(&world, postgresql);
  world_live(&world, 3);
  int64_t entries = one(&world, "SELECT size FROM ledger_head ORDER BY one");
  world.now += 1;
  struct toy again = {.kind = "session.record", .subject = "P-0001", .number = 9};
  assert_int_equal(ledger_do(world.ledger, toy_verb, &again, &problem), ERR_STATE);
  assert_string_equal(problem.id, "subject-erased");
  struct toy twice = {.kind = "person.erase", .subject = "P-0001"};
  assert_int_equal(ledger_do(world.ledger, toy_verb, &twice, &problem), ERR_MISSING);
  struct toy refused = {.kind = "person.erase", .subject = "P-0002", .refuse = true};
  assert_int_equal(ledger_do(world.ledger, toy_verb, &refused, &problem), ERR_STATE);
  assert_int_equal(world_do(&world, (struct toy){.kind = "session.record", .subject = "P-0002", .number = 9}),
                   OK); /* it was undone */
  assert_int_equal(one(&world, "SELECT size FROM ledger_head ORDER BY one"), entries + 1);
  assert_ok(db_open(&db, world.store, DB_OPEN, error));
  assert_ok(ledger_body(db, &world.keys, 5, &body, error)); /* P-0001's first */
  assert_null(body);
  assert_ok(ledger_body(db, &world.keys, 0, &body, error));
  assert_string_equal(json_text(body, "site", ""), "north");
  json_decref(body);
  assert_ok(ledger_body(db, &world.keys, 15, &body, error));
  assert_string_equal(json_string_value(json_array_get(json_object_get(body, "keys_destroyed"), 0)), "P-0001");
  json_decref(body);
  assert_int_equal(ledger_body(db, &world.keys, 99, &body, &problem), ERR_MISSING);
  db_close(db);
  char path[FIXTURE_PATH + 20], line[64] = "";
  snprintf(path, sizeof path, "%s/erasures", world.home.path);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  static const char *const steps[] = {"1700000016000 P-0001 asked\n", "1700000016000 P-0001\n", "1700000016000 P-0001 emptied\n"};
  for (int i = 0; i < 3; i++) {
    assert_non_null(fgets(line, sizeof line, file));
    assert_string_equal(line, steps[i]);
  }
  assert_null(fgets(line, sizeof line, file)); /* the refused erasure wrote none */
  fclose(file);
  assert_holds(&world);
  world_close(&world);
}
ON_BOTH(erasure_is_for_good)

/* ---- checkpoints and proofs ---- */

static void checkpoints_are_kept(bool postgresql) {
  struct world world;
  world_open(&world, postgresql);
  for (int n = 1; n <= 8; n++) {
    assert_int_equal(
        world_do(&world,
                 (struct toy){.kind = "session.record", .subject = "P-1", .number = n, .keep = n == 6 ? "lock" : NULL}),
        OK);
    if (n % 2 == 0) world.now += DAY_MS;
  }
  assert_int_equal(one(&world, "SELECT count(*) FROM ledger_checkpoint WHERE reason = 'day' ORDER BY 1"), 4);
  assert_int_equal(one(&world, "SELECT size FROM ledger_checkpoint WHERE reason = 'lock' ORDER BY size"), 6);
  assert_int_equal(one(&world, "SELECT count(*) FROM ledger_checkpoint ORDER BY 1"), 5);
  assert_holds(&world);
  world_close(&world);
}
ON_BOTH(checkpoints_are_kept)

static void proofs_hold(bool postgresql) {
  struct world world;
  struct db *db;
  struct arena arena = {0};
  struct error problem;
  struct checkpoint checkpoint, older;
  char *note, *kept;
  uint8_t *hashes;
  size_t count;
  world_open(&world, postgresql);
  world_live(&world, 4);
  assert_int_equal(world_do(&world, (struct toy){.kind = "session.record", .subject = "P-0002", .number = 8}), OK);
  assert_ok(db_open(&db, world.store, DB_OPEN, error));
  assert_ok(ledger_checkpoint_text(db, &arena, &note, error));
  assert_true(checkpoint_read(&checkpoint, note, world.keys.log_public));
  assert_int_equal(checkpoint.size, 22);
  for (int64_t i = 0; i < checkpoint.size; i++) {
    struct rows rows;
    uint8_t leaf[SHA256_BYTES];
    size_t length;
    rows_open(&rows, db, "SELECT leaf FROM ledger_entry WHERE sequence = $1 ORDER BY sequence", ARGS(v_int(i)));
    assert_true(rows_next(&rows));
    memcpy(leaf, rows_blob(&rows, 0, &length), sizeof leaf);
    assert_ok(rows_close(&rows, error));
    assert_ok(ledger_inclusion_proof(db, &arena, i, checkpoint.size, &hashes, &count, error));
    assert_true(
        tree_inclusion_holds(leaf, i, checkpoint.size, (const uint8_t(*)[SHA256_BYTES])hashes, count, checkpoint.root));
  }
  assert_ok(db_text(db, error, &arena, &kept,
                    "SELECT note FROM ledger_checkpoint WHERE reason = 'erasure' ORDER BY size", NO_ARGS));
  assert_true(checkpoint_read(&older, kept, world.keys.log_public));
  assert_ok(ledger_consistency_proof(db, &arena, older.size, checkpoint.size, &hashes, &count, error));
  assert_true(tree_consistency_holds(older.size, older.root, checkpoint.size, checkpoint.root,
                                     (const uint8_t(*)[SHA256_BYTES])hashes, count));
  assert_int_equal(ledger_inclusion_proof(db, &arena, 22, 22, &hashes, &count, &problem), ERR_INPUT);
  assert_int_equal(ledger_inclusion_proof(db, &arena, 2, 23, &hashes, &count, &problem), ERR_MISSING);
  assert_int_equal(ledger_consistency_proof(db, &arena, 5, 4, &hashes, &count, &problem), ERR_INPUT);
  db_close(db);
  arena_free(&arena);
  world_close(&world);
}
ON_BOTH(proofs_hold)

/* ---- opening ---- */

static void a_stranger_is_refused(bool postgresql) {
  struct world world;
  struct error problem;
  struct db *db;
  world_open(&world, postgresql);
  world_live(&world, 2);
  ledger_close(world.ledger);
  struct keys own = world.keys;
  struct ledger_config config = {.store = world.store,
                                 .keys = &world.keys,
                                 .clock = clock_fixed(&world.now),
                                 .chance = chance_system(),
                                 .origin = "attune.test/other",
                                 .kinds = toy_kinds};
  assert_int_equal(ledger_open(&world.ledger, &config, &problem), ERR_STATE);
  assert_string_equal(problem.id, "ledger-origin");
  uint8_t seed[32] = {1};
  sign_keys(world.keys.log_public, world.keys.log_secret, seed);
  assert_int_equal(world_ledger(&world, &problem), ERR_STORE);
  assert_string_equal(problem.id, "ledger-signature");
  world.keys = own;
  assert_ok(db_open(&db, world.store, DB_WRITER, error));
  assert_ok(db_exec(db, error, "DELETE FROM ledger_entry WHERE sequence = 10", NO_ARGS));
  db_close(db);
  assert_int_equal(world_ledger(&world, &problem), ERR_STORE);
  assert_string_equal(problem.id, "ledger-broken");
  store_close(world.store);
  home_remove(&world.home);
}
ON_BOTH(a_stranger_is_refused)

/* Two nodes write one ledger on PostgreSQL, one batch after the other; what one erases, the other cannot write about.
 */
static void test_two_nodes(void **state) {
  (void)state;
  if (!fixture_server()) skip();
  struct world a, b;
  struct error problem;
  world_open(&a, true);
  b = a;
  assert_ok(store_open(&b.store, a.home.path, STORE_OWN, error));
  assert_ok(world_ledger(&b, error));
  pthread_t threads[8];
  struct clients clients[8];
  for (int i = 0; i < 8; i++) {
    clients[i] = (struct clients){i % 2 ? &a : &b, i};
    pthread_create(&threads[i], NULL, client_run, &clients[i]);
  }
  for (int i = 0; i < 8; i++) {
    void *failed;
    pthread_join(threads[i], &failed);
    assert_null(failed);
  }
  assert_int_equal(one(&a, "SELECT size FROM ledger_head ORDER BY one"), 240);
  assert_int_equal(world_do(&a, (struct toy){.kind = "person.erase", .subject = "P-0"}), OK);
  struct toy late = {.kind = "session.record", .subject = "P-0", .number = 99};
  assert_int_equal(ledger_do(b.ledger, toy_verb, &late, &problem), ERR_STATE); /* though its key was in the cache */
  assert_holds(&a);
  world_stop(&b);
  world_close(&a);
}

int main(void) {
  crypto_start();
  if (!fixture_server()) print_message("PostgreSQL was left out: ATTUNE_TEST_POSTGRESQL is not set\n");
  const struct CMUnitTest tests[] = {
      BOTH(a_step_that_alters_tables_replays),
      BOTH(time_does_not_run_backwards),
      BOTH(keys_are_checked),
      cmocka_unit_test(test_a_rollback_is_found_by_a_note),
      BOTH(a_life_verifies),        cmocka_unit_test(test_three_dumps_are_one),
      BOTH(refusals_leave_nothing), cmocka_unit_test(test_a_full_queue_says_so),
      BOTH(many_at_once),           BOTH(erasure_is_for_good),
      BOTH(checkpoints_are_kept),   BOTH(proofs_hold),
      BOTH(a_stranger_is_refused),  cmocka_unit_test(test_two_nodes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
