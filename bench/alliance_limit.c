/* Could any detector do without a shortfall? For each length of course, in hindsight with nothing missing: the least
 * that every detector whatever falls behind those that know course and depth, in its worst cell
 * (operating_limit()). The weights were found by a search over all 44 cells; the bound holds for any weights,
 * so they need not be believed.
 *
 *     build/bench/alliance_limit [TRIALS [ROUNDS]]        a table in Markdown (tools/operating_characteristics.sh runs
 * it) */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "attune/operating.h"

enum { CELLS_MAX = 10 };

static const struct {
  int sessions;
  struct {
    double weight, depth;
    int length;
    enum alliance_course course;
  } cell[CELLS_MAX];
} rows[] = {
    {4,
     {{0.520, 3, 0, ALLIANCE_SLOW_FALL},
      {0.211, 3, 1, ALLIANCE_SUDDEN},
      {0.151, 3, 2, ALLIANCE_SLOW_RETURN},
      {0.061, 2, 0, ALLIANCE_SUDDEN},
      {0.046, 2, 0, ALLIANCE_SLOW_FALL},
      {0.004, 4, 0, ALLIANCE_SLOW_FALL},
      {0.003, 2, 2, ALLIANCE_SUDDEN},
      {0.002, 4, 1, ALLIANCE_SUDDEN},
      {0.001, 3, 2, ALLIANCE_PARTLY},
      {0.001, 2, 2, ALLIANCE_PARTLY}}},
    {6,
     {{0.507, 2, 0, ALLIANCE_SLOW_FALL},
      {0.278, 3, 1, ALLIANCE_SUDDEN},
      {0.082, 3, 2, ALLIANCE_SLOW_RETURN},
      {0.064, 2, 2, ALLIANCE_SUDDEN},
      {0.046, 2, 0, ALLIANCE_SUDDEN},
      {0.014, 3, 2, ALLIANCE_SLOW_FALL},
      {0.006, 3, 2, ALLIANCE_PARTLY},
      {0.002, 2, 3, ALLIANCE_SUDDEN},
      {0.001, 3, 0, ALLIANCE_SLOW_FALL}}},
    {8,
     {{0.481, 2, 0, ALLIANCE_SLOW_FALL},
      {0.265, 3, 1, ALLIANCE_SUDDEN},
      {0.081, 3, 2, ALLIANCE_SLOW_RETURN},
      {0.071, 2, 2, ALLIANCE_SUDDEN},
      {0.044, 2, 0, ALLIANCE_SUDDEN},
      {0.026, 2, 3, ALLIANCE_SUDDEN},
      {0.024, 3, 2, ALLIANCE_SLOW_FALL},
      {0.008, 3, 2, ALLIANCE_PARTLY}}},
    {12,
     {{0.337, 2, 0, ALLIANCE_SLOW_FALL},
      {0.233, 3, 1, ALLIANCE_SUDDEN},
      {0.146, 2, 0, ALLIANCE_SUDDEN},
      {0.103, 3, 2, ALLIANCE_SLOW_RETURN},
      {0.065, 2, 3, ALLIANCE_SUDDEN},
      {0.064, 3, 2, ALLIANCE_SLOW_FALL},
      {0.045, 2, 2, ALLIANCE_SUDDEN},
      {0.004, 1, 0, ALLIANCE_SLOW_FALL},
      {0.003, 4, 1, ALLIANCE_SUDDEN}}},
    {20,
     {{0.383, 2, 0, ALLIANCE_SLOW_FALL},
      {0.149, 4, 1, ALLIANCE_SUDDEN},
      {0.114, 3, 2, ALLIANCE_SLOW_RETURN},
      {0.101, 2, 3, ALLIANCE_SUDDEN},
      {0.098, 3, 2, ALLIANCE_SLOW_FALL},
      {0.076, 3, 1, ALLIANCE_SUDDEN},
      {0.069, 2, 0, ALLIANCE_SUDDEN},
      {0.009, 2, 2, ALLIANCE_SUDDEN},
      {0.001, 3, 2, ALLIANCE_PARTLY}}},
    {30,
     {{0.318, 2, 0, ALLIANCE_SLOW_FALL},
      {0.229, 4, 1, ALLIANCE_SUDDEN},
      {0.120, 2, 3, ALLIANCE_SUDDEN},
      {0.116, 3, 2, ALLIANCE_SLOW_RETURN},
      {0.107, 2, 0, ALLIANCE_SUDDEN},
      {0.098, 3, 2, ALLIANCE_SLOW_FALL},
      {0.005, 3, 1, ALLIANCE_SUDDEN},
      {0.004, 2, 2, ALLIANCE_SUDDEN},
      {0.003, 3, 2, ALLIANCE_PARTLY}}},
};

/* Mean and standard error over rounds of fresh patients. */
static void limit_row(int row, int trials, int rounds) {
  struct operating_cell cells[CELLS_MAX] = {{0}};
  double weights[CELLS_MAX], sum = 0, square = 0;
  for (int c = 0; c < CELLS_MAX; c++) {
    weights[c] = rows[row].cell[c].weight;
    cells[c] = (struct operating_cell){.depth = weights[c] > 0 ? rows[row].cell[c].depth : 1,
                                      .length = rows[row].cell[c].length,
                                      .course = rows[row].cell[c].course};
  }
  for (int round = 0; round < rounds; round++) {
    struct operating spec = {.sessions = rows[row].sessions,
                                      .false_alarm = 0.05,
                                      .view = ALLIANCE_HINDSIGHT,
                                      .trials = trials,
                                      .seed = 20261128 + (uint64_t)round};
    size_t bytes = operating_memory(&spec);
    void *memory = malloc(bytes);
    double least;
    if (!memory || operating_limit(&least, &spec, cells, weights, CELLS_MAX, memory, bytes)) exit(1);
    free(memory);
    sum += least;
    square += least * least;
  }
  double mean = sum / rounds, error = sqrt((square - sum * mean) / (rounds - 1) / rounds);
  printf("| %d | %.4f | %.4f | %s |\n", rows[row].sessions, mean, error,
         mean - 3 * error > 0.06   ? "no detector"
         : mean + 3 * error < 0.06 ? "not excluded"
                                   : "undecided");
}

int main(int argc, char **argv) {
  int trials = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 100000,
      rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 60;
  if (trials < 100 || rounds < 2) return 2;
  printf(
      "# How far any detector must fall behind\n\nIn hindsight, nothing missing: the least that every detector "
      "whatever "
      "lacks, in its worst cell, beside the detector that knows that cell's course and depth, at 0.05 false alarms. "
      "By Neyman and Pearson's lemma (`attune/alliance.h`, operating_limit); %d patients with and without a "
      "tension in each of %d rounds. Can every cell be within 0.06?\n\n"
      "| sessions | at least | standard error | within 0.06 in every cell |\n|--:|--:|--:|:--|\n",
      trials, rounds);
  for (int row = 0; row < (int)(sizeof rows / sizeof *rows); row++) limit_row(row, trials, rounds);
  return ferror(stdout);
}
