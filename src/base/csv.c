#include "base/csv_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/decimal.h"
#include "base/nearest.h"
#include "base/utf8.h"

#define BUFFER_BYTES ((size_t)1 << 20)
#define PADDING CSV_TEXT_PADDING /* at least DECIMAL_PADDING */

/* ---- errors ---- */

enum err csv_refuse(const struct csv *csv, size_t line, int column, struct error *error, const char *format, ...) {
  char sentence[400];
  va_list args;
  va_start(args, format);
  vsnprintf(sentence, sizeof sentence, format, args);
  va_end(args);
  const char *name = column >= 0 && (size_t)column < csv->column_count ? csv->columns[column].name : "";
  if (column < 0)
    return fail(error, ERR_INPUT, "csv-refused", csv->name, "%s, line %zu: %s", csv->name, line, sentence);
  return fail(error, ERR_INPUT, "csv-refused", *name ? name : csv->name, "%s, line %zu, column %d%s%s%s: %s", csv->name,
              line, column + 1, *name ? " (" : "", name, *name ? ")" : "", sentence);
}

/* ---- the buffer ---- */

/* Moves csv->checked over valid UTF-8, to the end or to the first byte that is not (then csv->broken). A character
 * that the buffer's end cuts stays unchecked until more is read. */
static void check_encoding(struct csv *csv) {
  const char *p = csv->checked;
  while (p < csv->end) {
    uint64_t word;
    while (csv->end - p >= 8) {
      memcpy(&word, p, sizeof word);
      bool plain = !((word | ((word - 0x0101010101010101) & ~word)) & 0x8080808080808080);
      if (!plain) break;
      p += 8;
    }
    if (p == csv->end) break;
    unsigned char first = (unsigned char)*p;
    size_t need = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4, left = (size_t)(csv->end - p);
    if (left < need && !csv->at_end) break;
    if (!utf8_valid(p, need < left ? need : left)) {
      csv->broken = true;
      break;
    }
    p += need < left ? need : left;
  }
  csv->checked = p;
}

/* Up to `room` bytes into `to`; 0 at the end of the input. */
static enum err read_some(struct csv *csv, char *to, size_t room, size_t *got, struct error *error) {
  *got = 0;
  if (csv->fd < 0) {
    *got = csv->memory_left < room ? csv->memory_left : room;
    if (*got) memcpy(to, csv->memory, *got);
    csv->memory += *got;
    csv->memory_left -= *got;
    return OK;
  }
  while (*got < room) {
    ssize_t n = read(csv->fd, to + *got, room - *got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      return fail(error, ERR_STORE, "csv-read", csv->name, "%s could not be read: %s", csv->name, strerror(errno));
    if (n == 0) break;
    *got += (size_t)n;
  }
  return OK;
}

/* Keeps at..end, reads more after it. At the end of the input a last line without an end is given one. */
static enum err refill(struct csv *csv, struct error *error) {
  size_t kept = (size_t)(csv->end - csv->at), checked = (size_t)(csv->checked - csv->at);
  if (kept) memmove(csv->buffer, csv->at, kept);
  if (csv->capacity - kept < BUFFER_BYTES / 2) {
    if (kept > CSV_ROW_MAXIMUM)
      return csv_refuse(csv, csv->line, -1, error,
                        "the row that begins here is longer than %zu MiB; is a quote not closed?",
                        CSV_ROW_MAXIMUM >> 20);
    size_t capacity = csv->capacity ? csv->capacity * 2 : BUFFER_BYTES;
    if (csv->fd < 0 && !csv->capacity && csv->memory_length < capacity) capacity = csv->memory_length + 1;
    char *larger = realloc(csv->buffer, capacity + 1 + PADDING);
    if (!larger) die("out of memory reading %s", csv->name);
    csv->buffer = larger;
    csv->capacity = capacity;
  }
  size_t got;
  enum err err = read_some(csv, csv->buffer + kept, csv->capacity - kept, &got, error);
  if (err) return err;
  csv->at = csv->buffer;
  csv->end = csv->buffer + kept + got;
  csv->checked = csv->buffer + checked;
  if (got < csv->capacity - kept) {
    csv->at_end = true;
    if (kept + got && csv->end[-1] != '\n') {
      csv->buffer[kept + got] = '\n';
      csv->end++;
    }
  }
  memset(csv->buffer + (csv->end - csv->buffer), 0, PADDING);
  if (!csv->broken) check_encoding(csv);
  return OK;
}

/* ---- the tokeniser ---- */

/* The field under the first broken byte, found by counting separators: the row cannot be trusted further. */
static enum scan refuse_bytes(struct csv *csv, const char *row_start, struct error *error) {
  size_t line = csv->line;
  int column = 0;
  for (const char *p = row_start; p < csv->checked; p++) {
    if (*p == '\n') {
      line++;
      column = 0;
    }
    column += *p == csv->separator;
  }
  if (*csv->checked == 0)
    csv_refuse(csv, line, column, error, "there is a NUL byte; is this a CSV file, and in UTF-8?");
  else
    csv_refuse(csv, line, column, error, "there are bytes that are not UTF-8; save the file as UTF-8");
  return SCAN_BAD;
}

/* What stands after a field: a separator, a line end, or neither. Moves *at past it. */
static enum scan field_end(struct csv *csv, const char **at, int column, struct error *error) {
  const char *p = *at;
  if (*p == csv->separator) {
    *at = p + 1;
    return SCAN_FIELD;
  }
  if (*p == '\n') {
    *at = p + 1;
    return SCAN_ROW;
  }
  if (*p == '\r' && p[1] == '\n') {
    *at = p + 2;
    return SCAN_ROW;
  }
  if (p == csv->end || (*p == '\r' && p + 1 == csv->end)) return SCAN_MORE;
  if (*p == 0) return SCAN_MORE; /* a NUL byte: the caller sees that the encoding is broken */
  size_t line = csv->line + csv->embedded;
  if (*p == '\r')
    csv_refuse(csv, line, column, error,
               "there is a carriage return without a line feed; save the file with LF or CRLF line ends");
  else if (*p == '"')
    csv_refuse(csv, line, column, error,
               "there is a quote inside an unquoted field; quote the whole field and double the quote");
  else
    csv_refuse(csv, line, column, error, "there is text after the closing quote");
  return SCAN_BAD;
}

static void unquoted_room(struct csv *csv, int column, size_t need) {
  if (csv->unquoted_capacity[column] >= need) return;
  csv->unquoted_capacity[column] = need * 2;
  char *larger = realloc(csv->unquoted[column], need * 2);
  if (!larger) die("out of memory reading %s", csv->name);
  csv->unquoted[column] = larger;
}

/* Doubled quotes become one, in scratch memory: the buffer may be read again. */
static void undouble(struct csv *csv, int column, struct slice *field) {
  unquoted_room(csv, column, field->length + PADDING);
  char *to = csv->unquoted[column];
  const char *from = field->text, *end = from + field->length;
  while (from < end) {
    if (*from == '"') from++;
    *to++ = *from++;
  }
  memset(to, 0, PADDING);
  field->text = csv->unquoted[column];
  field->length = (size_t)(to - csv->unquoted[column]);
  csv->unquoted_used = true;
}

static enum scan scan_quoted(struct csv *csv, const char **at, int column, struct slice *field, struct error *error) {
  const char *start = *at + 1, *p = start;
  bool doubled = false;
  for (;;) {
    const char *quote = memchr(p, '"', (size_t)(csv->end - p));
    if (!quote) {
      if (!csv->at_end) return SCAN_MORE;
      csv_refuse(csv, csv->line + csv->embedded, column, error, "the quote that opens here is not closed");
      return SCAN_BAD;
    }
    if (quote[1] == '"') {
      doubled = true;
      p = quote + 2;
      continue;
    }
    if (quote + 1 == csv->end) return SCAN_MORE;
    p = quote;
    break;
  }
  for (const char *line = start; (line = memchr(line, '\n', (size_t)(p - line))); line++) csv->embedded++;
  *field = (struct slice){start, (size_t)(p - start), true};
  if (doubled) undouble(csv, column, field);
  *at = p + 1;
  return field_end(csv, at, column, error);
}

/* One field of any kind; `column` is where it stands in its row. */
enum scan csv_scan_field(struct csv *csv, const char **at, int column, struct slice *field, struct error *error) {
  const char *p = *at;
  if (*p == '"') return scan_quoted(csv, at, column, field, error);
  while (!csv->stops[(unsigned char)*p]) p++;
  *field = (struct slice){*at, (size_t)(p - *at), false};
  *at = p;
  return field_end(csv, at, column, error);
}

static void *moved(struct arena *arena, const void *old, size_t old_count, size_t count, size_t size) {
  void *larger = arena_array(arena, count, size);
  if (old_count) memcpy(larger, old, old_count * size);
  return larger;
}

static void scratch_grow(struct csv *csv) {
  size_t count = csv->scratch ? csv->scratch * 2 : 16;
  csv->slices = moved(csv->arena, csv->slices, csv->scratch, count, sizeof *csv->slices);
  csv->unquoted = moved(csv->arena, csv->unquoted, csv->scratch, count, sizeof *csv->unquoted);
  csv->unquoted_capacity =
      moved(csv->arena, csv->unquoted_capacity, csv->scratch, count, sizeof *csv->unquoted_capacity);
  csv->scratch = count;
}

/* A whole row as slices of the buffer; *count is the number of fields, of which the first `room` are kept. */
enum scan csv_scan_row(struct csv *csv, const char **at, size_t room, size_t *count, struct error *error) {
  *count = 0;
  csv->embedded = 0;
  for (;;) {
    struct slice field;
    int column = *count < room ? (int)*count : (int)room;
    if ((size_t)column + 1 >= csv->scratch) scratch_grow(csv);
    enum scan scan = csv_scan_field(csv, at, column, &field, error);
    if (scan == SCAN_MORE || scan == SCAN_BAD) return scan;
    if (*count < room) csv->slices[*count] = field;
    ++*count;
    if (scan == SCAN_ROW) return SCAN_ROW;
  }
}

static void skip_empty_lines(struct csv *csv) {
  for (;;) {
    if (*csv->at == '\n' && csv->at < csv->end)
      csv->at++;
    else if (*csv->at == '\r' && csv->at[1] == '\n')
      csv->at += 2;
    else
      return;
    csv->line++;
  }
}

/* Whether the bytes up to `to` may be believed; else *error says where they are broken. */
bool csv_believable(struct csv *csv, const char *to, struct error *error) {
  if (!csv->broken || to <= csv->checked) return true;
  refuse_bytes(csv, csv->at, error);
  return false;
}

/* Brings the buffer to a state in which another try to read a row makes sense. */
enum err csv_need_more(struct csv *csv, struct error *error) {
  if (csv->broken) {
    refuse_bytes(csv, csv->at, error);
    return ERR_INPUT;
  }
  if (csv->at_end) return csv_refuse(csv, csv->line, -1, error, "the file ends inside a row");
  return refill(csv, error);
}

enum err csv_find_row(struct csv *csv, bool stay, bool *any, struct error *error) {
  for (;;) {
    skip_empty_lines(csv);
    bool cut = *csv->at == '\r' && csv->at + 1 == csv->end && !csv->at_end;
    if (csv->at < csv->end && !cut) break;
    if (csv->at_end || stay) {
      *any = false;
      return OK;
    }
    enum err err = refill(csv, error);
    if (err) return err;
  }
  *any = true;
  return OK;
}

/* One whole row in csv->slices, at most `room` of them; *count == 0 after the last row. Moves to the next row. */
enum err csv_read_row(struct csv *csv, size_t room, size_t *count, size_t *line, struct error *error) {
  bool any;
  enum err err = csv_find_row(csv, false, &any, error);
  *count = 0;
  if (err || !any) return err;
  for (;;) {
    const char *at = csv->at;
    enum scan scan = csv_scan_row(csv, &at, room, count, error);
    if (scan == SCAN_MORE) {
      if ((err = csv_need_more(csv, error))) return err;
      continue;
    }
    if (!csv_believable(csv, at, error) || scan == SCAN_BAD) return ERR_INPUT;
    *line = csv->line;
    csv->line += 1 + csv->embedded;
    csv->at = at;
    return OK;
  }
}

/* ---- opening ---- */

static int compare_names(const void *a, const void *b) {
  return strcmp((*(const struct column *const *)a)->name, (*(const struct column *const *)b)->name);
}

static enum err refuse_twins(struct csv *csv, struct error *error) {
  struct column **sorted = arena_array(csv->arena, csv->column_count, sizeof *sorted);
  for (size_t i = 0; i < csv->column_count; i++) sorted[i] = &csv->columns[i];
  qsort(sorted, csv->column_count, sizeof *sorted, compare_names);
  for (size_t i = 1; i < csv->column_count; i++)
    if (*sorted[i]->name && !strcmp(sorted[i]->name, sorted[i - 1]->name)) {
      size_t later = (size_t)(sorted[i] > sorted[i - 1] ? sorted[i] - csv->columns : sorted[i - 1] - csv->columns);
      return csv_refuse(csv, 1, (int)later, error, "there are two columns of this name");
    }
  return OK;
}

enum err csv_read_header(struct csv *csv, struct error *error) {
  csv->line = 1;
  size_t count, line;
  enum err err = refill(csv, error);
  if (err) return err;
  if (csv->end - csv->at >= 2 && (!memcmp(csv->at, "\xff\xfe", 2) || !memcmp(csv->at, "\xfe\xff", 2)))
    return csv_refuse(csv, 1, -1, error, "the file is in UTF-16; save it as UTF-8");
  if (csv->end - csv->at >= 3 && !memcmp(csv->at, "\xef\xbb\xbf", 3)) csv->at += 3;
  err = csv_read_row(csv, CSV_COLUMNS_MAXIMUM, &count, &line, error);
  if (err) return err;
  if (!count) return csv_refuse(csv, 1, -1, error, "the file is empty; its first line names the columns");
  if (count > CSV_COLUMNS_MAXIMUM)
    return csv_refuse(csv, line, -1, error, "there are %zu columns; the most is %d", count, CSV_COLUMNS_MAXIMUM);
  if (csv->columns) return OK; /* reading again from the start */
  csv->columns = arena_array(csv->arena, count, sizeof *csv->columns);
  for (size_t i = 0; i < count; i++)
    csv->columns[i].name = arena_text_n(csv->arena, csv->slices[i].text, csv->slices[i].length);
  csv->column_count = count;
  return refuse_twins(csv, error);
}

static enum err open_with(struct csv **out, struct csv start, struct arena *arena, struct error *error) {
  struct csv *csv = arena_alloc(arena, sizeof *csv);
  *csv = start;
  csv->arena = arena;
  csv->name = arena_text(arena, start.name);
  csv->stops[(unsigned char)csv->separator] = csv->stops['\n'] = csv->stops['\r'] = csv->stops['"'] = csv->stops[0] =
      true;
  *out = csv;
  enum err err = csv_read_header(csv, error);
  if (err) {
    csv_close(csv);
    *out = NULL;
  }
  return err;
}

enum err csv_open_memory_with(struct csv **csv, struct arena *arena, const char *bytes, size_t length, const char *name,
                              char separator, struct error *error) {
  struct csv start = {.name = name, .separator = separator, .fd = -1, .memory = bytes, .memory_left = length};
  start.memory_start = bytes;
  start.memory_length = length;
  return open_with(csv, start, arena, error);
}

enum err csv_open_memory(struct csv **csv, struct arena *arena, const char *bytes, size_t length, const char *name,
                         struct error *error) {
  return csv_open_memory_with(csv, arena, bytes, length, name, ',', error);
}

enum err csv_open_file(struct csv **csv, struct arena *arena, const char *path, struct error *error) {
  *csv = NULL;
  bool standard = !strcmp(path, "-");
  int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(error, ERR_MISSING, "csv-open", path, "%s could not be opened: %s", path, strerror(errno));
  struct csv start = {
      .name = standard ? "standard input" : path, .separator = ',', .fd = fd, .owns_fd = !standard};
  return open_with(csv, start, arena, error);
}

void csv_close(struct csv *csv) {
  if (!csv) return;
  if (csv->owns_fd) close(csv->fd);
  free(csv->buffer);
  for (size_t i = 0; i < csv->scratch; i++) free(csv->unquoted[i]);
  csv->buffer = NULL;
  csv->scratch = 0;
  csv->owns_fd = false;
}

/* ---- columns by name ---- */

size_t csv_columns(const struct csv *csv) {
  return csv->column_count;
}

const char *csv_name(const struct csv *csv, size_t column) {
  return csv->columns[column].name;
}

int csv_column(const struct csv *csv, const char *name) {
  for (size_t i = 0; i < csv->column_count; i++)
    if (!strcmp(csv->columns[i].name, name)) return (int)i;
  return -1;
}

enum err csv_need_column(const struct csv *csv, const char *name, int *column, struct error *error) {
  *column = csv_column(csv, name);
  if (*column >= 0) return OK;
  const char *nearest = csv->columns[0].name;
  unsigned least = UINT32_MAX;
  for (size_t i = 0; i < csv->column_count; i++) {
    unsigned far = text_distance(name, csv->columns[i].name);
    if (far < least) {
      least = far;
      nearest = csv->columns[i].name;
    }
  }
  if (csv->column_count == 1 && csv->separator == ',' && strpbrk(nearest, ";\t"))
    return fail(error, ERR_INPUT, "csv-separator", name,
                "%s has no column '%.60s': its columns are not separated by commas", csv->name, name);
  return fail(error, ERR_INPUT, "csv-column", name, "%s has no column '%.60s'; the nearest is '%.60s'", csv->name, name,
              nearest);
}

/* ---- rows of text ---- */

bool csv_missing(const char *field) {
  return !*field || !strcmp(field, "NA");
}

bool csv_seems_missing(const char *field) {
  static const char *const marks[] = {"na", "n/a", "n.a.", "#n/a", "<na>", "nan", "null", "#null!", ".", "?"};
  if (*field && !field[strspn(field, " \t")]) return true;
  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
    if (!strcasecmp(field, marks[i])) return !csv_missing(field);
  return false;
}

enum err csv_refuse_count(struct csv *csv, size_t line, size_t count, struct error *error) {
  int column = (int)(count < csv->column_count ? count - 1 : csv->column_count - 1);
  return csv_refuse(csv, line, column, error, "the row has %zu field%s; the header has %zu", count,
                    count == 1 ? "" : "s", csv->column_count);
}

enum err csv_next_row(struct csv *csv, struct csv_row *row, struct error *error) {
  size_t count, bytes = 0;
  row->fields = NULL;
  enum err err = csv_read_row(csv, csv->column_count, &count, &row->line, error);
  if (err || !count) return err;
  if (count != csv->column_count) return csv_refuse_count(csv, row->line, count, error);
  for (size_t i = 0; i < count; i++) bytes += csv->slices[i].length + 1;
  char *text = arena_alloc(csv->arena, bytes);
  const char **fields = arena_array(csv->arena, count, sizeof *fields);
  for (size_t i = 0; i < count; i++) {
    struct slice field = csv->slices[i];
    fields[i] = text;
    if (field.length) memcpy(text, field.text, field.length);
    text += field.length + 1;
  }
  row->fields = fields;
  csv->row++;
  return OK;
}
