/* stats_distributions.h: the distributions that tests, intervals and power need.
 *
 * Own code on stats_math.h, so that the bits are the same on every machine. Results agree with high-precision values
 * (tests/golden/distributions.csv) to 1e-12 relative (noncentral t: absolute); `upper` is the upper tail, exact where
 * 1 - cdf would lose its digits. Degrees of freedom and shapes are real numbers > 0, up to about 1e8; df may be
 * INFINITY for t (normal). Arguments outside a distribution's range give NaN; x outside its support gives 0 or 1.
 *
 * Sources: incomplete beta and gamma functions by their continued fractions and series (NIST DLMF 8.17.22 in its even part, 8.11.4,
 * 8.9.2), their common factor by C. Loader, "Fast and accurate computation of binomial probabilities" (2000); quantiles
 * by Newton's method on the logarithm of the smaller tail, guarded by a bracket; noncentral t: R. V. Lenth, Algorithm
 * AS 243, Applied Statistics 38 (1989) 185, summed from the largest term as D. Benton and K. Krishnamoorthy,
 * Computational Statistics & Data Analysis 43 (2003) 249. */
#ifndef ATTUNE_STATS_DISTRIBUTIONS_H
#define ATTUNE_STATS_DISTRIBUTIONS_H

#ifdef __cplusplus
extern "C" {
#endif

double stats_t_density(double x, double df);
double stats_t_cdf(double x, double df);
double stats_t_upper(double x, double df);
double stats_t_two_sided(double x, double df); /* P(|T| >= |x|): the p-value of a t statistic */
double stats_t_quantile(double p, double df);

double stats_f_cdf(double x, double df1, double df2);
double stats_f_upper(double x, double df1, double df2);
double stats_f_quantile(double p, double df1, double df2);

double stats_chi2_cdf(double x, double df);
double stats_chi2_upper(double x, double df);
double stats_chi2_quantile(double p, double df);

/* Gamma with shape and scale 1. */
double stats_gamma_density(double x, double shape);
double stats_gamma_cdf(double x, double shape);
double stats_gamma_upper(double x, double shape);
double stats_gamma_quantile(double p, double shape);

double stats_beta_density(double x, double a, double b);
double stats_beta_cdf(double x, double a, double b);
double stats_beta_upper(double x, double a, double b);
double stats_beta_quantile(double p, double a, double b);

/* Noncentral t: (Z + delta) / sqrt(chi2(df) / df), |delta| up to about 1000; beyond 1e4 to 2e-8. */
double stats_nct_cdf(double x, double df, double delta);
double stats_nct_upper(double x, double df, double delta);
/* The power of a two-sided t test at level alpha whose statistic has this distribution. */
double stats_nct_power(double alpha, double df, double delta);

#ifdef __cplusplus
}
#endif
#endif
