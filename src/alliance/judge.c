/* Patients, one or many, into lanes: those of one design share what depends on the design alone. */
#include "alliance/engine.h"

int alliance_evidence(const struct alliance_series *series, const struct alliance_estimate *e,
                      enum alliance_rule rule) {
  enum alliance_rater first = alliance_first_rater(e);
  bool model = rule == ALLIANCE_MODEL, reports = model && e->reports;
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

static bool threshold_good(const struct alliance_threshold *t) {
  return (unsigned)t->rule < ALLIANCE_RULES && (unsigned)t->view <= ALLIANCE_HINDSIGHT && t->limit == t->limit;
}

static enum alliance_status case_check(const struct alliance_case *one, const struct alliance_estimate *e) {
  if (!one->threshold) return ALLIANCE_TOO_SHORT;
  if (!threshold_good(one->threshold)) return ALLIANCE_RANGE;
  enum alliance_rule rule = one->threshold->rule;
  enum alliance_status status =
      series_check(&one->series, rule == ALLIANCE_MODEL ? ALLIANCE_SESSIONS_MAX : ALLIANCE_SERIES_MAX);
  if (status) return status;
  return alliance_evidence(&one->series, e, rule) < alliance_rules[rule].least ? ALLIANCE_TOO_SHORT : ALLIANCE_OK;
}

/* What a patient is judged with depends on the design for `model`, on the number of ratings for the other rules. */
static uint64_t case_key(const struct alliance_case *one, const struct alliance_estimate *e) {
  if (one->threshold->rule != ALLIANCE_MODEL) return (uint64_t)alliance_evidence(&one->series, e, one->threshold->rule);
  struct alliance_design design = alliance_design_of(&one->series);
  return design_key(&design);
}

/* What serves all patients of a group. */
struct desk {
  const struct alliance_estimate *estimate;
  const struct alliance_threshold *threshold;
  struct alliance_design design; /* of the model, with what follows */
  struct bench *bench;
  struct plan *plan;
  struct rule_terms terms; /* of the other rules */
  struct course course;
  struct marks marks;
};

static bool desk_build(struct desk *desk, const struct alliance_case *like, struct room *room) {
  const struct alliance_estimate *e = desk->estimate;
  enum alliance_view view = like->threshold->view;
  desk->threshold = like->threshold;
  if (like->threshold->rule == ALLIANCE_MODEL) {
    desk->design = alliance_design_of(&like->series);
    desk->bench = room_take(room, 1, sizeof *desk->bench);
    desk->plan = room_take(room, 1, sizeof *desk->plan);
    if (!desk->bench || !desk->plan) return false;
    memset(desk->bench, 0, sizeof *desk->bench);
    return plan_build(desk->plan, room, e, &desk->design, view, true);
  }
  int rated = alliance_evidence(&like->series, e, like->threshold->rule);
  return rule_terms_build(&desk->terms, room, e, view, rated) && course_build(&desk->course, room, rated) &&
         marks_build(&desk->marks, room, rated);
}

/* Of a patient with the key of those whom the desk is for. */
static bool desk_serves(const struct desk *desk, const struct alliance_case *one) {
  if (one->threshold != desk->threshold) return false;
  if (one->threshold->rule != ALLIANCE_MODEL) return true;
  struct alliance_design design = alliance_design_of(&one->series);
  return design_same(&desk->design, &design);
}

/* Judges up to eight patients of the desk's group. */
static void desk_judge(struct desk *desk, struct alliance_case *cases, const struct member *members, int count) {
  struct alliance_series series[LANES];
  struct alliance_finding *findings[LANES];
  struct span span[LANES];
  for (int u = 0; u < count; u++) {
    series[u] = cases[members[u].index].series;
    findings[u] = cases[members[u].index].result.sessions;
    span[u] = (struct span){-1, -1, 0};
  }
  if (desk->threshold->rule == ALLIANCE_MODEL)
    model_judge(findings, span, desk->plan, desk->estimate, desk->threshold, series, count, desk->bench);
  else
    rule_judge(findings, desk->estimate, desk->threshold, series, count, &desk->terms, &desk->course, &desk->marks);
  for (int u = 0; u < count; u++) {
    struct alliance_result *result = &cases[members[u].index].result;
    result->begins = span[u].begins;
    result->ends = span[u].ends;
    result->likeliest = span[u].likeliest;
  }
}

/* Judges the group at the head of `members` and returns how many it has; 0 if memory fails. */
static size_t group_judge(struct alliance_case *cases, const struct member *members, size_t count,
                          const struct alliance_estimate *e, struct room room) {
  struct desk desk = {.estimate = e};
  if (!desk_build(&desk, &cases[members[0].index], &room)) return 0;
  size_t done = 0;
  for (size_t end; done < count; done = end) {
    for (end = done; end < count && end - done < LANES; end++)
      if (members[end].key != members[0].key || !desk_serves(&desk, &cases[members[end].index])) break;
    if (end == done) break;
    desk_judge(&desk, cases, members + done, (int)(end - done));
  }
  return done;
}

enum alliance_status alliance_detect(struct alliance_case *cases, size_t count, const struct alliance_estimate *e,
                                     void *memory, size_t bytes) {
  struct room room = room_in(memory, bytes);
  struct member *members = room_take(&room, count, sizeof *members);
  enum alliance_status first = ALLIANCE_OK;
  size_t some = 0;
  if (!members) return ALLIANCE_MEMORY;
  for (size_t p = 0; p < count; p++) {
    struct alliance_case *one = &cases[p];
    one->result = (struct alliance_result){.begins = -1, .ends = -1};
    one->status = case_check(one, e);
    if (first == ALLIANCE_OK) first = one->status;
    if (one->status) continue;
    one->result.sessions = room_take(&room, (size_t)one->series.count, sizeof *one->result.sessions);
    if (!one->result.sessions) return ALLIANCE_MEMORY;
    one->result.count = one->series.count;
    members[some++] = (struct member){case_key(one, e), (uint32_t)p};
  }
  members_sort(members, some);
  for (size_t at = 0, done; at < some; at += done)
    if (!(done = group_judge(cases, members + at, some - at, e, room))) return ALLIANCE_MEMORY;
  return first;
}

/* Of the engine, for a series of `count` sessions. */
static size_t desk_memory(int count) {
  size_t n = count < 1 ? 1 : (size_t)count;
  int planned = count < ALLIANCE_SESSIONS_MAX ? (int)n : ALLIANCE_SESSIONS_MAX;
  return sizeof(struct bench) + sizeof(struct plan) + plan_memory(planned, ALLIANCE_ONLINE) + rules_memory((int)n) +
         16 * 64;
}

size_t alliance_detect_memory(const struct alliance_case *cases, size_t count) {
  size_t bytes = 2 * 64 + count * (sizeof(struct member) + 64);
  int longest = 1;
  for (size_t p = 0; p < count; p++) {
    int sessions = cases[p].series.count;
    if (!cases[p].threshold || sessions < 1) continue;
    bytes += (size_t)sessions * sizeof(struct alliance_finding);
    if (sessions > longest) longest = sessions;
  }
  return bytes + desk_memory(longest);
}

size_t alliance_memory(int count, int simulations) {
  size_t some = simulations > 0 ? (size_t)simulations : 20000, sessions = count < 1 ? 1 : (size_t)count;
  return desk_memory(count) + sessions * sizeof(struct alliance_session) + some * sizeof(double) +
         PATTERNS * sizeof(struct alliance_design) + 4 * 64;
}
