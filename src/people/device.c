#include "people/device.h"

#include "people/token.h"

#define RANDOM 16
#define CODE 20

static void device_code(const struct keys *keys, const char *account, const char *what, uint8_t code[SHA256_BYTES]) {
  uint8_t key[KEY_BYTES];
  char text[96];
  hkdf_sha256(key, sizeof key, keys->body, sizeof keys->body, "", 0, "attune-device-v1");
  int length = snprintf(text, sizeof text, "%s\n%s", account, what);
  hmac_sha256(code, key, sizeof key, text, (size_t)length);
  bytes_wipe(key, sizeof key);
}

void device_name(const struct keys *keys, const char *account, char out[DEVICE_NAME_BYTES]) {
  uint8_t code[SHA256_BYTES];
  char text[13]; /* 9 bytes */
  device_code(keys, account, "name", code);
  token_write(code, 9, text);
  snprintf(out, DEVICE_NAME_BYTES, "device-%s", text);
}

static void device_write(const struct keys *keys, const char *account, const char *id, char out[DEVICE_TOKEN_BYTES]) {
  uint8_t code[SHA256_BYTES];
  char text[28];
  device_code(keys, account, id, code);
  token_write(code, CODE, text);
  snprintf(out, DEVICE_TOKEN_BYTES, "%s.%s", id, text);
}

void device_make(const struct keys *keys, const struct chance *chance, const char *account, uint64_t count,
                 char out[DEVICE_TOKEN_BYTES]) {
  uint8_t random[RANDOM];
  char id[DEVICE_ID_BYTES];
  chance_bytes(chance, "device", account, count, random, sizeof random);
  token_write(random, sizeof random, id);
  device_write(keys, account, id, out);
}

void device_known(const struct keys *keys, const char *account, const char *token, char id[DEVICE_ID_BYTES]) {
  char right[DEVICE_TOKEN_BYTES];
  *id = 0;
  if (!token || strlen(token) != DEVICE_TOKEN_BYTES - 1 || !*account) return;
  memcpy(id, token, DEVICE_ID_BYTES - 1);
  id[DEVICE_ID_BYTES - 1] = 0;
  device_write(keys, account, id, right);
  if (!bytes_equal(right, token, DEVICE_TOKEN_BYTES - 1)) *id = 0;
}
