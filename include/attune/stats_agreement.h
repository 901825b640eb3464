/* stats_agreement.h: how far raters agree: intraclass correlations and chance-corrected agreement.
 *
 * Ratings come as a table, subject by rater, row after row; a rating may be missing. Results are plain
 * values; scratch comes from the caller's memory. */
#ifndef ATTUNE_STATS_AGREEMENT_H
#define ATTUNE_STATS_AGREEMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "attune/stats_model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- numbers: intraclass correlations ---- */

struct stats_ratings {
  size_t subjects, raters;
  const double *rating; /* [subjects * raters]; NaN = missing; every subject and every rater has at least one */
};
#define STATS_RATING_MAXIMUM 1e100 /* beyond it no sum of squares can be had */

/* The forms of P. E. Shrout and J. L. Fleiss, Psychological Bulletin 86 (1979) 420, with their F tests and intervals;
 * the interval of ICC(2,.) by Satterthwaite's degrees of freedom (as in K. O. McGraw and S. P. Wong, Psychological
 * Methods 1 (1996) 30). */
enum stats_icc_form {
  STATS_ICC_1,
  STATS_ICC_2,
  STATS_ICC_3,
  STATS_ICC_1K,
  STATS_ICC_2K,
  STATS_ICC_3K,
  STATS_ICC_FORMS
};

struct stats_icc {
  double icc, lower, upper; /* may be negative: estimates are not cut at 0 */
  double f, df1, df2, p;    /* the test of no differences between subjects */
};

struct stats_icc_table {
  size_t subjects, raters, ratings, missing; /* missing: cells without a rating */
  bool complete, two_way;
  double k_harmonic;
  double ms_subjects, ms_raters, ms_error, ms_within; /* MSR, MSC, MSE, MSW; MSR of the two-way model if incomplete */
  struct stats_icc form[STATS_ICC_FORMS];
};

enum stats_agreement_status {
  STATS_AGREEMENT_OK,
  STATS_AGREEMENT_FEW_SUBJECTS, /* fewer than two subjects with ratings */
  STATS_AGREEMENT_FEW_RATERS,   /* fewer than two raters, or no subject rated twice */
  STATS_AGREEMENT_CONSTANT,     /* all ratings are the same: agreement cannot be told from chance */
  STATS_AGREEMENT_TOO_LARGE,    /* a rating is beyond STATS_RATING_MAXIMUM */
  STATS_AGREEMENT_NOT_FITTED,   /* an incomplete table has no components of variance that could be found */
  STATS_AGREEMENT_NO_MEMORY
};

/* Complete tables: mean squares of the one- and two-way analysis of variance, exact F intervals. Incomplete tables use
 * every rating (missing at random): variance components by restricted maximum likelihood, of `1 + (1 | subject)` for
 * ICC(1,.) and of `1 + (1 | subject) + (1 | rater)` for the others, and the mean squares that they imply with the
 * harmonic mean of ratings a subject (`k_harmonic`); estimates are then at least 0 and intervals approximate. When no
 * chain of shared subjects joins the raters, or no error is left over, the forms 2 and 3 are NaN (`two_way` is false).
 * k of the average forms is the number of raters. `confidence` is 0.95, say. */
enum stats_agreement_status stats_icc_compute(const struct stats_ratings *ratings, double confidence,
                                              const struct stats_memory *memory, struct stats_icc_table *table);

/* ---- categories: kappas and Gwet's coefficient ---- */

struct stats_codings {
  size_t subjects, raters, categories;
  const int *category; /* [subjects * raters], 0 .. categories - 1 in their order; negative = missing */
};

enum stats_weights { STATS_WEIGHTS_NONE, STATS_WEIGHTS_LINEAR, STATS_WEIGHTS_QUADRATIC };
/* Agreement between categories i and j: 1 on the diagonal, down to 0 between the first and the last. */
double stats_weight(enum stats_weights weights, size_t categories, size_t i, size_t j);

struct stats_agreement {
  size_t subjects;           /* that entered */
  double observed, expected; /* agreement seen, and by chance */
  double value;              /* (observed - expected) / (1 - expected) */
  double se, lower, upper;   /* over a population of subjects */
};

/* Cohen's kappa of two raters over the subjects that both rated. J. Cohen, Psychological Bulletin 70 (1968) 213;
 * standard error by J. L. Fleiss, J. Cohen, B. S. Everitt, Psychological Bulletin 72 (1969) 323; normal interval. */
enum stats_agreement_status stats_cohen_kappa(const struct stats_codings *codings, size_t one, size_t other,
                                              enum stats_weights weights, double confidence,
                                              const struct stats_memory *memory, struct stats_agreement *result);

/* Fleiss' kappa (J. L. Fleiss, Psychological Bulletin 76 (1971) 378) and Gwet's AC1, with weights AC2 (K. L. Gwet,
 * British Journal of Mathematical and Statistical Psychology 61 (2008) 29) for any number of raters; subjects may
 * have different numbers of ratings (K. L. Gwet, Handbook of Inter-Rater Reliability, 4th edition (2014), chapters 2
 * and 5: standard errors by linearisation, intervals by t with subjects - 1 df). */
enum stats_agreement_status stats_fleiss_kappa(const struct stats_codings *codings, enum stats_weights weights,
                                               double confidence, const struct stats_memory *memory,
                                               struct stats_agreement *result);
enum stats_agreement_status stats_gwet_ac(const struct stats_codings *codings, enum stats_weights weights,
                                          double confidence, const struct stats_memory *memory,
                                          struct stats_agreement *result);

#ifdef __cplusplus
}
#endif
#endif
