/* The multilevel probit model of signal detection.
 *
 * Therapist j answers yes with probability Phi(d_j / 2 - c_j) where there was a signal and Phi(-d_j / 2 - c_j) where
 * there was none, with (c_j, d_j) = means (by arm) + Lambda v_j, v_j standard normal in the plane. All that a therapist
 * says is four counts, so an evaluation costs the same however many sessions there are. Each therapist's integral over
 * v_j is a product of adaptive Gauss-Hermite rules about its mode (Pinheiro & Bates 1995, J Comput Graph Stat 4:12);
 * the gradient is the expectation of the joint score under the same rule (Fisher's identity, Louis 1982). Newton steps
 * on differences of that gradient, with the sizes of negative eigenvalues turned positive. */
#include <math.h>
#include <string.h>

#include "attune/stats_distributions.h"
#include "attune/stats_math.h"
#include "stats/matrix.h"
#include "stats/model_columns.h"
#include "stats/model_frame.h"

#define NODES 15     /* along each of two axes */
#define PARAMETERS 7 /* c, d, Lambda (3), and with arms their differences in c and d */
#define TINY_GRADIENT 1e-9
#define FAR 25 /* beyond this an estimate runs away */

enum { MEAN_C, MEAN_D, SPREAD_C, SPREAD_CD, SPREAD_D, ARM_C, ARM_D };

struct rule {
  double node[NODES], log_weight[NODES];
};

struct probit {
  const struct stats_signals_therapist *therapist;
  const double *arm; /* NULL: none */
  size_t therapists, parameters;
  struct rule rule;
};

/* Where a therapist stands at one v: linear predictors of signal and noise, log-likelihood, scores and weights. */
struct point {
  double log, score[2], weight[2];
};

/* ---- the rule ---- */

/* Orthonormal Hermite polynomials of the standard normal weight: degree `n` at x, and the one below it. */
static double hermite(int n, double x, double *below) {
  double before = 0, now = 1;
  for (int k = 0; k < n; k++) {
    double next = (x * now - sqrt((double)k) * before) / sqrt((double)k + 1);
    before = now;
    now = next;
  }
  *below = before;
  return now;
}

static double root_between(int n, double low, double high) {
  double below, sign = hermite(n, low, &below);
  for (int i = 0; i < 100; i++) {
    double middle = (low + high) / 2, value = hermite(n, middle, &below);
    if ((value < 0) == (sign < 0))
      low = middle;
    else
      high = middle;
  }
  return (low + high) / 2;
}

/* The roots of each degree lie between those of the degree below. */
static void make_rule(struct rule *rule) {
  double root[NODES + 2] = {0}, next[NODES + 2], below, end = 2 * sqrt((double)NODES) + 1;
  for (int n = 1; n <= NODES; n++) {
    root[0] = -end;
    root[n] = end;
    for (int i = 1; i <= n; i++) next[i] = root_between(n, root[i - 1], root[i]);
    memcpy(root + 1, next + 1, (size_t)n * sizeof *root);
  }
  for (int i = 0; i < NODES; i++) {
    rule->node[i] = root[i + 1];
    hermite(NODES, rule->node[i], &below);
    rule->log_weight[i] = -stats_log(NODES * below * below);
  }
}

/* ---- one therapist ---- */

/* log Phi(x), and phi(x) / Phi(x); by the asymptotic series where Phi would lose its digits. */
static double log_normal(double x, double *ratio) {
  if (x > -30) {
    double p = stats_normal_cdf(x);
    *ratio = stats_normal_density(x) / p;
    return x > 5 ? stats_log1p(-stats_normal_upper(x)) : stats_log(p);
  }
  double r = 1 / (x * x), series = 1 - r * (1 - r * (3 - r * (15 - r * 105)));
  *ratio = -x / series;
  return -x * x / 2 - stats_log(-x) - 0.91893853320467274178 + stats_log(series);
}

/* `yes` and `no` answers at the linear predictor eta. */
static double answers(double yes, double no, double eta, double *score, double *weight) {
  double up, down, log = 0;
  *score = *weight = 0;
  if (yes > 0) {
    log += yes * log_normal(eta, &up);
    *score += yes * up;
    *weight += yes * up * (eta + up);
  }
  if (no > 0) {
    log += no * log_normal(-eta, &down);
    *score -= no * down;
    *weight += no * down * (down - eta);
  }
  return log;
}

static struct point point_at(const struct probit *probit, size_t j, const double *theta, const double v[2]) {
  const struct stats_signals_therapist *t = &probit->therapist[j];
  double arm = probit->arm ? probit->arm[j] : 0;
  double c = theta[MEAN_C] + theta[SPREAD_C] * v[0] + (probit->arm ? arm * theta[ARM_C] : 0);
  double d = theta[MEAN_D] + theta[SPREAD_CD] * v[0] + theta[SPREAD_D] * v[1] + (probit->arm ? arm * theta[ARM_D] : 0);
  struct point p = {.log = -(v[0] * v[0] + v[1] * v[1]) / 2};
  p.log += answers(t->hits, t->signals - t->hits, d / 2 - c, &p.score[0], &p.weight[0]);
  p.log += answers(t->false_reports, t->noise - t->false_reports, -d / 2 - c, &p.score[1], &p.weight[1]);
  return p;
}

/* How the two linear predictors move with v. */
static void slopes(const double *theta, double a[2], double b[2]) {
  a[0] = theta[SPREAD_CD] / 2 - theta[SPREAD_C];
  a[1] = theta[SPREAD_D] / 2;
  b[0] = -theta[SPREAD_CD] / 2 - theta[SPREAD_C];
  b[1] = -theta[SPREAD_D] / 2;
}

/* The mode of the joint density in v, and the factor [f0 0; f1 f2] of its curvature there. The density is log-concave:
 * halved Newton steps cannot fail. */
static void find_mode(const struct probit *probit, size_t j, const double *theta, double v[2], double factor[3]) {
  double a[2], b[2];
  slopes(theta, a, b);
  v[0] = v[1] = 0;
  struct point p = point_at(probit, j, theta, v);
  for (int i = 0; i < 100; i++) {
    double g0 = a[0] * p.score[0] + b[0] * p.score[1] - v[0], g1 = a[1] * p.score[0] + b[1] * p.score[1] - v[1];
    double h00 = 1 + p.weight[0] * a[0] * a[0] + p.weight[1] * b[0] * b[0],
           h01 = p.weight[0] * a[0] * a[1] + p.weight[1] * b[0] * b[1],
           h11 = 1 + p.weight[0] * a[1] * a[1] + p.weight[1] * b[1] * b[1];
    factor[0] = sqrt(h00);
    factor[1] = h01 / factor[0];
    factor[2] = sqrt(h11 - factor[1] * factor[1]);
    if (g0 * g0 + g1 * g1 < 1e-22) return;
    double y0 = g0 / factor[0], y1 = (g1 - factor[1] * y0) / factor[2];
    double s1 = y1 / factor[2], s0 = (y0 - factor[1] * s1) / factor[0], step = 1;
    for (int k = 0; k < 60; k++, step /= 2) {
      double to[2] = {v[0] + step * s0, v[1] + step * s1};
      struct point q = point_at(probit, j, theta, to);
      if (!(q.log >= p.log)) continue;
      bool still = to[0] == v[0] && to[1] == v[1];
      v[0] = to[0];
      v[1] = to[1];
      p = q;
      if (still) return;
      break;
    }
  }
}

/* Sums under the posterior of v: scores by the parameters, and moments of v. */
struct posterior {
  double log; /* of the marginal likelihood */
  double gradient[PARAMETERS], mean[2], square[3];
};

static void add_point(const struct probit *probit, size_t j, const struct point *p, const double v[2], double share,
                      struct posterior *out) {
  double by_c = -(p->score[0] + p->score[1]), by_d = (p->score[0] - p->score[1]) / 2;
  double *g = out->gradient, arm = probit->arm ? probit->arm[j] : 0;
  g[MEAN_C] += share * by_c;
  g[MEAN_D] += share * by_d;
  g[SPREAD_C] += share * by_c * v[0];
  g[SPREAD_CD] += share * by_d * v[0];
  g[SPREAD_D] += share * by_d * v[1];
  g[ARM_C] += share * by_c * arm;
  g[ARM_D] += share * by_d * arm;
  out->mean[0] += share * v[0];
  out->mean[1] += share * v[1];
  out->square[0] += share * v[0] * v[0];
  out->square[1] += share * v[0] * v[1];
  out->square[2] += share * v[1] * v[1];
}

static struct posterior integrate(const struct probit *probit, size_t j, const double *theta) {
  double mode[2], factor[3], v[NODES * NODES][2], log[NODES * NODES], most = -INFINITY, sum = 0;
  struct point point[NODES * NODES];
  struct posterior out = {0};
  find_mode(probit, j, theta, mode, factor);
  for (int k = 0; k < NODES * NODES; k++) {
    double z0 = probit->rule.node[k / NODES], z1 = probit->rule.node[k % NODES];
    v[k][1] = z1 / factor[2];
    v[k][0] = (z0 - factor[1] * v[k][1]) / factor[0];
    v[k][0] += mode[0];
    v[k][1] += mode[1];
    point[k] = point_at(probit, j, theta, v[k]);
    log[k] = point[k].log + (z0 * z0 + z1 * z1) / 2 + probit->rule.log_weight[k / NODES] +
             probit->rule.log_weight[k % NODES];
    if (log[k] > most) most = log[k];
  }
  for (int k = 0; k < NODES * NODES; k++) sum += log[k] = stats_exp(log[k] - most);
  for (int k = 0; k < NODES * NODES; k++)
    if (log[k] > 0) add_point(probit, j, &point[k], v[k], log[k] / sum, &out);
  out.log = most + stats_log(sum) - stats_log(factor[0] * factor[2]);
  return out;
}

/* ---- all therapists ---- */

/* The log-likelihood and its gradient; -infinity where an estimate has run away. */
static double evaluate(const struct probit *probit, const double *theta, double *gradient) {
  double log = 0;
  memset(gradient, 0, PARAMETERS * sizeof *gradient);
  for (size_t i = 0; i < probit->parameters; i++)
    if (!(fabs(theta[i]) <= FAR)) return -INFINITY;
  for (size_t j = 0; j < probit->therapists; j++) {
    struct posterior one = integrate(probit, j, theta);
    log += one.log;
    for (size_t i = 0; i < probit->parameters; i++) gradient[i] += one.gradient[i];
  }
  return log;
}

/* Minus the second derivatives, by central differences of the gradient. */
static void information_at(const struct probit *probit, const double *theta, double *information) {
  size_t n = probit->parameters;
  double moved[PARAMETERS], up[PARAMETERS], down[PARAMETERS], raw[PARAMETERS * PARAMETERS];
  for (size_t i = 0; i < n; i++) {
    double step = 1e-4;
    memcpy(moved, theta, n * sizeof *moved);
    moved[i] = theta[i] + step;
    evaluate(probit, moved, up);
    moved[i] = theta[i] - step;
    evaluate(probit, moved, down);
    for (size_t k = 0; k < n; k++) raw[i * n + k] = (down[k] - up[k]) / (2 * step);
  }
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < n; k++) information[i * n + k] = (raw[i * n + k] + raw[k * n + i]) / 2;
}

/* The inverse of the information with the sizes of its eigenvalues, or, with `positive`, without those that are not
 * above nothing: directions in which the likelihood is flat, such as turns of a spread that is 0. */
static void invert(const double *information, size_t n, bool positive, double *inverse, double *least) {
  double spoilt[PARAMETERS * PARAMETERS], value[PARAMETERS], vector[PARAMETERS * PARAMETERS];
  memcpy(spoilt, information, n * n * sizeof *spoilt);
  matrix_eigen(spoilt, n, value, vector);
  double most = fmax(fabs(value[0]), fabs(value[n - 1]));
  *least = value[0] / most;
  memset(inverse, 0, n * n * sizeof *inverse);
  for (size_t e = 0; e < n; e++) {
    double size = positive ? value[e] : fabs(value[e]);
    if (positive && size < 1e-7 * most) continue;
    if (size < 1e-7 * most) size = 1e-7 * most;
    for (size_t i = 0; i < n; i++)
      for (size_t k = 0; k < n; k++) inverse[i * n + k] += vector[i * n + e] * vector[k * n + e] / size;
  }
}

static double largest(const double *x, size_t n) {
  double most = 0;
  for (size_t i = 0; i < n; i++) most = fmax(most, fabs(x[i]));
  return most;
}

static bool climb(const struct probit *probit, double *theta, double *gradient, double *log) {
  size_t n = probit->parameters;
  double information[PARAMETERS * PARAMETERS], inverse[PARAMETERS * PARAMETERS], to[PARAMETERS], slope[PARAMETERS];
  double step[PARAMETERS], least;
  *log = evaluate(probit, theta, gradient);
  for (int i = 0; i < 100 && largest(gradient, n) > TINY_GRADIENT; i++) {
    double length = 1, found = -INFINITY;
    information_at(probit, theta, information);
    invert(information, n, false, inverse, &least);
    matrix_multiply(step, inverse, gradient, n, n, 1, false);
    double size = largest(step, n);
    if (size > 1) length = 1 / size;
    for (int k = 0; k < 40; k++, length /= 2) {
      for (size_t a = 0; a < n; a++) to[a] = theta[a] + length * step[a];
      found = evaluate(probit, to, slope);
      if (found > *log || (found > *log - 1e-9 * (1 + fabs(*log)) && largest(slope, n) < largest(gradient, n))) break;
    }
    if (!(found > *log || largest(slope, n) < largest(gradient, n))) break;
    memcpy(theta, to, n * sizeof *theta);
    memcpy(gradient, slope, n * sizeof *gradient);
    *log = found;
  }
  return largest(gradient, n) < 1e-5 && largest(theta, n) < 0.8 * FAR;
}

/* ---- from a table ---- */

static enum stats_status zero_or_one(const struct stats_table *table, const char *name, const double **number,
                                     struct stats_error *error) {
  enum stats_status status = columns_numbers(table, name, number, error);
  for (size_t i = 0; !status && i < table->rows; i++)
    if (!isnan((*number)[i]) && (*number)[i] != 0 && (*number)[i] != 1)
      return model_fail(error, STATS_BAD_DATA, name, "'%.60s' is %g in row %zu; a signal and an answer are 0 or 1",
                        name, (*number)[i], i + 1);
  return status;
}

/* The two arms of a column, and the name of their difference as coefficients are named. */
static enum stats_status two_arms(const struct stats_table *table, const char *name, const struct stats_memory *memory,
                                  struct columns_groups *arms, const char **label, struct stats_error *error) {
  const struct stats_column *column = NULL;
  enum stats_status status = columns_groups_of(table, name, NULL, memory, arms, error);
  if (!status && arms->count != 2)
    return model_fail(error, STATS_BAD_DATA, name, "'%.60s' has %zu arms; signals compare two", name, arms->count);
  if (!status) status = frame_column_find(table, name, &column, error);
  if (!status) *label = column->code ? model_text(memory, "%s%s", name, arms->name[1]) : name;
  return status;
}

/* The arm of every therapist as 0 or 1. */
static enum stats_status take_arm(const char *name, const struct columns_groups *arms,
                                  const struct columns_groups *groups, const bool *counts, struct probit *probit,
                                  const struct stats_memory *memory, struct stats_error *error) {
  double *arm = model_take(memory, groups->count, sizeof *arm);
  if (!arm) return model_no_memory(error);
  for (size_t j = 0; j < groups->count; j++) arm[j] = -1;
  for (size_t i = 0; i < groups->rows; i++) {
    if (!counts[i] || arms->code[i] < 0) continue;
    double *own = &arm[groups->code[i]];
    if (*own >= 0 && *own != arms->code[i])
      return model_fail(error, STATS_BAD_DATA, name, "therapist '%.60s' is in both arms of '%.60s'",
                        groups->name[groups->code[i]], name);
    *own = arms->code[i];
  }
  for (size_t j = 0; j < groups->count; j++)
    if (arm[j] < 0 && probit->therapist[j].signals + probit->therapist[j].noise > 0)
      return model_fail(error, STATS_BAD_DATA, name, "therapist '%.60s' has no arm", groups->name[j]);
  probit->arm = arm;
  return STATS_OK;
}

static enum stats_status count_answers(const struct stats_table *table, const struct stats_accuracy *columns,
                                       const struct columns_groups *groups, const struct stats_memory *memory,
                                       struct stats_signals *out, bool *counts, struct stats_error *error) {
  const double *truth, *answer;
  enum stats_status status = zero_or_one(table, columns->truth, &truth, error);
  if (!status) status = zero_or_one(table, columns->judgment, &answer, error);
  if (status) return status;
  out->therapist = model_take(memory, groups->count, sizeof *out->therapist);
  if (!out->therapist) return model_no_memory(error);
  out->therapists = groups->count;
  for (size_t j = 0; j < groups->count; j++) out->therapist[j].name = groups->name[j];
  for (size_t i = 0; i < table->rows; i++) {
    counts[i] = groups->code[i] >= 0 && !isnan(truth[i]) && !isnan(answer[i]);
    if (!counts[i]) continue;
    struct stats_signals_therapist *t = &out->therapist[groups->code[i]];
    out->rows++;
    t->signals += truth[i];
    t->noise += 1 - truth[i];
    t->hits += truth[i] * answer[i];
    t->false_reports += (1 - truth[i]) * answer[i];
  }
  return STATS_OK;
}

/* Whether every one of the four answers was given, and by enough therapists, in one arm (-1: in all). */
static enum stats_status check_counts(const struct probit *probit, int arm, struct stats_error *error) {
  static const char *const never[] = {"no session with a signal was noticed", "no session with a signal was missed",
                                      "no session without one was taken for a signal",
                                      "every session without a signal was taken for one"};
  double cell[4] = {0};
  size_t both = 0, need = arm < 0 ? 4 : 2;
  for (size_t j = 0; j < probit->therapists; j++) {
    const struct stats_signals_therapist *t = &probit->therapist[j];
    if (arm >= 0 && probit->arm[j] != arm) continue;
    cell[0] += t->hits;
    cell[1] += t->signals - t->hits;
    cell[2] += t->false_reports;
    cell[3] += t->noise - t->false_reports;
    both += t->signals > 0 && t->noise > 0;
  }
  const char *where = arm < 0 ? "" : arm ? " in the second arm" : " in the first arm";
  if (both < need)
    return model_fail(error, STATS_NOT_FITTED, "therapist",
                      "%zu therapists%s have sessions both with and without a signal; %zu are the least", both, where,
                      need);
  for (int k = 0; k < 4; k++)
    if (cell[k] == 0)
      return model_fail(error, STATS_NOT_FITTED, "", "%s%s: sensitivity has no finite estimate", never[k], where);
  return STATS_OK;
}

/* ---- the result ---- */

static void add_quantity(struct stats_signals *out, const char *symbol, const char *meaning, double estimate,
                         double variance) {
  struct stats_coefficient value = {.name = symbol, .estimate = estimate, .se = sqrt(variance), .df = INFINITY};
  value.t = value.estimate / value.se;
  value.p = stats_t_two_sided(value.t, INFINITY);
  out->quantity[out->quantities++] = (struct stats_quantity){symbol, meaning, value};
}

static void predict(const struct probit *probit, const double *theta, struct stats_signals *out) {
  for (size_t j = 0; j < probit->therapists; j++) {
    struct stats_signals_therapist *t = &out->therapist[j];
    struct posterior own = integrate(probit, j, theta);
    double v00 = own.square[0] - own.mean[0] * own.mean[0], v01 = own.square[1] - own.mean[0] * own.mean[1],
           v11 = own.square[2] - own.mean[1] * own.mean[1], l1 = theta[SPREAD_C], l2 = theta[SPREAD_CD],
           l3 = theta[SPREAD_D];
    t->criterion = theta[MEAN_C] + l1 * own.mean[0] + (probit->arm ? probit->arm[j] * theta[ARM_C] : 0);
    t->sensitivity =
        theta[MEAN_D] + l2 * own.mean[0] + l3 * own.mean[1] + (probit->arm ? probit->arm[j] * theta[ARM_D] : 0);
    t->criterion_se = sqrt(l1 * l1 * v00);
    t->sensitivity_se = sqrt(fmax(0, l2 * l2 * v00 + 2 * l2 * l3 * v01 + l3 * l3 * v11));
  }
}

static void report(const struct probit *probit, const double *theta, const double *covariance, const char *arm,
                   const struct stats_memory *memory, struct stats_signals *out) {
  size_t n = probit->parameters;
  double c = fabs(theta[SPREAD_C]), d = sqrt(theta[SPREAD_CD] * theta[SPREAD_CD] + theta[SPREAD_D] * theta[SPREAD_D]);
  add_quantity(out, "d'", "sensitivity: how far signals are told from their absence", theta[MEAN_D],
               covariance[MEAN_D * n + MEAN_D]);
  add_quantity(out, "c", "criterion: above 0 slow, below 0 quick to say yes", theta[MEAN_C],
               covariance[MEAN_C * n + MEAN_C]);
  if (probit->arm) {
    add_quantity(out, model_text(memory, "%s:d'", arm), "difference in sensitivity between arms", theta[ARM_D],
                 covariance[ARM_D * n + ARM_D]);
    add_quantity(out, model_text(memory, "%s:c", arm), "difference in criterion between arms", theta[ARM_C],
                 covariance[ARM_C * n + ARM_C]);
  }
  out->criterion_sd = c;
  out->sensitivity_sd = d;
  out->correlation = c > 1e-4 && d > 1e-4 ? theta[SPREAD_CD] / d * (theta[SPREAD_C] < 0 ? -1 : 1) : NAN;
  out->singular = c < 1e-4 || fabs(theta[SPREAD_D]) < 1e-4;
  predict(probit, theta, out);
}

/* d' and c of all sessions together, with half a session added to every count (Hautus 1995). */
static void start_at(const struct probit *probit, double *theta) {
  double h = 0.5, s = 1, f = 0.5, n = 1;
  for (size_t j = 0; j < probit->therapists; j++) {
    const struct stats_signals_therapist *t = &probit->therapist[j];
    h += t->hits;
    s += t->signals;
    f += t->false_reports;
    n += t->noise;
  }
  double zh = stats_normal_quantile(h / s), zf = stats_normal_quantile(f / n);
  memset(theta, 0, PARAMETERS * sizeof *theta);
  theta[MEAN_C] = -(zh + zf) / 2;
  theta[MEAN_D] = zh - zf;
  theta[SPREAD_C] = 0.3;
  theta[SPREAD_D] = 0.4;
}

static enum stats_status fit(struct probit *probit, const char *arm, const struct stats_memory *memory,
                             struct stats_signals *out, struct stats_error *error) {
  double theta[PARAMETERS], gradient[PARAMETERS], information[PARAMETERS * PARAMETERS],
      covariance[PARAMETERS * PARAMETERS], least;
  make_rule(&probit->rule);
  start_at(probit, theta);
  bool found = climb(probit, theta, gradient, &out->log_likelihood);
  if (found) {
    information_at(probit, theta, information);
    invert(information, probit->parameters, true, covariance, &least);
    found = least > -1e-5;
  }
  if (!found)
    return model_fail(error, STATS_NOT_FITTED, "",
                      "the likelihood has no finite maximum: the answers leave a spread between therapists open");
  out->gradient = largest(gradient, probit->parameters);
  report(probit, theta, covariance, arm, memory, out);
  return STATS_OK;
}

enum stats_status stats_signals_fit(const struct stats_table *table, const struct stats_accuracy *columns,
                                    const struct stats_memory *memory, struct stats_signals *out,
                                    struct stats_error *error) {
  struct columns_groups groups, arms;
  struct probit probit = {.parameters = 5};
  const char *arm = NULL;
  *out = (struct stats_signals){0};
  if (!columns->therapist)
    return model_fail(error, STATS_BAD_DATA, "", "signal detection needs the therapist's column");
  enum stats_status status = columns_groups_of(table, columns->therapist, NULL, memory, &groups, error);
  if (status) return status;
  bool *counts = model_take(memory, table->rows, sizeof *counts);
  out->quantity = model_take(memory, 4, sizeof *out->quantity);
  if (!counts || !out->quantity) return model_no_memory(error);
  if ((status = count_answers(table, columns, &groups, memory, out, counts, error))) return status;
  probit.therapist = out->therapist;
  probit.therapists = out->therapists;
  if (columns->arm && (status = two_arms(table, columns->arm, memory, &arms, &arm, error))) return status;
  if (columns->arm && (status = take_arm(columns->arm, &arms, &groups, counts, &probit, memory, error))) return status;
  if (probit.arm) probit.parameters = 7;
  status = check_counts(&probit, -1, error);
  for (int a = 0; a < 2 && probit.arm && !status; a++) status = check_counts(&probit, a, error);
  return status ? status : fit(&probit, arm, memory, out, error);
}
