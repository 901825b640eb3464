/* The SQLite back end. Debian 12's SQLite 3.40.1 has the WAL-reset bug (two connections that write or checkpoint at
 * once can corrupt the file; fixed in 3.51.3), therefore: one connection of one process writes and checkpoints, every
 * other is opened read-only and never checkpoints, not even as the last to close. */
#include <pthread.h>
#include <sqlite3.h>

#include "base/log.h"
#include "base/utf8.h"
#include "store/store_engine.h"

#define CHECKPOINT_FRAMES 1000    /* as SQLite's own default */
#define WAL_KEPT_BYTES (64 << 20) /* the WAL file is cut to this after a reset */
#define BUSY_MS 5000              /* how long a statement waits for another's lock */
#define CACHE_BUCKETS 256
#define CACHE_MAXIMUM 512

struct statement {
  struct statement *next;
  char *sql;
  uint64_t hash;
  sqlite3_stmt *handle;
  int parameters, place[STORE_MAX_PARAMETERS + 1]; /* place[n] is SQLite's index of $n */
  bool busy, cached;
};

struct sqlite_db {
  struct db base;
  sqlite3 *handle;
  char *name; /* for sentences */
  struct statement *bucket[CACHE_BUCKETS];
  int cached;
  int wal_frames;        /* after the last commit */
  sqlite3_stmt *view[2]; /* BEGIN and COMMIT of a reader's view; made before a masked connection is closed to them */
  unsigned guards;
  struct reader_words *words; /* of a reader that sees some tables alone; so are these: */
  sqlite3_stmt *schema;       /* finds the roots */
  int root[128], roots;       /* root pages of the allowed tables and their indexes */
  bool looking;               /* at the schema, for itself */
};

static struct sqlite_db *sqlite_of(const struct db *db) {
  return (struct sqlite_db *)(uintptr_t)db;
}

/* ---- what went wrong, in a sentence ---- */

static enum err sqlite_fail(struct sqlite_db *db, int code, const char *sql, struct error *error) {
  const char *what = db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code);
  if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC)
    die("%s: the disk did not take what was written (%s): stopped, so that nothing unsaved is confirmed", db->name,
        what);
  if (db->words && !strncmp(what, "not authorized", 14)) code = SQLITE_AUTH; /* of a function it is a plain error */
  switch (code & 0xff) {
  case SQLITE_FULL:
    return fail(error, ERR_BUSY, "disk-full", "",
                "the disk that holds %s is full: nothing was stored; free some space, then try again", db->name);
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return fail(error, ERR_BUSY, "store-busy", "", "%s is busy (%s): nothing was stored; try again", db->name, what);
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    return fail(error, ERR_STORE, "store-damaged", "",
                "%s is damaged (%s): stop the server and restore it from a backup (attune restore)", db->name, what);
  case SQLITE_AUTH:
    return fail(error, ERR_DENIED, "reader", "", "a statement of this reader may not do this (%s): %.200s", what,
                sql ? sql : "");
  case SQLITE_NOMEM:
    die("out of memory");
  default:
    return fail(error, ERR_STORE, "store-failed", "", "%s: %s%s%.200s", db->name, what, sql ? ": " : "",
                sql ? sql : "");
  }
}

/* ---- opening ---- */

static int on_commit_to_wal(void *state, sqlite3 *handle, const char *schema, int frames) {
  (void)handle;
  (void)schema;
  ((struct sqlite_db *)state)->wal_frames = frames;
  return SQLITE_OK;
}

static enum err pragmas(struct sqlite_db *db, const char *text, struct error *error) {
  int code = sqlite3_exec(db->handle, text, NULL, NULL, NULL);
  return code ? sqlite_fail(db, code, text, error) : OK;
}

static void configure(sqlite3 *handle) {
  static const struct {
    int option, value;
  } settings[] = {
      {SQLITE_DBCONFIG_DEFENSIVE, 1},
      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
      {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
      {SQLITE_DBCONFIG_DQS_DML, 0},
      {SQLITE_DBCONFIG_DQS_DDL, 0},
      {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
      {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
      {SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0},
  };
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
    sqlite3_db_config(handle, settings[i].option, settings[i].value, NULL);
  sqlite3_busy_timeout(handle, BUSY_MS);
}

static enum err settings_of_kind(struct sqlite_db *db, enum db_kind kind, const struct store *store,
                                 struct error *error) {
  bool memory = store->memory;
  if (kind != DB_WRITER) {
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_wal_autocheckpoint(db->handle, 0);
    return pragmas(db, "PRAGMA mmap_size = 0; PRAGMA query_only = ON; PRAGMA cache_size = -2000;", error);
  }
  enum err err = pragmas(
      db, "PRAGMA mmap_size = 0; PRAGMA secure_delete = ON; PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY;",
      error);
  const char *sync = store->mode == STORE_MAKE ? "PRAGMA synchronous = OFF" : "PRAGMA synchronous = FULL";
  if (!err && !memory) err = pragmas(db, "PRAGMA journal_mode = WAL;", error);
  if (!err && !memory) err = pragmas(db, sync, error);
  char limit[64];
  snprintf(limit, sizeof limit, "PRAGMA journal_size_limit = %d", WAL_KEPT_BYTES);
  if (!err && !memory) err = pragmas(db, limit, error);
  sqlite3_wal_autocheckpoint(db->handle, 0); /* run_checkpoint() does it, and sees when a sync fails */
  sqlite3_wal_hook(db->handle, on_commit_to_wal, db);
  return err;
}

static int authorize(void *state, int action, const char *a, const char *b, const char *schema, const char *trigger);

/* They move when the file is written anew (rewrite), so they are read for each statement that is prepared. Running this
 * also makes the connection take notice of a schema that has changed. */
static enum err roots_load(struct sqlite_db *db, struct error *error) {
  int code;
  db->roots = 0;
  db->looking = true;
  while ((code = sqlite3_step(db->schema)) == SQLITE_ROW) {
    if (!reader_reads(db->words->list, (const char *)sqlite3_column_text(db->schema, 1))) continue;
    if (db->roots == (int)(sizeof db->root / sizeof *db->root))
      die("the schema has more indexes than a reader can hold");
    db->root[db->roots++] = sqlite3_column_int(db->schema, 0);
  }
  sqlite3_reset(db->schema);
  db->looking = false;
  return code == SQLITE_DONE ? OK : sqlite_fail(db, code, NULL, error);
}

static enum err narrow(struct sqlite_db *db, struct error *error) {
  db->words = calloc(1, sizeof *db->words);
  if (!db->words) die("out of memory");
  enum err err = reader_words_load(db->words, &db->base, error);
  if (err) return err;
  int code = sqlite3_prepare_v3(db->handle, "SELECT rootpage, tbl_name FROM sqlite_schema WHERE rootpage > 0 ORDER BY rootpage", -1,
                                SQLITE_PREPARE_PERSISTENT, &db->schema, NULL);
  if (code) return sqlite_fail(db, code, NULL, error);
  db->guards = GUARD_TEXT | GUARD_AUTHORIZER | GUARD_EXPLAIN;
  sqlite3_set_authorizer(db->handle, authorize, db);
  return OK;
}

static void statements_drop(struct sqlite_db *db);

static void close_db(struct db *base) {
  struct sqlite_db *db = sqlite_of(base);
  statements_drop(db);
  for (int i = 0; i < 2; i++) sqlite3_finalize(db->view[i]);
  sqlite3_finalize(db->schema);
  if (sqlite3_close(db->handle)) die("a connection was closed while one of its statements was open: a defect");
  free(db->words);
  free(db->name);
  free(base->readings);
  free(db);
}

/* The library counts every byte it takes under one lock of the whole process unless it is told not to. */
static void library_start(void) {
  sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static enum err open_file(struct sqlite_db **out, const char *file, int flags, struct error *error) {
  static pthread_once_t started = PTHREAD_ONCE_INIT;
  pthread_once(&started, library_start);
  struct sqlite_db *db = calloc(1, sizeof *db);
  if (!db) die("out of memory");
  db->base.engine = &engine_sqlite;
  db->name = strdup(file);
  int code = sqlite3_open_v2(file, &db->handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
  if (code) {
    enum err err = sqlite_fail(db, code, NULL, error);
    close_db(&db->base);
    return err;
  }
  configure(db->handle);
  *out = db;
  return OK;
}

static enum err view_prepare(struct sqlite_db *db, struct error *error) {
  static const char *const text[] = {"BEGIN", "COMMIT"};
  for (int i = 0; i < 2; i++) {
    int code = sqlite3_prepare_v3(db->handle, text[i], -1, SQLITE_PREPARE_PERSISTENT, &db->view[i], NULL);
    if (code) return sqlite_fail(db, code, text[i], error);
  }
  return OK;
}

/* Neither can fail in a way that matters: without a view each statement reads for itself. */
static void view_run(struct sqlite_db *db, int which) {
  if (!db->view[which] || (which == 0) != (sqlite3_get_autocommit(db->handle) != 0)) return;
  sqlite3_step(db->view[which]);
  sqlite3_reset(db->view[which]);
}

static void view_begin(struct db *base) {
  view_run(sqlite_of(base), 0);
}

static void view_end(struct db *base) {
  view_run(sqlite_of(base), 1);
}

static enum err open_db(struct db **out, struct store *store, enum db_kind kind, struct error *error) {
  struct sqlite_db *db;
  bool shared = store->memory; /* a memory database is made by whoever opens it first */
  int flags = kind == DB_WRITER || shared ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
  enum err err = open_file(&db, store->file, flags | SQLITE_OPEN_URI * shared, error);
  if (err) return err;
  db->base.store = store;
  db->base.kind = kind;
  err = settings_of_kind(db, kind, store, error);
  if (!err && kind != DB_WRITER) err = view_prepare(db, error);
  if (!err && reader_list_of(kind)) err = narrow(db, error);
  if (err)
    close_db(&db->base);
  else
    *out = &db->base;
  return err;
}

enum err sqlite_file_open(struct db **out, const char *file, bool fresh, struct error *error) {
  struct sqlite_db *db;
  int flags = fresh ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
  enum err err = open_file(&db, file, flags, error);
  if (err) return err;
  db->base.kind = fresh ? DB_WRITER : DB_OPEN;
  err = pragmas(db,
                fresh ? "PRAGMA mmap_size = 0; PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL;"
                      : "PRAGMA mmap_size = 0; PRAGMA query_only = ON;",
                error);
  if (err)
    close_db(&db->base);
  else
    *out = &db->base;
  return err;
}

/* ---- statements ---- */

static void statement_free(struct statement *statement) {
  sqlite3_finalize(statement->handle);
  free(statement->sql);
  free(statement);
}

/* Frees what is not in use; called when the cache is full and at the end. */
static void statements_drop(struct sqlite_db *db) {
  for (int i = 0; i < CACHE_BUCKETS; i++) {
    for (struct statement **place = &db->bucket[i]; *place;) {
      struct statement *statement = *place;
      if (statement->busy) {
        place = &statement->next;
        continue;
      }
      *place = statement->next;
      statement_free(statement);
      db->cached--;
    }
  }
}

static bool root_allowed(const struct sqlite_db *db, int page) {
  for (int i = 0; i < db->roots; i++)
    if (db->root[i] == page) return true;
  return false;
}

/* One instruction of the program that SQLite made of a statement (https://sqlite.org/opcode.html). */
static bool instruction_allowed(const struct sqlite_db *db, const char *opcode, int p2, int p3, int p5) {
  static const char *const never[] = {
      "OpenWrite", "Clear",      "Destroy", "CreateBtree", "ParseSchema", "SqlExec",    "Vacuum",    "Checkpoint",
      "VOpen",     "VFilter",    "VUpdate", "VCreate",     "Insert",      "Delete",     "Program",   "JournalMode",
      "SetCookie", "IncrVacuum", "Expire",  "ReadCookie",  "Savepoint",   "AutoCommit", "Pagecount", "MaxPgcnt"};
  if (!strcmp(opcode, "OpenRead") || !strcmp(opcode, "ReopenIdx"))
    return p3 == 0 && !(p5 & 0x10) && root_allowed(db, p2); /* 0x10: OPFLAG_P2ISREG, the page is not a constant */
  for (size_t i = 0; i < sizeof never / sizeof *never; i++)
    if (!strcmp(opcode, never[i])) return false;
  return true;
}

/* The guard after the text: the program that SQLite makes of the statement opens allowed root pages only. */
static enum err explain_check(struct sqlite_db *db, const char *sql, struct error *error) {
  char *explain = sqlite3_mprintf("EXPLAIN %s", sql);
  sqlite3_stmt *handle = NULL;
  int code = sqlite3_prepare_v2(db->handle, explain, -1, &handle, NULL);
  sqlite3_free(explain);
  if (code) return sqlite_fail(db, code, sql, error);
  if (sqlite3_stmt_isexplain(handle) != 1) { /* "QUERY PLAN ..." or nothing */
    sqlite3_finalize(handle);
    return fail(error, ERR_DENIED, "reader", "", "a statement of this reader is one SELECT: %.200s", sql);
  }
  enum err err = OK;
  int instructions = 0;
  while (!err && (code = sqlite3_step(handle)) == SQLITE_ROW) {
    instructions++;
    const char *opcode = (const char *)sqlite3_column_text(handle, 1);
    if (!opcode || !instruction_allowed(db, opcode, sqlite3_column_int(handle, 3), sqlite3_column_int(handle, 4),
                                        sqlite3_column_int(handle, 6)))
      err = fail(error, ERR_DENIED, "reader", "",
                 "a statement of the %s reader reaches what it may not see (%s %d): %.200s", db->words->list->name, opcode ? opcode : "",
                 sqlite3_column_int(handle, 3), sql);
  }
  if (!err && (code != SQLITE_DONE || !instructions)) err = sqlite_fail(db, code, sql, error);
  sqlite3_finalize(handle);
  return err;
}

/* The roots and the program that is held against them are of one state of the database. */
static enum err explain_guard(struct sqlite_db *db, const char *sql, struct error *error) {
  bool own = sqlite3_get_autocommit(db->handle);
  if (own) view_run(db, 0);
  enum err err = roots_load(db, error);
  if (!err) err = explain_check(db, sql, error);
  if (own) view_run(db, 1);
  return err;
}

static enum err guard(struct sqlite_db *db, const char *sql, struct error *error) {
  enum err err = db->guards & GUARD_TEXT ? reader_text_check(db->words, sql, error) : OK;
  return !err && db->guards & GUARD_EXPLAIN ? explain_guard(db, sql, error) : err;
}

/* Statements are literals: where one stands says which it is, and comparing it with itself is all that is left to do.
 */
static uint64_t place_hash(const char *sql) {
  return (uint64_t)(uintptr_t)sql * UINT64_C(0x9E3779B97F4A7C15) >> 20;
}

static enum err prepare(struct sqlite_db *db, const char *sql, struct statement **out, struct error *error) {
  enum err err = db->guards ? guard(db, sql, error) : OK;
  if (err) return err;
  sqlite3_stmt *handle;
  const char *tail;
  int code = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &handle, &tail);
  if (code) return sqlite_fail(db, code, sql, error);
  if (!handle || *tail) {
    sqlite3_finalize(handle);
    return fail(error, ERR_STORE, "store-defect", "", "one statement is expected: %.200s", sql);
  }
  struct statement *statement = calloc(1, sizeof *statement);
  if (!statement) die("out of memory");
  statement->sql = strdup(sql);
  statement->hash = place_hash(sql);
  statement->handle = handle;
  statement->parameters = sqlite3_bind_parameter_count(handle);
  for (int n = 1; n <= STORE_MAX_PARAMETERS; n++) {
    char name[16];
    snprintf(name, sizeof name, "$%d", n);
    statement->place[n] = sqlite3_bind_parameter_index(handle, name);
  }
  *out = statement;
  return OK;
}

static enum err statement_find(struct sqlite_db *db, const char *sql, struct statement **out, struct error *error) {
  uint64_t hash = place_hash(sql);
  struct statement **bucket = &db->bucket[hash % CACHE_BUCKETS];
  bool busy = false;
  for (struct statement *s = *bucket; s; s = s->next) {
    if (s->hash != hash || strcmp(s->sql, sql)) continue;
    if (!(busy = s->busy)) {
      *out = s;
      return OK;
    }
    break;
  }
  struct statement *statement = NULL;
  enum err err = prepare(db, sql, &statement, error);
  if (err || !statement) return err;
  *out = statement;
  if (busy) return OK; /* the second of two open at once is not cached */
  if (db->cached >= CACHE_MAXIMUM) statements_drop(db);
  statement->cached = true;
  statement->next = *bucket;
  *bucket = statement;
  db->cached++;
  return OK;
}

static void statement_end(struct statement *statement) {
  statement->busy = false;
  if (!statement->cached) {
    statement_free(statement);
    return;
  }
  sqlite3_reset(statement->handle);
  sqlite3_clear_bindings(statement->handle);
}

static int bind_one(sqlite3_stmt *handle, int place, const struct value *value, sqlite3_destructor_type keep) {
  const void *bytes = value->bytes ? value->bytes : "";
  switch (value->type) {
  case VALUE_INT:
    return sqlite3_bind_int64(handle, place, value->integer);
  case VALUE_TEXT:
    return sqlite3_bind_text64(handle, place, bytes, value->length, keep, SQLITE_UTF8);
  case VALUE_BLOB:
    return sqlite3_bind_blob64(handle, place, bytes, value->length, keep);
  default:
    return sqlite3_bind_null(handle, place);
  }
}

static enum err start(struct sqlite_db *db, const char *sql, const struct value *values, size_t count,
                      sqlite3_destructor_type keep, struct statement **out, struct error *error) {
  struct statement *statement = NULL;
  enum err err = statement_find(db, sql, &statement, error);
  if (err || !statement) return err;
  *out = statement;
  statement->busy = true;
  if ((size_t)statement->parameters != count)
    err = fail(error, ERR_STORE, "store-defect", "", "%zu values for a statement that takes %d: %.200s", count,
               statement->parameters, sql);
  for (size_t i = 0; !err && i < count; i++)
    if (bind_one(statement->handle, statement->place[i + 1], &values[i], keep))
      err = fail(error, ERR_STORE, "store-defect", "", "value %zu does not fit: %.200s", i + 1, sql);
  if (err) statement_end(statement);
  return err;
}

static enum err exec(struct db *base, struct error *error, const char *sql, const struct value *values, size_t count) {
  struct sqlite_db *db = sqlite_of(base);
  struct statement *statement = NULL;
  enum err err = start(db, sql, values, count, SQLITE_STATIC, &statement, error);
  if (err || !statement) return err;
  int code;
  do code = sqlite3_step(statement->handle);
  while (code == SQLITE_ROW);
  base->changes = sqlite3_changes64(db->handle);
  if (code != SQLITE_DONE) err = sqlite_fail(db, code, sql, error);
  statement_end(statement);
  return err;
}

static enum err script(struct db *base, const char *sql, struct error *error) {
  return pragmas(sqlite_of(base), sql, error);
}

static void rows_open_sqlite(struct rows *rows, struct db *base, const char *sql, const struct value *values,
                             size_t count) {
  struct statement *statement;
  rows->failed = start(sqlite_of(base), sql, values, count, SQLITE_TRANSIENT, &statement, &rows->detail);
  if (!rows->failed) rows->statement = statement;
}

static bool rows_next_sqlite(struct rows *rows) {
  struct statement *statement = rows->statement;
  int code = sqlite3_step(statement->handle);
  rows->row++;
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) rows->failed = sqlite_fail(sqlite_of(rows->db), code, statement->sql, &rows->detail);
  return false;
}

static int rows_columns_sqlite(struct rows *rows) {
  return sqlite3_column_count(((struct statement *)rows->statement)->handle);
}

static struct value rows_value_sqlite(struct rows *rows, int column) {
  sqlite3_stmt *handle = ((struct statement *)rows->statement)->handle;
  switch (sqlite3_column_type(handle, column)) {
  case SQLITE_NULL:
    return v_null();
  case SQLITE_INTEGER:
    return v_int(sqlite3_column_int64(handle, column));
  case SQLITE_BLOB: {
    const void *bytes = sqlite3_column_blob(handle, column);
    return v_blob(bytes ? bytes : "", (size_t)sqlite3_column_bytes(handle, column));
  }
  default: { /* also a number with a fraction, which the schema has none of: it is seen as its text */
    const void *bytes = sqlite3_column_text(handle, column);
    return (struct value){.type = VALUE_TEXT, .bytes = bytes, .length = (size_t)sqlite3_column_bytes(handle, column)};
  }
  }
}

static void rows_end_sqlite(struct rows *rows) {
  statement_end(rows->statement);
}

/* ---- transactions ---- */

static enum err begin(struct db *base, struct error *error) {
  return exec(base, error, "BEGIN IMMEDIATE", NO_ARGS);
}

static void rollback(struct db *base) {
  struct sqlite_db *db = sqlite_of(base);
  if (!sqlite3_get_autocommit(db->handle)) sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

/* A reader's first look fixes what it sees. */
static enum err snapshot(struct db *base, struct error *error) {
  int64_t rows;
  enum err err = exec(base, error, "BEGIN", NO_ARGS);
  if (!err) err = db_int(base, error, &rows, 0, "SELECT count(*) FROM schema_version ORDER BY 1", NO_ARGS);
  if (err) rollback(base);
  return err;
}

/* PASSIVE waits for nobody and moves what no reader still needs. A failed sync ends the process (sqlite_fail). */
static void run_checkpoint(struct sqlite_db *db) {
  int code = sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
  struct error error;
  if (code && code != SQLITE_BUSY) {
    sqlite_fail(db, code, NULL, &error);
    log_line(LOG_WARNING, "checkpoint-failed", "%s", error.text);
  }
  db->base.counts.checkpoints++;
  db->wal_frames = 0;
}

static enum err commit(struct db *base, struct error *error) {
  struct sqlite_db *db = sqlite_of(base);
  if (sqlite3_get_autocommit(db->handle)) /* SQLite rolled back by itself when a statement hit a full or failing disk */
    return fail(error, ERR_BUSY, "store-rolled-back", "",
                "%s could not take what was written: nothing was stored; try again", db->name);
  struct error detail;
  enum err err = exec(base, &detail, "COMMIT", NO_ARGS);
  if (err) {
    rollback(base);
    return fail(error, ERR_BUSY, detail.id, "", "%s", detail.text);
  }
  if (db->wal_frames >= CHECKPOINT_FRAMES) run_checkpoint(db);
  return OK;
}

static enum err rewrite(struct db *base, struct error *error) {
  return pragmas(sqlite_of(base), "VACUUM", error);
}

static enum err empty_journal(struct db *base, struct error *error) {
  struct sqlite_db *db = sqlite_of(base);
  if (base->store && base->store->memory) return OK;
  sqlite3_busy_timeout(db->handle, 200);
  int code = sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
  sqlite3_busy_timeout(db->handle, BUSY_MS);
  db->base.counts.checkpoints++;
  if (code) return sqlite_fail(db, code, NULL, error);
  db->wal_frames = 0;
  return OK;
}

static enum err shape(struct db *base, const char *table, struct table_shape *out, struct error *error) {
  *out = (struct table_shape){0};
  struct rows rows;
  rows_open(&rows, base, "SELECT name, pk FROM pragma_table_info($1) ORDER BY cid", ARGS(v_text(table)));
  while (rows_next(&rows)) {
    if (out->columns == STORE_MAX_COLUMNS) die("table %s has too many columns", table);
    snprintf(out->name[out->columns], sizeof out->name[0], "%s", rows_text(&rows, 0));
    int64_t place = rows_int(&rows, 1);
    if (place > 0) {
      out->key[place - 1] = out->columns;
      out->keys++;
    }
    out->columns++;
  }
  return rows_close(&rows, error);
}

/* A page so broken that the check cannot go on is its answer too. */
static enum err integrity(struct db *base, char *out, size_t capacity, char *unchecked, size_t unchecked_capacity, struct error *error) {
  (void)unchecked;
  (void)unchecked_capacity;
  struct rows rows;
  struct error detail = {0};
  rows_open(&rows, base, "PRAGMA integrity_check(1)", NO_ARGS);
  if (rows_next(&rows) && strcmp(rows_text(&rows, 0), "ok")) snprintf(out, capacity, "%s", rows_text(&rows, 0));
  enum err err = rows_close(&rows, &detail);
  if (err && strcmp(detail.id, "store-damaged")) {
    if (error) *error = detail;
    return err;
  }
  if (err && !*out) snprintf(out, capacity, "%s", detail.text);
  return OK;
}

/* ---- readers that see some tables alone ---- */

void sqlite_guards_set(struct db *masked, unsigned guards) {
  struct sqlite_db *db = sqlite_of(masked);
  db->guards = guards;
  sqlite3_set_authorizer(db->handle, guards & GUARD_AUTHORIZER ? authorize : NULL, db);
}

/* Gives the message early; it is not asked about USING and NATURAL columns and a CTE's name can fool it, so the
 * EXPLAIN guard decides. */
static int authorize(void *state, int action, const char *a, const char *b, const char *schema, const char *trigger) {
  (void)schema;
  (void)trigger;
  const struct sqlite_db *db = state;
  if (db->looking) return SQLITE_OK;
  switch (action) {
  case SQLITE_SELECT:
  case SQLITE_RECURSIVE:
    return SQLITE_OK;
  case SQLITE_READ:
    return a && reader_reads(db->words->list, a) ? SQLITE_OK : SQLITE_DENY;
  case SQLITE_FUNCTION:
    return b && reader_function_allowed(b) ? SQLITE_OK : SQLITE_DENY;
  default:
    return SQLITE_DENY;
  }
}

const struct engine engine_sqlite = {
    .name = "sqlite",
    .open = open_db,
    .close = close_db,
    .script = script,
    .exec = exec,
    .rows_open = rows_open_sqlite,
    .rows_next = rows_next_sqlite,
    .rows_columns = rows_columns_sqlite,
    .rows_value = rows_value_sqlite,
    .rows_end = rows_end_sqlite,
    .begin = begin,
    .snapshot = snapshot,
    .view_begin = view_begin,
    .view_end = view_end,
    .commit = commit,
    .rollback = rollback,
    .shape = shape,
    .integrity = integrity,
    .rewrite = rewrite,
    .empty_journal = empty_journal,
};
