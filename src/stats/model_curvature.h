/* model_curvature.h: exact second-order derivatives of a model at its optimum, and the degrees of freedom they give.
 *
 * log|V| and the cross-products [X y]'V^-1 [X y] are carried through the tree with their first and second derivatives
 * by the unique elements of every D (second-order forward accumulation). Everything that the small-sample methods need
 * is among them, since V is linear in D and sigma2:
 *     X'V^-1 V_i V^-1 X = -dA_i,  X'V^-1 V_i V^-1 V_j V^-1 X (symmetric part) = d2A_ij / 2,
 *     tr(V^-1 V_i V^-1 V_j) = -d2 log|V|_ij.
 * So Kenward-Roger costs sums over groups of p x p blocks, and never a matrix as long as a group.
 *
 *     struct curvature *curvature = curvature_new(kernel, memory);        -- one a thread; reused for many responses
 *     curvature_fill(curvature, kernel, work, theta)                      -- after kernel_fit()
 *     df = curvature_satterthwaite(curvature, contrast)                   -- contrast: p numbers, kernel's columns
 *     curvature_kenward_roger(curvature) once, then curvature_kenward_roger_df(curvature, contrasts, 1, &scale) */
#ifndef ATTUNE_STATS_MODEL_CURVATURE_H
#define ATTUNE_STATS_MODEL_CURVATURE_H

#include "stats/model_crossed_jets.h"
#include "stats/model_kernel.h"

struct curvature {
  size_t k, p; /* elements of D; columns of X */
  double sigma2, n;
  double *logdet_1, *logdet_2; /* [k], [k * k]: of log|I + ZDZ'| */
  double *root;                /* [1 + k + k(k+1)/2][(p+1)^2]: cross-products and their derivatives */
  double *d;                   /* [k] the elements of D */
  double *hessian;             /* [(k+1)^2] of the criterion by (theta, sigma); theta in order of stages */
  double *covariance;          /* [(k+1)^2] of (theta, sigma): 2 H^+ */
  double *slope;               /* [k+1][p * p]: of vcov(beta) by (theta, sigma) */
  double *phi;                 /* [p * p] vcov(beta), sigma2 (X'V^-1 X)^-1 */
  /* Kenward-Roger */
  double *weight;   /* [(k+1)^2] W, by (D, sigma2) */
  double *p_matrix; /* [k+1][p * p] P_i */
  double *adjusted; /* [p * p] Phi_A */
  struct curvature_room *room;
};

struct curvature *curvature_new(const struct kernel *kernel, const struct stats_memory *memory);
/* False when the model has no finite curvature there. `work` must be evaluated at theta. */
bool curvature_fill(struct curvature *c, const struct kernel *kernel, struct kernel_work *work, const double *theta);

/* The theta that row i of `hessian` and `covariance` belongs to. */
size_t curvature_theta(const struct curvature *c, size_t i);

/* Satterthwaite's df of one contrast l'beta: 2 (l'Vl)^2 / Var(l'Vl), by the delta method (Giesbrecht & Burns 1985;
 * Kuznetsova, Brockhoff & Christensen 2017, section 2). */
double curvature_satterthwaite(const struct curvature *c, const double *contrast);

/* Kenward & Roger (1997): fills weight, p_matrix and `adjusted`. False when the expected information has no inverse. */
bool curvature_kenward_roger(struct curvature *c);
/* Denominator df of `rows` contrasts (rows x p) tested together, and the factor of the F statistic (1997, section 4).
 */
double curvature_kenward_roger_df(const struct curvature *c, const double *contrasts, size_t rows, double *scale);

#endif
