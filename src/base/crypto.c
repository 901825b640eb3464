#include "base/crypto.h"

#include <sodium.h>

void crypto_start(void) {
  if (sodium_init() < 0) die("the cryptographic library did not start: this machine has no source of randomness");
}

void sha256(uint8_t out[SHA256_BYTES], const void *bytes, size_t length) { crypto_hash_sha256(out, bytes, length); }

void hmac_sha256(uint8_t out[SHA256_BYTES], const uint8_t *key, size_t key_length, const void *bytes, size_t length) {
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, key ? key : (const uint8_t *)"", key_length); /* no key is an empty one */
  crypto_auth_hmacsha256_update(&state, bytes, length);
  crypto_auth_hmacsha256_final(&state, out);
}

void hkdf_sha256(void *out, size_t out_length, const void *secret, size_t secret_length, const void *salt,
                 size_t salt_length, const char *info) {
  if (out_length > (size_t)255 * SHA256_BYTES) die("HKDF was asked for %zu bytes", out_length);
  uint8_t key[SHA256_BYTES], block[SHA256_BYTES];
  hmac_sha256(key, salt, salt_length, secret, secret_length);
  size_t done = 0;
  for (uint8_t counter = 1; done < out_length; counter++) {
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, key, sizeof key);
    if (counter > 1) crypto_auth_hmacsha256_update(&state, block, sizeof block);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)info, strlen(info));
    crypto_auth_hmacsha256_update(&state, &counter, 1);
    crypto_auth_hmacsha256_final(&state, block);
    size_t take = out_length - done < sizeof block ? out_length - done : sizeof block;
    memcpy((uint8_t *)out + done, block, take);
    done += take;
  }
  sodium_memzero(key, sizeof key);
}

struct chance chance_system(void) { return (struct chance){.frozen = false}; }

struct chance chance_frozen(uint64_t seed) {
  struct chance chance = {.frozen = true};
  for (int i = 0; i < 8; i++) chance.seed[i] = (uint8_t)(seed >> (8 * i));
  return chance;
}

void chance_bytes(const struct chance *chance, const char *purpose, const char *subject, uint64_t count, void *out,
                  size_t length) {
  if (!chance->frozen) {
    randombytes_buf(out, length);
    return;
  }
  char info[320];
  int written = snprintf(info, sizeof info, "%s\n%s\n%llu", purpose, subject, (unsigned long long)count);
  if (written < 0 || (size_t)written >= sizeof info) die("the name of a random value is too long: %s", purpose);
  hkdf_sha256(out, length, chance->seed, sizeof chance->seed, "attune-frozen-v1", 16, info);
}

void box_seal(const struct chance *chance, const uint8_t key[KEY_BYTES], const char *context, uint64_t count,
              const void *plain, size_t length, uint8_t *out) {
  chance_bytes(chance, "box-nonce", context, count, out, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
  crypto_aead_xchacha20poly1305_ietf_encrypt(out + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, NULL, plain, length,
                                             (const uint8_t *)context, strlen(context), NULL, out, key);
}

bool box_open(const uint8_t key[KEY_BYTES], const char *context, const uint8_t *sealed, size_t length, uint8_t *out) {
  const size_t nonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
  if (length < SECRETBOX_OVERHEAD) return false;
  return crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed + nonce, length - nonce,
                                                    (const uint8_t *)context, strlen(context), sealed, key) == 0;
}

void sealed_write(const struct chance *chance, const uint8_t public_key[KEY_BYTES], const char *subject, uint64_t count,
                  const void *plain, size_t length, uint8_t *out) {
  uint8_t seed[crypto_box_SEEDBYTES], ephemeral_secret[crypto_box_SECRETKEYBYTES], nonce[crypto_box_NONCEBYTES];
  chance_bytes(chance, "sealed-box", subject, count, seed, sizeof seed);
  crypto_box_seed_keypair(out, ephemeral_secret, seed);
  crypto_generichash_state state; /* the nonce of libsodium's crypto_box_seal: BLAKE2b(ephemeral || recipient) */
  crypto_generichash_init(&state, NULL, 0, sizeof nonce);
  crypto_generichash_update(&state, out, crypto_box_PUBLICKEYBYTES);
  crypto_generichash_update(&state, public_key, crypto_box_PUBLICKEYBYTES);
  crypto_generichash_final(&state, nonce, sizeof nonce);
  if (crypto_box_easy(out + crypto_box_PUBLICKEYBYTES, plain, length, nonce, public_key, ephemeral_secret))
    die("the identity key of this home is not a valid key");
  sodium_memzero(ephemeral_secret, sizeof ephemeral_secret);
  sodium_memzero(seed, sizeof seed);
}

bool sealed_read(const uint8_t public_key[KEY_BYTES], const uint8_t secret_key[KEY_BYTES], const uint8_t *sealed,
                 size_t length, uint8_t *out) {
  return length >= SEALED_OVERHEAD && crypto_box_seal_open(out, sealed, length, public_key, secret_key) == 0;
}

void sign_keys(uint8_t public_key[32], uint8_t secret_key[64], const uint8_t seed[32]) {
  crypto_sign_seed_keypair(public_key, secret_key, seed);
}

void sign_write(uint8_t signature[SIGNATURE_BYTES], const void *bytes, size_t length, const uint8_t secret_key[64]) {
  crypto_sign_detached(signature, NULL, bytes, length, secret_key);
}

bool sign_check(const uint8_t signature[SIGNATURE_BYTES], const void *bytes, size_t length, const uint8_t public_key[32]) {
  return crypto_sign_verify_detached(signature, bytes, length, public_key) == 0;
}

void sealed_public_key(uint8_t public_key[KEY_BYTES], const uint8_t secret_key[KEY_BYTES]) {
  crypto_scalarmult_base(public_key, secret_key);
}

void hex_write(char *out, const void *bytes, size_t length) {
  sodium_bin2hex(out, length * 2 + 1, bytes, length);
}

char *hex_text(struct arena *arena, const void *bytes, size_t length) {
  char *text = arena_alloc(arena, length * 2 + 1);
  hex_write(text, bytes, length);
  return text;
}

bool hex_read(const char *text, void *out, size_t length) {
  if (strlen(text) != length * 2 || strspn(text, "0123456789abcdef") != length * 2) return false;
  return sodium_hex2bin(out, length, text, length * 2, NULL, NULL, NULL) == 0;
}

static char *base64_variant(struct arena *arena, const void *bytes, size_t length, int variant) {
  size_t capacity = sodium_base64_encoded_len(length, variant);
  return sodium_bin2base64(arena_alloc(arena, capacity), capacity, bytes, length, variant);
}

char *base64_text(struct arena *arena, const void *bytes, size_t length) {
  return base64_variant(arena, bytes, length, sodium_base64_VARIANT_ORIGINAL);
}

char *base64url_text(struct arena *arena, const void *bytes, size_t length) {
  return base64_variant(arena, bytes, length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

long base64_read(const char *text, void *out, size_t capacity) {
  size_t written = 0;
  if (sodium_base642bin(out, capacity, text, strlen(text), NULL, &written, NULL, sodium_base64_VARIANT_ORIGINAL)) return -1;
  return (long)written;
}

bool bytes_equal(const void *a, const void *b, size_t length) { return sodium_memcmp(a, b, length) == 0; }
void bytes_wipe(void *bytes, size_t length) { sodium_memzero(bytes, length); }

#define CODE_LETTERS "23456789ABCDEFGHJKMNPQRSTUVWXYZ" /* 31, a prime: the weighted check finds every swap */
#define CODE_MODULUS 31
#define CODE_LENGTH 7

static int code_value(char letter) {
  const char *found = letter ? strchr(CODE_LETTERS, letter) : NULL;
  return found ? (int)(found - CODE_LETTERS) : -1;
}

/* The check letter makes the sum of value * weight (7 6 5 4 3 2 1... from the left, 1 for itself) divisible by 31. */
static int code_check(const int values[CODE_LENGTH]) {
  int sum = 0;
  for (int i = 0; i < CODE_LENGTH; i++) sum += values[i] * (CODE_LENGTH + 1 - i);
  return (CODE_MODULUS - sum % CODE_MODULUS) % CODE_MODULUS;
}

void code_make(const struct chance *chance, char prefix, const char *subject, uint64_t count, char *out) {
  uint8_t bytes[CODE_LENGTH * 8];
  int values[CODE_LENGTH];
  char purpose[] = "code-?";
  purpose[5] = prefix;
  chance_bytes(chance, purpose, subject, count, bytes, sizeof bytes);
  out[0] = prefix;
  out[1] = '-';
  for (int i = 0; i < CODE_LENGTH; i++) { /* 64 bits modulo 31: the bias is below 1e-18 */
    uint64_t draw;
    memcpy(&draw, bytes + 8 * i, sizeof draw);
    values[i] = (int)(draw % CODE_MODULUS);
    out[2 + i] = CODE_LETTERS[values[i]];
  }
  out[2 + CODE_LENGTH] = CODE_LETTERS[code_check(values)];
  out[3 + CODE_LENGTH] = 0;
}

bool code_valid(const char *code, char prefix) {
  if (strlen(code) != 3 + CODE_LENGTH || code[0] != prefix || code[1] != '-') return false;
  int values[CODE_LENGTH];
  for (int i = 0; i < CODE_LENGTH; i++)
    if ((values[i] = code_value(code[2 + i])) < 0) return false;
  return code_value(code[2 + CODE_LENGTH]) == code_check(values);
}
