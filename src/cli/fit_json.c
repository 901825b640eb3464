#include <math.h>

#include "cli/fit_print.h"

json_t *fit_number(double x) {
  return isfinite(x) ? json_real(x) : json_null();
}

static json_t *matrix(const double *m, size_t rows, size_t columns) {
  json_t *out = json_array();
  for (size_t i = 0; i < rows; i++) {
    json_t *row = json_array();
    for (size_t j = 0; j < columns; j++) json_array_append_new(row, fit_number(m[i * columns + j]));
    json_array_append_new(out, row);
  }
  return out;
}

static json_t *names(const char *const *name, size_t count) {
  json_t *out = json_array();
  for (size_t i = 0; i < count; i++) json_array_append_new(out, json_string(name[i]));
  return out;
}

static json_t *coefficients(const struct stats_model *model) {
  json_t *out = json_array();
  for (size_t j = 0; j < model->p; j++) {
    const struct stats_coefficient *c = &model->fixed[j];
    json_array_append_new(out, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "name", c->name, "estimate",
                                         fit_number(c->estimate), "se", fit_number(c->se), "df", fit_number(c->df), "t",
                                         fit_number(c->t), "p", fit_number(c->p)));
  }
  return out;
}

static json_t *random_terms(const struct stats_model *model) {
  json_t *out = json_object();
  for (size_t t = 0; t < model->terms; t++) {
    const struct stats_random *r = &model->random[t];
    json_object_set_new(out, r->group,
                        json_pack("{s:o, s:o, s:I, s:o}", "names", names(r->name, r->size), "covariance",
                                  matrix(r->covariance, r->size, r->size), "levels", (json_int_t)r->levels, "theta",
                                  matrix(r->theta, 1, r->size * (r->size + 1) / 2)));
  }
  return out;
}

json_t *fit_json(const struct stats_model *model) {
  static const char *const methods[] = {"satterthwaite", "kenward-roger", "between-within", "none"};
  json_t *out = json_object();
  json_object_set_new(out, "formula", json_string(model->formula));
  json_object_set_new(out, "method", json_string(model->ml ? "ML" : "REML"));
  json_object_set_new(out, "n", json_integer((json_int_t)model->n));
  json_object_set_new(out, "rows_dropped", json_integer((json_int_t)model->rows_dropped));
  json_object_set_new(out, "columns_dropped", names(model->dropped_name, model->dropped));
  json_object_set_new(out, "criterion", fit_number(model->criterion));
  json_object_set_new(out, "sigma2", fit_number(model->sigma2));
  json_object_set_new(out, "df_method", json_string(model->cluster ? "cr2" : methods[model->df]));
  json_object_set_new(out, "fixed", coefficients(model));
  json_object_set_new(out, "vcov", matrix(model->vcov, model->p, model->p));
  json_object_set_new(out, "random", random_terms(model));
  json_object_set_new(out, "gradient", fit_number(model->gradient));
  json_object_set_new(out, "singular", json_boolean(model->singular));
  json_object_set_new(out, "evaluations", json_integer((json_int_t)model->evaluations));
  json_object_set_new(out, "starts",
                      json_pack("{s:I, s:I, s:o}", "tried", (json_int_t)model->starts.tried, "apart",
                                (json_int_t)model->starts.apart, "other", fit_number(model->starts.other)));
  return out;
}
