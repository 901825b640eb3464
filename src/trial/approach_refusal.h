/* approach_refusal.h: somebody was told of the study and refused. What is kept names nobody (the conduct of the trial): whether a
 * patient or a therapist, the therapist whose patient, the week, and one of a few reasons. */
#ifndef ATTUNE_TRIAL_APPROACH_REFUSAL_H
#define ATTUNE_TRIAL_APPROACH_REFUSAL_H

#include "trial/home.h"
#include "trial/person.h"

#define REFUSAL_REASONS 4
extern const char *const refusal_reasons[REFUSAL_REASONS]; /* "time", "privacy", "study", "unsaid" */

struct approach_refuse {
  struct home *home;
  const struct actor *by;
  enum person_kind kind;
  const char *site;      /* of a therapist; a patient's is the therapist's */
  const char *therapist; /* of a patient, "" otherwise */
  int64_t day;           /* on which it was: its week is kept; not in the future */
  const char *reason;    /* one of refusal_reasons */
};
/* "not-allowed", "no-such-therapist", "no-such-site", "refusal-reason", "refusal-future". */
verb approach_refuse;

/* How often, for what reason: a row for each week, kind and reason of a site ("" all), newest week first, at most `most`. */
struct refusal_count {
  int64_t week, count;
  enum person_kind kind;
  char reason[16];
};
enum err refusal_counts(struct db *masked, const char *site, struct refusal_count *counts, size_t most, size_t *count,
                        struct error *error);

#endif
