#include "ledger/tree.h"

#include "base/buf.h"

void tree_leaf(uint8_t out[SHA256_BYTES], const void *bytes, size_t length) {
  struct arena arena = {0};
  struct buf text = buf_in(&arena, length + 2);
  buf_addc(&text, 0x00);
  buf_add(&text, bytes, length);
  sha256(out, text.data, text.length);
  arena_free(&arena);
}

void tree_node(uint8_t out[SHA256_BYTES], const uint8_t left[SHA256_BYTES], const uint8_t right[SHA256_BYTES]) {
  uint8_t bytes[1 + 2 * SHA256_BYTES] = {0x01};
  memcpy(bytes + 1, left, SHA256_BYTES);
  memcpy(bytes + 1 + SHA256_BYTES, right, SHA256_BYTES);
  sha256(out, bytes, sizeof bytes);
}

void frontier_push(struct frontier *frontier, const uint8_t leaf[SHA256_BYTES]) {
  uint8_t node[SHA256_BYTES];
  memcpy(node, leaf, sizeof node);
  /* Each bit set at the low end of the size is a full subtree that the new node completes. */
  for (int64_t size = frontier->size; size & 1; size >>= 1) tree_node(node, frontier->node[--frontier->count], node);
  memcpy(frontier->node[frontier->count++], node, sizeof node);
  frontier->size++;
}

void frontier_root(const struct frontier *frontier, uint8_t out[SHA256_BYTES]) {
  if (!frontier->count) {
    sha256(out, "", 0);
    return;
  }
  memcpy(out, frontier->node[frontier->count - 1], SHA256_BYTES);
  for (int i = frontier->count - 2; i >= 0; i--) tree_node(out, frontier->node[i], out);
}

bool frontier_read(struct frontier *frontier, int64_t size, const void *bytes, size_t length) {
  int count = __builtin_popcountll((unsigned long long)size);
  if (size < 0 || count > TREE_LEVELS || length != (size_t)count * SHA256_BYTES) return false;
  *frontier = (struct frontier){.size = size, .count = count};
  memcpy(frontier->node, bytes, length);
  return true;
}

/* ---- proofs ---- */

static int64_t split(int64_t n) { /* the largest power of two smaller than n, n > 1 */
  int64_t k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

static void subtree(const uint8_t (*leaves)[SHA256_BYTES], int64_t count, uint8_t out[SHA256_BYTES]) {
  struct frontier frontier = {0};
  for (int64_t i = 0; i < count; i++) frontier_push(&frontier, leaves[i]);
  frontier_root(&frontier, out);
}

size_t tree_inclusion(const uint8_t (*leaves)[SHA256_BYTES], int64_t size, int64_t index,
                      uint8_t (*out)[SHA256_BYTES]) {
  if (size <= 1) return 0;
  int64_t k = split(size);
  bool left = index < k;
  size_t count = left ? tree_inclusion(leaves, k, index, out) : tree_inclusion(leaves + k, size - k, index - k, out);
  if (left)
    subtree(leaves + k, size - k, out[count]);
  else
    subtree(leaves, k, out[count]);
  return count + 1;
}

/* SUBPROOF(m, D[n], whole) of RFC 6962 section 2.1.2. */
static size_t subproof(const uint8_t (*leaves)[SHA256_BYTES], int64_t m, int64_t n, bool whole,
                       uint8_t (*out)[SHA256_BYTES]) {
  if (m == n) {
    if (whole) return 0;
    subtree(leaves, n, out[0]);
    return 1;
  }
  int64_t k = split(n);
  bool left = m <= k;
  size_t count = left ? subproof(leaves, m, k, whole, out) : subproof(leaves + k, m - k, n - k, false, out);
  if (left)
    subtree(leaves + k, n - k, out[count]);
  else
    subtree(leaves, k, out[count]);
  return count + 1;
}

size_t tree_consistency(const uint8_t (*leaves)[SHA256_BYTES], int64_t first, int64_t second,
                        uint8_t (*out)[SHA256_BYTES]) {
  return first <= 0 || first >= second ? 0 : subproof(leaves, first, second, true, out);
}

bool tree_inclusion_holds(const uint8_t leaf[SHA256_BYTES], int64_t index, int64_t size,
                          const uint8_t (*proof)[SHA256_BYTES], size_t count, const uint8_t root[SHA256_BYTES]) {
  if (index < 0 || index >= size) return false;
  int64_t fn = index, sn = size - 1;
  uint8_t hash[SHA256_BYTES];
  memcpy(hash, leaf, sizeof hash);
  for (size_t i = 0; i < count; i++) {
    if (sn == 0) return false;
    if ((fn & 1) || fn == sn) {
      tree_node(hash, proof[i], hash);
      while (!(fn & 1) && fn) fn >>= 1, sn >>= 1;
    } else
      tree_node(hash, hash, proof[i]);
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && bytes_equal(hash, root, sizeof hash);
}

bool tree_consistency_holds(int64_t first, const uint8_t first_root[SHA256_BYTES], int64_t second,
                            const uint8_t second_root[SHA256_BYTES], const uint8_t (*proof)[SHA256_BYTES],
                            size_t count) {
  if (first <= 0 || first > second) return false; /* from nothing, anything grows: there is nothing to prove */
  if (first == second) return count == 0 && bytes_equal(first_root, second_root, SHA256_BYTES);
  /* When the first tree is full its root is the first hash, and is not sent. */
  bool full = (first & (first - 1)) == 0;
  if (!full && count == 0) return false;
  const uint8_t *start = full ? first_root : proof[0];
  size_t at = full ? 0 : 1;
  int64_t fn = first - 1, sn = second - 1;
  while (fn & 1) fn >>= 1, sn >>= 1;
  uint8_t old_root[SHA256_BYTES], new_root[SHA256_BYTES];
  memcpy(old_root, start, sizeof old_root);
  memcpy(new_root, start, sizeof new_root);
  for (; at < count; at++) {
    if (sn == 0) return false;
    if ((fn & 1) || fn == sn) {
      tree_node(old_root, proof[at], old_root);
      tree_node(new_root, proof[at], new_root);
      while (!(fn & 1) && fn) fn >>= 1, sn >>= 1;
    } else
      tree_node(new_root, new_root, proof[at]);
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && bytes_equal(old_root, first_root, SHA256_BYTES) && bytes_equal(new_root, second_root, SHA256_BYTES);
}

/* ---- checkpoints ---- */

#define DASH "\xe2\x80\x94" /* the em dash that begins a signature line */
#define SIGNED_BYTES (4 + SIGNATURE_BYTES)

bool checkpoint_origin_valid(const char *origin) {
  size_t length = strlen(origin);
  if (!length || length > 128) return false;
  for (; *origin; origin++)
    if ((unsigned char)*origin <= ' ' || (unsigned char)*origin >= 127 || *origin == '+') return false;
  return true;
}

static void key_hash(uint8_t out[4], const char *origin, const uint8_t public_key[32]) {
  uint8_t bytes[128 + 2 + 32], hash[SHA256_BYTES];
  size_t length = strlen(origin);
  for (size_t i = 0; i < length; i++) bytes[i] = (uint8_t)origin[i];
  bytes[length] = '\n';
  bytes[length + 1] = 0x01; /* Ed25519 */
  memcpy(bytes + length + 2, public_key, 32);
  sha256(hash, bytes, length + 2 + 32);
  memcpy(out, hash, 4);
}

static void base64_of(char *out, size_t capacity, const uint8_t *bytes, size_t length) {
  struct arena arena = {0};
  snprintf(out, capacity, "%s", base64_text(&arena, bytes, length));
  arena_free(&arena);
}

void checkpoint_write(char out[CHECKPOINT_BYTES], const char *origin, const struct frontier *frontier,
                      const uint8_t public_key[32], const uint8_t secret_key[64]) {
  uint8_t root[SHA256_BYTES], mark[SIGNED_BYTES];
  char root_text[64], mark_text[128];
  frontier_root(frontier, root);
  base64_of(root_text, sizeof root_text, root, sizeof root);
  int length = snprintf(out, CHECKPOINT_BYTES, "%s\n%lld\n%s\n", origin, (long long)frontier->size, root_text);
  key_hash(mark, origin, public_key);
  sign_write(mark + 4, out, (size_t)length, secret_key);
  base64_of(mark_text, sizeof mark_text, mark, sizeof mark);
  snprintf(out + length, CHECKPOINT_BYTES - (size_t)length, "\n" DASH " %s %s\n", origin, mark_text);
}

/* Copies one line (without its line feed) and steps past it; NULL when there is none, or it is too long. */
static const char *line_read(const char *at, char *out, size_t capacity) {
  const char *end = at ? strchr(at, '\n') : NULL;
  if (!end || (size_t)(end - at) >= capacity) return NULL;
  memcpy(out, at, (size_t)(end - at));
  out[end - at] = 0;
  return end + 1;
}

/* Text that is base64 in its one canonical form, of exactly `length` bytes. */
static bool base64_exact(const char *text, uint8_t *out, size_t length) {
  char again[128];
  if (base64_read(text, out, length) != (long)length) return false;
  base64_of(again, sizeof again, out, length);
  return !strcmp(text, again);
}

bool checkpoint_read(struct checkpoint *out, const char *note, const uint8_t public_key[32]) {
  char size[32], root[64], empty[2], signature[512], start[160], again[32];
  uint8_t mark[SIGNED_BYTES], expected[4];
  memset(out, 0, sizeof *out);
  const char *at = line_read(note, out->origin, sizeof out->origin);
  at = line_read(at, size, sizeof size);
  at = line_read(at, root, sizeof root);
  if (!at || !checkpoint_origin_valid(out->origin)) return false;
  size_t signed_length = (size_t)(at - note);
  at = line_read(at, empty, sizeof empty);
  at = line_read(at, signature, sizeof signature);
  if (!at || *empty) return false;
  out->size = strtoll(size, NULL, 10);
  snprintf(again, sizeof again, "%lld", (long long)out->size);
  if (out->size < 0 || strcmp(size, again) || !base64_exact(root, out->root, sizeof out->root)) return false;
  size_t prefix = (size_t)snprintf(start, sizeof start, DASH " %s ", out->origin);
  if (strncmp(signature, start, prefix) || !base64_exact(signature + prefix, mark, sizeof mark)) return false;
  key_hash(expected, out->origin, public_key);
  return !memcmp(mark, expected, 4) && sign_check(mark + 4, note, signed_length, public_key);
}
