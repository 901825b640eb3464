/* Within and between, lags, inertia, ready models and permutation inference, on simulated data. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "attune/stats_accuracy.h"
#include "attune/stats_math.h"
#include "base/arena.h"

#include <cmocka.h>

#define THERAPISTS 6
#define PATIENTS 5
#define SESSIONS 10
#define ROWS (THERAPISTS * PATIENTS * SESSIONS)

static void *take(void *state, size_t bytes) {
  return arena_alloc(state, bytes);
}
static void drop(void *state) {
  arena_reset(state);
}

static uint64_t seed = 7;
static double normal(void) {
  uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return stats_normal_quantile(((double)((z ^ z >> 31) >> 11) + 0.5) * 0x1p-53);
}

struct world {
  struct arena arena, scratch_arena;
  struct stats_memory memory;
  struct stats_scratch scratch;
  double p[ROWS], t[ROWS], y[ROWS], arm[ROWS], session[ROWS];
  int32_t patient[ROWS], therapist[ROWS];
  const char *patient_name[THERAPISTS * PATIENTS], *therapist_name[THERAPISTS];
  char text[THERAPISTS * PATIENTS][8];
  struct stats_column column[7];
  struct stats_table table;
};

static void make_world(struct world *w, double arm_effect) {
  memset(w, 0, sizeof *w);
  seed = 7;
  arena_init(&w->arena, 0);
  arena_init(&w->scratch_arena, 0);
  w->memory = (struct stats_memory){take, &w->arena};
  w->scratch = (struct stats_scratch){{take, &w->scratch_arena}, drop};
  for (size_t i = 0; i < THERAPISTS * PATIENTS; i++) {
    snprintf(w->text[i], sizeof w->text[i], "%zu", i);
    w->patient_name[i] = w->text[i];
    if (i < THERAPISTS) w->therapist_name[i] = w->text[i];
  }
  for (size_t k = 0, at = 0; k < THERAPISTS; k++) {
    double v = 0.2 * normal();
    for (size_t j = 0; j < PATIENTS; j++) {
      double u = normal();
      for (size_t s = 0; s < SESSIONS; s++, at++) {
        w->arm[at] = k >= THERAPISTS / 2;
        w->session[at] = (double)s + 1;
        w->patient[at] = (int32_t)(k * PATIENTS + j);
        w->therapist[at] = (int32_t)k;
        w->p[at] = 5 + u + normal();
        w->t[at] = 4.5 + u + (0.4 + arm_effect * w->arm[at]) * (w->p[at] - 5 - u) + v + 0.4 * normal();
        w->y[at] =
            1 + 0.3 * w->p[at] + 0.2 * w->t[at] - 0.1 * (w->p[at] - w->t[at]) * (w->p[at] - w->t[at]) + 0.3 * normal();
      }
    }
  }
  struct stats_column columns[7] = {{"p", w->p, NULL, NULL, 0},
                                    {"t", w->t, NULL, NULL, 0},
                                    {"y", w->y, NULL, NULL, 0},
                                    {"arm", w->arm, NULL, NULL, 0},
                                    {"session", w->session, NULL, NULL, 0},
                                    {"patient", NULL, w->patient, w->patient_name, THERAPISTS * PATIENTS},
                                    {"therapist", NULL, w->therapist, w->therapist_name, THERAPISTS}};
  memcpy(w->column, columns, sizeof columns);
  w->table = (struct stats_table){ROWS, 7, w->column};
}

static void free_world(struct world *w) {
  arena_free(&w->arena);
  arena_free(&w->scratch_arena);
}

static void test_parts_add_up(void **state) {
  (void)state;
  static struct world w;
  static double within[ROWS], patient[ROWS], therapist[ROWS];
  make_world(&w, 0);
  w.p[17] = NAN;
  double mean = stats_decompose(w.p, w.patient, THERAPISTS * PATIENTS, w.therapist, THERAPISTS, ROWS, &w.memory, within,
                                patient, therapist);
  double sum = 0, cross = 0;
  assert_true(isnan(within[17]) && isnan(patient[17]) && isnan(therapist[17]));
  for (size_t i = 0; i < ROWS; i++) {
    if (i == 17) continue;
    assert_true(fabs(within[i] + patient[i] + therapist[i] + mean - w.p[i]) < 1e-12);
    sum += within[i];
    cross += within[i] * patient[i];
  }
  assert_true(fabs(sum) < 1e-10 && fabs(cross) < 1e-10); /* the parts are orthogonal */
  free_world(&w);
}

static void test_lag_respects_gaps(void **state) {
  (void)state;
  static const double x[] = {10, 30, 40, 11, 13, 12}, session[] = {1, 3, 4, 1, 3, 2};
  static const int32_t patient[] = {0, 0, 0, 1, 1, 1};
  double lagged[6];
  struct arena arena;
  arena_init(&arena, 0);
  struct stats_memory memory = {take, &arena};
  assert_int_equal(stats_lag(x, session, patient, 2, 6, 1, &memory, lagged), STATS_OK);
  assert_true(isnan(lagged[0]) && isnan(lagged[1]) && lagged[2] == 30); /* session 2 is missing */
  assert_true(isnan(lagged[3]) && lagged[4] == 12 && lagged[5] == 11);  /* rows need no order */
  assert_int_equal(stats_lag(x, session, patient, 2, 6, 2, &memory, lagged), STATS_OK);
  assert_true(lagged[1] == 10 && isnan(lagged[2]) && lagged[4] == 11);
  assert_true(fabs(stats_nickell_bias(0.4, 6) + 0.28) < 1e-15);
  arena_free(&arena);
}

/* The latent-centred estimate finds the carry-over that was simulated; the centred lag is biased as Nickell says. */
static void test_inertia(void **state) {
  (void)state;
  enum { people = 300, visits = 8, rows = people * visits };
  static double x[rows], session[rows];
  static int32_t patient[rows];
  static struct world w;
  struct stats_inertia found;
  make_world(&w, 0);
  for (size_t i = 0, at = 0; i < people; i++) {
    double mean = 4 + normal(), deviation = normal(); /* stationary: variance 1 */
    for (size_t s = 0; s < visits; s++, at++) {
      if (s) deviation = 0.4 * deviation + sqrt(1 - 0.16) * normal();
      x[at] = s == 3 ? NAN : mean + deviation;
      session[at] = (double)s;
      patient[at] = (int32_t)i;
    }
  }
  assert_int_equal(stats_inertia_fit(x, session, patient, people, rows, &w.memory, &w.scratch, &found, NULL), STATS_OK);
  assert_true(found.rows == people * (visits - 1) && found.patients == people);
  assert_true(fabs(found.phi - 0.4) < 4 * found.se && found.se > 0.01 && found.se < 0.06);
  assert_true(fabs(found.within - 1) < 0.2 && fabs(found.between - 1) < 0.4 && fabs(found.mean - 4) < 0.3);
  session[1] = session[0];
  struct stats_error error;
  assert_int_equal(stats_inertia_fit(x, session, patient, people, rows, &w.memory, &w.scratch, &found, &error),
                   STATS_BAD_DATA);
  free_world(&w);
}

static const struct stats_quantity *quantity(const struct stats_ready_model *ready, const char *symbol) {
  for (size_t i = 0; i < ready->quantities; i++)
    if (!strcmp(ready->quantity[i].symbol, symbol)) return &ready->quantity[i];
  fail_msg("there is no quantity %s", symbol);
  return NULL;
}

static void near(const struct stats_quantity *q, double want) {
  if (!(fabs(q->value.estimate - want) < 4 * q->value.se)) fail_msg("%s is %g", q->symbol, q->value.estimate);
  assert_true(q->value.se > 0 && q->value.df > 1);
}

static void test_truth_and_bias(void **state) {
  (void)state;
  static struct world w;
  struct stats_ready_model ready;
  struct stats_accuracy columns = {"p", "t", "patient", "therapist", "arm", NULL};
  struct stats_model_options options = {.df = STATS_DF_SATTERTHWAITE};
  make_world(&w, 0.3);
  assert_int_equal(stats_truth_and_bias(&w.table, &columns, &options, &w.memory, &ready, NULL), STATS_OK);
  assert_int_equal(ready.quantities, 4);
  near(quantity(&ready, "b0"), -0.5);
  near(quantity(&ready, "b1"), 0.4);
  near(quantity(&ready, "arm:truth"), 0.3);
  struct stats_error error;
  columns.truth = "pp";
  assert_int_equal(stats_truth_and_bias(&w.table, &columns, &options, &w.memory, &ready, &error), STATS_BAD_DATA);
  assert_non_null(strstr(error.text, "nearest name is 'p'"));
  free_world(&w);
}

static void test_response_surface(void **state) {
  (void)state;
  static struct world w;
  struct stats_ready_model ready;
  struct stats_accuracy columns = {"p", "t", "patient", "therapist", NULL, "y"};
  struct stats_model_options options = {.df = STATS_DF_KENWARD_ROGER};
  make_world(&w, 0);
  assert_int_equal(stats_response_surface(&w.table, &columns, &options, &w.memory, &ready, NULL), STATS_OK);
  double s = ready.scale; /* in units of the common SD: y = .. + .3 sP + .2 sT - .1 s^2 (P - T)^2 */
  near(quantity(&ready, "a1"), 0.5 * s);
  near(quantity(&ready, "a2"), 0);
  near(quantity(&ready, "a3"), 0.1 * s);
  near(quantity(&ready, "a4"), -0.4 * s * s);
  near(quantity(&ready, "a5"), 0);
  const struct stats_coefficient *b1 = &quantity(&ready, "b1")->value, *b2 = &quantity(&ready, "b2")->value;
  assert_true(fabs(quantity(&ready, "a1")->value.estimate - b1->estimate - b2->estimate) < 1e-12);
  free_world(&w);
}

/* All 20 ways to give 3 of 6 therapists the programme; a strong effect is the most extreme of them, with its mirror. */
static void test_permutation(void **state) {
  (void)state;
  static struct world w;
  double allocation[20 * THERAPISTS];
  size_t count = 0;
  struct stats_permutation found;
  struct stats_model_options options = {.ml = false};
  make_world(&w, 1.5);
  for (unsigned bits = 0; bits < 64; bits++) {
    if (__builtin_popcount(bits) != 3) continue;
    for (size_t k = 0; k < THERAPISTS; k++) allocation[count * THERAPISTS + k] = bits >> k & 1;
    count++;
  }
  struct stats_permutation_input input = {"t ~ arm*p + (1 | patient)",
                                          &w.table,
                                          "arm",
                                          "therapist",
                                          "arm:p",
                                          w.therapist_name,
                                          THERAPISTS,
                                          allocation,
                                          count};
  assert_int_equal(stats_permutation_test(&input, &options, &w.memory, &w.scratch, &found, NULL), STATS_OK);
  assert_true(found.observed_in_list && found.failed == 0 && found.as_extreme == 2 && found.p == 0.1);
  input.allocations = 5; /* a list without the data's own allocation (three last therapists) */
  assert_int_equal(stats_permutation_test(&input, &options, &w.memory, &w.scratch, &found, NULL), STATS_OK);
  assert_true(!found.observed_in_list && found.p == (1.0 + (double)found.as_extreme) / 6);
  input.units = 4;
  struct stats_error error;
  assert_int_equal(stats_permutation_test(&input, &options, &w.memory, &w.scratch, &found, &error), STATS_BAD_DATA);
  free_world(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_parts_add_up),     cmocka_unit_test(test_lag_respects_gaps),
      cmocka_unit_test(test_inertia),          cmocka_unit_test(test_truth_and_bias),
      cmocka_unit_test(test_response_surface), cmocka_unit_test(test_permutation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
