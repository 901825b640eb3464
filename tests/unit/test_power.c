/* Power: published and polished values, the general engine as a second opinion, and what must hold of any design. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attune/stats.h"
#include "base/arena.h"
#include "base/json.h"
#include "cli/power_design.h"
#include "stats/power_draw.h"
#include "arena_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: it makes a macro of fail() */

static void *take(void *state, size_t bytes) {
  return arena_alloc(state, bytes);
}
static const struct stats_memory memory = {take, &arena};

static void near(double got, double expected, double off) {
  if (!(fabs(got - expected) <= off)) fail_msg("%.15g instead of %.15g", got, expected);
}

static enum err read_design(struct power_file *file, const char *text) {
  return power_design_parse(file, text, strlen(text), "design.json", &arena, &error);
}

static struct power_file design_of(const char *text) {
  struct power_file file;
  if (read_design(&file, text)) fail_msg("%s", error.text);
  return file;
}

#define REFERENCE                                                                                                      \
  "\"variances\": {\"residual\": 0.5, \"patient_intercept\": 0.45, \"patient_slope\": 0.0025, "                        \
  "\"therapist_intercept\": 0.05, "                                                                                    \
  "\"therapist_slope\": 0.0004}"

static struct stats_power_result run(const struct power_file *file, size_t trials, size_t threads, enum stats_df df) {
  struct stats_power_options options = {.trials = trials, .threads = threads, .seed = 11, .df = df, .alpha = 0.05};
  struct stats_power_result result;
  struct stats_error why;
  if (stats_power_run(&file->design, &options, &memory, &result, &why)) fail_msg("%s", why.text);
  return result;
}

static struct stats_power_closed closed_form(const struct power_file *file) {
  struct stats_power_closed closed;
  struct stats_error why;
  if (stats_power_closed_form(&file->design, 0.05, &memory, &closed, &why)) fail_msg("%s", why.text);
  return closed;
}

/* 40 therapists x 3 patients x 6 sessions: standard error .0328, power .318 at .05 a session and .844 at .10. */
static void the_reference_design(void **state) {
  (void)state;
  struct power_file file =
      design_of("{\"therapists\": 20, \"patients\": 3, \"sessions\": 6, \"effect\": 0.05, " REFERENCE "}");
  struct stats_power_closed closed = closed_form(&file);
  assert_true(closed.exact);
  near(closed.se, 0.0328, 5e-5);
  near(closed.df, 38, 0);
  near(closed.power, 0.318, 5e-4);
  file.design.arm[1].slope = 0.10;
  near(closed_form(&file).power, 0.844, 5e-4);
  /* 200 trials with lmerTest gave 35% and 87%, standard errors 3.4 and 2.4 points */
  struct stats_power_result result = run(&file, 4000, 1, STATS_DF_SATTERTHWAITE);
  assert_int_equal(result.failed, 0);
  near(result.power, 0.87, 3 * 0.024);
  near(result.mean_se, 0.0342, 3e-4);
  near(result.sd_estimate, 0.0328, 1e-3);
  near(result.mean_estimate, 0.10, 4 * 0.0328 / sqrt(4000));
  assert_true(result.coverage > 0.945 && result.coverage < 0.975);
  file.design.arm[1].slope = 0.05;
  near(run(&file, 4000, 1, STATS_DF_SATTERTHWAITE).power, 0.35, 3 * 0.034);
}

/* Two designs of R's powerlmm 0.4.0 (tests/golden/power_powerlmm.json); its Satterthwaite df counts all six parameters.
 */
static void powerlmm_by_closed_form(void **state) {
  (void)state;
  json_error_t why;
  json_t *golden = json_load_file("tests/golden/power_powerlmm.json", 0, &why);
  assert_non_null(golden);
  static const char *const names[] = {"vign_11_10_4", "readme_unequal"}, *const patients[] = {"10", "[2, 3, 5, 20]"};
  for (int i = 0; i < 2; i++) {
    const json_t *expected = json_object_get(json_object_get(golden, "cases"), names[i]);
    char text[500];
    snprintf(text, sizeof text,
             "{\"therapists\": 4, \"patients\": %s, \"sessions\": 11, \"effect\": {\"cohens_d\": -0.8}, "
             "\"standardised\": {\"icc_patient\": 0.5, \"icc_slope\": 0.05, \"variance_ratio\": 0.02}, "
             "\"model\": {\"patient\": [\"intercept\", \"slope\"], \"therapist\": [\"intercept\", \"slope\"]}}",
             patients[i]);
    struct power_file file = design_of(text);
    struct stats_power_closed closed = closed_form(&file);
    /* powerlmm gives the standard error of the difference at the end, time 10, in units of the residual SD */
    near(10 * closed.se, json_number_value(json_object_get(expected, "se")), 1e-10);
    /* powerlmm differentiates numerically */
    near(closed.df, json_number_value(json_object_get(expected, "df_satt")), 5e-4);
    near(closed.power, json_number_value(json_object_get(expected, "power_satt")), 5e-5);
    double between = stats_nct_power(0.05, 6, closed.effect / closed.se);
    near(between, json_number_value(json_object_get(expected, "power_between")), 1e-9);
  }
  json_decref(golden);
}

/* ---- the general engine on the same data ---- */

struct rows {
  double y[3000], time[3000], arm[3000];
  int32_t patient[3000], therapist[3000];
  size_t count, patients, therapists;
};

/* Draws raw sessions of a trial's people, puts their sufficient statistics into the trial, and the rows into `rows`. */
static void draw_rows(struct power_trial *trial, const struct stats_power_design *d, struct stats_stream *stream,
                      struct rows *rows) {
  rows->count = rows->patients = rows->therapists = 0;
  trial->yy = 0;
  for (size_t t = 1; t <= trial->times; t++) trial->pattern[t].zz = (struct sym2){0, 0, 0};
  for (size_t c = 0; c < trial->clusters; c++, rows->therapists++) {
    const struct power_cluster *cluster = &trial->cluster[c];
    double v0 = sqrt(d->therapist.intercept) * stats_random_normal(stream),
           v1 = sqrt(d->therapist.slope) * stats_random_normal(stream);
    for (size_t k = 0; k < cluster->cells; k++) {
      struct power_cell *cell = &trial->cell[cluster->first + k];
      struct sym2 *zz = &trial->pattern[cell->sessions].zz;
      cell->z = (struct vec2){0, 0};
      for (double p = 0; p < cell->count; p++, rows->patients++) {
        double u0 = sqrt(d->patient.intercept) * stats_random_normal(stream),
               u1 = sqrt(d->patient.slope) * stats_random_normal(stream);
        struct vec2 z = {0, 0};
        for (size_t j = 0; j < cell->sessions; j++, rows->count++) {
          double e = sqrt(d->residual) * stats_random_normal(stream);
          double y = d->arm[cluster->arm].slope * d->time[j] + v0 + u0 + (v1 + u1) * d->time[j] + e;
          rows->y[rows->count] = y;
          rows->time[rows->count] = d->time[j];
          rows->arm[rows->count] = (double)cluster->arm;
          rows->patient[rows->count] = (int32_t)rows->patients;
          rows->therapist[rows->count] = (int32_t)rows->therapists;
          z.x += y;
          z.y += y * d->time[j];
          trial->yy += y * y;
        }
        cell->z.x += z.x;
        cell->z.y += z.y;
        zz->a += z.x * z.x;
        zz->b += z.x * z.y;
        zz->c += z.y * z.y;
      }
    }
  }
}

static const char *const *numbered(size_t count) {
  const char **names = arena_array(&arena, count, sizeof *names);
  for (size_t i = 0; i < count; i++) names[i] = arena_printf(&arena, "%zu", i);
  return names;
}

static struct stats_model *engine_fit(const struct rows *rows, const char *formula, enum stats_df df) {
  const struct stats_column columns[] = {
      {.name = "y", .number = rows->y},
      {.name = "time", .number = rows->time},
      {.name = "arm", .number = rows->arm},
      {.name = "patient", .code = rows->patient, .level = numbered(rows->patients), .levels = rows->patients},
      {.name = "therapist", .code = rows->therapist, .level = numbered(rows->therapists), .levels = rows->therapists}};
  const struct stats_table table = {rows->count, 5, columns};
  const struct stats_model_options options = {.df = df};
  struct stats_model *model;
  struct stats_error why;
  if (stats_model_fit(formula, &table, &options, &memory, &model, &why)) fail_msg("%s", why.text);
  return model;
}

static void compare_with_engine(const struct power_file *file, const char *formula, uint32_t seed) {
  static struct rows rows;
  const struct stats_power_design *d = &file->design;
  struct power_plan plan;
  struct power_trial trial;
  struct stats_stream stream;
  double theta[6], gradient[6], hessian_free[6];
  stats_stream_init(&stream, 5, seed, 0, 0);
  power_plan_make(&plan, d);
  assert_true(power_trial_new(&trial, d, plan.clusters, plan.cells, &memory));
  power_draw_people(&trial, &plan, &stream);
  draw_rows(&trial, d, &stream, &rows);
  assert_true(trial.n == (double)rows.count);
  power_true_theta(&trial, d, 1, theta);
  assert_true(power_evaluate(&trial, theta, gradient));
  for (size_t i = 0; i < trial.free.count; i++) { /* the gradient is the derivative */
    double keep = theta[i], up;
    theta[i] = keep + 1e-6;
    power_evaluate(&trial, theta, NULL);
    up = trial.criterion;
    theta[i] = keep - 1e-6;
    power_evaluate(&trial, theta, NULL);
    hessian_free[i] = (up - trial.criterion) / 2e-6;
    theta[i] = keep;
    near(gradient[i], hessian_free[i], 1e-5 * (1 + fabs(gradient[i])));
  }
  assert_true(power_fit(&trial, theta, NULL));
  struct stats_model *model = engine_fit(&rows, formula, STATS_DF_NONE);
  near(trial.criterion, model->criterion, 2e-6); /* the bottom may be flat: both may be off by this much */
  near(trial.sigma2, model->sigma2, 1e-3 * model->sigma2);
  near(trial.beta[1].y - trial.beta[0].y, model->fixed[3].estimate, 1e-4);
  near(sqrt(trial.sigma2 * power_contrast_variance(&trial, d)), model->fixed[3].se, 1e-3 * model->fixed[3].se);
}

static void the_general_engine_agrees(void **state) {
  (void)state;
  struct power_file balanced =
      design_of("{\"therapists\": 12, \"patients\": 3, \"sessions\": 6, \"effect\": 0.1, " REFERENCE "}");
  struct power_file uneven =
      design_of("{\"therapists\": {\"control\": 9, \"programme\": 14}, \"patients\": {\"mean\": 4, \"least\": 1}, "
                "\"times\": [0, 1, 2, 4, 7], \"dropout\": {\"per_session\": 0.15}, \"effect\": 0.1, " REFERENCE "}");
  struct power_file plain =
      design_of("{\"therapists\": 10, \"patients\": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], \"sessions\": 4, \"effect\": 0.1, "
                "\"model\": {\"patient\": [\"intercept\"], \"therapist\": [\"slope\"]}, " REFERENCE "}");
  for (uint32_t seed = 0; seed < 6; seed++) {
    compare_with_engine(&balanced, "y ~ arm*time + (1 + time | patient) + (1 + time | therapist)", seed);
    compare_with_engine(&uneven, "y ~ arm*time + (1 + time | patient) + (1 + time | therapist)", 100 + seed);
    compare_with_engine(&plain, "y ~ arm*time + (1 | patient) + (0 + time | therapist)", 200 + seed);
  }
}

/* Uneven designs with dropout, by R 4.2.2: lme4 1.1-31 (bobyqa, rhoend 1e-10), lmerTest, pbkrtest on the rows that
 * ATTUNE_TEST_ROWS=FILE writes there. Each value is good to what lme4's optimiser leaves. */
static void degrees_of_freedom_by_r(void **state) {
  (void)state;
  static struct rows rows;
  static const double by_r[3][5] = {{810.55074336, 0.485941312, 9.1839971, 10.4050683, 0.493384687},
                                    {882.38628713, 0.412329099, 11.4608611, 10.6019699, 0.427788586},
                                    {698.28354840, 0.348539492, 19.7130576, 12.4193164, 0.372675831}};
  struct power_file file =
      design_of("{\"therapists\": {\"control\": 6, \"programme\": 9}, \"patients\": {\"from\": 1, \"to\": 9}, "
                "\"times\": [0, 0.2, 0.4, 0.6, 0.8, 1], \"dropout\": 0.15, \"effect\": 0.3, "
                "\"sds\": {\"residual\": 0.7, \"patient_intercept\": 0.67, \"patient_slope\": 0.55, "
                "\"therapist_intercept\": 0.5, \"therapist_slope\": 0.45}}");
  for (uint32_t seed = 0; seed < 3; seed++) {
    struct power_plan plan;
    struct power_trial trial;
    struct stats_stream stream;
    double theta[6], inflation;
    stats_stream_init(&stream, 77, seed, 0, 0);
    power_plan_make(&plan, &file.design);
    assert_true(power_trial_new(&trial, &file.design, plan.clusters, plan.cells, &memory));
    power_draw_people(&trial, &plan, &stream);
    draw_rows(&trial, &file.design, &stream, &rows);
    const char *path = getenv("ATTUNE_TEST_ROWS");
    FILE *out = path ? fopen(path, seed ? "a" : "w") : NULL;
    if (out && !seed) fprintf(out, "seed,y,time,arm,patient,therapist\n");
    for (size_t i = 0; out && i < rows.count; i++)
      fprintf(out, "%u,%.17g,%.17g,%g,%d,%d\n", seed, rows.y[i], rows.time[i], rows.arm[i], rows.patient[i],
              rows.therapist[i]);
    if (out) fclose(out);
    power_true_theta(&trial, &file.design, 1, theta);
    assert_true(power_fit(&trial, theta, NULL));
    double satterthwaite = power_satterthwaite(&trial, theta, &file.design);
    double kenward = power_kenward_roger(&trial, theta, &file.design, &inflation);
    double se = sqrt(trial.sigma2 * power_contrast_variance(&trial, &file.design));
    near(trial.criterion, by_r[seed][0], 1e-6);
    near(se, by_r[seed][1], 1e-6 * se);
    near(satterthwaite, by_r[seed][2], 2e-5 * satterthwaite);
    near(kenward, by_r[seed][3], 1e-5 * kenward);
    near(se * sqrt(inflation), by_r[seed][4], 1e-6 * se);
  }
}

/* ---- what must hold ---- */

static void threads_do_not_change_the_answer(void **state) {
  (void)state;
  struct power_file file = design_of("{\"therapists\": 8, \"patients\": {\"from\": 1, \"to\": 6}, \"sessions\": 5, "
                                     "\"dropout\": 0.1, \"effect\": 0.1, " REFERENCE "}");
  for (int df = STATS_DF_SATTERTHWAITE; df <= STATS_DF_NONE; df++) {
    struct stats_power_result one = run(&file, 700, 1, (enum stats_df)df),
                              three = run(&file, 700, 3, (enum stats_df)df);
    assert_memory_equal(&one, &three, sizeof one);
  }
}

static void no_effect_is_found_at_about_the_level(void **state) {
  (void)state;
  struct power_file file =
      design_of("{\"therapists\": 15, \"patients\": 4, \"sessions\": 6, \"effect\": 0, " REFERENCE "}");
  double power = run(&file, 6000, 1, STATS_DF_KENWARD_ROGER).power;
  assert_true(power > 0.030 && power < 0.058);
}

/* Kenward-Roger in a balanced design: the therapists' t test's degrees of freedom, and no inflation. */
static void kenward_roger_is_exact_in_balance(void **state) {
  (void)state;
  struct power_file file =
      design_of("{\"therapists\": 20, \"patients\": 3, \"sessions\": 6, \"effect\": 0.1, " REFERENCE "}");
  struct stats_power_result kr = run(&file, 300, 1, STATS_DF_KENWARD_ROGER),
                            between = run(&file, 300, 1, STATS_DF_BETWEEN_WITHIN);
  near(kr.mean_df, 38, 1e-4);
  near(kr.mean_se, between.mean_se, 1e-9);
  assert_int_equal(kr.rejected, between.rejected);
}

static void designs_of_every_kind_run(void **state) {
  (void)state;
  static const char *const designs[] = {
      "{\"therapists\": {\"control\": 12, \"programme\": 20}, \"patients\": {\"control\": 5, \"programme\": {\"mean\": "
      "3, \"least\": 1}}, "
      "\"sessions\": 6, \"dropout\": {\"control\": 0.05, \"programme\": {\"weibull\": {\"share\": 0.4, \"shape\": "
      "2}}}, \"effect\": 0.1, " REFERENCE "}",
      "{\"therapists\": 15, \"patients\": 4, \"sessions\": 6, \"without_therapists\": \"control\", \"effect\": "
      "0.1, " REFERENCE "}",
      "{\"arms\": [\"control\", \"course\", \"workshop\"], \"therapists\": 12, \"patients\": 3, \"sessions\": 6, "
      "\"effect\": {\"course\": 0.05, \"workshop\": 0.1}, \"compare\": [\"course\", \"workshop\"], \"test\": {\"at\": "
      "5}, " REFERENCE "}",
      "{\"therapists\": 15, \"patients\": 4, \"sessions\": 3, \"effect\": {\"intercept\": 0.4}, \"test\": "
      "\"intercept\", "
      "\"sds\": {\"residual\": 0.7, \"patient_intercept\": 0.6, \"therapist_intercept\": 0.2}}"};
  static const double effects[] = {0.1, 0.1, 0.25, 0.4};
  for (size_t i = 0; i < sizeof designs / sizeof *designs; i++) {
    struct power_file file = design_of(designs[i]);
    struct stats_power_closed closed = closed_form(&file);
    struct stats_power_result result = run(&file, 1500, 1, STATS_DF_SATTERTHWAITE);
    assert_true(result.failed <= 1);
    near(closed.effect, effects[i], 1e-12);
    near(result.mean_estimate, effects[i], 4.5 * result.sd_estimate / sqrt(1500));
    near(result.sd_estimate / closed.se, 1, 0.12);
    near(result.power, closed.power, 0.08);
  }
}

static void failed_fits_are_counted(void **state) {
  (void)state;
  struct power_file file = design_of(
      "{\"therapists\": 2, \"patients\": 1, \"sessions\": 2, \"dropout\": 0.6, \"effect\": 0.1, " REFERENCE "}");
  struct stats_power_result result = run(&file, 200, 1, STATS_DF_SATTERTHWAITE);
  assert_int_equal(result.failed, 200);
  assert_int_equal(result.not_estimable, 200);
  assert_true(result.power == 0 && isnan(result.mean_se) && isnan(result.median_df));
}

/* ---- one trial session by session ---- */

struct seen {
  size_t rows, patients, therapists, stop;
  double sum[2], times[2], squares; /* by arm */
  struct stats_power_row last;
};

static bool see(void *state, const struct stats_power_row *row) {
  struct seen *seen = state;
  if (row->patient != seen->last.patient) assert_true(row->session == 1 && row->patient == seen->last.patient + 1);
  else assert_true(row->session == seen->last.session + 1 && row->therapist == seen->last.therapist);
  seen->patients = row->patient;
  if (row->therapist > seen->therapists) seen->therapists = row->therapist;
  seen->sum[row->arm] += row->rating * (row->time - 2);
  seen->times[row->arm] += (row->time - 2) * (row->time - 2);
  seen->squares += row->session == 1 ? row->rating * row->rating : 0;
  seen->last = *row;
  return ++seen->rows != seen->stop;
}

static void rows_are_those_of_the_design(void **state) {
  (void)state;
  struct power_file file = design_of("{\"therapists\": {\"control\": 400, \"programme\": 300}, \"patients\": 5, "
                                     "\"sessions\": 5, \"effect\": 0.1, \"first_arm\": {\"slope\": 0.2}, " REFERENCE "}");
  struct seen seen = {0};
  struct stats_error why;
  assert_int_equal(stats_power_simulate(&file.design, 5, &memory, see, &seen, &why), STATS_OK);
  assert_true(seen.rows == 17500 && seen.patients == 3500 && seen.therapists == 700);
  /* mean slopes: a patient's has the variance .5 / 10 + .0025, a therapist's .0004 more; 2,000 and 1,500 patients */
  near(seen.sum[0] / seen.times[0], 0.2, 4 * sqrt(0.0525 / 2000 + 0.0004 / 400));
  near(seen.sum[1] / seen.times[1], 0.3, 4 * sqrt(0.0525 / 1500 + 0.0004 / 300));
  near(seen.squares / 3500, 1, 4 * sqrt(2.0 / 3500 + 2.0 * 0.05 * 0.05 / 700));
  struct seen few = {.stop = 7};
  assert_int_equal(stats_power_simulate(&file.design, 5, &memory, see, &few, &why), STATS_OK);
  assert_int_equal(few.rows, 7);
}

static void rows_end_with_dropout_and_without_therapists(void **state) {
  (void)state;
  struct power_file file =
      design_of("{\"therapists\": 30, \"patients\": 4, \"sessions\": 6, \"dropout\": 0.3, \"effect\": 0.1, "
                "\"without_therapists\": \"control\", " REFERENCE "}");
  struct seen seen = {0};
  struct stats_error why;
  assert_int_equal(stats_power_simulate(&file.design, 5, &memory, see, &seen, &why), STATS_OK);
  assert_true(seen.patients == 240 && seen.therapists == 30);
  near((double)seen.rows / 240, (1 - pow(0.7, 6)) / 0.3, 0.5); /* 1 + .7 + ... + .7^5 sessions expected */
}

static void bad_designs_are_refused(void **state) {
  (void)state;
  static const char *const bad[][2] = {
      {"[]", "is not a JSON object"},
      {"{\"therapist\": 3}", "the design has no key \"therapist\"; it may hold"},
      {"{\"sessions\": 6, \"therapists\": 3}", "\"patients\" is missing"},
      {"{\"sessions\": 6, \"times\": [0, 1], \"therapists\": 3, \"patients\": 2}",
       "\"sessions\" or \"times\": give one of them"},
      {"{\"sessions\": 1, \"therapists\": 3, \"patients\": 2, \"effect\": 1, " REFERENCE "}",
       "whole number of 2 to 200"},
      {"{\"times\": [0, 0], \"therapists\": 3, \"patients\": 2, \"effect\": 1, " REFERENCE "}", "does not increase"},
      {"{\"sessions\": 6, \"therapists\": 3, \"patients\": [1, 2], \"effect\": 1, " REFERENCE "}",
       "does not list as many sizes"},
      {"{\"sessions\": 6, \"therapists\": 1, \"patients\": 2, \"effect\": 1, " REFERENCE "}",
       "an arm needs at least 2"},
      {"{\"sessions\": 6, \"therapists\": 3, \"patients\": 2, \"effect\": 1, \"variances\": {\"residual\": 0}}",
       "residual variance is 0"},
      {"{\"sessions\": 6, \"therapists\": 3, \"patients\": 2, \"effect\": 1, \"variances\": {\"residual\": -1}}",
       "is below 0"},
      {"{\"sessions\": 6, \"therapists\": 3, \"patients\": 2, \"effect\": 1, \"dropout\": 1.5, " REFERENCE "}",
       "is not a share"},
      {"{\"sessions\": 6, \"therapists\": {\"control\": 3}, \"patients\": 2, \"effect\": 1, " REFERENCE "}",
       "does not name every arm"},
      {"{\"sessions\": 6, \"therapists\": 3, \"patients\": 2, \"effect\": \"large\", " REFERENCE "}",
       "is not a number or an object"},
      {"{\"sessions\": 6, \"therapists\": 3, \"patients\": 2, \"effect\": 1, \"compare\": [\"control\", "
       "\"other\"], " REFERENCE "}",
       "two arms"},
      {"{\"times\": [], \"therapists\": 3, \"patients\": 2, \"effect\": 1, " REFERENCE "}", "list of 2 to 200 numbers"},
      {"{\"times\": [0, 1e300], \"therapists\": 3, \"patients\": 2, \"effect\": 1, " REFERENCE "}", "beyond 1e9 in size"},
      {"{\"sessions\": 3, \"therapists\": 3, \"patients\": {\"mean\": 3, \"least\": 1e300}, \"effect\": 1, " REFERENCE "}", "\"patients\" takes a whole number \"least\""},
      {"{\"sessions\": 3, \"therapists\": 3, \"patients\": {\"from\": 1, \"to\": 1e300}, \"effect\": 1, " REFERENCE "}", "of 0 to 100,000"},
      {"{\"sessions\": 3, \"therapists\": 3, \"patients\": 2, \"effect\": 1e300, " REFERENCE "}", "beyond 1e9"},
      {"{\"sessions\": 3, \"therapists\": 3, \"patients\": 2, \"effect\": {\"programme\": 1, \"other\": 2}, " REFERENCE "}", "\"effect\" has no key \"other\"; it may hold control, programme"},
      {"{\"sessions\": 3, \"therapists\": 3, \"patients\": 2, \"effect\": {\"cohens_d\": 1, \"by\": 3}, " REFERENCE "}", "is not \"pretest\" or \"posttest\""},
      {"{\"sessions\": 3, \"therapists\": 3, \"patients\": 2, \"effect\": 1, \"dropout\": {\"weibull\": {\"share\": 1}}, " REFERENCE "}", "share of 0 to below 1"},
      {"{\"sessions\": 3, \"therapists\": 3, \"patients\": 2, \"effect\": 1, \"dropout\": {\"weibull\": {\"share\": 0.5}, \"per_session\": 0.1}, " REFERENCE "}", "not both"},
      {"{\"sessions\": 3, \"therapists\": 3, \"patients\": 2, \"effect\": 1, \"dropout\": {\"weibull\": 3}, " REFERENCE "}", "not both"},
      {"{\"sessions\": 3, \"therapists\": 3, \"patients\": 2, \"effect\": 1, \"first_arm\": 3, " REFERENCE "}", "is not {"},
      {"{\"sessions\": 3, \"therapists\": 3, \"patients\": 2, \"effect\": 1, \"first_arm\": {\"slop\": 3}, " REFERENCE "}", "has no key \"slop\""},
      {"{\"sessions\": 3, \"therapists\": 3, \"patients\": 2, \"effect\": 1, \"test\": {\"at\": 1, \"of\": 2}, " REFERENCE "}", "is not"},
      {"{\"sessions\": 3, \"therapists\": 3, \"patients\": 2, \"effect\": 1, \"test\": {\"at\": 1e300}, " REFERENCE "}", "beyond 1e9"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct power_file file;
    if (read_design(&file, bad[i][0]) == OK) fail_msg("%s was accepted", bad[i][0]);
    if (!strstr(error.text, bad[i][1])) fail_msg("%s: %s", bad[i][0], error.text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_reference_design, setup, teardown),
      cmocka_unit_test_setup_teardown(powerlmm_by_closed_form, setup, teardown),
      cmocka_unit_test_setup_teardown(the_general_engine_agrees, setup, teardown),
      cmocka_unit_test_setup_teardown(degrees_of_freedom_by_r, setup, teardown),
      cmocka_unit_test_setup_teardown(threads_do_not_change_the_answer, setup, teardown),
      cmocka_unit_test_setup_teardown(no_effect_is_found_at_about_the_level, setup, teardown),
      cmocka_unit_test_setup_teardown(kenward_roger_is_exact_in_balance, setup, teardown),
      cmocka_unit_test_setup_teardown(designs_of_every_kind_run, setup, teardown),
      cmocka_unit_test_setup_teardown(failed_fits_are_counted, setup, teardown),
      cmocka_unit_test_setup_teardown(rows_are_those_of_the_design, setup, teardown),
      cmocka_unit_test_setup_teardown(rows_end_with_dropout_and_without_therapists, setup, teardown),
      cmocka_unit_test_setup_teardown(bad_designs_are_refused, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
