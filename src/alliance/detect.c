/* One patient's findings: expected rating and band, probabilities, events. */
#include <math.h>

#include "alliance/engine.h"
#include "attune/stats_math.h"

#define BAND 1.959963984540054 /* normal quantile of 0.975 */

uint64_t design_heard(const struct alliance_design *design, const struct alliance_estimate *estimate) {
  uint64_t heard = 0;
  for (int r = 0; r < ALLIANCE_RATERS; r++)
    if (estimate->rater[r].used) heard |= design->rated[r] | (estimate->reports ? design->asked[r] : 0);
  return heard;
}

void model_largest(double largest[LANES], const struct plan *plan, enum alliance_view view, uint64_t heard,
                   struct bench *work) {
  for (int u = 0; u < LANES; u++) largest[u] = SCORE_NONE;
  int first = view == ALLIANCE_ONLINE ? 1 : 0;
  for (int p = first; p < plan->episodes.prefixes; p++) {
    struct verdict *verdict = &work->now.online.verdict;
    if (view == ALLIANCE_ONLINE && !(heard >> p & 1)) continue;
    posterior_odds(verdict, plan, p, &work->ratings);
    for (int u = 0; u < LANES; u++) largest[u] = verdict->odds[u] > largest[u] ? verdict->odds[u] : largest[u];
  }
}

/* ---- the band ---- */

static double clip(double x, const struct alliance_estimate *e) {
  if (!e->bounded) return x;
  return x < e->low ? e->low : x > e->high ? e->high : x;
}

/* `mean` and `variance` of one rating without tension, in units of s about the sample's mean course. */
static void finding_band(struct alliance_finding *out, const struct alliance_estimate *e, enum alliance_rater r,
                         const struct alliance_session *session, double mean, double variance) {
  const struct alliance_rater_estimate *rater = &e->rater[r];
  double centre = mean_course(e, rater, session->time) + mean * rater->residual_sd;
  double sd = rater->residual_sd * sqrt(variance);
  out->time = session->time;
  out->expected = clip(centre, e);
  out->low = clip(centre - BAND * sd, e);
  out->high = clip(centre + BAND * sd, e);
  out->has_z = session->rated[r];
  out->z = out->has_z ? (session->rating[r] - centre) / sd : 0;
}

static double form2(const double m[3], double time) {
  return m[0] + 2 * m[1] * time + m[2] * time * time;
}

/* ---- online ---- */

static void expect_online(struct alliance_finding *const out[LANES], const struct plan *plan,
                          const struct alliance_estimate *e, const struct alliance_series *series, int count, int t,
                          struct bench *work) {
  enum alliance_rater r = plan->first;
  const struct constants *c = &plan->rater[r];
  const struct alliance_rater_estimate *rater = c->rater;
  lanes level[2] = {lanes_of(0), lanes_of(0)};
  double level_sd = rater->level_sd / rater->residual_sd, slope_sd = rater->slope_sd / rater->residual_sd, phi = 0;
  double m[3] = {level_sd * level_sd, rater->level_slope_correlation * level_sd * slope_sd, slope_sd * slope_sd};
  const lanes *clean = work->now.online.clean;
  int before = t - 1;
  while (before >= 0 && !(c->rated >> before & 1)) before--;
  if (t > 0) {
    const struct gain *gain = &c->gain[t - 1];
    posterior_level(level, c, gain, t, clean);
    memcpy(m, gain->m, sizeof m);
  }
  if (before >= 0 && rater->autocorrelation > 0)
    phi = correlation_over(stats_log(rater->autocorrelation), c->time[t] - c->time[before]);
  for (int u = 0; u < count; u++) {
    double mean = level[0][u] + level[1][u] * c->time[t];
    if (phi > 0) mean += phi * (clean[before][u] - level[0][u] - level[1][u] * c->time[before]);
    finding_band(&out[u][t], e, r, &series[u].sessions[t], mean, 1 - phi * phi + form2(m, c->time[t]));
  }
}

static double share_of(double x) {
  return x < 0 ? 0 : x < 1 ? x : 1; /* sums may end a rounding beyond 1 */
}

static void finding_probabilities(struct alliance_finding *out, const struct verdict *v, int lane) {
  out->tension = share_of(v->begun[lane]);
  out->repaired = share_of(v->repaired[lane]);
  for (int k = 0; k < 3; k++) out->perceived[k] = share_of(v->part[k][lane]);
  out->score = v->odds[lane];
}

/* From calm to tension at the threshold; repair when more likely than not; tension again when that is taken back. */
struct state {
  bool tension, repaired;
};

static enum alliance_event state_next(struct state *state, const struct alliance_finding *f, double limit, bool heard) {
  double share = f->tension > 0 ? f->repaired / f->tension : 0;
  if (!heard) return ALLIANCE_NONE;
  if (!state->tension) {
    if (f->score < limit || (state->repaired && share > 0.25)) return ALLIANCE_NONE;
    state->tension = true;
    return ALLIANCE_TENSION;
  }
  if (share < 0.5) return ALLIANCE_NONE;
  state->tension = false;
  state->repaired = true;
  return ALLIANCE_REPAIR;
}

static void judge_online(struct alliance_finding *const out[LANES], const struct plan *plan,
                         const struct alliance_estimate *e, const struct alliance_threshold *threshold,
                         const struct alliance_series *series, int count, uint64_t heard, struct bench *work) {
  struct state state[LANES] = {{0}};
  struct verdict *verdict = &work->now.online.verdict;
  for (int t = 0; t < plan->episodes.sessions; t++) {
    expect_online(out, plan, e, series, count, t, work);
    posterior_prefix(verdict, plan, t, &work->ratings);
    work->now.online.clean[t] = work->ratings.residual[plan->first][t];
    if (plan->rater[plan->first].rated >> t & 1) work->now.online.clean[t] += verdict->dip;
    for (int u = 0; u < count; u++) {
      finding_probabilities(&out[u][t], verdict, u);
      out[u][t].event = state_next(&state[u], &out[u][t], threshold->limit, t > 0 && (heard >> t & 1));
    }
  }
}

/* ---- in hindsight ---- */

static int heard_from(uint64_t heard, int t, int count) {
  while (t < count && !(heard >> t & 1)) t++;
  return t;
}

static void judge_lane(struct alliance_finding *out, struct span *span, const struct plan *plan,
                       const struct alliance_estimate *e, const struct alliance_threshold *threshold,
                       const struct alliance_series *series, int lane, uint64_t heard, struct bench *work) {
  enum alliance_rater r = plan->first;
  const struct constants *c = &plan->rater[r];
  const struct gain *gain = &c->gain[0];
  const struct whole *whole = &work->now.whole[0];
  int n = plan->episodes.sessions;
  double level[2] = {0, 0}, begun = 0, repaired = 0;
  for (int t = 0; t < n; t++) {
    double clean = work->ratings.residual[r][t][lane] + whole->dip[r][t][lane];
    level[0] += gain->row[t][0] * clean;
    level[1] += gain->row[t][1] * clean;
  }
  for (int t = 0; t < n; t++) {
    finding_band(&out[t], e, r, &series->sessions[t], level[0] + level[1] * c->time[t], 1 + form2(gain->m, c->time[t]));
    begun += whole->begins[t][lane];
    repaired += whole->returns[t][lane];
    out[t].tension = share_of(begun);
    out[t].repaired = share_of(repaired);
    double share = whole->verdict.begun[lane] > 0 ? out[t].tension / whole->verdict.begun[lane] : 0;
    for (int k = 0; k < 3; k++) out[t].perceived[k] = share_of(whole->verdict.part[k][lane] * share_of(share));
    out[t].score = whole->verdict.odds[lane];
    out[t].event = ALLIANCE_NONE;
  }
  if (plan->episodes.count == 0) return;
  const struct episode *best = &plan->episodes.episode[whole->likeliest[lane]];
  *span = (struct span){best->i, best->k, whole->likeliest_share[lane]};
  if (n < 2 || whole->verdict.odds[lane] < threshold->limit) return;
  int begins = heard_from(heard, best->i, n), ends = heard_from(heard, best->k, n);
  if (begins < n) out[begins].event = ALLIANCE_TENSION;
  if (begins < n && ends < n && ends > begins) out[ends].event = ALLIANCE_REPAIR;
}

void model_judge(struct alliance_finding *const out[LANES], struct span span[LANES], const struct plan *plan,
                 const struct alliance_estimate *e, const struct alliance_threshold *threshold,
                 const struct alliance_series *series, int count, struct bench *work) {
  struct alliance_design design = alliance_design_of(&series[0]);
  uint64_t heard = design_heard(&design, e);
  for (int u = 0; u < count; u++) ratings_set(&work->ratings, u, e, series[u].sessions, plan->episodes.sessions);
  for (int u = 0; u < count; u++) span[u] = (struct span){-1, -1, 0};
  if (threshold->view == ALLIANCE_ONLINE) {
    judge_online(out, plan, e, threshold, series, count, heard, work);
    return;
  }
  posterior_whole(&work->now.whole[0], &work->now.whole[1], plan, &work->ratings);
  for (int u = 0; u < count; u++) judge_lane(out[u], &span[u], plan, e, threshold, &series[u], u, heard, work);
}

/* ---- classical rules ---- */

/* Repair of an alarm raised by a rule without a posterior: half-way back from the alarming rating to what was then
 * expected. */
static void rule_events(struct alliance_finding *out, const struct alliance_series *series, enum alliance_rater r,
                        double limit) {
  bool tension = false;
  double back = 0;
  for (int t = 0; t < series->count; t++) {
    const struct alliance_session *s = &series->sessions[t];
    out[t].event = ALLIANCE_NONE;
    if (!s->rated[r]) continue;
    if (!tension && out[t].score >= limit) {
      out[t].event = ALLIANCE_TENSION;
      tension = true;
      back = 0.5 * (out[t].expected + s->rating[r]);
    } else if (tension && s->rating[r] >= back && out[t].score < limit) {
      out[t].event = ALLIANCE_REPAIR;
      tension = false;
    }
  }
}

static void rule_finding(struct alliance_finding *f, const struct alliance_estimate *e,
                         const struct alliance_session *session, enum alliance_rater r, const struct marks *marks,
                         const struct course *c, int m, int lane) {
  /* Field by field: clearing all of it first costs more than the rest. */
  f->time = session->time;
  f->expected = f->low = f->high = f->z = 0;
  f->has_z = false;
  f->tension = f->repaired = -1;
  for (int k = 0; k < 3; k++) f->perceived[k] = 0;
  f->score = SCORE_NONE;
  f->event = ALLIANCE_NONE;
  if (!session->rated[r]) return;
  double expected = marks->expected[m][lane], scale = marks->scale[m][lane];
  f->score = marks->score[m][lane];
  f->has_z = scale > 0;
  if (f->has_z) f->z = (c->x[m][lane] - expected) / scale;
  expected += c->origin[lane];
  f->expected = clip(expected, e);
  f->low = clip(expected - BAND * scale, e);
  f->high = clip(expected + BAND * scale, e);
}

void rule_judge(struct alliance_finding *const out[LANES], const struct alliance_estimate *e,
                const struct alliance_threshold *threshold, const struct alliance_series *series, int count,
                const struct rule_terms *terms, struct course *course, struct marks *marks) {
  enum alliance_rater r = alliance_first_rater(e);
  for (int u = 0; u < LANES; u++) {
    int whose = u < count ? u : count - 1;
    course_set(course, u, e, series[whose].sessions, series[whose].count);
  }
  rules_mark(&threshold->rule, 1, terms, course, count, marks);
  for (int u = 0; u < count; u++) {
    for (int t = 0, m = 0; t < series[u].count; t++) {
      const struct alliance_session *session = &series[u].sessions[t];
      rule_finding(&out[u][t], e, session, r, marks, course, m, u);
      m += session->rated[r];
    }
    rule_events(out[u], &series[u], r, threshold->limit);
  }
}
