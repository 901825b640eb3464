/* Reading the ledger: one body, the newest checkpoint, proofs. */
#include "ledger/body.h"

enum err ledger_body(struct db *db, const struct keys *keys, int64_t sequence, json_t **body, struct error *error) {
  *body = NULL;
  struct arena arena = {0};
  struct rows rows;
  char *text = NULL, subject[SUBJECT_BYTES] = "";
  size_t length = 0, sealed_length = 0;
  uint8_t *sealed = NULL, key[KEY_BYTES], salt[SALT_BYTES];
  rows_open(&rows, db,
            "SELECT e.subject, b.sealed FROM ledger_entry AS e JOIN ledger_body AS b ON b.sequence = e.sequence "
            "WHERE e.sequence = $1 ORDER BY e.sequence",
            ARGS(v_int(sequence)));
  if (rows_next(&rows)) {
    snprintf(subject, sizeof subject, "%s", rows_text(&rows, 0));
    const void *bytes = rows_blob(&rows, 1, &sealed_length);
    sealed = arena_alloc(&arena, sealed_length);
    memcpy(sealed, bytes, sealed_length);
  }
  enum err err = rows_close(&rows, error);
  enum key_state state = KEY_NONE;
  if (!err && !sealed)
    err = fail(error, ERR_MISSING, "entry-missing", "", "there is no entry %lld", (long long)sequence);
  if (!err) err = body_key_find(db, keys, NULL, subject, key, &state, error);
  if (!err && state == KEY_HERE) text = body_open(&arena, key, sequence, sealed, sealed_length, salt, &length);
  bytes_wipe(key, sizeof key);
  if (!err && state != KEY_DESTROYED) {
    if (text)
      err = json_read(body, text, length, "the body of an entry", error);
    else
      err = fail(error, ERR_STORE, "entry-broken", "", "the body of entry %lld does not open; run attune verify",
                 (long long)sequence);
  }
  arena_free(&arena);
  return err;
}

enum err ledger_checkpoint_text(struct db *db, struct arena *arena, char **note, struct error *error) {
  enum err err =
      db_text(db, error, arena, note, "SELECT checkpoint FROM ledger_head WHERE one = 1 ORDER BY one", NO_ARGS);
  if (!err && !*note) return fail(error, ERR_MISSING, "ledger-empty", "", "there is no ledger yet");
  return err;
}

/* The first `size` leaf hashes; ERR_MISSING when there are fewer. */
static enum err leaves_read(struct db *db, struct arena *arena, int64_t size, uint8_t (**leaves)[SHA256_BYTES],
                            struct error *error) {
  *leaves = arena_array(arena, (size_t)size, SHA256_BYTES);
  int64_t at = 0;
  struct rows rows;
  rows_open(&rows, db, "SELECT leaf FROM ledger_entry WHERE sequence < $1 ORDER BY sequence", ARGS(v_int(size)));
  while (rows_next(&rows)) {
    size_t length;
    const void *leaf = rows_blob(&rows, 0, &length);
    if (length == SHA256_BYTES && at < size) memcpy((*leaves)[at++], leaf, SHA256_BYTES);
  }
  enum err err = rows_close(&rows, error);
  if (!err && at != size)
    return fail(error, ERR_MISSING, "ledger-short", "", "the ledger does not hold %lld entries", (long long)size);
  return err;
}

enum err ledger_inclusion_proof(struct db *db, struct arena *arena, int64_t sequence, int64_t size, uint8_t **hashes,
                                size_t *count, struct error *error) {
  if (sequence < 0 || sequence >= size)
    return fail(error, ERR_INPUT, "proof-range", "", "there is no entry %lld among %lld", (long long)sequence,
                (long long)size);
  struct arena scratch = {0};
  uint8_t(*leaves)[SHA256_BYTES], (*proof)[SHA256_BYTES] = arena_array(arena, (size_t)2 * TREE_LEVELS, SHA256_BYTES);
  enum err err = leaves_read(db, &scratch, size, &leaves, error);
  if (!err) *count = tree_inclusion((const uint8_t(*)[SHA256_BYTES])leaves, size, sequence, proof);
  *hashes = *proof;
  arena_free(&scratch);
  return err;
}

enum err ledger_consistency_proof(struct db *db, struct arena *arena, int64_t first, int64_t second, uint8_t **hashes,
                                  size_t *count, struct error *error) {
  if (first < 0 || first > second)
    return fail(error, ERR_INPUT, "proof-range", "", "a ledger does not grow from %lld to %lld entries",
                (long long)first, (long long)second);
  struct arena scratch = {0};
  uint8_t(*leaves)[SHA256_BYTES], (*proof)[SHA256_BYTES] = arena_array(arena, (size_t)2 * TREE_LEVELS, SHA256_BYTES);
  enum err err = leaves_read(db, &scratch, second, &leaves, error);
  if (!err) *count = tree_consistency((const uint8_t(*)[SHA256_BYTES])leaves, first, second, proof);
  *hashes = *proof;
  arena_free(&scratch);
  return err;
}
