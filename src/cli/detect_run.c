#include "cli/detect_run.h"

#include <stddef.h>
#include <stdlib.h>

#include "alliance/engine.h"
#include "attune/stats_random.h"

#define PATTERNS 32 /* patterns of missing sessions that a shared threshold is simulated over */

void run_start(struct run *run, const struct run_options *options, const struct alliance_estimate *estimate) {
  *run = (struct run){.options = *options, .estimate = *estimate};
}

void run_free(struct run *run) {
  while (run->first) {
    struct run_threshold *next = run->first->next;
    free(run->first);
    run->first = next;
  }
  free(run->memory.bytes);
  *run = (struct run){0};
}

/* At least `need` bytes; what they held is gone when they grow. */
static void *memory_of(struct run_memory *memory, size_t need) {
  if (need <= memory->size) return memory->bytes;
  free(memory->bytes);
  memory->bytes = malloc(need);
  if (!memory->bytes) die("out of memory judging ratings");
  memory->size = need;
  return memory->bytes;
}

static struct alliance_series series_of(const struct input_block *block, size_t patient) {
  const struct input_patient *p = &block->patients[patient];
  return (struct alliance_series){block->sessions + p->first, p->count};
}

static enum err engine_failed(struct error *error, enum alliance_status status) {
  return fail(error, ERR_INPUT, "detect", "", "the ratings cannot be judged: %s", alliance_status_text(status));
}

/* ---- thresholds ---- */

static int bits(uint64_t x) {
  return __builtin_popcountll(x);
}

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

static enum alliance_status threshold_find(struct run *run, struct alliance_threshold *threshold,
                                           const struct alliance_design *design) {
  const struct run_options *o = &run->options;
  if (o->textbook) return alliance_threshold_textbook(threshold, o->rule, o->view);
  struct alliance_design *designs = malloc(PATTERNS * sizeof *designs);
  if (!designs) die("out of memory");
  int count = class_designs(designs, design, o->seed);
  size_t need = alliance_memory(design->count, o->simulations);
  enum alliance_status status =
      alliance_threshold_find_among(threshold, &run->estimate, designs, count, o->rule, o->view, o->false_alarm,
                                    o->seed, o->simulations, memory_of(&run->memory, need), need);
  free(designs);
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
  *(run->last ? &run->last->next : &run->first) = found;
  run->last = *bucket = found;
  return &found->threshold;
}

/* ---- designs ---- */

/* What the engine's plans depend on beside the time: who rated and was asked. */
static unsigned session_kind(const struct alliance_session *s) {
  return (unsigned)s->rated[0] | (unsigned)s->rated[1] << 1 | (unsigned)(s->reported[0] >= 0) << 2 |
         (unsigned)(s->reported[1] >= 0) << 3;
}

static uint64_t design_key(const struct alliance_series *series) {
  uint64_t hash = hash_times(series, series->count), kinds = 0;
  for (int t = 0; t < series->count; t++) {
    kinds = kinds << 4 | session_kind(&series->sessions[t]);
    if (t % 16 == 15) hash = hash_word(hash, kinds);
  }
  return hash_word(hash, kinds);
}

/* Four bytes that say who rated and what was reported. */
static uint32_t session_word(const struct alliance_session *s) {
  enum { AT = offsetof(struct alliance_session, rated) };
  _Static_assert(offsetof(struct alliance_session, reported) == AT + 2 && sizeof(bool) == 1, "side by side");
  uint32_t word;
  memcpy(&word, (const char *)s + AT, sizeof word);
  return word;
}

/* Every session is looked at, without a branch: neighbours nearly always agree. Two that differ only in what was
 * reported may count as different: they are then met anew. */
static bool design_same(const struct alliance_series *a, const struct alliance_series *b) {
  if (a->count != b->count) return false;
  uint32_t differ = 0;
  for (int t = 0; t < a->count; t++) {
    const struct alliance_session *x = &a->sessions[t], *y = &b->sessions[t];
    differ |= (session_word(x) ^ session_word(y)) | (uint32_t)(x->time != y->time);
  }
  return !differ;
}

/* ---- meeting ---- */

/* Sessions with something to go by: a rating or a report for the model (as design_heard() has it), a rating of the
 * first rater for the others. */
static int evidence_count(const struct run *run, const struct alliance_series *series) {
  const struct alliance_estimate *e = &run->estimate;
  enum alliance_rater first = estimate_first_rater(e);
  bool model = run->options.rule == ALLIANCE_MODEL, reports = model && e->reports;
  bool second = model && first == ALLIANCE_PATIENT && e->rater[ALLIANCE_THERAPIST].used;
  int count = 0;
  for (int t = 0; t < series->count; t++) {
    const struct alliance_session *s = &series->sessions[t];
    bool heard = s->rated[first] || (reports && s->reported[first] >= 0);
    if (second) heard |= s->rated[ALLIANCE_THERAPIST] || (reports && s->reported[ALLIANCE_THERAPIST] >= 0);
    count += heard;
  }
  return count;
}

/* Counts the stretch's patients as left out, or finds their threshold. */
static enum err stretch_meet(struct run *run, struct run_stretch *stretch, const struct alliance_series *series,
                             struct error *error) {
  if (run->options.rule == ALLIANCE_MODEL && series->count > ALLIANCE_SESSIONS_MAX) {
    run->too_long += stretch->count;
  } else if (evidence_count(run, series) < alliance_rules[run->options.rule].least) {
    run->too_short += stretch->count;
  } else {
    stretch->threshold = threshold_for(run, series);
    if (!stretch->threshold) return engine_failed(error, ALLIANCE_RANGE);
  }
  return OK;
}

enum err run_meet(struct run *run, struct run_block *out, const struct input_block *block, struct error *error) {
  out->stretches = memory_of(&out->stretches_memory, (block->count + 1) * sizeof *out->stretches);
  out->count = 0;
  run->patients += block->count;
  enum err err = OK;
  for (size_t p = 0; p < block->count && !err;) {
    struct run_stretch *stretch = &out->stretches[out->count++];
    struct alliance_series series = series_of(block, p);
    *stretch = (struct run_stretch){.first = p, .key = design_key(&series)};
    for (struct alliance_series next = series; design_same(&series, &next); next = series_of(block, p)) {
      stretch->count++;
      if (++p == block->count) break;
    }
    err = stretch_meet(run, stretch, &series, error);
  }
  return err;
}

/* ---- judging, eight patients of one design at a time ---- */

static int stretch_compare(const void *a, const void *b) {
  const struct run_stretch *x = *(const struct run_stretch *const *)a, *y = *(const struct run_stretch *const *)b;
  if (x->key != y->key) return x->key < y->key ? -1 : 1;
  return x->first < y->first ? -1 : x->first > y->first;
}

struct charts {
  struct rule_terms terms;
  struct course course;
  struct marks marks;
};

/* What serves all patients of a design. */
struct desk {
  struct alliance_design design;
  bool ready;
  struct run_memory memory;
  struct bench *bench; /* of the model, with its plan */
  struct plan *plan;
  struct charts *charts; /* of the other rules */
};

static bool desk_build(struct desk *desk, const struct run *run) {
  size_t need = alliance_memory(desk->design.count, 1);
  struct room room = room_in(memory_of(&desk->memory, need), need);
  if (run->options.rule == ALLIANCE_MODEL) {
    desk->bench = room_take(&room, 1, sizeof *desk->bench);
    desk->plan = room_take(&room, 1, sizeof *desk->plan);
    if (!desk->bench || !desk->plan) return false;
    memset(desk->bench, 0, sizeof *desk->bench);
    return plan_build(desk->plan, &room, &run->estimate, &desk->design, run->options.view, true);
  }
  int rated = bits(desk->design.rated[estimate_first_rater(&run->estimate)]);
  struct charts *charts = desk->charts = room_take(&room, 1, sizeof *charts);
  return charts && rule_terms_build(&charts->terms, &room, &run->estimate, run->options.view, rated) &&
         course_build(&charts->course, &room, rated) && marks_build(&charts->marks, &room, rated);
}

/* The desk for the design of these sessions: the one at hand where it is the same. NULL if memory fails. */
static struct desk *desk_for(struct run_block *out, const struct run *run, const struct alliance_series *series) {
  struct alliance_design design = alliance_design_of(series);
  if (!out->desk) out->desk = calloc(1, sizeof *out->desk);
  struct desk *desk = out->desk;
  if (!desk) die("out of memory judging ratings");
  if (desk->ready && desk->design.count == design.count &&
      !memcmp(desk->design.time, design.time, (size_t)design.count * sizeof *design.time) &&
      !memcmp(desk->design.rated, design.rated, sizeof design.rated) &&
      !memcmp(desk->design.asked, design.asked, sizeof design.asked))
    return desk;
  desk->design = design;
  desk->ready = desk_build(desk, run);
  return desk->ready ? desk : NULL;
}

/* The patients of several stretches of one design, one after the other. */
struct walk {
  struct run_stretch *const *at, *const *end;
  size_t next; /* patient of the stretch */
};

static int walk_on(struct walk *walk, struct alliance_series series[LANES], struct alliance_finding *findings[LANES],
                   const struct run_block *out, const struct input_block *block) {
  int some = 0;
  while (some < LANES && walk->at < walk->end) {
    size_t patient = (*walk->at)->first + walk->next++;
    series[some] = series_of(block, patient);
    findings[some++] = out->findings + block->patients[patient].first;
    if (walk->next < (*walk->at)->count) continue;
    walk->at++;
    walk->next = 0;
  }
  return some;
}

/* Judges all patients of the stretches [at, end), which are of one design. */
static bool judge_design(const struct run *run, struct run_block *out, const struct input_block *block,
                         struct run_stretch *const *at, struct run_stretch *const *end) {
  const struct alliance_threshold *threshold = (*at)->threshold;
  struct alliance_series like = series_of(block, (*at)->first), series[LANES];
  struct alliance_finding *findings[LANES] = {NULL};
  struct span span[LANES];
  struct walk walk = {at, end, 0};
  struct desk *desk = desk_for(out, run, &like);
  if (!desk) return false;
  for (int some; (some = walk_on(&walk, series, findings, out, block)) > 0;) {
    if (run->options.rule == ALLIANCE_MODEL)
      model_judge(findings, span, desk->plan, &run->estimate, threshold, series, some, desk->bench);
    else
      rule_judge(findings, &run->estimate, threshold, series, some, &desk->charts->terms, &desk->charts->course,
                 &desk->charts->marks);
  }
  return true;
}

/* Series longer than designs are: each by itself. */
static enum err judge_long(const struct run *run, struct run_block *out, const struct input_block *block,
                           const struct run_stretch *stretch, struct error *error) {
  for (size_t p = stretch->first; p < stretch->first + stretch->count; p++) {
    struct alliance_series series = series_of(block, p);
    struct alliance_result result;
    size_t need = alliance_memory(series.count, 1);
    enum alliance_status status =
        alliance_detect(&result, &run->estimate, stretch->threshold, &series, memory_of(&out->engine, need), need);
    if (status) return engine_failed(error, status);
    memcpy(out->findings + block->patients[p].first, result.sessions, (size_t)result.count * sizeof *result.sessions);
  }
  return OK;
}

/* Whether two stretches are of one design. */
static bool stretch_like(const struct input_block *block, const struct run_stretch *a, const struct run_stretch *b) {
  struct alliance_series one = series_of(block, a->first), two = series_of(block, b->first);
  return a->key == b->key && design_same(&one, &two);
}

enum err run_judge(const struct run *run, struct run_block *out, const struct input_block *block, struct error *error) {
  out->findings = memory_of(&out->findings_memory, (block->rows + 1) * sizeof *out->findings);
  struct run_stretch **order = memory_of(&out->order, (out->count + 1) * sizeof *order);
  size_t count = 0;
  enum err err = OK;
  for (size_t k = 0; k < out->count && !err; k++) {
    struct run_stretch *stretch = &out->stretches[k];
    if (!stretch->threshold) continue;
    if (block->patients[stretch->first].count > ALLIANCE_SESSIONS_MAX)
      err = judge_long(run, out, block, stretch, error);
    else
      order[count++] = stretch;
  }
  qsort(order, count, sizeof *order, stretch_compare);
  for (size_t at = 0, end; at < count && !err; at = end) {
    for (end = at + 1; end < count && stretch_like(block, order[at], order[end]);) end++;
    if (!judge_design(run, out, block, order + at, order + end)) err = engine_failed(error, ALLIANCE_MEMORY);
  }
  return err;
}

void run_block_free(struct run_block *block) {
  free(block->stretches_memory.bytes);
  free(block->findings_memory.bytes);
  free(block->engine.bytes);
  free(block->order.bytes);
  if (block->desk) free(block->desk->memory.bytes);
  free(block->desk);
  *block = (struct run_block){0};
}
