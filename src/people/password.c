#include "people/password.h"

#include <errno.h>
#include <sodium.h>

#define PASSES 3
#define MEMORY_BYTES ((size_t)64 << 20)
#define SALT_BYTES crypto_pwhash_argon2id_SALTBYTES
#define DIGEST_BYTES 32

static void encode(const uint8_t *bytes, size_t length, char *out, size_t capacity) {
  sodium_bin2base64(out, capacity, bytes, length, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
}

/* Written by hand in the usual form, because libsodium's own function takes its salt from the operating system and
 * a frozen demonstration must not. */
enum err password_hash(const struct chance *chance, const char *subject, const char *password,
                       char out[PASSWORD_HASH_BYTES], struct error *error) {
  uint8_t salt[SALT_BYTES], digest[DIGEST_BYTES];
  char salt_text[32], digest_text[48];
  chance_bytes(chance, "password-salt", subject ? subject : "", 0, salt, sizeof salt);
  if (crypto_pwhash_argon2id(digest, sizeof digest, password, strlen(password), salt, PASSES, MEMORY_BYTES,
                             crypto_pwhash_argon2id_ALG_ARGON2ID13))
    return fail(error, ERR_BUSY, "password-memory", "password",
                "there is no memory for hashing a password (64 MiB); try again");
  encode(salt, sizeof salt, salt_text, sizeof salt_text);
  encode(digest, sizeof digest, digest_text, sizeof digest_text);
  snprintf(out, PASSWORD_HASH_BYTES, "$argon2id$v=19$m=%zu,t=%d,p=1$%s$%s", MEMORY_BYTES >> 10, PASSES, salt_text,
           digest_text);
  bytes_wipe(digest, sizeof digest);
  return OK;
}

bool password_right(const char *hash, const char *password, bool *failed) {
  errno = 0;
  bool right = crypto_pwhash_argon2id_str_verify(hash, password, strlen(password)) == 0;
  *failed = !right && errno != EINVAL; /* EINVAL is how the library says that they differ */
  return right;
}

const char *password_decoy(void) {
  return "$argon2id$v=19$m=65536,t=3,p=1$AAECAwQFBgcICQoLDA0ODw$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
}
