/* formula.h: reads a model formula in lme4's language into terms.
 *
 *     y ~ arm * time + I(time^2) + (1 + time | patient) + (1 | therapist/clinic)
 *
 * Understood: + - * : / ^ ( ) 0 1, (lhs | group), (lhs || group), groups joined by : and /, `quoted names`,
 * factor(name) or as.factor(name), I(...), log(...), exp(...), sqrt(...), abs(...), offset(...) and scale(...) of an
 * expression, poly(..., k), ns(..., df) and bs(..., df). Expressions hold + - * / ^, the four functions, numbers, names
 * and, within I(), the comparisons < <= > >= == != (1 where true). Semantics are those of R's terms() (Chambers &
 * Hastie 1992, "Statistical Models in S", chapter 2) and of lme4's formula (Bates et al. 2015, section 2.2): a term is
 * a set of variables; terms are ordered by degree, then by appearance. */
#ifndef ATTUNE_STATS_FORMULA_H
#define ATTUNE_STATS_FORMULA_H

#include "attune/stats_model.h"

#define FORMULA_TEXT_MAXIMUM 20000
#define FORMULA_VARIABLES 60
#define FORMULA_TERMS 400
#define FORMULA_RANDOM 40
#define FORMULA_GROUP_PARTS 8
#define FORMULA_OPS 200

enum formula_kind { FORMULA_COLUMN, FORMULA_FACTOR, FORMULA_EXPRESSION };

/* What is made of an expression's values, from all rows that count: several columns, but for the first two. */
enum formula_basis { BASIS_NONE, BASIS_SCALE, BASIS_POLY, BASIS_NS, BASIS_BS };
#define FORMULA_BASIS_MOST 20 /* columns */

/* One step of an expression in postfix order: 'c' pushes column `name`, 'n' pushes `number`; '~' negates, 'l' 'e' 's'
 * 'a' are log, exp, sqrt and abs; + - * / ^ and the comparisons < > { (<=) } (>=) = ! take two. */
struct formula_op {
  char op;
  double number;
  const char *name;
};

struct formula_variable {
  enum formula_kind kind;
  const char *label; /* as R writes it: "time", "factor(site)", "I(time^2)" */
  const char *name;  /* the column, unless an expression */
  struct formula_op *op;
  size_t ops;
  enum formula_basis basis; /* of an expression */
  size_t columns;           /* of the basis */
  bool truth;               /* a comparison: its column is called as R calls it, with TRUE at the end */
};

/* A set of terms: bit v of a term stands for variable v. */
struct formula_terms {
  uint64_t *term; /* without the intercept; ordered by degree */
  size_t terms;
  bool intercept;
};

struct formula_random {
  struct formula_terms effect;
  bool correlated;                       /* false for a part of `||` */
  const char *group;                     /* label, such as "cask:batch" */
  const char *part[FORMULA_GROUP_PARTS]; /* the columns whose combination is the group */
  size_t parts;
};

struct formula {
  const char *text;
  struct formula_variable *variable;
  size_t variables;
  size_t response; /* index of its variable, which no term holds */
  uint64_t offset; /* bits of the variables that are known parts of the mean */
  struct formula_terms fixed;
  struct formula_random *random;
  size_t randoms;
};

enum stats_status formula_read(const char *text, const struct stats_memory *memory, struct formula *formula,
                               struct stats_error *error);
/* The name of a term: its variables' labels joined by ':'. */
const char *formula_term_label(const struct formula *formula, uint64_t term, const struct stats_memory *memory);

#endif
