/* Crossed factors against brute force: small designs whose V is written out, and the order of elimination. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attune/stats_accuracy.h"
#include "attune/stats_math.h"
#include "base/arena.h"
#include "stats/model_curvature.h"
#include "stats/model_work.h"
#include "stats/sparse_tree.h"

#include <cmocka.h>

#define ROWS 70
#define LOG_2PI 1.8378770664093454836

static void *take(void *state, size_t bytes) {
  return arena_alloc(state, bytes);
}

static uint64_t seed = 11;
static double uniform(void) {
  uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return ((double)((z ^ z >> 31) >> 11) + 0.5) * 0x1p-53;
}
static double normal(void) {
  return stats_normal_quantile(uniform());
}

static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n"};
enum { GROUPS = 4 };
static const size_t levels[GROUPS] = {12, 7, 5, 3}; /* a, b, c cross; d holds whole levels of c */

struct world {
  struct arena arena;
  struct stats_memory memory;
  double y[ROWS], x[ROWS];
  int32_t code[GROUPS][ROWS];
  struct stats_column column[2 + GROUPS];
  struct stats_table table;
  struct stats_model *model;
};

static void make_world(struct world *w, const char *formula, enum stats_df df) {
  static const char *const column[GROUPS] = {"a", "b", "c", "d"};
  struct stats_error error;
  struct stats_model_options options = {.df = df};
  double effect[GROUPS][14];
  memset(w, 0, sizeof *w);
  arena_init(&w->arena, 0);
  w->memory = (struct stats_memory){take, &w->arena};
  for (int g = 0; g < GROUPS; g++)
    for (int l = 0; l < 14; l++) effect[g][l] = 1.5 * normal();
  for (size_t i = 0; i < ROWS; i++) {
    w->y[i] = normal();
    w->x[i] = 2 * normal();
    for (size_t g = 0; g < 3; g++)
      w->code[g][i] = (int32_t)(i < levels[g] ? i : (size_t)((double)levels[g] * uniform()));
    w->code[3][i] = w->code[2][i] / 2;
    for (size_t g = 0; g < GROUPS; g++) w->y[i] += effect[g][w->code[g][i]] * (g == 0 ? 1 + w->x[i] / 2 : 1);
  }
  w->column[0] = (struct stats_column){"y", w->y, NULL, NULL, 0};
  w->column[1] = (struct stats_column){"x", w->x, NULL, NULL, 0};
  for (size_t g = 0; g < GROUPS; g++)
    w->column[2 + g] = (struct stats_column){column[g], NULL, w->code[g], names, levels[g]};
  w->table = (struct stats_table){ROWS, 2 + GROUPS, w->column};
  if (stats_model_fit(formula, &w->table, &options, &w->memory, &w->model, &error)) fail_msg("%s", error.text);
}

/* Z Lambda of a term at theta, for scaled columns: rows x (levels * size). */
static size_t columns_of(const struct world *w, size_t t, const double *theta, double *out) {
  const struct stats_model_work *work = w->model->work;
  const struct kernel_term *term = &work->data.kernel.term[t];
  size_t n = term->size, g = work->frame.term[work->data.order[t]].group, wide = n * levels[g];
  struct frame_block block;
  double *value = arena_array((struct arena *)w->memory.state, work->data.columns * FRAME_BLOCK, sizeof *value);
  double one[FRAME_BLOCK];
  assert_int_equal(frame_block_start(&work->frame, &w->memory, &block, NULL), STATS_OK);
  assert_true(frame_block_read(&work->frame, &block));
  data_block_values(&work->data, &block, value, one);
  memset(out, 0, ROWS * wide * sizeof *out);
  for (size_t i = 0; i < ROWS; i++) {
    const double *at = theta + term->theta;
    double *to = out + i * wide + (size_t)block.group[g][i] * n;
    for (size_t j = 0; j < n; j++)
      for (size_t k = j; k < n; k++) to[j] += value[i * work->data.columns + work->data.z[t][k]] * *at++;
  }
  return wide;
}

static void scaled_rows(const struct world *w, double *x, double *y) {
  const struct model_data *data = &w->model->work->data;
  struct frame_block block;
  double *value = arena_array((struct arena *)w->memory.state, data->columns * FRAME_BLOCK, sizeof *value);
  double one[FRAME_BLOCK];
  assert_int_equal(frame_block_start(data->frame, &w->memory, &block, NULL), STATS_OK);
  assert_true(frame_block_read(data->frame, &block));
  data_block_values(data, &block, value, one);
  for (size_t i = 0; i < ROWS; i++) {
    for (size_t j = 0; j < data->p; j++) x[i * data->p + j] = value[i * data->columns + data->x[j]];
    y[i] = value[i * data->columns + data->response];
  }
}

/* The REML criterion from V written out. */
static double brute_force(const struct world *w, const double *theta) {
  static double v[ROWS * ROWS], z[ROWS * 60], x[ROWS * 4], y[ROWS], vx[ROWS * 4], vy[ROWS], a[16], b[4];
  const struct kernel *kernel = &w->model->work->data.kernel;
  size_t p = kernel->p;
  memset(v, 0, sizeof v);
  for (size_t i = 0; i < ROWS; i++) v[i * ROWS + i] = 1;
  for (size_t t = 0; t < kernel->terms; t++) {
    size_t wide = columns_of(w, t, theta, z);
    for (size_t i = 0; i < ROWS; i++)
      for (size_t j = 0; j < ROWS; j++)
        for (size_t k = 0; k < wide; k++) v[i * ROWS + j] += z[i * wide + k] * z[j * wide + k];
  }
  scaled_rows(w, x, y);
  assert_true(matrix_cholesky(v, ROWS));
  memcpy(vx, x, ROWS * p * sizeof *vx);
  memcpy(vy, y, sizeof vy);
  matrix_cholesky_solve(v, vx, ROWS, p);
  matrix_cholesky_solve(v, vy, ROWS, 1);
  matrix_multiply_tn(a, x, vx, p, ROWS, p, false);
  matrix_multiply_tn(b, vx, y, p, ROWS, 1, false);
  double rss = 0, df = (double)(ROWS - p), logdet = matrix_log_determinant(v, ROWS);
  for (size_t i = 0; i < ROWS; i++) rss += y[i] * vy[i];
  assert_true(matrix_cholesky(a, p));
  double beta[4];
  memcpy(beta, b, sizeof beta);
  matrix_cholesky_solve(a, beta, p, 1);
  for (size_t j = 0; j < p; j++) rss -= b[j] * beta[j];
  return logdet + matrix_log_determinant(a, p) + df * (1 + LOG_2PI + log(rss / df));
}

static const char *const formulas[] = {"y ~ x + (1 | a) + (1 | b)", "y ~ x + (1 + x | a) + (1 | b) + (1 | c) + (1 | d)",
                                       "y ~ 1 + (1 | a) + (1 + x || b) + (1 + x | c)"};

static void criterion_and_gradient_by_brute_force(void **state) {
  (void)state;
  struct world w;
  for (size_t f = 0; f < 3; f++) {
    make_world(&w, formulas[f], STATS_DF_NONE);
    const struct kernel *kernel = &w.model->work->data.kernel;
    struct kernel_work *work = w.model->work->kernel_work;
    assert_non_null(kernel->crossed);
    for (int trial = 0; trial < 5; trial++) {
      double theta[12], gradient[12], moved[12];
      for (size_t i = 0; i < kernel->thetas; i++) theta[i] = trial == 4 && i == 0 ? 0 : 0.3 + uniform();
      assert_true(kernel_evaluate(kernel, work, theta, gradient));
      double want = brute_force(&w, theta);
      if (!(fabs(work->criterion - want) < 1e-10 * fabs(want))) fail_msg("%.15g, not %.15g", work->criterion, want);
      for (size_t i = 0; i < kernel->thetas; i++) {
        double h = 1e-4, slope = 0;
        memcpy(moved, theta, sizeof moved);
        moved[i] = theta[i] + h;
        slope += brute_force(&w, moved) / (2 * h);
        moved[i] = theta[i] - h;
        slope -= brute_force(&w, moved) / (2 * h);
        if (!(fabs(gradient[i] - slope) < 1e-5 * (1 + fabs(slope)))) fail_msg("slope %g, not %g", gradient[i], slope);
      }
    }
    arena_free(&w.arena);
  }
}

/* The exact Hessian, sigma2 profiled out, against differences of the exact gradient. */
static void curvature_by_differences(void **state) {
  (void)state;
  struct world w;
  for (size_t f = 0; f < 3; f++) {
    make_world(&w, formulas[f], STATS_DF_SATTERTHWAITE);
    const struct kernel *kernel = &w.model->work->data.kernel;
    struct kernel_work *work = w.model->work->kernel_work;
    struct curvature *c = w.model->work->curvature;
    size_t k = kernel->thetas, m = k + 1;
    double theta[12], up[12], down[12];
    for (size_t i = 0; i < k; i++) {
      memcpy(theta, w.model->work->theta, k * sizeof *theta);
      theta[curvature_theta(c, i)] += 1e-5;
      assert_true(kernel_evaluate(kernel, work, theta, up));
      theta[curvature_theta(c, i)] -= 2e-5;
      assert_true(kernel_evaluate(kernel, work, theta, down));
      for (size_t j = 0; j < k; j++) {
        size_t at = curvature_theta(c, j);
        double want = (up[at] - down[at]) / 2e-5,
               got = c->hessian[i * m + j] - c->hessian[i * m + k] * c->hessian[k * m + j] / c->hessian[k * m + k];
        if (!(fabs(got - want) < 1e-4 * (1 + fabs(want)))) fail_msg("formula %zu: %g, not %g", f, got, want);
      }
    }
    for (size_t j = 0; j < w.model->p; j++) assert_true(w.model->fixed[j].df > 1 && w.model->fixed[j].df < ROWS);
    arena_free(&w.arena);
  }
}

/* b = Lambda Lambda'Z'V^-1 (y - X beta), and its variance given theta and beta, from V written out. */
static void effects_by_brute_force(void **state) {
  (void)state;
  static double v[ROWS * ROWS], z[3][ROWS * 60], x[ROWS * 4], y[ROWS], own[ROWS * 60], effect[60], se[60];
  struct world w;
  make_world(&w, "y ~ x + (1 | a) + (1 | b) + (1 | c)", STATS_DF_NONE);
  const struct stats_model_work *work = w.model->work;
  scaled_rows(&w, x, y);
  for (size_t i = 0; i < ROWS; i++)
    for (size_t j = 0; j < w.model->p; j++) y[i] -= x[i * w.model->p + j] * work->kernel_work->beta[j];
  for (size_t i = 0; i < ROWS; i++) v[i * ROWS + i] = 1;
  size_t wide[3];
  for (size_t t = 0; t < 3; t++) {
    wide[t] = columns_of(&w, t, work->theta, z[t]);
    for (size_t i = 0; i < ROWS; i++)
      for (size_t j = 0; j < ROWS; j++)
        for (size_t k = 0; k < wide[t]; k++) v[i * ROWS + j] += z[t][i * wide[t] + k] * z[t][j * wide[t] + k];
  }
  assert_true(matrix_cholesky(v, ROWS));
  matrix_cholesky_solve(v, y, ROWS, 1);
  for (size_t t = 0; t < 3; t++) {
    double lambda = work->theta[work->data.kernel.term[t].theta];
    assert_int_equal(stats_model_random_effects(w.model, t, effect, se), STATS_OK);
    memcpy(own, z[t], ROWS * wide[t] * sizeof *own);
    matrix_cholesky_solve(v, own, ROWS, wide[t]);
    for (size_t l = 0; l < wide[t]; l++) {
      double b = 0, variance = 1;
      for (size_t i = 0; i < ROWS; i++) b += z[t][i * wide[t] + l] * y[i];
      for (size_t i = 0; i < ROWS; i++) variance -= z[t][i * wide[t] + l] * own[i * wide[t] + l];
      assert_true(fabs(effect[l] - work->y_scale * lambda * b) < 1e-10);
      double want = work->y_scale * lambda * sqrt(work->outcome.sigma2 * variance);
      if (!(fabs(se[l] - want) < 1e-9)) fail_msg("se %g, not %g", se[l], want);
    }
  }
  double fitted[ROWS], sum = 0;
  assert_int_equal(stats_model_fitted(w.model, fitted), STATS_OK);
  for (size_t i = 0; i < ROWS; i++) sum += w.y[i] - fitted[i];
  assert_true(fabs(sum) < 1e-8);
  arena_free(&w.arena);
}

/* Every node is eliminated once, every edge lies within the front of its first end, and a grid costs what is known. */
static void fronts_hold_every_edge(void **state) {
  (void)state;
  enum { SIDE = 30, NODES = SIDE * SIDE };
  struct arena arena;
  arena_init(&arena, 0);
  struct stats_memory memory = {take, &arena};
  static size_t start[NODES + 1];
  static uint32_t neighbour[4 * NODES], weight[NODES];
  size_t edges = 0;
  for (uint32_t i = 0; i < NODES; i++) {
    start[i] = edges;
    weight[i] = 1;
    if (i % SIDE) neighbour[edges++] = i - 1;
    if (i % SIDE < SIDE - 1) neighbour[edges++] = i + 1;
    if (i >= SIDE) neighbour[edges++] = i - SIDE;
    if (i < NODES - SIDE) neighbour[edges++] = i + SIDE;
  }
  start[NODES] = edges;
  struct sparse_tree tree;
  assert_true(sparse_tree_build(&tree, &(struct sparse_graph){NODES, start, neighbour, weight}, 1, &memory));
  assert_int_equal(tree.unknowns, NODES);
  assert_true(tree.factor < 25000); /* row by row it would be 27,000 and a border; by minimum degree about half */
  for (uint32_t i = 0; i < NODES; i++)
    for (size_t e = start[i]; e < start[i + 1]; e++) {
      uint32_t j = neighbour[e];
      const struct sparse_front *front = &tree.front[tree.home[i] < tree.home[j] ? tree.home[i] : tree.home[j]];
      bool holds_i = false, holds_j = false;
      for (size_t x = 0; x < front->nodes + front->above; x++) {
        holds_i |= front->node[x] == i;
        holds_j |= front->node[x] == j;
      }
      assert_true(holds_i && holds_j);
    }
  for (size_t f = 0; f < tree.fronts; f++) assert_true(tree.front[f].parent == SPARSE_ROOT || tree.front[f].parent > f);
  arena_free(&arena);
}

static void count(void *state, size_t evaluations, double gradient) {
  size_t *told = state;
  told[evaluations == 0]++;
  assert_true(gradient >= 0);
}

/* What lme4 1.1-31 and lmerTest 3.1 give for the same data. */
static void a_hundred_by_a_hundred(void **state) {
  (void)state;
  enum { SIDE = 100, EACH = 23, MANY = SIDE * EACH };
  static double y[MANY], time[MANY], arm[MANY];
  static int32_t a[MANY], b[MANY];
  static char text[SIDE][12];
  const char *level[SIDE];
  struct arena arena;
  size_t told[2] = {0};
  arena_init(&arena, 0);
  struct stats_memory memory = {take, &arena};
  seed = 20261123;
  for (int i = 0; i < SIDE; i++) {
    snprintf(text[i], sizeof text[i], "%d", i);
    level[i] = text[i];
  }
  double effect[SIDE], other[SIDE];
  for (int i = 0; i < SIDE; i++) {
    effect[i] = 9 * normal();
    other[i] = 3 * normal();
  }
  for (int i = 0; i < MANY; i++) {
    a[i] = i / EACH;
    b[i] = (int32_t)(SIDE * uniform());
    time[i] = i % EACH;
    arm[i] = i % 2;
    y[i] = 75 + effect[a[i]] + other[b[i]] - 0.9 * time[i] + 8 * normal();
  }
  struct stats_column column[] = {{"y", y, NULL, NULL, 0},
                                  {"time", time, NULL, NULL, 0},
                                  {"arm", arm, NULL, NULL, 0},
                                  {"a", NULL, a, level, SIDE},
                                  {"b", NULL, b, level, SIDE}};
  struct stats_table table = {MANY, 5, column};
  struct stats_model_options options = {.df = STATS_DF_SATTERTHWAITE, .progress = {count, told}};
  struct stats_model *model;
  struct stats_error error;
  assert_int_equal(stats_model_fit("y ~ arm*time + (1 | a) + (1 | b)", &table, &options, &memory, &model, &error),
                   STATS_OK);
  static const double df[] = {172.414011, 2134.151669, 2134.042685, 2135.734238};
  assert_true(fabs(model->criterion - 16581.19293225) < 1e-7);
  assert_true(fabs(model->sigma2 - 63.953541) < 1e-5);
  assert_true(fabs(model->random[0].covariance[0] - 81.55507) < 1e-3);
  assert_true(fabs(model->random[1].covariance[0] - 9.748709) < 1e-4);
  for (size_t j = 0; j < 4; j++) assert_true(fabs(model->fixed[j].df - df[j]) < 1e-5 * df[j]);
  assert_true(model->gradient < 1e-8);
  assert_true(model->evaluations < 20);
  assert_true(told[0] > 4 && told[0] < 20 && told[1] == 1); /* evaluations; degrees of freedom */
  arena_free(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(criterion_and_gradient_by_brute_force),
                                     cmocka_unit_test(curvature_by_differences),
                                     cmocka_unit_test(effects_by_brute_force), cmocka_unit_test(fronts_hold_every_edge),
                                     cmocka_unit_test(a_hundred_by_a_hundred)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
