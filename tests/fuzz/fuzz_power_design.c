/* Designs of `attune power` from any bytes: read or refused with words; what was read keeps its promises, and a small
 * design gives finite figures or says why there are none. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/power_design.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *take(void *state, size_t bytes) {
  return arena_alloc(state, bytes);
}

static void check(const struct power_file *file) {
  const struct stats_power_design *d = &file->design;
  struct stats_error why;
  if (stats_power_check(d, &why)) abort();
  if (d->arms < 2 || d->times < 2 || d->from == d->to || !(file->alpha > 0 && file->alpha < 1)) abort();
  for (size_t a = 0; a < d->arms; a++) {
    if (!file->arm_name[a][0] || !isfinite(d->arm[a].slope) || !isfinite(d->arm[a].intercept)) abort();
    for (size_t t = 1; t < d->times; t++)
      if (!(d->arm[a].kept[t] <= d->arm[a].kept[t - 1])) abort();
  }
}

static bool is_small(const struct stats_power_design *d) {
  for (size_t a = 0; a < d->arms; a++) {
    const struct stats_arm_sizes *sizes = &d->arm[a].patients;
    bool listed = sizes->sizes == STATS_SIZES_LISTED;
    if (sizes->therapists > 8 || sizes->mean > 8 || sizes->least > 8 || sizes->most > 8 || sizes->fixed > 8)
      return false;
    for (size_t i = 0; listed && i < sizes->therapists; i++)
      if (sizes->list[i] > 8) return false;
  }
  return d->times <= 8;
}

/* Two trials by simulation, and the closed form. */
static void run(const struct power_file *file, const struct stats_memory *memory) {
  struct stats_power_options options = {.trials = 2, .alpha = file->alpha, .df = STATS_DF_KENWARD_ROGER};
  struct stats_power_closed closed;
  struct stats_power_result result;
  struct stats_error why = {.text = ""};
  if (stats_power_closed_form(&file->design, file->alpha, memory, &closed, &why)) {
    if (!why.text[0]) abort();
  } else if (!(closed.se > 0) || !isfinite(closed.se) || !(closed.power >= 0 && closed.power <= 1)) {
    abort();
  }
  for (int df = STATS_DF_SATTERTHWAITE; df <= STATS_DF_KENWARD_ROGER; df++) {
    options.df = (enum stats_df)df;
    if (stats_power_run(&file->design, &options, memory, &result, &why)) abort();
    if (!(result.power >= 0 && result.power <= 1)) abort();
    if (result.failed < result.trials && !(result.mean_se > 0 && isfinite(result.mean_estimate))) abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct arena arena;
  struct power_file file;
  struct error error = {.text = ""};
  arena_init(&arena, (size_t)1 << 30);
  enum err err = power_design_parse(&file, (const char *)data, size, "design.json", &arena, &error);
  if (err && !error.text[0]) abort();
  if (!err) {
    const struct stats_memory memory = {take, &arena};
    check(&file);
    if (is_small(&file.design)) run(&file, &memory);
  }
  arena_free(&arena);
  return 0;
}
