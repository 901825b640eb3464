/* release.h: the arm of one therapist is released. The methods that choose it come with src/allocation/; here the
 * entry exists. */
#ifndef ATTUNE_TRIAL_RELEASE_H
#define ATTUNE_TRIAL_RELEASE_H

#include "trial/home.h"
#include "trial/person.h"

struct release {
  struct home *home;
  const struct actor *by;
  const char *person, *arm;
  int64_t wave, slot;
};
/* "no-such-therapist", "no-such-arm", "released-already": a release is never undone. */
verb allocation_release;

#endif
