/* The engine on any people: an estimate, its text, a threshold and findings by every rule, in both views. Whatever is
 * accepted gives finite numbers; shares lie in 0..1; the estimate reads back as it was written. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "attune/alliance.h"

#define PEOPLE 4
#define SESSIONS 10

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
  const uint8_t *at, *end;
};

static unsigned take(struct input *in) {
  return in->at < in->end ? *in->at++ : 0;
}

/* Mostly what a form would give, now and then any double at all. */
static double take_number(struct input *in) {
  unsigned kind = take(in);
  double x = kind / 16.0;
  if (kind < 250 || in->end - in->at < (ptrdiff_t)sizeof x) return x;
  memcpy(&x, in->at, sizeof x);
  in->at += sizeof x;
  return x;
}

static int take_series(struct input *in, struct alliance_session *rows) {
  int count = (int)(take(in) % SESSIONS) + 1;
  double time = 0;
  for (int t = 0; t < count; t++) {
    unsigned flags = take(in);
    double rating = take_number(in);
    time += flags & 128 ? take_number(in) : 1;
    rows[t] = (struct alliance_session){.time = time, .rating = {rating, flags & 64 ? take_number(in) : rating}};
    rows[t].rated[0] = (flags & 3) != 3;
    rows[t].rated[1] = flags & 4;
    rows[t].reported[0] = (int8_t)((int)(flags >> 3 & 3) % 3 - 1);
    rows[t].reported[1] = (int8_t)((int)(flags >> 5 & 1) - 1);
  }
  return count;
}

static void check(const struct alliance_result *r) {
  for (int t = 0; t < r->count; t++) {
    const struct alliance_finding *f = &r->sessions[t];
    if (!isfinite(f->expected) || !isfinite(f->low) || !isfinite(f->high) || !isfinite(f->z) || !isfinite(f->score) ||
        !(f->low <= f->expected && f->expected <= f->high) || !(f->tension <= 1 && f->tension >= -1) ||
        !(f->repaired <= 1 && f->repaired >= -1))
      abort();
    for (int k = 0; k < 3; k++)
      if (!(f->perceived[k] >= 0 && f->perceived[k] <= 1)) abort();
  }
}

static void judge(const struct alliance_estimate *e, const struct alliance_series *series, int rule, int view,
                  int simulations) {
  size_t bytes = alliance_memory(series->count, 200);
  void *memory = malloc(bytes);
  struct alliance_threshold threshold;
  struct alliance_design design = alliance_design_of(series);
  enum alliance_status status = ALLIANCE_RANGE;
  if (simulations)
    status = alliance_threshold_find(&threshold, e, &design, (enum alliance_rule)rule, (enum alliance_view)view, 0.05, 1,
                                     simulations, memory, bytes);
  if (status == ALLIANCE_MEMORY) abort();
  if (status)
    threshold = (struct alliance_threshold){.rule = (enum alliance_rule)rule, .view = (enum alliance_view)view, .limit = 1};
  if (!isfinite(threshold.limit) || !isfinite(threshold.reached)) abort();
  free(memory);
  struct alliance_case one = {.series = *series, .threshold = &threshold};
  bytes = alliance_detect_memory(&one, 1);
  memory = malloc(bytes);
  status = alliance_detect(&one, 1, e, memory, bytes);
  if (status == ALLIANCE_MEMORY || status == ALLIANCE_NOT_FINITE || status == ALLIANCE_UNORDERED) abort();
  if (!status) check(&one.result);
  free(memory);
}

static bool estimate(struct alliance_estimate *e, const struct alliance_series *series, size_t count,
                     const struct alliance_settings *settings) {
  char text[ALLIANCE_ESTIMATE_TEXT], again[ALLIANCE_ESTIMATE_TEXT];
  struct alliance_estimate back;
  size_t bytes = alliance_estimate_memory(count, SESSIONS);
  void *memory = malloc(bytes);
  enum alliance_status status = alliance_estimate_sample(e, series, count, settings, memory, bytes);
  free(memory);
  if (status == ALLIANCE_MEMORY) abort();
  if (status) return false;
  size_t length = alliance_estimate_write(text, sizeof text, e);
  if (!length || !alliance_estimate_read(&back, text, length)) abort();
  if (alliance_estimate_write(again, sizeof again, &back) != length || memcmp(text, again, length) != 0) abort();
  return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input in = {data, data + size};
  struct alliance_session rows[PEOPLE][SESSIONS];
  struct alliance_series series[PEOPLE];
  unsigned flags = take(&in), rule = take(&in) % ALLIANCE_RULES, count = take(&in) % PEOPLE + 1;
  struct alliance_settings settings = {.bounded = flags & 1,
                                       .low = 0,
                                       .high = 16,
                                       .step = flags & 2 ? 1 : 0,
                                       .ignore_reports = flags & 8,
                                       .ignore_rater = {flags & 16, flags & 32},
                                       .iterations = flags & 64 ? 20 : 3};
  for (unsigned p = 0; p < count; p++) series[p] = (struct alliance_series){rows[p], take_series(&in, rows[p])};
  struct alliance_estimate e;
  if (!estimate(&e, series, count, &settings)) return 0;
  for (unsigned p = 0; p < count; p++)
    for (int view = 0; view < 2; view++) {
      judge(&e, &series[p], ALLIANCE_MODEL, view, flags & 128 && !p ? 16 : 0);
      judge(&e, &series[p], (int)rule, view, flags & 128 ? 16 : 0);
    }
  return 0;
}
