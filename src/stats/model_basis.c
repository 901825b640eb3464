#include "stats/model_basis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ORDER 4 /* of the splines: cubic */
#define SPLINES_MOST (FORMULA_BASIS_MOST + 4)

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* --- scale and poly ----------------------------------------------------------------------------------------------- */

static double mean_of(const double *value, size_t n) {
  double sum = 0, shift = value[0];
  for (size_t i = 0; i < n; i++) sum += value[i] - shift;
  return shift + sum / (double)n;
}

static const char *fit_scale(struct model_basis *b, const double *value, size_t n) {
  double square = 0;
  b->mean = mean_of(value, n);
  for (size_t i = 0; i < n; i++) square += (value[i] - b->mean) * (value[i] - b->mean);
  b->scale = sqrt(square / (double)(n - 1));
  return n > 1 && b->scale > 0 ? NULL : "does not vary";
}

/* p_0 = 1, p_1 = x - alpha_0, p_(k+1) = (x - alpha_k) p_k - norm_k / norm_(k-1) p_(k-1). */
static void polynomials(const struct model_basis *b, double x, size_t degree, double *p) {
  p[0] = 1;
  if (degree) p[1] = x - b->alpha[0];
  for (size_t k = 1; k < degree; k++) p[k + 1] = (x - b->alpha[k]) * p[k] - b->norm[k] / b->norm[k - 1] * p[k - 1];
}

static const char *fit_poly(struct model_basis *b, const double *value, size_t n) {
  double p[FORMULA_BASIS_MOST + 2];
  b->alpha[0] = mean_of(value, n);
  b->norm[0] = (double)n;
  for (size_t k = 1; k <= b->columns; k++) {
    double cross = 0;
    b->norm[k] = 0;
    for (size_t i = 0; i < n; i++) {
      polynomials(b, value[i], k, p);
      b->norm[k] += p[k] * p[k];
      cross += value[i] * p[k] * p[k];
    }
    b->alpha[k] = cross / b->norm[k];
    if (!(b->norm[k] > 0) || !isfinite(b->norm[k])) return "has too few values for this degree";
  }
  return NULL;
}

/* --- splines ------------------------------------------------------------------------------------------------------ */

/* R's quantile of type 7, of sorted values. */
static double quantile(const double *sorted, size_t n, double share) {
  double at = share * (double)(n - 1);
  size_t low = (size_t)at;
  return low + 1 < n ? sorted[low] + (at - (double)low) * (sorted[low + 1] - sorted[low]) : sorted[n - 1];
}

static void lay_knots(struct model_basis *b, const double *sorted, size_t n, size_t inner) {
  b->knots = 0;
  for (int i = 0; i < ORDER; i++) b->knot[b->knots++] = sorted[0];
  for (size_t i = 1; i <= inner; i++) b->knot[b->knots++] = quantile(sorted, n, (double)i / (double)(inner + 1));
  for (int i = 0; i < ORDER; i++) b->knot[b->knots++] = sorted[n - 1];
}

/* Derivative `d` of every B-spline of an order at x, by de Boor's recurrence; x lies within the knots. */
static void splines(const struct model_basis *b, double x, size_t order, int d, double *out) {
  size_t count = b->knots - order, last = b->knots - ORDER - 1, span = ORDER - 1;
  const double *t = b->knot;
  while (span < last && x >= t[span + 1]) span++;
  if (d == 0 && order == 1) {
    for (size_t i = 0; i < count; i++) out[i] = i == span ? 1 : 0;
    return;
  }
  double lower[FORMULA_BASIS_MOST + 10];
  splines(b, x, order - 1, d > 0 ? d - 1 : 0, lower);
  double degree = (double)(order - 1);
  for (size_t i = 0; i < count; i++) {
    double left = t[i + order - 1] - t[i], right = t[i + order] - t[i + 1];
    double a = left > 0 ? lower[i] / left : 0, c = right > 0 ? lower[i + 1] / right : 0;
    out[i] = d > 0 ? degree * (a - c) : (x - t[i]) * a + (t[i + order] - x) * c;
  }
}

/* All cubic splines at x: beyond the ends of a natural one, the line that goes on; of others, the polynomial. */
static void cubic(const struct model_basis *b, double x, double *out) {
  double low = b->knot[0], high = b->knot[b->knots - 1], slope[SPLINES_MOST], more[SPLINES_MOST];
  double end = x < low ? low : high, factor = 1;
  if (x >= low && x <= high) {
    splines(b, x, ORDER, 0, out);
    return;
  }
  splines(b, end, ORDER, 0, out);
  for (int d = 1; d < (b->kind == BASIS_NS ? 2 : ORDER); d++) {
    factor *= (x - end) / d;
    splines(b, end, ORDER, d, slope);
    memcpy(more, slope, sizeof more);
    for (size_t i = 0; i < b->knots - ORDER; i++) out[i] += factor * more[i];
  }
}

/* v (rows long, its head at `from`) as LINPACK's Householder vector of itself; false when it is zero. */
static bool householder(double *v, size_t from, size_t rows) {
  double norm = 0;
  for (size_t i = from; i < rows; i++) norm += v[i] * v[i];
  norm = sqrt(norm);
  if (!(norm > 0)) return false;
  if (v[from] < 0) norm = -norm;
  for (size_t i = from; i < rows; i++) v[i] /= norm;
  v[from] += 1;
  return true;
}

static void reflect(const double *v, size_t from, size_t rows, double *x) {
  double sum = 0;
  for (size_t i = from; i < rows; i++) sum += v[i] * x[i];
  for (size_t i = from; i < rows; i++) x[i] -= sum / v[from] * v[i];
}

/* The directions along which the second derivative is zero at both ends. */
static const char *turn_natural(struct model_basis *b) {
  size_t splines_count = b->knots - ORDER, m = splines_count - 1; /* without the first */
  double low[SPLINES_MOST], high[SPLINES_MOST], column[SPLINES_MOST];
  splines(b, b->knot[0], ORDER, 2, low);
  splines(b, b->knot[b->knots - 1], ORDER, 2, high);
  double *first = low + 1, *second = high + 1;
  if (!householder(first, 0, m)) return "has too few values for these splines";
  reflect(first, 0, m, second);
  if (!householder(second, 1, m)) return "has too few values for these splines";
  for (size_t i = 0; i < m; i++) { /* row i of Q, less its first two columns */
    memset(column, 0, sizeof column);
    column[i] = 1;
    reflect(first, 0, m, column);
    reflect(second, 1, m, column);
    for (size_t j = 0; j < b->columns; j++) b->turn[i * b->columns + j] = column[j + 2];
  }
  return NULL;
}

static const char *fit_splines(struct model_basis *b, const double *value, size_t n, double *sorted) {
  size_t inner = b->kind == BASIS_NS ? b->columns - 1 : b->columns - (ORDER - 1);
  memcpy(sorted, value, n * sizeof *sorted);
  qsort(sorted, n, sizeof *sorted, by_value);
  lay_knots(b, sorted, n, inner);
  for (size_t i = ORDER - 1; i + ORDER < b->knots; i++)
    if (!(b->knot[i] < b->knot[i + 1])) return "has too few distinct values for these knots";
  return b->kind == BASIS_NS ? turn_natural(b) : NULL;
}

const char *basis_fit(struct model_basis *basis, enum formula_basis kind, size_t columns, const double *value, size_t n,
                      double *scratch) {
  *basis = (struct model_basis){.kind = kind, .columns = columns};
  size_t distinct = 1;
  memcpy(scratch, value, n * sizeof *scratch);
  qsort(scratch, n, sizeof *scratch, by_value);
  for (size_t i = 1; i < n; i++) distinct += scratch[i] > scratch[i - 1];
  if (distinct <= columns) return "has no more distinct values than columns are wanted";
  if (kind == BASIS_SCALE) return fit_scale(basis, value, n);
  if (kind == BASIS_POLY) return fit_poly(basis, value, n);
  return fit_splines(basis, value, n, scratch);
}

void basis_evaluate(const struct model_basis *b, double x, double *out) {
  double value[SPLINES_MOST + 2];
  if (b->kind == BASIS_SCALE) {
    out[0] = (x - b->mean) / b->scale;
  } else if (b->kind == BASIS_POLY) {
    polynomials(b, x, b->columns, value);
    for (size_t j = 0; j < b->columns; j++) out[j] = value[j + 1] / sqrt(b->norm[j + 1]);
  } else {
    cubic(b, x, value);
    for (size_t j = 0; j < b->columns; j++) {
      out[j] = b->kind == BASIS_NS ? 0 : value[j + 1];
      for (size_t i = 0; b->kind == BASIS_NS && i + 1 < b->knots - ORDER; i++)
        out[j] += value[i + 1] * b->turn[i * b->columns + j];
    }
  }
}
