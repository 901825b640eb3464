/* refusal.h: who was not let in, and who was not let at a page. Both are entries that masked roles do not see: whoever has
 * more to do here, because of an arm, also mistypes more often. One entry in five minutes for the same (told.h). */
#ifndef ATTUNE_PEOPLE_REFUSAL_H
#define ATTUNE_PEOPLE_REFUSAL_H

#include "ledger/ledger.h"

/* Inside a verb of signing in: "account.refused", by "visitor", about the account, or about "study" where the name is no
 * account's. `why`: "password", "code", "proof"; `address` of the network ("" if unknown) is kept as a keyed hash. */
enum err refusal_note(struct txn *txn, const char *account, const char *why, const char *address, struct error *error);

/* Someone who is signed in asked for what is not theirs: "access.refused", by and about the account. */
struct refusal {
  const char *account, *sign_in; /* struct sign_in: token_hash */
  const char *what;              /* the path of the route, without what was filled in */
};
verb refusal;

#endif
