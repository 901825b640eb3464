#include "attune/stats_math.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* log 2 in two parts: 32 bits, so that products with exponents are exact, and the rest. */
#define LOG2_HIGH 0x1.62e42feep-1
#define LOG2_LOW 0x1.a39ef35793c76p-33
#define HALF_LOG_2PI 0.91893853320467274178
#define SQRT_HALF 0.70710678118654752440

static uint64_t bits_of(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static double from_bits(uint64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* 2 (z/3 + z^2/5 + ...) for z = s^2 <= 0.0295: what atanh(s) adds to s, times 2/s. */
static double atanh_rest(double z) {
  double sum = 1.0 / 25;
  for (int n = 23; n >= 3; n -= 2) sum = sum * z + 1.0 / n;
  return 2 * z * sum;
}

double stats_log(double x) {
  if (!(x > 0)) return x == 0 ? -INFINITY : NAN;
  if (isinf(x)) return x;
  int exponent = 0;
  if (x < 0x1p-1022) {
    x *= 0x1p54;
    exponent = -54;
  }
  uint64_t bits = bits_of(x);
  exponent += (int)(bits >> 52) - 1023;
  double m = from_bits((bits & 0xfffffffffffff) | UINT64_C(1023) << 52);
  if (m > 2 * SQRT_HALF) {
    m *= 0.5;
    exponent++;
  }
  /* log(1 + f) = f - (f^2/2 - s (f^2/2 + R)), s = f / (2 + f) */
  double f = m - 1, s = f / (2 + f), half = 0.5 * f * f, k = exponent;
  double rest = s * (half + atanh_rest(s * s));
  return k * LOG2_HIGH - ((half - (rest + k * LOG2_LOW)) - f);
}

double stats_log1p_minus(double x) {
  if (!(x > -0.4 && x < 0.45)) return stats_log1p(x) - x;
  double s = x / (2 + x), z = s * s, sum = 1.0 / 33;
  for (int n = 31; n >= 3; n -= 2) sum = sum * z + 1.0 / n;
  return s * (2 * z * sum - x);
}

double stats_log1p(double x) {
  if (!(x > -1)) return x == -1 ? -INFINITY : NAN;
  if (x > -0.4 && x < 0.45) return x + stats_log1p_minus(x);
  double u = 1 + x;
  if (isinf(u)) return u;
  /* the rounding error of 1 + x, put back to first order */
  double lost = x >= 1 ? 1 - (u - x) : x - (u - 1);
  return stats_log(u) + lost / u;
}

/* r^2/2 + r^3/6 + ... for |r| <= 0.35 */
static double exp_rest(double r) {
  double sum = 1.0 / 87178291200.0;
  static const double inverse[] = {1.0 / 6227020800.0, 1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0,
                                   1.0 / 362880.0,     1.0 / 40320.0,     1.0 / 5040.0,     1.0 / 720.0,
                                   1.0 / 120.0,        1.0 / 24.0,        1.0 / 6.0,        1.0 / 2.0};
  for (int i = 0; i < 12; i++) sum = sum * r + inverse[i];
  return sum * r * r;
}

double stats_exp(double x) {
  if (x != x) return x;
  if (x > 709.8) return INFINITY;
  if (x < -745.2) return 0;
  int k = (int)(x * 1.44269504088896340736 + (x < 0 ? -0.5 : 0.5));
  double high = x - k * LOG2_HIGH, low = k * LOG2_LOW, r = high - low;
  /* the rounding of r itself, put back: it counts for the last bit */
  double lost = (high - r) - low;
  double result = 1 + (r + (exp_rest(r) + lost));
  if (k > 1023) return result * 0x1p1023 * from_bits((uint64_t)(k - 1023 + 1023) << 52);
  if (k >= -1022) return result * from_bits((uint64_t)(k + 1023) << 52);
  return result * from_bits((uint64_t)(k + 1000 + 1023) << 52) * 0x1p-1000;
}

double stats_expm1(double x) {
  if (x > -0.34 && x < 0.34) return x + exp_rest(x);
  if (x > -0.68 && x < 0.68) {
    double half = 0.5 * x, e = half + exp_rest(half);
    return e * (e + 2);
  }
  return stats_exp(x) - 1;
}

/* Chebyshev coefficients of (1 + 2z) exp(z^2) erfc(z) in t = (z - 3.75) / (z + 3.75), computed with 60 digits
 * (mpmath 1.3) at 80 nodes; the first is halved in use, the last is below 1e-18 of the sum. */
static const double tail_series[] = {
    2.355157869134803508160918,       -0.004590054580646477330853356,    -0.08424913336651791558350624,
    0.05920993999819189049807705,     -0.02665866843530575227738735,     0.009074997670705265093878874,
    -0.002413163540417608190942522,   0.00049077583652580863228587,      -0.00006916973302501206367095533,
    0.000004139027986073010167533729, 0.0000007740383066198490668632915, -0.0000002188640104923439566148978,
    1.07649994656709103771365e-8,     4.521959811218286897930918e-9,     -7.754400208831351106474482e-10,
    -6.318088340886684494384997e-11,  2.868795010930669898142463e-11,    1.945586854577734722952947e-13,
    -9.654696748433438905851145e-13,  3.252548148148739841541959e-14,    3.347811948286805387827033e-14,
    -1.864562880419313101543793e-15,  -1.250795053068864708532095e-15,   7.418235256624043463048281e-17,
    5.068148904796111316806933e-17,   -2.237056659435999597369047e-18,   -2.187342944303017664994983e-18};

/* exp(-x^2/2), x^2 taken in two parts so that its rounding does not count. */
static double exp_minus_half_square(double x) {
  double high = (double)(int64_t)(x * 1048576) / 1048576;
  if (!(x < 60 && x > -60)) return 0;
  return stats_exp(-0.5 * high * high) * stats_exp(-0.5 * (x - high) * (x + high));
}

double stats_normal_density(double x) {
  return x != x ? x : 0.39894228040143267794 * exp_minus_half_square(x);
}

/* The upper tail for x >= 0. */
static double upper_tail(double x) {
  if (x > 60) return 0;
  double z = x * SQRT_HALF, t = (z - 3.75) / (z + 3.75), twice = 2 * t, b1 = 0, b2 = 0;
  for (int n = sizeof tail_series / sizeof *tail_series - 1; n > 0; n--) {
    double b = twice * b1 - b2 + tail_series[n];
    b2 = b1;
    b1 = b;
  }
  double series = t * b1 - b2 + 0.5 * tail_series[0];
  return 0.5 * exp_minus_half_square(x) * series / (1 + 2 * z);
}

/* The distribution for |x| < 0.7 by its power series, where the tail's product would lose the last digits of 1/2. */
static double near_middle(double x) {
  double z = -0.5 * x * x, sum = 0, term = 1;
  double terms[16];
  for (int n = 0; n < 16; n++) {
    terms[n] = term / (2 * n + 1);
    term *= z / (n + 1);
  }
  for (int n = 15; n >= 0; n--) sum += terms[n];
  return 0.5 + x * sum * 0.39894228040143267794;
}

double stats_normal_cdf(double x) {
  if (x != x) return x;
  if (x > -0.7 && x < 0.7) return near_middle(x);
  return x < 0 ? upper_tail(-x) : 1 - upper_tail(x);
}

double stats_normal_upper(double x) {
  return stats_normal_cdf(-x);
}

static double ratio(const double *top, const double *bottom, int degree, double x) {
  double a = top[degree], b = bottom[degree];
  for (int i = degree - 1; i >= 0; i--) {
    a = a * x + top[i];
    b = b * x + bottom[i];
  }
  return a / b;
}

double stats_normal_quantile(double p) {
  static const double a[8] = {3.3871328727963666080,   1.3314166789178437745e2, 1.9715909503065514427e3,
                              1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
                              3.3430575583588128105e4, 2.5090809287301226727e3};
  static const double b[8] = {1,
                              4.2313330701600911252e1,
                              6.8718700749205790830e2,
                              5.3941960214247511077e3,
                              2.1213794301586595867e4,
                              3.9307895800092710610e4,
                              2.8729085735721942674e4,
                              5.2264952788528545610e3};
  static const double c[8] = {1.42343711074968357734,    4.63033784615654529590,   5.76949722146069140550,
                              3.64784832476320460504,    1.27045825245236838258,   2.41780725177450611770e-1,
                              2.27238449892691845833e-2, 7.74545014278341407640e-4};
  static const double d[8] = {1,
                              2.05319162663775882187,
                              1.67638483018380384940,
                              6.89767334985100004550e-1,
                              1.48103976427480074590e-1,
                              1.51986665636164571966e-2,
                              5.47593808499534494600e-4,
                              1.05075007164441684324e-9};
  static const double e[8] = {6.65790464350110377720,    5.46378491116411436990,    1.78482653991729133580,
                              2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                              2.71155556874348757815e-5, 2.01033439929228813265e-7};
  static const double f[8] = {1,
                              5.99832206555887937690e-1,
                              1.36929880922735805310e-1,
                              1.48753612908506148525e-2,
                              7.86869131145613259100e-4,
                              1.84631831751005468180e-5,
                              1.42151175831644588870e-7,
                              2.04426310338993978564e-15};
  double q = p - 0.5;
  if (q >= -0.425 && q <= 0.425) return q * ratio(a, b, 7, 0.180625 - q * q);
  if (!(p > 0 && p < 1)) return p == 0 ? -INFINITY : p == 1 ? INFINITY : NAN;
  double r = sqrt(-stats_log(q < 0 ? p : 1 - p));
  double x = r <= 5 ? ratio(c, d, 7, r - 1.6) : ratio(e, f, 7, r - 5);
  return q < 0 ? -x : x;
}

double stats_stirling_error(double x) {
  if (!(x > 0)) return NAN;
  /* delta(x) = delta(x + 1) + (x + 1/2) log(1 + 1/x) - 1 */
  double sum = 0;
  for (; x < 16; x += 1) sum += (x + 0.5) * stats_log1p(1 / x) - 1;
  double z = 1 / (x * x);
  static const double terms[] = {-691.0 / 360360, 1.0 / 1188, -1.0 / 1680, 1.0 / 1260, -1.0 / 360, 1.0 / 12};
  double series = 1.0 / 156;
  for (int i = 0; i < 6; i++) series = series * z + terms[i];
  return sum + series / x;
}

double stats_gamma_log(double x) {
  if (!(x > 0)) return NAN;
  if (isinf(x)) return x;
  if (x < 1e-300) return -stats_log(x);
  return ((x - 0.5) * stats_log(x) - x) + (HALF_LOG_2PI + stats_stirling_error(x));
}
