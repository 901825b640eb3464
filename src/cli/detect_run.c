#include "cli/detect_run.h"

#include <stdlib.h>

#include "alliance/engine.h"
#include "attune/stats_random.h"

#define PATTERNS 32 /* patterns of missing sessions that a shared threshold is simulated over */

void run_start(struct run *run, const struct run_options *options, const struct alliance_estimate *estimate) {
  *run = (struct run){.options = *options, .estimate = *estimate};
}

void run_free(struct run *run) {
  free(run->thresholds);
  free(run->memory);
  free(run->findings);
  free(run->judged);
  *run = (struct run){0};
}

/* At least `need` bytes; what they held is gone when they grow. */
static void *room_of(void *memory, size_t *have, size_t need) {
  if (need <= *have) return memory;
  free(memory);
  memory = malloc(need);
  if (!memory) die("out of memory judging ratings");
  *have = need;
  return memory;
}

static void engine_room(struct run *run, size_t need) {
  run->memory = room_of(run->memory, &run->bytes, need);
}

/* ---- thresholds ---- */

static int bits(uint64_t x) {
  return __builtin_popcountll(x);
}

static uint64_t times_hash(const struct alliance_design *design) {
  uint64_t hash = 1469598103934665603u, word;
  for (int t = 0; t < design->count; t++) {
    memcpy(&word, &design->time[t], sizeof word);
    hash = (hash ^ word) * 1099511628211u;
    hash ^= hash >> 29;
  }
  return hash;
}

/* Whole numbers one apart give one class wherever they start; all other times count by their number alone. */
static uint64_t times_class(const struct alliance_design *design) {
  for (int t = 1; t < design->count; t++)
    if (design->time[t] - design->time[t - 1] != 1) return 1;
  return design->count && design->time[0] == 1 ? 2 : times_hash(design);
}

static uint64_t random_subset(struct stats_stream *stream, int sessions, int count) {
  uint64_t chosen = 0;
  for (int t = 0, left = count; t < sessions; t++)
    if (stats_random_below(stream, (uint64_t)(sessions - t)) < (uint64_t)left) {
      chosen |= (uint64_t)1 << t;
      left--;
    }
  return chosen;
}

/* The design itself where nothing is missing, else patterns drawn at random with as much missing. */
static int class_designs(struct alliance_design *designs, const struct alliance_design *like, uint64_t seed) {
  uint64_t all = like->count == 64 ? UINT64_MAX : ((uint64_t)1 << like->count) - 1;
  bool plain = true;
  for (int r = 0; r < ALLIANCE_RATERS; r++)
    plain = plain && (like->rated[r] == all || !like->rated[r]) && (like->asked[r] == all || !like->asked[r]);
  designs[0] = *like;
  if (plain) return 1;
  struct stats_stream stream;
  stats_stream_init(&stream, seed, 0x70617474u, (uint32_t)like->count, (uint32_t)bits(like->rated[0]));
  for (int d = 0; d < PATTERNS; d++) {
    designs[d] = *like;
    for (int r = 0; r < ALLIANCE_RATERS; r++) {
      designs[d].rated[r] = random_subset(&stream, like->count, bits(like->rated[r]));
      /* A report is asked with the rating where the counts agree. */
      designs[d].asked[r] = bits(like->asked[r]) == bits(like->rated[r])
                                ? designs[d].rated[r]
                                : random_subset(&stream, like->count, bits(like->asked[r]));
    }
  }
  return PATTERNS;
}

static bool class_is(const struct run_threshold *one, const struct run_threshold *two) {
  return one->sessions == two->sessions && one->times == two->times &&
         !memcmp(one->rated, two->rated, sizeof one->rated) && !memcmp(one->asked, two->asked, sizeof one->asked);
}

static const struct alliance_threshold *threshold_for(struct run *run, const struct alliance_design *design) {
  struct run_threshold want = {.sessions = design->count, .times = times_class(design)};
  for (int r = 0; r < ALLIANCE_RATERS; r++) {
    want.rated[r] = run->estimate.rater[r].used ? bits(design->rated[r]) : 0;
    want.asked[r] = run->estimate.rater[r].used && run->estimate.reports ? bits(design->asked[r]) : 0;
  }
  for (size_t k = 0; k < run->threshold_count; k++)
    if (class_is(&run->thresholds[k], &want)) return &run->thresholds[k].threshold;
  const struct run_options *o = &run->options;
  enum alliance_status status;
  if (o->textbook) {
    status = alliance_threshold_textbook(&want.threshold, o->rule, o->view);
  } else {
    static const size_t room = PATTERNS * sizeof(struct alliance_design);
    struct alliance_design *designs = malloc(room);
    if (!designs) die("out of memory");
    int count = class_designs(designs, design, o->seed);
    engine_room(run, alliance_memory(design->count, o->simulations));
    status = alliance_threshold_find_among(&want.threshold, &run->estimate, designs, count, o->rule, o->view,
                                           o->false_alarm, o->seed, o->simulations, run->memory, run->bytes);
    free(designs);
  }
  if (status) return NULL;
  if (run->threshold_count == run->threshold_capacity) {
    run->threshold_capacity = run->threshold_capacity ? 2 * run->threshold_capacity : 16;
    run->thresholds = realloc(run->thresholds, run->threshold_capacity * sizeof *run->thresholds);
    if (!run->thresholds) die("out of memory");
  }
  run->thresholds[run->threshold_count] = want;
  return &run->thresholds[run->threshold_count++].threshold;
}

/* ---- the model, eight patients of one design at a time ---- */

struct group {
  uint64_t key;
  uint32_t patient;
};

static int group_compare(const void *a, const void *b) {
  const struct group *x = a, *y = b;
  if (x->key != y->key) return x->key < y->key ? -1 : 1;
  return x->patient < y->patient ? -1 : x->patient > y->patient;
}

static uint64_t design_key(const struct alliance_design *design) {
  uint64_t hash = times_hash(design);
  for (int r = 0; r < ALLIANCE_RATERS; r++) {
    hash = (hash ^ design->rated[r]) * 0x9e3779b97f4a7c15u;
    hash = (hash ^ hash >> 31 ^ design->asked[r]) * 0xbf58476d1ce4e5b9u;
  }
  return hash;
}

static struct alliance_series series_of(const struct input_block *block, size_t patient) {
  const struct input_patient *p = &block->patients[patient];
  return (struct alliance_series){block->sessions + p->first, p->count};
}

static bool design_same(const struct alliance_design *a, const struct alliance_design *b) {
  return a->count == b->count && !memcmp(a->rated, b->rated, sizeof a->rated) &&
         !memcmp(a->asked, b->asked, sizeof a->asked) && !memcmp(a->time, b->time, (size_t)a->count * sizeof *a->time);
}

static enum err engine_failed(struct error *error, enum alliance_status status) {
  return fail(error, ERR_INPUT, "detect", "", "the ratings cannot be judged: %s", alliance_status_text(status));
}

static size_t judge_group(struct run *run, const struct input_block *block, const struct group *groups, size_t at,
                          size_t count, const struct alliance_threshold *threshold,
                          const struct alliance_design *design) {
  struct room room = room_in(run->memory, run->bytes);
  struct bench *bench = room_take(&room, 1, sizeof *bench);
  struct plan *plan = room_take(&room, 1, sizeof *plan);
  if (!bench || !plan || !plan_build(plan, &room, &run->estimate, design, threshold->view, true)) return 0;
  memset(bench, 0, sizeof *bench);
  size_t end = at;
  for (;;) {
    struct alliance_finding *out[LANES] = {NULL};
    struct alliance_series series[LANES];
    struct span span[LANES];
    int some = 0;
    for (; some < LANES && end < count && groups[end].key == groups[at].key; end++, some++) {
      series[some] = series_of(block, groups[end].patient);
      struct alliance_design other = alliance_design_of(&series[some]);
      if (!design_same(design, &other)) break;
      out[some] = run->findings + block->patients[groups[end].patient].first;
    }
    if (!some) return end;
    model_judge(out, span, plan, &run->estimate, threshold, series, some, bench);
  }
}

static enum err block_by_model(struct run *run, const struct input_block *block, struct error *error) {
  struct group *groups = malloc((block->count + 1) * sizeof *groups);
  size_t count = 0;
  if (!groups) die("out of memory judging ratings");
  for (size_t p = 0; p < block->count; p++) {
    struct alliance_series series = series_of(block, p);
    run->judged[p] = false;
    if (series.count > ALLIANCE_SESSIONS_MAX) {
      run->too_long++;
      continue;
    }
    struct alliance_design design = alliance_design_of(&series);
    uint64_t heard = design_heard(&design, &run->estimate);
    if (bits(heard) < alliance_rules[ALLIANCE_MODEL].least) {
      run->too_short++;
      continue;
    }
    run->judged[p] = true;
    groups[count++] = (struct group){design_key(&design), (uint32_t)p};
  }
  qsort(groups, count, sizeof *groups, group_compare);
  enum err err = OK;
  for (size_t at = 0, end; at < count && !err; at = end) {
    struct alliance_series series = series_of(block, groups[at].patient);
    struct alliance_design design = alliance_design_of(&series);
    const struct alliance_threshold *threshold = threshold_for(run, &design);
    end = at;
    if (threshold) {
      engine_room(run, alliance_memory(design.count, run->options.simulations));
      end = judge_group(run, block, groups, at, count, threshold, &design);
    }
    if (end == at) err = engine_failed(error, threshold ? ALLIANCE_MEMORY : ALLIANCE_RANGE);
  }
  free(groups);
  return err;
}

/* ---- the other rules ---- */

static enum err block_by_rule(struct run *run, const struct input_block *block, struct error *error) {
  for (size_t p = 0; p < block->count; p++) {
    struct alliance_series series = series_of(block, p);
    struct alliance_design design = alliance_design_of(&series);
    const struct alliance_threshold *threshold = threshold_for(run, &design);
    if (!threshold) return engine_failed(error, ALLIANCE_RANGE);
    struct alliance_result result;
    engine_room(run, alliance_memory(series.count, run->options.simulations));
    enum alliance_status status = alliance_detect(&result, &run->estimate, threshold, &series, run->memory, run->bytes);
    run->judged[p] = !status;
    if (status == ALLIANCE_TOO_SHORT) {
      run->too_short++;
      continue;
    }
    if (status) return engine_failed(error, status);
    memcpy(run->findings + block->patients[p].first, result.sessions, (size_t)result.count * sizeof *result.sessions);
  }
  return OK;
}

enum err run_block(struct run *run, const struct input_block *block, struct error *error) {
  run->findings = room_of(run->findings, &run->findings_capacity, (block->rows + 1) * sizeof *run->findings);
  run->judged = room_of(run->judged, &run->judged_capacity, (block->count + 1) * sizeof *run->judged);
  run->patients += block->count;
  return run->options.rule == ALLIANCE_MODEL ? block_by_model(run, block, error) : block_by_rule(run, block, error);
}
