/* body.h (inside): entries as text, bodies under their subjects' keys. */
#ifndef ATTUNE_LEDGER_BODY_H
#define ATTUNE_LEDGER_BODY_H

#include "ledger/ledger.h"
#include "ledger/tree.h"

#define SALT_BYTES 32

/* The key in a body under which an erasing entry lists the subjects whose keys it destroyed. */
#define BODY_DESTROYED "keys_destroyed"

void body_commitment(uint8_t out[SHA256_BYTES], const uint8_t salt[SALT_BYTES], const char *body, size_t length);
/* The leaf of an entry: the hash of its seven lines. */
void entry_leaf(uint8_t out[SHA256_BYTES], const struct entry *entry, const uint8_t commitment[SHA256_BYTES]);
/* Printable ASCII without blanks, not empty, within its field: such a text can stand in a line of a leaf. */
bool entry_word_valid(const char *word, size_t capacity);
const struct entry_kind *entry_kind_find(const struct entry_kind *const *kinds, const char *name);
/* Writes the row that masked roles see; from the header alone, so that it outlives the body. */
enum err entry_audit(struct db *db, const struct entry_kind *kind, const struct entry *entry, struct error *error);

/* Applies all entries of `from` to the empty derived tables of `into` (which may be the same), in a transaction that is
 * open there. */
enum err entries_replay(struct db *from, const struct keys *keys, const struct entry_kind *const *kinds, struct db *into,
                        struct error *error);

/* Keys in the clear, each at the place that its subject's hash names. Wiped whole when a transaction that made or
 * destroyed a key is rolled back. */
#define KEY_SLOTS 1024
struct key_cache {
  struct {
    char subject[SUBJECT_BYTES];
    uint8_t key[KEY_BYTES];
  } slot[KEY_SLOTS];
};
enum key_state { KEY_NONE, KEY_HERE, KEY_DESTROYED, KEY_BROKEN };
void key_cache_wipe(struct key_cache *cache);
void key_cache_forget(struct key_cache *cache, const char *subject);
/* Finds a subject's key; `cache` may be NULL. A destroyed key is a row whose wrapped key is empty. */
enum err body_key_find(struct db *db, const struct keys *keys, struct key_cache *cache, const char *subject,
                       uint8_t key[KEY_BYTES], enum key_state *state, struct error *error);
enum err body_key_make(struct db *db, const struct keys *keys, struct key_cache *cache, const struct chance *chance,
                       const char *subject, uint8_t key[KEY_BYTES], struct error *error);

/* salt || body under the subject's key; the sequence is authenticated with it. */
size_t body_sealed_length(size_t body_length);
void body_seal(const struct chance *chance, const uint8_t key[KEY_BYTES], int64_t sequence,
               const uint8_t salt[SALT_BYTES], const char *body, size_t length, uint8_t *out);
/* The body's text in the arena and its salt; NULL when it does not open. */
char *body_open(struct arena *arena, const uint8_t key[KEY_BYTES], int64_t sequence, const uint8_t *sealed,
                size_t sealed_length, uint8_t salt[SALT_BYTES], size_t *length);

#endif
