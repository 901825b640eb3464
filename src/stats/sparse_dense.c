#include "stats/sparse_dense.h"

#include <math.h>
#include <string.h>

#define BLOCK 48 /* unknowns that are eliminated together: a multiple of SIX */
#define DEPTH 96 /* rows of a factor that are gone through before the next */
#define SIX 6    /* rows of a product that are held in registers, over EIGHT columns */
#define EIGHT 8
#define FEW 3 /* rows that are not worth the packing */

/* Code for wider vector units is compiled beside the plain one and chosen when the program runs. (Not under a
 * sanitiser, which does not bear functions that are resolved before it has started.) */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define WIDER 1
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define WIDER 0
#define CLONES
#endif

size_t dense_scratch(size_t wide) {
  size_t columns = (wide + EIGHT) / EIGHT * EIGHT, rows = (wide + SIX) / SIX * SIX;
  return DEPTH * (columns + (rows > BLOCK ? rows : BLOCK)) + BLOCK * columns + 3 * BLOCK * BLOCK;
}

/* Rows of c -= rows of `wide` sums, as far as there are columns. */
static inline void subtract_sums(double *c, size_t stride, size_t rows, const double *sum, size_t wide,
                                 size_t columns) {
  size_t some = columns < wide ? columns : wide;
  for (size_t i = 0; i < rows; i++)
    for (size_t x = 0; x < some; x++) c[i * stride + x] -= sum[i * wide + x];
}

/* Vectors of two and of four doubles; of eight, one is a strip. */
#define SIX_NAME subtract_by_two
#define SIX_LANES 2
#define SIX_TARGET
#include "stats/sparse_six.inc"
#if WIDER
#define SIX_NAME subtract_by_four
#define SIX_LANES 4
#define SIX_TARGET __attribute__((target("avx2")))
#include "stats/sparse_six.inc"

__attribute__((target("avx512f"))) static void subtract_by_eight(double *c, size_t stride, size_t rows, const double *a,
                                                                 const double *b, size_t depth, size_t n) {
  typedef double eight __attribute__((vector_size(8 * EIGHT), aligned(8), may_alias));
  for (size_t j = 0; j < n; j += EIGHT, b += depth * EIGHT) {
    eight s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0}, s4 = {0}, s5 = {0};
    for (size_t k = 0; k < depth; k++) {
      eight x = *(const eight *)(b + k * EIGHT);
      const double *y = a + k * SIX;
      s0 += y[0] * x;
      s1 += y[1] * x;
      s2 += y[2] * x;
      s3 += y[3] * x;
      s4 += y[4] * x;
      s5 += y[5] * x;
    }
    eight sum[SIX] = {s0, s1, s2, s3, s4, s5};
    subtract_sums(c + j, stride, rows, (const double *)sum, EIGHT, n - j);
  }
}
#endif

/* Six rows of c (`stride` apart) -= a'b over `n` columns: a is depth x SIX, b is packed in strips of depth x EIGHT.
 * `rows` of the six are real. */
static void subtract_six(double *c, size_t stride, size_t rows, const double *a, const double *b, size_t depth,
                         size_t n) {
#if WIDER
  if (__builtin_cpu_supports("avx512f")) {
    subtract_by_eight(c, stride, rows, a, b, depth, n);
    return;
  }
  if (__builtin_cpu_supports("avx2")) {
    subtract_by_four(c, stride, rows, a, b, depth, n);
    return;
  }
#endif
  subtract_by_two(c, stride, rows, a, b, depth, n);
}

/* to += factor * from */
CLONES static void add_row(double *to, double factor, const double *from, size_t n) {
  for (size_t i = 0; i < n; i++) to[i] += factor * from[i];
}

/* Rows of b (depth x n, `stride` apart) in strips of eight columns, the last one filled up with zeros. */
static void pack_strips(double *to, const double *b, size_t stride, size_t depth, size_t n) {
  for (size_t j = 0; j < n; j += EIGHT) {
    size_t some = n - j < EIGHT ? n - j : EIGHT;
    for (size_t k = 0; k < depth; k++, to += EIGHT) {
      if (some < EIGHT) memset(to, 0, EIGHT * sizeof *to);
      memcpy(to, b + k * stride + j, some * sizeof *to);
    }
  }
}

/* U of a block of rows over all columns from the diagonal on: row by row. */
static double eliminate_rows(double *block, size_t rows, size_t stride, size_t n) {
  double logdet = 0;
  for (size_t k = 0; k < rows; k++) {
    double *row = block + k * stride, pivot = row[k];
    if (!(pivot > 0)) return NAN;
    logdet += log(pivot);
    double inverse = 1 / sqrt(pivot);
    for (size_t j = k; j < n; j++) row[j] *= inverse;
    for (size_t i = k + 1; i < rows; i++) add_row(block + i * stride + i, -row[i], row + i, n - i);
  }
  return logdet;
}

double dense_eliminate(double *front, size_t own, size_t wide, double *scratch) {
  double logdet = 0, *a = scratch + DEPTH * ((wide + EIGHT) / EIGHT * EIGHT);
  for (size_t at = 0; at < own; at += BLOCK) {
    size_t rows = own - at < BLOCK ? own - at : BLOCK, after = at + rows, n = wide - after;
    double *block = front + at * wide + at;
    logdet += eliminate_rows(block, rows, wide, wide - at);
    if (rows < FEW) {
      for (size_t k = 0; k < rows; k++) {
        const double *row = front + (at + k) * wide;
        for (size_t i = after; i < wide; i++)
          if (row[i] != 0) add_row(front + i * wide + i, -row[i], row + i, wide - i);
      }
      continue;
    }
    pack_strips(scratch, block + rows, wide, rows, n);
    for (size_t i = 0; i < n; i += SIX) {
      size_t some = n - i < SIX ? n - i : SIX,
             strip = i / EIGHT * EIGHT; /* from the strip that holds the diagonal on */
      for (size_t k = 0; k < rows; k++)
        for (size_t x = 0; x < SIX; x++) a[k * SIX + x] = x < some ? block[k * wide + rows + i + x] : 0;
      subtract_six(front + (after + i) * wide + after + strip, wide, some, a, scratch + strip * rows, rows, n - strip);
    }
  }
  return logdet;
}

/* x (rows x n) = U^-1 x for the upper triangle of `u`. */
static void back_rows(double *x, size_t x_stride, size_t n, const double *u, size_t stride, size_t rows) {
  for (size_t k = rows; k-- > 0;) {
    double *row = x + k * x_stride, inverse = 1 / u[k * stride + k];
    for (size_t i = k + 1; i < rows; i++) add_row(row, -u[k * stride + i], x + i * x_stride, n);
    for (size_t j = 0; j < n; j++) row[j] *= inverse;
  }
}

struct block {
  const double *at;
  size_t stride, rows, columns;
};

/* c (u.rows x b.columns) -= u b. */
static void subtract_product(double *c, size_t c_stride, const struct block *u, const struct block *b,
                             double *scratch) {
  double *a = scratch + DEPTH * ((b->columns + EIGHT) / EIGHT * EIGHT);
  if (u->rows < FEW) {
    for (size_t i = 0; i < u->rows; i++)
      for (size_t k = 0; k < b->rows; k++)
        add_row(c + i * c_stride, -u->at[i * u->stride + k], b->at + k * b->stride, b->columns);
    return;
  }
  for (size_t from = 0; from < b->rows; from += DEPTH) {
    size_t depth = b->rows - from < DEPTH ? b->rows - from : DEPTH;
    pack_strips(scratch, b->at + from * b->stride, b->stride, depth, b->columns);
    for (size_t i = 0; i < u->rows; i += SIX) {
      size_t some = u->rows - i < SIX ? u->rows - i : SIX;
      for (size_t x = 0; x < SIX; x++)
        for (size_t k = 0; k < depth; k++) a[k * SIX + x] = x < some ? u->at[(i + x) * u->stride + from + k] : 0;
      subtract_six(c + i * c_stride, c_stride, some, a, scratch, depth, b->columns);
    }
  }
}

/* to (n x n) = U^-T for the upper triangle of `u`: row j is column j of U^-1. */
static void invert_transposed(double *to, const double *u, size_t stride, size_t n) {
  memset(to, 0, n * n * sizeof *to);
  for (size_t j = 0; j < n; j++) {
    to[j * n + j] = 1 / u[j * stride + j];
    for (size_t i = j; i-- > 0;) {
      double sum = 0;
      for (size_t k = i + 1; k <= j; k++) sum += u[i * stride + k] * to[j * n + k];
      to[j * n + i] = -sum / u[i * stride + i];
    }
  }
}

/* The block of own unknowns at `at`: the rows of z right of it and their mirror, then the square. */
static void invert_block(double *z, const double *panel, size_t at, size_t rows, size_t wide, double *scratch) {
  size_t after = at + rows, n = wide - after, columns = (wide + EIGHT) / EIGHT * EIGHT;
  double *right = scratch + dense_scratch(wide) - BLOCK * columns - 3 * BLOCK * BLOCK,
         *square = right + BLOCK * columns;
  const double *u = panel + at * wide + at;
  const struct block u_right = {u + rows, wide, rows, n}, below = {z + after * wide + at, wide, n, rows};
  const struct block rest = {z + after * wide + after, wide, n, n};
  memset(right, 0, rows * columns * sizeof *right);
  subtract_product(right, columns, &u_right, &rest, scratch);
  back_rows(right, columns, n, u, wide, rows);
  for (size_t i = 0; i < rows; i++) memcpy(z + (at + i) * wide + after, right + i * columns, n * sizeof *z);
  for (size_t j = 0; j < n; j++)
    for (size_t i = 0; i < rows; i++) z[(after + j) * wide + at + i] = right[i * columns + j];
  invert_transposed(square, u, wide, rows);
  subtract_product(square, rows, &u_right, &below, scratch);
  back_rows(square, rows, rows, u, wide, rows);
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < rows; j++) z[(at + i) * wide + at + j] = (square[i * rows + j] + square[j * rows + i]) / 2;
}

void dense_invert(double *z, const double *panel, size_t own, size_t wide, double *scratch) {
  for (size_t end = own; end > 0;) {
    size_t rows = end % BLOCK ? end % BLOCK : BLOCK;
    end -= rows;
    invert_block(z, panel, end, rows, wide, scratch);
  }
}

void dense_back(double *x, const double *y, const double *panel, size_t own, size_t wide, size_t columns) {
  for (size_t k = 0; k < own; k++)
    for (size_t i = own; i < wide; i++)
      if (panel[k * wide + i] != 0) add_row(x + k * columns, -panel[k * wide + i], y + (i - own) * columns, columns);
  back_rows(x, columns, columns, panel, wide, own);
}

void dense_forward(double *x, double *y, const double *panel, size_t own, size_t wide, size_t columns) {
  for (size_t k = 0; k < own; k++) {
    double *row = x + k * columns, inverse = 1 / panel[k * wide + k];
    for (size_t j = 0; j < columns; j++) row[j] *= inverse;
    for (size_t i = k + 1; i < own; i++) add_row(x + i * columns, -panel[k * wide + i], row, columns);
    for (size_t i = own; i < wide; i++)
      if (panel[k * wide + i] != 0) add_row(y + (i - own) * columns, -panel[k * wide + i], row, columns);
  }
}
