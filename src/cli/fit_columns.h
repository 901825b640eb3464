/* fit_columns.h: `attune fit --within` and `--lag`: columns made from the file's, for the formula. */
#ifndef ATTUNE_CLI_FIT_COLUMNS_H
#define ATTUNE_CLI_FIT_COLUMNS_H

#include "attune/stats_accuracy.h"
#include "cli/fit_more.h"
#include "cli/fit_read.h"
#include "cli/options.h"

/* --within COLUMN=patient[,therapist]; --lag COLUMN=session,patient[,therapist]. */
struct fit_columns {
  struct fit_list within[OPTION_REPEATS], lag[OPTION_REPEATS];
  double sessions[OPTION_REPEATS]; /* of each lag, once made: mean number of values of a patient */
  size_t withins, lags;
};

enum err fit_columns_read(struct fit_columns *columns, const struct repeated *within, const struct repeated *lag,
                          struct arena *arena, struct error *error);
/* Whether a column of this name will be made. */
bool fit_columns_make(const struct fit_columns *columns, const char *name);
/* Makes them, parts before lags, so that a part can be lagged; *table becomes the wider one. */
enum err fit_columns_add(struct fit_columns *columns, struct stats_table *table, const struct stats_memory *memory,
                         struct error *error);
/* Says how far the coefficient of the response's own lagged deviation from the patient's mean is biased (Nickell 1981).
 */
void fit_columns_note(const struct fit_columns *columns, const struct fit_context *context);

#endif
