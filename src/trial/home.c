#include "trial/home.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "trial/kinds.h"
#include "trial/study_version.h"

#define VERSIONS_MOST 400 /* amendments of one study */

/* The study's versions, 1 first. Only grows: readers take the number of the current one and never lock. */
struct home_versions {
  struct arena arena;
  pthread_mutex_t lock; /* held by whoever adds */
  _Atomic int64_t current;
  const struct study *list[VERSIONS_MOST + 1];
};

const struct study *home_study_version(const struct home *home, int64_t version) {
  return version >= 1 && version <= home->versions->current ? home->versions->list[version] : NULL;
}

int64_t home_version(const struct home *home) { return home->versions->current; }
const struct study *home_study(const struct home *home) { return home->versions->list[home->versions->current]; }

static enum err version_take_in(struct home_versions *versions, int64_t number, const char *bundle, struct error *error) {
  if (number < 1 || number > VERSIONS_MOST)
    return fail(error, ERR_LIMIT, "too-many-versions", "study", "a study takes at most %d versions", VERSIONS_MOST);
  struct study_findings findings = {.arena = &versions->arena};
  enum err err = study_from_bundle(&versions->list[number], bundle, strlen(bundle), &findings, &versions->arena, error);
  if (!err) versions->current = number;
  return err;
}

static enum err versions_read(struct home *home, struct db *open, struct error *error) {
  struct rows rows;
  enum err failed = OK;
  rows_open(&rows, open, "SELECT version, bundle FROM study_version WHERE version > $1 ORDER BY version",
            ARGS(v_int(home->versions->current)));
  while (!failed && rows_next(&rows))
    failed = version_take_in(home->versions, rows_int(&rows, 0), rows_text(&rows, 1), error);
  enum err err = rows_close(&rows, failed ? NULL : error);
  return failed ? failed : err;
}

static enum err versions_renew(void *state, struct db *db, struct error *error) {
  struct home *home = state;
  pthread_mutex_lock(&home->versions->lock);
  enum err err = versions_read(home, db, error);
  pthread_mutex_unlock(&home->versions->lock);
  return err;
}

enum err home_refresh(struct home *home, struct error *error) {
  struct db *open;
  enum err err = db_open(&open, home->store, DB_OPEN, error);
  if (err) return err;
  err = versions_renew(home, open, error);
  db_close(open);
  return err;
}

enum err home_catch_up(struct home *home, struct db *db, struct error *error) {
  int64_t newest;
  if (strcmp(store_engine_name(home->store), "postgresql")) return OK; /* a SQLite home is this process's alone */
  enum err err = db_int(db, error, &newest, 0, "SELECT max(version) FROM study_version", NO_ARGS);
  return err || newest <= home_version(home) ? err : versions_renew(home, db, error);
}

static enum err ledger_start(struct home *home, struct error *error) {
  char origin[96];
  snprintf(origin, sizeof origin, "attune.local/%s", home->name);
  struct ledger_config config = {.store = home->store,
                                 .keys = &home->keys,
                                 .clock = home->clock,
                                 .chance = home->chance,
                                 .origin = *home->name ? origin : NULL,
                                 .kinds = assembled_kinds,
                                 .follows = assembled_follows,
                                 .written_elsewhere = versions_renew,
                                 .state = home};
  return ledger_open(&home->ledger, &config, error);
}

static struct home *home_new(const char *directory, struct clock clock, struct chance chance) {
  struct home *home = calloc(1, sizeof *home);
  struct home_versions *versions = calloc(1, sizeof *versions);
  if (!home || !versions) die("out of memory");
  *home = (struct home){.directory = strdup(directory), .clock = clock, .chance = chance, .versions = versions};
  arena_init(&versions->arena, 0);
  pthread_mutex_init(&versions->lock, NULL);
  home->writer_desk = expression_desk_open();
  return home;
}

void home_log_counts(const struct home *home) {
  if (!home->ledger) return;
  struct ledger_counts counts = ledger_counts(home->ledger);
  if (counts.batches)
    log_line(LOG_INFO, "ledger", "%s: %lld jobs and %lld entries in %lld batches, %lld us a batch", home->name, (long long)counts.jobs,
             (long long)counts.entries, (long long)counts.batches, (long long)(counts.batch_us_sum / counts.batches));
}

void home_close(struct home *home) {
  if (!home) return;
  ledger_close(home->ledger);
  expression_desk_close(home->writer_desk);
  store_close(home->store);
  keys_wipe(&home->keys);
  arena_free(&home->versions->arena);
  pthread_mutex_destroy(&home->versions->lock);
  free(home->versions);
  free(home->directory);
  free(home);
}

static enum err home_fill(struct home *home, enum store_mode mode, struct error *error) {
  enum err err = store_open(&home->store, home->directory, mode, error);
  if (!err) err = keys_load(&home->keys, home->directory, error);
  if (!err && mode != STORE_LOOK) err = ledger_start(home, error); /* first: it may have to fill the tables again */
  if (!err) err = home_refresh(home, error);
  if (err) return err;
  if (!home->versions->current)
    return fail(error, ERR_STATE, "home-empty", home->directory,
                "%s: this home holds no study. If 'attune init' was stopped here, make the home in another directory; if people have "
                "taken part, keep all of it, its keys above all, and restore it from a backup (attune restore)", home->directory);
  snprintf(home->name, sizeof home->name, "%s", home_study(home)->name);
  return OK;
}

enum err home_open(struct home **out, const char *directory, enum store_mode mode, struct clock clock,
                   struct chance chance, struct error *error) {
  struct home *home = home_new(directory, clock, chance);
  enum err err = home_fill(home, mode, error);
  if (err) home_close(home);
  else *out = home;
  return err;
}

enum err home_create(const struct home_create *create, struct error *error) {
  enum err err = store_create(create->directory, create->connect, error);
  if (!err) err = keys_create(create->directory, &create->chance, error);
  if (err) return err;
  struct home *home = home_new(create->directory, create->clock, create->chance);
  snprintf(home->name, sizeof home->name, "%s", create->study->name);
  err = store_open(&home->store, create->directory, STORE_OWN, error);
  if (!err) err = keys_load(&home->keys, create->directory, error);
  if (!err) err = ledger_start(home, error);
  struct study_set set = {
      .study = create->study, .by = create->by, .approval = "", .approval_date = "", .version = 1};
  if (!err) err = ledger_do(home->ledger, study_version_first, &set, error);
  home_close(home);
  return err;
}

