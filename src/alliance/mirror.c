/* The check that needs no model of the ratings: in the sample turned over about its mean course falls become rises, which
 * are no tensions. Whoever alarms there would alarm without one. */
#include <math.h>

#include "alliance/engine.h"
#include "attune/stats_math.h"

#define BEYOND_CHANCE 1.28 /* standard deviations: one sample in ten has as many by chance */

static void series_mirror(struct alliance_session *out, const struct alliance_series *series,
                          const struct alliance_estimate *e) {
  for (int t = 0; t < series->count; t++) {
    out[t] = series->sessions[t];
    for (int r = 0; r < ALLIANCE_RATERS; r++) {
      out[t].reported[r] = -1;
      if (out[t].rated[r]) out[t].rating[r] = 2 * mean_course(e, &e->rater[r], out[t].time) - out[t].rating[r];
    }
  }
}

/* The course's largest score over its limit, as a logarithm for the model's odds. */
static double excess_of(const struct alliance_case *one, const struct alliance_estimate *e) {
  double largest = SCORE_NONE, limit = one->threshold->limit;
  struct alliance_design design = alliance_design_of(&one->series);
  uint64_t heard = design_heard(&design, e);
  for (int t = one->threshold->view == ALLIANCE_ONLINE ? 1 : 0; t < one->result.count; t++)
    if (one->result.sessions[t].score > largest && (heard >> t & 1)) largest = one->result.sessions[t].score;
  if (!(largest > 0)) return -700;
  return stats_log(largest) - stats_log(limit);
}

/* Judges and writes the excess of each; -1000 for those who cannot be judged. */
static enum alliance_status excesses(double *excess, struct alliance_case *cases, size_t count,
                                     const struct alliance_estimate *e, struct room room) {
  enum alliance_status status = alliance_detect(cases, count, e, room.at, (size_t)(room.end - room.at));
  if (status == ALLIANCE_MEMORY) return status;
  for (size_t p = 0; p < count; p++) excess[p] = cases[p].status ? -1000 : excess_of(&cases[p], e);
  return ALLIANCE_OK;
}

/* How much further deviations reach down than up: (q90 + q10 - 2 q50) / (q90 - q10) over all sessions' z (Kelly's
 * measure). A tension in one session of ten moves it little. */
static double skew_of(double *z, const struct alliance_case *cases, size_t count) {
  size_t some = 0;
  for (size_t p = 0; p < count; p++)
    for (int t = 0; t < cases[p].result.count; t++)
      if (cases[p].result.sessions[t].has_z) z[some++] = cases[p].result.sessions[t].z;
  if (some < 100) return 0;
  scores_sort(z, some);
  double high = z[some / 10], middle = z[some / 2], low = z[some - 1 - some / 10];
  return high > low ? (high + low - 2 * middle) / (high - low) : 0;
}

enum alliance_status alliance_mirror_find(struct alliance_mirror *mirror, const struct alliance_case *cases, size_t count,
                                          const struct alliance_estimate *e, double false_alarm, void *memory,
                                          size_t bytes) {
  struct room room = room_in(memory, bytes);
  *mirror = (struct alliance_mirror){.factor = 1};
  if (!(false_alarm > 0 && false_alarm < 1)) return ALLIANCE_RANGE;
  if (e->latent[alliance_first_rater(e)].residual_sd > 0) return ALLIANCE_OK; /* the scale's end is on one side only */
  struct alliance_case *turned = room_take(&room, count, sizeof *turned);
  double *excess = room_take(&room, count, sizeof *excess), *mirrored = room_take(&room, count, sizeof *mirrored);
  size_t sessions = 0;
  for (size_t p = 0; p < count; p++) sessions += (size_t)cases[p].series.count;
  double *z = room_take(&room, sessions, sizeof *z);
  if (!turned || !excess || !mirrored || !z) return ALLIANCE_MEMORY;
  memcpy(turned, cases, count * sizeof *turned);
  for (size_t p = 0; p < count; p++)
    if (turned[p].threshold && turned[p].threshold->rule != ALLIANCE_MODEL) return ALLIANCE_OK;
  enum alliance_status status = excesses(excess, turned, count, e, room);
  if (!status) mirror->skew = skew_of(z, turned, count);
  for (size_t p = 0; p < count && !status; p++) {
    struct alliance_session *own = room_take(&room, (size_t)cases[p].series.count, sizeof *own);
    if (!own) return ALLIANCE_MEMORY;
    series_mirror(own, &cases[p].series, e);
    turned[p].series.sessions = own;
  }
  if (!status) status = excesses(mirrored, turned, count, e, room);
  if (status) return status;
  /* Without those who alarm as they are: a tension turned over has its falls too. */
  size_t some = 0;
  for (size_t p = 0; p < count; p++) {
    if (excess[p] >= 0 || mirrored[p] <= -1000) continue;
    mirror->alarms += mirrored[p] >= 0;
    excess[some++] = mirrored[p]; /* never further than p */
  }
  mirror->patients = (int)some;
  double expected = false_alarm * (double)some;
  if (mirror->alarms <= expected + BEYOND_CHANCE * sqrt(expected * (1 - false_alarm))) return ALLIANCE_OK;
  double reached;
  scores_sort(excess, some);
  double over = scores_limit(excess, some, false_alarm, &reached);
  if (over > 0 && over < 100) mirror->factor = stats_exp(over);
  return ALLIANCE_OK;
}

size_t alliance_mirror_memory(const struct alliance_case *cases, size_t count) {
  size_t bytes = count * (sizeof *cases + 2 * sizeof(double)) + 6 * 64;
  for (size_t p = 0; p < count; p++) bytes += (size_t)cases[p].series.count * (sizeof(struct alliance_session) + sizeof(double)) + 64;
  return bytes + alliance_detect_memory(cases, count);
}

#define SPREAD_OF_RATE 2.8 /* SD of the logarithm of the rate kept, times the root of the sample's size: measured */

struct alliance_rate alliance_rate_of(const struct alliance_estimate *e, double false_alarm) {
  double people = e->patients > 10 ? e->patients : 10, wide = stats_exp(1.645 * SPREAD_OF_RATE / sqrt(people));
  double most = false_alarm * wide;
  return (struct alliance_rate){false_alarm, false_alarm / wide, most < 1 ? most : 1};
}
