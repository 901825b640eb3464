/* The signal on ratings like people's: what the estimate sees of them, and the limit that the sample checks. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "attune/alliance.h"
#include "attune/stats_random.h"

enum { PATIENTS = 120, SESSIONS = 12 };

static struct alliance_session rows[PATIENTS][ALLIANCE_SESSIONS_MAX];
static struct alliance_series series[PATIENTS];
static void *memory;
static size_t bytes;

static int start(void **state) {
  (void)state;
  bytes = alliance_estimate_memory(PATIENTS, SESSIONS) + alliance_memory(SESSIONS, 0);
  memory = malloc(bytes);
  return memory ? 0 : 1;
}

static int stop(void **state) {
  (void)state;
  free(memory);
  return 0;
}

static struct alliance_world world_of(int sessions) {
  struct alliance_world w = alliance_world_default();
  w.sessions = sessions;
  w.truth.rater[ALLIANCE_THERAPIST].used = w.truth.reports = false;
  return w;
}

static void people(const struct alliance_world *w, uint64_t seed, int count) {
  struct alliance_truth truth;
  for (int p = 0; p < count; p++) {
    int held = alliance_simulate_patient(rows[p], &truth, w, seed, (uint32_t)p / 3, (uint32_t)p % 3);
    series[p] = (struct alliance_series){rows[p], held};
  }
}

/* Bodies of ledgers hold estimates of version 2, which knew one spread, normal tails and no latent figures. */
static void older_estimates(void **state) {
  (void)state;
  struct alliance_estimate e = alliance_estimate_default(5, 1, 0.5, 6), back;
  char text[ALLIANCE_ESTIMATE_TEXT];
  e.version = 2;
  size_t length = alliance_estimate_write(text, sizeof text, &e);
  assert_non_null(strstr(text, "version=2\n"));
  assert_null(strstr(text, "spread="));
  assert_true(alliance_estimate_read(&back, text, length));
  assert_true(back.spread == 0 && back.tail_df == 0 && back.latent[0].residual_sd == 0 && back.rater[0].level == 5);
}

/* Patients whose spreads differ are seen to; and of a sample where all are alike one spread is said. */
static void estimate_finds_unequal_spreads(void **state) {
  (void)state;
  struct alliance_world w = world_of(SESSIONS);
  struct alliance_estimate e;
  people(&w, 4, PATIENTS);
  assert_int_equal(alliance_estimate_sample(&e, series, PATIENTS, NULL, memory, bytes), ALLIANCE_OK);
  assert_true(e.spread < 0.2);
  for (int p = 0; p < PATIENTS; p++) {
    double mean = 0, own = p % 2 ? 1.8 : 1 / 1.8;
    for (int t = 0; t < series[p].count; t++) mean += rows[p][t].rating[0] / series[p].count;
    for (int t = 0; t < series[p].count; t++) rows[p][t].rating[0] = mean + own * (rows[p][t].rating[0] - mean);
  }
  assert_int_equal(alliance_estimate_sample(&e, series, PATIENTS, NULL, memory, bytes), ALLIANCE_OK);
  assert_true(e.spread > 0.35 && e.spread < 0.9);
}

/* In a sample that falls as often as it rises the mirror asks for nothing; the limit that it finds too low it raises. */
static void mirrored_sample(void **state) {
  (void)state;
  struct alliance_world w = world_of(6);
  struct alliance_mirror mirror;
  static struct alliance_case cases[PATIENTS];
  w.truth.prevalence = 1e-9;
  people(&w, 8, PATIENTS);
  struct alliance_threshold th = {.rule = ALLIANCE_MODEL, .limit = 1e6};
  for (int p = 0; p < PATIENTS; p++) cases[p] = (struct alliance_case){.series = series[p], .threshold = &th};
  size_t need = alliance_mirror_memory(cases, PATIENTS);
  void *room = malloc(need);
  struct alliance_estimate e = alliance_world_default().truth;
  e.rater[1].used = false;
  assert_int_equal(alliance_mirror_find(&mirror, cases, PATIENTS, &e, 0.05, room, need), ALLIANCE_OK);
  assert_true(mirror.factor == 1 && mirror.patients > PATIENTS / 2);
  th.limit = 0.5;
  assert_int_equal(alliance_mirror_find(&mirror, cases, PATIENTS, &e, 0.05, room, need), ALLIANCE_OK);
  assert_true(mirror.factor > 1.5 && mirror.alarms > mirror.patients / 20);
  free(room);
}

/* Noise of t with 4 degrees of freedom: tails are seen, and what is far out counts less. */
static void estimate_finds_heavy_tails(void **state) {
  (void)state;
  struct alliance_world w = world_of(SESSIONS);
  struct alliance_estimate e;
  struct stats_stream stream;
  stats_stream_init(&stream, 5, 0, 0, 0);
  people(&w, 4, PATIENTS);
  assert_int_equal(alliance_estimate_sample(&e, series, PATIENTS, NULL, memory, bytes), ALLIANCE_OK);
  assert_true(e.tail_df == 0 && e.furthest == 0);
  for (int p = 0; p < PATIENTS; p++) {
    double level = 5 + 0.7 * stats_random_normal(&stream);
    for (int t = 0; t < series[p].count; t++)
      rows[p][t].rating[0] = level + 0.5 * stats_random_normal(&stream) / sqrt(stats_random_chi2(&stream, 3) / 3);
  }
  assert_int_equal(alliance_estimate_sample(&e, series, PATIENTS, NULL, memory, bytes), ALLIANCE_OK);
  assert_true(e.tail_df > 2 && e.tail_df <= 10 && e.furthest > 2 && e.furthest < 5);
}

/* Most ratings at the top: behind them stands a normal whose mean and spread are larger than theirs. */
static void estimate_finds_what_is_behind_a_ceiling(void **state) {
  (void)state;
  struct alliance_world w = world_of(SESSIONS);
  struct alliance_estimate e;
  struct alliance_settings settings = {.bounded = true, .low = 1, .high = 7, .step = 1};
  w.truth.rater[0].level = 6.5;
  w.truth.rater[0].level_sd = w.truth.rater[0].residual_sd = 1;
  w.truth.bounded = true;
  w.truth.low = 1;
  w.truth.high = 7;
  w.truth.step = 1;
  people(&w, 9, PATIENTS);
  assert_int_equal(alliance_estimate_sample(&e, series, PATIENTS, &settings, memory, bytes), ALLIANCE_OK);
  assert_true(e.latent[0].level > e.rater[0].level + 0.1 && e.latent[0].level < 7.2);
  assert_true(e.latent[0].residual_sd > 0.75 && e.latent[0].residual_sd < 1.3);
}

/* The larger the sample, the closer the rate that is kept. */
static void rate_said(void **state) {
  (void)state;
  struct alliance_estimate e = alliance_estimate_default(5, 1, 0.5, 6);
  e.patients = 30;
  struct alliance_rate few = alliance_rate_of(&e, 0.05);
  e.patients = 1000;
  struct alliance_rate many = alliance_rate_of(&e, 0.05);
  assert_true(few.low < many.low && many.low < 0.05 && 0.05 < many.high && many.high < few.high && few.high < 0.13);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(older_estimates),           cmocka_unit_test(estimate_finds_unequal_spreads),
      cmocka_unit_test(mirrored_sample),           cmocka_unit_test(estimate_finds_heavy_tails),
      cmocka_unit_test(estimate_finds_what_is_behind_a_ceiling), cmocka_unit_test(rate_said)};
  return cmocka_run_group_tests(tests, start, stop);
}
