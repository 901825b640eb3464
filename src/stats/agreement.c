#include "attune/stats_agreement.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "attune/stats_distributions.h"
#include "attune/stats_model.h"

/* What the F tests and intervals are made of; for complete tables k and n are the table's. */
struct squares {
  double n, k;                 /* subjects; ratings a subject */
  double subjects_one, within; /* one-way mean squares, and the degrees of freedom within */
  double within_df;
  double subjects, raters, error; /* two-way mean squares */
  double error_df;
};

/* ---- intervals from mean squares ---- */

static struct stats_icc test_of(double top, double bottom, double df1, double df2) {
  struct stats_icc form = {.f = top / bottom, .df1 = df1, .df2 = df2};
  form.p = stats_f_upper(form.f, df1, df2);
  if (isinf(form.f)) form.p = 0;
  return form;
}

/* Reliability of the mean of k ratings from that of one (Spearman and Brown). */
static double of_mean(double icc, double k) {
  return icc * k / (1 + icc * (k - 1));
}

static struct stats_icc averaged(struct stats_icc single, double k) {
  single.icc = of_mean(single.icc, k);
  single.lower = of_mean(single.lower, k);
  single.upper = of_mean(single.upper, k);
  return single;
}

/* (F - 1) / (F + k - 1), also for an infinite F. */
static double from_f(double f, double k) {
  return isinf(f) ? 1 : (f - 1) / (f + k - 1);
}

/* Forms 1 and 3: a ratio of two mean squares whose distribution is F times (1 + k theta). */
static struct stats_icc from_ratio(double top, double bottom, double df1, double df2, double k, double tail) {
  struct stats_icc form = test_of(top, bottom, df1, df2);
  form.icc = from_f(form.f, k);
  form.lower = from_f(form.f / stats_f_quantile(1 - tail, df1, df2), k);
  form.upper = from_f(form.f * stats_f_quantile(1 - tail, df2, df1), k);
  return form;
}

static struct stats_icc form_two(const struct squares *s, double tail) {
  double n = s->n, k = s->k;
  struct stats_icc form = test_of(s->subjects, s->error, n - 1, s->error_df);
  double spread = s->subjects + (k - 1) * s->error + k * (s->raters - s->error) / n;
  form.icc = (s->subjects - s->error) / spread;
  form.lower = form.upper = form.icc;
  if (s->error == 0 && s->raters == 0) return form; /* raters agree to the last digit */
  /* Satterthwaite's df of the denominator; both parts times the error's mean square, which may be 0 */
  double a = k * form.icc * s->raters, b = (n * (1 + (k - 1) * form.icc) - k * form.icc) * s->error;
  double df = s->error_df * (a + b) * (a + b) / ((n - 1) * a * a + b * b);
  double over = stats_f_quantile(1 - tail, n - 1, df), under = stats_f_quantile(1 - tail, df, n - 1);
  double others = k * s->raters + (k * n - k - n) * s->error;
  form.lower = n * (s->subjects - over * s->error) / (over * others + n * s->subjects);
  form.upper = n * (under * s->subjects - s->error) / (others + n * under * s->subjects);
  return form;
}

static void fill_forms(const struct squares *s, double k_named, double confidence, struct stats_icc_table *table) {
  double tail = (1 - confidence) / 2;
  struct stats_icc none = {NAN, NAN, NAN, NAN, NAN, NAN, NAN}, *form = table->form;
  form[STATS_ICC_1] = from_ratio(s->subjects_one, s->within, s->n - 1, s->within_df, s->k, tail);
  form[STATS_ICC_2] = form[STATS_ICC_3] = none;
  if (table->two_way) {
    form[STATS_ICC_2] = form_two(s, tail);
    form[STATS_ICC_3] = from_ratio(s->subjects, s->error, s->n - 1, s->error_df, s->k, tail);
  }
  for (int i = 0; i < 3; i++) form[STATS_ICC_1K + i] = averaged(form[i], k_named);
  table->ms_subjects = table->two_way ? s->subjects : s->subjects_one;
  table->ms_raters = table->two_way ? s->raters : NAN;
  table->ms_error = table->two_way ? s->error : NAN;
  table->ms_within = s->within;
}

/* ---- complete tables: analysis of variance ---- */

/* What rounding leaves of no variation at all is none. */
static double without_rounding(double squares, double total) {
  return squares > 1e-14 * total ? squares : 0;
}

static struct squares analysis_of_variance(const struct stats_ratings *r) {
  double n = (double)r->subjects, k = (double)r->raters, grand = 0, subjects = 0, raters = 0, error = 0;
  for (size_t i = 0; i < r->subjects * r->raters; i++) grand += r->rating[i];
  grand /= n * k;
  for (size_t j = 0; j < r->raters; j++) {
    double mean = 0;
    for (size_t i = 0; i < r->subjects; i++) mean += r->rating[i * r->raters + j] - grand;
    raters += mean / n * (mean / n);
  }
  for (size_t i = 0; i < r->subjects; i++) {
    double mean = 0;
    for (size_t j = 0; j < r->raters; j++) mean += r->rating[i * r->raters + j] - grand;
    mean /= k;
    subjects += mean * mean;
    for (size_t j = 0; j < r->raters; j++) {
      double off = r->rating[i * r->raters + j] - grand - mean;
      error += off * off;
    }
  }
  struct squares s = {.n = n, .k = k, .within_df = n * (k - 1), .error_df = (n - 1) * (k - 1)};
  s.subjects_one = s.subjects = k * subjects / (n - 1);
  double total = k * subjects + error;
  s.within = without_rounding(error, total) / s.within_df;
  s.raters = without_rounding(n * raters, total) / (k - 1);
  s.error = without_rounding(error - n * raters, total) / s.error_df;
  return s;
}

/* ---- incomplete tables: components of variance ---- */

struct long_table {
  double *rating;
  int32_t *subject, *rater;
  const char **name; /* "0", "1", ...: for subjects and raters alike */
  size_t rows;
};

static bool make_long(const struct stats_ratings *r, const struct stats_memory *memory, struct long_table *table) {
  size_t cells = r->subjects * r->raters, most = r->subjects > r->raters ? r->subjects : r->raters;
  table->rating = memory->take(memory->state, cells * sizeof *table->rating);
  table->subject = memory->take(memory->state, cells * sizeof *table->subject);
  table->rater = memory->take(memory->state, cells * sizeof *table->rater);
  table->name = memory->take(memory->state, most * sizeof *table->name);
  char *text = memory->take(memory->state, most * 24);
  if (!table->rating || !table->subject || !table->rater || !table->name || !text) return false;
  for (size_t i = 0; i < most; i++) {
    snprintf(text + 24 * i, 24, "%zu", i);
    table->name[i] = text + 24 * i;
  }
  for (size_t i = 0; i < r->subjects; i++)
    for (size_t j = 0; j < r->raters; j++) {
      double rating = r->rating[i * r->raters + j];
      if (isnan(rating)) continue;
      table->rating[table->rows] = rating;
      table->subject[table->rows] = (int32_t)i;
      table->rater[table->rows++] = (int32_t)j;
    }
  return true;
}

/* The variance of a term of a fitted model, by its group's name. */
static double variance_of(const struct stats_model *model, const char *group) {
  for (size_t i = 0; i < model->terms; i++)
    if (!strcmp(model->random[i].group, group)) return model->random[i].covariance[0];
  return NAN;
}

/* Whether a chain of shared subjects joins all raters that rated: a flood over the bipartite graph. */
static bool raters_connected(const struct stats_ratings *r, const struct stats_memory *memory, bool *connected) {
  bool *rater_seen = memory->take(memory->state, r->raters), *subject_seen = memory->take(memory->state, r->subjects);
  size_t *queue = memory->take(memory->state, r->raters * sizeof *queue);
  if (!rater_seen || !subject_seen || !queue) return false;
  size_t head = 0, tail = 0;
  queue[tail++] = 0;
  rater_seen[0] = true;
  while (head < tail) {
    size_t rater = queue[head++];
    for (size_t i = 0; i < r->subjects; i++) {
      if (subject_seen[i] || isnan(r->rating[i * r->raters + rater])) continue;
      subject_seen[i] = true;
      for (size_t j = 0; j < r->raters; j++)
        if (!rater_seen[j] && !isnan(r->rating[i * r->raters + j])) rater_seen[queue[tail++] = j] = true;
    }
  }
  *connected = tail == r->raters;
  return true;
}

static enum stats_agreement_status fit(const char *formula, const struct stats_table *data,
                                       const struct stats_memory *memory, struct stats_model **model) {
  struct stats_error error;
  struct stats_model_options options = {.df = STATS_DF_NONE};
  switch (stats_model_fit(formula, data, &options, memory, model, &error)) {
  case STATS_OK:
    return STATS_AGREEMENT_OK;
  case STATS_NO_MEMORY:
    return STATS_AGREEMENT_NO_MEMORY;
  default:
    return STATS_AGREEMENT_NOT_FITTED;
  }
}

static enum stats_agreement_status components(const struct stats_ratings *r, const struct stats_memory *memory,
                                              struct squares *s, struct stats_icc_table *table) {
  struct long_table rows = {0};
  if (!make_long(r, memory, &rows) || !raters_connected(r, memory, &table->two_way)) return STATS_AGREEMENT_NO_MEMORY;
  struct stats_column columns[] = {
      {.name = "rating", .number = rows.rating},
      {.name = "subject", .code = rows.subject, .level = rows.name, .levels = r->subjects},
      {.name = "rater", .code = rows.rater, .level = rows.name, .levels = r->raters},
  };
  struct stats_table data = {rows.rows, 3, columns};
  struct stats_model *model;
  enum stats_agreement_status status = fit("rating ~ 1 + (1 | subject)", &data, memory, &model);
  if (status) return status;
  s->k = table->k_harmonic;
  s->n = (double)r->subjects;
  s->within = model->sigma2;
  s->subjects_one = s->k * variance_of(model, "subject") + model->sigma2;
  s->within_df = (double)rows.rows - s->n;
  s->error_df = (double)rows.rows - s->n - (double)r->raters + 1;
  if (s->error_df < 1) table->two_way = false;
  if (!table->two_way) return STATS_AGREEMENT_OK;
  status = fit("rating ~ 1 + (1 | subject) + (1 | rater)", &data, memory, &model);
  if (status) return status;
  s->error = model->sigma2;
  s->subjects = s->k * variance_of(model, "subject") + model->sigma2;
  s->raters = s->n * variance_of(model, "rater") + model->sigma2;
  return STATS_AGREEMENT_OK;
}

/* ---- the table ---- */

/* Counts, and what no analysis can do without. */
static enum stats_agreement_status survey(const struct stats_ratings *r, struct stats_icc_table *table) {
  double first = NAN, inverse = 0;
  bool constant = true, twice = false;
  table->subjects = r->subjects;
  table->raters = r->raters;
  for (size_t i = 0; i < r->subjects; i++) {
    size_t count = 0;
    for (size_t j = 0; j < r->raters; j++) {
      double rating = r->rating[i * r->raters + j];
      if (isnan(rating)) continue;
      if (!(fabs(rating) <= STATS_RATING_MAXIMUM)) return STATS_AGREEMENT_TOO_LARGE;
      if (isnan(first)) first = rating;
      constant &= rating == first;
      count++;
    }
    twice |= count > 1;
    table->ratings += count;
    if (count) inverse += 1 / (double)count;
  }
  table->missing = r->subjects * r->raters - table->ratings;
  table->complete = table->two_way = table->missing == 0;
  table->k_harmonic = (double)r->subjects / inverse;
  if (r->subjects < 2) return STATS_AGREEMENT_FEW_SUBJECTS;
  if (r->raters < 2 || !twice) return STATS_AGREEMENT_FEW_RATERS;
  return constant ? STATS_AGREEMENT_CONSTANT : STATS_AGREEMENT_OK;
}

enum stats_agreement_status stats_icc_compute(const struct stats_ratings *ratings, double confidence,
                                              const struct stats_memory *memory, struct stats_icc_table *table) {
  *table = (struct stats_icc_table){0};
  enum stats_agreement_status status = survey(ratings, table);
  if (status) return status;
  struct squares squares = {0};
  if (table->complete)
    squares = analysis_of_variance(ratings);
  else if ((status = components(ratings, memory, &squares, table)))
    return status;
  fill_forms(&squares, (double)ratings->raters, confidence, table);
  return STATS_AGREEMENT_OK;
}
