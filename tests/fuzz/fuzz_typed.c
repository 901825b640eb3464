/* What people type at the door, as any text: a password, an authenticator's code, a link's token. */
#include <stdint.h>

#include "base/utf8.h"
#include "people/link.h"
#include "people/password.h"
#include "people/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
  if (!holds) abort();
}

static void check_password(const char *text) {
  struct error error = {0};
  enum err err = password_acceptable(text, &error);
  require(err == OK || (err == ERR_INPUT && *error.id && *error.text));
  if (err) return;
  size_t bytes = strlen(text);
  require(utf8_valid(text, bytes) && utf8_length(text) >= PASSWORD_SHORTEST && utf8_length(text) <= PASSWORD_LONGEST);
}

/* A code that is taken is six digits, is taken within a step, and is not taken again. */
static void check_code(const char *text, int64_t now_ms) {
  static const uint8_t secret[TOTP_SECRET_BYTES] = "12345678901234567890";
  int64_t step = totp_check(secret, text, now_ms, -1);
  if (step < 0) return;
  require(strlen(text) == 6 && strspn(text, "0123456789") == 6);
  require(step >= now_ms / 30000 - 1 && step <= now_ms / 30000 + 1);
  require(totp_check(secret, text, now_ms, step) != step);
}

static void check_token(const char *text) {
  char hash[TOKEN_HASH_BYTES];
  if (!link_well_formed(text)) return;
  require(strlen(text) == LINK_TOKEN_BYTES - 1);
  link_hash(text, hash);
  require(strlen(hash) == TOKEN_HASH_BYTES - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1); /* exactly as long as it is, so that a read past its end is seen */
  if (!text) return 0;
  memcpy(text, data, size);
  text[size] = 0;
  check_password(text);
  check_token(text);
  check_code(text, size ? data[0] * INT64_C(30000) : 0);
  char written[64];
  size_t length = size < 40 ? size : 40;
  token_write(data, length, written);
  require(token_well_formed(written, token_characters(length)));
  free(text);
  return 0;
}
