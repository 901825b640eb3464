/* fit_accuracy.h: `attune fit --model carry-over` and `--model signals`, which are no linear models of the rows. */
#ifndef ATTUNE_CLI_FIT_ACCURACY_H
#define ATTUNE_CLI_FIT_ACCURACY_H

#include "attune/stats_accuracy.h"
#include "cli/fit_more.h"

/* Both print text, or fill `context->document`. */
enum err fit_carry_over(const struct fit_context *context, const struct stats_accuracy *columns, struct error *error);
/* `by_therapist`: the predictions of every therapist in the text too. */
enum err fit_signals(const struct fit_context *context, const struct stats_accuracy *columns, bool by_therapist,
                     struct error *error);

#endif
