#include "stats/power_kernel.h"

#include <math.h>
#include <string.h>

#include "attune/stats_math.h"
#include "stats/matrix.h"

#define LOG_2PI 1.8378770664093454836
#define GRADIENT_GOAL 1e-7
#define ITERATIONS 100
#define DIFFERENCE 2e-4

/* ---- 2 x 2 matrices ---- */

static struct sym2 sym_add(struct sym2 x, double by, struct sym2 y) {
  return (struct sym2){x.a + by * y.a, x.b + by * y.b, x.c + by * y.c};
}
static struct vec2 times(struct mat2 m, struct vec2 v) {
  return (struct vec2){m.a * v.x + m.b * v.y, m.c * v.x + m.d * v.y};
}
static struct vec2 times_t(struct mat2 m, struct vec2 v) {
  return (struct vec2){m.a * v.x + m.c * v.y, m.b * v.x + m.d * v.y};
}
static struct vec2 sym_times(struct sym2 s, struct vec2 v) {
  return (struct vec2){s.a * v.x + s.b * v.y, s.b * v.x + s.c * v.y};
}
static double dot(struct vec2 u, struct vec2 v) {
  return u.x * v.x + u.y * v.y;
}
static double quadratic(struct sym2 s, struct vec2 v) {
  return dot(v, sym_times(s, v));
}
static struct sym2 outer(struct vec2 v) {
  return (struct sym2){v.x * v.x, v.x * v.y, v.y * v.y};
}

static struct mat2 sym_product(struct sym2 x, struct sym2 y) {
  return (struct mat2){x.a * y.a + x.b * y.b, x.a * y.b + x.b * y.c, x.b * y.a + x.c * y.b, x.b * y.b + x.c * y.c};
}
static struct mat2 product(struct mat2 x, struct mat2 y) {
  return (struct mat2){x.a * y.a + x.b * y.c, x.a * y.b + x.b * y.d, x.c * y.a + x.d * y.c, x.c * y.b + x.d * y.d};
}
static struct mat2 as_mat(struct sym2 s) {
  return (struct mat2){s.a, s.b, s.b, s.c};
}
static struct mat2 transposed(struct mat2 m) {
  return (struct mat2){m.a, m.c, m.b, m.d};
}
static struct sym2 half_sum(struct mat2 m) {
  return (struct sym2){m.a, 0.5 * (m.b + m.c), m.d};
}
/* m s m' */
static struct sym2 sandwich(struct mat2 m, struct sym2 s) {
  return half_sum(product(product(m, as_mat(s)), transposed(m)));
}
/* s x s */
static struct sym2 between(struct sym2 s, struct sym2 x) {
  return sandwich(as_mat(s), x);
}
static double inner(struct sym2 x, struct sym2 y) {
  return x.a * y.a + 2 * x.b * y.b + x.c * y.c;
}

/* K = (D^-1 + G)^-1 = Lambda (I + Lambda'G Lambda)^-1 Lambda' for Lambda = [a 0; b e]; returns |I + DG|. */
static double eliminate(const double *lambda, struct sym2 g, struct sym2 *k) {
  double a = lambda[0], b = lambda[1], e = lambda[2];
  double ga = g.a * a + g.b * b, gb = g.b * a + g.c * b;
  double c11 = 1 + a * ga + b * gb, c21 = e * gb, c22 = 1 + e * e * g.c, det = c11 * c22 - c21 * c21;
  double i11 = c22 / det, i21 = -c21 / det, i22 = c11 / det;
  double h11 = a * i11, h21 = b * i11 + e * i21, h22 = b * i21 + e * i22;
  *k = (struct sym2){h11 * a, h21 * a, h21 * b + h22 * e};
  return det;
}

/* ---- a trial ---- */

static void choose_parameters(struct power_parameters *free, const struct stats_power_design *design) {
  const struct stats_level *level[2] = {&design->patient, &design->therapist};
  free->count = 0;
  for (unsigned char i = 0; i < 2; i++) {
    bool wanted[3] = {level[i]->fit_intercept, level[i]->fit_covariance, level[i]->fit_slope};
    for (unsigned char entry = 0; entry < 3; entry++) {
      if (!wanted[entry]) continue;
      free->level[free->count] = i;
      free->entry[free->count++] = entry;
    }
  }
}

static void fill_patterns(struct power_trial *trial, const struct stats_power_design *design) {
  struct sym2 g = {0, 0, 0};
  for (size_t t = 1; t <= design->times; t++) {
    struct power_pattern *p = &trial->pattern[t];
    double time = design->time[t - 1];
    g = sym_add(g, 1, (struct sym2){1, time, time * time});
    p->g = g;
    p->rank = t < 2 ? 1 : 2;
    p->l[0] = sqrt(g.a);
    p->l[1] = g.b / p->l[0];
    p->l[2] = t < 2 ? 0 : sqrt(g.c - p->l[1] * p->l[1]);
  }
}

bool power_trial_new(struct power_trial *trial, const struct stats_power_design *design, size_t clusters, size_t cells,
                     const struct stats_memory *memory) {
  *trial = (struct power_trial){.arms = design->arms, .times = design->times, .slots = 16};
  while (trial->slots < 2 * clusters) trial->slots *= 2;
  trial->pattern = memory->take(memory->state, (design->times + 1) * sizeof *trial->pattern);
  trial->cluster = memory->take(memory->state, clusters * sizeof *trial->cluster);
  trial->cell = memory->take(memory->state, cells * sizeof *trial->cell);
  trial->kind = memory->take(memory->state, clusters * sizeof *trial->kind);
  trial->slot = memory->take(memory->state, trial->slots * sizeof *trial->slot);
  trial->r = memory->take(memory->state, clusters * sizeof *trial->r);
  if (!trial->pattern || !trial->cluster || !trial->cell || !trial->kind || !trial->slot || !trial->r) return false;
  choose_parameters(&trial->free, design);
  fill_patterns(trial, design);
  return true;
}

static uint64_t hash_cluster(const struct power_trial *trial, const struct power_cluster *cluster) {
  uint64_t hash = (cluster->arm * 2 + cluster->nested + 1) * UINT64_C(0x9e3779b97f4a7c15);
  for (size_t i = 0; i < cluster->cells; i++) {
    const struct power_cell *cell = &trial->cell[cluster->first + i];
    hash = (hash ^ (cell->sessions * UINT64_C(1000003) + (uint64_t)cell->count)) * UINT64_C(0xff51afd7ed558ccd);
    hash ^= hash >> 32;
  }
  return hash;
}

static bool of_kind(const struct power_trial *trial, const struct power_cluster *cluster,
                    const struct power_kind *kind) {
  if (cluster->arm != kind->arm || cluster->nested != kind->nested || cluster->cells != kind->cells) return false;
  for (size_t i = 0; i < kind->cells; i++) {
    const struct power_cell *a = &trial->cell[cluster->first + i], *b = &trial->cell[kind->first + i];
    if (a->sessions != b->sessions || a->count != b->count) return false;
  }
  return true;
}

void power_trial_kinds(struct power_trial *trial) {
  memset(trial->slot, 0, trial->slots * sizeof *trial->slot);
  trial->kinds = 0;
  for (size_t i = 0; i < trial->clusters; i++) {
    struct power_cluster *cluster = &trial->cluster[i];
    size_t at = hash_cluster(trial, cluster) & (trial->slots - 1);
    while (trial->slot[at] && !of_kind(trial, cluster, &trial->kind[trial->slot[at] - 1]))
      at = (at + 1) & (trial->slots - 1);
    if (!trial->slot[at]) {
      trial->kind[trial->kinds] = (struct power_kind){
          .arm = cluster->arm, .first = cluster->first, .cells = cluster->cells, .nested = cluster->nested};
      trial->slot[at] = ++trial->kinds;
    }
    cluster->kind = trial->slot[at] - 1;
    trial->kind[cluster->kind].count += 1;
  }
}

/* ---- the criterion ---- */

/* theta into the two factors [a b e] of patients and therapists. */
static void read_theta(const struct power_trial *trial, const double *theta, double lambda[2][3]) {
  memset(lambda, 0, 6 * sizeof(double));
  for (size_t i = 0; i < trial->free.count; i++) lambda[trial->free.level[i]][trial->free.entry[i]] = theta[i];
}

static double do_patterns(struct power_trial *trial, const double *lambda) {
  double logdet = 0;
  for (size_t t = 1; t <= trial->times; t++) {
    struct power_pattern *p = &trial->pattern[t];
    if (p->count == 0) continue;
    logdet += p->count * stats_log(eliminate(lambda, p->g, &p->k));
    struct mat2 gk = sym_product(p->g, p->k);
    p->b = (struct mat2){1 - gk.a, -gk.b, -gk.c, 1 - gk.d};
    p->w = half_sum(product(p->b, as_mat(p->g)));
  }
  return logdet;
}

static double do_kinds(struct power_trial *trial, const double *lambda) {
  double logdet = 0;
  for (size_t i = 0; i < trial->arms; i++) trial->p[i] = (struct sym2){0, 0, 0};
  for (size_t i = 0; i < trial->kinds; i++) {
    struct power_kind *kind = &trial->kind[i];
    kind->s = kind->k = (struct sym2){0, 0, 0};
    for (size_t j = 0; j < kind->cells; j++) {
      const struct power_cell *cell = &trial->cell[kind->first + j];
      kind->s = sym_add(kind->s, cell->count, trial->pattern[cell->sessions].w);
    }
    if (kind->nested) logdet += kind->count * stats_log(eliminate(lambda, kind->s, &kind->k));
    struct mat2 ks = sym_product(kind->k, kind->s);
    kind->h = (struct mat2){1 - ks.a, -ks.b, -ks.c, 1 - ks.d};
    kind->w = half_sum(product(as_mat(kind->s), kind->h));
    trial->p[kind->arm] = sym_add(trial->p[kind->arm], kind->count, kind->w);
  }
  return logdet;
}

/* C = P^-1 by arm; returns sum log|P|, NaN where an arm has no estimate. */
static double do_arms(struct power_trial *trial) {
  double logdet = 0;
  for (size_t i = 0; i < trial->arms; i++) {
    struct sym2 p = trial->p[i];
    double det = p.a * p.c - p.b * p.b;
    if (!(det > 1e-12 * p.a * p.c)) return NAN;
    trial->c[i] = (struct sym2){p.c / det, -p.b / det, p.a / det};
    logdet += stats_log(det);
  }
  return logdet;
}

/* R by cluster, beta by arm, rss. */
static void do_response(struct power_trial *trial) {
  struct vec2 rho[STATS_POWER_ARMS] = {{0, 0}};
  double quad = 0;
  for (size_t i = 0; i < trial->clusters; i++) {
    const struct power_cluster *cluster = &trial->cluster[i];
    const struct power_kind *kind = &trial->kind[cluster->kind];
    struct vec2 r = {0, 0};
    for (size_t j = 0; j < cluster->cells; j++) {
      const struct power_cell *cell = &trial->cell[cluster->first + j];
      struct vec2 bz = times(trial->pattern[cell->sessions].b, cell->z);
      r.x += bz.x;
      r.y += bz.y;
    }
    trial->r[i] = r;
    quad += quadratic(kind->k, r);
    struct vec2 hr = times_t(kind->h, r);
    rho[cluster->arm].x += hr.x;
    rho[cluster->arm].y += hr.y;
  }
  trial->rss = trial->yy - quad;
  for (size_t t = 1; t <= trial->times; t++)
    if (trial->pattern[t].count > 0) trial->rss -= inner(trial->pattern[t].k, trial->pattern[t].zz);
  for (size_t i = 0; i < trial->arms; i++) {
    trial->beta[i] = sym_times(trial->c[i], rho[i]);
    trial->rss -= dot(rho[i], trial->beta[i]);
  }
}

/* What the gradient by D2 gathers from the clusters, by number of sessions. */
struct gathered {
  struct sym2 x, q; /* sum of count (K3 + H C H'); sum of count v v' */
  struct mat2 m;    /* sum of z v' */
};

static struct sym2 derivative_therapists(const struct power_trial *trial, struct gathered *gathered) {
  struct sym2 f = {0, 0, 0};
  for (size_t i = 0; i < trial->kinds; i++) {
    const struct power_kind *kind = &trial->kind[i];
    struct sym2 c = trial->c[kind->arm], x = sym_add(kind->k, 1, sandwich(kind->h, c));
    if (kind->nested) f = sym_add(f, kind->count, sym_add(kind->w, -1, between(kind->w, c)));
    for (size_t j = 0; j < kind->cells; j++) {
      const struct power_cell *cell = &trial->cell[kind->first + j];
      gathered[cell->sessions].x = sym_add(gathered[cell->sessions].x, kind->count * cell->count, x);
    }
  }
  for (size_t i = 0; i < trial->clusters; i++) {
    const struct power_cluster *cluster = &trial->cluster[i];
    const struct power_kind *kind = &trial->kind[cluster->kind];
    struct vec2 beta = trial->beta[cluster->arm], r = trial->r[i];
    struct vec2 g = times_t(kind->h, r), wb = sym_times(kind->w, beta), kr = sym_times(kind->k, r),
                v = times(kind->h, beta);
    g = (struct vec2){g.x - wb.x, g.y - wb.y};
    v = (struct vec2){v.x + kr.x, v.y + kr.y};
    if (kind->nested) f = sym_add(f, -1 / trial->sigma2, outer(g));
    for (size_t j = 0; j < cluster->cells; j++) {
      const struct power_cell *cell = &trial->cell[cluster->first + j];
      struct gathered *own = &gathered[cell->sessions];
      own->q = sym_add(own->q, cell->count, outer(v));
      own->m.a += cell->z.x * v.x;
      own->m.b += cell->z.x * v.y;
      own->m.c += cell->z.y * v.x;
      own->m.d += cell->z.y * v.y;
    }
  }
  return f;
}

static struct sym2 derivative_patients(const struct power_trial *trial, const struct gathered *gathered) {
  struct sym2 f = {0, 0, 0};
  for (size_t t = 1; t <= trial->times; t++) {
    const struct power_pattern *p = &trial->pattern[t];
    if (p->count == 0) continue;
    f = sym_add(sym_add(f, p->count, p->w), -1, between(p->w, gathered[t].x));
    struct sym2 squares = sym_add(sandwich(p->b, p->zz), 1, between(p->w, gathered[t].q));
    squares = sym_add(squares, -2, half_sum(product(product(p->b, gathered[t].m), as_mat(p->w))));
    f = sym_add(f, -1 / trial->sigma2, squares);
  }
  return f;
}

/* dF/dLambda = 2 F_D Lambda, entries a, b, e. */
static void by_lambda(struct sym2 f, const double *lambda, double out[3]) {
  out[0] = 2 * (f.a * lambda[0] + f.b * lambda[1]);
  out[1] = 2 * (f.b * lambda[0] + f.c * lambda[1]);
  out[2] = 2 * f.c * lambda[2];
}

bool power_evaluate(struct power_trial *trial, const double *theta, double *gradient) {
  double lambda[2][3], free_df = trial->n - 2.0 * (double)trial->arms;
  trial->evaluations++;
  read_theta(trial, theta, lambda);
  double logdet = do_patterns(trial, lambda[0]);
  logdet += do_kinds(trial, lambda[1]);
  logdet += do_arms(trial);
  do_response(trial);
  trial->sigma2 = trial->rss / free_df;
  trial->criterion = INFINITY;
  if (!(trial->rss > 1e-14 * trial->yy) || !isfinite(logdet)) return false;
  trial->criterion = logdet + free_df * (1 + LOG_2PI + stats_log(trial->sigma2));
  if (!gradient) return true;
  struct gathered gathered[STATS_POWER_TIMES + 1];
  memset(gathered, 0, (trial->times + 1) * sizeof *gathered);
  double full[2][3];
  by_lambda(derivative_therapists(trial, gathered), lambda[1], full[1]);
  by_lambda(derivative_patients(trial, gathered), lambda[0], full[0]);
  for (size_t i = 0; i < trial->free.count; i++) gradient[i] = full[trial->free.level[i]][trial->free.entry[i]];
  return true;
}

double power_contrast_variance(const struct power_trial *trial, const struct stats_power_design *design) {
  struct vec2 weight = {design->weight[0], design->weight[1]};
  return quadratic(trial->c[design->from], weight) + quadratic(trial->c[design->to], weight);
}

/* ---- the optimum ---- */

void power_inverse(const double *matrix, size_t k, double *inverse) {
  double copy[49], values[7], vectors[49], most = 0;
  memcpy(copy, matrix, k * k * sizeof *copy);
  matrix_eigen(copy, k, values, vectors);
  for (size_t i = 0; i < k; i++)
    if (fabs(values[i]) > most) most = fabs(values[i]);
  memset(inverse, 0, k * k * sizeof *inverse);
  for (size_t e = 0; e < k; e++) {
    if (!(values[e] > 1e-9 * most)) continue;
    for (size_t i = 0; i < k; i++)
      for (size_t j = 0; j < k; j++) inverse[i * k + j] += vectors[i * k + e] * vectors[j * k + e] / values[e];
  }
}

static double largest(const double *x, size_t k) {
  double most = 0;
  for (size_t i = 0; i < k; i++)
    if (!(fabs(x[i]) <= most)) most = fabs(x[i]);
  return most;
}

static double dot_k(const double *x, const double *y, size_t k) {
  double sum = 0;
  for (size_t i = 0; i < k; i++) sum += x[i] * y[i];
  return sum;
}

struct search {
  struct power_trial *trial;
  size_t k;
  double x[6], g[6], next[6], next_g[6], step[6], inverse[36], f;
};

bool power_start_inverse(struct power_trial *trial, const double *theta, double *inverse) {
  double hessian[36], values[6], vectors[36];
  size_t k = trial->free.count;
  if (!power_hessian(trial, theta, NULL, hessian, NULL)) return false;
  matrix_eigen(hessian, k, values, vectors);
  double most = largest(values, k);
  memset(inverse, 0, k * k * sizeof *inverse);
  for (size_t e = 0; e < k; e++) {
    double value = fabs(values[e]) > 1e-4 * most ? fabs(values[e]) : 1e-4 * most;
    if (!(value > 1e-12)) value = 1;
    for (size_t i = 0; i < k; i++)
      for (size_t j = 0; j < k; j++) inverse[i * k + j] += vectors[i * k + e] * vectors[j * k + e] / value;
  }
  return true;
}

static bool fresh_inverse(struct search *s) {
  return power_start_inverse(s->trial, s->x, s->inverse);
}

/* A better point along the step; in the flat bottom, where the criterion is rounded, one with a smaller gradient. */
static bool advance(struct search *s) {
  size_t k = s->k;
  double slope = dot_k(s->g, s->step, k), longest = largest(s->step, k), alpha = longest > 2 ? 2 / longest : 1;
  if (!(slope < 0)) return false;
  for (int tries = 0; tries < 30; tries++) {
    for (size_t i = 0; i < k; i++) s->next[i] = s->x[i] + alpha * s->step[i];
    bool fine = power_evaluate(s->trial, s->next, s->next_g);
    double f = s->trial->criterion;
    if (fine && f <= s->f + 1e-4 * alpha * slope) return true;
    if (fine && f <= s->f + 1e-12 * fabs(s->f) && largest(s->next_g, k) < largest(s->g, k)) return true;
    double parabola = fine ? -slope * alpha * alpha / (2 * (f - s->f - slope * alpha)) : 0;
    alpha = parabola > 0.1 * alpha && parabola < 0.6 * alpha ? parabola
            : parabola >= 0.6 * alpha                        ? 0.6 * alpha
                                                             : 0.1 * alpha;
  }
  return false;
}

/* Takes the point, and updates the inverse Hessian (Nocedal & Wright 2006, equation 6.17). */
static void accept(struct search *s) {
  size_t k = s->k;
  double d[6], y[6], hy[6];
  for (size_t i = 0; i < k; i++) {
    d[i] = s->next[i] - s->x[i];
    y[i] = s->next_g[i] - s->g[i];
  }
  memcpy(s->x, s->next, sizeof s->x);
  memcpy(s->g, s->next_g, sizeof s->g);
  s->f = s->trial->criterion;
  double dy = dot_k(d, y, k);
  if (!(dy > 1e-10 * sqrt(dot_k(d, d, k) * dot_k(y, y, k)))) return;
  for (size_t i = 0; i < k; i++) hy[i] = dot_k(s->inverse + i * k, y, k);
  double yhy = dot_k(y, hy, k);
  for (size_t i = 0; i < k; i++)
    for (size_t j = 0; j < k; j++)
      s->inverse[i * k + j] += (1 + yhy / dy) * d[i] * d[j] / dy - (hy[i] * d[j] + d[i] * hy[j]) / dy;
}

/* Where a variance vanishes beside a correlation, the criterion is a flat curved valley (it depends on b^2 + e^2 alone
 * as a goes to 0) along which the gradient falls slowly. It is the bottom when no Newton step would gain 1e-6. */
static bool lies_at_bottom(struct search *s) {
  if (!(largest(s->g, s->k) < 1e-2) || !fresh_inverse(s)) return false;
  double gain = 0;
  for (size_t i = 0; i < s->k; i++) gain += 0.5 * s->g[i] * dot_k(s->inverse + i * s->k, s->g, s->k);
  return gain < 1e-6;
}

bool power_fit(struct power_trial *trial, double *theta, const double *inverse) {
  struct search s = {.trial = trial, .k = trial->free.count};
  size_t k = s.k;
  memcpy(s.x, theta, k * sizeof *theta);
  if (!power_evaluate(trial, s.x, s.g)) return false;
  s.f = trial->criterion;
  if (inverse)
    memcpy(s.inverse, inverse, k * k * sizeof *inverse);
  else if (k && !fresh_inverse(&s))
    return false;
  bool fresh = !inverse;
  for (int i = 0; i < ITERATIONS && largest(s.g, k) > GRADIENT_GOAL; i++) {
    for (size_t j = 0; j < k; j++) s.step[j] = -dot_k(s.inverse + j * k, s.g, k);
    if (advance(&s)) {
      accept(&s);
      fresh = false;
    } else if (fresh || !fresh_inverse(&s)) {
      break;
    } else {
      fresh = true;
    }
  }
  memcpy(theta, s.x, k * sizeof *theta);
  return (largest(s.g, k) < GRADIENT_GOAL || lies_at_bottom(&s)) && power_evaluate(trial, theta, NULL);
}

bool power_hessian(struct power_trial *trial, const double *theta, const struct stats_power_design *design,
                   double *hessian, double *variance_gradient) {
  size_t k = trial->free.count;
  double at[6], up[6], down[6];
  memcpy(at, theta, k * sizeof *at);
  for (size_t i = 0; i < k; i++) {
    at[i] = theta[i] + DIFFERENCE;
    if (!power_evaluate(trial, at, up)) return false;
    double variance = design ? trial->sigma2 * power_contrast_variance(trial, design) : 0;
    at[i] = theta[i] - DIFFERENCE;
    if (!power_evaluate(trial, at, down)) return false;
    if (design)
      variance_gradient[i] = (variance - trial->sigma2 * power_contrast_variance(trial, design)) / (2 * DIFFERENCE);
    at[i] = theta[i];
    for (size_t j = 0; j < k; j++) hessian[i * k + j] = (up[j] - down[j]) / (2 * DIFFERENCE);
  }
  for (size_t i = 0; i < k; i++)
    for (size_t j = 0; j < i; j++)
      hessian[i * k + j] = hessian[j * k + i] = 0.5 * (hessian[i * k + j] + hessian[j * k + i]);
  return true;
}

void power_true_theta(const struct power_trial *trial, const struct stats_power_design *design, double scale,
                      double *theta) {
  const struct stats_level *level[2] = {&design->patient, &design->therapist};
  for (size_t i = 0; i < trial->free.count; i++) {
    const struct stats_level *own = level[trial->free.level[i]];
    double a = sqrt(own->intercept), b = a > 0 ? own->covariance / a : 0, e2 = own->slope - b * b;
    double entry[3] = {a, b, e2 > 0 ? sqrt(e2) : 0};
    theta[i] = entry[trial->free.entry[i]] * scale / sqrt(design->residual);
  }
}
