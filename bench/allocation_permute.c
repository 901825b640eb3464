/* The level of the permutation test over a redraw: build/bench/allocation_permute [COUNT [SEED]] makes one roster of 40
 * therapists in waves of 12, 12, 12 and 4, redraws it COUNT times (4000), and tests COUNT null outcomes that a
 * prognostic covariate drives: the i-th takes the i-th draw as the actual allocation and the 999 draws after it as
 * reference, by the test that `attune fit --permute` does. Prints one line of JSON and exits 1 when the share rejected
 * at .05 is not within .040 to .060, or when references by plain shuffles, which ignore the constraint, do as well:
 * those must reject too rarely, or the bench could not tell. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attune/stats.h"
#include "base/arena.h"
#include "base/crypto.h"
#include "cli/allocation.h"

#define PEOPLE 40
#define WAVES 4
#define REFERENCES 999
#define THREADS 2

static const int sizes[WAVES] = {12, 12, 12, 4};
static struct allocation_rules rules;
static struct allocation_roster wave[WAVES];
static double prognosis[PEOPLE];

struct job {
  int count, first;
  uint64_t seed;
  const uint8_t *draws, *shuffles; /* [count * PEOPLE] */
  int rejected, rejected_shuffled;
};

static void *take(void *state, size_t bytes) {
  return arena_alloc(state, bytes);
}
static void drop(void *state) {
  arena_reset(state);
}

static void make_rosters(void) {
  struct allocation_stream stream;
  struct allocation_error said;
  uint8_t seed[32] = {1};
  size_t covariates = 0;
  while (made_up_therapists[covariates].name) covariates++;
  rules = allocation_rules_default();
  rules.columns = made_up_columns(made_up_therapists, covariates);
  allocation_stream_init(&stream, seed);
  for (int k = 0, n = 0; k < WAVES; k++) {
    wave[k].wave = k + 1;
    wave[k].count = sizes[k];
    for (int i = 0; i < sizes[k]; i++, n++) {
      if (made_up_person(&wave[k].person[i], made_up_therapists, covariates, &stream, &said)) die("%s", said.text);
      prognosis[n] = (wave[k].person[i].x[0] + wave[k].person[i].x[6]) / 50.0; /* site and gender */
    }
  }
}

static void redraw(uint8_t *draws, int count, uint64_t seed) {
  const struct allocation_roster *const rosters[WAVES] = {&wave[0], &wave[1], &wave[2], &wave[3]};
  struct allocation_error said;
  struct allocation_redrawing again = {
      .rules = &rules, .rosters = rosters, .waves = WAVES, .seed = seed, .bytes = allocation_draw_memory(&rules, 12)};
  again.memory = malloc(again.bytes);
  for (int d = 0; d < count; d++) {
    again.draw = (uint64_t)d + 1;
    if (allocation_redraw(draws + d * PEOPLE, &again, &said)) die("%s", said.text);
  }
  free(again.memory);
}

static void shuffle(uint8_t *shuffles, int count) {
  struct allocation_stream stream;
  uint8_t seed[32] = {2};
  allocation_stream_init(&stream, seed);
  for (int d = 0; d < count; d++) {
    for (int i = 0; i < PEOPLE; i++) shuffles[d * PEOPLE + i] = (uint8_t)(i % 2);
    allocation_shuffle(&stream, shuffles + d * PEOPLE, PEOPLE);
  }
}

/* p of the test with this allocation first and those from `reference` on after it. */
static double p_of(const double *y, const uint8_t *actual, const uint8_t *reference, int count, int from,
                   struct arena *arena, struct arena *scratch) {
  static const char *const names[PEOPLE] = {"0",  "1",  "2",  "3",  "4",  "5",  "6",  "7",  "8",  "9",
                                            "10", "11", "12", "13", "14", "15", "16", "17", "18", "19",
                                            "20", "21", "22", "23", "24", "25", "26", "27", "28", "29",
                                            "30", "31", "32", "33", "34", "35", "36", "37", "38", "39"};
  double arm[PEOPLE], unit[PEOPLE];
  for (int i = 0; i < PEOPLE; i++) arm[i] = actual[i], unit[i] = i;
  const struct stats_column column[] = {
      {.name = "y", .number = y}, {.name = "arm", .number = arm}, {.name = "therapist", .number = unit}};
  const struct stats_table table = {PEOPLE, 3, column};
  double *all = arena_array(arena, (REFERENCES + 1) * PEOPLE, sizeof *all);
  for (int r = 0; r <= REFERENCES; r++)
    for (int i = 0; i < PEOPLE; i++) all[r * PEOPLE + i] = r ? reference[(from + r) % count * PEOPLE + i] : actual[i];
  const struct stats_permutation_input input = {.formula = "y ~ arm",
                                                .table = &table,
                                                .arm = "arm",
                                                .unit = "therapist",
                                                .coefficient = "arm",
                                                .unit_name = names,
                                                .units = PEOPLE,
                                                .allocation = all,
                                                .allocations = REFERENCES + 1};
  const struct stats_model_options options = {.df = STATS_DF_NONE};
  const struct stats_memory memory = {take, arena};
  const struct stats_scratch temporary = {{take, scratch}, drop};
  struct stats_permutation result;
  struct stats_error said;
  if (stats_permutation_test(&input, &options, &memory, &temporary, &result, &said)) die("%s", said.text);
  arena_reset(arena);
  return result.p;
}

static void *run(void *state) {
  struct job *job = state;
  struct arena arena, scratch;
  double y[PEOPLE];
  arena_init(&arena, 0);
  arena_init(&scratch, 0);
  for (int i = job->first; i < job->count; i += THREADS) {
    struct stats_stream stream;
    stats_stream_init(&stream, job->seed, 1, (uint32_t)i, 0);
    for (int t = 0; t < PEOPLE; t++) y[t] = prognosis[t] + stats_random_normal(&stream);
    const uint8_t *actual = job->draws + i * PEOPLE;
    job->rejected += p_of(y, actual, job->draws, job->count, i, &arena, &scratch) <= 0.05;
    job->rejected_shuffled += p_of(y, actual, job->shuffles, job->count, i, &arena, &scratch) <= 0.05;
  }
  arena_free(&arena);
  arena_free(&scratch);
  return NULL;
}

int main(int argc, char **argv) {
  int count = argc > 1 ? atoi(argv[1]) : 4000;
  uint64_t seed = argc > 2 ? (uint64_t)atoi(argv[2]) : 1;
  if (count <= REFERENCES) die("at least %d draws are wanted", REFERENCES + 1);
  uint8_t *draws = malloc((size_t)count * PEOPLE), *shuffles = malloc((size_t)count * PEOPLE);
  pthread_t thread[THREADS];
  struct job job[THREADS];
  crypto_start();
  make_rosters();
  redraw(draws, count, seed);
  shuffle(shuffles, count);
  for (int t = 0; t < THREADS; t++) {
    job[t] = (struct job){.count = count, .first = t, .seed = seed, .draws = draws, .shuffles = shuffles};
    pthread_create(&thread[t], NULL, run, &job[t]);
  }
  int rejected = 0, shuffled = 0;
  for (int t = 0; t < THREADS; t++) {
    pthread_join(thread[t], NULL);
    rejected += job[t].rejected;
    shuffled += job[t].rejected_shuffled;
  }
  double share = (double)rejected / count, plain = (double)shuffled / count;
  printf("{\"outcomes\": %d, \"rejected\": %.4f, \"rejected_by_shuffles\": %.4f}\n", count, share, plain);
  free(draws);
  free(shuffles);
  return share >= 0.040 && share <= 0.060 && plain < 0.040 ? 0 : 1;
}
