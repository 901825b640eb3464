/* Times stats_model_fit() on simulated data, without reading:
 *
 *     build/bench/fit nested THERAPISTS PATIENTS SESSIONS REPEATS [satterthwaite|kenward-roger|none]
 *     build/bench/fit crossed A B ROWS_PER_A REPEATS [...]           -- each row of an A has a B at random
 *     build/bench/fit SHAPE ... 0 FILE                                -- writes the same data as CSV and fits nothing
 *
 * One line of JSON: rows, processor seconds of each repeat, criterion, gradient, resident memory. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "attune/stats_math.h"
#include "attune/stats_model.h"
#include "base/arena.h"

struct trial {
  size_t rows;
  double *y, *arm, *time;
  int32_t *patient, *therapist;
  const char **patient_name, **therapist_name;
  size_t patients, therapists;
  struct stats_column column[5];
};

static uint64_t state = 20261123;

static double uniform(void) { /* splitmix64 (Steele, Lea & Flood 2014) */
  uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return ((double)((z ^ z >> 31) >> 11) + 0.5) * 0x1p-53;
}
static double normal(void) {
  return stats_normal_quantile(uniform());
}

static void *need(size_t count, size_t size) {
  void *bytes = calloc(count, size);
  if (!bytes) exit(1);
  return bytes;
}

static const char **names(size_t count, char letter) {
  const char **name = need(count, sizeof *name);
  char *text = need(count, 24);
  for (size_t i = 0; i < count; i++, text += 24) {
    snprintf(text, 24, "%c%07zu", letter, i + 1);
    name[i] = text;
  }
  return name;
}

static void simulate(struct trial *t, size_t therapists, size_t patients, size_t sessions) {
  size_t rows = t->rows = therapists * patients * sessions, at = 0;
  t->patients = therapists * patients;
  t->therapists = therapists;
  t->y = need(rows, sizeof *t->y);
  t->arm = need(rows, sizeof *t->arm);
  t->time = need(rows, sizeof *t->time);
  t->patient = need(rows, sizeof *t->patient);
  t->therapist = need(rows, sizeof *t->therapist);
  for (size_t k = 0; k < therapists; k++) {
    double v0 = 3.2 * normal();
    for (size_t j = 0; j < patients; j++) {
      double u0 = 9 * normal(), u1 = 0.7 * normal();
      for (size_t i = 0; i < sessions; i++, at++) {
        t->arm[at] = (double)(k % 2);
        t->time[at] = (double)i;
        t->patient[at] = (int32_t)(k * patients + j);
        t->therapist[at] = (int32_t)k;
        t->y[at] = 75 + v0 + u0 + (u1 - 0.9 - 0.3 * t->arm[at]) * t->time[at] + 7.4 * normal();
      }
    }
  }
  t->patient_name = names(t->patients, 'P');
  t->therapist_name = names(therapists, 'T');
  t->column[0] = (struct stats_column){"y", t->y, NULL, NULL, 0};
  t->column[1] = (struct stats_column){"arm", t->arm, NULL, NULL, 0};
  t->column[2] = (struct stats_column){"time", t->time, NULL, NULL, 0};
  t->column[3] = (struct stats_column){"patient", NULL, t->patient, t->patient_name, t->patients};
  t->column[4] = (struct stats_column){"therapist", NULL, t->therapist, t->therapist_name, therapists};
}

static void cross(struct trial *t, size_t a, size_t b, size_t each) {
  double *effect = need(b, sizeof *effect);
  simulate(t, a, 1, each); /* "therapist" becomes the other factor */
  for (size_t i = 0; i < b; i++) effect[i] = 3 * normal();
  for (size_t i = 0; i < t->rows; i++) {
    t->therapist[i] = (int32_t)(uniform() * (double)b);
    t->arm[i] = (double)(i % 2);
    t->y[i] += effect[t->therapist[i]];
  }
  t->therapists = b;
  t->column[4] = (struct stats_column){"therapist", NULL, t->therapist, names(b, 'T'), b};
}

static int write_csv(const struct trial *t, const char *path) {
  FILE *to = fopen(path, "w");
  if (!to) return 1;
  fprintf(to, "y,arm,time,patient,therapist\n");
  for (size_t i = 0; i < t->rows; i++)
    fprintf(to, "%.17g,%g,%g,%s,%s\n", t->y[i], t->arm[i], t->time[i], t->patient_name[t->patient[i]],
            t->therapist_name[t->therapist[i]]);
  return fclose(to) != 0;
}

static void *take(void *arena, size_t bytes) {
  return arena_alloc(arena, bytes);
}

static double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now); /* the machine may be shared; one thread */
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static long resident_kb(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

int main(int argc, char **argv) {
  bool crossed = argc > 1 && !strcmp(argv[1], "crossed");
  const char *formula = crossed ? "y ~ arm*time + (1 | patient) + (1 | therapist)"
                                : "y ~ arm*time + (1 + time | patient) + (1 | therapist)";
  struct stats_model_options options = {.df = STATS_DF_NONE};
  struct trial trial;
  size_t size[4] = {0};
  if (argc < 6) return fprintf(stderr, "usage: fit nested|crossed A B C REPEATS [DF | FILE]\n"), 2;
  for (int i = 0; i < 4; i++) size[i] = strtoul(argv[2 + i], NULL, 10);
  if (crossed)
    cross(&trial, size[0], size[1], size[2]);
  else
    simulate(&trial, size[0], size[1], size[2]);
  if (size[3] == 0) return argc > 6 ? write_csv(&trial, argv[6]) : 2;
  if (argc > 6 && !strcmp(argv[6], "satterthwaite")) options.df = STATS_DF_SATTERTHWAITE;
  if (argc > 6 && !strcmp(argv[6], "kenward-roger")) options.df = STATS_DF_KENWARD_ROGER;
  struct stats_table table = {trial.rows, 5, trial.column};
  struct stats_model *model = NULL;
  struct stats_error error;
  long before = resident_kb();
  printf("{\"rows\": %zu, \"seconds\": [", trial.rows);
  for (size_t r = 0; r < size[3]; r++) {
    struct arena arena;
    arena_init(&arena, (size_t)16 << 30);
    struct stats_memory memory = {take, &arena};
    double start = seconds_now();
    if (stats_model_fit(formula, &table, &options, &memory, &model, &error))
      return fprintf(stderr, "%s\n", error.text), 1;
    printf("%s%.6f", r ? ", " : "", seconds_now() - start);
    if (r + 1 == size[3])
      printf("], \"criterion\": %.12g, \"gradient\": %.2g, \"evaluations\": %zu, \"data_kb\": %ld, \"fit_kb\": %ld}\n",
             model->criterion, model->gradient, model->evaluations, before, resident_kb() - before);
    arena_free(&arena);
  }
  return 0;
}
