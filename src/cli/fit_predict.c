#include "cli/fit_predict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fit_read.h"
#include "stats/formula.h"

#define NAMES_MOST 500

/* --- means -------------------------------------------------------------------------------------------------------- */

static enum err split_factors(const char *text, struct stats_means_request *request, struct arena *arena,
                              struct error *error) {
  size_t count = 1;
  for (const char *c = text; *c; c++) count += *c == ':';
  const char **factor = arena_array(arena, count, sizeof *factor);
  request->factor = factor;
  for (const char *at = text;; at++) {
    const char *end = strchrnul(at, ':');
    if (end == at) return fail(error, ERR_USAGE, "means", "--means", "--means wants FACTOR or FACTOR:FACTOR");
    factor[request->factors++] = arena_text_n(arena, at, (size_t)(end - at));
    if (!*end) return OK;
    at = end;
  }
}

static enum err read_ats(const struct repeated *at, struct stats_means_request *request, struct arena *arena,
                         struct error *error) {
  const char **name = arena_array(arena, at->count + 1, sizeof *name);
  double *value = arena_array(arena, at->count + 1, sizeof *value);
  for (size_t i = 0; i < at->count; i++) {
    const char *equals = strchr(at->values[i], '=');
    char *end = NULL;
    if (equals) value[i] = strtod(equals + 1, &end);
    if (!equals || equals == at->values[i] || end == equals + 1 || *end || !isfinite(value[i]))
      return fail(error, ERR_USAGE, "at", "--at", "--at wants COLUMN=NUMBER, not '%s'", at->values[i]);
    name[i] = arena_text_n(arena, at->values[i], (size_t)(equals - at->values[i]));
  }
  request->at = name;
  request->value = value;
  request->ats = at->count;
  return OK;
}

static json_t *means_json(const struct stats_mean *mean, size_t count, bool holm) {
  json_t *array = json_array();
  for (size_t i = 0; i < count; i++) {
    json_t *one = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", mean[i].name, "estimate",
                            fit_number(mean[i].estimate), "se", fit_number(mean[i].se), "df", fit_number(mean[i].df),
                            "t", fit_number(mean[i].t), "p", fit_number(mean[i].p), "low", fit_number(mean[i].low),
                            "high", fit_number(mean[i].high));
    if (holm) json_object_set_new(one, "p_holm", fit_number(mean[i].p_holm));
    json_array_append_new(array, one);
  }
  return array;
}

static void print_means(const char *title, const struct stats_mean *mean, size_t count, bool test) {
  printf("\n%-32s %12s %12s %9s %12s %12s", title, "Estimate", "Std. Error", "df", "low", "high");
  printf(test ? " %9s %10s %10s\n" : "\n", "t", "p", "p (Holm)");
  for (size_t i = 0; i < count; i++) {
    printf("%-32s %12.6g %12.6g %9.4g %12.6g %12.6g", mean[i].name, mean[i].estimate, mean[i].se, mean[i].df,
           mean[i].low, mean[i].high);
    if (test) printf(" %9.3f %10.4g %10.4g", mean[i].t, mean[i].p, mean[i].p_holm);
    printf("\n");
  }
}

enum err fit_add_means(const struct fit_context *context, const struct fit_means *means, struct error *error) {
  struct stats_means_request request = {.level = means->level};
  struct stats_means found;
  struct stats_error said;
  if (!(means->level > 0 && means->level < 1))
    return fail(error, ERR_USAGE, "level", "--level", "--level lies between 0 and 1, such as 0.95");
  enum err err = split_factors(means->factors, &request, context->arena, error);
  if (!err) err = read_ats(&means->at, &request, context->arena, error);
  if (err) return err;
  if (stats_model_means(context->model, &request, &found, &said)) return fit_error(&said, error);
  if (context->document) {
    json_object_set_new(context->document, "means", means_json(found.mean, found.means, false));
    json_object_set_new(context->document, "differences", means_json(found.difference, found.differences, true));
    return OK;
  }
  print_means("Estimated mean", found.mean, found.means, false);
  if (found.differences) print_means("Difference", found.difference, found.differences, true);
  return OK;
}

/* --- predictions -------------------------------------------------------------------------------------------------- */

static void want(struct fit_names *names, const char **name, enum fit_use *use, const char *column, enum fit_use as) {
  for (size_t i = 0; i < names->count; i++)
    if (!strcmp(name[i], column)) return;
  if (names->count == NAMES_MOST) return;
  name[names->count] = column;
  use[names->count++] = as;
}

/* The columns of the formula but the response and the groups. */
static enum err want_columns(const struct fit_context *context, struct fit_names *names, struct error *error) {
  struct formula formula;
  struct stats_error said;
  const char **name = arena_array(context->arena, NAMES_MOST, sizeof *name);
  enum fit_use *use = arena_array(context->arena, NAMES_MOST, sizeof *use);
  *names = (struct fit_names){.name = name, .use = use};
  if (formula_read(context->model->formula, context->memory, &formula, &said)) return fit_error(&said, error);
  for (size_t v = 0; v < formula.variables; v++) {
    const struct formula_variable *variable = &formula.variable[v];
    if (v == formula.response) continue;
    if (variable->name)
      want(names, name, use, variable->name, variable->kind == FORMULA_FACTOR ? FIT_GROUPS : FIT_VALUES);
    for (size_t i = 0; i < variable->ops; i++)
      if (variable->op[i].op == 'c') want(names, name, use, variable->op[i].name, FIT_VALUES);
  }
  return OK;
}

static void show_predictions(const struct fit_context *context, const struct stats_prediction *p, size_t rows) {
  json_t *all = json_array();
  if (!context->document) printf("\nrow,fit,se,df,low,high,new_low,new_high\n");
  for (size_t i = 0; i < rows; i++) {
    if (!context->document)
      printf("%zu,%.10g,%.10g,%.6g,%.10g,%.10g,%.10g,%.10g\n", i + 1, p[i].fit, p[i].se, p[i].df, p[i].low, p[i].high,
             p[i].new_low, p[i].new_high);
    else
      json_array_append_new(all, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "fit", fit_number(p[i].fit), "se",
                                           fit_number(p[i].se), "df", fit_number(p[i].df), "low", fit_number(p[i].low),
                                           "high", fit_number(p[i].high), "new_low", fit_number(p[i].new_low),
                                           "new_high", fit_number(p[i].new_high)));
  }
  if (context->document)
    json_object_set_new(context->document, "predictions", all);
  else
    json_decref(all);
}

enum err fit_add_predictions(const struct fit_context *context, const char *path, double level, struct error *error) {
  struct fit_data data = {0};
  struct fit_names names;
  struct stats_error said;
  if (!(level > 0 && level < 1))
    return fail(error, ERR_USAGE, "level", "--level", "--level lies between 0 and 1, such as 0.95");
  enum err err = want_columns(context, &names, error);
  if (!err) err = fit_read(&data, path, &names, context->arena, error);
  if (!err) {
    struct stats_prediction *out = arena_array(context->arena, data.table.rows + 1, sizeof *out);
    if (stats_model_predict(context->model, &data.table, level, out, &said))
      err = fit_error(&said, error);
    else
      show_predictions(context, out, data.table.rows);
  }
  fit_data_free(&data);
  return err;
}
