#include "cli/fit_read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/decimal.h"

enum err fit_list_parse(struct fit_list *out, const char *option, const char *form, const char *text,
                        struct arena *arena, struct error *error) {
  const char *equals = strchr(text, '=');
  if (!equals || equals == text || !equals[1])
    return fail(error, ERR_USAGE, "list", option, "%s wants %s, not '%s'", option, form, text);
  size_t count = 1;
  for (const char *c = equals; *c; c++) count += *c == ',';
  const char **value = arena_array(arena, count, sizeof *value);
  *out = (struct fit_list){arena_text_n(arena, text, (size_t)(equals - text)), value, 0};
  for (const char *at = equals + 1;; at++) {
    const char *end = strchrnul(at, ',');
    value[out->values] = arena_text_n(arena, at, (size_t)(end - at));
    for (size_t i = 0; i < out->values; i++)
      if (!strcmp(value[i], value[out->values]))
        return fail(error, ERR_USAGE, "list", out->column, "%s %s names '%s' twice", option, out->column, value[i]);
    out->values++;
    if (!*end) return OK;
    at = end;
  }
}

static enum err no_memory(struct error *error) {
  return fail(error, ERR_LIMIT, "memory", "", "the file's columns do not fit into memory");
}

static enum err grow(struct stats_column *column, bool numbers, size_t capacity, struct error *error) {
  void *old = numbers ? (void *)(uintptr_t)column->number : (void *)(uintptr_t)column->code;
  void *bytes = realloc(old, capacity * (numbers ? sizeof(double) : sizeof(int32_t)));
  if (!bytes) return no_memory(error);
  if (numbers)
    column->number = bytes;
  else
    column->code = bytes;
  return OK;
}

static void forget(struct fit_data *data) {
  for (size_t i = 0; i < data->table.columns; i++) {
    free((void *)(uintptr_t)data->column[i].number);
    free((void *)(uintptr_t)data->column[i].code);
    data->column[i].number = NULL;
    data->column[i].code = NULL;
  }
  data->table.rows = 0;
}

void fit_data_free(struct fit_data *data) {
  if (data->column) forget(data);
}

/* The line of each level's first row. */
struct first_lines {
  size_t *line, count, capacity;
};

struct reading {
  struct fit_data *data;
  struct arena *arena;
  const int *at; /* place in the file of each column */
  size_t capacity;
  struct first_lines *first; /* beside each column */
};

/* Codes count up in order of appearance. */
static void note_lines(struct reading *r, struct first_lines *first, const uint32_t *code,
                       const struct csv_chunk *chunk) {
  for (size_t i = 0; i < chunk->rows; i++) {
    if (code[i] != first->count) continue;
    if (first->count == first->capacity) {
      size_t capacity = first->capacity ? 2 * first->capacity : 16,
             *more = arena_array(r->arena, capacity, sizeof *more);
      if (first->count) memcpy(more, first->line, first->count * sizeof *more);
      first->line = more;
      first->capacity = capacity;
    }
    first->line[first->count++] = chunk->lines[i];
  }
}

static enum err take_chunk(struct reading *r, const struct csv_chunk *chunk, struct error *error) {
  struct fit_data *data = r->data;
  const int *at = r->at;
  size_t *capacity = &r->capacity;
  if (chunk->restarted) {
    forget(data);
    *capacity = 0;
    for (size_t i = 0; i < data->table.columns; i++) r->first[i].count = 0;
  }
  size_t rows = data->table.rows, after = rows + chunk->rows;
  bool more = after > *capacity;
  while (after > *capacity) *capacity = *capacity ? 2 * *capacity : 8192;
  for (size_t i = 0; i < data->table.columns; i++) {
    struct stats_column *column = &data->column[i];
    const double *numbers = chunk->numbers[at[i]];
    enum err err = more ? grow(column, numbers != NULL, *capacity, error) : OK;
    if (err) return err;
    if (!numbers) note_lines(r, &r->first[i], chunk->codes[at[i]], chunk);
    if (numbers)
      memcpy((double *)(uintptr_t)column->number + rows, numbers, chunk->rows * sizeof *numbers);
    else
      memcpy((int32_t *)(uintptr_t)column->code + rows, chunk->codes[at[i]], chunk->rows * sizeof *column->code);
  }
  data->table.rows = after;
  return OK;
}

struct text_code {
  const char *text;
  size_t rank; /* its place among the levels asked for, or SIZE_MAX */
  size_t code;
};

static int by_rank_and_bytes(const void *a, const void *b) {
  const struct text_code *x = a, *y = b;
  if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
  return strcmp(x->text, y->text);
}

/* Puts the levels of a factor in order and renumbers its codes; missing values become -1. */
static void order_levels(struct fit_data *data, struct stats_column *column, const char *const *text, size_t count,
                         const struct fit_list *asked, struct arena *arena) {
  struct text_code *order = arena_array(arena, count + 1, sizeof *order);
  int32_t *renumber = arena_array(arena, count + 1, sizeof *renumber), *code = (int32_t *)(uintptr_t)column->code;
  const char **level = arena_array(arena, count + 1, sizeof *level);
  for (size_t i = 0; i < count; i++) {
    order[i] = (struct text_code){text[i], SIZE_MAX, i};
    for (size_t j = 0; asked && j < asked->values; j++)
      if (!strcmp(asked->value[j], text[i])) order[i].rank = j;
  }
  qsort(order, count, sizeof *order, by_rank_and_bytes);
  for (size_t i = 0; i < count; i++) {
    level[i] = arena_text(arena, order[i].text);
    renumber[order[i].code] = (int32_t)i;
  }
  for (size_t i = 0; i < data->table.rows; i++) code[i] = (uint32_t)code[i] == CSV_NO_LEVEL ? -1 : renumber[code[i]];
  column->level = level;
  column->levels = count;
}

static enum err read_all(struct reading *r, struct csv *csv, struct error *error) {
  struct csv_chunk chunk;
  enum err err;
  while (!(err = csv_next_chunk(csv, &chunk, error)) && chunk.rows)
    if ((err = take_chunk(r, &chunk, error))) return err;
  return err;
}

static enum err check_levels(const struct stats_column *column, const struct fit_list *levels, struct error *error) {
  for (size_t j = 0; j < levels->values; j++) {
    bool found = false;
    for (size_t i = 0; i < column->levels; i++) found |= !strcmp(column->level[i], levels->value[j]);
    if (!found)
      return fail(error, ERR_INPUT, "levels", column->name, "--levels %s names '%s', which no row has", column->name,
                  levels->value[j]);
  }
  return OK;
}

static bool is_number(const char *text) {
  double value;
  return decimal_read(text, strlen(text), &value) == DECIMAL_READ;
}

static bool names_level(const struct fit_list *asked, const char *text) {
  for (size_t i = 0; asked && i < asked->values; i++)
    if (!strcmp(asked->value[i], text)) return true;
  return false;
}

/* A column of texts: refuses what is meant as missing, and text among numbers where no factor was asked for. */
static enum err check_texts(const struct reading *r, const struct csv *csv, size_t i, enum fit_use use,
                            const struct fit_list *asked, struct error *error) {
  size_t count, numbers = 0, text = SIZE_MAX;
  const char *const *level = csv_levels(csv, r->at[i], &count), *name = r->data->column[i].name;
  for (size_t l = 0; l < count; l++) {
    if (csv_seems_missing(level[l]) && !names_level(asked, level[l]))
      return csv_refuse(csv, r->first[i].line[l], r->at[i], error,
                        "'%.20s' looks like a missing value: leave the field empty or write NA (a level of that name "
                        "is listed in --levels %s=...)",
                        level[l], name);
    bool number = is_number(level[l]);
    numbers += number;
    if (!number && text == SIZE_MAX) text = l;
  }
  if (use != FIT_VALUES || asked || !numbers || text == SIZE_MAX) return OK;
  return csv_refuse(csv, r->first[i].line[text], r->at[i], error,
                    "'%.40s' is not a number, and other values of the column are: correct it, or leave the field empty "
                    "if it is missing; for a factor write factor(%s)",
                    level[text], name);
}

static const struct fit_list *levels_of(const struct fit_names *names, const char *column) {
  for (size_t j = 0; j < names->levels_count; j++)
    if (!strcmp(names->levels[j].column, column)) return &names->levels[j];
  return NULL;
}

enum err fit_read(struct fit_data *data, const char *path, const struct fit_names *names, struct arena *arena,
                  struct error *error) {
  struct csv *csv;
  int *at = arena_array(arena, names->count + 1, sizeof *at);
  struct reading reading = {data, arena, at, 0, arena_array(arena, names->count + 1, sizeof(struct first_lines))};
  *data = (struct fit_data){.column = arena_array(arena, names->count + 1, sizeof *data->column)};
  data->table = (struct stats_table){.column = data->column, .columns = names->count};
  enum err err = csv_open_file(&csv, arena, path, error);
  for (size_t i = 0; i < names->count && !err; i++) {
    const char *name = names->name[i];
    if ((err = csv_need_column(csv, name, &at[i], error))) break;
    data->column[i].name = arena_text(arena, name);
    csv_want(csv, at[i], names->use[i] == FIT_LEVELS || levels_of(names, name) ? CSV_LEVELS : CSV_AUTO);
  }
  if (!err) err = read_all(&reading, csv, error);
  if (!err && !data->table.rows) err = fail(error, ERR_INPUT, "rows", path, "%s has no rows under its header", path);
  for (size_t i = 0; i < names->count && !err; i++) {
    const struct fit_list *asked = levels_of(names, names->name[i]);
    size_t count;
    if (!data->column[i].code) continue;
    if ((err = check_texts(&reading, csv, i, names->use[i], asked, error))) break;
    const char *const *text = csv_levels(csv, at[i], &count);
    order_levels(data, &data->column[i], text, count, asked, arena);
    if (asked) err = check_levels(&data->column[i], asked, error);
  }
  csv_close(csv);
  return err;
}
