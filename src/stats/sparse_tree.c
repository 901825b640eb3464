#include "stats/sparse_tree.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define MOVE_COST 6    /* of an unknown that is passed to a parent, in multiplications */
#define FRONT_COST 400 /* of a front, whatever its size */

/* Pivots, later merged ones, as the tree is built. */
struct piece {
  uint32_t *node; /* its own, then those above */
  uint32_t nodes, above;
  uint32_t parent, child, sibling; /* NONE: none */
  size_t own, rest;                /* unknowns */
  bool gone;                       /* merged into its parent */
};

struct builder {
  const struct sparse_graph *graph;
  const struct stats_memory *memory;
  struct piece *piece;
  size_t pieces;
  uint32_t *pivot_of, *mark, *scratch;
};

static bool group_by_pivot(struct builder *b) {
  size_t n = b->graph->nodes;
  uint32_t *count = model_take(b->memory, b->pieces, sizeof *count);
  if (!count) return false;
  for (size_t i = 0; i < n; i++) count[b->pivot_of[i]]++;
  for (size_t p = 0; p < b->pieces; p++) {
    b->piece[p] = (struct piece){.parent = NONE, .child = NONE, .sibling = NONE};
    if (!(b->piece[p].node = model_take(b->memory, count[p], sizeof(uint32_t)))) return false;
  }
  for (uint32_t i = 0; i < n; i++) {
    struct piece *piece = &b->piece[b->pivot_of[i]];
    piece->node[piece->nodes++] = i;
    piece->own += b->graph->weight[i];
  }
  return true;
}

static void note_above(struct builder *b, uint32_t p, uint32_t node, uint32_t *count) {
  if (b->pivot_of[node] <= p || b->mark[node] == p + 1) return;
  b->mark[node] = p + 1;
  b->scratch[(*count)++] = node;
}

/* What each pivot is tied to when it is eliminated: its own edges and what its children leave. */
static bool find_structure(struct builder *b) {
  for (uint32_t p = 0; p < b->pieces; p++) {
    struct piece *piece = &b->piece[p];
    uint32_t count = 0;
    for (uint32_t x = 0; x < piece->nodes; x++)
      for (size_t e = b->graph->start[piece->node[x]]; e < b->graph->start[piece->node[x] + 1]; e++)
        note_above(b, p, b->graph->neighbour[e], &count);
    for (uint32_t c = piece->child; c != NONE; c = b->piece[c].sibling)
      for (uint32_t x = 0; x < b->piece[c].above; x++)
        note_above(b, p, b->piece[c].node[b->piece[c].nodes + x], &count);
    uint32_t *node = model_take(b->memory, piece->nodes + count, sizeof *node);
    if (!node) return false;
    memcpy(node, piece->node, piece->nodes * sizeof *node);
    if (count) memcpy(node + piece->nodes, b->scratch, count * sizeof *node);
    piece->node = node;
    piece->above = count;
    for (uint32_t x = 0; x < count; x++) {
      piece->rest += b->graph->weight[b->scratch[x]];
      if (b->pivot_of[b->scratch[x]] < piece->parent) piece->parent = b->pivot_of[b->scratch[x]];
    }
    if (piece->parent == NONE) continue;
    piece->sibling = b->piece[piece->parent].child;
    b->piece[piece->parent].child = p;
  }
  return true;
}

/* Multiplications that eliminate `own` of `wide` unknowns, more or less. */
static double elimination(double own, double wide) {
  return own * wide * wide - own * own * wide + own * own * own / 3;
}

static bool merge_pays(const struct piece *child, const struct piece *parent, double border) {
  double rest = (double)child->rest + border, wide = (double)(parent->own + parent->rest) + border;
  double apart = elimination((double)child->own, (double)child->own + rest) + elimination((double)parent->own, wide) +
                 MOVE_COST * rest * rest + FRONT_COST;
  return elimination((double)(child->own + parent->own), wide + (double)child->own) <= apart;
}

static bool merge_into_parent(struct builder *b, uint32_t p) {
  struct piece *child = &b->piece[p], *parent = &b->piece[child->parent];
  uint32_t *node = model_take(b->memory, child->nodes + parent->nodes + parent->above, sizeof *node);
  if (!node) return false;
  memcpy(node, child->node, child->nodes * sizeof *node);
  memcpy(node + child->nodes, parent->node, (parent->nodes + parent->above) * sizeof *node);
  parent->node = node;
  parent->nodes += child->nodes;
  parent->own += child->own;
  child->gone = true;
  return true;
}

/* Parents stand after their children, so a pass finds each child as large as it will be. */
static bool merge(struct builder *b, double border) {
  for (uint32_t p = 0; p < b->pieces; p++) {
    const struct piece *piece = &b->piece[p];
    if (piece->parent == NONE || !merge_pays(piece, &b->piece[piece->parent], border)) continue;
    if (!merge_into_parent(b, p)) return false;
  }
  for (uint32_t p = 0; p < b->pieces; p++) {
    b->piece[p].child = b->piece[p].sibling = NONE;
    while (b->piece[p].parent != NONE && b->piece[b->piece[p].parent].gone)
      b->piece[p].parent = b->piece[b->piece[p].parent].parent;
  }
  for (uint32_t p = 0; p < b->pieces; p++) {
    struct piece *piece = &b->piece[p];
    if (piece->gone || piece->parent == NONE) continue;
    piece->sibling = b->piece[piece->parent].child;
    b->piece[piece->parent].child = p;
  }
  return true;
}

/* Numbers the pieces that are left so that every subtree is in one piece; order[front] = piece. */
static size_t number_fronts(const struct builder *b, uint32_t *order, uint32_t *front_of) {
  size_t fronts = 0;
  uint32_t *next = b->scratch; /* the child to visit next */
  for (uint32_t p = 0; p < b->pieces; p++) next[p] = b->piece[p].child;
  for (uint32_t root = 0; root < b->pieces; root++) {
    if (b->piece[root].gone || b->piece[root].parent != NONE) continue;
    for (uint32_t at = root;;) {
      uint32_t child = next[at];
      if (child != NONE) {
        next[at] = b->piece[child].sibling;
        at = child;
        continue;
      }
      front_of[at] = (uint32_t)fronts;
      order[fronts++] = at;
      if (at == root) break;
      at = b->piece[at].parent;
    }
  }
  return fronts;
}

static bool fill_front(struct sparse_tree *tree, const struct piece *piece, const uint32_t *front_of, size_t f,
                       size_t first) {
  struct sparse_front *front = &tree->front[f];
  *front = (struct sparse_front){.own = piece->own,
                                 .wide = piece->own + piece->rest + tree->border,
                                 .nodes = piece->nodes,
                                 .above = piece->above,
                                 .node = piece->node,
                                 .parent = piece->parent == NONE ? SPARSE_ROOT : front_of[piece->parent],
                                 .first = first,
                                 .panel = tree->factor};
  if (__builtin_add_overflow(tree->factor, front->own * front->wide, &tree->factor)) return false;
  tree->work += elimination((double)front->own, (double)front->wide);
  for (size_t x = 0, at = 0; x < front->nodes; x++) {
    tree->home[front->node[x]] = (uint32_t)f;
    tree->at[front->node[x]] = (uint32_t)at;
    at += tree->weight[front->node[x]];
  }
  return true;
}

/* Places of what each front leaves, in its parent and in the order of elimination; and its place on the stack. */
static bool link_front(struct sparse_tree *tree, size_t f, uint32_t *place_of, const struct stats_memory *memory) {
  struct sparse_front *front = &tree->front[f];
  const struct sparse_front *parent = front->parent == SPARSE_ROOT ? NULL : &tree->front[front->parent];
  size_t rest = front->wide - front->own, count = 0, at = 0;
  uint32_t *place = model_take(memory, rest, sizeof *place), *row = model_take(memory, rest, sizeof *row);
  if (!place || !row) return false;
  for (size_t x = 0; parent && x < parent->nodes + parent->above; x++) {
    place_of[parent->node[x]] = (uint32_t)at;
    at += tree->weight[parent->node[x]];
  }
  for (size_t x = 0; x < front->above; x++) {
    uint32_t node = front->node[front->nodes + x];
    for (uint32_t k = 0; k < tree->weight[node]; k++) {
      place[count] = place_of[node] + k;
      row[count++] = (uint32_t)(tree->front[tree->home[node]].first + tree->at[node] + k);
    }
  }
  for (size_t k = 0; k < tree->border; k++) place[count++] = (uint32_t)(at + k);
  front->place = place;
  front->row = row;
  front->stack = parent ? parent->stack + parent->wide * parent->wide : tree->border * tree->border;
  size_t end = front->stack + front->wide * front->wide;
  if (end > tree->stack) tree->stack = end;
  return true;
}

static bool lay_out(struct sparse_tree *tree, struct builder *b) {
  uint32_t *order = model_take(b->memory, b->pieces, sizeof *order);
  uint32_t *front_of = model_take(b->memory, b->pieces, sizeof *front_of);
  if (!order || !front_of) return false;
  tree->fronts = number_fronts(b, order, front_of);
  tree->front = model_take(b->memory, tree->fronts, sizeof *tree->front);
  tree->home = model_take(b->memory, tree->nodes, sizeof *tree->home);
  tree->at = model_take(b->memory, tree->nodes, sizeof *tree->at);
  if (!tree->front || !tree->home || !tree->at) return false;
  tree->stack = tree->border * tree->border;
  for (size_t f = 0; f < tree->fronts; f++) {
    if (!fill_front(tree, &b->piece[order[f]], front_of, f, tree->unknowns)) return false;
    tree->unknowns += tree->front[f].own;
  }
  for (size_t f = tree->fronts; f-- > 0;)
    if (!link_front(tree, f, b->mark, b->memory)) return false;
  return true;
}

bool sparse_tree_build(struct sparse_tree *tree, const struct sparse_graph *graph, size_t border,
                       const struct stats_memory *memory) {
  struct builder b = {.graph = graph, .memory = memory};
  *tree = (struct sparse_tree){.nodes = graph->nodes, .border = border, .weight = graph->weight};
  b.pivot_of = model_take(memory, graph->nodes, sizeof *b.pivot_of);
  b.mark = model_take(memory, graph->nodes, sizeof *b.mark);
  b.scratch = model_take(memory, graph->nodes, sizeof *b.scratch);
  if (!b.pivot_of || !b.mark || !b.scratch || !sparse_order(graph, memory, b.pivot_of, &b.pieces)) return false;
  if (!(b.piece = model_take(memory, b.pieces, sizeof *b.piece))) return false;
  return group_by_pivot(&b) && find_structure(&b) && merge(&b, (double)border) && lay_out(tree, &b);
}
