/* account_secret.h: an authenticator's secret at rest. Sealed (XChaCha20-Poly1305) under a key derived from the home's
 * body key, bound to its account, so that the tables alone give no codes and a secret moved to another account is
 * refused. Inside the room only. */
#ifndef ATTUNE_PEOPLE_ACCOUNT_SECRET_H
#define ATTUNE_PEOPLE_ACCOUNT_SECRET_H

#include "people/account.h"

#define TOTP_SEALED_BYTES (TOTP_SECRET_BYTES + SECRETBOX_OVERHEAD)

/* `count` tells the secrets of one account apart (chance_bytes). Hex, in the arena. */
char *account_secret_seal(struct arena *arena, const struct keys *keys, const struct chance *chance,
                          const char *account, int64_t count, const uint8_t secret[TOTP_SECRET_BYTES]);
bool account_secret_open(const struct keys *keys, const char *account, const char *sealed,
                         uint8_t secret[TOTP_SECRET_BYTES]);

#endif
