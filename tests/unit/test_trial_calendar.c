/* Forms that are due by the calendar of a site, across the change to summer time in Toronto and Vancouver in 2025: on
 * 9 March at two in the morning of each. */
#include "trial_fixture.h"
#include "study_fixture.h"
#include "trial/amendment.h"
#include "trial/tending.h"

#define ONE_SITE "[{\"name\": \"clinic\", \"label\": {\"en\": \"The clinic\", \"fr\": \"La clinique\"}}]"
#define SITE(name, zone) "{\"name\": \"" name "\", \"label\": {\"en\": \"Clinic\", \"fr\": \"Clinique\"}" zone "}"
#define THREE_SITES                                                                                                    \
  "[" SITE("clinic", ", \"zone\": \"America/Toronto\"") ", " SITE("west", ", \"zone\": \"America/Vancouver\"") ", "      \
      SITE("plain", "") "]"
#define OCCASION(name, trigger, times)                                                                                 \
  "{\"name\": \"" name "\", \"title\": {\"en\": \"A form\", \"fr\": \"Formulaire\"}, \"form\": \"session-patient\", "     \
  "\"rater\": \"patient\", \"trigger\": " trigger ", " times "},"
#define BY_DAYS(due, closes, hour) "\"due_days\": " due ", \"closes_days\": " closes ", \"hour\": " hour

static int64_t at(int year, int month, int day, int hour, int minute) {
  return day_from_civil(year, month, day) * DAY_MS + hour * HOUR_MS + minute * MINUTE_MS;
}

static struct tended tend(struct trial *trial) {
  struct tended tended;
  struct error error = {0};
  if (trial_tend(trial->home, trial->now_ms, &tended, &error)) stop_test("%s", error.text);
  return tended;
}

/* The practice with sites in three zones and these occasions before its own. */
static const struct study *practice_with(struct arena *arena, const char *occasions) {
  struct study_findings findings = {.arena = arena};
  struct source source = fixture_source("practice", arena);
  const struct study *study;
  struct error error = {0};
  fixture_change(&source, "study.json", "\"version\": 1,", "\"version\": 2,", arena);
  fixture_change(&source, "study.json", ONE_SITE, THREE_SITES, arena);
  fixture_change(&source, "study.json", "\"occasions\": [", arena_printf(arena, "\"occasions\": [%s", occasions), arena);
  if (study_load_source(&study, &source, &findings, arena, &error)) stop_test("%s", error.text);
  return study;
}

static void open_with(struct trial *trial, const char *occasions, int64_t now_ms) {
  struct error error = {0};
  trial_open_at(trial, "practice", false, now_ms);
  struct study_amend amend = {.home = trial->home, .by = "cli", .approval = "REB 7", .approval_date = "2025-01-01",
                              .study = practice_with(&trial->arena, occasions)};
  must(trial, study_amend, &amend);
  if (home_refresh(trial->home, &error)) stop_test("%s", error.text);
}

static void enrol_at(struct trial *trial, const char *site, char patient[CODE_BYTES]) {
  struct enrol enrol = {.home = trial->home, .by = &the_coordinator, .site = site, .language = "en", .therapist = ""};
  char therapist[CODE_BYTES];
  enrol.kind = PERSON_THERAPIST;
  enrol.identity = identity_named(&trial->arena, home_study(trial->home), enrol.kind, "Someone", arena_printf(&trial->arena, "t@%s.example.org", site));
  must(trial, person_enrol, &enrol);
  memcpy(therapist, enrol.code, CODE_BYTES);
  enrol.kind = PERSON_PATIENT;
  enrol.therapist = therapist;
  enrol.identity = identity_named(&trial->arena, home_study(trial->home), enrol.kind, "Someone", arena_printf(&trial->arena, "p@%s.example.org", site));
  must(trial, person_enrol, &enrol);
  memcpy(patient, enrol.code, CODE_BYTES);
}

static void check_times(struct trial *trial, const char *patient, int64_t due_ms, int64_t closes_ms) {
  struct occasion occasion = trial_occasion(trial, patient, -1, "patient");
  assert_int_equal(occasion.due_ms, due_ms);
  assert_int_equal(occasion.closes_ms, closes_ms);
}

/* What the overview lists, by when it was due, tells the site by whose days it is to be read. */
static void check_overdue(struct trial *trial, const char *const *sites, size_t count) {
  struct db *db;
  struct overview overview;
  assert_ok(db_open(&db, trial->home->store, DB_MASKED, error));
  assert_ok(report_overview(db, trial->home, &trial->arena, "", trial->now_ms, &overview, error));
  assert_int_equal(overview.overdue_count, count);
  for (size_t i = 0; i < count; i++) assert_string_equal(overview.overdue[i].site, sites[i]);
  db_close(db);
}

/* One instant is Sunday in Toronto, Saturday in Vancouver, and Sunday in UTC. */
static void each_site_has_days_of_its_own(void **state) {
  (void)state;
  struct trial trial;
  char east[CODE_BYTES], west[CODE_BYTES], plain[CODE_BYTES];
  open_with(&trial, OCCASION("baseline", "\"enrolment\"", BY_DAYS("1", "3", "18")), at(2025, 3, 9, 5, 30));
  enrol_at(&trial, "clinic", east);
  enrol_at(&trial, "west", west);
  enrol_at(&trial, "plain", plain);
  check_times(&trial, east, at(2025, 3, 10, 22, 0), at(2025, 3, 12, 22, 0));
  check_times(&trial, west, at(2025, 3, 10, 1, 0), at(2025, 3, 12, 1, 0));
  check_times(&trial, plain, at(2025, 3, 10, 18, 0), at(2025, 3, 12, 18, 0));
  trial_verify(&trial); /* a replay reads the instants from the entries */
  trial.now_ms = at(2025, 3, 11, 0, 0);
  check_overdue(&trial, (const char *const[]){"west", "plain", "clinic"}, 3);
  trial_close(&trial);
}

/* The hour of the local day stays while its distance from UTC changes; an hour that is leapt over is the instant of the
 * leap, one that comes twice is the first. */
static void hours_follow_the_clocks_of_the_site(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena, 0);
  static const struct {
    const char *site;
    int hour, month, day, from_hour; /* opened, in UTC */
    int due_day, due_hour;           /* two days after, in UTC */
  } cases[] = {{"clinic", 18, 3, 5, 20, 7, 23},  {"clinic", 18, 3, 7, 20, 9, 22}, {"clinic", 2, 3, 7, 20, 9, 7},
               {"clinic", 3, 3, 7, 20, 9, 7},    {"west", 2, 3, 7, 20, 9, 10},    {"west", 9, 3, 7, 20, 9, 16},
               {"clinic", 1, 10, 31, 12, 2, 5},  {"plain", 2, 3, 7, 20, 9, 2},    {"west", 23, 3, 8, 7, 10, 6}};
  const struct study *study = practice_with(&arena, "");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct study_occasion occasion = {.by_days = true, .due_days = 2, .closes_days = 2, .hour = cases[i].hour};
    int64_t due_ms, closes_ms, from_ms = at(2025, cases[i].month, cases[i].day, cases[i].from_hour, 0);
    int month = cases[i].month + (cases[i].due_day < cases[i].day);
    assert_int_equal(occasion_times(study, &occasion, cases[i].site, from_ms, &due_ms, &closes_ms, NULL), OK);
    if (due_ms != at(2025, month, cases[i].due_day, cases[i].due_hour, 0) || closes_ms != due_ms)
      stop_test("case %zu: due at %s", i, instant_text(&arena, due_ms));
  }
  arena_free(&arena);
}

/* Thirty calendar days after enrolment at half past eleven at night; each reminder goes once. */
static void a_form_by_the_day_comes_at_the_local_time_and_reminds_once(void **state) {
  (void)state;
  struct trial trial;
  char east[CODE_BYTES], west[CODE_BYTES];
  open_with(&trial, OCCASION("month", "\"days\", \"after_days\": 30, \"remind_hours\": [12, 24]", BY_DAYS("1", "4", "9")), at(2025, 2, 21, 4, 30));
  enrol_at(&trial, "clinic", east);
  trial.now_ms = at(2025, 2, 21, 7, 30);
  enrol_at(&trial, "west", west);
  trial.now_ms = at(2025, 3, 23, 3, 30) - 1;
  assert_int_equal(tend(&trial).opened, 0);
  trial.now_ms++;
  assert_int_equal(tend(&trial).opened, 1); /* 23:30 on 22 March in Toronto, an hour less after than thirty times 24 */
  check_times(&trial, east, at(2025, 3, 23, 13, 0), at(2025, 3, 26, 13, 0));
  trial.now_ms = at(2025, 3, 23, 6, 30);
  struct tended tended = tend(&trial);
  assert_int_equal(tended.opened, 1);
  assert_int_equal(tended.reminded, 0);
  check_times(&trial, west, at(2025, 3, 23, 16, 0), at(2025, 3, 26, 16, 0));
  int reminded = 0;
  for (int hour = 0; hour < 5 * 24; hour++) {
    trial.now_ms += HOUR_MS;
    tended = tend(&trial);
    reminded += (int)tended.reminded;
    assert_int_equal(tended.opened, 0);
  }
  assert_int_equal(reminded, 4); /* two people, two moments */
  trial_verify(&trial);
  trial_close(&trial);
}

/* On the day of the change itself: the reminder twelve hours after an opening in the night before. */
static void a_reminder_over_the_change_goes_once(void **state) {
  (void)state;
  struct trial trial;
  char east[CODE_BYTES];
  open_with(&trial, OCCASION("baseline", "\"enrolment\", \"remind_hours\": [3]", BY_DAYS("1", "2", "2")), at(2025, 3, 9, 4, 30));
  enrol_at(&trial, "clinic", east);
  int reminded = 0;
  for (int half = 0; half < 48; half++) {
    trial.now_ms += HOUR_MS / 2;
    reminded += (int)tend(&trial).reminded;
    if (half == 4) assert_int_equal(reminded, 0);
    if (half == 5) assert_int_equal(reminded, 1);
  }
  assert_int_equal(reminded, 1);
  check_times(&trial, east, at(2025, 3, 9, 7, 0), at(2025, 3, 10, 6, 0)); /* two o'clock, which the 9th leaps over */
  trial_close(&trial);
}

/* Whoever missed the whole of it is not asked any more. */
static void what_has_closed_meanwhile_does_not_open(void **state) {
  (void)state;
  struct trial trial;
  char east[CODE_BYTES];
  open_with(&trial, OCCASION("month", "\"days\", \"after_days\": 30", BY_DAYS("1", "2", "9")), at(2025, 2, 21, 4, 30));
  enrol_at(&trial, "clinic", east);
  trial.now_ms = at(2025, 3, 24, 13, 0); /* nine o'clock of the second day after */
  assert_int_equal(tend(&trial).opened, 0);
  trial.now_ms++;
  assert_int_equal(tend(&trial).opened, 0);
  trial_close(&trial);
}

/* Taken in on another machine: the study opens here, what needs the zone says so, and nothing is guessed. */
static void a_zone_that_this_machine_lacks_is_told(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena, 0);
  const struct study *study = practice_with(&arena, OCCASION("baseline", "\"enrolment\"", BY_DAYS("1", "3", "18"))), *kept;
  struct study_findings findings = {.arena = &arena};
  struct error error = {0};
  char *text = arena_text(&arena, study->bundle), *name = strstr(text, "America/Toronto");
  assert_non_null(name);
  memcpy(name, "America/Terento", 15);
  if (study_from_bundle(&kept, text, strlen(text), &findings, &arena, &error)) stop_test("%s", error.text);
  int64_t due_ms, closes_ms;
  const struct study_occasion *by_days = study_occasion(kept, "baseline"), *by_hours = study_occasion(kept, "session-patient");
  assert_int_equal(occasion_times(kept, by_days, "clinic", 0, &due_ms, &closes_ms, &error), ERR_STATE);
  assert_string_equal(error.id, "zone-unknown");
  assert_int_equal(occasion_times(kept, by_days, "west", 0, &due_ms, &closes_ms, &error), OK);
  assert_int_equal(occasion_times(kept, by_hours, "clinic", 0, &due_ms, &closes_ms, &error), OK);
  arena_free(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(each_site_has_days_of_its_own),
                                     cmocka_unit_test(hours_follow_the_clocks_of_the_site),
                                     cmocka_unit_test(a_form_by_the_day_comes_at_the_local_time_and_reminds_once),
                                     cmocka_unit_test(a_reminder_over_the_change_goes_once),
                                     cmocka_unit_test(what_has_closed_meanwhile_does_not_open),
                                     cmocka_unit_test(a_zone_that_this_machine_lacks_is_told)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
