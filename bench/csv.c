/* csv: how fast the CSV reader turns a data file into columns, on one core.
 *
 *     build/bench/csv [MEGABYTES]       (default 256)
 *
 * Two files in memory, as fit reads them: a trial (ids, arm, session, rating with two decimals), and full-precision
 * doubles of 17 digits. Prints MB/s of processor time (one core; another
 * program on the machine does not count): minimum, median, maximum of seven runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attune/stats_random.h"
#include "base/csv.h"

#define RUNS 7

static char *make_trial(size_t bytes, size_t *length) {
  struct stats_stream stream;
  stats_stream_init(&stream, 1, 0, 0, 0);
  char *text = malloc(bytes + 200), *at = text + snprintf(text, 100, "therapist,patient,arm,session,alliance\n");
  for (long row = 0; (size_t)(at - text) < bytes; row++) {
    long patient = row / 20;
    at += snprintf(at, 100, "T%ld,%ld,%s,%ld,%.2f\n", patient / 20, patient, patient / 20 % 2 ? "programme" : "control",
                   row % 20, 50 + 10 * stats_random_normal(&stream));
  }
  *length = (size_t)(at - text);
  return text;
}

static char *make_doubles(size_t bytes, size_t *length) {
  struct stats_stream stream;
  stats_stream_init(&stream, 2, 0, 0, 0);
  char *text = malloc(bytes + 200), *at = text + snprintf(text, 100, "a,b,c\n");
  while ((size_t)(at - text) < bytes)
    at += snprintf(at, 100, "%.17g,%.17g,%.17g\n", stats_random_normal(&stream), 1e6 * stats_random_uniform(&stream),
                   1e-5 * stats_random_normal(&stream));
  *length = (size_t)(at - text);
  return text;
}

static double processor_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double run(const char *text, size_t length) {
  struct arena arena;
  struct error error;
  struct csv *csv;
  struct csv_chunk chunk;
  arena_init(&arena, 0);
  double start = processor_seconds();
  if (csv_open_memory(&csv, &arena, text, length, "bench", &error)) return 0;
  for (size_t i = 0; i < csv_columns(csv); i++)
    csv_want(csv, (int)i, i == 1 && csv_columns(csv) == 5 ? CSV_LEVELS : CSV_AUTO);
  double sum = 0;
  while (!csv_next_chunk(csv, &chunk, &error) && chunk.rows) sum += (double)chunk.rows;
  csv_close(csv);
  arena_free(&arena);
  return sum > 0 ? (double)length / 1e6 / (processor_seconds() - start) : 0;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void report(const char *name, char *text, size_t length) {
  double speed[RUNS];
  for (int i = 0; i < RUNS; i++) speed[i] = run(text, length);
  qsort(speed, RUNS, sizeof *speed, ascending);
  printf("%-28s %4zu MB   MB/s: minimum %.0f, median %.0f, maximum %.0f\n", name, length / 1000000, speed[0],
         speed[RUNS / 2], speed[RUNS - 1]);
  free(text);
}

int main(int argc, char **argv) {
  size_t bytes = (size_t)(argc > 1 ? strtoul(argv[1], NULL, 10) : 256) * 1000000, length;
  char *text = make_trial(bytes, &length);
  report("trial (ids, arm, ratings)", text, length);
  text = make_doubles(bytes, &length);
  report("doubles of 17 digits", text, length);
  return 0;
}
