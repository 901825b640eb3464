/* CR2, the bias-reduced cluster-robust covariance (Bell & McCaffrey 2002; Pustejovsky & Tipton 2018), with
 * Satterthwaite degrees of freedom, the working covariance being the model's own.
 *
 * In a cluster V = I + Z D Z' and S = V - X M X' (M = (X'V^-1 X)^-1) are the identity outside the span of [Z X]. So the
 * adjustment A = V # S^-1 (the geometric mean, for which A S A = V) is found in an orthonormal basis Q of that span,
 * from cross-products alone; no matrix is as long as the cluster. Scores: X'V^-1 A e. */
#include "stats/model_robust.h"

#include <math.h>
#include <string.h>

#define RANK 1e-11 /* relative squared residual of a column that adds nothing to the span */
#define ZERO 1e-10 /* relative eigenvalue that counts as zero */

#define TRY(call)                                                                                                      \
  do {                                                                                                                 \
    enum stats_status try_ = call;                                                                                     \
    if (try_) return try_;                                                                                             \
  } while (0)

struct robust {
  struct stats_model *model;
  const struct model_data *data;
  struct frame_factor cluster;
  size_t *start;       /* [clusters + 1] into row */
  uint32_t *row;       /* rows in order of clusters */
  int32_t *local;      /* per kernel term and level: its first column within the cluster, or -1 */
  size_t *offset;      /* [terms] into local */
  double *meat;        /* [p * p] sum of scores times scores' */
  double *own, *cross; /* [clusters][p * p]: E'V E and X'E */
};

/* Every group must lie within one cluster. */
static enum stats_status check_nested(struct robust *r, struct stats_error *error) {
  const struct frame *frame = r->data->frame;
  for (size_t g = 0; g < frame->groups; g++) {
    const struct frame_factor *group = &frame->group[g].factor;
    int32_t *seen = model_take(r->data->memory, group->levels, sizeof *seen);
    if (!seen) return model_no_memory(error);
    for (size_t i = 0; i < frame->table->rows; i++) {
      if (frame->dropped && frame->dropped[i]) continue;
      int32_t code = group->map ? group->map[group->code[i]] : group->code[i];
      int32_t cluster = r->cluster.map ? r->cluster.map[r->cluster.code[i]] : r->cluster.code[i];
      if (seen[code] && seen[code] != cluster + 1)
        return model_fail(
            error, STATS_BAD_DATA, frame->group[g].label,
            "a level of '%.60s' lies in more than one cluster: CR2 needs groups that nest within clusters",
            frame->group[g].label);
      seen[code] = cluster + 1;
    }
  }
  return STATS_OK;
}

static enum stats_status sort_rows(struct robust *r, struct stats_error *error) {
  const struct frame *frame = r->data->frame;
  size_t clusters = r->cluster.levels;
  r->start = model_take(r->data->memory, clusters + 2, sizeof *r->start);
  r->row = model_take(r->data->memory, frame->n, sizeof *r->row);
  if (!r->start || !r->row) return model_no_memory(error);
  for (int pass = 0; pass < 2; pass++) {
    for (size_t i = 0; i < frame->table->rows; i++) {
      if (frame->dropped && frame->dropped[i]) continue;
      int32_t code = r->cluster.code[i];
      if (code < 0)
        return model_fail(error, STATS_BAD_DATA, r->model->cluster, "the cluster is missing in data row %zu", i + 1);
      if (r->cluster.map) code = r->cluster.map[code];
      if (pass)
        r->row[r->start[code + 1]++] = (uint32_t)i;
      else
        r->start[code + 2]++;
    }
    for (size_t j = 1; j <= clusters && !pass; j++) r->start[j + 1] += r->start[j];
  }
  return STATS_OK;
}

static enum stats_status lay_local(struct robust *r, struct stats_error *error) {
  const struct kernel *kernel = &r->data->kernel;
  size_t all = 0;
  if (!(r->offset = model_take(r->data->memory, kernel->terms, sizeof *r->offset))) return model_no_memory(error);
  for (size_t t = 0; t < kernel->terms; t++) {
    r->offset[t] = all;
    all += r->model->random[t].levels;
  }
  if (!(r->local = model_take(r->data->memory, all, sizeof *r->local))) return model_no_memory(error);
  memset(r->local, -1, all * sizeof *r->local);
  return STATS_OK;
}

struct cluster {
  size_t z, m;    /* columns of Z; of [Z X] (y comes after) */
  double *gram;   /* [(m + 1)^2] */
  double *lambda; /* [z * z]: block diagonal factor of D */
};

static int32_t *local_of(struct robust *r, size_t t, const struct frame_block *block, size_t i) {
  return &r->local[r->offset[t] + (size_t)block->group[r->data->frame->term[r->data->order[t]].group][i]];
}

/* Numbers the columns of Z that a cluster has; `clear` takes the numbers away again. */
static void number_columns(struct robust *r, const struct frame_block *block, size_t *z, bool clear) {
  for (size_t t = 0; t < r->data->kernel.terms; t++)
    for (size_t i = 0; i < block->n; i++) {
      int32_t *at = local_of(r, t, block, i);
      if (clear) {
        *at = -1;
      } else if (*at < 0) {
        *at = (int32_t)*z;
        *z += r->data->kernel.term[t].size;
      }
    }
}

static void add_cluster_row(struct robust *r, const struct cluster *c, const struct frame_block *block, size_t i,
                            const double *row, size_t *index, double *value) {
  const struct model_data *data = r->data;
  size_t count = 0, wide = c->m + 1;
  for (size_t t = 0; t < data->kernel.terms; t++)
    for (size_t k = 0; k < data->kernel.term[t].size; k++) {
      index[count] = (size_t)*local_of(r, t, block, i) + k;
      value[count++] = row[data->z[t][k]];
    }
  for (size_t j = 0; j <= data->p; j++) {
    index[count] = c->z + j;
    value[count++] = row[j < data->p ? data->x[j] : data->response];
  }
  for (size_t a = 0; a < count; a++)
    for (size_t b = 0; b < count; b++) c->gram[index[a] * wide + index[b]] += value[a] * value[b];
}

static void fill_lambda(struct robust *r, const struct cluster *c, const struct frame_block *block) {
  const struct kernel *kernel = &r->data->kernel;
  for (size_t t = 0; t < kernel->terms; t++)
    for (size_t i = 0; i < block->n; i++) {
      size_t at = (size_t)*local_of(r, t, block, i), n = kernel->term[t].size;
      const double *theta = r->model->work->theta + kernel->term[t].theta;
      for (size_t b = 0; b < n; b++)
        for (size_t a = b; a < n; a++) c->lambda[(at + a) * c->z + at + b] = *theta++;
    }
}

static void next_rows(struct robust *r, size_t j, size_t *at, struct frame_block *block) {
  block->n = 0;
  while (block->n < FRAME_BLOCK && *at < r->start[j + 1]) block->row[block->n++] = r->row[(*at)++];
  frame_block_fill(r->data->frame, block);
}

/* Cross-products of [Z X y] over the rows of one cluster, and its Lambda. Memory comes from `room`. */
struct room {
  struct frame_block block;
  double *value, *one, *row_value, *numbers;
  size_t *index, *pivot, capacity;
};

static enum stats_status reserve(struct robust *r, struct room *room, size_t m, struct stats_error *error) {
  size_t need = 12 * (m + 1) * (m + 1);
  if (need > room->capacity) {
    room->capacity = 2 * need;
    room->numbers = model_take(r->data->memory, room->capacity, sizeof *room->numbers);
    room->pivot = model_take(r->data->memory, 2 * (m + 1), sizeof *room->pivot);
    if (!room->numbers || !room->pivot) return model_no_memory(error);
  }
  return STATS_OK;
}

static enum stats_status read_cluster(struct robust *r, struct room *room, size_t j, struct cluster *c,
                                      struct stats_error *error) {
  c->z = 0;
  for (size_t at = r->start[j]; at < r->start[j + 1];) {
    next_rows(r, j, &at, &room->block);
    number_columns(r, &room->block, &c->z, false);
  }
  c->m = c->z + r->data->p;
  if (c->m > 4000)
    return model_fail(error, STATS_BAD_DATA, r->model->cluster, "a cluster has %zu effects; CR2 handles up to 4000",
                      c->m);
  TRY(reserve(r, room, c->m, error));
  c->gram = room->numbers;
  c->lambda = c->gram + (c->m + 1) * (c->m + 1);
  memset(c->gram, 0, 2 * (c->m + 1) * (c->m + 1) * sizeof *c->gram);
  for (size_t at = r->start[j]; at < r->start[j + 1];) {
    next_rows(r, j, &at, &room->block);
    data_block_values(r->data, &room->block, room->value, room->one);
    for (size_t i = 0; i < room->block.n; i++)
      add_cluster_row(r, c, &room->block, i, room->value + i * r->data->columns, room->index, room->row_value);
    fill_lambda(r, c, &room->block);
  }
  for (size_t at = r->start[j]; at < r->start[j + 1];) {
    next_rows(r, j, &at, &room->block);
    number_columns(r, &room->block, &c->z, true);
  }
  return STATS_OK;
}

/* Pivoted Cholesky of the cross-products: rows of Q'[Z X y], Q orthonormal. Returns the rank; out is rank x (m + 1). */
static size_t basis(const struct cluster *c, double *left, double *out) {
  size_t m = c->m, wide = m + 1, rank = 0;
  for (size_t i = 0; i < m; i++) left[i] = c->gram[i * wide + i];
  for (; rank < m; rank++) {
    size_t best = 0;
    for (size_t i = 1; i < m; i++)
      if (left[i] / (c->gram[i * wide + i] + 1e-300) > left[best] / (c->gram[best * wide + best] + 1e-300)) best = i;
    if (!(left[best] > RANK * c->gram[best * wide + best]) || !(left[best] > 0)) break;
    double root = sqrt(left[best]), *row = out + rank * wide;
    for (size_t i = 0; i <= m; i++) {
      double sum = c->gram[best * wide + i];
      for (size_t k = 0; k < rank; k++) sum -= out[k * wide + best] * out[k * wide + i];
      row[i] = sum / root;
    }
    for (size_t i = 0; i < m; i++) left[i] -= row[i] * row[i];
    left[best] = 0;
  }
  return rank;
}

/* A = L (L'S L)^(-1/2) L' for V = L L'; v becomes L. Scratch: t of 3 n^2, values of n. */
static bool adjustment(double *v, const double *s, size_t n, double *t, double *values, double *a) {
  double *t1 = t, *t2 = t + n * n, *vectors = t2 + n * n;
  if (!matrix_cholesky(v, n)) return false;
  matrix_multiply(t1, s, v, n, n, n, false);
  matrix_multiply_tn(t2, v, t1, n, n, n, false);
  matrix_eigen(t2, n, values, vectors);
  matrix_multiply(t1, v, vectors, n, n, n, false);
  for (size_t e = 0; e < n; e++) {
    double scale = values[e] > ZERO * values[n - 1] ? pow(values[e], -0.25) : 0;
    for (size_t i = 0; i < n; i++) t1[i * n + e] *= scale;
  }
  matrix_multiply_nt(a, t1, t1, n, n, n, false);
  return true;
}

static bool add_cluster(struct robust *r, const struct cluster *c, size_t j, double *numbers) {
  size_t p = r->data->p, m = c->m, wide = m + 1, square = wide * wide;
  const struct kernel_work *work = r->model->work->kernel_work;
  double *q = numbers, *left = q + square, *rx = left + square, *v = rx + square, *s = v + square, *t1 = s + square;
  double *t2 = t1 + square, *a = t2 + 2 * square, *e = a + square;
  size_t n = basis(c, left, q);
  for (size_t i = 0; i < n; i++) { /* L = Q'Z Lambda; V = I + L L' */
    for (size_t k = 0; k < c->z; k++) {
      t1[i * c->z + k] = 0;
      for (size_t l = 0; l < c->z; l++)
        if (c->lambda[l * c->z + k] != 0) t1[i * c->z + k] += q[i * wide + l] * c->lambda[l * c->z + k];
    }
    memcpy(rx + i * p, q + i * wide + c->z, p * sizeof *rx);
    e[i] = q[i * wide + m];
    for (size_t x = 0; x < p; x++) e[i] -= rx[i * p + x] * work->beta[x];
  }
  matrix_multiply_nt(v, t1, t1, n, c->z, n, false);
  for (size_t i = 0; i < n; i++) v[i * n + i] += 1;
  matrix_multiply(t1, rx, work->inverse, n, p, p, false);
  matrix_multiply_nt(s, t1, rx, n, p, n, false);
  for (size_t i = 0; i < n * n; i++) s[i] = v[i] - s[i];
  if (!adjustment(v, s, n, t1, left, a)) return false;
  memcpy(t1, rx, n * p * sizeof *t1); /* v is now the factor of V */
  matrix_cholesky_solve(v, t1, n, p);
  matrix_multiply(t2, a, t1, n, n, p, false); /* E = A V^-1 X */
  matrix_multiply_tn(r->cross + j * p * p, rx, t2, p, n, p, false);
  matrix_multiply_tn(t1, v, t2, n, n, p, false);
  matrix_multiply_tn(r->own + j * p * p, t1, t1, p, n, p, false);
  for (size_t x = 0; x < p; x++) {
    s[x] = 0;
    for (size_t i = 0; i < n; i++) s[x] += t2[i * p + x] * e[i];
  }
  for (size_t x = 0; x < p; x++)
    for (size_t y = 0; y < p; y++) r->meat[x * p + y] += s[x] * s[y];
  return true;
}

/* (tr P)^2 / tr(P^2) with P_ij = [i = j] u'V u - (X_i'u_i)'M (X_j'u_j), u = A V^-1 X M c (Pustejovsky & Tipton 2018,
 * equation 12). */
static double robust_df(const struct robust *r, const double *contrast, double *t) {
  size_t p = r->data->p;
  const double *m = r->model->work->kernel_work->inverse;
  double *mc = t, *v = t + p, *mv = v + p, *outer = mv + p, *mo = outer + p * p, trace = 0, square = 0;
  matrix_multiply(mc, m, contrast, p, p, 1, false);
  memset(outer, 0, p * p * sizeof *outer);
  for (size_t j = 0; j < r->cluster.levels; j++) {
    double own = 0, h = 0;
    matrix_multiply(v, r->own + j * p * p, mc, p, p, 1, false);
    for (size_t x = 0; x < p; x++) own += v[x] * mc[x];
    matrix_multiply(v, r->cross + j * p * p, mc, p, p, 1, false);
    matrix_multiply(mv, m, v, p, p, 1, false);
    for (size_t x = 0; x < p; x++) h += v[x] * mv[x];
    for (size_t x = 0; x < p; x++)
      for (size_t y = 0; y < p; y++) outer[x * p + y] += v[x] * v[y];
    trace += own - h;
    square += (own - h) * (own - h) - h * h;
  }
  matrix_multiply(mo, m, outer, p, p, p, false);
  return trace * trace / (square + matrix_trace_of_product(mo, mo, p));
}

static enum stats_status finish(struct robust *r, struct stats_error *error) {
  size_t p = r->data->p;
  const double *m = r->model->work->kernel_work->inverse;
  double *t = model_take(r->data->memory, 3 * p + 3 * p * p + 1, sizeof *t);
  if (!t) return model_no_memory(error);
  double *v = t + 2 * p * p;
  matrix_multiply(t, m, r->meat, p, p, p, false);
  matrix_multiply(v, t, m, p, p, p, false);
  TRY(model_carry_covariance(r->model, v, t, error));
  for (size_t j = 0; j < p; j++) r->model->fixed[j].df = robust_df(r, r->model->work->to_beta + j * p, t);
  r->model->clusters = r->cluster.levels;
  return STATS_OK;
}

enum stats_status model_find_robust(struct stats_model *model, const char *cluster, struct stats_error *error) {
  struct robust r = {.model = model, .data = &model->work->data};
  const struct stats_memory *memory = r.data->memory;
  struct room room = {.capacity = 0};
  struct cluster c = {0};
  size_t p = r.data->p, columns = r.data->columns, most = p + 1;
  model->cluster = cluster;
  TRY(frame_factor_of(&model->work->frame, cluster, false, memory, &r.cluster, error));
  size_t clusters = r.cluster.levels;
  if (clusters < 2) return model_fail(error, STATS_BAD_DATA, cluster, "there is only one cluster in '%.60s'", cluster);
  TRY(sort_rows(&r, error));
  TRY(check_nested(&r, error));
  TRY(lay_local(&r, error));
  TRY(frame_block_start(&model->work->frame, memory, &room.block, error));
  for (size_t t = 0; t < model->terms; t++) most += model->random[t].size;
  room.value = model_take(memory, columns * FRAME_BLOCK, sizeof(double));
  room.one = model_take(memory, FRAME_BLOCK, sizeof(double));
  room.row_value = model_take(memory, most, sizeof(double));
  room.index = model_take(memory, most, sizeof(size_t));
  r.meat = model_take(memory, p * p + 1, sizeof(double));
  r.own = model_take(memory, 2 * clusters, (p * p + 1) * sizeof(double));
  if (!room.value || !room.one || !room.row_value || !room.index || !r.meat || !r.own) return model_no_memory(error);
  r.cross = r.own + clusters * p * p;
  for (size_t j = 0; j < clusters; j++) {
    TRY(read_cluster(&r, &room, j, &c, error));
    if (!add_cluster(&r, &c, j, c.lambda + (c.m + 1) * (c.m + 1)))
      return model_fail(error, STATS_NOT_FITTED, cluster, "the CR2 adjustment of a cluster cannot be computed");
  }
  TRY(finish(&r, error));
  model_fill_tests(model);
  return STATS_OK;
}
