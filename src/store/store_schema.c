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

static enum err step(struct db *db, int version, struct error *error) {
  const struct embedded *file = file_of_version(version);
  if (!file) die("the schema's file %d is not in the program: a defect", version);
  enum err err = OK;
  if (version == 1) {
    err =
        db->engine->script(db, "CREATE TABLE schema_version (one BIGINT PRIMARY KEY, version BIGINT NOT NULL);", error);
    if (!err) err = db_exec(db, error, "INSERT INTO schema_version (one, version) VALUES (1, 0)", NO_ARGS);
  }
  if (!err) err = db->engine->script(db, (const char *)file->bytes, error);
  if (!err) err = db_exec(db, error, "UPDATE schema_version SET version = $1 WHERE one = 1", ARGS(v_int(version)));
  return err;
}

enum err schema_forward(struct db *db, bool may_write, struct error *error) {
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
  if (version < newest && !may_write)
    return fail(error, ERR_STATE, "home-older", "",
                "the database was made by an older version of attune (schema %lld of %d); start attune serve once to "
                "bring it forward",
                (long long)version, newest);
  while (version < newest) {
    err = db_begin(db, error);
    if (!err) err = step(db, (int)version + 1, error);
    if (!err) err = db_commit(db, error);
    if (err) {
      db_rollback(db);
      return err;
    }
    version++;
  }
  return OK;
}
