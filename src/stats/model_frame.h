/* model_frame.h: a formula bound to a table: which rows count, how factors are coded, which columns X and Z have.
 *
 * Nothing is stored per row except the codes of groups that are combinations of columns or stand in numeric columns
 * (4 bytes a row) and, when rows are missing, one byte a row; columns of the design are computed block by block.
 *
 * Coding is R's (Chambers & Hastie 1992, section 2.3.1): treatment contrasts, but all indicators where the term
 * without that factor is not in the model. */
#ifndef ATTUNE_STATS_MODEL_FRAME_H
#define ATTUNE_STATS_MODEL_FRAME_H

#include "stats/model_basis.h"

#define FRAME_BLOCK 256
#define FRAME_PARTS 16    /* variables in one term */
#define FRAME_COLUMNS 600 /* columns of X, or of one random term */
#define FRAME_VALUE_MAXIMUM 1e100

struct frame_factor {
  const int32_t *code; /* of the table's rows */
  int32_t *map;        /* from code to used level, or -1; NULL when they are the same */
  size_t levels;       /* used */
  const char **level;
};

struct frame_variable {
  const char *label;
  bool is_factor;
  const double *number; /* NULL for an expression */
  const struct formula_op *op;
  const struct stats_column **op_column; /* beside each op */
  size_t ops;
  struct model_basis *basis; /* NULL: none */
  struct frame_factor factor;
};

/* A product of numbers and indicators; no parts at all is the constant 1. */
struct frame_column {
  const char *name;
  int parts;
  struct {
    int variable, level; /* level -1: the number itself; of a basis: which of its columns */
  } part[FRAME_PARTS];
  size_t term; /* which term of its list it belongs to; SIZE_MAX for the intercept */
};

struct frame_columns {
  struct frame_column *column;
  size_t count, capacity;
};

struct frame_group {
  const char *label;
  struct frame_factor factor;
  const char *const *part;
  size_t parts;
};

struct frame_term { /* one random term */
  struct frame_columns columns;
  size_t group;
  bool correlated;
  const char *label; /* the group's, with ".1" and so on from its second term */
};

struct frame {
  const struct stats_table *table;
  const struct formula *formula;
  struct frame_variable *variable; /* as in the formula */
  unsigned char *dropped;          /* per row, or NULL when all count */
  const double *weight;            /* per row, positive; NULL: all 1 */
  size_t n, rows_dropped;
  struct frame_columns fixed;
  struct frame_term *term;
  size_t terms;
  struct frame_group *group;
  size_t groups;
};

/* `weight` names a column of weights, or is NULL. */
enum stats_status frame_build(const struct formula *formula, const struct stats_table *table, const char *weight,
                              const struct stats_memory *memory, struct frame *frame, struct stats_error *error);

/* The columns of the fixed terms with an indicator for every level of every factor, the redundant design. */
enum stats_status frame_complete_columns(const struct frame *frame, const struct stats_memory *memory,
                                         struct frame_columns *columns, struct stats_error *error);

/* A block of rows that count: values of the formula's variables and codes of the groups. */
struct frame_block {
  size_t next, n; /* `next` is the first row not read yet; begin with zero */
  uint32_t row[FRAME_BLOCK];
  double (*number)[FRAME_BLOCK]; /* [variables]; the response less all offsets */
  double (**basis)[FRAME_BLOCK]; /* [variables][columns] where there is one */
  int32_t (*code)[FRAME_BLOCK];  /* [variables] */
  int32_t (*group)[FRAME_BLOCK]; /* [groups] */
  double (*stack)[FRAME_BLOCK];
};

enum stats_status frame_block_start(const struct frame *frame, const struct stats_memory *memory,
                                    struct frame_block *block, struct stats_error *error);
bool frame_block_read(const struct frame *frame, struct frame_block *block); /* false at the end */
/* Fills the block for the rows that the caller has put into `row` and `n`. */
void frame_block_fill(const struct frame *frame, struct frame_block *block);
void frame_column_values(const struct frame *frame, const struct frame_block *block, const struct frame_column *column,
                         double *value);

/* The codes of a column as a factor (used levels only are named); numeric columns are sorted by number, or by the
 * bytes of their text when `by_text`. */
enum stats_status frame_factor_of(const struct frame *frame, const char *column, bool by_text,
                                  const struct stats_memory *memory, struct frame_factor *factor,
                                  struct stats_error *error);
/* Finds a column, or names the nearest one in the error. */
enum stats_status frame_column_find(const struct stats_table *table, const char *name,
                                    const struct stats_column **column, struct stats_error *error);

#endif
