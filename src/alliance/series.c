/* From a person's series to the engine's lanes, and what is refused. */
#include "alliance/engine.h"
#include "attune/stats_math.h"

const char *alliance_status_text(enum alliance_status status) {
  switch (status) {
  case ALLIANCE_OK:
    return "done";
  case ALLIANCE_TOO_SHORT:
    return "the series is too short for this rule to decide";
  case ALLIANCE_TOO_LONG:
    return "the series has more sessions than this rule takes";
  case ALLIANCE_UNORDERED:
    return "the sessions of a patient must increase";
  case ALLIANCE_NOT_FINITE:
    return "a rating or session is not a finite number of at most 1e9 in size";
  case ALLIANCE_NO_DATA:
    return "there are no ratings that vary";
  case ALLIANCE_MEMORY:
    return "the memory handed in is too small";
  case ALLIANCE_RANGE:
    return "a setting lies outside its range";
  }
  return "unknown status";
}

static bool fits(double x) {
  return x >= -ALLIANCE_RATING_MAX && x <= ALLIANCE_RATING_MAX;
}

enum alliance_status series_check(const struct alliance_series *series, int longest) {
  if (series->count > longest) return ALLIANCE_TOO_LONG;
  for (int t = 0; t < series->count; t++) {
    const struct alliance_session *s = &series->sessions[t];
    if (!fits(s->time)) return ALLIANCE_NOT_FINITE;
    if (t && !(s->time > s[-1].time)) return ALLIANCE_UNORDERED;
    for (int r = 0; r < ALLIANCE_RATERS; r++)
      if (s->rated[r] && !fits(s->rating[r])) return ALLIANCE_NOT_FINITE;
  }
  return ALLIANCE_OK;
}

struct alliance_design alliance_design_plain(int sessions) {
  struct alliance_design design = {0};
  design.count = sessions < 0 ? 0 : sessions > ALLIANCE_SESSIONS_MAX ? ALLIANCE_SESSIONS_MAX : sessions;
  for (int t = 0; t < design.count; t++) {
    design.time[t] = t + 1;
    design.rated[ALLIANCE_PATIENT] |= (uint64_t)1 << t;
  }
  return design;
}

struct alliance_design alliance_design_of(const struct alliance_series *series) {
  struct alliance_design design = {0};
  design.count = series->count < ALLIANCE_SESSIONS_MAX ? series->count : ALLIANCE_SESSIONS_MAX;
  for (int t = 0; t < design.count; t++) {
    const struct alliance_session *s = &series->sessions[t];
    design.time[t] = s->time;
    for (int r = 0; r < ALLIANCE_RATERS; r++) {
      if (s->rated[r]) design.rated[r] |= (uint64_t)1 << t;
      if (s->reported[r] >= 0) design.asked[r] |= (uint64_t)1 << t;
    }
  }
  return design;
}

static double report_log_ratio(const struct alliance_rater_estimate *r, int8_t reported) {
  if (reported < 0) return 0;
  return reported ? stats_log(r->report_in_tension / r->report_otherwise)
                  : stats_log((1 - r->report_in_tension) / (1 - r->report_otherwise));
}

double mean_course(const struct alliance_estimate *e, const struct alliance_rater_estimate *r, double time) {
  return r->level + r->slope * (time - e->time_origin);
}

void ratings_set(struct ratings *ratings, int lane, const struct alliance_estimate *estimate,
                 const struct alliance_session *sessions, int count) {
  for (int r = 0; r < ALLIANCE_RATERS; r++) {
    const struct alliance_rater_estimate *e = &estimate->rater[r];
    if (!e->used) continue;
    double ratio[2] = {report_log_ratio(e, 0), report_log_ratio(e, 1)};
    for (int t = 0; t < count; t++) {
      const struct alliance_session *s = &sessions[t];
      double mean = mean_course(estimate, e, s->time);
      ratings->residual[r][t][lane] = s->rated[r] ? (s->rating[r] - mean) / e->residual_sd : 0;
      ratings->report[r][t][lane] = s->reported[r] >= 0 ? ratio[s->reported[r] > 0] : 0;
    }
  }
}
