/* fit_ready.h: `attune fit --model ...`: truth and bias, response surface; and `--permute`. */
#ifndef ATTUNE_CLI_FIT_READY_H
#define ATTUNE_CLI_FIT_READY_H

#include "attune/stats_accuracy.h"
#include "cli/fit_more.h"

struct fit_ready {
  const char *kind; /* "truth-and-bias" or "response-surface" */
  struct stats_accuracy columns;
};

/* Fits the ready model; its quantities are printed, or added to `context->document` (made here). The plain model is
 * left in context->model. */
enum err fit_ready_model(const struct fit_ready *ready, const struct stats_model_options *options,
                         struct fit_context *context, struct stats_ready_model *out, struct error *error);
void fit_show_quantities(const struct fit_context *context, const struct stats_quantity *quantity, size_t count);

/* The permutation test over the allocations in a CSV file: one column a unit (named as in the data), one row an
 * allocation, values as in the arm's column. */
struct fit_permute {
  const char *path, *arm, *unit, *coefficient, *formula;
};
enum err fit_add_permutation(const struct fit_context *context, const struct fit_permute *permute,
                             const struct stats_model_options *options, struct error *error);

#endif
