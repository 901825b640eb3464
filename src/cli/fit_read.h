/* fit_read.h: the columns that a formula names, from a CSV file into memory. */
#ifndef ATTUNE_CLI_FIT_READ_H
#define ATTUNE_CLI_FIT_READ_H

#include "attune/stats_model.h"
#include "base/arena.h"
#include "base/err.h"

/* COLUMN=a,b,c as an option's value. --levels: the column is a factor with these levels first, in this order. */
struct fit_list {
  const char *column;
  const char *const *value;
  size_t values;
};

struct fit_data {
  struct stats_table table;
  struct stats_column *column; /* what table.column points to */
};

/* `form` is how errors show what `option` wants. */
enum err fit_list_parse(struct fit_list *out, const char *option, const char *form, const char *text,
                        struct arena *arena, struct error *error);
/* What a column is wanted for. */
enum fit_use {
  FIT_VALUES, /* numbers, or a factor of texts: numbers among texts are refused */
  FIT_GROUPS, /* the levels of a group, in order of number where all are numbers */
  FIT_LEVELS  /* a factor that the user asked for, whatever it holds */
};

/* The columns to read. */
struct fit_names {
  const char *const *name;
  const enum fit_use *use; /* beside each */
  size_t count;
  const struct fit_list *levels; /* of --levels */
  size_t levels_count;
};

/* Reads the named columns; those that hold text become factors. Levels are in byte order, after those asked for.
 * Refused with the line: a text in a column that otherwise holds numbers, and a text that is meant as a missing value
 * (csv_seems_missing()) unless --levels names it. Release with fit_data_free(). */
enum err fit_read(struct fit_data *data, const char *path, const struct fit_names *names, struct arena *arena,
                  struct error *error);
void fit_data_free(struct fit_data *data);

#endif
