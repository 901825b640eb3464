/* operating.h: how well detectors do, in simulation: research that stands on the detection of attune/alliance.h and that
 * no trial needs to run. Pure: memory is handed in, nothing is kept, and the same seed gives the same figures on any
 * machine. Statuses are those of alliance.h. */
#ifndef ATTUNE_OPERATING_H
#define ATTUNE_OPERATING_H

#include "attune/alliance.h"

/* ---- operating characteristics ---- */

/* Patients with one tension each, of one kind (a cell) or of the default mixture, beside patients without any, all of
 * the default world's levels and spreads. Every rule and the best possible detector, which knows everything but who
 * has a tension and when it begins, are held to the same false alarms per patient and see the same sessions. */
struct operating_cell {
  bool mixed;   /* the default mixture: the rest of the cell does not count */
  double depth; /* residual SDs */
  int length;   /* sessions; 0: to the end */
  enum alliance_course course;
};
struct operating {
  int sessions; /* 2..ALLIANCE_SESSIONS_MAX */
  double missing, false_alarm;
  enum alliance_view view;
  int trials; /* patients with, and as many without a tension; at least 100 */
  uint64_t seed;
};
struct operating_row {
  double limit, false_alarm; /* the share of patients without a tension that reach the limit */
  double detected;           /* alarmed at or after the onset (online), or at all (in hindsight) */
  double delay;              /* median sessions from onset to alarm among those detected; -1 in hindsight */
};
/* rows[cell * OPERATING_COMPARED + rule]. OPERATING_BEST is the best possible detector; OPERATING_INFORMED one that knows
 * course and depth and whether there will be a repair, but not the length (for a mixture: the same as the best). */
enum { OPERATING_BEST = ALLIANCE_RULES, OPERATING_INFORMED, OPERATING_COMPARED };
enum alliance_status operating_find(struct operating_row *rows, const struct operating *spec,
                                             const struct operating_cell *cells, int count, void *memory, size_t bytes);
/* How far every detector whatever, in hindsight, falls behind the informed ones in its worst cell: *least at least.
 * By Neyman and Pearson's lemma no test at the same false alarms detects a larger weighted share over the cells (whole
 * depths of 1 to 4, at most 16 kinds of length and course, weights >= 0, sum 1) than the likelihood ratio of the cells
 * so weighted; so the weighted sum of what that one lacks, which is *least, is at most the largest lack of any other.
 * True for any weights; those that make it largest say the most. */
enum alliance_status operating_limit(double *least, const struct operating *spec,
                                              const struct operating_cell *cells, const double *weights, int count,
                                              void *memory, size_t bytes);
size_t operating_memory(const struct operating *spec); /* for either */

/* ---- does the therapist notice? ---- */

/* Signal detection with 1/2 added to every cell (Hautus 1995): H = (hits + .5) / (signals + 1), F = (false + .5) /
 * (noise + 1), d' = z(H) - z(F), criterion c = -(z(H) + z(F)) / 2; standard errors by Gourevitch & Galanter 1967:
 * var d' = H(1-H) / ((signals + 1) phi(z(H))^2) + the same of F, var c a quarter of that. */
struct operating_signals {
  double hit_rate, false_rate, sensitivity, criterion, sensitivity_se, criterion_se;
};
enum alliance_status operating_signals_find(struct operating_signals *out, double hits, double signals,
                                           double false_reports, double noise);

/* Response surface Y = b0 + b1 P + b2 T + b3 P^2 + b4 PT + b5 T^2 (Edwards & Parry 1993): slope and curvature along
 * agreement (P = T) and along disagreement (P = -T), each with its standard error. covariance is that of b0..b5, by
 * rows. a5 = b3 - b5 says on which side of the ridge the surface leans. */
struct operating_surface {
  double a[5], se[5];
};
enum alliance_status operating_surface_find(struct operating_surface *out, const double b[6],
                                           const double covariance[36]);

#endif
