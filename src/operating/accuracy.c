/* Accuracy of therapists: signal detection and response surfaces. Truth and bias is a multilevel model of the
 * statistics room. */
#include <math.h>

#include "attune/operating.h"
#include "attune/stats_math.h"

enum alliance_status operating_signals_find(struct operating_signals *out, double hits, double signals,
                                           double false_reports, double noise) {
  bool good = hits >= 0 && signals >= hits && false_reports >= 0 && noise >= false_reports;
  if (!good || !(signals <= ALLIANCE_RATING_MAX) || !(noise <= ALLIANCE_RATING_MAX)) return ALLIANCE_RANGE;
  double h = (hits + 0.5) / (signals + 1), f = (false_reports + 0.5) / (noise + 1);
  double zh = stats_normal_quantile(h), zf = stats_normal_quantile(f);
  double ph = stats_normal_density(zh), pf = stats_normal_density(zf);
  double variance = h * (1 - h) / ((signals + 1) * ph * ph) + f * (1 - f) / ((noise + 1) * pf * pf);
  *out = (struct operating_signals){.hit_rate = h,
                                   .false_rate = f,
                                   .sensitivity = zh - zf,
                                   .criterion = -0.5 * (zh + zf),
                                   .sensitivity_se = sqrt(variance),
                                   .criterion_se = 0.5 * sqrt(variance)};
  return ALLIANCE_OK;
}

enum alliance_status operating_surface_find(struct operating_surface *out, const double b[6],
                                           const double covariance[36]) {
  static const double weight[5][6] = {
      {0, 1, 1, 0, 0, 0}, {0, 0, 0, 1, 1, 1}, {0, 1, -1, 0, 0, 0}, {0, 0, 0, 1, -1, 1}, {0, 0, 0, 1, 0, -1}};
  for (int k = 0; k < 5; k++) {
    double sum = 0, variance = 0;
    for (int i = 0; i < 6; i++) {
      sum += weight[k][i] * b[i];
      for (int j = 0; j < 6; j++) variance += weight[k][i] * weight[k][j] * covariance[6 * i + j];
    }
    if (!(variance >= 0) || !(sum - sum == 0)) return ALLIANCE_RANGE;
    out->a[k] = sum;
    out->se[k] = sqrt(variance);
  }
  return ALLIANCE_OK;
}
