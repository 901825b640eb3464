/* Drawing a wave: the methods that take people one by one, in the roster's order. */
#include <stdio.h>
#include <string.h>

#include "allocation/balance.h"
#include "allocation/text.h"

/* One draw for each person, whatever the weights: below(their sum), then the arm in whose share it falls. */
static int pick(struct allocation_stream *stream, const int64_t *weight, int arms) {
  int64_t sum = 0;
  int arm = 0;
  for (int a = 0; a < arms; a++) sum += weight[a];
  int64_t drawn = (int64_t)allocation_below(stream, (uint64_t)sum);
  while (drawn >= weight[arm]) drawn -= weight[arm++];
  return arm;
}

static void simple_weights(int64_t *weight, const struct balance *balance) {
  for (int a = 0; a < balance->arms; a++) weight[a] = balance->ratio[a];
}

/* An arm's turn is its count over its ratio, in units of 1 / multiple. It may have one more person unless that takes
 * its turn further than `limit` above the least; the least arm always may. */
static void stick_weights(int64_t *weight, const struct balance *balance, const struct allocation_history *history,
                          int64_t limit) {
  int64_t least = INT64_MAX;
  for (int a = 0; a < balance->arms; a++) {
    int64_t turn = history->count[a] * balance->weight[a];
    if (turn < least) least = turn;
  }
  for (int a = 0; a < balance->arms; a++) {
    int64_t turn = history->count[a] * balance->weight[a];
    bool may = turn == least || turn + balance->weight[a] - least <= limit * balance->multiple;
    weight[a] = may ? balance->ratio[a] : 0;
  }
}

/* The arms with the least score share the chance preferred / preferred_of in the ratio, the others the rest. */
static void minimisation_weights(int64_t *weight, const struct allocation_rules *rules, const struct balance *balance,
                                 struct allocation_history *history, const struct allocation_person *person) {
  int64_t score[ALLOCATION_ARMS_MAX], least = INT64_MAX, best = 0, others = 0;
  for (int a = 0; a < balance->arms; a++) {
    balance_add(history, rules, person, a, 1);
    score[a] = allocation_score(rules, history);
    balance_add(history, rules, person, a, -1);
    if (score[a] < least) least = score[a];
  }
  for (int a = 0; a < balance->arms; a++) *(score[a] == least ? &best : &others) += balance->ratio[a];
  for (int a = 0; a < balance->arms; a++) {
    weight[a] = balance->ratio[a];
    if (others)
      weight[a] *= score[a] == least ? rules->preferred * others : (rules->preferred_of - rules->preferred) * best;
  }
}

static void weigh(int64_t *weight, enum allocation_method method, const struct allocation_rules *rules,
                  const struct balance *balance, struct allocation_history *running,
                  const struct allocation_person *person) {
  if (method == ALLOCATION_SIMPLE)
    simple_weights(weight, balance);
  else if (method == ALLOCATION_MINIMISATION)
    minimisation_weights(weight, rules, balance, running, person);
  else
    stick_weights(weight, balance, running, rules->limit);
}

/* The methods that go one by one, big stick for small waves included. */
static void one_by_one(struct allocation_drawn *out, const struct allocation_drawing *drawing, struct allocation_stream *stream) {
  const struct allocation_rules *rules = drawing->rules;
  const struct allocation_roster *roster = drawing->roster;
  struct balance balance = balance_of(rules);
  struct allocation_history running = *drawing->history;
  for (int i = 0; i < roster->count; i++) {
    int64_t weight[ALLOCATION_ARMS_MAX];
    weigh(weight, rules->method, rules, &balance, &running, &roster->person[i]);
    out->guess[i] = out->guess_of[i] = 0;
    for (int a = 0; a < balance.arms; a++) {
      out->guess_of[i] += weight[a];
      if (weight[a] > out->guess[i]) out->guess[i] = weight[a];
    }
    out->arm[i] = (uint8_t)pick(stream, weight, balance.arms);
    balance_add(&running, rules, &roster->person[i], out->arm[i], 1);
  }
}

/* ---- permuted blocks ---- */

struct stratum {
  int first; /* somebody of it */
  int count[ALLOCATION_ARMS_MAX];
  uint8_t block[ALLOCATION_BLOCK_MAX];
  int size, used;
};

static bool same_stratum(const struct allocation_rules *rules, const struct allocation_person *a,
                         const struct allocation_person *b) {
  for (int s = 0; s < rules->strata; s++)
    if (a->x[rules->stratum[s] - 1] != b->x[rules->stratum[s] - 1]) return false;
  return true;
}

static void new_block(struct stratum *stratum, const struct allocation_rules *rules, struct allocation_stream *stream) {
  stratum->size = rules->block[allocation_below(stream, (uint64_t)rules->blocks)];
  stratum->used = 0;
  int each = stratum->size / allocation_ratio_sum(rules), at = 0;
  for (int a = 0; a < rules->arms; a++)
    for (int i = 0; i < each * rules->ratio[a]; i++) stratum->block[at++] = (uint8_t)a;
  allocation_shuffle(stream, stratum->block, stratum->size);
}

/* Somebody names the arm that is most behind in the stratum; among several, one of them in the ratio. */
static void guess_behind(struct allocation_drawn *out, int i, const struct stratum *stratum,
                         const struct balance *balance) {
  int64_t least = INT64_MAX;
  for (int a = 0; a < balance->arms; a++)
    if (stratum->count[a] * balance->weight[a] < least) least = stratum->count[a] * balance->weight[a];
  out->guess[i] = out->guess_of[i] = 0;
  for (int a = 0; a < balance->arms; a++)
    if (stratum->count[a] * balance->weight[a] == least) {
      out->guess_of[i] += balance->ratio[a];
      if (a == out->arm[i]) out->guess[i] = balance->ratio[a];
    }
}

static size_t blocks_memory(int count) {
  return (size_t)count * sizeof(struct stratum) + _Alignof(struct stratum);
}

/* Blocks begin anew in each wave. */
static void draw_blocks(struct allocation_drawn *out, const struct allocation_rules *rules,
                        const struct allocation_roster *roster, struct allocation_stream *stream,
                        struct stratum *strata) {
  struct balance balance = balance_of(rules);
  int known = 0;
  for (int i = 0; i < roster->count; i++) {
    int s = 0;
    while (s < known && !same_stratum(rules, &roster->person[strata[s].first], &roster->person[i])) s++;
    if (s == known) strata[known++] = (struct stratum){.first = i};
    if (strata[s].used == strata[s].size) new_block(&strata[s], rules, stream);
    out->arm[i] = strata[s].block[strata[s].used++];
    guess_behind(out, i, &strata[s], &balance);
    strata[s].count[out->arm[i]]++;
  }
}

/* ---- any method ---- */

static bool is_constrained(const struct allocation_rules *rules, int count) {
  return rules->method == ALLOCATION_CONSTRAINED && count >= ALLOCATION_SMALL;
}

size_t allocation_draw_memory(const struct allocation_rules *rules, int count) {
  if (rules->method == ALLOCATION_BLOCKS) return blocks_memory(count);
  return is_constrained(rules, count) ? constrained_memory(rules, count) : 0;
}

enum allocation_status allocation_draw(struct allocation_drawn *out, const struct allocation_drawing *drawing,
                                       struct allocation_error *error) {
  const struct allocation_rules *rules = drawing->rules;
  const struct allocation_roster *roster = drawing->roster;
  struct allocation_stream stream;
  enum allocation_status status = allocation_roster_check(rules, roster, error);
  if (status) return status;
  if (drawing->history->people + roster->count > ALLOCATION_PEOPLE_MAX)
    return allocation_fail(error, ALLOCATION_RANGE, "roster", "a study allocates at most %d people",
                           ALLOCATION_PEOPLE_MAX);
  if (drawing->bytes < allocation_draw_memory(rules, roster->count))
    return allocation_fail(error, ALLOCATION_FULL, "memory", "too little memory was handed in");
  *out = (struct allocation_drawn){.constrained = is_constrained(rules, roster->count)};
  allocation_stream_init(&stream, drawing->seed);
  if (out->constrained) return constrained_draw(out, drawing, &stream, error);
  if (rules->method == ALLOCATION_BLOCKS) {
    uintptr_t align = _Alignof(struct stratum), at = ((uintptr_t)drawing->memory + align - 1) / align * align;
    draw_blocks(out, rules, roster, &stream, (struct stratum *)at);
  } else {
    one_by_one(out, drawing, &stream);
  }
  return ALLOCATION_OK;
}

void allocation_drawn_text(char out[ALLOCATION_DRAWN_TEXT], const struct allocation_drawn *drawn, bool exchanged) {
  static const char *const pairs[] = {"not asked", "held", "unmet"};
  const char *end = exchanged ? "; exchanged" : "";
  if (drawn->constrained)
    snprintf(out, ALLOCATION_DRAWN_TEXT, "%d candidates%s; %d kept; pairs %s%s", drawn->candidates,
             drawn->sampled ? " sampled" : "", drawn->kept, pairs[drawn->pairs], end);
  else
    snprintf(out, ALLOCATION_DRAWN_TEXT, "one by one%s", end);
}

void allocation_exchange(const struct allocation_rules *rules, uint8_t *arm, int count) {
  for (int i = 0; i < count; i++) arm[i] = (uint8_t)(rules->arms - 1 - arm[i]);
}
