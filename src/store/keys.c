#include "store/keys.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "store/store_files.h"

static char *key_path(struct arena *arena, const char *home, const char *name) {
  return arena_printf(arena, "%s/keys/%s", home, name);
}

static enum err key_write(const char *home, const char *name, const uint8_t key[KEY_BYTES], struct error *error) {
  struct arena arena = {0};
  char *text = arena_printf(&arena, "%s\n", hex_text(&arena, key, KEY_BYTES));
  enum err err = file_write_whole(key_path(&arena, home, name), text, strlen(text), error);
  bytes_wipe(text, strlen(text));
  arena_free(&arena);
  return err;
}

/* A key that others on the machine can read is no key. */
static enum err permissions_check(const char *path, struct error *error) {
  struct stat facts;
  if (stat(path, &facts)) return fail(error, ERR_STATE, "key-missing", path, "%s: %s", path, strerror(errno));
  if (!(facts.st_mode & 077)) return OK;
  return fail(error, ERR_STATE, "key-open", path, "%s can be read by others; run: chmod 600 %s", path, path);
}

static enum err key_read(const char *home, const char *name, uint8_t key[KEY_BYTES], struct error *error) {
  struct arena arena = {0};
  char *path = key_path(&arena, home, name), *text;
  size_t length;
  enum err err = permissions_check(path, error);
  if (!err) err = file_read(&arena, path, 256, &text, &length, error);
  if (!err) {
    text[strcspn(text, "\n")] = 0;
    if (!hex_read(text, key, KEY_BYTES))
      err = fail(error, ERR_STATE, "key-broken", path, "%s does not hold a key (64 hexadecimal digits)", path);
    bytes_wipe(text, length);
  }
  arena_free(&arena);
  return err;
}

/* Five keys from five draws; the public halves stand beside their secrets, so that who needs a public half alone
 * need not read the secret. */
enum err keys_create(const char *home, const struct chance *chance, struct error *error) {
  static const char *const names[] = {"log", "body", "link", "lookup", "identity"};
  struct arena arena = {0};
  char *directory = arena_printf(&arena, "%s/keys", home);
  enum err err = OK;
  if (mkdir(directory, 0700))
    err = fail(error, ERR_STATE, "keys-exist", "", "%s: cannot be made: %s", directory, strerror(errno));
  for (size_t i = 0; !err && i < sizeof names / sizeof *names; i++) {
    uint8_t key[KEY_BYTES], public_half[KEY_BYTES], secret[64];
    chance_bytes(chance, "home-key", names[i], 0, key, sizeof key);
    err = key_write(home, names[i], key, error);
    if (!strcmp(names[i], "log"))
      sign_keys(public_half, secret, key);
    else
      sealed_public_key(public_half, key);
    if (!err && !strcmp(names[i], "log")) err = key_write(home, "log.public", public_half, error);
    if (!err && !strcmp(names[i], "identity")) err = key_write(home, "identity.public", public_half, error);
    bytes_wipe(key, sizeof key);
    bytes_wipe(secret, sizeof secret);
  }
  arena_free(&arena);
  return err;
}

static enum err pair_check(const char *home, const char *name, const uint8_t expected[KEY_BYTES], struct error *error) {
  uint8_t found[KEY_BYTES];
  char file[64];
  snprintf(file, sizeof file, "%s.public", name);
  enum err err = key_read(home, file, found, error);
  if (err || !memcmp(found, expected, KEY_BYTES)) return err;
  return fail(error, ERR_STATE, "key-pair", "", "%s/keys/%s.public does not belong to %s/keys/%s: put this home's own key files back", home, name,
              home, name);
}

enum err keys_load(struct keys *keys, const char *home, struct error *error) {
  uint8_t seed[KEY_BYTES];
  memset(keys, 0, sizeof *keys);
  enum err err = key_read(home, "log", seed, error);
  if (!err) sign_keys(keys->log_public, keys->log_secret, seed);
  if (!err) err = pair_check(home, "log", keys->log_public, error);
  if (!err) err = key_read(home, "body", keys->body, error);
  if (!err) err = key_read(home, "link", keys->link, error);
  if (!err) err = key_read(home, "lookup", keys->lookup, error);
  if (!err) err = key_read(home, "identity.public", keys->identity_public, error);
  if (!err) err = keys_load_identity_secret(seed, home, error); /* only to see that the two belong together */
  bytes_wipe(seed, sizeof seed);
  if (err) keys_wipe(keys);
  return err;
}

enum err keys_load_identity_secret(uint8_t secret[KEY_BYTES], const char *home, struct error *error) {
  uint8_t public_half[KEY_BYTES];
  enum err err = key_read(home, "identity", secret, error);
  if (err) return err;
  sealed_public_key(public_half, secret);
  err = pair_check(home, "identity", public_half, error);
  if (err) bytes_wipe(secret, KEY_BYTES);
  return err;
}

static const char *const checked[] = {"log", "body", "link", "lookup", "identity"};
#define CHECKED ((int)(sizeof checked / sizeof *checked))

static void check_one(const struct keys *keys, int which, char out[64]) {
  const uint8_t *const key[] = {keys->log_public, keys->body, keys->link, keys->lookup, keys->identity_public};
  char text[64];
  uint8_t hash[SHA256_BYTES];
  int length = snprintf(text, sizeof text, "attune-key-check-v1 %s", checked[which]);
  hmac_sha256(hash, key[which], KEY_BYTES, text, (size_t)length);
  struct arena arena = {0};
  snprintf(out, 64, "%s=%s", checked[which], hex_text(&arena, hash, 16));
  arena_free(&arena);
}

void keys_check_write(const struct keys *keys, char out[KEYS_CHECK_BYTES]) {
  size_t used = 0;
  for (int i = 0; i < CHECKED; i++) {
    char one[64];
    check_one(keys, i, one);
    used += (size_t)snprintf(out + used, KEYS_CHECK_BYTES - used, "%s%s", i ? " " : "", one);
  }
}

const char *keys_check_differs(const struct keys *keys, const char *check) {
  char now[KEYS_CHECK_BYTES];
  keys_check_write(keys, now);
  if (!strcmp(now, check)) return NULL;
  for (int i = 0; i < CHECKED; i++) {
    char one[64];
    check_one(keys, i, one);
    if (!strstr(check, one)) return checked[i];
  }
  return checked[0]; /* all are there, in a text that is not ours */
}

enum err keys_copy(const char *from, const char *to, struct error *error) {
  static const char *const files[] = {"log", "log.public", "body", "link", "lookup", "identity", "identity.public"};
  struct arena arena = {0};
  enum err err = OK;
  if (mkdir(to, 0700)) err = fail(error, ERR_STATE, "keys-exist", to, "%s: cannot be made: %s", to, strerror(errno));
  for (size_t i = 0; !err && i < sizeof files / sizeof *files; i++) {
    char *text;
    size_t length;
    err = file_read(&arena, arena_printf(&arena, "%s/%s", from, files[i]), 256, &text, &length, error);
    if (!err) err = file_write_whole(arena_printf(&arena, "%s/%s", to, files[i]), text, length, error);
    if (text) bytes_wipe(text, length);
  }
  arena_free(&arena);
  return err;
}

void keys_wipe(struct keys *keys) {
  bytes_wipe(keys, sizeof *keys);
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void keys_lookup(const struct keys *keys, const char *purpose, const char *text, char out[65]) {
  struct arena arena = {0};
  struct buf plain = buf_in(&arena, 256);
  size_t length = strlen(text);
  while (length && is_blank(text[length - 1])) length--;
  while (length && is_blank(*text)) text++, length--;
  buf_adds(&plain, purpose);
  buf_addc(&plain, 0); /* no purpose runs into a text */
  for (size_t i = 0; i < length; i++)
    buf_addc(&plain, text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 32) : text[i]);
  uint8_t hash[SHA256_BYTES];
  hmac_sha256(hash, keys->lookup, sizeof keys->lookup, plain.data, plain.length);
  memcpy(out, hex_text(&arena, hash, sizeof hash), 65);
  bytes_wipe(plain.data, plain.length);
  arena_free(&arena);
}
