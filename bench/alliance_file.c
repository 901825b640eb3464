/* The parts of `attune detect` on a file, for bench/alliance_file.sh.
 *
 *     build/bench/alliance_file make PATIENTS SESSIONS     a file of made-up patients, on standard output
 *     build/bench/alliance_file parse FILE                 the CSV reader alone: patient as text, session and rating as
 *                                                          numbers; prints rows
 *     build/bench/alliance_file patients FILE              the same gathered into whole, checked patients
 *     build/bench/alliance_file charts FILE SESSIONS       for bench/alliance.sh: processor seconds of the individuals
 *                                                          chart, CUSUM and EWMA together in hindsight, patients at
 *                                                          their customary limits, and the figures that they rest on */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alliance/engine.h"
#include "cli/detect_input.h"

static int make(long patients, int sessions) {
  struct alliance_world w = alliance_world_default();
  struct alliance_session rows[ALLIANCE_SESSIONS_MAX];
  struct alliance_truth truth;
  w.sessions = sessions;
  w.truth.rater[ALLIANCE_THERAPIST].used = w.truth.reports = false;
  puts("patient,session,rating");
  for (long p = 0; p < patients; p++) {
    int held = alliance_simulate_patient(rows, &truth, &w, 1, (uint32_t)(p / 3), (uint32_t)(p % 3));
    for (int t = 0; t < held; t++) printf("P%06ld,%d,%.2f\n", p, t + 1, rows[t].rating[0]);
  }
  return ferror(stdout);
}

static enum err parse(const char *path, size_t *rows, struct arena *arena, struct error *error) {
  struct csv *csv;
  struct csv_chunk chunk;
  enum err err = csv_open_file(&csv, arena, path, error);
  if (err) return err;
  csv_want(csv, csv_column(csv, "patient"), CSV_TEXT);
  csv_want(csv, csv_column(csv, "session"), CSV_NUMBER);
  csv_want(csv, csv_column(csv, "rating"), CSV_NUMBER);
  while (!(err = csv_next_chunk(csv, &chunk, error)) && chunk.rows) *rows += chunk.rows;
  csv_close(csv);
  return err;
}

static enum err gather(const char *path, size_t *rows, struct arena *arena, struct error *error) {
  struct input input;
  struct input_block block = {0};
  enum err err = input_open(&input, arena, path, false, error);
  if (err) return err;
  while (!(err = input_fill(&input, &block, SIZE_MAX, error)) && block.count) *rows += block.rows;
  input_close(&input);
  block_free(&block);
  return err;
}

static double processor_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double *ratings_of(const char *path, size_t *count) {
  struct arena arena;
  struct csv *csv;
  struct csv_chunk chunk;
  struct error error;
  double *all = NULL;
  arena_init(&arena, 0);
  if (csv_open_file(&csv, &arena, path, &error)) return NULL;
  int rating = csv_column(csv, "rating");
  csv_want(csv, rating, CSV_NUMBER);
  while (!csv_next_chunk(csv, &chunk, &error) && chunk.rows) {
    all = realloc(all, (*count + chunk.rows) * sizeof *all);
    if (!all) abort();
    memcpy(all + *count, chunk.numbers[rating], chunk.rows * sizeof *all);
    *count += chunk.rows;
  }
  csv_close(csv);
  arena_free(&arena);
  return all;
}

static int charts(const char *path, int sessions) {
  static const enum alliance_rule rules[] = {ALLIANCE_INDIVIDUALS_CHART, ALLIANCE_CUSUM, ALLIANCE_EWMA};
  struct alliance_world w = alliance_world_default();
  const struct alliance_rater_estimate *r = &w.truth.rater[ALLIANCE_PATIENT];
  double time[ALLIANCE_SESSIONS_MAX], best = 1e300;
  size_t count = 0, bytes = alliance_memory(sessions, 1), patients, alarms[3] = {0};
  double *ratings = ratings_of(path, &count);
  patients = count / (size_t)sessions;
  double *largest = malloc(3 * patients * sizeof *largest);
  void *memory = malloc(bytes);
  if (!ratings || !largest || !memory) return 1;
  for (int t = 0; t < sessions; t++) time[t] = t + 1;
  const struct alliance_pass pass = {rules, 3, ALLIANCE_HINDSIGHT, time, sessions, ratings, patients};
  for (int round = 0; round < 3; round++) {
    double start = processor_seconds();
    if (alliance_largest_scores(largest, &pass, &w.truth, memory, bytes)) return 1;
    double seconds = processor_seconds() - start;
    best = seconds < best ? seconds : best;
  }
  for (size_t k = 0; k < 3; k++)
    for (size_t p = 0; p < patients; p++) alarms[k] += largest[k * patients + p] >= alliance_rules[rules[k]].textbook;
  printf("%.6f %zu %zu %zu %.17g %.17g %.17g\n", best, alarms[0], alarms[1], alarms[2],
         r->level + r->slope * ((1 + sessions) / 2.0 - w.truth.time_origin), r->level_sd, r->residual_sd);
  free(ratings);
  free(largest);
  free(memory);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 4 && !strcmp(argv[1], "make")) return make(strtol(argv[2], NULL, 10), (int)strtol(argv[3], NULL, 10));
  if (argc == 4 && !strcmp(argv[1], "charts")) return charts(argv[2], (int)strtol(argv[3], NULL, 10));
  if (argc != 3) return 2;
  struct arena arena;
  struct error error = {0};
  size_t rows = 0;
  arena_init(&arena, 0);
  enum err err = (!strcmp(argv[1], "parse") ? parse : gather)(argv[2], &rows, &arena, &error);
  arena_free(&arena);
  if (err) return fprintf(stderr, "%s\n", error.text), 1;
  printf("%zu\n", rows);
  return 0;
}
