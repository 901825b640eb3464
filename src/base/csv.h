/* csv.h: the one CSV reader of the program (RFC 4180), two uses over one tokeniser.
 *
 * Understood: a header line; fields separated by commas (or another single byte); quoted fields with doubled quotes
 * and embedded line ends; CRLF or LF; a byte-order mark; empty lines are skipped; the last line may lack its end.
 * Refused with file, line and column: bytes that are not UTF-8 (NUL, UTF-16), a quote that is not closed or stands
 * inside an unquoted field, text after a closing quote, a bare carriage return, a row with another number of fields
 * than the header, a header name that occurs twice. Missing values are an empty field or NA.
 *
 * 1. Small files (study forms, imports), row by row, every field as text that lives as long as the arena:
 *
 *     struct csv *csv;
 *     enum err err = csv_open_memory(&csv, arena, bytes, length, "items.csv", error);    -- or csv_open_file()
 *     int name, weight;
 *     if (!err) err = csv_need_column(csv, "name", &name, error);
 *     if (!err) err = csv_need_column(csv, "weight", &weight, error);
 *     struct csv_row row;
 *     while (!err && !(err = csv_next_row(csv, &row, error)) && row.fields)
 *       err = item_add(row.fields[name], row.fields[weight], row.line);
 *     csv_close(csv);
 *
 * 2. Large files, by columns in chunks of up to CSV_CHUNK_ROWS rows. Memory does not depend on the number of rows,
 *    only on the columns asked for and the distinct texts in columns of levels. Numbers are exact (base/decimal.h):
 *
 *     csv_want(csv, y, CSV_NUMBER);
 *     csv_want(csv, therapist, CSV_LEVELS);
 *     struct csv_chunk chunk;
 *     while (!err && !(err = csv_next_chunk(csv, &chunk, error)) && chunk.rows) {
 *       if (chunk.restarted) forget_all();                                   -- only with CSV_AUTO columns
 *       use(chunk.numbers[y], chunk.codes[therapist], chunk.rows);
 *     }
 *     const char *const *names = csv_levels(csv, therapist, &count);         -- names[code]
 *
 * One reader serves one of the two uses. Rows are counted from 0 at the first row under the header, lines from 1. */
#ifndef ATTUNE_BASE_CSV_H
#define ATTUNE_BASE_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define CSV_CHUNK_ROWS 4096
#define CSV_COLUMNS_MAXIMUM 10000
#define CSV_ROW_MAXIMUM ((size_t)64 << 20) /* bytes in one row */

struct csv;

/* Opens and reads the header. `name` is what errors call the input. The bytes must stay in place until csv_close().
 * csv_open_file() takes "-" for standard input. Errors: ERR_INPUT (not a CSV file), ERR_MISSING (no such file),
 * ERR_STORE (the disk). On an error *csv is NULL; csv_close(NULL) does nothing. */
enum err csv_open_memory(struct csv **csv, struct arena *arena, const char *bytes, size_t length, const char *name,
                         struct error *error);
enum err csv_open_file(struct csv **csv, struct arena *arena, const char *path, struct error *error);
/* With another separator than the comma, such as ';' or '\t'. */
enum err csv_open_memory_with(struct csv **csv, struct arena *arena, const char *bytes, size_t length, const char *name,
                              char separator, struct error *error);
void csv_close(struct csv *csv);

size_t csv_columns(const struct csv *csv);
const char *csv_name(const struct csv *csv, size_t column); /* the header's text for a column */
int csv_column(const struct csv *csv, const char *name);    /* -1 when there is none of that name */
/* As csv_column(), but a column that is not there is an ERR_INPUT that suggests the nearest name. */
enum err csv_need_column(const struct csv *csv, const char *name, int *column, struct error *error);

/* ---- rows of text ---- */

struct csv_row {
  size_t line;               /* where the row begins in the file */
  const char *const *fields; /* csv_columns() texts, each ended by a NUL; NULL after the last row */
};
enum err csv_next_row(struct csv *csv, struct csv_row *row, struct error *error);
bool csv_missing(const char *field); /* empty or NA */
/* What is written for a missing value elsewhere and is none here: na, n/a, NULL, <NA>, NaN, #N/A, a point, a question
 * mark or blanks alone. */
bool csv_seems_missing(const char *field);

/* Fills *error (ERR_INPUT) with "FILE, line L, column C (NAME): ..." for a value that the caller refuses. */
enum err csv_refuse(const struct csv *csv, size_t line, int column, struct error *error, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* ---- columns of numbers and levels ---- */

enum csv_kind {
  CSV_SKIP,       /* not kept (the default) */
  CSV_NUMBER,     /* numbers; a missing value (empty, NA, NaN) is a quiet NaN; any other text is refused */
  CSV_LEVELS,     /* texts become codes 0, 1, ... in order of first appearance; a missing value is CSV_NO_LEVEL */
  CSV_AUTO,       /* CSV_NUMBER as long as every value is one; else CSV_LEVELS, see `restarted` */
  CSV_TEXT,       /* the field as it stands, for as long as the chunk: columns with any number of distinct texts */
  CSV_NUMBER_TEXT /* both CSV_NUMBER and CSV_TEXT */
};
#define CSV_NO_LEVEL UINT32_MAX

/* A field, without its quotes. No NUL ends it, but a byte that belongs to no number, and CSV_TEXT_PADDING bytes from
 * its start on may be read whatever its length. */
struct csv_text {
  const char *text;
  size_t length;
};
#define CSV_TEXT_PADDING 16

/* Before the first chunk. Blanks around numbers are allowed; numbers may be quoted; a number beyond the range of a
 * double is refused. */
void csv_want(struct csv *csv, int column, enum csv_kind kind);
/* What a wanted column is: for CSV_AUTO settled by the first chunk, and changed only where a chunk is `restarted`. */
enum csv_kind csv_kind_of(const struct csv *csv, int column);

struct csv_chunk {
  size_t first_row, rows; /* rows == 0: after the last row */
  /* A CSV_AUTO column that held numbers met text: it is now CSV_LEVELS and reading began again at the first row.
   * Forget all chunks before this one. (Input that cannot be read twice, a pipe, is refused instead.) */
  bool restarted;
  const double *const *numbers;        /* by column; NULL for columns that are not numbers */
  const uint32_t *const *codes;        /* by column; NULL for columns that are not CSV_LEVELS */
  const struct csv_text *const *texts; /* by column; NULL for columns that are not CSV_TEXT or CSV_NUMBER_TEXT */
  const size_t *lines;                 /* where each row begins in the file */
};
/* The arrays belong to the reader and are overwritten by the next call. */
enum err csv_next_chunk(struct csv *csv, struct csv_chunk *chunk, struct error *error);

/* The distinct texts of a CSV_LEVELS column so far, by code. */
const char *const *csv_levels(const struct csv *csv, int column, size_t *count);

#endif
