/* model_kernel.h: the criterion of a linear mixed model, and its exact gradient, from sufficient statistics.
 *
 * The model is a tree of groups. Stage 0 are the finest groups (patients), stages 1 .. levels-1 coarser ones
 * (therapists, clinics), and stage `levels` is the root. A node of stage s keeps the cross-products of
 * [Z_s | Z_s+1 .. | X | y] over its rows, less what finer stages explain: a symmetric matrix, of which G is the
 * corner of Z_s and U its rows to the right. With D = Lambda Lambda' the node's effects are integrated out by
 *
 *     K = (D^-1 + G)^-1 = Lambda (I + Lambda'G Lambda)^-1 Lambda',   parent += rest - U'K U,   logdet += log|I + DG|
 *
 * which needs no inverse of D, so that a singular fit is an ordinary point. What arrives at the root is
 * [X'V^-1 X, X'V^-1 y; y'V^-1 y] (V relative to sigma2), from which beta and sigma2 are profiled (Bates et al. 2015,
 * equations 34 and 41; the tree is the block elimination of Pinheiro & Bates 2000, section 2.2.3). The gradient is
 * found by reverse accumulation through the same steps (Griewank & Walther 2008, chapter 3) and costs about one more
 * evaluation.
 *
 * Groups with bitwise the same G share K. Those that also share a parent are a cell, of which only
 * M[k,l] = sum over members of the symmetric part of U_k'U_l is used: sum of U'KU = sum over k <= l of K[k,l] M[k,l].
 *
 * Factors that cross are no tree: each is a stage whose Lambda and derivative are read as above, and the equations are
 * solved by sparse factorisation (model_crossed.h).
 *
 * Everything is in the scale of the columns that were handed in. Not thread-safe to write; a kernel may be read by
 * many threads, each with a work of its own. */
#ifndef ATTUNE_STATS_MODEL_KERNEL_H
#define ATTUNE_STATS_MODEL_KERNEL_H

#include "attune/stats_model.h"
#include "stats/matrix.h"
#include "stats/model_crossed.h"

#define KERNEL_STAGES CROSSED_GROUPS
#define KERNEL_TERMS 40

struct kernel_term {
  size_t size;      /* effects in its block */
  size_t stage, at; /* where it stands among the effects of the stage */
  size_t theta;     /* index of its first parameter */
};

struct kernel_stage {
  size_t nodes, q, w; /* effects of a node; columns to their right */
  uint32_t *parent;   /* [nodes] node of the next stage */
};

struct kernel_cell {
  uint32_t pattern, members;
  size_t first; /* its members are kernel.member[first ..] */
  double *gram; /* M, packed, pairs k <= l one after the other; NULL when its members are used one by one */
};

struct kernel {
  size_t n, p, levels, terms, thetas;
  bool reml;
  struct kernel_term term[KERNEL_TERMS];
  struct kernel_stage stage[KERNEL_STAGES + 1]; /* stage[levels] is the root: one node, q = 0, w = p + 1 */
  struct crossed *crossed;                      /* NULL: a tree. Else parent, w and all below are not used, but base */
  /* stage 0 */
  size_t patterns, cells;
  double *pattern_g; /* [patterns][q * q] */
  size_t *pattern_count;
  uint32_t *group_pattern; /* [groups] */
  double *u;               /* [groups][q * w] */
  struct kernel_cell *cell;
  size_t *cell_start; /* [nodes of stage 1 + 1] */
  uint32_t *member;   /* [groups] */
  /* stage 1 (the root when levels is 1 or 0, or factors cross): raw cross-products of everything but Z_0 */
  double *base; /* [nodes][packed of q + w] */
};

struct kernel_node { /* what an elimination leaves behind for the way back */
  double *g, *u, *k, *h, *n;
};

/* One quantity held fixed while the rest is optimised (profile likelihood); maximum likelihood only. */
struct kernel_pin {
  enum { PIN_CONTRAST, PIN_SIGMA, PIN_DEVIATION } kind;
  double value;
  const double *row; /* contrast: [p] l'beta = value; deviation: [size of the term] sigma |Lambda'row| = value */
  size_t term;
};

struct kernel_work {
  const struct kernel_pin *pin; /* NULL: none */
  double weight;                /* of v v' in the derivative at the root: df / rss, or 1 / sigma2 when that is fixed */
  double criterion, logdet, logdet_x, rss;
  double *beta, *inverse;            /* [p], [p * p] = (X'V^-1 X)^-1 with V relative to sigma2 */
  double *lambda[KERNEL_STAGES];     /* dense q x q */
  double *lambda_bar[KERNEL_STAGES]; /* derivative of the criterion by lambda */
  double *d_bar[KERNEL_STAGES];      /* derivative by D, added up when not NULL */
  double *pattern_k, *pattern_h, *pattern_kbar;
  struct kernel_node *node[KERNEL_STAGES];
  double *sum[KERNEL_STAGES + 1]; /* per node, packed: cross-products on the way up */
  double *bar[KERNEL_STAGES + 1]; /* per node, packed and weighted (off-diagonal twice): derivatives on the way down */
  double *full, *scratch[5], *root, *d_room;
  size_t *column; /* [columns], places of the non-zero ones */
  struct crossed_work *crossed;
  struct stats_progress progress;
  double *effects; /* with crossed factors: [3 + 2 thetas][effects] */
  size_t evaluations;
};

/* Raw rows in: first say how many groups each stage has and who is whose parent, then add runs of rows. `stage[s].q`,
 * `.nodes` and `.parent`, `term`, `p`, `levels`, `n` and `reml` must be set; the rest is taken from memory. */
bool kernel_begin(struct kernel *kernel, const struct stats_memory *memory);
/* `g`: each finest group's G, [groups][packed q]; not used with crossed factors. */
bool kernel_end(struct kernel *kernel, const double *g, const struct stats_memory *memory);
struct kernel_work *kernel_work_new(const struct kernel *kernel, const struct stats_memory *memory);

/* The criterion at theta (with its constants), and its gradient by theta when `gradient` is not NULL. Returns false,
 * with an infinite criterion, where X'V^-1 X or the residual sum of squares is not positive. */
bool kernel_evaluate(const struct kernel *kernel, struct kernel_work *work, const double *theta, double *gradient);
/* The derivative of the criterion by D of a term (size x size) at theta, where a column of its Lambda is zero. */
bool kernel_d_derivative(const struct kernel *kernel, struct kernel_work *work, const double *theta, size_t term,
                         double *out);
/* After kernel_evaluate() at theta: a Hessian of the criterion by theta (sigma2 profiled out) that a search can start
 * from [thetas * thetas]: the expected one, ignoring what ties the stages together; with crossed factors the average of
 * observed and expected (Gilmour, Thompson & Cullis 1995). */
void kernel_expected_hessian(const struct kernel *kernel, struct kernel_work *work, double *hessian);

/* sum (packed, of the parent) -= the cell's U'K U, for any symmetric K. */
void kernel_subtract_cell(const struct kernel *kernel, struct kernel_work *work, const struct kernel_cell *cell,
                          const double *k, double *sum);

struct kernel_outcome {
  bool fitted, singular;
  double criterion, sigma2, gradient; /* gradient: largest absolute derivative by theta at the end */
  size_t evaluations;
};

/* Minimises the criterion from theta (start and result) by BFGS, theta unbounded because the sign of a column of
 * Lambda means nothing; leaves `work` evaluated at the optimum. `hessian` (thetas^2) is a start for BFGS that the
 * caller knows, or NULL for the expected one. theta comes back canonical: diagonals >= 0, exact zeros where D is
 * singular. */
bool kernel_fit(const struct kernel *kernel, struct kernel_work *work, double *theta, const double *hessian,
                const struct stats_memory *memory, struct kernel_outcome *outcome);
void kernel_start(const struct kernel *kernel, double *theta); /* a start when nothing is known: Lambda = I */

#endif
