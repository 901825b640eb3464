/* stats_predict.h: what a fitted model says of other rows: predictions with intervals, estimated means and their
 * differences, with the degrees of freedom that the model was fitted with (not after CR2).
 *
 * Predictions are those of the fixed effects and offsets: of a patient, therapist ... not in the data. */
#ifndef ATTUNE_STATS_PREDICT_H
#define ATTUNE_STATS_PREDICT_H

#include "attune/stats_model.h"

struct stats_prediction {
  double fit, se, df;       /* of the mean; NaN where the row lacks a value */
  double low, high;         /* interval of the mean */
  double new_low, new_high; /* of a new observation (of weight 1) of new groups: se^2 + z'Dz of every term + sigma2 */
};

/* `table` has the columns of the fixed and random effects and offsets by the same names; its factors may order their
 * levels in any way, but a level that the fit did not have is refused. out[table->rows]. */
enum stats_status stats_model_predict(struct stats_model *model, const struct stats_table *table, double level,
                                      struct stats_prediction *out, struct stats_error *error);

/* Estimated means (least-squares means: Searle, Speed & Milliken 1980, American Statistician 34:216; as R's emmeans):
 * the prediction for each combination of the levels of `factor`, averaged with equal weights over the levels of every
 * other factor of the fixed effects, covariates at their mean over the rows that count, or at `at`. */
struct stats_means_request {
  const char *const *factor; /* columns */
  size_t factors;
  const char *const *at; /* columns of covariates, with their values */
  const double *value;
  size_t ats;
  double level; /* of the intervals */
};
struct stats_mean {
  const char *name; /* "control", "control female"; of a difference "programme - control" */
  double estimate, se, df, t, p, low, high;
  double p_holm; /* of a difference: adjusted for all of them (Holm 1979) */
};
struct stats_means {
  struct stats_mean *mean, *difference;
  size_t means, differences; /* differences: of all pairs, later level less earlier */
};
enum stats_status stats_model_means(struct stats_model *model, const struct stats_means_request *request,
                                    struct stats_means *out, struct stats_error *error);

#endif
