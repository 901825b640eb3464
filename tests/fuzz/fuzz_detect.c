/* attune detect on any bytes: the reader of ratings, the estimate, every rule in both views, patient by patient and in
 * groups of one design, and what is written. Findings must be finite; a row that is read is a row that is written. */
#include <math.h>
#include <stdlib.h>

#include "attune/alliance.h"
#include "cli/detect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const struct alliance_estimate *e, const struct alliance_series *series, int rule, int view) {
  struct alliance_threshold threshold = {
      .rule = (enum alliance_rule)rule, .view = (enum alliance_view)view, .limit = 1};
  struct alliance_case one = {.series = *series, .threshold = &threshold};
  const struct alliance_result *r = &one.result;
  size_t bytes = alliance_detect_memory(&one, 1);
  void *memory = malloc(bytes);
  enum alliance_status status = alliance_detect(&one, 1, e, memory, bytes);
  if (status == ALLIANCE_MEMORY || status == ALLIANCE_NOT_FINITE || status == ALLIANCE_UNORDERED) abort();
  for (int t = 0; !status && t < r->count; t++) {
    const struct alliance_finding *f = &r->sessions[t];
    if (!isfinite(f->expected) || !isfinite(f->low) || !isfinite(f->high) || !isfinite(f->z) || !isfinite(f->score) ||
        !isfinite(f->tension) || !isfinite(f->repaired) || f->tension > 1 || f->repaired > 1)
      abort();
  }
  free(memory);
}

/* The block as the command judges and writes it. */
static void command(const struct input_block *block, const struct alliance_estimate *e, int rule, int view) {
  struct run_options options = {
      .rule = (enum alliance_rule)rule, .view = (enum alliance_view)view, .false_alarm = 0.05};
  options.simulations = 100;
  struct run run;
  struct run_block judged = {0};
  struct output output;
  struct arena arena = {0};
  struct buf text = buf_in(&arena, 4096);
  struct error error;
  size_t lines = 0;
  run_start(&run, &options, e);
  output_start(&output, &text, &run, false, 1, true);
  buf_clear(&text);
  if (run_meet(&run, &judged, block, &error) || run_judge(&run, &judged, block, &error)) abort();
  output_block(&output, &text, &judged, block, true);
  for (size_t k = 0; k < text.length; k++) lines += text.data[k] == '\n';
  if (lines < block->rows) abort(); /* more: a name with a line end in it */
  arena_free(&arena);
  run_block_free(&judged);
  run_free(&run);
}

static void judge_block(const struct input_block *block, int which) {
  struct alliance_series series[8];
  struct alliance_estimate e, back;
  struct alliance_settings settings = {.iterations = 5};
  char text[ALLIANCE_ESTIMATE_TEXT];
  int longest = 1;
  size_t count = block->count < 8 ? block->count : 8;
  for (size_t p = 0; p < count; p++) {
    series[p] = (struct alliance_series){block->sessions + block->patients[p].first, block->patients[p].count};
    if (series[p].count > longest) longest = series[p].count;
  }
  size_t bytes = alliance_estimate_memory(count, longest);
  void *memory = malloc(bytes);
  enum alliance_status status = alliance_estimate_sample(&e, series, count, &settings, memory, bytes);
  free(memory);
  if (status == ALLIANCE_MEMORY || status == ALLIANCE_RANGE) abort();
  if (status) return;
  size_t length = alliance_estimate_write(text, sizeof text, &e);
  if (!length || !alliance_estimate_read(&back, text, length)) abort();
  if (longest <= 20) command(block, &e, which % ALLIANCE_RULES, which >> 5 & 1);
  for (size_t p = 0; p < count; p++)
    if (series[p].count <= 20)
      for (int view = 0; view < 2; view++) {
        judge(&e, &series[p], ALLIANCE_MODEL, view);
        judge(&e, &series[p], which % ALLIANCE_RULES, view);
      }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1 || size > 4096) return 0;
  struct arena arena;
  struct input input;
  struct input_block block = {0};
  struct error error;
  arena_init(&arena, 0);
  enum err err =
      input_open_memory(&input, &arena, (const char *)data + 1, size - 1, "ratings.csv", data[0] & 1, &error);
  if (!err) err = input_fill(&input, &block, 100, &error);
  if (!err && block.count) judge_block(&block, data[0]);
  input_close(&input);
  block_free(&block);
  arena_free(&arena);
  return 0;
}
