/* stats_power.h: the power of a trial with sessions in patients in therapists, by simulation and, where it is exact, in
 * closed form.
 *
 * Every arm has its own mean intercept and slope; intercepts and slopes vary between patients and between therapists:
 *
 *     y = (b0 + b1 time) by arm + (u0 + u1 time) of the patient + (v0 + v1 time) of the therapist + e
 *
 * A trial is simulated by its sufficient statistics (Z'y of each patient, and the pooled residual chi-square: all that
 * the likelihood sees, because the columns of X lie in the span of a patient's Z), fitted by REML with exact gradients
 * and tested. Random streams are counter-based: trial i of a seed is the same whatever else is run, so the answer does
 * not depend on the number of threads.
 *
 * Closed form: with equal sizes and no dropout the comparison of therapists' mean slopes is an exact t test, so that
 * its power is a noncentral t (R. Murphy, B. Myors, A. Wolach, Statistical Power Analysis (2014); for growth models: S.
 * W. Raudenbush and X.-F. Liu, Psychological Methods 6 (2001) 387). Elsewhere it is an approximation: the true standard
 * error with Satterthwaite's df at the true variances, and says so.
 *
 * Degrees of freedom: Satterthwaite by R. W. Fai and P. L. Cornelius, Journal of Statistical Computation and Simulation
 * 54 (1996) 363 (observed information, as lmerTest); M. G. Kenward and J. H. Roger, Biometrics 53 (1997) 983, for one
 * contrast. */
#ifndef ATTUNE_STATS_POWER_H
#define ATTUNE_STATS_POWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attune/stats_model.h"

#ifdef __cplusplus
extern "C" {
#endif

#define STATS_POWER_ARMS 8
#define STATS_POWER_TIMES 200

/* How many patients a therapist has. */
enum stats_sizes {
  STATS_SIZES_FIXED,   /* `fixed` each */
  STATS_SIZES_LISTED,  /* list[0 .. therapists - 1] */
  STATS_SIZES_POISSON, /* Poisson with mean `mean`, drawn anew in every trial, at least `least` */
  STATS_SIZES_UNIFORM  /* whole numbers `least` .. `most`, likewise */
};

struct stats_arm_sizes {
  size_t therapists;
  enum stats_sizes sizes;
  size_t fixed, least, most;
  double mean;
  const size_t *list;
  bool no_therapists; /* partial nesting: `therapists` x size patients with no therapist effect */
};

/* Who is still there: `kept[j]` is the share of patients who give session j, falling from kept[0] = 1. Dropout is drawn
 * anew in every trial and lasts. */
struct stats_arm {
  struct stats_arm_sizes patients;
  double intercept, slope; /* expected at time 0, and per unit of time */
  double kept[STATS_POWER_TIMES];
};

/* Variances of intercept and slope and their covariance, in the units of the response and of time. */
struct stats_level {
  double intercept, covariance, slope;
  bool fit_intercept, fit_slope, fit_covariance; /* what the model estimates; the covariance only with both others */
};

struct stats_power_design {
  size_t arms;
  struct stats_arm arm[STATS_POWER_ARMS];
  size_t times;
  double time[STATS_POWER_TIMES]; /* increasing */
  double residual;                /* variance */
  struct stats_level patient, therapist;
  /* The test: between arms `from` and `to`, of weight[0] * intercept + weight[1] * slope; {0, 1} is arm:time. */
  size_t from, to;
  double weight[2];
};

struct stats_power_options {
  size_t trials, threads; /* threads: 0 is one */
  uint64_t seed;
  enum stats_df df; /* Satterthwaite, Kenward-Roger, between (therapists - arms), or none (z) */
  double alpha;     /* two-sided, 0.05 */
  /* Called now and then, from one thread at a time, with the number of trials done; NULL for none. */
  void (*progress)(void *state, size_t done, size_t trials);
  void *state;
};

struct stats_power_result {
  size_t trials, rejected;
  size_t failed;        /* fits that did not converge, or trials that lost an arm: counted as not rejecting */
  size_t not_estimable; /* of these, trials whose data held no estimate of the contrast */
  size_t singular;      /* fits on the boundary: ordinary results */
  double power, mcse;   /* rejected / trials and its binomial standard error */
  double mean_estimate, sd_estimate, mean_se, mean_df, median_df; /* over fitted trials; NaN if none */
  double coverage;                                                /* of the (1 - alpha) intervals */
  double mean_evaluations;
};

struct stats_power_closed {
  bool exact;           /* equal sizes, no dropout: the t test is exact */
  double se, df, power; /* at the expected sizes where sizes or dropout are random */
  double effect;        /* the contrast's true value */
};

/* What is wrong with a design, in a sentence; STATS_OK if nothing. */
enum stats_status stats_power_check(const struct stats_power_design *design, struct stats_error *error);

enum stats_status stats_power_closed_form(const struct stats_power_design *design, double alpha,
                                          const struct stats_memory *memory, struct stats_power_closed *closed,
                                          struct stats_error *error);

/* Memory: about 40 bytes a trial and a few kilobytes a therapist and thread. */
enum stats_status stats_power_run(const struct stats_power_design *design, const struct stats_power_options *options,
                                  const struct stats_memory *memory, struct stats_power_result *result,
                                  struct stats_error *error);

/* One trial of the design, session by session: for a look at data such as the power is computed for. */
struct stats_power_row {
  size_t arm;                         /* of the design's arms, from 0 */
  size_t therapist, patient, session; /* from 1; therapist 0: patients without one */
  double time, rating;
};
/* Hands every session to `take`, patient by patient; stops when it returns false. The same seed gives the same bytes
 * anywhere: every therapist and patient has a random stream of their own. */
enum stats_status stats_power_simulate(const struct stats_power_design *design, uint64_t seed,
                                       const struct stats_memory *memory,
                                       bool (*take)(void *state, const struct stats_power_row *row), void *state,
                                       struct stats_error *error);

#ifdef __cplusplus
}
#endif
#endif
