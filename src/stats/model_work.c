#include "stats/model_work.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "attune/stats_distributions.h"

void model_effect_transform(const struct stats_model_work *work, size_t term, double *a) {
  const struct model_data *data = &work->data;
  size_t n = data->kernel.term[term].size;
  memset(a, 0, n * n * sizeof *a);
  for (size_t k = 0; k < n; k++) {
    const struct data_column *column = &data->column[data->z[term][k]];
    a[data->z_frame[term][k] * n + k] = 1 / column->scale;
    if (column->centred) a[k] -= column->centre / column->scale;
  }
}

enum stats_status model_carry_covariance(struct stats_model *model, const double *v, double *scratch,
                                         struct stats_error *error) {
  const struct stats_model_work *work = model->work;
  size_t p = work->data.p;
  double *factor = scratch, *carried = scratch + p * p, *out = model->vcov;
  matrix_multiply(carried, work->to_beta, v, p, p, p, false);
  matrix_multiply_nt(out, carried, work->to_beta, p, p, p, false);
  /* Once more by its factor, as sums of squares: where columns of very different size leave no digits the two differ,
   * and degrees of freedom made of the same differences would be noise. */
  memcpy(factor, v, p * p * sizeof *factor);
  bool factored = matrix_cholesky(factor, p);
  if (factored) matrix_multiply(carried, work->to_beta, factor, p, p, p, false);
  for (size_t j = 0; j < p; j++) {
    double direct = out[j * p + j], squares = 0;
    for (size_t k = 0; factored && k < p; k++) squares += carried[j * p + k] * carried[j * p + k];
    bool kept = direct > 0 && direct <= DBL_MAX && (!factored || fabs(direct - squares) <= 1e-6 * squares);
    if (!kept)
      return model_fail(error, STATS_NOT_FITTED, model->fixed[j].name,
                        "the variance of %s is lost to rounding: centre the columns, or bring them to like sizes",
                        model->fixed[j].name);
  }
  for (size_t i = 0; i < p * p; i++) out[i] *= work->y_scale * work->y_scale;
  return STATS_OK;
}

void model_fill_tests(struct stats_model *model) {
  for (size_t j = 0; j < model->p; j++) {
    struct stats_coefficient *c = &model->fixed[j];
    c->se = sqrt(model->vcov[j * model->p + j]);
    c->t = c->estimate / c->se;
    c->p = stats_t_two_sided(c->t, c->df);
  }
}
