/* Hessians that a search may start from. */
#include <string.h>

#include "stats/model_kernel.h"

/* --- a tree: what is expected ------------------------------------------------------------------------------------- */

struct expected {
  const struct kernel *kernel;
  struct kernel_work *work;
  double *hessian, *trace;
};

static void element(const struct kernel_term *term, size_t index, size_t *i, size_t *j) {
  for (*j = 0; index >= term->size - *j; ++*j) index -= term->size - *j;
  *i = *j + index;
}

/* tr(T dD_t T dD_u) = 2 (W_bc W_ad + T_ab Y_cd) for theta_t = Lambda_ac, theta_u = Lambda_bd, with T = Z'V^-1 Z,
 * W = T Lambda, Y = Lambda'W. */
static void expected_block(struct expected *e, size_t s, const double *g, const double *k, double count) {
  size_t q = e->kernel->stage[s].q;
  double *gk = e->work->scratch[0], *t = e->work->scratch[1], *w = e->work->scratch[2], *y = e->work->scratch[3];
  matrix_multiply(gk, g, k, q, q, q, false);
  matrix_multiply(t, gk, g, q, q, q, false);
  for (size_t i = 0; i < q * q; i++) t[i] = g[i] - t[i];
  matrix_multiply(w, t, e->work->lambda[s], q, q, q, false);
  matrix_multiply_tn(y, e->work->lambda[s], w, q, q, q, false);
  size_t thetas = e->kernel->thetas, a, b, c, d;
  for (size_t x = 0; x < e->kernel->terms; x++) {
    const struct kernel_term *one = &e->kernel->term[x];
    if (one->stage != s) continue;
    for (size_t i = 0; i < packed_size(one->size); i++) {
      element(one, i, &a, &c);
      size_t a1 = one->at + a, c1 = one->at + c;
      e->trace[one->theta + i] += 2 * count * w[a1 * q + c1];
      for (size_t z = 0; z < e->kernel->terms; z++) {
        const struct kernel_term *two = &e->kernel->term[z];
        if (two->stage != s) continue;
        for (size_t j = 0; j < packed_size(two->size); j++) {
          element(two, j, &b, &d);
          size_t b1 = two->at + b, d1 = two->at + d;
          double sum = w[b1 * q + c1] * w[a1 * q + d1] + t[a1 * q + b1] * y[c1 * q + d1];
          e->hessian[(one->theta + i) * thetas + two->theta + j] += 2 * count * sum;
        }
      }
    }
  }
}

static void expected_of_tree(const struct kernel *kernel, struct kernel_work *work, double *hessian) {
  size_t thetas = kernel->thetas, q = kernel->stage[0].q;
  struct expected e = {kernel, work, hessian, work->scratch[4]};
  memset(e.trace, 0, thetas * sizeof *e.trace);
  for (size_t i = 0; i < kernel->patterns; i++)
    expected_block(&e, 0, kernel->pattern_g + i * q * q, work->pattern_k + i * q * q, (double)kernel->pattern_count[i]);
  for (size_t s = 1; s < kernel->levels; s++)
    for (size_t i = 0; i < kernel->stage[s].nodes; i++)
      expected_block(&e, s, work->node[s][i].g, work->node[s][i].k, 1);
  for (size_t i = 0; i < thetas; i++)
    for (size_t j = 0; j < thetas; j++) hessian[i * thetas + j] -= e.trace[i] * e.trace[j] / (double)kernel->n;
}

/* --- crossed factors: the average of observed and expected -------------------------------------------------------- */

static double dot(const double *a, const double *b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

/* u = Z'P y by way of the predicted effects; `turned` = Lambda'u. */
static void score(const struct kernel *kernel, struct kernel_work *work, double *u, double *turned) {
  const struct crossed *c = kernel->crossed;
  size_t effects = crossed_effects(c), p = kernel->p;
  double *b = turned, *ab = work->effects + 2 * effects, *v = work->scratch[0];
  for (size_t i = 0; i < p; i++) v[i] = -work->beta[i];
  v[p] = 1;
  crossed_predict(c, work->crossed, v, b);
  crossed_scale(c, work->lambda, false, b, 1);
  crossed_multiply(c, b, 1, ab);
  crossed_multiply_border(c, v, u);
  for (size_t i = 0; i < effects; i++) u[i] -= ab[i];
  memcpy(turned, u, effects * sizeof *u);
  crossed_scale(c, work->lambda, true, turned, 1);
}

/* out = (dLambda Lambda' + Lambda dLambda') u for element (i, j) of the Lambda of a term. */
static void direction(const struct kernel *kernel, const struct kernel_work *work, const struct kernel_term *term,
                      size_t i, size_t j, double *out) {
  size_t effects = crossed_effects(kernel->crossed), q = kernel->stage[term->stage].q;
  size_t first = crossed_first(kernel->crossed, term->stage);
  const double *u = work->effects, *turned = u + effects, *lambda = work->lambda[term->stage];
  memset(out, 0, effects * sizeof *out);
  for (size_t l = 0; l < kernel->stage[term->stage].nodes; l++) {
    size_t at = first + l * q;
    out[at + term->at + i] += turned[at + term->at + j];
    for (size_t k = 0; k < q; k++) out[at + k] += lambda[k * q + term->at + j] * u[at + term->at + i];
  }
}

/* y'P V_t P V_u P y for all pairs, with P taken for V^-1 between the two directions (Gilmour, Thompson & Cullis 1995,
 * Biometrics 51:1440). */
static void average_of_crossed(const struct kernel *kernel, struct kernel_work *work, double *hessian) {
  const struct crossed *c = kernel->crossed;
  size_t effects = crossed_effects(c), k = kernel->thetas, at = 0;
  double *u = work->effects, *turned = u + effects, *x = turned + effects, *all = x + effects;
  double df = (double)(kernel->n - (kernel->reml ? kernel->p : 0)), *r = work->scratch[4];
  score(kernel, work, u, turned);
  for (size_t t = 0; t < kernel->terms; t++)
    for (size_t j = 0; j < kernel->term[t].size; j++)
      for (size_t i = j; i < kernel->term[t].size; i++, at++) {
        double *along = all + at * effects, *across = all + (k + at) * effects;
        direction(kernel, work, &kernel->term[t], i, j, along);
        r[at] = dot(along, u, effects);
        crossed_multiply(c, along, 1, across); /* across = Z'V^-1 Z along */
        memcpy(x, across, effects * sizeof *x);
        crossed_scale(c, work->lambda, true, x, 1);
        crossed_solve(c, work->crossed, x, 1);
        crossed_scale(c, work->lambda, false, x, 1);
        crossed_multiply(c, x, 1, along);
        for (size_t e = 0; e < effects; e++) across[e] -= along[e];
        direction(kernel, work, &kernel->term[t], i, j, along);
      }
  for (size_t i = 0; i < k; i++)
    for (size_t j = 0; j < k; j++)
      hessian[i * k + j] = df * (dot(all + i * effects, all + (k + j) * effects, effects) / work->rss -
                                 r[i] * r[j] / (work->rss * work->rss));
}

void kernel_expected_hessian(const struct kernel *kernel, struct kernel_work *work, double *hessian) {
  memset(hessian, 0, kernel->thetas * kernel->thetas * sizeof *hessian);
  if (kernel->crossed)
    average_of_crossed(kernel, work, hessian);
  else
    expected_of_tree(kernel, work, hessian);
}
