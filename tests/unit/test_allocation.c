/* Allocation: the stream and the seed against other implementations, cases worked by hand, a naive second program for
 * the constrained method, the distribution of every method, and what `compare` must find. */
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attune/allocation.h"
#include "base/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: it makes a macro of fail() */

static struct allocation_error error;
static struct allocation_drawn drawn;
static struct allocation_roster roster;

static void seed_numbered(uint8_t seed[32], uint64_t number) {
  crypto_hash_sha256(seed, (const uint8_t *)&number, sizeof number);
}

/* Integers that follow from the number alone, like those of a real roster: some columns of two values, one wide. */
static void make_roster(int wave, int count, int columns, uint64_t number) {
  uint8_t seed[32];
  struct allocation_stream stream;
  seed_numbered(seed, number);
  allocation_stream_init(&stream, seed);
  memset(&roster, 0, sizeof roster);
  roster.wave = wave;
  roster.count = count;
  for (int i = 0; i < count; i++)
    for (int k = 0; k < columns; k++)
      roster.person[i].x[k] = (int16_t)(k == 0                         ? (int)allocation_below(&stream, 400) - 200
                                        : allocation_below(&stream, 2) ? 100
                                                                       : -100);
}

static void *memory;
static size_t bytes;
static enum allocation_status draw(const struct allocation_rules *rules, const struct allocation_history *history,
                                   uint64_t number) {
  static const struct allocation_history none;
  uint8_t seed[32];
  seed_numbered(seed, number);
  size_t need = allocation_draw_memory(rules, roster.count);
  if (need > bytes) memory = realloc(memory, bytes = need);
  return allocation_draw(&drawn, &(struct allocation_drawing){rules, history ? history : &none, &roster, seed, memory, bytes}, &error);
}

/* ---- stream, seed, hashes ---- */

static void test_stream(void **state) {
  (void)state;
  static uint8_t expected[16384];
  struct allocation_stream stream;
  uint8_t seed[32];
  seed_numbered(seed, 1);
  randombytes_buf_deterministic(expected, sizeof expected, seed);
  allocation_stream_init(&stream, seed);
  for (size_t i = 0; i < sizeof expected; i += 8) {
    uint64_t bits = 0;
    for (size_t b = 8; b-- > 0;) bits = bits << 8 | expected[i + b];
    assert_true(allocation_stream_bits(&stream) == bits);
  }
}

/* The values 2^64 - (2^64 mod m) and above are thrown away: planted by hand into the stream's bytes. */
static void test_rejection(void **state) {
  (void)state;
  struct allocation_stream stream = {.used = 0};
  const uint64_t m = UINT64_C(0xC000000000000000); /* 2^64 mod m = 2^62: a quarter is thrown away */
  const uint64_t planted[] = {UINT64_C(0xC000000000000000), UINT64_MAX, UINT64_C(0xBFFFFFFFFFFFFFFF)};
  for (size_t i = 0; i < 3; i++)
    for (size_t b = 0; b < 8; b++) stream.bytes[8 * i + b] = (uint8_t)(planted[i] >> 8 * b);
  assert_true(allocation_below(&stream, m) == UINT64_C(0xBFFFFFFFFFFFFFFF));
  assert_int_equal(stream.used, 24);
  stream.used = 8;
  assert_true(allocation_below(&stream, 8) == 7); /* a power of two throws nothing away */
  assert_int_equal(stream.used, 16);
  stream.used = 8;
  assert_true(allocation_below(&stream, 3) == UINT64_C(0xBFFFFFFFFFFFFFFF) % 3); /* 2^64 mod 3 = 1: all ones go */
}

static void test_seed(void **state) {
  (void)state;
  uint8_t a[32], b[32], rules[32], hashes[64], salt[32], expected[32], seed[32];
  seed_numbered(a, 1);
  seed_numbered(b, 2);
  seed_numbered(rules, 3);
  seed_numbered(hashes + 32, 4);
  memcpy(hashes, rules, 32);
  sha256(salt, hashes, sizeof hashes);
  uint8_t both[64];
  memcpy(both, a, 32);
  memcpy(both + 32, b, 32);
  hkdf_sha256(expected, 32, both, 64, salt, 32, "attune-allocation-v1 wave 12");
  allocation_seed(seed, rules, hashes + 32, 12, a, b);
  assert_memory_equal(seed, expected, 32);
  hkdf_sha256(expected, 32, a, 32, salt, 32, "attune-allocation-v1 wave 1");
  allocation_seed(seed, rules, hashes + 32, 1, a, NULL);
  assert_memory_equal(seed, expected, 32);
  hkdf_sha256(expected, 32, a, 32, NULL, 0, "attune-allocation-v1 wave 2 slot 7");
  allocation_slot_salt(seed, a, 2, 7);
  assert_memory_equal(seed, expected, 32);
  char text[22 + 33] = "attune-allocation-v1 B";
  memcpy(text + 22, a, 32);
  sha256(expected, text, 22 + 32);
  allocation_commitment(seed, 'B', a);
  assert_memory_equal(seed, expected, 32);
}

/* RFC 6962's tree of seven leaves, written out. */
static void test_tree(void **state) {
  (void)state;
  uint8_t leaf[7][32], node[65] = {1}, pair[4][32], four[2][32], root[32];
  for (uint64_t i = 0; i < 7; i++) seed_numbered(leaf[i], i);
  for (int i = 0; i < 3; i++) {
    memcpy(node + 1, leaf[2 * i], 32);
    memcpy(node + 33, leaf[2 * i + 1], 32);
    sha256(pair[i], node, 65);
  }
  memcpy(node + 1, pair[0], 64);
  sha256(four[0], node, 65);
  memcpy(node + 1, pair[2], 32);
  memcpy(node + 33, leaf[6], 32);
  sha256(four[1], node, 65);
  memcpy(node + 1, four[0], 64);
  sha256(root, node, 65);
  uint8_t got[32];
  allocation_tree_root(got, leaf, 7);
  assert_memory_equal(got, root, 32);
}

/* ---- by hand ---- */

static void test_columns(void **state) {
  (void)state;
  int16_t x[3];
  const int halves[] = {500, 500}, quarter[] = {250, 750}, three[] = {300, 600, 100};
  assert_int_equal(allocation_columns(x, halves, 2, 0, &error), ALLOCATION_OK);
  assert_int_equal(x[0], 70); /* 100 * 0.5 / sqrt(0.5) = 70.7 */
  assert_int_equal(x[1], -70);
  assert_int_equal(allocation_columns(x, quarter, 2, 0, &error), ALLOCATION_OK);
  assert_int_equal(x[0], 150); /* 100 * 0.75 / 0.5 */
  assert_int_equal(x[1], -86); /* 100 * 0.75 / sqrt(0.75) = 86.6 */
  assert_int_equal(allocation_columns(x, three, 3, 2, &error), ALLOCATION_OK);
  assert_int_equal(x[0], -38); /* 100 * 0.3 / sqrt(0.6) = 38.7 */
  assert_int_equal(x[1], -54); /* 100 * 0.6 / sqrt(1.2) = 54.8 */
  assert_int_equal(x[2], 201); /* 100 * 0.9 / sqrt(0.2) = 201.2 */
  const int wrong[] = {5, 995}, short_of[] = {500, 400};
  assert_int_equal(allocation_columns(x, wrong, 2, 0, &error), ALLOCATION_RANGE);
  assert_int_equal(allocation_columns(x, short_of, 2, 0, &error), ALLOCATION_RANGE);
  assert_int_equal(allocation_columns(x, halves, 2, 2, &error), ALLOCATION_RANGE);
}

static void test_score(void **state) {
  (void)state;
  struct allocation_rules rules = allocation_rules_default();
  struct allocation_history history = {0};
  uint8_t arms[] = {0, 0, 0, 1};
  rules.columns = 1;
  make_roster(1, 4, 0, 1);
  roster.person[0].x[0] = 50;
  roster.person[3].x[0] = -30;
  allocation_history_add(&history, &rules, &roster, arms);
  /* sizes: 2 * 300 - 400 = 200; column: 2 * 50 - 20 = 80; each squared, for both arms */
  assert_true(allocation_score(&rules, &history) == 2 * (200 * 200 + 80 * 80));
  rules.ratio[0] = 2; /* R = 3, L = 2: (3 * 300 - 2 * 400)^2 * 1 + (3 * 100 - 400)^2 * 2, ... */
  assert_true(allocation_score(&rules, &history) ==
              100 * 100 + 2 * 100 * 100 + (150 - 40) * (150 - 40) + 2 * (-90 - 20) * (-90 - 20));
}

static void test_rules_refused(void **state) {
  (void)state;
  const struct allocation_rules good = allocation_rules_default();
  struct allocation_rules r = good;
  assert_int_equal(allocation_rules_check(&r, &error), ALLOCATION_OK);
#define REFUSED(change, about)                                                                                         \
  r = good;                                                                                                            \
  change;                                                                                                              \
  assert_int_equal(allocation_rules_check(&r, &error), ALLOCATION_RANGE);                                              \
  assert_string_equal(error.field, about)
  REFUSED(r.arms = 1, "arms");
  REFUSED(r.arms = 7, "arms");
  REFUSED(r.arm[1][0] = 'X', "arms");
  REFUSED(memcpy(r.arm[1], r.arm[0], sizeof r.arm[0]), "arms");
  REFUSED(r.ratio[0] = 0, "ratio");
  REFUSED(r.ratio[0] = 24, "ratio");
  REFUSED((r.ratio[0] = 13, r.ratio[1] = 11), "ratio");
  REFUSED(r.parties = 0, "parties");
  REFUSED(r.most = 193, "most");
  REFUSED(r.columns = 33, "columns");
  REFUSED(r.limit = 0, "limit");
  REFUSED(r.preferred = 5, "preferred");
  REFUSED(r.block[1] = 5, "blocks");
  REFUSED(r.block[1] = 4, "blocks");
  REFUSED((r.blocks = 0, r.method = ALLOCATION_BLOCKS), "blocks");
  REFUSED((r.strata = 1, r.stratum[0] = 1), "strata");
  REFUSED(r.study[0] = 0, "study");
  REFUSED(r.method = ALLOCATION_METHODS, "method");
}

static void test_roster_refused(void **state) {
  (void)state;
  struct allocation_rules rules = allocation_rules_default();
  rules.columns = 2;
  make_roster(1, 8, 2, 1);
  assert_int_equal(draw(&rules, NULL, 1), ALLOCATION_OK);
  roster.person[7].x[1] = 1001;
  assert_int_equal(draw(&rules, NULL, 1), ALLOCATION_RANGE);
  assert_non_null(strstr(error.text, "slot 1-8, x2"));
  make_roster(1, 21, 2, 1);
  assert_int_equal(draw(&rules, NULL, 1), ALLOCATION_RANGE); /* more than `most` */
  make_roster(0, 8, 2, 1);
  assert_int_equal(draw(&rules, NULL, 1), ALLOCATION_RANGE);
  make_roster(1, 8, 2, 1);
  const struct allocation_history full = {.people = 493};
  assert_int_equal(draw(&rules, &full, 1), ALLOCATION_RANGE);
  uint8_t seed[32] = {0};
  const struct allocation_history none = {0};
  const struct allocation_drawing scant = {&rules, &none, &roster, seed, memory, allocation_draw_memory(&rules, 8) - 1};
  assert_int_equal(allocation_draw(&drawn, &scant, &error), ALLOCATION_FULL);
}

/* ---- the constrained method, by a program without any of its tricks ---- */

struct naive {
  int64_t score;
  uint8_t arm[12];
};

static int naive_order(const void *left, const void *right) {
  const struct naive *a = left, *b = right;
  if (a->score != b->score) return a->score < b->score ? -1 : 1;
  return memcmp(a->arm, b->arm, sizeof a->arm);
}

/* The sizes: whole turns of the ratio, then the first people of one more turn, shuffled from the last index down. */
static void naive_sizes(int *size, const struct allocation_rules *rules, struct allocation_stream *stream) {
  int sum = allocation_ratio_sum(rules), turn[ALLOCATION_RATIO_MAX], at = 0;
  for (int a = 0; a < rules->arms; a++) {
    size[a] = roster.count / sum * rules->ratio[a];
    for (int i = 0; i < rules->ratio[a]; i++) turn[at++] = a;
  }
  if (roster.count % sum == 0) return;
  for (int i = sum - 1; i > 0; i--) {
    int j = (int)allocation_below(stream, (uint64_t)i + 1), held = turn[i];
    turn[i] = turn[j], turn[j] = held;
  }
  for (int i = 0; i < roster.count % sum; i++) size[turn[i]]++;
}

static bool has_sizes(const uint8_t *arm, const int *size, int arms) {
  for (int a = 0; a < arms; a++) {
    int count = 0;
    for (int i = 0; i < roster.count; i++) count += arm[i] == a;
    if (count != size[a]) return false;
  }
  return true;
}

static size_t naive_all(struct naive *all, const struct allocation_rules *rules,
                        const struct allocation_history *history, const int *size) {
  size_t ways = 1, count = 0;
  for (int i = 0; i < roster.count; i++) ways *= (size_t)rules->arms;
  for (size_t way = 0; way < ways; way++) {
    struct naive *n = &all[count];
    memset(n, 0, sizeof *n);
    size_t rest = way;
    for (int i = 0; i < roster.count; i++, rest /= (size_t)rules->arms)
      n->arm[i] = (uint8_t)(rest % (size_t)rules->arms);
    if (!has_sizes(n->arm, size, rules->arms)) continue;
    struct allocation_history after = *history;
    allocation_history_add(&after, rules, &roster, n->arm);
    n->score = allocation_score(rules, &after);
    count++;
  }
  qsort(all, count, sizeof *all, naive_order);
  return count;
}

static bool naive_pairs(const struct naive *all, size_t kept, const struct allocation_rules *rules) {
  double chance = 0;
  for (int a = 0; a < rules->arms; a++) chance += pow((double)rules->ratio[a] / allocation_ratio_sum(rules), 2);
  for (int i = 0; i < roster.count; i++)
    for (int j = 0; j < i; j++) {
      size_t together = 0;
      for (size_t n = 0; n < kept; n++) together += all[n].arm[i] == all[n].arm[j];
      if ((double)together < chance / 2 * (double)kept - 1e-9) return false;
      if ((double)(kept - together) < (1 - chance) / 2 * (double)kept - 1e-9) return false;
    }
  return true;
}

static size_t naive_keep(const struct naive *all, size_t count, const struct allocation_rules *rules, bool *held) {
  size_t wanted = count / 10, half = count / 2 < 1000 ? count / 2 : 1000;
  if (wanted < half) wanted = half;
  for (;; wanted *= 2) {
    size_t kept = wanted < count ? wanted : count;
    while (kept < count && all[kept].score == all[kept - 1].score) kept++;
    *held = roster.count < 8 || naive_pairs(all, kept, rules);
    if (*held || kept == count) return kept;
  }
}

static void compare_naive(const struct allocation_rules *rules, int count, int earlier, uint64_t number) {
  static struct naive all[40000];
  struct allocation_history history = {0};
  if (earlier) {
    make_roster(1, earlier, rules->columns, number + 1000);
    assert_int_equal(draw(rules, NULL, number + 1), ALLOCATION_OK);
    allocation_history_add(&history, rules, &roster, drawn.arm);
  }
  make_roster(earlier ? 2 : 1, count, rules->columns, number);
  bool held;
  int size[ALLOCATION_ARMS_MAX];
  uint8_t seed[32];
  struct allocation_stream stream;
  seed_numbered(seed, number);
  allocation_stream_init(&stream, seed);
  naive_sizes(size, rules, &stream);
  size_t candidates = naive_all(all, rules, &history, size), kept = naive_keep(all, candidates, rules, &held);
  assert_int_equal(draw(rules, &history, number), ALLOCATION_OK);
  assert_int_equal(drawn.candidates, candidates);
  assert_int_equal(drawn.kept, kept);
  assert_int_equal(drawn.pairs, count < 8 ? ALLOCATION_PAIRS_NOT_ASKED
                                : held    ? ALLOCATION_PAIRS_HELD
                                          : ALLOCATION_PAIRS_UNMET);
  assert_memory_equal(drawn.arm, all[allocation_below(&stream, kept)].arm, (size_t)count);
}

static void test_constrained(void **state) {
  (void)state;
  struct allocation_rules two = allocation_rules_default(), three = two, uneven = two;
  two.columns = three.columns = uneven.columns = 6;
  three.arms = 3;
  three.ratio[2] = 1;
  snprintf(three.arm[2], sizeof three.arm[2], "third");
  uneven.ratio[0] = 2;
  for (uint64_t number = 0; number < 6; number++) {
    for (int count = 6; count <= 12; count++) compare_naive(&two, count, number % 2 ? 7 : 0, number);
    for (int count = 6; count <= 9; count++) {
      compare_naive(&three, count, number % 2 ? 8 : 0, number);
      compare_naive(&uneven, count, number % 2 ? 6 : 0, number);
    }
  }
}

/* Two people like nobody else, and alike: nearly all good balances part them, so more is kept until they may meet. */
static void test_pairs(void **state) {
  (void)state;
  struct allocation_rules rules = allocation_rules_default();
  rules.columns = 1;
  make_roster(1, 12, 0, 1);
  roster.person[2].x[0] = roster.person[9].x[0] = 1000;
  assert_int_equal(draw(&rules, NULL, 1), ALLOCATION_OK);
  assert_int_equal(drawn.candidates, 924);
  assert_int_equal(drawn.pairs, ALLOCATION_PAIRS_HELD);
  assert_int_equal(drawn.kept, 924); /* half of all part them, and so would the next doubling */
  rules.ratio[0] = 11;               /* 11:1 of 12: a pair is apart in 2 of 12, chance would have 11/72 */
  rules.blocks = 0;
  assert_int_equal(draw(&rules, NULL, 1), ALLOCATION_OK);
  assert_int_equal(drawn.candidates, 12);
}

/* Columns of zeros: all candidates tie, and all ties are kept. */
static void test_ties(void **state) {
  (void)state;
  struct allocation_rules rules = allocation_rules_default();
  make_roster(1, 7, 0, 1);
  assert_int_equal(draw(&rules, NULL, 1), ALLOCATION_OK);
  assert_int_equal(drawn.candidates, 35);
  assert_int_equal(drawn.kept, 35);
}

static void test_counts(void **state) {
  (void)state;
  struct allocation_rules rules = allocation_rules_default();
  rules.columns = 5;
  rules.most = 40;
  make_roster(1, 20, 5, 1);
  assert_int_equal(draw(&rules, NULL, 1), ALLOCATION_OK);
  assert_int_equal(drawn.candidates, ALLOCATION_ENUMERATED);
  assert_false(drawn.sampled);
  assert_in_range(drawn.kept, 18475, 20000);
  make_roster(1, 21, 5, 1);
  assert_int_equal(draw(&rules, NULL, 1), ALLOCATION_OK);
  assert_true(drawn.sampled);
  assert_in_range(drawn.candidates, 86500, 87500); /* 100,000 of 352,716: 87.1 thousand differ */
  make_roster(1, 40, 5, 1);
  assert_int_equal(draw(&rules, NULL, 1), ALLOCATION_OK);
  assert_int_equal(drawn.candidates, ALLOCATION_SAMPLED);
  int sizes = 0;
  for (int i = 0; i < 40; i++) sizes += drawn.arm[i];
  assert_int_equal(sizes, 20);
}

/* ---- distributions ---- */

/* Over `draws` seeds each sequence of arms (as a number in base `arms`) comes as often as `expected` says. */
static void check_distribution(const struct allocation_rules *rules, const double *expected, int sequences, int draws,
                               const struct allocation_history *history) {
  int seen[1024] = {0}, cells = 0;
  double square = 0;
  for (int d = 0; d < draws; d++) {
    int number = 0;
    assert_int_equal(draw(rules, history, 7000000 + (uint64_t)d), ALLOCATION_OK);
    for (int i = 0; i < roster.count; i++) number = number * rules->arms + drawn.arm[i];
    seen[number]++;
  }
  for (int s = 0; s < sequences; s++) {
    double mean = expected[s] * draws;
    if (mean == 0) assert_int_equal(seen[s], 0);
    if (mean == 0) continue;
    square += (seen[s] - mean) * (seen[s] - mean) / mean;
    cells++;
  }
  double z = (square - (cells - 1)) / sqrt(2.0 * (cells - 1));
  if (cells < 2 || z > 4) fail_msg("chi-square %.1f with %d cells", square, cells);
}

static void test_simple(void **state) {
  (void)state;
  struct allocation_rules rules = allocation_rules_default();
  double expected[16];
  rules.method = ALLOCATION_SIMPLE;
  rules.ratio[0] = 2;
  rules.block[0] = 3, rules.blocks = 1;
  make_roster(1, 4, 0, 1);
  for (int s = 0; s < 16; s++)
    expected[s] = pow(2.0 / 3, 4 - __builtin_popcount((unsigned)s)) * pow(1.0 / 3, __builtin_popcount((unsigned)s));
  check_distribution(&rules, expected, 16, 20000, NULL);
}

/* Limit 2 of people one by one: a walk whose forced steps have probability 1; as also in small waves of the
 * constrained method, where the earlier waves' difference counts. */
static void stick_expected(double *expected, int people, int difference, int limit) {
  for (int s = 0; s < 1 << people; s++) {
    int d = difference;
    expected[s] = 1;
    for (int i = people - 1; i >= 0; i--) {
      int step = s >> i & 1 ? -1 : 1;
      expected[s] *= abs(d) < limit ? 0.5 : (d > 0) == (step < 0) ? 1 : 0;
      d += step;
    }
  }
}

static void test_big_stick(void **state) {
  (void)state;
  struct allocation_rules rules = allocation_rules_default();
  double expected[64];
  rules.method = ALLOCATION_BIG_STICK;
  rules.limit = 2;
  make_roster(1, 6, 0, 1);
  stick_expected(expected, 6, 0, 2);
  check_distribution(&rules, expected, 64, 20000, NULL);
}

static void test_small_waves(void **state) {
  (void)state;
  struct allocation_rules rules = allocation_rules_default();
  struct allocation_history history = {0};
  double expected[32];
  const uint8_t ahead[] = {0, 0, 0};
  make_roster(1, 3, 0, 1);
  allocation_history_add(&history, &rules, &roster, ahead);
  make_roster(2, 1, 0, 1);
  for (uint64_t n = 0; n < 50; n++) {
    assert_int_equal(draw(&rules, &history, n), ALLOCATION_OK);
    assert_int_equal(drawn.arm[0], 1); /* three ahead: a wave of one gets the other arm */
    assert_false(drawn.constrained);
  }
  make_roster(2, 5, 0, 1);
  stick_expected(expected, 5, 3, 3);
  check_distribution(&rules, expected, 32, 20000, &history);
}

static void test_blocks(void **state) {
  (void)state;
  struct allocation_rules rules = allocation_rules_default();
  double expected[256] = {0};
  rules.method = ALLOCATION_BLOCKS;
  rules.blocks = 1;
  rules.columns = rules.strata = rules.stratum[0] = 1;
  make_roster(1, 8, 0, 1);
  roster.person[1].x[0] = roster.person[3].x[0] = roster.person[4].x[0] = roster.person[7].x[0] = 5;
  for (int s = 0; s < 256; s++) {
    int one = (s >> 6 & 1) + (s >> 4 & 1) + (s >> 3 & 1) + (s & 1);
    if (one == 2 && __builtin_popcount((unsigned)s) == 4) expected[s] = 1.0 / 36; /* six orders in each stratum */
  }
  check_distribution(&rules, expected, 256, 20000, NULL);
}

/* By Efron's coin when there is no covariate: 4/5 for the arm that is behind. */
static void test_minimisation(void **state) {
  (void)state;
  struct allocation_rules rules = allocation_rules_default();
  double expected[32];
  rules.method = ALLOCATION_MINIMISATION;
  make_roster(1, 5, 0, 1);
  for (int s = 0; s < 32; s++) {
    int d = 0;
    expected[s] = 1;
    for (int i = 4; i >= 0; i--) {
      int step = s >> i & 1 ? -1 : 1;
      expected[s] *= d == 0 ? 0.5 : (d > 0) == (step < 0) ? 0.8 : 0.2;
      d += step;
    }
  }
  check_distribution(&rules, expected, 32, 20000, NULL);
}

static void test_minimisation_arms(void **state) {
  (void)state;
  struct allocation_rules rules = allocation_rules_default();
  rules.method = ALLOCATION_MINIMISATION;
  rules.arms = 3;
  rules.ratio[2] = 2; /* the first is arm 2 (score least: 4 R = 4), then others share the rest in the ratio */
  snprintf(rules.arm[2], sizeof rules.arm[2], "third");
  rules.block[0] = 4, rules.blocks = 1;
  make_roster(1, 1, 0, 1);
  const double expected[] = {0.1, 0.1, 0.8};
  check_distribution(&rules, expected, 3, 20000, NULL);
}

/* Each of the ten kept of a wave of six; and over all of them each person as often in either arm. */
static void test_kept_equally_likely(void **state) {
  (void)state;
  struct allocation_rules rules = allocation_rules_default();
  struct allocation_history history = {0};
  static struct naive all[64];
  double expected[64] = {0};
  rules.columns = 4;
  make_roster(1, 6, 4, 11);
  bool held;
  size_t kept = naive_keep(all, naive_all(all, &rules, &history, (int[]){3, 3}), &rules, &held);
  for (size_t n = 0; n < kept; n++) {
    int number = 0;
    for (int i = 0; i < 6; i++) number = number * 2 + all[n].arm[i];
    expected[number] = 1.0 / (double)kept;
  }
  check_distribution(&rules, expected, 64, 20000, NULL);
}

/* 2:1 over waves: the arms get their shares. */
static void test_uneven_shares(void **state) {
  (void)state;
  struct allocation_rules rules = allocation_rules_default();
  rules.columns = 3;
  rules.ratio[0] = 2;
  rules.block[0] = 6, rules.blocks = 1;
  int first = 0, people = 0;
  for (uint64_t n = 0; n < 400; n++) {
    struct allocation_history history = {0};
    for (int wave = 1; wave <= 3; wave++) {
      make_roster(wave, 7, 3, n * 3 + (uint64_t)wave);
      assert_int_equal(draw(&rules, &history, n * 3 + (uint64_t)wave), ALLOCATION_OK);
      allocation_history_add(&history, &rules, &roster, drawn.arm);
    }
    first += history.count[0];
    people += 21;
  }
  double share = (double)first / people;
  if (fabs(share - 2.0 / 3) > 0.008) fail_msg("%.4f of the people in an arm that should have 2/3", share);
}

/* ---- redraw and compare ---- */

static void test_redraw(void **state) {
  (void)state;
  struct allocation_rules rules = allocation_rules_default();
  static struct allocation_roster waves[3];
  const struct allocation_roster *const rosters[] = {&waves[0], &waves[1], &waves[2]};
  uint8_t arm[20], again[20];
  const int sizes[] = {12, 1, 7};
  rules.columns = 3;
  for (int k = 0; k < 3; k++) {
    make_roster(k + 1, sizes[k], 3, 50 + (uint64_t)k);
    waves[k] = roster;
  }
  size_t need = allocation_draw_memory(&rules, 12);
  void *space = malloc(need);
  struct allocation_redrawing redrawing = {&rules, rosters, 3, 9, 1, space, need};
  assert_int_equal(allocation_redraw(arm, &redrawing, &error), ALLOCATION_OK);
  assert_int_equal(allocation_redraw(again, &redrawing, &error), ALLOCATION_OK);
  assert_memory_equal(arm, again, sizeof arm);
  redrawing.draw = 2;
  assert_int_equal(allocation_redraw(again, &redrawing, &error), ALLOCATION_OK);
  assert_memory_not_equal(arm, again, sizeof arm);
  /* the third wave by hand, with the first two counted */
  struct allocation_history history = {0};
  allocation_history_add(&history, &rules, &waves[0], arm);
  allocation_history_add(&history, &rules, &waves[1], arm + 12);
  uint8_t rules_hash[32], seed[32], secret[16] = {9, [8] = 1};
  allocation_rules_hash(rules_hash, &rules);
  hkdf_sha256(seed, 32, secret, 16, rules_hash, 32, "attune-allocation-v1 redraw wave 3");
  const struct allocation_drawing third = {&rules, &history, &waves[2], seed, space, need};
  assert_int_equal(allocation_draw(&drawn, &third, &error), ALLOCATION_OK);
  assert_memory_equal(drawn.arm, arm + 13, 7);
  free(space);
}

static double guessed(const struct allocation_rules *rules, int trials) {
  static const struct allocation_person people[40];
  const int waves[] = {12, 12, 12, 4};
  struct allocation_comparison c = {
      .rules = *rules, .people = people, .count = 40, .wave = waves, .waves = 4, .seed = 1};
  struct allocation_compared one;
  size_t need = allocation_compare_memory(&c);
  void *space = malloc(need);
  double sum = 0;
  for (int t = 0; t < trials; t++) {
    assert_int_equal(allocation_compare(&one, &c, (uint64_t)t, space, need, &error), ALLOCATION_OK);
    sum += one.guessed;
  }
  free(space);
  return sum / trials;
}

/* How often the next of 40 is guessed: the table that everybody cites, within Monte Carlo error. */
static void test_guessing(void **state) {
  (void)state;
  struct allocation_rules r = allocation_rules_default();
  r.most = 40;
#define GUESSED(expected)                                                                                              \
  do {                                                                                                                 \
    double got = guessed(&r, 2000);                                                                                    \
    if (fabs(got - (expected)) > 0.006)                                                                                \
      fail_msg("%s: %.4f instead of %.2f", allocation_method_name[r.method], got, expected);                           \
  } while (0)
  r.method = ALLOCATION_SIMPLE;
  GUESSED(0.50);
  r.method = ALLOCATION_BIG_STICK;
  GUESSED(0.58);
  r.method = ALLOCATION_BLOCKS;
  GUESSED(0.68);
  r.blocks = 1;
  GUESSED(0.71);
  r.method = ALLOCATION_MINIMISATION;
  GUESSED(0.69);
}

int main(void) {
  crypto_start();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_stream),        cmocka_unit_test(test_rejection),
      cmocka_unit_test(test_seed),          cmocka_unit_test(test_tree),
      cmocka_unit_test(test_columns),       cmocka_unit_test(test_score),
      cmocka_unit_test(test_rules_refused), cmocka_unit_test(test_roster_refused),
      cmocka_unit_test(test_constrained),   cmocka_unit_test(test_pairs),
      cmocka_unit_test(test_ties),          cmocka_unit_test(test_counts),
      cmocka_unit_test(test_simple),        cmocka_unit_test(test_big_stick),
      cmocka_unit_test(test_small_waves),   cmocka_unit_test(test_blocks),
      cmocka_unit_test(test_minimisation),  cmocka_unit_test(test_minimisation_arms),
      cmocka_unit_test(test_uneven_shares), cmocka_unit_test(test_kept_equally_likely),
      cmocka_unit_test(test_redraw),        cmocka_unit_test(test_guessing),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  free(memory);
  return failed;
}
