/* Any text as an estimate: refused, or good enough to judge a series without a number that is not finite. */
#include <math.h>
#include <stdlib.h>

#include "attune/alliance.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct alliance_estimate e;
  if (!alliance_estimate_read(&e, (const char *)data, size)) return 0;
  struct alliance_session rows[6];
  for (int t = 0; t < 6; t++) {
    rows[t] = (struct alliance_session){.time = t, .rating = {5 - t % 3, 4}, .rated = {true, t != 2}};
    rows[t].reported[0] = (int8_t)(t % 3 - 1);
    rows[t].reported[1] = -1;
  }
  struct alliance_series series = {rows, 6};
  struct alliance_threshold threshold = {.rule = ALLIANCE_MODEL, .limit = 1};
  struct alliance_case one = {.series = series, .threshold = &threshold};
  size_t bytes = alliance_detect_memory(&one, 1);
  void *memory = malloc(bytes);
  for (int view = 0; view < 2; view++) {
    const struct alliance_result *r = &one.result;
    threshold.view = (enum alliance_view)view;
    if (alliance_detect(&one, 1, &e, memory, bytes)) abort();
    for (int t = 0; t < r->count; t++)
      if (!isfinite(r->sessions[t].expected) || !isfinite(r->sessions[t].z) || !isfinite(r->sessions[t].tension)) abort();
  }
  free(memory);
  return 0;
}
