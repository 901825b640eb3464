#include "attune/stats_distributions.h"

#include <math.h>
#include <stdbool.h>

#include "attune/stats_math.h"

#define TWO_PI 6.28318530717958647693
#define EPSILON 1e-17
#define TINY 1e-290
#define NCT_FAR 1e4
#define STEPS 200000

/* Both tails of one distribution at one point; their sum is 1. */
struct tails {
  double lower, upper;
};

static struct tails from_lower(double lower) {
  return (struct tails){lower, 1 - lower};
}
static struct tails from_upper(double upper) {
  return (struct tails){1 - upper, upper};
}

/* log(scaled) - (scaled - 1), where scaled = x / mean and off = scaled - 1 is known without loss near 0. */
static double log_less_off(double scaled, double off) {
  return off > -0.4 && off < 0.45 ? stats_log1p_minus(off) : stats_log(scaled) - off;
}

/* ---- the gamma family ---- */

/* x^a e^-x / Gamma(a), by Loader's deviance. */
static double gamma_factor(double x, double a) {
  if (x == 0) return 0;
  double deviance = a * log_less_off(x / a, (x - a) / a);
  return sqrt(a / TWO_PI) * stats_exp(deviance - stats_stirling_error(a));
}

static struct tails gamma_tails(double x, double a) {
  if (x != x || !(a > 0)) return (struct tails){NAN, NAN};
  if (x <= 0) return from_lower(0);
  if (isinf(x)) return from_upper(0);
  double factor = gamma_factor(x, a);
  if (x < a + 1) { /* DLMF 8.11.4 */
    double term = 1 / a, sum = term;
    for (int n = 1; n < STEPS && term > sum * EPSILON; n++) {
      term *= x / (a + n);
      sum += term;
    }
    return from_lower(factor * sum);
  }
  double b = x + 1 - a, c = 1 / TINY, d = 1 / b, h = d; /* DLMF 8.9.2 by Lentz's method */
  for (int n = 1; n < STEPS; n++) {
    double an = -n * (n - a);
    b += 2;
    d = an * d + b;
    if (fabs(d) < TINY) d = TINY;
    c = b + an / c;
    if (fabs(c) < TINY) c = TINY;
    d = 1 / d;
    double change = c * d;
    h *= change;
    if (fabs(change - 1) < 1e-16) break;
  }
  return from_upper(factor * h);
}

/* ---- the beta family ---- */

/* x^a y^b / B(a, b) for x + y = 1. */
static double beta_factor(double x, double y, double a, double b) {
  if (x == 0 || y == 0) return 0;
  double n = a + b, off = b * x - a * y;
  double deviance = a * log_less_off(n * x / a, off / a) + b * log_less_off(n * y / b, -off / b);
  double stirling = stats_stirling_error(n) - stats_stirling_error(a) - stats_stirling_error(b);
  return sqrt(a / n * b / TWO_PI) * stats_exp(deviance + stirling);
}

/* The even part of DLMF 8.17.22 (A. DiDonato and A. Morris, ACM Transactions on Mathematical Software 18 (1992) 360),
 * by Lentz's method: I_x(a, b) = factor / fraction. Fast for x below about a / (a + b); 1 - x never loses its digits.
 */
static double beta_fraction(double x, double y, double a, double b) {
  double lead = a * y - b * x + 1, h = a * lead / (a + 1), c, d = 0;
  if (fabs(h) < TINY) h = TINY;
  c = h;
  for (int m = 1; m < STEPS; m++) {
    double s = a + 2 * m - 1;
    double top = (a + m - 1) / s * ((a + b + m - 1) / s) * m * (b - m) * x * x;
    double bottom = m + m * (b - m) * x / s + (a + m) * (lead + m * (1 + y)) / (s + 2);
    d = bottom + top * d;
    if (fabs(d) < TINY) d = TINY;
    c = bottom + top / c;
    if (fabs(c) < TINY) c = TINY;
    d = 1 / d;
    double change = c * d;
    h *= change;
    if (fabs(change - 1) < 2e-16) break;
  }
  return h;
}

static struct tails beta_tails(double x, double y, double a, double b) {
  if (x != x || y != y || !(a > 0) || !(b > 0)) return (struct tails){NAN, NAN};
  if (x <= 0) return from_lower(0);
  if (y <= 0) return from_upper(0);
  double factor = beta_factor(x, y, a, b);
  if (x <= (a + 1) / (a + b + 2)) return from_lower(factor / beta_fraction(x, y, a, b));
  return from_upper(factor / beta_fraction(y, x, b, a));
}

/* ---- quantiles ---- */

struct family {
  double a, b; /* b = 0: gamma, in u = log x; else beta, in u = log(x / (1 - x)) */
};

static void beta_point(double u, double *x, double *y) {
  double e = stats_exp(u < 0 ? u : -u);
  *x = u < 0 ? e / (1 + e) : 1 / (1 + e);
  *y = u < 0 ? 1 / (1 + e) : e / (1 + e);
}

/* The tails at u and their slope by u. */
static struct tails family_at(struct family family, double u, double *slope) {
  if (family.b == 0) {
    double x = stats_exp(u);
    *slope = gamma_factor(x, family.a);
    return gamma_tails(x, family.a);
  }
  double x, y;
  beta_point(u, &x, &y);
  *slope = beta_factor(x, y, family.a, family.b);
  return beta_tails(x, y, family.a, family.b);
}

/* The u at which the smaller of the two tails is met: Newton on its logarithm, kept inside a shrinking bracket. */
static double solve_quantile(struct family family, double lower, double upper, double u) {
  bool by_lower = lower <= upper;
  double goal = by_lower ? lower : upper, log_goal = stats_log(goal), low = -INFINITY, high = INFINITY, reach = 1;
  for (int step = 0; step < 400; step++) {
    double slope;
    struct tails tails = family_at(family, u, &slope);
    double tail = by_lower ? tails.lower : tails.upper;
    bool above = by_lower ? tail > goal : tail < goal; /* u is above the quantile */
    if (above)
      high = u;
    else
      low = u;
    double change = (log_goal - stats_log(tail)) * tail / (by_lower ? slope : -slope), next = u + change;
    if (fabs(change) <= 1e-16 * fabs(u) || fabs(change) < 1e-17) return next;
    if (!(next > low && next < high)) {
      reach *= 2;
      next = isinf(high) ? u + reach : isinf(low) ? u - reach : low + (high - low) / 2;
      if (next == u || next == low || next == high) return u;
    }
    u = next;
  }
  return u;
}

static double gamma_quantile(double lower, double upper, double a) {
  if (!(lower >= 0 && upper >= 0) || !(a > 0)) return NAN;
  if (lower == 0) return 0;
  if (upper == 0) return INFINITY;
  return stats_exp(solve_quantile((struct family){a, 0}, lower, upper, stats_log(a)));
}

static void beta_quantile(double lower, double upper, double a, double b, double *x, double *y) {
  *x = *y = NAN;
  if (!(lower >= 0 && upper >= 0) || !(a > 0) || !(b > 0)) return;
  *x = lower == 0 ? 0 : 1;
  *y = 1 - *x;
  if (lower == 0 || upper == 0) return;
  beta_point(solve_quantile((struct family){a, b}, lower, upper, stats_log(a / b)), x, y);
}

/* ---- what the header promises ---- */

double stats_gamma_density(double x, double shape) {
  if (x != x || !(shape > 0)) return NAN;
  if (x < 0 || isinf(x)) return 0;
  if (x == 0) return shape < 1 ? INFINITY : shape == 1 ? 1 : 0;
  return gamma_factor(x, shape) / x;
}
double stats_gamma_cdf(double x, double shape) {
  return gamma_tails(x, shape).lower;
}
double stats_gamma_upper(double x, double shape) {
  return gamma_tails(x, shape).upper;
}
double stats_gamma_quantile(double p, double shape) {
  return gamma_quantile(p, 1 - p, shape);
}

double stats_chi2_cdf(double x, double df) {
  return gamma_tails(x / 2, df / 2).lower;
}
double stats_chi2_upper(double x, double df) {
  return gamma_tails(x / 2, df / 2).upper;
}
double stats_chi2_quantile(double p, double df) {
  return 2 * gamma_quantile(p, 1 - p, df / 2);
}

double stats_beta_density(double x, double a, double b) {
  if (x != x || !(a > 0) || !(b > 0)) return NAN;
  if (x < 0 || x > 1) return 0;
  if (x == 0) return a < 1 ? INFINITY : a == 1 ? b : 0;
  if (x == 1) return b < 1 ? INFINITY : b == 1 ? a : 0;
  return beta_factor(x, 1 - x, a, b) / (x * (1 - x));
}
double stats_beta_cdf(double x, double a, double b) {
  return beta_tails(x, 1 - x, a, b).lower;
}
double stats_beta_upper(double x, double a, double b) {
  return beta_tails(x, 1 - x, a, b).upper;
}
double stats_beta_quantile(double p, double a, double b) {
  double x, y;
  beta_quantile(p, 1 - p, a, b, &x, &y);
  return x;
}

/* F's argument as a share: x = df1 f / (df1 f + df2), y = 1 - x without loss. */
static struct tails f_tails(double f, double df1, double df2) {
  if (f != f || !(df1 > 0) || !(df2 > 0)) return (struct tails){NAN, NAN};
  if (f <= 0) return from_lower(0);
  double odds = df1 * f / df2;
  if (isinf(odds)) return from_upper(0);
  return beta_tails(odds / (1 + odds), 1 / (1 + odds), df1 / 2, df2 / 2);
}
double stats_f_cdf(double x, double df1, double df2) {
  return f_tails(x, df1, df2).lower;
}
double stats_f_upper(double x, double df1, double df2) {
  return f_tails(x, df1, df2).upper;
}
double stats_f_quantile(double p, double df1, double df2) {
  double x, y;
  beta_quantile(p, 1 - p, df1 / 2, df2 / 2, &x, &y);
  return df2 * x / (df1 * y);
}

double stats_t_two_sided(double x, double df) {
  if (x != x || !(df > 0)) return NAN;
  if (isinf(df)) return 2 * stats_normal_cdf(-fabs(x));
  double odds = x / df * x;
  if (isinf(odds)) return 0;
  return beta_tails(1 / (1 + odds), odds / (1 + odds), df / 2, 0.5).lower;
}
double stats_t_cdf(double x, double df) {
  double half = 0.5 * stats_t_two_sided(x, df);
  return x < 0 ? half : 1 - half;
}
double stats_t_upper(double x, double df) {
  return stats_t_cdf(-x, df);
}
double stats_t_density(double x, double df) {
  if (x != x || !(df > 0)) return NAN;
  if (isinf(df)) return stats_normal_density(x);
  if (isinf(x)) return 0;
  double stirling = stats_stirling_error(df / 2 + 0.5) - stats_stirling_error(df / 2);
  double log_ratio = df / 2 * stats_log1p(1 / df) - 0.5; /* from Stirling's main terms */
  return stats_exp(stirling + log_ratio - (df + 1) / 2 * stats_log1p(x / df * x)) / sqrt(TWO_PI);
}
double stats_t_quantile(double p, double df) {
  if (!(p >= 0 && p <= 1) || !(df > 0)) return NAN;
  if (isinf(df)) return stats_normal_quantile(p);
  if (p == 0.5) return 0;
  double tail = p < 0.5 ? p : 1 - p, x, y;
  beta_quantile(2 * tail, 1 - 2 * tail, df / 2, 0.5, &x, &y);
  double t = sqrt(df * y / x);
  return p < 0.5 ? -t : t;
}

/* ---- noncentral t ---- */

/* One step of the sum: Poisson weights p and q of j, and the beta distributions that they weigh. */
struct nct_term {
  double j, p, q;
  double lower_p, step_p; /* I_x(j + 1/2, b) and what it loses from j to j + 1 */
  double lower_q, step_q; /* I_x(j + 1, b) */
};

static struct nct_term nct_start(double x, double y, double b, double delta) {
  double half = delta * delta / 2, j = floor(half);
  double log_p = -half + (j > 0 ? j * stats_log(half) : 0) - stats_gamma_log(j + 1);
  double log_q = -half + (j > 0 ? j * stats_log(half) : 0) - stats_gamma_log(j + 1.5);
  if (j >= 16) { /* the same without cancelling: Poisson's largest term is about 1 / sqrt(2 pi j) */
    log_p = j * log_less_off(half / j, (half - j) / j) - 0.5 * stats_log(TWO_PI * j) - stats_stirling_error(j);
    log_q = log_p + stats_gamma_log(j + 1) - stats_gamma_log(j + 1.5);
  }
  struct nct_term term = {.j = j, .p = stats_exp(log_p), .q = delta * sqrt(0.5) * stats_exp(log_q)};
  term.lower_p = beta_tails(x, y, j + 0.5, b).lower;
  term.lower_q = beta_tails(x, y, j + 1, b).lower;
  term.step_p = beta_factor(x, y, j + 0.5, b) / (j + 0.5);
  term.step_q = beta_factor(x, y, j + 1, b) / (j + 1);
  return term;
}

static double nct_value(const struct nct_term *term) {
  return term->p * term->lower_p + term->q * term->lower_q;
}

static void nct_up(struct nct_term *term, double x, double b, double half) {
  term->lower_p -= term->step_p;
  term->lower_q -= term->step_q;
  term->step_p *= x * (term->j + 0.5 + b) / (term->j + 1.5);
  term->step_q *= x * (term->j + 1 + b) / (term->j + 2);
  term->j += 1;
  term->p *= half / term->j;
  term->q *= half / (term->j + 0.5);
  if (term->lower_p < 0) term->lower_p = 0;
  if (term->lower_q < 0) term->lower_q = 0;
}

static void nct_down(struct nct_term *term, double x, double b, double half) {
  term->p *= term->j / half;
  term->q *= (term->j + 0.5) / half;
  term->j -= 1;
  term->step_p *= (term->j + 1.5) / (x * (term->j + 0.5 + b));
  term->step_q *= (term->j + 2) / (x * (term->j + 1 + b));
  term->lower_p += term->step_p;
  term->lower_q += term->step_q;
}

/* P(0 < T <= t) for t > 0. */
static double nct_above_zero(double t, double df, double delta) {
  double odds = t / df * t, x = odds / (1 + odds), y = 1 / (1 + odds), b = df / 2, half = delta * delta / 2;
  if (isinf(odds)) return 1 - stats_normal_cdf(-delta);
  struct nct_term start = nct_start(x, y, b, delta), term = start;
  double sum = nct_value(&term);
  for (int n = 0; n < STEPS; n++) {
    nct_up(&term, x, b, half);
    sum += nct_value(&term);
    if (term.p * term.lower_p + fabs(term.q) * term.lower_q < 1e-18) break;
  }
  term = start;
  while (term.j > 0) {
    nct_down(&term, x, b, half);
    sum += nct_value(&term);
    if (term.p + fabs(term.q) < 1e-18) break;
  }
  return sum / 2;
}

static double inside(double p) {
  return p < 0 ? 0 : p > 1 ? 1 : p;
}

/* Beside so large a delta the normal variable does not count: T <= x is delta <= x sqrt(chi2 / df), to a relative
 * 1 / delta^2. The series would take about 6 delta steps. */
static double nct_far(double x, double df, double delta) {
  double ratio = delta / x, odds = df * ratio * ratio;
  if ((x > 0) != (delta > 0)) return delta < 0;
  if (!(odds < 1e300)) return delta < 0;
  return delta > 0 ? stats_chi2_upper(odds, df) : stats_chi2_cdf(odds, df);
}

double stats_nct_cdf(double x, double df, double delta) {
  if (x != x || delta != delta || !(df > 0)) return NAN;
  if (isinf(df)) return stats_normal_cdf(x - delta);
  if (delta == 0) return stats_t_cdf(x, df);
  if (isinf(x)) return x > 0;
  if (fabs(delta) > NCT_FAR) return nct_far(x, df, delta);
  if (x < 0) return inside(stats_normal_cdf(-delta) - nct_above_zero(-x, df, -delta));
  if (x == 0) return stats_normal_cdf(-delta);
  return inside(stats_normal_cdf(-delta) + nct_above_zero(x, df, delta));
}

/* P(T > x) = P(-T < -x), and -T is noncentral t with -delta. */
double stats_nct_upper(double x, double df, double delta) {
  return stats_nct_cdf(-x, df, -delta);
}

double stats_nct_power(double alpha, double df, double delta) {
  double critical = -stats_t_quantile(alpha / 2, df);
  return inside(stats_nct_cdf(-critical, df, delta) + stats_nct_upper(critical, df, delta));
}
