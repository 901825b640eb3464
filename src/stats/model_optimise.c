#include <math.h>
#include <string.h>

#include "stats/model_base.h"
#include "stats/model_curvature.h"
#include "stats/model_kernel.h"

#define ITERATIONS 80 /* of BFGS in one go */
#define NEWTON_ITERATIONS 25
#define GRADIENT_FINE 1e-7 /* what BFGS must reach to be believed */
#define GRADIENT_GOAL 1e-9 /* plus what rounding leaves of a large criterion */
#define SNAP 2e-4          /* a diagonal of Lambda below this is tried as an exact zero */
#define ESCAPES 6
#define AVERAGE_ENOUGH 1e-3 /* gradient below which BFGS goes on from the average information */
#define CUT_ABOVE 0.01      /* diagonals of Lambda above this are not led through zero */

struct search {
  const struct kernel *kernel;
  struct kernel_work *work;
  size_t k;
  double *x, *g, *trial, *trial_g, *step, *inverse, *s, *y, *scratch, *vectors, *values;
  double f;
};

void kernel_start(const struct kernel *kernel, double *theta) {
  memset(theta, 0, kernel->thetas * sizeof *theta);
  for (size_t t = 0; t < kernel->terms; t++) {
    double *at = theta + kernel->term[t].theta;
    for (size_t i = 0; i < kernel->term[t].size; at += kernel->term[t].size - i, i++) *at = kernel->crossed ? 0.5 : 1;
  }
}

static double largest(const double *x, size_t n) {
  double most = 0;
  for (size_t i = 0; i < n; i++)
    if (!(fabs(x[i]) <= most)) most = fabs(x[i]);
  return most;
}

/* Where descent may stop. */
static bool arrived(const struct search *q) {
  return largest(q->g, q->k) <= GRADIENT_GOAL + 1e-15 * fabs(q->f);
}

static double dot(const double *a, const double *b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

/* inverse = |hessian|^-1 with small and negative eigenvalues lifted, so that a step always leads down. */
static void invert(struct search *q, const double *hessian) {
  size_t k = q->k;
  memcpy(q->scratch, hessian, k * k * sizeof *hessian);
  matrix_eigen(q->scratch, k, q->values, q->vectors);
  double most = largest(q->values, k);
  memset(q->inverse, 0, k * k * sizeof *q->inverse);
  for (size_t e = 0; e < k; e++) {
    double value = fabs(q->values[e]);
    if (!(value > 1e-7 * most)) value = 1e-7 * most;
    if (!(value > 1e-12)) value = 1;
    for (size_t i = 0; i < k; i++)
      for (size_t j = 0; j < k; j++) q->inverse[i * k + j] += q->vectors[i * k + e] * q->vectors[j * k + e] / value;
  }
}

static bool evaluate(struct search *q) {
  bool fine = kernel_evaluate(q->kernel, q->work, q->trial, q->trial_g);
  const struct stats_progress *progress = &q->work->progress;
  if (progress->tell) progress->tell(progress->state, q->work->evaluations, largest(q->trial_g, q->k));
  return fine;
}

static bool evaluate_at(struct search *q, const double *x) {
  memcpy(q->trial, x, q->k * sizeof *x);
  return evaluate(q);
}

/* True where the criterion has gone down enough; or, where its change drowns in rounding, where the slope along the
 * step has shrunk (Hager & Zhang 2005, "approximate Wolfe conditions"). */
static bool good_enough(const struct search *q, double alpha, double slope) {
  double f = q->work->criterion, rounding = 1e-11 * (fabs(q->f) + 1);
  if (f <= q->f + 1e-4 * alpha * slope && f < q->f - 1e-13 * fabs(q->f)) return true;
  if (f > q->f + rounding) return false;
  double now = dot(q->trial_g, q->step, q->k);
  return now <= -0.8 * slope && now >= 0.95 * slope;
}

/* Finds a point along `step` that is better. */
static bool advance(struct search *q) {
  size_t k = q->k;
  double slope = dot(q->g, q->step, k), alpha = 1, longest = largest(q->step, k), now = largest(q->x, k);
  if (!(slope < 0)) return false;
  if (longest > 3 * (now > 1 ? now : 1)) alpha = 3 * (now > 1 ? now : 1) / longest;
  for (int tries = 0; tries < 30; tries++) {
    for (size_t i = 0; i < k; i++) q->trial[i] = q->x[i] + alpha * q->step[i];
    bool fine = evaluate(q);
    if (fine && good_enough(q, alpha, slope)) return true;
    double next = fine ? -slope * alpha * alpha / (2 * (q->work->criterion - q->f - slope * alpha)) : 0;
    alpha = next > 0.1 * alpha && next < 0.6 * alpha ? next : next >= 0.6 * alpha ? 0.6 * alpha : 0.1 * alpha;
  }
  return false;
}

/* The BFGS update of the inverse Hessian (Nocedal & Wright 2006, equation 6.17). */
static void update(struct search *q) {
  size_t k = q->k;
  double sy = dot(q->s, q->y, k), *hy = q->scratch;
  if (!(sy > 1e-12 * sqrt(dot(q->s, q->s, k) * dot(q->y, q->y, k)))) return;
  for (size_t i = 0; i < k; i++) hy[i] = dot(q->inverse + i * k, q->y, k);
  double yhy = dot(q->y, hy, k);
  for (size_t i = 0; i < k; i++)
    for (size_t j = 0; j < k; j++)
      q->inverse[i * k + j] += (1 + yhy / sy) * q->s[i] * q->s[j] / sy - (hy[i] * q->s[j] + q->s[i] * hy[j]) / sy;
}

static void accept_trial(struct search *q) {
  for (size_t i = 0; i < q->k; i++) {
    q->s[i] = q->trial[i] - q->x[i];
    q->y[i] = q->trial_g[i] - q->g[i];
  }
  memcpy(q->x, q->trial, q->k * sizeof *q->x);
  memcpy(q->g, q->trial_g, q->k * sizeof *q->g);
  q->f = q->work->criterion;
}

static bool begin(struct search *q, const double *hessian) {
  memcpy(q->trial, q->x, q->k * sizeof *q->x);
  if (!evaluate(q)) return false;
  accept_trial(q);
  if (hessian) {
    invert(q, hessian);
  } else {
    kernel_expected_hessian(q->kernel, q->work, q->trial_g + q->k);
    invert(q, q->trial_g + q->k);
  }
  return true;
}

/* The step downhill. The average information of crossed factors is cheap beside the gradient and good at every point,
 * so it replaces BFGS there until little is left. It knows nothing of D's curvature by theta (2 D_bar on the diagonal,
 * which is what keeps a variance at zero); and far from the end it asks for steps through zero, which are cut. */
static void find_step(struct search *q) {
  const struct kernel *kernel = q->kernel;
  size_t k = q->k;
  double *hessian = q->trial_g + k;
  bool fresh = kernel->crossed && largest(q->g, k) > AVERAGE_ENOUGH;
  if (fresh) {
    kernel_expected_hessian(kernel, q->work, hessian);
    for (size_t t = 0; t < kernel->terms; t++)
      for (size_t i = 0, at = kernel->term[t].theta; i < kernel->term[t].size; at += kernel->term[t].size - i, i++)
        if (q->g[at] * q->x[at] > 0) hessian[at * k + at] += q->g[at] / q->x[at];
    invert(q, hessian);
  }
  for (size_t j = 0; j < k; j++) q->step[j] = -dot(q->inverse + j * k, q->g, k);
  for (size_t t = 0; t < kernel->terms && fresh; t++)
    for (size_t i = 0, at = kernel->term[t].theta; i < kernel->term[t].size; at += kernel->term[t].size - i, i++)
      if (q->x[at] > CUT_ABOVE && q->step[at] < -0.8 * q->x[at]) q->step[at] = -0.8 * q->x[at];
}

static bool descend(struct search *q, const double *hessian) {
  if (!begin(q, hessian)) return false;
  bool fresh = true;
  for (int i = 0; i < ITERATIONS && !arrived(q); i++) {
    find_step(q);
    if (advance(q)) {
      accept_trial(q);
      update(q);
      fresh = false;
    } else {
      if (fresh || !begin(q, NULL)) break; /* a second look with the expected Hessian of this place */
      fresh = true;
    }
  }
  return true;
}

/* The exact Hessian by theta with sigma2 profiled out. */
static bool exact_hessian(struct search *q, struct curvature *curvature, double *hessian) {
  size_t k = q->k, m = k + 1;
  if (!evaluate_at(q, q->x) || !curvature_fill(curvature, q->kernel, q->work, q->x)) return false;
  const double *h = curvature->hessian;
  for (size_t i = 0; i < k; i++)
    for (size_t j = 0; j < k; j++)
      hessian[curvature_theta(curvature, i) * k + curvature_theta(curvature, j)] =
          h[i * m + j] - h[i * m + k] * h[k * m + j] / h[k * m + k];
  return true;
}

/* Newton's method with the exact Hessian, for the curved valleys of nearly singular fits, which BFGS crawls through. */
static void newton(struct search *q, const struct stats_memory *memory) {
  struct curvature *curvature = curvature_new(q->kernel, memory);
  if (!curvature || q->work->pin) return;
  for (int i = 0; i < NEWTON_ITERATIONS && !arrived(q); i++) {
    double *hessian = q->trial_g + q->k;
    if (!exact_hessian(q, curvature, hessian)) return;
    invert(q, hessian);
    for (size_t j = 0; j < q->k; j++) q->step[j] = -dot(q->inverse + j * q->k, q->g, q->k);
    if (!advance(q)) return;
    accept_trial(q);
  }
}

/* Lower Cholesky factor of D = L L' with diagonals >= 0 and zero columns where D is singular. */
static void canonical_block(double *lambda, double *d, size_t n) {
  matrix_multiply_nt(d, lambda, lambda, n, n, n, false);
  memset(lambda, 0, n * n * sizeof *lambda);
  for (size_t j = 0; j < n; j++) {
    double pivot = d[j * n + j];
    for (size_t k = 0; k < j; k++) pivot -= lambda[j * n + k] * lambda[j * n + k];
    if (!(pivot > 1e-14 * d[j * n + j])) continue;
    lambda[j * n + j] = sqrt(pivot);
    for (size_t i = j + 1; i < n; i++) {
      double sum = d[i * n + j];
      for (size_t k = 0; k < j; k++) sum -= lambda[i * n + k] * lambda[j * n + k];
      lambda[i * n + j] = sum / lambda[j * n + j];
    }
  }
}

static void read_block(double *lambda, const double *theta, size_t n) {
  memset(lambda, 0, n * n * sizeof *lambda);
  for (size_t j = 0; j < n; j++)
    for (size_t i = j; i < n; i++) lambda[i * n + j] = *theta++;
}

static void write_block(double *theta, const double *lambda, size_t n) {
  for (size_t j = 0; j < n; j++)
    for (size_t i = j; i < n; i++) *theta++ = lambda[i * n + j];
}

static void make_canonical(struct search *q, double *theta) {
  for (size_t t = 0; t < q->kernel->terms; t++) {
    const struct kernel_term *term = &q->kernel->term[t];
    size_t n = term->size;
    read_block(q->vectors, theta + term->theta, n);
    bool positive = true;
    for (size_t j = 0; j < n; j++) positive &= q->vectors[j * n + j] > 1e-6;
    if (positive) continue;
    canonical_block(q->vectors, q->scratch, n);
    write_block(theta + term->theta, q->vectors, n);
  }
}

/* Tries exact zeros for tiny diagonals, all at once; keeps them when the criterion is none the worse. */
static bool snap(struct search *q) {
  bool any = false;
  memcpy(q->trial, q->x, q->k * sizeof *q->x);
  for (size_t t = 0; t < q->kernel->terms; t++) {
    const struct kernel_term *term = &q->kernel->term[t];
    size_t n = term->size;
    double *at = q->trial + term->theta;
    for (size_t j = 0; j < n; at += n - j, j++) {
      if (at[0] == 0 || fabs(at[0]) > SNAP) continue;
      at[0] = 0;
      any = true;
    }
  }
  make_canonical(q, q->trial);
  if (!any || !evaluate(q) || q->work->criterion > q->f + 1e-9 + 1e-14 * fabs(q->f)) return false;
  accept_trial(q);
  return true;
}

/* At a singular D the derivative by D must not point down along any direction (it must be positive semidefinite). If
 * it does, moves a little that way: the criterion is even in each column of Lambda, so its gradient cannot tell. */
static bool escape(struct search *q) {
  bool moved = false;
  for (size_t t = 0; t < q->kernel->terms; t++) {
    const struct kernel_term *term = &q->kernel->term[t];
    size_t n = term->size;
    bool singular = false;
    read_block(q->vectors, q->x + term->theta, n);
    for (size_t j = 0; j < n; j++) singular |= fabs(q->vectors[j * n + j]) <= SNAP;
    if (!singular) continue;
    if (!kernel_d_derivative(q->kernel, q->work, q->x, t, q->scratch)) continue;
    matrix_eigen(q->scratch, n, q->values, q->vectors);
    if (!(q->values[0] < -1e-6)) continue;
    double *v = q->s;
    for (size_t i = 0; i < n; i++) v[i] = q->vectors[i * n];
    read_block(q->vectors, q->x + term->theta, n);
    canonical_block(q->vectors, q->scratch, n);
    size_t free_column = 0; /* a zero column takes the direction; Cholesky then makes it triangular */
    while (free_column + 1 < n && q->vectors[free_column * n + free_column] > SNAP) free_column++;
    for (size_t i = 0; i < n; i++) q->vectors[i * n + free_column] = 0.03 * v[i];
    canonical_block(q->vectors, q->scratch, n);
    write_block(q->x + term->theta, q->vectors, n);
    moved = true;
  }
  return moved;
}

static bool descend_and_polish(struct search *q, const double *hessian, const struct stats_memory *memory) {
  for (int round = 0; round < 4; round++) {
    if (!descend(q, round ? NULL : hessian)) return false;
    if (!(largest(q->g, q->k) > GRADIENT_FINE)) return true;
    newton(q, memory);
  }
  return true;
}

static bool prepare(struct search *q, const struct kernel *kernel, struct kernel_work *work, double *theta,
                    const struct stats_memory *memory) {
  size_t k = kernel->thetas, block = 1;
  for (size_t t = 0; t < kernel->terms; t++)
    if (kernel->term[t].size > block) block = kernel->term[t].size;
  size_t square = k * k > block * block ? k * k : block * block;
  *q = (struct search){.kernel = kernel, .work = work, .k = k, .x = theta};
  double *all = model_take(memory, 6 * k + 5 * square + block + k, sizeof *all);
  if (!all) return false;
  q->g = all;
  q->trial = q->g + k;
  q->step = q->trial + k;
  q->s = q->step + k;
  q->y = q->s + k;
  q->trial_g = q->y + k; /* followed by room for a Hessian */
  q->inverse = q->trial_g + k + square;
  q->scratch = q->inverse + square;
  q->vectors = q->scratch + square;
  q->values = q->vectors + square;
  return true;
}

static bool is_singular(const struct kernel *kernel, const double *theta) {
  for (size_t t = 0; t < kernel->terms; t++) {
    const double *at = theta + kernel->term[t].theta;
    for (size_t j = 0; j < kernel->term[t].size; at += kernel->term[t].size - j, j++)
      if (fabs(*at) < 1e-4) return true;
  }
  return false;
}

bool kernel_fit(const struct kernel *kernel, struct kernel_work *work, double *theta, const double *hessian,
                const struct stats_memory *memory, struct kernel_outcome *outcome) {
  struct search q;
  size_t before = work->evaluations;
  *outcome = (struct kernel_outcome){.fitted = false};
  if (!prepare(&q, kernel, work, theta, memory)) return false;
  bool fine = true;
  if (kernel->thetas) {
    fine = descend_and_polish(&q, hessian, memory);
    for (int i = 0; i < ESCAPES && fine; i++) {
      make_canonical(&q, q.x);
      memcpy(q.trial, q.x, q.k * sizeof *q.x);
      if (evaluate(&q)) accept_trial(&q);
      if (snap(&q)) fine = descend_and_polish(&q, NULL, memory);
      if (!fine || !is_singular(kernel, q.x) || !escape(&q)) break;
      fine = descend_and_polish(&q, NULL, memory);
    }
    make_canonical(&q, q.x);
  }
  fine = fine && kernel_evaluate(kernel, work, theta, kernel->thetas ? q.g : NULL);
  outcome->fitted = fine;
  outcome->criterion = work->criterion;
  outcome->sigma2 = work->rss / (double)(kernel->n - (kernel->reml ? kernel->p : 0));
  outcome->gradient = largest(q.g, q.k);
  outcome->singular = is_singular(kernel, theta);
  outcome->evaluations = work->evaluations - before;
  return fine;
}
