/* look.h: somebody looks at what is known of a person: a name, an address, answers. A page asks look_due() through its own
 * reader, and when it is due writes the look before it shows anything (request_write(request, look, ...)): one entry
 * "person.look" for the same person, page and sign-in in five minutes (people/told.h). Masked roles do not see it: whoever
 * arranges workshops looks more often at those who are trained. */
#ifndef ATTUNE_TRIAL_LOOK_H
#define ATTUNE_TRIAL_LOOK_H

#include "trial/person.h"

struct look {
  const struct actor *by;
  const char *person;  /* whose: a person's code, or "CODE/id" for the identity alone */
  const char *page;    /* the path of the route, without what was filled in */
  const char *sign_in; /* struct sign_in: token_hash */
};
enum err look_due(struct db *db, const struct look *look, int64_t now_ms, bool *due, struct error *error);
/* ERR_MISSING "no-such-person": there is none, or not for this actor; nothing may be shown then. */
verb look;

#endif
