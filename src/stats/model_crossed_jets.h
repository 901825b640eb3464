/* model_crossed_jets.h: exact second derivatives where factors cross.
 *
 * With T = Z'V^-1 Z, R = Z'V^-1 W and E_i the derivative of D by one of its elements (the same in every level of a
 * group),
 *
 *     dlog|V|_i = tr(E_i T),  d2log|V|_ij = -tr(E_i T E_j T),
 *     d(W'V^-1 W)_i = -R'E_i R,  d2(W'V^-1 W)_ij = R'E_i T E_j R + its transpose.
 *
 * T is never held: its columns are solved for, some at a time. That costs four solutions an effect. */
#ifndef ATTUNE_STATS_MODEL_CROSSED_JETS_H
#define ATTUNE_STATS_MODEL_CROSSED_JETS_H

#include "stats/model_crossed.h"

struct crossed_element {
  size_t group, a, b; /* (a, b) and (b, a) of the group's D */
};
struct crossed_second {
  double *logdet_1, *logdet_2; /* [k], [k * k] */
  double *jet;                 /* [k + k(k+1)/2][border^2]: first derivatives, then the second ones, i <= j */
};

struct crossed_jets;
struct crossed_jets *crossed_jets_new(const struct crossed *c, size_t elements, const struct stats_memory *memory);
/* After crossed_factor() at lambda. */
void crossed_jets_fill(struct crossed_jets *jets, struct crossed_work *work, double *const *lambda,
                       const struct crossed_element *element, const struct crossed_second *out);
/* Multiplications that a filling takes, more or less. */
double crossed_jets_cost(const struct crossed *c);

#endif
