/* model_df.h: degrees of freedom and adjusted covariances of the fixed effects, from second-order derivatives. */
#ifndef ATTUNE_STATS_MODEL_DF_H
#define ATTUNE_STATS_MODEL_DF_H

#include "stats/model_fit.h"

/* Sets df (and under Kenward-Roger the adjusted vcov), t and p of all coefficients. */
enum stats_status model_find_df(struct stats_model *model, enum stats_df df, struct stats_error *error);

#endif
