#include "trial/home.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "trial/detection.h"
#include "trial/kinds.h"

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

enum err home_refresh(struct home *home, struct error *error) {
  struct db *open;
  enum err err = db_open(&open, home->store, DB_OPEN, error);
  if (err) return err;
  pthread_mutex_lock(&home->versions->lock);
  err = versions_read(home, open, error);
  pthread_mutex_unlock(&home->versions->lock);
  db_close(open);
  return err;
}

static enum err ledger_start(struct home *home, struct error *error) {
  char origin[96];
  snprintf(origin, sizeof origin, "attune.local/%s", home->name);
  struct ledger_config config = {.store = home->store,
                                 .keys = &home->keys,
                                 .clock = home->clock,
                                 .chance = home->chance,
                                 .origin = *home->name ? origin : NULL,
                                 .kinds = trial_kinds};
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
  detector_close(home->detector);
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
                "%s: this home holds no study yet; remove it and run 'attune init' again", home->directory);
  snprintf(home->name, sizeof home->name, "%s", home_study(home)->name);
  return detector_open(&home->detector, home, error);
}

enum err home_open(struct home **out, const char *directory, enum store_mode mode, struct clock clock,
                   struct chance chance, struct error *error) {
  struct home *home = home_new(directory, clock, chance);
  enum err err = home_fill(home, mode, error);
  if (err) home_close(home);
  else *out = home;
  return err;
}

/* ---- the study's entries ---- */

struct study_set {
  const struct study *study;
  const char *by, *approval, *approval_date;
  int64_t version;
};

static enum err study_set_append(struct txn *txn, const struct study_set *set, struct error *error) {
  ledger_keep_checkpoint(txn, "study");
  json_t *body = json_pack("{s:I, s:s, s:s, s:s, s:s%}", "version", (json_int_t)set->version, "hash", set->study->hash,
                           "approval", set->approval, "approval_date", set->approval_date, "bundle", set->study->bundle,
                           set->study->bundle_length);
  return ledger_append(txn, set->by, "study.set", "study", body, error);
}

static enum err study_first(struct txn *txn, void *input, struct error *error) {
  return study_set_append(txn, input, error);
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
  if (!err) err = ledger_do(home->ledger, study_first, &set, error);
  home_close(home);
  return err;
}

static bool refused_before(const struct study_difference *out, const char *refusal) {
  for (size_t i = 0; i < out->refusal_count; i++)
    if (strstr(out->refusals[i], refusal)) return true;
  return false;
}

static void refusals_of(int64_t version, const struct study_difference *older, struct arena *arena,
                        struct study_difference *out) {
  const char **list = arena_array(arena, out->refusal_count + older->refusal_count + 1, sizeof *list);
  if (out->refusal_count) memcpy(list, out->refusals, out->refusal_count * sizeof *list);
  out->refusals = list;
  for (size_t i = 0; i < older->refusal_count; i++)
    if (!refused_before(out, older->refusals[i]))
      list[out->refusal_count++] =
          arena_printf(arena, "Against version %lld of the study: %s", (long long)version, older->refusals[i]);
  out->refused = out->refusal_count > 0;
}

void home_compare(const struct home *home, const struct study *after, struct arena *arena,
                  struct study_difference *out) {
  study_compare(home_study(home), after, arena, out);
  for (int64_t version = home_version(home) - 1; version >= 1; version--) {
    struct study_difference older;
    study_compare(home_study_version(home, version), after, arena, &older);
    refusals_of(version, &older, arena, out);
  }
}

static enum err amendment_checks(const struct study_amend *amend, struct arena *arena, struct error *error) {
  const struct study *now = home_study(amend->home);
  int64_t day;
  if (!*amend->approval)
    return fail(error, ERR_INPUT, "approval-missing", "approval", "an amendment needs the reference of the ethics approval");
  if (!date_parse(amend->approval_date, &day))
    return fail(error, ERR_INPUT, "date-wrong", "approval_date", "'%s' is no date such as 2026-11-23", amend->approval_date);
  if (strcmp(now->name, amend->study->name))
    return fail(error, ERR_INPUT, "study-other", "name", "this home holds the study '%s', not '%s'", now->name,
                amend->study->name);
  if (!strcmp(now->hash, amend->study->hash))
    return fail(error, ERR_STATE, "study-same", "", "nothing is different: no amendment is needed");
  struct study_difference difference;
  home_compare(amend->home, amend->study, arena, &difference);
  if (difference.refused)
    return fail(error, ERR_INPUT, "study-reinterprets", "", "%s", difference.refusals[0]);
  return OK;
}

enum err study_amend(struct txn *txn, void *input, struct error *error) {
  struct study_amend *amend = input;
  enum err err = amendment_checks(amend, txn_arena(txn), error);
  if (err) return err;
  struct study_set set = {.study = amend->study,
                          .by = amend->by,
                          .approval = amend->approval,
                          .approval_date = amend->approval_date,
                          .version = home_version(amend->home) + 1};
  return study_set_append(txn, &set, error);
}

enum err home_apply_study(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  return db_exec(db, error,
                 "INSERT INTO study_version (version, subject, time_ms, hash, approval, approval_date, bundle) "
                 "VALUES ($1, $2, $3, $4, $5, $6, $7)",
                 ARGS(v_int(json_int(body, "version", 0)), v_text(entry->subject), v_int(entry->time_ms),
                      v_text(json_text(body, "hash", "")), v_text(json_text(body, "approval", "")),
                      v_text(json_text(body, "approval_date", "")), v_text(json_text(body, "bundle", ""))));
}
