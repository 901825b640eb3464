/* Predicted random effects, their standard errors, and fitted values. From the coarsest stage down: a node's effects
 * are K U_y - K U_X beta - K U_Z b of its ancestors (Henderson's equations by back substitution), and the covariance of
 * the prediction error follows the same path. */
#include <math.h>
#include <string.h>

#include "stats/model_work.h"

struct paths {
  const struct stats_model_work *work;
  size_t length[KERNEL_STAGES]; /* effects of a node and of its ancestors, its own first */
  double *b[KERNEL_STAGES];     /* [nodes][length] */
  double *c[KERNEL_STAGES];     /* [nodes][length^2] relative to sigma2; not for stage 0 */
  double *n, *nc;               /* of a leaf */
};

static bool new_paths(struct paths *paths, const struct stats_model_work *work, bool covariance) {
  const struct kernel *kernel = &work->data.kernel;
  size_t widest = 1;
  *paths = (struct paths){.work = work};
  for (size_t s = 0; s < kernel->levels; s++) {
    const struct kernel_stage *stage = &kernel->stage[s];
    size_t length = paths->length[s] = stage->q + stage->w - kernel->p - 1;
    if (stage->q * stage->w > widest) widest = stage->q * stage->w;
    if (!(paths->b[s] = model_take(work->memory, stage->nodes, length * sizeof(double)))) return false;
    if (!covariance || s == 0) continue;
    if (!(paths->c[s] = model_take(work->memory, stage->nodes, length * length * sizeof(double)))) return false;
  }
  paths->n = model_take(work->memory, 2 * widest, sizeof(double));
  paths->nc = paths->n + widest;
  return paths->n != NULL;
}

/* b = N (-b of the ancestors, -beta, 1) */
static void predict(struct paths *paths, size_t s, size_t i, const double *n) {
  const struct kernel *kernel = &paths->work->data.kernel;
  const struct kernel_stage *stage = &kernel->stage[s];
  size_t q = stage->q, w = stage->w, above = w - kernel->p - 1;
  double *b = paths->b[s] + i * paths->length[s];
  const double *up = above ? paths->b[s + 1] + stage->parent[i] * above : NULL;
  for (size_t k = 0; k < q; k++) {
    const double *row = n + k * w;
    double sum = row[w - 1];
    for (size_t j = 0; j < above; j++) sum -= row[j] * up[j];
    for (size_t j = 0; j < kernel->p; j++) sum -= row[above + j] * paths->work->kernel_work->beta[j];
    b[k] = sum;
  }
  if (up) memcpy(b + q, up, above * sizeof *b);
}

/* own (q x q) = K + N C N', with N the columns of the ancestors; `nc` is left as N C (q x above). */
static void spread(struct paths *paths, size_t s, size_t i, const double *k, const double *n, double *own) {
  const struct kernel *kernel = &paths->work->data.kernel;
  const struct kernel_stage *stage = &kernel->stage[s];
  size_t q = stage->q, w = stage->w, above = w - kernel->p - 1;
  const double *c = above ? paths->c[s + 1] + stage->parent[i] * above * above : NULL;
  memset(paths->nc, 0, q * above * sizeof(double));
  for (size_t a = 0; a < q; a++)
    for (size_t x = 0; x < above; x++)
      for (size_t y = 0; n[a * w + x] != 0 && y < above; y++)
        paths->nc[a * above + y] += n[a * w + x] * c[x * above + y];
  for (size_t a = 0; a < q; a++)
    for (size_t b = 0; b < q; b++) {
      double sum = k[a * q + b];
      for (size_t x = 0; x < above; x++) sum += paths->nc[a * above + x] * n[b * w + x];
      own[a * q + b] = sum;
    }
}

static void spread_node(struct paths *paths, size_t s, size_t i, const struct kernel_node *node) {
  const struct kernel_stage *stage = &paths->work->data.kernel.stage[s];
  size_t q = stage->q, length = paths->length[s], above = length - q;
  double *c = paths->c[s] + i * length * length, *own = paths->n;
  spread(paths, s, i, node->k, node->n, own);
  for (size_t a = 0; a < q; a++) {
    memcpy(c + a * length, own + a * q, q * sizeof *c);
    for (size_t x = 0; x < above; x++) c[a * length + q + x] = c[(q + x) * length + a] = -paths->nc[a * above + x];
  }
  const double *up = above ? paths->c[s + 1] + stage->parent[i] * above * above : NULL;
  for (size_t x = 0; x < above; x++) memcpy(c + (q + x) * length + q, up + x * above, above * sizeof *c);
}

static void walk_nodes(struct paths *paths) {
  const struct stats_model_work *work = paths->work;
  for (size_t s = work->data.kernel.levels; s-- > 1;)
    for (size_t i = 0; i < work->data.kernel.stage[s].nodes; i++) {
      predict(paths, s, i, work->kernel_work->node[s][i].n);
      if (paths->c[s]) spread_node(paths, s, i, &work->kernel_work->node[s][i]);
    }
}

/* N = K U of one leaf; returns its K. */
static const double *leaf(struct paths *paths, size_t i) {
  const struct kernel *kernel = &paths->work->data.kernel;
  size_t q = kernel->stage[0].q, w = kernel->stage[0].w;
  const double *k = paths->work->kernel_work->pattern_k + kernel->group_pattern[i] * q * q;
  matrix_multiply(paths->n, k, kernel->u + i * q * w, q, q, w, false);
  return k;
}

static void standard_errors(const struct stats_model_work *work, const double *a, size_t n, const double *c,
                            size_t wide, size_t at, double *se) {
  for (size_t i = 0; i < n; i++) {
    double sum = 0;
    for (size_t x = 0; x < n; x++)
      for (size_t y = 0; y < n; y++) sum += a[i * n + x] * c[(at + x) * wide + at + y] * a[i * n + y];
    se[i] = work->y_scale * sqrt(work->outcome.sigma2 * (sum > 0 ? sum : 0));
  }
}

/* --- crossed factors ---------------------------------------------------------------------------------------------- */

/* All effects, scaled, as model_crossed.h has them. */
static double *crossed_effects_of(const struct stats_model_work *work) {
  const struct kernel *kernel = &work->data.kernel;
  double *b = model_take(work->memory, crossed_effects(kernel->crossed), sizeof *b);
  double *v = model_take(work->memory, kernel->p + 1, sizeof *v);
  if (!b || !v) return NULL;
  for (size_t i = 0; i < kernel->p; i++) v[i] = -work->kernel_work->beta[i];
  v[kernel->p] = 1;
  crossed_predict(kernel->crossed, work->kernel_work->crossed, v, b);
  crossed_scale(kernel->crossed, work->kernel_work->lambda, false, b, 1);
  return b;
}

static enum stats_status crossed_random_effects(const struct stats_model *model, size_t t, const double *a,
                                                double *effect, double *se) {
  const struct stats_model_work *work = model->work;
  const struct kernel *kernel = &work->data.kernel;
  const struct kernel_term *term = &kernel->term[t];
  size_t n = term->size, s = term->stage, q = kernel->stage[s].q, levels = kernel->stage[s].nodes;
  const double *b = crossed_effects_of(work), *lambda = work->kernel_work->lambda[s];
  double *block = model_take(work->memory, se ? levels : 0, q * q * sizeof *block);
  double *half = model_take(work->memory, q * q, sizeof *half), *c = model_take(work->memory, q * q, sizeof *c);
  if (!b || !block || !half || !c) return STATS_NO_MEMORY;
  if (se) crossed_inverse_blocks(kernel->crossed, work->kernel_work->crossed, s, block);
  b += crossed_first(kernel->crossed, s) + term->at;
  for (size_t g = 0; g < levels; g++, b += q) {
    for (size_t i = 0; i < n; i++) {
      effect[g * n + i] = 0;
      for (size_t j = 0; j < n; j++) effect[g * n + i] += work->y_scale * a[i * n + j] * b[j];
    }
    if (!se) continue;
    matrix_multiply(half, lambda, block + g * q * q, q, q, q, false);
    matrix_multiply_nt(c, half, lambda, q, q, q, false);
    standard_errors(work, a, n, c, q, term->at, se + g * n);
  }
  return STATS_OK;
}

/* --- for all ------------------------------------------------------------------------------------------------------ */

enum stats_status stats_model_random_effects(const struct stats_model *model, size_t t, double *effect, double *se) {
  const struct stats_model_work *work = model->work;
  const struct kernel *kernel = &work->data.kernel;
  const struct kernel_term *term = &kernel->term[t];
  size_t n = term->size, s = term->stage, q = kernel->stage[s].q, levels = model->random[t].levels;
  struct paths paths;
  double *a = model_take(work->memory, n * n, sizeof *a), *own = model_take(work->memory, q * q, sizeof *own);
  if (!a || !own) return STATS_NO_MEMORY;
  model_effect_transform(work, t, a);
  if (kernel->crossed) return crossed_random_effects(model, t, a, effect, se);
  if (!new_paths(&paths, work, se != NULL)) return STATS_NO_MEMORY;
  walk_nodes(&paths);
  for (size_t g = 0; g < levels; g++) {
    size_t at = term->at, wide = paths.length[s];
    const double *c = paths.c[s] ? paths.c[s] + g * wide * wide : NULL;
    if (s == 0) {
      const double *k = leaf(&paths, g);
      predict(&paths, 0, g, paths.n);
      if (se) spread(&paths, 0, g, k, paths.n, own);
      c = own;
      wide = q;
    }
    const double *b = paths.b[s] + g * paths.length[s] + at;
    for (size_t i = 0; i < n; i++) {
      effect[g * n + i] = 0;
      for (size_t j = 0; j < n; j++) effect[g * n + i] += work->y_scale * a[i * n + j] * b[j];
    }
    if (se) standard_errors(work, a, n, c, wide, at, se + g * n);
  }
  return STATS_OK;
}

/* The scaled linear predictor of one row. */
static double predictor(const struct paths *paths, const struct frame_block *block, size_t i, const double *row) {
  const struct stats_model_work *work = paths->work;
  const struct model_data *data = &work->data;
  double sum = 0;
  for (size_t j = 0; j < data->p; j++) sum += work->kernel_work->beta[j] * row[data->x[j]];
  for (size_t t = 0; t < data->kernel.terms; t++) {
    const struct kernel_term *term = &data->kernel.term[t];
    size_t code = (size_t)block->group[data->frame->term[data->order[t]].group][i];
    const double *b = paths->b[term->stage] + code * paths->length[term->stage] + term->at;
    for (size_t k = 0; k < term->size; k++) sum += b[k] * row[data->z[t][k]];
  }
  return sum;
}

/* The effects of every stage. */
static bool predict_all(struct paths *paths, const struct stats_model_work *work) {
  const struct kernel *kernel = &work->data.kernel;
  if (kernel->crossed) {
    double *b = crossed_effects_of(work);
    *paths = (struct paths){.work = work};
    for (size_t s = 0; s < kernel->levels && b; s++) {
      paths->length[s] = kernel->stage[s].q;
      paths->b[s] = b + crossed_first(kernel->crossed, s);
    }
    return b;
  }
  if (!new_paths(paths, work, false)) return false;
  walk_nodes(paths);
  for (size_t i = 0; kernel->levels && i < kernel->stage[0].nodes; i++) {
    leaf(paths, i);
    predict(paths, 0, i, paths->n);
  }
  return true;
}

/* Either may be NULL. */
static enum stats_status fit_rows(const struct stats_model *model, double *fitted, double *residual) {
  const struct stats_model_work *work = model->work;
  const struct model_data *data = &work->data;
  struct paths paths;
  struct frame_block block;
  struct stats_error error;
  double one[FRAME_BLOCK], *value = model_take(work->memory, data->columns * FRAME_BLOCK, sizeof *value);
  if (!value || !predict_all(&paths, work)) return STATS_NO_MEMORY;
  enum stats_status status = frame_block_start(&work->frame, work->memory, &block, &error);
  if (status) return status;
  for (size_t i = 0; fitted && i < work->frame.table->rows; i++) fitted[i] = NAN;
  for (size_t i = 0; residual && i < work->frame.table->rows; i++) residual[i] = NAN;
  while (frame_block_read(&work->frame, &block)) {
    data_block_values(data, &block, value, one);
    for (size_t i = 0; i < block.n; i++) {
      double root = work->frame.weight ? sqrt(work->frame.weight[block.row[i]]) : 1, offset = 0;
      for (size_t v = 0; v < work->formula.variables; v++)
        if (work->formula.offset >> v & 1) offset += block.number[v][i];
      double mean = work->y_centre + work->y_scale * predictor(&paths, &block, i, value + i * data->columns) / root;
      if (fitted) fitted[block.row[i]] = offset + mean;
      if (residual) residual[block.row[i]] = block.number[work->formula.response][i] - mean;
    }
  }
  return STATS_OK;
}

enum stats_status stats_model_fitted(const struct stats_model *model, double *fitted) {
  return fit_rows(model, fitted, NULL);
}

enum stats_status stats_model_residuals(const struct stats_model *model, double *residual) {
  return fit_rows(model, NULL, residual);
}
