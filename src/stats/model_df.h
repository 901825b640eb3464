/* model_df.h: degrees of freedom and adjusted covariances of the fixed effects. */
#ifndef ATTUNE_STATS_MODEL_DF_H
#define ATTUNE_STATS_MODEL_DF_H

#include "stats/model_work.h"

/* Refuses, before anything is fitted, what would take too much time or memory, and says what is cheaper. */
enum stats_status model_check_cost(const struct stats_model_work *work, enum stats_df df, struct stats_error *error);
/* Sets df (and under Kenward-Roger the adjusted vcov), t and p of all coefficients. */
enum stats_status model_find_df(struct stats_model *model, enum stats_df df, struct stats_error *error);
/* A contrast of the user's coefficients in the kernel's columns: out = T' contrast. */
void model_contrast(const struct stats_model *model, const double *contrast, double *out);

#endif
