/* fit_more.h: what `attune fit` shows beside the summary when asked: F tests of terms, intervals, a comparison with
 * another model, predicted effects, fitted values and residuals. Each is printed when `document` is NULL, else added to
 * it. */
#ifndef ATTUNE_CLI_FIT_MORE_H
#define ATTUNE_CLI_FIT_MORE_H

#include "base/arena.h"
#include "base/err.h"
#include "cli/fit_print.h"

struct fit_context {
  struct stats_model *model;
  const struct stats_table *table;
  const struct stats_memory *memory;
  struct arena *arena;
  json_t *document;
};

enum err fit_add_terms(const struct fit_context *context, struct error *error);
enum err fit_add_intervals(const struct fit_context *context, const char *kind, double level, struct error *error);
enum err fit_add_comparison(const struct fit_context *context, const char *against,
                            const struct stats_model_options *options, struct error *error);
enum err fit_add_effects(const struct fit_context *context, struct error *error);
enum err fit_add_residuals(const struct fit_context *context, struct error *error);

enum err fit_error(const struct stats_error *from, struct error *error);

#endif
