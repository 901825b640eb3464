/* Hashes, commitments, the seed, the slots. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "allocation/text.h"

#define LABEL "attune-allocation-v1"
#define INFO_BYTES 80

static void hash_two(uint8_t out[ALLOCATION_HASH], const void *a, size_t a_length, const void *b, size_t b_length) {
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  crypto_hash_sha256_update(&state, a, a_length);
  crypto_hash_sha256_update(&state, b, b_length);
  crypto_hash_sha256_final(&state, out);
}

/* RFC 5869 with one block of output: T(1) = HMAC(HMAC(salt, secret), info || 0x01). */
static void hkdf(uint8_t out[ALLOCATION_HASH], const void *secret, size_t secret_length,
                 const uint8_t salt[ALLOCATION_HASH], const char *info) {
  static const uint8_t one = 1;
  uint8_t key[ALLOCATION_HASH];
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, salt, ALLOCATION_HASH);
  crypto_auth_hmacsha256_update(&state, secret, secret_length);
  crypto_auth_hmacsha256_final(&state, key);
  crypto_auth_hmacsha256_init(&state, key, sizeof key);
  crypto_auth_hmacsha256_update(&state, (const uint8_t *)info, strlen(info));
  crypto_auth_hmacsha256_update(&state, &one, 1);
  crypto_auth_hmacsha256_final(&state, out);
  sodium_memzero(key, sizeof key);
}

void allocation_rules_hash(uint8_t out[ALLOCATION_HASH], const struct allocation_rules *rules) {
  char text[ALLOCATION_RULES_TEXT];
  struct allocation_text written = {.data = text, .capacity = sizeof text};
  allocation_rules_write(&written, rules);
  crypto_hash_sha256(out, (const uint8_t *)text, written.length);
}

void allocation_roster_hash(uint8_t out[ALLOCATION_HASH], const struct allocation_rules *rules,
                            const struct allocation_roster *roster) {
  char text[ALLOCATION_ROSTER_TEXT];
  struct allocation_text written = {.data = text, .capacity = sizeof text};
  allocation_roster_write(&written, rules, roster);
  crypto_hash_sha256(out, (const uint8_t *)text, written.length);
}

void allocation_commitment(uint8_t out[ALLOCATION_HASH], char party, const uint8_t secret[ALLOCATION_HASH]) {
  char label[sizeof LABEL " A"];
  int length = snprintf(label, sizeof label, LABEL " %c", party);
  hash_two(out, label, (size_t)length, secret, ALLOCATION_HASH);
}

void allocation_commitment_private(uint8_t out[ALLOCATION_HASH], const uint8_t salt[ALLOCATION_HASH], const void *bytes,
                                   size_t length) {
  static const char label[] = LABEL " private";
  uint8_t head[sizeof label - 1 + ALLOCATION_HASH];
  memcpy(head, label, sizeof label - 1);
  memcpy(head + sizeof label - 1, salt, ALLOCATION_HASH);
  hash_two(out, head, sizeof head, bytes, length);
}

void allocation_seed(uint8_t out[ALLOCATION_HASH], const uint8_t rules_hash[ALLOCATION_HASH],
                     const uint8_t roster_hash[ALLOCATION_HASH], int wave, const uint8_t a[ALLOCATION_HASH],
                     const uint8_t *b) {
  uint8_t secret[2 * ALLOCATION_HASH], salt[ALLOCATION_HASH];
  char info[INFO_BYTES];
  memcpy(secret, a, ALLOCATION_HASH);
  if (b) memcpy(secret + ALLOCATION_HASH, b, ALLOCATION_HASH);
  hash_two(salt, rules_hash, ALLOCATION_HASH, roster_hash, ALLOCATION_HASH);
  snprintf(info, sizeof info, LABEL " wave %d", wave);
  hkdf(out, secret, b ? sizeof secret : ALLOCATION_HASH, salt, info);
  sodium_memzero(secret, sizeof secret);
}

/* ---- slots ---- */

static void put_32(uint8_t *at, uint32_t value) {
  for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> 8 * i);
}

static void put_64(uint8_t *at, uint64_t value) {
  for (int i = 0; i < 8; i++) at[i] = (uint8_t)(value >> 8 * i);
}

void allocation_slot_salt(uint8_t out[ALLOCATION_HASH], const uint8_t seed[ALLOCATION_HASH], int wave, int slot) {
  static const uint8_t none[ALLOCATION_HASH] = {0}; /* RFC 5869: no salt is as many zeros as the hash is long */
  char info[INFO_BYTES];
  snprintf(info, sizeof info, LABEL " wave %d slot %d", wave, slot);
  hkdf(out, seed, ALLOCATION_HASH, none, info);
}

void allocation_slot_leaf(uint8_t out[ALLOCATION_HASH], const uint8_t rules_hash[ALLOCATION_HASH], int wave, int slot,
                          int arm, const uint8_t r[ALLOCATION_HASH]) {
  uint8_t bytes[1 + 2 * ALLOCATION_HASH + 12] = {0};
  memcpy(bytes + 1, rules_hash, ALLOCATION_HASH);
  put_32(bytes + 33, (uint32_t)wave);
  put_32(bytes + 37, (uint32_t)slot);
  put_32(bytes + 41, (uint32_t)arm);
  memcpy(bytes + 45, r, ALLOCATION_HASH);
  crypto_hash_sha256(out, bytes, sizeof bytes);
}

void allocation_tree_root(uint8_t out[ALLOCATION_HASH], uint8_t (*leaves)[ALLOCATION_HASH], size_t count) {
  /* Joining neighbours level by level, an odd last one going up as it is, splits at the same powers of two as
   * RFC 6962 does. */
  for (; count > 1; count = (count + 1) / 2)
    for (size_t i = 0; i < count; i += 2) {
      uint8_t node[1 + 2 * ALLOCATION_HASH] = {1};
      memcpy(node + 1, leaves[i], ALLOCATION_HASH);
      if (i + 1 < count) memcpy(node + 1 + ALLOCATION_HASH, leaves[i + 1], ALLOCATION_HASH);
      if (i + 1 < count)
        crypto_hash_sha256(leaves[i / 2], node, sizeof node);
      else
        memcpy(leaves[i / 2], node + 1, ALLOCATION_HASH);
    }
  memcpy(out, leaves[0], ALLOCATION_HASH);
}

void allocation_slot_root(uint8_t out[ALLOCATION_HASH], const struct allocation_rules *rules,
                          const struct allocation_roster *roster, const uint8_t *arm,
                          const uint8_t seed[ALLOCATION_HASH]) {
  uint8_t rules_hash[ALLOCATION_HASH], r[ALLOCATION_HASH], leaf[ALLOCATION_WAVE_MAX][ALLOCATION_HASH];
  allocation_rules_hash(rules_hash, rules);
  for (int i = 0; i < roster->count; i++) {
    allocation_slot_salt(r, seed, roster->wave, i + 1);
    allocation_slot_leaf(leaf[i], rules_hash, roster->wave, i + 1, arm[i], r);
  }
  allocation_tree_root(out, leaf, (size_t)roster->count);
}

/* ---- redraw ---- */

static void redraw_seed(uint8_t out[ALLOCATION_HASH], const uint8_t rules_hash[ALLOCATION_HASH], uint64_t seed,
                        uint64_t draw, int wave) {
  uint8_t secret[16];
  char info[INFO_BYTES];
  put_64(secret, seed);
  put_64(secret + 8, draw);
  snprintf(info, sizeof info, LABEL " redraw wave %d", wave);
  hkdf(out, secret, sizeof secret, rules_hash, info);
}

enum allocation_status allocation_redraw(uint8_t *arm, const struct allocation_redrawing *redrawing,
                                         struct allocation_error *error) {
  const struct allocation_rules *rules = redrawing->rules;
  struct allocation_history history = {0};
  struct allocation_drawn drawn;
  uint8_t rules_hash[ALLOCATION_HASH], seed[ALLOCATION_HASH];
  struct allocation_drawing drawing = {
      .rules = rules, .history = &history, .seed = seed, .memory = redrawing->memory, .bytes = redrawing->bytes};
  allocation_rules_hash(rules_hash, rules);
  for (int k = 0; k < redrawing->waves; k++) {
    drawing.roster = redrawing->rosters[k];
    redraw_seed(seed, rules_hash, redrawing->seed, redrawing->draw, drawing.roster->wave);
    enum allocation_status status = allocation_draw(&drawn, &drawing, error);
    if (status) return status;
    allocation_history_add(&history, rules, drawing.roster, drawn.arm);
    memcpy(arm, drawn.arm, (size_t)drawing.roster->count);
    arm += drawing.roster->count;
  }
  return ALLOCATION_OK;
}
