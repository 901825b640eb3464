/* fit_plots.h: `attune fit --plots DIR`: pictures of a fit as SVG files, for the eye's judgement of the model. */
#ifndef ATTUNE_CLI_FIT_PLOTS_H
#define ATTUNE_CLI_FIT_PLOTS_H

#include "cli/fit_more.h"

/* Writes DIR/residuals.svg (residuals by fitted values), residual-quantiles.svg (against normal ones), and for every
 * random effect effects-GROUP-NAME.svg (predicted effects in order, with 95% intervals). DIR is made if it is not
 * there. */
enum err fit_write_plots(const struct fit_context *context, const char *directory, struct error *error);

#endif
