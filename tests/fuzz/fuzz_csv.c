/* The CSV reader on any bytes: rows and columns must agree on what is refused and on every number. */
#include <math.h>
#include <stdint.h>

#include "base/csv.h"
#include "base/decimal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Rows read as text; the first `count` numbers of column 0 go to `values`. Returns the number of rows, or -1. */
static long read_rows(struct arena *arena, const char *bytes, size_t length, double *values, size_t room) {
  struct csv *csv;
  struct csv_row row;
  long rows = 0;
  if (csv_open_memory(&csv, arena, bytes, length, "fuzz", NULL)) return -1;
  for (;;) {
    if (csv_next_row(csv, &row, NULL)) rows = -1;
    if (rows < 0 || !row.fields) break;
    for (size_t i = 0; i < csv_columns(csv); i++)
      if (!row.fields[i]) abort();
    if ((size_t)rows < room && decimal_read(row.fields[0], strlen(row.fields[0]), &values[rows]) != DECIMAL_READ)
      values[rows] = NAN;
    rows++;
  }
  csv_close(csv);
  return rows;
}

static long read_chunks(struct arena *arena, const char *bytes, size_t length, const double *values, size_t room) {
  struct csv *csv;
  struct csv_chunk chunk;
  long rows = 0;
  if (csv_open_memory(&csv, arena, bytes, length, "fuzz", NULL)) return -1;
  for (size_t i = 0; i < csv_columns(csv); i++) csv_want(csv, (int)i, i % 3 == 2 ? CSV_LEVELS : CSV_AUTO);
  for (;;) {
    if (csv_next_chunk(csv, &chunk, NULL)) rows = -1;
    if (rows < 0 || !chunk.rows) break;
    if (chunk.restarted) rows = 0;
    for (size_t i = 0; chunk.numbers[0] && i < chunk.rows && (size_t)rows + i < room; i++)
      if (!isnan(values[(size_t)rows + i]) && values[(size_t)rows + i] != chunk.numbers[0][i]) abort();
    rows += (long)chunk.rows;
  }
  for (size_t i = 2; rows >= 0 && i < csv_columns(csv); i += 3) {
    size_t count;
    const char *const *names = csv_levels(csv, (int)i, &count);
    for (size_t k = 0; k < count; k++)
      if (!names[k][0]) abort(); /* an empty field is missing, not a level */
  }
  csv_close(csv);
  return rows;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static double values[256];
  struct arena arena;
  arena_init(&arena, 0);
  long rows = read_rows(&arena, (const char *)data, size, values, 256);
  long chunked = read_chunks(&arena, (const char *)data, size, values, 256);
  /* by columns more is refused (numbers beyond range), never less */
  if (chunked >= 0 && chunked != rows) abort();
  arena_free(&arena);
  return 0;
}
