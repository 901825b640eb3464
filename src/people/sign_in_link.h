/* sign_in_link.h (inside): a link for one sign-in, put there by whoever may make it. */
#ifndef ATTUNE_PEOPLE_SIGN_IN_LINK_H
#define ATTUNE_PEOPLE_SIGN_IN_LINK_H

#include "people/sign_in.h"

/* Makes the token and its row; the entry is the caller's. ERR_STATE "account-disabled". */
enum err sign_in_link_put(struct txn *txn, struct sign_in_link_make *in, const struct account *account, struct error *error);

#endif
