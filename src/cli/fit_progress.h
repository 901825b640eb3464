/* fit_progress.h: a line on stderr while a fit takes longer than two seconds. */
#ifndef ATTUNE_CLI_FIT_PROGRESS_H
#define ATTUNE_CLI_FIT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "attune/stats_model.h"

struct fit_progress {
  int64_t start, last; /* milliseconds */
  bool terminal, told;
};

/* What a model's options take; *progress lives as long as the fit. */
struct stats_progress fit_progress_start(struct fit_progress *progress);
/* Wipes the line from a terminal. */
void fit_progress_end(const struct fit_progress *progress);

#endif
