/* store_fixture.h: homes for the tests of store and ledger, on both engines.
 *
 * PostgreSQL is tried when ATTUNE_TEST_POSTGRESQL holds a connection string to a maintenance database of a private
 * loopback server (as superuser); each home gets a database of its own there, dropped afterwards. */
#ifndef ATTUNE_TESTS_STORE_FIXTURE_H
#define ATTUNE_TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* cmocka's macro would hide base/err.h's function; the tests use stop_test() */
#define stop_test(...) (print_error(__VA_ARGS__), _fail(__FILE__, __LINE__))
#include <ftw.h>
#include <libpq-fe.h>

#include "store/keys.h"
#include "store/store.h"

#define FIXTURE_PATH 200

struct home {
  char path[FIXTURE_PATH];
  char database[80]; /* of PostgreSQL; "" on SQLite */
};

static inline const char *fixture_server(void) {
  return getenv("ATTUNE_TEST_POSTGRESQL");
}

static inline void fixture_admin(const char *before, const char *database, const char *after) {
  char sql[256];
  snprintf(sql, sizeof sql, "%s %s %s", before, database, after);
  PGconn *connection = PQconnectdb(fixture_server());
  PGresult *result = PQexec(connection, sql);
  if (PQresultStatus(result) != PGRES_COMMAND_OK) stop_test("%s: %s", sql, PQerrorMessage(connection));
  PQclear(result);
  PQfinish(connection);
}

/* The connection string of a database on the test's server. */
static inline void fixture_connect(char *out, size_t capacity, const char *database) {
  snprintf(out, capacity, "%s dbname=%s", fixture_server(), database);
}

static inline int fixture_remove_one(const char *path, const struct stat *facts, int kind, struct FTW *walk) {
  (void)facts, (void)kind, (void)walk;
  return remove(path);
}

static inline void home_name(struct home *home) {
  static int made;
  const char *base = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
  *home = (struct home){{0}, {0}};
  snprintf(home->path, sizeof home->path, "%s/attune-test-%ld-%d", base, (long)getpid(), ++made);
}

/* A new home with keys. `postgresql`: on the test's server. */
static inline void home_make(struct home *home, bool postgresql, const struct chance *chance) {
  static int databases;
  struct error error = {0};
  char connect[512];
  home_name(home);
  if (postgresql) {
    snprintf(home->database, sizeof home->database, "attune_test_%ld_%d", (long)getpid(), ++databases);
    fixture_admin("CREATE DATABASE", home->database, "ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    fixture_connect(connect, sizeof connect, home->database);
  }
  if (store_create(home->path, postgresql ? connect : NULL, &error)) stop_test("%s", error.text);
  if (keys_create(home->path, chance, &error)) stop_test("%s", error.text);
}

static inline void home_remove(struct home *home) {
  nftw(home->path, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS);
  if (*home->database) fixture_admin("DROP DATABASE", home->database, "WITH (FORCE)");
}

#define assert_ok(call)                                                                                                \
  do {                                                                                                                 \
    struct error error_ = {0};                                                                                         \
    struct error *error = &error_;                                                                                     \
    if ((call) != OK) stop_test("%s:%d: %s", __FILE__, __LINE__, error_.text);                                         \
  } while (0)

/* A test for each engine; the second is skipped where there is no PostgreSQL. */
#define ON_BOTH(name)                                                                                                  \
  static void test_##name##_sqlite(void **state) {                                                                     \
    (void)state;                                                                                                       \
    name(false);                                                                                                       \
  }                                                                                                                    \
  static void test_##name##_postgresql(void **state) {                                                                 \
    (void)state;                                                                                                       \
    if (!fixture_server()) skip();                                                                                     \
    name(true);                                                                                                        \
  }
#define BOTH(name) cmocka_unit_test(test_##name##_sqlite), cmocka_unit_test(test_##name##_postgresql)

#endif
