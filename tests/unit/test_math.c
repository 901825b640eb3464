/* Elementary functions against the C library in long double, the cipher against its published vectors, and the bits of
 * all against what every machine must give. */
#include "attune/stats_math.h"
#include "attune/stats_random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct stats_stream stream;

static int setup(void **state) {
  (void)state;
  stats_stream_init(&stream, 42, 1, 2, 3);
  return 0;
}

static double uniform_between(double low, double high) {
  return low + (high - low) * stats_random_uniform(&stream);
}

/* Units in the last place of the reference between both. */
static double ulps(double got, long double reference) {
  double nearest = (double)reference;
  if (isinf(nearest) || nearest == 0) return got == nearest ? 0 : 1e9;
  int exponent;
  frexp(nearest, &exponent);
  long double unit = ldexpl(1, (exponent < -1021 ? -1021 : exponent) - 53);
  return (double)(fabsl((long double)got - reference) / unit);
}

static long double log1p_minus(long double x) {
  if (fabsl(x) > 0.1L) return log1pl(x) - x;
  long double sum = 0, power = -x * x;
  for (int n = 2; n < 40; n++, power *= -x) sum += power / n;
  return sum;
}
static long double upper(long double x) {
  return erfcl(x / sqrtl(2)) / 2;
}
static long double cdf(long double x) {
  return erfcl(-x / sqrtl(2)) / 2;
}
static long double density(long double x) {
  return expl(-x * x / 2) / sqrtl(2 * acosl(-1));
}

static void check(const char *name, double f(double), long double reference(long double), double low, double high,
                  double most) {
  double worst = 0, where = 0;
  for (int i = 0; i < 60000; i++) {
    double x = i % 2     ? uniform_between(low, high)
               : low > 0 ? exp(uniform_between(log(low), log(high)))
                         : uniform_between(low, high) * exp2(-(i % 60));
    if (x < low || x > high) continue;
    double off = ulps(f(x), reference(x));
    if (off > worst) worst = off, where = x;
  }
  if (getenv("ATTUNE_TEST_VERBOSE"))
    print_message("%s on [%g, %g]: %.3f ulp at %.17g\n", name, low, high, worst, where);
  if (!(worst < most)) fail_msg("%s on [%g, %g]: %.3f ulp at %.17g", name, low, high, worst, where);
}

static void functions_are_within_their_ulps(void **state) {
  (void)state;
  check("log", stats_log, logl, 1e-320, 1e308, 1);
  check("log", stats_log, logl, 0.5, 2, 1);
  check("log", stats_log, logl, 0.99, 1.01, 1);
  check("exp", stats_exp, expl, -745, 709.7, 1);
  check("exp", stats_exp, expl, -1, 1, 1);
  check("expm1", stats_expm1, expm1l, -30, 30, 2.5);
  check("expm1", stats_expm1, expm1l, -0.7, 0.7, 2.5);
  check("log1p", stats_log1p, log1pl, -0.999999, 1, 2);
  check("log1p", stats_log1p, log1pl, 1e-20, 1e300, 2);
  check("log1p_minus", stats_log1p_minus, log1p_minus, -0.4, 0.4, 5);
  check("normal_density", stats_normal_density, density, -38, 38, 4);
  check("normal_cdf", stats_normal_cdf, cdf, -37, 9, 6);
  check("normal_upper", stats_normal_upper, upper, -9, 37, 6);
}

static void gamma_log_is_near(void **state) {
  (void)state;
  for (int i = 0; i < 40000; i++) {
    double x = i % 2 ? uniform_between(0, 20) : exp(uniform_between(-690, 60));
    long double reference = lgammal(x);
    double off = fabs((double)(stats_gamma_log(x) - reference));
    if (!(off <= 2e-15 * fmax(1, fabs((double)reference)))) fail_msg("gamma_log(%.17g) is %g off", x, off);
  }
}

static void edges(void **state) {
  (void)state;
  assert_true(stats_log(0) == -INFINITY && isnan(stats_log(-1)) && stats_log(INFINITY) == INFINITY &&
              stats_log(1) == 0);
  assert_true(stats_exp(0) == 1 && stats_exp(-INFINITY) == 0 && stats_exp(INFINITY) == INFINITY &&
              isnan(stats_exp(NAN)));
  assert_true(stats_exp(709.78) < INFINITY && stats_exp(709.79) == INFINITY && stats_exp(-746) == 0);
  assert_true(stats_log1p(-1) == -INFINITY && isnan(stats_log1p(-2)) && stats_log1p(0) == 0 && stats_expm1(0) == 0);
  assert_true(stats_normal_cdf(0) == 0.5 && stats_normal_cdf(-INFINITY) == 0 && stats_normal_cdf(INFINITY) == 1);
  assert_true(isnan(stats_normal_cdf(NAN)) && isnan(stats_gamma_log(0)) && isnan(stats_gamma_log(-1)));
  assert_true(stats_normal_quantile(0) == -INFINITY && stats_normal_quantile(1) == INFINITY);
  assert_true(isnan(stats_normal_quantile(-0.1)) && isnan(stats_normal_quantile(1.1)) &&
              isnan(stats_normal_quantile(NAN)));
  assert_true(stats_normal_quantile(0.5) == 0);
}

/* x -> p -> x: an error in x shows as phi(x)/p of it in p, so far tails test x itself. */
static void the_quantile_inverts_the_distribution(void **state) {
  (void)state;
  for (int i = 0; i < 20000; i++) {
    double x = uniform_between(-37, 0), p = (double)cdf(x), back = stats_normal_quantile(p);
    long double slope = density(back) / p;
    long double off = (cdf(back) - p) / p / slope;
    if (fabsl(off) > 1.5e-15L * (fabsl(x) + 0.01L)) fail_msg("quantile(%.17g) = %.17g is %Lg off", p, back, off);
  }
  /* R. A. Fisher and F. Yates' tables; more digits from mpmath */
  assert_true(fabs(stats_normal_quantile(0.975) - 1.959963984540054235524595) < 1e-15);
  assert_true(fabs(stats_normal_quantile(1e-10) + 6.361340902404055700) < 2e-15);
}

/* Random123's kat_vectors for philox4x32 with 10 rounds. */
static void philox_gives_its_known_answers(void **state) {
  (void)state;
  static const uint32_t vectors[3][10] = {{0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
                                          {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff,
                                           0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
                                          {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0,
                                           0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}};
  for (int i = 0; i < 3; i++) {
    uint32_t out[4];
    stats_philox(vectors[i], vectors[i] + 4, out);
    assert_memory_equal(out, vectors[i] + 6, sizeof out);
  }
}

static void streams_are_their_names(void **state) {
  (void)state;
  struct stats_stream one, same, other;
  stats_stream_init(&one, 7, 1, 2, 3);
  stats_stream_init(&same, 7, 1, 2, 3);
  stats_stream_init(&other, 7, 1, 2, 4);
  int equal = 0;
  for (int i = 0; i < 1000; i++) {
    uint32_t word = stats_random_word(&one);
    assert_int_equal(word, stats_random_word(&same));
    equal += word == stats_random_word(&other);
  }
  assert_true(equal < 2);
}

static void moments(const char *name, const double *draws, int count, double mean, double variance) {
  double sum = 0, squares = 0;
  for (int i = 0; i < count; i++) sum += draws[i];
  for (int i = 0; i < count; i++) squares += (draws[i] - mean) * (draws[i] - mean);
  double z = (sum / count - mean) / sqrt(variance / count);
  if (fabs(z) > 4.5 || fabs(squares / count / variance - 1) > 0.03)
    fail_msg("%s: mean %g, variance %g", name, sum / count, squares / count);
}

static void draws_have_their_moments(void **state) {
  (void)state;
  enum { N = 100000 };
  static double x[N];
  for (int i = 0; i < N; i++) x[i] = stats_random_uniform(&stream);
  moments("uniform", x, N, 0.5, 1.0 / 12);
  stats_random_normals(&stream, x, N);
  moments("normal", x, N, 0, 1);
  for (int i = 0; i < N; i++) x[i] = stats_random_gamma(&stream, 0.7);
  moments("gamma .7", x, N, 0.7, 0.7);
  for (int i = 0; i < N; i++) x[i] = stats_random_chi2(&stream, 199);
  moments("chi-square 199", x, N, 199, 398);
  for (int i = 0; i < N; i++) x[i] = (double)stats_random_poisson(&stream, 3.5);
  moments("poisson 3.5", x, N, 3.5, 3.5);
  for (int i = 0; i < N; i++) x[i] = (double)stats_random_poisson(&stream, 50);
  moments("poisson 50", x, N, 50, 50);
  for (int i = 0; i < N; i++) x[i] = (double)stats_random_below(&stream, 10);
  moments("below 10", x, N, 4.5, 8.25);
  assert_true(stats_random_below(&stream, 1) == 0 && stats_random_chi2(&stream, 0) == 0);
}

/* The same on every machine: a sum of all bits. If this changes on purpose, every published simulation changes. */
static void the_bits_are_the_same_everywhere(void **state) {
  (void)state;
  uint64_t hash = 0;
  for (int i = 0; i < 20000; i++) {
    double x = uniform_between(-30, 30), u = stats_random_uniform(&stream);
    double values[] = {stats_exp(x),
                       stats_log(u),
                       stats_log1p(u - 0.5),
                       stats_normal_cdf(x),
                       stats_normal_quantile(u),
                       stats_gamma_log(u * 40),
                       stats_random_gamma(&stream, 0.1 + u * 10),
                       stats_expm1(u)};
    for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
      uint64_t bits;
      memcpy(&bits, &values[k], sizeof bits);
      hash = (hash ^ bits) * UINT64_C(0x9e3779b97f4a7c15);
      hash ^= hash >> 31;
    }
  }
  if (getenv("ATTUNE_TEST_VERBOSE")) print_message("bits: 0x%016llx\n", (unsigned long long)hash);
  assert_true(hash == UINT64_C(0x9d1af51f56cd20f5));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(functions_are_within_their_ulps, setup),
      cmocka_unit_test_setup(gamma_log_is_near, setup),
      cmocka_unit_test(edges),
      cmocka_unit_test_setup(the_quantile_inverts_the_distribution, setup),
      cmocka_unit_test(philox_gives_its_known_answers),
      cmocka_unit_test(streams_are_their_names),
      cmocka_unit_test_setup(draws_have_their_moments, setup),
      cmocka_unit_test_setup(the_bits_are_the_same_everywhere, setup),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
