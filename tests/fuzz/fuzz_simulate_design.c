/* Designs of `attune simulate` from any bytes, of both kinds: read or refused with words; what was read and is small is
 * simulated, and every rating is a finite number. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/simulate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *take(void *state, size_t bytes) {
  return arena_alloc(state, bytes);
}

static bool finite_row(void *state, const struct stats_power_row *row) {
  size_t *left = state;
  if (!isfinite(row->rating) || !isfinite(row->time) || !row->patient || !row->session) abort();
  return --*left > 0;
}

static void draw_power(const struct power_file *file, struct arena *arena) {
  const struct stats_memory memory = {take, arena};
  struct stats_error why = {.text = ""};
  size_t left = 200;
  for (size_t a = 0; a < file->design.arms; a++) {
    const struct stats_arm_sizes *sizes = &file->design.arm[a].patients;
    if (sizes->therapists > 100 || sizes->fixed > 100 || sizes->mean > 100 || sizes->least > 100 || sizes->most > 100)
      return;
  }
  if (stats_power_simulate(&file->design, 1, &memory, finite_row, &left, &why)) abort();
}

static void draw_world(const struct simulate_plan *plan) {
  struct alliance_session sessions[ALLIANCE_SESSIONS_MAX];
  struct alliance_truth truth;
  const struct alliance_world *w = &plan->world;
  if (w->therapists < 1 || w->patients < 1 || w->sessions < 1 || w->sessions > ALLIANCE_SESSIONS_MAX) abort();
  for (uint32_t p = 0; p < 3; p++) {
    int held = alliance_simulate_patient(sessions, &truth, w, 1, p, p);
    if (held < 1 || held > w->sessions) abort();
    for (int t = 0; t < held; t++)
      for (int r = 0; r < ALLIANCE_RATERS; r++) {
        double rating = sessions[t].rating[r];
        if (!sessions[t].rated[r]) continue;
        if (!isfinite(rating) || fabs(rating) > ALLIANCE_RATING_MAX) abort();
        if (w->truth.bounded && (rating < w->truth.low || rating > w->truth.high)) abort();
      }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct arena arena;
  struct power_file file;
  struct simulate_plan plan;
  struct error error = {.text = ""};
  const char *text = (const char *)data;
  bool power;
  arena_init(&arena, (size_t)1 << 30);
  enum err err = simulate_design_kind(&power, text, size, "design.json", &error);
  if (!err && power && !(err = power_design_parse(&file, text, size, "design.json", &arena, &error)))
    draw_power(&file, &arena);
  else if (!err && !(err = simulate_design_read(&plan, text, size, "design.json", &error)))
    draw_world(&plan);
  if (err && !error.text[0]) abort();
  arena_free(&arena);
  return 0;
}
