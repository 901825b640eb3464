/* sparse_dense.h: dense arithmetic on fronts, blocked for the registers and the cache.
 *
 * A front is `wide` x `wide`, row by row; `own` leading unknowns are eliminated. Every element is summed in the same
 * order whatever vectors the machine has, so the results are the same bytes everywhere. Scratch: dense_scratch(wide)
 * numbers. */
#ifndef ATTUNE_STATS_SPARSE_DENSE_H
#define ATTUNE_STATS_SPARSE_DENSE_H

#include <stdbool.h>
#include <stddef.h>

size_t dense_scratch(size_t wide);

/* In place, on the upper triangle (what lies below it is left undefined): the first `own` rows become U of M = U'U over
 * all columns, the rest becomes what is left after the elimination. Returns log det of the own block; NaN when a pivot
 * is not positive. */
double dense_eliminate(double *front, size_t own, size_t wide, double *scratch);

/* The other way: z (wide x wide, both triangles) holds the inverse over the rest; fills the rows and columns of the own
 * unknowns from the panel (own x wide) that dense_eliminate() left: Z_or = -U_oo^-1 U_or Z_rr, Z_oo = U_oo^-1 (U_oo^-T
 * - U_or Z_ro) (Takahashi, Fagan & Chin 1973; Campbell & Davis 1995). */
void dense_invert(double *z, const double *panel, size_t own, size_t wide, double *scratch);

/* x (own x columns) -= U_or y (rest x columns), then x = U_oo^-1 x: the step of a back substitution. */
void dense_back(double *x, const double *y, const double *panel, size_t own, size_t wide, size_t columns);
/* x = U_oo^-T x, then y -= U_or' x: that of a forward one. */
void dense_forward(double *x, double *y, const double *panel, size_t own, size_t wide, size_t columns);

#endif
