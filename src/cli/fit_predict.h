/* fit_predict.h: `attune fit --means` and `--predict`: estimated means with their differences, and other rows. */
#ifndef ATTUNE_CLI_FIT_PREDICT_H
#define ATTUNE_CLI_FIT_PREDICT_H

#include "attune/stats_predict.h"
#include "cli/fit_more.h"
#include "cli/options.h"

/* `factors`: "arm" or "arm:gender"; `at`: COLUMN=VALUE, of covariates. */
struct fit_means {
  const char *factors;
  struct repeated at;
  double level;
};
enum err fit_add_means(const struct fit_context *context, const struct fit_means *means, struct error *error);

/* One line a row of a CSV file with the columns of the model: fit, se, df, interval of the mean, interval of a new
 * observation. */
enum err fit_add_predictions(const struct fit_context *context, const char *path, double level, struct error *error);

#endif
