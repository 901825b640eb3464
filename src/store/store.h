/* store.h: the database of a home behind one small interface, with two back ends: SQLite (store_sqlite.c, the default)
 * and PostgreSQL (store_postgresql.c). Nothing outside src/store/ includes either library.
 *
 * A home is a directory:
 *     HOME/store.json     {"engine": "sqlite"} or {"engine": "postgresql", "connect": "...", "schema": "...",
 *                         "connect_masked": "...", "connect_account": "..."}
 *     HOME/attune.db      the SQLite database (with its -wal and -shm)
 *     HOME/lock           held exclusively (flock) by the one process that writes a SQLite home; its process number
 *     HOME/keys/          see store/keys.h
 *     HOME/erasures       one line an erasure, kept outside the database so that `restore` can apply them again
 *
 * Kinds of connection (one thread at a time each):
 *     DB_WRITER   the ledger's writer thread alone; the only one that writes and, on SQLite, checkpoints the WAL
 *     DB_OPEN     reads everything; for the few people whom the study names
 *     DB_MASKED   reads the tables of store_reader_tables(DB_MASKED) and nothing else: any other table, function, pragma or
 *                 kind of statement is refused when it is prepared (ERR_DENIED "reader")
 *     DB_ACCOUNT  likewise, the account tables: to find out who someone is, and for pages of one's own account
 *
 * SQL: literals with $1, $2, ... ; one text for both engines. Column types are BIGINT, TEXT and BLOB. Statements are
 * prepared once for each connection and cached by their text. */
#ifndef ATTUNE_STORE_STORE_H
#define ATTUNE_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct store;
struct db;

enum store_mode {
  STORE_OWN,  /* to write: takes HOME/lock (SQLite), brings the schema forward */
  STORE_MAKE, /* to own, while a home is filled with made-up people: no sync a commit, one when it is closed. What a crash
                 leaves is to be thrown away; never for a home that real people use */
  STORE_LOOK  /* to read beside a running server: never writes, never checkpoints */
};
enum db_kind { DB_WRITER, DB_OPEN, DB_MASKED, DB_ACCOUNT };

/* Makes HOME (which must not hold a home yet) with an empty database. `connect` NULL: SQLite; else a PostgreSQL
 * connection string for a UTF8 database with LC_COLLATE 'C' (anything else is refused). "schema=NAME" in it names the
 * schema, which is made if it is not there and must be empty (public without). A login role for each reader that sees some
 * tables alone is made if it is not there: attune_masked and attune_account, with _NAME where a schema is named. Where the
 * login is a superuser's, what tells everyone the size of tables in that database (pg_class, pg_stat_...) is closed. */
enum err store_create(const char *home, const char *connect, struct error *error);
/* ERR_STATE with one sentence when the home is held by another process, made by a newer version, or not a home. */
enum err store_open(struct store **store, const char *home, enum store_mode mode, struct error *error);
/* A database in memory (SQLite) with the schema and nothing else; for replay and for tests. */
enum err store_open_memory(struct store **store, struct error *error);
void store_close(struct store *store);                    /* NULL is fine; connections must be closed before */
const char *store_home(const struct store *store);        /* "" in memory */
const char *store_engine_name(const struct store *store); /* "sqlite" or "postgresql" */

enum err db_open(struct db **db, struct store *store, enum db_kind kind, struct error *error);
void db_close(struct db *db);

/* ---- statements ---- */

enum value_type { VALUE_NULL, VALUE_INT, VALUE_TEXT, VALUE_BLOB };
struct value {
  enum value_type type;
  int64_t integer;
  const void *bytes; /* text needs no NUL: length counts */
  size_t length;
};
static inline struct value v_null(void) {
  return (struct value){.type = VALUE_NULL};
}
static inline struct value v_int(int64_t integer) {
  return (struct value){.type = VALUE_INT, .integer = integer};
}
struct value v_text(const char *text); /* NULL gives VALUE_NULL */
static inline struct value v_blob(const void *bytes, size_t length) {
  return (struct value){.type = VALUE_BLOB, .bytes = bytes, .length = length};
}
/* db_exec(db, error, "... $1 ... $2", ARGS(v_int(1), v_text(code))) */
#define ARGS(...)                                                                                                      \
  (const struct value[]){__VA_ARGS__}, sizeof((const struct value[]){__VA_ARGS__}) / sizeof(struct value)
#define NO_ARGS NULL, 0

/* Runs a statement that returns no rows. db_changes() then tells how many rows it changed. */
enum err db_exec(struct db *db, struct error *error, const char *sql, const struct value *values, size_t count);
int64_t db_changes(const struct db *db);

/* Reading:
 *     struct rows rows;
 *     rows_open(&rows, db, "SELECT code, site FROM person WHERE kind = $1 ORDER BY code", ARGS(v_text("patient")));
 *     while (rows_next(&rows)) use(rows_text(&rows, 0), ...);
 *     enum err err = rows_close(&rows, error);        -- the first error of the three, if any
 * Columns count from 0. Pointers hold until the next rows_next or rows_close; NULL reads as 0, "" and length 0. On
 * PostgreSQL the whole result is in memory; on SQLite no transaction outlasts rows_close. Several may be open at once
 * on one connection. */
struct rows {
  struct db *db;
  void *statement; /* of the engine */
  int64_t row, count;
  enum err failed;
  struct error detail;
};
void rows_open(struct rows *rows, struct db *db, const char *sql, const struct value *values, size_t count);
bool rows_next(struct rows *rows);
int64_t rows_int(struct rows *rows, int column);
const char *rows_text(struct rows *rows, int column);
const void *rows_blob(struct rows *rows, int column, size_t *length);
bool rows_null(struct rows *rows, int column);
int rows_columns(struct rows *rows);
struct value rows_value(struct rows *rows, int column); /* as it is stored; its pointer holds as long as the others */
enum err rows_close(struct rows *rows, struct error *error);

/* Ends every reading of this connection that is open, whose `struct rows` may be gone: after work was left half-way
 * (arena_try() in base/arena.h). */
void db_leave_rows(struct db *db);

/* One integer: the first column of the first row, or `otherwise` when there is no row or it is NULL. */
enum err db_int(struct db *db, struct error *error, int64_t *out, int64_t otherwise, const char *sql,
                const struct value *values, size_t count);
/* One text in the arena: the first column of the first row, or NULL when there is no row. */
enum err db_text(struct db *db, struct error *error, struct arena *arena, char **out, const char *sql,
                 const struct value *values, size_t count);

/* All that a reader reads between the two is one state of the database (SQLite: and costs one lock, not one a statement). Around
 * the work on one request, never across its reply. On PostgreSQL they do nothing: each statement sees the newest state. */
void db_view_begin(struct db *db);
void db_view_end(struct db *db);

/* ---- transactions: the writer only ---- */
enum err db_begin(struct db *db, struct error *error);
/* ERR_BUSY: not committed, rolled back, try again. A failed fsync never returns: the process ends (die()), because
 * the kernel may have dropped the pages and a second fsync would lie. */
enum err db_commit(struct db *db, struct error *error);
void db_rollback(struct db *db);
enum err db_savepoint(struct db *db, struct error *error); /* one level: a job of a batch */
enum err db_release(struct db *db, struct error *error);
enum err db_rollback_to(struct db *db, struct error *error); /* and releases */

/* A reader's snapshot: everything read until db_snapshot_end() is of one moment. Only for `verify`, `backup` and
 * exports: while it lasts the WAL cannot be emptied, so no request holds one. */
enum err db_snapshot(struct db *db, struct error *error);
void db_snapshot_end(struct db *db);

/* Counts what this connection did, for the tests and the benchmarks. */
struct db_counts {
  int64_t commits, checkpoints; /* WAL checkpoints by this connection (SQLite) */
};
struct db_counts db_counts(const struct db *db);

/* ---- the tables as a whole ---- */

/* The names of the derived tables (not ledger_, cache_, run_, schema_), in byte order. Literals. */
const char *const *store_derived_tables(size_t *count);
/* The allow-list of a reader (DB_MASKED, DB_ACCOUNT), in byte order; none of the others. A table that tells the arm is
 * named arm_... and is never in one. */
const char *const *store_reader_tables(enum db_kind kind, size_t *count);

/* The canonical dump: every derived table by name, rows by primary key, columns in schema order, each value typed and
 * length-prefixed. `write` is called with pieces in order. The same state gives the same bytes on both engines.
 * Per table: "table NAME ROWS\n" then per row one line of values and "\n": "n" (null), "i123," (integer),
 * "t5:bytes," (text), "b5:bytes," (blob, raw bytes). */
typedef enum err dump_write(void *state, const void *bytes, size_t length);
enum err db_dump(struct db *db, dump_write *write, void *state, struct error *error);
/* Compares the derived tables of two databases as their dumps would be; `out` gets "" when they are equal, else one
 * sentence naming the first table and row that differ. */
enum err db_first_difference(struct db *a, struct db *b, char *out, size_t capacity, struct error *error);

/* In the writer's transaction: has the schema's way forward altered derived tables (a file of src/store/sql/ that begins
 * with the line "-- replay")? Then all of them are emptied here, and whoever asked fills them from the ledger before it
 * commits. Nothing reads a home between the two: opened to look it is refused as older. */
enum err db_replay_begin(struct db *db, bool *due, struct error *error);

/* The engine's own check of its pages and of every index against its table: `out` gets "" or what is wrong first.
 * `unchecked` gets "", or a sentence on what could not be looked at. SQLite: everything. PostgreSQL: the indexes, where the
 * extension amcheck is installed in this database and the owner may use it. */
enum err db_integrity(struct db *db, char *out, size_t capacity, char *unchecked, size_t unchecked_capacity, struct error *error);

/* Deletes every row of every derived, cache and run table whose `subject` is this one, and what waits to be sent to them or
 * finished by them. Part of applying an erasure: a
 * replay that skips the entries of an erased subject gives the same tables, because an entry writes rows of its own
 * subject alone. */
enum err db_erase_subject(struct db *db, const char *subject, struct error *error);

/* After the commit of an erasure, outside any transaction: nothing of what was deleted stays in the files of the home.
 * SQLite overwrites what it deletes, but leaves older copies where it has moved rows between pages, and the journal holds
 * pages as they were: so the file is written anew, then the journal copied into it and cut to nothing. Readers go on
 * meanwhile. The second waits for them a fifth of a second, then ERR_BUSY: some reader still looks at an older state.
 * PostgreSQL: both do nothing; docs/store.md says what VACUUM leaves. */
enum err db_rewrite(struct db *db, struct error *error);
enum err db_empty_journal(struct db *db, struct error *error);

/* A copy of the database while it is in use, as one file that is complete or not there: a SQLite database with the
 * ledger_ and derived tables, copied row by row from a snapshot, for both engines (so nothing that was deleted travels
 * in a free page, and a home may change its engine by backup and restore). run_ and cache_ tables travel empty. */
enum err store_backup(struct store *store, const char *file, struct error *error);
/* Fills an empty home's database from such a file, in one transaction. A backup of an earlier version is brought forward in
 * a copy inside the home, which is removed again. */
enum err store_restore(struct store *store, const char *file, struct error *error);

#endif
