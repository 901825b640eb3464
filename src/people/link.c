#include "people/link.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "people/token.h"

#define LINK_BYTES 20 /* 160 bits */

void link_token(const struct keys *keys, const char *occasion, int64_t serial, char out[LINK_TOKEN_BYTES]) {
  char text[96];
  int length = snprintf(text, sizeof text, "%s%c%lld", occasion, 0, (long long)serial);
  if (length < 0 || (size_t)length >= sizeof text) die("a form's id is too long for a link: %s", occasion);
  uint8_t mac[SHA256_BYTES];
  hmac_sha256(mac, keys->link, sizeof keys->link, text, (size_t)length);
  token_write(mac, LINK_BYTES, out);
}

void link_hash(const char *token, char out[65]) {
  token_hash(token, out);
}

int link_well_formed(const char *token) {
  return token_well_formed(token, LINK_TOKEN_BYTES - 1);
}
