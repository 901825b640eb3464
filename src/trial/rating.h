/* rating.h: what the detector reads: one rating a session and rater, from a form or from a file. */
#ifndef ATTUNE_TRIAL_RATING_H
#define ATTUNE_TRIAL_RATING_H

#include "study/form.h"
#include "trial/occasion.h"
#include "trial/person.h"

/* What the study reads from this form for the detector: a JSON object, or NULL when it is no signal of this rater. */
json_t *rating_of(const struct study *study, const struct form *form, const struct occasion *occasion,
                  const struct form_result *result);
/* Writes it to table rating; NULL writes nothing. Part of applying an entry. */
enum err rating_put(struct db *db, const struct entry *entry, const json_t *rating, struct error *error);

/* Ratings from a file: one entry a patient (trial/import.h checks the rows). */
struct rating_row {
  int64_t session_number;
  const char *value; /* a decimal as text; "" missing */
  int reported;      /* 1, 0, -1 */
};
struct rating_import {
  struct home *home;
  const struct actor *by;
  const char *patient;
  enum person_kind rater;
  const struct rating_row *rows;
  size_t count;
};
verb rating_import;

#endif
