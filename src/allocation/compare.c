/* Guessing and balance by simulation. */
#include <sodium.h>
#include <string.h>

#include "allocation/balance.h"
#include "allocation/text.h"

struct trial_space {
  struct allocation_roster roster;
  struct allocation_drawn drawn;
  struct allocation_history history;
  uint8_t order[ALLOCATION_WAVE_MAX];
  int met; /* of those in order */
};

static int largest_wave(const struct allocation_comparison *c) {
  int most = 0;
  for (int k = 0; k < c->waves; k++)
    if (c->wave[k] > most) most = c->wave[k];
  return c->rules.method == ALLOCATION_CONSTRAINED ? most : c->count;
}

size_t allocation_compare_memory(const struct allocation_comparison *c) {
  size_t most = 0;
  for (int n = 1; n <= largest_wave(c); n++) {
    size_t bytes = allocation_draw_memory(&c->rules, n);
    if (bytes > most) most = bytes;
  }
  return most + sizeof(struct trial_space) + _Alignof(struct trial_space);
}

/* Of the trial's number, and of what it is for: the order of the people, or a wave. */
static void seed_of(uint8_t out[ALLOCATION_HASH], uint64_t seed, uint64_t trial, uint64_t what) {
  uint8_t bytes[24];
  for (int i = 0; i < 8; i++) {
    bytes[i] = (uint8_t)(seed >> 8 * i);
    bytes[8 + i] = (uint8_t)(trial >> 8 * i);
    bytes[16 + i] = (uint8_t)(what >> 8 * i);
  }
  crypto_hash_sha256(out, bytes, sizeof bytes);
}

static void measure(struct allocation_compared *out, const struct allocation_rules *rules,
                    const struct allocation_history *history) {
  struct balance balance = balance_of(rules);
  double sum = 0, worst = 0;
  for (int k = 0; k < balance.columns; k++) {
    double total = 0, most = 0;
    for (int a = 0; a < balance.arms; a++) total += (double)history->sum[a][k];
    for (int a = 0; a < balance.arms; a++) {
      double off = (double)history->sum[a][k] / (double)balance.ratio[a] - total / (double)balance.ratio_sum;
      off = off < 0 ? -off : off;
      if (off > most) most = off;
      if (!k && off * (double)balance.ratio[a] / ALLOCATION_UNIT > out->sizes)
        out->sizes = off * (double)balance.ratio[a] / ALLOCATION_UNIT;
    }
    /* Twice the largest distance of an arm's mean from all: with two equal arms, the difference between them. */
    double difference = 2 * most * (double)balance.ratio_sum / ((double)history->people * ALLOCATION_UNIT);
    sum += difference;
    if (difference > worst) worst = difference;
  }
  out->imbalance = sum / balance.columns;
  out->worst = worst;
}

/* Draws the next wave of the trial, in `bytes` after its space: those who come next in the trial's order. */
static enum allocation_status compare_wave(struct allocation_compared *out, struct trial_space *s, size_t bytes,
                                           const struct allocation_comparison *c, uint64_t trial,
                                           struct allocation_error *error) {
  uint8_t seed[ALLOCATION_HASH];
  const struct allocation_drawing drawing = {
      .rules = &c->rules, .history = &s->history, .roster = &s->roster, .seed = seed, .memory = s + 1, .bytes = bytes};
  if (s->met + s->roster.count > c->count)
    return allocation_fail(error, ALLOCATION_RANGE, "waves", "the waves hold more than %d people", c->count);
  for (int i = 0; i < s->roster.count; i++) s->roster.person[i] = c->people[s->order[s->met + i]];
  seed_of(seed, c->seed, trial, (uint64_t)s->roster.wave);
  enum allocation_status status = allocation_draw(&s->drawn, &drawing, error);
  if (status) return status;
  for (int i = 0; i < s->roster.count; i++) out->guessed += (double)s->drawn.guess[i] / (double)s->drawn.guess_of[i];
  allocation_history_add(&s->history, &c->rules, &s->roster, s->drawn.arm);
  s->met += s->roster.count;
  return ALLOCATION_OK;
}

static void order_people(struct trial_space *s, const struct allocation_comparison *c, uint64_t trial) {
  struct allocation_stream stream;
  uint8_t seed[ALLOCATION_HASH];
  seed_of(seed, c->seed, trial, 0);
  allocation_stream_init(&stream, seed);
  for (int i = 0; i < c->count; i++) s->order[i] = (uint8_t)i;
  allocation_shuffle(&stream, s->order, c->count);
}

enum allocation_status allocation_compare(struct allocation_compared *out, const struct allocation_comparison *c,
                                          uint64_t trial, void *memory, size_t bytes, struct allocation_error *error) {
  if (c->count < 1 || c->count > ALLOCATION_WAVE_MAX || bytes < allocation_compare_memory(c))
    return allocation_fail(error, ALLOCATION_RANGE, "therapists", "1 to %d people, with their memory, can be compared",
                           ALLOCATION_WAVE_MAX);
  uintptr_t align = _Alignof(struct trial_space), at = ((uintptr_t)memory + align - 1) / align * align;
  struct trial_space *s = (struct trial_space *)at;
  size_t left = bytes - (size_t)((uint8_t *)(s + 1) - (uint8_t *)memory);
  bool waves = c->rules.method == ALLOCATION_CONSTRAINED;
  s->history = (struct allocation_history){0};
  s->met = 0;
  order_people(s, c, trial);
  *out = (struct allocation_compared){0};
  for (int k = 0; k < (waves ? c->waves : 1); k++) {
    s->roster.wave = k + 1;
    s->roster.count = waves ? c->wave[k] : c->count;
    enum allocation_status status = compare_wave(out, s, left, c, trial, error);
    if (status) return status;
  }
  out->guessed /= s->met;
  measure(out, &c->rules, &s->history);
  return ALLOCATION_OK;
}
