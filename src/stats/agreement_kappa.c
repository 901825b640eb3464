#include <math.h>
#include <string.h>

#include "attune/stats_agreement.h"
#include "attune/stats_distributions.h"
#include "attune/stats_math.h"

double stats_weight(enum stats_weights weights, size_t categories, size_t i, size_t j) {
  if (i == j) return 1;
  if (weights == STATS_WEIGHTS_NONE) return 0;
  double share = ((double)i - (double)j) / (double)(categories - 1);
  return weights == STATS_WEIGHTS_LINEAR ? 1 - fabs(share) : 1 - share * share;
}

static double *take(const struct stats_memory *memory, size_t count) {
  if (count > (size_t)1 << 26) return NULL;
  return memory->take(memory->state, count * sizeof(double));
}

static void finish(struct stats_agreement *result, double critical) {
  result->value = (result->observed - result->expected) / (1 - result->expected);
  result->lower = result->value - critical * result->se;
  result->upper = result->value + critical * result->se;
  if (result->upper > 1) result->upper = 1;
}

/* ---- Cohen ---- */

/* Shares of subjects by the categories of both raters, and their margins. */
struct cross {
  double *share, *row, *column;
  double n;
};

static bool cross_tabulate(const struct stats_codings *c, size_t one, size_t other, const struct stats_memory *memory,
                           struct cross *cross) {
  size_t q = c->categories;
  *cross = (struct cross){take(memory, q * q), take(memory, q), take(memory, q), 0};
  if (!cross->share || !cross->row || !cross->column) return false;
  for (size_t s = 0; s < c->subjects; s++) {
    int a = c->category[s * c->raters + one], b = c->category[s * c->raters + other];
    if (a < 0 || b < 0) continue;
    cross->share[(size_t)a * q + (size_t)b] += 1;
    cross->row[a] += 1;
    cross->column[b] += 1;
    cross->n += 1;
  }
  for (size_t i = 0; i < q * q; i++) cross->share[i] /= cross->n;
  for (size_t i = 0; i < q; i++) {
    cross->row[i] /= cross->n;
    cross->column[i] /= cross->n;
  }
  return true;
}

/* Fleiss, Cohen and Everitt's large-sample variance. `of_row[i]` is the mean weight of row i over the column margin. */
static double cohen_variance(const struct cross *cross, size_t q, enum stats_weights weights, const double *of_row,
                             const double *of_column, const struct stats_agreement *result) {
  double kappa = (result->observed - result->expected) / (1 - result->expected), sum = 0;
  for (size_t i = 0; i < q; i++)
    for (size_t j = 0; j < q; j++) {
      double term = stats_weight(weights, q, i, j) - (of_row[i] + of_column[j]) * (1 - kappa);
      sum += cross->share[i * q + j] * term * term;
    }
  double less = kappa - result->expected * (1 - kappa);
  double variance = (sum - less * less) / (cross->n * (1 - result->expected) * (1 - result->expected));
  return variance > 0 ? variance : 0;
}

enum stats_agreement_status stats_cohen_kappa(const struct stats_codings *codings, size_t one, size_t other,
                                              enum stats_weights weights, double confidence,
                                              const struct stats_memory *memory, struct stats_agreement *result) {
  size_t q = codings->categories;
  struct cross cross;
  *result = (struct stats_agreement){0};
  double *of_row = take(memory, q), *of_column = take(memory, q);
  if (!of_row || !of_column || !cross_tabulate(codings, one, other, memory, &cross)) return STATS_AGREEMENT_NO_MEMORY;
  if (cross.n < 2) return STATS_AGREEMENT_FEW_SUBJECTS;
  result->subjects = (size_t)cross.n;
  for (size_t i = 0; i < q; i++)
    for (size_t j = 0; j < q; j++) {
      double weight = stats_weight(weights, q, i, j);
      of_row[i] += weight * cross.column[j];
      of_column[j] += weight * cross.row[i];
      result->observed += weight * cross.share[i * q + j];
    }
  for (size_t i = 0; i < q; i++) result->expected += cross.row[i] * of_row[i];
  if (!(result->expected < 1 - 1e-15)) return STATS_AGREEMENT_CONSTANT;
  result->se = sqrt(cohen_variance(&cross, q, weights, of_row, of_column, result));
  finish(result, -stats_normal_quantile((1 - confidence) / 2));
  return STATS_AGREEMENT_OK;
}

/* ---- Fleiss and Gwet: any number of raters ---- */

struct many {
  const struct stats_codings *codings;
  enum stats_weights weights;
  double n, twice;            /* subjects with a rating; with at least two */
  double *share;              /* of each category, the mean over subjects */
  double *chance;             /* what a rating of this category adds to the chance agreement of its subject */
  double *count;              /* scratch: ratings of one subject by category */
  size_t *present, presences; /* the categories among them */
};

/* Counts the ratings of a subject; returns their number. */
static double count_subject(struct many *m, size_t subject) {
  const int *category = m->codings->category + subject * m->codings->raters;
  double ratings = 0;
  for (size_t i = 0; i < m->presences; i++) m->count[m->present[i]] = 0;
  m->presences = 0;
  for (size_t j = 0; j < m->codings->raters; j++) {
    if (category[j] < 0) continue;
    if (m->count[category[j]] == 0) m->present[m->presences++] = (size_t)category[j];
    m->count[category[j]] += 1;
    ratings += 1;
  }
  return ratings;
}

/* The share of agreeing pairs among the ratings of the subject counted last. */
static double pairs_agreeing(const struct many *m, double ratings) {
  double sum = 0;
  for (size_t a = 0; a < m->presences; a++) {
    double weighted = 0, own = m->count[m->present[a]];
    for (size_t b = 0; b < m->presences; b++)
      weighted +=
          m->count[m->present[b]] * stats_weight(m->weights, m->codings->categories, m->present[a], m->present[b]);
    sum += own * (weighted - 1);
  }
  return sum / (ratings * (ratings - 1));
}

static double chance_of_subject(const struct many *m, double ratings) {
  double sum = 0;
  for (size_t i = 0; i < m->presences; i++) sum += m->count[m->present[i]] * m->chance[m->present[i]];
  return sum / ratings;
}

static bool many_begin(struct many *m, const struct stats_memory *memory) {
  size_t q = m->codings->categories;
  m->share = take(memory, q);
  m->chance = take(memory, q);
  m->count = take(memory, q);
  m->present = memory->take(memory->state, q * sizeof *m->present);
  return m->share && m->chance && m->count && m->present;
}

/* Observed agreement, and the mean share of each category. */
static void many_survey(struct many *m, struct stats_agreement *result) {
  for (size_t s = 0; s < m->codings->subjects; s++) {
    double ratings = count_subject(m, s);
    if (ratings < 1) continue;
    m->n += 1;
    for (size_t i = 0; i < m->presences; i++) m->share[m->present[i]] += m->count[m->present[i]] / ratings;
    if (ratings < 2) continue;
    m->twice += 1;
    result->observed += pairs_agreeing(m, ratings);
  }
  result->observed /= m->twice;
  for (size_t i = 0; i < m->codings->categories; i++) m->share[i] /= m->n;
}

/* Gwet's linearisation: what each subject adds, by its pairs and by its part in the chance agreement. */
static double many_variance(struct many *m, const struct stats_agreement *result) {
  double value = (result->observed - result->expected) / (1 - result->expected), sum = 0;
  for (size_t s = 0; s < m->codings->subjects; s++) {
    double ratings = count_subject(m, s), own = 0;
    if (ratings < 1) continue;
    if (ratings > 1) own = m->n / m->twice * (pairs_agreeing(m, ratings) - result->expected) / (1 - result->expected);
    own -= 2 * (1 - value) * (chance_of_subject(m, ratings) - result->expected) / (1 - result->expected);
    sum += (own - value) * (own - value);
  }
  return sum / (m->n * (m->n - 1));
}

/* Chance agreement by the product of shares (Fleiss): each category's mean weight. */
static void chance_fleiss(struct many *m) {
  size_t q = m->codings->categories;
  for (size_t i = 0; i < q; i++)
    for (size_t j = 0; j < q; j++) m->chance[i] += stats_weight(m->weights, q, i, j) * m->share[j];
}

/* Chance agreement on hard subjects only (Gwet). */
static void chance_gwet(struct many *m) {
  size_t q = m->codings->categories;
  double total = 0;
  for (size_t i = 0; i < q; i++)
    for (size_t j = 0; j < q; j++) total += stats_weight(m->weights, q, i, j);
  for (size_t i = 0; i < q; i++) m->chance[i] = total / ((double)q * ((double)q - 1)) * (1 - m->share[i]);
}

static enum stats_agreement_status many_raters(const struct stats_codings *codings, enum stats_weights weights,
                                               void chance(struct many *), double confidence,
                                               const struct stats_memory *memory, struct stats_agreement *result) {
  struct many m = {.codings = codings, .weights = weights};
  *result = (struct stats_agreement){0};
  if (!many_begin(&m, memory)) return STATS_AGREEMENT_NO_MEMORY;
  many_survey(&m, result);
  if (m.n < 2) return STATS_AGREEMENT_FEW_SUBJECTS;
  if (m.twice < 1) return STATS_AGREEMENT_FEW_RATERS;
  if (codings->categories < 2) return STATS_AGREEMENT_CONSTANT;
  chance(&m);
  result->subjects = (size_t)m.n;
  for (size_t i = 0; i < codings->categories; i++) result->expected += m.share[i] * m.chance[i];
  if (!(result->expected < 1 - 1e-15)) return STATS_AGREEMENT_CONSTANT;
  result->se = sqrt(many_variance(&m, result));
  finish(result, -stats_t_quantile((1 - confidence) / 2, m.n - 1));
  return STATS_AGREEMENT_OK;
}

enum stats_agreement_status stats_fleiss_kappa(const struct stats_codings *codings, enum stats_weights weights,
                                               double confidence, const struct stats_memory *memory,
                                               struct stats_agreement *result) {
  return many_raters(codings, weights, chance_fleiss, confidence, memory, result);
}

enum stats_agreement_status stats_gwet_ac(const struct stats_codings *codings, enum stats_weights weights,
                                          double confidence, const struct stats_memory *memory,
                                          struct stats_agreement *result) {
  return many_raters(codings, weights, chance_gwet, confidence, memory, result);
}
