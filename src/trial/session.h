/* session.h: a session was held. Recording it opens every form that the study ties to it, each with a link for its
 * respondent, in one entry. */
#ifndef ATTUNE_TRIAL_SESSION_H
#define ATTUNE_TRIAL_SESSION_H

#include "trial/home.h"
#include "trial/person.h"

struct session_record {
  struct home *home;
  const struct actor *by;
  const char *patient;
  int64_t number;   /* 1, 2, ...; 0 means the next */
  int64_t held_day; /* UTC days since 1970-01-01; not in the future */
};
/* "session-exists", "session-future", "session-order", "sessions-complete" (beyond what the study plans),
 * "patient-withdrawn", "no-such-patient" (also: not of this therapist or site). */
verb session_record;

#endif
