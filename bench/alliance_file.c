/* The parts of `attune detect` on a file, for bench/alliance_file.sh.
 *
 *     build/bench/alliance_file make PATIENTS SESSIONS     a file of made-up patients, on standard output
 *     build/bench/alliance_file parse FILE                 the CSV reader alone: patient as text, session and rating as
 *                                                          numbers; prints rows
 *     build/bench/alliance_file patients FILE              the same gathered into whole, checked patients */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

int main(int argc, char **argv) {
  if (argc == 4 && !strcmp(argv[1], "make")) return make(strtol(argv[2], NULL, 10), (int)strtol(argv[3], NULL, 10));
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
