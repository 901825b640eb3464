/* The gradient at the end, on simulated data sets of many shapes (nested, crossed, unbalanced, correlated slopes, few
 * groups, variances of zero): build/bench/fit_gradient [COUNT] prints one line of JSON with the largest absolute
 * gradient of the criterion by the relative Cholesky factor (centred and scaled columns), how many fits were singular,
 * failed or above 1e-6, and exits 1 when any failed or was above. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attune/stats_math.h"
#include "attune/stats_model.h"
#include "base/arena.h"

#define ROWS_MAXIMUM 1200

static uint64_t state = 4;

static double uniform(void) { /* splitmix64 */
  uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return ((double)((z ^ z >> 31) >> 11) + 0.5) * 0x1p-53;
}
static double normal(void) {
  return stats_normal_quantile(uniform());
}
static size_t between(size_t low, size_t high) {
  return low + (size_t)((double)(high - low + 1) * uniform());
}
/* A standard deviation that is zero a third of the time and otherwise between 0.05 and 5. */
static double deviation(void) {
  return uniform() < 0.33 ? 0 : 0.05 * pow(100, uniform());
}

struct data {
  size_t rows, therapists, patients, sites;
  double y[ROWS_MAXIMUM], time[ROWS_MAXIMUM], x[ROWS_MAXIMUM], arm[ROWS_MAXIMUM];
  int32_t therapist[ROWS_MAXIMUM], patient[ROWS_MAXIMUM], site[ROWS_MAXIMUM];
};

static const char *names[ROWS_MAXIMUM];

static void simulate(struct data *d) {
  size_t sessions = between(2, 8);
  double sd[6], site_effect[20];
  for (int i = 0; i < 6; i++) sd[i] = deviation();
  d->rows = d->patients = 0;
  d->therapists = between(3, 25);
  d->sites = between(3, 12);
  for (size_t s = 0; s < d->sites; s++) site_effect[s] = sd[4] * normal();
  for (size_t k = 0; k < d->therapists; k++) {
    double v0 = sd[0] * normal(), v1 = 0.3 * sd[1] * normal() + (uniform() < 0.2 ? 0.2 * v0 : 0);
    for (size_t j = between(1, 6); j-- > 0; d->patients++) {
      double u0 = sd[2] * normal(), u1 = 0.3 * sd[3] * normal() + (sd[5] > 1 ? 0.3 * u0 : 0);
      for (size_t s = 0; s < sessions && d->rows < ROWS_MAXIMUM; s++) {
        if (s > 1 && uniform() < 0.25) continue;
        size_t i = d->rows++;
        d->therapist[i] = (int32_t)k;
        d->patient[i] = (int32_t)d->patients;
        d->site[i] = i < d->sites ? (int32_t)i : (int32_t)between(0, d->sites - 1);
        d->time[i] = (double)s;
        d->x[i] = 1e3 + 50 * normal();
        d->arm[i] = (double)(k % 2);
        d->y[i] = 10 + v0 + u0 + (v1 + u1 + 0.2) * d->time[i] + site_effect[d->site[i]] + normal();
      }
    }
  }
}

static void *take(void *arena, size_t bytes) {
  return arena_alloc(arena, bytes);
}

int main(int argc, char **argv) {
  static const char *const formulas[] = {"y ~ arm*time + (1 + time | patient) + (1 | therapist)",
                                         "y ~ arm*time + (1 + time | patient) + (1 + time | therapist)",
                                         "y ~ time + (1 | therapist/patient)",
                                         "y ~ time + x + (1 + time || therapist)",
                                         "y ~ time + (1 + time + x | therapist)",
                                         "y ~ time + (1 | patient) + (1 | site)",
                                         "y ~ time + (1 + time | site) + (1 | therapist)",
                                         "y ~ factor(site) + time + (1 + time | patient)"};
  static struct data d;
  static char text[ROWS_MAXIMUM][8];
  size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000, fitted = 0, singular = 0, refused = 0, above = 0;
  double largest = 0;
  struct arena arena;
  arena_init(&arena, 0);
  struct stats_memory memory = {take, &arena};
  for (size_t i = 0; i < ROWS_MAXIMUM; i++) {
    snprintf(text[i], sizeof text[i], "%zu", i);
    names[i] = text[i];
  }
  for (size_t trial = 0; trial < count; trial++) {
    simulate(&d);
    struct stats_column column[] = {{"y", d.y, NULL, NULL, 0},
                                    {"time", d.time, NULL, NULL, 0},
                                    {"x", d.x, NULL, NULL, 0},
                                    {"arm", d.arm, NULL, NULL, 0},
                                    {"therapist", NULL, d.therapist, names, d.therapists},
                                    {"patient", NULL, d.patient, names, d.patients},
                                    {"site", NULL, d.site, names, d.sites}};
    struct stats_table table = {d.rows, 7, column};
    struct stats_model_options options = {.ml = trial % 3 == 0, .df = STATS_DF_NONE};
    struct stats_model *model;
    struct stats_error error;
    enum stats_status status = stats_model_fit(formulas[trial % 8], &table, &options, &memory, &model, &error);
    if (status == STATS_OK) {
      fitted++;
      singular += model->singular;
      above += !(model->gradient < 1e-6);
      if (!(model->gradient < 1e-6)) fprintf(stderr, "trial %zu: gradient %g\n", trial, model->gradient);
      if (model->gradient > largest) largest = model->gradient;
    } else {
      refused++;
    }
    arena_reset(&arena);
  }
  printf("{\"data_sets\": %zu, \"fitted\": %zu, \"singular\": %zu, \"refused\": %zu, \"above_1e-6\": "
         "%zu, "
         "\"largest_gradient\": %.3g}\n",
         count, fitted, singular, refused, above, largest);
  arena_free(&arena);
  return above > 0;
}
