/* reminder.h: a form that is due is asked for again: a new link, and a message in the outbox. */
#ifndef ATTUNE_TRIAL_REMINDER_H
#define ATTUNE_TRIAL_REMINDER_H

#include "trial/home.h"
#include "trial/person.h"

/* One click reminds: a new link serial and a message in the outbox, one entry. At most one a day a form:
 * "reminded-already". */
struct form_remind {
  struct home *home;
  const struct actor *by;
  const char *occasion;
  const char *why; /* one line for the list of mail; NULL: somebody asked for it */
};
verb form_remind;

#endif
