/* The hash tree against the vectors of transparency-dev/merkle and against its definition; checkpoints, byte by byte.
 */
#include "base/json.h"
#include "ledger/tree.h"
#include "store_fixture.h"

static json_t *vectors(const char *path) {
  json_error_t problem;
  json_t *list = json_load_file(path, JSON_DECODE_INT_AS_REAL, &problem);
  if (!list) stop_test("%s: %s\n", path, problem.text);
  return list;
}

/* A proof as the vectors have it: false when an element is not 32 bytes long. */
static bool proof_read(const json_t *list, uint8_t (*out)[SHA256_BYTES], size_t *count) {
  size_t i;
  json_t *hash;
  *count = json_array_size(list);
  json_array_foreach(list, i,
                     hash) if (base64_read(json_string_value(hash), out[i], SHA256_BYTES) != SHA256_BYTES) return false;
  return true;
}

/* Numbers are read as reals, because one vector has 2^64 - 1; what is no exact int64_t is no index of ours. */
static int64_t number(const json_t *vector, const char *key) {
  double value = json_real_value(json_object_get(vector, key));
  return value >= 0 && value < 9e15 ? (int64_t)value : -1;
}

/* Some vectors' roots are a few words in place of a hash: the rest is zero. */
static bool root_read(const json_t *vector, const char *key, uint8_t out[SHA256_BYTES]) {
  memset(out, 0, SHA256_BYTES);
  return base64_read(json_text(vector, key, ""), out, SHA256_BYTES) >= 0;
}

static bool hash_read(const json_t *vector, const char *key, uint8_t out[SHA256_BYTES]) {
  return base64_read(json_text(vector, key, ""), out, SHA256_BYTES) == SHA256_BYTES;
}

static void test_inclusion_vectors(void **state) {
  (void)state;
  json_t *list = vectors("tests/golden/merkle-rfc6962/inclusion.json"), *vector;
  size_t i, good = 0, count;
  json_array_foreach(list, i, vector) {
    uint8_t leaf[SHA256_BYTES], root[SHA256_BYTES], proof[TREE_LEVELS * 2][SHA256_BYTES];
    bool holds = hash_read(vector, "leafHash", leaf) && hash_read(vector, "root", root) &&
                 proof_read(json_object_get(vector, "proof"), proof, &count) &&
                 tree_inclusion_holds(leaf, number(vector, "leafIdx"), number(vector, "treeSize"),
                                      (const uint8_t(*)[SHA256_BYTES])proof, count, root);
    if (holds == (bool)json_flag(vector, "wantErr", 0))
      stop_test("%s: %s\n", json_text(vector, "file", ""), json_text(vector, "desc", ""));
    good += holds;
  }
  assert_int_equal(json_array_size(list), 98);
  assert_true(good >= 5);
  json_decref(list);
}

static void test_consistency_vectors(void **state) {
  (void)state;
  json_t *list = vectors("tests/golden/merkle-rfc6962/consistency.json"), *vector;
  size_t i, good = 0, count;
  json_array_foreach(list, i, vector) {
    uint8_t first[SHA256_BYTES], second[SHA256_BYTES], proof[TREE_LEVELS * 2][SHA256_BYTES];
    bool holds = root_read(vector, "root1", first) && root_read(vector, "root2", second) &&
                 proof_read(json_object_get(vector, "proof"), proof, &count) &&
                 tree_consistency_holds(number(vector, "size1"), first, number(vector, "size2"), second,
                                        (const uint8_t(*)[SHA256_BYTES])proof, count);
    if (holds == (bool)json_flag(vector, "wantErr", 0))
      stop_test("%s: %s\n", json_text(vector, "file", ""), json_text(vector, "desc", ""));
    good += holds;
  }
  assert_int_equal(json_array_size(list), 98);
  assert_true(good >= 5);
  json_decref(list);
}

/* MTH of RFC 6962 section 2.1 as it is written there. */
static void by_definition(const uint8_t (*leaves)[SHA256_BYTES], int64_t n, uint8_t out[SHA256_BYTES]) {
  if (n == 0)
    sha256(out, "", 0);
  else if (n == 1)
    memcpy(out, leaves[0], SHA256_BYTES);
  else {
    int64_t k = 1;
    while (2 * k < n) k *= 2;
    uint8_t left[SHA256_BYTES], right[SHA256_BYTES];
    by_definition(leaves, k, left);
    by_definition(leaves + k, n - k, right);
    tree_node(out, left, right);
  }
}

#define MOST 70
static void leaves_make(uint8_t (*leaves)[SHA256_BYTES]) {
  for (int i = 0; i < MOST; i++) tree_leaf(leaves[i], &i, sizeof i);
}

static void test_frontier_is_the_definition(void **state) {
  (void)state;
  uint8_t leaves[MOST][SHA256_BYTES], root[SHA256_BYTES], expected[SHA256_BYTES];
  struct frontier frontier = {0}, again;
  leaves_make(leaves);
  for (int n = 0; n <= MOST; n++) {
    frontier_root(&frontier, root);
    by_definition((const uint8_t(*)[SHA256_BYTES])leaves, n, expected);
    assert_memory_equal(root, expected, sizeof root);
    assert_true(frontier_read(&again, n, frontier.node, (size_t)frontier.count * SHA256_BYTES));
    assert_false(frontier_read(&again, n, frontier.node, (size_t)(frontier.count + 1) * SHA256_BYTES));
    if (n < MOST) frontier_push(&frontier, leaves[n]);
  }
  assert_false(frontier_read(&again, -1, frontier.node, 0));
}

/* Every proof of every tree up to MOST leaves holds; with one bit changed, or one hash more or less, none does. */
static void test_proofs_of_all_small_trees(void **state) {
  (void)state;
  uint8_t leaves[MOST][SHA256_BYTES], roots[MOST + 1][SHA256_BYTES], proof[2 * TREE_LEVELS][SHA256_BYTES];
  const uint8_t(*all)[SHA256_BYTES] = (const uint8_t(*)[SHA256_BYTES])leaves,
        (*seen)[SHA256_BYTES] = (const uint8_t(*)[SHA256_BYTES])proof;
  leaves_make(leaves);
  for (int n = 0; n <= MOST; n++) by_definition(all, n, roots[n]);
  int checked = 0;
  for (int n = 1; n <= MOST; n++) {
    for (int i = 0; i < n; i++, checked++) {
      size_t count = tree_inclusion(all, n, i, proof);
      assert_true(tree_inclusion_holds(leaves[i], i, n, seen, count, roots[n]));
      assert_false(tree_inclusion_holds(leaves[i], i, n, seen, count + 1, roots[n]));
      if (count) {
        assert_false(tree_inclusion_holds(leaves[i], i, n, seen, count - 1, roots[n]));
        proof[(size_t)i % count][i % 32] ^= 1;
        assert_false(tree_inclusion_holds(leaves[i], i, n, seen, count, roots[n]));
      }
    }
    for (int m = 1; m <= n; m++, checked++) {
      size_t count = tree_consistency(all, m, n, proof);
      assert_true(tree_consistency_holds(m, roots[m], n, roots[n], seen, count));
      if (m)
        assert_false(tree_consistency_holds(m, roots[m], n, roots[n - 1], seen, count)); /* nothing is before all */
      if (!count) continue;
      assert_false(tree_consistency_holds(m, roots[m], n, roots[n], seen, count - 1));
      proof[(size_t)m % count][m % 32] ^= 1;
      assert_false(tree_consistency_holds(m, roots[m], n, roots[n], seen, count));
    }
  }
  assert_true(checked > 4900);
}

static void test_checkpoint_bytes(void **state) {
  (void)state;
  uint8_t seed[32] = {9}, public_key[32], secret_key[64], other_public[32], other_secret[64], root[SHA256_BYTES];
  sign_keys(public_key, secret_key, seed);
  seed[0] = 8;
  sign_keys(other_public, other_secret, seed);
  struct frontier frontier = {0};
  char note[CHECKPOINT_BYTES];
  struct checkpoint checkpoint;
  for (int i = 0; i < 11; i++) {
    uint8_t leaf[SHA256_BYTES];
    tree_leaf(leaf, &i, sizeof i);
    frontier_push(&frontier, leaf);
  }
  checkpoint_write(note, "attune.test/tree", &frontier, public_key, secret_key);
  assert_true(!strncmp(note, "attune.test/tree\n11\n", 20));
  assert_true(checkpoint_read(&checkpoint, note, public_key));
  frontier_root(&frontier, root);
  assert_int_equal(checkpoint.size, 11);
  assert_string_equal(checkpoint.origin, "attune.test/tree");
  assert_memory_equal(checkpoint.root, root, sizeof root);
  assert_false(checkpoint_read(&checkpoint, note, other_public));
  size_t length = strlen(note);
  for (size_t i = 0; i < length; i++) { /* every byte of it counts */
    for (int change = 1; change < 256; change <<= 1) {
      char kept = note[i];
      note[i] = (char)(note[i] ^ change);
      if (checkpoint_read(&checkpoint, note, public_key)) stop_test("byte %zu may be changed by %d\n", i, change);
      note[i] = kept;
    }
    char kept = note[i];
    note[i] = 0;
    assert_false(checkpoint_read(&checkpoint, note, public_key));
    note[i] = kept;
  }
  /* a witness adds a line of its own */
  snprintf(note + length, sizeof note - length, "\xe2\x80\x94 witness.test AAAAAAAA\n");
  assert_true(checkpoint_read(&checkpoint, note, public_key));
  static const char *const origins[] = {"", "with blank", "with+plus", "with\nline", "\xc3\xa9"};
  for (size_t i = 0; i < 5; i++) assert_false(checkpoint_origin_valid(origins[i]));
  assert_true(checkpoint_origin_valid("attune.local/tensions-and-repair"));
}

/* The C2SP specification's own example: our reader takes its form (with its key unknown, only the form of the text). */
static void test_key_hash_of_the_specification(void **state) {
  (void)state;
  uint8_t seed[32] = {0}, public_key[32], secret_key[64];
  sign_keys(public_key, secret_key, seed);
  struct frontier empty = {0};
  char note[CHECKPOINT_BYTES];
  checkpoint_write(note, "o", &empty, public_key, secret_key);
  /* SHA-256 of nothing, and the key's hash SHA-256("o" LF 0x01 key)[:4] computed apart */
  uint8_t bytes[2 + 1 + 32] = {'o', '\n', 1}, hash[SHA256_BYTES], mark[68];
  memcpy(bytes + 3, public_key, 32);
  sha256(hash, bytes, sizeof bytes);
  assert_true(!strncmp(note, "o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n\xe2\x80\x94 o ", 56));
  char *signature = strrchr(note, ' ') + 1;
  signature[strlen(signature) - 1] = 0;
  assert_int_equal(base64_read(signature, mark, sizeof mark), 68);
  assert_memory_equal(mark, hash, 4);
}

int main(void) {
  crypto_start();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_inclusion_vectors),          cmocka_unit_test(test_consistency_vectors),
      cmocka_unit_test(test_frontier_is_the_definition), cmocka_unit_test(test_proofs_of_all_small_trees),
      cmocka_unit_test(test_checkpoint_bytes),           cmocka_unit_test(test_key_hash_of_the_specification),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
