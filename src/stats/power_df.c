#include <math.h>
#include <string.h>

#include "stats/matrix.h"
#include "stats/power_kernel.h"

#define PARAMETERS 7 /* the scale, and up to three of each level */

/* In (theta, sigma2) the inverse of the criterion's Hessian, with sigma2 swept out, is that of the profiled criterion
 * plus one term for sigma2: Var(f) = 2 (F' H^-1 F + f^2 / (n - p)), F the gradient of f = sigma2(theta) C(theta). */
double power_satterthwaite(struct power_trial *trial, const double *theta, const struct stats_power_design *design) {
  size_t k = trial->free.count;
  double hessian[36], inverse[36], slope[6], spread = 0;
  if (!power_hessian(trial, theta, design, hessian, slope) || !power_evaluate(trial, theta, NULL)) return NAN;
  double f = trial->sigma2 * power_contrast_variance(trial, design);
  power_inverse(hessian, k, inverse);
  for (size_t i = 0; i < k; i++)
    for (size_t j = 0; j < k; j++) spread += slope[i] * inverse[i * k + j] * slope[j];
  spread += f * f / (trial->n - 2.0 * (double)trial->arms);
  return f * f / spread;
}

/* ---- Kenward and Roger ----
 *
 * V = sum of gamma_r V_r is linear in the covariance parameters, so that with M = V^-1
 *     P_r = X'M V_r M X,  Q_rs = X'M V_r M V_s M X,  Phi = (X'M X)^-1,
 *     I_rs = tr(M V_r M V_s) - 2 tr(Phi Q_rs) + tr(Phi P_r Phi P_s),  W = 2 I^-1,
 *     Phi_A = Phi + 2 Phi (sum W_rs (Q_rs - P_r Phi P_s)) Phi,  df = 2 / sum W_rs f_r f_s,  f_r = l'Phi P_r Phi l /
 * l'Phi l (one contrast l: their general df and scale reduce to this and to 1). V_0 is V itself: a change of basis from
 * sigma2, under which all stays as it was, and M V_0 = I. With J_s = sum W E_s W and L_rs = sum W E_r W E_s W over the
 * patients of a cluster (E a symmetric unit matrix), patients are blocks M_ij = [i = j] W_i - W_i K3 W_j, and a patient
 * against its therapist is W H. Everything below is relative to sigma2, which cancels. */

typedef double square[4]; /* 2 x 2, row by row */

static void multiply(square out, const square x, const square y) {
  square r = {x[0] * y[0] + x[1] * y[2], x[0] * y[1] + x[1] * y[3], x[2] * y[0] + x[3] * y[2],
              x[2] * y[1] + x[3] * y[3]};
  memcpy(out, r, sizeof r);
}
static void add(square to, const square x, double by) {
  for (int i = 0; i < 4; i++) to[i] += by * x[i];
}
static double trace(const square x) {
  return x[0] + x[3];
}
static double trace_product(const square x, const square y) {
  return x[0] * y[0] + x[1] * y[2] + x[2] * y[1] + x[3] * y[3];
}
static void flip(square out, const square x) {
  square r = {x[0], x[2], x[1], x[3]};
  memcpy(out, r, sizeof r);
}
static void from_sym(square out, struct sym2 s) {
  square r = {s.a, s.b, s.b, s.c};
  memcpy(out, r, sizeof r);
}
/* a' x a */
static void congruent(square out, const square a, const square x) {
  square t;
  flip(t, a);
  multiply(t, t, x);
  multiply(out, t, a);
}

static const square unit[3] = {{1, 0, 0, 0}, {0, 1, 1, 0}, {0, 0, 0, 1}};

/* Sums over arms and clusters. */
struct kenward {
  size_t k; /* parameters with the scale */
  square p[STATS_POWER_ARMS][PARAMETERS], q[STATS_POWER_ARMS][PARAMETERS][PARAMETERS];
  double t[PARAMETERS][PARAMETERS]; /* tr(M V_r M V_s) */
};

static void therapist_with_therapist(struct kenward *kr, const struct power_kind *kind, size_t r, size_t s,
                                     const square w3, const square er, const square es) {
  square a, b;
  multiply(a, w3, er);
  multiply(b, w3, es);
  kr->t[r][s] += kind->count * trace_product(a, b);
  multiply(a, a, b);
  multiply(a, a, w3);
  add(kr->q[kind->arm][r][s], a, kind->count);
}

/* r of the therapists, s of the patients: W3 E_r (H' J_s H). */
static void therapist_with_patient(struct kenward *kr, const struct power_kind *kind, size_t r, size_t s,
                                   const square w3, const square er, const square hjh) {
  square a;
  kr->t[r][s] += kind->count * trace_product(er, hjh);
  multiply(a, w3, er);
  multiply(a, a, hjh);
  add(kr->q[kind->arm][r][s], a, kind->count);
}

/* One kind of cluster: the patients' sums J and L, then all pairs of parameters. */
static void add_kind(struct kenward *kr, const struct power_trial *trial, const struct power_kind *kind) {
  square w3, k3, h, j[6], hjh[6], w, we[6];
  square l[6][6];
  size_t n = trial->free.count;

  from_sym(w3, kind->w);
  from_sym(k3, kind->k);
  memcpy(h, &kind->h, sizeof h);
  memset(j, 0, sizeof j);
  memset(l, 0, sizeof l);
  for (size_t c = 0; c < kind->cells; c++) {
    const struct power_cell *cell = &trial->cell[kind->first + c];
    from_sym(w, trial->pattern[cell->sessions].w);
    for (size_t r = 0; r < n; r++) {
      if (trial->free.level[r]) continue;
      square wew;
      multiply(we[r], w, unit[trial->free.entry[r]]);
      multiply(wew, we[r], w);
      add(j[r], wew, cell->count);
      kr->t[0][r + 1] += kind->count * cell->count * trace(we[r]);
    }
    for (size_t r = 0; r < n; r++)
      for (size_t s = 0; s < n; s++) {
        if (trial->free.level[r] || trial->free.level[s]) continue;
        square wewe;
        multiply(wewe, we[r], we[s]);
        kr->t[r + 1][s + 1] += kind->count * cell->count * trace(wewe);
        multiply(wewe, wewe, w);
        add(l[r][s], wewe, cell->count);
      }
  }
  for (size_t r = 0; r < n; r++) {
    if (!trial->free.level[r]) {
      square kj;
      congruent(hjh[r], h, j[r]);
      add(kr->p[kind->arm][r + 1], hjh[r], kind->count);
      multiply(kj, k3, j[r]);
      kr->t[0][r + 1] -= kind->count * trace(kj); /* tr(W E - W K3 W E) */
      continue;
    }
    if (!kind->nested) continue;
    square wew;
    multiply(wew, w3, unit[trial->free.entry[r]]);
    kr->t[0][r + 1] += kind->count * trace(wew);
    multiply(wew, wew, w3);
    add(kr->p[kind->arm][r + 1], wew, kind->count);
  }
  for (size_t r = 0; r < n; r++)
    for (size_t s = 0; s < n; s++) {
      bool therapist_r = trial->free.level[r], therapist_s = trial->free.level[s];
      if ((therapist_r || therapist_s) && !kind->nested) continue;
      if (therapist_r && therapist_s) {
        therapist_with_therapist(kr, kind, r + 1, s + 1, w3, unit[trial->free.entry[r]], unit[trial->free.entry[s]]);
      } else if (therapist_r) {
        therapist_with_patient(kr, kind, r + 1, s + 1, w3, unit[trial->free.entry[r]], hjh[s]);
      } else if (therapist_s) {
        square a, back;
        kr->t[r + 1][s + 1] += kind->count * trace_product(unit[trial->free.entry[s]], hjh[r]);
        multiply(a, w3, unit[trial->free.entry[s]]);
        multiply(a, a, hjh[r]);
        flip(back, a);
        add(kr->q[kind->arm][r + 1][s + 1], back, kind->count);
      } else {
        square kj, jkj, sum, a;
        multiply(kj, k3, j[s]);
        multiply(jkj, j[r], kj);
        multiply(a, k3, j[r]);
        kr->t[r + 1][s + 1] +=
            kind->count * (trace_product(a, kj) - trace_product(l[r][s], k3) - trace_product(l[s][r], k3));
        memcpy(sum, l[r][s], sizeof sum);
        add(sum, jkj, -1);
        congruent(a, h, sum);
        add(kr->q[kind->arm][r + 1][s + 1], a, kind->count);
      }
    }
}

/* The scale as parameter 0: P_0 = X'M X, Q_0s = P_s, Q_00 = X'M X, and the traces with it. */
static void add_scale(struct kenward *kr, const struct power_trial *trial) {
  kr->t[0][0] = trial->n;
  for (size_t s = 1; s < kr->k; s++) kr->t[s][0] = kr->t[0][s];
  for (size_t a = 0; a < trial->arms; a++) {
    from_sym(kr->p[a][0], trial->p[a]);
    from_sym(kr->q[a][0][0], trial->p[a]);
    for (size_t s = 1; s < kr->k; s++) {
      memcpy(kr->q[a][0][s], kr->p[a][s], sizeof(square));
      memcpy(kr->q[a][s][0], kr->p[a][s], sizeof(square));
    }
  }
}

double power_kenward_roger(struct power_trial *trial, const double *theta, const struct stats_power_design *design,
                           double *inflation) {
  struct kenward kr = {.k = trial->free.count + 1};
  double information[PARAMETERS * PARAMETERS] = {0}, w[PARAMETERS * PARAMETERS], f[PARAMETERS] = {0},
                                  g[PARAMETERS][PARAMETERS] = {{0}};
  size_t k = kr.k;
  (void)theta;
  for (size_t i = 0; i < trial->kinds; i++) add_kind(&kr, trial, &trial->kind[i]);
  add_scale(&kr, trial);
  for (size_t r = 0; r < k; r++)
    for (size_t s = 0; s < k; s++) information[r * k + s] = kr.t[r][s];
  for (size_t a = 0; a < trial->arms; a++) {
    square c, cp[PARAMETERS];
    from_sym(c, trial->c[a]);
    bool contrasted = a == design->from || a == design->to;
    double l0 = c[0] * design->weight[0] + c[1] * design->weight[1],
           l1 = c[2] * design->weight[0] + c[3] * design->weight[1];
    for (size_t r = 0; r < k; r++) {
      multiply(cp[r], c, kr.p[a][r]);
      if (contrasted)
        f[r] += l0 * l0 * kr.p[a][r][0] + l0 * l1 * (kr.p[a][r][1] + kr.p[a][r][2]) + l1 * l1 * kr.p[a][r][3];
    }
    for (size_t r = 0; r < k; r++)
      for (size_t s = 0; s < k; s++) {
        square inside;
        information[r * k + s] += trace_product(cp[r], cp[s]) - 2 * trace_product(c, kr.q[a][r][s]);
        multiply(inside, kr.p[a][r], cp[s]);
        for (int i = 0; i < 4; i++) inside[i] = kr.q[a][r][s][i] - inside[i];
        if (contrasted) g[r][s] += l0 * l0 * inside[0] + l0 * l1 * (inside[1] + inside[2]) + l1 * l1 * inside[3];
      }
  }
  power_inverse(information, k, w);
  double v = power_contrast_variance(trial, design), spread = 0, extra = 0;
  for (size_t r = 0; r < k; r++)
    for (size_t s = 0; s < k; s++) {
      spread += 2 * w[r * k + s] * f[r] * f[s];
      extra += 2 * w[r * k + s] * g[r][s];
    }
  *inflation = (v + 2 * extra) / v;
  return 2 * v * v / spread;
}
