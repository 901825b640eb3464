#include "stats/model_df.h"

#include <math.h>
#include <string.h>

#include "stats/model_within.h"

#define CROSSED_MOST 1e9       /* numbers that crossed factors may take: 8 GB */
#define CROSSED_WORK_MOST 1e12 /* multiplications of one evaluation: minutes */
#define CROSSED_JETS_MOST 3e12 /* multiplications for degrees of freedom there: some minutes */

enum stats_status model_check_cost(const struct stats_model_work *work, enum stats_df df, struct stats_error *error) {
  const struct crossed *crossed = work->data.kernel.crossed;
  if (!crossed) return STATS_OK;
  if (crossed_size(crossed) > CROSSED_MOST || crossed_cost(crossed) > CROSSED_WORK_MOST)
    return model_fail(
        error, STATS_BAD_DATA, "",
        "the factors that cross tie %zu effects so closely that %.1f GB and hours would be needed: leave the one "
        "with the most levels out, or make it a fixed effect",
        crossed_effects(crossed), crossed_size(crossed) * 8e-9);
  bool curved = df == STATS_DF_SATTERTHWAITE || df == STATS_DF_KENWARD_ROGER;
  if (curved && crossed_jets_cost(crossed) > CROSSED_JETS_MOST)
    return model_fail(
        error, STATS_NOT_FITTED, "df",
        "degrees of freedom from the curvature would take some %.0f minutes with %zu crossed effects: ask "
        "for --df none (with so many levels z tests hardly differ)",
        crossed_jets_cost(crossed) / 1e12, crossed_effects(crossed));
  return STATS_OK;
}

/* The curvature at the optimum, found once. NULL without memory or where it is not finite. */
static struct curvature *curvature_of(struct stats_model *model) {
  struct stats_model_work *work = model->work;
  if (work->curvature) return work->curvature;
  if (work->progress.tell) work->progress.tell(work->progress.state, 0, 0);
  struct curvature *curvature = curvature_new(&work->data.kernel, work->memory);
  if (!curvature || !curvature_fill(curvature, &work->data.kernel, work->kernel_work, work->theta)) return NULL;
  return work->curvature = curvature;
}

void model_contrast(const struct stats_model *model, const double *contrast, double *out) {
  size_t p = model->p;
  for (size_t i = 0; i < p; i++) {
    out[i] = 0;
    for (size_t j = 0; j < p; j++) out[i] += model->work->to_beta[j * p + i] * contrast[j];
  }
}

static enum stats_status no_curvature(struct stats_error *error) {
  return model_fail(error, STATS_NOT_FITTED, "",
                    "the criterion has no finite curvature at its optimum: ask for --df none");
}

static enum stats_status satterthwaite(struct stats_model *model, struct stats_error *error) {
  struct curvature *curvature = curvature_of(model);
  if (!curvature) return no_curvature(error);
  for (size_t j = 0; j < model->p; j++)
    model->fixed[j].df = curvature_satterthwaite(curvature, model->work->to_beta + j * model->p);
  return STATS_OK;
}

static enum stats_status kenward_roger(struct stats_model *model, struct stats_error *error) {
  struct curvature *curvature = curvature_of(model);
  if (model->ml)
    return model_fail(error, STATS_BAD_FORMULA, "df",
                      "Kenward and Roger's method is for REML fits, not for maximum likelihood");
  if (!curvature || !curvature_kenward_roger(curvature)) return no_curvature(error);
  double *scratch = model_take(model->work->memory, 2 * model->p * model->p + 1, sizeof *scratch), scale;
  if (!scratch) return model_no_memory(error);
  enum stats_status status = model_carry_covariance(model, curvature->adjusted, scratch, error);
  if (status) return status;
  for (size_t j = 0; j < model->p; j++)
    model->fixed[j].df = curvature_kenward_roger_df(curvature, model->work->to_beta + j * model->p, 1, &scale);
  return STATS_OK;
}

enum stats_status model_find_df(struct stats_model *model, enum stats_df df, struct stats_error *error) {
  enum stats_status status = STATS_OK;
  if (df == STATS_DF_SATTERTHWAITE) status = satterthwaite(model, error);
  if (df == STATS_DF_KENWARD_ROGER) status = kenward_roger(model, error);
  if (df == STATS_DF_BETWEEN_WITHIN) status = model_between_within(model, error);
  if (!status) model_fill_tests(model);
  return status;
}
