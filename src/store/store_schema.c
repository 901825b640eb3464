#include "base/embed.h"
#include "store/store_engine.h"

#define SCHEMA_DIRECTORY "src/store/sql/"

/* The version a file brings, from its name "src/store/sql/NNN_....sql"; 0 when it is none. */
static int file_version(const struct embedded *file) {
  size_t prefix = strlen(SCHEMA_DIRECTORY);
  if (strncmp(file->name, SCHEMA_DIRECTORY, prefix)) return 0;
  int version = 0;
  for (const char *c = file->name + prefix; *c >= '0' && *c <= '9'; c++) version = version * 10 + (*c - '0');
  return version;
}

static const struct embedded *file_of_version(int version) {
  size_t count;
  const struct embedded *files = embedded_all(&count);
  for (size_t i = 0; i < count; i++)
    if (file_version(&files[i]) == version) return &files[i];
  return NULL;
}

static enum err version_read(struct db *db, int64_t *version, struct error *error) {
  struct table_shape shape;
  *version = 0;
  enum err err = db->engine->shape(db, "schema_version", &shape, error);
  if (err || !shape.columns) return err;
  return db_int(db, error, version, 0, "SELECT version FROM schema_version WHERE one = 1 ORDER BY one", NO_ARGS);
}

/* The row beside the version, there while the derived tables wait for the ledger to fill them again. */
#define REPLAY_ROW 2

static bool alters_derived(const char *sql) {
  return !strncmp(sql, SCHEMA_REPLAY, strlen(SCHEMA_REPLAY));
}

enum err schema_replay_mark(struct db *db, int64_t version, struct error *error) {
  return db_exec(db, error, "INSERT INTO schema_version (one, version) VALUES ($1, $2) ON CONFLICT (one) DO NOTHING",
                 ARGS(v_int(REPLAY_ROW), v_int(version)));
}

enum err schema_replay_due(struct db *db, bool *due, struct error *error) {
  int64_t rows = 0;
  enum err err = db_int(db, error, &rows, 0, "SELECT count(*) FROM schema_version WHERE one = $1 ORDER BY 1", ARGS(v_int(REPLAY_ROW)));
  *due = rows > 0;
  return err;
}

enum err db_replay_begin(struct db *db, bool *due, struct error *error) {
  size_t count;
  const char *const *derived = store_derived_tables(&count);
  enum err err = schema_replay_due(db, due, error);
  for (size_t i = 0; !err && *due && i < count; i++) {
    char sql[128];
    snprintf(sql, sizeof sql, "DELETE FROM %s", derived[i]);
    err = db_exec(db, error, sql, NO_ARGS);
  }
  if (err || !*due) return err;
  return db_exec(db, error, "DELETE FROM schema_version WHERE one = $1", ARGS(v_int(REPLAY_ROW)));
}

enum err schema_step(struct db *db, int version, bool fresh, const char *sql, struct error *error) {
  enum err err = OK;
  if (version == 1) {
    err =
        db->engine->script(db, "CREATE TABLE schema_version (one BIGINT PRIMARY KEY, version BIGINT NOT NULL);", error);
    if (!err) err = db_exec(db, error, "INSERT INTO schema_version (one, version) VALUES (1, 0)", NO_ARGS);
  }
  if (!err) err = db->engine->script(db, sql, error);
  if (!err && !fresh && alters_derived(sql)) err = schema_replay_mark(db, version, error);
  if (!err) err = db_exec(db, error, "UPDATE schema_version SET version = $1 WHERE one = 1", ARGS(v_int(version)));
  return err;
}

static enum err older(int64_t version, int newest, struct error *error) {
  return fail(error, ERR_STATE, "home-older", "",
              "the database was made by an older version of attune (schema %lld of %d); start attune serve once to "
              "bring it forward",
              (long long)version, newest);
}

/* Each file in a transaction of its own: a kill leaves a version that the next start goes on from. */
static enum err forward(struct db *db, int64_t version, int newest, struct error *error) {
  bool fresh = version == 0; /* without entries there is nothing to replay */
  while (version < newest) {
    const struct embedded *file = file_of_version((int)++version);
    if (!file) die("the schema's file %d is not in the program: a defect", (int)version);
    enum err err = db_begin(db, error);
    if (!err) err = schema_step(db, (int)version, fresh, (const char *)file->bytes, error);
    if (!err) err = db_commit(db, error);
    if (err) {
      db_rollback(db);
      return err;
    }
  }
  return OK;
}

enum err schema_forward(struct db *db, bool may_write, bool fresh, struct error *error) {
  int newest = 0;
  while (file_of_version(newest + 1)) newest++;
  int64_t version;
  enum err err = version_read(db, &version, error);
  if (err) return err;
  if (version > newest)
    return fail(
        error, ERR_STATE, "home-newer", "",
        "the database was made by a newer version of attune (schema %lld, this program knows %d); use that version",
        (long long)version, newest);
  if (!version && !fresh)
    return fail(error, ERR_STATE, "home-emptied", "",
                "the database holds nothing, not even tables: it was cut short or put there anew; keep this home and its keys as "
                "they are and restore it from a backup (attune restore)");
  if (may_write) return forward(db, version, newest, error);
  bool due = false;
  if (version == newest) err = schema_replay_due(db, &due, error);
  return !err && (version < newest || due) ? older(version, newest, error) : err;
}
