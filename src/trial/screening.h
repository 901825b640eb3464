/* screening.h: the criteria of the study, answered for one person. */
#ifndef ATTUNE_TRIAL_SCREENING_H
#define ATTUNE_TRIAL_SCREENING_H

#include "trial/home.h"
#include "trial/person.h"

struct screen {
  struct home *home;
  const struct actor *by;
  const char *person;
  const char *const *criteria; /* names from the study */
  const int *met;
  size_t count;
};
/* "no-such-person", "no-such-criterion". Screening again replaces the earlier answers of the criteria named. */
verb person_screen;

#endif
