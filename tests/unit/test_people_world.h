/* test_people_world.h: a home of its own for each test, on SQLite and, when ATTUNE_TEST_POSTGRESQL names a server, on
 * PostgreSQL too. Included once, by test_people.c. */
#ifndef ATTUNE_TEST_PEOPLE_WORLD_H
#define ATTUNE_TEST_PEOPLE_WORLD_H

#include "ledger/ledger.h"
#include "people/sign_in.h"
#include "store_fixture.h"

struct world {
  struct home home;
  struct store *store;
  struct keys keys;
  struct ledger *ledger;
  struct db *db; /* an open reader */
  struct sign_in_seen *seen;
  struct arena arena;
  int64_t now_ms; /* the clock: a test moves it */
};

static const char *world_engine(void **state) {
  return *state;
}

/* A PostgreSQL database takes half a second to make: one serves all tests, emptied before each. */
static struct home shared;

static void empty_shared(void) {
  char connect[600], erasures[FIXTURE_PATH + 16];
  fixture_connect(connect, sizeof connect, shared.database);
  PGconn *connection = PQconnectdb(connect);
  PGresult *result =
      PQexec(connection, "DO $$ DECLARE name text; BEGIN FOR name IN SELECT tablename FROM pg_tables WHERE "
                         "schemaname = 'public' AND tablename NOT LIKE 'schema%' ORDER BY tablename LOOP "
                         "EXECUTE 'DELETE FROM ' || quote_ident(name); END LOOP; END $$");
  if (PQresultStatus(result) != PGRES_COMMAND_OK) stop_test("%s", PQerrorMessage(connection));
  PQclear(result);
  PQfinish(connection);
  snprintf(erasures, sizeof erasures, "%s/erasures", shared.path);
  unlink(erasures);
}

static struct home world_home(bool postgresql, const struct chance *chance) {
  struct home home;
  if (!postgresql) {
    home_make(&home, false, chance);
    return home;
  }
  if (*shared.path)
    empty_shared();
  else
    home_make(&shared, true, chance);
  return shared;
}

static struct world *world_open(const char *engine, const struct entry_kind *kinds, int64_t now_ms,
                                struct chance chance) {
  struct world *world = calloc(1, sizeof *world);
  if (!world) die("no memory");
  arena_init(&world->arena, 0);
  world->now_ms = now_ms;
  world->seen = sign_in_seen_new();
  world->home = world_home(!strcmp(engine, "postgresql"), &chance);
  assert_ok(keys_load(&world->keys, world->home.path, error));
  assert_ok(store_open(&world->store, world->home.path, STORE_OWN, error));
  struct ledger_config config = {.store = world->store,
                                 .keys = &world->keys,
                                 .clock = clock_fixed(&world->now_ms),
                                 .chance = chance,
                                 .origin = "attune.local/test",
                                 .kinds = kinds};
  assert_ok(ledger_open(&world->ledger, &config, error));
  assert_ok(db_open(&world->db, world->store, DB_OPEN, error));
  return world;
}

static void world_close(struct world *world) {
  db_close(world->db);
  ledger_close(world->ledger);
  store_close(world->store);
  sign_in_seen_free(world->seen);
  arena_free(&world->arena);
  if (!*world->home.database) home_remove(&world->home);
  free(world);
}

#endif
