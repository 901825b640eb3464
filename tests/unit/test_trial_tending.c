/* What time brings: reminders, occasions by the day, the end of the days that a study follows somebody. And what the study
 * keeps of a person's identity, and under which version an occasion is stamped. */
#include "trial_fixture.h"
#include "study_fixture.h"
#include "trial/amendment.h"
#include "trial/draft.h"
#include "trial/look.h"
#include "trial/reminder.h"
#include "trial/tending.h"
#include "trial/withdrawal.h"

static struct tended tend(struct trial *trial) {
  struct tended tended;
  struct error error = {0};
  if (trial_tend(trial->home, trial->now_ms, &tended, &error)) stop_test("%s", error.text);
  return tended;
}

static void a_patient(struct trial *trial, char therapist[CODE_BYTES], char patient[CODE_BYTES]) {
  trial_person(trial, "therapist", "", "t@example.org", therapist);
  trial_person(trial, "patient", therapist, "p@example.org", patient);
}

/* The practice asks again after 24 and 72 hours: of each open form once each time, of none that was answered. */
static void test_reminders(void **state) {
  (void)state;
  struct trial trial;
  char therapist[CODE_BYTES], patient[CODE_BYTES];
  trial_open(&trial, "practice", false);
  a_patient(&trial, therapist, patient);
  trial_session(&trial, patient, 1);
  trial.now_ms += 23 * HOUR_MS;
  assert_int_equal(tend(&trial).reminded, 0);
  trial.now_ms += 2 * HOUR_MS;
  assert_int_equal(tend(&trial).reminded, 2); /* the patient's form and the therapist's */
  assert_int_equal(tend(&trial).reminded, 0);
  assert_int_equal(trial_count(&trial, "SELECT count(*) FROM run_outbox"), 2);
  trial_submit(&trial, patient, 1, "patient", "5", "0");
  trial.now_ms += 49 * HOUR_MS;
  assert_int_equal(tend(&trial).reminded, 1);
  assert_int_equal(tend(&trial).reminded, 0);
  trial_session(&trial, patient, 2);
  trial.now_ms += 80 * HOUR_MS; /* the server stood still over both moments: one reminder, not two */
  assert_int_equal(tend(&trial).reminded, 2);
  assert_int_equal(tend(&trial).reminded, 0);
  trial.now_ms += 30 * DAY_MS; /* closed */
  assert_int_equal(tend(&trial).reminded, 0);
  trial_verify(&trial);
  trial_close(&trial);
}

/* A reminder by hand counts: nobody is asked twice within a day. */
static void test_reminded_by_hand(void **state) {
  (void)state;
  struct trial trial;
  char therapist[CODE_BYTES], patient[CODE_BYTES];
  trial_open(&trial, "practice", false);
  a_patient(&trial, therapist, patient);
  trial_session(&trial, patient, 1);
  trial.now_ms += 20 * HOUR_MS;
  struct occasion occasion = trial_occasion(&trial, patient, 1, "patient");
  struct form_remind remind = {.home = trial.home, .by = &the_coordinator, .occasion = occasion.id};
  must(&trial, form_remind, &remind);
  trial.now_ms += 5 * HOUR_MS;
  assert_int_equal(tend(&trial).reminded, 1); /* the therapist's alone */
  trial.now_ms += 20 * HOUR_MS;
  assert_int_equal(tend(&trial).reminded, 1); /* the patient's, a day after the one by hand */
  trial_close(&trial);
}

/* The practice with one more occasion, and the days that the study follows somebody. */
static void with_occasion(struct trial *trial, const char *occasion, const char *sessions) {
  struct study_findings findings = {.arena = &trial->arena};
  struct source source = fixture_source("practice", &trial->arena);
  const struct study *study;
  struct error error = {0};
  fixture_change(&source, "study.json", "\"version\": 1,", "\"version\": 2,", &trial->arena);
  fixture_change(&source, "study.json", "\"occasions\": [", arena_printf(&trial->arena, "\"occasions\": [%s,", occasion), &trial->arena);
  if (sessions) fixture_change(&source, "study.json", "\"sessions\": {}", sessions, &trial->arena);
  if (study_load_source(&study, &source, &findings, &trial->arena, &error)) stop_test("%s", error.text);
  struct study_amend amend = {.home = trial->home, .by = "cli", .approval = "REB 7", .approval_date = "2026-03-01", .study = study};
  must(trial, study_amend, &amend);
  if (home_refresh(trial->home, &error)) stop_test("%s", error.text);
}

#define OCCASION(trigger, name)                                                                                        \
  "{\"name\": \"" name "\", \"title\": {\"en\": \"After a while\", \"fr\": \"Plus tard\"}, \"form\": \"session-patient\", "                 \
  "\"rater\": \"patient\", " trigger ", \"due_hours\": 48, \"closes_hours\": 240}"

static void test_by_the_day(void **state) {
  (void)state;
  struct trial trial;
  char therapist[CODE_BYTES], patient[CODE_BYTES], gone[CODE_BYTES];
  trial_open(&trial, "practice", false);
  with_occasion(&trial, OCCASION("\"trigger\": \"days\", \"after_days\": 90", "follow-up"), NULL);
  a_patient(&trial, therapist, patient);
  trial_person(&trial, "patient", therapist, "q@example.org", gone);
  int64_t enrolled_ms = trial.now_ms;
  struct withdraw withdraw = {.home = trial.home, .by = &the_coordinator, .person = gone, .reason = "moved"};
  must(&trial, person_withdraw, &withdraw);
  trial.now_ms = enrolled_ms + 90 * DAY_MS - 1;
  assert_int_equal(tend(&trial).opened, 0);
  trial.now_ms = enrolled_ms + 91 * DAY_MS; /* a day late: times count from the day itself */
  assert_int_equal(tend(&trial).opened, 1);
  assert_int_equal(tend(&trial).opened, 0);
  struct occasion occasion = trial_occasion(&trial, patient, -1, "patient");
  assert_string_equal(occasion.name, "follow-up");
  assert_true(occasion.due_ms == enrolled_ms + 92 * DAY_MS && occasion.closes_ms == enrolled_ms + 100 * DAY_MS);
  trial_person(&trial, "patient", therapist, "r@example.org", gone);
  trial.now_ms += 120 * DAY_MS; /* its time would be over already */
  assert_int_equal(tend(&trial).opened, 0);
  trial_verify(&trial);
  trial_close(&trial);
}

/* The trial follows sessions for 183 days: of a later one the date is kept, and no form opens. */
static void test_within_days(void **state) {
  (void)state;
  struct trial trial;
  char therapist[CODE_BYTES], patient[CODE_BYTES];
  trial_open(&trial, "tensions-and-repair", false);
  a_patient(&trial, therapist, patient);
  trial.now_ms += 183 * DAY_MS;
  trial_session(&trial, patient, 1);
  assert_int_equal(trial_count(&trial, "SELECT count(*) FROM occasion"), 2);
  trial.now_ms += DAY_MS;
  trial_session(&trial, patient, 2);
  assert_int_equal(trial_count(&trial, "SELECT count(*) FROM session"), 2);
  assert_int_equal(trial_count(&trial, "SELECT count(*) FROM occasion"), 2);
  trial_verify(&trial);
  trial_close(&trial);
}

/* Whoever has not had every session when those days are over: the forms of the end open all the same, once. */
static void test_end_of_days(void **state) {
  (void)state;
  struct trial trial;
  char therapist[CODE_BYTES], patient[CODE_BYTES];
  trial_open(&trial, "practice", false);
  with_occasion(&trial, OCCASION("\"trigger\": \"end\"", "end"), "\"sessions\": {\"planned\": 6, \"within_days\": 60}");
  a_patient(&trial, therapist, patient);
  trial.now_ms += 59 * DAY_MS;
  assert_int_equal(tend(&trial).opened, 0);
  trial.now_ms += 2 * DAY_MS;
  assert_int_equal(tend(&trial).opened, 1);
  assert_int_equal(tend(&trial).opened, 0);
  trial_close(&trial);
}

/* ---- identity ---- */

static void test_identity(void **state) {
  (void)state;
  struct trial trial;
  char therapist[CODE_BYTES];
  trial_open(&trial, "practice", false);
  trial_person(&trial, "therapist", "", "t@example.org", therapist);
  const char *values[3] = {"", "", ""};
  struct enrol enrol = {.home = trial.home, .by = &the_coordinator, .kind = PERSON_PATIENT, .site = home_study(trial.home)->sites[0].name,
                        .therapist = therapist, .language = "en", .identity = {values, 2}, .purpose = "identity"};
  refused(&trial, person_enrol, &enrol, ERR_INPUT, "identity-count");
  enrol.identity.count = 3;
  refused(&trial, person_enrol, &enrol, ERR_INPUT, "identity-missing");
  values[0] = "Jo Someone";
  values[2] = "call me";
  refused(&trial, person_enrol, &enrol, ERR_INPUT, "phone-wrong");
  values[2] = "613 555 0100";
  must(&trial, person_enrol, &enrol); /* a telephone only is enough */
  uint8_t secret[KEY_BYTES], plain[1024];
  struct db *db;
  struct rows rows;
  size_t length;
  json_t *object;
  assert_ok(keys_load_identity_secret(secret, trial.place.path, error));
  assert_ok(db_open(&db, trial.home->store, DB_OPEN, error));
  rows_open(&rows, db, "SELECT sealed FROM identity WHERE person = $1 ORDER BY person", ARGS(v_text(enrol.code)));
  assert_true(rows_next(&rows));
  const void *sealed = rows_blob(&rows, 0, &length);
  assert_true(sealed_read(trial.home->keys.identity_public, secret, sealed, length, plain));
  assert_ok(json_read(&object, (char *)plain, length - SEALED_OVERHEAD, "identity", error));
  assert_string_equal(json_text(object, "name", "?"), "Jo Someone");
  assert_string_equal(json_text(object, "email", "?"), "");
  assert_string_equal(json_text(object, "phone", "?"), "613 555 0100");
  json_decref(object);
  assert_ok(rows_close(&rows, error));
  db_close(db);
  trial_close(&trial);
}

/* ---- versions ---- */

/* Two nodes of one home: what the other amended is known before an occasion is stamped, and before a page is served. */
static void test_amended_elsewhere(void **state) {
  (void)state;
  if (!getenv("ATTUNE_TEST_POSTGRESQL")) skip();
  struct trial trial;
  struct error error = {0};
  struct home *other;
  char therapist[CODE_BYTES], patient[CODE_BYTES];
  trial_open(&trial, "practice", true);
  a_patient(&trial, therapist, patient);
  if (home_open(&other, trial.place.path, STORE_OWN, trial.home->clock, chance_frozen(8), &error)) stop_test("%s", error.text);
  with_occasion(&trial, OCCASION("\"trigger\": \"days\", \"after_days\": 90", "follow-up"), NULL);
  assert_int_equal(home_version(other), 1);
  struct session_record record = {.home = other, .by = &the_coordinator, .patient = patient, .number = 1, .held_day = trial.now_ms / DAY_MS};
  if (ledger_do(other->ledger, session_record, &record, &error)) stop_test("%s", error.text);
  assert_int_equal(home_version(other), 2);
  assert_int_equal(trial_count(&trial, "SELECT min(study_version) FROM occasion"), 2);
  home_close(other);
  trial_close(&trial);
}

/* What was typed into a form goes when nobody can go on with it: its time is over, or the person has left. */
static void test_drafts_go(void **state) {
  (void)state;
  struct trial trial;
  char therapist[CODE_BYTES], patient[CODE_BYTES], other[CODE_BYTES];
  trial_open(&trial, "practice", false);
  a_patient(&trial, therapist, patient);
  trial_person(&trial, "patient", therapist, "q@example.org", other);
  trial_session(&trial, patient, 1);
  trial_session(&trial, other, 1);
  struct typed typed[] = {{"goal", "5"}};
  struct occasion mine = trial_occasion(&trial, patient, 1, "patient"), theirs = trial_occasion(&trial, other, 1, "patient");
  must(&trial, draft_save, (&(struct draft_save){.occasion = mine.id, .typed = typed, .count = 1}));
  must(&trial, draft_save, (&(struct draft_save){.occasion = theirs.id, .typed = typed, .count = 1}));
  tend(&trial);
  assert_int_equal(trial_count(&trial, "SELECT count(*) FROM run_draft"), 2);
  struct withdraw leave = {.home = trial.home, .by = &the_coordinator, .person = other, .reason = "moved"};
  must(&trial, person_withdraw, &leave);
  tend(&trial);
  assert_int_equal(trial_count(&trial, "SELECT count(*) FROM run_draft"), 1);
  trial.now_ms += 60 * DAY_MS;
  tend(&trial);
  assert_int_equal(trial_count(&trial, "SELECT count(*) FROM run_draft"), 0);
  trial_close(&trial);
}

/* Who looked at whom: one entry for the same person, page and sign-in in five minutes, and none for who may not look. */
static void test_looks(void **state) {
  (void)state;
  struct trial trial;
  char therapist[CODE_BYTES], patient[CODE_BYTES];
  trial_open(&trial, "practice", false);
  a_patient(&trial, therapist, patient);
  struct actor elsewhere = the_coordinator;
  elsewhere.site = "elsewhere";
  struct look one = {.by = &the_coordinator, .person = patient, .page = "/people/:code", .sign_in = "s1"};
  struct db *db;
  bool due;
  assert_ok(db_open(&db, trial.home->store, DB_OPEN, error));
  for (int i = 0; i < 3; i++) {
    assert_ok(look_due(db, &one, trial.now_ms, &due, error));
    assert_int_equal(due, i == 0);
    must(&trial, look, &one);
  }
  static const char looks[] = "SELECT count(*) FROM ledger_entry WHERE kind = 'person.look'";
  assert_int_equal(trial_count(&trial, looks), 1);
  one.sign_in = "s2";
  must(&trial, look, &one);
  one.page = "/people/:code/contact";
  must(&trial, look, &one);
  one.person = arena_printf(&trial.arena, "%s/id", patient);
  must(&trial, look, &one);
  trial.now_ms += 5 * MINUTE_MS;
  assert_ok(look_due(db, &one, trial.now_ms, &due, error));
  assert_true(due);
  must(&trial, look, &one);
  assert_int_equal(trial_count(&trial, looks), 5);
  assert_int_equal(trial_count(&trial, "SELECT count(*) FROM audit_masked WHERE kind = 'person.look'"), 0);
  one.by = &elsewhere;
  refused(&trial, look, &one, ERR_MISSING, "no-such-person");
  one.by = &the_coordinator, one.person = "P-2222222X";
  refused(&trial, look, &one, ERR_MISSING, "no-such-person");
  db_close(db);
  trial_verify(&trial);
  trial_close(&trial);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reminders),   cmocka_unit_test(test_reminded_by_hand), cmocka_unit_test(test_by_the_day),
      cmocka_unit_test(test_within_days), cmocka_unit_test(test_end_of_days),      cmocka_unit_test(test_identity),
      cmocka_unit_test(test_amended_elsewhere), cmocka_unit_test(test_drafts_go), cmocka_unit_test(test_looks),
  };
  crypto_start();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
