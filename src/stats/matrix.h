/* matrix.h: small dense matrices, row by row (element i,j of an n-column matrix is m[i * n + j]).
 *
 * Blocks here are a few wide: plain loops, no blocking. "Packed" is the upper triangle of a symmetric matrix row by
 * row: row i holds columns i .. n-1, so that the trailing square of a packed matrix is its own tail. */
#ifndef ATTUNE_STATS_MATRIX_H
#define ATTUNE_STATS_MATRIX_H

#include <stdbool.h>
#include <stddef.h>

static inline size_t packed_size(size_t n) {
  return n * (n + 1) / 2;
}
/* Where row i of a packed matrix begins, at its diagonal. */
static inline size_t packed_row(size_t n, size_t i) {
  return i * n - i * (i - 1) / 2;
}

/* c (m x n) = a (m x k) b (k x n); c += likewise with `add`. c may not overlap a or b. */
void matrix_multiply(double *c, const double *a, const double *b, size_t m, size_t k, size_t n, bool add);
/* c (m x n) = a' b with a (k x m); and c (m x n) = a b' with b (n x k). */
void matrix_multiply_tn(double *c, const double *a, const double *b, size_t m, size_t k, size_t n, bool add);
void matrix_multiply_nt(double *c, const double *a, const double *b, size_t m, size_t k, size_t n, bool add);
/* The trace of a b, both n x n. */
double matrix_trace_of_product(const double *a, const double *b, size_t n);
void matrix_unpack(double *full, const double *packed, size_t n);

/* In place: lower Cholesky factor of a symmetric positive definite matrix (upper triangle set to zero); false, with
 * the matrix spoilt, when a pivot is not positive. */
bool matrix_cholesky(double *a, size_t n);
/* In place: x (n x m) = (l l')^-1 x for the lower factor l. */
void matrix_cholesky_solve(const double *l, double *x, size_t n, size_t m);
/* out = (l l')^-1. */
void matrix_cholesky_inverse(double *out, const double *l, size_t n);
double matrix_log_determinant(const double *l, size_t n); /* of l l' */

/* Eigenvalues (ascending) and vectors (columns of `vectors`) of a symmetric matrix, by cyclic Jacobi rotations
 * (Golub & Van Loan, "Matrix Computations", section 8.5). `a` is spoilt. */
void matrix_eigen(double *a, size_t n, double *values, double *vectors);

#endif
