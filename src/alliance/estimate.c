/* The sample's figures by maximum of the marginal likelihood of the mixture, tensions included.
 *
 * Expectation-maximisation: a patient's level and slope u, whether, when and how there was an episode, its depth and
 * who noticed it are all unobserved. The E step is posterior_whole(); the M step has closed forms. A plain multilevel
 * fit would take the tensions for spread; here each session's share of tension is set aside before spread is counted.
 * Depth is counted in units of s, so with A = E|x - Zu|^2_K and B = E[depth w'K (x - Zu)], both in units of the
 * present s, the next s is s * f where N f^2 - B f - A = 0. Priors: see attune/alliance.h. */
#include <math.h>

#include "alliance/engine.h"
#include "attune/stats_math.h"

#define PRIOR_PATIENTS 3.0 /* weight of the prior on the covariance of level and slope, in patients */
#define PRIOR_EPISODES 20.0
#define PRIOR_PREVALENCE 10.0
#define PRIOR_SPREAD 0.1 /* of patients' spreads, with the weight of PRIOR_PATIENTS */
#define PRIOR_PAIRS 20.0
#define PREVALENCE 0.25 /* 25.4% of 605 courses (Larsson et al. 2018) */

static void shares_set(struct alliance_estimate *e, const struct episode_shares *shares) {
  memcpy(e->shape, shares->shape, sizeof e->shape);
  memcpy(e->depth, shares->depth, sizeof e->depth);
}

struct alliance_estimate alliance_estimate_default(double level, double level_sd, double residual_sd, int sessions) {
  struct alliance_estimate e = {.version = ALLIANCE_ESTIMATE_VERSION, .prevalence = PREVALENCE};
  e.time_origin = 1;
  e.reports = true;
  for (int r = 0; r < ALLIANCE_RATERS; r++) {
    struct alliance_rater_estimate *one = &e.rater[r];
    one->used = r == ALLIANCE_PATIENT;
    one->level = level;
    one->level_sd = level_sd;
    one->slope_sd = 0.05 * residual_sd;
    one->residual_sd = residual_sd;
    one->report_in_tension = 0.5;
    one->report_otherwise = 0.1;
  }
  struct episode_shares watched = episodes_watched(sessions);
  shares_set(&e, &watched);
  e.perceived[0] = 0.4;
  e.perceived[1] = e.perceived[2] = 0.3;
  return e;
}

/* ---- one batch: up to eight series of one design ---- */

struct tally {
  double patients, ratings;
  double prevalence, shape[ALLIANCE_SHAPES], depth[ALLIANCE_CLASSES][ALLIANCE_DEPTHS], perceived[3];
  double log_likelihood;
  double spread; /* sum of the squared places of the patients' spreads, in units of the present spread */
  struct tally_rater {
    double patients;
    double u[2], uu[3];   /* sums of E u and E uu' (deviations, units of s), with the posterior covariance */
    double n, a, b;       /* ratings, A and B */
    double zwz[3];        /* information on the means */
    double lag[2];        /* sums of E e_t e_(t-1) and of E (e_t^2 + e_(t-1)^2) / 2 over neighbours */
    double reports[2][2]; /* [in a noticed episode][reported] */
  } rater[ALLIANCE_RATERS];
  struct tails tails;
  double together[3]; /* sums of e_P e_T, e_P^2, e_T^2 where both rated */
};

/* What one patient and rater bring at one node, all sums weighted by the chance that the patient belongs there. With
 * e = r - Zu, y = Ke, v = Z'K dip and Q = E[depth^2 bb'], in units of the node's own s. */
struct brought {
  const struct plan *plan;
  const struct node *node;
  const struct whole *whole;
  const struct ratings *ratings;
  const struct alliance_series *series;
  int lane;
  double weight;
};

struct course_read {
  double given[ALLIANCE_SESSIONS_MAX], x[ALLIANCE_SESSIONS_MAX], e[ALLIANCE_SESSIONS_MAX], y[ALLIANCE_SESSIONS_MAX]; /* where rated; y else 0 */
  double u[2], mv[2], s[3]; /* E u without a tension, what tensions add, and their covariance M Q M */
};

static void course_find(struct course_read *out, const struct brought *in, int r) {
  const struct constants *c = &in->node->rater[r];
  const struct gain *g = &c->gain[0];
  int n = in->plan->episodes.sessions;
  out->u[0] = out->u[1] = 0;
  for (int s = 0; s < n; s++) {
    out->given[s] = in->ratings->residual[r][s][in->lane] * c->inverse;
    out->x[s] = in->whole->worked[r][s][in->lane];
    out->u[0] += g->row[s][0] * out->x[s];
    out->u[1] += g->row[s][1] * out->x[s];
  }
  double v[2] = {0, 0};
  for (int s = 0; s < n; s++) {
    out->y[s] = 0;
    if (!(c->rated >> s & 1)) continue;
    double dip = in->whole->dip[r][s][in->lane];
    v[0] += dip * (g->b[s][0] - g->b[s + 1][0]);
    v[1] += dip * (g->b[s][1] - g->b[s + 1][1]);
    out->e[s] = out->x[s] - out->u[0] - out->u[1] * c->time[s];
    out->y[s] = out->e[s] * c->diagonal[s];
    int p = c->previous[s];
    if (p < 0) continue;
    out->y[s] += out->e[p] * c->before[s];
    out->y[p] += out->e[s] * c->before[s];
  }
  const double *m = g->m;
  double q[3] = {in->whole->square[r][0][in->lane], in->whole->square[r][1][in->lane],
                 in->whole->square[r][2][in->lane]};
  out->mv[0] = m[0] * v[0] + m[1] * v[1];
  out->mv[1] = m[1] * v[0] + m[2] * v[1];
  double mq[4] = {m[0] * q[0] + m[1] * q[1], m[0] * q[1] + m[1] * q[2], m[1] * q[0] + m[2] * q[1],
                  m[1] * q[1] + m[2] * q[2]};
  out->s[0] = mq[0] * m[0] + mq[1] * m[1];
  out->s[1] = mq[0] * m[1] + mq[1] * m[2];
  out->s[2] = mq[2] * m[1] + mq[3] * m[2];
}

/* A and B of the head of this file. */
static void tally_spread(struct tally_rater *t, const struct brought *in, const struct course_read *read, int r) {
  const struct constants *c = &in->node->rater[r];
  const double *m = c->gain[0].m, *z = c->gain[0].zkz;
  double a = 0, b = 0, zy[2] = {0, 0};
  for (int s = 0; s < in->plan->episodes.sessions; s++) {
    if (!(c->rated >> s & 1)) continue;
    a += read->e[s] * read->y[s];
    b += in->whole->dip[r][s][in->lane] * read->y[s];
    zy[0] += read->y[s];
    zy[1] += read->y[s] * c->time[s];
    t->n += in->weight;
  }
  a += -2 * (zy[0] * read->mv[0] + zy[1] * read->mv[1]);
  a += z[0] * read->s[0] + 2 * z[1] * read->s[1] + z[2] * read->s[2];
  a += z[0] * m[0] + 2 * z[1] * m[1] + z[2] * m[2];
  b -= m[0] * in->whole->square[r][0][in->lane] + 2 * m[1] * in->whole->square[r][1][in->lane] +
       m[2] * in->whole->square[r][2][in->lane];
  t->a += in->weight * a;
  t->b += in->weight * b;
}

static void tally_level(struct tally_rater *t, const struct brought *in, const struct course_read *read, int r) {
  const struct gain *g = &in->node->rater[r].gain[0];
  const double *m = g->m, *z = g->zkz, *u = read->u, *mv = read->mv;
  double scale = in->node->scale, first = in->weight * scale, second = first * scale, other = in->weight / (scale * scale);
  t->patients += in->weight;
  t->u[0] += first * (u[0] + mv[0]);
  t->u[1] += first * (u[1] + mv[1]);
  double am[4] = {z[0] * m[0] + z[1] * m[1], z[0] * m[1] + z[1] * m[2], z[1] * m[0] + z[2] * m[1],
                  z[1] * m[1] + z[2] * m[2]};
  t->zwz[0] += other * (z[0] - am[0] * z[0] - am[1] * z[1]);
  t->zwz[1] += other * (z[1] - am[0] * z[1] - am[1] * z[2]);
  t->zwz[2] += other * (z[2] - am[2] * z[1] - am[3] * z[2]);
  t->uu[0] += second * (u[0] * u[0] + 2 * u[0] * mv[0] + read->s[0] + m[0]);
  t->uu[1] += second * (u[0] * u[1] + u[0] * mv[1] + u[1] * mv[0] + read->s[1] + m[1]);
  t->uu[2] += second * (u[1] * u[1] + 2 * u[1] * mv[1] + read->s[2] + m[2]);
}

/* Posterior means of the residuals, tensions set apart, go to `residual`; neighbours' products with the posterior
 * covariance of level and slope to the tally. */
static void tally_residuals(struct tally_rater *t, struct tails *tails, const struct brought *in,
                            const struct course_read *read, int r, double residual[ALLIANCE_SESSIONS_MAX]) {
  const struct constants *c = &in->node->rater[r];
  const double *m = c->gain[0].m;
  for (int s = 0; s < in->plan->episodes.sessions; s++) {
    double noticed = in->whole->noticed[r][s][in->lane];
    int8_t reported = in->series->sessions[s].reported[r];
    if (reported >= 0) {
      t->reports[1][reported > 0] += in->weight * noticed;
      t->reports[0][reported > 0] += in->weight * (1 - noticed);
    }
    residual[s] = 0;
    if (!(c->rated >> s & 1)) continue;
    residual[s] = read->x[s] - read->u[0] - read->mv[0] - (read->u[1] + read->mv[1]) * c->time[s] +
                  in->whole->dip[r][s][in->lane];
    double own = m[0] + 2 * m[1] * c->time[s] + m[2] * c->time[s] * c->time[s]; /* what the course takes of its noise */
    if (own < 0.9)
      tails_add(tails, (in->ratings->residual[r][s][in->lane] * c->inverse - read->x[s] + residual[s]) / sqrt(1 - own),
                in->weight * (1 - noticed));
    int p = c->previous[s];
    if (p < 0) continue;
    double here = m[0] + 2 * m[1] * c->time[s] + m[2] * c->time[s] * c->time[s];
    double there = m[0] + 2 * m[1] * c->time[p] + m[2] * c->time[p] * c->time[p];
    double both = m[0] + m[1] * (c->time[s] + c->time[p]) + m[2] * c->time[s] * c->time[p];
    t->lag[0] += in->weight * (residual[s] * residual[p] + both);
    t->lag[1] += in->weight * 0.5 * (residual[s] * residual[s] + residual[p] * residual[p] + here + there);
  }
}

static void tally_node(struct tally *tally, const struct brought *in) {
  double residual[ALLIANCE_RATERS][ALLIANCE_SESSIONS_MAX];
  const struct plan *plan = in->plan;
  const struct whole *whole = in->whole;
  double weight = in->weight;
  int lane = in->lane;
  tally->spread += weight * in->node->place * in->node->place;
  tally->prevalence += weight * whole->verdict.begun[lane];
  for (int s = 0; s < ALLIANCE_SHAPES; s++) tally->shape[s] += weight * whole->shape[s][lane];
  for (int k = 0; k < 3; k++) tally->perceived[k] += weight * whole->verdict.part[k][lane];
  for (int n = 0; n < plan->raters; n++) {
    int r = plan->raters > 1 ? n : (int)plan->first;
    struct course_read read;
    struct tally_rater *t = &tally->rater[r];
    for (int c = 0; c < ALLIANCE_CLASSES; c++)
      for (int d = 0; d < ALLIANCE_DEPTHS; d++) tally->depth[c][d] += weight * whole->depth[r][c][d][lane];
    course_find(&read, in, r);
    tally_spread(t, in, &read, r);
    tally_level(t, in, &read, r);
    tally_residuals(t, &tally->tails, in, &read, r, residual[r]);
  }
  if (plan->raters < 2) return;
  for (int s = 0; s < plan->episodes.sessions; s++) {
    const bool *rated = in->series->sessions[s].rated;
    if (!rated[0] || !rated[1]) continue;
    tally->together[0] += weight * residual[0][s] * residual[1][s];
    tally->together[1] += weight * residual[0][s] * residual[0][s];
    tally->together[2] += weight * residual[1][s] * residual[1][s];
  }
}

/* `whole` has a place for each node of the plan. */
static void tally_lane(struct tally *tally, struct brought *in, const struct whole *whole) {
  const struct plan *plan = in->plan;
  double at[NODES_MAX], most = -1e300, sum = 0;
  for (int k = 0; k < plan->nodes; k++) {
    at[k] = whole[k].density[in->lane] + whole[k].log_ratio[in->lane];
    most = at[k] > most ? at[k] : most;
  }
  for (int k = 0; k < plan->nodes; k++) sum += at[k] = plan->nodes > 1 ? stats_exp(at[k] - most) : 1;
  for (int k = 0; k < plan->nodes; k++) {
    in->weight = at[k] / sum;
    if (in->weight < 1e-12) continue;
    in->node = &plan->node[k];
    in->whole = &whole[k];
    tally_node(tally, in);
  }
  tally->patients += 1;
  tally->log_likelihood += most + (plan->nodes > 1 ? stats_log(sum) : 0);
  for (int n = 0; n < plan->raters; n++) {
    const struct constants *c = &plan->rater[plan->raters > 1 ? n : (int)plan->first];
    tally->log_likelihood -= __builtin_popcountll(c->rated) * stats_log(c->rater->residual_sd);
  }
}

/* ---- the sample in groups of one design ---- */

static bool rater_counts(const struct alliance_estimate *e, int r) {
  return e->rater[r].used;
}

static struct alliance_design design_used(const struct alliance_series *series, const struct alliance_estimate *e,
                                          bool reports) {
  struct alliance_design design = alliance_design_of(series);
  for (int r = 0; r < ALLIANCE_RATERS; r++) {
    if (!rater_counts(e, r)) design.rated[r] = 0;
    if (!rater_counts(e, r) || !reports) design.asked[r] = 0;
  }
  return design;
}

struct sample {
  const struct alliance_series *series;
  struct member *members;
  size_t count;
  bool reports;
  double spread;                    /* sessions per unit of time */
  double least_sd[ALLIANCE_RATERS]; /* floor of s: people who never vary leave nothing to divide by */
};

/* The members from `at` on that share its design, at most `most`. */
static size_t members_alike(const struct sample *sample, const struct alliance_estimate *e, size_t at, size_t most,
                            const struct alliance_design *design) {
  size_t end = at;
  for (; end < sample->count && end - at < most; end++) {
    const struct alliance_series *series = &sample->series[sample->members[end].index];
    struct alliance_design other = design_used(series, e, sample->reports);
    if (!design_same(design, &other)) break;
  }
  return end;
}

static enum alliance_status sample_tally(struct tally *tally, const struct sample *sample,
                                         const struct alliance_estimate *e, struct room room) {
  memset(tally, 0, sizeof *tally);
  for (size_t at = 0; at < sample->count;) {
    struct room scratch = room;
    struct ratings *ratings = room_take(&scratch, 1, sizeof *ratings);
    struct whole *whole = room_take(&scratch, NODES_MAX, sizeof *whole);
    struct plan *plan = room_take(&scratch, 1, sizeof *plan);
    struct alliance_design design = design_used(&sample->series[sample->members[at].index], e, sample->reports);
    if (!ratings || !whole || !plan || !plan_build(plan, &scratch, e, &design, ALLIANCE_HINDSIGHT, false))
      return ALLIANCE_MEMORY;
    memset(ratings, 0, sizeof *ratings);
    for (size_t end; (end = members_alike(sample, e, at, LANES, &design)) > at; at = end) {
      for (size_t m = at; m < end; m++)
        ratings_set(ratings, (int)(m - at), e, sample->series[sample->members[m].index].sessions, design.count);
      for (int k = 0; k < plan->nodes; k++) posterior_node(&whole[k], plan, &plan->node[k], ratings, true);
      for (size_t m = at; m < end; m++) {
        struct brought in = {.plan = plan, .ratings = ratings, .lane = (int)(m - at)};
        in.series = &sample->series[sample->members[m].index];
        tally_lane(tally, &in, whole);
      }
    }
  }
  return ALLIANCE_OK;
}

/* ---- the M step ---- */

static void update_rater(struct alliance_rater_estimate *r, const struct tally_rater *t, double spread,
                         double least_sd) {
  double s = r->residual_sd, n = t->patients, mean0 = t->u[0] / n, mean1 = t->u[1] / n;
  double b = t->b, f = (b + sqrt(b * b + 4 * t->n * t->a)) / (2 * t->n);
  /* Prior: level spread about the observed one, slopes of a twentieth of s a session, uncorrelated. */
  double total = n + PRIOR_PATIENTS;
  double c00 = (t->uu[0] - n * mean0 * mean0 + PRIOR_PATIENTS * 0.5) / total;
  double c11 = (t->uu[2] - n * mean1 * mean1 + PRIOR_PATIENTS * 0.0025 * spread * spread) / total;
  double c01 = (t->uu[1] - n * mean0 * mean1) / total;
  r->level += mean0 * s;
  r->slope += mean1 * s;
  r->level_sd = sqrt(c00) * s;
  r->slope_sd = sqrt(c11) * s;
  r->level_slope_correlation = c01 / sqrt(c00 * c11);
  if (r->level_slope_correlation > 0.999) r->level_slope_correlation = 0.999;
  if (r->level_slope_correlation < -0.999) r->level_slope_correlation = -0.999;
  r->residual_sd = s * f > least_sd ? s * f : least_sd;
  r->report_in_tension = (t->reports[1][1] + 2) / (t->reports[1][0] + t->reports[1][1] + 4);
  r->report_otherwise = (t->reports[0][1] + 1) / (t->reports[0][0] + t->reports[0][1] + 10);
  if (r->report_in_tension < r->report_otherwise) r->report_in_tension = r->report_otherwise;
}

static void update_shares(double *share, const double *tally, const double *prior, int count, double weight) {
  double sum = 0;
  for (int k = 0; k < count; k++) sum += tally[k] + weight * prior[k];
  for (int k = 0; k < count; k++) share[k] = (tally[k] + weight * prior[k]) / sum;
}

/* Shares from what was seen and PRIOR_EPISODES as in `supposed`. */
static void update_kinds(struct alliance_estimate *e, const struct tally *tally,
                         const struct episode_shares *supposed) {
  double episodes[ALLIANCE_CLASSES] = {0}; /* of the prior, by class: together PRIOR_EPISODES */
  update_shares(e->shape, tally->shape, supposed->shape, ALLIANCE_SHAPES, PRIOR_EPISODES);
  for (int s = 0; s < ALLIANCE_SHAPES; s++) episodes[episode_class(s)] += PRIOR_EPISODES * supposed->shape[s];
  for (int c = 0; c < ALLIANCE_CLASSES; c++)
    update_shares(e->depth[c], tally->depth[c], supposed->depth[c], ALLIANCE_DEPTHS, episodes[c]);
}

/* Where hardly any differences are left they fall away for good: with one node nothing says how large they are. */
static void update_spread(struct alliance_estimate *e, const struct tally *tally) {
  double square = e->spread * e->spread * tally->spread + PRIOR_PATIENTS * PRIOR_SPREAD * PRIOR_SPREAD;
  e->spread = e->spread < SPREAD_NONE ? 0 : sqrt(square / (tally->patients + PRIOR_PATIENTS));
  if (e->spread > SPREAD_LARGEST) e->spread = SPREAD_LARGEST;
}

/* Neighbours are one usual distance apart; PRIOR_PAIRS more are supposed independent. */
static void update_correlation(struct alliance_rater_estimate *r, const struct tally_rater *t, double spread) {
  double rho = t->lag[0] / (t->lag[1] + PRIOR_PAIRS);
  r->autocorrelation = rho > 1e-6 ? stats_exp(stats_log(rho) * spread) : 0;
  if (r->autocorrelation > 0.9) r->autocorrelation = 0.9;
}

static void update(struct alliance_estimate *e, const struct tally *tally, const struct sample *sample) {
  static const double noticed[3] = {0.4, 0.3, 0.3};
  update_spread(e, tally);
  e->prevalence = (tally->prevalence + PRIOR_PREVALENCE * PREVALENCE) / (tally->patients + PRIOR_PREVALENCE);
  update_kinds(e, tally, &episodes_common);
  update_shares(e->perceived, tally->perceived, noticed, 3, PRIOR_EPISODES);
  for (int r = 0; r < ALLIANCE_RATERS; r++)
    if (e->rater[r].used && tally->rater[r].patients > 0) {
      update_rater(&e->rater[r], &tally->rater[r], sample->spread, sample->least_sd[r]);
      update_correlation(&e->rater[r], &tally->rater[r], sample->spread);
    }
  if (tally->together[1] > 0 && tally->together[2] > 0) {
    double rho = tally->together[0] / sqrt(tally->together[1] * tally->together[2]);
    e->residual_correlation = rho > 0.95 ? 0.95 : rho < -0.95 ? -0.95 : rho;
  }
}

/* ---- starting values ---- */

struct moments {
  double ratings, mean, between, within, time, time_square;
};

/* Level and spread by simple moments; s from differences of neighbours, of which a tension touches few. */
static struct moments sample_moments(const struct alliance_series *series, size_t count, int r) {
  struct moments m = {0};
  double differences = 0, sum = 0, square = 0, means = 0, mean_square = 0, patients = 0;
  for (size_t i = 0; i < count; i++) {
    const struct alliance_session *s = series[i].sessions;
    double own = 0, n = 0;
    int previous = -1, length = series[i].count < ALLIANCE_SESSIONS_MAX ? series[i].count : ALLIANCE_SESSIONS_MAX;
    for (int t = 0; t < length; t++) {
      if (!s[t].rated[r]) continue;
      own += s[t].rating[r];
      n += 1;
      m.time += s[t].time;
      if (previous >= 0) {
        double difference = s[t].rating[r] - s[previous].rating[r];
        square += difference * difference;
        differences += 1;
      }
      previous = t;
    }
    if (n == 0) continue;
    sum += own;
    m.ratings += n;
    means += own / n;
    mean_square += own / n * (own / n);
    patients += 1;
  }
  if (m.ratings == 0) return m;
  m.mean = sum / m.ratings;
  m.time /= m.ratings;
  m.within = differences > 0 ? square / (2 * differences) : 0;
  m.between = patients > 1 ? (mean_square - means * means / patients) / (patients - 1) : 0;
  return m;
}

/* s is at least a thousandth of the ratings' spread, and what rounding to the scale's steps adds by itself. */
static double least_residual(double both, const struct alliance_settings *settings) {
  double spread = 1e-3 * sqrt(both), rounding = settings->bounded ? settings->step / sqrt(12) : 0;
  return spread > rounding ? spread : rounding;
}

/* The length of the course to which a session belongs on average: courses that have just begun count little. */
static int sessions_usual(const struct alliance_series *series, size_t count) {
  double sum = 0, square = 0;
  for (size_t i = 0; i < count; i++) {
    double n = series[i].count < ALLIANCE_SESSIONS_MAX ? series[i].count : ALLIANCE_SESSIONS_MAX;
    sum += n;
    square += n * n;
  }
  return sum > 0 ? (int)(square / sum + 0.5) : 0;
}

static bool start(struct alliance_estimate *e, double least_sd[ALLIANCE_RATERS], const struct alliance_series *series,
                  size_t count, const struct alliance_settings *settings) {
  *e = alliance_estimate_default(0, 1, 1, 0);
  shares_set(e, &episodes_common);
  bool any = false;
  double time = 0, ratings = 0;
  for (int r = 0; r < ALLIANCE_RATERS; r++) {
    struct moments m = sample_moments(series, count, r);
    double tiny = 1e-12 * (1 + m.mean * m.mean);
    struct alliance_rater_estimate *one = &e->rater[r];
    double both = m.within + (m.between > 0 ? m.between : 0);
    one->used = !settings->ignore_rater[r] && m.ratings > 0 && both > tiny;
    if (!one->used) continue;
    any = true;
    least_sd[r] = least_residual(both, settings);
    double within = m.within > tiny ? m.within : both, between = m.between - within / 4;
    one->residual_sd = sqrt(within);
    one->level = m.mean;
    one->level_sd = sqrt(between > 0.1 * within ? between : 0.1 * within);
    one->slope_sd = 0.05 * one->residual_sd;
    time += m.time * m.ratings;
    ratings += m.ratings;
    e->ratings += (int)m.ratings;
  }
  if (any) e->time_origin = time / ratings;
  e->reports = !settings->ignore_reports;
  e->bounded = settings->bounded;
  e->low = settings->low;
  e->high = settings->high;
  e->step = settings->step;
  return any;
}

/* Typical distance of a session's time from the mean, for the prior on slopes: 1 for sessions one unit apart. */
static double time_spread(const struct alliance_series *series, size_t count) {
  double gaps = 0, n = 0;
  for (size_t i = 0; i < count; i++) {
    if (series[i].count < 2) continue;
    gaps += series[i].sessions[series[i].count - 1].time - series[i].sessions[0].time;
    n += series[i].count - 1;
  }
  return n > 0 && gaps > 0 ? n / gaps : 1;
}

static bool settings_good(const struct alliance_settings *s) {
  if (s->iterations < 0 || s->iterations > 100000 || s->sessions < 0) return false;
  if (!s->bounded) return true;
  return s->low < s->high && s->low >= -ALLIANCE_RATING_MAX && s->high <= ALLIANCE_RATING_MAX && s->step >= 0 &&
         s->step <= s->high - s->low;
}

static double change_between(const struct alliance_estimate *a, const struct alliance_estimate *b) {
  double largest = 0;
  for (int r = 0; r < ALLIANCE_RATERS; r++) {
    const struct alliance_rater_estimate *x = &a->rater[r], *y = &b->rater[r];
    if (!x->used) continue;
    double d[4] = {(x->level - y->level) / x->residual_sd, (x->level_sd - y->level_sd) / x->residual_sd,
                   (x->residual_sd - y->residual_sd) / x->residual_sd, (x->slope_sd - y->slope_sd) / x->residual_sd};
    for (int k = 0; k < 4; k++) largest = d[k] > largest ? d[k] : -d[k] > largest ? -d[k] : largest;
  }
  double d[2] = {a->prevalence - b->prevalence, a->spread - b->spread};
  for (int k = 0; k < 2; k++) largest = d[k] > largest ? d[k] : -d[k] > largest ? -d[k] : largest;
  return largest;
}

/* How far the sample pins the figures down. Ratings in a tension say little: all information counts without them.
 * The maximum of the likelihood takes some noise for tensions: about as much as SPENT ratings carry, by simulation of
 * samples of 120 patients with 4 to 30 sessions (bench/alliance_calibration); s is widened for it as a variance is
 * divided by its degrees of freedom. */
#define SPENT 12.0
#define SPENT_SHORT 2.0 /* in short courses more of it, whatever the sample's size: over the square of their length */

static void precision_set(struct alliance_rater_estimate *r, const struct tally_rater *t, double prevalence) {
  double free = t->n - 1.5 * t->patients - prevalence * t->patients, calm = 1 - 0.5 * prevalence;
  free = free > 2 ? free : 2;
  double each = t->n / (t->patients > 1 ? t->patients : 1);
  r->residual_sd *= sqrt(1 + SPENT / (free > SPENT ? free : SPENT) + SPENT_SHORT / (each * each));
  r->residual_sd_se = sqrt(1 / (2 * free));
  r->level_sd_se = sqrt(1 / (2 * (t->patients > 2 ? t->patients : 2) * calm));
  double det = t->zwz[0] * t->zwz[2] - t->zwz[1] * t->zwz[1], s = r->residual_sd;
  r->level_se = t->zwz[0] > 0 ? s * sqrt(1 / (t->zwz[0] * calm)) : s;
  r->slope_se = det > 1e-9 * t->zwz[0] ? s * sqrt(t->zwz[0] / (det * calm)) : 0;
  if (r->level_se > ESTIMATE_MOST) r->level_se = ESTIMATE_MOST; /* sessions far apart say nothing of the level */
  if (r->slope_se > ESTIMATE_MOST) r->slope_se = ESTIMATE_MOST;
}

/* The figures that a step moves, each with what counts as one unit of it. */
#define FIGURES_MAX 64
struct figures {
  int count;
  double *at[FIGURES_MAX], unit[FIGURES_MAX];
};

static void figures_add(struct figures *f, double *at, int count, double unit) {
  for (int k = 0; k < count; k++, f->count++) {
    f->at[f->count] = at + k;
    f->unit[f->count] = unit;
  }
}

static struct figures figures_of(struct alliance_estimate *e, double spread) {
  struct figures f = {0};
  figures_add(&f, &e->prevalence, 1, 1);
  figures_add(&f, e->shape, ALLIANCE_SHAPES, 1);
  figures_add(&f, e->depth[0], ALLIANCE_CLASSES * ALLIANCE_DEPTHS, 1);
  figures_add(&f, e->perceived, 3, 1);
  figures_add(&f, &e->residual_correlation, 1, 1);
  figures_add(&f, &e->spread, 1, 1);
  for (int n = 0; n < ALLIANCE_RATERS; n++) {
    struct alliance_rater_estimate *r = &e->rater[n];
    if (!r->used) continue;
    figures_add(&f, &r->level, 1, r->residual_sd);
    figures_add(&f, &r->slope, 1, r->residual_sd * spread);
    figures_add(&f, &r->level_sd, 1, r->residual_sd);
    figures_add(&f, &r->slope_sd, 1, r->residual_sd * spread);
    figures_add(&f, &r->residual_sd, 1, r->residual_sd);
    figures_add(&f, &r->level_slope_correlation, 1, 1);
    figures_add(&f, &r->autocorrelation, 1, 1);
    figures_add(&f, &r->report_in_tension, 1, 1);
    figures_add(&f, &r->report_otherwise, 1, 1);
  }
  return f;
}

static bool all_above(const double *x, int count, double least) {
  for (int k = 0; k < count; k++)
    if (!(x[k] > least)) return false;
  return true;
}

/* Whether a leap landed among figures that mean something. */
static bool possible(const struct alliance_estimate *e, const double least_sd[ALLIANCE_RATERS]) {
  if (!(e->prevalence > 0 && e->prevalence < 1) || !all_above(e->shape, ALLIANCE_SHAPES, 0) ||
      !all_above(e->depth[0], ALLIANCE_CLASSES * ALLIANCE_DEPTHS, 0) || !all_above(e->perceived, 3, 0) ||
      !(fabs(e->residual_correlation) <= 0.95) || !(e->spread >= 0 && e->spread <= SPREAD_LARGEST))
    return false;
  for (int n = 0; n < ALLIANCE_RATERS; n++) {
    const struct alliance_rater_estimate *r = &e->rater[n];
    if (!r->used) continue;
    if (!(r->residual_sd >= least_sd[n] && r->level_sd > 0 && r->slope_sd > 0) ||
        !(fabs(r->level_slope_correlation) <= 0.999) || !(r->autocorrelation >= 0 && r->autocorrelation <= 0.9) || !(r->report_otherwise > 0 && r->report_in_tension < 1) ||
        r->report_in_tension < r->report_otherwise)
      return false;
  }
  return true;
}

/* Expectation-maximisation goes the same way for many small steps; after each two it leaps as far as their shrinking
 * says that they lead (Varadhan & Roland 2008, Scand J Stat 35:335, scheme S3), and never less far than they went:
 * from e[0] by e[1] and e[2]. */
static struct alliance_estimate leap(struct alliance_estimate e[3], const struct sample *sample) {
  struct alliance_estimate out = e[2];
  struct figures at[3], to = figures_of(&out, sample->spread);
  for (int k = 0; k < 3; k++) at[k] = figures_of(&e[k], sample->spread);
  double first[FIGURES_MAX], bend[FIGURES_MAX], step = 0, turn = 0;
  for (int k = 0; k < to.count; k++) {
    first[k] = *at[1].at[k] - *at[0].at[k];
    bend[k] = *at[2].at[k] - *at[1].at[k] - first[k];
    step += first[k] * first[k] / (to.unit[k] * to.unit[k]);
    turn += bend[k] * bend[k] / (to.unit[k] * to.unit[k]);
  }
  double far = turn > 0 ? sqrt(step / turn) : 1;
  for (; far > 1; far = far > 1.5 ? 0.5 * (1 + far) : 1) {
    for (int k = 0; k < to.count; k++) *to.at[k] = *at[0].at[k] + 2 * far * first[k] + far * far * bend[k];
    if (possible(&out, sample->least_sd)) return out;
  }
  return e[2];
}

/* What a leap may lose: the priors, which count for the maximum too, are not in the likelihood. */
#define LEAP_LOSS 0.1

/* From *e on to the maximum, in at most `most` steps. A leap after which the sample is less likely is taken back. */
static enum alliance_status climb(struct alliance_estimate *e, struct tally *tally, const struct sample *sample,
                                  int most, struct room room) {
  struct alliance_estimate from[3] = {*e}; /* from[0..steps]: since the last leap */
  double likely = -1e300;
  int steps = 0, count = e->iterations;
  bool leapt = false;
  for (int step = 0; step < most; step++) {
    enum alliance_status status = sample_tally(tally, sample, e, room);
    if (status) return status;
    if (leapt && tally->log_likelihood < likely - LEAP_LOSS) {
      *e = from[0] = from[2];
      steps = 0;
      leapt = false;
      continue;
    }
    likely = tally->log_likelihood;
    struct alliance_estimate before = *e;
    update(e, tally, sample);
    e->iterations = count + step + 1;
    if (change_between(&before, e) < 1e-5) break;
    steps = leapt ? 0 : steps + 1;
    from[steps] = *e;
    leapt = steps == 2 && step + 1 < most; /* the last step is not followed by one that would judge a leap */
    if (leapt) *e = leap(from, sample);
  }
  return ALLIANCE_OK;
}

/* What a part of the model must add to the logarithm of the likelihood to be kept. */
#define WORTH 1.0

#define SPREAD_FIRST 0.25
#define SPREAD_TRIED 12 /* steps after which it shows */

/* Differences between patients' spreads, from where all are alike; what the sample hardly shows is left out. */
static enum alliance_status spread_try(struct alliance_estimate *e, struct tally *tally, const struct sample *sample,
                                       int most, struct room room) {
  struct alliance_estimate unlike = *e;
  struct tally alike = *tally;
  int first = most < SPREAD_TRIED ? most : SPREAD_TRIED;
  unlike.spread = SPREAD_FIRST;
  enum alliance_status status = climb(&unlike, tally, sample, first, room);
  if (!status && tally->log_likelihood > alike.log_likelihood && most > first)
    status = climb(&unlike, tally, sample, most - first, room);
  if (status) return status;
  if (unlike.spread > 0 && tally->log_likelihood > alike.log_likelihood + WORTH)
    *e = unlike;
  else
    *tally = alike;
  return ALLIANCE_OK;
}

/* Heavy tails, where the sample shows them: what is far from a patient's course then counts less, which moves all other
 * figures, which move the tails. */
static enum alliance_status tails_climb(struct alliance_estimate *e, struct tally *tally, const struct sample *sample,
                                        int most, struct room room) {
  enum alliance_status status = ALLIANCE_OK;
  for (int round = 0; round < 3 && !status; round++) {
    double before = e->tail_df;
    tails_settle(e, &tally->tails);
    if (e->tail_df == before) break;
    status = climb(e, tally, sample, most, room);
  }
  return status;
}

enum alliance_status alliance_estimate_sample(struct alliance_estimate *e, const struct alliance_series *series,
                                              size_t count, const struct alliance_settings *settings, void *memory,
                                              size_t bytes) {
  static const struct alliance_settings plain = {0};
  if (!settings) settings = &plain;
  if (!settings_good(settings) || count > UINT32_MAX) return ALLIANCE_RANGE;
  for (size_t i = 0; i < count; i++) {
    enum alliance_status status = series_check(&series[i], ALLIANCE_SERIES_MAX);
    if (status) return status;
  }
  struct sample sample = {.series = series, .reports = !settings->ignore_reports, .spread = time_spread(series, count)};
  if (!start(e, sample.least_sd, series, count, settings)) return ALLIANCE_NO_DATA;
  struct room room = room_in(memory, bytes);
  sample.members = room_take(&room, count, sizeof *sample.members);
  if (!sample.members) return ALLIANCE_MEMORY;
  for (size_t i = 0; i < count; i++) {
    struct alliance_design design = design_used(&series[i], e, sample.reports);
    if (design.count == 0 || !(design.rated[0] | design.rated[1])) continue;
    sample.members[sample.count++] = (struct member){design_key(&design), (uint32_t)i};
  }
  members_sort(sample.members, sample.count);
  int most = settings->iterations ? settings->iterations : 200;
  struct tally tally = {0};
  bool crowded = false;
  for (int r = 0; r < ALLIANCE_RATERS; r++)
    crowded = crowded || (e->rater[r].used && scale_crowding(series, count, r, settings) > CROWDED);
  enum alliance_status status = climb(e, &tally, &sample, most, room);
  if (!status && !crowded) status = spread_try(e, &tally, &sample, most, room);
  if (!status && !crowded) status = tails_climb(e, &tally, &sample, most, room);
  if (status) return status;
  /* What is worth watching for is not what is common: supposed from the start it would be taken for what was seen. */
  struct episode_shares watched =
      episodes_watched(settings->sessions ? settings->sessions : sessions_usual(series, count));
  update_kinds(e, &tally, &watched);
  e->patients = (int)sample.count;
  e->log_likelihood = tally.log_likelihood;
  for (int r = 0; r < ALLIANCE_RATERS; r++)
    if (e->rater[r].used) precision_set(&e->rater[r], &tally.rater[r], e->prevalence);
  if (crowded) latent_find(e, series, count);
  return ALLIANCE_OK;
}

size_t alliance_estimate_memory(size_t count, int longest) {
  int n = longest < ALLIANCE_SESSIONS_MAX ? longest : ALLIANCE_SESSIONS_MAX;
  return count * sizeof(struct member) + sizeof(struct ratings) + NODES_MAX * sizeof(struct whole) +
         plan_memory(n, ALLIANCE_HINDSIGHT) + 8 * 64;
}
