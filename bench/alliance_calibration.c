/* Are false alarms what was asked for? Samples of 40 therapists x 3 patients, a quarter with tensions, give the
 * estimate and the threshold; fresh patients without tension show the alarms.
 *
 *     build/bench/alliance_calibration [SAMPLES [SESSIONS...]]
 *
 * Prints a Markdown table: sessions, missing share, view, mean and standard deviation of the share alarmed. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "alliance/engine.h"

#define FRESH 2000

static void *memory;
static size_t bytes;

static void draw_sample(struct alliance_series *series, struct alliance_session *rows, const struct alliance_world *w,
                        uint64_t seed) {
  struct alliance_truth truth;
  for (int p = 0; p < 120; p++) {
    struct alliance_session *own = rows + (size_t)p * ALLIANCE_SESSIONS_MAX;
    alliance_simulate_patient(own, &truth, w, seed, (uint32_t)p / 3, (uint32_t)p % 3);
    series[p] = (struct alliance_series){own, w->sessions};
  }
}

/* Missing sessions fall in 16 patterns, shared by threshold and fresh patients. */
static int patterns(struct alliance_design *designs, const struct alliance_world *w) {
  struct alliance_session rows[ALLIANCE_SESSIONS_MAX];
  struct alliance_truth truth;
  int count = w->missing > 0 ? 16 : 1;
  for (int d = 0; d < count; d++) {
    alliance_simulate_patient(rows, &truth, w, 99, 1000, (uint32_t)d);
    struct alliance_series one = {rows, w->sessions};
    designs[d] = alliance_design_of(&one);
  }
  return count;
}

static double alarmed(const struct alliance_estimate *e, const struct alliance_threshold *th,
                      const struct alliance_world *calm, const struct alliance_design *design, uint64_t seed,
                      int count) {
  struct room room = room_in(memory, bytes);
  struct bench *bench = room_take(&room, 1, sizeof *bench);
  struct plan *plan = room_take(&room, 1, sizeof *plan);
  struct alliance_session rows[ALLIANCE_SESSIONS_MAX];
  struct alliance_truth truth;
  double largest[LANES];
  int alarms = 0;
  if (!bench || !plan || !plan_build(plan, &room, e, design, th->view, true)) abort();
  memset(bench, 0, sizeof *bench);
  for (int p = 0; p < count; p += LANES) {
    for (int u = 0; u < LANES; u++) {
      alliance_simulate_patient(rows, &truth, calm, seed, (uint32_t)(p + u), 7);
      for (int t = 0; t < calm->sessions; t++) rows[t].rated[0] = design->rated[0] >> t & 1;
      ratings_set(&bench->ratings, u, e, rows, calm->sessions);
    }
    model_largest(largest, plan, th->view, design_heard(design, e), bench);
    for (int u = 0; u < LANES; u++) alarms += largest[u] >= th->limit;
  }
  return (double)alarms / count;
}

static void one_row(int sessions, double missing, enum alliance_view view, int samples) {
  struct alliance_world w = alliance_world_default(), calm;
  w.truth.rater[1].used = false;
  w.truth.reports = false;
  w.sessions = sessions;
  w.missing = missing;
  calm = w;
  calm.truth.prevalence = calm.missing = calm.therapist_share = 0;
  static struct alliance_design designs[16];
  static struct alliance_series series[120];
  static struct alliance_session rows[120 * ALLIANCE_SESSIONS_MAX];
  int count = patterns(designs, &w);
  double sum = 0, square = 0, sd = 0, sd_square = 0, iterations = 0, prevalence = 0;
  for (int s = 0; s < samples; s++) {
    struct alliance_estimate e;
    struct alliance_threshold th;
    draw_sample(series, rows, &w, (uint64_t)s * 7919 + 17);
    if (alliance_estimate_sample(&e, series, 120, NULL, memory, bytes)) abort();
    if (alliance_threshold_find_among(&th, &e, designs, count, ALLIANCE_MODEL, view, 0.05, 1, 0, memory, bytes))
      abort();
    double share = 0;
    for (int d = 0; d < count; d++)
      share +=
          alarmed(&e, &th, &calm, &designs[d], (uint64_t)s * 31 + (uint64_t)d, FRESH / count / LANES * LANES) / count;
    sum += share;
    square += share * share;
    sd += e.rater[0].residual_sd;
    sd_square += e.rater[0].residual_sd * e.rater[0].residual_sd;
    iterations += e.iterations;
    prevalence += e.prevalence;
  }
  double mean = sum / samples, spread = sqrt((square - samples * mean * mean) / (samples - 1));
  double s_mean = sd / samples, s_spread = sqrt((sd_square - samples * s_mean * s_mean) / (samples - 1));
  printf("| %d | %.0f%% | %s | %.4f | %.4f | %.4f | %.3f | %.3f | %.2f | %.0f |\n", sessions, missing * 100,
         view == ALLIANCE_ONLINE ? "online" : "hindsight", mean, spread / sqrt(samples), spread, s_mean / 0.7,
         s_spread / 0.7, prevalence / samples, iterations / samples);
  fflush(stdout);
}

int main(int argc, char **argv) {
  static const int usual[] = {4, 6, 8, 12, 20, 30};
  int samples = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 100, count = argc > 2 ? argc - 2 : 6;
  bytes = alliance_estimate_memory(120, ALLIANCE_SESSIONS_MAX) + alliance_memory(ALLIANCE_SESSIONS_MAX, 0);
  memory = malloc(bytes);
  if (!memory) return 1;
  puts("| sessions | missing | view | false alarms | standard error | between samples (SD) | s / true s | its SD | "
       "prevalence | iterations |\n|--:|--:|:--|--:|--:|--:|--:|--:|--:|--:|");
  for (int k = 0; k < count; k++)
    for (int m = 0; m < 2; m++)
      for (int v = 0; v < 2; v++)
        one_row(argc > 2 ? (int)strtol(argv[k + 2], NULL, 10) : usual[k], m * 0.2, v, samples);
  free(memory);
  return 0;
}
