/* withdrawal.h: a person leaves. Open forms close with it; answers given stay. */
#ifndef ATTUNE_TRIAL_WITHDRAWAL_H
#define ATTUNE_TRIAL_WITHDRAWAL_H

#include "trial/home.h"
#include "trial/person.h"

struct withdraw {
  struct home *home;
  const struct actor *by;
  const char *person, *reason;
};
/* "no-such-person", "withdrawn-already". */
verb person_withdraw;

#endif
