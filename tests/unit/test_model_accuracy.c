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
  double mean =
      stats_decompose(w.p, &(struct stats_nested){w.patient, w.therapist, THERAPISTS * PATIENTS, THERAPISTS, ROWS},
                      &w.memory, &(struct stats_parts){within, patient, therapist});
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
  const struct stats_series series = {x, session, patient, 2, 6};
  assert_int_equal(stats_lag(&series, 1, &memory, lagged), STATS_OK);
  assert_true(isnan(lagged[0]) && isnan(lagged[1]) && lagged[2] == 30); /* session 2 is missing */
  assert_true(isnan(lagged[3]) && lagged[4] == 12 && lagged[5] == 11);  /* rows need no order */
  assert_int_equal(stats_lag(&series, 2, &memory, lagged), STATS_OK);
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
  const struct stats_series series = {x, session, patient, people, rows};
  assert_int_equal(stats_inertia_fit(&series, &w.memory, &w.scratch, &found, NULL), STATS_OK);
  assert_true(found.rows == people * (visits - 1) && found.patients == people);
  assert_true(fabs(found.phi - 0.4) < 4 * found.se && found.se > 0.01 && found.se < 0.06);
  assert_true(fabs(found.within - 1) < 0.2 && fabs(found.between - 1) < 0.4 && fabs(found.mean - 4) < 0.3);
  session[1] = session[0];
  struct stats_error error;
  assert_int_equal(stats_inertia_fit(&series, &w.memory, &w.scratch, &found, &error), STATS_BAD_DATA);
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
  struct stats_accuracy columns = {"p", "t", "patient", "therapist", "arm", NULL, NULL};
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
  struct stats_accuracy columns = {"p", "t", "patient", "therapist", NULL, "y", NULL};
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

/* ---- columns for formulas ---- */

static const double *made(const struct stats_table *table, const char *name) {
  for (size_t c = 0; c < table->columns; c++)
    if (!strcmp(table->column[c].name, name)) return table->column[c].number;
  fail_msg("there is no column %s", name);
  return NULL;
}

static void test_parts_and_lags_as_columns(void **state) {
  (void)state;
  static struct world w;
  static double within[ROWS], patient[ROWS], therapist[ROWS], lagged[ROWS];
  struct stats_error error;
  double sessions = 0;
  make_world(&w, 0);
  w.p[17] = NAN;
  struct stats_table table = w.table;
  assert_int_equal(stats_table_within(&table, "p", "patient", "therapist", &w.memory, &error), STATS_OK);
  const struct stats_lag_columns lag_within = {"p_within", "session", "patient", NULL};
  const struct stats_lag_columns alone = {"p", "session", "patient", NULL},
                                 nested = {"p", "session", "patient", "therapist"};
  assert_int_equal(stats_table_lag(&table, &lag_within, &w.memory, &sessions, &error), STATS_OK);
  assert_true(table.columns == w.table.columns + 4 && fabs(sessions - (ROWS - 1.0) / (THERAPISTS * PATIENTS)) < 1e-12);
  stats_decompose(w.p, &(struct stats_nested){w.patient, w.therapist, THERAPISTS * PATIENTS, THERAPISTS, ROWS},
                  &w.memory, &(struct stats_parts){within, patient, therapist});
  stats_lag(&(struct stats_series){within, w.session, w.patient, THERAPISTS * PATIENTS, ROWS}, 1, &w.memory, lagged);
  assert_memory_equal(made(&table, "p_within"), within, sizeof within);
  assert_memory_equal(made(&table, "p_patient"), patient, sizeof patient);
  assert_memory_equal(made(&table, "p_therapist"), therapist, sizeof therapist);
  assert_memory_equal(made(&table, "p_within_lag"), lagged, sizeof lagged);
  /* patients who are numbered anew for each therapist are told apart when the therapist is given */
  for (size_t i = 0; i < ROWS; i++) w.patient[i] %= PATIENTS;
  table = w.table;
  assert_int_equal(stats_table_within(&table, "p", "patient", "therapist", &w.memory, &error), STATS_OK);
  assert_memory_equal(made(&table, "p_within"), within, sizeof within);
  table = w.table;
  assert_int_equal(stats_table_lag(&table, &alone, &w.memory, NULL, &error), STATS_BAD_DATA);
  assert_non_null(strstr(error.text, "two rows with the same 'session'"));
  assert_int_equal(stats_table_lag(&table, &nested, &w.memory, NULL, &error), STATS_OK);
  assert_int_equal(stats_table_lag(&table, &nested, &w.memory, NULL, &error), STATS_BAD_DATA);
  assert_non_null(strstr(error.text, "already have a column 'p_lag'"));
  assert_int_equal(stats_table_within(&table, "q", "patient", NULL, &w.memory, &error), STATS_BAD_DATA);
  assert_int_equal(stats_table_within(&table, "patient", "therapist", NULL, &w.memory, &error), STATS_BAD_DATA);
  assert_non_null(strstr(error.text, "'patient' is not numeric"));
  free_world(&w);
}

/* The check data of 28 dyads: mean and SD of patients 69.64 and 12.36, of therapists 63.71 and 11.03, r = .560. With
 * one session and nothing within, truth and bias reduces to the difference: 5.93, t(27) = 2.84. */
static void test_dyads(void **state) {
  (void)state;
  enum { dyads = 28 };
  static struct world w;
  double p[dyads], t[dyads], difference[dyads], mean[2] = {0}, square[2] = {0}, cross = 0;
  make_world(&w, 0);
  for (size_t i = 0; i < dyads; i++) {
    p[i] = normal();
    t[i] = normal();
    mean[0] += p[i] / dyads;
    mean[1] += t[i] / dyads;
  }
  for (size_t i = 0; i < dyads; i++) square[0] += (p[i] - mean[0]) * (p[i] - mean[0]) / (dyads - 1);
  for (size_t i = 0; i < dyads; i++) cross += (p[i] - mean[0]) * (t[i] - mean[1]) / (dyads - 1) / square[0];
  for (size_t i = 0; i < dyads; i++) t[i] -= mean[1] + cross * (p[i] - mean[0]); /* uncorrelated with p */
  for (size_t i = 0; i < dyads; i++) square[1] += t[i] * t[i] / (dyads - 1);
  for (size_t i = 0; i < dyads; i++) {
    double a = (p[i] - mean[0]) / sqrt(square[0]), b = t[i] / sqrt(square[1]);
    p[i] = 69.64 + 12.36 * a;
    difference[i] = p[i] - (63.71 + 11.03 * (0.560 * a + sqrt(1 - 0.560 * 0.560) * b));
  }
  struct stats_column column = {"difference", difference, NULL, NULL, 0};
  struct stats_table table = {dyads, 1, &column};
  struct stats_model_options options = {.df = STATS_DF_SATTERTHWAITE};
  struct stats_model *model;
  struct stats_error error;
  if (stats_model_fit("difference ~ 1", &table, &options, &w.memory, &model, &error)) fail_msg("%s", error.text);
  assert_true(fabs(model->fixed[0].estimate - 5.93) < 1e-10 && fabs(model->fixed[0].df - 27) < 1e-9);
  assert_true(fabs(model->fixed[0].t - 2.84) < 0.005);
  free_world(&w);
}

/* ---- signal detection ---- */

struct answers {
  double signal[2000], noticed[2000], arm[2000];
  int32_t therapist[2000];
  struct stats_column column[4];
  struct stats_table table;
};

static const char *const digits[] = {"1", "2",  "3",  "4",  "5",  "6",  "7",  "8",
                                     "9", "10", "11", "12", "13", "14", "15", "16"};

/* Rows from (hits, signals, false reports, others) of each therapist; every second one is in arm 1. */
static void make_answers(struct answers *a, const int (*counts)[4], size_t therapists) {
  size_t rows = 0;
  for (size_t j = 0; j < therapists; j++)
    for (int i = 0; i < counts[j][1] + counts[j][3]; i++, rows++) {
      bool signal = i < counts[j][1];
      a->signal[rows] = signal;
      a->noticed[rows] = signal ? i < counts[j][0] : i - counts[j][1] < counts[j][2];
      a->arm[rows] = (double)(j % 2);
      a->therapist[rows] = (int32_t)j;
    }
  struct stats_column column[4] = {{"signal", a->signal, NULL, NULL, 0},
                                   {"noticed", a->noticed, NULL, NULL, 0},
                                   {"arm", a->arm, NULL, NULL, 0},
                                   {"therapist", NULL, a->therapist, digits, therapists}};
  memcpy(a->column, column, sizeof column);
  a->table = (struct stats_table){rows, 4, a->column};
}

static const int plain_counts[12][4] = {{8, 13, 7, 17},  {7, 12, 3, 13},  {14, 24, 3, 19}, {18, 20, 4, 18},
                                        {5, 12, 1, 7},   {12, 18, 3, 13}, {13, 18, 3, 22}, {6, 17, 2, 14},
                                        {15, 17, 6, 21}, {2, 13, 2, 15},  {13, 17, 3, 13}, {8, 19, 9, 18}};
static const int arm_counts[16][4] = {{10, 16, 3, 27}, {2, 13, 5, 17},  {9, 13, 3, 13}, {5, 6, 0, 18},
                                      {4, 13, 0, 19},  {8, 12, 2, 19},  {8, 12, 2, 25}, {8, 11, 3, 22},
                                      {5, 6, 2, 20},   {11, 12, 2, 23}, {2, 4, 1, 27},  {11, 13, 4, 19},
                                      {3, 4, 7, 21},   {7, 10, 5, 18},  {6, 8, 5, 24},  {8, 8, 2, 20}};

static struct arena answers_arena;

static int open_answers(void **state) {
  (void)state;
  arena_init(&answers_arena, 0);
  return 0;
}
static int close_answers(void **state) {
  (void)state;
  arena_free(&answers_arena);
  return 0;
}

static enum stats_status fit_answers(const struct answers *a, const char *arm, struct stats_signals *found,
                                     struct stats_error *error) {
  struct stats_memory memory = {take, &answers_arena};
  struct stats_accuracy columns = {.truth = "signal", .judgment = "noticed", .therapist = "therapist", .arm = arm};
  return stats_signals_fit(&a->table, &columns, &memory, found, error);
}

static void close_to(double got, double want, double off) {
  if (!(fabs(got - want) <= off)) fail_msg("%.10g instead of %.10g", got, want);
}

/* By R 4.2.2, maximising (optim) each therapist's integral by 60 x 60 adaptive Gauss-Hermite points in R's own
 * arithmetic (pnorm); what optim leaves is 1e-5. lme4's glmer, which has two effects by Laplace only, is near: d' .9813
 * and c .2234, SDs .5004 and .2747. */
static void test_signals_by_r(void **state) {
  (void)state;
  static struct answers a;
  struct stats_signals found;
  struct stats_error error;
  make_answers(&a, plain_counts, 12);
  if (fit_answers(&a, NULL, &found, &error)) fail_msg("%s", error.text);
  close_to(found.log_likelihood, -233.189947499, 1e-8);
  close_to(found.quantity[0].value.estimate, 0.97747857, 1e-5);
  close_to(found.quantity[1].value.estimate, 0.22382018, 1e-5);
  close_to(found.quantity[0].value.se, 0.202331, 2e-5);
  close_to(found.quantity[1].value.se, 0.106406, 2e-5);
  close_to(found.criterion_sd, 0.27615587, 1e-5);
  close_to(found.sensitivity_sd, sqrt(0.41021086 * 0.41021086 + 0.29164195 * 0.29164195), 1e-5);
  close_to(found.correlation, -0.41021086 / 0.503317, 1e-4);
  assert_true(found.gradient < 1e-8 && !found.singular && found.rows == 390);
  make_answers(&a, arm_counts, 16);
  if (fit_answers(&a, "arm", &found, &error)) fail_msg("%s", error.text);
  assert_int_equal(found.quantities, 4);
  close_to(found.log_likelihood, -230.395784247, 1e-8);
  close_to(found.quantity[0].value.estimate, 1.50231947, 1e-5);
  close_to(found.quantity[1].value.estimate, 0.40514427, 1e-5);
  close_to(found.quantity[2].value.estimate, 0.23141169, 2e-5);
  close_to(found.quantity[3].value.estimate, -0.19398987, 2e-5);
  close_to(found.quantity[2].value.se, 0.421500, 5e-5);
  close_to(found.quantity[3].value.se, 0.189530, 5e-5);
  assert_string_equal(found.quantity[2].symbol, "arm:d'");
}

/* The log-likelihood by the trapezoidal rule on a plain grid in long double, with the C library's erfc. */
static long double brute_force(const int (*counts)[4], size_t therapists, const long double theta[5]) {
  const long double reach = 8, step = 0.1L, pi = 3.14159265358979323846264338327950288L;
  long double log = 0;
  for (size_t j = 0; j < therapists; j++) {
    long double sum = 0;
    for (long double x = -reach; x <= reach; x += step)
      for (long double y = -reach; y <= reach; y += step) {
        long double c = theta[0] + theta[2] * x, d = theta[1] + theta[3] * x + theta[4] * y;
        long double h = erfcl((c - d / 2) / sqrtl(2)) / 2, f = erfcl((c + d / 2) / sqrtl(2)) / 2;
        long double h_not = erfcl((d / 2 - c) / sqrtl(2)) / 2, f_not = erfcl((-d / 2 - c) / sqrtl(2)) / 2;
        sum += powl(h, counts[j][0]) * powl(h_not, counts[j][1] - counts[j][0]) * powl(f, counts[j][2]) *
               powl(f_not, counts[j][3] - counts[j][2]) * expl(-(x * x + y * y) / 2);
      }
    log += logl(sum * step * step / (2 * pi));
  }
  return log;
}

static void test_signals_by_brute_force(void **state) {
  (void)state;
  static struct answers a;
  struct stats_signals found;
  struct stats_error error;
  make_answers(&a, plain_counts, 5); /* a correlation of 1 or -1: the edge */
  if (fit_answers(&a, NULL, &found, &error)) fail_msg("%s", error.text);
  assert_true(found.singular);
  double l = found.sensitivity_sd;
  long double theta[5] = {found.quantity[1].value.estimate, found.quantity[0].value.estimate, found.criterion_sd, 0, 0};
  theta[3] = isnan(found.correlation) ? 0 : l * found.correlation;
  theta[4] = sqrtl(fmaxl(0, l * l - theta[3] * theta[3]));
  long double best = brute_force(plain_counts, 5, theta);
  close_to(found.log_likelihood, (double)best, 1e-9);
  for (int i = 0; i < 5; i++) /* no step is up */
    for (int sign = -1; sign <= 1; sign += 2) {
      long double keep = theta[i];
      theta[i] += sign * 0.02L;
      assert_true(brute_force(plain_counts, 5, theta) < best + 1e-9L);
      theta[i] = keep;
    }
}

static void test_signals_refused(void **state) {
  (void)state;
  static struct answers a;
  struct stats_signals found;
  struct stats_error error;
  static const int no_false[5][4] = {{1, 5, 0, 9}, {2, 5, 0, 9}, {3, 5, 0, 9}, {4, 5, 0, 9}, {2, 5, 0, 9}};
  static const int few[5][4] = {{1, 5, 1, 9}, {2, 5, 1, 9}, {3, 5, 2, 9}, {0, 0, 1, 9}, {2, 5, 0, 0}};
  static const int either[6][4] = {{9, 9, 9, 9}, {0, 9, 0, 9}, {9, 9, 9, 9}, {0, 9, 0, 9}, {9, 9, 9, 9}, {0, 9, 0, 9}};
  make_answers(&a, no_false, 5);
  assert_int_equal(fit_answers(&a, NULL, &found, &error), STATS_NOT_FITTED);
  assert_non_null(strstr(error.text, "no session without one was taken for a signal: sensitivity has no finite"));
  assert_true(found.rows == 70 && found.therapist[1].hits == 2);
  make_answers(&a, few, 5);
  assert_int_equal(fit_answers(&a, NULL, &found, &error), STATS_NOT_FITTED);
  assert_non_null(strstr(error.text, "3 therapists have sessions both with and without a signal; 4 are the least"));
  make_answers(&a, either, 6); /* each says always the same */
  assert_int_equal(fit_answers(&a, NULL, &found, &error), STATS_NOT_FITTED);
  assert_non_null(strstr(error.text, "no finite maximum"));
  make_answers(&a, arm_counts, 16);
  a.arm[1] = 1 - a.arm[0];
  assert_int_equal(fit_answers(&a, "arm", &found, &error), STATS_BAD_DATA);
  assert_non_null(strstr(error.text, "therapist '1' is in both arms"));
  a.noticed[3] = 2;
  assert_int_equal(fit_answers(&a, NULL, &found, &error), STATS_BAD_DATA);
  assert_non_null(strstr(error.text, "'noticed' is 2 in row 4; a signal and an answer are 0 or 1"));
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
      cmocka_unit_test(test_parts_add_up),
      cmocka_unit_test(test_lag_respects_gaps),
      cmocka_unit_test(test_inertia),
      cmocka_unit_test(test_truth_and_bias),
      cmocka_unit_test(test_response_surface),
      cmocka_unit_test(test_permutation),
      cmocka_unit_test(test_parts_and_lags_as_columns),
      cmocka_unit_test(test_dyads),
      cmocka_unit_test_setup_teardown(test_signals_by_r, open_answers, close_answers),
      cmocka_unit_test_setup_teardown(test_signals_by_brute_force, open_answers, close_answers),
      cmocka_unit_test_setup_teardown(test_signals_refused, open_answers, close_answers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
