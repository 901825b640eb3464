/* Backups: the rows of a snapshot in a SQLite file of their own, whatever the engine; and back again. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "store/store_engine.h"
#include "store/store_files.h"

/* The i-th of the tables that travel: the ledger's, then the derived ones. NULL after the last. */
static const char *travelling(size_t i) {
  size_t ledger_count, derived_count;
  const char *const *ledger = store_ledger_tables(&ledger_count);
  const char *const *derived = store_derived_tables(&derived_count);
  if (i < ledger_count) return ledger[i];
  return i < ledger_count + derived_count ? derived[i - ledger_count] : NULL;
}

static char *insert_all(struct arena *arena, const char *table, const struct table_shape *shape) {
  struct buf sql = buf_in(arena, 512);
  buf_adds(&sql, "INSERT INTO ");
  buf_adds(&sql, table);
  for (int i = 0; i < shape->columns; i++) buf_addf(&sql, "%s%s", i ? ", " : " (", shape->name[i]);
  for (int i = 0; i < shape->columns; i++) buf_addf(&sql, "%s$%d", i ? ", " : ") VALUES (", i + 1);
  buf_adds(&sql, ")");
  return sql.data;
}

/* PostgreSQL keeps a result whole in memory; the ledger's two large tables are therefore read in pieces by their key.
 */
#define PIECE 5000

static enum err copy_piece(struct db *from, struct db *into, const char *select, const char *insert, int64_t *next,
                           int64_t *copied, struct error *error) {
  struct value values[STORE_MAX_COLUMNS];
  struct rows rows;
  enum err err = OK;
  *copied = 0;
  if (next)
    rows_open(&rows, from, select, ARGS(v_int(*next)));
  else
    rows_open(&rows, from, select, NO_ARGS);
  while (!err && rows_next(&rows)) {
    int columns = rows_columns(&rows);
    for (int i = 0; i < columns; i++) values[i] = rows_value(&rows, i);
    if (next) *next = values[0].integer + 1;
    err = db_exec(into, error, insert, values, (size_t)columns);
    ++*copied;
  }
  enum err closed = rows_close(&rows, err ? NULL : error);
  return err ? err : closed;
}

static enum err copy_table(struct db *from, struct db *into, const char *table, struct error *error) {
  struct arena arena = {0};
  struct table_shape shape, other;
  char *select, *unused;
  int64_t next = INT64_MIN, copied = PIECE;
  enum err err = table_select(from, &arena, table, &shape, &select, error);
  if (!err) err = table_select(into, &arena, table, &other, &unused, error);
  if (!err && (shape.columns != other.columns || memcmp(shape.name, other.name, sizeof shape.name) != 0))
    err = fail(error, ERR_STATE, "backup-schema", "", "the table %s has other columns there than here", table);
  if (!err) {
    const char *insert = insert_all(&arena, table, &shape);
    bool large = !strcmp(table, "ledger_entry") || !strcmp(table, "ledger_body");
    if (large) {
      char *order = strstr(select, " ORDER BY");
      select = arena_printf(&arena, "%.*s WHERE sequence >= $1 ORDER BY sequence LIMIT %d", (int)(order - select),
                            select, PIECE);
    }
    while (!err && copied == PIECE) {
      err = copy_piece(from, into, select, insert, large ? &next : NULL, &copied, error);
      if (!large) break;
    }
  }
  arena_free(&arena);
  return err;
}

static enum err copy_all(struct db *from, struct db *into, struct error *error) {
  enum err err = OK;
  const char *table;
  for (size_t i = 0; !err && (table = travelling(i)); i++) err = copy_table(from, into, table, error);
  return err;
}

/* ---- backup ---- */

static enum err write_part(struct db *from, const char *part, struct error *error) {
  struct db *into;
  enum err err = sqlite_file_open(&into, part, true, error);
  if (err) return err;
  err = schema_forward(into, true, true, error);
  if (!err) err = db_begin(into, error);
  if (!err) err = copy_all(from, into, error);
  if (!err) err = db_commit(into, error);
  db_close(into);
  return err;
}

enum err store_backup(struct store *store, const char *file, struct error *error) {
  char part[4096];
  if ((size_t)snprintf(part, sizeof part, "%s.part", file) >= sizeof part)
    return fail(error, ERR_INPUT, "file-name", file, "the file's name is too long");
  if (!access(file, F_OK))
    return fail(error, ERR_STATE, "file-exists", file, "%s is there already; choose another name", file);
  if (unlink(part) && errno != ENOENT)
    return fail(error, ERR_STATE, "file", file, "%s: cannot be replaced: %s", part, strerror(errno));
  int made = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600); /* first, so that nobody else may read it */
  if (made < 0) return fail(error, ERR_STATE, "file", file, "%s: cannot be written: %s", part, strerror(errno));
  close(made);
  struct db *from;
  enum err err = db_open(&from, store, DB_OPEN, error);
  if (!err) err = db_snapshot(from, error);
  if (!err) err = write_part(from, part, error);
  db_close(from);
  if (!err) err = file_part_finish(file, error);
  if (err) unlink(part);
  return err;
}

/* ---- restore ---- */

static enum err empty_check(struct db *into, struct error *error) {
  enum err err = OK;
  int64_t rows = 0;
  const char *table;
  for (size_t i = 0; !err && !rows && (table = travelling(i)); i++) {
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s ORDER BY 1", table);
    err = db_int(into, error, &rows, 0, sql, NO_ARGS);
  }
  if (!err && rows)
    return fail(error, ERR_STATE, "home-used", "", "the home is not empty: a backup is restored into a new one");
  return err;
}

static enum err named(const char *file, const struct error *detail, struct error *error) {
  return detail->code ? fail(error, detail->code, detail->id, file, "%s: %s", file, detail->text) : OK;
}

static enum err file_check(struct db *from, const char *file, struct error *error) {
  struct table_shape shape;
  struct error detail = {0};
  enum err err = from->engine->shape(from, "schema_version", &shape, &detail);
  if (err || !shape.columns)
    return fail(error, ERR_INPUT, "backup-broken", file, "%s is not a backup made by attune backup%s%s", file,
                err ? ": " : "", err ? detail.text : "");
  schema_forward(from, false, false, &detail);
  return named(file, &detail, error);
}

/* A backup of an earlier version is brought forward in a copy, never where it stands. */
static enum err copy_forward(struct db **from, const char *copy, const char *file, struct error *error) {
  struct error detail = {0};
  enum err err = file_copy(file, copy, error);
  if (!err) err = sqlite_file_open(from, copy, true, error);
  if (err) return err;
  schema_forward(*from, true, false, &detail);
  return named(file, &detail, error);
}

static enum err backup_open(struct db **from, const char *copy, const char *file, struct error *error) {
  struct error detail = {0};
  enum err err = sqlite_file_open(from, file, false, error);
  if (err || !file_check(*from, file, &detail)) return err;
  if (!strcmp(detail.id, "home-older")) {
    db_close(*from);
    *from = NULL;
    return copy_forward(from, copy, file, error);
  }
  if (error) *error = detail;
  return detail.code;
}

/* Whether the tables wait for the ledger to fill them travels with them. */
static enum err copy_whole(struct db *from, struct db *into, struct error *error) {
  bool due = false;
  enum err err = copy_all(from, into, error);
  if (!err) err = schema_replay_due(from, &due, error);
  return !err && due ? schema_replay_mark(into, 0, error) : err;
}

enum err store_restore(struct store *store, const char *file, struct error *error) {
  if (access(file, R_OK)) return fail(error, ERR_INPUT, "file-missing", file, "%s: %s", file, strerror(errno));
  struct db *from = NULL, *into = NULL;
  char copy[4096];
  if ((size_t)snprintf(copy, sizeof copy, "%s/restoring.db", store->home) >= sizeof copy)
    return fail(error, ERR_INPUT, "file-name", store->home, "the home's name is too long");
  enum err err = backup_open(&from, copy, file, error);
  if (!err) err = db_open(&into, store, DB_WRITER, error);
  if (!err) err = db_begin(into, error);
  if (!err) err = empty_check(into, error);
  if (!err) err = copy_whole(from, into, error);
  if (!err) err = db_commit(into, error);
  db_close(into);
  db_close(from);
  unlink(copy);
  return err;
}
