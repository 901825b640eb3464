/* How heavy the residuals' tails are, from those above the patients' courses: no tension is among them. */
#include <math.h>

#include "alliance/engine.h"
#include "attune/stats_math.h"

#define WORTH 3.0 /* what heavier tails must add to the logarithm of the likelihood */

void tails_add(struct tails *tails, double residual, double weight) {
  if (!(residual > 0)) return;
  double at = residual / TAILS_APART;
  tails->count[at < TAILS_BINS - 1 ? (int)at : TAILS_BINS - 1] += weight;
}

/* Density of t with df degrees of freedom (0: normal) times `scale`. */
static double log_density(double x, double df, double scale) {
  double z = x / scale;
  if (!(df > 0)) return -0.5 * z * z - stats_log(scale) - 0.9189385332046727;
  double peak = stats_gamma_log(0.5 * (df + 1)) - stats_gamma_log(0.5 * df) - 0.5 * stats_log(df * 3.141592653589793);
  return peak - 0.5 * (df + 1) * stats_log1p(z * z / df) - stats_log(scale);
}

static double likelihood(const struct tails *tails, double df, double scale) {
  double sum = 0;
  for (int k = 0; k < TAILS_BINS; k++)
    if (tails->count[k] > 0) sum += tails->count[k] * log_density((k + 0.5) * TAILS_APART, df, scale);
  return sum;
}

/* The scale that makes it largest, to within 1%. */
static double scale_best(const struct tails *tails, double df, double *largest) {
  double best = 1;
  *largest = -1e300;
  for (double scale = 0.4; scale < 1.6; scale += 0.01) {
    double here = likelihood(tails, df, scale);
    if (here > *largest) {
      *largest = here;
      best = scale;
    }
  }
  return best;
}

/* A single rating says most for a tension of three s somewhere below; further down it says less, as a gross error is as
 * likely as any other. There the normal is made to say as much at most. */
static double furthest_of(double df, double scale) {
  double most = 0;
  for (double z = -8; z < 0; z += 0.05) {
    double says = log_density(z + 3, df, scale) - log_density(z, df, scale);
    most = says > most ? says : most;
  }
  return 1.05 * (most + 4.5) / 3;
}

void tails_settle(struct alliance_estimate *e, const struct tails *tails) {
  static const double dfs[] = {3, 3.5, 4, 5, 6, 8, 10, 15, 25};
  double normal, best = 0, most;
  double normal_scale = scale_best(tails, 0, &normal), best_scale = normal_scale;
  most = normal + WORTH;
  for (size_t k = 0; k < sizeof dfs / sizeof *dfs; k++) {
    double here, scale = scale_best(tails, dfs[k], &here);
    if (!(here > most)) continue;
    most = here;
    best = dfs[k];
    best_scale = scale;
  }
  e->tail_df = best;
  e->tail_scale = best > 0 ? best_scale : 1;
  e->furthest = best > 0 ? furthest_of(best, best_scale) : 0;
}
