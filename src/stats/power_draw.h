/* power_draw.h (inside): one trial drawn from a design. */
#ifndef ATTUNE_STATS_POWER_DRAW_H
#define ATTUNE_STATS_POWER_DRAW_H

#include "attune/stats_random.h"
#include "stats/power_kernel.h"

/* What all trials of a design share. */
struct power_plan {
  const struct stats_power_design *design;
  bool random;            /* sizes or dropout differ from trial to trial */
  size_t clusters, cells; /* the most that a trial can have */
  double therapist[3];    /* Cholesky factor of the therapists' covariance */
  struct sym2 patient;    /* the patients' covariance */
};

/* The Cholesky factor of a level's covariance: [a 0; b c] as a, b, c. */
void power_level_factor(const struct stats_level *level, double factor[3]);
void power_plan_make(struct power_plan *plan, const struct stats_power_design *design);

/* Draws who is there: clusters, cells, counts. From `stream` where the plan is random; a fixed plan uses no chance. */
void power_draw_people(struct power_trial *trial, const struct power_plan *plan, struct stats_stream *stream);
/* Draws the sufficient statistics of the responses of these people. */
void power_draw_response(struct power_trial *trial, const struct power_plan *plan, struct stats_stream *stream);
/* The people to be expected, for calculations without data: sizes at their mean, shares of patients by sessions. */
void power_expected_people(struct power_trial *trial, const struct power_plan *plan);

/* The expected number of patients of a therapist. */
double power_mean_size(const struct stats_arm_sizes *sizes);

#endif
