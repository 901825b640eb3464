/* model_restart.h: other starts of the search.
 *
 * The criterion of a few dozen rows with several variance terms may have more than one valley. Searches that end in the
 * lower one from one side end from the other at a point where some variance is zero, which is stationary too: seen in
 * one of a thousand such fits, and never told by the gradient. So a singular solution is looked at from elsewhere. */
#ifndef ATTUNE_STATS_MODEL_RESTART_H
#define ATTUNE_STATS_MODEL_RESTART_H

#include "stats/model_work.h"

/* Where work->outcome is singular: searches again from starts that favour one effect after another, keeps the lowest
 * end (also in work->theta, with the kernel's work evaluated there), and says in *starts how they ended. */
enum stats_status model_search_elsewhere(struct stats_model_work *work, struct stats_starts *starts,
                                         struct stats_error *error);

#endif
