/* tree.h: the hash tree of RFC 6962 section 2.1, and checkpoints in the C2SP tlog-checkpoint form. Pure.
 *
 *     MTH({})     = SHA-256()
 *     MTH({d})    = SHA-256(0x00 || d)
 *     MTH(D[n])   = SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n])),  k the largest power of two smaller than n
 *
 * The frontier of a tree of n leaves is the list of roots of its full subtrees, largest first: one for each bit set in
 * n. It is all that appending and the root need. */
#ifndef ATTUNE_LEDGER_TREE_H
#define ATTUNE_LEDGER_TREE_H

#include "base/arena.h"
#include "base/crypto.h"
#include "base/err.h"

#define TREE_LEVELS 63

struct frontier {
  int64_t size; /* leaves */
  int count;    /* nodes: the number of bits set in size */
  uint8_t node[TREE_LEVELS][SHA256_BYTES];
};

void tree_leaf(uint8_t out[SHA256_BYTES], const void *bytes, size_t length);
void tree_node(uint8_t out[SHA256_BYTES], const uint8_t left[SHA256_BYTES], const uint8_t right[SHA256_BYTES]);

void frontier_push(struct frontier *frontier, const uint8_t leaf[SHA256_BYTES]);
void frontier_root(const struct frontier *frontier, uint8_t out[SHA256_BYTES]);
/* False when `length` is not that of a frontier of `size` leaves. */
bool frontier_read(struct frontier *frontier, int64_t size, const void *bytes, size_t length);

/* Proofs from all leaf hashes of a tree of `size` leaves; `out` takes at most 2 * TREE_LEVELS hashes. */
size_t tree_inclusion(const uint8_t (*leaves)[SHA256_BYTES], int64_t size, int64_t index, uint8_t (*out)[SHA256_BYTES]);
size_t tree_consistency(const uint8_t (*leaves)[SHA256_BYTES], int64_t first, int64_t second,
                        uint8_t (*out)[SHA256_BYTES]);
/* RFC 9162 sections 2.1.3.2 and 2.1.4.2. Any number of hashes that is not exactly right is refused. */
bool tree_inclusion_holds(const uint8_t leaf[SHA256_BYTES], int64_t index, int64_t size,
                          const uint8_t (*proof)[SHA256_BYTES], size_t count, const uint8_t root[SHA256_BYTES]);
bool tree_consistency_holds(int64_t first, const uint8_t first_root[SHA256_BYTES], int64_t second,
                            const uint8_t second_root[SHA256_BYTES], const uint8_t (*proof)[SHA256_BYTES],
                            size_t count);

/* A signed note (https://c2sp.org/tlog-checkpoint, https://c2sp.org/signed-note): origin, size, root in base64, an
 * empty line, and one signature line by `origin` with the key's hash, SHA-256(origin || LF || 0x01 || public key)[:4].
 * `out` takes CHECKPOINT_BYTES; the origin has at most 128 bytes and no blank, plus or line feed. */
#define CHECKPOINT_BYTES 640
bool checkpoint_origin_valid(const char *origin);
void checkpoint_write(char out[CHECKPOINT_BYTES], const char *origin, const struct frontier *frontier,
                      const uint8_t public_key[32], const uint8_t secret_key[64]);
struct checkpoint {
  char origin[129];
  int64_t size;
  uint8_t root[SHA256_BYTES];
};
/* True when the note is exactly what checkpoint_write() would write, its signature by this key included. Signature
 * lines of others (witnesses) after ours are allowed and not looked at. */
bool checkpoint_read(struct checkpoint *out, const char *note, const uint8_t public_key[32]);

#endif
