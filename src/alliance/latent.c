/* Ratings on a bounded scale are answers cut off at its ends and rounded: behind them stands a normal, which the
 * simulation of thresholds needs. Its figures are those under which simulated people, tensions included, with the
 * sample's own sessions, have the sample's mean, spreads and unlikeness of spreads (method of simulated moments;
 * McFadden 1989, Econometrica 57:995). The same random numbers serve every round. */
#include <math.h>

#include "alliance/engine.h"
#include "attune/stats_math.h"
#include "attune/stats_random.h"

#define ROUNDS 40
#define PEOPLE 1500

struct moments {
  double mean, between, within, root; /* root: mean of the patients' own s by neighbours' differences */
  double ratings, patients, pairs;
};

static void moments_add(struct moments *m, const struct alliance_session *s, int count, int r) {
  double sum = 0, n = 0, square = 0, pairs = 0, before = 0;
  for (int t = 0; t < count; t++) {
    if (!s[t].rated[r]) continue;
    double x = s[t].rating[r];
    if (n > 0) {
      square += (x - before) * (x - before);
      pairs += 1;
    }
    before = x;
    sum += x;
    n += 1;
  }
  if (!(pairs > 0)) return;
  m->mean += sum;
  m->ratings += n;
  m->between += sum / n * (sum / n);
  m->patients += 1;
  m->within += square / 2;
  m->pairs += pairs;
  m->root += sqrt(square / (2 * pairs));
}

static void moments_finish(struct moments *m) {
  double mean = m->mean / m->ratings;
  m->mean = mean;
  m->within /= m->pairs;
  m->root /= m->patients;
  m->between = m->between / m->patients - mean * mean;
}

/* One person with the sessions of the sample's series; a share of them in tension, as the estimate has it. */
static void person_draw(struct alliance_session *out, const struct alliance_series *like, int count, int r,
                        const struct alliance_estimate *e, uint32_t number) {
  const struct alliance_rater_estimate *rater = &e->rater[r];
  const struct alliance_latent *latent = &e->latent[r];
  struct stats_stream stream;
  stats_stream_init(&stream, 1, 0x6c6174u, number, (uint32_t)r);
  double level = latent->level_sd * stats_random_normal(&stream), slope = rater->slope_sd * stats_random_normal(&stream);
  double s = latent->residual_sd * stats_exp(latent->spread * stats_random_normal(&stream)), last = 0;
  bool tension = stats_random_uniform(&stream) < 0.25 && count > 1;
  int begins = 1 + (int)stats_random_below(&stream, count > 1 ? (uint64_t)count - 1 : 1);
  int length = 1 + (int)stats_random_below(&stream, 3);
  for (int t = 0; t < count; t++) {
    double noise = stats_random_normal(&stream), rho = t ? rater->autocorrelation : 0;
    last = rho * last + sqrt(1 - rho * rho) * noise;
    double dip = tension && t >= begins && t < begins + length ? 2.5 : 0;
    double x = latent->level + rater->slope * (like->sessions[t].time - e->time_origin) + level +
               slope * (like->sessions[t].time - e->time_origin) + s * (last - dip);
    out[t] = like->sessions[t];
    out[t].rating[r] = answer_given(x, e);
  }
}

static double bounded_ratio(double x) {
  return x > 0.5 ? x < 2 ? x : 2 : 0.5;
}

/* One round: the simulated moments, and the figures moved to where the sample's are. */
static bool round_move(struct alliance_estimate *e, const struct moments *sample, const struct alliance_series *series,
                       size_t count, int r, struct alliance_session *room) {
  struct alliance_latent *latent = &e->latent[r];
  struct moments made = {0};
  if (!count) return false;
  for (uint32_t k = 0; k < PEOPLE; k++) {
    const struct alliance_series *like = &series[k % count];
    int sessions = like->count < ALLIANCE_SESSIONS_MAX ? like->count : ALLIANCE_SESSIONS_MAX;
    person_draw(room, like, sessions, r, e, k);
    moments_add(&made, room, sessions, r);
  }
  if (!(made.pairs > 0)) return false;
  moments_finish(&made);
  double range = e->high - e->low, moved = 1.5 * (sample->mean - made.mean);
  latent->level += moved > 0.2 * range ? 0.2 * range : moved < -0.2 * range ? -0.2 * range : moved;
  if (made.within > 0) latent->residual_sd *= sqrt(bounded_ratio(sample->within / made.within));
  if (made.between > 0) latent->level_sd *= sqrt(bounded_ratio(sample->between / made.between));
  double unlike = stats_log(made.root * made.root / made.within) - stats_log(sample->root * sample->root / sample->within);
  double square = latent->spread * latent->spread + unlike;
  latent->spread = square > 1e-4 ? sqrt(square < 1 ? square : 1) : 0.01;
  latent->residual_sd = latent->residual_sd < 2 * range ? latent->residual_sd : 2 * range;
  latent->level_sd = latent->level_sd < 2 * range ? latent->level_sd : 2 * range;
  return true;
}

void latent_find(struct alliance_estimate *e, const struct alliance_series *series, size_t count) {
  struct alliance_session room[ALLIANCE_SESSIONS_MAX];
  for (int r = 0; r < ALLIANCE_RATERS; r++) {
    const struct alliance_rater_estimate *rater = &e->rater[r];
    if (!rater->used) continue;
    e->latent[r] = (struct alliance_latent){rater->level, rater->level_sd, rater->residual_sd, 0.1};
    struct moments sample = {0};
    for (size_t i = 0; i < count; i++)
      moments_add(&sample, series[i].sessions,
                  series[i].count < ALLIANCE_SESSIONS_MAX ? series[i].count : ALLIANCE_SESSIONS_MAX, r);
    if (!(sample.pairs > 0)) continue;
    moments_finish(&sample);
    if (!(sample.within > 0) || !(sample.root > 0)) continue;
    for (int round = 0; round < ROUNDS; round++)
      if (!round_move(e, &sample, series, count, r, room)) break;
  }
}

struct alliance_latent latent_of(const struct alliance_estimate *e, int r) {
  const struct alliance_rater_estimate *rater = &e->rater[r];
  if (e->latent[r].residual_sd > 0) return e->latent[r];
  return (struct alliance_latent){rater->level, rater->level_sd, rater->residual_sd, e->spread};
}

double scale_crowding(const struct alliance_series *series, size_t count, int r, const struct alliance_settings *s) {
  double ends = 0, ratings = 0;
  if (!s->bounded) return 0;
  for (size_t i = 0; i < count; i++)
    for (int t = 0; t < series[i].count; t++) {
      const struct alliance_session *one = &series[i].sessions[t];
      if (!one->rated[r]) continue;
      ratings += 1;
      ends += one->rating[r] <= s->low + 0.5 * s->step || one->rating[r] >= s->high - 0.5 * s->step;
    }
  return ratings > 0 ? ends / ratings : 0;
}
