/* model_work.h (inside): what the parts of a fitted model share. */
#ifndef ATTUNE_STATS_MODEL_WORK_H
#define ATTUNE_STATS_MODEL_WORK_H

#include "stats/model_base.h"
#include "stats/model_curvature.h"
#include "stats/model_data.h"

struct stats_model_work {
  const struct stats_memory *memory;
  struct stats_progress progress;
  struct formula formula;
  struct frame frame;
  struct model_data data;
  struct kernel_work *kernel_work; /* evaluated at theta */
  double *theta;                   /* of the centred and scaled columns */
  struct kernel_outcome outcome;
  double *to_beta; /* [p * p] T: beta = centre of y in the intercept + scale of y * T * beta_c */
  double y_scale, y_centre;
  struct curvature *curvature; /* when it was asked for */
};

/* A of one kernel term (b = A b_c, up to the scale of y): size x size, row by row. */
void model_effect_transform(const struct stats_model_work *work, size_t term, double *a);
/* model->vcov, of beta in the user's columns, from v, that of the scaled ones: y_scale^2 T v T'. STATS_NOT_FITTED where
 * rounding leaves less than six digits of a variance. scratch holds 2 p^2. */
enum stats_status model_carry_covariance(struct stats_model *model, const double *v, double *scratch,
                                         struct stats_error *error);
/* Fills se, t, p of the coefficients from vcov and df. */
void model_fill_tests(struct stats_model *model);

#endif
