/* The exact posterior over no episode and every episode, eight patients at a time.
 *
 * With y = W r (r: residuals in units of s) and U_p = sum over t >= p of y_t, an episode of depth d has the likelihood
 * ratio exp(-d w'y - d^2 q / 2), and w'y = (U_i + U_j - U_k - U_l) / 2. So with F_p = exp(U_p / 2) the ratio for
 * every depth is a power of F_k F_l / (F_i F_j): t exponentials a prefix, products for all the rest. Where such
 * products could leave the range of a double, the same sums are made of exponentials less their largest exponent. */
#include <math.h>

#include "alliance/engine.h"
#include "attune/stats_math.h"

#define PRODUCT_MAX 600.0 /* largest exponent that the products may reach */

/* One rater's side of eight patients at one prefix. */
struct side {
  lanes fall[PAIRS_MAX], back[PAIRS_MAX];                                 /* 1 / (F_i F_j), F_k F_l */
  lanes begin[ALLIANCE_SESSIONS_MAX + 1], end[ALLIANCE_SESSIONS_MAX + 1]; /* the same of reports */
  lanes u[ALLIANCE_SESSIONS_MAX + 1], reported[ALLIANCE_SESSIONS_MAX + 1];
  lanes largest;   /* bound on the exponents */
  lanes quadratic; /* r'W r */
  lanes worked[ALLIANCE_SESSIONS_MAX];
  const double (*depth)[ALLIANCE_DEPTHS], (*weight)[ALLIANCE_DEPTHS];
  const double *q;
  const double (*share)[ALLIANCE_DEPTHS];
};

LANES_INLINE lanes lanes_abs_max(lanes a, lanes b) {
  return lanes_larger(a, lanes_larger(b, -b));
}

LANES_INLINE void level_of(lanes level[2], const struct gain *gain, int sessions, const lanes *residual) {
  lanes a = lanes_of(0), b = lanes_of(0);
  for (int s = 0; s < sessions; s++) {
    a += residual[s] * gain->row[s][0];
    b += residual[s] * gain->row[s][1];
  }
  level[0] = a;
  level[1] = b;
}

#define ROUNDS 4

LANES_INLINE void work_any(lanes *residual, const struct constants *c, const struct gain *gain, int sessions) {
  lanes level[2], given[ALLIANCE_SESSIONS_MAX];
  for (int s = 0; s < sessions; s++) given[s] = residual[s];
  for (int round = 0; round < ROUNDS; round++) {
    level_of(level, gain, sessions, residual);
    for (int s = 0; s < sessions; s++) {
      if (!(c->rated >> s & 1)) continue;
      lanes mean = level[0] + level[1] * c->time[s], own = given[s] - mean;
      residual[s] = mean + lanes_smaller(lanes_larger(own, lanes_of(-c->most)), lanes_of(c->most));
    }
  }
}

LANES_CLONES void residuals_work(lanes *residual, const struct constants *c, const struct gain *gain, int sessions) {
  work_any(residual, c, gain, sessions);
}

LANES_CLONES void posterior_level(lanes level[2], const struct constants *c, const struct gain *gain, int sessions,
                                  const lanes *residual) {
  lanes worked[ALLIANCE_SESSIONS_MAX];
  for (int s = 0; s < sessions; s++) worked[s] = residual[s] * c->inverse;
  if (c->most < 1e299) work_any(worked, c, gain, sessions);
  level_of(level, gain, sessions, worked);
  level[0] *= c->scale;
  level[1] *= c->scale;
}

/* y = K (r - Z level) in units of the node's own s, summed from the end into u. */
LANES_INLINE void side_sums(struct side *side, const struct constants *c, const struct gain *gain, int t,
                            const struct ratings *ratings, enum alliance_rater rater) {
  /* cppcheck-suppress ctuuninitvar -- the place of an array is taken, not what is in it yet */
  lanes level[2], y[ALLIANCE_SESSIONS_MAX], e[ALLIANCE_SESSIONS_MAX], *residual = side->worked;
  for (int s = 0; s < t; s++) residual[s] = ratings->residual[rater][s] * c->inverse;
  if (c->most < 1e299) work_any(residual, c, gain, t);
  level_of(level, gain, t, residual);
  int last = -1;
  for (int s = 0; s < t; s++) {
    y[s] = lanes_of(0);
    if (!(c->rated >> s & 1)) continue;
    e[s] = residual[s] - level[0] - level[1] * c->time[s];
    y[s] = e[s] * c->diagonal[s];
    if (c->previous[s] >= 0) {
      y[s] += e[(int)c->previous[s]] * c->before[s];
      y[(int)c->previous[s]] += e[s] * c->before[s];
    }
    last = s;
  }
  if (last >= 0) y[last] += e[last] * (c->last[last] - c->diagonal[last]);
  side->quadratic = lanes_of(0);
  for (int s = 0; s < t; s++) side->quadratic += residual[s] * y[s];
  lanes u = lanes_of(0), reported = lanes_of(0), u_largest = u, reported_largest = u;
  side->u[t] = u;
  side->reported[t] = reported;
  for (int s = t - 1; s >= 0; s--) {
    u += y[s];
    side->u[s] = u;
    u_largest = lanes_abs_max(u_largest, u);
    if (c->reports) reported += ratings->report[rater][s];
    side->reported[s] = reported;
    reported_largest = lanes_abs_max(reported_largest, reported);
  }
  side->largest = u_largest * 12.0 + reported_largest * 2.0;
}

LANES_CLONES void posterior_sums(lanes *u, const struct constants *c, const struct gain *gain, int t,
                                 const struct ratings *ratings, enum alliance_rater rater) {
  struct side side;
  side_sums(&side, c, gain, t, ratings, rater);
  memcpy(u, side.u, (size_t)(t + 1) * sizeof *u);
}

LANES_INLINE void side_factors(struct side *side, const struct prefix *prefix, bool reports) {
  lanes up[ALLIANCE_SESSIONS_MAX + 1], down[ALLIANCE_SESSIONS_MAX + 1]; /* F and 1/F */
  for (int s = 0; s <= prefix->sessions; s++) {
    up[s] = lanes_exp(side->u[s] * 0.5);
    down[s] = 1.0 / up[s];
    if (!reports) continue;
    side->begin[s] = lanes_exp(side->reported[s]);
    side->end[s] = 1.0 / side->begin[s];
  }
  /* cppcheck-suppress uninitvar -- pairs name sessions of the prefix or its end, all of which are set above */
  for (int p = 0; p < prefix->falls; p++) side->fall[p] = down[prefix->fall[p].a] * down[prefix->fall[p].b];
  /* cppcheck-suppress uninitvar -- the same */
  for (int p = 0; p < prefix->backs; p++) side->back[p] = up[prefix->back[p].a] * up[prefix->back[p].b];
}

LANES_INLINE lanes episode_exponent(const struct side *side, const struct episode *e) {
  return ((side->u[e->k] + side->u[e->l]) - (side->u[e->i] + side->u[e->j])) * 0.5;
}

LANES_INLINE lanes lanes_exp_down(lanes x) {
  return lanes_exp(lanes_larger(x, lanes_of(-700.0)));
}

/* The largest exponent of an episode over its depths. */
LANES_INLINE lanes episode_peak(const struct side *side, const struct episode *e, int h) {
  lanes g = episode_exponent(side, e), peak = lanes_of(-1e300);
  for (int d = 0; d < ALLIANCE_DEPTHS; d++)
    peak = lanes_larger(peak, g * episode_depths[d] - 0.5 * episode_depths[d] * episode_depths[d] * side->q[h]);
  return peak + (side->reported[e->i] - side->reported[e->k]);
}

/* term[d]: likelihood ratio with depth d times the share of d, less its peak's exponent when careful. */
LANES_INLINE void side_terms(lanes term[ALLIANCE_DEPTHS], lanes *peak, const struct side *side, const struct episode *e,
                             int h, bool reports, bool careful) {
  if (careful) {
    lanes g = episode_exponent(side, e), report = side->reported[e->i] - side->reported[e->k];
    *peak = episode_peak(side, e, h);
    for (int d = 0; d < ALLIANCE_DEPTHS; d++) {
      lanes x = g * episode_depths[d] - 0.5 * episode_depths[d] * episode_depths[d] * side->q[h];
      term[d] = lanes_exp_down((x + report) - *peak) * side->share[h][d];
    }
    return;
  }
  lanes x = side->fall[e->fall] * side->back[e->back];
  lanes r = x;
  if (reports) r = x * (side->begin[e->i] * side->end[e->k]);
  const double *c = side->depth[h];
  lanes xx = x * x;
  term[0] = r * c[0];
  term[1] = (r * x) * c[1];
  term[2] = (r * xx) * c[2];
  term[3] = (r * x * xx) * c[3];
  term[4] = (r * x * xx * xx) * c[4];
}

LANES_INLINE lanes terms_sum(const lanes term[ALLIANCE_DEPTHS]) {
  return ((term[0] + term[1]) + (term[2] + term[3])) + term[4];
}

LANES_INLINE lanes terms_first(const lanes term[ALLIANCE_DEPTHS]) {
  return ((term[0] + 2.0 * term[1]) + (3.0 * term[2] + 4.0 * term[3])) + 6.0 * term[4];
}

LANES_INLINE lanes terms_second(const lanes term[ALLIANCE_DEPTHS]) {
  return ((term[0] + 4.0 * term[1]) + (9.0 * term[2] + 16.0 * term[3])) + 36.0 * term[4];
}

LANES_CLONES static void side_prepare(struct side *side, const struct constants *c, const struct gain *gain, int t,
                                      const struct ratings *ratings, enum alliance_rater rater) {
  side_sums(side, c, gain, t, ratings, rater);
  side->depth = (const double(*)[ALLIANCE_DEPTHS])c->depth;
  side->weight = (const double(*)[ALLIANCE_DEPTHS])c->weight;
  side->q = c->q;
}

LANES_CLONES static void side_finish(struct side *side, const struct prefix *prefix, bool reports) {
  side_factors(side, prefix, reports);
}

/* Weights of the three ways to notice and of no episode, all less one exponent when careful. */
struct weights {
  lanes both, only[ALLIANCE_RATERS], calm, shift;
  lanes density; /* log of the likelihood of no episode times the node's share */
};

static bool any_above(lanes x, double limit) {
  bool above = false;
  for (int u = 0; u < LANES; u++) above |= !(x[u] <= limit);
  return above;
}

/* The shift: the largest exponent of any episode, however noticed, but at least 0, that of no episode. */
LANES_CLONES static void weights_set(struct weights *w, const struct plan *plan, const struct prefix *prefix,
                                     const struct side *side, bool careful) {
  lanes shift = lanes_of(0);
  for (int h = prefix->first; careful && h < prefix->end[KIND_RETURNED]; h++) {
    const struct episode *e = &plan->episodes.episode[h];
    lanes a = episode_peak(&side[0], e, h);
    shift = lanes_larger(shift, a);
    if (plan->raters < 2) continue;
    lanes b = episode_peak(&side[1], e, h);
    shift = lanes_larger(shift, lanes_larger(b, a + b));
  }
  w->shift = shift;
  w->both = lanes_of(plan->perceived[0]);
  w->only[0] = lanes_of(plan->perceived[1]);
  w->only[1] = lanes_of(plan->perceived[2]);
  w->calm = lanes_exp_down(lanes_of(0) - shift) * prefix->calm;
}

/* The weights of one episode: its terms are less its peaks. */
LANES_INLINE struct weights weights_at(const struct weights *w, lanes a, lanes b, bool two, bool careful) {
  struct weights here = *w;
  if (!careful) return here;
  lanes first = lanes_exp_down(a - w->shift);
  here.only[0] = two ? first * w->only[0] : first;
  if (!two) return here;
  here.only[1] = lanes_exp_down(b - w->shift) * w->only[1];
  here.both = lanes_exp_down((a + b) - w->shift) * w->both;
  return here;
}

LANES_CLONES static void density_add(lanes *density, const struct side *side, const struct gain *gain) {
  *density += gain->density - 0.5 * side->quadratic;
}

/* Prepares the sides of a prefix; true when the careful way is needed. */
static bool sides_prepare(struct side side[ALLIANCE_RATERS], struct weights *w, const struct plan *plan,
                          const struct node *node, int p, const struct ratings *ratings) {
  const struct prefix *prefix = &plan->episodes.prefix[p];
  lanes largest = lanes_of(0);
  w->density = lanes_of(node->log_share);
  for (int n = 0; n < plan->raters; n++) {
    enum alliance_rater r = plan->raters > 1 ? (enum alliance_rater)n : plan->first;
    const struct gain *gain = &node->rater[r].gain[p];
    side_prepare(&side[n], &node->rater[r], gain, prefix->sessions, ratings, r);
    density_add(&w->density, &side[n], gain);
    side[n].share = (const double(*)[ALLIANCE_DEPTHS])plan->episodes.share;
    largest += side[n].largest;
  }
  bool careful = any_above(largest, PRODUCT_MAX);
  for (int n = 0; n < plan->raters; n++) {
    enum alliance_rater r = plan->raters > 1 ? (enum alliance_rater)n : plan->first;
    if (!careful) side_finish(&side[n], prefix, plan->rater[r].reports);
  }
  weights_set(w, plan, prefix, side, careful);
  return careful;
}

/* ---- online: sums of one prefix ---- */

struct sums {
  lanes calm;
  lanes total[KINDS]; /* by kind of episode; over all ways to notice */
  lanes both, only[ALLIANCE_RATERS];
  lanes dip;
};

static const double kind_depth[KINDS] = {1.0, 0.5, 0.5, 0.0};

/* The common case, one rater's ratings alone. Where the depth is asked for too the depths are summed apart, else by
 * Horner's rule. */
LANES_INLINE void sums_plain_any(struct sums *sums, const struct episodes *list, const struct prefix *prefix,
                                 const struct side *side, bool dips) {
  int h = prefix->first;
  sums->dip = lanes_of(0);
  for (int kind = 0; kind < KINDS; kind++) {
    lanes total = lanes_of(0), depth[ALLIANCE_DEPTHS] = {{0}};
    bool apart = dips && kind != KIND_RETURNED;
    for (; h < prefix->end[kind]; h++) {
      const struct episode *e = &list->episode[h];
      const double *c = side->weight[h];
      lanes x = side->fall[e->fall] * side->back[e->back], xx = x * x;
      if (apart) {
        lanes cube = x * xx;
        depth[0] += x * c[0];
        depth[1] += xx * c[1];
        depth[2] += cube * c[2];
        depth[3] += (xx * xx) * c[3];
        depth[4] += (cube * cube) * c[4];
      } else {
        total += x * (c[0] + x * (c[1] + x * (c[2] + x * (c[3] + xx * c[4]))));
      }
    }
    sums->total[kind] = apart ? terms_sum(depth) : total;
    if (apart) sums->dip += terms_first(depth) * kind_depth[kind];
  }
  sums->both = sums->only[1] = lanes_of(0);
  sums->only[0] = (sums->total[0] + sums->total[1]) + (sums->total[2] + sums->total[3]);
}

LANES_CLONES static void sums_plain(struct sums *s, const struct episodes *list, const struct prefix *prefix,
                                    const struct side *side) {
  sums_plain_any(s, list, prefix, side, true);
}

LANES_CLONES static void sums_odds(struct sums *s, const struct episodes *list, const struct prefix *prefix,
                                   const struct side *side) {
  sums_plain_any(s, list, prefix, side, false);
}

LANES_INLINE void sums_any(struct sums *sums, const struct plan *plan, const struct prefix *prefix,
                           const struct side *side, const struct weights *w, bool careful) {
  const struct episodes *list = &plan->episodes;
  const bool two = plan->raters > 1;
  const bool reports[2] = {plan->rater[two ? 0 : plan->first].reports, plan->rater[1].reports};
  int h = prefix->first;
  sums->dip = sums->both = sums->only[0] = sums->only[1] = lanes_of(0);
  for (int kind = 0; kind < KINDS; kind++) {
    lanes total = lanes_of(0), dip = lanes_of(0);
    for (; h < prefix->end[kind]; h++) {
      const struct episode *e = &list->episode[h];
      lanes term[ALLIANCE_DEPTHS], other[ALLIANCE_DEPTHS], prior = lanes_of(list->prior[h]);
      lanes peak = lanes_of(0), other_peak = lanes_of(0);
      side_terms(term, &peak, &side[0], e, h, reports[0], careful);
      if (two) side_terms(other, &other_peak, &side[1], e, h, reports[1], careful);
      struct weights here = weights_at(w, peak, other_peak, two, careful);
      lanes a = terms_sum(term);
      if (!two) {
        if (careful) prior *= here.only[0];
        total += prior * a;
        dip += prior * terms_first(term);
        continue;
      }
      lanes b = terms_sum(other), both = prior * here.both * (a * b);
      lanes first = prior * here.only[0] * a, second = prior * here.only[1] * b;
      sums->both += both;
      sums->only[0] += first;
      sums->only[1] += second;
      total += both + (first + second);
      dip += prior * terms_first(term) * (here.both * b + here.only[0]);
    }
    sums->total[kind] = total;
    sums->dip += dip * kind_depth[kind];
  }
  if (!two) sums->only[0] = (sums->total[0] + sums->total[1]) + (sums->total[2] + sums->total[3]);
}

LANES_CLONES static void sums_fast(struct sums *s, const struct plan *plan, const struct prefix *prefix,
                                   const struct side *side, const struct weights *w) {
  sums_any(s, plan, prefix, side, w, false);
}

LANES_CLONES static void sums_careful(struct sums *s, const struct plan *plan, const struct prefix *prefix,
                                      const struct side *side, const struct weights *w) {
  sums_any(s, plan, prefix, side, w, true);
}

/* At most 1e300, whatever the scale of the two. */
LANES_INLINE lanes odds_of(lanes begun, lanes calm) {
  lanes under = lanes_larger(lanes_larger(calm, begun * 1e-300), lanes_of(1e-300));
  return lanes_smaller(begun / under, lanes_of(1e300));
}

LANES_CLONES static void verdict_set(struct verdict *v, const struct plan *plan, const struct sums *s) {
  lanes begun = (s->total[0] + s->total[1]) + (s->total[2] + s->total[3]), all = begun + s->calm;
  v->begun = begun / all;
  v->repaired = (s->total[KIND_RETURNING] + s->total[KIND_RETURNED]) / all;
  v->odds = odds_of(begun, s->calm);
  v->dip = s->dip / all;
  lanes only = s->only[0] / all;
  v->part[0] = s->both / all;
  v->part[1] = plan->first == ALLIANCE_PATIENT ? only : lanes_of(0);
  v->part[2] = plan->raters > 1 ? s->only[1] / all : plan->first == ALLIANCE_THERAPIST ? only : lanes_of(0);
}

/* Sums of one node, less the exponent w->shift. */
static void node_sums(struct sums *sums, struct weights *w, const struct plan *plan, const struct node *node, int p,
                      const struct ratings *ratings, bool dips) {
  const struct prefix *prefix = &plan->episodes.prefix[p];
  struct side side[ALLIANCE_RATERS];
  bool careful = sides_prepare(side, w, plan, node, p, ratings);
  if (careful)
    sums_careful(sums, plan, prefix, side, w);
  else if (plan->raters == 1 && !plan->rater[plan->first].reports)
    /* cppcheck-suppress uninitvar -- filled by the call, through a choice of functions that it does not follow */
    (dips ? sums_plain : sums_odds)(sums, &plan->episodes, prefix, side);
  else
    sums_fast(sums, plan, prefix, side, w);
  sums->calm = w->calm;
}

/* Joins what a node says: both less an exponent, *log_all that of `all` (at first far below any). Depths become those in
 * units of the sample's s. */
LANES_CLONES static void sums_join(struct sums *all, lanes *log_all, const struct sums *one, const lanes *log_one,
                                   double scale) {
  lanes most = lanes_larger(*log_all, *log_one), old = lanes_exp_down(*log_all - most);
  lanes new = lanes_exp_down(*log_one - most);
  for (int kind = 0; kind < KINDS; kind++) all->total[kind] = all->total[kind] * old + one->total[kind] * new;
  all->calm = all->calm * old + one->calm * new;
  all->both = all->both * old + one->both * new;
  for (int r = 0; r < ALLIANCE_RATERS; r++) all->only[r] = all->only[r] * old + one->only[r] * new;
  all->dip = all->dip * old + one->dip * (new * scale);
  *log_all = most;
}

LANES_CLONES static void weights_log(lanes *log_weight, const struct weights *w) {
  *log_weight = w->density + w->shift;
}

static void prefix_judge(struct verdict *verdict, const struct plan *plan, int p, const struct ratings *ratings,
                         bool dips) {
  struct sums all, one;
  struct weights w;
  node_sums(&all, &w, plan, &plan->node[0], p, ratings, dips);
  if (plan->nodes > 1) {
    lanes log_all = lanes_of(-1e300), log_one;
    one = all;
    memset(&all, 0, sizeof all);
    for (int k = 0; k < plan->nodes; k++) {
      if (k) node_sums(&one, &w, plan, &plan->node[k], p, ratings, dips);
      weights_log(&log_one, &w);
      sums_join(&all, &log_all, &one, &log_one, plan->node[k].scale);
    }
  }
  verdict_set(verdict, plan, &all);
}

void posterior_prefix(struct verdict *verdict, const struct plan *plan, int p, const struct ratings *ratings) {
  prefix_judge(verdict, plan, p, ratings, true);
}

void posterior_odds(struct verdict *verdict, const struct plan *plan, int p, const struct ratings *ratings) {
  prefix_judge(verdict, plan, p, ratings, false);
}

/* ---- the whole course ---- */

/* Adds what one episode and one rater bring; `weight` turns the rater's terms into responsibilities. */
LANES_INLINE void whole_add(struct whole *whole, int r, const struct constants *c, const struct gain *gain,
                            const struct episode *e, const lanes term[ALLIANCE_DEPTHS], lanes weight, bool learning) {
  lanes own[ALLIANCE_DEPTHS];
  for (int d = 0; d < ALLIANCE_DEPTHS; d++) own[d] = weight * term[d];
  lanes half = terms_first(own) * 0.5;
  whole->dip[r][e->i] += half;
  if (e->j < c->sessions) whole->dip[r][e->j] += half;
  if (e->k < c->sessions) whole->dip[r][e->k] -= half;
  if (e->l < c->sessions) whole->dip[r][e->l] -= half;
  if (!learning) return;
  lanes *depth = whole->depth[r][episode_class(e->shape)];
  for (int d = 0; d < ALLIANCE_DEPTHS; d++) depth[d] += own[d];
  lanes sum = terms_sum(own), square = terms_second(own);
  whole->noticed[r][e->i] += sum;
  if (e->k < c->sessions) whole->noticed[r][e->k] -= sum;
  double b0 = 0.5 * ((gain->b[e->i][0] + gain->b[e->j][0]) - (gain->b[e->k][0] + gain->b[e->l][0]));
  double b1 = 0.5 * ((gain->b[e->i][1] + gain->b[e->j][1]) - (gain->b[e->k][1] + gain->b[e->l][1]));
  whole->square[r][0] += square * (b0 * b0);
  whole->square[r][1] += square * (b0 * b1);
  whole->square[r][2] += square * (b1 * b1);
}

LANES_INLINE void whole_any(struct whole *whole, lanes best[1], const struct plan *plan, const struct constants *c,
                            const struct side *side, const struct weights *w, bool careful, bool learning) {
  const struct episodes *list = &plan->episodes;
  const struct prefix *prefix = &list->prefix[0];
  const bool two = plan->raters > 1;
  const int a_is = two ? ALLIANCE_PATIENT : plan->first;
  lane_bits likeliest = {0};
  lanes largest = lanes_of(-1);
  for (int h = prefix->first; h < prefix->end[KIND_RETURNED]; h++) {
    const struct episode *e = &list->episode[h];
    lanes term[ALLIANCE_DEPTHS], other[ALLIANCE_DEPTHS], prior = lanes_of(list->prior[h]);
    lanes peak = lanes_of(0), other_peak = lanes_of(0);
    side_terms(term, &peak, &side[0], e, h, c[a_is].reports, careful);
    if (two) side_terms(other, &other_peak, &side[1], e, h, c[1].reports, careful);
    struct weights here = weights_at(w, peak, other_peak, two, careful);
    if (!two && careful) prior *= here.only[0];
    lanes a = terms_sum(term), all = prior * a;
    if (two) {
      lanes b = terms_sum(other);
      whole_add(whole, 0, &c[0], &c[0].gain[0], e, term, prior * (here.both * b + here.only[0]), learning);
      whole_add(whole, 1, &c[1], &c[1].gain[0], e, other, prior * (here.both * a + here.only[1]), learning);
      lanes both = prior * here.both * (a * b), first = prior * here.only[0] * a, second = prior * here.only[1] * b;
      whole->verdict.part[0] += both;
      whole->verdict.part[1] += first;
      whole->verdict.part[2] += second;
      all = both + (first + second);
    } else {
      whole_add(whole, a_is, &c[a_is], &c[a_is].gain[0], e, term, prior, learning);
      whole->verdict.part[1 + a_is] += all;
    }
    if (learning) whole->shape[e->shape] += all;
    whole->begins[e->i] += all;
    if (e->k < plan->episodes.sessions) whole->returns[e->k] += all;
    lane_bits better = all > largest;
    likeliest = (better & (lane_bits){h, h, h, h, h, h, h, h}) | (~better & likeliest);
    largest = lanes_where(better, all, largest);
  }
  best[0] = largest;
  for (int u = 0; u < LANES; u++) whole->likeliest[u] = (int)likeliest[u];
}

LANES_CLONES static void whole_fast(struct whole *whole, lanes best[1], const struct plan *plan, const struct constants *c,
                                    const struct side *side, const struct weights *w) {
  whole_any(whole, best, plan, c, side, w, false, false);
}

LANES_CLONES static void whole_learning(struct whole *whole, lanes best[1], const struct plan *plan, const struct constants *c,
                                    const struct side *side, const struct weights *w) {
  whole_any(whole, best, plan, c, side, w, false, true);
}

LANES_CLONES static void whole_careful(struct whole *whole, lanes best[1], const struct plan *plan, const struct constants *c,
                                    const struct side *side, const struct weights *w) {
  whole_any(whole, best, plan, c, side, w, true, true);
}

/* Sums become shares; steps become profiles over sessions. */
LANES_CLONES static void whole_scale(struct whole *whole, const struct plan *plan, const lanes *calm_weight,
                                     const lanes *best_weight) {
  lanes calm = *calm_weight, best = *best_weight;
  int n = plan->episodes.sessions;
  lanes begun = lanes_of(0), repaired = lanes_of(0);
  for (int t = 0; t < n; t++) begun += whole->begins[t];
  for (int t = 0; t < n; t++) repaired += whole->returns[t];
  lanes all = begun + calm, scale = 1.0 / all;
  for (int t = 0; t < n; t++) {
    whole->begins[t] *= scale;
    whole->returns[t] *= scale;
  }
  for (int s = 0; s < ALLIANCE_SHAPES; s++) whole->shape[s] *= scale;
  for (int r = 0; r < ALLIANCE_RATERS; r++) {
    lanes dip = lanes_of(0), noticed = lanes_of(0);
    for (int t = 0; t < n; t++) {
      dip += whole->dip[r][t];
      whole->dip[r][t] = dip * scale;
      noticed += whole->noticed[r][t];
      whole->noticed[r][t] = noticed * scale;
    }
    for (int c = 0; c < ALLIANCE_CLASSES; c++)
      for (int d = 0; d < ALLIANCE_DEPTHS; d++) whole->depth[r][c][d] *= scale;
    for (int d = 0; d < 3; d++) whole->square[r][d] *= scale;
  }
  for (int d = 0; d < 3; d++) whole->verdict.part[d] *= scale;
  whole->verdict.odds = odds_of(begun, calm);
  whole->verdict.begun = begun * scale;
  whole->verdict.repaired = repaired * scale;
  whole->verdict.dip = n > 0 ? whole->dip[plan->first][n - 1] : lanes_of(0);
  whole->likeliest_share = best / lanes_larger(begun, lanes_of(1e-300));
  whole->log_ratio = all;
}

void posterior_node(struct whole *whole, const struct plan *plan, const struct node *node,
                    const struct ratings *ratings, bool learning) {
  struct side side[ALLIANCE_RATERS];
  struct weights w;
  lanes best[1];
  memset(whole, 0, sizeof *whole);
  bool careful = sides_prepare(side, &w, plan, node, 0, ratings);
  if (careful)
    whole_careful(whole, best, plan, node->rater, side, &w);
  else
    (learning ? whole_learning : whole_fast)(whole, best, plan, node->rater, side, &w);
  whole_scale(whole, plan, &w.calm, best);
  for (int u = 0; u < LANES; u++) whole->log_ratio[u] = stats_log(whole->log_ratio[u]) + w.shift[u];
  whole->density = w.density;
  for (int n = 0; n < plan->raters; n++)
    memcpy(whole->worked[plan->raters > 1 ? n : (int)plan->first], side[n].worked,
           (size_t)plan->episodes.sessions * sizeof(lanes));
}

/* Adds what a node says: sums of shares weighted by how likely the ratings are there. *log_all is the logarithm of the
 * likelihood so far. Depths become those in units of the sample's s. */
LANES_CLONES static void whole_join(struct whole *all, lanes *log_all, const struct whole *one, int sessions,
                                    double scale) {
  lanes log_one = one->density + one->log_ratio, most = lanes_larger(*log_all, log_one);
  lanes old = lanes_exp_down(*log_all - most), new = lanes_exp_down(log_one - most), sum = old + new;
  old /= sum;
  new /= sum;
  for (int t = 0; t < sessions; t++) {
    all->begins[t] = all->begins[t] * old + one->begins[t] * new;
    all->returns[t] = all->returns[t] * old + one->returns[t] * new;
    for (int r = 0; r < ALLIANCE_RATERS; r++) all->dip[r][t] = all->dip[r][t] * old + one->dip[r][t] * (new * scale);
  }
  for (int k = 0; k < 3; k++) all->verdict.part[k] = all->verdict.part[k] * old + one->verdict.part[k] * new;
  all->verdict.begun = all->verdict.begun * old + one->verdict.begun * new;
  all->verdict.repaired = all->verdict.repaired * old + one->verdict.repaired * new;
  lane_bits better = new > old;
  for (int u = 0; u < LANES; u++) all->likeliest[u] = better[u] ? one->likeliest[u] : all->likeliest[u];
  all->likeliest_share = lanes_where(better, one->likeliest_share, all->likeliest_share);
  for (int u = 0; u < LANES; u++) (*log_all)[u] = most[u] + stats_log(sum[u]);
}

LANES_CLONES static void whole_odds(struct whole *whole) {
  whole->verdict.odds = odds_of(whole->verdict.begun, 1.0 - whole->verdict.begun);
}

void posterior_whole(struct whole *whole, struct whole *work, const struct plan *plan, const struct ratings *ratings) {
  posterior_node(whole, plan, &plan->node[0], ratings, false);
  if (plan->nodes == 1) return;
  lanes log_all = lanes_of(-1e300);
  *work = *whole;
  memset(whole, 0, sizeof *whole);
  for (int k = 0; k < plan->nodes; k++) {
    if (k) posterior_node(work, plan, &plan->node[k], ratings, false);
    whole_join(whole, &log_all, work, plan->episodes.sessions, plan->node[k].scale);
  }
  whole_odds(whole);
}

/* ---- plans ---- */

enum alliance_rater alliance_first_rater(const struct alliance_estimate *estimate) {
  return estimate->rater[ALLIANCE_PATIENT].used ? ALLIANCE_PATIENT : ALLIANCE_THERAPIST;
}

bool plan_build(struct plan *plan, struct room *room, const struct alliance_estimate *estimate,
                const struct alliance_design *design, enum alliance_view view, bool merge) {
  plan->first = alliance_first_rater(estimate);
  plan->raters = estimate->rater[0].used && estimate->rater[1].used ? 2 : 1;
  memcpy(plan->perceived, estimate->perceived, sizeof plan->perceived);
  if (!episodes_build(&plan->episodes, room, design->count, view, merge, estimate)) return false;
  double place[NODES_MAX], share[NODES_MAX];
  plan->nodes = nodes_find(place, share, estimate->spread);
  plan->node = room_take(room, (size_t)plan->nodes, sizeof *plan->node);
  if (!plan->node) return false;
  memset(plan->node, 0, (size_t)plan->nodes * sizeof *plan->node);
  for (int k = 0; k < plan->nodes; k++) {
    struct node *node = &plan->node[k];
    node->place = place[k];
    node->scale = plan->nodes > 1 ? stats_exp(estimate->spread * place[k]) : 1;
    node->log_share = plan->nodes > 1 ? stats_log(share[k]) : 0;
    for (int r = 0; r < ALLIANCE_RATERS; r++)
      if (estimate->rater[r].used &&
          !constants_build(&node->rater[r], room, &plan->episodes, estimate, r, design, node->scale))
        return false;
  }
  plan->rater = plan->node[plan->nodes / 2].rater;
  return true;
}

#define NODES_APART 0.6 /* in standard deviations */

int nodes_find(double at[NODES_MAX], double share[NODES_MAX], double spread) {
  double sum = 0, square = 0;
  at[0] = 0;
  share[0] = 1;
  if (!(spread >= SPREAD_NONE)) return 1;
  const int middle = NODES_MAX / 2;
  for (int k = 0; k < NODES_MAX; k++) {
    at[k] = NODES_APART * (k - middle);
    share[k] = stats_normal_density(at[k]);
    sum += share[k];
  }
  for (int k = 0; k < NODES_MAX; k++) {
    share[k] /= sum;
    square += share[k] * at[k] * at[k];
  }
  for (int k = 0; k < NODES_MAX; k++) at[k] /= sqrt(square);
  return NODES_MAX;
}

size_t plan_memory(int sessions, enum alliance_view view) {
  size_t lists = episodes_memory(sessions, view);
  struct episodes bound = {.sessions = sessions, .prefixes = view == ALLIANCE_ONLINE ? sessions : 1};
  bound.count = (int)(lists / EPISODE_BYTES);
  return lists + NODES_MAX * (2 * constants_memory(&bound) + sizeof(struct node)) + 128;
}
