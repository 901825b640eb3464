/* Notes, and the published files. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "allocation/text.h"

#define DASH "\xe2\x80\x94" /* the em dash that begins a signature line */
#define ORIGIN_BYTES (ALLOCATION_STUDY + 24)
#define ED25519 1 /* the signed-note form's number for it */

/* ---- reveal ---- */

void allocation_reveal_write(struct allocation_text *out, const struct allocation_rules *rules,
                             const struct allocation_roster *roster, const uint8_t *arm,
                             const uint8_t seed[ALLOCATION_HASH]) {
  uint8_t r[ALLOCATION_HASH];
  text_add(out, "slot,arm,r\n");
  for (int i = 0; i < roster->count; i++) {
    allocation_slot_salt(r, seed, roster->wave, i + 1);
    text_add(out, "%d-%d,%s,", roster->wave, i + 1, rules->arm[arm[i]]);
    text_add_hex(out, r, sizeof r);
    text_add(out, "\n");
  }
}

static bool take_slot(struct text_in *in, const struct allocation_rules *rules, int wave, int slot, uint8_t *arm) {
  char code[32], name[ALLOCATION_NAME];
  uint8_t r[ALLOCATION_HASH];
  snprintf(code, sizeof code, "%d-%d,", wave, slot);
  if (!text_take(in, code) || !text_take_name(in, name, sizeof name) || !text_take(in, ",")) return false;
  for (int a = 0; a < rules->arms; a++)
    if (!strcmp(name, rules->arm[a])) {
      *arm = (uint8_t)a;
      return text_take_hex(in, r, sizeof r) && text_take(in, "\n");
    }
  return false;
}

enum allocation_status allocation_reveal_read(uint8_t *arm, const struct allocation_rules *rules, int wave, int slots,
                                              const char *text, size_t length, struct allocation_error *error) {
  char name[40];
  snprintf(name, sizeof name, "wave-%d-reveal.csv", wave);
  struct text_in in = {.at = text, .end = text + length, .line = 1, .name = name};
  if (!text_take(&in, "slot,arm,r\n")) return text_refuse(&in, "the header", error);
  for (int i = 0; i < slots; i++)
    if (!take_slot(&in, rules, wave, i + 1, &arm[i]))
      return text_refuse(&in, "the next slot, an arm and 64 digits", error);
  return in.at == in.end ? ALLOCATION_OK : text_refuse(&in, "the end", error);
}

/* ---- notes ---- */

static void origin_of(char out[ORIGIN_BYTES], const struct allocation_rules *rules) {
  snprintf(out, ORIGIN_BYTES, "attune-allocation-v1/%s", rules->study);
}

static void key_hash(uint8_t out[4], const char *origin, const uint8_t public_key[32]) {
  static const uint8_t mark[] = {'\n', ED25519};
  uint8_t hash[ALLOCATION_HASH];
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  crypto_hash_sha256_update(&state, (const uint8_t *)origin, strlen(origin));
  crypto_hash_sha256_update(&state, mark, sizeof mark);
  crypto_hash_sha256_update(&state, public_key, 32);
  crypto_hash_sha256_final(&state, hash);
  memcpy(out, hash, 4);
}

static void add_base64(struct allocation_text *out, const uint8_t *bytes, size_t length) {
  char text[sodium_base64_ENCODED_LEN(68, sodium_base64_VARIANT_ORIGINAL)];
  text_add(out, "%s", sodium_bin2base64(text, sizeof text, bytes, length, sodium_base64_VARIANT_ORIGINAL));
}

static void step_leaf(uint8_t out[ALLOCATION_HASH], const struct allocation_step *step, int number) {
  char line[1 + ALLOCATION_STEP_LINE] = {0};
  struct allocation_text text = {.data = line + 1, .capacity = sizeof line - 1};
  allocation_step_write(&text, step, number);
  crypto_hash_sha256(out, (const uint8_t *)line, 1 + text.length);
}

void allocation_note_write(struct allocation_text *out, const struct allocation_rules *rules,
                           const struct allocation_step *step, int count, const uint8_t secret[64]) {
  uint8_t leaf[ALLOCATION_STEPS_MAX][ALLOCATION_HASH], root[ALLOCATION_HASH], signature[4 + crypto_sign_BYTES];
  char origin[ORIGIN_BYTES];
  size_t begins = out->length;
  origin_of(origin, rules);
  for (int i = 0; i < count; i++) step_leaf(leaf[i], &step[i], i);
  allocation_tree_root(root, leaf, (size_t)count);
  text_add(out, "%s\n%d\n", origin, count);
  add_base64(out, root, sizeof root);
  text_add(out, "\n");
  key_hash(signature, origin, secret + 32);
  crypto_sign_detached(signature + 4, NULL, (const uint8_t *)out->data + begins, out->length - begins, secret);
  text_add(out, "\n" DASH " %s ", origin);
  add_base64(out, signature, sizeof signature);
  text_add(out, "\n");
}

void allocation_key_write(struct allocation_text *out, const struct allocation_rules *rules,
                          const uint8_t public_key[32]) {
  uint8_t hash[4], key[33] = {ED25519};
  char origin[ORIGIN_BYTES];
  origin_of(origin, rules);
  key_hash(hash, origin, public_key);
  memcpy(key + 1, public_key, 32);
  text_add(out, "%s+", origin);
  text_add_hex(out, hash, sizeof hash);
  text_add(out, "+");
  add_base64(out, key, sizeof key);
  text_add(out, "\n");
}

/* ---- publishing ---- */

struct publishing {
  const struct allocation_trial *trial;
  allocation_sink *sink;
  void *state;
  struct allocation_text text;
  struct allocation_error *error;
};

static enum allocation_status hand_out(struct publishing *p, const char *name) {
  if (p->text.full) return allocation_fail(p->error, ALLOCATION_FULL, name, "too little memory was handed in");
  bool taken = p->sink(p->state, name, p->text.data, p->text.length);
  p->text.length = 0;
  return taken ? ALLOCATION_OK : allocation_fail(p->error, ALLOCATION_FULL, name, "%s could not be written", name);
}

static enum allocation_status publish_wave(struct publishing *p, int wave) {
  const struct allocation_trial *t = p->trial;
  const struct allocation_wave *w = &t->wave[wave - 1];
  uint8_t seed[ALLOCATION_HASH];
  char name[40];
  snprintf(name, sizeof name, "wave-%d-roster.csv", wave);
  allocation_roster_write(&p->text, &t->rules, &w->roster);
  enum allocation_status status = hand_out(p, name);
  if (status || !allocation_step_find(t->step, t->steps, wave, ALLOCATION_REVEAL)) return status;
  if (!allocation_step_seed(seed, &t->rules, t->step, t->steps, wave))
    return allocation_fail(p->error, ALLOCATION_ORDER, "disclosure-a", "wave %d is revealed but not disclosed", wave);
  snprintf(name, sizeof name, "wave-%d-reveal.csv", wave);
  allocation_reveal_write(&p->text, &t->rules, &w->roster, w->arm, seed);
  return hand_out(p, name);
}

static enum allocation_status publish_notes(struct publishing *p, const uint8_t secret[64]) {
  const struct allocation_trial *t = p->trial;
  for (int i = 0; i < t->steps; i++) {
    bool last = i + 1 == t->steps;
    if (t->step[i].what != ALLOCATION_SLOTS && !last) continue;
    allocation_note_write(&p->text, &t->rules, t->step, i + 1, secret);
    if (!last) text_add(&p->text, "\n");
  }
  return hand_out(p, "checkpoints.txt");
}

size_t allocation_publish_memory(const struct allocation_trial *trial) {
  size_t steps = (size_t)trial->steps * ALLOCATION_STEP_LINE, notes = ((size_t)trial->waves + 1) * ALLOCATION_NOTE_TEXT;
  size_t most = ALLOCATION_ROSTER_TEXT;
  if (steps + 100 > most) most = steps + 100;
  return notes > most ? notes : most;
}

enum allocation_status allocation_publish(const struct allocation_trial *trial, const uint8_t secret[64],
                                          allocation_sink *sink, void *state, void *memory, size_t bytes,
                                          struct allocation_error *error) {
  struct publishing p = {trial, sink, state, {.data = memory, .capacity = bytes}, error};
  if (trial->steps < 1 || trial->steps > ALLOCATION_STEPS_MAX)
    return allocation_fail(error, ALLOCATION_RANGE, "steps", "a record has 1 to %d steps", ALLOCATION_STEPS_MAX);
  allocation_rules_write(&p.text, &trial->rules);
  enum allocation_status status = hand_out(&p, "rules.json");
  for (int wave = 1; wave <= trial->waves && !status; wave++) status = publish_wave(&p, wave);
  if (status) return status;
  allocation_steps_write(&p.text, trial->step, trial->steps);
  if ((status = hand_out(&p, "steps.csv"))) return status;
  if ((status = publish_notes(&p, secret))) return status;
  allocation_key_write(&p.text, &trial->rules, secret + 32);
  return hand_out(&p, "key.txt");
}
