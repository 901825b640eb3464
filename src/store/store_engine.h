/* store_engine.h (inside): what a back end gives, and what store.c keeps.
 *
 * A back end allocates its own structure whose first member is struct db. The functions of struct engine carry the
 * names of those in store.h and their contracts; store.c adds nothing to a call but the choice of the engine. */
#ifndef ATTUNE_STORE_STORE_ENGINE_H
#define ATTUNE_STORE_STORE_ENGINE_H

#include "store/store.h"

#define STORE_MAX_PARAMETERS 64
#define STORE_MAX_COLUMNS 64

#define STORE_READERS 2 /* that see some tables alone */
#define SCHEMA_NAME 40

struct db {
  const struct engine *engine;
  struct store *store;
  enum db_kind kind;
  bool in_transaction;
  int64_t changes;
  struct db_counts counts;
  void **readings; /* the engine's, of the rows that are open */
  size_t reading_count, reading_room;
};

struct store {
  const struct engine *engine;
  enum store_mode mode;
  char *home; /* "" in memory */
  char *file; /* SQLite: what sqlite3_open_v2 is given */
  bool memory;
  char *connect, *connect_reader[STORE_READERS]; /* PostgreSQL; of reader_list_at(i) */
  char schema[SCHEMA_NAME];                      /* PostgreSQL: in which the home stands */
  int lock;                       /* HOME/lock, or -1 */
  int writers, connections;       /* open now (changed with atomic operations) */
  struct db *anchor;              /* in memory: keeps the database alive */
};

/* One table as the database has it: columns in schema order, the key's columns by their place in the key. */
struct table_shape {
  int columns, keys;
  char name[STORE_MAX_COLUMNS][64];
  int key[STORE_MAX_COLUMNS];
};

struct engine {
  const char *name;
  enum err (*open)(struct db **db, struct store *store, enum db_kind kind, struct error *error);
  void (*close)(struct db *db);
  enum err (*script)(struct db *db, const char *sql, struct error *error); /* several statements, no values */
  enum err (*exec)(struct db *db, struct error *error, const char *sql, const struct value *values, size_t count);
  void (*rows_open)(struct rows *rows, struct db *db, const char *sql, const struct value *values, size_t count);
  bool (*rows_next)(struct rows *rows);
  int (*rows_columns)(struct rows *rows);
  struct value (*rows_value)(struct rows *rows, int column);
  void (*rows_end)(struct rows *rows);
  enum err (*begin)(struct db *db, struct error *error);
  enum err (*snapshot)(struct db *db, struct error *error);
  void (*view_begin)(struct db *db); /* both NULL where a view costs more than it saves */
  void (*view_end)(struct db *db);
  enum err (*commit)(struct db *db, struct error *error);
  void (*rollback)(struct db *db);
  enum err (*shape)(struct db *db, const char *table, struct table_shape *shape, struct error *error);
  enum err (*integrity)(struct db *db, char *out, size_t capacity, char *unchecked, size_t unchecked_capacity, struct error *error);
  enum err (*rewrite)(struct db *db, struct error *error);       /* both NULL: there is nothing to do */
  enum err (*empty_journal)(struct db *db, struct error *error);
  enum err (*grant)(struct db *db, struct error *error); /* lets each reader's role read its list, or NULL */
};

extern const struct engine engine_sqlite, engine_postgresql;

/* Looks whether the database is fit to hold a home (UTF8, LC_COLLATE 'C', an empty schema), makes the schema and the domain
 * BLOB in it, and closes what tells the sizes of tables (where the login is a superuser's). */
enum err postgresql_prepare(struct store *store, struct error *error);
/* Makes the role of each reader whose connection string is not known, unless it is there, and its connection string. */
enum err postgresql_roles(struct store *store, struct error *error);

/* ---- store_tables.c: the lists of tables, beside those in store.h ---- */

/* Assembled by the build from src/store/sql/ (tools/assemble.sh), in byte order. A test compares them with the schema. */
struct table_list {
  const char *const *names;
  size_t count;
};
extern const struct table_list assembled_derived, assembled_ledger, assembled_working; /* each table is in one of these */
extern const struct table_list assembled_masked, assembled_account;                    /* a reader's */
extern const struct table_list assembled_without_subject;

const char *const *store_ledger_tables(size_t *count);
const char *const *store_working_tables(size_t *count); /* cache_ and run_ */
bool store_table_known(const char *name);
bool store_table_has_subject(const char *name); /* of a derived or working table */

/* ---- store_schema.c ---- */

/* Runs the numbered files of src/store/sql/ that this database has not seen, each in a transaction of its own.
 * `may_write` false: only looks whether the version is the one this program knows. `fresh`: may be empty; the database of
 * a home that was made before may not. */
enum err schema_forward(struct db *db, bool may_write, bool fresh, struct error *error);
/* One such file, inside a transaction. A file whose first line is SCHEMA_REPLAY alters derived tables: it drops and makes
 * them anew, and all derived tables are filled again from the ledger when it is opened next (db_replay_begin). `fresh`: a
 * new home, which has no entries. */
#define SCHEMA_REPLAY "-- replay\n"
enum err schema_step(struct db *db, int version, bool fresh, const char *sql, struct error *error);
enum err schema_replay_mark(struct db *db, int64_t version, struct error *error);
enum err schema_replay_due(struct db *db, bool *due, struct error *error);

/* ---- store_reader.c: the readers that see some tables alone, and what their statements may say ---- */

struct reader_list {
  enum db_kind kind;
  const char *name; /* "masked": in src/store/sql/, in store.json ("connect_masked"), of the role (attune_masked) */
  const struct table_list *tables;
};
const struct reader_list *reader_list_at(int which);           /* 0 .. STORE_READERS-1 */
const struct reader_list *reader_list_of(enum db_kind kind);   /* NULL for those that see everything */
bool reader_reads(const struct reader_list *list, const char *table);

#define READER_WORDS 512
struct reader_words { /* the columns of the allowed tables */
  const struct reader_list *list;
  int count;
  char word[READER_WORDS][40];
};
enum err reader_words_load(struct reader_words *words, struct db *db, struct error *error);
bool reader_function_allowed(const char *name);
/* ERR_DENIED "reader" with a sentence unless every word of `sql` is one that such a statement may hold. */
enum err reader_text_check(const struct reader_words *words, const char *sql, struct error *error);

/* ---- store_sqlite.c, for store_backup.c and the tests ---- */

/* A SQLite file that is no home: to write a backup (`fresh`: an empty file) or to read one. */
enum err sqlite_file_open(struct db **db, const char *file, bool fresh, struct error *error);
/* Turns one guard of a reader's SQLite connection off, so that a test can show that the others hold alone. */
enum sqlite_guard { GUARD_TEXT = 1, GUARD_AUTHORIZER = 2, GUARD_EXPLAIN = 4 };
void sqlite_guards_set(struct db *masked, unsigned guards);

/* ---- store_dump.c ---- */

/* "SELECT every column FROM table ORDER BY primary key", and the shape behind it. */
enum err table_select(struct db *db, struct arena *arena, const char *table, struct table_shape *shape, char **sql,
                      struct error *error);

/* ---- shared by both engines ---- */

/* FNV-1a, for the statement caches. */
uint64_t text_hash(const char *text);

#endif
