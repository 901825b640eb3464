/* Covariate-constrained randomisation of one wave, earlier waves counted.
 *
 * First the arms' sizes are drawn: in an odd wave which arm is larger is part of the draw. Candidates are all
 * allocations of these sizes if they are at most ALLOCATION_ENUMERATED, else ALLOCATION_SAMPLED shuffles without the
 * duplicates. The best tenth by the balance score is kept (never fewer than
 * the smaller of 1,000 and half; ties with the last kept stay), more when a pair would be together or apart too
 * often, and one of the kept is drawn: below(kept) in the order of score, then of the arms as a string of digits. */
#include <stdlib.h>
#include <string.h>

#include "allocation/balance.h"
#include "allocation/text.h"

#define WORDS 3

/* Arms as one long number, so that the order of numbers is that of strings: the first person has the highest digit. */
struct candidate {
  int64_t score;
  uint64_t key[WORDS];
};

struct digits {
  unsigned bits, each; /* of one person; people in a word */
};

static struct digits digits_of(int arms) {
  unsigned bits = arms <= 2 ? 1 : arms <= 4 ? 2 : 3;
  return (struct digits){bits, 64 / bits};
}

static unsigned digit_shift(struct digits d, unsigned person) {
  return (d.each - 1 - person % d.each) * d.bits;
}

static int digit(const struct candidate *c, struct digits d, unsigned person) {
  return (int)(c->key[person / d.each] >> digit_shift(d, person) & ((1u << d.bits) - 1));
}

static int compare(const void *left, const void *right) {
  const struct candidate *a = left, *b = right;
  if (a->score != b->score) return a->score < b->score ? -1 : 1;
  for (int w = 0; w < WORDS; w++)
    if (a->key[w] != b->key[w]) return a->key[w] < b->key[w] ? -1 : 1;
  return 0;
}

/* ---- the sizes of the arms ---- */

/* Whole turns of the ratio go to everybody; the rest are the first of one more turn that is shuffled. So each arm's
 * expected size is its exact share, for every ratio and every number of people. */
static void draw_sizes(int *size, const struct balance *balance, int count, struct allocation_stream *stream) {
  uint8_t turn[ALLOCATION_RATIO_MAX];
  int whole = count / (int)balance->ratio_sum, rest = count % (int)balance->ratio_sum, at = 0;
  for (int a = 0; a < balance->arms; a++) {
    size[a] = whole * (int)balance->ratio[a];
    for (int i = 0; i < balance->ratio[a]; i++) turn[at++] = (uint8_t)a;
  }
  if (rest) allocation_shuffle(stream, turn, at);
  for (int i = 0; i < rest; i++) size[turn[i]]++;
}

/* C(n, k), or more than ALLOCATION_ENUMERATED. */
static uint64_t choose(int n, int k) {
  uint64_t value = 1;
  if (k > n - k) k = n - k;
  for (int i = 1; i <= k && value <= ALLOCATION_ENUMERATED; i++) value = value * (uint64_t)(n - k + i) / (uint64_t)i;
  return value;
}

/* How many allocations have these sizes, or more than ALLOCATION_ENUMERATED. */
static uint64_t allocations_of(const int *size, int arms, int count) {
  uint64_t product = 1;
  for (int a = 0; a < arms && product <= ALLOCATION_ENUMERATED; a++) {
    product *= choose(count, size[a]);
    count -= size[a];
  }
  return product;
}

/* ---- candidates and their scores ---- */

struct search {
  struct balance balance;
  struct digits digits;
  int people;
  int64_t column[ALLOCATION_WAVE_MAX][ALLOCATION_COLUMNS_MAX + 1]; /* of each person, times the ratio's sum */
  int64_t off[ALLOCATION_ARMS_MAX][ALLOCATION_COLUMNS_MAX + 1];    /* R S[a][k] - r[a] T[k] as it stands */
  int64_t start[ALLOCATION_ARMS_MAX][ALLOCATION_COLUMNS_MAX + 1];  /* before anybody of the wave, for samples */
  int left[ALLOCATION_ARMS_MAX];                                   /* of the sizes being looked at */
  struct candidate now, *out;
  size_t found;
};

static void begin_search(struct search *s, const struct allocation_rules *rules,
                         const struct allocation_history *history, const struct allocation_roster *roster) {
  s->balance = balance_of(rules);
  s->digits = digits_of(rules->arms);
  s->people = roster->count;
  for (int k = 0; k < s->balance.columns; k++) {
    int64_t total = 0;
    for (int a = 0; a < rules->arms; a++) total += history->sum[a][k];
    for (int i = 0; i < roster->count; i++) total += k ? roster->person[i].x[k - 1] : ALLOCATION_UNIT;
    for (int a = 0; a < rules->arms; a++)
      s->off[a][k] = s->balance.ratio_sum * history->sum[a][k] - s->balance.ratio[a] * total;
  }
  for (int i = 0; i < roster->count; i++) {
    balance_person(s->column[i], rules, &roster->person[i]);
    for (int k = 0; k < s->balance.columns; k++) s->column[i][k] *= s->balance.ratio_sum;
  }
}

static void put(struct search *s, int person, int arm, int sign) {
  const int64_t *column = s->column[person];
  int64_t *off = s->off[arm];
  for (int k = 0; k < s->balance.columns; k++) off[k] += sign * column[k];
}

static int64_t score_now(const struct search *s) {
  int64_t score = 0;
  for (int a = 0; a < s->balance.arms; a++) {
    int64_t square = 0;
    for (int k = 0; k < s->balance.columns; k++) square += s->off[a][k] * s->off[a][k];
    score += square * s->balance.weight[a];
  }
  return score;
}

static void keep_candidate(struct search *s) {
  s->now.score = score_now(s);
  s->out[s->found++] = s->now;
}

/* All allocations of the sizes in `left`, from this person on. */
static void enumerate(struct search *s, int person) {
  if (person == s->people) {
    keep_candidate(s);
    return;
  }
  unsigned at = (unsigned)person;
  for (int a = 0; a < s->balance.arms; a++) {
    if (!s->left[a]) continue;
    uint64_t mark = (uint64_t)a << digit_shift(s->digits, at);
    s->left[a]--;
    s->now.key[at / s->digits.each] |= mark;
    put(s, person, a, 1);
    enumerate(s, person + 1);
    put(s, person, a, -1);
    s->now.key[at / s->digits.each] &= ~mark;
    s->left[a]++;
  }
}

static void sample(struct search *s, struct allocation_stream *stream) {
  uint8_t arm[ALLOCATION_WAVE_MAX];
  int at = 0;
  for (int a = 0; a < s->balance.arms; a++)
    for (int i = 0; i < s->left[a]; i++) arm[at++] = (uint8_t)a;
  allocation_shuffle(stream, arm, s->people);
  memcpy(s->off, s->start, sizeof s->off);
  memset(&s->now, 0, sizeof s->now);
  for (int i = 0; i < s->people; i++) {
    s->now.key[(unsigned)i / s->digits.each] |= (uint64_t)arm[i] << digit_shift(s->digits, (unsigned)i);
    put(s, i, arm[i], 1);
  }
  keep_candidate(s);
}

static size_t without_duplicates(struct candidate *c, size_t count) {
  size_t kept = 0;
  qsort(c, count, sizeof *c, compare);
  for (size_t i = 0; i < count; i++)
    if (!kept || compare(&c[kept - 1], &c[i])) c[kept++] = c[i];
  return kept;
}

/* True when they were sampled. */
static bool find_candidates(struct search *s, struct allocation_stream *stream) {
  draw_sizes(s->left, &s->balance, s->people, stream);
  if (allocations_of(s->left, s->balance.arms, s->people) <= ALLOCATION_ENUMERATED) {
    enumerate(s, 0);
    return false;
  }
  memcpy(s->start, s->off, sizeof s->start);
  for (int i = 0; i < ALLOCATION_SAMPLED; i++) sample(s, stream);
  s->found = without_duplicates(s->out, s->found);
  return true;
}

/* ---- the kept ---- */

static void exchange(struct candidate *a, struct candidate *b) {
  struct candidate held = *a;
  *a = *b;
  *b = held;
}

/* Puts the one that would stand at `wanted` after sorting there, smaller ones before it (Hoare's selection). No two
 * candidates are equal. */
static void select_at(struct candidate *c, size_t count, size_t wanted) {
  size_t low = 0, high = count - 1;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (compare(&c[middle], &c[low]) < 0) exchange(&c[middle], &c[low]);
    if (compare(&c[high], &c[low]) < 0) exchange(&c[high], &c[low]);
    if (compare(&c[high], &c[middle]) < 0) exchange(&c[high], &c[middle]);
    struct candidate pivot = c[middle];
    size_t i = low, j = high;
    for (;;) {
      while (compare(&c[i], &pivot) < 0) i++;
      while (compare(&pivot, &c[j]) < 0) j--;
      if (i >= j) break;
      exchange(&c[i++], &c[j--]);
    }
    /* i and j stand together, or on the pivot: what is left of i is smaller than or is the pivot. */
    if (i == j) i++;
    if (wanted < i && j < wanted) return;
    if (wanted <= j)
      high = j;
    else
      low = i;
  }
}

/* The best `wanted`, and all that tie with the last of them, at the front; returns how many. */
static size_t keep(struct candidate *c, size_t count, size_t wanted) {
  select_at(c, count, wanted - 1);
  int64_t last = c[wanted - 1].score;
  for (size_t i = wanted; i < count; i++)
    if (c[i].score == last) exchange(&c[i], &c[wanted++]);
  return wanted;
}

/* How many of the kept have each person in each arm, and each pair in the same arm. */
struct tally {
  uint32_t share[ALLOCATION_WAVE_MAX][ALLOCATION_ARMS_MAX];
  uint32_t together[ALLOCATION_WAVE_MAX][ALLOCATION_WAVE_MAX];
};

/* 64 candidates at a time, a bit each. */
static void tally_some(struct tally *tally, const struct search *s, const struct candidate *c, size_t count) {
  uint64_t in[ALLOCATION_WAVE_MAX][ALLOCATION_ARMS_MAX] = {{0}};
  unsigned people = (unsigned)s->people, arms = (unsigned)s->balance.arms;
  for (size_t n = 0; n < count; n++)
    for (unsigned i = 0; i < people; i++) in[i][digit(&c[n], s->digits, i)] |= (uint64_t)1 << n;
  for (unsigned i = 0; i < people; i++) {
    for (unsigned a = 0; a < arms; a++) tally->share[i][a] += (uint32_t)__builtin_popcountll(in[i][a]);
    for (unsigned j = i + 1; j < people; j++)
      for (unsigned a = 0; a < arms; a++) tally->together[i][j] += (uint32_t)__builtin_popcountll(in[i][a] & in[j][a]);
  }
}

static void tally_kept(struct tally *tally, const struct search *s, size_t kept) {
  memset(tally, 0, sizeof *tally);
  for (size_t i = 0; i < kept; i += 64) tally_some(tally, s, s->out + i, kept - i < 64 ? kept - i : 64);
}

/* Chance would have a pair together in sum r^2 / R^2 of all; at least half of that, and of the rest apart. */
static bool pairs_hold(const struct tally *tally, const struct search *s, size_t kept) {
  int64_t squares = 0, whole = s->balance.ratio_sum * s->balance.ratio_sum;
  for (int a = 0; a < s->balance.arms; a++) squares += s->balance.ratio[a] * s->balance.ratio[a];
  for (int i = 0; i < s->people; i++)
    for (int j = i + 1; j < s->people; j++) {
      int64_t together = tally->together[i][j], apart = (int64_t)kept - together;
      if (2 * whole * together < (int64_t)kept * squares || 2 * whole * apart < (int64_t)kept * (whole - squares))
        return false;
    }
  return true;
}

static size_t keep_enough(struct search *s, struct tally *tally, enum allocation_pairs *pairs) {
  size_t wanted = s->found / 10, least = s->found / 2 < 1000 ? s->found / 2 : 1000;
  if (wanted < least) wanted = least;
  if (wanted < 1) wanted = 1;
  for (;; wanted = 2 * wanted < s->found ? 2 * wanted : s->found) {
    size_t kept = keep(s->out, s->found, wanted);
    tally_kept(tally, s, kept);
    *pairs = s->people < ALLOCATION_PAIRS ? ALLOCATION_PAIRS_NOT_ASKED
             : pairs_hold(tally, s, kept) ? ALLOCATION_PAIRS_HELD
                                          : ALLOCATION_PAIRS_UNMET;
    if (*pairs != ALLOCATION_PAIRS_UNMET || kept == s->found) return kept;
  }
}

static void take_drawn(struct allocation_drawn *out, const struct search *s, const struct tally *tally, size_t kept,
                       size_t drawn) {
  out->kept = (int)kept;
  out->candidates = (int)s->found;
  for (int i = 0; i < s->people; i++) {
    out->arm[i] = (uint8_t)digit(&s->out[drawn], s->digits, (unsigned)i);
    out->guess_of[i] = (int64_t)kept;
    out->guess[i] = 0;
    for (int a = 0; a < s->balance.arms; a++)
      if (tally->share[i][a] > out->guess[i]) out->guess[i] = tally->share[i][a];
  }
}

/* ---- the room's memory ---- */

struct workspace {
  struct search search;
  struct tally tally;
};

size_t constrained_memory(const struct allocation_rules *rules, int count) {
  size_t most = 1; /* arms to the power of count at most */
  for (int i = 0; i < count && most < ALLOCATION_ENUMERATED; i++) most *= (size_t)rules->arms;
  if (most > ALLOCATION_ENUMERATED) most = ALLOCATION_ENUMERATED;
  return sizeof(struct workspace) + most * sizeof(struct candidate) + _Alignof(struct workspace);
}

enum allocation_status constrained_draw(struct allocation_drawn *out, const struct allocation_drawing *drawing,
                                        struct allocation_stream *stream, struct allocation_error *error) {
  if (drawing->bytes < constrained_memory(drawing->rules, drawing->roster->count))
    return allocation_fail(error, ALLOCATION_FULL, "memory", "too little memory was handed in");
  uintptr_t align = _Alignof(struct workspace), at = ((uintptr_t)drawing->memory + align - 1) / align * align;
  struct workspace *work = (struct workspace *)at;
  memset(&work->search, 0, sizeof work->search);
  work->search.out = (struct candidate *)(work + 1);
  begin_search(&work->search, drawing->rules, drawing->history, drawing->roster);
  out->sampled = find_candidates(&work->search, stream);
  size_t kept = keep_enough(&work->search, &work->tally, &out->pairs);
  size_t drawn = (size_t)allocation_below(stream, kept);
  select_at(work->search.out, kept, drawn);
  take_drawn(out, &work->search, &work->tally, kept, drawn);
  return ALLOCATION_OK;
}
