/* stats_math.h: elementary functions whose results have the same bits on every machine.
 *
 * Only + - * / and sqrt of IEEE 754 doubles and integer operations, in a fixed order, compiled without contraction
 * (-ffp-contract=off): the C library's own log, exp and erf give other last bits on other processors. Errors are in
 * units in the last place (ulp), measured in tests/unit/test_math.c against the C library in long double. */
#ifndef ATTUNE_STATS_MATH_H
#define ATTUNE_STATS_MATH_H

#ifdef __cplusplus
extern "C" {
#endif

/* Natural logarithm, below 1 ulp. log(0) = -infinity, log(x < 0) = NaN. atanh series on [1/sqrt 2, sqrt 2]. */
double stats_log(double x);

/* log(1 + x) without loss for small x, below 2 ulp. x = -1: -infinity; x < -1: NaN. */
double stats_log1p(double x);

/* log(1 + x) - x without loss for small x (of the order -x^2/2), relative error below 1e-15 for |x| < 0.4. */
double stats_log1p_minus(double x);

/* e^x, below 1 ulp for normal results; underflows gradually to 0, overflows to infinity. */
double stats_exp(double x);

/* e^x - 1 without loss for small x, below 2.5 ulp. */
double stats_expm1(double x);

/* Standard normal density, distribution and its upper tail: relative error below 2e-15 also far out in the tails.
 * M. Shepherd and J. Laframboise, Mathematics of Computation 36 (1981) 249: one Chebyshev series for
 * (1 + 2z) exp(z^2) erfc(z) on z >= 0; our coefficients. */
double stats_normal_density(double x);
double stats_normal_cdf(double x);
double stats_normal_upper(double x);

/* The x with stats_normal_cdf(x) = p, relative error below 1e-15. p = 0 and 1 give -infinity and infinity; outside
 * [0, 1] NaN. M. J. Wichura, Algorithm AS 241, Applied Statistics 37 (1988) 477 (PPND16). */
double stats_normal_quantile(double p);

/* log Gamma(x) for x > 0 (else NaN): error below 2e-15 times the larger of 1 and the result. Stirling's
 * series from 16 on (NIST DLMF 5.11.1), a recurrence below. */
double stats_gamma_log(double x);

/* log Gamma(x) - ((x - 1/2) log x - x + log(2 pi)/2), the error of Stirling's formula, x > 0. */
double stats_stirling_error(double x);

#ifdef __cplusplus
}
#endif
#endif
