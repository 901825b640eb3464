/* model_crossed.h: the mixed model's equations where grouping factors cross.
 *
 * With Lambda the relative factor and W = [X y], the matrix
 *
 *     K = [I + Lambda'Z'Z Lambda   Lambda'Z'W]
 *         [W'Z Lambda              W'W       ]
 *
 * has one node a group (its effects stand together) and an edge where two groups share a row. Its leading part is
 * factored by fronts (sparse_tree.h); what is left is W'V^-1 W, from which the kernel profiles beta and sigma2 (Bates
 * et al. 2015). For a criterion log|I + Lambda'Z'Z Lambda| + g(W'V^-1 W) with derivative F of g, the matrix of
 * derivatives by K is, on the pattern of the factor, the inverse that Takahashi's recurrence gives when it starts from
 * F on the border instead of the inverse there; so the exact gradient costs about twice a factorisation.
 *
 * Everything is in the scale of the columns handed in; V relative to sigma2. A `crossed` may be read by many threads,
 * each with a work of its own. */
#ifndef ATTUNE_STATS_MODEL_CROSSED_H
#define ATTUNE_STATS_MODEL_CROSSED_H

#include "stats/matrix.h"
#include "stats/model_base.h"

#define CROSSED_GROUPS 40

struct crossed_group { /* a grouping factor with all its random terms */
  size_t levels, q;    /* q: effects of a level */
};

struct crossed;
struct crossed_work;

/* `border`: columns of W. NULL without memory. */
struct crossed *crossed_new(const struct crossed_group *group, size_t groups, size_t border,
                            const struct stats_memory *memory);
/* Adds the rows of one combination of levels: gram[m * m], m = sum of q + border, both triangles, is their
 * [Z_1 .. Z_G W]'[Z_1 .. Z_G W]; W'W is not kept. False without memory. */
bool crossed_add(struct crossed *c, const int32_t *level, const double *gram);
bool crossed_end(struct crossed *c);
size_t crossed_effects(const struct crossed *c);
size_t crossed_groups(const struct crossed *c);
size_t crossed_border(const struct crossed *c);
size_t crossed_width(const struct crossed *c, size_t group); /* q */
size_t crossed_columns(const struct crossed *c);             /* right-hand sides that can be solved together */
/* Multiplications of one factorisation, more or less; numbers that a work holds. */
double crossed_cost(const struct crossed *c);
double crossed_size(const struct crossed *c);

struct crossed_work *crossed_work_new(const struct crossed *c, const struct stats_memory *memory);

/* lambda[group]: q x q, lower. root (packed, border wide): in W'W, out W'V^-1 W. Returns log|V|; NaN when it has none.
 */
double crossed_factor(const struct crossed *c, struct crossed_work *work, double *const *lambda, double *root);
/* After crossed_factor(): adds the criterion's derivative by every lambda (all q x q elements) to lambda_bar. f: border
 * x border, the derivative by W'V^-1 W. */
void crossed_derivative(const struct crossed *c, struct crossed_work *work, double *const *lambda, const double *f,
                        double *const *lambda_bar);
/* The blocks of (I + Lambda'Z'Z Lambda)^-1 of every level of a group: block[levels * q * q]. */
void crossed_inverse_blocks(const struct crossed *c, struct crossed_work *work, size_t group, double *block);

/* Vectors of effects stand group by group, level by level; where a group begins (that after the last: their number).
 */
size_t crossed_first(const struct crossed *c, size_t group);
/* spherical[effects] = (I + Lambda'Z'Z Lambda)^-1 Lambda'Z'W v. */
void crossed_predict(const struct crossed *c, struct crossed_work *work, const double *v, double *spherical);
/* x (effects x columns, columns <= crossed_columns()) = (I + Lambda'Z'Z Lambda)^-1 x. */
void crossed_solve(const struct crossed *c, struct crossed_work *work, double *x, size_t columns);
/* out (effects x columns) = Z'Z x; and Z'W v for v of `border` numbers. */
void crossed_multiply(const struct crossed *c, const double *x, size_t columns, double *out);
void crossed_multiply_border(const struct crossed *c, const double *v, double *out);
/* x = Lambda x, or Lambda'x, level by level. */
void crossed_scale(const struct crossed *c, double *const *lambda, bool transposed, double *x, size_t columns);

#endif
