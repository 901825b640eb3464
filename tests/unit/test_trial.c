/* The first verbs of the trial, on both engines: what they store, what they refuse, and that the replay of the ledger
 * gives the same tables, an erasure among them. */
#include "feedback/caseload.h"
#include "feedback/course.h"
#include "feedback/detection.h"
#include "feedback/note.h"
#include "feedback/showing.h"
#include "report/overview.h"
#include "study_fixture.h"
#include "trial/amendment.h"
#include "trial/correction.h"
#include "trial/draft.h"
#include "trial/enrolment.h"
#include "trial/erasure.h"
#include "trial/occasion.h"
#include "trial/person.h"
#include "trial/rating.h"
#include "trial/release.h"
#include "trial/reminder.h"
#include "trial/session.h"
#include "trial/withdrawal.h"
#include "report/log.h"
#include "report/overview.h"
#include "trial_fixture.h"

/* One therapist, three patients, six sessions; a correction, a withdrawal, a reminder, a showing, a note, an erasure. */
static void play(struct trial *trial) {
  char therapist[CODE_BYTES], patients[3][CODE_BYTES];
  trial_person(trial, "therapist", "", "t@example.org", therapist);
  for (int i = 0; i < 3; i++) trial_person(trial, "patient", therapist, i == 0 ? "a@example.org" : i == 1 ? "b@example.org" : "c@example.org", patients[i]);
  if (home_study(trial->home)->arm_count) {
    struct release release = {.home = trial->home, .by = &the_coordinator, .person = therapist, .arm = "programme", .wave = 1, .slot = 1};
    must(trial, allocation_release, &release);
  }
  for (int session = 1; session <= 6; session++) {
    trial->now_ms += 7 * DAY_MS;
    for (int i = 0; i < 3; i++) {
      trial_session(trial, patients[i], session);
      trial->now_ms += HOUR_MS;
      bool low = i == 0 && session == 4;
      trial_submit(trial, patients[i], session, "patient", low ? "1" : session % 2 ? "5" : "6", low ? "1" : "0");
      if (session != 3) trial_submit(trial, patients[i], session, "therapist", "5", "0");
    }
  }
  struct form_correct correct = {.home = trial->home, .by = &the_coordinator, .item = "goal", .value = "4", .reason = "typed wrongly"};
  struct occasion occasion = trial_occasion(trial, patients[1], 2, "patient");
  correct.occasion = occasion.id;
  must(trial, form_correct, &correct);
  correct.value = "9";
  refused(trial, form_correct, &correct, ERR_INPUT, "answer-out-of-range");
  correct.reason = "";
  refused(trial, form_correct, &correct, ERR_INPUT, "reason-missing");
  struct occasion unanswered = trial_occasion(trial, patients[2], 3, "therapist");
  struct form_remind remind = {.home = trial->home, .by = &the_coordinator, .occasion = unanswered.id};
  refused(trial, form_remind, &remind, ERR_STATE, "form-late");
  struct withdraw withdraw = {.home = trial->home, .by = &the_coordinator, .person = patients[2], .reason = "moved"};
  must(trial, person_withdraw, &withdraw);
  refused(trial, person_withdraw, &withdraw, ERR_CONFLICT, "withdrawn-already");
  trial_verify(trial);
  struct person_erase erase = {.home = trial->home, .by = &the_coordinator, .person = patients[1], .reason = "asked for it"};
  must(trial, person_erase, &erase);
  refused(trial, person_erase, &erase, ERR_CONFLICT, "erased-already");
  assert_int_equal(trial_count(trial, "SELECT count(*) FROM tombstone"), 1);
  assert_int_equal(trial_count(trial, "SELECT count(*) FROM person WHERE kind = 'patient'"), 2);
  assert_int_equal(trial_count(trial, "SELECT count(*) FROM session"), 12);
  trial_verify(trial);
}

static void scenario(const char *study) {
  struct trial sqlite, postgresql;
  trial_open(&sqlite, study, false);
  play(&sqlite);
  struct dumped first = trial_dump(&sqlite);
  assert_true(first.length > 10000);
  if (fixture_server()) {
    trial_open(&postgresql, study, true);
    play(&postgresql);
    struct dumped second = trial_dump(&postgresql);
    assert_int_equal(first.length, second.length);
    assert_memory_equal(first.bytes, second.bytes, first.length);
    free(second.bytes);
    trial_close(&postgresql);
  } else
    print_message("PostgreSQL was left out: ATTUNE_TEST_POSTGRESQL is not set\n");
  free(first.bytes);
  trial_close(&sqlite);
}

static void test_scenario_trial(void **state) {
  (void)state;
  scenario("tensions-and-repair");
}
static void test_scenario_practice(void **state) {
  (void)state;
  scenario("practice");
}

static void test_submissions(void **state) {
  (void)state;
  struct trial trial;
  char therapist[CODE_BYTES], patient[CODE_BYTES], other[CODE_BYTES];
  trial_open(&trial, "practice", false);
  trial_person(&trial, "therapist", "", "t@example.org", therapist);
  trial_person(&trial, "patient", therapist, "p@example.org", patient);
  trial_person(&trial, "patient", therapist, "q@example.org", other);
  trial_session(&trial, patient, 1);
  struct occasion occasion = trial_occasion(&trial, patient, 1, "patient");
  struct answered first, second;
  trial_answers(&trial, &occasion, "5", "0", "key-A", &first);
  first.submit.respondent = other; /* another patient who has got hold of the form's id */
  refused(&trial, form_submit, &first.submit, ERR_MISSING, "no-such-form");
  first.submit.respondent = patient;
  must(&trial, form_submit, &first.submit);
  assert_false(first.submit.again);
  must(&trial, form_submit, &first.submit);
  assert_true(first.submit.again);
  trial_answers(&trial, &occasion, "4", "0", "key-A", &second);
  refused(&trial, form_submit, &second.submit, ERR_CONFLICT, "key-reused");
  second.submit.key = "key-B";
  refused(&trial, form_submit, &second.submit, ERR_CONFLICT, "form-done");
  assert_int_equal(trial_count(&trial, "SELECT count(*) FROM submission"), 1);
  trial_session(&trial, patient, 2);
  occasion = trial_occasion(&trial, patient, 2, "patient");
  trial_answers(&trial, &occasion, "4", "0", "key-C", &second);
  trial.now_ms = occasion.closes_ms;
  refused(&trial, form_submit, &second.submit, ERR_STATE, "form-late");
  trial.now_ms -= 1;
  must(&trial, form_submit, &second.submit);
  second.submit.key = "not a key!";
  refused(&trial, form_submit, &second.submit, ERR_INPUT, "key-wrong");
  trial_verify(&trial);
  trial_close(&trial);
}

static void test_sessions(void **state) {
  (void)state;
  struct trial trial;
  char therapist[CODE_BYTES], other[CODE_BYTES], patient[CODE_BYTES];
  trial_open(&trial, "tensions-and-repair", false);
  trial_person(&trial, "therapist", "", "t@example.org", therapist);
  trial_person(&trial, "therapist", "", "u@example.org", other);
  trial_person(&trial, "patient", therapist, "p@example.org", patient);
  struct actor stranger = {.code = "A-OTHER", .roles = ROLE_THERAPIST, .site = "", .person = other};
  struct actor own = {.code = "A-OWN", .roles = ROLE_THERAPIST, .site = "", .person = therapist};
  struct session_record record = {.home = trial.home, .by = &stranger, .patient = patient, .number = 1, .held_day = trial.now_ms / DAY_MS};
  refused(&trial, session_record, &record, ERR_MISSING, "no-such-person");
  record.by = &own;
  record.held_day += 3;
  refused(&trial, session_record, &record, ERR_INPUT, "session-future");
  record.held_day -= 3;
  must(&trial, session_record, &record);
  refused(&trial, session_record, &record, ERR_CONFLICT, "session-exists");
  record.number = 7;
  refused(&trial, session_record, &record, ERR_STATE, "sessions-complete");
  assert_int_equal(trial_count(&trial, "SELECT count(*) FROM link"), 2);
  struct enrol again = {.home = trial.home, .by = &the_coordinator, .kind = PERSON_PATIENT, .site = home_study(trial.home)->sites[0].name,
                        .therapist = therapist, .language = "en", .identity = identity_named(&trial.arena, home_study(trial.home), PERSON_PATIENT, "X", " P@EXAMPLE.org ")};
  refused(&trial, person_enrol, &again, ERR_INPUT, "address-wrong");
  again.identity = identity_named(&trial.arena, home_study(trial.home), PERSON_PATIENT, "X", "P@EXAMPLE.org");
  refused(&trial, person_enrol, &again, ERR_CONFLICT, "duplicate-person");
  again.identity = identity_named(&trial.arena, home_study(trial.home), PERSON_PATIENT, "X", "new@example.org");
  again.language = "xx";
  refused(&trial, person_enrol, &again, ERR_INPUT, "no-such-language");
  again.language = "en";
  again.by = &own;
  refused(&trial, person_enrol, &again, ERR_DENIED, "not-allowed");
  trial_verify(&trial);
  trial_close(&trial);
}

/* ---- amendments ---- */

/* The trial's study with its version, its form's version and one other change. */
static const struct study *amended(struct trial *trial, const char *version, const char *form_version, const char *find, const char *replace) {
  struct study_findings findings = {.arena = &trial->arena};
  struct source source = fixture_source("practice", &trial->arena);
  const struct study *study;
  struct error error = {0};
  fixture_change(&source, "study.json", "\"version\": 1,", arena_printf(&trial->arena, "\"version\": %s,", version), &trial->arena);
  fixture_change(&source, "settings.csv", "session-patient,1,", arena_printf(&trial->arena, "session-patient,%s,", form_version), &trial->arena);
  if (find) fixture_change(&source, "forms/session-patient.csv", find, replace, &trial->arena);
  if (study_load_source(&study, &source, &findings, &trial->arena, &error)) stop_test("%s", error.text);
  return study;
}

static void amend(struct trial *trial, const struct study *study) {
  struct error error = {0};
  struct study_amend amend = {.home = trial->home, .by = "cli", .approval = "REB 7", .approval_date = "2026-03-01", .study = study};
  must(trial, study_amend, &amend);
  if (home_refresh(trial->home, &error)) stop_test("%s", error.text);
}

/* Held against every version so far: what went may not come back as something else under the name of before. */
static void test_amendments(void **state) {
  (void)state;
  static const char item[] = "Today we worked on what matters to me.", other[] = "We worked.";
  struct trial trial;
  trial_open(&trial, "practice", false);
  amend(&trial, amended(&trial, "2", "2", item, other));
  struct study_amend back = {.home = trial.home, .by = "cli", .approval = "REB 8", .approval_date = "2026-03-02",
                             .study = amended(&trial, "3", "1", item, "We talked.")};
  struct study_difference difference;
  study_compare(home_study(trial.home), back.study, &trial.arena, &difference);
  assert_false(difference.refused); /* the last version alone would let it pass */
  refused(&trial, study_amend, &back, ERR_INPUT, "study-reinterprets");
  home_compare(trial.home, back.study, &trial.arena, &difference);
  assert_int_equal(difference.refusal_count, 1);
  assert_non_null(strstr(difference.refusals[0], "Against version 1 of the study: "));
  assert_non_null(strstr(difference.refusals[0], "goal (its wording)"));
  back.study = amended(&trial, "3", "2", item, "We talked.");
  refused(&trial, study_amend, &back, ERR_INPUT, "study-reinterprets");
  amend(&trial, amended(&trial, "3", "1", NULL, NULL)); /* back to the very form of version 1 */
  back.study = amended(&trial, "4", "2", item, "We talked.");
  refused(&trial, study_amend, &back, ERR_INPUT, "study-reinterprets");
  amend(&trial, amended(&trial, "4", "3", item, "We talked."));
  assert_int_equal(home_version(trial.home), 4);
  trial_verify(&trial);
  trial_close(&trial);
}

/* ---- reading ---- */

static void test_overview(void **state) {
  (void)state;
  struct trial trial;
  trial_open(&trial, "tensions-and-repair", false);
  play(&trial);
  struct db *db;
  struct overview overview;
  struct log_row *rows;
  size_t count;
  assert_ok(db_open(&db, trial.home->store, DB_MASKED, error));
  assert_ok(report_overview(db, trial.home, &trial.arena, "", trial.now_ms, &overview, error));
  assert_int_equal(overview.therapists.reached, 1);
  assert_int_equal(overview.patients.reached, 2);
  assert_int_equal(overview.flow.erased, 1);
  assert_int_equal(overview.flow.patients_complete, 1);
  assert_true(overview.week_count >= 6);
  int64_t overdue = 0;
  for (size_t i = 0; i < overview.site_count; i++) overdue += overview.sites[i].forms_due;
  assert_int_equal(overdue, overview.overdue_total); /* the sites add up to the list */
  struct log_filter filter = {.kind = "allocation.release"};
  assert_ok(report_log(db, &trial.arena, &filter, &rows, &count, error));
  assert_int_equal(count, 0);
  filter.kind = "session.record";
  assert_ok(report_log(db, &trial.arena, &filter, &rows, &count, error));
  assert_int_equal(count, 18);
  db_close(db);
  trial_close(&trial);
}

static void test_drafts(void **state) {
  (void)state;
  struct trial trial;
  char therapist[CODE_BYTES], patient[CODE_BYTES];
  trial_open(&trial, "practice", false);
  trial_person(&trial, "therapist", "", "t@example.org", therapist);
  trial_person(&trial, "patient", therapist, "p@example.org", patient);
  trial_session(&trial, patient, 1);
  struct occasion occasion = trial_occasion(&trial, patient, 1, "patient");
  struct typed typed[] = {{"goal", "5"}, {"feeling", "99"}}, *back;
  struct draft_save save = {.occasion = occasion.id, .typed = typed, .count = 2};
  must(&trial, draft_save, &save);
  struct db *db;
  size_t count;
  assert_ok(db_open(&db, trial.home->store, DB_MASKED, error));
  assert_ok(draft_read(db, &trial.arena, occasion.id, &back, &count, error));
  assert_int_equal(count, 2);
  trial_submit(&trial, patient, 1, "patient", "4", "0");
  assert_ok(draft_read(db, &trial.arena, occasion.id, &back, &count, error));
  assert_int_equal(count, 0);
  refused(&trial, draft_save, &save, ERR_STATE, "form-done");
  db_close(db);
  trial_close(&trial);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_scenario_trial), cmocka_unit_test(test_scenario_practice), cmocka_unit_test(test_submissions),
      cmocka_unit_test(test_sessions),       cmocka_unit_test(test_overview),
      cmocka_unit_test(test_drafts),         cmocka_unit_test(test_amendments),
  };
  crypto_start();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
