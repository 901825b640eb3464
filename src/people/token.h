/* token.h: secrets that stand in an address or a cookie. The person holds the token, in base64url without padding
 * (RFC 4648 section 5); the tables hold the SHA-256 of its characters and are searched by it, so that whoever reads
 * the tables cannot come in, and no comparison of a secret takes longer the more of it is right. */
#ifndef ATTUNE_PEOPLE_TOKEN_H
#define ATTUNE_PEOPLE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/crypto.h"

#define TOKEN_HASH_BYTES (2 * SHA256_BYTES + 1)

/* `out` takes token_characters(length) + 1 bytes. */
void token_write(const void *bytes, size_t length, char *out);
static inline size_t token_characters(size_t length) {
  return (length * 8 + 5) / 6;
}
/* True when `token` is exactly so many characters of the alphabet. */
bool token_well_formed(const char *token, size_t characters);
/* The hash under which it stands in a table: 64 hex digits. */
void token_hash(const char *token, char out[TOKEN_HASH_BYTES]);

#endif
