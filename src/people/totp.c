/* Codes of an authenticator: RFC 6238 (time-based) over RFC 4226 (HMAC-SHA-1, dynamic truncation). SHA-1 (FIPS 180-4)
 * stands here for this alone: authenticators speak nothing else reliably, and HMAC does not lean on the collision
 * resistance that SHA-1 has lost. */
#include "people/password.h"

#define SHA1_BYTES 20
#define SHA1_BLOCK 64
#define TOTP_SECRET 20
#define TOTP_DIGITS 6
#define TOTP_STEP_MS (30 * SECOND_MS)

static uint32_t rotated(uint32_t x, int by) {
  return x << by | x >> (32 - by);
}

static void sha1_block(uint32_t h[5], const uint8_t block[SHA1_BLOCK]) {
  uint32_t w[80];
  for (int t = 0; t < 16; t++)
    w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 | (uint32_t)block[4 * t + 2] << 8 |
           block[4 * t + 3];
  for (int t = 16; t < 80; t++) w[t] = rotated(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
  uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
  for (int t = 0; t < 80; t++) {
    uint32_t mixed = t < 20   ? ((b & c) | (~b & d)) + 0x5a827999
                     : t < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                     : t < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
                              : (b ^ c ^ d) + 0xca62c1d6;
    uint32_t next = rotated(a, 5) + mixed + e + w[t];
    e = d;
    d = c;
    c = rotated(b, 30);
    b = a;
    a = next;
  }
  h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
}

/* Of at most two blocks' worth after the first: all that an HMAC of this file needs. */
static void sha1(uint8_t out[SHA1_BYTES], const uint8_t first[SHA1_BLOCK], const uint8_t *rest, size_t length) {
  uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  sha1_block(h, first);
  uint8_t last[SHA1_BLOCK] = {0};
  memcpy(last, rest, length); /* at most 20 bytes: one more block with its padding */
  last[length] = 0x80;
  uint64_t bits = (uint64_t)(SHA1_BLOCK + length) * 8;
  for (int i = 0; i < 8; i++) last[SHA1_BLOCK - 1 - i] = (uint8_t)(bits >> (8 * i));
  sha1_block(h, last);
  for (int i = 0; i < SHA1_BYTES; i++) out[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

/* RFC 2104, for the one length of secret and of message that a code needs. */
static void hmac_sha1(uint8_t out[SHA1_BYTES], const uint8_t secret[TOTP_SECRET], const uint8_t message[8]) {
  uint8_t inner[SHA1_BLOCK], outer[SHA1_BLOCK], hash[SHA1_BYTES];
  memset(inner, 0x36, sizeof inner);
  memset(outer, 0x5c, sizeof outer);
  for (int i = 0; i < TOTP_SECRET; i++) inner[i] ^= secret[i], outer[i] ^= secret[i];
  sha1(hash, inner, message, 8);
  sha1(out, outer, hash, sizeof hash);
  bytes_wipe(inner, sizeof inner);
  bytes_wipe(outer, sizeof outer);
}

static void code_of_step(const uint8_t secret[TOTP_SECRET], int64_t step, char out[TOTP_DIGITS + 1]) {
  uint8_t counter[8], mac[SHA1_BYTES];
  for (int i = 0; i < 8; i++) counter[i] = (uint8_t)((uint64_t)step >> (56 - 8 * i));
  hmac_sha1(mac, secret, counter);
  const uint8_t *at = mac + (mac[SHA1_BYTES - 1] & 15);
  uint32_t number = (uint32_t)(at[0] & 0x7f) << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
  snprintf(out, TOTP_DIGITS + 1, "%06u", (unsigned)(number % 1000000));
}

void totp_code(const uint8_t secret[20], int64_t now_ms, char out[7]) {
  code_of_step(secret, now_ms / TOTP_STEP_MS, out);
}

int64_t totp_check(const uint8_t secret[20], const char *code, int64_t now_ms, int64_t step_used) {
  if (strnlen(code, TOTP_DIGITS + 1) != TOTP_DIGITS || strspn(code, "0123456789") != TOTP_DIGITS) return -1;
  int64_t now = now_ms / TOTP_STEP_MS, found = -1;
  for (int64_t step = now + 1; step >= now - 1; step--) {
    char right[TOTP_DIGITS + 1];
    code_of_step(secret, step, right);
    if (bytes_equal(code, right, TOTP_DIGITS) && step > step_used)
      found = step; /* the oldest: later ones stay usable */
  }
  return found;
}

char *totp_text(struct arena *arena, const uint8_t secret[20]) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"; /* RFC 4648 section 6; 20 bytes need no padding */
  char *text = arena_alloc(arena, TOTP_SECRET * 8 / 5 + 1);
  for (int i = 0; i < TOTP_SECRET * 8 / 5; i++) {
    int bit = i * 5, byte = bit / 8, within = bit % 8;
    unsigned two = (unsigned)secret[byte] << 8 | (byte + 1 < TOTP_SECRET ? secret[byte + 1] : 0u);
    text[i] = letters[two >> (11 - within) & 31];
  }
  text[TOTP_SECRET * 8 / 5] = 0;
  return text;
}

char *totp_address(struct arena *arena, const uint8_t secret[20], const char *issuer, const char *label) {
  return url(arena, "otpauth://totp/%s:%s?secret=%s&issuer=%s&algorithm=SHA1&digits=6&period=30", issuer, label,
             totp_text(arena, secret), issuer);
}
