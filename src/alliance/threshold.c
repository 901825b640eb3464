/* Limits for a chosen rate of false alarms per patient, by simulating the fitted no-tension model.
 *
 * Every simulated patient has a random stream of their own, named by the seed and their number, so the threshold does
 * not depend on threads or on the order of work. The sample pins its figures down only so far: each simulated patient's
 * true level, slope and spreads are drawn about the estimates with their standard errors, so that the rate holds on
 * average over samples. */
#include <math.h>

#include "alliance/engine.h"
#include "attune/stats_math.h"
#include "attune/stats_random.h"

#define LIMIT_NEVER 1e301

/* One patient without any tension at this design. */
static void simulate_calm(struct alliance_session *out, const struct alliance_estimate *e,
                          const struct alliance_design *design, uint64_t seed, uint32_t number) {
  struct stats_stream stream;
  stats_stream_init(&stream, seed, 0x616c6cu, number, 0);
  double last[ALLIANCE_RATERS] = {0}, when[ALLIANCE_RATERS] = {0}, u[ALLIANCE_RATERS][2] = {{0}},
         s[ALLIANCE_RATERS] = {0};
  double log_rho[ALLIANCE_RATERS] = {0};
  bool two = e->rater[0].used && e->rater[1].used;
  double shared = two ? e->residual_correlation : 0, own = sqrt(1 - shared * shared);
  double apart = latent_of(e, (int)alliance_first_rater(e)).spread > 0 ? stats_random_normal(&stream) : 0;
  double shift[ALLIANCE_RATERS] = {0};
  for (int r = 0; r < ALLIANCE_RATERS; r++) {
    const struct alliance_rater_estimate *rater = &e->rater[r];
    if (!rater->used) continue;
    double a = stats_random_normal(&stream), b = stats_random_normal(&stream), c = rater->level_slope_correlation;
    struct alliance_latent latent = latent_of(e, r);
    shift[r] = latent.level - rater->level;
    double level_sd = latent.level_sd * stats_exp(rater->level_sd_se * stats_random_normal(&stream));
    u[r][0] = level_sd * a + rater->level_se * stats_random_normal(&stream);
    u[r][1] = rater->slope_sd * (c * a + sqrt(1 - c * c) * b) + rater->slope_se * stats_random_normal(&stream);
    s[r] = latent.residual_sd * stats_exp(rater->residual_sd_se * stats_random_normal(&stream));
    if (apart != 0) s[r] *= stats_exp(latent.spread * apart);
    if (rater->autocorrelation > 0) log_rho[r] = stats_log(rater->autocorrelation);
  }
  for (int t = 0; t < design->count; t++) {
    double noise[ALLIANCE_RATERS] = {0};
    out[t].time = design->time[t];
    for (int r = 0; r < ALLIANCE_RATERS; r++) {
      const struct alliance_rater_estimate *rater = &e->rater[r];
      out[t].rated[r] = rater->used && (design->rated[r] >> t & 1);
      out[t].reported[r] = -1;
      if (!rater->used) continue;
      noise[r] = stats_random_normal(&stream);
      if (e->tail_df > 0) noise[r] *= e->tail_scale * sqrt(e->tail_df / stats_random_chi2(&stream, e->tail_df));
      if (two && r == ALLIANCE_THERAPIST) noise[r] = shared * noise[0] + own * noise[r];
      double phi = t > 0 ? correlation_over(log_rho[r], design->time[t] - when[r]) : 0;
      last[r] = phi * last[r] + sqrt(1 - phi * phi) * noise[r];
      when[r] = design->time[t];
      double offset = design->time[t] - e->time_origin;
      out[t].rating[r] = answer_given(mean_course(e, rater, design->time[t]) + shift[r] + u[r][0] + u[r][1] * offset + s[r] * last[r], e);
      if (design->asked[r] >> t & 1) out[t].reported[r] = stats_random_uniform(&stream) < rater->report_otherwise;
    }
  }
}

/* ---- order ---- */

static void sift_down(double *v, size_t at, size_t count) {
  for (size_t child; (child = 2 * at + 1) < count; at = child) {
    if (child + 1 < count && v[child + 1] < v[child]) child++;
    if (!(v[child] < v[at])) return;
    double swap = v[at];
    v[at] = v[child];
    v[child] = swap;
  }
}

void scores_sort(double *v, size_t count) {
  for (size_t at = count / 2; at-- > 0;) sift_down(v, at, count);
  for (size_t left = count; left > 1; left--) {
    double swap = v[0];
    v[0] = v[left - 1];
    v[left - 1] = swap;
    sift_down(v, 0, left - 1);
  }
}

double scores_limit(const double *sorted, size_t count, double share, double *reached) {
  size_t allowed = (size_t)(share * (double)count), above = allowed < count ? allowed : count - 1;
  while (above > 0 && sorted[above - 1] == sorted[allowed]) above--;
  *reached = (double)above / (double)count;
  if (!above) return LIMIT_NEVER;
  double over = sorted[above - 1], under = sorted[above];
  return under > SCORE_NONE ? 0.5 * over + 0.5 * under : over;
}

/* ---- simulation ---- */

struct calm_run {
  const struct alliance_estimate *estimate;
  const struct alliance_threshold *threshold;
  struct alliance_session *sessions; /* of one patient at a time */
  struct bench *bench;
  struct plan *plan; /* of one design, for `model`; terms and course for the other rules */
  struct rule_terms terms;
  struct course course;
};

static bool run_plan(struct calm_run *run, const struct alliance_design *design, struct room *room) {
  const struct alliance_estimate *e = run->estimate;
  enum alliance_view view = run->threshold->view;
  if (run->threshold->rule == ALLIANCE_MODEL) {
    run->plan = room_take(room, 1, sizeof *run->plan);
    return run->plan && plan_build(run->plan, room, e, design, view, true);
  }
  int rated = __builtin_popcountll(design->rated[alliance_first_rater(e)]);
  return rule_terms_build(&run->terms, room, e, view, rated) && course_build(&run->course, room, rated);
}

static void run_batch(double *largest, int count, struct calm_run *run, const struct alliance_design *design,
                      uint32_t number) {
  const struct alliance_threshold *threshold = run->threshold;
  struct marks marks = {.largest = lanes_of(SCORE_NONE)};
  double all[LANES];
  for (int u = 0; u < LANES; u++) {
    if (u < count) simulate_calm(run->sessions, run->estimate, design, threshold->seed, number + (uint32_t)u);
    if (run->plan)
      ratings_set(&run->bench->ratings, u, run->estimate, run->sessions, design->count);
    else
      course_set(&run->course, u, run->estimate, run->sessions, design->count);
  }
  if (run->plan) {
    model_largest(all, run->plan, threshold->view, design_heard(design, run->estimate), run->bench);
  } else {
    rules_mark(&threshold->rule, 1, &run->terms, &run->course, count, &marks);
    memcpy(all, &marks.largest, sizeof all);
  }
  memcpy(largest, all, (size_t)count * sizeof *largest);
}

static enum alliance_status simulate_all(double *largest, struct calm_run *run, const struct alliance_design *designs,
                                         int count, struct room room) {
  const struct alliance_threshold *threshold = run->threshold;
  int total = threshold->simulations, done = 0;
  for (int d = 0; d < count; d++) {
    int until = (int)((int64_t)total * (d + 1) / count);
    struct room scratch = room;
    if (!run_plan(run, &designs[d], &scratch)) return ALLIANCE_MEMORY;
    while (done < until) {
      int some = until - done < LANES ? until - done : LANES;
      run_batch(largest + done, some, run, &designs[d], (uint32_t)done);
      done += some;
    }
  }
  return ALLIANCE_OK;
}

enum alliance_status alliance_threshold_find_among(struct alliance_threshold *threshold,
                                                   const struct alliance_estimate *e,
                                                   const struct alliance_design *designs, int count,
                                                   enum alliance_rule rule, enum alliance_view view, double false_alarm,
                                                   uint64_t seed, int simulations, void *memory, size_t bytes) {
  if (simulations == 0) simulations = 20000;
  if ((unsigned)rule >= ALLIANCE_RULES || (unsigned)view > ALLIANCE_HINDSIGHT || count < 1) return ALLIANCE_RANGE;
  if (!(false_alarm > 0 && false_alarm < 1) || simulations < 100 || simulations > 100000000) return ALLIANCE_RANGE;
  int sessions = designs[0].count;
  for (int d = 0; d < count; d++)
    if (designs[d].count != sessions || sessions < 1 || sessions > ALLIANCE_SESSIONS_MAX) return ALLIANCE_RANGE;
  *threshold = (struct alliance_threshold){.rule = rule, .view = view, .false_alarm = false_alarm, .seed = seed};
  threshold->sessions = sessions;
  threshold->simulations = simulations;
  struct room room = room_in(memory, bytes);
  double *largest = room_take(&room, (size_t)simulations, sizeof *largest);
  struct calm_run run = {.estimate = e, .threshold = threshold};
  run.sessions = room_take(&room, (size_t)sessions, sizeof *run.sessions);
  run.bench = room_take(&room, 1, sizeof *run.bench);
  if (!largest || !run.sessions || !run.bench) return ALLIANCE_MEMORY;
  memset(run.bench, 0, sizeof *run.bench);
  enum alliance_status status = simulate_all(largest, &run, designs, count, room);
  if (status) return status;
  scores_sort(largest, (size_t)simulations);
  threshold->limit = scores_limit(largest, (size_t)simulations, false_alarm, &threshold->reached);
  return ALLIANCE_OK;
}

enum alliance_status alliance_threshold_find(struct alliance_threshold *threshold, const struct alliance_estimate *e,
                                             const struct alliance_design *design, enum alliance_rule rule,
                                             enum alliance_view view, double false_alarm, uint64_t seed,
                                             int simulations, void *memory, size_t bytes) {
  return alliance_threshold_find_among(threshold, e, design, 1, rule, view, false_alarm, seed, simulations, memory,
                                       bytes);
}

/* ---- who misses as many sessions ---- */

static int bits(uint64_t x) {
  return __builtin_popcountll(x);
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

enum alliance_status alliance_threshold_find_alike(struct alliance_threshold *threshold,
                                                   const struct alliance_estimate *e,
                                                   const struct alliance_design *design, enum alliance_rule rule,
                                                   enum alliance_view view, double false_alarm, uint64_t seed,
                                                   int simulations, void *memory, size_t bytes) {
  struct room room = room_in(memory, bytes);
  struct alliance_design *designs = room_take(&room, PATTERNS, sizeof *designs);
  if (!designs) return ALLIANCE_MEMORY;
  int count = class_designs(designs, design, seed);
  return alliance_threshold_find_among(threshold, e, designs, count, rule, view, false_alarm, seed, simulations,
                                       room.at, (size_t)(room.end - room.at));
}

enum alliance_status alliance_threshold_textbook(struct alliance_threshold *threshold, enum alliance_rule rule,
                                                 enum alliance_view view) {
  if ((unsigned)rule >= ALLIANCE_RULES || (unsigned)view > ALLIANCE_HINDSIGHT) return ALLIANCE_RANGE;
  if (!(alliance_rules[rule].textbook > 0)) return ALLIANCE_RANGE;
  *threshold = (struct alliance_threshold){.rule = rule, .view = view, .limit = alliance_rules[rule].textbook};
  return ALLIANCE_OK;
}
