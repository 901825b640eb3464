#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/utf8.h"
#include "store/store_engine.h"
#include "store/store_files.h"

struct value v_text(const char *text) {
  if (!text) return v_null();
  return (struct value){.type = VALUE_TEXT, .bytes = text, .length = strlen(text)};
}

uint64_t text_hash(const char *text) {
  uint64_t hash = UINT64_C(14695981039346656037);
  for (; *text; text++) hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
  return hash;
}

/* Both engines keep it: no text that is not UTF-8 or holds a NUL. */
static enum err values_check(const struct value *values, size_t count, struct error *error) {
  if (count > STORE_MAX_PARAMETERS)
    return fail(error, ERR_STORE, "store-defect", "", "%zu values for one statement", count);
  for (size_t i = 0; i < count; i++)
    if (values[i].type == VALUE_TEXT && !utf8_valid(values[i].bytes, values[i].length))
      return fail(error, ERR_INPUT, "text-encoding", "", "a text is not UTF-8, or holds a NUL: it cannot be stored");
  return OK;
}

/* ---- homes ---- */

static struct store *store_new(const char *home, enum store_mode mode) {
  struct store *store = calloc(1, sizeof *store);
  if (!store) die("out of memory");
  store->home = strdup(home);
  store->mode = mode;
  store->lock = -1;
  return store;
}

static void sync_at_last(const struct store *store) {
  int file = open(store->file, O_RDONLY | O_CLOEXEC);
  if (file < 0 || fsync(file)) die("%s: could not be written to the disk: throw this home away", store->file);
  close(file);
}

void store_close(struct store *store) {
  if (!store) return;
  if (store->anchor) db_close(store->anchor);
  if (store->connections) die("a store was closed while %d of its connections were open: a defect", store->connections);
  if (store->mode == STORE_MAKE && store->file) sync_at_last(store);
  if (store->lock >= 0) close(store->lock);
  free(store->home);
  free(store->file);
  free(store->connect);
  for (int i = 0; i < STORE_READERS; i++) free(store->connect_reader[i]);
  free(store);
}

const char *store_home(const struct store *store) {
  return store->home;
}
const char *store_engine_name(const struct store *store) {
  return store->engine->name;
}

static char *path_in(const char *home, const char *name) {
  char *path = NULL;
  if (asprintf(&path, "%s/%s", home, name) < 0) die("out of memory");
  return path;
}

/* Takes from everyone else what a umask, or a copy by hand, left to them. Where the file is another's to change, or not
 * there, that is whoever's to judge who made it so. */
static void keep_private(const char *home, const char *name) {
  char *path = path_in(home, name);
  struct stat facts;
  if (!stat(path, &facts) && (facts.st_mode & 077) && chmod(path, facts.st_mode & 0700))
    log_line(LOG_WARNING, "home-open", "%s can be read by others on this machine: %s", path, strerror(errno));
  free(path);
}

static void home_keep_private(const char *home) {
  static const char *const names[] = {".", "attune.db", "attune.db-wal", "attune.db-shm", "store.json", "erasures", "lock"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) keep_private(home, names[i]);
}

/* SQLite would make it with what the umask allows, and gives its -wal and -shm the same mode. */
static enum err file_make(const char *path, struct error *error) {
  int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0 || fchmod(file, 0600))
    return fail(error, ERR_STATE, "home-unwritable", "", "%s: cannot be made: %s", path, strerror(errno));
  close(file);
  return OK;
}

/* flock() belongs to the open file, so the lock is gone when the process is, however it ended. */
static enum err lock_take(struct store *store, struct error *error) {
  char *path = path_in(store->home, "lock");
  store->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  free(path);
  if (store->lock < 0)
    return fail(error, ERR_STATE, "home-unwritable", "", "%s: cannot be written: %s", store->home, strerror(errno));
  if (flock(store->lock, LOCK_EX | LOCK_NB)) {
    char owner[32] = "";
    ssize_t got = pread(store->lock, owner, sizeof owner - 1, 0);
    owner[got > 0 ? strcspn(owner, "\n") : 0] = 0;
    return fail(error, ERR_STATE, "home-held", "", "%s is served by process %s; stop it first", store->home,
                *owner ? owner : "(unknown)");
  }
  char owner[32];
  int length = snprintf(owner, sizeof owner, "%ld\n", (long)getpid());
  if (ftruncate(store->lock, 0) || pwrite(store->lock, owner, (size_t)length, 0) != length)
    return fail(error, ERR_STATE, "home-unwritable", "", "%s/lock: cannot be written: %s", store->home,
                strerror(errno));
  return OK;
}

static void engine_choose(struct store *store, const char *connect) {
  if (connect) {
    store->engine = &engine_postgresql;
    store->connect = strdup(connect);
  } else {
    store->engine = &engine_sqlite;
    store->file = path_in(store->home, "attune.db");
  }
}

/* "connect_masked" and the like; a home of an earlier version has not all of them (postgresql_roles). */
static char *reader_setting(struct arena *arena, int which) {
  return arena_printf(arena, "connect_%s", reader_list_at(which)->name);
}

/* Small letters, digits and _, as it stands in SQL without quotes. */
static bool schema_name_valid(const char *name) {
  size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789");
  return length && !name[length] && length < SCHEMA_NAME && (*name < '0' || *name > '9') && strncmp(name, "pg_", 3) != 0;
}

static enum err settings_postgresql(struct store *store, const json_t *settings, const char *path, struct error *error) {
  struct arena arena = {0};
  const char *schema = json_text(settings, "schema", "public");
  engine_choose(store, json_text(settings, "connect", ""));
  for (int i = 0; i < STORE_READERS; i++) {
    const char *connect = json_text(settings, reader_setting(&arena, i), NULL);
    if (connect) store->connect_reader[i] = strdup(connect);
  }
  arena_free(&arena);
  if (!schema_name_valid(schema)) return fail(error, ERR_STATE, "home-settings", "schema", "%s: '%s' cannot name a schema", path, schema);
  snprintf(store->schema, sizeof store->schema, "%s", schema);
  return OK;
}

static enum err settings_read(struct store *store, struct error *error) {
  struct arena arena = {0};
  char *path = path_in(store->home, "store.json"), *text = NULL;
  size_t length = 0;
  enum err err = file_read(&arena, path, 64 << 10, &text, &length, NULL);
  json_t *settings = NULL;
  if (err)
    err = fail(error, ERR_STATE, "home-missing", "", "%s is not a home (it has no store.json); attune init makes one",
               store->home);
  else
    err = json_read(&settings, text, length, path, error);
  if (!err) {
    const char *engine = json_text(settings, "engine", "");
    const char *connect = json_text(settings, "connect", NULL);
    if (!strcmp(engine, "sqlite"))
      engine_choose(store, NULL);
    else if (!strcmp(engine, "postgresql") && connect)
      err = settings_postgresql(store, settings, path, error);
    else
      err = fail(error, ERR_STATE, "home-settings", "engine",
                 "%s: engine must be \"sqlite\", or \"postgresql\" with connect", path);
  }
  json_decref(settings);
  free(path);
  arena_free(&arena);
  return err;
}

static enum err settings_write(const struct store *store, struct error *error) {
  struct arena arena = {0};
  json_t *settings = json_object();
  json_object_set_new(settings, "engine", json_string(store->engine->name));
  if (store->connect) {
    json_object_set_new(settings, "connect", json_string(store->connect));
    json_object_set_new(settings, "schema", json_string(store->schema));
    for (int i = 0; i < STORE_READERS; i++)
      json_object_set_new(settings, reader_setting(&arena, i), json_string(store->connect_reader[i]));
  }
  size_t length;
  char *text = json_canonical(&arena, settings, &length);
  char *path = path_in(store->home, "store.json");
  enum err err = file_write_whole(path, text, length, error);
  free(path);
  json_decref(settings);
  arena_free(&arena);
  return err;
}

/* Brings the schema forward (or looks at its version) through a connection of its own. */
static enum err schema_visit(struct store *store, bool fresh, struct error *error) {
  struct db *db;
  enum err err = db_open(&db, store, store->mode != STORE_LOOK ? DB_WRITER : DB_OPEN, error);
  if (err) return err;
  err = schema_forward(db, store->mode != STORE_LOOK, fresh, error);
  if (!err && store->mode != STORE_LOOK && store->engine->grant) err = store->engine->grant(db, error);
  db_close(db);
  return err;
}

static bool exists(const char *home, const char *name) {
  char *path = path_in(home, name);
  bool there = access(path, F_OK) == 0;
  free(path);
  return there;
}

static bool roles_missing(const struct store *store) {
  for (int i = 0; i < STORE_READERS; i++)
    if (!store->connect_reader[i]) return true;
  return false;
}

/* "schema=NAME" is ours, not the library's. Values between quotes are stepped over. */
static enum err schema_take(struct arena *arena, const char *connect, char **rest, char schema[SCHEMA_NAME], struct error *error) {
  struct buf out = buf_in(arena, strlen(connect) + 1);
  snprintf(schema, SCHEMA_NAME, "public");
  *rest = NULL;
  for (const char *at = connect; *at;) {
    const char *end = at + strspn(at, " ");
    size_t name = strcspn(end, "= ");
    if (!strncmp(end, "schema=", 7)) {
      size_t length = strcspn(end + 7, " ");
      char *wanted = arena_text_n(arena, end + 7, length);
      if (!schema_name_valid(wanted))
        return fail(error, ERR_INPUT, "schema-name", "store", "'%s' cannot name a schema: small letters, digits and _, at most %d", wanted,
                    SCHEMA_NAME - 1);
      snprintf(schema, SCHEMA_NAME, "%s", wanted);
      at = end + 7 + length;
      continue;
    }
    end += name;
    if (*end == '=' && end[1] == '\'')
      for (end += 2; *end && *end != '\''; end++) end += *end == '\\' && end[1];
    end += strcspn(end, " ");
    buf_add(&out, at, (size_t)(end - at));
    at = end;
  }
  *rest = out.data;
  return OK;
}

enum err store_create(const char *home, const char *connect, struct error *error) {
  if ((mkdir(home, 0700) && errno != EEXIST) || chmod(home, 0700))
    return fail(error, ERR_STATE, "home-unwritable", "", "%s: cannot be made: %s", home, strerror(errno));
  if (exists(home, "store.json") || exists(home, "attune.db"))
    return fail(error, ERR_STATE, "home-exists", "", "%s holds a home already; choose another directory", home);
  struct store *store = store_new(home, STORE_OWN);
  struct arena arena = {0};
  char *without_schema = NULL;
  enum err err = connect ? schema_take(&arena, connect, &without_schema, store->schema, error) : OK;
  if (!err) {
    engine_choose(store, without_schema);
    err = lock_take(store, error);
  }
  arena_free(&arena);
  if (!err && connect) err = postgresql_prepare(store, error);
  if (!err && connect) err = postgresql_roles(store, error);
  if (!err && store->file) err = file_make(store->file, error);
  if (!err) err = schema_visit(store, true, error);
  if (!err) err = settings_write(store, error); /* last: without it the directory is not a home */
  store_close(store);
  return err;
}

enum err store_open(struct store **out, const char *home, enum store_mode mode, struct error *error) {
  *out = NULL;
  struct store *store = store_new(home, mode);
  enum err err = settings_read(store, error);
  if (!err && mode != STORE_LOOK && store->file) err = lock_take(store, error);
  if (!err && store->file && access(store->file, F_OK))
    err = fail(error, ERR_STATE, "home-missing", "", "%s is not there; restore it from a backup (attune restore)",
               store->file);
  if (!err && mode != STORE_LOOK) home_keep_private(home);
  if (!err && mode != STORE_LOOK && store->connect && roles_missing(store)) {
    err = postgresql_roles(store, error);
    if (!err) err = settings_write(store, error);
  }
  if (!err) err = schema_visit(store, false, error);
  if (err)
    store_close(store);
  else
    *out = store;
  return err;
}

enum err store_open_memory(struct store **out, struct error *error) {
  struct store *store = store_new("", STORE_OWN);
  store->engine = &engine_sqlite;
  store->memory = true;
  if (asprintf(&store->file, "file:/attune-%p?vfs=memdb", (void *)store) < 0) die("out of memory");
  enum err err = db_open(&store->anchor, store, DB_OPEN, error);
  if (!err) err = schema_visit(store, true, error);
  if (err) store_close(store);
  *out = err ? NULL : store;
  return err;
}

/* ---- connections ---- */

enum err db_open(struct db **db, struct store *store, enum db_kind kind, struct error *error) {
  *db = NULL;
  if (kind == DB_WRITER) {
    if (store->mode == STORE_LOOK)
      return fail(error, ERR_STATE, "home-looked-at", "", "%s was opened to read: nothing can be written", store->home);
    if (__atomic_fetch_add(&store->writers, 1, __ATOMIC_SEQ_CST)) {
      __atomic_fetch_sub(&store->writers, 1, __ATOMIC_SEQ_CST);
      return fail(error, ERR_STATE, "writer-open", "", "%s has a writer already: there is one", store->home);
    }
  }
  enum err err = store->engine->open(db, store, kind, error);
  if (!err)
    __atomic_fetch_add(&store->connections, 1, __ATOMIC_SEQ_CST);
  else if (kind == DB_WRITER)
    __atomic_fetch_sub(&store->writers, 1, __ATOMIC_SEQ_CST);
  return err;
}

void db_close(struct db *db) {
  if (!db) return;
  struct store *store = db->store;
  bool writer = db->kind == DB_WRITER;
  if (db->in_transaction) db->engine->rollback(db);
  db->engine->close(db);
  if (!store) return; /* a file of its own */
  if (writer) __atomic_fetch_sub(&store->writers, 1, __ATOMIC_SEQ_CST);
  __atomic_fetch_sub(&store->connections, 1, __ATOMIC_SEQ_CST);
}

struct db_counts db_counts(const struct db *db) {
  return db->counts;
}
int64_t db_changes(const struct db *db) {
  return db->changes;
}

enum err db_exec(struct db *db, struct error *error, const char *sql, const struct value *values, size_t count) {
  enum err err = values_check(values, count, error);
  return err ? err : db->engine->exec(db, error, sql, values, count);
}

/* ---- rows ---- */

static void reading_begins(struct db *db, void *statement) {
  if (db->reading_count == db->reading_room) {
    db->reading_room += 8;
    db->readings = realloc(db->readings, db->reading_room * sizeof *db->readings);
    if (!db->readings) die("out of memory");
  }
  db->readings[db->reading_count++] = statement;
}

static void reading_ends(struct db *db, const void *statement) {
  size_t at = db->reading_count;
  while (at && db->readings[at - 1] != statement) at--; /* the last one, nearly always */
  if (at) db->readings[at - 1] = db->readings[--db->reading_count];
}

void db_leave_rows(struct db *db) {
  while (db->reading_count) {
    struct rows rows = {.db = db, .statement = db->readings[db->reading_count - 1]};
    rows_close(&rows, NULL);
  }
}

void rows_open(struct rows *rows, struct db *db, const char *sql, const struct value *values, size_t count) {
  *rows = (struct rows){.db = db, .row = -1};
  rows->failed = values_check(values, count, &rows->detail);
  if (!rows->failed) db->engine->rows_open(rows, db, sql, values, count);
  if (rows->statement) reading_begins(db, rows->statement);
}

bool rows_next(struct rows *rows) {
  return !rows->failed && rows->statement && rows->db->engine->rows_next(rows);
}
int rows_columns(struct rows *rows) {
  return rows->statement ? rows->db->engine->rows_columns(rows) : 0;
}
struct value rows_value(struct rows *rows, int column) {
  return rows->db->engine->rows_value(rows, column);
}
bool rows_null(struct rows *rows, int column) {
  return rows_value(rows, column).type == VALUE_NULL;
}

int64_t rows_int(struct rows *rows, int column) {
  struct value value = rows_value(rows, column);
  return value.type == VALUE_INT ? value.integer : 0;
}

const char *rows_text(struct rows *rows, int column) {
  struct value value = rows_value(rows, column);
  return value.type == VALUE_TEXT ? value.bytes : "";
}

const void *rows_blob(struct rows *rows, int column, size_t *length) {
  struct value value = rows_value(rows, column);
  bool bytes = value.type == VALUE_BLOB || value.type == VALUE_TEXT;
  *length = bytes ? value.length : 0;
  return bytes && value.bytes ? value.bytes : "";
}

enum err rows_close(struct rows *rows, struct error *error) {
  if (rows->statement) {
    reading_ends(rows->db, rows->statement);
    rows->db->engine->rows_end(rows);
  }
  rows->statement = NULL;
  if (rows->failed && error) *error = rows->detail;
  return rows->failed;
}

enum err db_int(struct db *db, struct error *error, int64_t *out, int64_t otherwise, const char *sql,
                const struct value *values, size_t count) {
  struct rows rows;
  rows_open(&rows, db, sql, values, count);
  *out = rows_next(&rows) && !rows_null(&rows, 0) ? rows_int(&rows, 0) : otherwise;
  return rows_close(&rows, error);
}

enum err db_text(struct db *db, struct error *error, struct arena *arena, char **out, const char *sql,
                 const struct value *values, size_t count) {
  struct rows rows;
  rows_open(&rows, db, sql, values, count);
  *out = rows_next(&rows) ? arena_text(arena, rows_text(&rows, 0)) : NULL;
  return rows_close(&rows, error);
}

/* ---- transactions ---- */

enum err db_begin(struct db *db, struct error *error) {
  if (db->in_transaction) die("a transaction was begun inside another: a defect");
  enum err err = db->engine->begin(db, error);
  db->in_transaction = !err;
  return err;
}

enum err db_commit(struct db *db, struct error *error) {
  enum err err = db->engine->commit(db, error);
  db->in_transaction = false;
  if (!err) db->counts.commits++;
  return err;
}

void db_rollback(struct db *db) {
  if (db->in_transaction) db->engine->rollback(db);
  db->in_transaction = false;
}

enum err db_savepoint(struct db *db, struct error *error) {
  return db_exec(db, error, "SAVEPOINT job", NO_ARGS);
}
enum err db_release(struct db *db, struct error *error) {
  return db_exec(db, error, "RELEASE SAVEPOINT job", NO_ARGS);
}

enum err db_rollback_to(struct db *db, struct error *error) {
  enum err err = db_exec(db, error, "ROLLBACK TO SAVEPOINT job", NO_ARGS);
  return err ? err : db_release(db, error);
}

enum err db_snapshot(struct db *db, struct error *error) {
  enum err err = db->engine->snapshot(db, error);
  db->in_transaction = !err;
  return err;
}

void db_snapshot_end(struct db *db) {
  db_rollback(db);
}

enum err db_rewrite(struct db *db, struct error *error) {
  return db->engine->rewrite ? db->engine->rewrite(db, error) : OK;
}

enum err db_empty_journal(struct db *db, struct error *error) {
  return db->engine->empty_journal ? db->engine->empty_journal(db, error) : OK;
}

/* What waits in the subject's name though it is about somebody else: a message to a therapist, their half-filled form about
 * a patient. */
static enum err erase_waiting(struct db *db, const char *subject, struct error *error) {
  enum err err = db_exec(db, error, "DELETE FROM run_outbox WHERE person = $1", ARGS(v_text(subject)));
  if (err) return err;
  return db_exec(db, error, "DELETE FROM run_draft WHERE occasion IN (SELECT id FROM occasion WHERE respondent = $1)", ARGS(v_text(subject)));
}

enum err db_erase_subject(struct db *db, const char *subject, struct error *error) {
  size_t derived_count, working_count;
  const char *const *derived = store_derived_tables(&derived_count);
  const char *const *working = store_working_tables(&working_count);
  enum err err = erase_waiting(db, subject, error);
  for (size_t i = 0; !err && i < derived_count + working_count; i++) {
    const char *table = i < derived_count ? derived[i] : working[i - derived_count];
    if (!store_table_has_subject(table)) continue;
    char sql[128];
    snprintf(sql, sizeof sql, "DELETE FROM %s WHERE subject = $1", table);
    err = db_exec(db, error, sql, ARGS(v_text(subject)));
  }
  return err;
}

enum err db_integrity(struct db *db, char *out, size_t capacity, char *unchecked, size_t unchecked_capacity, struct error *error) {
  *out = *unchecked = 0;
  return db->engine->integrity(db, out, capacity, unchecked, unchecked_capacity, error);
}

void db_view_begin(struct db *db) {
  if (db->engine->view_begin) db->engine->view_begin(db);
}

void db_view_end(struct db *db) {
  if (db->engine->view_end) db->engine->view_end(db);
}
