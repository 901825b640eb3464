#include "stats/matrix.h"

#include <math.h>
#include <string.h>

void matrix_multiply(double *c, const double *a, const double *b, size_t m, size_t k, size_t n, bool add) {
  if (!add) memset(c, 0, m * n * sizeof *c);
  for (size_t i = 0; i < m; i++)
    for (size_t l = 0; l < k; l++) {
      double x = a[i * k + l];
      if (x != 0)
        for (size_t j = 0; j < n; j++) c[i * n + j] += x * b[l * n + j];
    }
}

void matrix_multiply_tn(double *c, const double *a, const double *b, size_t m, size_t k, size_t n, bool add) {
  if (!add) memset(c, 0, m * n * sizeof *c);
  for (size_t l = 0; l < k; l++)
    for (size_t i = 0; i < m; i++) {
      double x = a[l * m + i];
      if (x != 0)
        for (size_t j = 0; j < n; j++) c[i * n + j] += x * b[l * n + j];
    }
}

void matrix_multiply_nt(double *c, const double *a, const double *b, size_t m, size_t k, size_t n, bool add) {
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++) {
      double sum = add ? c[i * n + j] : 0;
      for (size_t l = 0; l < k; l++) sum += a[i * k + l] * b[j * k + l];
      c[i * n + j] = sum;
    }
}

double matrix_trace_of_product(const double *a, const double *b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) sum += a[i * n + j] * b[j * n + i];
  return sum;
}

void matrix_unpack(double *full, const double *packed, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const double *row = packed + packed_row(n, i);
    for (size_t j = i; j < n; j++) full[i * n + j] = full[j * n + i] = row[j - i];
  }
}

bool matrix_cholesky(double *a, size_t n) {
  for (size_t i = 0; i < n; i++) {
    double *row = a + i * n;
    for (size_t j = 0; j <= i; j++) {
      const double *other = a + j * n;
      double sum = row[j];
      for (size_t k = 0; k < j; k++) sum -= row[k] * other[k];
      if (j < i) {
        row[j] = sum / other[j];
      } else {
        if (!(sum > 0) || !isfinite(sum)) return false;
        row[i] = sqrt(sum);
      }
    }
    for (size_t j = i + 1; j < n; j++) row[j] = 0;
  }
  return true;
}

void matrix_cholesky_solve(const double *l, double *x, size_t n, size_t m) {
  for (size_t i = 0; i < n; i++) {
    for (size_t k = 0; k < i; k++) {
      double factor = l[i * n + k];
      for (size_t j = 0; j < m; j++) x[i * m + j] -= factor * x[k * m + j];
    }
    for (size_t j = 0; j < m; j++) x[i * m + j] /= l[i * n + i];
  }
  for (size_t i = n; i-- > 0;) {
    for (size_t k = i + 1; k < n; k++) {
      double factor = l[k * n + i];
      for (size_t j = 0; j < m; j++) x[i * m + j] -= factor * x[k * m + j];
    }
    for (size_t j = 0; j < m; j++) x[i * m + j] /= l[i * n + i];
  }
}

void matrix_cholesky_inverse(double *out, const double *l, size_t n) {
  memset(out, 0, n * n * sizeof *out);
  for (size_t i = 0; i < n; i++) out[i * n + i] = 1;
  matrix_cholesky_solve(l, out, n, n);
}

double matrix_log_determinant(const double *l, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += log(l[i * n + i]);
  return 2 * sum;
}

static void rotate(double *a, double *v, size_t n, size_t p, size_t q) {
  double apq = a[p * n + q];
  double tau = (a[q * n + q] - a[p * n + p]) / (2 * apq);
  double t = (tau >= 0 ? 1 : -1) / (fabs(tau) + hypot(1, tau)), c = 1 / hypot(1, t), s = t * c;
  for (size_t k = 0; k < n; k++) {
    double x = a[k * n + p], y = a[k * n + q];
    a[k * n + p] = c * x - s * y;
    a[k * n + q] = s * x + c * y;
  }
  for (size_t k = 0; k < n; k++) {
    double x = a[p * n + k], y = a[q * n + k];
    a[p * n + k] = c * x - s * y;
    a[q * n + k] = s * x + c * y;
  }
  for (size_t k = 0; k < n; k++) {
    double x = v[k * n + p], y = v[k * n + q];
    v[k * n + p] = c * x - s * y;
    v[k * n + q] = s * x + c * y;
  }
}

static void sort_eigen(size_t n, double *values, double *vectors) {
  for (size_t i = 0; i < n; i++) {
    size_t least = i;
    for (size_t j = i + 1; j < n; j++)
      if (values[j] < values[least]) least = j;
    if (least == i) continue;
    double x = values[i];
    values[i] = values[least];
    values[least] = x;
    for (size_t k = 0; k < n; k++) {
      x = vectors[k * n + i];
      vectors[k * n + i] = vectors[k * n + least];
      vectors[k * n + least] = x;
    }
  }
}

void matrix_eigen(double *a, size_t n, double *values, double *vectors) {
  memset(vectors, 0, n * n * sizeof *vectors);
  for (size_t i = 0; i < n; i++) vectors[i * n + i] = 1;
  for (int sweep = 0; sweep < 60; sweep++) {
    double off = 0, all = 0;
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) {
        double square = a[i * n + j] * a[i * n + j];
        all += square;
        if (i != j) off += square;
      }
    if (!(off > 1e-32 * all)) break;
    for (size_t p = 0; p < n; p++)
      for (size_t q = p + 1; q < n; q++)
        if (fabs(a[p * n + q]) > 1e-300) rotate(a, vectors, n, p, q);
  }
  for (size_t i = 0; i < n; i++) values[i] = a[i * n + i];
  sort_eigen(n, values, vectors);
}
