/* Formulas from anywhere: they are read or refused with words, and what was read keeps its promises; a short one is
 * fitted to a small table. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "attune/stats_model.h"
#include "stats/formula.h"

#define POOL ((size_t)64 << 20)
#define ROWS 24

struct pool {
  unsigned char *bytes;
  size_t used;
};

static void *take(void *state, size_t bytes) {
  struct pool *pool = state;
  size_t need = (bytes + 15) / 16 * 16;
  if (need < bytes || need > POOL - pool->used) return NULL;
  void *at = pool->bytes + pool->used;
  pool->used += need;
  return memset(at, 0, need);
}

static void check_read(const struct formula *formula) {
  uint64_t known = formula->variables < 64 ? (UINT64_C(1) << formula->variables) - 1 : UINT64_MAX;
  if (formula->response >= formula->variables) abort();
  for (size_t i = 0; i < formula->fixed.terms; i++) {
    if (!formula->fixed.term[i] || (formula->fixed.term[i] & ~known)) abort();
    if (i && __builtin_popcountll(formula->fixed.term[i]) < __builtin_popcountll(formula->fixed.term[i - 1])) abort();
  }
  for (size_t r = 0; r < formula->randoms; r++)
    if (!formula->random[r].parts || !formula->random[r].group[0]) abort();
}

static void fit(const char *text, struct pool *pool) {
  static const char *const names[] = {"a", "b", "c", "d"};
  double y[ROWS], x[ROWS];
  int32_t g[ROWS], h[ROWS];
  for (int i = 0; i < ROWS; i++) {
    y[i] = (double)(i * 37 % 11) + 0.1 * i;
    x[i] = i % 7;
    g[i] = i / 6;
    h[i] = i % 4;
  }
  struct stats_column column[] = {
      {"y", y, NULL, NULL, 0}, {"x", x, NULL, NULL, 0}, {"g", NULL, g, names, 4}, {"h", NULL, h, names, 4}};
  struct stats_table table = {ROWS, 4, column};
  struct stats_memory memory = {take, pool};
  struct stats_model *model;
  struct stats_error error;
  for (int df = STATS_DF_SATTERTHWAITE; df <= STATS_DF_NONE; df++) {
    struct stats_model_options options = {.df = (enum stats_df)df};
    pool->used = 0;
    enum stats_status status = stats_model_fit(text, &table, &options, &memory, &model, &error);
    if (status && !error.text[0]) abort();
    if (status) continue;
    if (!isfinite(model->criterion) || !(model->sigma2 > 0)) abort();
    for (size_t j = 0; j < model->p; j++)
      if (!isfinite(model->fixed[j].estimate) || !(model->fixed[j].se > 0)) abort();
    struct stats_term_test *tests;
    size_t count;
    stats_model_term_tests(model, &tests, &count, &error);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct pool pool;
  if (!pool.bytes && !(pool.bytes = malloc(POOL))) return 0;
  char *text = malloc(size + 1);
  if (!text) return 0;
  memcpy(text, data, size);
  text[size] = '\0';
  pool.used = 0;
  struct stats_memory memory = {take, &pool};
  struct formula formula;
  struct stats_error error = {.text = ""};
  enum stats_status status = formula_read(text, &memory, &formula, &error);
  if (status && !error.text[0]) abort();
  if (!status) check_read(&formula);
  if (!status && size < 80) fit(text, &pool);
  free(text);
  return 0;
}
