/* What formulas may compute, weights, estimated means and predictions: against R 4.2.2, lme4 1.1-31, lmerTest 3.1 and
 * emmeans on the golden data. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "attune/stats_distributions.h"
#include "attune/stats_predict.h"
#include "base/arena.h"
#include "cli/fit_read.h"

#include <cmocka.h>

static void *take(void *state, size_t bytes) {
  return arena_alloc(state, bytes);
}

struct world {
  struct arena arena;
  struct stats_memory memory;
  struct fit_data data;
  struct stats_column column[8];
  struct stats_table table;
  struct stats_error error;
  struct stats_model *model;
};

/* `last` is the column of groups. */
static void open_world(struct world *w, const char *path, const char *const *name, size_t count) {
  struct error error;
  enum fit_use use[8] = {FIT_VALUES};
  memset(w, 0, sizeof *w);
  arena_init(&w->arena, 0);
  w->memory = (struct stats_memory){take, &w->arena};
  use[count - 1] = FIT_GROUPS;
  const struct fit_names names = {name, use, count, NULL, 0};
  assert_int_equal(fit_read(&w->data, path, &names, &w->arena, &error), OK);
  w->table = w->data.table;
}

static void close_world(struct world *w) {
  fit_data_free(&w->data);
  arena_free(&w->arena);
}

static void open_sleep(struct world *w) {
  static const char *const names[] = {"Reaction", "Days", "Subject"};
  open_world(w, "tests/golden/stats/sleepstudy.csv", names, 3);
  double *weight = arena_array(&w->arena, w->table.rows, sizeof *weight);
  double *odd = arena_array(&w->arena, w->table.rows, sizeof *odd);
  for (size_t i = 0; i < w->table.rows; i++) {
    weight[i] = 1 + (double)((i + 1) % 3);
    odd[i] = fmod(w->table.column[1].number[i], 2);
  }
  memcpy(w->column, w->table.column, 3 * sizeof *w->column);
  w->column[3] = (struct stats_column){.name = "w", .number = weight};
  w->column[4] = (struct stats_column){.name = "odd", .number = odd};
  w->table = (struct stats_table){w->table.rows, 5, w->column};
}

static void fit(struct world *w, const char *formula, const char *weights) {
  struct stats_model_options options = {.df = STATS_DF_SATTERTHWAITE, .weights = weights};
  if (stats_model_fit(formula, &w->table, &options, &w->memory, &w->model, &w->error))
    fail_msg("%s: %s", formula, w->error.text);
}

static void near(double got, double want, double relative) {
  if (!(fabs(got - want) <= relative * fabs(want))) fail_msg("%.12g, not %.12g", got, want);
}

static void what_formulas_compute(void **state) {
  (void)state;
  static const struct {
    const char *formula, *last;
    double criterion, beta[6];
  } cases[] = {{"log(Reaction) ~ I(Days > 4) + sqrt(Days) + (1 | Subject)",
                "sqrt(Days)",
                -250.15380579972,
                {5.5088741995432, 0.0739923669810, 0.0702893299706}},
               {"Reaction ~ poly(Days, 3) + (1 | Subject)",
                "poly(Days, 3)3",
                1760.6157275318,
                {298.5078916667, 403.3641678552, 32.8557879762, -2.9910594129}},
               {"Reaction ~ ns(Days, df = 3) + (1 | Subject)",
                "ns(Days, df = 3)3",
                1767.4202166712,
                {255.5253714655, 50.1779910211, 100.6506910900, 80.3087594883}},
               {"Reaction ~ bs(Days, 5) + (1 | Subject)",
                "bs(Days, 5)5",
                1751.9517620945,
                {257.3822870301, 1.6513924618, 21.2115641481, 60.1975720316, 70.5781899836, 94.3201861225}},
               {"Reaction ~ scale(Days) + as.factor(odd) + (1 | Subject)",
                "as.factor(odd)1",
                1779.050565227,
                {297.0846935417, 29.9004153609, 2.8463962500}},
               {"Reaction ~ offset(10*Days) + abs(Days - 5) + exp(-Days) + (1 | Subject)",
                "exp(-Days)",
                1778.7316803199,
                {251.587032734065, 0.770332232377, -0.031428238116}}};
  struct world w;
  open_sleep(&w);
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    fit(&w, cases[c].formula, NULL);
    near(w.model->criterion, cases[c].criterion, 1e-10);
    for (size_t j = 0; j < w.model->p; j++) near(w.model->fixed[j].estimate, cases[c].beta[j], 1e-7);
    assert_string_equal(w.model->fixed[w.model->p - 1].name, cases[c].last);
  }
  fit(&w, cases[0].formula, NULL);
  assert_string_equal(w.model->fixed[1].name, "I(Days > 4)TRUE");
  close_world(&w);
}

static void what_cannot_be_computed_is_refused(void **state) {
  (void)state;
  static const char *const wrong[][2] = {{"Reaction ~ log(Days) + (1 | Subject)", "too large"}, /* minus infinity */
                                         {"Reaction ~ sqrt(Days - 3) + (1 | Subject)", "is not a number in data row 1"},
                                         {"Reaction ~ poly(odd, 2) + (1 | Subject)", "distinct values"},
                                         {"Reaction ~ ns(odd, 4) + (1 | Subject)", "distinct values"}};
  struct world w;
  open_sleep(&w);
  struct stats_model_options options = {.df = STATS_DF_NONE};
  for (size_t i = 0; i < 4; i++) {
    assert_true(stats_model_fit(wrong[i][0], &w.table, &options, &w.memory, &w.model, &w.error) != STATS_OK);
    if (!strstr(w.error.text, wrong[i][1])) fail_msg("%s", w.error.text);
  }
  options.weights = "odd";
  assert_int_equal(
      stats_model_fit("Reaction ~ Days + (1 | Subject)", &w.table, &options, &w.memory, &w.model, &w.error),
      STATS_BAD_DATA);
  assert_non_null(strstr(w.error.text, "weights are above 0"));
  close_world(&w);
}

static void weights_divide_the_residual_variance(void **state) {
  (void)state;
  struct world w;
  open_sleep(&w);
  fit(&w, "Reaction ~ Days + (Days | Subject)", "w");
  near(w.model->criterion, 1745.4161228276, 1e-10);
  near(w.model->sigma2, 1182.54351219, 1e-6);
  near(sqrt(w.model->random[0].covariance[0]), 25.369430909, 1e-6);
  near(sqrt(w.model->random[0].covariance[3]), 5.837282013, 1e-6);
  static const double se[] = {6.87132734081, 1.51539257511}, df[] = {17.1339065720, 16.7464437965};
  for (size_t j = 0; j < 2; j++) {
    near(w.model->fixed[j].se, se[j], 1e-6);
    near(w.model->fixed[j].df, df[j], 1e-4);
  }
  double fitted[180], residual[180];
  assert_int_equal(stats_model_fitted(w.model, fitted), STATS_OK);
  assert_int_equal(stats_model_residuals(w.model, residual), STATS_OK);
  static const double want[] = {255.192482819, 272.918512753, 290.644542686};
  for (size_t i = 0; i < 3; i++) {
    near(fitted[i], want[i], 1e-6);
    near(fitted[i] + residual[i], w.table.column[0].number[i], 1e-12);
  }
  close_world(&w);
}

static void fitted_values_hold_the_offset(void **state) {
  (void)state;
  struct world w;
  double plain[180], offset[180];
  open_sleep(&w);
  fit(&w, "Reaction ~ Days + (1 | Subject)", NULL);
  double criterion = w.model->criterion, slope = w.model->fixed[1].estimate;
  assert_int_equal(stats_model_fitted(w.model, plain), STATS_OK);
  fit(&w, "Reaction ~ offset(Days * 3) + Days + (1 | Subject) + offset(w - w)", NULL);
  near(w.model->criterion, criterion, 1e-12);
  near(w.model->fixed[1].estimate, slope - 3, 1e-9);
  assert_int_equal(stats_model_fitted(w.model, offset), STATS_OK);
  for (size_t i = 0; i < 180; i++) near(offset[i], plain[i], 1e-10);
  close_world(&w);
}

static void means_and_differences_as_emmeans(void **state) {
  (void)state;
  static const char *const names[] = {"score", "Machine", "Worker"}, *const factor[] = {"Machine"};
  static const double mean[] = {52.3555555556, 60.3222222222, 66.2722222222}, low[] = {46.8625864093, 54.8292530760},
                      difference[] = {7.96666666667, 13.91666666667, 5.95};
  struct world w;
  struct stats_means found;
  open_world(&w, "tests/golden/stats/machines.csv", names, 3);
  fit(&w, "score ~ Machine + (1 | Worker)", NULL);
  struct stats_means_request request = {.factor = factor, .factors = 1, .level = 0.95};
  assert_int_equal(stats_model_means(w.model, &request, &found, &w.error), STATS_OK);
  assert_int_equal(found.means, 3);
  assert_int_equal(found.differences, 3);
  assert_string_equal(found.mean[1].name, "B");
  assert_string_equal(found.difference[1].name, "C - A");
  for (size_t i = 0; i < 3; i++) {
    near(found.mean[i].estimate, mean[i], 1e-9);
    near(found.mean[i].se, 2.22931240674, 1e-7);
    near(found.mean[i].df, 5.83, 1e-2);
    near(found.difference[i].estimate, difference[i], 1e-9);
    near(found.difference[i].se, 1.05388247858, 1e-7);
    near(found.difference[i].df, 46, 1e-6);
    near(found.difference[i].p_holm, found.difference[i].p * (i == 2 ? 1 : i == 1 ? 3 : 2), 1e-12);
  }
  for (size_t i = 0; i < 2; i++) near(found.mean[i].low, low[i], 1e-5);
  static const char *const none[] = {"score"};
  request.factor = none;
  assert_int_equal(stats_model_means(w.model, &request, &found, &w.error), STATS_BAD_FORMULA);
  assert_non_null(strstr(w.error.text, "no factor of the fixed effects"));
  close_world(&w);
}

/* Means over a covariate and another factor are linear combinations that can be written down. */
static void means_average_over_the_rest(void **state) {
  (void)state;
  static const char *const factor[] = {"odd"}, *const at[] = {"Days"};
  static const double nine[] = {9};
  struct world w;
  struct stats_means found;
  open_sleep(&w);
  fit(&w, "Reaction ~ Days * factor(odd) + (1 | Subject)", NULL);
  const struct stats_coefficient *b = w.model->fixed; /* (Intercept) Days factor(odd)1 Days:factor(odd)1 */
  struct stats_means_request request = {.factor = factor, .factors = 1, .level = 0.9};
  assert_int_equal(stats_model_means(w.model, &request, &found, &w.error), STATS_OK);
  near(found.mean[0].estimate, b[0].estimate + 4.5 * b[1].estimate, 1e-10);
  request.at = at;
  request.value = nine;
  request.ats = 1;
  assert_int_equal(stats_model_means(w.model, &request, &found, &w.error), STATS_OK);
  near(found.difference[0].estimate, b[2].estimate + 9 * b[3].estimate, 1e-9);
  request.factors = 0; /* the mean of all */
  assert_int_equal(stats_model_means(w.model, &request, &found, &w.error), STATS_OK);
  assert_int_equal(found.means, 1);
  near(found.mean[0].estimate, b[0].estimate + 9 * b[1].estimate + b[2].estimate / 2 + 4.5 * b[3].estimate, 1e-10);
  close_world(&w);
}

static void predictions_have_their_intervals(void **state) {
  (void)state;
  double days[] = {0, 9, NAN, 20};
  struct stats_column column = {.name = "Days", .number = days};
  struct stats_table table = {4, 1, &column};
  struct stats_prediction p[4];
  struct world w;
  open_sleep(&w);
  fit(&w, "Reaction ~ Days + (Days | Subject)", NULL);
  assert_int_equal(stats_model_predict(w.model, &table, 0.95, p, &w.error), STATS_OK);
  const double *v = w.model->vcov, *d = w.model->random[0].covariance;
  near(p[0].fit, w.model->fixed[0].estimate, 1e-12);
  near(p[0].df, w.model->fixed[0].df, 1e-9);
  near(p[1].fit, w.model->fixed[0].estimate + 9 * w.model->fixed[1].estimate, 1e-12);
  near(p[1].se, sqrt(v[0] + 18 * v[1] + 81 * v[3]), 1e-10);
  double t = stats_t_quantile(0.975, p[1].df), spread = d[0] + 18 * d[1] + 81 * d[3] + w.model->sigma2;
  near(p[1].high - p[1].fit, t * p[1].se, 1e-10);
  near(p[1].fit - p[1].new_low, t * sqrt(p[1].se * p[1].se + spread), 1e-10);
  assert_true(isnan(p[2].fit) && isnan(p[2].new_high));
  fit(&w, "Reaction ~ ns(Days, 3) + (1 | Subject)", NULL); /* natural splines go on as lines */
  double far[] = {9, 10, 11, 12};
  column.number = far;
  assert_int_equal(stats_model_predict(w.model, &table, 0.95, p, &w.error), STATS_OK);
  near(p[2].fit - p[1].fit, p[1].fit - p[0].fit, 1e-8);
  near(p[3].fit - p[2].fit, p[1].fit - p[0].fit, 1e-8);
  close_world(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(what_formulas_compute),
                                     cmocka_unit_test(what_cannot_be_computed_is_refused),
                                     cmocka_unit_test(weights_divide_the_residual_variance),
                                     cmocka_unit_test(fitted_values_hold_the_offset),
                                     cmocka_unit_test(means_and_differences_as_emmeans),
                                     cmocka_unit_test(means_average_over_the_rest),
                                     cmocka_unit_test(predictions_have_their_intervals)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
