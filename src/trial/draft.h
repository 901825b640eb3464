/* draft.h: a half-filled form: the same link resumes it. Working state, not an entry. */
#ifndef ATTUNE_TRIAL_DRAFT_H
#define ATTUNE_TRIAL_DRAFT_H

#include "trial/home.h"

/* One name and what was typed. */
struct typed {
  const char *item, *value;
};

/* Keeps what was typed so far (run_draft): the same link resumes. At most 64 kB. Not an entry. */
struct draft_save {
  const char *occasion, *subject;
  const struct typed *typed;
  size_t count;
};
verb draft_save;
/* Drafts that nobody can go on with: their form was answered, its time is over, or the person has left. A job; input NULL.
 * *due tells beforehand whether there are any. */
enum err drafts_over(struct db *db, int64_t now_ms, bool *due, struct error *error);
verb draft_purge;
enum err draft_read(struct db *db, struct arena *arena, const char *occasion, struct typed **typed, size_t *count,
                    struct error *error);

#endif
