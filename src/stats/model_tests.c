/* Tests of terms and of nested models, and Wald intervals. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "attune/stats_distributions.h"
#include "stats/model_df.h"

#define TRY(call)                                                                                                      \
  do {                                                                                                                 \
    enum stats_status try_ = call;                                                                                     \
    if (try_) return try_;                                                                                             \
  } while (0)

struct hypotheses {
  struct stats_model *model;
  struct frame_columns all; /* every indicator of every factor: the complete, redundant design */
  double *l;                /* [all.count][p]: each of its columns as a combination of the columns of X */
  size_t *own;              /* [p] the column of `all` with the name of a coefficient */
};

static const struct frame_column *x_column(const struct stats_model *model, size_t j) {
  return &model->work->frame.fixed.column[model->work->data.x_frame[j]];
}

/* X'X and X'(complete design), of columns scaled to length one; then l = ((X'X)^-1 X'C)'. */
static enum stats_status solve_complete(struct hypotheses *h, struct stats_error *error) {
  const struct stats_model_work *work = h->model->work;
  size_t p = h->model->p, c = h->all.count;
  double *x = model_take(work->memory, (p + c) * FRAME_BLOCK, sizeof *x);
  double *g = model_take(work->memory, p * p + 1, sizeof *g), *r = model_take(work->memory, p * c + 1, sizeof *r);
  double *size = model_take(work->memory, p + 1, sizeof *size);
  struct frame_block block;
  if (!x || !g || !r || !size) return model_no_memory(error);
  TRY(frame_block_start(&work->frame, work->memory, &block, error));
  while (frame_block_read(&work->frame, &block)) {
    for (size_t j = 0; j < p + c; j++)
      frame_column_values(&work->frame, &block, j < p ? x_column(h->model, j) : &h->all.column[j - p],
                          x + j * FRAME_BLOCK);
    for (size_t i = 0; i < p; i++)
      for (size_t j = 0; j < p + c; j++) {
        double sum = 0;
        for (size_t k = 0; k < block.n; k++) sum += x[i * FRAME_BLOCK + k] * x[j * FRAME_BLOCK + k];
        *(j < p ? &g[i * p + j] : &r[i * c + j - p]) += sum;
      }
  }
  for (size_t i = 0; i < p; i++) size[i] = sqrt(g[i * p + i]);
  for (size_t i = 0; i < p; i++) {
    for (size_t j = 0; j < p; j++) g[i * p + j] /= size[i] * size[j];
    for (size_t j = 0; j < c; j++) r[i * c + j] /= size[i];
  }
  if (!matrix_cholesky(g, p))
    return model_fail(error, STATS_NOT_FITTED, "", "the columns of X are too nearly dependent");
  matrix_cholesky_solve(g, r, p, c);
  for (size_t i = 0; i < p; i++)
    for (size_t j = 0; j < c; j++) {
      double value = r[i * c + j] / size[i];
      h->l[j * p + i] = fabs(value - round(value)) < 1e-6 ? round(value) : value;
    }
  return STATS_OK;
}

static uint64_t numeric_part(const struct frame *frame, uint64_t term) {
  for (size_t v = 0; v < frame->formula->variables; v++)
    if (frame->variable[v].is_factor) term &= ~(UINT64_C(1) << v);
  return term;
}

/* A term is contained in another that has all its factors and more, with the same covariates. */
static bool contained(const struct frame *frame, uint64_t a, uint64_t b) {
  return a != b && !(a & ~b) && numeric_part(frame, a) == numeric_part(frame, b);
}

/* Takes out of column j of l its regression on the columns of terms that contain its term (modified Gram-Schmidt, the
 * basis orthonormal). */
static void take_out(struct hypotheses *h, size_t term, double *basis) {
  const struct formula_terms *terms = &h->model->work->formula.fixed;
  size_t p = h->model->p, c = h->all.count, count = 0;
  for (size_t j = 0; j < p; j++) {
    size_t other = x_column(h->model, j)->term;
    bool contains = other != SIZE_MAX && contained(&h->model->work->frame, terms->term[term], terms->term[other]);
    if (!contains && other != term) continue;
    if (other == term) continue;
    double *to = basis + count * c, length = 0, before = 0;
    for (size_t i = 0; i < c; i++) {
      to[i] = h->l[i * p + j];
      before += to[i] * to[i];
    }
    for (int round = 0; round < 2; round++)
      for (size_t k = 0; k < count; k++) {
        double dot = 0;
        for (size_t i = 0; i < c; i++) dot += basis[k * c + i] * to[i];
        for (size_t i = 0; i < c; i++) to[i] -= dot * basis[k * c + i];
      }
    for (size_t i = 0; i < c; i++) length += to[i] * to[i];
    if (!(length > 1e-14 * before)) continue;
    for (size_t i = 0; i < c; i++) to[i] /= sqrt(length);
    count++;
  }
  for (size_t j = 0; j < p; j++) {
    if (x_column(h->model, j)->term != term) continue;
    for (size_t k = 0; k < count; k++) {
      double dot = 0;
      for (size_t i = 0; i < c; i++) dot += basis[k * c + i] * h->l[i * p + j];
      for (size_t i = 0; i < c; i++) h->l[i * p + j] -= dot * basis[k * c + i];
    }
  }
}

static enum stats_status find_hypotheses(struct hypotheses *h, struct stats_error *error) {
  const struct stats_model_work *work = h->model->work;
  const struct formula_terms *terms = &work->formula.fixed;
  size_t p = h->model->p;
  TRY(frame_complete_columns(&work->frame, work->memory, &h->all, error));
  size_t c = h->all.count;
  h->l = model_take(work->memory, c * p + 1, sizeof *h->l);
  h->own = model_take(work->memory, p + 1, sizeof *h->own);
  double *basis = model_take(work->memory, p * c + 1, sizeof *basis);
  if (!h->l || !h->own || !basis) return model_no_memory(error);
  TRY(solve_complete(h, error));
  for (size_t j = 0; j < p; j++)
    while (h->own[j] + 1 < c && strcmp(h->all.column[h->own[j]].name, x_column(h->model, j)->name) != 0) h->own[j]++;
  for (size_t t = terms->terms; t-- > 0;) take_out(h, t, basis); /* terms stand in order of degree: highest first */
  return STATS_OK;
}

/* Fai & Cornelius (1996): the df of an F statistic that is the mean of squared t statistics. */
static double combine_df(const double *df, size_t q) {
  double e = 0, least = df[0], most = df[0];
  for (size_t i = 0; i < q; i++) {
    if (df[i] < least) least = df[i];
    if (df[i] > most) most = df[i];
    if (df[i] > 2) e += df[i] / (df[i] - 2);
  }
  if (most - least < 1e-8) return df[0];
  if (least <= 2) return 2;
  return 2 * e / (e - (double)q);
}

struct test_room {
  double *rows, *scaled, *v, *lv, *vectors, *values, *df, *turned, *value;
};

static bool new_test_room(struct test_room *room, size_t p, const struct stats_memory *memory) {
  double **square[] = {&room->rows, &room->scaled, &room->v, &room->lv, &room->vectors, &room->turned};
  bool fine = true;
  for (size_t i = 0; i < 6; i++) fine &= (*square[i] = model_take(memory, p * p + 1, sizeof(double))) != NULL;
  fine &= (room->values = model_take(memory, p + 1, sizeof(double))) != NULL;
  fine &= (room->df = model_take(memory, p + 1, sizeof(double))) != NULL;
  return fine && (room->value = model_take(memory, p + 1, sizeof(double))) != NULL;
}

static double satterthwaite_df(struct stats_model *model, const struct test_room *room, size_t rows, size_t first) {
  size_t p = model->p;
  for (size_t i = first; i < rows; i++) {
    model_contrast(model, room->turned + i * p, room->scaled);
    room->df[i - first] = curvature_satterthwaite(model->work->curvature, room->scaled);
  }
  return combine_df(room->df, rows - first);
}

static double between_within_df(const struct stats_model *model, const double *rows, size_t count) {
  double least = INFINITY;
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < model->p; j++)
      if (rows[i * model->p + j] != 0 && model->fixed[j].df < least) least = model->fixed[j].df;
  return least;
}

/* The F test of `count` contrasts (rows, of the user's coefficients). */
static void test_rows(struct stats_model *model, struct test_room *room, size_t count, struct stats_term_test *test) {
  size_t p = model->p, first = 0;
  double scale = 1;
  matrix_multiply(room->lv, room->rows, model->vcov, count, p, p, false);
  matrix_multiply_nt(room->v, room->lv, room->rows, count, p, count, false);
  matrix_eigen(room->v, count, room->values, room->vectors);
  while (first < count && !(room->values[first] > 1e-8 * room->values[count - 1])) first++;
  matrix_multiply_tn(room->turned, room->vectors, room->rows, count, count, p, false); /* P'L */
  for (size_t i = first; i < count; i++) {
    double t = 0;
    for (size_t j = 0; j < p; j++) t += room->turned[i * p + j] * model->fixed[j].estimate;
    test->f += t * t / room->values[i];
  }
  test->numerator_df = (double)(count - first);
  test->f /= test->numerator_df;
  if (model->df == STATS_DF_SATTERTHWAITE) {
    test->denominator_df = satterthwaite_df(model, room, count, first);
  } else if (model->df == STATS_DF_KENWARD_ROGER) {
    for (size_t i = first; i < count; i++) model_contrast(model, room->turned + i * p, room->scaled + (i - first) * p);
    test->denominator_df = curvature_kenward_roger_df(model->work->curvature, room->scaled, count - first, &scale);
    test->f *= scale;
  } else {
    test->denominator_df = model->df == STATS_DF_NONE ? INFINITY : between_within_df(model, room->rows, count);
  }
  test->p = isinf(test->denominator_df) ? stats_chi2_upper(test->f * test->numerator_df, test->numerator_df)
                                        : stats_f_upper(test->f, test->numerator_df, test->denominator_df);
}

/* The contrasts of one term, without those that are all zero. */
static size_t rows_of_term(const struct hypotheses *h, size_t term, double *rows) {
  size_t p = h->model->p, count = 0;
  for (size_t j = 0; j < p; j++) {
    if (x_column(h->model, j)->term != term) continue;
    bool any = false;
    for (size_t i = 0; i < p; i++) {
      double value = h->l[h->own[i] * p + j];
      rows[count * p + i] = fabs(value) < 1e-9 ? 0 : value;
      any |= rows[count * p + i] != 0;
    }
    count += any;
  }
  return count;
}

enum stats_status stats_model_term_tests(struct stats_model *model, struct stats_term_test **tests, size_t *count,
                                         struct stats_error *error) {
  struct hypotheses h = {.model = model};
  struct test_room room;
  const struct stats_model_work *work = model->work;
  *count = 0;
  *tests = model_take(work->memory, work->formula.fixed.terms, sizeof **tests);
  if (!*tests || !new_test_room(&room, model->p, work->memory)) return model_no_memory(error);
  if (model->cluster || !work->formula.fixed.terms) return STATS_OK;
  TRY(find_hypotheses(&h, error));
  for (size_t t = 0; t < work->formula.fixed.terms; t++) {
    size_t rows = rows_of_term(&h, t, room.rows);
    if (!rows) continue;
    struct stats_term_test *test = &(*tests)[(*count)++];
    test->term = formula_term_label(&work->formula, work->formula.fixed.term[t], work->memory);
    if (!test->term) return model_no_memory(error);
    test_rows(model, &room, rows, test);
  }
  return STATS_OK;
}

/* --- nested models ------------------------------------------------------------------------------------------------ */

static bool same_fixed(const struct stats_model *a, const struct stats_model *b) {
  if (a->p != b->p) return false;
  for (size_t j = 0; j < a->p; j++)
    if (strcmp(a->fixed[j].name, b->fixed[j].name) != 0) return false;
  return true;
}

enum stats_status stats_model_compare(const struct stats_model *a, const struct stats_model *b,
                                      struct stats_likelihood_ratio *out, struct stats_error *error) {
  size_t size_a = a->p + a->work->data.kernel.thetas, size_b = b->p + b->work->data.kernel.thetas;
  if (a->n != b->n)
    return model_fail(error, STATS_BAD_DATA, "", "the models are fitted to different rows (%zu and %zu)", a->n, b->n);
  if (a->ml != b->ml || (!a->ml && !same_fixed(a, b)))
    return model_fail(error, STATS_BAD_FORMULA, "formula",
                      "models with different fixed effects are compared by maximum likelihood (--ml), not by REML");
  if (size_a == size_b)
    return model_fail(error, STATS_BAD_FORMULA, "formula",
                      "the models have the same number of parameters: neither is nested");
  double difference = size_a < size_b ? a->criterion - b->criterion : b->criterion - a->criterion;
  out->chi_square = difference > 0 ? difference : 0;
  out->df = size_a < size_b ? (double)(size_b - size_a) : (double)(size_a - size_b);
  out->p = stats_chi2_upper(out->chi_square, out->df);
  return STATS_OK;
}

void stats_model_wald(const struct stats_model *model, double level, struct stats_interval *intervals) {
  for (size_t j = 0; j < model->p; j++) {
    const struct stats_coefficient *c = &model->fixed[j];
    double half = stats_t_quantile(0.5 + level / 2, c->df) * c->se;
    intervals[j] = (struct stats_interval){c->name, c->estimate, c->estimate - half, c->estimate + half};
  }
}
