/* The canonical dump, and the comparison of two databases row by row. */
#include "store/store_engine.h"

/* "SELECT columns FROM table ORDER BY key". */
static char *select_all(struct arena *arena, const char *table, const struct table_shape *shape) {
  struct buf sql = buf_in(arena, 512);
  for (int i = 0; i < shape->columns; i++) buf_addf(&sql, "%s%s", i ? ", " : "SELECT ", shape->name[i]);
  buf_addf(&sql, " FROM %s", table);
  for (int i = 0; i < shape->keys; i++) buf_addf(&sql, "%s%s", i ? ", " : " ORDER BY ", shape->name[shape->key[i]]);
  return sql.data;
}

enum err table_select(struct db *db, struct arena *arena, const char *table, struct table_shape *shape, char **sql,
                      struct error *error) {
  enum err err = db->engine->shape(db, table, shape, error);
  if (err) return err;
  if (!shape->columns || !shape->keys)
    return fail(error, ERR_STORE, "store-damaged", "", "the table %s is not there, or has no primary key", table);
  *sql = select_all(arena, table, shape);
  return OK;
}

static void add_row(struct buf *line, struct rows *rows) {
  int columns = rows_columns(rows);
  for (int i = 0; i < columns; i++) {
    struct value value = rows_value(rows, i);
    if (value.type == VALUE_NULL)
      buf_addc(line, 'n');
    else if (value.type == VALUE_INT)
      buf_addf(line, "i%lld,", (long long)value.integer);
    else {
      buf_addf(line, "%c%zu:", value.type == VALUE_TEXT ? 't' : 'b', value.length);
      buf_add(line, value.bytes, value.length);
      buf_addc(line, ',');
    }
  }
  buf_addc(line, '\n');
}

static enum err dump_table(struct db *db, const char *table, dump_write *write, void *state, struct error *error) {
  struct arena arena = {0}, line_arena = {0};
  struct table_shape shape;
  char *sql, head[128];
  int64_t count = 0;
  enum err err = table_select(db, &arena, table, &shape, &sql, error);
  if (!err)
    err = db_int(db, error, &count, 0, arena_printf(&arena, "SELECT count(*) FROM %s ORDER BY 1", table), NO_ARGS);
  if (!err) err = write(state, head, (size_t)snprintf(head, sizeof head, "table %s %lld\n", table, (long long)count));
  if (!err) {
    struct rows rows;
    rows_open(&rows, db, sql, NO_ARGS);
    while (!err && rows_next(&rows)) {
      arena_reset(&line_arena);
      struct buf line = buf_in(&line_arena, 1024);
      add_row(&line, &rows);
      err = write(state, line.data, line.length);
    }
    enum err closed = rows_close(&rows, error);
    if (!err) err = closed;
  }
  arena_free(&line_arena);
  arena_free(&arena);
  return err;
}

enum err db_dump(struct db *db, dump_write *write, void *state, struct error *error) {
  size_t count;
  const char *const *tables = store_derived_tables(&count);
  enum err err = OK;
  for (size_t i = 0; !err && i < count; i++) err = dump_table(db, tables[i], write, state, error);
  return err;
}

/* Says which row differs by its key, never by its contents: the sentence may end up in a log. */
static void name_row(char *out, size_t capacity, const char *table, const struct table_shape *shape, struct rows *rows,
                     const char *what) {
  struct arena arena = {0};
  struct buf key = buf_in(&arena, 128);
  for (int i = 0; i < shape->keys; i++) {
    struct value value = rows_value(rows, shape->key[i]);
    buf_addf(&key, "%s%s=", i ? ", " : "", shape->name[shape->key[i]]);
    if (value.type == VALUE_INT)
      buf_addf(&key, "%lld", (long long)value.integer);
    else
      buf_add(&key, value.bytes, value.length);
  }
  snprintf(out, capacity, "table %s, row %s: %s", table, key.data, what);
  arena_free(&arena);
}

static enum err compare_table(struct db *a, struct db *b, const char *table, char *out, size_t capacity,
                              struct error *error) {
  struct arena arena = {0}, lines = {0};
  struct table_shape shape, other;
  char *sql, *other_sql;
  enum err err = table_select(a, &arena, table, &shape, &sql, error);
  if (!err) err = table_select(b, &arena, table, &other, &other_sql, error);
  if (err) {
    arena_free(&arena);
    return err;
  }
  struct rows left, right;
  rows_open(&left, a, sql, NO_ARGS);
  rows_open(&right, b, other_sql, NO_ARGS);
  for (bool more = true; more && !*out;) {
    bool in_left = rows_next(&left), in_right = rows_next(&right);
    more = in_left && in_right;
    arena_reset(&lines);
    struct buf one = buf_in(&lines, 1024), two = buf_in(&lines, 1024);
    if (in_left) add_row(&one, &left);
    if (in_right) add_row(&two, &right);
    if (left.failed || right.failed || (one.length == two.length && !memcmp(one.data, two.data, one.length))) continue;
    name_row(out, capacity, table, &shape, in_left ? &left : &right,
             more      ? "the tables and the ledger differ here"
             : in_left ? "is in the tables but not in the ledger"
                       : "is in the ledger but not in the tables");
  }
  err = rows_close(&left, error);
  enum err second = rows_close(&right, err ? NULL : error);
  arena_free(&lines);
  arena_free(&arena);
  return err ? err : second;
}

enum err db_first_difference(struct db *a, struct db *b, char *out, size_t capacity, struct error *error) {
  size_t count;
  const char *const *tables = store_derived_tables(&count);
  enum err err = OK;
  *out = 0;
  for (size_t i = 0; !err && !*out && i < count; i++) err = compare_table(a, b, tables[i], out, capacity, error);
  return err;
}
