/* stats_model.h: linear mixed models, the lme4 formula and everything that is read from a fit.
 *
 * The model (Laird & Ware 1982; Bates, Maechler, Bolker & Walker 2015, "Fitting linear mixed-effects models using
 * lme4", J Stat Softw 67(1)):
 *
 *     y = X beta + sum over terms t of Z_t b_t + e,   b_t ~ N(0, sigma2 * Lambda_t Lambda_t'),   e ~ N(0, sigma2 I)
 *
 * beta and sigma2 are profiled out; the criterion is a function of theta (the lower triangles of the relative
 * Cholesky factors Lambda_t, column by column, term after term). Grouping factors that nest (sessions in patients in
 * therapists, any depth) take the fast path, whose memory grows with the number of groups and not of rows; crossed
 * factors are eliminated into one dense block.
 *
 *     struct stats_error error;
 *     struct stats_model *model;
 *     struct stats_model_options options = {.df = STATS_DF_SATTERTHWAITE};
 *     if (stats_model_fit("y ~ arm*time + (1 + time | patient)", &table, &options, &memory, &model, &error)) ...
 *
 * Pure: no input or output, no globals; every byte comes from the `struct stats_memory` handed in, and lives as long
 * as that memory does. A model keeps pointers into the table: the table must outlive it. */
#ifndef ATTUNE_STATS_MODEL_H
#define ATTUNE_STATS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where memory comes from: `take` gives zeroed bytes aligned for any type that live until their owner drops them all
 * at once, or NULL when there are none left (the call then returns STATS_NO_MEMORY). */
struct stats_memory {
  void *(*take)(void *state, size_t bytes);
  void *state;
};

enum stats_status {
  STATS_OK = 0,
  STATS_BAD_FORMULA, /* the formula does not parse, or asks for what no model has */
  STATS_BAD_DATA,    /* the columns do not fit the formula; `field` names the column */
  STATS_NOT_FITTED,  /* the criterion has no finite optimum that could be reached */
  STATS_NO_MEMORY
};

/* What went wrong, in one English sentence. */
struct stats_error {
  enum stats_status status;
  char field[64];
  char text[480];
};

/* One column: numbers (NaN = missing), or a factor: `code` 0 .. levels-1 (-1 = missing) into the names `level`, whose
 * first is the reference. Exactly one of `number` and `code` is set. */
struct stats_column {
  const char *name;
  const double *number;
  const int32_t *code;
  const char *const *level;
  size_t levels;
};

struct stats_table {
  size_t rows, columns;
  const struct stats_column *column;
};

/* How the degrees of freedom of t and F tests are found. */
enum stats_df {
  STATS_DF_SATTERTHWAITE,  /* Giesbrecht & Burns 1985; Fai & Cornelius 1996; as lmerTest has it */
  STATS_DF_KENWARD_ROGER,  /* Kenward & Roger 1997, with their adjusted covariance; as pbkrtest has it */
  STATS_DF_BETWEEN_WITHIN, /* counts of groups and coefficients, see docs/fit.md */
  STATS_DF_NONE            /* z tests */
};

/* Told after every evaluation of the criterion, if `tell` is not NULL: how many there were, and the criterion's
 * derivative that is to vanish; then, with evaluations 0, that degrees of freedom are sought. */
struct stats_progress {
  void (*tell)(void *state, size_t evaluations, double gradient);
  void *state;
};

struct stats_model_options {
  bool ml; /* maximum likelihood instead of REML */
  enum stats_df df;
  const char *cluster; /* CR2 standard errors over this column; NULL: the model's own */
  struct stats_progress progress;
  const char *weights; /* a column w: the residual's variance is sigma2 / w; NULL: all 1 */
};

struct stats_coefficient {
  const char *name;              /* as lme4 names it: "(Intercept)", "armprogramme", "arm:time" */
  double estimate, se, df, t, p; /* df is infinite under STATS_DF_NONE */
};

/* One random term as written in the formula; `(1 | a/b)` is two of them. */
struct stats_random {
  const char *group;        /* "patient", "cask:batch"; a second term of one group is "patient.1" */
  size_t size, levels;      /* effects a group has; groups */
  const char *const *name;  /* [size] */
  const char *const *level; /* [levels] names of the groups */
  double *covariance;       /* [size * size], not relative */
  double *theta;            /* [size * (size + 1) / 2], lme4's order */
};

/* The test of one term of the formula, all its coefficients at once. */
struct stats_term_test {
  const char *term;
  double numerator_df, denominator_df, f, p;
};

/* Starts of the search. Other starts than the first are tried where that one ends at a singular fit, since such a point
 * may be one of several; what is reported is the lowest end. */
struct stats_starts {
  size_t tried, apart; /* starts that ended; how many of them at a higher criterion than the one reported */
  double other;        /* the lowest of these, on the scale of `criterion` */
};

struct stats_model_work; /* the engine's own part of a model */

struct stats_model {
  size_t n, rows_dropped, p;
  bool ml, singular;
  double criterion; /* REML criterion or deviance, lme4's convention */
  double sigma2;
  struct stats_coefficient *fixed; /* [p] */
  double *vcov;                    /* [p * p] the covariance that the standard errors come from */
  size_t terms;
  struct stats_random *random; /* [terms] in lme4's order: most levels first */
  double gradient;             /* largest absolute derivative at the end, of the criterion by theta (scaled data) */
  size_t evaluations;          /* of the criterion and its gradient */
  struct stats_starts starts;
  size_t dropped; /* columns of X that were linear combinations of others */
  const char *const *dropped_name;
  const char *response, *formula;
  enum stats_df df;
  const char *cluster;
  size_t clusters;
  struct stats_model_work *work;
};

enum stats_status stats_model_fit(const char *formula, const struct stats_table *table,
                                  const struct stats_model_options *options, const struct stats_memory *memory,
                                  struct stats_model **model, struct stats_error *error);

/* Predicted random effects of term `term`: effect[levels * size] and, when `se` is not NULL, their standard errors
 * given theta and beta (lme4's condVar). */
enum stats_status stats_model_random_effects(const struct stats_model *model, size_t term, double *effect, double *se);

/* Fitted values (with the random effects and offsets) of all rows of the table, and the response less these; NaN for rows
 * that were dropped. */
enum stats_status stats_model_fitted(const struct stats_model *model, double *fitted);
enum stats_status stats_model_residuals(const struct stats_model *model, double *residual);

/* Marginal ("type III") tests of the terms of the formula: hypotheses as in SAS and lmerTest (Kuznetsova et al. 2017),
 * with several degrees of freedom by Fai & Cornelius (1996) under Satterthwaite, by Kenward & Roger (1997), or with the
 * smallest df of the coefficients under between-within; F is chi-square / df under STATS_DF_NONE. A model with CR2
 * standard errors has none. `*tests` is an array of `*count`. */
enum stats_status stats_model_term_tests(struct stats_model *model, struct stats_term_test **tests, size_t *count,
                                         struct stats_error *error);

/* Likelihood-ratio test of two fits to the same rows, one nested in the other. Fits by REML must have the same fixed
 * effects. A variance that is zero under the smaller model makes the test conservative (Self & Liang 1987). */
struct stats_likelihood_ratio {
  double chi_square, df, p;
};
enum stats_status stats_model_compare(const struct stats_model *a, const struct stats_model *b,
                                      struct stats_likelihood_ratio *out, struct stats_error *error);

/* One interval of a parameter: a coefficient, the residual SD ("sigma") or the SD of a random effect
 * ("sd((Intercept)|patient)"). */
struct stats_interval {
  const char *name;
  double estimate, low, high;
};
/* Intervals of the coefficients: estimate -/+ t quantile times standard error. `intervals` has room for p. */
void stats_model_wald(const struct stats_model *model, double level, struct stats_interval *intervals);
/* Profile likelihood intervals (of the maximum likelihood criterion, as lme4's confint) of all coefficients, of sigma
 * and of every SD, in this order: `*intervals` has `*count`. A bound that cannot be found is NaN; an SD that may be
 * zero has the lower bound 0. */
enum stats_status stats_model_profile(const struct stats_model *model, double level, struct stats_interval **intervals,
                                      size_t *count, struct stats_error *error);

#endif
