/* test_people_world.h: a home of its own for each test, on SQLite and, when ATTUNE_TEST_POSTGRESQL names a server, on
 * PostgreSQL too. Included once, by test_people.c. */
#ifndef ATTUNE_TEST_PEOPLE_WORLD_H
#define ATTUNE_TEST_PEOPLE_WORLD_H

#include <ftw.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger/ledger.h"
#include "people/sign_in.h"

struct world {
  char home[64];
  struct store *store;
  struct keys keys;
  struct ledger *ledger;
  struct db *db; /* an open reader */
  struct sign_in_seen *seen;
  struct arena arena;
  int64_t now_ms; /* the clock: a test moves it */
};

#define WORLD_DATABASE "attune_test_people"

static void world_must(enum err err, const struct error *error) {
  if (err) die("a test's home: %s", error->text);
}

static char *world_connect(const char *database) {
  static char text[600];
  snprintf(text, sizeof text, "%s dbname=%s", getenv("ATTUNE_TEST_POSTGRESQL"), database); /* the last dbname counts */
  return text;
}

static void world_sql(const char *database, const char *sql) {
  PGconn *connection = PQconnectdb(world_connect(database));
  PGresult *result = PQexec(connection, sql);
  if (PQresultStatus(result) != PGRES_COMMAND_OK) die("a test's database: %s: %s", sql, PQerrorMessage(connection));
  PQclear(result);
  PQfinish(connection);
}

static const char *world_engine(void **state) {
  return *state;
}

static struct world *world_open(const char *engine, const struct entry_kind *kinds, int64_t now_ms,
                                struct chance chance) {
  struct world *world = calloc(1, sizeof *world);
  struct error error = {0};
  if (!world) die("no memory");
  bool postgresql = !strcmp(engine, "postgresql");
  if (postgresql) world_sql(WORLD_DATABASE, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
  snprintf(world->home, sizeof world->home, "/tmp/attune-people-XXXXXX");
  if (!mkdtemp(world->home)) die("no room for a test's home");
  arena_init(&world->arena, 0);
  world->now_ms = now_ms;
  world->seen = sign_in_seen_new();
  world_must(store_create(world->home, postgresql ? world_connect(WORLD_DATABASE) : NULL, &error), &error);
  world_must(keys_create(world->home, &chance, &error), &error);
  world_must(keys_load(&world->keys, world->home, &error), &error);
  world_must(store_open(&world->store, world->home, STORE_OWN, &error), &error);
  struct ledger_config config = {.store = world->store,
                                 .keys = &world->keys,
                                 .clock = clock_fixed(&world->now_ms),
                                 .chance = chance,
                                 .origin = "attune.local/test",
                                 .kinds = kinds};
  world_must(ledger_open(&world->ledger, &config, &error), &error);
  world_must(db_open(&world->db, world->store, DB_OPEN, &error), &error);
  return world;
}

static int world_remove(const char *path, const struct stat *stat, int kind, struct FTW *at) {
  (void)stat, (void)kind, (void)at;
  return remove(path);
}

static void world_close(struct world *world) {
  db_close(world->db);
  ledger_close(world->ledger);
  store_close(world->store);
  sign_in_seen_free(world->seen);
  arena_free(&world->arena);
  nftw(world->home, world_remove, 8, FTW_DEPTH | FTW_PHYS);
  free(world);
}

#endif
