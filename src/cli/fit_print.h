/* fit_print.h: a fitted model as text for a person and as JSON for a program. */
#ifndef ATTUNE_CLI_FIT_PRINT_H
#define ATTUNE_CLI_FIT_PRINT_H

#include "base/json.h"
#include <stdio.h>

#include "attune/stats_model.h"

/* The summary that a user of lme4 knows, and the notes (rows dropped, columns left out, singular fit) first. */
void fit_print(FILE *to, const struct stats_model *model);
/* The document of the contract; the caller adds `seconds` and owns it. */
json_t *fit_json(const struct stats_model *model);
json_t *fit_number(double x); /* null when it is not finite */

#endif
