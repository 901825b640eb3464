/* correction.h: an answer is corrected with a reason; both values are kept. */
#ifndef ATTUNE_TRIAL_CORRECTION_H
#define ATTUNE_TRIAL_CORRECTION_H

#include "trial/home.h"
#include "trial/person.h"

struct form_correct {
  struct home *home;
  const struct actor *by;
  const char *occasion, *item, *value, *reason;
};
/* "reason-missing", "not-answered", and what form_check() says of the value. Scores and ratings follow. */
verb form_correct;

#endif
