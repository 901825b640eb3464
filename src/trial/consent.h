/* consent.h: a person agrees to a version of a consent of the study. */
#ifndef ATTUNE_TRIAL_CONSENT_H
#define ATTUNE_TRIAL_CONSENT_H

#include "trial/home.h"
#include "trial/person.h"

struct consent {
  struct home *home;
  const struct actor *by;
  const char *person, *version;
};
/* "no-such-person", "no-such-consent", "consent-given". */
verb person_consent;

#endif
