/* sparse_tree.h: the fronts of a sparse factorisation, found once for a pattern.
 *
 * A symmetric matrix of nodes (each a few unknowns wide), bordered by `border` dense unknowns that are not eliminated,
 * is factored front by front (Duff & Reid 1983, "The multifrontal solution of indefinite sparse symmetric linear
 * equations", ACM TOMS 9:302): a front gathers the rows of its own nodes over [its own | nodes of its ancestors |
 * border], eliminates its own and adds what is left to its parent's. Neighbouring pivots whose fronts are nearly the
 * same are merged, for dense arithmetic is cheaper than moving numbers about (Ashcraft & Grimes 1989, ACM TOMS 15:291).
 *
 * A front and its ancestors are alive at the same time: each has a place of its own on one stack. */
#ifndef ATTUNE_STATS_SPARSE_TREE_H
#define ATTUNE_STATS_SPARSE_TREE_H

#include "stats/sparse_order.h"

#define SPARSE_ROOT SIZE_MAX

struct sparse_front {
  size_t own, wide;      /* unknowns eliminated here; and with those of its ancestors and the border */
  size_t nodes, above;   /* nodes of its own, and of its ancestors */
  const uint32_t *node;  /* [nodes + above] as they stand in it */
  size_t parent;         /* SPARSE_ROOT: what is left goes to the border */
  const uint32_t *place; /* [wide - own] where each unknown that is left stands in the parent */
  const uint32_t *row;   /* [wide - own - border] and in the order of elimination */
  size_t first;          /* its first own unknown in the order of elimination */
  size_t panel, stack;   /* offsets: of its own rows (own x wide) in the factor; of itself (wide x wide) on the stack */
};

struct sparse_tree {
  size_t nodes, unknowns, border, fronts;
  struct sparse_front *front; /* children before parents, the subtree of each in one piece */
  const uint32_t *weight;     /* [nodes] as in the graph */
  uint32_t *home;             /* [nodes] front of each node */
  uint32_t *at;               /* [nodes] its first unknown within that front */
  size_t factor, stack;       /* numbers in the factor; on the stack, the border's square at its bottom */
  double work;                /* multiplications of one factorisation */
};

/* False without memory. */
bool sparse_tree_build(struct sparse_tree *tree, const struct sparse_graph *graph, size_t border,
                       const struct stats_memory *memory);

#endif
