/* model_basis.h: scale(), poly(), ns() and bs(): columns made of one variable, as R makes them.
 *
 * What the columns are is settled by the rows that count (fit), and holds for any value later (evaluate), a
 * prediction's too. poly: orthonormal polynomials by three-term recurrence (Kennedy & Gentle 1980, section 8.3.1). bs:
 * cubic B-splines (de Boor 2001) with knots at quantiles and without the first; ns: natural ones, linear beyond the
 * outermost knots, the span turned as R's splines::ns does (Householder, LINPACK's signs). */
#ifndef ATTUNE_STATS_MODEL_BASIS_H
#define ATTUNE_STATS_MODEL_BASIS_H

#include "stats/formula.h"

struct model_basis {
  enum formula_basis kind;
  size_t columns;
  double mean, scale;                                                 /* scale() */
  double alpha[FORMULA_BASIS_MOST + 1], norm[FORMULA_BASIS_MOST + 2]; /* poly() */
  size_t knots;                                                       /* with four at either end */
  double knot[FORMULA_BASIS_MOST + 10];
  double turn[(FORMULA_BASIS_MOST + 2) * FORMULA_BASIS_MOST]; /* ns(): B-splines by columns */
};

/* value[n]: finite, those of all rows that count, in any order; `scratch` holds 2 n. Refused with words that go on
 * after the label: too few distinct values. */
const char *basis_fit(struct model_basis *basis, enum formula_basis kind, size_t columns, const double *value, size_t n,
                      double *scratch);
void basis_evaluate(const struct model_basis *basis, double x, double *out); /* [columns] */

#endif
