/* One rater's constants at a pattern of rated sessions: everything of the likelihood that does not depend on ratings.
 *
 * In units of s the ratings have covariance V = R + Z O Z', so W = V^-1 = K - K Z M Z'K with K = R^-1 (tridiagonal over
 * the rated sessions) and M = (O^-1 + Z'KZ)^-1 = O (I + Z'KZ O)^-1, which needs no inverse of O. For two steps
 * 1_p = [t >= p] the form C(p,q) = 1_p'W 1_q; a template's q = w'Ww is a sum of ten of them. */
#include "alliance/engine.h"
#include "attune/stats_math.h"

#define CORRELATION_MOST (1 - 1e-6)

double correlation_over(double log_rho, double apart) {
  if (!(log_rho < 0)) return 0;
  double phi = stats_exp(apart * log_rho);
  return phi < CORRELATION_MOST ? phi : CORRELATION_MOST;
}

static void correlation_build(struct constants *c) {
  double rho = c->rater->autocorrelation, log_rho = rho > 0 ? stats_log(rho) : 0;
  int previous = -1;
  for (int t = 0; t < c->sessions; t++) {
    c->previous[t] = -1;
    c->before[t] = c->diagonal[t] = c->last[t] = 0;
    if (!(c->rated >> t & 1)) continue;
    double phi = previous >= 0 ? correlation_over(log_rho, c->time[t] - c->time[previous]) : 0;
    double inverse = 1 / (1 - phi * phi);
    c->last[t] = c->diagonal[t] = inverse;
    if (previous >= 0) {
      c->previous[t] = (int8_t)previous;
      c->before[t] = -phi * inverse;
      c->diagonal[previous] += phi * phi * inverse;
    }
    previous = t;
  }
}

/* K of the first t sessions times a vector: `last` stands in for the diagonal at the last session rated among them. */
static double correlation_row(const struct constants *c, int t, int s, const double *v) {
  if (!(c->rated >> s & 1)) return 0;
  int next = -1;
  for (int u = s + 1; u < t && next < 0; u++)
    if (c->rated >> u & 1) next = u;
  double sum = (next < 0 ? c->last[s] : c->diagonal[s]) * v[s];
  if (c->previous[s] >= 0) sum += c->before[s] * v[(int)c->previous[s]];
  if (next >= 0) sum += c->before[next] * v[next];
  return sum;
}

static bool gain_build(struct gain *gain, struct room *room, const struct constants *c, int t, const double o[3]) {
  gain->b = room_take(room, (size_t)t + 1, sizeof *gain->b);
  gain->row = room_take(room, (size_t)t, sizeof *gain->row);
  if (!gain->b || !gain->row) return false;
  double one[ALLIANCE_SESSIONS_MAX], zkz[3] = {0, 0, 0};
  for (int s = 0; s < t; s++) one[s] = 1;
  gain->b[t][0] = gain->b[t][1] = 0;
  for (int s = t - 1; s >= 0; s--) {
    double k0 = correlation_row(c, t, s, one), k1 = correlation_row(c, t, s, c->time);
    gain->row[s][0] = k0;
    gain->row[s][1] = k1;
    gain->b[s][0] = gain->b[s + 1][0] + k0;
    gain->b[s][1] = gain->b[s + 1][1] + k1;
    zkz[0] += k0;
    zkz[1] += k1;
    zkz[2] += k1 * c->time[s];
  }
  /* M = O (I + Z'KZ O)^-1, two by two. */
  double a = 1 + zkz[0] * o[0] + zkz[1] * o[1], b = zkz[0] * o[1] + zkz[1] * o[2];
  double d = zkz[1] * o[0] + zkz[2] * o[1], e = 1 + zkz[1] * o[1] + zkz[2] * o[2], det = a * e - b * d;
  gain->m[0] = (o[0] * e - o[1] * d) / det;
  gain->m[1] = (o[1] * a - o[0] * b) / det;
  gain->m[2] = (o[2] * a - o[1] * b) / det;
  memcpy(gain->zkz, zkz, sizeof zkz);
  gain->log_det = stats_log(det);
  for (int s = 0; s < t; s++)
    if (c->rated >> s & 1 && c->last[s] != 1) gain->log_det -= stats_log(c->last[s]);
  gain->density = -0.5 * gain->log_det;
  if (c->scale != 1)
    for (int s = 0; s < t; s++)
      if (c->rated >> s & 1) gain->density -= stats_log(c->scale);
  for (int s = 0; s < t; s++) {
    double k0 = gain->row[s][0], k1 = gain->row[s][1];
    gain->row[s][0] = gain->m[0] * k0 + gain->m[1] * k1;
    gain->row[s][1] = gain->m[1] * k0 + gain->m[2] * k1;
  }
  return true;
}

void constants_forms(double *form, const struct constants *c, const struct gain *gain, int t) {
  int width = t + 1;
  double step[ALLIANCE_SESSIONS_MAX];
  for (int p = 0; p <= t; p++) form[p * width + t] = form[t * width + p] = 0;
  for (int q = 0; q < t; q++) {
    for (int s = 0; s < t; s++) step[s] = s >= q;
    const double *bq = gain->b[q];
    double m0 = gain->m[0] * bq[0] + gain->m[1] * bq[1], m1 = gain->m[1] * bq[0] + gain->m[2] * bq[1], sum = 0;
    for (int p = t - 1; p >= q; p--) {
      sum += correlation_row(c, t, p, step);
      double value = sum - gain->b[p][0] * m0 - gain->b[p][1] * m1;
      form[p * width + q] = form[q * width + p] = value;
    }
  }
}

static void episodes_weigh(struct constants *c, const struct episodes *episodes, const struct prefix *prefix,
                           const double *form) {
  int width = prefix->sessions + 1;
  for (int h = prefix->first; h < prefix->end[KIND_RETURNED]; h++) {
    const struct episode *e = &episodes->episode[h];
    const double *i = form + e->i * width, *j = form + e->j * width, *k = form + e->k * width, *l = form + e->l * width;
    double diagonal = i[e->i] + j[e->j] + k[e->k] + l[e->l];
    double cross = i[e->j] - i[e->k] - i[e->l] - j[e->k] - j[e->l] + k[e->l];
    double q = 0.25 * diagonal + 0.5 * cross;
    c->q[h] = q > 0 ? q : 0;
  }
  for (int h = prefix->first; h < prefix->end[KIND_RETURNED]; h += LANES) {
    int left = prefix->end[KIND_RETURNED] - h, some = left < LANES ? left : LANES;
    lanes q = lanes_of(0);
    memcpy(&q, c->q + h, (size_t)some * sizeof(double));
    for (int u = 0; u < LANES; u++) q[u] = q[u] < 1200 ? q[u] : 1200;
    lanes one = lanes_exp(q * -0.5), two = one * one, four = two * two, nine = four * four * one;
    lanes sixteen = four * four * four * four, last = sixteen * sixteen * four;
    for (int u = 0; u < some; u++) {
      const double *share = episodes->share[h + u];
      double *out = c->depth[h + u], prior = episodes->prior[h + u];
      out[0] = share[0] * one[u];
      out[1] = share[1] * four[u];
      out[2] = share[2] * nine[u];
      out[3] = share[3] * sixteen[u];
      out[4] = share[4] * last[u];
      for (int d = 0; d < ALLIANCE_DEPTHS; d++) c->weight[h + u][d] = prior * out[d];
    }
  }
}

bool constants_build(struct constants *c, struct room *room, const struct episodes *episodes,
                     const struct alliance_estimate *estimate, enum alliance_rater rater,
                     const struct alliance_design *design, double scale) {
  const struct alliance_rater_estimate *r = &estimate->rater[rater];
  c->rater = r;
  c->scale = scale;
  c->inverse = 1 / scale;
  c->sessions = design->count;
  c->rated = design->rated[rater];
  c->reports = estimate->reports && design->asked[rater] != 0;
  c->any = c->rated != 0 || c->reports;
  for (int t = 0; t < design->count; t++) c->time[t] = design->time[t] - estimate->time_origin;
  correlation_build(c);
  c->most = estimate->furthest > 0 ? estimate->furthest / scale : 1e300;
  c->gain = room_take(room, (size_t)episodes->prefixes, sizeof *c->gain);
  c->depth = room_take(room, (size_t)episodes->count + LANES, sizeof *c->depth);
  c->weight = room_take(room, (size_t)episodes->count + LANES, sizeof *c->weight);
  c->q = room_take(room, (size_t)episodes->count + LANES, sizeof *c->q);
  if (!c->gain || !c->depth || !c->weight || !c->q) return false;

  double s = r->residual_sd * scale, level = r->level_sd / s, slope = r->slope_sd / s;
  double o[3] = {level * level, r->level_slope_correlation * level * slope, slope * slope};
  for (int p = 0; p < episodes->prefixes; p++) {
    const struct prefix *prefix = &episodes->prefix[p];
    int t = prefix->sessions;
    if (!gain_build(&c->gain[p], room, c, t, o)) return false;
    struct room scratch = *room;
    double *form = room_take(&scratch, (size_t)(t + 1) * (size_t)(t + 1), sizeof *form);
    if (!form) return false;
    constants_forms(form, c, &c->gain[p], t);
    episodes_weigh(c, episodes, prefix, form);
  }
  return true;
}

size_t constants_memory(const struct episodes *episodes) {
  size_t n = (size_t)episodes->sessions,
         bytes = ((size_t)episodes->count + LANES) * (2 * ALLIANCE_DEPTHS + 1) * sizeof(double);
  bytes += (size_t)episodes->prefixes * (sizeof(struct gain) + (2 * n + 1) * 2 * sizeof(double) + 128);
  return bytes + (n + 1) * (n + 1) * sizeof(double) + 7 * 64;
}
