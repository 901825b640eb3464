#include "stats/model_kernel.h"

#include <math.h>
#include <string.h>

#include "stats/model_base.h"

#define WIDE 40 /* columns beyond which rows of U are taken to be sparse */
#define LOG_2PI 1.8378770664093454836

static size_t depth_of(const struct kernel *kernel) {
  return kernel->levels ? 1 : 0;
}
static size_t width(const struct kernel *kernel, size_t stage) {
  return kernel->stage[stage].q + kernel->stage[stage].w;
}

/* --- building ----------------------------------------------------------------------------------------------------- */

bool kernel_begin(struct kernel *kernel, const struct stats_memory *memory) {
  struct kernel_stage *first = &kernel->stage[0], *base = &kernel->stage[depth_of(kernel)];
  kernel->stage[kernel->levels].nodes = 1;
  kernel->stage[kernel->levels].q = 0;
  kernel->stage[kernel->levels].w = kernel->p + 1;
  if (kernel->crossed) return (kernel->base = model_take(memory, packed_size(kernel->p + 1), sizeof(double))) != NULL;
  kernel->base = model_take(memory, base->nodes, packed_size(base->q + base->w) * sizeof(double));
  if (!kernel->levels) return kernel->base;
  kernel->u = model_take(memory, first->nodes, first->q * first->w * sizeof(double));
  return kernel->base && kernel->u;
}

static uint64_t hash_numbers(const double *x, size_t n) {
  uint64_t hash = UINT64_C(0x9e3779b97f4a7c15);
  for (size_t i = 0; i < n; i++) {
    uint64_t bits;
    memcpy(&bits, &x[i], sizeof bits);
    hash = (hash ^ bits) * UINT64_C(0xff51afd7ed558ccd);
    hash ^= hash >> 32;
  }
  return hash;
}

/* Numbers the distinct G: group_pattern, pattern_g, pattern_count. */
static bool find_patterns(struct kernel *kernel, const double *g, const struct stats_memory *memory) {
  size_t groups = kernel->stage[0].nodes, q = kernel->stage[0].q, size = packed_size(q), capacity = 16;
  while (capacity < 2 * groups) capacity *= 2;
  uint32_t *slot = model_take(memory, capacity, sizeof *slot);
  uint32_t *first = model_take(memory, groups, sizeof *first);
  kernel->group_pattern = model_take(memory, groups, sizeof *kernel->group_pattern);
  if (!slot || !first || !kernel->group_pattern) return false;
  for (size_t i = 0; i < groups; i++) {
    const double *own = g + i * size;
    size_t at = hash_numbers(own, size) & (capacity - 1);
    while (slot[at] && memcmp(own, g + first[slot[at] - 1] * size, size * sizeof *g) != 0)
      at = (at + 1) & (capacity - 1);
    if (!slot[at]) {
      first[kernel->patterns] = (uint32_t)i;
      slot[at] = (uint32_t)++kernel->patterns;
    }
    kernel->group_pattern[i] = slot[at] - 1;
  }
  kernel->pattern_g = model_take(memory, kernel->patterns, q * q * sizeof *g);
  kernel->pattern_count = model_take(memory, kernel->patterns, sizeof *kernel->pattern_count);
  if (!kernel->pattern_g || !kernel->pattern_count) return false;
  for (size_t i = 0; i < kernel->patterns; i++) matrix_unpack(kernel->pattern_g + i * q * q, g + first[i] * size, q);
  for (size_t i = 0; i < groups; i++) kernel->pattern_count[kernel->group_pattern[i]]++;
  return true;
}

/* One stable counting sort of `order` by key[order[i]]. */
static bool sort_by(const uint32_t *key, size_t keys, const uint32_t *order, uint32_t *sorted, size_t n,
                    const struct stats_memory *memory) {
  size_t *start = model_take(memory, keys + 1, sizeof *start);
  if (!start) return false;
  for (size_t i = 0; i < n; i++) start[key[order[i]] + 1]++;
  for (size_t k = 0; k < keys; k++) start[k + 1] += start[k];
  for (size_t i = 0; i < n; i++) sorted[start[key[order[i]]]++] = order[i];
  return true;
}

/* A gram pays when its members are several and it takes no more than a few times their memory. */
static bool wants_gram(const struct kernel_stage *stage, size_t members) {
  return members >= 2 && (stage->w <= WIDE || members * 8 >= (stage->q + 1) * (stage->w + 1));
}

static void fill_gram(const struct kernel *kernel, struct kernel_cell *cell) {
  size_t q = kernel->stage[0].q, w = kernel->stage[0].w, size = packed_size(w);
  memset(cell->gram, 0, packed_size(q) * size * sizeof *cell->gram);
  for (size_t m = 0; m < cell->members; m++) {
    const double *u = kernel->u + kernel->member[cell->first + m] * q * w;
    double *to = cell->gram;
    for (size_t k = 0; k < q; k++)
      for (size_t l = k; l < q; l++) {
        const double *a = u + k * w, *b = u + l * w;
        for (size_t i = 0; i < w; i++)
          for (size_t j = i; j < w; j++) *to++ += k == l ? a[i] * b[j] : a[i] * b[j] + b[i] * a[j];
      }
  }
}

static bool find_cells(struct kernel *kernel, const struct stats_memory *memory) {
  const struct kernel_stage *stage = &kernel->stage[0];
  size_t groups = stage->nodes, nodes = kernel->stage[1].nodes;
  uint32_t *order = model_take(memory, groups, sizeof *order), *second = model_take(memory, groups, sizeof *second);
  kernel->member = model_take(memory, groups, sizeof *kernel->member);
  kernel->cell_start = model_take(memory, nodes + 1, sizeof *kernel->cell_start);
  if (!order || !second || !kernel->member || !kernel->cell_start) return false;
  for (size_t i = 0; i < groups; i++) order[i] = (uint32_t)i;
  if (!sort_by(kernel->group_pattern, kernel->patterns, order, second, groups, memory)) return false;
  if (!sort_by(stage->parent, nodes, second, kernel->member, groups, memory)) return false;
  for (int pass = 0; pass < 2; pass++) { /* counts the cells, then fills them */
    kernel->cells = 0;
    for (size_t i = 0; i < groups; i++) {
      uint32_t g = kernel->member[i], before = i ? kernel->member[i - 1] : 0;
      bool same =
          i && stage->parent[g] == stage->parent[before] && kernel->group_pattern[g] == kernel->group_pattern[before];
      if (!same && pass) kernel->cell[kernel->cells] = (struct kernel_cell){kernel->group_pattern[g], 0, i, NULL};
      if (!same) kernel->cells++;
      if (pass) {
        kernel->cell[kernel->cells - 1].members++;
        kernel->cell_start[stage->parent[g] + 1] = kernel->cells;
      }
    }
    if (!pass && !(kernel->cell = model_take(memory, kernel->cells, sizeof *kernel->cell))) return false;
  }
  for (size_t i = 0; i < nodes; i++) /* a node without groups has an empty range */
    if (kernel->cell_start[i + 1] < kernel->cell_start[i]) kernel->cell_start[i + 1] = kernel->cell_start[i];
  return true;
}

bool kernel_end(struct kernel *kernel, const double *g, const struct stats_memory *memory) {
  if (!kernel->levels) return true;
  if (kernel->crossed) return crossed_end(kernel->crossed);
  if (!find_patterns(kernel, g, memory) || !find_cells(kernel, memory)) return false;
  const struct kernel_stage *stage = &kernel->stage[0];
  size_t bytes = packed_size(stage->q) * packed_size(stage->w) * sizeof(double);
  for (size_t c = 0; c < kernel->cells; c++) {
    struct kernel_cell *cell = &kernel->cell[c];
    if (!wants_gram(stage, cell->members)) continue;
    if (!(cell->gram = model_take(memory, 1, bytes))) return false;
    fill_gram(kernel, cell);
  }
  return true;
}

static bool new_nodes(const struct kernel *kernel, struct kernel_work *work, size_t s,
                      const struct stats_memory *memory) {
  const struct kernel_stage *stage = &kernel->stage[s];
  size_t q2 = stage->q * stage->q, qw = stage->q * stage->w, each = 3 * q2 + 2 * qw;
  double *numbers = model_take(memory, stage->nodes, each * sizeof *numbers);
  work->node[s] = model_take(memory, stage->nodes, sizeof *work->node[s]);
  if (!numbers || !work->node[s]) return false;
  for (size_t i = 0; i < stage->nodes; i++, numbers += each)
    work->node[s][i] =
        (struct kernel_node){numbers, numbers + q2, numbers + q2 + qw, numbers + 2 * q2 + qw, numbers + 3 * q2 + qw};
  return true;
}

/* What the stages of a tree take; the width of the widest of them. */
static bool new_stages(const struct kernel *kernel, struct kernel_work *work, size_t *widest,
                       const struct stats_memory *memory) {
  size_t levels = kernel->levels, q0 = levels ? kernel->stage[0].q : 0;
  bool fine = true;
  for (size_t s = 0; s <= levels; s++) {
    size_t d = width(kernel, s), nodes = kernel->stage[s].nodes;
    if (d > *widest) *widest = d;
    if (s >= depth_of(kernel)) {
      fine &= (work->sum[s] = model_take(memory, nodes, packed_size(d) * sizeof(double))) != NULL;
      size_t kept = s > depth_of(kernel) || s == levels ? nodes : 1;
      fine &= (work->bar[s] = model_take(memory, kept, d * d * sizeof(double))) != NULL;
    }
    if (s && s < levels) fine = fine && new_nodes(kernel, work, s, memory);
  }
  fine &= (work->pattern_k = model_take(memory, kernel->patterns + 1, 3 * q0 * q0 * sizeof(double))) != NULL;
  work->pattern_h = work->pattern_k + kernel->patterns * q0 * q0;
  work->pattern_kbar = work->pattern_h + kernel->patterns * q0 * q0;
  return fine;
}

static bool new_crossed(const struct kernel *kernel, struct kernel_work *work, size_t *widest,
                        const struct stats_memory *memory) {
  size_t d = kernel->p + 1, root = kernel->levels, effects = crossed_effects(kernel->crossed);
  bool fine = true;
  for (size_t s = 0; s < root; s++)
    if (kernel->stage[s].q > *widest) *widest = kernel->stage[s].q;
  if (kernel->thetas > *widest) *widest = kernel->thetas;
  fine &= (work->sum[root] = model_take(memory, packed_size(d), sizeof(double))) != NULL;
  fine &= (work->bar[root] = model_take(memory, d * d, sizeof(double))) != NULL;
  fine &= (work->effects = model_take(memory, 3 + 2 * kernel->thetas, effects * sizeof(double))) != NULL;
  return fine && (work->crossed = crossed_work_new(kernel->crossed, memory)) != NULL;
}

struct kernel_work *kernel_work_new(const struct kernel *kernel, const struct stats_memory *memory) {
  struct kernel_work *work = model_take(memory, 1, sizeof *work);
  if (!work) return NULL;
  size_t widest = kernel->p + 1, p = kernel->p;
  bool fine = (kernel->crossed ? new_crossed : new_stages)(kernel, work, &widest, memory);
  for (size_t s = 0; s < kernel->levels; s++) {
    size_t q = kernel->stage[s].q;
    fine &= (work->lambda[s] = model_take(memory, q * q + 1, sizeof(double))) != NULL;
    fine &= (work->lambda_bar[s] = model_take(memory, q * q + 1, sizeof(double))) != NULL;
  }
  fine &= (work->beta = model_take(memory, p + 1, sizeof(double))) != NULL;
  fine &= (work->inverse = model_take(memory, p * p + 1, sizeof(double))) != NULL;
  fine &= (work->root = model_take(memory, (p + 1) * (p + 1), sizeof(double))) != NULL;
  for (size_t i = 0; i < 5; i++)
    fine &= (work->scratch[i] = model_take(memory, widest * widest + 1, sizeof(double))) != NULL;
  fine &= (work->d_room = model_take(memory, widest * widest + 1, sizeof(double))) != NULL;
  fine &= (work->full = model_take(memory, widest * widest + 1, sizeof(double))) != NULL;
  fine &= (work->column = model_take(memory, widest, sizeof *work->column)) != NULL;
  return fine ? work : NULL;
}

/* --- the way up --------------------------------------------------------------------------------------------------- */

/* The dense factor of a stage at theta; its parameters are the columns of each term's lower triangle. */
static void lambda_fill(const struct kernel *kernel, size_t stage, const double *theta, double *lambda) {
  size_t q = kernel->stage[stage].q;
  memset(lambda, 0, q * q * sizeof *lambda);
  for (size_t t = 0; t < kernel->terms; t++) {
    const struct kernel_term *term = &kernel->term[t];
    if (term->stage != stage) continue;
    const double *from = theta + term->theta;
    for (size_t j = 0; j < term->size; j++)
      for (size_t i = j; i < term->size; i++) lambda[(term->at + i) * q + term->at + j] = *from++;
  }
}

/* K = (D^-1 + G)^-1 and H = Lambda (I + Lambda'G Lambda)^-1; returns log|I + DG|, NaN when it has none. */
static double eliminate(size_t q, const double *lambda, const double *g, double *k, double *h, double *c, double *d) {
  if (q == 1) {
    double one = 1 + lambda[0] * lambda[0] * g[0];
    h[0] = lambda[0] / one;
    k[0] = h[0] * lambda[0];
    return log(one);
  }
  if (q == 2) {
    double a = lambda[0], b = lambda[2], e = lambda[3]; /* Lambda = [a 0; b e] */
    double ga = g[0] * a + g[1] * b, gb = g[2] * a + g[3] * b;
    double c11 = 1 + a * ga + b * gb, c21 = e * gb, c22 = 1 + e * e * g[3], det = c11 * c22 - c21 * c21;
    double i11 = c22 / det, i21 = -c21 / det, i22 = c11 / det;
    h[0] = a * i11;
    h[1] = a * i21;
    h[2] = b * i11 + e * i21;
    h[3] = b * i21 + e * i22;
    k[0] = h[0] * a;
    k[1] = k[2] = h[2] * a;
    k[3] = h[2] * b + h[3] * e;
    return log(det);
  }
  matrix_multiply(d, g, lambda, q, q, q, false);
  matrix_multiply_tn(c, lambda, d, q, q, q, false);
  for (size_t i = 0; i < q; i++) c[i * q + i] += 1;
  if (!matrix_cholesky(c, q)) return NAN;
  for (size_t i = 0; i < q; i++)
    for (size_t j = 0; j < q; j++) d[i * q + j] = lambda[j * q + i];
  matrix_cholesky_solve(c, d, q, q);
  for (size_t i = 0; i < q; i++)
    for (size_t j = 0; j < q; j++) h[i * q + j] = d[j * q + i];
  matrix_multiply_nt(k, h, lambda, q, q, q, false);
  return matrix_log_determinant(c, q);
}

static double eliminate_patterns(const struct kernel *kernel, struct kernel_work *work) {
  size_t q = kernel->stage[0].q;
  double logdet = 0;
  for (size_t i = 0; i < kernel->patterns; i++)
    logdet += (double)kernel->pattern_count[i] * eliminate(q, work->lambda[0], kernel->pattern_g + i * q * q,
                                                           work->pattern_k + i * q * q, work->pattern_h + i * q * q,
                                                           work->scratch[0], work->scratch[1]);
  return logdet;
}

/* The columns of a group's U that are not all zero, gathered: returns how many. */
static size_t gather(const double *u, size_t q, size_t w, size_t *column, double *packed) {
  size_t count = 0;
  for (size_t j = 0; j < w; j++) {
    bool any = false;
    for (size_t k = 0; k < q; k++) any |= u[k * w + j] != 0;
    if (any) column[count++] = j;
  }
  for (size_t k = 0; k < q; k++)
    for (size_t j = 0; j < count; j++) packed[k * count + j] = u[k * w + column[j]];
  return count;
}

/* sum -= U'N, packed. */
static void subtract_product(double *sum, const double *u, const double *n, size_t q, size_t w) {
  for (size_t a = 0; a < w; a++) {
    for (size_t k = 0; k < q; k++) {
      double x = u[k * w + a];
      const double *row = n + k * w;
      for (size_t b = a; b < w; b++) sum[b - a] -= x * row[b];
    }
    sum += w - a;
  }
}

static void subtract_group(struct kernel_work *work, double *sum, const double *u, const double *k, size_t q,
                           size_t w) {
  if (w <= WIDE) {
    double *n = work->scratch[0];
    matrix_multiply(n, k, u, q, q, w, false);
    subtract_product(sum, u, n, q, w);
    return;
  }
  size_t *column = work->column;
  double *few = work->scratch[1], *n = work->scratch[2];
  size_t count = gather(u, q, w, column, few);
  matrix_multiply(n, k, few, q, q, count, false);
  for (size_t a = 0; a < count; a++) {
    double *row = sum + packed_row(w, column[a]) - column[a];
    for (size_t l = 0; l < q; l++) {
      double x = few[l * count + a];
      for (size_t b = a; b < count; b++) row[column[b]] -= x * n[l * count + b];
    }
  }
}

void kernel_subtract_cell(const struct kernel *kernel, struct kernel_work *work, const struct kernel_cell *cell,
                          const double *k, double *sum) {
  size_t q = kernel->stage[0].q, w = kernel->stage[0].w, size = packed_size(w);
  const double *gram = cell->gram;
  if (!gram) {
    for (size_t m = 0; m < cell->members; m++)
      subtract_group(work, sum, kernel->u + kernel->member[cell->first + m] * q * w, k, q, w);
    return;
  }
  for (size_t i = 0; i < q; i++)
    for (size_t j = i; j < q; j++, gram += size) {
      double x = k[i * q + j];
      for (size_t a = 0; a < size; a++) sum[a] -= x * gram[a];
    }
}

/* Integrates out the effects of one node of stage s and adds what is left to its parent. */
static double eliminate_node(const struct kernel *kernel, struct kernel_work *work, size_t s, size_t i) {
  const struct kernel_stage *stage = &kernel->stage[s];
  size_t q = stage->q, w = stage->w, d = q + w, rest = packed_size(w);
  const double *sum = work->sum[s] + i * packed_size(d);
  struct kernel_node *node = &work->node[s][i];
  for (size_t a = 0; a < q; a++) {
    const double *row = sum + packed_row(d, a);
    for (size_t b = a; b < q; b++) node->g[a * q + b] = node->g[b * q + a] = row[b - a];
    memcpy(node->u + a * w, row + q - a, w * sizeof *row);
  }
  double logdet = eliminate(q, work->lambda[s], node->g, node->k, node->h, work->scratch[0], work->scratch[1]);
  matrix_multiply(node->n, node->k, node->u, q, q, w, false);
  double *parent = work->sum[s + 1] + stage->parent[i] * rest;
  const double *tail = sum + packed_row(d, q);
  for (size_t a = 0; a < rest; a++) parent[a] += tail[a];
  subtract_product(parent, node->u, node->n, q, w);
  return logdet;
}

/* Profiles out beta and sigma2. */
static bool solve_root(const struct kernel *kernel, struct kernel_work *work) {
  size_t p = kernel->p, d = p + 1;
  double *full = work->root, *a = work->scratch[0], *b = work->scratch[1];
  matrix_unpack(full, work->sum[kernel->levels], d);
  for (size_t i = 0; i < p; i++) {
    memcpy(a + i * p, full + i * d, p * sizeof *a);
    b[i] = full[i * d + p];
  }
  memcpy(work->beta, b, p * sizeof *b);
  if (!matrix_cholesky(a, p)) return false;
  matrix_cholesky_solve(a, work->beta, p, 1);
  work->rss = full[p * d + p];
  for (size_t i = 0; i < p; i++) work->rss -= b[i] * work->beta[i];
  matrix_cholesky_inverse(work->inverse, a, p);
  work->logdet_x = matrix_log_determinant(a, p);
  return work->rss > 2e-14 * full[p * d + p] && isfinite(work->rss) && isfinite(work->logdet_x);
}

static bool go_up(const struct kernel *kernel, struct kernel_work *work) {
  size_t levels = kernel->levels, first = depth_of(kernel);
  if (kernel->crossed) {
    memcpy(work->sum[levels], kernel->base, packed_size(kernel->p + 1) * sizeof(double));
    work->logdet = crossed_factor(kernel->crossed, work->crossed, work->lambda, work->sum[levels]);
    return isfinite(work->logdet) && solve_root(kernel, work);
  }
  memcpy(work->sum[first], kernel->base,
         kernel->stage[first].nodes * packed_size(width(kernel, first)) * sizeof(double));
  for (size_t s = first + 1; s <= levels; s++)
    memset(work->sum[s], 0, kernel->stage[s].nodes * packed_size(width(kernel, s)) * sizeof(double));
  work->logdet = 0;
  if (levels) {
    work->logdet = eliminate_patterns(kernel, work);
    size_t size = packed_size(width(kernel, 1)), q = kernel->stage[0].q;
    for (size_t i = 0; i < kernel->stage[1].nodes; i++)
      for (size_t c = kernel->cell_start[i]; c < kernel->cell_start[i + 1]; c++)
        kernel_subtract_cell(kernel, work, &kernel->cell[c], work->pattern_k + kernel->cell[c].pattern * q * q,
                             work->sum[1] + i * size);
  }
  for (size_t s = 1; s < levels; s++)
    for (size_t i = 0; i < kernel->stage[s].nodes; i++) work->logdet += eliminate_node(kernel, work, s, i);
  return isfinite(work->logdet) && solve_root(kernel, work);
}

/* --- the way down ------------------------------------------------------------------------------------------------- */

/* Adds to the derivative by the Lambda of stage s, and to that by D when wanted, what K = H Lambda', with derivative
 * kbar, and `count` times log|I + DG| say. */
static void lambda_derivative(struct kernel_work *work, size_t s, size_t q, const struct kernel_node *node,
                              const double *kbar, double count) {
  const double *lambda = work->lambda[s], *g = node->g, *h = node->h;
  double *f = work->scratch[0], *t = work->scratch[1], *lambda_bar = work->lambda_bar[s], *d_bar = work->d_bar[s];
  if (q == 1) {
    double one = 1 - h[0] * lambda[0] * g[0];
    lambda_bar[0] += 2 * h[0] * (one * kbar[0] + count * g[0]);
    if (d_bar) d_bar[0] += one * one * kbar[0] + count * g[0] * one;
    return;
  }
  matrix_multiply_nt(t, h, lambda, q, q, q, false); /* K */
  matrix_multiply(f, t, g, q, q, q, false);
  for (size_t i = 0; i < q * q; i++) f[i] = -f[i];
  for (size_t i = 0; i < q; i++) f[i * q + i] += 1; /* F = I - K G */
  matrix_multiply_tn(t, f, kbar, q, q, q, false);
  if (d_bar) {
    matrix_multiply(d_bar, t, f, q, q, q, true);
    for (size_t i = 0; i < q * q; i++) f[i] *= count;
    matrix_multiply(d_bar, g, f, q, q, q, true);
  }
  for (size_t i = 0; i < q * q; i++) t[i] += count * g[i];
  for (size_t i = 0; i < q * q; i++) t[i] *= 2;
  matrix_multiply(lambda_bar, t, h, q, q, q, true);
}

/* kbar -= U F U' for one group. */
static void group_derivative(struct kernel_work *work, const double *u, const double *f, size_t q, size_t w,
                             double *kbar) {
  double *uf = work->scratch[0], *few = work->scratch[1];
  size_t count = w;
  if (w > WIDE) {
    size_t *column = work->column;
    count = gather(u, q, w, column, few);
    for (size_t k = 0; k < q; k++)
      for (size_t b = 0; b < count; b++) {
        double sum = 0;
        for (size_t a = 0; a < count; a++) sum += few[k * count + a] * f[column[a] * w + column[b]];
        uf[k * count + b] = sum;
      }
    u = few;
  } else {
    matrix_multiply(uf, u, f, q, w, w, false);
  }
  for (size_t k = 0; k < q; k++)
    for (size_t l = 0; l < q; l++) {
      double sum = 0;
      for (size_t b = 0; b < count; b++) sum += uf[k * count + b] * u[l * count + b];
      kbar[k * q + l] -= sum;
    }
}

/* Derivatives by K of the patterns below one node of stage 1, whose own derivative is `full`. */
static void cells_derivative(const struct kernel *kernel, struct kernel_work *work, size_t i, const double *full) {
  size_t q = kernel->stage[0].q, w = kernel->stage[0].w, size = packed_size(w);
  double *weighted = work->scratch[2];
  for (size_t a = 0, at = 0; a < w; a++)
    for (size_t b = a; b < w; b++) weighted[at++] = a == b ? full[a * w + b] : 2 * full[a * w + b];
  for (size_t c = kernel->cell_start[i]; c < kernel->cell_start[i + 1]; c++) {
    const struct kernel_cell *cell = &kernel->cell[c];
    double *kbar = work->pattern_kbar + cell->pattern * q * q;
    const double *gram = cell->gram;
    if (!gram) {
      for (size_t m = 0; m < cell->members; m++)
        group_derivative(work, kernel->u + kernel->member[cell->first + m] * q * w, full, q, w, kbar);
      continue;
    }
    for (size_t k = 0; k < q; k++)
      for (size_t l = k; l < q; l++, gram += size) {
        double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        size_t a = 0;
        for (; a + 4 <= size; a += 4) {
          s0 += weighted[a] * gram[a];
          s1 += weighted[a + 1] * gram[a + 1];
          s2 += weighted[a + 2] * gram[a + 2];
          s3 += weighted[a + 3] * gram[a + 3];
        }
        for (; a < size; a++) s0 += weighted[a] * gram[a];
        double sum = (s0 + s1) + (s2 + s3);
        kbar[k * q + l] -= k == l ? sum : sum / 2;
        if (k != l) kbar[l * q + k] -= sum / 2;
      }
  }
}

/* The derivative of the criterion by the cross-products at the root: (df/rss) v v' with v = (-beta, 1), and under
 * REML the inverse of X'V^-1 X. */
static void root_derivative(const struct kernel *kernel, struct kernel_work *work, double *full) {
  size_t p = kernel->p, d = p + 1;
  double scale = work->weight;
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++) {
      double vi = i < p ? -work->beta[i] : 1, vj = j < p ? -work->beta[j] : 1;
      full[i * d + j] = scale * vi * vj + (kernel->reml && i < p && j < p ? work->inverse[i * p + j] : 0);
    }
}

/* From the derivative by the parent's cross-products to that by the node's own, and by Lambda of its stage. */
static void node_derivative(const struct kernel *kernel, struct kernel_work *work, size_t s, size_t i, double *own) {
  const struct kernel_stage *stage = &kernel->stage[s];
  size_t q = stage->q, w = stage->w, d = q + w;
  const struct kernel_node *node = &work->node[s][i];
  const double *f = work->bar[s + 1] + stage->parent[i] * w * w;
  double *nf = work->scratch[2], *kbar = work->scratch[3], *uf = work->scratch[4];
  matrix_multiply(nf, node->n, f, q, w, w, false);
  for (size_t a = 0; a < w; a++) memcpy(own + (q + a) * d + q, f + a * w, w * sizeof *f);
  for (size_t k = 0; k < q; k++) {
    for (size_t b = 0; b < w; b++) own[k * d + q + b] = own[(q + b) * d + k] = -nf[k * w + b];
    for (size_t l = 0; l < q; l++) {
      double sum = node->k[k * q + l];
      for (size_t b = 0; b < w; b++) sum += nf[k * w + b] * node->n[l * w + b];
      own[k * d + l] = sum;
    }
  }
  matrix_multiply(uf, node->u, f, q, w, w, false);
  matrix_multiply_nt(kbar, uf, node->u, q, w, q, false);
  for (size_t k = 0; k < q * q; k++) kbar[k] = -kbar[k];
  lambda_derivative(work, s, q, node, kbar, 1);
}

static void collect_gradient(const struct kernel *kernel, const struct kernel_work *work, double *gradient) {
  for (size_t t = 0; t < kernel->terms; t++) {
    const struct kernel_term *term = &kernel->term[t];
    size_t q = kernel->stage[term->stage].q;
    const double *bar = work->lambda_bar[term->stage];
    double *to = gradient + term->theta;
    for (size_t j = 0; j < term->size; j++)
      for (size_t i = j; i < term->size; i++) *to++ = bar[(term->at + i) * q + term->at + j];
  }
}

/* The derivative by every Lambda. */
static void go_down(const struct kernel *kernel, struct kernel_work *work) {
  size_t levels = kernel->levels, q = kernel->stage[0].q;
  for (size_t s = 0; s < levels; s++)
    memset(work->lambda_bar[s], 0, kernel->stage[s].q * kernel->stage[s].q * sizeof(double));
  root_derivative(kernel, work, work->bar[levels]);
  if (kernel->crossed) {
    crossed_derivative(kernel->crossed, work->crossed, work->lambda, work->bar[levels], work->lambda_bar);
    return;
  }
  memset(work->pattern_kbar, 0, kernel->patterns * q * q * sizeof(double));
  if (levels == 1) cells_derivative(kernel, work, 0, work->bar[1]);
  for (size_t s = levels; s-- > 1;) {
    size_t d = width(kernel, s);
    for (size_t i = 0; i < kernel->stage[s].nodes; i++) {
      double *own = s == 1 ? work->bar[1] : work->bar[s] + i * d * d;
      node_derivative(kernel, work, s, i, own);
      if (s == 1) cells_derivative(kernel, work, i, own);
    }
  }
  for (size_t i = 0; i < kernel->patterns; i++) {
    const struct kernel_node pattern = {.g = kernel->pattern_g + i * q * q, .h = work->pattern_h + i * q * q};
    lambda_derivative(work, 0, q, &pattern, work->pattern_kbar + i * q * q, (double)kernel->pattern_count[i]);
  }
}

/* sigma2 of a pinned standard deviation, and |Lambda'row|^2. */
static double pinned_sigma2(const struct kernel *kernel, const struct kernel_pin *pin, const double *theta,
                            double *turned, double *length) {
  if (pin->kind == PIN_SIGMA) return pin->value * pin->value;
  const struct kernel_term *term = &kernel->term[pin->term];
  const double *at = theta + term->theta;
  *length = 0;
  for (size_t j = 0; j < term->size; j++) {
    turned[j] = 0;
    for (size_t i = j; i < term->size; i++) turned[j] += *at++ * pin->row[i];
    *length += turned[j] * turned[j];
  }
  return pin->value * pin->value / *length;
}

static void hold_contrast(const struct kernel *kernel, struct kernel_work *work) {
  size_t p = kernel->p;
  const double *l = work->pin->row;
  double *al = work->scratch[0], gap = work->pin->value, length = 0;
  matrix_multiply(al, work->inverse, l, p, p, 1, false);
  for (size_t i = 0; i < p; i++) {
    gap -= l[i] * work->beta[i];
    length += l[i] * al[i];
  }
  for (size_t i = 0; i < p; i++) work->beta[i] += al[i] * gap / length;
  work->rss += gap * gap / length;
}

/* The derivative of the criterion by sigma2, times that of sigma2 by Lambda. */
static void add_pinned_gradient(const struct kernel *kernel, const struct kernel_work *work, const double *turned,
                                double length, double df, double *gradient) {
  const struct kernel_term *term = &kernel->term[work->pin->term];
  double by_sigma2 = work->weight * (df - work->rss * work->weight), by_length = -1 / (work->weight * length);
  double *to = gradient + term->theta;
  for (size_t j = 0; j < term->size; j++)
    for (size_t i = j; i < term->size; i++) *to++ += by_sigma2 * by_length * 2 * work->pin->row[i] * turned[j];
}

bool kernel_evaluate(const struct kernel *kernel, struct kernel_work *work, const double *theta, double *gradient) {
  const struct kernel_pin *pin = work->pin;
  double df = (double)(kernel->n - (kernel->reml ? kernel->p : 0)), length = 0;
  double *turned = work->full; /* of one term's size */
  for (size_t s = 0; s < kernel->levels; s++) lambda_fill(kernel, s, theta, work->lambda[s]);
  work->evaluations++;
  bool fine = go_up(kernel, work);
  if (fine && pin && pin->kind == PIN_CONTRAST) hold_contrast(kernel, work);
  bool profiled = !pin || pin->kind == PIN_CONTRAST;
  double sigma2 = profiled ? work->rss / df : pinned_sigma2(kernel, pin, theta, turned, &length);
  work->criterion = work->logdet + work->rss / sigma2 + df * (LOG_2PI + log(sigma2));
  if (kernel->reml) work->criterion += work->logdet_x;
  work->weight = 1 / sigma2;
  if (!fine || !isfinite(work->criterion)) {
    work->criterion = INFINITY;
    return false;
  }
  if (gradient && kernel->levels) {
    go_down(kernel, work);
    collect_gradient(kernel, work, gradient);
    if (pin && pin->kind == PIN_DEVIATION) add_pinned_gradient(kernel, work, turned, length, df, gradient);
  }
  return true;
}

#define PROBE 1e-4 /* length of a column of Lambda that stands for none: D changes by its square */

/* With a vector of that length in a zero column, the derivative by the column is 2 D_bar times it. */
static bool probe_d(const struct kernel *kernel, struct kernel_work *work, const double *theta, size_t t, double *out) {
  const struct kernel_term *term = &kernel->term[t];
  size_t n = term->size, q = kernel->stage[term->stage].q, zero = 0, at = term->at;
  double *lambda = work->lambda[term->stage], df = (double)(kernel->n - (kernel->reml ? kernel->p : 0));
  for (size_t s = 0; s < kernel->levels; s++) lambda_fill(kernel, s, theta, work->lambda[s]);
  while (zero + 1 < n && lambda[(at + zero) * q + at + zero] != 0) zero++;
  for (size_t i = 0; i < n; i++) {
    for (size_t k = 0; k < n; k++) lambda[(at + k) * q + at + zero] = k == i ? PROBE : 0;
    work->evaluations++;
    if (!go_up(kernel, work)) return false;
    work->weight = df / work->rss;
    go_down(kernel, work);
    for (size_t k = 0; k < n; k++)
      out[k * n + i] = work->lambda_bar[term->stage][(at + k) * q + at + zero] / (2 * PROBE);
  }
  return true;
}

bool kernel_d_derivative(const struct kernel *kernel, struct kernel_work *work, const double *theta, size_t t,
                         double *out) {
  const struct kernel_term *term = &kernel->term[t];
  size_t n = term->size, q = kernel->stage[term->stage].q;
  if (kernel->crossed) return probe_d(kernel, work, theta, t, out);
  double *d_bar = work->d_bar[term->stage] = work->d_room;
  memset(d_bar, 0, q * q * sizeof *d_bar);
  for (size_t s = 0; s < kernel->levels; s++) lambda_fill(kernel, s, theta, work->lambda[s]);
  work->evaluations++;
  bool fine = go_up(kernel, work);
  work->weight = (double)(kernel->n - (kernel->reml ? kernel->p : 0)) / work->rss;
  if (fine) go_down(kernel, work);
  work->d_bar[term->stage] = NULL;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) out[i * n + j] = d_bar[(term->at + i) * q + term->at + j];
  return fine;
}
