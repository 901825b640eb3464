/* The refusal of an approach: what is kept names nobody, what is wrong is refused, and a replay gives the same. */
#include "trial/approach_refusal.h"
#include "trial_fixture.h"

static void scenario(bool postgresql) {
  struct trial trial;
  char therapist[CODE_BYTES];
  trial_open(&trial, "tensions-and-repair", postgresql);
  trial_person(&trial, "therapist", "", "t@example.org", therapist);
  int64_t today = trial.now_ms / DAY_MS;
  struct approach_refuse refuse = {.home = trial.home, .by = &the_coordinator, .kind = PERSON_PATIENT, .site = "", .therapist = therapist, .day = today, .reason = "time"};
  must(&trial, approach_refuse, &refuse);
  refuse.day = today - 1; /* a Sunday: the week before */
  must(&trial, approach_refuse, &refuse);
  must(&trial, approach_refuse, &refuse);
  refuse.reason = "because";
  refused(&trial, approach_refuse, &refuse, ERR_INPUT, "refusal-reason");
  refuse.reason = "unsaid";
  refuse.day = today + 3;
  refused(&trial, approach_refuse, &refuse, ERR_INPUT, "refusal-future");
  refuse.day = today;
  refuse.therapist = "T-22222222";
  refused(&trial, approach_refuse, &refuse, ERR_INPUT, "no-such-therapist");
  refuse.kind = PERSON_THERAPIST;
  refused(&trial, approach_refuse, &refuse, ERR_INPUT, "no-such-site");
  refuse.site = home_study(trial.home)->sites[0].name;
  must(&trial, approach_refuse, &refuse);
  const struct actor nobody = {.code = "A-T", .roles = ROLE_THERAPIST, .site = "", .person = therapist};
  refuse.by = &nobody;
  refused(&trial, approach_refuse, &refuse, ERR_DENIED, "not-allowed");
  struct refusal_count counts[8];
  size_t count;
  struct db *db;
  assert_ok(db_open(&db, trial.home->store, DB_MASKED, error)); /* a masked page reads it */
  assert_ok(refusal_counts(db, "", counts, 8, &count, error));
  db_close(db);
  assert_int_equal(count, 3);
  assert_true(counts[0].week == day_monday(today) && counts[0].kind == PERSON_PATIENT && counts[0].count == 1);
  assert_true(counts[1].kind == PERSON_THERAPIST && !strcmp(counts[1].reason, "unsaid"));
  assert_true(counts[2].week == day_monday(today) - 7 && counts[2].count == 2);
  trial_verify(&trial);
  trial_close(&trial);
}

static void test_refusals(void **state) {
  (void)state;
  scenario(false);
  if (getenv("ATTUNE_TEST_POSTGRESQL")) scenario(true);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_refusals)};
  crypto_start();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
