/* model_columns.h (inside): columns made from columns, and groups of rows. */
#ifndef ATTUNE_STATS_MODEL_COLUMNS_H
#define ATTUNE_STATS_MODEL_COLUMNS_H

#include "attune/stats_accuracy.h"
#include "stats/model_base.h"

/* A table with the columns of another and room for some more. */
struct columns_wider {
  struct stats_table table;
  struct stats_column *column;
};

enum stats_status columns_widen(struct columns_wider *wider, const struct stats_table *table, size_t more,
                                const struct stats_memory *memory, struct stats_error *error);
/* A new column whose numbers are to be filled in; a name that the table has is refused. */
enum stats_status columns_add(struct columns_wider *wider, const char *name, const struct stats_memory *memory,
                              double **number, struct stats_error *error);

/* A numeric column by name; what is no number, or not there, is refused. */
enum stats_status columns_numbers(const struct stats_table *table, const char *name, const double **number,
                                  struct stats_error *error);

/* Rows by the levels of one column, or by the pairs that occur of two (patients numbered within therapists). */
struct columns_groups {
  int32_t *code; /* [rows], -1 where one is missing */
  size_t rows, count;
  const char *const *name; /* of the inner column's level */
};
enum stats_status columns_groups_of(const struct stats_table *table, const char *inner, const char *outer,
                                    const struct stats_memory *memory, struct columns_groups *groups,
                                    struct stats_error *error);

#endif
