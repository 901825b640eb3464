/* trial_fixture.h: a home with a shipped study on either engine, its time and chance in the test's hands, and the
 * people that scenarios need. */
#ifndef ATTUNE_TESTS_TRIAL_FIXTURE_H
#define ATTUNE_TESTS_TRIAL_FIXTURE_H

#define home fixture_home /* the store's tests call their directories so */
#include "store_fixture.h"
#undef home

#include "feedback/course.h"
#include "feedback/detection.h"
#include "report/overview.h"
#include "trial/enrolment.h"
#include "trial/erasure.h"
#include "trial/home.h"
#include "trial/kinds.h"
#include "trial/occasion.h"
#include "trial/person.h"
#include "trial/session.h"
#include "trial/submission.h"

struct trial {
  struct fixture_home place;
  struct home *home;
  struct detector *detector;
  struct arena arena;
  struct expression_desk *desk;
  int64_t now_ms;
};

static const struct actor the_coordinator = {.code = "A-COORD", .roles = ROLE_COORDINATOR | ROLE_ALLOCATOR, .site = "", .person = ""};

static inline void trial_open_at(struct trial *trial, const char *study_name, bool postgresql, int64_t now_ms) {
  static int databases;
  memset(trial, 0, sizeof *trial);
  trial->now_ms = now_ms;
  trial->desk = expression_desk_open();
  struct error error = {0};
  struct study_findings findings = {.arena = &trial->arena};
  const struct study *study;
  char connect[512];
  if (study_load_embedded(&study, study_name, &findings, &trial->arena, &error)) stop_test("%s", error.text);
  home_name(&trial->place);
  if (postgresql) {
    snprintf(trial->place.database, sizeof trial->place.database, "attune_trial_%ld_%d", (long)getpid(), ++databases);
    fixture_admin("CREATE DATABASE", trial->place.database, "ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    fixture_connect(connect, sizeof connect, trial->place.database);
  }
  struct home_create create = {.directory = trial->place.path, .connect = postgresql ? connect : NULL, .by = "cli", .study = study,
                               .clock = clock_fixed(&trial->now_ms), .chance = chance_frozen(7)};
  if (home_create(&create, &error)) stop_test("%s", error.text);
  if (home_open(&trial->home, trial->place.path, STORE_OWN, create.clock, create.chance, &error)) stop_test("%s", error.text);
  if (detector_open(&trial->detector, trial->home, &error)) stop_test("%s", error.text);
}

/* The one number that a statement gives. */
static inline int64_t trial_count(struct trial *trial, const char *sql) {
  struct db *db;
  struct error said = {0};
  int64_t count;
  if (db_open(&db, trial->home->store, DB_OPEN, &said) || db_int(db, &said, &count, -1, sql, NO_ARGS)) stop_test("%s: %s", sql, said.text);
  db_close(db);
  return count;
}

/* What stands in a text between two others. */
static inline void text_between(const char *text, const char *before, const char *until, char *out, size_t size) {
  const char *start = text ? strstr(text, before) : NULL;
  if (!start) stop_test("'%s' is not in: %.300s", before, text ? text : "nothing");
  start += strlen(before);
  const char *stop = strstr(start, until);
  assert_true(stop && (size_t)(stop - start) < size);
  memcpy(out, start, (size_t)(stop - start));
  out[stop - start] = 0;
}

static inline void trial_open(struct trial *trial, const char *study_name, bool postgresql) {
  trial_open_at(trial, study_name, postgresql, INT64_C(20514) * DAY_MS + 9 * HOUR_MS);
}

static inline void trial_close(struct trial *trial) {
  detector_close(trial->detector);
  home_close(trial->home);
  expression_desk_close(trial->desk);
  arena_free(&trial->arena);
  home_remove(&trial->place);
}

/* Runs a verb; returns its error code, with its id in error->id. */
static inline enum err trial_do(struct trial *trial, verb *run, void *input, struct error *error) {
  *error = (struct error){0};
  return ledger_do(trial->home->ledger, run, input, error);
}

#define must(trial, run, input)                                                                                        \
  do {                                                                                                                 \
    struct error error_;                                                                                               \
    if (trial_do(trial, run, input, &error_)) stop_test("%s:%d: %s: %s", __FILE__, __LINE__, #run, error_.text);       \
  } while (0)
#define refused(trial, run, input, code_, id_)                                                                         \
  do {                                                                                                                 \
    struct error error_;                                                                                               \
    assert_int_equal(trial_do(trial, run, input, &error_), code_);                                                     \
    assert_string_equal(error_.id, id_);                                                                               \
  } while (0)

static inline void trial_person(struct trial *trial, const char *kind, const char *therapist, const char *address, char code[CODE_BYTES]) {
  struct enrol enrol = {.home = trial->home, .by = &the_coordinator, .kind = person_kind_of(kind), .site = home_study(trial->home)->sites[0].name,
                        .therapist = therapist, .language = "en", .identity = identity_named(&trial->arena, home_study(trial->home), person_kind_of(kind), "Someone", address)};
  must(trial, person_enrol, &enrol);
  memcpy(code, enrol.code, CODE_BYTES);
}

static inline void trial_session(struct trial *trial, const char *patient, int64_t number) {
  struct session_record record = {.home = trial->home, .by = &the_coordinator, .patient = patient, .number = number, .held_day = trial->now_ms / DAY_MS};
  must(trial, session_record, &record);
}

/* The form of a session for one rater. */
static inline struct occasion trial_occasion(struct trial *trial, const char *patient, int64_t session, const char *rater) {
  struct db *db;
  char *id;
  struct occasion occasion;
  assert_ok(db_open(&db, trial->home->store, DB_OPEN, error));
  assert_ok(db_text(db, error, &trial->arena, &id,
                    "SELECT id FROM occasion WHERE patient = $1 AND session_number = $2 AND rater = $3 ORDER BY id",
                    ARGS(v_text(patient), v_int(session), v_text(rater))));
  assert_non_null(id);
  assert_ok(occasion_by_id(db, id, &occasion, error));
  db_close(db);
  return occasion;
}

struct answered {
  struct form_result result;
  struct form_submit submit;
};

/* Validated answers to a post-session form, every rating item at `level` (1..6), ready to post. */
static inline void trial_answers(struct trial *trial, const struct occasion *occasion, const char *level, const char *tension, const char *key,
                                 struct answered *out) {
  const struct study *study = home_study_version(trial->home, occasion->study_version);
  const struct form *form = study_form(study, occasion->form);
  struct form_answer *answers = arena_array(&trial->arena, form->item_count, sizeof *answers);
  size_t count = 0;
  for (size_t i = 0; i < form->item_count; i++) {
    const struct form_item *item = &form->items[i];
    if (!form_type_asked(item->type)) continue;
    const char *value = !strcmp(item->name, "tension") ? tension : item->type == FORM_RANGE ? (strtol(level, NULL, 10) <= item->high ? level : "3") : NULL;
    if (value) answers[count++] = (struct form_answer){item->name, value, strlen(value)};
  }
  form_validate(form, answers, count, trial->desk, &trial->arena, &out->result);
  out->submit = (struct form_submit){.home = trial->home, .study = study, .form = form, .occasion = arena_text(&trial->arena, occasion->id),
                                     .respondent = arena_text(&trial->arena, occasion->respondent), .key = key, .language = "en", .result = &out->result};
}

static inline void trial_submit(struct trial *trial, const char *patient, int64_t session, const char *rater, const char *level, const char *tension) {
  struct occasion occasion = trial_occasion(trial, patient, session, rater);
  struct answered answered;
  trial_answers(trial, &occasion, level, tension, "key-1", &answered);
  must(trial, form_submit, &answered.submit);
}

struct dumped {
  char *bytes;
  size_t length;
};
static inline enum err dump_add(void *state, const void *bytes, size_t length) {
  struct dumped *dump = state;
  dump->bytes = realloc(dump->bytes, dump->length + length);
  memcpy(dump->bytes + dump->length, bytes, length);
  dump->length += length;
  return OK;
}
static inline struct dumped trial_dump(struct trial *trial) {
  struct dumped dump = {0};
  struct db *db;
  assert_ok(db_open(&db, trial->home->store, DB_OPEN, error));
  assert_ok(db_dump(db, dump_add, &dump, error));
  db_close(db);
  return dump;
}

/* Replay equals the tables, tree, bodies and checkpoints hold. */
static inline void trial_verify(struct trial *trial) {
  struct verify_report report;
  assert_ok(ledger_verify(trial->home->store, &trial->home->keys, assembled_kinds, NULL, &report, error));
  if (!report.tables_hold || !report.tree_holds || !report.bodies_hold || !report.checkpoints_hold) stop_test("verify: %s", report.first_difference);
}

#endif
