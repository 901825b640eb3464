#include "stats/sparse_order.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

/* An element is what an eliminated pivot leaves behind: a clique of the variables that it was tied to. A pivot's
 * element has the pivot's number. A variable's list holds elements first, then variables; it never grows, because a
 * pivot takes the place of itself or of an element that it absorbs. */
struct quotient {
  const struct sparse_graph *graph;
  const struct stats_memory *memory;
  uint32_t *list, *elements, *length; /* [edges]; [nodes] of each variable's list */
  uint32_t *weight;                   /* [nodes] unknowns of a variable with what it has absorbed; 0 when it is gone */
  uint32_t *joined;                   /* [nodes] the variable or pivot that a gone variable went with */
  size_t *degree;                     /* [nodes] bound on the unknowns that a variable is tied to */
  uint32_t **clique;                  /* [nodes] of elements */
  uint32_t *clique_length;
  size_t *clique_weight, *outside; /* [nodes] unknowns of an element; those outside the present pivot's, plus stamp */
  bool *alive;                     /* [nodes] elements that are not absorbed */
  uint32_t *head, *next, *before;  /* lists of variables by degree */
  size_t *mark, stamp, marked, least, left;
  uint32_t *scratch;
  struct hashed {
    size_t hash;
    uint32_t variable;
  } * hashed;
};

static bool new_quotient(struct quotient *q, const struct sparse_graph *graph, const struct stats_memory *memory) {
  size_t n = graph->nodes, edges = graph->start[n], total = 0;
  *q = (struct quotient){.graph = graph, .memory = memory, .stamp = 1, .marked = 1};
  for (size_t i = 0; i < n; i++) total += graph->weight[i];
  uint32_t **numbers[] = {&q->elements, &q->length, &q->weight, &q->joined, &q->clique_length, &q->next, &q->before};
  size_t **sizes[] = {&q->degree, &q->clique_weight, &q->outside, &q->mark};
  bool fine = true;
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    fine &= (*numbers[i] = model_take(memory, n, sizeof(uint32_t))) != NULL;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    fine &= (*sizes[i] = model_take(memory, n, sizeof(size_t))) != NULL;
  fine &= (q->list = model_take(memory, edges, sizeof *q->list)) != NULL;
  fine &= (q->scratch = model_take(memory, n + 1, sizeof *q->scratch)) != NULL;
  fine &= (q->clique = model_take(memory, n, sizeof *q->clique)) != NULL;
  fine &= (q->alive = model_take(memory, n, sizeof *q->alive)) != NULL;
  fine &= (q->head = model_take(memory, total + 1, sizeof *q->head)) != NULL;
  fine &= (q->hashed = model_take(memory, n, sizeof *q->hashed)) != NULL;
  q->left = q->least = total;
  return fine;
}

static void enter_list(struct quotient *q, uint32_t i) {
  size_t d = q->degree[i];
  q->before[i] = NONE;
  q->next[i] = q->head[d];
  if (q->head[d] != NONE) q->before[q->head[d]] = i;
  q->head[d] = i;
  if (d < q->least) q->least = d;
}

static void leave_list(struct quotient *q, uint32_t i) {
  if (q->before[i] != NONE)
    q->next[q->before[i]] = q->next[i];
  else
    q->head[q->degree[i]] = q->next[i];
  if (q->next[i] != NONE) q->before[q->next[i]] = q->before[i];
}

static void begin(struct quotient *q) {
  const struct sparse_graph *graph = q->graph;
  for (size_t d = 0; d <= q->left; d++) q->head[d] = NONE;
  if (graph->start[graph->nodes]) memcpy(q->list, graph->neighbour, graph->start[graph->nodes] * sizeof *q->list);
  for (uint32_t i = 0; i < graph->nodes; i++) {
    q->length[i] = (uint32_t)(graph->start[i + 1] - graph->start[i]);
    q->weight[i] = graph->weight[i];
    q->joined[i] = NONE;
    for (size_t e = graph->start[i]; e < graph->start[i + 1]; e++) q->degree[i] += graph->weight[graph->neighbour[e]];
    enter_list(q, i);
  }
}

static void add_to_clique(struct quotient *q, uint32_t i, uint32_t *count) {
  if (!q->weight[i] || q->mark[i] == q->marked) return;
  q->mark[i] = q->marked;
  q->scratch[(*count)++] = i;
}

/* The clique of pivot p: all that it and its elements are tied to; these elements are absorbed. */
static bool make_clique(struct quotient *q, uint32_t p) {
  const uint32_t *own = q->list + q->graph->start[p];
  uint32_t count = 0;
  q->marked++;
  q->mark[p] = q->marked;
  for (uint32_t x = 0; x < q->length[p]; x++) {
    if (x >= q->elements[p]) {
      add_to_clique(q, own[x], &count);
      continue;
    }
    uint32_t e = own[x];
    if (!q->alive[e]) continue;
    for (uint32_t y = 0; y < q->clique_length[e]; y++) add_to_clique(q, q->clique[e][y], &count);
    q->alive[e] = false;
  }
  if (!(q->clique[p] = model_take(q->memory, count, sizeof(uint32_t)))) return false;
  if (count) memcpy(q->clique[p], q->scratch, count * sizeof(uint32_t));
  q->clique_length[p] = count;
  return true;
}

/* outside[e] - stamp: unknowns of each element next to the clique that are not in it. */
static void measure_elements(struct quotient *q, uint32_t p) {
  for (uint32_t x = 0; x < q->clique_length[p]; x++) {
    uint32_t i = q->clique[p][x];
    const uint32_t *list = q->list + q->graph->start[i];
    for (uint32_t y = 0; y < q->elements[i]; y++) {
      uint32_t e = list[y];
      if (!q->alive[e]) continue;
      if (q->outside[e] < q->stamp) q->outside[e] = q->clique_weight[e] + q->stamp;
      q->outside[e] -= q->weight[i];
    }
  }
}

/* Puts p in front of the list of a member of its clique, drops what is covered, and returns what is left outside. */
static size_t renew_list(struct quotient *q, uint32_t p, uint32_t i, size_t *hash) {
  uint32_t *list = q->list + q->graph->start[i], count = 0, elements;
  size_t outside = 0;
  q->scratch[count++] = p;
  *hash = p;
  for (uint32_t y = 0; y < q->elements[i]; y++) {
    uint32_t e = list[y];
    if (!q->alive[e]) continue;
    size_t rest = q->outside[e] - q->stamp;
    if (!rest) {
      q->alive[e] = false; /* it lies within the clique */
      continue;
    }
    outside += rest;
    *hash += e;
    q->scratch[count++] = e;
  }
  elements = count;
  for (uint32_t y = q->elements[i]; y < q->length[i]; y++) {
    uint32_t j = list[y];
    if (!q->weight[j] || q->mark[j] == q->marked) continue;
    outside += q->weight[j];
    *hash += j;
    q->scratch[count++] = j;
  }
  memcpy(list, q->scratch, count * sizeof *list);
  q->elements[i] = elements;
  q->length[i] = count;
  return outside;
}

static int by_hash(const void *a, const void *b) {
  const struct hashed *x = a, *y = b;
  if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
  return (x->variable > y->variable) - (x->variable < y->variable);
}

static bool same_list(struct quotient *q, uint32_t i, uint32_t j) {
  if (q->length[i] != q->length[j] || q->elements[i] != q->elements[j]) return false;
  const uint32_t *a = q->list + q->graph->start[i], *b = q->list + q->graph->start[j];
  q->stamp++;
  for (uint32_t x = 0; x < q->length[i]; x++) q->outside[a[x]] = q->stamp;
  for (uint32_t x = 0; x < q->length[j]; x++)
    if (q->outside[b[x]] != q->stamp) return false;
  return true;
}

/* Variables with the same lists go on as one. */
static void join_twins(struct quotient *q, size_t count) {
  qsort(q->hashed, count, sizeof *q->hashed, by_hash);
  for (size_t x = 0; x < count; x++) {
    uint32_t i = q->hashed[x].variable;
    for (size_t y = x + 1; q->weight[i] && y < count && q->hashed[y].hash == q->hashed[x].hash; y++) {
      uint32_t j = q->hashed[y].variable;
      if (!q->weight[j] || !same_list(q, i, j)) continue;
      q->weight[i] += q->weight[j];
      q->weight[j] = 0;
      q->joined[j] = i;
    }
  }
}

static size_t smaller(size_t a, size_t b) {
  return a < b ? a : b;
}

/* Renews everything that the elimination of p touches. */
static void update(struct quotient *q, uint32_t p) {
  size_t inside = 0, count = 0, kept = 0;
  for (uint32_t x = 0; x < q->clique_length[p]; x++) {
    leave_list(q, q->clique[p][x]);
    inside += q->weight[q->clique[p][x]];
  }
  measure_elements(q, p);
  q->left -= q->weight[p];
  q->weight[p] = 0;
  for (uint32_t x = 0; x < q->clique_length[p]; x++) {
    uint32_t i = q->clique[p][x];
    size_t hash, outside = renew_list(q, p, i, &hash);
    if (!outside) { /* tied to nothing else: goes with the pivot */
      inside -= q->weight[i];
      q->left -= q->weight[i];
      q->weight[i] = 0;
      q->joined[i] = p;
      continue;
    }
    q->degree[i] = smaller(q->degree[i], outside);
    q->hashed[count++] = (struct hashed){hash, i};
  }
  q->stamp += q->graph->nodes + q->left + inside + 1; /* beyond every count that was written */
  join_twins(q, count);
  q->stamp++;
  for (uint32_t x = 0; x < q->clique_length[p]; x++) {
    uint32_t i = q->clique[p][x];
    if (!q->weight[i]) continue;
    q->degree[i] = smaller(q->left, q->degree[i] + inside) - q->weight[i];
    enter_list(q, i);
    q->clique[p][kept++] = i;
  }
  q->clique_length[p] = (uint32_t)kept;
  q->clique_weight[p] = inside;
  q->alive[p] = kept > 0;
}

bool sparse_order(const struct sparse_graph *graph, const struct stats_memory *memory, uint32_t *pivot_of,
                  size_t *pivots) {
  struct quotient q;
  *pivots = 0;
  if (!new_quotient(&q, graph, memory)) return false;
  begin(&q);
  while (q.left) {
    while (q.head[q.least] == NONE) q.least++;
    uint32_t p = q.head[q.least];
    leave_list(&q, p);
    pivot_of[p] = (uint32_t)(*pivots)++;
    if (!make_clique(&q, p)) return false;
    update(&q, p);
  }
  for (uint32_t i = 0; i < graph->nodes; i++) {
    uint32_t to = i;
    while (q.joined[to] != NONE) to = q.joined[to];
    pivot_of[i] = pivot_of[to];
    for (uint32_t at = i, next; q.joined[at] != NONE; at = next) { /* the next one finds it at once */
      next = q.joined[at];
      q.joined[at] = to;
    }
  }
  return true;
}
