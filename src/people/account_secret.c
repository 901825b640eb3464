#include "people/account_secret.h"

#define INFO "attune-totp-v1"

static void secret_key(const struct keys *keys, uint8_t key[KEY_BYTES]) {
  hkdf_sha256(key, KEY_BYTES, keys->body, sizeof keys->body, "", 0, INFO);
}

static void secret_context(const char *account, char out[64]) {
  snprintf(out, 64, INFO " %s", account);
}

char *account_secret_seal(struct arena *arena, const struct keys *keys, const struct chance *chance,
                          const char *account, int64_t count, const uint8_t secret[TOTP_SECRET_BYTES]) {
  uint8_t key[KEY_BYTES], sealed[TOTP_SEALED_BYTES];
  char context[64];
  secret_key(keys, key);
  secret_context(account, context);
  box_seal(chance, key, context, (uint64_t)count, secret, TOTP_SECRET_BYTES, sealed);
  bytes_wipe(key, sizeof key);
  return hex_text(arena, sealed, sizeof sealed);
}

bool account_secret_open(const struct keys *keys, const char *account, const char *sealed,
                         uint8_t secret[TOTP_SECRET_BYTES]) {
  uint8_t key[KEY_BYTES], bytes[TOTP_SEALED_BYTES];
  char context[64];
  if (!hex_read(sealed, bytes, sizeof bytes)) return false;
  secret_key(keys, key);
  secret_context(account, context);
  bool opened = box_open(key, context, bytes, sizeof bytes, secret);
  bytes_wipe(key, sizeof key);
  return opened;
}
