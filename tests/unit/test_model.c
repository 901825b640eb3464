/* Linear mixed models against values of lme4, lmerTest, pbkrtest and clubSandwich at a polished optimum
 * (tests/golden/stats, its tolerances in tests/golden/README.md). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "attune/stats_model.h"
#include "cli/fit_read.h"
#include "stats/formula.h"

#include <cmocka.h>

struct fixture {
  struct arena arena;
  struct stats_memory memory;
  json_t *golden;
  struct fit_data data;
  const char *formula;
  char name[40];
};

static void *take(void *state, size_t bytes) {
  return arena_alloc(state, bytes);
}

static void close_to(double value, double want, double relative, double absolute, const char *what) {
  double off = fabs(value - want);
  if (off <= relative * fabs(want) || off <= absolute) return;
  fail_msg("%s: %.17g, wanted %.17g (off by %.2g)", what, value, want, off);
}

static double number_at(const json_t *array, size_t i) {
  if (json_is_number(array)) return i == 0 ? json_number_value(array) : NAN; /* R writes single values without [] */
  return json_number_value(json_array_get(array, i));
}

static void add_name(const char **name, size_t *count, const char *text) {
  for (size_t i = 0; i < *count; i++)
    if (!strcmp(name[i], text)) return;
  name[(*count)++] = text;
}

static void open_fixture(struct fixture *f, const char *name) {
  struct formula formula;
  struct fit_list levels[8];
  struct error error;
  const char *column[32];
  enum fit_use use[32] = {FIT_VALUES};
  size_t columns = 0, asked = 0;
  memset(f, 0, sizeof *f);
  arena_init(&f->arena, 0);
  f->memory = (struct stats_memory){take, &f->arena};
  snprintf(f->name, sizeof f->name, "%s", name);
  f->golden = json_load_file(arena_printf(&f->arena, "tests/golden/stats/%s.json", name), 0, NULL);
  assert_non_null(f->golden);
  f->formula = json_string_value(json_object_get(f->golden, "formula"));
  assert_int_equal(formula_read(f->formula, &f->memory, &formula, NULL), STATS_OK);
  for (size_t v = 0; v < formula.variables; v++) add_name(column, &columns, formula.variable[v].name);
  const char *key;
  json_t *value;
  json_object_foreach(json_object_get(f->golden, "levels"), key, value) {
    for (size_t i = 0; i < columns && json_is_array(value); i++) {
      if (strcmp(column[i], key) != 0) continue; /* factors of X; groups may be in any order */
      const char **level = arena_array(&f->arena, json_array_size(value), sizeof *level);
      for (size_t l = 0; l < json_array_size(value); l++) level[l] = json_string_value(json_array_get(value, l));
      levels[asked++] = (struct fit_list){key, level, json_array_size(value)};
    }
  }
  for (size_t r = 0; r < formula.randoms; r++)
    for (size_t i = 0; i < formula.random[r].parts; i++) add_name(column, &columns, formula.random[r].part[i]);
  const char *path = arena_printf(&f->arena, "tests/golden/stats/%s.csv", name);
  const struct fit_names names = {column, use, columns, levels, asked};
  assert_int_equal(fit_read(&f->data, path, &names, &f->arena, &error), OK);
}

static void close_fixture(struct fixture *f) {
  json_decref(f->golden);
  fit_data_free(&f->data);
  arena_free(&f->arena);
}

static struct stats_model *fit(struct fixture *f, bool ml, enum stats_df df, const char *cluster) {
  struct stats_model_options options = {.ml = ml, .df = df, .cluster = cluster};
  struct stats_model *model;
  struct stats_error error;
  if (stats_model_fit(f->formula, &f->data.table, &options, &f->memory, &model, &error)) fail_msg("%s", error.text);
  return model;
}

static void check_fixed(const struct stats_model *model, const json_t *want) {
  const char *name;
  json_t *value;
  size_t j = 0;
  json_object_foreach(json_object_get(want, "fixef"), name, value) {
    assert_true(j < model->p);
    assert_string_equal(model->fixed[j].name, name);
    close_to(model->fixed[j].estimate, json_number_value(value), 1e-8, 1e-9 * model->fixed[j].se, name);
    close_to(model->fixed[j].se, number_at(json_object_get(want, "se"), j), 1e-7, 0, "standard error");
    for (size_t i = 0; i < model->p; i++)
      close_to(model->vcov[j * model->p + i], number_at(json_array_get(json_object_get(want, "vcov"), j), i), 1e-7,
               1e-8 * model->fixed[j].se * model->fixed[i].se, "vcov");
    j++;
  }
  assert_int_equal(j, model->p);
}

static const struct stats_random *term_named(const struct stats_model *model, const char *group) {
  for (size_t t = 0; t < model->terms; t++)
    if (!strcmp(model->random[t].group, group)) return &model->random[t];
  fail_msg("there is no random term %s", group);
  return NULL;
}

static void check_variances(const struct stats_model *model, const json_t *want) {
  const char *group;
  json_t *value;
  size_t seen = 0;
  close_to(model->sigma2, json_number_value(json_object_get(want, "sigma2")), 1e-7, 0, "sigma2");
  json_object_foreach(json_object_get(want, "varcov"), group, value) {
    const struct stats_random *r = term_named(model, group);
    for (size_t i = 0; i < r->size; i++)
      for (size_t j = 0; j < r->size; j++)
        close_to(r->covariance[i * r->size + j], number_at(json_array_get(value, i), j), 1e-7, 1e-8, group);
    seen++;
  }
  assert_int_equal(seen, model->terms);
  for (size_t t = 0, at = 0; t < model->terms; t++)
    for (size_t i = 0; i < model->random[t].size * (model->random[t].size + 1) / 2; i++, at++)
      close_to(model->random[t].theta[i], number_at(json_object_get(want, "theta"), at), 1e-7, 1e-8, "theta");
}

static void check_effects(struct fixture *f, const struct stats_model *model, const json_t *want) {
  for (size_t t = 0; t < model->terms; t++) {
    const struct stats_random *r = &model->random[t];
    double *effect = arena_array(&f->arena, r->levels * r->size, sizeof *effect);
    double *se = arena_array(&f->arena, r->levels * r->size, sizeof *se);
    assert_int_equal(stats_model_random_effects(model, t, effect, se), STATS_OK);
    const json_t *head = json_object_get(json_object_get(want, "ranef_head"), r->group);
    for (size_t i = 0; i < r->size; i++) {
      double sum = 0;
      for (size_t g = 0; g < r->levels; g++) sum += effect[g * r->size + i] * effect[g * r->size + i];
      close_to(sum, number_at(json_object_get(json_object_get(want, "ranef_ss"), r->group), i), 1e-6, 1e-12, "effects");
      assert_true(se[i] >= 0 && se[i] <= sqrt(r->covariance[i * r->size + i]) * (1 + 1e-9));
      for (size_t g = 0; g < json_array_size(head); g++)
        close_to(effect[g * r->size + i], number_at(json_array_get(head, g), i), 1e-6, 1e-9, "random effect");
    }
  }
}

static void check_methods(struct fixture *f, const json_t *want) {
  static const struct {
    const char *key, *matrix;
    enum stats_df df;
    double df_tolerance;
  } methods[] = {{"satterthwaite", NULL, STATS_DF_SATTERTHWAITE, 1e-5},
                 {"kenward_roger", "vcovAdj", STATS_DF_KENWARD_ROGER, 1e-6},
                 {"CR2", "vcov", STATS_DF_NONE, 1e-6}};
  for (size_t m = 0; m < 3; m++) {
    const json_t *values = json_object_get(want, methods[m].key);
    if (!values || (m == 1 && !strcmp(f->name, "dyestuff2_singular"))) continue;
    const char *cluster = m == 2 ? json_string_value(json_object_get(values, "cluster")) : NULL;
    const struct stats_model *model = fit(f, false, methods[m].df, cluster);
    for (size_t j = 0; j < model->p; j++) {
      close_to(model->fixed[j].df, number_at(json_object_get(values, "df"), j), methods[m].df_tolerance, 0,
               methods[m].key);
      close_to(model->fixed[j].p, number_at(json_object_get(values, "p"), j), 1e-3, 1e-12, "p");
      const json_t *row = methods[m].matrix ? json_array_get(json_object_get(values, methods[m].matrix), j) : NULL;
      double scale = model->fixed[j].se;
      for (size_t i = 0; i < model->p && row; i++)
        close_to(model->vcov[j * model->p + i], number_at(row, i), 1e-6, 1e-9 * scale * model->fixed[i].se, "vcov");
    }
  }
}

/* lmerTest's anova(), type III with Satterthwaite's df; a single term is written without []. */
static void check_terms(struct fixture *f, const json_t *want) {
  const json_t *values = json_object_get(want, "satterthwaite_anova3"), *name = json_object_get(values, "term");
  struct stats_model *model = fit(f, false, STATS_DF_SATTERTHWAITE, NULL);
  struct stats_term_test *tests;
  size_t count, terms = json_is_string(name) ? 1 : json_array_size(name);
  assert_int_equal(stats_model_term_tests(model, &tests, &count, NULL), STATS_OK);
  assert_int_equal(count, terms);
  for (size_t i = 0; i < count; i++) {
    assert_string_equal(tests[i].term, json_string_value(terms == 1 ? name : json_array_get(name, i)));
    assert_true(tests[i].numerator_df == number_at(json_object_get(values, "NumDF"), i));
    close_to(tests[i].denominator_df, number_at(json_object_get(values, "DenDF"), i), 1e-5, 0, "denominator df");
    close_to(tests[i].f, number_at(json_object_get(values, "F"), i), 1e-5, 0, "F");
    close_to(tests[i].p, number_at(json_object_get(values, "p"), i), 1e-4, 1e-12, "p of F");
  }
}

static void check_fixture(const char *name) {
  struct fixture f;
  open_fixture(&f, name);
  for (int ml = 0; ml < 2; ml++) {
    const json_t *want = json_object_get(f.golden, ml ? "ML" : "REML");
    const struct stats_model *model = fit(&f, ml, STATS_DF_NONE, NULL);
    assert_int_equal(model->n, json_integer_value(json_object_get(f.golden, "n")));
    close_to(model->criterion, json_number_value(json_object_get(want, "criterion")), 1e-10, 0, "criterion");
    assert_true(model->gradient < 1e-6);
    assert_int_equal(model->singular, json_is_true(json_object_get(want, "boundary")));
    check_fixed(model, want);
    check_variances(model, want);
    check_effects(&f, model, want);
  }
  check_methods(&f, json_object_get(f.golden, "REML"));
  check_terms(&f, json_object_get(f.golden, "REML"));
  close_fixture(&f);
}

#define FIXTURE(name)                                                                                                  \
  static void test_##name(void **s) {                                                                                  \
    (void)s;                                                                                                           \
    check_fixture(#name);                                                                                              \
  }
FIXTURE(sleepstudy)
FIXTURE(dyestuff)
FIXTURE(dyestuff2_singular)
FIXTURE(pastes)
FIXTURE(penicillin)
FIXTURE(machines)
FIXTURE(orthodont)
FIXTURE(exam)
FIXTURE(egsingle)
FIXTURE(btheb)
FIXTURE(sim_balanced_40x3x16)

/* Fitted values: residuals and effects must give the penalised least squares that sigma2 comes from. */
static void test_fitted_values_close_the_sum(void **s) {
  struct fixture f;
  (void)s;
  open_fixture(&f, "sleepstudy");
  const struct stats_model *model = fit(&f, false, STATS_DF_NONE, NULL);
  double fitted[180], effect[36], sum = 0, v[4];
  assert_int_equal(stats_model_fitted(model, fitted), STATS_OK);
  assert_int_equal(stats_model_random_effects(model, 0, effect, NULL), STATS_OK);
  for (size_t i = 0; i < 180; i++) {
    double e = f.data.table.column[0].number[i] - fitted[i];
    sum += e * e;
  }
  const double *c = model->random[0].covariance;
  double det = c[0] * c[3] - c[1] * c[2];
  v[0] = c[3] / det, v[1] = v[2] = -c[1] / det, v[3] = c[0] / det;
  for (size_t g = 0; g < 18; g++)
    for (size_t i = 0; i < 2; i++)
      for (size_t j = 0; j < 2; j++) sum += model->sigma2 * effect[2 * g + i] * v[2 * i + j] * effect[2 * g + j];
  close_to(sum / 178, model->sigma2, 1e-8, 0, "penalised residual sum of squares");
  close_fixture(&f);
}

static void test_between_within_counts(void **s) {
  struct fixture f;
  (void)s;
  open_fixture(&f, "sim_balanced_40x3x16");
  const struct stats_model *model = fit(&f, false, STATS_DF_BETWEEN_WITHIN, NULL);
  static const double want[] = {38, 38, 118, 118}; /* 40 therapists; slopes vary between 120 patients */
  for (size_t j = 0; j < 4; j++) assert_true(model->fixed[j].df == want[j]);
  close_fixture(&f);
}

struct bounds {
  const char *name;
  double low, high;
};

static void check_profile(const char *fixture, const struct bounds *want, size_t wanted) {
  struct fixture f;
  struct stats_interval *intervals;
  size_t count;
  open_fixture(&f, fixture);
  const struct stats_model *model = fit(&f, false, STATS_DF_NONE, NULL);
  assert_int_equal(stats_model_profile(model, 0.95, &intervals, &count, NULL), STATS_OK);
  assert_int_equal(count, wanted);
  for (size_t i = 0; i < count; i++) {
    assert_string_equal(intervals[i].name, want[i].name);
    close_to(intervals[i].low, want[i].low, 2e-5, 0, want[i].name); /* lme4 interpolates between a few points */
    close_to(intervals[i].high, want[i].high, 2e-5, 0, want[i].name);
  }
  close_fixture(&f);
}

/* confint() of lme4 1.1-31 on the same data. */
static void test_profile_intervals(void **s) {
  (void)s;
  static const struct bounds sleepstudy[] = {{"(Intercept)", 237.6806954694, 265.129514692},
                                             {"Days", 7.3586532953, 13.575918741},
                                             {"sigma", 22.8982662150, 28.857997323},
                                             {"sd((Intercept)|Subject)", 14.3814811365, 37.716018740},
                                             {"sd(Days|Subject)", 3.8011647624, 8.753366659}};
  static const struct bounds machines[] = {{"(Intercept)", 47.3951610855, 57.315948636},
                                           {"MachineB", 3.7380903704, 12.195242944},
                                           {"MachineC", 9.6880903704, 18.145242944},
                                           {"sigma", 0.7759506542, 1.234965741},
                                           {"sd((Intercept)|Machine:Worker)", 2.3528036623, 5.431502913},
                                           {"sd((Intercept)|Worker)", 1.9514582097, 9.410583997}};
  check_profile("sleepstudy", sleepstudy, 5);
  check_profile("machines", machines, 6);
}

static void test_likelihood_ratio(void **s) {
  (void)s;
  struct fixture f;
  struct stats_model *large, *small;
  struct stats_likelihood_ratio test;
  struct stats_model_options options = {.ml = true, .df = STATS_DF_NONE};
  open_fixture(&f, "sleepstudy");
  assert_int_equal(stats_model_fit(f.formula, &f.data.table, &options, &f.memory, &large, NULL), STATS_OK);
  assert_int_equal(
      stats_model_fit("Reaction ~ 1 + (1 + Days | Subject)", &f.data.table, &options, &f.memory, &small, NULL),
      STATS_OK);
  assert_int_equal(stats_model_compare(large, small, &test, NULL), STATS_OK);
  close_to(test.chi_square, 23.53653747, 1e-6, 0, "chi-square"); /* anova() of lme4: 23.537 */
  assert_true(test.df == 1 && test.p < 2e-6);
  options.ml = false; /* other fixed effects: not by REML */
  assert_int_equal(
      stats_model_fit("Reaction ~ 1 + (1 + Days | Subject)", &f.data.table, &options, &f.memory, &small, NULL),
      STATS_OK);
  assert_int_equal(stats_model_compare(fit(&f, false, STATS_DF_NONE, NULL), small, &test, NULL), STATS_BAD_FORMULA);
  close_fixture(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sleepstudy),
      cmocka_unit_test(test_dyestuff),
      cmocka_unit_test(test_dyestuff2_singular),
      cmocka_unit_test(test_pastes),
      cmocka_unit_test(test_penicillin),
      cmocka_unit_test(test_machines),
      cmocka_unit_test(test_orthodont),
      cmocka_unit_test(test_exam),
      cmocka_unit_test(test_egsingle),
      cmocka_unit_test(test_btheb),
      cmocka_unit_test(test_sim_balanced_40x3x16),
      cmocka_unit_test(test_fitted_values_close_the_sum),
      cmocka_unit_test(test_between_within_counts),
      cmocka_unit_test(test_profile_intervals),
      cmocka_unit_test(test_likelihood_ratio),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
