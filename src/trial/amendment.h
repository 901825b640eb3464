/* amendment.h: a new version of the study takes the place of the one before it. */
#ifndef ATTUNE_TRIAL_AMENDMENT_H
#define ATTUNE_TRIAL_AMENDMENT_H

#include "trial/home.h"

/* What `after` would change of the study as it is now, and every refusal: answers may be stored under any version so
 * far, so it is held against each of them (an item that went may not come back as another). */
void home_compare(const struct home *home, const struct study *after, struct arena *arena,
                  struct study_difference *out);

/* Takes a new version in: "study-reinterprets" when home_compare() refuses. */
struct study_amend {
  struct home *home;
  const char *by, *approval, *approval_date;
  const struct study *study;
};
verb study_amend;

#endif
