#include "stats/model_restart.h"

#include <math.h>
#include <string.h>

#define FAVOURED_MAXIMUM 8 /* effects that get a start of their own */
#define COST_MANY 3e7      /* multiplications of one evaluation beyond which one other start must do */
#define GRADIENT_LARGE 1e-8
#define FAR 1e4   /* relative SD beyond which no residual is left */
#define WEAK 0.05 /* relative SD of the others there */

/* Start `which`: all effects weak, all strong, then one after another strong alone. False after the last. */
static bool set_start(const struct kernel *kernel, size_t which, double *theta) {
  size_t effects = 0;
  memset(theta, 0, kernel->thetas * sizeof *theta);
  for (size_t t = 0; t < kernel->terms; t++) {
    double *at = theta + kernel->term[t].theta;
    for (size_t i = 0; i < kernel->term[t].size; at += kernel->term[t].size - i, i++, effects++)
      *at = which == 0 ? 0.2 : which == 1 ? 3 : which == effects + 2 ? 1 : WEAK;
  }
  if (kernel->crossed && crossed_cost(kernel->crossed) > COST_MANY) return which < 1;
  return which < 2 || (effects > 1 && which < effects + 2 && which < FAVOURED_MAXIMUM + 2);
}

/* With about as many effects as rows the criterion may fall for ever as the residual vanishes: no estimate. */
static bool runs_away(const double *theta, size_t n) {
  bool far = false;
  for (size_t i = 0; i < n; i++) far |= !(fabs(theta[i]) < FAR);
  return far;
}

static double resolution(double criterion) {
  return 1e-6 + 1e-10 * fabs(criterion);
}

enum stats_status model_search_elsewhere(struct stats_model_work *work, struct stats_starts *starts,
                                         struct stats_error *error) {
  const struct kernel *kernel = &work->data.kernel;
  size_t bytes = kernel->thetas * sizeof(double), evaluations = work->outcome.evaluations;
  double *theta = model_take(work->memory, kernel->thetas, sizeof *theta);
  double end[FAVOURED_MAXIMUM + 3];
  struct kernel_outcome outcome;
  if (!theta) return model_no_memory(error);
  *starts = (struct stats_starts){.tried = 1, .other = INFINITY};
  end[0] = work->outcome.criterion;
  if (!work->outcome.singular) return STATS_OK;
  for (size_t which = 0; set_start(kernel, which, theta); which++) {
    bool fine = kernel_fit(kernel, work->kernel_work, theta, NULL, work->memory, &outcome);
    evaluations += outcome.evaluations;
    if (!fine || runs_away(theta, kernel->thetas)) continue;
    end[starts->tried++] = outcome.criterion;
    if (!(outcome.criterion < work->outcome.criterion - resolution(outcome.criterion))) continue;
    work->outcome = outcome;
    memcpy(work->theta, theta, bytes);
  }
  for (size_t i = 0; i < starts->tried; i++) {
    if (!(end[i] > work->outcome.criterion + resolution(end[i]))) continue;
    starts->apart++;
    if (end[i] < starts->other) starts->other = end[i];
  }
  if (work->outcome.gradient > GRADIENT_LARGE) { /* once more, from where it stopped */
    bool fine = kernel_fit(kernel, work->kernel_work, work->theta, NULL, work->memory, &work->outcome);
    evaluations += work->outcome.evaluations;
    if (!fine) return model_fail(error, STATS_NOT_FITTED, "", "the criterion has no finite optimum");
  }
  work->outcome.evaluations = evaluations;
  kernel_evaluate(kernel, work->kernel_work, work->theta, NULL);
  return STATS_OK;
}
