#include <math.h>
#include <string.h>

#include "stats/model_df.h"
#include "stats/model_restart.h"
#include "stats/model_robust.h"

#define RESIDUAL_LEAST 1e-14 /* share of the response's variance below which the residual is rounding */
#define TRY(call)                                                                                                      \
  do {                                                                                                                 \
    enum stats_status try_ = call;                                                                                     \
    if (try_) return try_;                                                                                             \
  } while (0)

/* --- from the scaled columns back to the user's ------------------------------------------------------------------- */

static enum stats_status find_transforms(struct stats_model_work *work, struct stats_error *error) {
  const struct model_data *data = &work->data;
  size_t p = data->p;
  if (!(work->to_beta = model_take(work->memory, p * p + 1, sizeof *work->to_beta))) return model_no_memory(error);
  for (size_t j = 0; j < p; j++) {
    const struct data_column *column = &data->column[data->x[j]];
    work->to_beta[j * p + j] = 1 / column->scale;
    if (column->centred) work->to_beta[j] -= column->centre / column->scale;
  }
  work->y_scale = data->column[data->response].scale;
  work->y_centre = data->column[data->response].centre;
  return STATS_OK;
}

static enum stats_status fill_fixed(struct stats_model *model, struct stats_error *error) {
  struct stats_model_work *work = model->work;
  const struct model_data *data = &work->data;
  size_t p = model->p = data->p;
  model->fixed = model_take(work->memory, p, sizeof *model->fixed);
  model->vcov = model_take(work->memory, p * p + 1, sizeof *model->vcov);
  double *scratch = model_take(work->memory, 3 * p * p + 1, sizeof *scratch);
  if (!model->fixed || !model->vcov || !scratch) return model_no_memory(error);
  double *v = scratch + 2 * p * p;
  for (size_t j = 0; j < p; j++) {
    struct stats_coefficient *c = &model->fixed[j];
    c->name = work->frame.fixed.column[data->x_frame[j]].name;
    c->df = INFINITY;
    for (size_t i = j; i < p; i++) c->estimate += work->to_beta[j * p + i] * work->kernel_work->beta[i];
    c->estimate *= work->y_scale;
    if (j == 0 && data->column[data->response].centred) c->estimate += work->y_centre;
  }
  for (size_t i = 0; i < p * p; i++) v[i] = work->outcome.sigma2 * work->kernel_work->inverse[i];
  TRY(model_carry_covariance(model, v, scratch, error));
  model_fill_tests(model);
  return STATS_OK;
}

static enum stats_status fill_dropped(struct stats_model *model, struct stats_error *error) {
  const struct model_data *data = &model->work->data;
  const char **name = model_take(model->work->memory, data->dropped_count, sizeof *name);
  if (!name) return model_no_memory(error);
  for (size_t i = 0; i < data->dropped_count; i++) name[i] = model->work->frame.fixed.column[data->dropped[i]].name;
  model->dropped = data->dropped_count;
  model->dropped_name = name;
  return STATS_OK;
}

static void lower_block(double *lambda, const double *theta, size_t n) {
  memset(lambda, 0, n * n * sizeof *lambda);
  for (size_t j = 0; j < n; j++)
    for (size_t i = j; i < n; i++) lambda[i * n + j] = *theta++;
}

/* Lower Cholesky factor of a positive semidefinite matrix, zero columns where it is singular. */
static void semidefinite_factor(const double *d, double *l, size_t n) {
  memset(l, 0, n * n * sizeof *l);
  for (size_t j = 0; j < n; j++) {
    double pivot = d[j * n + j];
    for (size_t k = 0; k < j; k++) pivot -= l[j * n + k] * l[j * n + k];
    if (!(pivot > 1e-12 * d[j * n + j])) continue;
    l[j * n + j] = sqrt(pivot);
    for (size_t i = j + 1; i < n; i++) {
      double sum = d[i * n + j];
      for (size_t k = 0; k < j; k++) sum -= l[i * n + k] * l[j * n + k];
      l[i * n + j] = sum / l[j * n + j];
    }
  }
}

static enum stats_status fill_random_term(struct stats_model *model, size_t t, struct stats_error *error) {
  struct stats_model_work *work = model->work;
  const struct kernel_term *term = &work->data.kernel.term[t];
  const struct frame_term *from = &work->frame.term[work->data.order[t]];
  struct stats_random *random = &model->random[t];
  size_t n = term->size;
  const char **name = model_take(work->memory, n, sizeof *name);
  random->covariance = model_take(work->memory, n * n, sizeof *random->covariance);
  random->theta = model_take(work->memory, packed_size(n), sizeof *random->theta);
  double *scratch = model_take(work->memory, 3 * n * n, sizeof *scratch);
  if (!name || !random->covariance || !random->theta || !scratch) return model_no_memory(error);
  double *a = scratch, *lambda = scratch + n * n, *al = scratch + 2 * n * n;
  for (size_t i = 0; i < n; i++) name[i] = from->columns.column[i].name;
  random->group = from->label;
  random->size = n;
  random->name = name;
  random->levels = work->frame.group[from->group].factor.levels;
  random->level = work->frame.group[from->group].factor.level;
  model_effect_transform(work, t, a);
  lower_block(lambda, work->theta + term->theta, n);
  matrix_multiply(al, a, lambda, n, n, n, false);
  matrix_multiply_nt(random->covariance, al, al, n, n, n, false);
  for (size_t i = 0; i < n * n; i++) random->covariance[i] *= work->y_scale * work->y_scale;
  semidefinite_factor(random->covariance, lambda, n); /* relative to sigma2 of the scaled response */
  for (size_t j = 0, at = 0; j < n; j++)
    for (size_t i = j; i < n; i++) random->theta[at++] = lambda[i * n + j] / work->y_scale;
  for (size_t i = 0; i < n * n; i++) random->covariance[i] *= work->outcome.sigma2;
  return STATS_OK;
}

static void fill_scalars(struct stats_model *model) {
  const struct stats_model_work *work = model->work;
  const struct kernel *kernel = &work->data.kernel;
  double df = (double)(kernel->n - (kernel->reml ? kernel->p : 0));
  double constant = 2 * df * log(work->y_scale);
  for (size_t j = 0; j < kernel->p && kernel->reml; j++) constant -= 2 * log(work->to_beta[j * kernel->p + j]);
  for (size_t i = 0; work->frame.weight && i < work->frame.table->rows; i++)
    if (!work->frame.dropped || !work->frame.dropped[i]) constant -= log(work->frame.weight[i]);
  model->criterion = work->outcome.criterion + constant;
  model->starts.other += constant;
  model->sigma2 = work->outcome.sigma2 * work->y_scale * work->y_scale;
  model->gradient = work->outcome.gradient;
  model->singular = work->outcome.singular;
  model->evaluations = work->outcome.evaluations;
  model->n = work->frame.n;
  model->rows_dropped = work->frame.rows_dropped;
  model->response = work->frame.variable[work->formula.response].label;
}

/* --- the fit ------------------------------------------------------------------------------------------------------ */

/* An order of each term's columns by falling variance, so that the factor's first pivots are not the ones that vanish
 * (a zero in front leaves a circle of equivalent factors behind it, which no search follows well); and theta in it. */
static enum stats_status reorder(struct stats_model_work *work, size_t ***order, double **theta, bool *changed,
                                 struct stats_error *error) {
  const struct model_data *data = &work->data;
  *order = model_take(work->memory, data->kernel.terms, sizeof **order);
  *theta = model_take(work->memory, data->kernel.thetas, sizeof **theta);
  *changed = false;
  if (!*order || !*theta) return model_no_memory(error);
  for (size_t t = 0; t < data->kernel.terms; t++) {
    const struct kernel_term *term = &data->kernel.term[t];
    size_t n = term->size, *by = model_take(work->memory, 2 * n, sizeof *by);
    double *d = model_take(work->memory, n * n, sizeof *d), *l = model_take(work->memory, n * n, sizeof *l);
    double *turned = model_take(work->memory, n * n, sizeof *turned);
    if (!by || !d || !l || !turned) return model_no_memory(error);
    lower_block(l, work->theta + term->theta, n);
    matrix_multiply_nt(d, l, l, n, n, n, false);
    for (size_t i = 0; i < n; i++) {
      size_t at = i;
      for (; at > 0 && d[by[at - 1] * n + by[at - 1]] < d[i * n + i]; at--) by[at] = by[at - 1];
      by[at] = i;
    }
    for (size_t i = 0; i < n; i++) {
      *changed |= by[i] != i;
      by[n + i] = data->z_frame[t][by[i]];
      for (size_t j = 0; j < n; j++) turned[i * n + j] = d[by[i] * n + by[j]];
    }
    (*order)[t] = by + n;
    semidefinite_factor(turned, l, n);
    for (size_t j = 0, at = term->theta; j < n; j++)
      for (size_t i = j; i < n; i++) (*theta)[at++] = l[i * n + j];
  }
  return STATS_OK;
}

static enum stats_status minimise(struct stats_model_work *work, struct stats_error *error) {
  const struct kernel *kernel = &work->data.kernel;
  if (!(work->kernel_work = kernel_work_new(kernel, work->memory))) return model_no_memory(error);
  work->kernel_work->progress = work->progress;
  bool fine = kernel_fit(kernel, work->kernel_work, work->theta, NULL, work->memory, &work->outcome);
  if (!fine || work->outcome.sigma2 < RESIDUAL_LEAST)
    return model_fail(
        error, STATS_NOT_FITTED, "",
        "the model fits the response exactly, or the numbers run out of range: no residual variance is left "
        "to estimate");
  return STATS_OK;
}

static enum stats_status build_and_minimise(struct stats_model_work *work, bool reml, enum stats_df df,
                                            struct stats_error *error) {
  size_t **order = NULL;
  bool changed = false;
  TRY(data_build(&work->frame, reml, NULL, work->memory, &work->data, error));
  TRY(model_check_cost(work, df, error));
  if (!(work->theta = model_take(work->memory, work->data.kernel.thetas, sizeof *work->theta)))
    return model_no_memory(error);
  kernel_start(&work->data.kernel, work->theta);
  TRY(minimise(work, error));
  for (int round = 0; round < 3 && work->outcome.gradient > 1e-7; round++) {
    size_t evaluations = work->outcome.evaluations;
    double *theta;
    TRY(reorder(work, &order, &theta, &changed, error));
    if (!changed) break;
    work->theta = theta;
    TRY(data_build(&work->frame, reml, order, work->memory, &work->data, error));
    TRY(minimise(work, error));
    work->outcome.evaluations += evaluations;
  }
  return STATS_OK;
}

enum stats_status stats_model_fit(const char *formula, const struct stats_table *table,
                                  const struct stats_model_options *options, const struct stats_memory *memory,
                                  struct stats_model **out, struct stats_error *error) {
  struct stats_model *model = model_take(memory, 1, sizeof *model);
  struct stats_model_work *work = model_take(memory, 1, sizeof *work);
  *out = NULL;
  if (!model || !work) return model_no_memory(error);
  work->memory = memory;
  work->progress = options->progress;
  model->work = work;
  model->formula = formula;
  model->ml = options->ml;
  model->df = options->df;
  TRY(formula_read(formula, memory, &work->formula, error));
  TRY(frame_build(&work->formula, table, options->weights, memory, &work->frame, error));
  TRY(build_and_minimise(work, !options->ml, options->cluster ? STATS_DF_NONE : options->df, error));
  TRY(model_search_elsewhere(work, &model->starts, error));
  TRY(find_transforms(work, error));
  fill_scalars(model);
  TRY(fill_fixed(model, error));
  TRY(fill_dropped(model, error));
  model->terms = work->frame.terms;
  if (!(model->random = model_take(memory, model->terms, sizeof *model->random))) return model_no_memory(error);
  for (size_t t = 0; t < model->terms; t++) TRY(fill_random_term(model, t, error));
  if (options->cluster && options->weights)
    return model_fail(error, STATS_BAD_FORMULA, "weights", "cluster-robust standard errors do not go with weights");
  if (options->cluster)
    TRY(model_find_robust(model, options->cluster, error));
  else
    TRY(model_find_df(model, options->df, error));
  *out = model;
  return STATS_OK;
}
