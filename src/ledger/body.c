#include "ledger/body.h"

#include "base/buf.h"

#define COMMITMENT_PREFIX "attune-body-v1\n"

void body_commitment(uint8_t out[SHA256_BYTES], const uint8_t salt[SALT_BYTES], const char *body, size_t length) {
  struct arena arena = {0};
  struct buf text = buf_in(&arena, sizeof COMMITMENT_PREFIX + SALT_BYTES + length);
  buf_adds(&text, COMMITMENT_PREFIX);
  buf_add(&text, salt, SALT_BYTES);
  buf_add(&text, body, length);
  sha256(out, text.data, text.length);
  arena_free(&arena);
}

void entry_leaf(uint8_t out[SHA256_BYTES], const struct entry *entry, const uint8_t commitment[SHA256_BYTES]) {
  char text[512], commitment_text[2 * SHA256_BYTES + 1];
  hex_write(commitment_text, commitment, SHA256_BYTES);
  int length = snprintf(text, sizeof text, "attune-entry-v1\n%lld\n%lld\n%s\n%s\n%s\n%s\n", (long long)entry->sequence,
                        (long long)entry->time_ms, entry->actor, entry->kind, entry->subject, commitment_text);
  tree_leaf(out, text, (size_t)length);
}

bool entry_word_valid(const char *word, size_t capacity) {
  size_t length = strlen(word);
  if (!length || length >= capacity) return false;
  for (; *word; word++)
    if ((unsigned char)*word <= ' ' || (unsigned char)*word >= 127) return false;
  return true;
}

const struct entry_kind *entry_kind_find(const struct entry_kind *const *kinds, const char *name) {
  for (; *kinds; kinds++)
    if (!strcmp((*kinds)->name, name)) return *kinds;
  return NULL;
}

enum err entry_audit(struct db *db, const struct entry_kind *kind, const struct entry *entry, struct error *error) {
  if (kind->log != LOG_MASKED) return OK;
  return db_exec(db, error,
                 "INSERT INTO audit_masked (number, time_ms, actor, kind, about) "
                 "SELECT coalesce(max(number), 0) + 1, $1, $2, $3, $4 FROM audit_masked ORDER BY 1",
                 ARGS(v_int(entry->time_ms), v_text(entry->actor), v_text(entry->kind), v_text(entry->subject)));
}

/* ---- keys of subjects ---- */

static size_t slot_of(const char *subject) {
  uint32_t hash = 2166136261u;
  for (; *subject; subject++) hash = (hash ^ (unsigned char)*subject) * 16777619u;
  return hash % KEY_SLOTS;
}

void key_cache_wipe(struct key_cache *cache) {
  bytes_wipe(cache, sizeof *cache);
}

void key_cache_forget(struct key_cache *cache, const char *subject) {
  bytes_wipe(&cache->slot[slot_of(subject)], sizeof cache->slot[0]);
}

static void key_cache_keep(struct key_cache *cache, const char *subject, const uint8_t key[KEY_BYTES]) {
  if (!cache) return;
  size_t at = slot_of(subject);
  snprintf(cache->slot[at].subject, SUBJECT_BYTES, "%s", subject);
  memcpy(cache->slot[at].key, key, KEY_BYTES);
}

static void key_context(char out[64], const char *subject) {
  snprintf(out, 64, "subject-key %s", subject);
}

enum err body_key_find(struct db *db, const struct keys *keys, struct key_cache *cache, const char *subject,
                       uint8_t key[KEY_BYTES], enum key_state *state, struct error *error) {
  if (cache && !strcmp(cache->slot[slot_of(subject)].subject, subject)) {
    memcpy(key, cache->slot[slot_of(subject)].key, KEY_BYTES);
    *state = KEY_HERE;
    return OK;
  }
  struct rows rows;
  rows_open(&rows, db, "SELECT wrapped FROM ledger_key WHERE subject = $1 ORDER BY subject", ARGS(v_text(subject)));
  *state = KEY_NONE;
  if (rows_next(&rows)) {
    char context[64];
    size_t length;
    const uint8_t *wrapped = rows_blob(&rows, 0, &length);
    key_context(context, subject);
    if (!length)
      *state = KEY_DESTROYED;
    else if (length == KEY_BYTES + SECRETBOX_OVERHEAD && box_open(keys->body, context, wrapped, length, key))
      *state = KEY_HERE;
    else
      *state = KEY_BROKEN;
  }
  enum err err = rows_close(&rows, error);
  if (!err && *state == KEY_HERE) key_cache_keep(cache, subject, key);
  return err;
}

enum err body_key_make(struct db *db, const struct keys *keys, struct key_cache *cache, const struct chance *chance,
                       const char *subject, uint8_t key[KEY_BYTES], struct error *error) {
  uint8_t wrapped[KEY_BYTES + SECRETBOX_OVERHEAD];
  char context[64];
  key_context(context, subject);
  chance_bytes(chance, "subject-key", subject, 0, key, KEY_BYTES);
  box_seal(chance, keys->body, context, 0, key, KEY_BYTES, wrapped);
  enum err err = db_exec(db, error, "INSERT INTO ledger_key (subject, wrapped) VALUES ($1, $2)",
                         ARGS(v_text(subject), v_blob(wrapped, sizeof wrapped)));
  if (!err) key_cache_keep(cache, subject, key);
  return err;
}

/* ---- bodies ---- */

size_t body_sealed_length(size_t body_length) {
  return SALT_BYTES + body_length + SECRETBOX_OVERHEAD;
}

static void body_context(char out[48], int64_t sequence) {
  snprintf(out, 48, "entry-body %lld", (long long)sequence);
}

void body_seal(const struct chance *chance, const uint8_t key[KEY_BYTES], int64_t sequence,
               const uint8_t salt[SALT_BYTES], const char *body, size_t length, uint8_t *out) {
  struct arena arena = {0};
  char context[48];
  body_context(context, sequence);
  struct buf plain = buf_in(&arena, SALT_BYTES + length + 1);
  buf_add(&plain, salt, SALT_BYTES);
  buf_add(&plain, body, length);
  box_seal(chance, key, context, (uint64_t)sequence, plain.data, plain.length, out);
  bytes_wipe(plain.data, plain.length);
  arena_free(&arena);
}

char *body_open(struct arena *arena, const uint8_t key[KEY_BYTES], int64_t sequence, const uint8_t *sealed,
                size_t sealed_length, uint8_t salt[SALT_BYTES], size_t *length) {
  if (sealed_length < SALT_BYTES + SECRETBOX_OVERHEAD) return NULL;
  char context[48];
  body_context(context, sequence);
  size_t plain_length = sealed_length - SECRETBOX_OVERHEAD;
  uint8_t *plain = arena_alloc(arena, plain_length + 1);
  if (!box_open(key, context, sealed, sealed_length, plain)) return NULL;
  memcpy(salt, plain, SALT_BYTES);
  *length = plain_length - SALT_BYTES;
  return (char *)plain + SALT_BYTES;
}
