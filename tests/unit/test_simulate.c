/* Made-up trials: designs of both kinds told apart, studies as they are written, the same bytes everywhere. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "cli/simulate.h"
#include "study_fixture.h"
#include "arena_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: it makes a macro of fail() */

static enum err kind_of(bool *power, const char *text) {
  return simulate_design_kind(power, text, strlen(text), "design.json", &error);
}
static enum err read_world(struct simulate_plan *plan, const char *text) {
  return simulate_design_read(plan, text, strlen(text), "design.json", &error);
}

static void kinds_are_told_apart(void **state) {
  (void)state;
  bool power = true;
  assert_int_equal(kind_of(&power, "{}"), OK);
  assert_false(power);
  assert_int_equal(kind_of(&power, "{\"therapists\": 3, \"effect\": 1, \"sds\": {}}"), OK);
  assert_true(power);
  assert_int_equal(kind_of(&power, "{\"therapists\": 3, \"scale\": [1, 7]}"), OK);
  assert_false(power);
  assert_int_equal(kind_of(&power, "{\"variances\": {}, \"prevalence\": 0.2}"), ERR_INPUT);
  assert_non_null(
      strstr(error.text, "'prevalence' is a key of people with tensions, 'variances' one of 'attune power'"));
  assert_int_equal(kind_of(&power, "[]"), ERR_INPUT);
  assert_non_null(strstr(error.text, "design.json must hold one JSON object"));
}

static void bad_designs_are_refused(void **state) {
  (void)state;
  static const char *const bad[][2] = {
      {"{\"therapist\": 3}", "'therapist' is no key"},
      {"{\"therapists\": 1e300}", "'therapists' must be a whole number from 1 to 1000000"},
      {"{\"sessions\": 61}", "from 1 to 60"},
      {"{\"prevalence\": 1.5}", "'prevalence' must be a number from 0 to 1"},
      {"{\"scale\": [1, 7, 1e-300]}", "at most a million steps"},
      {"{\"scale\": [7, 1]}", "'scale' must be [LOW, HIGH]"},
      {"{\"scale\": [1, 7, 1, 1]}", "'scale' must be [LOW, HIGH]"},
      {"{\"scale\": 7}", "'scale' must be [LOW, HIGH]"},
      {"{\"depth\": [0, 0, 0, 0]}", "4 shares of 0 to 1e6, not all 0"},
      {"{\"raters\": 3}", "'raters' must be both, patient or therapist"},
      {"{\"reports\": \"no\"}", "'reports' must be true or false"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct simulate_plan plan;
    if (read_world(&plan, bad[i][0]) == OK) fail_msg("%s was accepted", bad[i][0]);
    if (!strstr(error.text, bad[i][1])) fail_msg("%s: %s", bad[i][0], error.text);
  }
}

/* ---- studies ---- */

static enum err plan_of(struct simulate_plan *plan, struct source *source) {
  const struct study *study = NULL;
  struct study_findings findings = {.arena = &arena};
  if (study_load_source(&study, source, &findings, &arena, &error)) fail_msg("%s", error.text);
  return simulate_study_plan(plan, study, &arena, &error);
}

static void a_study_says_who_rates_what(void **state) {
  (void)state;
  struct source trial = fixture_source("tensions-and-repair", &arena);
  struct simulate_plan plan;
  assert_int_equal(plan_of(&plan, &trial), OK);
  const struct alliance_world *w = &plan.world;
  assert_true(w->therapists == 40 && w->patients == 3 && w->sessions == 6 && plan.allocated && !plan.reversed);
  assert_true(w->truth.bounded && w->truth.low == 0 && w->truth.high == 100 && w->truth.step == 4);
  assert_true(w->truth.rater[0].used && w->truth.rater[1].used && w->truth.reports);
  assert_true(plan.rated[0] == 63 && plan.rated[1] == 63 && plan.asked[0] == 63 && plan.asked[1] == 63);
  assert_true(fabs(w->truth.rater[0].level - 400.0 / 6) < 1e-12); /* 5 on a scale of 1 to 7 */
  assert_true(fabs(w->truth.rater[0].residual_sd - 70.0 / 6) < 1e-12);
  struct source practice = fixture_source("practice", &arena); /* open-ended, without arms or targets */
  assert_int_equal(plan_of(&plan, &practice), OK);
  assert_true(w->therapists == 40 && w->patients == 3 && w->sessions == 6 && !plan.allocated);
}

static void a_study_with_fewer_ratings(void **state) {
  (void)state;
  struct source source = fixture_source("tensions-and-repair", &arena);
  struct simulate_plan plan;
  fixture_change(&source, "study.json",
                 "\"rater\": \"therapist\",\n      \"trigger\": \"session\",\n      \"first_session\": 1,\n      "
                 "\"last_session\": 6",
                 "\"rater\": \"therapist\",\n      \"trigger\": \"session\",\n      \"first_session\": 3,\n      "
                 "\"last_session\": 5",
                 &arena);
  fixture_change(&source, "study.json", "\"patients_per_therapist\": 3", "\"patients_per_therapist\": 5", &arena);
  assert_int_equal(plan_of(&plan, &source), OK);
  assert_true(plan.rated[0] == 63 && plan.rated[1] == 28 && plan.world.patients == 5);
  fixture_change(&source, "study.json", "\"ratio\": [1, 1]", "\"ratio\": [2, 1]", &arena);
  assert_int_equal(plan_of(&plan, &source), ERR_INPUT);
  assert_non_null(strstr(error.text, "other than two equal arms"));
}

/* ---- bytes ---- */

static const char *hash_of(FILE *file) {
  char *text = arena_alloc(&arena, 1 << 20);
  uint8_t digest[SHA256_BYTES];
  rewind(file);
  size_t length = fread(text, 1, 1 << 20, file);
  assert_true(length > 1000 && length < 1 << 20);
  sha256(digest, text, length);
  fclose(file);
  return arena_printf(&arena, "%02x%02x%02x%02x%02x%02x%02x%02x", digest[0], digest[1], digest[2], digest[3], digest[4],
                      digest[5], digest[6], digest[7]);
}

/* The first 16 digits of the SHA-256 of three trials: they may never change. */
static void the_same_bytes_everywhere(void **state) {
  (void)state;
  struct simulate_plan plan;
  struct power_file file;
  FILE *world = tmpfile(), *study = tmpfile(), *power = tmpfile();
  static const char design[] =
      "{\"therapists\": 5, \"patients\": {\"mean\": 3, \"least\": 1}, \"sessions\": 6, \"dropout\": 0.1, "
      "\"effect\": {\"cohens_d\": 0.5}, \"standardised\": {\"icc_patient\": 0.4, \"icc_therapist\": 0.05, "
      "\"icc_slope\": 0.1, \"variance_ratio\": 0.02, \"patient_correlation\": -0.3}}";
  assert_int_equal(read_world(&plan, "{\"missing\": 0.2, \"scale\": [1, 7, 0.5], \"autocorrelation\": 0.3}"), OK);
  assert_true(simulate_print(world, &plan, 7));
  assert_string_equal(hash_of(world), "51fa40d1fb7cc51f");
  struct source source = fixture_source("tensions-and-repair", &arena);
  assert_int_equal(plan_of(&plan, &source), OK);
  assert_true(simulate_print(study, &plan, 7));
  assert_string_equal(hash_of(study), "199e6f245b0c926e");
  assert_int_equal(power_design_parse(&file, design, strlen(design), "design.json", &arena, &error), OK);
  assert_int_equal(simulate_print_power(power, &file, 7, &arena, &error), OK);
  assert_string_equal(hash_of(power), "d8c2b75b30286bb0");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(kinds_are_told_apart, setup, teardown),
      cmocka_unit_test_setup_teardown(bad_designs_are_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(a_study_says_who_rates_what, setup, teardown),
      cmocka_unit_test_setup_teardown(a_study_with_fewer_ratings, setup, teardown),
      cmocka_unit_test_setup_teardown(the_same_bytes_everywhere, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
