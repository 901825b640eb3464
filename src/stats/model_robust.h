/* model_robust.h: cluster-robust standard errors (CR2). */
#ifndef ATTUNE_STATS_MODEL_ROBUST_H
#define ATTUNE_STATS_MODEL_ROBUST_H

#include "stats/model_work.h"

/* CR2 covariance and Satterthwaite df over the clusters of a column; fills the tests. */
enum stats_status model_find_robust(struct stats_model *model, const char *cluster, struct stats_error *error);

#endif
