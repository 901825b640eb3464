/* device.h: what tells a device that has signed in to an account before. It lets nobody in: wrong tries with it are counted
 * by device, so that a stranger who types a person's name wrongly all day slows down other strangers and not the person.
 *
 * The cookie holds 16 random bytes and their HMAC-SHA256 with the account's code (160 bits) under a key derived from the
 * home's body key: nothing is stored, and nobody makes one for an account that they have not entered. */
#ifndef ATTUNE_PEOPLE_DEVICE_H
#define ATTUNE_PEOPLE_DEVICE_H

#include "people/account.h"

#define DEVICE_NAME_BYTES 24  /* of the cookie's name, which differs by account and tells none */
#define DEVICE_ID_BYTES 23    /* base64url of 16 bytes with its NUL */
#define DEVICE_TOKEN_BYTES 51 /* id "." code */
#define DEVICE_SECONDS (180 * 24 * 3600)

/* Where a try to sign in comes from. */
struct sign_in_from {
  const char *address; /* of the network; "" if unknown */
  const char *device;  /* its id, when it has signed in to this account before; else "" */
};

void device_name(const struct keys *keys, const char *account, char out[DEVICE_NAME_BYTES]);
/* `count` tells devices of one account apart under --frozen. */
void device_make(const struct keys *keys, const struct chance *chance, const char *account, uint64_t count,
                 char out[DEVICE_TOKEN_BYTES]);
/* The id of a device of this account; "" for any other text (NULL too). */
void device_known(const struct keys *keys, const char *account, const char *token, char id[DEVICE_ID_BYTES]);

#endif
