/* enrolment.h: people come into the trial. */
#ifndef ATTUNE_TRIAL_ENROLMENT_H
#define ATTUNE_TRIAL_ENROLMENT_H

#include "trial/candidate.h"
#include "trial/home.h"

struct enrol {
  struct home *home;
  const struct actor *by;
  enum person_kind kind;
  const char *site, *therapist, *language; /* therapist: of a patient, "" otherwise */
  struct identity identity;                /* sealed */
  const char *external;                    /* the name in another system, by which an import finds a person; or NULL */
  const char *purpose;                     /* what tells this person's code apart under --frozen; NULL uses the address */
  char code[CODE_BYTES];                   /* out */
};
/* "duplicate-person" (same e-mail address), what candidate_identity_fits() says, "no-such-site", "no-such-therapist", "therapist-withdrawn". */
verb person_enrol;

#endif
