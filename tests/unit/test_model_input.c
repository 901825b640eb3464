/* Bad and odd input: clear words or an ordinary result, never a NaN or a crash; and a few hundred small random designs
 * whose gradient must vanish at the end. (tests/fault/model_gradient.c does ten thousand.) */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "attune/stats_math.h"
#include "attune/stats_model.h"
#include "base/arena.h"

#include <cmocka.h>

#define ROWS 60

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

struct bench {
  struct arena arena;
  struct stats_memory memory;
  double y[ROWS], x[ROWS], x2[ROWS], one[ROWS];
  int32_t g[ROWS], f[ROWS], single[ROWS];
  struct stats_column column[7];
  struct stats_table table;
  struct stats_error error;
  struct stats_model *model;
};

static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};

static void set_up(struct bench *b) {
  memset(b, 0, sizeof *b);
  seed = 11;
  arena_init(&b->arena, 0);
  b->memory = (struct stats_memory){take, &b->arena};
  for (int i = 0; i < ROWS; i++) {
    b->g[i] = i / 6;
    b->f[i] = (i / 6) % 2;
    b->x[i] = i % 5;
    b->x2[i] = 2 * b->x[i] + 1;
    b->one[i] = 1;
    b->y[i] = normal() + 0.2 * b->g[i];
  }
  struct stats_column columns[7] = {{"y", b->y, NULL, NULL, 0},           {"x", b->x, NULL, NULL, 0},
                                    {"x2", b->x2, NULL, NULL, 0},         {"one", b->one, NULL, NULL, 0},
                                    {"g", NULL, b->g, names, 10},         {"f", NULL, b->f, names, 2},
                                    {"single", NULL, b->single, names, 3}};
  memcpy(b->column, columns, sizeof columns);
  b->table = (struct stats_table){ROWS, 7, b->column};
}

static enum stats_status fit(struct bench *b, const char *formula) {
  struct stats_model_options options = {.df = STATS_DF_SATTERTHWAITE};
  return stats_model_fit(formula, &b->table, &options, &b->memory, &b->model, &b->error);
}

static void refused(struct bench *b, const char *formula, enum stats_status status, const char *words) {
  enum stats_status found = fit(b, formula);
  if (found != status) fail_msg("'%s' gives %d: %s", formula, found, b->error.text);
  if (!strstr(b->error.text, words)) fail_msg("'%s': '%s' does not say '%s'", formula, b->error.text, words);
}

static void all_finite(const struct stats_model *model) {
  assert_true(isfinite(model->criterion) && model->sigma2 > 0 && model->gradient < 1e-6);
  for (size_t j = 0; j < model->p; j++) {
    const struct stats_coefficient *c = &model->fixed[j];
    assert_true(isfinite(c->estimate) && c->se > 0 && c->df > 0 && c->p >= 0 && c->p <= 1);
  }
}

static void accepted(struct bench *b, const char *formula) {
  if (fit(b, formula)) fail_msg("'%s': %s", formula, b->error.text);
  all_finite(b->model);
}

static void test_words_for_bad_data(void **s) {
  (void)s;
  static struct bench b;
  set_up(&b);
  refused(&b, "y ~ x + (1 | gg)", STATS_BAD_DATA, "nearest name is 'g'");
  refused(&b, "y ~ X3 + (1 | g)", STATS_BAD_DATA, "nearest name is 'x'");
  refused(&b, "f ~ x + (1 | g)", STATS_BAD_DATA, "not numeric");
  refused(&b, "one ~ x + (1 | g)", STATS_BAD_DATA, "constant");
  refused(&b, "y ~ single + (1 | g)", STATS_BAD_DATA, "single level, 'a'");
  refused(&b, "y ~ x + (1 | single)", STATS_BAD_DATA, "single level");
  refused(&b, "y ~ I(f + 1) + (1 | g)", STATS_BAD_DATA, "not numeric");
  refused(&b, "y ~ I(1/(x - x)) + (1 | g)", STATS_BAD_DATA, "too large");
  refused(&b, "x ~ x2 + (1 | g)", STATS_NOT_FITTED, "exactly");
  refused(&b, "y ~ x + (1 + x + I(x^2) + I(x^3) + I(x^4) + I(x2 * x) | g)", STATS_BAD_DATA, "effects");
  b.table.rows = 24;
  for (int i = 0; i < 24; i++) b.x[i] = i % 7, b.y[i] = i * 37 % 11 + 0.1 * i;
  refused(&b, "y ~ I(x*6) * I(x^20*6) * I(x + 564191*6) * I(x)", STATS_NOT_FITTED, "lost to rounding");
  b.table.rows = ROWS;
  b.x[7] = 1e200;
  refused(&b, "y ~ x + (1 | g)", STATS_BAD_DATA, "1e+200 in data row 8");
  for (int i = 0; i < ROWS; i++) b.x[i] = NAN;
  refused(&b, "y ~ x + (1 | g)", STATS_BAD_DATA, "no rows are left");
  arena_free(&b.arena);
}

static void test_odd_data_are_fitted(void **s) {
  (void)s;
  static struct bench b;
  set_up(&b);
  accepted(&b, "y ~ x + x2 + one + f + (1 | g)");
  assert_int_equal(b.model->dropped, 2);
  assert_string_equal(b.model->dropped_name[0], "x2");
  assert_string_equal(b.model->dropped_name[1], "one");
  assert_int_equal(b.model->p, 3);
  accepted(&b, "y ~ x");
  accepted(&b, "y ~ I(x + 2020) * f + (1 + I(x + 2020) | g)"); /* years */
  accepted(&b, "y ~ 0 + f + (0 + f | g)");
  accepted(&b, "y ~ x + (1 + x + f | f)"); /* fewer groups than effects */
  accepted(&b, "y ~ x + (1 | g) + (1 | f) + (0 + x | g)");
  b.x[3] = NAN;
  b.g[10] = -1;
  for (int i = 24; i < 30; i++) b.y[i] = NAN; /* a group without rows */
  accepted(&b, "y ~ x + (1 | g)");
  assert_int_equal(b.model->rows_dropped, 8);
  assert_int_equal(b.model->random[0].levels, 9);
  arena_free(&b.arena);
  set_up(&b);
  for (int i = 0; i < ROWS; i++) b.y[i] *= 1e80, b.x[i] = 1e60 * b.x[i] + 1e62;
  accepted(&b, "y ~ x + (1 + x | g)");
  arena_free(&b.arena);
}

/* What a fit says does not hang on the units of its columns. */
static void test_units_do_not_matter(void **s) {
  (void)s;
  static struct bench b;
  set_up(&b);
  accepted(&b, "y ~ x*f + (1 + x | g)");
  double t = b.model->fixed[3].t, sd = sqrt(b.model->random[0].covariance[3]);
  for (int i = 0; i < ROWS; i++) {
    b.y[i] = 1000 * b.y[i] + 5e6;
    b.x[i] = b.x[i] / 10;
  }
  accepted(&b, "y ~ x*f + (1 + x | g)");
  assert_true(fabs(b.model->fixed[3].t - t) < 1e-7);
  assert_true(fabs(sqrt(b.model->random[0].covariance[3]) - 1e4 * sd) < 1e-6 * (1e4 * sd + 1));
  arena_free(&b.arena);
}

static void test_many_levels(void **s) {
  (void)s;
  enum { many = 200000 };
  static double y[many], x[many], g[many];
  struct arena arena;
  arena_init(&arena, 0);
  struct stats_memory memory = {take, &arena};
  for (int i = 0; i < many; i++) {
    g[i] = i / 2;
    x[i] = i % 3;
    y[i] = normal();
  }
  struct stats_column column[] = {{"y", y, NULL, NULL, 0}, {"x", x, NULL, NULL, 0}, {"g", g, NULL, NULL, 0}};
  struct stats_table table = {many, 3, column};
  struct stats_model_options options = {.df = STATS_DF_SATTERTHWAITE};
  struct stats_model *model;
  assert_int_equal(stats_model_fit("y ~ x + (1 | g)", &table, &options, &memory, &model, NULL), STATS_OK);
  assert_int_equal(model->random[0].levels, many / 2);
  all_finite(model);
  arena_free(&arena);
}

/* Random unbalanced designs, often singular: the gradient vanishes on all of them. */
static void test_gradient_vanishes(void **s) {
  (void)s;
  static const char *const formulas[] = {"y ~ x + (1 | g)", "y ~ x + (1 + x | g)", "y ~ x*f + (1 + x || g)",
                                         "y ~ x + (1 + x | g) + (1 | f)", "y ~ x2 + (0 + x | g)"};
  static struct bench b;
  size_t singular = 0;
  set_up(&b);
  for (int trial = 0; trial < 200; trial++) {
    double between = trial % 3 ? uniform() : 0, slope = trial % 2 ? uniform() : 0, u[10], v[10];
    for (int g = 0; g < 10; g++) u[g] = between * normal(), v[g] = slope * normal();
    for (int i = 0; i < ROWS; i++) {
      b.g[i] = (int32_t)(10 * uniform() * uniform());
      b.x[i] = floor(6 * uniform());
      b.x2[i] = normal();
      b.f[i] = (trial + b.g[i] + (trial % 5 == 3 ? i : 0)) % 2;
      b.y[i] = 3 + u[b.g[i]] + (v[b.g[i]] + 0.1) * b.x[i] + normal();
    }
    for (int i = 0; i < 10; i++) b.g[i] = i;
    if (fit(&b, formulas[trial % 5])) fail_msg("trial %d: %s", trial, b.error.text);
    if (!(b.model->gradient < 1e-6)) fail_msg("trial %d: gradient %g", trial, b.model->gradient);
    singular += b.model->singular;
    arena_reset(&b.arena);
  }
  assert_true(singular > 20 && singular < 180);
  arena_free(&b.arena);
}

/* 46 rows in six groups a (in turn) and four groups b. */
static void simulate_valleys(struct bench *b, uint64_t which) {
  double by_a[60], by_b[60], slope[60];
  memset(b, 0, sizeof *b);
  arena_init(&b->arena, 0);
  b->memory = (struct stats_memory){take, &b->arena};
  seed = which;
  double sd_a = uniform() < .4 ? 0 : 2 * uniform(), sd_b = uniform() < .4 ? 0 : 2 * uniform();
  double sd_slope = uniform() < .4 ? 0 : uniform();
  for (int i = 0; i < ROWS; i++) {
    by_a[i] = sd_a * normal();
    by_b[i] = sd_b * normal();
    slope[i] = sd_slope * normal();
  }
  for (int i = 0; i < 46; i++) {
    b->g[i] = i % 6;
    b->f[i] = (int32_t)(4 * uniform());
    uniform();
    b->x[i] = normal();
    b->x2[i] = normal();
    b->y[i] = by_a[b->g[i]] + by_b[b->f[i]] + (slope[b->g[i]] + .2) * b->x[i] + normal();
  }
  for (int i = 0; i < 4; i++) b->f[i] = i;
  const struct stats_column columns[] = {{"y", b->y, NULL, NULL, 0},
                                         {"x", b->x, NULL, NULL, 0},
                                         {"z", b->x2, NULL, NULL, 0},
                                         {"a", NULL, b->g, names, 6},
                                         {"b", NULL, b->f, names, 4}};
  memcpy(b->column, columns, sizeof columns);
  b->table = (struct stats_table){46, 5, b->column};
}

/* The first start ends at a singular point that is stationary, and .13 to .29 above the lowest; the values are the
 * least of 40 random starts. */
static void test_a_singular_end_is_looked_at_from_elsewhere(void **state) {
  (void)state;
  static const struct {
    uint64_t seed;
    const char *formula;
    double least;
  } valleys[] = {{5030, "y ~ x + (1 + x + z | a)", 127.277689368},
                 {11842, "y ~ 1 + (1 + x | a) + (1 + z | b)", 164.109392550},
                 {12203, "y ~ x + (1 + x + z | a)", 143.009225324}};
  struct bench b;
  for (size_t i = 0; i < 3; i++) {
    simulate_valleys(&b, valleys[i].seed);
    struct stats_model_options options = {.ml = true, .df = STATS_DF_NONE};
    assert_int_equal(stats_model_fit(valleys[i].formula, &b.table, &options, &b.memory, &b.model, &b.error), STATS_OK);
    if (fabs(b.model->criterion - valleys[i].least) > 1e-6) fail_msg("criterion %.9f", b.model->criterion);
    assert_true(b.model->gradient < 1e-6);
    assert_true(b.model->starts.tried > 3 && b.model->starts.apart > 0);
    assert_true(b.model->starts.other > valleys[i].least + 0.1);
    arena_free(&b.arena);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_singular_end_is_looked_at_from_elsewhere),
      cmocka_unit_test(test_words_for_bad_data),
      cmocka_unit_test(test_odd_data_are_fitted),
      cmocka_unit_test(test_units_do_not_matter),
      cmocka_unit_test(test_many_levels),
      cmocka_unit_test(test_gradient_vanishes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
