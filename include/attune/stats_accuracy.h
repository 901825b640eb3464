/* stats_accuracy.h: within and between, lags, accuracy of perception, and permutation inference over therapists, on
 * stats_model.h.
 *
 * Columns are arrays of `rows` values (NaN = missing) and group codes (-1 = missing). */
#ifndef ATTUNE_STATS_ACCURACY_H
#define ATTUNE_STATS_ACCURACY_H

#include "attune/stats_model.h"

/* A linear combination of the coefficients of a model, tested as its coefficients are (not under CR2). */
enum stats_status stats_model_contrast(struct stats_model *model, const double *weights, struct stats_coefficient *out,
                                       struct stats_error *error);

/* ---- within and between (Raudenbush & Bryk 2002, chapter 5; Curran & Bauer 2011) ---- */

/* x_ijk = within (x_ijk - mean_jk) + patient (mean_jk - mean_k) + therapist (mean_k - mean) + mean. mean_k is the mean
 * of the patients' rows, not of their means. Without a therapist patient = mean_jk - mean. Rows whose x or group is
 * missing get NaN and do not count. Returns the grand mean. */
struct stats_nested {
  const int32_t *patient, *therapist; /* [rows]; therapist may be NULL */
  size_t patients, therapists, rows;
};
struct stats_parts {
  double *within, *patient, *therapist; /* [rows] each, or NULL */
};
double stats_decompose(const double *x, const struct stats_nested *nested, const struct stats_memory *memory,
                       const struct stats_parts *parts);

/* lagged[i] = x of the same patient at session[i] - lag; NaN when that session is not among the rows: a gap is not
 * stepped over. Rows may be in any order; sessions are whole numbers. STATS_BAD_DATA: a patient has two values of one
 * session. */
struct stats_series {
  const double *x, *session; /* [rows] */
  const int32_t *patient;    /* [rows] codes 0 .. patients - 1 */
  size_t patients, rows;
};
enum stats_status stats_lag(const struct stats_series *series, int lag, const struct stats_memory *memory,
                            double *lagged);

/* The same as new columns of a table, for formulas: x_within, x_PATIENT and, where `therapist` is not NULL, x_THERAPIST
 * (each named after the column that groups); and x_lag, the value one session before, with the mean number of values
 * of a patient in *sessions (may be NULL). Patients are told apart within therapists where these are given. *table
 * becomes the wider one; its old columns are not copied. */
enum stats_status stats_table_within(struct stats_table *table, const char *x, const char *patient,
                                     const char *therapist, const struct stats_memory *memory,
                                     struct stats_error *error);
struct stats_lag_columns {
  const char *x, *session, *patient, *therapist; /* therapist may be NULL */
};
enum stats_status stats_table_lag(struct stats_table *table, const struct stats_lag_columns *columns,
                                  const struct stats_memory *memory, double *sessions, struct stats_error *error);

/* About how far person-mean centring biases the coefficient `phi` of a centred lag in series of `sessions` ratings:
 * -(1 + phi) / (sessions - 1) (Nickell 1981). */
double stats_nickell_bias(double phi, double sessions);

/* Memory for work that is done many times: `drop` gives back what `memory` handed out. It is another one than the
 * memory that keeps results. */
struct stats_scratch {
  struct stats_memory memory;
  void (*drop)(void *state);
};

/* The carry-over (inertia) of a series with latent person means: x_it = mu + u_i + w_it, w_it = phi w_i,t-1 + e_it, by
 * maximum likelihood; the person's mean is a latent variable, so there is no Nickell bias (Asparouhov, Hamaker & Muthen
 * 2018), and a gap of g sessions enters as phi^g. phi is sought in (-0.98, 0.98). */
struct stats_inertia {
  double phi, se;               /* se from the curvature of the profile likelihood; NaN at the edge */
  double mean, between, within; /* mu; variance of u; variance of w (stationary) */
  double deviance;
  size_t rows, patients;
};
enum stats_status stats_inertia_fit(const struct stats_series *series, const struct stats_memory *memory,
                                    const struct stats_scratch *scratch, struct stats_inertia *out,
                                    struct stats_error *error);

/* ---- does the therapist notice? ---- */

/* Columns by name; those that are not needed may be NULL. */
struct stats_accuracy {
  const char *truth;    /* the patient's own rating, P; of signals: whether there was one, 0 or 1 */
  const char *judgment; /* the therapist's rating of the same session, T; of signals: whether it was noticed */
  const char *patient, *therapist, *arm, *outcome, *session;
};

/* stats_inertia_fit() of columns `outcome`, `session`, `patient` (within `therapist` if given). */
enum stats_status stats_carry_over(const struct stats_table *table, const struct stats_accuracy *columns,
                                   const struct stats_memory *memory, const struct stats_scratch *scratch,
                                   struct stats_inertia *out, struct stats_error *error);

/* A ready model and its named quantities. */
struct stats_quantity {
  const char *symbol, *meaning; /* "b0", "direction of bias: ..." */
  struct stats_coefficient value;
};
struct stats_ready_model {
  struct stats_model *model;
  struct stats_quantity *quantity;
  size_t quantities;
  double centre, scale; /* P and T were centred here (response surface), divided by this */
};

/* Truth and bias (West & Kenny 2011): (T - mean P of the patient) = b0 + b1 (P - mean P of the patient), with random b0
 * and b1 by patient, and by therapist when there is one; with an arm also arm and arm x b1. Both raters keep one scale.
 * b0: direction of bias; b1: tracking. */
enum stats_status stats_truth_and_bias(const struct stats_table *table, const struct stats_accuracy *columns,
                                       const struct stats_model_options *options, const struct stats_memory *memory,
                                       struct stats_ready_model *out, struct stats_error *error);

/* Response surface (Edwards & Parry 1993; Nestler, Humberg & Schoenbrodt 2019 for several levels): outcome = b0 + b1 P
 * + b2 T + b3 P^2 + b4 PT + b5 T^2, random intercepts by patient and therapist, P and T centred at the mean of both and
 * divided by their common SD. a1 = b1 + b2, a2 = b3 + b4 + b5 (along agreement), a3 = b1 - b2, a4 = b3 - b4 + b5 (along
 * disagreement), a5 = b3 - b5. */
enum stats_status stats_response_surface(const struct stats_table *table, const struct stats_accuracy *columns,
                                         const struct stats_model_options *options, const struct stats_memory *memory,
                                         struct stats_ready_model *out, struct stats_error *error);

/* Signal detection by therapists: probability of a yes Phi(d_j / 2 - c_j) where there was a signal, Phi(-d_j / 2 - c_j)
 * where there was none; (c_j, d_j) normal over therapists, with the arm's differences in their means (DeCarlo 1998,
 * Psychological Methods 3:186; Rouder & Lu 2005, Psychonomic Bulletin & Review 12:573). By maximum likelihood, each
 * therapist's integral by adaptive Gauss-Hermite quadrature of 15 x 15 points; standard errors from the observed
 * information of all parameters, tests by z. */
struct stats_signals_therapist {
  const char *name;
  double hits, signals, false_reports, noise;
  /* Predicted (posterior means) and posterior SDs, at the estimates. */
  double sensitivity, criterion, sensitivity_se, criterion_se;
};
struct stats_signals {
  struct stats_quantity *quantity; /* d', c; with an arm also its differences in both; df is infinite */
  size_t quantities;
  double sensitivity_sd, criterion_sd, correlation; /* between therapists; NaN where an SD is 0 */
  bool singular;                                    /* an SD is 0, or the correlation 1 or -1 */
  double log_likelihood, gradient;
  size_t rows, therapists;
  struct stats_signals_therapist *therapist;
};
/* STATS_BAD_DATA: values other than 0 and 1, a therapist in two arms. STATS_NOT_FITTED, with the counts filled in:
 * fewer than four therapists (two in an arm) with sessions of both kinds; no hit, no miss, no false report or no quiet
 * session (in an arm); or a likelihood without a finite maximum. */
enum stats_status stats_signals_fit(const struct stats_table *table, const struct stats_accuracy *columns,
                                    const struct stats_memory *memory, struct stats_signals *out,
                                    struct stats_error *error);

/* ---- permutation inference ---- */

/* The model is refitted under every allowed allocation of the units (therapists) to arms; the statistic is |t| of one
 * coefficient (Fisher 1935; Gail et al. 1996 for clusters). The p-value is exact for any design whose allocations are
 * equally likely: the share of the list with a |t| at least that of the data (the data's own allocation counts, and is
 * added when the list lacks it). */
struct stats_permutation_input {
  const char *formula;
  const struct stats_table *table;
  const char *arm, *unit, *coefficient; /* names of two columns and of a coefficient */
  const char *const *unit_name;         /* [units] every level of the unit's column (numbers as "%.15g") */
  size_t units;
  const double *allocation; /* [allocations * units] the arm: a number, or the code of a level */
  size_t allocations;
};
struct stats_permutation {
  double observed, p;                     /* |t| of the data */
  size_t allocations, as_extreme, failed; /* failed fits count as extreme, so that they never help */
  bool observed_in_list;
};
enum stats_status stats_permutation_test(const struct stats_permutation_input *input,
                                         const struct stats_model_options *options, const struct stats_memory *memory,
                                         const struct stats_scratch *scratch, struct stats_permutation *out,
                                         struct stats_error *error);

#endif
