/* ledger_fixture.h: a ledger with a few made-up kinds over the real tables. */
#ifndef ATTUNE_TESTS_LEDGER_FIXTURE_H
#define ATTUNE_TESTS_LEDGER_FIXTURE_H

#include "ledger/ledger.h"
#include "store_fixture.h"

static inline enum err toy_person(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  return db_exec(db, error,
                 "INSERT INTO person (code, subject, kind, site, therapist, language, study_version, enrolled_ms, "
                 "withdrawn_ms, withdrawn_reason) VALUES ($1, $1, $2, $3, '', 'en', 1, $4, 0, '')",
                 ARGS(v_text(entry->subject), v_text(json_text(body, "kind", "")), v_text(json_text(body, "site", "")),
                      v_int(entry->time_ms)));
}

static inline enum err toy_session(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  return db_exec(db, error,
                 "INSERT INTO session (patient, number, subject, held_day, recorded_ms) VALUES ($1, $2, $1, $3, $4)",
                 ARGS(v_text(entry->subject), v_int(json_int(body, "number", 0)), v_int(entry->time_ms / DAY_MS),
                      v_int(entry->time_ms)));
}

static inline enum err toy_arm(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  return db_exec(
      db, error,
      "INSERT INTO arm_allocation (person, subject, arm, wave, slot, released_ms) VALUES ($1, $1, $2, 1, 1, $3)",
      ARGS(v_text(entry->subject), v_text(json_text(body, "arm", "")), v_int(entry->time_ms)));
}

static inline enum err toy_erase(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  const char *erased = json_text(body, "erased", "");
  enum err err = db_erase_subject(db, erased, error);
  if (err) return err;
  return db_exec(
      db, error,
      "INSERT INTO tombstone (erased, subject, kind, site, therapist, time_ms) VALUES ($1, $2, $3, '', '', $4)",
      ARGS(v_text(erased), v_text(entry->subject), v_text(json_text(body, "kind", "")), v_int(entry->time_ms)));
}

static const struct entry_kind *const toy_kinds[] = {&(const struct entry_kind){"person.enrol", LOG_MASKED, toy_person},
                                                     &(const struct entry_kind){"session.record", LOG_MASKED, toy_session},
                                                     &(const struct entry_kind){"arm.release", LOG_OPEN, toy_arm},
                                                     &(const struct entry_kind){"person.erase", LOG_MASKED, toy_erase},
                                                     NULL};

/* What a toy verb is told. */
struct toy {
  const char *kind, *subject;
  int64_t number;   /* of a session */
  const char *text; /* site or arm */
  bool refuse;      /* append, then say no: nothing may stay */
  bool greedy;      /* append, then want more memory than there is, in the middle of a reading: likewise */
  bool busy_write;  /* only write a run_ row */
  const char *keep; /* a reason to keep the checkpoint */
  int64_t sequence; /* out */
};

static inline void toy_greed(struct txn *txn) {
  struct rows rows, inner;
  rows_open(&rows, txn_db(txn), "SELECT code FROM person WHERE code <> $1 ORDER BY code", ARGS(v_text("")));
  while (rows_next(&rows)) {
    rows_open(&inner, txn_db(txn), "SELECT code FROM person WHERE code <> $1 ORDER BY code", ARGS(v_text("")));
    while (rows_next(&inner)) arena_array(txn_arena(txn), SIZE_MAX / 2, 4);
  }
}

static inline enum err toy_verb(struct txn *txn, void *input, struct error *error) {
  struct toy *toy = input;
  if (toy->busy_write)
    return db_exec(txn_db(txn), error, "INSERT INTO run_throttle (name, window_ms, tries) VALUES ($1, $2, 1)",
                   ARGS(v_text(toy->subject), v_int(txn_now(txn))));
  json_t *body = json_object();
  const char *subject = toy->subject;
  if (toy->number) json_object_set_new(body, "number", json_integer(toy->number));
  if (!strcmp(toy->kind, "person.enrol")) {
    json_object_set_new(body, "site", json_string(toy->text));
    json_object_set_new(body, "kind", json_string("patient"));
  }
  if (!strcmp(toy->kind, "arm.release")) json_object_set_new(body, "arm", json_string(toy->text));
  if (!strcmp(toy->kind, "person.erase")) {
    enum err err = ledger_destroy_key(txn, toy->subject, error);
    if (err) {
      json_decref(body);
      return err;
    }
    json_object_set_new(body, "erased", json_string(toy->subject));
    json_object_set_new(body, "kind", json_string("patient"));
    subject = "study";
  }
  if (toy->keep) ledger_keep_checkpoint(txn, toy->keep);
  enum err err = ledger_append(txn, "A-1", toy->kind, subject, body, error);
  if (!err && toy->greedy) toy_greed(txn);
  if (!err && toy->refuse) err = fail(error, ERR_STATE, "toy-refuses", "", "refused after it was appended");
  return err;
}

struct world {
  struct home home;
  struct store *store;
  struct keys keys;
  struct ledger *ledger;
  int64_t now;
};

static inline enum err world_ledger(struct world *world, struct error *error) {
  struct ledger_config config = {.store = world->store,
                                 .keys = &world->keys,
                                 .clock = clock_fixed(&world->now),
                                 .chance = chance_frozen(7),
                                 .origin = "attune.test/toy",
                                 .kinds = toy_kinds};
  return ledger_open(&world->ledger, &config, error);
}

static inline void world_open(struct world *world, bool postgresql) {
  struct chance chance = chance_frozen(7);
  world->now = INT64_C(1700000000000);
  home_make(&world->home, postgresql, &chance);
  assert_ok(store_open(&world->store, world->home.path, STORE_OWN, error));
  assert_ok(keys_load(&world->keys, world->home.path, error));
  assert_ok(world_ledger(world, error));
}

static inline void world_stop(struct world *world) {
  ledger_close(world->ledger);
  store_close(world->store);
  world->ledger = NULL;
  world->store = NULL;
}

static inline void world_close(struct world *world) {
  world_stop(world);
  home_remove(&world->home);
}

static inline enum err world_do(struct world *world, struct toy toy) {
  struct error error = {0};
  world->now += 1000;
  return ledger_do(world->ledger, toy_verb, &toy, &error);
}

/* A short life with an erasure in it; `patients` people, each with sessions. */
static inline void world_live(struct world *world, int patients) {
  for (int p = 0; p < patients; p++) {
    char code[24];
    snprintf(code, sizeof code, "P-%04d", p);
    assert_int_equal(world_do(world, (struct toy){.kind = "person.enrol", .subject = code, .text = "north"}), OK);
    for (int n = 1; n <= 3; n++)
      assert_int_equal(world_do(world, (struct toy){.kind = "session.record", .subject = code, .number = n}), OK);
    assert_int_equal(
        world_do(world, (struct toy){.kind = "arm.release", .subject = code, .text = p % 2 ? "training" : "usual"}),
        OK);
  }
  assert_int_equal(world_do(world, (struct toy){.kind = "person.erase", .subject = "P-0001", .keep = "erasure"}), OK);
}

static inline void world_verify(struct world *world, struct verify_report *report) {
  assert_ok(ledger_verify(world->store, &world->keys, toy_kinds, NULL, report, error));
}

#endif
