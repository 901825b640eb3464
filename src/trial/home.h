/* home.h: one study with its own ledger, opened: the store, the keys, the writer and the study's versions together.
 * Everything that the activities of this room need comes in through here; nothing is global. */
#ifndef ATTUNE_TRIAL_HOME_H
#define ATTUNE_TRIAL_HOME_H

#include "ledger/ledger.h"
#include "study/study.h"

struct home {
  char *directory;
  char name[64]; /* of the study: its path under the server, letters, digits and dashes */
  struct store *store;
  struct keys keys;
  struct ledger *ledger; /* NULL when opened to look */
  struct clock clock;
  struct chance chance;
  struct expression_desk *writer_desk; /* for what the writer checks again (corrections) */
  struct home_versions *versions;
};

/* Makes DIRECTORY a home of the study in `bundle` (study_bundle()): database, keys, and the first entry "study.set".
 * `connect` as in store_create(). `by` is the acting account or "cli". */
struct home_create {
  const char *directory, *connect, *by;
  const struct study *study;
  struct clock clock;
  struct chance chance;
};
enum err home_create(const struct home_create *create, struct error *error);

/* Opens a home: STORE_OWN starts the writer, STORE_LOOK reads beside a running server. */
enum err home_open(struct home **home, const char *directory, enum store_mode mode, struct clock clock,
                   struct chance chance, struct error *error);
void home_close(struct home *home); /* NULL is fine */
/* One log line for whoever runs the server: what the writer did, and how many entries shared a sync. */
void home_log_counts(const struct home *home);

/* The study as it is now, or as it was in a version (NULL when there is no such version). Both stay valid until
 * home_close: an amendment adds a version and leaves the older ones as they were. */
const struct study *home_study(const struct home *home);
const struct study *home_study_version(const struct home *home, int64_t version);
int64_t home_version(const struct home *home);

/* On an engine where another node may have amended the study: takes newer versions in. `db` reads study_version. */
enum err home_catch_up(struct home *home, struct db *db, struct error *error);
/* After a successful amendment: makes the new version the current one for this process. */
enum err home_refresh(struct home *home, struct error *error);

#endif
