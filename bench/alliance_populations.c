/* The signal on ratings like people's: false alarms and detection where ratings are bounded, autocorrelated, unequally
 * spread, heavy-tailed and so on. A quarter of each sample has a tension of 3 residual SDs for one or two sessions; the
 * sample gives the estimate and the thresholds (asked: .05, online); fresh patients of the same population show the
 * alarms.
 *
 *     build/bench/alliance_populations [PATIENTS [SAMPLES [SIMULATIONS [POPULATION [SESSIONS [KNOWN]]]]]]
 *
 * POPULATION -1 and SESSIONS 0 are all; KNOWN 0 leaves the last columns out. Prints a Markdown table: for 6, 12 and 20 sessions the false alarms and their standard deviation between samples; the
 * detected share of tensions of one and of two sessions, as the limit is and at 5% false alarms to the point; and the
 * same of a detector that knows the population's law, level and spread of the patient apart, where it can be written
 * down. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attune/alliance.h"
#include "attune/stats_math.h"
#include "attune/stats_random.h"

enum { MOST = 20, FRESH = 1000, KNOWING = 4000, LEVELS = 61, SPREADS = 15 };

struct population {
  const char *name;
  double mean, level_sd, s; /* of a latent normal where bounded */
  double df;                /* of t, of variance 1; 0: normal */
  double rho, spread;       /* lag-1 correlation; SD of the logarithm of patients' spreads */
  double gross;             /* share of ratings that are anything */
  double bend;              /* times log(session) */
  double missing, low;      /* chance that a session is missing; what a rating 1 s lower before it adds to its logit */
  double skew;              /* chi-squared df of minus the residuals; 0: none */
  bool bounded, known;      /* 1 to 7 in whole steps; whether the law is written down below */
};

static const struct population populations[] = {
    {.name = "normal", .mean = 5, .level_sd = .7, .s = .7, .known = true},
    {.name = "t, 4 df", .mean = 5, .level_sd = .7, .s = .7, .df = 4, .known = true},
    {.name = "60% at the top", .mean = 6.9, .level_sd = 1.2, .s = 1, .bounded = true, .known = true},
    {.name = "35% at the top", .mean = 5.9, .level_sd = 1.2, .s = 1, .bounded = true, .known = true},
    {.name = "autocorrelated .3", .mean = 5, .level_sd = .7, .s = .7, .rho = .3, .known = true},
    {.name = "spreads log-normal .5", .mean = 5, .level_sd = .7, .s = .7, .spread = .5, .known = true},
    {.name = "mean course bends", .mean = 4, .level_sd = .7, .s = .7, .bend = .7},
    {.name = "missing after low", .mean = 5, .level_sd = .7, .s = .7, .missing = .15, .low = 1.2},
    {.name = "2% gross errors", .mean = 5, .level_sd = .7, .s = .7, .gross = .02, .known = true},
    {.name = "mix: ceiling, .2, .3, 15% missing", .mean = 5.9, .level_sd = 1.2, .s = 1, .rho = .2, .spread = .3, .missing = .15, .bounded = true},
    {.name = "skewed downwards", .mean = 5, .level_sd = .7, .s = .7, .skew = 3},
};

struct person {
  struct alliance_session rows[MOST];
  int sessions, onset, length; /* length 0: no tension */
};

static double noise(const struct population *p, struct stats_stream *stream) {
  if (p->skew > 0) return -(stats_random_chi2(stream, p->skew) - p->skew) / sqrt(2 * p->skew);
  double z = stats_random_normal(stream);
  return p->df > 0 ? z * sqrt((p->df - 2) / stats_random_chi2(stream, p->df)) : z;
}

static void draw(struct person *out, const struct population *p, int sessions, int length, uint64_t seed, uint32_t who) {
  struct stats_stream stream;
  stats_stream_init(&stream, seed, 0x706f70u, who, (uint32_t)length);
  double level = p->level_sd * stats_random_normal(&stream), own = p->s * exp(p->spread * stats_random_normal(&stream));
  double last = 0, before = 0;
  memset(out, 0, sizeof *out);
  out->sessions = sessions;
  out->length = length;
  out->onset = length ? 1 + (int)stats_random_below(&stream, (uint64_t)sessions - 1) : sessions;
  for (int t = 0; t < sessions; t++) {
    double phi = t ? p->rho : 0, logit = p->low * -before;
    last = phi * last + sqrt(1 - phi * phi) * noise(p, &stream);
    bool dip = length && t >= out->onset && t < out->onset + length;
    double e = last - (dip ? 3 : 0), x = p->mean + level + p->bend * log(t + 1) + own * e;
    double any = stats_random_uniform(&stream), where = stats_random_uniform(&stream), gone = stats_random_uniform(&stream);
    if (any < p->gross) x = 1 + 6 * where;
    if (p->bounded) x = x < 1 ? 1 : x > 7 ? 7 : floor(x + .5);
    double odds = p->missing / (1 - p->missing) * exp(logit);
    struct alliance_session *row = &out->rows[t];
    *row = (struct alliance_session){.time = t + 1, .reported = {-1, -1}};
    row->rated[0] = !(t && gone < odds / (1 + odds));
    row->rating[0] = row->rated[0] ? x : 0;
    before = p->low > 0 && row->rated[0] ? e : 0;
  }
}

/* ---- the detector that knows the law ---- */

static double log_density(const struct population *p, double x, double mean, double s) {
  if (p->bounded) {
    double low = x <= 1 ? 0 : stats_normal_cdf((x - .5 - mean) / s), high = x >= 7 ? 1 : stats_normal_cdf((x + .5 - mean) / s);
    return log(high - low > 1e-300 ? high - low : 1e-300);
  }
  double z = (x - mean) / s;
  if (p->df > 0) return -.5 * (p->df + 1) * log1p(z * z / (p->df - 2)) - log(s);
  double core = exp(-.5 * z * z) / (s * 2.5066282746310002);
  if (p->gross > 0) core = (1 - p->gross) * core + (x >= 1 && x <= 7 ? p->gross / 6 : 0);
  return log(core > 1e-300 ? core : 1e-300);
}

/* The largest log odds that a tension of one or two sessions has begun; and the largest from the onset on. */
static void knowing(double largest[2], const struct population *p, const struct person *person) {
  static double total[MOST][2 * MOST + 1]; /* [prefix][onset and length], the last: none; sums over level and spread */
  int n = person->sessions, spreads = p->spread > 0 ? SPREADS : 1;
  memset(total, 0, sizeof total);
  for (int g = 0; g < LEVELS * spreads; g++) {
    double a = (g % LEVELS - LEVELS / 2) * 8.0 / (LEVELS - 1), b = spreads > 1 ? (g / LEVELS - SPREADS / 2) * 6.0 / (SPREADS - 1) : 0;
    double level = p->mean + p->level_sd * a, s = p->s * exp(p->spread * b), weight = exp(-.5 * (a * a + b * b));
    double plain[MOST], lost[2][2][MOST]; /* log densities: [in a tension at the rating before][now] */
    int last = -1;
    for (int t = 0; t < n; t++) {
      for (int k = 0; k < 4; k++) {
        double mean = level + p->bend * log(t + 1) - (k & 1 ? 3 * s : 0), phi = last >= 0 ? pow(p->rho, t - last) : 0;
        double before = last >= 0 ? person->rows[last].rating[0] - level - p->bend * log(last + 1) + (k & 2 ? 3 * s : 0) : 0;
        bool rated = person->rows[t].rated[0];
        lost[k >> 1][k & 1][t] = rated ? log_density(p, person->rows[t].rating[0], mean + phi * before, s * sqrt(1 - phi * phi)) : 0;
      }
      plain[t] = lost[0][0][t];
      if (person->rows[t].rated[0]) last = t;
    }
    for (int h = 0; h <= 2 * n; h++) {
      int onset = h / 2, length = h == 2 * n ? 0 : 1 + h % 2;
      double sum = 0;
      bool before = false;
      for (int t = 0; t < n; t++) {
        bool now = t >= onset && t < onset + length;
        sum += length ? lost[before][now][t] : plain[t];
        if (person->rows[t].rated[0]) before = now;
        total[t][h] += weight * exp(sum);
      }
    }
  }
  largest[0] = largest[1] = -1e300;
  for (int t = 1; t < n; t++) {
    double begun = 0;
    for (int h = 2; h < 2 * (t + 1); h++) begun += total[t][h];
    double score = log(begun) - log(total[t][2 * n]);
    if (!person->rows[t].rated[0]) continue;
    largest[0] = score > largest[0] ? score : largest[0];
    if (t >= person->onset) largest[1] = score > largest[1] ? score : largest[1];
  }
}

static int descending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x > y ? -1 : x < y;
}

static double limit_at(double *largest, int count) {
  qsort(largest, (size_t)count, sizeof *largest, descending);
  return .5 * (largest[count / 20 - 1] + largest[count / 20]);
}

static void known_detects(double detected[2], const struct population *p, int sessions) {
  static double calm[KNOWING];
  struct person person;
  double largest[2];
  for (int k = 0; k < KNOWING; k++) {
    draw(&person, p, sessions, 0, 77, (uint32_t)k);
    knowing(largest, p, &person);
    calm[k] = largest[0];
  }
  double limit = limit_at(calm, KNOWING);
  for (int length = 1; length <= 2; length++) {
    int hits = 0;
    for (int k = 0; k < KNOWING; k++) {
      draw(&person, p, sessions, length, 78, (uint32_t)k);
      knowing(largest, p, &person);
      hits += largest[1] >= limit;
    }
    detected[length - 1] = (double)hits / KNOWING;
  }
}

/* ---- the detector ---- */

struct seen {
  double false_alarm, detected[2], even[2]; /* even: at 5% to the point */
};

static double factor; /* of the limits, by the mirrored sample */
static struct alliance_threshold thresholds[MOST + 1];
static bool made[MOST + 1];

static const struct alliance_threshold *threshold_for(const struct alliance_estimate *e, const struct person *person,
                                                      int simulations) {
  struct alliance_series one = {person->rows, person->sessions};
  struct alliance_design design = alliance_design_of(&one);
  int rated = __builtin_popcountll(design.rated[0]);
  if (rated < 2) return NULL;
  if (!made[rated]) {
    size_t bytes = alliance_memory(MOST, simulations);
    void *memory = malloc(bytes);
    if (!memory || alliance_threshold_find_alike(&thresholds[rated], e, &design, ALLIANCE_MODEL, ALLIANCE_ONLINE, .05, 1,
                                                 simulations, memory, bytes))
      abort();
    free(memory);
    made[rated] = true;
  }
  return &thresholds[rated];
}

/* Scores less the limit, on the scale of logarithms, of fresh patients: the largest, from the onset on. */
static void judge(double *largest, const struct alliance_estimate *e, const struct population *p, int sessions, int length,
                  uint64_t seed, int simulations) {
  static struct person people[FRESH];
  static struct alliance_case cases[FRESH];
  for (int k = 0; k < FRESH; k++) {
    draw(&people[k], p, sessions, length, seed, (uint32_t)k);
    cases[k] = (struct alliance_case){.series = {people[k].rows, sessions}, .threshold = threshold_for(e, &people[k], simulations)};
  }
  size_t bytes = alliance_detect_memory(cases, FRESH);
  void *memory = malloc(bytes);
  if (!memory || alliance_detect(cases, FRESH, e, memory, bytes) == ALLIANCE_MEMORY) abort();
  for (int k = 0; k < FRESH; k++) {
    largest[k] = -1e300;
    for (int t = length ? people[k].onset : 1; t < cases[k].result.count; t++) {
      if (!people[k].rows[t].rated[0]) continue;
      double score = log(cases[k].result.sessions[t].score) - log(cases[k].threshold->limit * factor);
      largest[k] = score > largest[k] ? score : largest[k];
    }
  }
  free(memory);
}

static double share_from(const double *largest, double limit) {
  int count = 0;
  for (int k = 0; k < FRESH; k++) count += largest[k] >= limit;
  return (double)count / FRESH;
}

static void mirror(const struct alliance_estimate *e, const struct person *people, size_t patients, int simulations) {
  struct alliance_case *cases = calloc(patients, sizeof *cases);
  struct alliance_mirror found;
  if (!cases) abort();
  for (size_t k = 0; k < patients; k++)
    cases[k] = (struct alliance_case){.series = {people[k].rows, people[k].sessions}, .threshold = threshold_for(e, &people[k], simulations)};
  size_t bytes = alliance_mirror_memory(cases, patients);
  void *memory = malloc(bytes);
  if (!memory || alliance_mirror_find(&found, cases, patients, e, .05, memory, bytes)) abort();
  factor = found.factor;
  free(memory);
  free(cases);
}

static struct alliance_estimate learn(const struct population *p, int sessions, int patients, int simulations, uint64_t seed) {
  struct alliance_settings settings = {.bounded = p->bounded, .low = 1, .high = 7, .step = p->bounded ? 1 : 0};
  struct person *people = calloc((size_t)patients, sizeof *people);
  struct alliance_series *series = calloc((size_t)patients, sizeof *series);
  size_t bytes = alliance_estimate_memory((size_t)patients, sessions);
  void *memory = malloc(bytes);
  struct alliance_estimate e;
  if (!people || !series || !memory) abort();
  for (int k = 0; k < patients; k++) {
    draw(&people[k], p, sessions, k % 4 ? 0 : 1 + k / 4 % 2, seed, (uint32_t)k);
    series[k] = (struct alliance_series){people[k].rows, sessions};
  }
  if (alliance_estimate_sample(&e, series, (size_t)patients, &settings, memory, bytes)) abort();
  memset(made, 0, sizeof made);
  mirror(&e, people, (size_t)patients, simulations);
  free(people);
  free(series);
  free(memory);
  return e;
}

static struct seen see(const struct population *p, int sessions, int patients, int simulations, uint64_t seed) {
  static double calm[FRESH], tense[FRESH];
  struct seen seen;
  struct alliance_estimate e = learn(p, sessions, patients, simulations, seed);
  judge(calm, &e, p, sessions, 0, seed + 1000000, simulations);
  seen.false_alarm = share_from(calm, 0);
  double even = limit_at(calm, FRESH);
  for (int length = 1; length <= 2; length++) {
    judge(tense, &e, p, sessions, length, seed + 2000000, simulations);
    seen.detected[length - 1] = share_from(tense, 0);
    seen.even[length - 1] = share_from(tense, even);
  }
  return seen;
}

int main(int argc, char **argv) {
  static const int lengths[] = {6, 12, 20};
  int patients = argc > 1 ? atoi(argv[1]) : 120, samples = argc > 2 ? atoi(argv[2]) : 40;
  int simulations = argc > 3 ? atoi(argv[3]) : 20000, only = argc > 4 ? atoi(argv[4]) : -1, sessions = argc > 5 ? atoi(argv[5]) : 0;
  bool known = argc > 6 ? atoi(argv[6]) : true; /* slow */
  printf("| ratings, samples of %d | sessions | false alarms (SD) | one session | two | at .05: one | two | law known: one | two |\n"
         "|:--|--:|--:|--:|--:|--:|--:|--:|--:|\n", patients);
  for (int k = 0; k < (int)(sizeof populations / sizeof *populations); k++) {
    const struct population *p = &populations[k];
    for (int n = 0; n < 3 && (only < 0 || only == k); n++) {
      if (sessions && sessions != lengths[n]) continue;
      struct seen sum = {0};
      double square = 0, best[2];
      for (int sample = 0; sample < samples; sample++) {
        struct seen one = see(p, lengths[n], patients, simulations, (uint64_t)sample + 1);
        sum.false_alarm += one.false_alarm / samples;
        square += one.false_alarm * one.false_alarm / samples;
        for (int l = 0; l < 2; l++) {
          sum.detected[l] += one.detected[l] / samples;
          sum.even[l] += one.even[l] / samples;
        }
      }
      double sd = sqrt(fmax(square - sum.false_alarm * sum.false_alarm, 0));
      printf("| %s | %d | %.3f (%.3f) | %.3f | %.3f | %.3f | %.3f |", p->name, lengths[n], sum.false_alarm, sd, sum.detected[0],
             sum.detected[1], sum.even[0], sum.even[1]);
      if (p->known && known) {
        known_detects(best, p, lengths[n]);
        printf(" %.3f | %.3f |\n", best[0], best[1]);
      } else {
        printf(" | |\n");
      }
      fflush(stdout);
    }
  }
  return 0;
}
