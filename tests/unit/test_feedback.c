/* Feedback: who sees what of a course, what is kept of the detector's judgements, what a showing records, and lists at the
 * size of a clinic. */
#include <time.h>

#include "feedback/caseload.h"
#include "feedback/note.h"
#include "feedback/renewal.h"
#include "feedback/showing.h"
#include "study_fixture.h"
#include "trial/amendment.h"
#include "trial/correction.h"
#include "trial/rating.h"
#include "trial/release.h"
#include "trial/withdrawal.h"
#include "trial_fixture.h"

static void reopen(struct trial *trial, enum store_mode mode) {
  struct clock clock = trial->home->clock;
  struct chance chance = trial->home->chance;
  struct error error = {0};
  detector_close(trial->detector);
  home_close(trial->home);
  if (home_open(&trial->home, trial->place.path, mode, clock, chance, &error)) stop_test("%s", error.text);
  if (detector_open(&trial->detector, trial->home, &error)) stop_test("%s", error.text);
}

/* Without what is in memory: a program that has just started. */
static void start_again(struct trial *trial) {
  reopen(trial, STORE_OWN);
}

static struct course course_now(struct trial *trial, const char *patient) {
  struct actor therapist = {.code = "A-T", .roles = ROLE_THERAPIST, .site = "", .person = ""};
  struct person person;
  struct course course;
  struct db *db;
  assert_ok(db_open(&db, trial->home->store, DB_OPEN, error));
  assert_ok(person_read(db, patient, &person, error));
  therapist.person = person.therapist;
  assert_ok(feedback_course(&(struct viewing){db, trial->detector, &trial->arena, &therapist}, patient, &course, error));
  db_close(db);
  return course;
}

/* How many showings of this course are due. */
static size_t due_count(struct trial *trial, struct db *db, const struct feedback_show *show, int64_t now_ms) {
  struct showing_query query = {.detector = show->detector, .viewer = show->viewer, .page = show->page, .sign_in = show->sign_in,
                                .now_ms = now_ms, .courses = show->course, .count = 1};
  struct feedback_show *due;
  size_t count;
  assert_ok(feedback_showings_due(db, &trial->arena, &query, &due, &count, error));
  return count;
}

/* The practice's study with another rule of feedback, as its next version. */
static void feedback_becomes(struct trial *trial, int version, const char *sees) {
  struct study_findings findings = {.arena = &trial->arena};
  struct source source = fixture_source("practice", &trial->arena);
  const struct study *study;
  struct error error = {0};
  fixture_change(&source, "study.json", "\"version\": 1,", arena_printf(&trial->arena, "\"version\": %d,", version), &trial->arena);
  fixture_change(&source, "study.json", "[\"events\", \"course\"]}", sees, &trial->arena);
  if (study_load_source(&study, &source, &findings, &trial->arena, &error)) stop_test("%s", error.text);
  struct study_amend amend = {.home = trial->home, .by = "cli", .approval = "REB 7", .approval_date = "2026-03-01", .study = study};
  must(trial, study_amend, &amend);
  if (home_refresh(trial->home, &error)) stop_test("%s", error.text);
}

static int by_code(const void *a, const void *b) {
  return strcmp(a, b);
}

/* Who sees a course: the study's rule by role and arm, and each showing on record once in five minutes. */
static void feedback(bool postgresql) {
  struct trial trial;
  char trained[CODE_BYTES], control[CODE_BYTES], patients[2][CODE_BYTES];
  trial_open(&trial, "tensions-and-repair", postgresql);
  trial_person(&trial, "therapist", "", "t@example.org", trained);
  trial_person(&trial, "therapist", "", "u@example.org", control);
  struct release release = {.home = trial.home, .by = &the_coordinator, .person = trained, .arm = "programme", .wave = 1, .slot = 0};
  must(&trial, allocation_release, &release);
  refused(&trial, allocation_release, &release, ERR_CONFLICT, "released-already");
  release.person = control, release.arm = "control", release.slot = 1;
  must(&trial, allocation_release, &release);
  for (int i = 0; i < 2; i++) {
    trial_person(&trial, "patient", i ? control : trained, i ? "a@example.org" : "b@example.org", patients[i]);
    for (int session = 1; session <= 3; session++) {
      trial.now_ms += 7 * DAY_MS;
      trial_session(&trial, patients[i], session);
      trial_submit(&trial, patients[i], session, "patient", session == 3 ? "1" : "6", session == 3 ? "1" : "0");
    }
  }
  struct actor trainer = {.code = "A-TRAIN", .roles = ROLE_TRAINER, .site = "", .person = ""};
  struct actor therapists[2] = {{.code = "A-T", .roles = ROLE_THERAPIST, .site = "", .person = trained}, {.code = "A-U", .roles = ROLE_THERAPIST, .site = "", .person = control}};
  struct db *db;
  struct error said;
  struct caseload list;
  assert_ok(db_open(&db, trial.home->store, DB_OPEN, error));
  assert_int_equal(feedback_may_see(&(struct viewing){db, trial.detector, &trial.arena, &trainer}, patients[0], &said), OK);
  assert_int_equal(feedback_may_see(&(struct viewing){db, trial.detector, &trial.arena, &trainer}, patients[1], &said), ERR_MISSING);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(feedback_may_see(&(struct viewing){db, trial.detector, &trial.arena, &therapists[i]}, patients[i], &said), ERR_MISSING);
    assert_int_equal(feedback_caseload(&(struct viewing){db, trial.detector, &trial.arena, &therapists[i]}, trial.now_ms, 1, &list, &said), OK);
    assert_int_equal(list.count, 1);
    assert_false(list.feedback);
    assert_int_equal(list.rows[0].sight.level, SIGHT_NOTHING);
    assert_int_equal(list.rows[0].count, 0);
    assert_int_equal(list.rows[0].held, 3);
    assert_int_equal(list.task_count, i); /* the first therapist's forms have closed since */
  }
  assert_int_equal(feedback_flagged(&(struct viewing){db, trial.detector, &trial.arena, &trainer}, 1, &list, &said), OK);
  assert_int_equal(list.count, 1);
  assert_string_equal(list.rows[0].patient, patients[0]);
  assert_int_equal(list.rows[0].state.badge, COURSE_TENSION);
  struct course course = list.rows[0];
  assert_int_equal(course.count, 1); /* the flagged session alone */
  assert_int_equal(course.points[0].session_number, 3);
  struct feedback_show show = {.detector = trial.detector, .viewer = &trainer, .page = "course", .sign_in = "s1", .course = &course};
  must(&trial, feedback_show, &show);
  assert_int_equal(due_count(&trial, db, &show, trial.now_ms), 0);
  assert_int_equal(due_count(&trial, db, &show, trial.now_ms + SHOWING_MS), 1);
  struct course other = course;
  memcpy(other.patient, patients[1], sizeof other.patient);
  show.course = &other;
  refused(&trial, feedback_show, &show, ERR_MISSING, "no-such-person");
  struct note_write note = {.detector = trial.detector, .by = &trainer, .patient = patients[0], .text = "Ask about the homework."};
  must(&trial, note_write, &note);
  assert_int_equal(feedback_course(&(struct viewing){db, trial.detector, &trial.arena, &trainer}, patients[0], &course, &said), OK);
  assert_int_equal(course.note_count, 1);
  db_close(db);
  trial_verify(&trial);
  trial_close(&trial);
}

static void test_feedback(void **state) {
  (void)state;
  feedback(false);
  if (fixture_server()) feedback(true);
}

/* ---- what a viewer sees ---- */

/* The study says events, or the course, or flagged sessions alone: what the pages are given holds nothing else. */
static void sight(bool postgresql) {
  struct trial trial;
  char therapist[CODE_BYTES], patients[2][CODE_BYTES];
  static const struct {
    const char *rule;
    size_t count[2]; /* sessions of the first patient, who reports one tension, and of the second; 0: the patient is not seen */
    bool ratings;
  } rules[] = {{"[\"events\", \"course\"]}", {6, 6}, true},
               {"[\"events\"]}", {1, 0}, false},
               {"[\"course\"], \"flagged_only\": true}", {1, 0}, true},
               {"[\"events\"], \"flagged_only\": true}", {1, 0}, false},
               {"[\"tasks\"]}", {0, 0}, false}};
  trial_open(&trial, "practice", postgresql);
  trial_person(&trial, "therapist", "", "t@example.org", therapist);
  for (int i = 0; i < 2; i++) {
    trial_person(&trial, "patient", therapist, i ? "p@example.org" : "q@example.org", patients[i]);
    for (int session = 1; session <= 6; session++) {
      trial.now_ms += 7 * DAY_MS;
      trial_session(&trial, patients[i], session);
      trial_submit(&trial, patients[i], session, "patient", session % 2 ? "5" : "6", !i && session == 6 ? "1" : "0");
    }
  }
  struct actor own = {.code = "A-T", .roles = ROLE_THERAPIST, .site = "", .person = therapist};
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    struct db *db;
    struct caseload list;
    if (i) feedback_becomes(&trial, (int)i + 1, rules[i].rule);
    assert_ok(db_open(&db, trial.home->store, DB_OPEN, error));
    assert_ok(feedback_caseload(&(struct viewing){db, trial.detector, &trial.arena, &own}, trial.now_ms, 1, &list, error));
    assert_int_equal(list.count, 2); /* own patients are in the list whatever the study shows of them */
    for (size_t j = 0; j < list.task_count; j++) assert_string_equal(list.tasks[j].site, home_study(trial.home)->sites[0].name);
    for (size_t j = 0; j < list.count; j++) {
      const struct course *course = &list.rows[j];
      int which = strcmp(course->patient, patients[0]) != 0;
      assert_int_equal(course->count, rules[i].count[which]);
      for (size_t k = 0; k < course->count; k++) {
        const struct course_point *point = &course->points[k];
        assert_true(rules[i].ratings == point->has[0] && rules[i].ratings == point->has_well_being);
        if (rules[i].ratings) continue;
        assert_true(point->rating[0] == 0 && point->seen.low == 0 && point->seen.high == 0 && point->seen.expected == 0);
      }
    }
    db_close(db);
  }
  trial_close(&trial);
}

static void test_sight(void **state) {
  (void)state;
  sight(false);
  if (fixture_server()) sight(true);
}

/* ---- the showing holds what the page draws ---- */

static json_t *newest_body(struct trial *trial, const char *kind) {
  struct db *db;
  int64_t sequence;
  json_t *body;
  assert_ok(db_open(&db, trial->home->store, DB_OPEN, error));
  assert_ok(db_int(db, error, &sequence, -1, "SELECT max(sequence) FROM ledger_entry WHERE kind = $1 ORDER BY 1", ARGS(v_text(kind))));
  assert_ok(ledger_body(db, &trial->home->keys, sequence, &body, error));
  db_close(db);
  assert_non_null(body);
  return body;
}

static void showing(bool postgresql) {
  struct trial trial;
  char therapist[CODE_BYTES], patient[CODE_BYTES];
  trial_open(&trial, "practice", postgresql);
  trial_person(&trial, "therapist", "", "t@example.org", therapist);
  trial_person(&trial, "patient", therapist, "p@example.org", patient);
  for (int session = 1; session <= 5; session++) {
    trial.now_ms += 7 * DAY_MS;
    trial_session(&trial, patient, session);
    if (session < 5) trial_submit(&trial, patient, session, "patient", session % 2 ? "5" : "6", "0");
  }
  struct actor own = {.code = "A-T", .roles = ROLE_THERAPIST, .site = "", .person = therapist};
  struct course course = course_now(&trial, patient);
  struct feedback_show show = {.detector = trial.detector, .viewer = &own, .page = "course", .sign_in = "s1", .course = &course};
  must(&trial, feedback_show, &show);
  json_t *body = newest_body(&trial, "feedback.show");
  const json_t *figures = json_object_get(body, "figures");
  assert_int_equal(json_array_size(figures), 5);
  assert_int_equal(json_int(body, "v", 1), 2);
  assert_string_equal(json_text(body, "basis", ""), course.key);
  for (size_t i = 0; i < course.count; i++) {
    const json_t *figure = json_array_get(figures, i);
    const struct course_point *point = &course.points[i];
    assert_string_equal(json_text(figure, "patient", "-"), point->has[0] ? number_text(&trial.arena, point->rating[0]) : "");
    assert_string_equal(json_text(figure, "low", "-"), point->seen.known ? number_text(&trial.arena, point->seen.low) : "");
    assert_string_equal(json_text(figure, "well_being", "-"), point->has_well_being ? number_text(&trial.arena, point->well_being) : "");
  }
  json_decref(body);

  /* Another rating comes between the page's reading and the entry: refused; read again, it is taken, and due at once. */
  course = course_now(&trial, patient);
  trial_submit(&trial, patient, 5, "patient", "2", "1");
  refused(&trial, feedback_show, &show, ERR_CONFLICT, SHOWING_STALE);
  course = course_now(&trial, patient);
  struct db *db;
  assert_ok(db_open(&db, trial.home->store, DB_OPEN, error));
  assert_int_equal(due_count(&trial, db, &show, trial.now_ms), 1);
  must(&trial, feedback_show, &show);
  assert_int_equal(due_count(&trial, db, &show, trial.now_ms), 0);
  /* So does another session, and a patient who leaves. */
  struct withdraw leave = {.home = trial.home, .by = &the_coordinator, .person = patient, .reason = "moved away"};
  must(&trial, person_withdraw, &leave);
  refused(&trial, feedback_show, &show, ERR_CONFLICT, SHOWING_STALE);
  db_close(db);
  trial_verify(&trial);
  trial_close(&trial);
}

static void test_showing(void **state) {
  (void)state;
  showing(false);
  if (fixture_server()) showing(true);
}

/* ---- a clinic ---- */

#define CLINIC 3000
#define CLINIC_SESSIONS 40

static void clinic_fill(struct trial *trial, const char *therapist) {
  struct rating_row rows[CLINIC_SESSIONS];
  char patient[CODE_BYTES];
  for (int p = 0; p < CLINIC; p++) {
    trial_person(trial, "patient", therapist, arena_printf(&trial->arena, "p%d@example.org", p), patient);
    for (int i = 0; i < CLINIC_SESSIONS; i++) {
      bool low = p % 7 == 3 && i > 30;
      rows[i] = (struct rating_row){i + 1, arena_printf(&trial->arena, "%d", low ? 20 : 64 + (p + 3 * i) % 5 * 4), i % 9 ? -1 : p % 11 == 5 && i == 36};
    }
    struct rating_import import = {.home = trial->home, .by = &the_coordinator, .patient = patient, .rater = PERSON_PATIENT, .rows = rows, .count = CLINIC_SESSIONS};
    must(trial, rating_import, &import);
  }
}

/* 3,000 patients with 40 sessions each under one therapist: every page is bounded, most urgent first, and together they
 * hold everybody once. */
static void test_clinic(void **state) {
  (void)state;
  struct trial trial;
  char therapist[CODE_BYTES];
  struct error error = {0};
  trial_open(&trial, "practice", false);
  reopen(&trial, STORE_MAKE);
  trial_person(&trial, "therapist", "", "t@example.org", therapist);
  clinic_fill(&trial, therapist);
  struct actor own = {.code = "A-T", .roles = ROLE_THERAPIST, .site = "", .person = therapist};
  struct db *db;
  int64_t seen = 0, pages = 1;
  int urgency = 0;
  size_t most = 0;
  struct arena arena = {0}, all = {0};
  char (*codes)[CODE_BYTES] = arena_array(&all, CLINIC + CASELOAD_ROWS, sizeof *codes);
  assert_int_equal(db_open(&db, trial.home->store, DB_OPEN, &error), OK);
  struct timespec begun, ended;
  clock_gettime(CLOCK_MONOTONIC, &begun);
  for (int64_t page = 1; page <= pages; page++) {
    struct caseload list;
    if (feedback_caseload(&(struct viewing){db, trial.detector, &arena, &own}, trial.now_ms, page, &list, &error)) stop_test("%s", error.text);
    pages = list.pages;
    assert_int_equal(list.total, CLINIC);
    assert_true(list.count <= CASELOAD_ROWS && list.task_count <= CASELOAD_TASKS);
    for (size_t i = 0; i < list.count; i++) {
      assert_true(list.rows[i].state.urgency >= urgency);
      urgency = list.rows[i].state.urgency;
      memcpy(codes[seen++], list.rows[i].patient, CODE_BYTES);
    }
    if (arena.used > most) most = arena.used;
    arena_reset(&arena);
  }
  clock_gettime(CLOCK_MONOTONIC, &ended);
  assert_int_equal(seen, CLINIC);
  assert_true(urgency > 3);
  qsort(codes, CLINIC, sizeof *codes, by_code);
  for (int i = 1; i < CLINIC; i++) assert_string_not_equal(codes[i - 1], codes[i]);
  assert_true(most < 6 << 20);
  print_message("a page of %d patients: %.1f ms, %zu kB\n", CASELOAD_ROWS,
                ((double)(ended.tv_sec - begun.tv_sec) * 1e3 + (double)(ended.tv_nsec - begun.tv_nsec) / 1e6) / (double)pages, most >> 10);
  db_close(db);
  arena_free(&arena);
  arena_free(&all);
  trial_close(&trial);
}

/* ---- what is kept of the detector's judgements ---- */


static enum err empty_cache(struct txn *txn, void *input, struct error *error) {
  (void)input;
  return db_exec(txn_db(txn), error, "DELETE FROM cache_detection", NO_ARGS);
}
static enum err mark_cache(struct txn *txn, void *input, struct error *error) {
  (void)input;
  return db_exec(txn_db(txn), error, "UPDATE cache_detection SET expected = '77'", NO_ARGS);
}

/* The page's figures are those of a judgement made from the ratings now, to the last bit. */
static void cache_is_right(struct trial *trial, const char *patient) {
  start_again(trial);
  struct course kept = course_now(trial, patient);
  must(trial, empty_cache, NULL);
  start_again(trial);
  struct course judged = course_now(trial, patient);
  assert_int_equal(kept.count, judged.count);
  assert_int_equal(kept.state.badge, judged.state.badge);
  assert_string_equal(kept.key, judged.key);
  for (size_t i = 0; i < kept.count; i++) {
    const struct detection *a = &kept.points[i].seen, *b = &judged.points[i].seen;
    assert_true(a->known == b->known && a->expected == b->expected && a->low == b->low && a->high == b->high);
    assert_true(a->tension == b->tension && a->repaired == b->repaired && a->event == b->event && a->reported == b->reported);
  }
  struct error error = {0};
  assert_int_equal(feedback_renew(trial->detector, &error), OK);
}

/* Whether the page takes what stands in the table: a mark made there is seen. */
static bool cache_is_read(struct trial *trial, const char *patient) {
  struct error error = {0};
  must(trial, mark_cache, NULL);
  start_again(trial);
  struct course course = course_now(trial, patient);
  bool seen = course.points[0].seen.expected == 77;
  must(trial, empty_cache, NULL);
  start_again(trial);
  assert_int_equal(feedback_renew(trial->detector, &error), OK);
  return seen;
}

static void kept_detections(bool postgresql) {
  struct trial trial;
  char therapist[CODE_BYTES], patient[CODE_BYTES], other[CODE_BYTES];
  struct error error = {0};
  trial_open(&trial, "practice", postgresql);
  trial_person(&trial, "therapist", "", "t@example.org", therapist);
  trial_person(&trial, "patient", therapist, "p@example.org", patient);
  trial_person(&trial, "patient", therapist, "q@example.org", other);
  for (int session = 1; session <= 6; session++) {
    trial.now_ms += 7 * DAY_MS;
    trial_session(&trial, patient, session);
    trial_session(&trial, other, session);
    trial_submit(&trial, patient, session, "patient", session == 4 ? "2" : session % 2 ? "5" : "6", "0");
    trial_submit(&trial, other, session, "patient", session % 3 ? "5" : "4", "0");
  }
  assert_true(cache_is_read(&trial, patient));
  cache_is_right(&trial, patient);

  /* A correction: the mark of before is not seen, because the ratings are others. */
  must(&trial, mark_cache, NULL);
  struct occasion occasion = trial_occasion(&trial, patient, 2, "patient");
  struct form_correct correct = {.home = trial.home, .by = &the_coordinator, .occasion = occasion.id, .item = "goal", .value = "1", .reason = "typed wrongly"};
  must(&trial, form_correct, &correct);
  start_again(&trial);
  assert_true(course_now(&trial, patient).points[0].seen.expected != 77);
  cache_is_right(&trial, patient);
  assert_true(cache_is_read(&trial, patient));

  /* Ratings from a file. */
  struct rating_row rows[] = {{7, "0.2", -1}, {8, "0.8", -1}};
  struct rating_import import = {.home = trial.home, .by = &the_coordinator, .patient = patient, .rater = PERSON_PATIENT, .rows = rows, .count = 2};
  must(&trial, rating_import, &import);
  assert_int_equal(course_now(&trial, patient).count, 8);
  cache_is_right(&trial, patient);

  /* Another estimate, from more ratings: what the one before it said holds no longer, until it is renewed. */
  struct rating_row many[40];
  for (int i = 0; i < 40; i++) many[i] = (struct rating_row){i + 7, i % 3 ? "0.9" : "0.4", -1};
  import = (struct rating_import){.home = trial.home, .by = &the_coordinator, .patient = other, .rater = PERSON_PATIENT, .rows = many, .count = 40};
  must(&trial, rating_import, &import);
  char before[17];
  snprintf(before, sizeof before, "%s", detector_basis(trial.detector).estimate);
  must(&trial, mark_cache, NULL);
  assert_int_equal(feedback_learn(trial.detector, &error), OK);
  assert_string_not_equal(before, detector_basis(trial.detector).estimate);
  cache_is_right(&trial, patient);
  cache_is_right(&trial, other);
  assert_true(cache_is_read(&trial, patient));

  /* What was learnt outlasts the program; an erasure takes its rows along. */
  snprintf(before, sizeof before, "%s", detector_basis(trial.detector).estimate);
  start_again(&trial);
  assert_string_equal(before, detector_basis(trial.detector).estimate);
  struct person_erase erase = {.home = trial.home, .by = &the_coordinator, .person = other, .reason = "asked for it"};
  must(&trial, person_erase, &erase);
  assert_int_equal(feedback_renew(trial.detector, &error), OK);
  assert_int_equal(trial_count(&trial, "SELECT count(*) FROM cache_detection"), 8);
  cache_is_right(&trial, patient);
  trial_verify(&trial);
  trial_close(&trial);
}

static void test_kept_detections(void **state) {
  (void)state;
  kept_detections(false);
  if (fixture_server()) kept_detections(true);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_feedback), cmocka_unit_test(test_sight), cmocka_unit_test(test_showing),
                                     cmocka_unit_test(test_kept_detections), cmocka_unit_test(test_clinic)};
  crypto_start();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
