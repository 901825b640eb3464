/* stats.h: the numerical core as one header. Pure: C17, libm's sqrt and threads; memory handed in, no I/O, no globals.
 */
#ifndef ATTUNE_STATS_H
#define ATTUNE_STATS_H

#include "attune/stats_agreement.h"
#include "attune/stats_math.h"
#include "attune/stats_distributions.h"
#include "attune/stats_power.h"
#include "attune/stats_random.h"
#include "attune/stats_model.h"
#include "attune/stats_accuracy.h"

#endif
