/* authenticator.h: a second factor set up on a page, by the person whose account it is.
 *
 * The secret that is offered is HKDF(home's body key, sign-in, account, how often its credentials were changed). So it
 * is kept nowhere until its first code has confirmed it, is the same when the page is loaded again, is another after
 * any change, and cannot be told without the home's key. */
#ifndef ATTUNE_PEOPLE_AUTHENTICATOR_H
#define ATTUNE_PEOPLE_AUTHENTICATOR_H

#include "people/account.h"

/* By the writer or an open reader. `token_hash` is that of the sign-in. ERR_MISSING "account-missing". */
enum err authenticator_offer(struct db *db, const struct keys *keys, const char *account, const char *token_hash,
                             uint8_t secret[TOTP_SECRET_BYTES], struct error *error);

/* Makes the secret on offer the account's, when `code` is one that it gives now: one entry "account.credential". The
 * code is used up. Ends the account's other sign-ins. Says no in `refused` (sign_in.h tells why): "code-wrong",
 * "throttled". */
struct authenticator_set {
  const char *account, *token_hash;
  const char *code;     /* six digits */
  const char *address;  /* of the network; "" if unknown */
  struct error refused; /* out */
};
verb authenticator_set;

#endif
