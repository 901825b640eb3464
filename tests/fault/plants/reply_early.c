/* A planted fault: the program linked with this answers before it commits (the commit itself comes with the next
 * batch). The kill harness must notice that acknowledged submissions are lost. */
#include "store/store.h"

enum err __real_db_commit(struct db *db, struct error *error);
enum err __real_db_begin(struct db *db, struct error *error);
enum err __wrap_db_commit(struct db *db, struct error *error);
enum err __wrap_db_begin(struct db *db, struct error *error);

static struct db *owed; /* the writer's connection, its transaction still open */

enum err __wrap_db_commit(struct db *db, struct error *error) {
  (void)error;
  owed = db;
  return OK;
}

enum err __wrap_db_begin(struct db *db, struct error *error) {
  if (owed == db) {
    owed = NULL;
    enum err err = __real_db_commit(db, error);
    if (err) return err;
  }
  return __real_db_begin(db, error);
}
