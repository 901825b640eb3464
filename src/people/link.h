/* link.h: the tokens of patients' links. token = first 160 bits of HMAC-SHA256(link key, form id || 0x00 || serial as
 * decimal digits), in base64url (27 characters): a reminder can write it again, while only the SHA-256 of its
 * characters stands in the tables. Compared by hash, so no comparison leaks it. */
#ifndef ATTUNE_PEOPLE_LINK_H
#define ATTUNE_PEOPLE_LINK_H

#include "store/keys.h"

#define LINK_TOKEN_BYTES 28

void link_token(const struct keys *keys, const char *occasion, int64_t serial, char out[LINK_TOKEN_BYTES]);
/* The hash under which the link stands in the table: 64 hex digits. */
void link_hash(const char *token, char out[65]);
/* Well-formed: 27 characters of the base64url alphabet. */
int link_well_formed(const char *token);

#endif
