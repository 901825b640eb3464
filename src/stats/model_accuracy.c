#include "attune/stats_accuracy.h"

#include <math.h>
#include <string.h>

#include "attune/stats_distributions.h"
#include "stats/model_columns.h"
#include "stats/model_df.h"

#define TRY(call)                                                                                                      \
  do {                                                                                                                 \
    enum stats_status try_ = call;                                                                                     \
    if (try_) return try_;                                                                                             \
  } while (0)

/* --- contrasts ---------------------------------------------------------------------------------------------------- */

static double contrast_df(struct stats_model *model, const double *weights, double *scaled) {
  double scale, least = INFINITY;
  model_contrast(model, weights, scaled);
  switch (model->df) {
  case STATS_DF_SATTERTHWAITE:
    return curvature_satterthwaite(model->work->curvature, scaled);
  case STATS_DF_KENWARD_ROGER:
    return curvature_kenward_roger_df(model->work->curvature, scaled, 1, &scale);
  case STATS_DF_BETWEEN_WITHIN:
    for (size_t j = 0; j < model->p; j++)
      if (weights[j] != 0 && model->fixed[j].df < least) least = model->fixed[j].df;
    return least;
  default:
    return INFINITY;
  }
}

enum stats_status stats_model_contrast(struct stats_model *model, const double *weights, struct stats_coefficient *out,
                                       struct stats_error *error) {
  double *scaled = model_take(model->work->memory, model->p + 1, sizeof *scaled), variance = 0;
  if (!scaled) return model_no_memory(error);
  if (model->cluster)
    return model_fail(error, STATS_BAD_FORMULA, "cluster", "combinations of coefficients are not tested under CR2");
  *out = (struct stats_coefficient){.name = ""};
  for (size_t i = 0; i < model->p; i++) {
    out->estimate += weights[i] * model->fixed[i].estimate;
    for (size_t j = 0; j < model->p; j++) variance += weights[i] * weights[j] * model->vcov[i * model->p + j];
  }
  out->se = sqrt(variance);
  out->df = contrast_df(model, weights, scaled);
  out->t = out->estimate / out->se;
  out->p = stats_t_two_sided(out->t, out->df);
  return STATS_OK;
}

/* --- quantities --------------------------------------------------------------------------------------------------- */

static double weight_of(const struct stats_model *model, const char *name, double *weights, double value) {
  for (size_t j = 0; j < model->p; j++)
    if (!strcmp(model->fixed[j].name, name)) {
      weights[j] = value;
      return 1;
    }
  return 0;
}

static enum stats_status add_quantity(struct stats_ready_model *ready, const char *symbol, const char *meaning,
                                      const double *weights, struct stats_error *error) {
  struct stats_quantity *quantity = &ready->quantity[ready->quantities++];
  quantity->symbol = symbol;
  quantity->meaning = meaning;
  TRY(stats_model_contrast(ready->model, weights, &quantity->value, error));
  quantity->value.name = symbol;
  return STATS_OK;
}

/* --- truth and bias ----------------------------------------------------------------------------------------------- */

static enum stats_status bias_columns(struct columns_wider *wider, const struct stats_table *table,
                                      const struct stats_accuracy *c, const struct stats_memory *memory,
                                      struct stats_error *error) {
  const double *p = NULL, *t = NULL;
  double *bias = NULL, *truth = NULL;
  struct columns_groups patient;
  TRY(columns_numbers(table, c->truth, &p, error));
  TRY(columns_numbers(table, c->judgment, &t, error));
  TRY(columns_groups_of(table, c->patient, NULL, memory, &patient, error));
  TRY(columns_add(wider, "bias", memory, &bias, error));
  TRY(columns_add(wider, "truth", memory, &truth, error));
  double mean = stats_decompose(p, &(struct stats_nested){patient.code, NULL, patient.count, 0, table->rows}, memory,
                                &(struct stats_parts){truth, bias, NULL});
  for (size_t i = 0; i < table->rows; i++) bias[i] = t[i] - (bias[i] + mean); /* until now: the patient's mean - mean */
  return STATS_OK;
}

static enum stats_status bias_quantities(struct stats_ready_model *out, const char *arm,
                                         const struct stats_memory *memory, struct stats_error *error) {
  const struct stats_model *model = out->model;
  out->quantity = model_take(memory, 2 * model->p, sizeof *out->quantity);
  double *weights = model_take(memory, model->p, sizeof *weights);
  if (!out->quantity || !weights) return model_no_memory(error);
  for (size_t j = 0; j < model->p; j++) {
    const char *name = model->fixed[j].name;
    bool tracks = strstr(name, "truth") != NULL,
         by_arm = arm && strcmp(name, "(Intercept)") != 0 && strcmp(name, "truth") != 0;
    const char *symbol = by_arm ? model_text(memory, "%s", name) : tracks ? "b1" : "b0";
    const char *meaning = !by_arm  ? (tracks ? "tracking: how far the judgment follows the truth within a patient"
                                             : "direction of bias: judgment above (+) or below (-) the truth")
                          : tracks ? "difference in tracking between arms"
                                   : "difference in bias between arms";
    memset(weights, 0, model->p * sizeof *weights);
    weights[j] = 1;
    TRY(add_quantity(out, symbol, meaning, weights, error));
  }
  return STATS_OK;
}

enum stats_status stats_truth_and_bias(const struct stats_table *table, const struct stats_accuracy *columns,
                                       const struct stats_model_options *options, const struct stats_memory *memory,
                                       struct stats_ready_model *out, struct stats_error *error) {
  struct columns_wider *wider = model_take(memory, 1, sizeof *wider);
  *out = (struct stats_ready_model){.scale = 1};
  if (!wider) return model_no_memory(error);
  if (!columns->patient) return model_fail(error, STATS_BAD_DATA, "", "truth and bias needs the patient's column");
  TRY(columns_widen(wider, table, 2, memory, error));
  TRY(bias_columns(wider, table, columns, memory, error));
  const char *formula = model_text(memory, "bias ~ %s%s%struth + (1 + truth | `%s`)%s%s%s", columns->arm ? "`" : "",
                                   columns->arm ? columns->arm : "", columns->arm ? "` * " : "", columns->patient,
                                   columns->therapist ? " + (1 + truth | `" : "",
                                   columns->therapist ? columns->therapist : "", columns->therapist ? "`)" : "");
  if (!formula) return model_no_memory(error);
  TRY(stats_model_fit(formula, &wider->table, options, memory, &out->model, error));
  return bias_quantities(out, columns->arm, memory, error);
}

/* --- response surface --------------------------------------------------------------------------------------------- */

static enum stats_status surface_columns(struct columns_wider *wider, const struct stats_table *table,
                                         const struct stats_accuracy *c, struct stats_ready_model *out,
                                         const struct stats_memory *memory, struct stats_error *error) {
  const double *p = NULL, *t = NULL;
  double *own = NULL, *other = NULL, sum = 0, square = 0, n = 0;
  TRY(columns_numbers(table, c->truth, &p, error));
  TRY(columns_numbers(table, c->judgment, &t, error));
  TRY(columns_add(wider, "P", memory, &own, error));
  TRY(columns_add(wider, "T", memory, &other, error));
  for (size_t i = 0; i < table->rows; i++) {
    if (isnan(p[i]) || isnan(t[i])) continue;
    sum += p[i] + t[i];
    n += 2;
  }
  out->centre = sum / n;
  for (size_t i = 0; i < table->rows; i++)
    if (!isnan(p[i]) && !isnan(t[i]))
      square += (p[i] - out->centre) * (p[i] - out->centre) + (t[i] - out->centre) * (t[i] - out->centre);
  out->scale = sqrt(square / (n - 1));
  if (!(out->scale > 0))
    return model_fail(error, STATS_BAD_DATA, c->truth, "'%.60s' and '%.60s' do not vary", c->truth, c->judgment);
  for (size_t i = 0; i < table->rows; i++) {
    own[i] = (p[i] - out->centre) / out->scale;
    other[i] = (t[i] - out->centre) / out->scale;
  }
  return STATS_OK;
}

static enum stats_status surface_quantities(struct stats_ready_model *out, const struct stats_memory *memory,
                                            struct stats_error *error) {
  static const char *const names[] = {"(Intercept)", "P", "T", "I(P^2)", "P:T", "I(T^2)"};
  static const struct {
    const char *symbol, *meaning;
    double weight[6];
  } rows[] = {{"b0", "intercept", {1}},
              {"b1", "P", {0, 1}},
              {"b2", "T", {0, 0, 1}},
              {"b3", "P squared", {0, 0, 0, 1}},
              {"b4", "P times T", {0, 0, 0, 0, 1}},
              {"b5", "T squared", {0, 0, 0, 0, 0, 1}},
              {"a1", "slope along agreement (P = T)", {0, 1, 1}},
              {"a2", "curvature along agreement", {0, 0, 0, 1, 1, 1}},
              {"a3", "slope along disagreement (P = -T)", {0, 1, -1}},
              {"a4", "curvature along disagreement", {0, 0, 0, 1, -1, 1}},
              {"a5", "whether the ridge is the line of agreement", {0, 0, 0, 1, 0, -1}}};
  struct stats_model *model = out->model;
  out->quantity = model_take(memory, 11, sizeof *out->quantity);
  double *weights = model_take(memory, model->p, sizeof *weights);
  if (!out->quantity || !weights) return model_no_memory(error);
  for (size_t r = 0; r < 11; r++) {
    memset(weights, 0, model->p * sizeof *weights);
    for (size_t i = 0; i < 6; i++)
      if (rows[r].weight[i] != 0 && !weight_of(model, names[i], weights, rows[r].weight[i]))
        return model_fail(error, STATS_BAD_DATA, names[i], "'%s' cannot be told from the other terms in these data",
                          names[i]);
    TRY(add_quantity(out, rows[r].symbol, rows[r].meaning, weights, error));
  }
  return STATS_OK;
}

enum stats_status stats_response_surface(const struct stats_table *table, const struct stats_accuracy *columns,
                                         const struct stats_model_options *options, const struct stats_memory *memory,
                                         struct stats_ready_model *out, struct stats_error *error) {
  struct columns_wider *wider = model_take(memory, 1, sizeof *wider);
  *out = (struct stats_ready_model){.scale = 1};
  if (!wider) return model_no_memory(error);
  if (!columns->patient || !columns->outcome)
    return model_fail(error, STATS_BAD_DATA, "", "a response surface needs the patient's and the outcome's column");
  TRY(columns_widen(wider, table, 2, memory, error));
  TRY(surface_columns(wider, table, columns, out, memory, error));
  const char *formula = model_text(memory, "`%s` ~ P + T + I(P^2) + P:T + I(T^2) + (1 | `%s`)%s%s%s", columns->outcome,
                                   columns->patient, columns->therapist ? " + (1 | `" : "",
                                   columns->therapist ? columns->therapist : "", columns->therapist ? "`)" : "");
  if (!formula) return model_no_memory(error);
  TRY(stats_model_fit(formula, &wider->table, options, memory, &out->model, error));
  return surface_quantities(out, memory, error);
}
