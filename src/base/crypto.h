/* crypto.h: the few primitives that the house uses, over libsodium, and chance that can be replayed.
 *
 * Nothing else is allowed (design: SHA-256, HKDF, XChaCha20-Poly1305, X25519, Ed25519, Argon2id). Call crypto_start()
 * once before anything here. */
#ifndef ATTUNE_BASE_CRYPTO_H
#define ATTUNE_BASE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define SHA256_BYTES 32
#define KEY_BYTES 32

void crypto_start(void);

void sha256(uint8_t out[SHA256_BYTES], const void *bytes, size_t length);
void hmac_sha256(uint8_t out[SHA256_BYTES], const uint8_t *key, size_t key_length, const void *bytes, size_t length);
/* RFC 5869, both steps; at most 255 * 32 bytes out. */
void hkdf_sha256(void *out, size_t out_length, const void *secret, size_t secret_length, const void *salt,
                 size_t salt_length, const char *info);

/* Where every random value of the program comes from. In service: the operating system, and the name is not used.
 * Under `attune demo --frozen`: HKDF(seed, purpose, subject, count), so that each value depends on what it is for and
 * not on how many were drawn before it (a world with the arms swapped keeps all its other values). */
struct chance {
  bool frozen;
  uint8_t seed[KEY_BYTES];
};
struct chance chance_system(void);
struct chance chance_frozen(uint64_t seed);
/* `purpose` is a literal such as "person-code"; `subject` what it is for; `count` tells repeated draws apart. */
void chance_bytes(const struct chance *chance, const char *purpose, const char *subject, uint64_t count, void *out,
                  size_t length);

/* XChaCha20-Poly1305 with a nonce from `chance`: nonce (24) || ciphertext || tag (16). `context` is authenticated. */
#define SECRETBOX_OVERHEAD 40
void box_seal(const struct chance *chance, const uint8_t key[KEY_BYTES], const char *context, uint64_t count,
              const void *plain, size_t length, uint8_t *out);
/* Writes length - SECRETBOX_OVERHEAD bytes; false when the key, the context or any byte is not the one sealed. */
bool box_open(const uint8_t key[KEY_BYTES], const char *context, const uint8_t *sealed, size_t length, uint8_t *out);

/* X25519 sealed box (libsodium's crypto_box_seal format), its ephemeral key from `chance`: length + 48 bytes. */
#define SEALED_OVERHEAD 48
void sealed_write(const struct chance *chance, const uint8_t public_key[KEY_BYTES], const char *subject, uint64_t count,
                  const void *plain, size_t length, uint8_t *out);
bool sealed_read(const uint8_t public_key[KEY_BYTES], const uint8_t secret_key[KEY_BYTES], const uint8_t *sealed,
                 size_t length, uint8_t *out);

/* Ed25519 (RFC 8032). The secret half is libsodium's form: seed (32) || public half (32). */
#define SIGNATURE_BYTES 64
void sign_keys(uint8_t public_key[32], uint8_t secret_key[64], const uint8_t seed[32]);
void sign_write(uint8_t signature[SIGNATURE_BYTES], const void *bytes, size_t length, const uint8_t secret_key[64]);
bool sign_check(const uint8_t signature[SIGNATURE_BYTES], const void *bytes, size_t length, const uint8_t public_key[32]);
/* The public half of an X25519 secret key, for sealed_write() and sealed_read(). */
void sealed_public_key(uint8_t public_key[KEY_BYTES], const uint8_t secret_key[KEY_BYTES]);

void hex_write(char *out, const void *bytes, size_t length); /* 2 * length digits and a NUL */
char *hex_text(struct arena *arena, const void *bytes, size_t length);
bool hex_read(const char *text, void *out, size_t length); /* exactly 2 * length lower-case digits */
char *base64_text(struct arena *arena, const void *bytes, size_t length);     /* RFC 4648, padded */
char *base64url_text(struct arena *arena, const void *bytes, size_t length);  /* RFC 4648 section 5, unpadded */
/* Returns the number of bytes written, or -1 when `text` is not base64 or does not fit. */
long base64_read(const char *text, void *out, size_t capacity);

/* True when both are equal; takes the same time wherever they differ. */
bool bytes_equal(const void *a, const void *b, size_t length);
void bytes_wipe(void *bytes, size_t length);

/* A code for a person or thing that people can read aloud and type: `prefix`, a dash, seven characters of a
 * 31-letter alphabet without 0 O 1 I L, and a check character (ISO 7064 MOD 31,2-like, catches every single error and
 * swap): "P-7K3QX9M". The check is over the seven characters. `out` takes at least 16 bytes. */
void code_make(const struct chance *chance, char prefix, const char *subject, uint64_t count, char *out);
bool code_valid(const char *code, char prefix);

#endif
