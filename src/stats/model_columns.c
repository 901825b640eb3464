#include "stats/model_columns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats/model_frame.h"

#define TRY(call)                                                                                                      \
  do {                                                                                                                 \
    enum stats_status try_ = call;                                                                                     \
    if (try_) return try_;                                                                                             \
  } while (0)

/* --- wider tables ------------------------------------------------------------------------------------------------- */

enum stats_status columns_widen(struct columns_wider *wider, const struct stats_table *table, size_t more,
                                const struct stats_memory *memory, struct stats_error *error) {
  wider->column = model_take(memory, table->columns + more, sizeof *wider->column);
  if (!wider->column) return model_no_memory(error);
  memcpy(wider->column, table->column, table->columns * sizeof *wider->column);
  wider->table = (struct stats_table){table->rows, table->columns, wider->column};
  return STATS_OK;
}

enum stats_status columns_add(struct columns_wider *wider, const char *name, const struct stats_memory *memory,
                              double **number, struct stats_error *error) {
  if (!name) return model_no_memory(error);
  for (size_t c = 0; c < wider->table.columns; c++)
    if (!strcmp(wider->column[c].name, name))
      return model_fail(error, STATS_BAD_DATA, name, "the data already have a column '%.60s', which is made here",
                        name);
  *number = model_take(memory, wider->table.rows, sizeof **number);
  if (!*number) return model_no_memory(error);
  wider->column[wider->table.columns++] = (struct stats_column){.name = name, .number = *number};
  return STATS_OK;
}

enum stats_status columns_numbers(const struct stats_table *table, const char *name, const double **number,
                                  struct stats_error *error) {
  const struct stats_column *column;
  if (!name) return model_fail(error, STATS_BAD_DATA, "", "a column that this model needs was not named");
  TRY(frame_column_find(table, name, &column, error));
  if (!column->number) return model_fail(error, STATS_BAD_DATA, name, "'%.60s' is not numeric", name);
  *number = column->number;
  return STATS_OK;
}

/* --- groups ------------------------------------------------------------------------------------------------------- */

static int32_t code_of(const struct frame_factor *factor, size_t row) {
  int32_t code = factor->code[row];
  return code >= 0 && factor->map ? factor->map[code] : code;
}

static int by_key(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static uint64_t pair_key(const struct frame_factor *outer, const struct frame_factor *inner, size_t row) {
  int32_t above = outer ? code_of(outer, row) : 0, own = code_of(inner, row);
  return above < 0 || own < 0 ? UINT64_MAX : (uint64_t)above << 32 | (uint32_t)own;
}

/* Numbers the pairs that occur, the outer level varying slowest. */
static enum stats_status number_pairs(const struct frame_factor *outer, const struct frame_factor *inner, size_t rows,
                                      const struct stats_memory *memory, struct columns_groups *groups,
                                      struct stats_error *error) {
  uint64_t *key = model_take(memory, rows, sizeof *key);
  size_t count = 0, used = 0;
  groups->code = model_take(memory, rows, sizeof *groups->code);
  if (!key || !groups->code) return model_no_memory(error);
  for (size_t i = 0; i < rows; i++)
    if ((key[used] = pair_key(outer, inner, i)) != UINT64_MAX) used++;
  qsort(key, used, sizeof *key, by_key);
  for (size_t i = 0; i < used; i++)
    if (!i || key[i] != key[count - 1]) key[count++] = key[i];
  const char **name = model_take(memory, count, sizeof *name);
  if (!name) return model_no_memory(error);
  for (size_t g = 0; g < count; g++) name[g] = inner->level[(uint32_t)key[g]];
  for (size_t i = 0; i < rows; i++) {
    uint64_t own = pair_key(outer, inner, i);
    const uint64_t *at = own == UINT64_MAX ? NULL : bsearch(&own, key, count, sizeof *key, by_key);
    groups->code[i] = at ? (int32_t)(at - key) : -1;
  }
  groups->rows = rows;
  groups->count = count;
  groups->name = name;
  return STATS_OK;
}

enum stats_status columns_groups_of(const struct stats_table *table, const char *inner, const char *outer,
                                    const struct stats_memory *memory, struct columns_groups *groups,
                                    struct stats_error *error) {
  struct frame frame = {.table = table};
  struct frame_factor own, above;
  memset(&own, 0, sizeof own);
  memset(&above, 0, sizeof above);
  TRY(frame_factor_of(&frame, inner, false, memory, &own, error));
  if (outer) TRY(frame_factor_of(&frame, outer, false, memory, &above, error));
  return number_pairs(outer ? &above : NULL, &own, table->rows, memory, groups, error);
}

/* --- columns for formulas ----------------------------------------------------------------------------------------- */

enum stats_status stats_table_within(struct stats_table *table, const char *x, const char *patient,
                                     const char *therapist, const struct stats_memory *memory,
                                     struct stats_error *error) {
  struct columns_wider wider;
  struct columns_groups patients, therapists = {0};
  const double *number = NULL;
  double *within = NULL, *between = NULL, *above = NULL;
  TRY(columns_numbers(table, x, &number, error));
  TRY(columns_groups_of(table, patient, therapist, memory, &patients, error));
  if (therapist) TRY(columns_groups_of(table, therapist, NULL, memory, &therapists, error));
  TRY(columns_widen(&wider, table, 3, memory, error));
  TRY(columns_add(&wider, model_text(memory, "%s_within", x), memory, &within, error));
  TRY(columns_add(&wider, model_text(memory, "%s_%s", x, patient), memory, &between, error));
  if (therapist) TRY(columns_add(&wider, model_text(memory, "%s_%s", x, therapist), memory, &above, error));
  const struct stats_nested nested = {patients.code, therapist ? therapists.code : NULL, patients.count,
                                      therapists.count, table->rows};
  double mean = stats_decompose(number, &nested, memory, &(struct stats_parts){within, between, above});
  if (isnan(mean)) return model_fail(error, STATS_BAD_DATA, x, "'%.60s' has no value whose group is known", x);
  *table = wider.table;
  return STATS_OK;
}

enum stats_status stats_table_lag(struct stats_table *table, const struct stats_lag_columns *columns,
                                  const struct stats_memory *memory, double *sessions, struct stats_error *error) {
  struct columns_wider wider;
  struct columns_groups patients;
  const double *number = NULL, *when = NULL;
  double *lagged = NULL;
  TRY(columns_numbers(table, columns->x, &number, error));
  TRY(columns_numbers(table, columns->session, &when, error));
  TRY(columns_groups_of(table, columns->patient, columns->therapist, memory, &patients, error));
  TRY(columns_widen(&wider, table, 1, memory, error));
  TRY(columns_add(&wider, model_text(memory, "%s_lag", columns->x), memory, &lagged, error));
  const struct stats_series series = {number, when, patients.code, patients.count, table->rows};
  enum stats_status status = stats_lag(&series, 1, memory, lagged);
  if (status == STATS_BAD_DATA)
    return model_fail(error, STATS_BAD_DATA, columns->session,
                      "a '%.60s' has two rows with the same '%.60s': what came before is not one value",
                      columns->patient, columns->session);
  if (status) return model_no_memory(error);
  size_t values = 0;
  for (size_t i = 0; i < table->rows; i++) values += patients.code[i] >= 0 && !isnan(number[i]) && !isnan(when[i]);
  if (sessions) *sessions = (double)values / (double)patients.count;
  *table = wider.table;
  return STATS_OK;
}

enum stats_status stats_carry_over(const struct stats_table *table, const struct stats_accuracy *columns,
                                   const struct stats_memory *memory, const struct stats_scratch *scratch,
                                   struct stats_inertia *out, struct stats_error *error) {
  struct columns_groups patients;
  const double *number = NULL, *when = NULL;
  if (!columns->outcome || !columns->session || !columns->patient)
    return model_fail(error, STATS_BAD_DATA, "", "a carry-over needs the columns of outcome, session and patient");
  TRY(columns_numbers(table, columns->outcome, &number, error));
  TRY(columns_numbers(table, columns->session, &when, error));
  TRY(columns_groups_of(table, columns->patient, columns->therapist, memory, &patients, error));
  const struct stats_series series = {number, when, patients.code, patients.count, table->rows};
  return stats_inertia_fit(&series, memory, scratch, out, error);
}
