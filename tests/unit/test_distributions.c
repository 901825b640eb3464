/* Distributions against 20-digit values (tests/golden/distributions.csv) and published tables. */
#include "attune/stats.h"
#include "base/csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static double value_of(const char *function, double x, double a, double b) {
  if (!strcmp(function, "t_cdf")) return stats_t_cdf(x, a);
  if (!strcmp(function, "t_density")) return stats_t_density(x, a);
  if (!strcmp(function, "f_cdf")) return stats_f_cdf(x, a, b);
  if (!strcmp(function, "f_upper")) return stats_f_upper(x, a, b);
  if (!strcmp(function, "chi2_cdf")) return stats_chi2_cdf(x, a);
  if (!strcmp(function, "chi2_upper")) return stats_chi2_upper(x, a);
  if (!strcmp(function, "beta_cdf")) return stats_beta_cdf(x, a, b);
  if (!strcmp(function, "beta_density")) return stats_beta_density(x, a, b);
  if (!strcmp(function, "nct_cdf")) return stats_nct_cdf(x, a, b);
  fail_msg("the golden file asks for %s", function);
  return NAN;
}

static void values_agree_with_high_precision(void **state) {
  (void)state;
  struct arena arena;
  struct error error = {0};
  struct csv *csv;
  struct csv_row row;
  arena_init(&arena, 0);
  assert_int_equal(csv_open_file(&csv, &arena, "tests/golden/distributions.csv", &error), OK);
  int count = 0, bad = 0;
  double worst[13] = {0};
  while (!csv_next_row(csv, &row, &error) && row.fields) {
    const char *name = row.fields[0];
    double x = strtod(row.fields[1], NULL), a = strtod(row.fields[2], NULL), b = strtod(row.fields[3], NULL);
    double expected = strtod(row.fields[4], NULL), got = value_of(name, x, a, b);
    /* noncentral t: absolute; the others relative, also in the far tails */
    double off = fabs(got - expected) / (strcmp(name, "nct_cdf") ? fabs(expected) : 1);
    count++;
    if (off > worst[name[0] % 13]) worst[name[0] % 13] = off;
    if (off <= 1e-12 || (fabs(expected) < 1e-300 && fabs(got) < 1e-300)) continue;
    bad++;
    print_error("%s(%.17g, %g, %g) = %.17g instead of %.17g (%g)\n", name, x, a, b, got, expected, off);
  }
  csv_close(csv);
  arena_free(&arena);
  if (getenv("ATTUNE_TEST_VERBOSE"))
    for (int i = 'a'; i < 'u'; i++)
      if (strchr("bcfnt", i)) print_message("worst of %c..: %g\n", i, worst[i % 13]);
  assert_true(count > 600);
  assert_int_equal(bad, 0);
}

static void near(double got, double expected, double relative) {
  if (!(fabs(got - expected) <= relative * fabs(expected))) fail_msg("%.17g instead of %.17g", got, expected);
}

/* A quantile is good when the distribution, checked above, gives back its p, or when x is as near as its own last bits
 * allow (far tails of large shapes turn a bit of x into many of p). */
static void inverts(const char *name, double p, double x, double cdf, double density) {
  double by_p = fabs(cdf - p) / p, by_x = fabs(cdf - p) / (density * fabs(x));
  if (!(by_p < 2e-12 || by_x < 1e-14)) fail_msg("%s: x = %.17g has %.17g instead of %.17g", name, x, cdf, p);
}

static void quantiles_invert(void **state) {
  (void)state;
  static const double ps[] = {1e-200, 1e-12, 1e-4, 0.025, 0.2, 0.4999, 0.5, 0.51, 0.8, 0.975, 0.9999, 1 - 1e-12};
  static const double dfs[] = {0.5, 1, 2, 3.7, 8, 38, 120, 1234.5, 1e6};
  for (size_t i = 0; i < sizeof ps / sizeof *ps; i++)
    for (size_t k = 0; k < sizeof dfs / sizeof *dfs; k++) {
      double p = ps[i], a = dfs[k], b = dfs[(k * 5 + i) % 9], x;
      x = stats_t_quantile(p, a);
      if (fabs(x) < 1e100) inverts("t", p, x, stats_t_cdf(x, a), stats_t_density(x, a));
      if ((x = stats_gamma_quantile(p, a)) > 1e-290)
        inverts("gamma", p, x, stats_gamma_cdf(x, a), stats_gamma_density(x, a));
      assert_true(stats_chi2_quantile(p, 2 * a) == 2 * x);
      if ((x = stats_beta_quantile(p, a, b)) > 1e-290 && x < 1)
        inverts("beta", p, x, stats_beta_cdf(x, a, b), stats_beta_density(x, a, b));
      double f = stats_f_quantile(p, 2 * a, 2 * b);
      if (x > 1e-290 && x < 0.9) near(a * f / (a * f + b), x, 4e-15);
    }
}

/* Critical values in every textbook; further digits from mpmath 1.3. */
static void tables(void **state) {
  (void)state;
  near(stats_t_quantile(0.975, 1), 12.706204736174694, 1e-13);
  near(stats_t_quantile(0.975, 38), 2.0243941639119702, 1e-13);
  near(stats_t_quantile(0.995, 10), 3.16927267261695, 1e-13);
  near(stats_t_quantile(0.975, INFINITY), 1.959963984540054, 1e-15);
  near(stats_chi2_quantile(0.95, 1), 3.8414588206941236, 1e-13);
  near(stats_chi2_quantile(0.95, 10), 18.307038053275146, 1e-13);
  near(stats_f_quantile(0.95, 5, 15), 2.9012945362361564, 1e-13);
  near(stats_t_two_sided(2.0243941639119702, 38), 0.05, 1e-13);
  near(stats_t_two_sided(-3, INFINITY), 0.0026997960632601866, 1e-13);
}

/* Power of the reference design of the trial: effects .05 and .10 a session, standard error .0328, 38 df. */
static void power_of_a_noncentral_t(void **state) {
  (void)state;
  assert_true(fabs(stats_nct_power(0.05, 38, 0.05 / 0.0328) - 0.318) < 0.001);
  assert_true(fabs(stats_nct_power(0.05, 38, 0.10 / 0.0328) - 0.844) < 0.001);
  near(stats_nct_power(0.05, 38, 0), 0.05, 1e-12);
  near(stats_nct_power(0.05, INFINITY, 3),
       stats_normal_upper(1.959963984540054 - 3) + stats_normal_cdf(-1.959963984540054 - 3), 1e-13);
}

/* Where the series would take forever: found by fuzzing a design with an effect of 1e9. */
static void noncentral_t_far_out(void **state) {
  (void)state;
  assert_true(stats_nct_power(0.05, 6, 1e10) == 1 && stats_nct_power(0.05, 1e8, -1e200) == 1);
  assert_true(stats_nct_cdf(0, 3, 1e9) == 0 && stats_nct_cdf(0, 3, -1e9) == 1 && stats_nct_cdf(1e300, 3, 1e9) == 1);
  assert_true(fabs(stats_nct_cdf(10001 * 1.02, 50, 10001) - stats_nct_cdf(9999 * 1.02, 50, 9999)) < 2e-8);
  assert_true(fabs(stats_nct_cdf(-10001 * 1.02, 50, -10001) - stats_nct_cdf(-9999 * 1.02, 50, -9999)) < 2e-8);
}

static void edges(void **state) {
  (void)state;
  assert_true(isnan(stats_t_cdf(NAN, 3)) && isnan(stats_t_cdf(1, 0)) && isnan(stats_t_cdf(1, -1)) &&
              isnan(stats_t_quantile(1.5, 3)));
  assert_true(stats_t_cdf(INFINITY, 3) == 1 && stats_t_cdf(-INFINITY, 3) == 0 && stats_t_quantile(0, 3) == -INFINITY);
  assert_true(stats_t_quantile(1, 3) == INFINITY && stats_t_quantile(0.5, 3) == 0 && stats_t_cdf(0, 3) == 0.5);
  assert_true(stats_f_cdf(-1, 2, 3) == 0 && stats_f_cdf(INFINITY, 2, 3) == 1 && stats_f_quantile(0, 2, 3) == 0);
  assert_true(stats_chi2_cdf(0, 2) == 0 && stats_chi2_upper(0, 2) == 1 && stats_chi2_quantile(1, 2) == INFINITY);
  assert_true(isnan(stats_chi2_cdf(1, 0)) && isnan(stats_f_cdf(1, 0, 2)) && isnan(stats_beta_cdf(0.5, 0, 1)));
  assert_true(stats_nct_cdf(INFINITY, 5, 1) == 1 && stats_nct_cdf(-INFINITY, 5, 1) == 0 &&
              isnan(stats_nct_cdf(1, 5, NAN)));
  assert_true(stats_gamma_density(0, 1) == 1 && stats_gamma_density(-1, 2) == 0 && stats_beta_density(0, 1, 3) == 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_agree_with_high_precision),
      cmocka_unit_test(quantiles_invert),
      cmocka_unit_test(tables),
      cmocka_unit_test(power_of_a_noncentral_t),
      cmocka_unit_test(noncentral_t_far_out),
      cmocka_unit_test(edges),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
