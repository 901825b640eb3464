/* sparse_order.h: in which order to eliminate the nodes of a graph, so that few edges are filled in.
 *
 * Approximate minimum degree on the quotient graph (Amestoy, Davis & Duff 1996, "An approximate minimum degree ordering
 * algorithm", SIAM J Matrix Anal Appl 17:886): nodes that have become indistinguishable are eliminated together, as one
 * pivot. Ties fall to the node that came last, so the order is a function of the graph alone. */
#ifndef ATTUNE_STATS_SPARSE_ORDER_H
#define ATTUNE_STATS_SPARSE_ORDER_H

#include "stats/model_base.h"

/* An undirected graph without loops: each edge stands in the lists of both its ends, once. */
struct sparse_graph {
  size_t nodes;
  const size_t *start; /* [nodes + 1] into neighbour */
  const uint32_t *neighbour;
  const uint32_t *weight; /* [nodes] unknowns of each node, at least 1 */
};

/* pivot_of[nodes]: the pivot that eliminates each node, 0 .. *pivots - 1 in order. False without memory. */
bool sparse_order(const struct sparse_graph *graph, const struct stats_memory *memory, uint32_t *pivot_of,
                  size_t *pivots);

#endif
