#include "people/token.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void token_write(const void *bytes, size_t length, char *out) {
  const uint8_t *from = bytes;
  uint32_t held = 0;
  int bits = 0;
  for (size_t i = 0; i < length; i++) {
    held = (held << 8 | from[i]) & 0xffff;
    for (bits += 8; bits >= 6; bits -= 6) *out++ = alphabet[held >> (bits - 6) & 63];
  }
  if (bits > 0) *out++ = alphabet[held << (6 - bits) & 63];
  *out = 0;
}

bool token_well_formed(const char *token, size_t characters) {
  size_t length = strnlen(token, characters + 1);
  return length == characters && strspn(token, alphabet) == characters;
}

void token_hash(const char *token, char out[TOKEN_HASH_BYTES]) {
  uint8_t hash[SHA256_BYTES];
  sha256(hash, token, strlen(token));
  hex_write(out, hash, sizeof hash);
}
