/* The posterior against brute force: every episode, depth and way to notice written out as a dense Gaussian likelihood
 * in long double, on thousands of random small series. Nothing of the engine is used but its inputs and outputs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "alliance/engine.h"
#include "attune/stats_random.h"

#define MOST 9
typedef long double real;

struct problem {
  struct alliance_estimate estimate;
  struct alliance_design design;
  struct alliance_session sessions[MOST];
};

struct answer {
  real begun, repaired, part[3], dip, calm, total;
  real begins[MOST], returns[MOST], profile[ALLIANCE_RATERS][MOST], noticed[ALLIANCE_RATERS][MOST];
  real depth[ALLIANCE_RATERS][ALLIANCE_CLASSES][ALLIANCE_DEPTHS], shape[ALLIANCE_SHAPES];
};

/* ---- the shapes, from their description in docs/detection.md ---- */

struct steps {
  int shape, j, k, l; /* after the onset; 1000: never */
  real share;
};

static int all_steps(struct steps *out) {
  int n = 0;
  for (int length = 1; length <= 3; length++) out[n++] = (struct steps){length - 1, 0, length, length, 1};
  real left = 1;
  for (int length = 4; length < 40; length++, left *= 0.7L)
    out[n++] = (struct steps){3, 0, length, length, 0.3L * left};
  out[n++] = (struct steps){3, 0, 1000, 1000, left};
  out[n++] = (struct steps){4, 0, 1000, 1000, 1};
  static const int halves[7] = {0, 0, 1, 2, 2, 3, 3};
  for (int length = 2; length <= 6; length++) out[n++] = (struct steps){5, halves[length], length, length, 0.2L};
  for (int length = 2; length <= 6; length++) out[n++] = (struct steps){6, 0, length - halves[length], length, 0.2L};
  for (int length = 3; length <= 6; length++) {
    int half = length == 6 ? 2 : 1;
    out[n++] = (struct steps){7, half, length - half, length, 0.25L};
  }
  for (int gap = 1; gap <= 3; gap++) out[n++] = (struct steps){8, gap, 1000, 1000, 1.0L / 3};
  for (int length = 1; length <= 3; length++) out[n++] = (struct steps){9, 0, length, 1000, 1.0L / 3};
  return n;
}

/* ---- dense Gaussian likelihood ---- */

struct dense {
  int n, at[MOST];         /* rated sessions of the prefix */
  real factor[MOST][MOST]; /* Cholesky of V */
};

static void dense_build(struct dense *d, const struct problem *p, int rater, int t) {
  const struct alliance_rater_estimate *r = &p->estimate.rater[rater];
  real v[MOST][MOST];
  d->n = 0;
  for (int s = 0; s < t; s++)
    if (p->design.rated[rater] >> s & 1) d->at[d->n++] = s;
  for (int a = 0; a < d->n; a++)
    for (int b = 0; b < d->n; b++) {
      real ta = (real)p->design.time[d->at[a]] - p->estimate.time_origin;
      real tb = (real)p->design.time[d->at[b]] - p->estimate.time_origin;
      real l = r->level_sd, s = r->slope_sd, gap = fabsl(ta - tb);
      real residual = a == b ? 1 : r->autocorrelation > 0 ? powl(r->autocorrelation, gap) : 0;
      v[a][b] = l * l + r->level_slope_correlation * l * s * (ta + tb) + s * s * ta * tb +
                (real)r->residual_sd * r->residual_sd * residual;
    }
  for (int a = 0; a < d->n; a++)
    for (int b = 0; b <= a; b++) {
      real sum = v[a][b];
      for (int c = 0; c < b; c++) sum -= d->factor[a][c] * d->factor[b][c];
      d->factor[a][b] = a == b ? sqrtl(sum) : sum / d->factor[b][b];
    }
}

/* -x'V^-1 x / 2 for the ratings less their mean plus depth times s w. */
static real dense_log(const struct dense *d, const struct problem *p, int rater, const real *w, real depth) {
  const struct alliance_rater_estimate *r = &p->estimate.rater[rater];
  real z[MOST], sum = 0;
  for (int a = 0; a < d->n; a++) {
    int s = d->at[a];
    real x = (real)p->sessions[s].rating[rater] - r->level -
             (real)r->slope * ((real)p->design.time[s] - p->estimate.time_origin) + depth * r->residual_sd * w[s];
    for (int c = 0; c < a; c++) x -= d->factor[a][c] * z[c];
    z[a] = x / d->factor[a][a];
    sum += z[a] * z[a];
  }
  return -sum / 2;
}

static real reports_log(const struct problem *p, int rater, int from, int until) {
  const struct alliance_rater_estimate *r = &p->estimate.rater[rater];
  real sum = 0;
  for (int s = from; s < until; s++) {
    int8_t said = p->sessions[s].reported[rater];
    if (said < 0 || !p->estimate.reports) continue;
    sum += said ? logl((real)r->report_in_tension / r->report_otherwise)
                : logl((1 - (real)r->report_in_tension) / (1 - (real)r->report_otherwise));
  }
  return sum;
}

static void brute(struct answer *a, const struct problem *p, int t) {
  const struct alliance_estimate *e = &p->estimate;
  const bool used[2] = {e->rater[0].used, e->rater[1].used};
  struct steps steps[80];
  struct dense dense[2];
  int count = all_steps(steps), n = p->design.count;
  real zero[MOST] = {0}, none[2] = {0};
  *a = (struct answer){0};
  for (int r = 0; r < 2; r++)
    if (used[r]) {
      dense_build(&dense[r], p, r, t);
      none[r] = dense_log(&dense[r], p, r, zero, 0);
    }
  a->calm = 1 - (n > 1 ? e->prevalence / (n - 1) * (t - 1) : 0);
  for (int i = 1; i < t; i++)
    for (int m = 0; m < count; m++) {
      const struct steps *x = &steps[m];
      int class = x->shape == 0 ? 0 : x->shape == 3 || x->shape == 4 || x->shape == 8 ? 2 : 1;
      real w[MOST], ratio[2][ALLIANCE_DEPTHS], sum[2] = {0, 0}, first[2] = {0, 0};
      int k = i + x->k < t ? i + x->k : t;
      for (int s = 0; s < t; s++) w[s] = ((s >= i) + (s >= i + x->j) - (s >= i + x->k) - (s >= i + x->l)) / 2.0L;
      for (int r = 0; r < 2; r++)
        for (int d = 0; used[r] && d < ALLIANCE_DEPTHS; d++) {
          real depth = d == 4 ? 6 : d + 1;
          ratio[r][d] =
              e->depth[class][d] * expl(dense_log(&dense[r], p, r, w, depth) - none[r] + reports_log(p, r, i, k));
          sum[r] += ratio[r][d];
          first[r] += depth * ratio[r][d];
        }
      real prior = (real)e->prevalence / (n - 1) * e->shape[x->shape] * x->share;
      real both = 0, only[2] = {0, 0};
      if (used[0] && used[1]) {
        both = prior * e->perceived[0] * sum[0] * sum[1];
        only[0] = prior * e->perceived[1] * sum[0];
        only[1] = prior * e->perceived[2] * sum[1];
      } else {
        only[used[1]] = prior * sum[used[1]];
      }
      real all = both + only[0] + only[1];
      a->begun += all;
      a->part[0] += both;
      a->part[1] += only[0];
      a->part[2] += only[1];
      a->shape[x->shape] += all;
      a->begins[i] += all;
      if (k < t) {
        a->repaired += all;
        a->returns[k] += all;
      }
      for (int r = 0; r < 2; r++) {
        if (!used[r]) continue;
        real weight = used[0] && used[1] ? prior * (e->perceived[0] * sum[!r] + e->perceived[1 + r]) : prior;
        for (int s = 0; s < t; s++) {
          a->profile[r][s] += weight * first[r] * w[s];
          if (s >= i && s < k) a->noticed[r][s] += weight * sum[r];
        }
        for (int d = 0; d < ALLIANCE_DEPTHS; d++) a->depth[r][class][d] += weight * ratio[r][d];
      }
    }
  a->total = a->calm + a->begun;
  a->dip = a->profile[used[0] ? 0 : 1][t - 1];
}

/* The logarithm of the density of the first t sessions' ratings without a tension, but for a constant. */
static real calm_log(const struct problem *p, int t) {
  real zero[MOST] = {0}, sum = 0;
  for (int r = 0; r < 2; r++) {
    struct dense dense;
    if (!p->estimate.rater[r].used) continue;
    dense_build(&dense, p, r, t);
    sum += dense_log(&dense, p, r, zero, 0);
    for (int a = 0; a < dense.n; a++) sum -= logl(dense.factor[a][a]);
  }
  return sum;
}

/* Patients whose own s differ: every node by itself, weighted by how likely the ratings are there. */
static void brute_spread(struct answer *out, const struct problem *p, int t) {
  double place[NODES_MAX], share[NODES_MAX];
  int nodes = nodes_find(place, share, p->estimate.spread);
  real most = 0;
  *out = (struct answer){0};
  for (int k = nodes - 1; k >= 0; k--) { /* from the widest, where no ratings are very unlikely */
    struct problem own = *p;
    struct answer one;
    real scale = expl((real)p->estimate.spread * place[k]);
    own.estimate.spread = 0;
    for (int r = 0; r < 2; r++) own.estimate.rater[r].residual_sd = (double)(scale * p->estimate.rater[r].residual_sd);
    brute(&one, &own, t);
    real at = calm_log(&own, t);
    if (k == nodes - 1) most = at;
    real weight = share[k] * expl(at - most);
    out->total += weight * one.total;
    out->calm += weight * one.calm;
    out->begun += weight * one.begun;
    out->repaired += weight * one.repaired;
    out->dip += weight * scale * one.dip;
    for (int m = 0; m < 3; m++) out->part[m] += weight * one.part[m];
    for (int s = 0; s < t; s++) out->begins[s] += weight * one.begins[s];
  }
}

/* ---- random problems ---- */

static void shares(struct stats_stream *s, double *out, int count) {
  double sum = 0;
  for (int k = 0; k < count; k++) sum += out[k] = 0.05 + stats_random_uniform(s);
  for (int k = 0; k < count; k++) out[k] /= sum;
}

static void make_problem(struct problem *p, struct stats_stream *s, bool extreme) {
  int who = (int)stats_random_below(s, 3), n = 2 + (int)stats_random_below(s, MOST - 1);
  *p = (struct problem){.estimate = alliance_estimate_default(5, 1, 1, 6)};
  struct alliance_estimate *e = &p->estimate;
  e->time_origin = 3 * stats_random_uniform(s);
  e->prevalence = 0.05 + 0.9 * stats_random_uniform(s);
  for (int c = 0; c < ALLIANCE_CLASSES; c++) shares(s, e->depth[c], ALLIANCE_DEPTHS);
  shares(s, e->shape, ALLIANCE_SHAPES);
  shares(s, e->perceived, 3);
  bool even = stats_random_below(s, 2), reports = stats_random_below(s, 2);
  double time = 0;
  for (int r = 0; r < 2; r++) {
    struct alliance_rater_estimate *x = &e->rater[r];
    x->used = who == 2 || who == r;
    x->level = 5 + stats_random_normal(s);
    x->slope = 0.2 * stats_random_normal(s);
    x->level_sd = 2 * stats_random_uniform(s);
    x->slope_sd = stats_random_below(s, 3) ? 0.2 * stats_random_uniform(s) : 0;
    x->level_slope_correlation = 1.8 * stats_random_uniform(s) - 0.9;
    x->residual_sd = 0.3 + stats_random_uniform(s);
    x->autocorrelation = stats_random_below(s, 2) ? 0.8 * stats_random_uniform(s) : 0;
    x->report_in_tension = 0.3 + 0.6 * stats_random_uniform(s);
    x->report_otherwise = 0.25 * stats_random_uniform(s) + 0.01;
  }
  for (int t = 0; t < n; t++) {
    struct alliance_session *x = &p->sessions[t];
    x->time = time += even ? 1 : 0.3 + 2 * stats_random_uniform(s);
    for (int r = 0; r < 2; r++) {
      x->rated[r] = e->rater[r].used && stats_random_below(s, 4);
      x->rating[r] = 5 + stats_random_normal(s) * (extreme ? 40 : 1.5);
      x->reported[r] = reports && e->rater[r].used ? (int8_t)(stats_random_below(s, 3)) - 1 : -1;
    }
  }
  struct alliance_series series = {p->sessions, n};
  p->design = alliance_design_of(&series);
}

/* Shares agree to 1e-9 of the larger; exponents of extreme series are of the order of 1e4, which costs digits. */
static void same(double got, real want, bool extreme) {
  real scale = fabsl(want) > 1e-3L ? fabsl(want) : 1e-3L;
  if (!(fabsl(got - want) <= (extreme ? 1e-6L : 1e-10L) * scale)) {
    print_error("got %.17g, want %.17Lg\n", got, want);
    fail();
  }
}

static void *memory;
static size_t bytes;

static int start(void **state) {
  (void)state;
  bytes = plan_memory(MOST, ALLIANCE_ONLINE) + plan_memory(MOST, ALLIANCE_HINDSIGHT);
  memory = malloc(bytes);
  return memory ? 0 : 1;
}

static int stop(void **state) {
  (void)state;
  free(memory);
  return 0;
}

static void check_online(const struct problem *p, int lane, bool extreme) {
  static struct ratings ratings;
  struct room room = room_in(memory, bytes);
  struct plan plan;
  struct verdict v;
  struct answer a;
  assert_true(plan_build(&plan, &room, &p->estimate, &p->design, ALLIANCE_ONLINE, true));
  memset(&ratings, 0, sizeof ratings);
  ratings_set(&ratings, lane, &p->estimate, p->sessions, p->design.count);
  for (int t = 1; t <= p->design.count; t++) {
    posterior_prefix(&v, &plan, t - 1, &ratings);
    brute(&a, p, t);
    same(v.begun[lane], a.begun / a.total, extreme);
    same(v.repaired[lane], a.repaired / a.total, extreme);
    same(v.dip[lane], a.dip / a.total, extreme);
    for (int k = 0; k < 3; k++) same(v.part[k][lane], a.part[k] / a.total, extreme);
    if (a.begun / a.calm < 1e12L) same(v.odds[lane] / (double)(1 + a.begun / a.calm), a.begun / a.total, extreme);
  }
}

static void check_spread(struct problem *p, struct stats_stream *stream) {
  static struct ratings ratings;
  static struct whole whole, work;
  struct plan plan;
  struct verdict v;
  struct answer a = {0};
  int n = p->design.count;
  p->estimate.spread = 0.06 + stats_random_uniform(stream);
  struct room room = room_in(memory, bytes);
  assert_true(plan_build(&plan, &room, &p->estimate, &p->design, ALLIANCE_ONLINE, true));
  assert_int_equal(plan.nodes, NODES_MAX);
  memset(&ratings, 0, sizeof ratings);
  ratings_set(&ratings, 3, &p->estimate, p->sessions, n);
  for (int t = 1; t <= n; t++) {
    posterior_prefix(&v, &plan, t - 1, &ratings);
    brute_spread(&a, p, t);
    same(v.begun[3], a.begun / a.total, false);
    same(v.repaired[3], a.repaired / a.total, false);
    same(v.dip[3], a.dip / a.total, false);
    for (int k = 0; k < 3; k++) same(v.part[k][3], a.part[k] / a.total, false);
  }
  room = room_in(memory, bytes);
  assert_true(plan_build(&plan, &room, &p->estimate, &p->design, ALLIANCE_HINDSIGHT, true));
  posterior_whole(&whole, &work, &plan, &ratings);
  same(whole.verdict.begun[3], a.begun / a.total, false);
  for (int t = 0; t < n; t++) same(whole.begins[t][3], a.begins[t] / a.total, false);
}

static void unequal_spreads(void **state) {
  (void)state;
  struct stats_stream stream;
  stats_stream_init(&stream, 12, 0, 0, 0);
  for (int k = 0; k < 300; k++) {
    struct problem p;
    make_problem(&p, &stream, false);
    if (p.design.count > 7) continue;
    check_spread(&p, &stream);
  }
}

static void check_whole(const struct problem *p, int lane, bool extreme) {
  static struct ratings ratings;
  static struct whole w, seen;
  struct room room = room_in(memory, bytes);
  struct plan plan;
  struct answer a;
  int n = p->design.count;
  assert_true(plan_build(&plan, &room, &p->estimate, &p->design, ALLIANCE_HINDSIGHT, false));
  memset(&ratings, 0, sizeof ratings);
  ratings_set(&ratings, lane, &p->estimate, p->sessions, n);
  posterior_node(&seen, &plan, &plan.node[0], &ratings, false);
  posterior_node(&w, &plan, &plan.node[0], &ratings, true);
  /* What is seen does not depend on learning from it. */
  assert_memory_equal(&seen.verdict, &w.verdict, sizeof w.verdict);
  assert_memory_equal(seen.begins, w.begins, sizeof w.begins);
  assert_memory_equal(seen.returns, w.returns, sizeof w.returns);
  assert_memory_equal(seen.dip, w.dip, sizeof w.dip);
  assert_memory_equal(seen.likeliest, w.likeliest, sizeof w.likeliest);
  brute(&a, p, n);
  same(w.verdict.begun[lane], a.begun / a.total, extreme);
  same(w.verdict.repaired[lane], a.repaired / a.total, extreme);
  if (isfinite((double)a.total)) same(w.log_ratio[lane], logl(a.total), extreme);
  for (int t = 0; t < n; t++) {
    same(w.begins[t][lane], a.begins[t] / a.total, extreme);
    same(w.returns[t][lane], a.returns[t] / a.total, extreme);
    for (int r = 0; r < 2; r++) {
      same(w.dip[r][t][lane], a.profile[r][t] / a.total, extreme);
      same(w.noticed[r][t][lane], a.noticed[r][t] / a.total, extreme);
    }
  }
  for (int k = 0; k < ALLIANCE_SHAPES; k++) same(w.shape[k][lane], a.shape[k] / a.total, extreme);
  for (int r = 0; r < 2; r++)
    for (int c = 0; c < ALLIANCE_CLASSES; c++)
      for (int d = 0; d < ALLIANCE_DEPTHS; d++) same(w.depth[r][c][d][lane], a.depth[r][c][d] / a.total, extreme);
}

static void random_series(void **state) {
  (void)state;
  struct stats_stream s;
  struct problem p;
  stats_stream_init(&s, 20261123, 1, 2, 3);
  for (int trial = 0; trial < 1500; trial++) {
    make_problem(&p, &s, false);
    check_online(&p, trial % LANES, false);
    check_whole(&p, (trial + 3) % LANES, false);
  }
}

/* Ratings that are forty times too far off: products would overflow, the careful way must not. */
static void extreme_series(void **state) {
  (void)state;
  struct stats_stream s;
  struct problem p;
  stats_stream_init(&s, 20261123, 4, 5, 6);
  for (int trial = 0; trial < 300; trial++) {
    make_problem(&p, &s, true);
    check_online(&p, trial % LANES, true);
    check_whole(&p, (trial + 3) % LANES, true);
  }
}

static void exponentials(void **state) {
  (void)state;
  struct stats_stream s;
  stats_stream_init(&s, 1, 7, 8, 9);
  for (int trial = 0; trial < 20000; trial++) {
    double x = 1400 * stats_random_uniform(&s) - 700;
    lanes y = lanes_exp(lanes_of(x));
    long double want = expl((long double)x);
    assert_true(fabsl(y[trial % LANES] - want) <= 4e-16L * want);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(exponentials),
                                     cmocka_unit_test_setup_teardown(random_series, start, stop),
                                     cmocka_unit_test_setup_teardown(extreme_series, start, stop),
                                     cmocka_unit_test_setup_teardown(unequal_spreads, start, stop)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
