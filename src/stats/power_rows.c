/* One trial of a power design, drawn session by session. */
#include <math.h>

#include "stats/model_base.h"
#include "stats/power_draw.h"

enum { STREAM_SIZES = 3, STREAM_THERAPIST = 4, STREAM_PATIENT = 5 };

struct drawing {
  const struct stats_power_design *design;
  uint64_t seed;
  double patient[3], residual; /* factor of the patients' covariance; SD */
  bool (*take)(void *state, const struct stats_power_row *row);
  void *state;
};

static struct vec2 draw_effects(const double factor[3], struct stats_stream *stream) {
  double u1 = stats_random_normal(stream), u2 = stats_random_normal(stream);
  return (struct vec2){factor[0] * u1, factor[1] * u1 + factor[2] * u2};
}

/* One patient's `sessions`; `mean` is what patients of this therapist expect. */
static bool draw_patient(const struct drawing *d, struct stats_power_row row, struct vec2 mean, size_t sessions) {
  struct stats_stream stream;
  stats_stream_init(&stream, d->seed, STREAM_PATIENT, (uint32_t)row.patient, (uint32_t)((uint64_t)row.patient >> 32));
  struct vec2 own = draw_effects(d->patient, &stream);
  for (size_t t = 0; t < sessions; t++) {
    row.session = t + 1;
    row.time = d->design->time[t];
    row.rating = mean.x + own.x + (mean.y + own.y) * row.time + d->residual * stats_random_normal(&stream);
    if (!d->take(d->state, &row)) return false;
  }
  return true;
}

static bool draw_cluster(const struct drawing *d, const struct power_trial *trial, const struct power_cluster *cluster,
                         struct stats_power_row *row, const double factor[3]) {
  const struct stats_arm *arm = &d->design->arm[cluster->arm];
  struct vec2 mean = {arm->intercept, arm->slope};
  row->arm = cluster->arm;
  if (cluster->nested) {
    struct stats_stream stream;
    stats_stream_init(&stream, d->seed, STREAM_THERAPIST, (uint32_t)row->therapist, 0);
    struct vec2 own = draw_effects(factor, &stream);
    mean = (struct vec2){mean.x + own.x, mean.y + own.y};
  }
  for (size_t k = 0; k < cluster->cells; k++) {
    const struct power_cell *cell = &trial->cell[cluster->first + k];
    for (double i = 0; i < cell->count; i++) {
      row->patient++;
      if (!draw_patient(d, *row, mean, cell->sessions)) return false;
    }
  }
  return true;
}

enum stats_status stats_power_simulate(const struct stats_power_design *design, uint64_t seed,
                                       const struct stats_memory *memory,
                                       bool (*take)(void *state, const struct stats_power_row *row), void *state,
                                       struct stats_error *error) {
  enum stats_status status = stats_power_check(design, error);
  if (status) return status;
  struct power_plan plan;
  struct power_trial trial;
  struct stats_stream sizes;
  struct drawing d = {.design = design, .seed = seed, .residual = sqrt(design->residual), .take = take, .state = state};
  power_level_factor(&design->patient, d.patient);
  power_plan_make(&plan, design);
  if (!power_trial_new(&trial, design, plan.clusters, plan.cells, memory)) return model_no_memory(error);
  stats_stream_init(&sizes, seed, STREAM_SIZES, 0, 0);
  power_draw_people(&trial, &plan, &sizes);
  struct stats_power_row row = {0};
  size_t therapists = 0;
  for (size_t i = 0; i < trial.clusters; i++) {
    row.therapist = trial.cluster[i].nested ? ++therapists : 0;
    if (!draw_cluster(&d, &trial, &trial.cluster[i], &row, plan.therapist)) break;
  }
  return STATS_OK;
}
