/* opening.h: a form is opened by hand. */
#ifndef ATTUNE_TRIAL_OPENING_H
#define ATTUNE_TRIAL_OPENING_H

#include "trial/home.h"
#include "trial/person.h"

/* Opens one of the study's occasions by hand (one that no session or enrolment opens, or that came too early). */
struct form_open {
  struct home *home;
  const struct actor *by;
  const char *name;         /* the study's name of the occasion */
  const char *person;       /* the patient it is about, else the therapist */
  int64_t session_number;   /* -1 when it belongs to no session */
  char occasion[CODE_BYTES]; /* out */
};
/* "no-such-occasion", "form-open-already", "form-closed" (its wording or safety path is missing). */
verb form_open;

#endif
