/* csv_scan.h (inside): what the two uses of the CSV reader share. */
#ifndef ATTUNE_BASE_CSV_SCAN_H
#define ATTUNE_BASE_CSV_SCAN_H

#include "base/csv.h"
#include "base/levels.h"

struct slice {
  const char *text;
  size_t length;
  bool quoted;
};

struct column {
  const char *name;
  enum csv_kind wanted, kind;
  struct levels levels;
  const char *plain; /* the level of the last unquoted field; length 0 if there is none */
  size_t plain_length;
  uint32_t plain_code;
};

struct csv {
  struct arena *arena;
  const char *name;
  char separator;
  bool stops[256]; /* bytes that end an unquoted field, or may not be in one */
  int fd;          /* -1 for memory */
  bool owns_fd, at_end;
  const char *memory; /* what is left of an input in memory */
  size_t memory_left;
  const char *memory_start;
  size_t memory_length;

  char *buffer; /* at..end is not yet read; a NUL and padding follow end */
  size_t capacity;
  const char *at, *end;
  const char *checked; /* bytes before it are valid UTF-8 */
  bool broken;         /* the byte at `checked` is not */

  size_t line; /* of `at` */
  size_t row;
  struct column *columns;
  size_t column_count;
  size_t embedded;      /* line ends inside quotes of the row that is being read */
  struct slice *slices; /* of that row, by column */
  size_t scratch;       /* elements of slices, unquoted and unquoted_capacity */
  char **unquoted;      /* memory for fields with doubled quotes */
  size_t *unquoted_capacity;

  double **numbers; /* by column, for the chunk */
  uint32_t **codes;
  struct csv_text **texts; /* point into the buffer or into `unquoted`: the chunk ends before either changes */
  size_t *lines;
  bool holds_text;    /* some column is CSV_TEXT */
  bool unquoted_used; /* by a text of the row read last */
  bool settled;       /* the CSV_AUTO columns have their kind */
  int turn;           /* a CSV_AUTO column that met text, or -1 */
  bool restarted;     /* since the chunk handed out last */
};

enum scan {
  SCAN_FIELD, /* ended by a separator */
  SCAN_ROW,   /* ended by a line end */
  SCAN_MORE,  /* the buffer ended first */
  SCAN_BAD    /* *error says why */
};

/* One field; *at moves past it and what ends it. `column` is where it stands in its row, for errors and scratch. */
enum scan csv_scan_field(struct csv *csv, const char **at, int column, struct slice *field, struct error *error);
/* A whole row into csv->slices; *count is the number of fields, of which the first `room` are kept. */
enum scan csv_scan_row(struct csv *csv, const char **at, size_t room, size_t *count, struct error *error);
/* Whether the bytes up to `to` may be believed; else *error says where they are not UTF-8. */
bool csv_believable(struct csv *csv, const char *to, struct error *error);
/* After SCAN_MORE: brings the buffer to a state in which another try at the row makes sense. */
enum err csv_need_more(struct csv *csv, struct error *error);
/* Finds the start of the next row, over empty lines; *any is false after the last, or, with `stay`, where the buffer
 * would have to be filled anew to find it. */
enum err csv_find_row(struct csv *csv, bool stay, bool *any, struct error *error);
/* Takes one row as slices; *count == 0 after the last. */
enum err csv_read_row(struct csv *csv, size_t room, size_t *count, size_t *line, struct error *error);
/* The first line; a second time, after csv_columns.c went back to the start, it only skips it. */
enum err csv_read_header(struct csv *csv, struct error *error);
enum err csv_refuse_count(struct csv *csv, size_t line, size_t count, struct error *error);

#endif
