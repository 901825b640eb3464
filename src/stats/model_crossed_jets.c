#include "stats/model_crossed_jets.h"

#include <string.h>

struct crossed_jets {
  const struct crossed *c;
  size_t k, border, effects, groups;
  double *r;                  /* [border][effects] R, column by column */
  double *rows;               /* [effects][border] R again, row by row */
  double *ter;                /* [k][effects][border] T E_j R */
  double *unit, *t, *product; /* [effects][crossed_columns()] */
  double *v;
};

struct crossed_jets *crossed_jets_new(const struct crossed *c, size_t elements, const struct stats_memory *memory) {
  struct crossed_jets *j = model_take(memory, 1, sizeof *j);
  if (!j) return NULL;
  *j = (struct crossed_jets){
      .c = c, .k = elements, .border = crossed_border(c), .effects = crossed_effects(c), .groups = crossed_groups(c)};
  size_t columns = crossed_columns(c);
  bool fine = (j->r = model_take(memory, j->border, j->effects * sizeof(double))) != NULL;
  fine &= (j->rows = model_take(memory, j->border, j->effects * sizeof(double))) != NULL;
  fine &= (j->ter = model_take(memory, j->k * j->border, j->effects * sizeof(double))) != NULL;
  fine &= (j->unit = model_take(memory, columns, j->effects * sizeof(double))) != NULL;
  fine &= (j->t = model_take(memory, columns, j->effects * sizeof(double))) != NULL;
  fine &= (j->product = model_take(memory, columns, j->effects * sizeof(double))) != NULL;
  fine &= (j->v = model_take(memory, j->border, sizeof(double))) != NULL;
  return fine ? j : NULL;
}

double crossed_jets_cost(const struct crossed *c) {
  return 4 * (double)crossed_effects(c) * crossed_size(c);
}

/* R = Z'W - Z'Z Lambda (I + Lambda'Z'Z Lambda)^-1 Lambda'Z'W, column by column. */
static void fill_r(struct crossed_jets *j, struct crossed_work *work, double *const *lambda) {
  for (size_t x = 0; x < j->border; x++) {
    double *r = j->r + x * j->effects;
    memset(j->v, 0, j->border * sizeof *j->v);
    j->v[x] = 1;
    crossed_predict(j->c, work, j->v, j->t);
    crossed_scale(j->c, lambda, false, j->t, 1);
    crossed_multiply(j->c, j->t, 1, j->product);
    crossed_multiply_border(j->c, j->v, r);
    for (size_t e = 0; e < j->effects; e++) {
      r[e] -= j->product[e];
      j->rows[e * j->border + x] = r[e];
    }
  }
}

/* `columns` columns of T from effect `first` on, row by row in j->t. */
static void fill_t(struct crossed_jets *j, struct crossed_work *work, double *const *lambda, size_t first,
                   size_t columns) {
  size_t size = j->effects * columns;
  memset(j->unit, 0, size * sizeof *j->unit);
  for (size_t x = 0; x < columns; x++) j->unit[(first + x) * columns + x] = 1;
  crossed_multiply(j->c, j->unit, columns, j->t);
  memcpy(j->unit, j->t, size * sizeof *j->unit);
  crossed_scale(j->c, lambda, true, j->unit, columns);
  crossed_solve(j->c, work, j->unit, columns);
  crossed_scale(j->c, lambda, false, j->unit, columns);
  crossed_multiply(j->c, j->unit, columns, j->product);
  for (size_t i = 0; i < size; i++) j->t[i] -= j->product[i];
}

/* tr(E_i T E_j T) over the levels m of E_j's group that the columns of t belong to. */
static double trace_pair(const struct crossed_jets *j, const struct crossed_element *one,
                         const struct crossed_element *two, size_t columns) {
  size_t p = crossed_width(j->c, one->group), q = crossed_width(j->c, two->group);
  double sum = 0;
  for (size_t at = crossed_first(j->c, one->group); at < crossed_first(j->c, one->group + 1); at += p) {
    const double *a = j->t + (at + one->a) * columns, *b = j->t + (at + one->b) * columns;
    for (size_t m = 0; m < columns; m += q) {
      double ac = a[m + two->a], ad = a[m + two->b], bc = b[m + two->a], bd = b[m + two->b];
      sum += bc * ad;
      if (one->a != one->b) sum += ac * bd;
      if (two->a != two->b) sum += bd * ac;
      if (one->a != one->b && two->a != two->b) sum += ad * bc;
    }
  }
  return sum;
}

/* ter += t (E_j R) over the levels of the columns. */
static void add_ter(struct crossed_jets *j, size_t index, const struct crossed_element *e, size_t first,
                    size_t columns) {
  size_t q = crossed_width(j->c, e->group), d = j->border;
  double *to = j->ter + index * j->effects * d;
  for (size_t row = 0; row < j->effects; row++, to += d)
    for (size_t m = 0; m < columns; m += q) {
      const double *t = j->t + row * columns + m, *a = j->rows + (first + m + e->a) * d,
                   *b = j->rows + (first + m + e->b) * d;
      for (size_t x = 0; x < d; x++) to[x] += t[e->a] * b[x];
      for (size_t x = 0; x < d && e->a != e->b; x++) to[x] += t[e->b] * a[x];
    }
}

static void use_columns(struct crossed_jets *j, const struct crossed_element *element, size_t group, size_t first,
                        size_t columns, const struct crossed_second *out) {
  size_t q = crossed_width(j->c, group);
  for (size_t y = 0; y < j->k; y++) {
    if (element[y].group != group) continue;
    for (size_t m = 0; m < columns; m += q) {
      double diagonal = j->t[(first + m + element[y].a) * columns + m + element[y].b];
      out->logdet_1[y] += element[y].a == element[y].b ? diagonal : 2 * diagonal;
    }
    for (size_t x = 0; x < j->k; x++) out->logdet_2[x * j->k + y] -= trace_pair(j, &element[x], &element[y], columns);
    add_ter(j, y, &element[y], first, columns);
  }
}

/* to += R'E_i y, y (effects x border). */
static void add_inner(const struct crossed_jets *j, const struct crossed_element *e, const double *y, double *to) {
  size_t q = crossed_width(j->c, e->group), d = j->border;
  for (size_t at = crossed_first(j->c, e->group); at < crossed_first(j->c, e->group + 1); at += q) {
    const double *ra = j->rows + (at + e->a) * d, *rb = j->rows + (at + e->b) * d;
    const double *ya = y + (at + e->a) * d, *yb = y + (at + e->b) * d;
    for (size_t x = 0; x < d; x++)
      for (size_t z = 0; z < d; z++) to[x * d + z] += ra[x] * yb[z] + (e->a != e->b ? rb[x] * ya[z] : 0);
  }
}

static void fill_jets(struct crossed_jets *j, const struct crossed_element *element, double *jet) {
  size_t d = j->border, square = d * d;
  double *second = jet + j->k * square, *half = j->product;
  memset(jet, 0, (j->k + packed_size(j->k)) * square * sizeof *jet);
  for (size_t x = 0; x < j->k; x++) {
    add_inner(j, &element[x], j->rows, jet + x * square);
    for (size_t i = 0; i < square; i++) jet[x * square + i] = -jet[x * square + i];
    for (size_t y = x; y < j->k; y++, second += square) {
      memset(half, 0, square * sizeof *half);
      add_inner(j, &element[x], j->ter + y * j->effects * d, half);
      for (size_t a = 0; a < d; a++)
        for (size_t b = 0; b < d; b++) second[a * d + b] = half[a * d + b] + half[b * d + a];
    }
  }
}

void crossed_jets_fill(struct crossed_jets *j, struct crossed_work *work, double *const *lambda,
                       const struct crossed_element *element, const struct crossed_second *out) {
  memset(out->logdet_1, 0, j->k * sizeof(double));
  memset(out->logdet_2, 0, j->k * j->k * sizeof(double));
  memset(j->ter, 0, j->k * j->effects * j->border * sizeof *j->ter);
  fill_r(j, work, lambda);
  for (size_t g = 0; g < j->groups; g++) {
    size_t q = crossed_width(j->c, g), end = crossed_first(j->c, g + 1), most = crossed_columns(j->c) / q * q;
    for (size_t first = crossed_first(j->c, g); first < end; first += most) {
      size_t columns = end - first < most ? end - first : most;
      fill_t(j, work, lambda, first, columns);
      use_columns(j, element, g, first, columns, out);
    }
  }
  fill_jets(j, element, out->jet);
}
