/* model_within.h: degrees of freedom by counting groups and coefficients; model_within.c says how. */
#ifndef ATTUNE_STATS_MODEL_WITHIN_H
#define ATTUNE_STATS_MODEL_WITHIN_H

#include "stats/model_work.h"

enum stats_status model_between_within(struct stats_model *model, struct stats_error *error);

#endif
