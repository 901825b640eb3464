/* erasure.h: erasure. The key of the person's entries is destroyed, the person's rows are replaced by a tombstone
 * that keeps what the counts need (kind, site, therapist), and every proof still holds. */
#ifndef ATTUNE_TRIAL_ERASURE_H
#define ATTUNE_TRIAL_ERASURE_H

#include "trial/home.h"
#include "trial/person.h"

struct person_erase {
  struct home *home;
  const struct actor *by;
  const char *person; /* or an account's code */
  const char *reason;
};
verb person_erase; /* "no-such-person", "erased-already" */

#endif
