/* The PostgreSQL back end (Debian's 15). Several nodes may write one ledger: a batch begins by updating ledger_head and
 * so waits for the one before it. Results travel as text, values as binary (integers as text), so that one text of SQL
 * serves both engines; BLOB is a domain over bytea. */
#include <libpq-fe.h>

#include "base/crypto.h"
#include "store/store_engine.h"

#define CACHE_BUCKETS 256
#define CACHE_MAXIMUM 1024
#define OID_BOOL 16
#define OID_BYTEA 17
#define OID_INT8 20
#define OID_INT2 21
#define OID_INT4 23
#define OID_TEXT 25
#define OID_NUMERIC 1700

struct prepared {
  struct prepared *next;
  char *sql;
  uint64_t hash;
  char name[24];
};

struct postgresql_db {
  struct db base;
  PGconn *connection;
  struct prepared *bucket[CACHE_BUCKETS];
  int prepared;               /* in the cache */
  int64_t made;               /* names given so far */
  struct reader_words *words; /* of a reader that sees some tables alone */
};

struct result { /* of rows_open */
  PGresult *rows;
  int64_t at, count;
  unsigned char *bytes[STORE_MAX_COLUMNS]; /* decoded bytea of the present row */
};

static struct postgresql_db *postgresql_of(const struct db *db) {
  return (struct postgresql_db *)(uintptr_t)db;
}

/* ---- what went wrong ---- */

static enum err connection_fail(PGconn *connection, struct error *error) {
  char what[256];
  snprintf(what, sizeof what, "%s", PQerrorMessage(connection));
  what[strcspn(what, "\n")] = 0;
  return fail(error, ERR_BUSY, "store-away", "",
              "the database server does not answer (%s): nothing was stored; try again", what);
}

static enum err result_fail(struct postgresql_db *db, const PGresult *result, const char *sql, struct error *error) {
  if (PQstatus(db->connection) == CONNECTION_BAD) return connection_fail(db->connection, error);
  const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
  const char *what = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
  if (!state) state = "";
  if (!what) what = PQerrorMessage(db->connection);
  if (!strncmp(state, "53100", 5))
    return fail(error, ERR_BUSY, "disk-full", "",
                "the database server's disk is full: nothing was stored; free some space, then try again");
  if (!strncmp(state, "40", 2) || !strncmp(state, "53", 2) || !strncmp(state, "57", 2))
    return fail(error, ERR_BUSY, "store-busy", "",
                "the database server could not take it (%s): nothing was stored; try again", what);
  if (!strcmp(state, "42501") || !strcmp(state, "25006"))
    return fail(error, ERR_DENIED, "reader", "", "this connection may not do this (%s): %.200s", what, sql);
  if (!strncmp(state, "XX", 2))
    return fail(error, ERR_STORE, "store-damaged", "",
                "the database is damaged (%s): restore it from a backup (attune restore)", what);
  return fail(error, ERR_STORE, "store-failed", "", "%s: %.200s", what, sql);
}

/* ---- connecting ---- */

static void prepared_drop(struct postgresql_db *db) {
  for (int i = 0; i < CACHE_BUCKETS; i++) {
    while (db->bucket[i]) {
      struct prepared *next = db->bucket[i]->next;
      free(db->bucket[i]->sql);
      free(db->bucket[i]);
      db->bucket[i] = next;
    }
  }
  db->prepared = 0;
}

static enum err run(struct postgresql_db *db, const char *sql, struct error *error) {
  PGresult *result = PQexec(db->connection, sql);
  ExecStatusType status = PQresultStatus(result);
  bool well = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
  enum err err = well ? OK : result_fail(db, result, sql, error);
  PQclear(result);
  return err;
}

/* What an administrator has set stands, unless it would answer before the disk has it. */
static enum err session_settings(struct postgresql_db *db, struct error *error) {
  char path[SCHEMA_NAME + 32];
  snprintf(path, sizeof path, "SET search_path = %s", db->base.store->schema);
  enum err err = run(db,
                     "SET client_encoding = 'UTF8'; SET standard_conforming_strings = on; SET client_min_messages = error; "
                     "SET bytea_output = 'hex'; "
                     "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
                     error);
  if (!err) err = run(db, path, error);
  if (!err && db->base.store->mode == STORE_MAKE) err = run(db, "SET synchronous_commit = off", error);
  if (!err && db->base.kind != DB_WRITER) err = run(db, "SET default_transaction_read_only = on", error);
  return err;
}

static void close_db(struct db *base) {
  struct postgresql_db *db = postgresql_of(base);
  prepared_drop(db);
  PQfinish(db->connection);
  free(db->words);
  free(base->readings);
  free(db);
}

static enum err open_string(struct postgresql_db **out, struct store *store, const char *connect, enum db_kind kind,
                            struct error *error) {
  struct postgresql_db *db = calloc(1, sizeof *db);
  if (!db) die("out of memory");
  db->base.engine = &engine_postgresql;
  db->base.store = store;
  db->base.kind = kind;
  db->connection = PQconnectdb(connect);
  enum err err = PQstatus(db->connection) == CONNECTION_OK ? OK : connection_fail(db->connection, error);
  if (!err) err = session_settings(db, error);
  if (err)
    close_db(&db->base);
  else
    *out = db;
  return err;
}

static enum err open_db(struct db **out, struct store *store, enum db_kind kind, struct error *error) {
  struct postgresql_db *db;
  const char *connect = store->connect;
  bool narrow = reader_list_of(kind) != NULL;
  for (int i = 0; narrow && i < STORE_READERS; i++)
    if (reader_list_at(i)->kind == kind) connect = store->connect_reader[i];
  if (!connect)
    return fail(error, ERR_STATE, "home-settings", "", "%s/store.json has no connect_%s; start attune serve once to make its role", store->home,
                reader_list_of(kind)->name);
  enum err err = open_string(&db, store, connect, kind, error);
  if (err) return err;
  if (narrow) {
    struct reader_words *words = calloc(1, sizeof *words);
    if (!words) die("out of memory");
    err = reader_words_load(words, &db->base, error);
    db->words = words; /* only now: from here on every text is checked */
    prepared_drop(db);
  }
  if (err)
    close_db(&db->base);
  else
    *out = &db->base;
  return err;
}

/* A lost connection is made anew, but only between transactions: what was under way is lost. */
static enum err reconnect(struct postgresql_db *db, struct error *error) {
  if (PQstatus(db->connection) == CONNECTION_OK) return OK;
  if (db->base.in_transaction) return connection_fail(db->connection, error);
  prepared_drop(db);
  PQreset(db->connection);
  if (PQstatus(db->connection) != CONNECTION_OK) return connection_fail(db->connection, error);
  return session_settings(db, error);
}

/* ---- statements ---- */

static Oid oid_of(enum value_type type) {
  switch (type) {
  case VALUE_INT:
    return OID_INT8;
  case VALUE_TEXT:
    return OID_TEXT;
  case VALUE_BLOB:
    return OID_BYTEA;
  default:
    return 0;
  }
}

static enum err prepare(struct postgresql_db *db, const char *sql, const struct value *values, size_t count,
                        struct prepared **out, struct error *error) {
  uint64_t hash = text_hash(sql);
  struct prepared **bucket = &db->bucket[hash % CACHE_BUCKETS];
  for (struct prepared *p = *bucket; p; p = p->next) {
    if (p->hash == hash && !strcmp(p->sql, sql)) {
      *out = p;
      return OK;
    }
  }
  enum err err = db->words ? reader_text_check(db->words, sql, error) : OK;
  if (err) return err;
  if (db->prepared >= CACHE_MAXIMUM) {
    if ((err = run(db, "DEALLOCATE ALL", error))) return err;
    prepared_drop(db);
    bucket = &db->bucket[hash % CACHE_BUCKETS];
  }
  Oid types[STORE_MAX_PARAMETERS];
  for (size_t i = 0; i < count; i++) types[i] = oid_of(values[i].type);
  char name[24];
  snprintf(name, sizeof name, "s%lld", (long long)++db->made);
  PGresult *result = PQprepare(db->connection, name, sql, (int)count, types);
  if (PQresultStatus(result) != PGRES_COMMAND_OK) err = result_fail(db, result, sql, error);
  PQclear(result);
  if (err) return err;
  struct prepared *p = calloc(1, sizeof *p);
  if (!p) die("out of memory");
  *p = (struct prepared){.next = *bucket, .sql = strdup(sql), .hash = hash};
  memcpy(p->name, name, sizeof name);
  *bucket = *out = p;
  db->prepared++;
  return OK;
}

static PGresult *send(struct postgresql_db *db, const struct prepared *statement, const struct value *values,
                      size_t count) {
  const char *bytes[STORE_MAX_PARAMETERS];
  int lengths[STORE_MAX_PARAMETERS], formats[STORE_MAX_PARAMETERS];
  char integers[STORE_MAX_PARAMETERS][24];
  for (size_t i = 0; i < count; i++) {
    const struct value *value = &values[i];
    bytes[i] = value->type == VALUE_NULL ? NULL : value->bytes ? value->bytes : "";
    lengths[i] = (int)value->length;
    formats[i] = 1;
    if (value->type == VALUE_INT) {
      snprintf(integers[i], sizeof integers[i], "%lld", (long long)value->integer);
      bytes[i] = integers[i];
      formats[i] = 0;
    }
  }
  return PQexecPrepared(db->connection, statement->name, (int)count, bytes, lengths, formats, 0);
}

static enum err execute(struct postgresql_db *db, const char *sql, const struct value *values, size_t count,
                        PGresult **out, struct error *error) {
  struct prepared *statement;
  *out = NULL;
  enum err err = reconnect(db, error);
  if (!err) err = prepare(db, sql, values, count, &statement, error);
  if (err) return err;
  PGresult *result = send(db, statement, values, count);
  ExecStatusType status = PQresultStatus(result);
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
    *out = result;
    return OK;
  }
  err = result_fail(db, result, sql, error);
  PQclear(result);
  return err;
}

static enum err exec(struct db *base, struct error *error, const char *sql, const struct value *values, size_t count) {
  PGresult *result;
  enum err err = execute(postgresql_of(base), sql, values, count, &result, error);
  if (err) return err;
  base->changes = strtoll(PQcmdTuples(result), NULL, 10);
  PQclear(result);
  return OK;
}

static enum err script(struct db *base, const char *sql, struct error *error) {
  return run(postgresql_of(base), sql, error);
}

/* ---- rows ---- */

static void rows_open_postgresql(struct rows *rows, struct db *base, const char *sql, const struct value *values,
                                 size_t count) {
  PGresult *answer;
  rows->failed = execute(postgresql_of(base), sql, values, count, &answer, &rows->detail);
  if (rows->failed) return;
  struct result *result = calloc(1, sizeof *result);
  if (!result) die("out of memory");
  *result = (struct result){.rows = answer, .at = -1, .count = PQntuples(answer)};
  if (PQnfields(answer) > STORE_MAX_COLUMNS) die("a SELECT has more than %d columns", STORE_MAX_COLUMNS);
  rows->statement = result;
  rows->count = result->count;
}

static void row_drop(struct result *result) {
  for (int i = 0; i < STORE_MAX_COLUMNS; i++) {
    PQfreemem(result->bytes[i]);
    result->bytes[i] = NULL;
  }
}

static bool rows_next_postgresql(struct rows *rows) {
  struct result *result = rows->statement;
  row_drop(result);
  rows->row = ++result->at;
  return result->at < result->count;
}

static int rows_columns_postgresql(struct rows *rows) {
  return PQnfields(((struct result *)rows->statement)->rows);
}

static struct value rows_value_postgresql(struct rows *rows, int column) {
  struct result *result = rows->statement;
  int row = (int)result->at;
  if (PQgetisnull(result->rows, row, column)) return v_null();
  const char *text = PQgetvalue(result->rows, row, column);
  size_t length = (size_t)PQgetlength(result->rows, row, column);
  switch (PQftype(result->rows, column)) {
  case OID_BOOL:
    return v_int(*text == 't');
  case OID_INT2:
  case OID_INT4:
  case OID_INT8:
  case OID_NUMERIC:
    return v_int(strtoll(text, NULL, 10)); /* numeric: the sum of a bigint */
  case OID_BYTEA:
    if (!result->bytes[column])
      result->bytes[column] = PQunescapeBytea((const unsigned char *)text, &length);
    else
      length = length / 2 - 1; /* "\x" and two digits a byte */
    if (!result->bytes[column]) die("out of memory");
    return v_blob(result->bytes[column], length);
  default:
    return (struct value){.type = VALUE_TEXT, .bytes = text, .length = length};
  }
}

static void rows_end_postgresql(struct rows *rows) {
  struct result *result = rows->statement;
  row_drop(result);
  PQclear(result->rows);
  free(result);
}

/* ---- transactions ---- */

static enum err begin(struct db *base, struct error *error) {
  enum err err = reconnect(postgresql_of(base), error);
  return err ? err : run(postgresql_of(base), "BEGIN", error);
}

static enum err snapshot(struct db *base, struct error *error) {
  enum err err = reconnect(postgresql_of(base), error);
  return err ? err : run(postgresql_of(base), "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", error);
}

static void rollback(struct db *base) {
  PQclear(PQexec(postgresql_of(base)->connection, "ROLLBACK"));
}

/* When the connection is lost here, nobody knows whether the commit was made: the caller says "try again", and the
 * submission's own key keeps it from being stored twice. */
static enum err commit(struct db *base, struct error *error) {
  struct postgresql_db *db = postgresql_of(base);
  PGresult *result = PQexec(db->connection, "COMMIT");
  struct error detail = {0};
  enum err err = OK;
  if (PQresultStatus(result) != PGRES_COMMAND_OK)
    err = result_fail(db, result, "COMMIT", &detail);
  else if (strcmp(PQcmdStatus(result), "COMMIT")) /* "ROLLBACK": a statement before had failed */
    err = fail(&detail, ERR_BUSY, "store-rolled-back", "",
               "the database could not take what was written: nothing was stored; try again");
  PQclear(result);
  if (!err) return OK;
  rollback(base);
  return fail(error, ERR_BUSY, detail.id, "", "%s", detail.text);
}

/* ---- the schema ---- */

static enum err shape(struct db *base, const char *table, struct table_shape *out, struct error *error) {
  *out = (struct table_shape){0};
  struct rows rows;
  rows_open(&rows, base,
            "SELECT a.attname::text FROM pg_attribute a "
            "WHERE a.attrelid = to_regclass(quote_ident(current_schema()) || '.' || $1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            ARGS(v_text(table)));
  while (rows_next(&rows)) {
    if (out->columns == STORE_MAX_COLUMNS) die("table %s has too many columns", table);
    snprintf(out->name[out->columns++], sizeof out->name[0], "%s", rows_text(&rows, 0));
  }
  enum err err = rows_close(&rows, error);
  if (err || !out->columns) return err;
  rows_open(&rows, base,
            "SELECT a.attname::text FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int[]) WITH ORDINALITY AS "
            "k(attnum, place) "
            "JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum "
            "WHERE i.indrelid = to_regclass(quote_ident(current_schema()) || '.' || $1) AND i.indisprimary ORDER BY k.place",
            ARGS(v_text(table)));
  while (rows_next(&rows))
    for (int c = 0; c < out->columns; c++)
      if (!strcmp(out->name[c], rows_text(&rows, 0))) out->key[out->keys++] = c;
  return rows_close(&rows, error);
}

/* amcheck compares each index with its table: its order, and that every row is in it. */
static enum err indexes_check(struct db *base, const char *function, struct error *error) {
  struct arena arena = {0};
  struct rows rows;
  rows_open(&rows, base,
            arena_printf(&arena,
                         "SELECT c.oid::bigint, %s(c.oid::regclass, true)::text FROM pg_class c JOIN pg_am a ON a.oid = c.relam "
                         "WHERE c.relkind = 'i' AND a.amname = 'btree' AND c.relnamespace = current_schema()::regnamespace ORDER BY c.oid",
                         function),
            NO_ARGS);
  while (rows_next(&rows)) continue;
  enum err err = rows_close(&rows, error);
  arena_free(&arena);
  return err;
}

static enum err integrity(struct db *base, char *out, size_t capacity, char *unchecked, size_t unchecked_capacity, struct error *error) {
  struct arena arena = {0};
  struct error detail = {0};
  char *function;
  enum err err = db_text(base, error, &arena, &function,
                         "SELECT quote_ident(n.nspname) || '.bt_index_check' FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
                         "WHERE p.proname = 'bt_index_check' AND p.pronargs = 2 AND has_function_privilege(p.oid, 'EXECUTE') ORDER BY p.oid LIMIT 1",
                         NO_ARGS);
  if (!err && !function)
    snprintf(unchecked, unchecked_capacity,
             "the database's indexes were not checked: amcheck is not there for its owner (CREATE EXTENSION amcheck)");
  else if (!err && (err = indexes_check(base, function, &detail)) && !strcmp(detail.id, "store-damaged")) {
    snprintf(out, capacity, "%s", detail.text);
    err = OK;
  } else if (err && *detail.id && error)
    *error = detail;
  arena_free(&arena);
  return err;
}

static char *role_of(struct arena *arena, const struct store *store, const struct reader_list *list) {
  bool plain = !strcmp(store->schema, "public"); /* as homes without a named schema have had it from the start */
  return arena_printf(arena, "attune_%s%s%s", list->name, plain ? "" : "_", plain ? "" : store->schema);
}

/* A role may read its list and nothing else; what it may read beyond it, or not yet, is put right. */
static enum err grant_list(struct db *base, const struct reader_list *list, struct error *error) {
  struct arena arena = {0};
  struct buf wanted = buf_in(&arena, 1024);
  const char *schema = base->store->schema, *role = role_of(&arena, base->store, list);
  for (size_t i = 0; i < list->tables->count; i++) buf_addf(&wanted, "%s%s", i ? ", " : "", list->tables->names[i]);
  char *granted;
  enum err err = db_text(base, error, &arena, &granted,
                         "SELECT string_agg(c.relname::text, ', ' ORDER BY c.relname::text COLLATE \"C\") FROM pg_class c "
                         "WHERE c.relkind IN ('r', 'v', 'm', 'p') AND c.relnamespace = current_schema()::regnamespace "
                         "AND has_table_privilege($1::name, c.oid, 'SELECT') ORDER BY 1",
                         ARGS(v_text(role)));
  if (!err && strcmp(granted ? granted : "", wanted.data))
    err = run(postgresql_of(base),
              arena_printf(&arena,
                           "BEGIN; REVOKE ALL ON ALL TABLES IN SCHEMA %s FROM PUBLIC, %s; REVOKE CREATE ON SCHEMA %s FROM PUBLIC; "
                           "GRANT USAGE ON SCHEMA %s TO %s; GRANT SELECT ON %s TO %s; COMMIT",
                           schema, role, schema, schema, role, wanted.data, role),
              error);
  arena_free(&arena);
  return err;
}

static enum err grant(struct db *base, struct error *error) {
  enum err err = OK;
  for (int i = 0; !err && i < STORE_READERS; i++) err = grant_list(base, reader_list_at(i), error);
  return err;
}

/* ---- a new home ---- */

static enum err fitness_check(struct postgresql_db *db, struct error *error) {
  struct rows rows;
  char encoding[64] = "", order[64] = "";
  int64_t tables = 0;
  rows_open(&rows, &db->base,
            "SELECT pg_encoding_to_char(d.encoding)::text, d.datcollate::text, "
            "(SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1) "
            "FROM pg_database d WHERE d.datname = current_database() ORDER BY d.oid",
            ARGS(v_text(db->base.store->schema)));
  if (rows_next(&rows)) {
    snprintf(encoding, sizeof encoding, "%s", rows_text(&rows, 0));
    snprintf(order, sizeof order, "%s", rows_text(&rows, 1));
    tables = rows_int(&rows, 2);
  }
  enum err err = rows_close(&rows, error);
  if (err) return err;
  if (strcmp(encoding, "UTF8") || strcmp(order, "C"))
    return fail(error, ERR_INPUT, "database-order", "",
                "the database has encoding %s and LC_COLLATE '%s'; make one with "
                "CREATE DATABASE ... ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
                encoding, order);
  if (tables)
    return fail(error, ERR_STATE, "database-used", "", "the schema %s of the database is not empty; choose another, or another database",
                db->base.store->schema);
  return OK;
}

/* The connection string again, its user and password replaced. */
static char *connect_as(const char *connect, const char *user, const char *password) {
  char *message = NULL;
  PQconninfoOption *options = PQconninfoParse(connect, &message);
  PQfreemem(message);
  struct arena arena = {0};
  struct buf out = buf_in(&arena, 256);
  buf_addf(&out, "user='%s'", user);
  if (*password) buf_addf(&out, " password='%s'", password);
  for (PQconninfoOption *o = options; o && o->keyword; o++) {
    if (!o->val || !strcmp(o->keyword, "user") || !strcmp(o->keyword, "password")) continue;
    buf_addf(&out, " %s='", o->keyword);
    for (const char *c = o->val; *c; c++) {
      if (*c == '\'' || *c == '\\') buf_addc(&out, '\\');
      buf_addc(&out, *c);
    }
    buf_addc(&out, '\'');
  }
  PQconninfoFree(options);
  char *copy = strdup(out.data);
  arena_free(&arena);
  return copy;
}

/* A role that is there already keeps its password: it may serve another home of the same server. */
static enum err role_make(struct postgresql_db *db, const char *role, char password[65], struct error *error) {
  int64_t there;
  *password = 0;
  enum err err = db_int(&db->base, error, &there, 0, "SELECT count(*) FROM pg_roles WHERE rolname = $1 ORDER BY 1", ARGS(v_text(role)));
  if (err || there) return err;
  uint8_t bytes[32];
  struct chance chance = chance_system();
  chance_bytes(&chance, "reader-password", role, 0, bytes, sizeof bytes);
  struct arena arena = {0};
  memcpy(password, hex_text(&arena, bytes, sizeof bytes), 65);
  err = run(db,
            arena_printf(&arena,
                         "CREATE ROLE %s LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT PASSWORD '%s'; "
                         "ALTER ROLE %s SET default_transaction_read_only = on",
                         role, password, role),
            error);
  arena_free(&arena);
  return err;
}

static enum err role_ready(struct postgresql_db *db, int which, struct error *error) {
  struct store *store = db->base.store;
  struct arena arena = {0};
  char password[65];
  bool known = store->connect_reader[which] != NULL;
  const char *role = role_of(&arena, store, reader_list_at(which));
  enum err err = known ? OK : role_make(db, role, password, error);
  if (!err)
    err = run(db,
              arena_printf(&arena,
                           "DO $$ BEGIN EXECUTE format('REVOKE ALL ON DATABASE %%I FROM PUBLIC; GRANT CONNECT ON DATABASE %%I TO %s', "
                           "current_database(), current_database()); END $$",
                           role),
              error);
  if (!err && !known) store->connect_reader[which] = connect_as(store->connect, role, password);
  arena_free(&arena);
  return err;
}

/* The server's own figures tell everyone how many rows a table has. In this database they are closed to all but superusers:
 * the columns of pg_class that hold them, the functions behind the pg_stat views, and those that measure a table. */
static const char counts_closed[] =
    "DO $$ DECLARE f regprocedure; columns text; BEGIN "
    "IF current_setting('is_superuser') <> 'on' THEN RETURN; END IF; "
    "SELECT string_agg(quote_ident(attname), ', ') INTO columns FROM pg_attribute WHERE attrelid = 'pg_catalog.pg_class'::regclass "
    "AND attnum > 0 AND attname NOT IN ('reltuples', 'relpages', 'relallvisible'); "
    "REVOKE SELECT ON pg_catalog.pg_class FROM PUBLIC; "
    "EXECUTE format('GRANT SELECT (%s) ON pg_catalog.pg_class TO PUBLIC', columns); "
    "FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND (proname LIKE 'pg\\_stat\\_get\\_%' OR proname IN "
    "('pg_relation_size', 'pg_table_size', 'pg_indexes_size', 'pg_total_relation_size', 'pg_relation_filepath')) LOOP "
    "EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f); END LOOP; END $$";

static enum err owner_open(struct postgresql_db **db, struct store *store, struct error *error) {
  enum err err = open_string(db, store, store->connect, DB_WRITER, error);
  if (err && error) error->code = ERR_STATE;
  return err ? ERR_STATE : OK;
}

enum err postgresql_prepare(struct store *store, struct error *error) {
  struct postgresql_db *db;
  struct arena arena = {0};
  enum err err = owner_open(&db, store, error);
  if (err) return err;
  err = fitness_check(db, error);
  if (!err) err = run(db, arena_printf(&arena, "CREATE SCHEMA IF NOT EXISTS %s", store->schema), error);
  if (!err) err = run(db, "CREATE DOMAIN blob AS bytea", error);
  if (!err) err = run(db, counts_closed, error);
  close_db(&db->base);
  arena_free(&arena);
  return err;
}

enum err postgresql_roles(struct store *store, struct error *error) {
  struct postgresql_db *db;
  enum err err = owner_open(&db, store, error);
  if (err) return err;
  for (int i = 0; !err && i < STORE_READERS; i++) err = role_ready(db, i, error);
  close_db(&db->base);
  return err;
}

const struct engine engine_postgresql = {
    .name = "postgresql",
    .open = open_db,
    .close = close_db,
    .script = script,
    .exec = exec,
    .rows_open = rows_open_postgresql,
    .rows_next = rows_next_postgresql,
    .rows_columns = rows_columns_postgresql,
    .rows_value = rows_value_postgresql,
    .rows_end = rows_end_postgresql,
    .begin = begin,
    .snapshot = snapshot,
    .commit = commit,
    .rollback = rollback,
    .shape = shape,
    .integrity = integrity,
    .grant = grant,
};
