#include "cli/fit_columns.h"

#include <string.h>

/* "COLUMN=a,b" with `least` names or one more after the sign. */
struct shape {
  const char *option, *form;
  size_t least;
};

static enum err read_one(struct fit_list *out, const struct shape *shape, const char *text, struct arena *arena,
                         struct error *error) {
  enum err err = fit_list_parse(out, shape->option, shape->form, text, arena, error);
  if (err || out->values == shape->least || out->values == shape->least + 1) return err;
  return fail(error, ERR_USAGE, "columns", shape->option, "%s wants %s, not '%s'", shape->option, shape->form, text);
}

enum err fit_columns_read(struct fit_columns *columns, const struct repeated *within, const struct repeated *lag,
                          struct arena *arena, struct error *error) {
  static const struct shape parts = {"--within", "COLUMN=patient or COLUMN=patient,therapist", 1};
  static const struct shape lags = {"--lag", "COLUMN=session,patient or COLUMN=session,patient,therapist", 2};
  enum err err = OK;
  for (size_t i = 0; i < within->count && !err; i++)
    err = read_one(&columns->within[columns->withins++], &parts, within->values[i], arena, error);
  for (size_t i = 0; i < lag->count && !err; i++)
    err = read_one(&columns->lag[columns->lags++], &lags, lag->values[i], arena, error);
  return err;
}

static bool is_joined(const char *name, const char *first, const char *second) {
  size_t length = strlen(first);
  return !strncmp(name, first, length) && name[length] == '_' && !strcmp(name + length + 1, second);
}

static bool is_part(const struct fit_columns *columns, const char *name) {
  for (size_t i = 0; i < columns->withins; i++) {
    const struct fit_list *one = &columns->within[i];
    if (is_joined(name, one->column, "within")) return true;
    for (size_t k = 0; k < one->values; k++)
      if (is_joined(name, one->column, one->value[k])) return true;
  }
  return false;
}

bool fit_columns_make(const struct fit_columns *columns, const char *name) {
  for (size_t i = 0; i < columns->lags; i++)
    if (is_joined(name, columns->lag[i].column, "lag")) return true;
  return is_part(columns, name);
}

enum err fit_columns_add(struct fit_columns *columns, struct stats_table *table, const struct stats_memory *memory,
                         struct error *error) {
  struct stats_error said;
  for (size_t i = 0; i < columns->withins; i++) {
    const struct fit_list *one = &columns->within[i];
    if (stats_table_within(table, one->column, one->value[0], one->values > 1 ? one->value[1] : NULL, memory, &said))
      return fit_error(&said, error);
  }
  for (size_t i = 0; i < columns->lags; i++) {
    const struct fit_list *one = &columns->lag[i];
    const struct stats_lag_columns lag = {one->column, one->value[0], one->value[1],
                                          one->values > 2 ? one->value[2] : NULL};
    if (stats_table_lag(table, &lag, memory, &columns->sessions[i], &said)) return fit_error(&said, error);
  }
  return OK;
}

/* The lag of the response's own deviations from the patient's mean: "x_within" where x or x_within is the response. */
static bool is_own_past(const struct fit_columns *columns, const char *column, const char *response) {
  for (size_t i = 0; i < columns->withins; i++) {
    const char *whole = columns->within[i].column;
    if (is_joined(column, whole, "within") && (!strcmp(response, whole) || !strcmp(response, column))) return true;
  }
  return false;
}

void fit_columns_note(const struct fit_columns *columns, const struct fit_context *context) {
  json_t *all = json_array();
  for (size_t i = 0; i < columns->lags; i++) {
    const char *column = columns->lag[i].column;
    if (!is_own_past(columns, column, context->model->response)) continue;
    for (size_t j = 0; j < context->model->p; j++) {
      const struct stats_coefficient *c = &context->model->fixed[j];
      if (!is_joined(c->name, column, "lag")) continue;
      double sessions = columns->sessions[i], bias = stats_nickell_bias(c->estimate, sessions);
      json_array_append_new(
          all, json_pack("{s:s, s:f, s:o}", "name", c->name, "sessions", sessions, "bias", fit_number(bias)));
      if (!context->document)
        printf(
            "\n%s is centred at the patient's mean: with %.3g sessions a patient its coefficient is biased by about\n"
            "-(1 + phi) / (sessions - 1) = %.3f (Nickell 1981). --model carry-over has no such bias.\n",
            c->name, sessions, bias);
    }
  }
  if (context->document && json_array_size(all)) json_object_set(context->document, "nickell", all);
  json_decref(all);
}
