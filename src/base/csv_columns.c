#include <math.h>
#include <unistd.h>

#include "base/csv_scan.h"
#include "base/decimal.h"

const char *const *csv_levels(const struct csv *csv, int column, size_t *count) {
  const struct levels *levels = &csv->columns[column].levels;
  *count = levels->count;
  return levels->names;
}

/* ---- columns in chunks ---- */

void csv_want(struct csv *csv, int column, enum csv_kind kind) {
  csv->columns[column].wanted = kind;
  csv->columns[column].kind = kind == CSV_AUTO ? CSV_NUMBER : kind;
}

enum csv_kind csv_kind_of(const struct csv *csv, int column) {
  return csv->columns[column].kind;
}

static bool slice_missing(struct slice field) {
  return !field.length || (field.length == 2 && !memcmp(field.text, "NA", 2));
}

/* A field that is not plainly a number: blanks, quotes, missing values, text. */
static enum decimal slice_number(struct slice field, double *value) {
  while (field.length && (*field.text == ' ' || *field.text == '\t')) {
    field.text++;
    field.length--;
  }
  while (field.length && (field.text[field.length - 1] == ' ' || field.text[field.length - 1] == '\t')) field.length--;
  *value = NAN;
  if (slice_missing(field) || (field.length == 3 && !memcmp(field.text, "NaN", 3))) return DECIMAL_READ;
  return decimal_read(field.text, field.length, value);
}

static enum scan refuse_number(struct csv *csv, int column, struct slice field, enum decimal why, struct error *error) {
  if (why == DECIMAL_NONE && csv->columns[column].wanted == CSV_AUTO) {
    csv->turn = column;
    return SCAN_BAD;
  }
  csv_refuse(csv, csv->line, column, error,
             why == DECIMAL_NONE ? "'%.*s' is not a number" : "'%.*s' is beyond the range of a number",
             (int)(field.length < 60 ? field.length : 60), field.text);
  return SCAN_BAD;
}

/* *text is the number as it is written. */
static enum scan take_number(struct csv *csv, const char **at, int column, double *value, struct csv_text *text,
                             struct error *error) {
  const char *p = *at;
  if (decimal_scan(&p, value) == DECIMAL_READ) {
    *text = (struct csv_text){*at, (size_t)(p - *at)};
    if (*p == csv->separator) {
      *at = p + 1;
      return SCAN_FIELD;
    }
    if (*p == '\n') {
      *at = p + 1;
      return SCAN_ROW;
    }
  }
  struct slice field;
  enum scan scan = csv_scan_field(csv, at, column, &field, error);
  if (scan == SCAN_MORE || scan == SCAN_BAD) return scan;
  *text = (struct csv_text){field.text, field.length};
  enum decimal got = slice_number(field, value);
  return got == DECIMAL_READ ? scan : refuse_number(csv, column, field, got, error);
}

/* Neighbouring rows often share a level: the text before, unquoted, followed by an end. */
static enum scan same_level(const struct csv *csv, const char **at, const struct column *column) {
  const char *p = *at;
  if (!column->plain_length || (size_t)(csv->end - p) <= column->plain_length) return SCAN_MORE;
  if (memcmp(p, column->plain, column->plain_length) != 0) return SCAN_MORE;
  p += column->plain_length;
  if (*p != csv->separator && *p != '\n') return SCAN_MORE;
  *at = p + 1;
  return *p == '\n' ? SCAN_ROW : SCAN_FIELD;
}

static enum scan take_level(struct csv *csv, const char **at, int index, uint32_t *code, struct error *error) {
  struct column *column = &csv->columns[index];
  struct slice field;
  enum scan scan = same_level(csv, at, column);
  if (scan != SCAN_MORE) {
    *code = column->plain_code;
    return scan;
  }
  scan = csv_scan_field(csv, at, index, &field, error);
  if (scan == SCAN_MORE || scan == SCAN_BAD) return scan;
  *code = CSV_NO_LEVEL;
  if (slice_missing(field)) return scan;
  *code = levels_code(csv->arena, &column->levels, field.text, field.length);
  if (field.quoted) return scan;
  column->plain = column->levels.names[*code];
  column->plain_length = field.length;
  column->plain_code = *code;
  return scan;
}

static enum scan take_text(struct csv *csv, const char **at, int column, struct csv_text *text, struct error *error) {
  struct slice field;
  const char *p = *at;
  while (!csv->stops[(unsigned char)*p]) p++;
  if (*p == csv->separator || *p == '\n') {
    *text = (struct csv_text){*at, (size_t)(p - *at)};
    *at = p + 1;
    return *p == '\n' ? SCAN_ROW : SCAN_FIELD;
  }
  enum scan scan = csv_scan_field(csv, at, column, &field, error);
  *text = (struct csv_text){field.text, field.length};
  return scan;
}

/* One row into row `row` of the chunk; *count is the number of fields seen. */
static enum scan take_row(struct csv *csv, const char **at, size_t row, size_t *count, struct error *error) {
  enum scan scan = SCAN_FIELD;
  size_t column = 0;
  csv->embedded = 0;
  csv->unquoted_used = false;
  for (; column < csv->column_count && scan == SCAN_FIELD; column++) {
    struct slice skipped;
    struct csv_text unused;
    switch (csv->columns[column].kind) {
    case CSV_NUMBER:
      scan = take_number(csv, at, (int)column, &csv->numbers[column][row], &unused, error);
      break;
    case CSV_NUMBER_TEXT:
      scan = take_number(csv, at, (int)column, &csv->numbers[column][row], &csv->texts[column][row], error);
      break;
    case CSV_LEVELS:
      scan = take_level(csv, at, (int)column, &csv->codes[column][row], error);
      break;
    case CSV_TEXT:
      scan = take_text(csv, at, (int)column, &csv->texts[column][row], error);
      break;
    default:
      scan = csv_scan_field(csv, at, (int)column, &skipped, error);
    }
  }
  *count = column + (scan == SCAN_FIELD); /* a separator after the last column: at least one too many */
  return scan;
}

/* Counts a row's fields for the message only. */
static enum err refuse_row(struct csv *csv, struct error *error) {
  size_t count = 0, line = 0;
  enum err err = csv_read_row(csv, csv->column_count, &count, &line, error);
  return err ? err : csv_refuse_count(csv, line, count, error);
}

/* One row; *got is false after the last row, where csv->turn asks for a restart, or where the next row cannot be had
 * without moving the texts of the rows before. */
static enum err next_columns(struct csv *csv, size_t row, bool *got, struct error *error) {
  bool stay = csv->holds_text && row > 0;
  if (stay && csv->unquoted_used) {
    *got = false;
    return OK;
  }
  enum err err = csv_find_row(csv, stay, got, error);
  if (err || !*got) return err;
  for (;;) {
    const char *at = csv->at;
    size_t count;
    enum scan scan = take_row(csv, &at, row, &count, error);
    if (scan == SCAN_MORE) {
      *got = !stay;
      if (stay) return OK;
      if ((err = csv_need_more(csv, error))) return err;
      continue;
    }
    if (!csv_believable(csv, at, error)) return ERR_INPUT;
    if (scan == SCAN_BAD && csv->turn < 0) return ERR_INPUT;
    *got = scan != SCAN_BAD;
    if (!*got) return OK;
    if (count != csv->column_count || scan != SCAN_ROW) return refuse_row(csv, error);
    csv->lines[row] = csv->line;
    csv->line += 1 + csv->embedded;
    csv->at = at;
    return OK;
  }
}

static void forget_levels(struct csv *csv) {
  for (size_t i = 0; i < csv->column_count; i++) {
    csv->columns[i].levels = (struct levels){0};
    csv->columns[i].plain_length = 0;
  }
}

/* Looks at the rows that are in the buffer already, without taking them: text in a CSV_AUTO column makes it levels. */
static void settle_kinds(struct csv *csv) {
  const char *at = csv->at;
  size_t count, row = 0;
  for (enum scan scan = SCAN_ROW; scan == SCAN_ROW && at < csv->end && row < CSV_CHUNK_ROWS; row++) {
    scan = csv_scan_row(csv, &at, csv->column_count, &count, NULL);
    for (size_t i = 0; scan == SCAN_ROW && i < count && i < csv->column_count; i++) {
      double value;
      struct column *column = &csv->columns[i];
      if (column->wanted == CSV_AUTO && column->kind == CSV_NUMBER &&
          slice_number(csv->slices[i], &value) == DECIMAL_NONE)
        column->kind = CSV_LEVELS;
    }
  }
  csv->settled = true;
}

static void chunk_room(struct csv *csv) {
  if (!csv->numbers) {
    csv->numbers = arena_array(csv->arena, csv->column_count, sizeof *csv->numbers);
    csv->codes = arena_array(csv->arena, csv->column_count, sizeof *csv->codes);
    csv->texts = arena_array(csv->arena, csv->column_count, sizeof *csv->texts);
    csv->lines = arena_array(csv->arena, CSV_CHUNK_ROWS, sizeof *csv->lines);
  }
  for (size_t i = 0; i < csv->column_count; i++) {
    enum csv_kind kind = csv->columns[i].kind;
    bool number = kind == CSV_NUMBER || kind == CSV_NUMBER_TEXT, text = kind == CSV_TEXT || kind == CSV_NUMBER_TEXT;
    if (number && !csv->numbers[i]) csv->numbers[i] = arena_array(csv->arena, CSV_CHUNK_ROWS, sizeof(double));
    if (kind == CSV_LEVELS && !csv->codes[i]) csv->codes[i] = arena_array(csv->arena, CSV_CHUNK_ROWS, sizeof(uint32_t));
    if (text && !csv->texts[i]) csv->texts[i] = arena_array(csv->arena, CSV_CHUNK_ROWS, sizeof(struct csv_text));
    csv->holds_text |= text;
    if (!number) csv->numbers[i] = NULL;
  }
}

/* Back to the first row, with the column csv->turn as levels from now on. */
static enum err restart(struct csv *csv, struct error *error) {
  int column = csv->turn;
  if (csv->fd >= 0 && lseek(csv->fd, 0, SEEK_SET) < 0)
    return csv_refuse(
        csv, csv->line, column, error,
        "there is text in a column that held numbers so far, and this input cannot be read twice: name it as a "
        "factor, or give a file");
  csv->memory = csv->memory_start;
  csv->memory_left = csv->memory_length;
  csv->at = csv->end = csv->checked = csv->buffer;
  csv->at_end = csv->broken = false;
  csv->columns[column].kind = CSV_LEVELS;
  csv->restarted |= csv->row > 0;
  csv->row = 0;
  csv->turn = -1;
  forget_levels(csv);
  chunk_room(csv);
  return csv_read_header(csv, error);
}

enum err csv_next_chunk(struct csv *csv, struct csv_chunk *chunk, struct error *error) {
  *chunk = (struct csv_chunk){0};
  if (!csv->settled) {
    settle_kinds(csv);
    chunk_room(csv);
    csv->turn = -1;
  }
  size_t rows = 0;
  while (rows < CSV_CHUNK_ROWS) {
    bool got;
    enum err err = next_columns(csv, rows, &got, error);
    if (!err && !got && csv->turn >= 0) {
      err = restart(csv, error);
      rows = 0;
      if (!err) continue;
    }
    if (err) return err;
    if (!got) break;
    rows++;
  }
  *chunk = (struct csv_chunk){.first_row = csv->row,
                              .rows = rows,
                              .restarted = csv->restarted,
                              .numbers = (const double *const *)csv->numbers,
                              .codes = (const uint32_t *const *)csv->codes,
                              .texts = (const struct csv_text *const *)csv->texts,
                              .lines = csv->lines};
  csv->row += rows;
  csv->restarted = false;
  return OK;
}
