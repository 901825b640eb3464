#include "stats/model_crossed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats/model_keys.h"
#include "stats/sparse_dense.h"
#include "stats/sparse_tree.h"

/* Levels of two groups that share rows: `a` is eliminated first, or with b. */
struct edge {
  uint32_t a, b, row, column; /* nodes; where their blocks begin within the front of a */
  const double *block;        /* Z_a'Z_b, q_a x q_b, or its transpose */
  bool turned;
};

struct pair_store { /* of two groups, the first with the lower number */
  struct key_set keys;
  double *block;
  size_t capacity;
};

struct crossed {
  const struct stats_memory *memory;
  struct crossed_group group[CROSSED_GROUPS];
  size_t groups, border, nodes, effects, columns; /* columns: sum of q + border */
  size_t node[CROSSED_GROUPS + 1], effect[CROSSED_GROUPS + 1], column[CROSSED_GROUPS + 1]; /* where groups begin */
  double *diagonal[CROSSED_GROUPS], *with_border[CROSSED_GROUPS]; /* [levels][q * q], [levels][q * border] */
  struct pair_store *pair;                                        /* [groups * groups] */
  uint32_t *weight;                                               /* [nodes] */
  unsigned char *group_of;                                        /* [nodes] */
  struct edge *edge;
  size_t edges, *edge_start; /* [fronts + 1]: edges by the front of a */
  struct sparse_tree tree;
};

struct crossed_work {
  double *stack, *factor, *scratch, *block, *solution;
  bool *entered;
};

/* --- building ----------------------------------------------------------------------------------------------------- */

struct crossed *crossed_new(const struct crossed_group *group, size_t groups, size_t border,
                            const struct stats_memory *memory) {
  struct crossed *c = model_take(memory, 1, sizeof *c);
  if (!c) return NULL;
  c->memory = memory;
  c->groups = groups;
  c->border = border;
  bool fine = true;
  for (size_t g = 0; g < groups; g++) {
    size_t levels = group[g].levels, q = group[g].q;
    c->group[g] = group[g];
    c->node[g + 1] = c->node[g] + levels;
    c->effect[g + 1] = c->effect[g] + levels * q;
    c->column[g + 1] = c->column[g] + q;
    fine &= (c->diagonal[g] = model_take(memory, levels, q * q * sizeof(double))) != NULL;
    fine &= (c->with_border[g] = model_take(memory, levels, q * border * sizeof(double))) != NULL;
  }
  c->nodes = c->node[groups];
  c->effects = c->effect[groups];
  c->columns = c->column[groups] + border;
  fine &= (c->pair = model_take(memory, groups * groups, sizeof *c->pair)) != NULL;
  fine &= (c->weight = model_take(memory, c->nodes, sizeof *c->weight)) != NULL;
  fine &= (c->group_of = model_take(memory, c->nodes, 1)) != NULL;
  for (size_t g = 0; g < groups && fine; g++)
    for (size_t i = c->node[g]; i < c->node[g + 1]; i++) {
      c->weight[i] = (uint32_t)group[g].q;
      c->group_of[i] = (unsigned char)g;
    }
  return fine ? c : NULL;
}

/* to (rows x columns) += the block of the gram at (row, column). */
static void add_block(double *to, const double *gram, size_t stride, size_t row, size_t column, size_t rows,
                      size_t columns) {
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++) to[i * columns + j] += gram[(row + i) * stride + column + j];
}

static double *pair_block(struct crossed *c, size_t g, size_t h, int32_t a, int32_t b) {
  struct pair_store *pair = &c->pair[g * c->groups + h];
  size_t size = c->group[g].q * c->group[h].q;
  pair->keys.memory = c->memory;
  int32_t number = key_set_number(&pair->keys, (uint64_t)(uint32_t)a << 32 | (uint32_t)b);
  if (number < 0) return NULL;
  if ((size_t)number >= pair->capacity) {
    size_t capacity = pair->capacity ? 2 * pair->capacity : 1024;
    double *more = model_take(c->memory, capacity, size * sizeof *more);
    if (!more) return NULL;
    if (pair->capacity) memcpy(more, pair->block, pair->capacity * size * sizeof *more);
    pair->block = more;
    pair->capacity = capacity;
  }
  return pair->block + (size_t)number * size;
}

bool crossed_add(struct crossed *c, const int32_t *level, const double *gram) {
  size_t m = c->columns, border = c->column[c->groups];
  for (size_t g = 0; g < c->groups; g++) {
    size_t q = c->group[g].q, at = c->column[g];
    add_block(c->diagonal[g] + (size_t)level[g] * q * q, gram, m, at, at, q, q);
    add_block(c->with_border[g] + (size_t)level[g] * q * c->border, gram, m, at, border, q, c->border);
    for (size_t h = g + 1; h < c->groups; h++) {
      double *block = pair_block(c, g, h, level[g], level[h]);
      if (!block) return false;
      add_block(block, gram, m, at, c->column[h], q, c->group[h].q);
    }
  }
  return true;
}

static bool collect_edges(struct crossed *c) {
  for (size_t p = 0; p < c->groups * c->groups; p++) c->edges += c->pair[p].keys.count;
  if (!(c->edge = model_take(c->memory, c->edges, sizeof *c->edge))) return false;
  size_t at = 0;
  for (size_t g = 0; g < c->groups; g++)
    for (size_t h = g + 1; h < c->groups; h++) {
      const struct pair_store *pair = &c->pair[g * c->groups + h];
      for (size_t i = 0; i < pair->keys.count; i++)
        c->edge[at++] = (struct edge){.a = (uint32_t)(c->node[g] + (pair->keys.key[i] >> 32)),
                                      .b = (uint32_t)(c->node[h] + (uint32_t)pair->keys.key[i]),
                                      .block = pair->block + i * c->group[g].q * c->group[h].q};
    }
  return true;
}

static bool build_tree(struct crossed *c) {
  size_t *start = model_take(c->memory, c->nodes + 2, sizeof *start);
  uint32_t *neighbour = model_take(c->memory, 2 * c->edges, sizeof *neighbour);
  if (!start || !neighbour) return false;
  for (size_t e = 0; e < c->edges; e++) {
    start[c->edge[e].a + 2]++;
    start[c->edge[e].b + 2]++;
  }
  for (size_t i = 0; i < c->nodes; i++) start[i + 2] += start[i + 1];
  for (size_t e = 0; e < c->edges; e++) {
    neighbour[start[c->edge[e].a + 1]++] = c->edge[e].b;
    neighbour[start[c->edge[e].b + 1]++] = c->edge[e].a;
  }
  const struct sparse_graph graph = {c->nodes, start, neighbour, c->weight};
  return sparse_tree_build(&c->tree, &graph, c->border, c->memory);
}

static int by_place(const void *x, const void *y) {
  const struct edge *a = x, *b = y;
  if (a->row != b->row) return a->row < b->row ? -1 : 1;
  if (a->a != b->a) return a->a < b->a ? -1 : 1;
  return (a->b > b->b) - (a->b < b->b);
}

/* Turns each edge so that `a` goes first, sorts them by fronts and says where they stand there. */
static bool place_edges(struct crossed *c) {
  const struct sparse_tree *tree = &c->tree;
  uint32_t *place_of = model_take(c->memory, c->nodes, sizeof *place_of);
  c->edge_start = model_take(c->memory, tree->fronts + 1, sizeof *c->edge_start);
  if (!place_of || !c->edge_start) return false;
  for (size_t e = 0; e < c->edges; e++) {
    struct edge *edge = &c->edge[e];
    size_t a = tree->front[tree->home[edge->a]].first + tree->at[edge->a];
    size_t b = tree->front[tree->home[edge->b]].first + tree->at[edge->b];
    if (b < a) {
      uint32_t swap = edge->a;
      edge->a = edge->b;
      edge->b = swap;
      edge->turned = true;
    }
    edge->row = tree->home[edge->a]; /* to sort by */
    c->edge_start[edge->row + 1]++;
  }
  qsort(c->edge, c->edges, sizeof *c->edge, by_place);
  for (size_t f = 0; f < tree->fronts; f++) {
    const struct sparse_front *front = &tree->front[f];
    c->edge_start[f + 1] += c->edge_start[f];
    for (size_t x = 0, at = 0; x < front->nodes + front->above; x++) {
      place_of[front->node[x]] = (uint32_t)at;
      at += c->weight[front->node[x]];
    }
    for (size_t e = c->edge_start[f]; e < c->edge_start[f + 1]; e++) {
      c->edge[e].row = place_of[c->edge[e].a];
      c->edge[e].column = place_of[c->edge[e].b];
    }
  }
  return true;
}

bool crossed_end(struct crossed *c) {
  return collect_edges(c) && build_tree(c) && place_edges(c);
}

size_t crossed_effects(const struct crossed *c) {
  return c->effects;
}
size_t crossed_groups(const struct crossed *c) {
  return c->groups;
}
size_t crossed_border(const struct crossed *c) {
  return c->border;
}
size_t crossed_width(const struct crossed *c, size_t group) {
  return c->group[group].q;
}
size_t crossed_first(const struct crossed *c, size_t group) {
  return c->effect[group];
}
size_t crossed_columns(const struct crossed *c) {
  size_t most = 64;
  for (size_t g = 0; g < c->groups; g++)
    if (c->group[g].q > most) most = c->group[g].q;
  return most;
}
double crossed_cost(const struct crossed *c) {
  return c->tree.work;
}
double crossed_size(const struct crossed *c) {
  return (double)c->tree.factor + (double)c->tree.stack;
}

struct crossed_work *crossed_work_new(const struct crossed *c, const struct stats_memory *memory) {
  struct crossed_work *work = model_take(memory, 1, sizeof *work);
  if (!work) return NULL;
  size_t widest = c->border, q = 1;
  for (size_t f = 0; f < c->tree.fronts; f++)
    if (c->tree.front[f].wide > widest) widest = c->tree.front[f].wide;
  for (size_t g = 0; g < c->groups; g++)
    if (c->group[g].q > q) q = c->group[g].q;
  work->stack = model_take(memory, c->tree.stack, sizeof(double));
  work->factor = model_take(memory, c->tree.factor, sizeof(double));
  work->scratch = model_take(memory, dense_scratch(widest), sizeof(double));
  work->block = model_take(memory, 2 * q * (q + c->border), sizeof(double));
  work->solution = model_take(memory, c->effects + 2 * widest, crossed_columns(c) * sizeof(double));
  work->entered = model_take(memory, c->tree.fronts, sizeof(bool));
  return work->stack && work->factor && work->scratch && work->block && work->solution && work->entered ? work : NULL;
}

/* --- factorisation ------------------------------------------------------------------------------------------------ */

static const double *block_of(const struct crossed *c, double *const *part, size_t node, size_t size) {
  size_t g = c->group_of[node];
  return part[g] + (node - c->node[g]) * size;
}

/* Lambda_a' A Lambda_b of an edge, q_a x q_b. */
static void scaled_block(const struct crossed *c, const struct edge *e, double *const *lambda, double *out,
                         double *scratch) {
  size_t g = c->group_of[e->a], h = c->group_of[e->b], p = c->group[g].q, q = c->group[h].q;
  if (p == 1 && q == 1) {
    out[0] = lambda[g][0] * e->block[0] * lambda[h][0];
    return;
  }
  if (e->turned) /* block is q x p */
    matrix_multiply_tn(scratch, e->block, lambda[h], p, q, q, false);
  else
    matrix_multiply(scratch, e->block, lambda[h], p, q, q, false);
  matrix_multiply_tn(out, lambda[g], scratch, p, p, q, false);
}

/* The rows of a front's own nodes, before its children add to it. */
static void enter_front(const struct crossed *c, struct crossed_work *work, size_t f, double *const *lambda) {
  const struct sparse_front *front = &c->tree.front[f];
  size_t wide = front->wide, d = c->border;
  double *to = work->stack + front->stack, *block = work->block;
  memset(to, 0, wide * wide * sizeof *to);
  for (size_t x = 0, at = 0; x < front->nodes; x++) {
    size_t node = front->node[x], g = c->group_of[node], q = c->group[g].q;
    double *half = block + q * (q > d ? q : d);
    matrix_multiply(half, block_of(c, c->diagonal, node, q * q), lambda[g], q, q, q, false);
    matrix_multiply_tn(block, lambda[g], half, q, q, q, false);
    for (size_t i = 0; i < q; i++) {
      for (size_t j = i; j < q; j++) to[(at + i) * wide + at + j] = block[i * q + j];
      to[(at + i) * wide + at + i] += 1;
    }
    matrix_multiply_tn(block, lambda[g], block_of(c, c->with_border, node, q * d), q, q, d, false);
    for (size_t i = 0; i < q; i++) memcpy(to + (at + i) * wide + wide - d, block + i * d, d * sizeof *to);
    at += q;
  }
  for (size_t e = c->edge_start[f]; e < c->edge_start[f + 1]; e++) {
    const struct edge *edge = &c->edge[e];
    size_t p = c->weight[edge->a], q = c->weight[edge->b];
    scaled_block(c, edge, lambda, block, block + p * q);
    for (size_t i = 0; i < p; i++)
      for (size_t j = 0; j < q; j++) to[(edge->row + i) * wide + edge->column + j] = block[i * q + j];
  }
  work->entered[f] = true;
}

/* A front and its ancestors that have not been entered yet. */
static void enter_path(const struct crossed *c, struct crossed_work *work, size_t f, double *const *lambda) {
  for (; f != SPARSE_ROOT && !work->entered[f]; f = c->tree.front[f].parent) enter_front(c, work, f, lambda);
}

/* Adds what a front leaves to its parent, or to the border. */
static void pass_on(const struct crossed *c, struct crossed_work *work, const struct sparse_front *front) {
  const struct sparse_front *parent = front->parent == SPARSE_ROOT ? NULL : &c->tree.front[front->parent];
  size_t rest = front->wide - front->own, wide = parent ? parent->wide : c->border;
  const double *from = work->stack + front->stack + front->own * front->wide + front->own;
  double *to = work->stack + (parent ? parent->stack : 0);
  for (size_t i = 0; i < rest; i++) {
    const double *row = from + i * front->wide;
    size_t x = front->place[i];
    for (size_t j = i; j < rest; j++) {
      size_t y = front->place[j];
      *(x <= y ? &to[x * wide + y] : &to[y * wide + x]) += row[j];
    }
  }
}

double crossed_factor(const struct crossed *c, struct crossed_work *work, double *const *lambda, double *root) {
  size_t d = c->border;
  double logdet = 0;
  memset(work->entered, 0, c->tree.fronts * sizeof *work->entered);
  matrix_unpack(work->stack, root, d);
  for (size_t f = 0; f < c->tree.fronts; f++) {
    const struct sparse_front *front = &c->tree.front[f];
    double *own = work->stack + front->stack;
    enter_path(c, work, f, lambda);
    logdet += dense_eliminate(own, front->own, front->wide, work->scratch);
    memcpy(work->factor + front->panel, own, front->own * front->wide * sizeof *own);
    pass_on(c, work, front);
  }
  for (size_t i = 0; i < d; i++)
    for (size_t j = i; j < d; j++) root[packed_row(d, i) + j - i] = work->stack[i * d + j];
  return logdet;
}

/* --- the way back ------------------------------------------------------------------------------------------------- */

/* The inverse over a front: what it shares with its parent is known there. */
static void invert_front(const struct crossed *c, struct crossed_work *work, const struct sparse_front *front) {
  const struct sparse_front *parent = front->parent == SPARSE_ROOT ? NULL : &c->tree.front[front->parent];
  size_t rest = front->wide - front->own, wide = parent ? parent->wide : c->border;
  const double *from = work->stack + (parent ? parent->stack : 0);
  double *z = work->stack + front->stack;
  for (size_t i = 0; i < rest; i++) {
    const double *row = from + front->place[i] * wide;
    double *to = z + (front->own + i) * front->wide + front->own;
    for (size_t j = 0; j < rest; j++) to[j] = row[front->place[j]];
  }
  dense_invert(z, work->factor + front->panel, front->own, front->wide, work->scratch);
}

/* bar (q x q) += 2 a z, with a (q x n) = A Lambda and z (n x q) read from the front at (row, column). */
static void add_product(double *bar, const double *a, size_t q, size_t n, const double *z, size_t wide) {
  for (size_t i = 0; i < q; i++)
    for (size_t j = 0; j < q; j++) {
      double sum = 0;
      for (size_t k = 0; k < n; k++) sum += a[i * n + k] * z[k * wide + j];
      bar[i * q + j] += 2 * sum;
    }
}

static void edge_derivative(const struct crossed *c, const struct edge *e, const double *z, size_t wide,
                            double *const *lambda, double *const *bar, double *scratch) {
  size_t g = c->group_of[e->a], h = c->group_of[e->b], p = c->group[g].q, q = c->group[h].q;
  if (p == 1 && q == 1) {
    double both = 2 * e->block[0] * z[e->row * wide + e->column];
    bar[g][0] += both * lambda[h][0];
    bar[h][0] += both * lambda[g][0];
    return;
  }
  if (e->turned) /* block is q x p */
    matrix_multiply_tn(scratch, e->block, lambda[h], p, q, q, false);
  else
    matrix_multiply(scratch, e->block, lambda[h], p, q, q, false);
  add_product(bar[g], scratch, p, q, z + e->column * wide + e->row, wide);
  if (e->turned)
    matrix_multiply(scratch, e->block, lambda[g], q, p, p, false);
  else
    matrix_multiply_tn(scratch, e->block, lambda[g], q, p, p, false);
  add_product(bar[h], scratch, q, p, z + e->row * wide + e->column, wide);
}

static void front_derivative(const struct crossed *c, struct crossed_work *work, size_t f, double *const *lambda,
                             double *const *bar) {
  const struct sparse_front *front = &c->tree.front[f];
  size_t wide = front->wide, d = c->border;
  const double *z = work->stack + front->stack;
  for (size_t x = 0, at = 0; x < front->nodes; x++) {
    size_t node = front->node[x], g = c->group_of[node], q = c->group[g].q;
    matrix_multiply(work->block, block_of(c, c->diagonal, node, q * q), lambda[g], q, q, q, false);
    add_product(bar[g], work->block, q, q, z + at * wide + at, wide);
    add_product(bar[g], block_of(c, c->with_border, node, q * d), q, d, z + (wide - d) * wide + at, wide);
    at += q;
  }
  for (size_t e = c->edge_start[f]; e < c->edge_start[f + 1]; e++)
    edge_derivative(c, &c->edge[e], z, wide, lambda, bar, work->block);
}

void crossed_derivative(const struct crossed *c, struct crossed_work *work, double *const *lambda, const double *f,
                        double *const *lambda_bar) {
  memcpy(work->stack, f, c->border * c->border * sizeof *f);
  for (size_t i = c->tree.fronts; i-- > 0;) {
    invert_front(c, work, &c->tree.front[i]);
    front_derivative(c, work, i, lambda, lambda_bar);
  }
}

void crossed_inverse_blocks(const struct crossed *c, struct crossed_work *work, size_t group, double *block) {
  size_t q = c->group[group].q;
  memset(work->stack, 0, c->border * c->border * sizeof *work->stack);
  for (size_t i = c->tree.fronts; i-- > 0;) {
    const struct sparse_front *front = &c->tree.front[i];
    const double *z = work->stack + front->stack;
    invert_front(c, work, front);
    for (size_t x = 0, at = 0; x < front->nodes; at += c->weight[front->node[x++]]) {
      if (c->group_of[front->node[x]] != group) continue;
      double *to = block + (front->node[x] - c->node[group]) * q * q;
      for (size_t a = 0; a < q; a++) memcpy(to + a * q, z + (at + a) * front->wide + at, q * sizeof *to);
    }
  }
}

/* --- solving ------------------------------------------------------------------------------------------------------ */

/* Effects in the order of elimination, to and fro. */
static void reorder(const struct crossed *c, double *ordered, double *x, size_t columns, bool back) {
  for (size_t node = 0; node < c->nodes; node++) {
    size_t g = c->group_of[node], q = c->group[g].q;
    size_t from = c->effect[g] + (node - c->node[g]) * q;
    size_t to = c->tree.front[c->tree.home[node]].first + c->tree.at[node];
    if (back)
      memcpy(x + from * columns, ordered + to * columns, q * columns * sizeof *x);
    else
      memcpy(ordered + to * columns, x + from * columns, q * columns * sizeof *x);
  }
}

/* The back substitution of all fronts; `v` (border x columns, NULL: zeros) is what the border holds. */
static void substitute_back(const struct crossed *c, struct crossed_work *work, double *ordered, const double *v,
                            size_t columns) {
  double *rest = ordered + c->effects * columns;
  for (size_t f = c->tree.fronts; f-- > 0;) {
    const struct sparse_front *front = &c->tree.front[f];
    size_t above = front->wide - front->own - c->border;
    for (size_t i = 0; i < above; i++)
      memcpy(rest + i * columns, ordered + front->row[i] * columns, columns * sizeof *rest);
    if (v)
      memcpy(rest + above * columns, v, c->border * columns * sizeof *rest);
    else
      memset(rest + above * columns, 0, c->border * columns * sizeof *rest);
    dense_back(ordered + front->first * columns, rest, work->factor + front->panel, front->own, front->wide, columns);
  }
}

void crossed_predict(const struct crossed *c, struct crossed_work *work, const double *v, double *spherical) {
  double *ordered = work->solution, *w = work->scratch;
  memset(ordered, 0, c->effects * sizeof *ordered);
  for (size_t i = 0; i < c->border; i++) w[i] = -v[i]; /* U x = U_W v is a back substitution from -v */
  substitute_back(c, work, ordered, w, 1);
  reorder(c, ordered, spherical, 1, true);
}

void crossed_solve(const struct crossed *c, struct crossed_work *work, double *x, size_t columns) {
  double *ordered = work->solution, *rest = ordered + c->effects * columns;
  reorder(c, ordered, x, columns, false);
  for (size_t f = 0; f < c->tree.fronts; f++) {
    const struct sparse_front *front = &c->tree.front[f];
    size_t above = front->wide - front->own - c->border;
    memset(rest, 0, (above + c->border) * columns * sizeof *rest);
    dense_forward(ordered + front->first * columns, rest, work->factor + front->panel, front->own, front->wide,
                  columns);
    for (size_t i = 0; i < above; i++)
      for (size_t j = 0; j < columns; j++) ordered[front->row[i] * columns + j] += rest[i * columns + j];
  }
  substitute_back(c, work, ordered, NULL, columns);
  reorder(c, ordered, x, columns, true);
}

/* to (rows x columns) += block x, or block'x with block (inner x rows). */
static void add_times(double *to, const double *block, bool turned, size_t rows, size_t inner, const double *x,
                      size_t columns) {
  for (size_t i = 0; i < rows; i++)
    for (size_t k = 0; k < inner; k++) {
      double factor = turned ? block[k * rows + i] : block[i * inner + k];
      for (size_t j = 0; j < columns; j++) to[i * columns + j] += factor * x[k * columns + j];
    }
}

static size_t effect_of(const struct crossed *c, size_t node) {
  size_t g = c->group_of[node];
  return c->effect[g] + (node - c->node[g]) * c->group[g].q;
}

void crossed_multiply(const struct crossed *c, const double *x, size_t columns, double *out) {
  memset(out, 0, c->effects * columns * sizeof *out);
  for (size_t node = 0; node < c->nodes; node++) {
    size_t q = c->weight[node], at = effect_of(c, node) * columns;
    add_times(out + at, block_of(c, c->diagonal, node, q * q), false, q, q, x + at, columns);
  }
  for (size_t e = 0; e < c->edges; e++) {
    const struct edge *edge = &c->edge[e];
    size_t p = c->weight[edge->a], q = c->weight[edge->b];
    size_t a = effect_of(c, edge->a) * columns, b = effect_of(c, edge->b) * columns;
    add_times(out + a, edge->block, edge->turned, p, q, x + b, columns);
    add_times(out + b, edge->block, !edge->turned, q, p, x + a, columns);
  }
}

void crossed_multiply_border(const struct crossed *c, const double *v, double *out) {
  for (size_t node = 0; node < c->nodes; node++) {
    size_t q = c->weight[node];
    matrix_multiply(out + effect_of(c, node), block_of(c, c->with_border, node, q * c->border), v, q, c->border, 1,
                    false);
  }
}

void crossed_scale(const struct crossed *c, double *const *lambda, bool transposed, double *x, size_t columns) {
  for (size_t g = 0; g < c->groups; g++) {
    size_t q = c->group[g].q;
    const double *l = lambda[g];
    for (size_t at = c->effect[g]; at < c->effect[g + 1]; at += q)
      for (size_t j = 0; j < columns; j++) /* lower triangular: in place from the far end */
        for (size_t step = 0; step < q; step++) {
          size_t i = transposed ? step : q - 1 - step;
          double sum = 0;
          if (transposed)
            for (size_t k = i; k < q; k++) sum += l[k * q + i] * x[(at + k) * columns + j];
          else
            for (size_t k = 0; k <= i; k++) sum += l[i * q + k] * x[(at + k) * columns + j];
          x[(at + i) * columns + j] = sum;
        }
  }
}
