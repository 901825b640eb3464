/* The alliance engine from outside: estimates, thresholds, rules, findings, simulated people, bad input. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "attune/operating.h"

#define PATIENTS 300
#define SESSIONS 12
#define LIMIT_ONLINE 0x1.25a5d6b7747ebp+0
#define LIMIT_HINDSIGHT 0x1.b458b38c0f735p-1

static void *memory;
static size_t bytes;
static struct alliance_session rows[PATIENTS][ALLIANCE_SESSIONS_MAX];
static struct alliance_series series[PATIENTS];
static struct alliance_truth truth[PATIENTS];

static int start(void **state) {
  (void)state;
  bytes = alliance_estimate_memory(PATIENTS, ALLIANCE_SESSIONS_MAX) + alliance_memory(200, 20000);
  memory = malloc(bytes);
  return memory ? 0 : 1;
}

static int stop(void **state) {
  (void)state;
  free(memory);
  return 0;
}

static enum alliance_status detect_one(struct alliance_result *r, const struct alliance_estimate *e,
                                       const struct alliance_threshold *threshold,
                                       const struct alliance_series *judged, void *room, size_t size) {
  struct alliance_case one = {.series = *judged, .threshold = threshold};
  enum alliance_status status = alliance_detect(&one, 1, e, room, size);
  *r = one.result;
  return status;
}

static struct alliance_world world_of(int sessions) {
  struct alliance_world w = alliance_world_default();
  w.sessions = sessions;
  w.truth.rater[ALLIANCE_THERAPIST].used = w.truth.reports = false;
  return w;
}

static void people(const struct alliance_world *w, uint64_t seed, int count) {
  for (int p = 0; p < count; p++) {
    int held = alliance_simulate_patient(rows[p], &truth[p], w, seed, (uint32_t)p / 3, (uint32_t)p % 3);
    series[p] = (struct alliance_series){rows[p], held};
  }
}

static struct alliance_series plain(struct alliance_session *own, const double *x, int count) {
  for (int t = 0; t < count; t++) {
    own[t] = (struct alliance_session){.time = t + 1, .rating = {x[t], 0}, .reported = {-1, -1}};
    own[t].rated[0] = !isnan(x[t]);
    if (!own[t].rated[0]) own[t].rating[0] = 0;
  }
  return (struct alliance_series){own, count};
}

static void all_finite(const struct alliance_result *r) {
  for (int t = 0; t < r->count; t++) {
    const struct alliance_finding *f = &r->sessions[t];
    assert_true(isfinite(f->expected) && isfinite(f->low) && isfinite(f->high) && isfinite(f->z));
    assert_true(isfinite(f->tension) && isfinite(f->repaired) && isfinite(f->score));
    assert_true(f->tension <= 1 && f->repaired <= 1 && f->low <= f->expected && f->expected <= f->high);
    for (int k = 0; k < 3; k++) assert_true(f->perceived[k] >= 0 && f->perceived[k] <= 1);
  }
}

/* ---- estimates ---- */

static void estimate_recovers(void **state) {
  (void)state;
  struct alliance_world w = world_of(SESSIONS);
  struct alliance_estimate e;
  people(&w, 11, PATIENTS);
  assert_int_equal(alliance_estimate_sample(&e, series, PATIENTS, NULL, memory, bytes), ALLIANCE_OK);
  const struct alliance_rater_estimate *r = &e.rater[0], *t = &w.truth.rater[0];
  assert_true(fabs(log(r->residual_sd / t->residual_sd)) < 0.05);
  assert_true(fabs(log(r->level_sd / t->level_sd)) < 0.2);
  assert_true(fabs(r->level - (t->level + t->slope * (e.time_origin - w.truth.time_origin))) < 0.2);
  assert_true(fabs(r->slope - t->slope) < 0.03);
  assert_true(fabs(e.prevalence - w.truth.prevalence) < 0.1);
  assert_true(r->residual_sd_se > 0 && r->residual_sd_se < 0.03);
  assert_false(e.rater[1].used);
}

/* Tensions must not be taken for spread: with deep ones in a quarter of the patients s stays what it was. */
static void estimate_ignores_tensions(void **state) {
  (void)state;
  struct alliance_world w = world_of(6);
  struct alliance_estimate calm, tense;
  w.depth[0] = w.depth[1] = w.depth[2] = 0;
  people(&w, 5, PATIENTS);
  assert_int_equal(alliance_estimate_sample(&tense, series, PATIENTS, NULL, memory, bytes), ALLIANCE_OK);
  w.truth.prevalence = 0;
  people(&w, 5, PATIENTS);
  assert_int_equal(alliance_estimate_sample(&calm, series, PATIENTS, NULL, memory, bytes), ALLIANCE_OK);
  assert_true(fabs(log(tense.rater[0].residual_sd / calm.rater[0].residual_sd)) < 0.05);
  assert_true(tense.prevalence > 0.15 && calm.prevalence < 0.12);
}

static void estimate_turns_with_the_scale(void **state) {
  (void)state;
  struct alliance_world w = world_of(8);
  struct alliance_estimate a, b;
  people(&w, 7, PATIENTS);
  assert_int_equal(alliance_estimate_sample(&a, series, PATIENTS, NULL, memory, bytes), ALLIANCE_OK);
  for (int p = 0; p < PATIENTS; p++)
    for (int t = 0; t < 8; t++) rows[p][t].rating[0] = 1000 + 10 * rows[p][t].rating[0];
  assert_int_equal(alliance_estimate_sample(&b, series, PATIENTS, NULL, memory, bytes), ALLIANCE_OK);
  assert_true(fabs(b.rater[0].residual_sd / (10 * a.rater[0].residual_sd) - 1) < 1e-4);
  assert_true(fabs(b.prevalence - a.prevalence) < 1e-3);
  assert_true(fabs(b.rater[0].level - 1000 - 10 * a.rater[0].level) < 1e-2);
}

static void estimate_climbs(void **state) {
  (void)state;
  struct alliance_world w = world_of(8);
  struct alliance_settings settings = {0};
  struct alliance_estimate e;
  double last = -1e300;
  people(&w, 13, PATIENTS);
  for (settings.iterations = 2; settings.iterations < 40; settings.iterations *= 2) {
    assert_int_equal(alliance_estimate_sample(&e, series, PATIENTS, &settings, memory, bytes), ALLIANCE_OK);
    assert_true(e.log_likelihood > last);
    last = e.log_likelihood;
  }
}

/* For any length of course shares of 1, between those of the lengths beside it. */
static void defaults_by_length(void **state) {
  (void)state;
  double last = 0;
  for (int sessions = 0; sessions <= 70; sessions++) {
    struct alliance_estimate e = alliance_estimate_default(5, 1, 0.7, sessions);
    double sum = 0;
    for (int k = 0; k < ALLIANCE_SHAPES; k++) {
      assert_true(e.shape[k] >= 0.01 - 1e-12);
      sum += e.shape[k];
    }
    assert_true(fabs(sum - 1) < 1e-12);
    for (int c = 0; c < ALLIANCE_CLASSES; c++) {
      sum = 0;
      for (int d = 0; d < ALLIANCE_DEPTHS; d++) sum += e.depth[c][d];
      assert_true(fabs(sum - 1) < 1e-12);
    }
    if (sessions) assert_true(fabs(e.shape[0] - last) < 0.04); /* no jump */
    last = e.shape[0];
  }
  struct alliance_estimate five = alliance_estimate_default(5, 1, 0.7, 5),
                           four = alliance_estimate_default(5, 1, 0.7, 4),
                           six = alliance_estimate_default(5, 1, 0.7, 6);
  assert_true(fabs(2 * five.depth[0][2] - four.depth[0][2] - six.depth[0][2]) < 1e-12);
}

/* Where courses are short the likelihood is flat: steps without leaps are not there after 200. */
static void estimate_arrives(void **state) {
  (void)state;
  for (int sessions = 4; sessions <= 12; sessions += 2) {
    struct alliance_world w = world_of(sessions);
    struct alliance_estimate e;
    people(&w, (uint64_t)sessions, PATIENTS);
    assert_int_equal(alliance_estimate_sample(&e, series, PATIENTS, NULL, memory, bytes), ALLIANCE_OK);
    assert_true(e.iterations < 150);
  }
}

static void estimate_finds_autocorrelation(void **state) {
  (void)state;
  struct alliance_world w = world_of(SESSIONS);
  struct alliance_estimate e;
  people(&w, 4, PATIENTS);
  assert_int_equal(alliance_estimate_sample(&e, series, PATIENTS, NULL, memory, bytes), ALLIANCE_OK);
  assert_true(e.rater[0].autocorrelation < 0.08);
  w.truth.rater[0].autocorrelation = 0.4;
  people(&w, 4, PATIENTS);
  assert_int_equal(alliance_estimate_sample(&e, series, PATIENTS, NULL, memory, bytes), ALLIANCE_OK);
  assert_true(fabs(e.rater[0].autocorrelation - 0.4) < 0.1);
}

/* Two sessions of one moment, which a correlation that grows to 1 would divide by nothing. */
static void sessions_of_one_moment(void **state) {
  (void)state;
  struct alliance_world w = world_of(6);
  struct alliance_estimate e;
  struct alliance_threshold threshold;
  struct alliance_result r;
  people(&w, 4, PATIENTS);
  for (int p = 0; p < PATIENTS; p++) {
    rows[p][0].time = 0;
    rows[p][1].time = 1e-320;
  }
  assert_int_equal(alliance_estimate_sample(&e, series, PATIENTS, NULL, memory, bytes), ALLIANCE_OK);
  assert_true(isfinite(e.log_likelihood) && isfinite(e.rater[0].level) && e.rater[0].residual_sd > 0);
  e.rater[0].autocorrelation = 0.4; /* these ratings speak against it */
  struct alliance_design design = alliance_design_of(&series[0]);
  for (int view = 0; view < 2; view++) {
    assert_int_equal(alliance_threshold_find(&threshold, &e, &design, ALLIANCE_MODEL, (enum alliance_view)view, 0.05, 1,
                                             1000, memory, bytes),
                     ALLIANCE_OK);
    assert_int_equal(detect_one(&r, &e, &threshold, &series[0], memory, bytes), ALLIANCE_OK);
    all_finite(&r);
  }
}

static void estimate_as_text(void **state) {
  (void)state;
  struct alliance_world w = alliance_world_default();
  struct alliance_estimate e, back;
  char text[ALLIANCE_ESTIMATE_TEXT], again[ALLIANCE_ESTIMATE_TEXT];
  people(&w, 3, 60);
  assert_int_equal(alliance_estimate_sample(&e, series, 60, NULL, memory, bytes), ALLIANCE_OK);
  size_t length = alliance_estimate_write(text, sizeof text, &e);
  assert_true(length > 0);
  assert_true(alliance_estimate_read(&back, text, length));
  assert_int_equal(alliance_estimate_write(again, sizeof again, &back), length);
  assert_memory_equal(text, again, length);
  assert_true(back.rater[0].residual_sd == e.rater[0].residual_sd && back.shape[4] == e.shape[4]);
  assert_false(alliance_estimate_read(&back, text, length - 1));
  assert_false(alliance_estimate_read(&back, "version=1\n", 10));
  char *s = strstr(text, "patient.residual_sd=");
  s[strlen("patient.residual_sd=")] = '-';
  assert_false(alliance_estimate_read(&back, text, length));
  assert_int_equal(alliance_estimate_write(again, 100, &e), 0);
}

static void estimate_refuses(void **state) {
  (void)state;
  struct alliance_session own[4];
  struct alliance_estimate e;
  struct alliance_series one = plain(own, (double[]){5, 5, 5, 5}, 4);
  assert_int_equal(alliance_estimate_sample(&e, &one, 1, NULL, memory, bytes), ALLIANCE_NO_DATA);
  one = plain(own, (double[]){NAN, NAN, NAN}, 3);
  assert_int_equal(alliance_estimate_sample(&e, &one, 1, NULL, memory, bytes), ALLIANCE_NO_DATA);
  assert_int_equal(alliance_estimate_sample(&e, &one, 0, NULL, memory, bytes), ALLIANCE_NO_DATA);
  one = plain(own, (double[]){1, 2, 3, 4}, 4);
  own[2].time = 1;
  assert_int_equal(alliance_estimate_sample(&e, &one, 1, NULL, memory, bytes), ALLIANCE_UNORDERED);
  one = plain(own, (double[]){1, INFINITY, 3, 4}, 4);
  assert_int_equal(alliance_estimate_sample(&e, &one, 1, NULL, memory, bytes), ALLIANCE_NOT_FINITE);
  one = plain(own, (double[]){1, 2, 3, 4}, 4);
  assert_int_equal(alliance_estimate_sample(&e, &one, 1, NULL, memory, 100), ALLIANCE_MEMORY);
  struct alliance_settings settings = {.bounded = true, .low = 7, .high = 1};
  assert_int_equal(alliance_estimate_sample(&e, &one, 1, &settings, memory, bytes), ALLIANCE_RANGE);
  assert_int_equal(alliance_estimate_sample(&e, &one, 1, NULL, memory, bytes), ALLIANCE_OK);
  assert_true(isfinite(e.rater[0].residual_sd) && e.rater[0].residual_sd > 0);
}

/* People who never vary, at different levels: s would run to nothing, and rounding would pass for tensions. */
static void nobody_varies(void **state) {
  (void)state;
  struct alliance_estimate e, back;
  struct alliance_threshold threshold = {.rule = ALLIANCE_MODEL, .limit = 1};
  struct alliance_result r;
  for (int p = 0; p < 10; p++) series[p] = plain(rows[p], (double[]){p, p + 1e-9, p, p, p - 1e-9, p}, 6);
  assert_int_equal(alliance_estimate_sample(&e, series, 10, NULL, memory, bytes), ALLIANCE_OK);
  assert_true(e.rater[0].residual_sd > 1e-3);
  for (int p = 0; p < 10; p++) {
    assert_int_equal(detect_one(&r, &e, &threshold, &series[p], memory, bytes), ALLIANCE_OK);
    all_finite(&r);
    for (int t = 0; t < r.count; t++) assert_true(r.sessions[t].tension < 0.1 && r.sessions[t].event == ALLIANCE_NONE);
  }
  struct alliance_settings scale = {.bounded = true, .low = 0, .high = 9, .step = 1};
  assert_int_equal(alliance_estimate_sample(&e, series, 10, &scale, memory, bytes), ALLIANCE_OK);
  assert_true(e.rater[0].residual_sd > 0.28); /* what rounding alone does: 1 / sqrt(12) */
  char text[ALLIANCE_ESTIMATE_TEXT];
  e.rater[0].residual_sd = 1e-9;
  assert_false(alliance_estimate_read(&back, text, alliance_estimate_write(text, sizeof text, &e)));
}

/* ---- thresholds ---- */

static double share_alarmed(const struct alliance_estimate *e, const struct alliance_threshold *th, int count) {
  int alarms = 0;
  for (int p = 0; p < count; p++) {
    struct alliance_result r;
    bool any = false;
    assert_int_equal(detect_one(&r, e, th, &series[p], memory, bytes), ALLIANCE_OK);
    all_finite(&r);
    for (int t = 0; t < r.count; t++) any |= r.sessions[t].event == ALLIANCE_TENSION;
    alarms += any;
  }
  return (double)alarms / count;
}

/* With the true figures the alarms are what was asked for, for every rule that takes eleven sessions and both views. */
static void thresholds_hold(void **state) {
  (void)state;
  struct alliance_world w = world_of(SESSIONS);
  w.truth.prevalence = 0;
  w.therapist_share = 0;
  people(&w, 21, PATIENTS);
  w.truth.prevalence = 0.25;
  struct alliance_design design = alliance_design_of(&series[0]);
  for (int view = 0; view < 2; view++)
    for (int rule = 0; rule < ALLIANCE_RULES; rule++) {
      struct alliance_threshold th;
      assert_int_equal(alliance_threshold_find(&th, &w.truth, &design, (enum alliance_rule)rule,
                                               (enum alliance_view)view, 0.2, 1, 4000, memory, bytes),
                       ALLIANCE_OK);
      assert_true(th.reached <= 0.2);
      double share = share_alarmed(&w.truth, &th, PATIENTS);
      if (fabs(share - th.reached) > 4 * sqrt(0.16 / PATIENTS)) fail_msg("%s: %g", alliance_rules[rule].name, share);
    }
}

static void thresholds_repeat(void **state) {
  (void)state;
  struct alliance_estimate e = alliance_estimate_default(5, 1, 0.7, 6);
  struct alliance_design design = alliance_design_plain(6);
  struct alliance_threshold a, b, c;
  size_t less = alliance_memory(6, 1000);
  assert_int_equal(
      alliance_threshold_find(&a, &e, &design, ALLIANCE_MODEL, ALLIANCE_ONLINE, 0.05, 7, 1000, memory, less),
      ALLIANCE_OK);
  assert_int_equal(
      alliance_threshold_find(&b, &e, &design, ALLIANCE_MODEL, ALLIANCE_ONLINE, 0.05, 7, 1000, memory, bytes),
      ALLIANCE_OK);
  assert_int_equal(
      alliance_threshold_find(&c, &e, &design, ALLIANCE_MODEL, ALLIANCE_ONLINE, 0.05, 8, 1000, memory, bytes),
      ALLIANCE_OK);
  assert_true(a.limit == b.limit && a.limit != c.limit);
  assert_int_equal(alliance_threshold_find(&c, &e, &design, ALLIANCE_MODEL, ALLIANCE_ONLINE, 0, 8, 1000, memory, bytes),
                   ALLIANCE_RANGE);
  assert_int_equal(
      alliance_threshold_find(&c, &e, &design, ALLIANCE_MODEL, ALLIANCE_ONLINE, 0.05, 8, 1000, memory, 1000),
      ALLIANCE_MEMORY);
}

/* The limit itself, to the last bit: the promise across machines. Made on x86-64 with AVX-512; any other must agree. */
static void thresholds_to_the_bit(void **state) {
  (void)state;
  struct alliance_estimate e = alliance_estimate_default(5, 1, 0.7, 6);
  struct alliance_design design = alliance_design_plain(7);
  struct alliance_threshold th;
  static const double want[2] = {LIMIT_ONLINE, LIMIT_HINDSIGHT};
  for (int view = 0; view < 2; view++) {
    assert_int_equal(alliance_threshold_find(&th, &e, &design, ALLIANCE_MODEL, (enum alliance_view)view, 0.05, 3, 2000,
                                             memory, bytes),
                     ALLIANCE_OK);
    if (th.limit != want[view]) fail_msg("view %d: %a", view, th.limit);
  }
}

/* ---- rules against their formulas ---- */

static struct alliance_result judge(const struct alliance_estimate *e, enum alliance_rule rule, enum alliance_view view,
                                    double limit, const struct alliance_series *one) {
  struct alliance_threshold th = {.rule = rule, .view = view, .limit = limit};
  struct alliance_result r;
  assert_int_equal(detect_one(&r, e, &th, one, memory, bytes), ALLIANCE_OK);
  all_finite(&r);
  return r;
}

static void same(double got, double want) {
  if (fabs(got - want) > 1e-12 * (1 + fabs(want))) fail_msg("%.17g is not %.17g", got, want);
}

static void rules_by_hand(void **state) {
  (void)state;
  struct alliance_estimate e = alliance_estimate_default(5, 1, 0.5, 6);
  struct alliance_session own[SESSIONS];
  double x[SESSIONS] = {5, 5.5, 4.5, 5, 5.5, 2, 5, 4.5, 5.5, 5, 5.5, 5}, sum = 0, square = 0, ranges = 0;
  struct alliance_series one = plain(own, x, SESSIONS);
  for (int t = 0; t < SESSIONS; t++) sum += x[t];
  for (int t = 0; t < SESSIONS; t++) square += (x[t] - sum / SESSIONS) * (x[t] - sum / SESSIONS);
  for (int t = 1; t < SESSIONS; t++) ranges += fabs(x[t] - x[t - 1]);

  struct alliance_result r = judge(&e, ALLIANCE_POOLED_SD, ALLIANCE_HINDSIGHT, 3, &one);
  same(r.sessions[5].z, (2 - (sum - 2) / 11) / (0.5 * sqrt(1 + 1.0 / 11)));
  assert_int_equal(r.sessions[5].event, ALLIANCE_TENSION);
  assert_int_equal(r.sessions[6].event, ALLIANCE_REPAIR);
  r = judge(&e, ALLIANCE_POOLED_SD, ALLIANCE_ONLINE, 3, &one);
  same(r.sessions[5].z, (2 - 25.5 / 5) / (0.5 * sqrt(1.2)));
  assert_false(r.sessions[0].has_z);

  r = judge(&e, ALLIANCE_INDIVIDUALS_CHART, ALLIANCE_HINDSIGHT, 3, &one);
  same(r.sessions[5].score, (sum / SESSIONS - 2) / (ranges / (SESSIONS - 1) / 1.128));
  r = judge(&e, ALLIANCE_OWN_SD, ALLIANCE_HINDSIGHT, 3, &one);
  same(r.sessions[5].score, (sum / SESSIONS - 2) / sqrt(square / (SESSIONS - 1)));
  r = judge(&e, ALLIANCE_RELIABLE_CHANGE, ALLIANCE_ONLINE, 1.96, &one);
  same(r.sessions[5].score, 3.5 / (0.5 * sqrt(2)));
  assert_int_equal(r.sessions[5].event, ALLIANCE_TENSION);

  /* CUSUM and EWMA in hindsight stand on the level shrunk over all: weight s^2 / level_sd^2 = 1/4 on the sample's. */
  double level = (0.25 * 5 + sum) / 12.25, c = 0, z = 0;
  r = judge(&e, ALLIANCE_CUSUM, ALLIANCE_HINDSIGHT, 4, &one);
  for (int t = 0; t < SESSIONS; t++) {
    c = fmax(0, c + (level - x[t]) / 0.5 - 0.5);
    same(r.sessions[t].score, c);
  }
  r = judge(&e, ALLIANCE_EWMA, ALLIANCE_HINDSIGHT, 2.7, &one);
  for (int t = 0; t < SESSIONS; t++) {
    z = 0.2 * (level - x[t]) / 0.5 + 0.8 * z;
    same(r.sessions[t].score, z / sqrt(0.2 / 1.8 * (1 - pow(0.8, 2 * (t + 1)))));
  }
  r = judge(&e, ALLIANCE_DROP, ALLIANCE_ONLINE, 2, &one);
  same(r.sessions[5].score, 3.5);
}

/* All rules over many patients at once say to the last bit what each says of one; where lanes are left over, too. */
static void many_at_once(void **state) {
  (void)state;
  enum { N = 12, COUNT = 21, RULES = ALLIANCE_RULES - 1 };
  struct alliance_world w = world_of(N);
  people(&w, 9, COUNT);
  double time[N], ratings[COUNT * N], largest[RULES * COUNT];
  enum alliance_rule all[RULES];
  for (int k = 0; k < RULES; k++) all[k] = (enum alliance_rule)(k + 1);
  for (int t = 0; t < N; t++) time[t] = rows[0][t].time;
  for (int p = 0; p < COUNT; p++)
    for (int t = 0; t < N; t++) ratings[p * N + t] = rows[p][t].rating[0] = p == 5 ? 3 : rows[p][t].rating[0];
  for (int view = 0; view < 2; view++) {
    enum alliance_view v = (enum alliance_view)view;
    const struct alliance_pass pass = {all, RULES, v, time, N, ratings, COUNT};
    assert_int_equal(alliance_largest_scores(largest, &pass, &w.truth, memory, bytes), ALLIANCE_OK);
    for (int k = 0; k < RULES; k++)
      for (int p = 0; p < COUNT; p++) {
        double one, single = -1e300;
        const struct alliance_pass alone = {&all[k], 1, v, time, N, ratings + p * N, 1};
        assert_int_equal(alliance_largest_scores(&one, &alone, &w.truth, memory, bytes), ALLIANCE_OK);
        struct alliance_result r = judge(&w.truth, all[k], v, 1, &series[p]);
        for (int t = 0; t < r.count; t++) single = r.sessions[t].score > single ? r.sessions[t].score : single;
        const double *fused = &largest[k * COUNT + p];
        if (memcmp(fused, &one, sizeof one) || memcmp(fused, &single, sizeof single))
          fail_msg("%s of patient %d: %.17g, %.17g, %.17g", alliance_rules[all[k]].name, p, *fused, one, single);
      }
  }
  ratings[17] = NAN;
  const struct alliance_pass whole = {all, RULES, ALLIANCE_ONLINE, time, N, ratings, COUNT};
  const struct alliance_pass brief = {all, RULES, ALLIANCE_ONLINE, time, 10, ratings, 1};
  assert_int_equal(alliance_largest_scores(largest, &whole, &w.truth, memory, bytes), ALLIANCE_NOT_FINITE);
  assert_int_equal(alliance_largest_scores(largest, &brief, &w.truth, memory, bytes), ALLIANCE_TOO_SHORT);
  all[3] = ALLIANCE_MODEL;
  assert_int_equal(alliance_largest_scores(largest, &whole, &w.truth, memory, bytes), ALLIANCE_RANGE);
}

static void sudden_loss_and_change(void **state) {
  (void)state;
  struct alliance_estimate e = alliance_estimate_default(5, 1, 0.5, 6);
  struct alliance_session own[8];
  struct alliance_series one = plain(own, (double[]){6, 6.2, 5.9, 6.1, 3.9, 4.1, 4, 4.2}, 8);
  struct alliance_result r = judge(&e, ALLIANCE_SUDDEN_LOSS, ALLIANCE_HINDSIGHT, 2.776, &one);
  double before = (6.2 + 5.9 + 6.1) / 3, after = (3.9 + 4.1 + 4) / 3, square = 0;
  const double b[3] = {6.2, 5.9, 6.1}, a[3] = {3.9, 4.1, 4};
  for (int k = 0; k < 3; k++) square += (b[k] - before) * (b[k] - before) + (a[k] - after) * (a[k] - after);
  same(r.sessions[4].score, (before - after) / sqrt(square / 4 * 2 / 3));
  assert_int_equal(r.sessions[4].event, ALLIANCE_TENSION);
  r = judge(&e, ALLIANCE_SUDDEN_LOSS, ALLIANCE_ONLINE, 2.776, &one);
  assert_int_equal(r.sessions[6].event, ALLIANCE_TENSION);
  r = judge(&e, ALLIANCE_CHANGEPOINT, ALLIANCE_HINDSIGHT, 1, &one);
  assert_int_equal(r.sessions[4].event, ALLIANCE_TENSION);
  one = plain(own, (double[]){4, 4.2, 3.9, 4.1, 5.9, 6.1, 6, 6.2}, 8);
  r = judge(&e, ALLIANCE_CHANGEPOINT, ALLIANCE_HINDSIGHT, 0, &one);
  for (int t = 0; t < 8; t++) assert_int_equal(r.sessions[t].event, ALLIANCE_NONE);
}

static void too_short(void **state) {
  (void)state;
  struct alliance_estimate e = alliance_estimate_default(5, 1, 0.5, 6);
  struct alliance_session own[SESSIONS];
  double x[SESSIONS] = {5, 5.5, 4.5, 5, 5.5, 2, 5, 4.5, 5.5, 5, 5.5, 5};
  for (int rule = 0; rule < ALLIANCE_RULES; rule++) {
    struct alliance_threshold th = {.rule = (enum alliance_rule)rule, .limit = 1};
    struct alliance_result r;
    int least = alliance_rules[rule].least;
    struct alliance_series one = plain(own, x, least - 1);
    assert_int_equal(detect_one(&r, &e, &th, &one, memory, bytes), ALLIANCE_TOO_SHORT);
    assert_int_equal(r.count, 0);
    one = plain(own, x, least);
    assert_int_equal(detect_one(&r, &e, &th, &one, memory, bytes), ALLIANCE_OK);
  }
  assert_int_equal(alliance_rules[ALLIANCE_INDIVIDUALS_CHART].least, 8);
  assert_int_equal(alliance_rules[ALLIANCE_OWN_SD].least, 11);
  assert_int_equal(alliance_rule_named("pooled-sd"), ALLIANCE_POOLED_SD);
  assert_int_equal(alliance_rule_named("nothing"), -1);
}

/* ---- the model's findings ---- */

static void a_dip_is_seen(void **state) {
  (void)state;
  struct alliance_estimate e = alliance_estimate_default(5, 1, 0.5, 6);
  struct alliance_session own[8];
  struct alliance_series one = plain(own, (double[]){5.2, 5.1, 5.4, 2.9, 2.8, 5.3, 5.1, 5.2}, 8);
  struct alliance_result r = judge(&e, ALLIANCE_MODEL, ALLIANCE_ONLINE, 2, &one);
  assert_int_equal(r.sessions[3].event, ALLIANCE_TENSION);
  assert_int_equal(r.sessions[5].event, ALLIANCE_REPAIR);
  assert_true(r.sessions[2].tension < 0.2 && r.sessions[3].tension > 0.9 && r.sessions[7].repaired > 0.9);
  assert_true(r.sessions[6].expected > 4.5); /* the dip is set apart from the course expected */
  r = judge(&e, ALLIANCE_MODEL, ALLIANCE_HINDSIGHT, 2, &one);
  assert_int_equal(r.begins, 3);
  assert_int_equal(r.ends, 5);
  assert_true(r.likeliest > 0.5);
  assert_int_equal(r.sessions[3].event, ALLIANCE_TENSION);
  assert_int_equal(r.sessions[5].event, ALLIANCE_REPAIR);
}

/* Online means online: what comes later changes nothing of what was said. */
static void online_looks_back_only(void **state) {
  (void)state;
  struct alliance_world w = alliance_world_default();
  struct alliance_finding before[SESSIONS];
  w.sessions = SESSIONS;
  w.missing = 0.2;
  people(&w, 9, 40);
  for (int p = 0; p < 40; p++) {
    struct alliance_result r = judge(&w.truth, ALLIANCE_MODEL, ALLIANCE_ONLINE, 1.5, &series[p]);
    memcpy(before, r.sessions, sizeof before);
    for (int t = 8; t < SESSIONS; t++) rows[p][t].rating[0] = rows[p][t].rating[1] = -3;
    r = judge(&w.truth, ALLIANCE_MODEL, ALLIANCE_ONLINE, 1.5, &series[p]);
    for (int t = 0; t < 8; t++) {
      assert_true(before[t].tension == r.sessions[t].tension && before[t].expected == r.sessions[t].expected);
      assert_int_equal(before[t].event, r.sessions[t].event);
    }
  }
}

static void reports_count(void **state) {
  (void)state;
  struct alliance_estimate e = alliance_estimate_default(5, 1, 0.5, 6);
  struct alliance_session own[6];
  struct alliance_series one = plain(own, (double[]){5, 5.1, 5, 4.3, 5, 5.1}, 6);
  double without = judge(&e, ALLIANCE_MODEL, ALLIANCE_ONLINE, 2, &one).sessions[3].tension;
  for (int t = 0; t < 6; t++) own[t].reported[0] = t == 3;
  double with = judge(&e, ALLIANCE_MODEL, ALLIANCE_ONLINE, 2, &one).sessions[3].tension;
  assert_true(with > without + 0.05);
  e.reports = false;
  assert_true(judge(&e, ALLIANCE_MODEL, ALLIANCE_ONLINE, 2, &one).sessions[3].tension == without);
}

static void two_raters(void **state) {
  (void)state;
  struct alliance_world w = alliance_world_default();
  struct alliance_estimate e = w.truth;
  struct alliance_session own[6];
  struct alliance_series one = plain(own, (double[]){5, 5.1, 5, 2.5, 5, 5.1}, 6);
  static const double therapist[6] = {4.6, 4.7, 4.5, 4.6, 4.7, 4.6};
  for (int t = 0; t < 6; t++) {
    own[t].rating[1] = therapist[t];
    own[t].rated[1] = true;
  }
  struct alliance_result r = judge(&e, ALLIANCE_MODEL, ALLIANCE_HINDSIGHT, 2, &one);
  const double *p = r.sessions[5].perceived;
  assert_true(p[1] > p[0] && p[1] > 3 * p[2]); /* the patient alone fell */
  own[3].rating[1] = 2.4;
  r = judge(&e, ALLIANCE_MODEL, ALLIANCE_HINDSIGHT, 2, &one);
  assert_true(r.sessions[5].perceived[0] > 0.8);
}

static void bounded_band(void **state) {
  (void)state;
  struct alliance_estimate e = alliance_estimate_default(6.8, 0.5, 0.5, 6);
  struct alliance_session own[5];
  struct alliance_series one = plain(own, (double[]){7, 7, 7, 7, 6}, 5);
  e.bounded = true;
  e.low = 1;
  e.high = 7;
  e.step = 1;
  struct alliance_result r = judge(&e, ALLIANCE_MODEL, ALLIANCE_ONLINE, 2, &one);
  for (int t = 0; t < 5; t++) assert_true(r.sessions[t].high <= 7 && r.sessions[t].low >= 1);
}

/* Many at once, of several designs, rules and views, some left out: each is judged as if alone. */
static void many_as_one(void **state) {
  (void)state;
  struct alliance_world w = world_of(6);
  w.missing = 0.1;
  people(&w, 5, 40);
  struct alliance_estimate e = w.truth;
  static struct alliance_case cases[40];
  const struct alliance_threshold th[3] = {{.rule = ALLIANCE_MODEL, .limit = 2},
                                           {.rule = ALLIANCE_MODEL, .view = ALLIANCE_HINDSIGHT, .limit = 2},
                                           {.rule = ALLIANCE_EWMA, .limit = 1}};
  for (int p = 0; p < 40; p++)
    cases[p] = (struct alliance_case){.series = series[p], .threshold = p % 10 == 9 ? NULL : &th[p % 3]};
  size_t need = alliance_detect_memory(cases, 40);
  void *room = calloc(1, need); /* so that what pads a finding is alike */
  assert_int_equal(alliance_detect(cases, 40, &e, room, need), ALLIANCE_TOO_SHORT);
  for (int p = 0; p < 40; p++) {
    struct alliance_result r;
    assert_int_equal(cases[p].status == ALLIANCE_OK, cases[p].result.count > 0);
    if (!cases[p].threshold) continue;
    memset(memory, 0, bytes);
    assert_int_equal(detect_one(&r, &e, cases[p].threshold, &series[p], memory, bytes), cases[p].status);
    assert_int_equal(r.count, cases[p].result.count);
    assert_int_equal(r.begins, cases[p].result.begins);
    for (int t = 0; t < r.count; t++)
      assert_memory_equal(&r.sessions[t], &cases[p].result.sessions[t], sizeof *r.sessions);
  }
  free(room);
}

static void refuses(void **state) {
  (void)state;
  struct alliance_estimate e = alliance_estimate_default(5, 1, 0.5, 6);
  struct alliance_threshold th = {.rule = ALLIANCE_MODEL, .limit = 1};
  static struct alliance_session own[70];
  static double x[70];
  struct alliance_result r;
  struct alliance_series one = plain(own, x, 70);
  assert_int_equal(detect_one(&r, &e, &th, &one, memory, bytes), ALLIANCE_TOO_LONG);
  one = plain(own, x, 60);
  assert_int_equal(detect_one(&r, &e, &th, &one, memory, bytes), ALLIANCE_OK);
  assert_int_equal(detect_one(&r, &e, &th, &one, memory, 5000), ALLIANCE_MEMORY);
  own[3].time = 2;
  assert_int_equal(detect_one(&r, &e, &th, &one, memory, bytes), ALLIANCE_UNORDERED);
  one = plain(own, (double[]){1, 2, 1e300}, 3);
  assert_int_equal(detect_one(&r, &e, &th, &one, memory, bytes), ALLIANCE_NOT_FINITE);
  one = plain(own, (double[]){1e9, -1e9, 1e9, -1e9}, 4);
  assert_int_equal(detect_one(&r, &e, &th, &one, memory, bytes), ALLIANCE_OK);
  all_finite(&r);
  one = plain(own, (double[]){NAN, NAN, NAN}, 3);
  assert_int_equal(detect_one(&r, &e, &th, &one, memory, bytes), ALLIANCE_TOO_SHORT);
}

/* ---- operating characteristics ---- */

static void nothing_beats_the_best(void **state) {
  (void)state;
  struct operating spec = {.sessions = 6, .false_alarm = 0.05, .trials = 4000, .seed = 2};
  struct operating_cell cells[2] = {{.depth = 3, .length = 1}, {.mixed = true}};
  struct operating_row found[2][OPERATING_COMPARED];
  size_t need = operating_memory(&spec);
  void *room = malloc(need);
  assert_non_null(room);
  assert_int_equal(operating_find(found[0], &spec, cells, 2, room, need), ALLIANCE_OK);
  for (int c = 0; c < 2; c++) {
    for (int rule = 0; rule < ALLIANCE_RULES; rule++) {
      assert_true(found[c][rule].false_alarm <= 0.05);
      assert_true(found[c][rule].detected <= found[c][OPERATING_BEST].detected + 0.02);
    }
    assert_true(found[c][ALLIANCE_MODEL].detected > found[c][ALLIANCE_OWN_SD].detected + 0.2);
  }
  assert_true(found[1][ALLIANCE_MODEL].detected > found[1][OPERATING_BEST].detected - 0.02);
  assert_int_equal(operating_find(found[0], &spec, cells, 2, room, 1000), ALLIANCE_MEMORY);
  spec.trials = 1;
  assert_int_equal(operating_find(found[0], &spec, cells, 2, room, need), ALLIANCE_RANGE);
  free(room);
}

/* What knows a lasting cell has no length to guess, so a detector for it alone lacks nothing; one for many cells does.
 */
static void no_detector_has_it_all(void **state) {
  (void)state;
  struct operating spec = {
      .sessions = 20, .false_alarm = 0.05, .view = ALLIANCE_HINDSIGHT, .trials = 8000, .seed = 3};
  struct operating_cell cells[] = {{.depth = 2, .length = 0, .course = ALLIANCE_SLOW_FALL},
                                  {.depth = 4, .length = 1, .course = ALLIANCE_SUDDEN},
                                  {.depth = 3, .length = 2, .course = ALLIANCE_SLOW_RETURN}};
  double least, alone[] = {1, 0, 0}, among[] = {0.5, 0.3, 0.2}, negative[] = {1.5, -0.5, 0}, little[] = {0.5, 0.3, 0.1};
  size_t need = operating_memory(&spec);
  void *room = malloc(need);
  assert_int_equal(operating_limit(&least, &spec, cells, alone, 3, room, need), ALLIANCE_OK);
  assert_true(least == 0);
  assert_int_equal(operating_limit(&least, &spec, cells, among, 3, room, need), ALLIANCE_OK);
  assert_true(least > 0.03 && least < 0.1);
  assert_int_equal(operating_limit(&least, &spec, cells, negative, 3, room, need), ALLIANCE_RANGE);
  assert_int_equal(operating_limit(&least, &spec, cells, little, 3, room, need), ALLIANCE_RANGE);
  struct operating_cell many[20];
  double alike[20];
  for (int k = 0; k < 20; k++) {
    many[k] = (struct operating_cell){.depth = 2, .length = k + 1, .course = ALLIANCE_SUDDEN};
    alike[k] = 1.0 / 20;
  }
  assert_int_equal(operating_limit(&least, &spec, many, alike, 20, room, need), ALLIANCE_RANGE);
  cells[0].depth = 1.5;
  assert_int_equal(operating_limit(&least, &spec, cells, among, 3, room, need), ALLIANCE_RANGE);
  cells[0].depth = 2;
  spec.view = ALLIANCE_ONLINE;
  assert_int_equal(operating_limit(&least, &spec, cells, among, 3, room, need), ALLIANCE_RANGE);
  free(room);
}

/* ---- simulated people ---- */

static void people_stay_themselves(void **state) {
  (void)state;
  struct alliance_world w = world_of(6);
  struct alliance_session a[6], b[6];
  struct alliance_truth ta, tb;
  int tensions = 0;
  for (uint32_t p = 0; p < 200; p++) {
    w.truth.prevalence = 0.25;
    alliance_simulate_patient(a, &ta, &w, 77, p, 0);
    tensions += ta.tension;
    w.truth.prevalence = 0;
    alliance_simulate_patient(b, &tb, &w, 77, p, 0);
    assert_false(tb.tension);
    for (int t = 0; t < 6; t++) {
      double weight = ta.tension ? alliance_course_weight(ta.course, ta.length, t - ta.begins) : 0;
      assert_true(fabs(b[t].rating[0] - a[t].rating[0] - 0.7 * ta.depth * weight) < 1e-9);
    }
  }
  assert_true(tensions > 30 && tensions < 75);
  same(alliance_course_weight(ALLIANCE_SLOW_FALL, 3, 0), 1.0 / 3);
  same(alliance_course_weight(ALLIANCE_SLOW_BOTH, 3, 1), 1);
  same(alliance_course_weight(ALLIANCE_SLOW_RETURN, 2, 1), 0.5);
  same(alliance_course_weight(ALLIANCE_SUDDEN, 0, 50), 1);
  same(alliance_course_weight(ALLIANCE_PARTLY, 2, 2), 0.5);
}

/* ---- accuracy ---- */

static void accuracy(void **state) {
  (void)state;
  struct operating_signals s;
  assert_int_equal(operating_signals_find(&s, 19.5, 39, 4.5, 99), ALLIANCE_OK);
  same(s.hit_rate, 0.5);
  same(s.false_rate, 0.05);
  assert_true(fabs(s.sensitivity - 1.6448536269514722) < 1e-12); /* z(.5) - z(.05) */
  assert_true(fabs(s.criterion - 0.8224268134757361) < 1e-12);
  /* phi(0)^2 = 1 / (2 pi); phi(z(.05)) = 0.10313564037537139 */
  double variance = 0.25 / 40 * 2 * 3.14159265358979323846 + 0.0475 / 100 / pow(0.10313564037537139, 2);
  assert_true(fabs(s.sensitivity_se - sqrt(variance)) < 1e-10);
  assert_int_equal(operating_signals_find(&s, 0, 0, 0, 0), ALLIANCE_OK);
  same(s.sensitivity, 0);
  assert_int_equal(operating_signals_find(&s, 5, 4, 0, 0), ALLIANCE_RANGE);
  assert_int_equal(operating_signals_find(&s, NAN, 4, 0, 0), ALLIANCE_RANGE);

  struct operating_surface surface;
  const double b[6] = {1, 2, 3, 5, 7, 11};
  double v[36] = {0};
  for (int k = 0; k < 6; k++) v[7 * k] = k + 1;
  v[6 * 1 + 2] = v[6 * 2 + 1] = 0.5;
  assert_int_equal(operating_surface_find(&surface, b, v), ALLIANCE_OK);
  const double a[5] = {5, 23, -1, 9, -6}, variances[5] = {2 + 3 + 1, 4 + 5 + 6, 2 + 3 - 1, 4 + 5 + 6, 4 + 6};
  for (int k = 0; k < 5; k++) {
    same(surface.a[k], a[k]);
    same(surface.se[k], sqrt(variances[k]));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(estimate_recovers),
                                     cmocka_unit_test(estimate_ignores_tensions),
                                     cmocka_unit_test(estimate_as_text),
                                     cmocka_unit_test(estimate_climbs),
                                     cmocka_unit_test(estimate_arrives),
                                     cmocka_unit_test(defaults_by_length),
                                     cmocka_unit_test(estimate_finds_autocorrelation),
                                     cmocka_unit_test(sessions_of_one_moment),
                                     cmocka_unit_test(estimate_turns_with_the_scale),
                                     cmocka_unit_test(estimate_refuses),
                                     cmocka_unit_test(nobody_varies),
                                     cmocka_unit_test(thresholds_hold),
                                     cmocka_unit_test(thresholds_repeat),
                                     cmocka_unit_test(thresholds_to_the_bit),
                                     cmocka_unit_test(rules_by_hand),
                                     cmocka_unit_test(many_at_once),
                                     cmocka_unit_test(sudden_loss_and_change),
                                     cmocka_unit_test(too_short),
                                     cmocka_unit_test(a_dip_is_seen),
                                     cmocka_unit_test(online_looks_back_only),
                                     cmocka_unit_test(reports_count),
                                     cmocka_unit_test(two_raters),
                                     cmocka_unit_test(bounded_band),
                                     cmocka_unit_test(many_as_one), cmocka_unit_test(refuses),
                                     cmocka_unit_test(nothing_beats_the_best),
                                     cmocka_unit_test(no_detector_has_it_all),
                                     cmocka_unit_test(people_stay_themselves),
                                     cmocka_unit_test(accuracy)};
  return cmocka_run_group_tests(tests, start, stop);
}
