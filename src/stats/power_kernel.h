/* power_kernel.h (inside): REML for the one shape of model that power needs, from sufficient statistics.
 *
 * All matrices are 2 x 2 in the space of Z = [1, time] that a patient's sessions span; arms have means of their own, so
 * X'V^-1X falls apart by arm. With D2, D3 the covariances of patients and therapists relative to sigma2, G_t = Z'Z of a
 * patient seen in t sessions, z = Z'y:
 *
 *     patient    K = (D2^-1 + G)^-1    B = I - G K       W = B G          (Z'V^-1 y = B z, Z'V^-1 Z = W)
 *     therapist  S = sum W, R = sum B z,  K3 = (D3^-1 + S)^-1   H = I - K3 S   W3 = S H
 *     arm        P = sum W3, rho = sum H'R, beta = P^-1 rho
 *     rss = y'y - sum z'K z - sum R'K3 R - sum rho'beta
 *
 * and the criterion is sum log|I + D2 G| + sum log|I + D3 S| + sum log|P| + (n - p)(1 + log(2 pi rss / (n - p))). Its
 * derivative by D2 and D3 is tr(Z'PZ) - y'PZ Z'Py / sigma2 (D. A. Harville, JASA 72 (1977) 320), written with the same
 * blocks. theta: lower triangles of the Cholesky factors of D2 and D3 ([a 0; b e]: a, b, e), those that the model
 * estimates.
 *
 * The general engine (model_kernel.h) gives the same numbers (tests/unit/test_power.c); this one shares work between
 * all clusters of one kind, takes a new design for every trial, and is what makes a trial cost microseconds. */
#ifndef ATTUNE_STATS_POWER_KERNEL_H
#define ATTUNE_STATS_POWER_KERNEL_H

#include "attune/stats_power.h"

struct sym2 { /* symmetric: [a b; b c] */
  double a, b, c;
};
struct mat2 { /* [a b; c d] */
  double a, b, c, d;
};
struct vec2 {
  double x, y;
};

/* Patients of one cluster seen in the same number of sessions. */
struct power_cell {
  size_t sessions;
  double count;
  struct vec2 z; /* sum of Z'y */
};

struct power_cluster {
  size_t arm, first, cells; /* cells[first ..] */
  size_t kind;
  bool nested; /* has a therapist effect */
};

/* Clusters with the same arm and the same numbers of patients by sessions. */
struct power_kind {
  size_t arm, first, cells; /* the cells of one of them */
  double count;
  bool nested;
  struct sym2 s, k, w; /* S, K3, W3 */
  struct mat2 h;       /* H */
};

/* What is known of t sessions. */
struct power_pattern {
  struct sym2 g; /* of the schedule: Z'Z of its first t sessions */
  double l[3];   /* g = L L', L = [l0 0; l1 l2] */
  size_t rank;
  double count;     /* patients, in this trial */
  struct sym2 zz;   /* their sum of z z' */
  struct sym2 k, w; /* at theta */
  struct mat2 b;
};

struct power_parameters {
  size_t count;
  unsigned char level[6], entry[6]; /* 0 patient, 1 therapist; 0 a, 1 b, 2 e */
};

struct power_trial {
  size_t arms, times, clusters, cells, kinds, clusters_of[STATS_POWER_ARMS];
  double n, yy;                  /* sessions, and their sum of squares */
  struct power_pattern *pattern; /* [times + 1] */
  struct power_cluster *cluster;
  struct power_cell *cell;
  struct power_kind *kind;
  size_t *slot; /* hash table of kinds */
  size_t slots;
  struct power_parameters free;
  /* at theta */
  double criterion, rss, sigma2;
  struct sym2 p[STATS_POWER_ARMS], c[STATS_POWER_ARMS]; /* P and its inverse */
  struct vec2 beta[STATS_POWER_ARMS], *r;               /* r: R by cluster */
  size_t evaluations;
};

/* Room for a design's largest trial; false when memory ends. */
bool power_trial_new(struct power_trial *trial, const struct stats_power_design *design, size_t clusters, size_t cells,
                     const struct stats_memory *memory);
/* After clusters, cells and patterns are filled: finds the kinds. */
void power_trial_kinds(struct power_trial *trial);

/* The criterion, and its gradient when not NULL. False where it is not finite. */
bool power_evaluate(struct power_trial *trial, const double *theta, double *gradient);

/* Minimises from theta (start and result) to a largest derivative of 1e-7, or to where no step would gain 1e-6;
 * `inverse` (k x k) is a start for the inverse Hessian or NULL. */
bool power_fit(struct power_trial *trial, double *theta, const double *inverse);
/* A start for the inverse Hessian that always leads down: |Hessian|^-1 with small eigenvalues lifted. */
bool power_start_inverse(struct power_trial *trial, const double *theta, double *inverse);
/* Central differences of the gradient: Hessian of the criterion, and the gradient of sigma2 * weight'C weight along it.
 */
bool power_hessian(struct power_trial *trial, const double *theta, const struct stats_power_design *design,
                   double *hessian, double *variance_gradient);
/* weight' C weight summed over both arms of the contrast (the variance relative to sigma2). */
double power_contrast_variance(const struct power_trial *trial, const struct stats_power_design *design);
/* Inverse of a symmetric positive definite k x k matrix, k <= 7; directions that are not positive are left out. */
void power_inverse(const double *matrix, size_t k, double *inverse);

/* Satterthwaite's df of the contrast at the optimum theta (evaluated there on return). */
double power_satterthwaite(struct power_trial *trial, const double *theta, const struct stats_power_design *design);
/* Kenward and Roger's df, and the factor by which the contrast's variance grows. Evaluated at theta. The same df with
 * the expected information at the true theta is Satterthwaite's approximation without data (data do not enter). */
double power_kenward_roger(struct power_trial *trial, const double *theta, const struct stats_power_design *design,
                           double *inflation);

/* theta of the design's true variances. */
void power_true_theta(const struct power_trial *trial, const struct stats_power_design *design, double scale,
                      double *theta);

#endif
