/* Profile likelihood intervals (Venzon & Moolgavkar 1988; Bates et al. 2015, section 5.1): a value is inside while the
 * deviance, minimised over everything else, exceeds its minimum by less than the chi-square quantile. Each quantity is
 * held fixed inside the criterion itself (struct kernel_pin), so that one search over theta serves all of them. */
#include <math.h>
#include <string.h>

#include "attune/stats_distributions.h"
#include "stats/model_work.h"

#define TRY(call)                                                                                                      \
  do {                                                                                                                 \
    enum stats_status try_ = call;                                                                                     \
    if (try_) return try_;                                                                                             \
  } while (0)

struct profile {
  const struct stats_model_work *model;
  struct kernel kernel; /* by maximum likelihood */
  struct kernel_work *work;
  struct kernel_pin pin;
  double *theta, *start;
  double least, goal; /* the minimum of the deviance; sqrt of the chi-square quantile */
  struct stats_memory memory;
};

/* The signed root of the deviance above its minimum, less the goal, with the pinned quantity at x. */
static double excess(struct profile *p, double x) {
  struct kernel_outcome outcome;
  p->pin.value = x;
  p->work->pin = &p->pin;
  memcpy(p->theta, p->start, p->kernel.thetas * sizeof *p->theta);
  bool fine = kernel_fit(&p->kernel, p->work, p->theta, NULL, &p->memory, &outcome);
  p->work->pin = NULL;
  if (!fine) return NAN;
  memcpy(p->start, p->theta, p->kernel.thetas * sizeof *p->theta);
  double above = outcome.criterion - p->least;
  return (above > 0 ? sqrt(above) : 0) - p->goal;
}

/* Illinois's variant of false position between x0 (excess f0 < 0) and x1 (f1 > 0). */
static double find_root(struct profile *p, double x0, double f0, double x1, double f1) {
  for (int i = 0; i < 60; i++) {
    double x = x1 - f1 * (x1 - x0) / (f1 - f0);
    double f = excess(p, x);
    if (isnan(f)) return NAN;
    if (fabs(f) < 1e-7 || fabs(x1 - x0) < 1e-12 * (fabs(x0) + fabs(x1))) return x;
    if ((f > 0) == (f1 > 0)) {
      f0 /= 2;
    } else {
      x0 = x1;
      f0 = f1;
    }
    x1 = x;
    f1 = f;
  }
  return x1;
}

/* One bound, beginning `step` (signed) away from the estimate; `floor` is a value that it may not pass. */
static double bound(struct profile *p, const double *theta, double estimate, double step, double floor) {
  double near = estimate, f_near = -p->goal;
  memcpy(p->start, theta, p->kernel.thetas * sizeof *p->start);
  for (int i = 0; i < 60; i++) {
    double x = near + step;
    bool last = x <= floor;
    if (last) x = floor + 1e-4 * (estimate - floor);
    double f = excess(p, x);
    if (isnan(f)) return NAN;
    if (f > 0) return find_root(p, near, f_near, x, f);
    if (last) return floor;
    near = x;
    f_near = f;
    step *= 1.5;
  }
  return NAN;
}

static void both_bounds(struct profile *p, const double *theta, double estimate, double step, double floor,
                        struct stats_interval *out) {
  double scale = p->model->y_scale, shift = out->estimate - scale * estimate;
  out->low = estimate > floor ? shift + scale * bound(p, theta, estimate, -step, floor) : shift + scale * floor;
  out->high = shift + scale * bound(p, theta, estimate, step, -INFINITY);
}

static enum stats_status fit_by_likelihood(struct profile *p, const struct stats_model *model, double level,
                                           struct stats_error *error) {
  struct kernel_outcome outcome;
  const struct stats_model_work *work = p->model = model->work;
  p->memory = *work->memory;
  p->kernel = work->data.kernel;
  p->kernel.reml = false;
  p->work = kernel_work_new(&p->kernel, work->memory);
  p->theta = model_take(work->memory, 3 * p->kernel.thetas, sizeof *p->theta);
  if (!p->work || !p->theta) return model_no_memory(error);
  p->start = p->theta + p->kernel.thetas;
  double *best = p->start + p->kernel.thetas;
  memcpy(best, work->theta, p->kernel.thetas * sizeof *best);
  if (!kernel_fit(&p->kernel, p->work, best, NULL, work->memory, &outcome))
    return model_fail(error, STATS_NOT_FITTED, "", "the likelihood has no finite optimum to profile");
  p->least = outcome.criterion;
  p->goal = sqrt(stats_chi2_quantile(level, 1));
  return STATS_OK;
}

static void profile_coefficients(struct profile *p, const struct stats_model *model, const double *best, double sigma2,
                                 const double *beta, const double *inverse, struct stats_interval *out) {
  size_t n = model->p;
  for (size_t j = 0; j < n; j++) {
    const double *row = p->model->to_beta + j * n;
    double estimate = 0, variance = 0;
    for (size_t a = 0; a < n; a++) {
      estimate += row[a] * beta[a];
      for (size_t b = 0; b < n; b++) variance += row[a] * inverse[a * n + b] * row[b];
    }
    bool centred = j == 0 && p->model->data.column[p->model->data.response].centred;
    out[j].name = model->fixed[j].name;
    out[j].estimate = p->model->y_scale * estimate + (centred ? p->model->y_centre : 0);
    p->pin = (struct kernel_pin){PIN_CONTRAST, 0, row, 0};
    both_bounds(p, best, estimate, p->goal * sqrt(sigma2 * variance), -INFINITY, &out[j]);
  }
}

static enum stats_status profile_term(struct profile *p, const struct stats_model *model, size_t t, const double *best,
                                      double sigma, struct stats_interval *out, struct stats_error *error) {
  const struct kernel_term *term = &p->kernel.term[t];
  size_t n = term->size;
  double *a = model_take(p->model->memory, n * n, sizeof *a);
  if (!a) return model_no_memory(error);
  model_effect_transform(p->model, t, a);
  for (size_t k = 0; k < n; k++) {
    const double *at = best + term->theta;
    double square = 0;
    for (size_t j = 0; j < n; j++) {
      double turned = 0;
      for (size_t i = j; i < n; i++) turned += *at++ * a[k * n + i];
      square += turned * turned;
    }
    double estimate = sigma * sqrt(square), most = estimate > 0 ? estimate : 0.05 * sigma * fabs(a[k * n + k]);
    out[k].name = model_text(p->model->memory, "sd(%s|%s)", model->random[t].name[k], model->random[t].group);
    if (!out[k].name) return model_no_memory(error);
    out[k].estimate = p->model->y_scale * estimate;
    p->pin = (struct kernel_pin){PIN_DEVIATION, 0, a + k * n, t};
    both_bounds(p, best, estimate, p->goal * most / sqrt(2 * (double)model->random[t].levels), 0, &out[k]);
  }
  return STATS_OK;
}

enum stats_status stats_model_profile(const struct stats_model *model, double level, struct stats_interval **intervals,
                                      size_t *count, struct stats_error *error) {
  struct profile p = {0};
  size_t n = model->p, at = n + 1;
  *count = n + 1;
  for (size_t t = 0; t < model->terms; t++) *count += model->random[t].size;
  TRY(fit_by_likelihood(&p, model, level, error));
  *intervals = model_take(p.model->memory, *count, sizeof **intervals);
  double *beta = model_take(p.model->memory, n + 1, sizeof *beta);
  double *inverse = model_take(p.model->memory, n * n + 1, sizeof *inverse);
  if (!*intervals || !beta || !inverse) return model_no_memory(error);
  const double *best = p.start + p.kernel.thetas;
  double sigma2 = p.work->rss / (double)p.kernel.n, sigma = sqrt(sigma2);
  memcpy(beta, p.work->beta, n * sizeof *beta);
  memcpy(inverse, p.work->inverse, n * n * sizeof *inverse);
  profile_coefficients(&p, model, best, sigma2, beta, inverse, *intervals);
  (*intervals)[n] = (struct stats_interval){"sigma", p.model->y_scale * sigma, 0, 0};
  p.pin = (struct kernel_pin){PIN_SIGMA, 0, NULL, 0};
  both_bounds(&p, best, sigma, p.goal * sigma / sqrt(2 * (double)p.kernel.n), 0, &(*intervals)[n]);
  for (size_t t = 0; t < model->terms; t++) {
    TRY(profile_term(&p, model, t, best, sigma, *intervals + at, error));
    at += model->random[t].size;
  }
  return STATS_OK;
}
