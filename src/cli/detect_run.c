#include "cli/detect_run.h"

#include <stdlib.h>

void run_start(struct run *run, const struct run_options *options, const struct alliance_estimate *estimate) {
  *run = (struct run){.options = *options, .estimate = *estimate, .factor = 1};
}

void run_free(struct run *run) {
  while (run->first) {
    struct run_threshold *next = run->first->next;
    free(run->first);
    run->first = next;
  }
  *run = (struct run){0};
}

/* At least `need` bytes; what they held is gone when they grow. */
static void *memory_of(struct run_memory *memory, size_t need) {
  if (memory->bytes && need <= memory->size) return memory->bytes;
  free(memory->bytes);
  memory->bytes = malloc(need);
  if (!memory->bytes) die("out of memory judging ratings");
  memory->size = need;
  return memory->bytes;
}

static enum err engine_failed(struct error *error, enum alliance_status status) {
  return fail(error, ERR_INPUT, "detect", "", "the ratings cannot be judged: %s", alliance_status_text(status));
}

/* ---- thresholds ---- */

static uint64_t hash_word(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 1099511628211u;
  return hash ^ hash >> 29;
}

static uint64_t hash_times(const struct alliance_series *series, int count) {
  uint64_t hash = 1469598103934665603u, word;
  for (int t = 0; t < count; t++) {
    memcpy(&word, &series->sessions[t].time, sizeof word);
    hash = hash_word(hash, word);
  }
  return hash;
}

/* Whole numbers one apart give one class wherever they start; all other times count by their number alone. */
static uint64_t times_class(const struct alliance_series *series, int count) {
  for (int t = 1; t < count; t++)
    if (series->sessions[t].time - series->sessions[t - 1].time != 1) return 1;
  return count && series->sessions[0].time == 1 ? 2 : hash_times(series, count);
}

static struct run_class class_of(const struct run *run, const struct alliance_series *series) {
  int count = series->count < ALLIANCE_SESSIONS_MAX ? series->count : ALLIANCE_SESSIONS_MAX;
  struct run_class class = {.sessions = count, .times = times_class(series, count)};
  for (int r = 0; r < ALLIANCE_RATERS; r++) {
    if (!run->estimate.rater[r].used) continue;
    for (int t = 0; t < count; t++) {
      class.rated[r] += series->sessions[t].rated[r];
      class.asked[r] += run->estimate.reports && series->sessions[t].reported[r] >= 0;
    }
  }
  return class;
}

static bool class_same(const struct run_class *one, const struct run_class *two) {
  return one->sessions == two->sessions && one->times == two->times &&
         !memcmp(one->rated, two->rated, sizeof one->rated) && !memcmp(one->asked, two->asked, sizeof one->asked);
}

static size_t class_bucket(const struct run_class *class) {
  uint64_t hash = hash_word(class->times, (uint64_t) class->sessions);
  for (int r = 0; r < ALLIANCE_RATERS; r++)
    hash = hash_word(hash, (uint64_t) class->rated[r] << 32 | (uint64_t) class->asked[r]);
  return hash % RUN_BUCKETS;
}

static enum alliance_status threshold_find(const struct run *run, struct alliance_threshold *threshold,
                                           const struct alliance_design *design) {
  const struct run_options *o = &run->options;
  if (o->textbook) return alliance_threshold_textbook(threshold, o->rule, o->view);
  size_t need = alliance_memory(design->count, o->simulations);
  void *memory = malloc(need);
  if (!memory) die("out of memory judging ratings");
  enum alliance_status status = alliance_threshold_find_alike(threshold, &run->estimate, design, o->rule, o->view,
                                                              o->false_alarm, o->seed, o->simulations, memory, need);
  free(memory);
  return status;
}

static const struct alliance_threshold *threshold_for(struct run *run, const struct alliance_series *series) {
  struct run_class class = class_of(run, series);
  struct run_threshold **bucket = &run->bucket[class_bucket(&class)];
  for (struct run_threshold *t = *bucket; t; t = t->next_alike)
    if (class_same(&t->of, &class)) return &t->threshold;
  struct run_threshold *found = malloc(sizeof *found);
  if (!found) die("out of memory judging ratings");
  *found = (struct run_threshold){.of = class, .next_alike = *bucket};
  struct alliance_design design = alliance_design_of(series);
  if (threshold_find(run, &found->threshold, &design)) {
    free(found);
    return NULL;
  }
  found->threshold.limit *= run->factor;
  *(run->last ? &run->last->next : &run->first) = found;
  run->last = *bucket = found;
  return &found->threshold;
}

/* ---- blocks ---- */

/* Counts a patient as left out, or finds their threshold. */
static enum err case_meet(struct run *run, struct alliance_case *one, struct error *error) {
  enum alliance_rule rule = run->options.rule;
  if (rule == ALLIANCE_MODEL && one->series.count > ALLIANCE_SESSIONS_MAX) {
    run->too_long++;
  } else if (alliance_evidence(&one->series, &run->estimate, rule) < alliance_rules[rule].least) {
    run->too_short++;
  } else {
    one->threshold = threshold_for(run, &one->series);
    if (!one->threshold) return engine_failed(error, ALLIANCE_RANGE);
  }
  return OK;
}

enum err run_meet(struct run *run, struct run_block *out, const struct input_block *block, struct error *error) {
  out->cases = memory_of(&out->cases_memory, (block->count + 1) * sizeof *out->cases);
  run->patients += block->count;
  enum err err = OK;
  for (size_t p = 0; p < block->count && !err; p++) {
    const struct input_patient *patient = &block->patients[p];
    out->cases[p] = (struct alliance_case){.series = {block->sessions + patient->first, patient->count}};
    err = case_meet(run, &out->cases[p], error);
  }
  return err;
}

enum err run_check(struct run *run, const struct input_block *block, struct alliance_mirror *mirror,
                   struct error *error) {
  struct run_block sample = {0};
  *mirror = (struct alliance_mirror){.factor = 1};
  if (run->options.rule != ALLIANCE_MODEL || run->options.textbook) return OK;
  enum err err = run_meet(run, &sample, block, error);
  run->patients = run->too_short = run->too_long = 0; /* they will be met again */
  if (!err) {
    size_t need = alliance_mirror_memory(sample.cases, block->count);
    enum alliance_status status = alliance_mirror_find(mirror, sample.cases, block->count, &run->estimate,
                                                       run->options.false_alarm, memory_of(&sample.engine, need), need);
    if (status) err = engine_failed(error, status);
  }
  run->factor = mirror->factor;
  for (struct run_threshold *t = run->first; t; t = t->next) t->threshold.limit *= run->factor;
  run_block_free(&sample);
  return err;
}

enum err run_judge(const struct run *run, struct run_block *out, const struct input_block *block, struct error *error) {
  size_t need = alliance_detect_memory(out->cases, block->count);
  enum alliance_status status =
      alliance_detect(out->cases, block->count, &run->estimate, memory_of(&out->engine, need), need);
  if (status == ALLIANCE_MEMORY) return engine_failed(error, status);
  for (size_t p = 0; p < block->count; p++)
    if (out->cases[p].threshold && out->cases[p].status) return engine_failed(error, out->cases[p].status);
  return OK;
}

void run_block_free(struct run_block *block) {
  free(block->cases_memory.bytes);
  free(block->engine.bytes);
  *block = (struct run_block){0};
}
