/* Speed of the alliance engine on one core: ratings a second for the model and for every rule, beside a plain
 * Shewhart chart in C and a loop that only reads the ratings.
 *
 *     build/bench/alliance [SERIES]
 *
 * Prints a Markdown table; the best of five rounds, in processor time. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alliance/engine.h"

static struct alliance_session *rows;
static double *ratings_only, *largest;
static int series_count;
static void *memory;
static size_t bytes;
static volatile double sink;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void people(int sessions) {
  struct alliance_world w = alliance_world_default();
  struct alliance_truth truth;
  w.sessions = sessions;
  w.truth.rater[1].used = w.truth.reports = false;
  for (int p = 0; p < series_count; p++) {
    alliance_simulate_patient(rows + (size_t)p * (size_t)sessions, &truth, &w, 1, (uint32_t)p / 3, (uint32_t)p % 3);
    for (int t = 0; t < sessions; t++)
      ratings_only[(size_t)p * (size_t)sessions + (size_t)t] = rows[(size_t)p * (size_t)sessions + (size_t)t].rating[0];
  }
}

#define SIZES 3
static const int sizes[SIZES] = {6, 12, 20};
static const char *const views[] = {"online", "hindsight"};

/* One line of the table: what, in which view (-1: neither), and ratings a second by size, 0 where a rule takes more. */
struct line {
  const char *what;
  int view;
  double speed[SIZES];
};
static struct line lines[64];
static int line_count;

static void put(const char *what, int view, int size, double seconds) {
  struct line *line = lines;
  while (line < lines + line_count && (strcmp(line->what, what) || line->view != view)) line++;
  if (line == lines + line_count) lines[line_count++] = (struct line){.what = what, .view = view};
  line->speed[size] = (double)series_count * sizes[size] / seconds;
}

static void print_lines(void) {
  printf("| |");
  for (int n = 0; n < SIZES; n++) printf(" %d |", sizes[n]);
  puts("\n|:--|--:|--:|--:|");
  for (const struct line *line = lines; line < lines + line_count; line++) {
    printf("| %s%s%s |", line->what, line->view < 0 ? "" : ", ", line->view < 0 ? "" : views[line->view]);
    for (int n = 0; n < SIZES; n++)
      if (line->speed[n] > 0)
        printf(" %.2g |", line->speed[n]);
      else
        printf(" |");
    puts("");
  }
}

static double best_of(double (*run)(int sessions, int argument), int sessions, int argument) {
  double best = 1e300;
  for (int round = 0; round < 5; round++) {
    double start = now();
    sink = run(sessions, argument);
    double seconds = now() - start;
    if (seconds < best) best = seconds;
  }
  return best;
}

static double run_read(int sessions, int unused) {
  (void)unused;
  double sum[4] = {0};
  size_t all = (size_t)series_count * (size_t)sessions;
  for (size_t k = 0; k + 4 <= all; k += 4)
    for (int u = 0; u < 4; u++) sum[u] += ratings_only[k + (size_t)u];
  return sum[0] + sum[1] + sum[2] + sum[3];
}

static double run_shewhart(int sessions, int unused) {
  (void)unused;
  int signals = 0;
  for (int p = 0; p < series_count; p++) {
    const double *x = ratings_only + (size_t)p * (size_t)sessions;
    double sum = x[0], ranges = 0;
    for (int t = 1; t < sessions; t++) {
      sum += x[t];
      ranges += fabs(x[t] - x[t - 1]);
    }
    double low = sum / sessions - 2.66 * ranges / (sessions - 1);
    for (int t = 0; t < sessions; t++) signals += x[t] < low;
  }
  return signals;
}

/* With everything that a page shows: band, probabilities, events. */
static double run_model(int sessions, int view) {
  struct alliance_world w = alliance_world_default();
  w.truth.rater[1].used = w.truth.reports = false;
  struct room room = room_in(memory, bytes);
  struct bench *bench = room_take(&room, 1, sizeof *bench);
  struct plan *plan = room_take(&room, 1, sizeof *plan);
  struct alliance_finding *findings = room_take(&room, LANES * ALLIANCE_SESSIONS_MAX, sizeof *findings);
  struct alliance_threshold threshold = {.view = (enum alliance_view)view, .limit = 2};
  struct alliance_design design = alliance_design_plain(sessions);
  struct alliance_series series[LANES];
  struct span span[LANES];
  struct alliance_finding *out[LANES];
  if (!findings || !plan_build(plan, &room, &w.truth, &design, threshold.view, true)) abort();
  memset(bench, 0, sizeof *bench);
  double events = 0;
  for (int p = 0; p + LANES <= series_count; p += LANES) {
    for (int u = 0; u < LANES; u++) {
      series[u] = (struct alliance_series){rows + (size_t)(p + u) * (size_t)sessions, sessions};
      out[u] = findings + u * ALLIANCE_SESSIONS_MAX;
    }
    model_judge(out, span, plan, &w.truth, &threshold, series, LANES, bench);
    events += out[0][sessions - 1].tension;
  }
  return events;
}

/* The largest score of each rule over each course: what alarms and thresholds are made of. */
static double run_rules(int sessions, const enum alliance_rule *rules, int count, int view) {
  struct alliance_world w = alliance_world_default();
  double time[ALLIANCE_SESSIONS_MAX];
  for (int t = 0; t < sessions; t++) time[t] = t + 1;
  const struct alliance_pass pass = {rules, count, (enum alliance_view)view, time, sessions, ratings_only, (size_t)series_count};
  if (alliance_largest_scores(largest, &pass, &w.truth, memory, bytes)) return 0;
  return largest[0] + largest[(size_t)count * (size_t)series_count - 1];
}

static double run_rule(int sessions, int argument) {
  enum alliance_rule rule = (enum alliance_rule)(argument / 2);
  return run_rules(sessions, &rule, 1, argument % 2);
}

static double run_three(int sessions, int view) {
  static const enum alliance_rule rules[] = {ALLIANCE_INDIVIDUALS_CHART, ALLIANCE_CUSUM, ALLIANCE_EWMA};
  return run_rules(sessions, rules, 3, view);
}

static double run_seven(int sessions, int view) {
  static const enum alliance_rule rules[] = {ALLIANCE_POOLED_SD, ALLIANCE_INDIVIDUALS_CHART,
                                             ALLIANCE_OWN_SD,    ALLIANCE_RELIABLE_CHANGE,
                                             ALLIANCE_CUSUM,     ALLIANCE_EWMA,
                                             ALLIANCE_DROP};
  return run_rules(sessions, rules, 7, view);
}

int main(int argc, char **argv) {
  series_count = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 20000;
  if (series_count < LANES) return 2;
  rows = calloc((size_t)series_count * 20, sizeof *rows);
  ratings_only = calloc((size_t)series_count * 20, sizeof *ratings_only);
  largest = calloc((size_t)series_count * ALLIANCE_RULES, sizeof *largest);
  bytes = alliance_memory(ALLIANCE_SESSIONS_MAX, 100) + LANES * ALLIANCE_SESSIONS_MAX * sizeof(struct alliance_finding);
  memory = malloc(bytes);
  if (!rows || !ratings_only || !largest || !memory) return 1;
  for (int n = SIZES; n-- > 0;) { /* the longest first: all rules take it */
    int sessions = sizes[n];
    people(sessions);
    put("reading the memory", -1, n, best_of(run_read, sessions, 0));
    put("plain C Shewhart", -1, n, best_of(run_shewhart, sessions, 0));
    for (int view = 0; view < 2; view++) {
      put("model", view, n, best_of(run_model, sessions, view));
      if (sessions >= alliance_rules[ALLIANCE_INDIVIDUALS_CHART].least)
        put("individuals chart, CUSUM and EWMA together", view, n, best_of(run_three, sessions, view));
      if (sessions >= alliance_rules[ALLIANCE_OWN_SD].least)
        put("all seven charts together", view, n, best_of(run_seven, sessions, view));
      for (int rule = 1; rule < ALLIANCE_RULES; rule++)
        if (alliance_rules[rule].least <= sessions)
          put(alliance_rules[rule].name, view, n, best_of(run_rule, sessions, 2 * rule + view));
    }
  }
  print_lines();
  free(rows);
  free(ratings_only);
  free(largest);
  free(memory);
  return 0;
}
