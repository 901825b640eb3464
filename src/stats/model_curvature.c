#include "stats/model_curvature.h"

#include <math.h>
#include <string.h>

#include "stats/model_base.h"

/* One parameter: element (a, b), a >= b, of the D of a term. */
struct parameter {
  size_t term, stage, a, b, theta;
};

struct curvature_room {
  struct parameter *parameter;      /* in order of stages, so that those active below a stage are the first ones */
  size_t active[KERNEL_STAGES + 1]; /* parameters of stages before this one */
  struct crossed_element *element;  /* with crossed factors: the parameters again, and room for their jets */
  struct crossed_jets *jets;
  double **sum[KERNEL_STAGES + 1]; /* [jets]: cross-products per node and their derivatives, full squares */
  double *pattern;                 /* [jets][q * q] */
  double *k1, *k2, *f1;            /* derivatives of K [k], [k(k+1)/2] and of F [k] */
  double *u, *n, *r, *x;           /* U and its derivatives, N = KU, dN, scratch */
  double *g, *t1, *t2, *t3, *f, *packed;
  double *eigen, *vectors, *values;
  double *jacobian, *by_g, *by_h, *by_rss, *carry, *information, *theta_p;
};

static size_t pair(size_t k, size_t i, size_t j) {
  return 1 + k + (i <= j ? packed_row(k, i) + j - i : packed_row(k, j) + i - j);
}
static size_t jets(size_t k) {
  return 1 + k + packed_size(k);
}

static void lay_parameters(const struct kernel *kernel, struct curvature_room *room) {
  size_t count = 0;
  for (size_t s = 0; s < kernel->levels; s++) {
    room->active[s] = count;
    for (size_t t = 0; t < kernel->terms; t++) {
      const struct kernel_term *term = &kernel->term[t];
      size_t theta = term->theta;
      for (size_t b = 0; b < term->size && term->stage == s; b++)
        for (size_t a = b; a < term->size; a++) room->parameter[count++] = (struct parameter){t, s, a, b, theta++};
    }
  }
  room->active[kernel->levels] = count;
}

/* What the jets of a tree take. */
static bool new_jets(struct curvature *c, const struct kernel *kernel, size_t widest, size_t q,
                     const struct stats_memory *memory) {
  struct curvature_room *room = c->room;
  size_t k = c->k;
  bool fine = true;
  for (size_t s = 0; s <= kernel->levels; s++) {
    size_t d = kernel->stage[s].q + kernel->stage[s].w, active = room->active[s];
    if (s == 0 && kernel->levels) continue;
    size_t nodes = s == 1 && s < kernel->levels ? 1 : kernel->stage[s].nodes, each = nodes * d * d;
    room->sum[s] = model_take(memory, jets(k), sizeof(double *));
    double *all = model_take(memory, each, jets(active) * sizeof(double));
    if (!room->sum[s] || !all) return false;
    for (size_t x = 0; x < jets(active); x++) room->sum[s][x] = all + x * each;
  }
  size_t q0 = kernel->levels ? kernel->stage[0].q : 0;
  fine &= (room->pattern = model_take(memory, kernel->patterns + 1, jets(k) * (q0 * q0 + 1) * sizeof(double))) != NULL;
  fine &= (room->k1 = model_take(memory, k + 1, q * q * sizeof(double))) != NULL;
  fine &= (room->k2 = model_take(memory, packed_size(k) + 1, q * q * sizeof(double))) != NULL;
  fine &= (room->f1 = model_take(memory, k + 1, q * q * sizeof(double))) != NULL;
  fine &= (room->u = model_take(memory, jets(k), q * widest * sizeof(double))) != NULL;
  fine &= (room->n = model_take(memory, 1, q * widest * sizeof(double))) != NULL;
  fine &= (room->r = model_take(memory, k + 1, q * widest * sizeof(double))) != NULL;
  fine &= (room->x = model_take(memory, 1, widest * widest * sizeof(double))) != NULL;
  fine &= (room->g = model_take(memory, jets(k), q * q * sizeof(double))) != NULL;
  return fine;
}

static bool new_elements(struct curvature *c, const struct kernel *kernel, const struct stats_memory *memory) {
  struct curvature_room *room = c->room;
  if (!(room->element = model_take(memory, c->k, sizeof *room->element))) return false;
  for (size_t i = 0; i < c->k; i++) {
    size_t at = kernel->term[room->parameter[i].term].at;
    room->element[i] =
        (struct crossed_element){room->parameter[i].stage, at + room->parameter[i].a, at + room->parameter[i].b};
  }
  return (room->jets = crossed_jets_new(kernel->crossed, c->k, memory)) != NULL;
}

static bool new_room(struct curvature *c, const struct kernel *kernel, const struct stats_memory *memory) {
  struct curvature_room *room = c->room = model_take(memory, 1, sizeof *room);
  size_t k = c->k, widest = c->p + 1, q = 1, big = k + 1;
  if (!room || !(room->parameter = model_take(memory, k, sizeof *room->parameter))) return false;
  lay_parameters(kernel, room);
  for (size_t s = 0; s <= kernel->levels; s++) {
    size_t d = kernel->stage[s].q + kernel->stage[s].w;
    if (d > widest) widest = d;
    if (kernel->stage[s].q > q) q = kernel->stage[s].q;
  }
  if (widest > big) big = widest;
  bool fine = kernel->crossed ? new_elements(c, kernel, memory) : new_jets(c, kernel, widest, q, memory);
  double **scratch[] = {&room->t1, &room->t2, &room->t3, &room->f, &room->packed, &room->eigen, &room->vectors};
  for (size_t i = 0; i < sizeof scratch / sizeof *scratch; i++)
    fine &= (*scratch[i] = model_take(memory, big * big, sizeof(double))) != NULL;
  fine &= (room->values = model_take(memory, big, sizeof(double))) != NULL;
  size_t m = k + 1;
  double **square[] = {&room->jacobian, &room->by_g, &room->by_h, &room->by_rss, &room->information};
  for (size_t i = 0; i < sizeof square / sizeof *square; i++)
    fine &= (*square[i] = model_take(memory, m * m, sizeof(double))) != NULL;
  fine &= (room->carry = model_take(memory, 2 * m * m, sizeof(double))) != NULL;
  fine &= (room->theta_p = model_take(memory, m, (c->p * c->p + 1) * sizeof(double))) != NULL;
  return fine;
}

struct curvature *curvature_new(const struct kernel *kernel, const struct stats_memory *memory) {
  struct curvature *c = model_take(memory, 1, sizeof *c);
  if (!c) return NULL;
  size_t k = c->k = kernel->thetas, p = c->p = kernel->p, m = k + 1;
  c->n = (double)kernel->n;
  bool fine = new_room(c, kernel, memory);
  fine &= (c->logdet_1 = model_take(memory, m, sizeof(double))) != NULL;
  fine &= (c->logdet_2 = model_take(memory, m * m, sizeof(double))) != NULL;
  fine &= (c->root = model_take(memory, jets(k), (p + 1) * (p + 1) * sizeof(double))) != NULL;
  fine &= (c->d = model_take(memory, m, sizeof(double))) != NULL;
  fine &= (c->hessian = model_take(memory, m * m, sizeof(double))) != NULL;
  fine &= (c->covariance = model_take(memory, m * m, sizeof(double))) != NULL;
  fine &= (c->slope = model_take(memory, m, (p * p + 1) * sizeof(double))) != NULL;
  fine &= (c->phi = model_take(memory, p * p + 1, sizeof(double))) != NULL;
  fine &= (c->weight = model_take(memory, m * m, sizeof(double))) != NULL;
  fine &= (c->p_matrix = model_take(memory, m, (p * p + 1) * sizeof(double))) != NULL;
  fine &= (c->adjusted = model_take(memory, p * p + 1, sizeof(double))) != NULL;
  return fine ? c : NULL;
}

/* --- derivatives through the tree --------------------------------------------------------------------------------- */

struct pass {
  struct curvature *c;
  const struct kernel *kernel;
  struct kernel_work *work;
};

/* out (q x q) += scale * left dD_i right', where dD_i has ones at (a, b) and (b, a). */
static void add_element(const struct pass *p, size_t i, const double *left, const double *right, double *out) {
  const struct parameter *parameter = &p->c->room->parameter[i];
  const struct kernel_term *term = &p->kernel->term[parameter->term];
  size_t q = p->kernel->stage[parameter->stage].q;
  size_t a = term->at + parameter->a, b = term->at + parameter->b;
  for (size_t x = 0; x < q; x++)
    for (size_t y = 0; y < q; y++) {
      out[x * q + y] += left[x * q + a] * right[y * q + b];
      if (a != b) out[x * q + y] += left[x * q + b] * right[y * q + a];
    }
}

/* tr(m dD_i) for symmetric m */
static double trace_element(const struct pass *p, size_t i, const double *m) {
  const struct parameter *parameter = &p->c->room->parameter[i];
  const struct kernel_term *term = &p->kernel->term[parameter->term];
  size_t q = p->kernel->stage[parameter->stage].q;
  size_t a = term->at + parameter->a, b = term->at + parameter->b;
  return a == b ? m[a * q + a] : m[a * q + b] + m[b * q + a];
}

static void add_to(double *to, double factor, const double *from, size_t n) {
  for (size_t i = 0; i < n; i++) to[i] += factor * from[i];
}

static void add_symmetric(double *to, double factor, const double *m, size_t n) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) to[i * n + j] += factor * (m[i * n + j] + m[j * n + i]);
}

/* Derivatives of K and of log|I + DG| at a node: `g` holds G and its derivatives by the first `below` parameters,
 * those up to `upto` belong to this stage. `count` nodes are the same. */
static void derive_k(const struct pass *p, size_t s, size_t below, size_t upto, const double *g, const double *k,
                     double count) {
  struct curvature *c = p->c;
  struct curvature_room *room = c->room;
  size_t q = p->kernel->stage[s].q, q2 = q * q, all = c->k;
  double *t1 = room->t1, *t2 = room->t2, *t3 = room->t3, *f = room->f;
  matrix_multiply(f, k, g, q, q, q, false); /* F = I - K G */
  for (size_t x = 0; x < q2; x++) f[x] = -f[x];
  for (size_t x = 0; x < q; x++) f[x * q + x] += 1;
  for (size_t i = 0; i < upto; i++) { /* dK_i = -K dG_i K + F dD_i F', dF_i = -(dK_i G + K dG_i) */
    double *k1 = room->k1 + i * q2, *f1 = room->f1 + i * q2;
    memset(k1, 0, q2 * sizeof *k1);
    memset(f1, 0, q2 * sizeof *f1);
    if (i < below) {
      const double *g1 = g + (1 + i) * q2;
      matrix_multiply(t1, k, g1, q, q, q, false);
      matrix_multiply(t2, t1, k, q, q, q, false);
      add_to(k1, -1, t2, q2);
      add_to(f1, -1, t1, q2);
      c->logdet_1[i] += count * matrix_trace_of_product(k, g1, q);
    } else {
      add_element(p, i, f, f, k1);
      matrix_multiply(t1, g, f, q, q, q, false); /* G F = Z'V^-1 Z */
      c->logdet_1[i] += count * trace_element(p, i, t1);
    }
    matrix_multiply(t1, k1, g, q, q, q, false);
    add_to(f1, -1, t1, q2);
  }
  for (size_t i = 0; i < upto; i++)
    for (size_t j = i; j < upto; j++) {
      double *k2 = room->k2 + (pair(all, i, j) - 1 - all) * q2, sum = 0;
      const double *k1j = room->k1 + j * q2;
      memset(k2, 0, q2 * sizeof *k2);
      if (i < below) {
        const double *g1 = g + (1 + i) * q2; /* -(dK_j dG_i K + K dG_i dK_j) */
        matrix_multiply(t1, k1j, g1, q, q, q, false);
        matrix_multiply(t2, t1, k, q, q, q, false);
        add_symmetric(k2, -1, t2, q);
        sum += matrix_trace_of_product(k1j, g1, q);
      }
      if (j < below) { /* both are: -K d2G K */
        const double *g2 = g + pair(all, i, j) * q2;
        matrix_multiply(t1, k, g2, q, q, q, false);
        matrix_multiply(t2, t1, k, q, q, q, false);
        add_to(k2, -1, t2, q2);
        sum += matrix_trace_of_product(k, g2, q);
      }
      if (i >= below) { /* dF_j dD_i F' + F dD_i dF_j' */
        memset(t1, 0, q2 * sizeof *t1);
        add_element(p, i, room->f1 + j * q2, f, t1);
        add_symmetric(k2, 1, t1, q);
        matrix_multiply(t2, g, k1j, q, q, q, false); /* d(G F)_j = -G dK_j G */
        matrix_multiply(t3, t2, g, q, q, q, false);
        sum -= trace_element(p, i, t3);
      }
      c->logdet_2[i * all + j] += count * sum;
      if (i != j) c->logdet_2[j * all + i] += count * sum;
    }
}

static void leaves(const struct pass *p) {
  const struct kernel *kernel = p->kernel;
  struct curvature *c = p->c;
  struct curvature_room *room = c->room;
  size_t q2 = kernel->stage[0].q * kernel->stage[0].q, own = room->active[1], each = jets(own);
  for (size_t i = 0; i < kernel->patterns; i++) {
    const double *k = p->work->pattern_k + i * q2;
    double *to = room->pattern + i * each * q2;
    derive_k(p, 0, 0, own, kernel->pattern_g + i * q2, k, (double)kernel->pattern_count[i]);
    memcpy(to, k, q2 * sizeof *to);
    memcpy(to + q2, room->k1, own * q2 * sizeof *to);
    for (size_t a = 0, x = 1 + own; a < own; a++)
      for (size_t b = a; b < own; b++, x++)
        memcpy(to + x * q2, room->k2 + (pair(c->k, a, b) - 1 - c->k) * q2, q2 * sizeof *to);
  }
}

/* The cross-products of a node of stage 1 and their derivatives, from its cells. */
static void gather_cells(const struct pass *p, size_t node) {
  const struct kernel *kernel = p->kernel;
  struct curvature_room *room = p->c->room;
  size_t q2 = kernel->stage[0].q * kernel->stage[0].q, own = room->active[1], d = kernel->stage[0].w;
  size_t size = packed_size(d);
  for (size_t x = 0; x < jets(own); x++) {
    if (x)
      memset(room->packed, 0, size * sizeof(double));
    else
      memcpy(room->packed, kernel->base + node * size, size * sizeof(double));
    for (size_t i = kernel->cell_start[node]; i < kernel->cell_start[node + 1]; i++)
      kernel_subtract_cell(kernel, p->work, &kernel->cell[i],
                           room->pattern + (kernel->cell[i].pattern * jets(own) + x) * q2, room->packed);
    matrix_unpack(room->sum[1][x], room->packed, d);
  }
}

/* The corner G and the rows U of jet x of a node. */
static void split(const double *full, size_t q, size_t w, double *g, double *u) {
  for (size_t i = 0; i < q; i++) {
    memcpy(g + i * q, full + i * (q + w), q * sizeof *g);
    memcpy(u + i * w, full + i * (q + w) + q, w * sizeof *u);
  }
}

static void add_tail(double *to, const double *full, size_t q, size_t w) {
  for (size_t i = 0; i < w; i++) add_to(to + i * w, 1, full + (q + i) * (q + w) + q, w);
}

/* One node of stage s: eliminates its effects, with derivatives, into its parent. `at` is its place in sum[s]. */
static void derive_node(const struct pass *p, size_t s, size_t i, size_t at) {
  const struct kernel_stage *stage = &p->kernel->stage[s];
  struct curvature_room *room = p->c->room;
  size_t q = stage->q, w = stage->w, d = q + w, all = p->c->k, below = room->active[s], upto = room->active[s + 1];
  size_t qw = q * w, parent = stage->parent[i] * w * w, here = at * d * d;
  double **sum = room->sum[s], **up = room->sum[s + 1], *x = room->x;
  const double *k = p->work->node[s][i].k;
  for (size_t a = 0; a < jets(below); a++) { /* jets of this stage are numbered by `below`, those of rooms by `all` */
    size_t to = a;
    if (a > below) {
      size_t r = 0, rest = a - 1 - below;
      while (rest >= below - r) rest -= below - r++;
      to = pair(all, r, r + rest);
    }
    split(sum[a] + here, q, w, room->g + to * q * q, room->u + to * qw);
  }
  derive_k(p, s, below, upto, room->g, k, 1);
  matrix_multiply(room->n, k, room->u, q, q, w, false);
  for (size_t a = 0; a < upto; a++) { /* dN_a = dK_a U + K dU_a */
    matrix_multiply(room->r + a * qw, room->k1 + a * q * q, room->u, q, q, w, false);
    if (a < below) matrix_multiply(room->r + a * qw, k, room->u + (1 + a) * qw, q, q, w, true);
  }
  add_tail(up[0] + parent, sum[0] + here, q, w);
  matrix_multiply_tn(x, room->u, room->n, w, q, w, false);
  add_to(up[0] + parent, -1, x, w * w);
  for (size_t a = 0; a < upto; a++) { /* d(U'KU)_a = dU_a'N + U'dN_a */
    double *to = up[1 + a] + parent;
    matrix_multiply_tn(x, room->u, room->r + a * qw, w, q, w, false);
    if (a < below) {
      add_tail(to, sum[1 + a] + here, q, w);
      matrix_multiply_tn(x, room->u + (1 + a) * qw, room->n, w, q, w, true);
    }
    add_to(to, -1, x, w * w);
  }
  for (size_t a = 0; a < upto; a++)
    for (size_t b = a; b < upto; b++) {
      double *to = up[1 + upto + packed_row(upto, a) + b - a] + parent, *t = room->r + all * qw;
      /* the symmetric double of d2U'N + dU_a'dN_b + dU_b'dK_a U + U'd2K U / 2 */
      matrix_multiply(t, room->k2 + (pair(all, a, b) - 1 - all) * q * q, room->u, q, q, w, false);
      for (size_t y = 0; y < qw; y++) t[y] /= 2;
      matrix_multiply_tn(x, room->u, t, w, q, w, false);
      if (a < below) matrix_multiply_tn(x, room->u + (1 + a) * qw, room->r + b * qw, w, q, w, true);
      if (b < below) {
        matrix_multiply(t, room->k1 + a * q * q, room->u, q, q, w, false);
        matrix_multiply_tn(x, room->u + (1 + b) * qw, t, w, q, w, true);
        matrix_multiply_tn(x, room->u + pair(all, a, b) * qw, room->n, w, q, w, true);
        add_tail(to, sum[1 + below + packed_row(below, a) + b - a] + here, q, w);
      }
      add_symmetric(to, -1, x, w);
    }
}

static void derive_tree(const struct pass *p) {
  const struct kernel *kernel = p->kernel;
  struct curvature *c = p->c;
  struct curvature_room *room = c->room;
  size_t levels = kernel->levels, first = levels ? 1 : 0, d = c->p + 1;
  if (kernel->crossed) {
    memcpy(c->root, p->work->root, d * d * sizeof(double));
    crossed_jets_fill(room->jets, p->work->crossed, p->work->lambda, room->element,
                      &(struct crossed_second){c->logdet_1, c->logdet_2, c->root + d * d});
    return;
  }
  memset(c->logdet_1, 0, (c->k + 1) * sizeof(double));
  memset(c->logdet_2, 0, (c->k + 1) * (c->k + 1) * sizeof(double));
  for (size_t s = first + 1; s <= levels; s++) {
    size_t wide = kernel->stage[s].q + kernel->stage[s].w;
    memset(room->sum[s][0], 0, jets(room->active[s]) * kernel->stage[s].nodes * wide * wide * sizeof(double));
  }
  if (levels) {
    leaves(p);
    if (levels == 1) gather_cells(p, 0);
    for (size_t i = 0; levels > 1 && i < kernel->stage[1].nodes; i++) {
      gather_cells(p, i);
      derive_node(p, 1, i, 0);
    }
    for (size_t s = 2; s < levels; s++)
      for (size_t i = 0; i < kernel->stage[s].nodes; i++) derive_node(p, s, i, i);
  } else {
    matrix_unpack(room->sum[0][0], kernel->base, d);
  }
  for (size_t x = 0; x < jets(c->k); x++) memcpy(c->root + x * d * d, room->sum[levels][x], d * d * sizeof(double));
}

/* --- the criterion's Hessian and Satterthwaite -------------------------------------------------------------------- */

static const double *root_jet(const struct curvature *c, size_t x) {
  return c->root + x * (c->p + 1) * (c->p + 1);
}

/* The block of X in a root jet. */
static void x_block(const struct curvature *c, size_t jet, double *out) {
  const double *from = root_jet(c, jet);
  for (size_t i = 0; i < c->p; i++) memcpy(out + i * c->p, from + i * (c->p + 1), c->p * sizeof *out);
}

static double quadratic(const double *m, const double *v, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) sum += m[i * n + j] * v[i] * v[j];
  return sum;
}

/* dD_i/dtheta_t: element (a, b) of D by element (e, f) of Lambda. */
static double d_by_theta(const struct parameter *d, const struct parameter *l, const double *lambda, size_t n) {
  double sum = 0;
  if (d->a == l->a) sum += lambda[d->b * n + l->b];
  if (d->b == l->a) sum += lambda[d->a * n + l->b];
  return sum;
}

struct by_d { /* derivatives by D of the profile pieces */
  double *g, *h, *rss_1;
};

/* Gradient and Hessian by D of log|V~| + [log|A|] + rss / sigma2, and rss_i. */
static void derive_criterion(const struct pass *pass, struct by_d *out) {
  struct curvature *c = pass->c;
  struct curvature_room *room = c->room;
  size_t p = c->p, d = p + 1, k = c->k;
  double *v = room->values, *r = room->vectors, *t1 = room->t1, *t2 = room->t2, *inverse = pass->work->inverse;
  double *a1 = c->p_matrix; /* as room: A^-1 A_i */
  for (size_t i = 0; i < p; i++) v[i] = -pass->work->beta[i];
  v[p] = 1;
  for (size_t i = 0; i < k; i++) {
    const double *jet = root_jet(c, 1 + i);
    for (size_t x = 0; x < p; x++) {
      r[i * d + x] = 0;
      for (size_t y = 0; y < d; y++) r[i * d + x] += jet[x * d + y] * v[y];
    }
    out->rss_1[i] = quadratic(jet, v, d);
    x_block(c, 1 + i, t1);
    matrix_multiply(a1 + i * p * p, inverse, t1, p, p, p, false);
    out->g[i] = c->logdet_1[i] + out->rss_1[i] / c->sigma2;
    for (size_t x = 0; x < p && pass->kernel->reml; x++) out->g[i] += a1[i * p * p + x * p + x];
  }
  for (size_t i = 0; i < k; i++)
    for (size_t j = 0; j < k; j++) {
      size_t jet = pair(k, i, j);
      double rss_2 = quadratic(root_jet(c, jet), v, d);
      for (size_t x = 0; x < p; x++)
        for (size_t y = 0; y < p; y++) rss_2 -= 2 * r[i * d + x] * inverse[x * p + y] * r[j * d + y];
      out->h[i * k + j] = c->logdet_2[i * k + j] + rss_2 / c->sigma2;
      if (!pass->kernel->reml) continue;
      x_block(c, jet, t1);
      matrix_multiply(t2, inverse, t1, p, p, p, false);
      for (size_t x = 0; x < p; x++) out->h[i * k + j] += t2[x * p + x];
      out->h[i * k + j] -= matrix_trace_of_product(a1 + i * p * p, a1 + j * p * p, p);
    }
}

static void read_lambda(const struct kernel_term *term, const double *theta, double *lambda) {
  memset(lambda, 0, term->size * term->size * sizeof *lambda);
  for (size_t j = 0; j < term->size; j++)
    for (size_t i = j; i < term->size; i++) lambda[i * term->size + j] = *theta++;
}

/* jacobian[i][t] = dD_i / dtheta_t, both in the order of parameters. */
static void fill_jacobian(const struct pass *p, const double *theta, double *jacobian) {
  struct curvature *c = p->c;
  const struct parameter *parameter = c->room->parameter;
  size_t k = c->k;
  for (size_t i = 0; i < k; i++) {
    const struct kernel_term *term = &p->kernel->term[parameter[i].term];
    read_lambda(term, theta + term->theta, c->room->t1);
    c->d[i] = 0;
    for (size_t x = 0; x < term->size; x++)
      c->d[i] += c->room->t1[parameter[i].a * term->size + x] * c->room->t1[parameter[i].b * term->size + x];
    for (size_t t = 0; t < k; t++)
      jacobian[i * k + t] = parameter[i].term == parameter[t].term
                                ? d_by_theta(&parameter[i], &parameter[t], c->room->t1, term->size)
                                : 0;
  }
}

/* d2 D_i / dtheta_t dtheta_u */
static double second_of(const struct parameter *d, const struct parameter *t, const struct parameter *u) {
  if (d->term != t->term || d->term != u->term || t->b != u->b) return 0;
  return (double)((d->a == t->a) & (d->b == u->a)) + (double)((d->b == t->a) & (d->a == u->a));
}

/* H by (theta, sigma): J'H_D J + sum g_i d2D_i; the last row and column belong to sigma. */
static void carry_to_theta(const struct pass *p, const struct by_d *by, const double *jacobian, double *scratch) {
  struct curvature *c = p->c;
  const struct parameter *parameter = c->room->parameter;
  size_t k = c->k, m = k + 1;
  double df = c->n - (p->kernel->reml ? (double)c->p : 0), sigma = sqrt(c->sigma2);
  double *hj = scratch, *h = scratch + k * k;
  matrix_multiply(hj, by->h, jacobian, k, k, k, false);
  matrix_multiply_tn(h, jacobian, hj, k, k, k, false);
  for (size_t t = 0; t < k; t++) {
    double cross = 0;
    for (size_t u = 0; u < k; u++) {
      for (size_t i = 0; i < k; i++) h[t * k + u] += by->g[i] * second_of(&parameter[i], &parameter[t], &parameter[u]);
      c->hessian[t * m + u] = h[t * k + u];
    }
    for (size_t i = 0; i < k; i++) cross -= 2 * by->rss_1[i] * jacobian[i * k + t] / (c->sigma2 * sigma);
    c->hessian[t * m + k] = c->hessian[k * m + t] = cross;
  }
  c->hessian[k * m + k] = 4 * df / c->sigma2;
}

/* out = the inverse of a symmetric matrix on the directions whose eigenvalue exceeds `least` of the largest. */
static void pseudo_inverse(struct curvature_room *room, const double *m, size_t n, double least, double factor,
                           double *out) {
  memcpy(room->eigen, m, n * n * sizeof *m);
  matrix_eigen(room->eigen, n, room->values, room->vectors);
  memset(out, 0, n * n * sizeof *out);
  double most = fabs(room->values[n - 1]);
  for (size_t e = 0; e < n; e++) {
    if (!(room->values[e] > least * most)) continue;
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++)
        out[i * n + j] += factor * room->vectors[i * n + e] * room->vectors[j * n + e] / room->values[e];
  }
}

/* Derivatives of sigma2 A^-1 by theta and by sigma. */
static void fill_slopes(const struct pass *pass, const double *jacobian) {
  struct curvature *c = pass->c;
  size_t p = c->p, k = c->k;
  double *t1 = c->room->t1, *t2 = c->room->t2, *sum = c->room->t3;
  const double *inverse = pass->work->inverse;
  for (size_t t = 0; t < k; t++) {
    memset(sum, 0, p * p * sizeof *sum);
    for (size_t i = 0; i < k; i++) {
      if (jacobian[i * k + t] == 0) continue;
      x_block(c, 1 + i, t1);
      add_to(sum, -c->sigma2 * jacobian[i * k + t], t1, p * p);
    }
    matrix_multiply(t2, inverse, sum, p, p, p, false);
    matrix_multiply(c->slope + t * p * p, t2, inverse, p, p, p, false);
  }
  for (size_t i = 0; i < p * p; i++) {
    c->slope[k * p * p + i] = 2 * sqrt(c->sigma2) * inverse[i];
    c->phi[i] = c->sigma2 * inverse[i];
  }
}

bool curvature_fill(struct curvature *c, const struct kernel *kernel, struct kernel_work *work, const double *theta) {
  struct pass pass = {c, kernel, work};
  size_t m = c->k + 1;
  c->sigma2 = work->rss / (c->n - (kernel->reml ? (double)c->p : 0));
  derive_tree(&pass);
  double *jacobian = c->room->jacobian;
  struct by_d by = {c->room->by_g, c->room->by_h, c->room->by_rss};
  fill_jacobian(&pass, theta, jacobian);
  derive_criterion(&pass, &by);
  carry_to_theta(&pass, &by, jacobian, c->room->carry);
  for (size_t i = 0; i < m * m; i++)
    if (!isfinite(c->hessian[i])) return false;
  fill_slopes(&pass, jacobian);
  pseudo_inverse(c->room, c->hessian, m, 1e-10, 2, c->covariance);
  return true;
}

size_t curvature_theta(const struct curvature *c, size_t i) {
  return c->room->parameter[i].theta;
}

double curvature_satterthwaite(const struct curvature *c, const double *contrast) {
  size_t p = c->p, m = c->k + 1;
  double variance = quadratic(c->phi, contrast, p), spread = 0, *g = c->room->values;
  for (size_t t = 0; t < m; t++) g[t] = quadratic(c->slope + t * p * p, contrast, p);
  for (size_t t = 0; t < m; t++)
    for (size_t u = 0; u < m; u++) spread += c->covariance[t * m + u] * g[t] * g[u];
  return 2 * variance * variance / spread;
}

/* --- Kenward and Roger -------------------------------------------------------------------------------------------- */

/* P_i and the second derivatives of A by gamma = (sigma2 D, sigma2), at sigma2 = 1, by the homogeneity of V. */
static void gamma_second(const struct curvature *c, size_t i, size_t j, double *out) {
  size_t k = c->k, p2 = c->p * c->p;
  double *t = c->room->t3;
  memset(out, 0, p2 * sizeof *out);
  if (i < k && j < k) {
    x_block(c, pair(k, i, j), out);
    return;
  }
  if (i < k || j < k) { /* -2 A_i - sum_j D_j A_ij */
    size_t one = i < k ? i : j;
    x_block(c, 1 + one, t);
    add_to(out, -2, t, p2);
    for (size_t x = 0; x < k; x++) {
      x_block(c, pair(k, one, x), t);
      add_to(out, -c->d[x], t, p2);
    }
    return;
  }
  x_block(c, 0, t); /* 2 A + 4 sum D_i A_i + sum sum D_i D_j A_ij */
  add_to(out, 2, t, p2);
  for (size_t x = 0; x < k; x++) {
    x_block(c, 1 + x, t);
    add_to(out, 4 * c->d[x], t, p2);
    for (size_t y = 0; y < k; y++) {
      x_block(c, pair(k, x, y), t);
      add_to(out, c->d[x] * c->d[y], t, p2);
    }
  }
}

static void fill_p(struct curvature *c) {
  size_t k = c->k, p2 = c->p * c->p;
  double *last = c->p_matrix + k * p2;
  x_block(c, 0, last);
  for (size_t i = 0; i < k; i++) {
    x_block(c, 1 + i, c->p_matrix + i * p2);
    add_to(last, c->d[i], c->p_matrix + i * p2, p2);
  }
  for (size_t x = 0; x < p2; x++) last[x] = -last[x];
}

/* tr(V^-1 V_i V^-1 V_j) */
static double trace_vv(const struct curvature *c, size_t i, size_t j) {
  size_t k = c->k;
  if (i < k && j < k) return -c->logdet_2[i * k + j];
  double sum = 0;
  if (i < k || j < k) {
    size_t one = i < k ? i : j;
    for (size_t x = 0; x < k; x++) sum += c->d[x] * c->logdet_2[one * k + x];
    return c->logdet_1[one] + sum;
  }
  for (size_t x = 0; x < k; x++) {
    sum += 2 * c->d[x] * c->logdet_1[x];
    for (size_t y = 0; y < k; y++) sum += c->d[x] * c->d[y] * c->logdet_2[x * k + y];
  }
  return c->n - sum;
}

bool curvature_kenward_roger(struct curvature *c) {
  size_t p = c->p, p2 = p * p, m = c->k + 1;
  double *phi = c->room->f, *h2 = c->room->t1, *t = c->room->t2, *u = c->room->packed,
         *information = c->room->information;
  for (size_t i = 0; i < p2; i++) phi[i] = c->phi[i] / c->sigma2;
  fill_p(c);
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < m; j++) {
      gamma_second(c, i, j, h2);
      matrix_multiply(t, phi, c->p_matrix + i * p2, p, p, p, false);
      matrix_multiply(u, phi, c->p_matrix + j * p2, p, p, p, false);
      information[i * m + j] =
          trace_vv(c, i, j) - matrix_trace_of_product(phi, h2, p) + matrix_trace_of_product(t, u, p);
      if (!isfinite(information[i * m + j])) return false;
    }
  pseudo_inverse(c->room, information, m, 1e-13, 2, c->weight);
  double *sum = c->adjusted;
  memset(sum, 0, p2 * sizeof *sum);
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < m; j++) { /* W_ij (Q_ij - P_i Phi P_j) */
      gamma_second(c, i, j, h2);
      add_to(sum, c->weight[i * m + j] / 2, h2, p2);
      matrix_multiply(t, c->p_matrix + i * p2, phi, p, p, p, false);
      matrix_multiply(u, t, c->p_matrix + j * p2, p, p, p, false);
      add_to(sum, -c->weight[i * m + j], u, p2);
    }
  matrix_multiply(t, phi, sum, p, p, p, false);
  matrix_multiply(u, t, phi, p, p, p, false);
  for (size_t i = 0; i < p2; i++) sum[i] = c->sigma2 * (phi[i] + 2 * u[i]);
  return true;
}

static double ratio(double a, double b) {
  return fabs(a) < 1e-14 && fabs(b) < 1e-14 ? 1 : a / b;
}

/* Denominator df and scale from A1 and A2 (Kenward & Roger 1997, section 4; numerically careful as in Halekoh &
 * Hojsgaard 2014). */
static double df_from(double a1, double a2, double q, double *scale) {
  double b = (a1 + 6 * a2) / (2 * q), g = ((q + 1) * a1 - (q + 4) * a2) / ((q + 2) * a2),
         denominator = 3 * q + 2 * (1 - g);
  double c1 = g / denominator, c2 = (q - g) / denominator, c3 = (q + 2 - g) / denominator;
  double v0 = 1 + c1 * b, v1 = 1 - c2 * b, v2 = 1 - c3 * b;
  if (fabs(v0) < 1e-10) v0 = 0;
  double part = ratio(1 - a2 / q, v1), rho = part * part * v0 / (v2 * q), df = 4 + (q + 2) / (q * rho - 1);
  *scale = fabs(df - 2) < 1e-2 ? 1 : df * (1 - a2 / q) / (df - 2);
  return df;
}

double curvature_kenward_roger_df(const struct curvature *c, const double *contrasts, size_t rows, double *scale) {
  size_t p = c->p, p2 = p * p, m = c->k + 1;
  struct curvature_room *room = c->room;
  double *phi = room->f, *lp = room->t1, *v = room->t2, *theta = room->t3, *tp = room->theta_p, a1 = 0, a2 = 0;
  for (size_t i = 0; i < p2; i++) phi[i] = c->phi[i] / c->sigma2;
  matrix_multiply(lp, contrasts, phi, rows, p, p, false);
  matrix_multiply_nt(v, lp, contrasts, rows, p, rows, false);
  if (!matrix_cholesky(v, rows)) return NAN;
  matrix_cholesky_solve(v, lp, rows, p);                       /* (L Phi L')^-1 L Phi */
  matrix_multiply_tn(theta, contrasts, lp, p, rows, p, false); /* Theta Phi */
  for (size_t i = 0; i < m; i++) {
    matrix_multiply(v, c->p_matrix + i * p2, phi, p, p, p, false);
    matrix_multiply(tp + i * p2, theta, v, p, p, p, false); /* Theta Phi P_i Phi */
  }
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < m; j++) {
      double ti = 0, tj = 0;
      for (size_t x = 0; x < p; x++) {
        ti += tp[i * p2 + x * p + x];
        tj += tp[j * p2 + x * p + x];
      }
      a1 += c->weight[i * m + j] * ti * tj;
      a2 += c->weight[i * m + j] * matrix_trace_of_product(tp + i * p2, tp + j * p2, p);
    }
  return df_from(a1, a2, (double)rows, scale);
}
