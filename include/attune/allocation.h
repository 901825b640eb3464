/* allocation.h: who goes to which arm, so that nobody need be trusted.
 *
 * Therapists are allocated in *waves*. The rules are frozen first. For each wave the *roster* is frozen (an order, and
 * integers that stand for the covariates); only then do two people each commit to 32 random bytes, and disclose them
 * when both commitments stand. The bytes, the rules and the roster give a seed, the seed a stream of integers, and the
 * stream the arms: nobody can choose them, and everybody can derive them again. Each slot's arm is committed to before
 * the first is released, and revealed last of all.
 *
 *     allocation_rules_hash(rules_hash, &rules);
 *     allocation_roster_hash(roster_hash, &rules, &roster);
 *     allocation_commitment(commitment, 'A', a);                       -- each party, on a machine of its own
 *     allocation_seed(seed, rules_hash, roster_hash, roster.wave, a, b);
 *     struct allocation_drawn drawn;
 *     allocation_draw(&drawn, &rules, &history, &roster, seed, memory, bytes, &error);
 *     allocation_slot_root(root, &rules, &roster, drawn.arm, seed);    -- made public before the first release
 *     allocation_history_add(&history, &rules, &roster, drawn.arm);    -- the next wave counts this one
 *
 * attune/allocation_record.h has the ceremony's steps, their order, and the files that are published at the end;
 * docs/allocation.md is the same as a specification for strangers, with every byte.
 *
 * The room is pure: no input or output, no global state; memory is handed in. It stands on libsodium (SHA-256,
 * HMAC, ChaCha20, Ed25519) and on nothing else. Integers throughout: every machine gets the same bytes.
 *
 * Sources: G. M. Raab and I. Butcher, "Balance in cluster randomized trials", Statistics in Medicine 20 (2001) 351
 * (constrained randomisation); L. H. Moulton, "Covariate-based constrained randomization of group-randomized trials",
 * Clinical Trials 1 (2004) 297 (the check of pairs); S. J. Pocock and R. Simon, Biometrics 31 (1975) 103
 * (minimisation); J. F. Soares and C. F. J. Wu, "Some restricted randomization rules in sequential designs",
 * Communications in Statistics A 12 (1983) 2017 (big stick); D. Blackwell and J. L. Hodges, Annals of Mathematical
 * Statistics 28 (1957) 449 (guessing the arm that is behind). */
#ifndef ATTUNE_ALLOCATION_H
#define ATTUNE_ALLOCATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ALLOCATION_ARMS_MAX 6
#define ALLOCATION_RATIO_MAX 24    /* the sum of the ratio */
#define ALLOCATION_MULTIPLE_MAX 60 /* the least common multiple of the ratio */
#define ALLOCATION_COLUMNS_MAX 32
#define ALLOCATION_SCORE_MAX 1000 /* a roster's integers lie in -1000 .. 1000 */
#define ALLOCATION_UNIT 100       /* and have a standard deviation of about 100 */
#define ALLOCATION_WAVE_MAX 192   /* people in a wave: 192 with two arms, 96 with three or four, 63 with more */
#define ALLOCATION_WAVES_MAX 99
#define ALLOCATION_PEOPLE_MAX 500 /* over all waves: balance scores then fit into 63 bits */
#define ALLOCATION_BLOCKS_MAX 8
#define ALLOCATION_BLOCK_MAX 48
#define ALLOCATION_STRATA_MAX 8      /* columns that make a stratum */
#define ALLOCATION_ENUMERATED 184756 /* C(20, 10): up to so many allocations of a wave are all looked at */
#define ALLOCATION_SAMPLED 100000    /* else so many are drawn */
#define ALLOCATION_SMALL 6           /* a smaller wave goes by the big stick */
#define ALLOCATION_PAIRS 8           /* from here on the pairs are checked */

#define ALLOCATION_HASH 32
#define ALLOCATION_NAME 41 /* an arm's: 1 to 40 of a-z 0-9 - _ */
#define ALLOCATION_STUDY 65

enum allocation_status {
  ALLOCATION_OK = 0,
  ALLOCATION_RANGE, /* a value outside its range */
  ALLOCATION_TEXT,  /* a file is not what this room writes, to the byte */
  ALLOCATION_ORDER, /* a step out of order */
  ALLOCATION_FALSE, /* a hash, commitment or signature that does not hold */
  ALLOCATION_FULL   /* the memory handed in is too small, or the sink refused */
};

struct allocation_error {
  enum allocation_status status;
  char field[64]; /* the key, column, file or step that it is about */
  char text[256]; /* one English sentence without the final stop */
};

/* ---- rules ---- */

enum allocation_method {
  ALLOCATION_SIMPLE,       /* each by chance, in the ratio */
  ALLOCATION_BIG_STICK,    /* by chance, but no arm may get further ahead than `limit` */
  ALLOCATION_BLOCKS,       /* permuted blocks of random size within strata: small blocks hardly hide the next arm */
  ALLOCATION_MINIMISATION, /* the arm that balances best, with probability preferred / preferred_of */
  /* One of the best tenth of all allocations of the wave whose arms have the sizes that are drawn first: whole turns
   * of the ratio, and for the rest the beginning of a shuffled turn. So in an odd wave which arm is larger is drawn
   * too, and expected sizes are the exact shares. Below ALLOCATION_SMALL people: big stick over the running total. */
  ALLOCATION_CONSTRAINED,
  ALLOCATION_METHODS
};
extern const char *const allocation_method_name[ALLOCATION_METHODS];

struct allocation_rules {
  char study[ALLOCATION_STUDY]; /* 1 to 64 of a-z 0-9 - _ */
  enum allocation_method method;
  int arms; /* 2 .. ALLOCATION_ARMS_MAX */
  char arm[ALLOCATION_ARMS_MAX][ALLOCATION_NAME];
  int ratio[ALLOCATION_ARMS_MAX];  /* each at least 1 */
  int parties;                     /* 2: allocator and witness; 1: nothing shows that the allocator did not choose */
  int most;                        /* people in a wave, at most */
  int columns;                     /* integers for each person; 0: none, sizes alone are balanced */
  uint8_t coding[ALLOCATION_HASH]; /* commitment to what the columns mean: allocation_commitment_private() */
  int limit;                       /* big stick, and small waves of the constrained method: 1 .. 99 */
  int preferred, preferred_of;     /* minimisation: 1 <= preferred < preferred_of <= 100 */
  int blocks;
  int block[ALLOCATION_BLOCKS_MAX]; /* rising multiples of the ratio's sum; one of them at random each time */
  int strata;
  int stratum[ALLOCATION_STRATA_MAX]; /* rising columns, from 1: people equal in all of them share a stratum */
};

/* Reasonable rules to begin with: two arms, 1:1, two parties, constrained, limit 3, 4/5, blocks of 4, 6 and 8. */
struct allocation_rules allocation_rules_default(void);
/* RANGE with the field and what is wrong with it. Everything below takes rules that passed. */
enum allocation_status allocation_rules_check(const struct allocation_rules *rules, struct allocation_error *error);
int allocation_ratio_sum(const struct allocation_rules *rules);

/* ---- rosters ---- */

struct allocation_person {
  int64_t locked;                  /* UTC milliseconds: screening, consent and baseline cannot change from here on */
  uint8_t record[ALLOCATION_HASH]; /* commitment to who this is and what was locked */
  int16_t x[ALLOCATION_COLUMNS_MAX];
};
struct allocation_roster {
  int wave;                                             /* 1, 2, ... */
  int count;                                            /* at least 1 */
  struct allocation_person person[ALLOCATION_WAVE_MAX]; /* slot j of the wave is person[j - 1] */
};
enum allocation_status allocation_roster_check(const struct allocation_rules *rules,
                                               const struct allocation_roster *roster, struct allocation_error *error);

/* A covariate as columns: one a category (missing is one), x = ±floor(100 |d - p| / sqrt(p (k - 1))) with d 1 for the
 * person's own category and 0 for the others, p its expected share and k the number of categories. So each covariate
 * weighs the same (Pearson's chi-square over its degrees of freedom), however many categories it has. Shares are per
 * mille, each at least 10, and sum to 1000; 2 <= categories <= 12; writes `categories` integers. */
enum allocation_status allocation_columns(int16_t *x, const int *share, int categories, int own,
                                          struct allocation_error *error);

/* ---- hashes, commitments, seed ---- */

/* SHA-256 of the text that is published (allocation_record.h writes it). */
void allocation_rules_hash(uint8_t out[ALLOCATION_HASH], const struct allocation_rules *rules);
void allocation_roster_hash(uint8_t out[ALLOCATION_HASH], const struct allocation_rules *rules,
                            const struct allocation_roster *roster);
/* SHA-256("attune-allocation-v1 A" || secret): `party` is 'A' (allocator) or 'B' (witness). */
void allocation_commitment(uint8_t out[ALLOCATION_HASH], char party, const uint8_t secret[ALLOCATION_HASH]);
/* SHA-256("attune-allocation-v1 private" || salt || bytes): for the coding and the people's records, which a named
 * verifier gets with their salts and nobody else. */
void allocation_commitment_private(uint8_t out[ALLOCATION_HASH], const uint8_t salt[ALLOCATION_HASH], const void *bytes,
                                   size_t length);
/* HKDF-SHA256(a || b, salt SHA-256(rules hash || roster hash), info "attune-allocation-v1 wave K"). With one party
 * `b` is NULL and the secret is `a` alone. */
void allocation_seed(uint8_t out[ALLOCATION_HASH], const uint8_t rules_hash[ALLOCATION_HASH],
                     const uint8_t roster_hash[ALLOCATION_HASH], int wave, const uint8_t a[ALLOCATION_HASH],
                     const uint8_t *b);

/* ---- the stream ---- */

/* ChaCha20 (RFC 8439) with the seed as key, the nonce "LibsodiumDRG" and blocks counted from 0: the bytes of
 * libsodium's randombytes_buf_deterministic(), without its end. */
struct allocation_stream {
  uint8_t key[32], bytes[4096];
  uint32_t block;
  unsigned used;
};
void allocation_stream_init(struct allocation_stream *stream, const uint8_t seed[ALLOCATION_HASH]);
/* Eight bytes, the first is the lowest. */
uint64_t allocation_stream_bits(struct allocation_stream *stream);
/* Uniform on 0 .. m - 1, m >= 1: eight bytes each time; x >= 2^64 - (2^64 mod m) is thrown away; then x mod m. */
uint64_t allocation_below(struct allocation_stream *stream, uint64_t m);
/* Fisher-Yates from the last index down: for i = count - 1 .. 1, exchange i and below(i + 1). */
void allocation_shuffle(struct allocation_stream *stream, uint8_t *items, int count);

/* ---- drawing a wave ---- */

/* What earlier waves contributed: sums of each column by arm. Begins as {0}. Aborted waves are not counted. */
struct allocation_history {
  int people, count[ALLOCATION_ARMS_MAX];
  int64_t sum[ALLOCATION_ARMS_MAX][ALLOCATION_COLUMNS_MAX + 1]; /* column 0 is ALLOCATION_UNIT for everybody */
};
/* Adds a wave's arms as they were drawn (in a demonstration: before allocation_exchange()). */
void allocation_history_add(struct allocation_history *history, const struct allocation_rules *rules,
                            const struct allocation_roster *roster, const uint8_t *arm);

/* The balance score, lower is better: over columns (and the sizes, as a column of 100s) and arms,
 *     sum of (R S[a][k] - r[a] T[k])^2 L / r[a]
 * with S the arm's sum, T the sum of all, r the ratio, R its sum, L its least common multiple. */
int64_t allocation_score(const struct allocation_rules *rules, const struct allocation_history *history);

enum allocation_pairs {
  ALLOCATION_PAIRS_NOT_ASKED, /* another method, or a wave below ALLOCATION_PAIRS */
  ALLOCATION_PAIRS_HELD,      /* each pair is together, and apart, in at least half as many as chance would have it */
  ALLOCATION_PAIRS_UNMET      /* not even among all candidates */
};

struct allocation_drawn {
  uint8_t arm[ALLOCATION_WAVE_MAX]; /* index into the rules' arms */
  bool constrained;                 /* one of a kept set; false: one by one, and the next four say nothing */
  bool sampled;                     /* candidates were drawn, not all looked at */
  int candidates, kept;
  enum allocation_pairs pairs;
  /* The chance, guess[i] in guess_of[i], that somebody names this arm who knows the rules, the covariates and all
   * arms before it: of the earlier waves (and the sizes of this one) for the constrained method, of everybody earlier
   * for the others. In blocks the guess is the arm that is behind in the stratum. */
  int64_t guess[ALLOCATION_WAVE_MAX], guess_of[ALLOCATION_WAVE_MAX];
};

/* Bytes of workspace that allocation_draw() takes for a wave of so many; 0 when it takes none. */
size_t allocation_draw_memory(const struct allocation_rules *rules, int count);
/* A wave that is to be drawn. */
struct allocation_drawing {
  const struct allocation_rules *rules;
  const struct allocation_history *history; /* of the waves before it */
  const struct allocation_roster *roster;
  const uint8_t *seed; /* ALLOCATION_HASH bytes */
  void *memory;        /* workspace */
  size_t bytes;        /* of it: allocation_draw_memory() */
};
/* Draws it. Errors: RANGE (roster, or more than ALLOCATION_PEOPLE_MAX people in all), FULL. */
enum allocation_status allocation_draw(struct allocation_drawn *out, const struct allocation_drawing *drawing,
                                       struct allocation_error *error);
/* What the derivation's step says: "924 candidates; 462 kept; pairs held". `exchanged` marks a demonstration. */
#define ALLOCATION_DRAWN_TEXT 120
void allocation_drawn_text(char out[ALLOCATION_DRAWN_TEXT], const struct allocation_drawn *drawn, bool exchanged);
/* A demonstration's other world: the first arm for the last, the second for the last but one. */
void allocation_exchange(const struct allocation_rules *rules, uint8_t *arm, int count);

/* ---- slots ---- */

/* r = HKDF-SHA256(seed, no salt, info "attune-allocation-v1 wave K slot J"). Hides the arm until the seed is known. */
void allocation_slot_salt(uint8_t out[ALLOCATION_HASH], const uint8_t seed[ALLOCATION_HASH], int wave, int slot);
/* SHA-256(0x00 || rules hash || wave || slot || arm || r), the numbers as four bytes, the lowest first; slots from 1,
 * arms from 0. */
void allocation_slot_leaf(uint8_t out[ALLOCATION_HASH], const uint8_t rules_hash[ALLOCATION_HASH], int wave, int slot,
                          int arm, const uint8_t r[ALLOCATION_HASH]);
/* The root over the wave's leaves in slot order, RFC 6962 section 2.1. */
void allocation_slot_root(uint8_t out[ALLOCATION_HASH], const struct allocation_rules *rules,
                          const struct allocation_roster *roster, const uint8_t *arm,
                          const uint8_t seed[ALLOCATION_HASH]);
/* MTH of RFC 6962 from leaf hashes, count >= 1. Overwrites `leaves`. */
void allocation_tree_root(uint8_t out[ALLOCATION_HASH], uint8_t (*leaves)[ALLOCATION_HASH], size_t count);

/* ---- redraw: the whole procedure again, for the permutation test ---- */

struct allocation_redrawing {
  const struct allocation_rules *rules;
  const struct allocation_roster *const *rosters; /* of the waves, none aborted */
  int waves;
  uint64_t seed, draw;
  void *memory; /* workspace */
  size_t bytes; /* of it: the most that allocation_draw_memory() says of these waves */
};
/* Draws all waves anew, each after those before it: later waves depend on earlier ones, so no wave may be redrawn
 * alone. The seed of wave K is HKDF-SHA256(seed || draw as eight bytes each, the lowest first; salt rules hash; info
 * "attune-allocation-v1 redraw wave K"). `arm` takes one for each person, wave after wave. */
enum allocation_status allocation_redraw(uint8_t *arm, const struct allocation_redrawing *redrawing,
                                         struct allocation_error *error);

/* ---- compare: guessing and balance by simulation, before a method is chosen ---- */

struct allocation_compared {
  double guessed;   /* share of right guesses (see struct allocation_drawn) */
  double imbalance; /* mean over the columns and the sizes of the difference between arms, in standard deviations */
  double worst;     /* the largest of these */
  double sizes;     /* of the sizes alone: people by which the arm furthest off misses its share */
};
struct allocation_comparison {
  struct allocation_rules rules;          /* of one method */
  const struct allocation_person *people; /* everybody whom the study may allocate */
  int count;                              /* at most ALLOCATION_WAVE_MAX */
  const int *wave;                        /* sizes, summing to count: for the constrained method alone */
  int waves;
  uint64_t seed;
};
size_t allocation_compare_memory(const struct allocation_comparison *comparison);
/* One simulated trial: people come in an order that is drawn for the trial, the same for every method. The one-by-one
 * methods take them in one row; the constrained method in waves. Trials of different numbers are independent. */
enum allocation_status allocation_compare(struct allocation_compared *out,
                                          const struct allocation_comparison *comparison, uint64_t trial, void *memory,
                                          size_t bytes, struct allocation_error *error);

#ifdef __cplusplus
}
#endif
#endif
