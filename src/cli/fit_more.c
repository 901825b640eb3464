#include "cli/fit_more.h"

#include <math.h>
#include <string.h>

enum err fit_error(const struct stats_error *from, struct error *error) {
  return fail(error, ERR_INPUT, "model", from->field, "%s", from->text);
}

enum err fit_add_terms(const struct fit_context *context, struct error *error) {
  struct stats_term_test *tests;
  struct stats_error said;
  size_t count;
  if (stats_model_term_tests(context->model, &tests, &count, &said)) return fit_error(&said, error);
  json_t *array = json_array();
  for (size_t i = 0; i < count; i++)
    json_array_append_new(array, json_pack("{s:s, s:o, s:o, s:o, s:o}", "term", tests[i].term, "numerator_df",
                                           fit_number(tests[i].numerator_df), "denominator_df",
                                           fit_number(tests[i].denominator_df), "f", fit_number(tests[i].f), "p",
                                           fit_number(tests[i].p)));
  if (context->document) {
    json_object_set_new(context->document, "terms", array);
    return OK;
  }
  json_decref(array);
  printf("\nTests of terms (type III):\n%-24s %6s %10s %12s %12s\n", "", "NumDF", "DenDF", "F value", "Pr(>F)");
  for (size_t i = 0; i < count; i++) {
    printf("%-24s %6.0f %10.4g %12.4f ", tests[i].term, tests[i].numerator_df, tests[i].denominator_df, tests[i].f);
    if (tests[i].p < 2e-16)
      printf("%12s\n", "<2e-16");
    else
      printf("%12.5g\n", tests[i].p);
  }
  return OK;
}

static void show_intervals(const struct fit_context *context, const char *kind, double level,
                           const struct stats_interval *intervals, size_t count) {
  if (context->document) {
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
      json_array_append_new(array, json_pack("{s:s, s:o, s:o, s:o}", "name", intervals[i].name, "estimate",
                                             fit_number(intervals[i].estimate), "low", fit_number(intervals[i].low),
                                             "high", fit_number(intervals[i].high)));
    json_object_set_new(context->document, "intervals",
                        json_pack("{s:s, s:f, s:o}", "kind", kind, "level", level, "of", array));
    return;
  }
  printf("\n%g%% intervals (%s):\n%-32s %14s %14s %14s\n", 100 * level, kind, "", "estimate", "low", "high");
  for (size_t i = 0; i < count; i++)
    printf("%-32s %14.6g %14.6g %14.6g\n", intervals[i].name, intervals[i].estimate, intervals[i].low,
           intervals[i].high);
}

enum err fit_add_intervals(const struct fit_context *context, const char *kind, double level, struct error *error) {
  struct stats_interval *intervals;
  struct stats_error said;
  size_t count = context->model->p;
  if (!(level > 0 && level < 1))
    return fail(error, ERR_USAGE, "level", "--level", "--level lies between 0 and 1, such as 0.95");
  if (!strcmp(kind, "wald")) {
    intervals = arena_array(context->arena, count + 1, sizeof *intervals);
    stats_model_wald(context->model, level, intervals);
  } else if (!strcmp(kind, "profile")) {
    if (stats_model_profile(context->model, level, &intervals, &count, &said)) return fit_error(&said, error);
  } else {
    return fail(error, ERR_USAGE, "intervals", "--intervals", "--intervals is wald or profile, not '%s'", kind);
  }
  show_intervals(context, kind, level, intervals, count);
  return OK;
}

enum err fit_add_comparison(const struct fit_context *context, const char *against,
                            const struct stats_model_options *options, struct error *error) {
  struct stats_model *other;
  struct stats_likelihood_ratio test;
  struct stats_error said;
  struct stats_model_options plain = {.ml = options->ml, .df = STATS_DF_NONE, .weights = options->weights};
  if (stats_model_fit(against, context->table, &plain, context->memory, &other, &said) ||
      stats_model_compare(context->model, other, &test, &said))
    return fit_error(&said, error);
  if (context->document) {
    json_object_set_new(context->document, "comparison",
                        json_pack("{s:s, s:o, s:o, s:o, s:o}", "formula", against, "criterion",
                                  fit_number(other->criterion), "chi_square", fit_number(test.chi_square), "df",
                                  fit_number(test.df), "p", fit_number(test.p)));
    return OK;
  }
  printf("\nAgainst %s: criterion %.10g\nLikelihood ratio: chi-square %.4f on %g df, p = %.5g\n", against,
         other->criterion, test.chi_square, test.df, test.p);
  return OK;
}

static enum err effects_of(const struct fit_context *context, size_t t, json_t *all, struct error *error) {
  const struct stats_random *r = &context->model->random[t];
  double *effect = arena_array(context->arena, r->levels * r->size, sizeof *effect);
  double *se = arena_array(context->arena, r->levels * r->size, sizeof *se);
  json_t *array = json_array();
  if (stats_model_random_effects(context->model, t, effect, se)) {
    json_decref(array);
    return fail(error, ERR_LIMIT, "memory", r->group, "the effects of '%s' do not fit into memory", r->group);
  }
  for (size_t g = 0; g < r->levels; g++) {
    json_t *row = json_pack("{s:s, s:[], s:[]}", "level", r->level[g], "effect", "se");
    if (!context->document) printf("%-12s %-20s", r->group, r->level[g]);
    for (size_t i = 0; i < r->size; i++) {
      json_array_append_new(json_object_get(row, "effect"), fit_number(effect[g * r->size + i]));
      json_array_append_new(json_object_get(row, "se"), fit_number(se[g * r->size + i]));
      if (!context->document) printf("  %12.6g (%.4g)", effect[g * r->size + i], se[g * r->size + i]);
    }
    if (!context->document) printf("\n");
    json_array_append_new(array, row);
  }
  json_object_set_new(all, r->group, array);
  return OK;
}

enum err fit_add_effects(const struct fit_context *context, struct error *error) {
  json_t *all = json_object();
  enum err err = OK;
  if (!context->document) printf("\nPredicted random effects (standard errors):\n");
  for (size_t t = 0; t < context->model->terms && !err; t++) err = effects_of(context, t, all, error);
  if (context->document)
    json_object_set_new(context->document, "effects", all);
  else
    json_decref(all);
  return err;
}

enum err fit_add_residuals(const struct fit_context *context, struct error *error) {
  size_t rows = context->table->rows;
  double *fitted = arena_array(context->arena, rows, sizeof *fitted);
  double *residual = arena_array(context->arena, rows, sizeof *residual);
  if (stats_model_fitted(context->model, fitted) || stats_model_residuals(context->model, residual))
    return fail(error, ERR_LIMIT, "memory", "", "the fitted values do not fit into memory");
  if (!context->document) printf("\nrow,fitted,residual\n");
  json_t *values = json_array(), *rest = json_array();
  for (size_t i = 0; i < rows; i++) {
    if (!context->document) {
      printf("%zu,%.17g,%.17g\n", i + 1, fitted[i], residual[i]);
      continue;
    }
    json_array_append_new(values, fit_number(fitted[i]));
    json_array_append_new(rest, fit_number(residual[i]));
  }
  if (!context->document) {
    json_decref(values);
    json_decref(rest);
    return OK;
  }
  json_object_set_new(context->document, "fitted", values);
  json_object_set_new(context->document, "residuals", rest);
  return OK;
}
