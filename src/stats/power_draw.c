#include "stats/power_draw.h"

#include <math.h>
#include <string.h>

#define POISSON_TAIL 12 /* standard deviations above the mean that a cluster has room for */

static size_t largest_size(const struct stats_arm_sizes *sizes) {
  size_t most = 0;
  switch (sizes->sizes) {
  case STATS_SIZES_FIXED:
    return sizes->fixed;
  case STATS_SIZES_UNIFORM:
    return sizes->most;
  case STATS_SIZES_LISTED:
    for (size_t i = 0; i < sizes->therapists; i++)
      if (sizes->list[i] > most) most = sizes->list[i];
    return most;
  default:
    return (size_t)(sizes->mean + POISSON_TAIL * sqrt(sizes->mean) + 20) + sizes->least;
  }
}

double power_mean_size(const struct stats_arm_sizes *sizes) {
  double sum = 0;
  switch (sizes->sizes) {
  case STATS_SIZES_FIXED:
    return (double)sizes->fixed;
  case STATS_SIZES_UNIFORM:
    return 0.5 * (double)(sizes->least + sizes->most);
  case STATS_SIZES_LISTED:
    for (size_t i = 0; i < sizes->therapists; i++) sum += (double)sizes->list[i];
    return sum / (double)sizes->therapists;
  default:
    return sizes->mean > (double)sizes->least ? sizes->mean : (double)sizes->least;
  }
}

static bool has_dropout(const struct stats_arm *arm, size_t times) {
  return arm->kept[times - 1] < 1;
}

void power_level_factor(const struct stats_level *level, double factor[3]) {
  factor[0] = sqrt(level->intercept);
  factor[1] = level->intercept > 0 ? level->covariance / factor[0] : 0;
  double rest = level->slope - factor[1] * factor[1];
  factor[2] = rest > 0 ? sqrt(rest) : 0;
}

void power_plan_make(struct power_plan *plan, const struct stats_power_design *design) {
  *plan = (struct power_plan){.design = design};
  for (size_t a = 0; a < design->arms; a++) {
    const struct stats_arm *arm = &design->arm[a];
    size_t most = largest_size(&arm->patients), cells = most < design->times ? most : design->times;
    bool drops = has_dropout(arm, design->times);
    plan->random |= drops || arm->patients.sizes == STATS_SIZES_POISSON || arm->patients.sizes == STATS_SIZES_UNIFORM;
    if (arm->patients.no_therapists) {
      plan->clusters += 1;
      plan->cells += design->times;
    } else {
      plan->clusters += arm->patients.therapists;
      plan->cells += arm->patients.therapists * (drops ? design->times : cells ? 1 : 0);
    }
  }
  power_level_factor(&design->therapist, plan->therapist);
  plan->patient = (struct sym2){design->patient.intercept, design->patient.covariance, design->patient.slope};
}

/* ---- people ---- */

static size_t draw_size(const struct stats_arm_sizes *sizes, size_t therapist, struct stats_stream *stream) {
  size_t most, size;
  switch (sizes->sizes) {
  case STATS_SIZES_FIXED:
    return sizes->fixed;
  case STATS_SIZES_LISTED:
    return sizes->list[therapist];
  case STATS_SIZES_UNIFORM:
    return sizes->least + (size_t)stats_random_below(stream, sizes->most - sizes->least + 1);
  default:
    most = largest_size(sizes);
    size = (size_t)stats_random_poisson(stream, sizes->mean);
    if (size < sizes->least) size = sizes->least;
    return size < most ? size : most;
  }
}

/* The sessions that a patient gives: those whose share kept lies above a uniform. */
static size_t draw_sessions(const struct stats_arm *arm, size_t times, struct stats_stream *stream) {
  double u = stats_random_uniform(stream);
  size_t sessions = 1;
  while (sessions < times && arm->kept[sessions] > u) sessions++;
  return sessions;
}

/* Adds `by_sessions` as cells to the newest cluster. */
static void add_cells(struct power_trial *trial, struct power_cluster *cluster, const double *by_sessions) {
  for (size_t t = trial->times; t >= 1; t--) {
    if (by_sessions[t] == 0) continue;
    trial->cell[trial->cells++] = (struct power_cell){.sessions = t, .count = by_sessions[t]};
    cluster->cells++;
    trial->pattern[t].count += by_sessions[t];
    trial->n += by_sessions[t] * (double)t;
  }
}

static struct power_cluster *begin_cluster(struct power_trial *trial, size_t arm, bool nested) {
  struct power_cluster *cluster = &trial->cluster[trial->clusters];
  *cluster = (struct power_cluster){.arm = arm, .first = trial->cells, .nested = nested};
  return cluster;
}

static void end_cluster(struct power_trial *trial, const struct power_cluster *cluster) {
  if (!cluster->cells) return; /* a therapist without patients says nothing */
  trial->clusters++;
  trial->clusters_of[cluster->arm]++;
}

static void begin_people(struct power_trial *trial) {
  trial->clusters = trial->cells = 0;
  trial->n = 0;
  memset(trial->clusters_of, 0, sizeof trial->clusters_of);
  for (size_t t = 0; t <= trial->times; t++) trial->pattern[t].count = 0;
}

void power_draw_people(struct power_trial *trial, const struct power_plan *plan, struct stats_stream *stream) {
  const struct stats_power_design *design = plan->design;
  begin_people(trial);
  for (size_t a = 0; a < design->arms; a++) {
    const struct stats_arm *arm = &design->arm[a];
    bool nested = !arm->patients.no_therapists, drops = has_dropout(arm, design->times);
    double by_sessions[STATS_POWER_TIMES + 1] = {0};
    struct power_cluster *cluster = NULL;
    for (size_t i = 0; i < arm->patients.therapists; i++) {
      if (nested || !cluster) cluster = begin_cluster(trial, a, nested);
      size_t size = draw_size(&arm->patients, i, stream);
      if (!drops) by_sessions[design->times] += (double)size;
      for (size_t j = 0; drops && j < size; j++) by_sessions[draw_sessions(arm, design->times, stream)] += 1;
      if (!nested && i + 1 < arm->patients.therapists) continue;
      add_cells(trial, cluster, by_sessions);
      end_cluster(trial, cluster);
      memset(by_sessions, 0, (design->times + 1) * sizeof *by_sessions);
    }
  }
  power_trial_kinds(trial);
}

void power_expected_people(struct power_trial *trial, const struct power_plan *plan) {
  const struct stats_power_design *design = plan->design;
  begin_people(trial);
  for (size_t a = 0; a < design->arms; a++) {
    const struct stats_arm *arm = &design->arm[a];
    bool nested = !arm->patients.no_therapists;
    double mean = power_mean_size(&arm->patients);
    size_t clusters = nested ? arm->patients.therapists : 1;
    for (size_t i = 0; i < clusters; i++) {
      double size = arm->patients.sizes == STATS_SIZES_LISTED && nested ? (double)arm->patients.list[i] : mean;
      double by_sessions[STATS_POWER_TIMES + 1] = {0};
      if (!nested) size *= (double)arm->patients.therapists;
      for (size_t t = 1; t <= design->times; t++)
        by_sessions[t] = size * (arm->kept[t - 1] - (t < design->times ? arm->kept[t] : 0));
      struct power_cluster *cluster = begin_cluster(trial, a, nested);
      add_cells(trial, cluster, by_sessions);
      end_cluster(trial, cluster);
    }
  }
  power_trial_kinds(trial);
}

/* ---- responses ---- */

/* The factor of L'D L + sigma2 I: a patient's own effects and errors in the coordinates of L^-1 z. */
static void patient_factor(const struct power_pattern *p, struct sym2 d, double residual, double out[3]) {
  double l0 = p->l[0], l1 = p->l[1], l2 = p->l[2];
  double a = d.a * l0 + d.b * l1, b = d.b * l0 + d.c * l1; /* D times the first column of L */
  double s11 = l0 * a + l1 * b + residual, s21 = l2 * b, s22 = l2 * l2 * d.c + (p->rank > 1 ? residual : 0);
  out[0] = sqrt(s11);
  out[1] = s21 / out[0];
  double rest = s22 - out[1] * out[1];
  out[2] = rest > 0 ? sqrt(rest) : 0;
}

/* The patients of one cell: adds to z, to the pattern's z z' and to y'y. `mean` is what they expect: (intercept,
 * slope). */
static void draw_cell(struct power_trial *trial, struct power_cell *cell, const double factor[3], struct vec2 mean,
                      struct stats_stream *stream) {
  struct power_pattern *p = &trial->pattern[cell->sessions];
  double m1 = p->l[0] * mean.x + p->l[1] * mean.y, m2 = p->l[2] * mean.y;
  cell->z = (struct vec2){0, 0};
  for (double i = 0; i < cell->count; i++) {
    double u1 = stats_random_normal(stream), u2 = p->rank > 1 ? stats_random_normal(stream) : 0;
    double w1 = m1 + factor[0] * u1, w2 = m2 + factor[1] * u1 + factor[2] * u2;
    double z1 = p->l[0] * w1, z2 = p->l[1] * w1 + p->l[2] * w2;
    cell->z.x += z1;
    cell->z.y += z2;
    p->zz.a += z1 * z1;
    p->zz.b += z1 * z2;
    p->zz.c += z2 * z2;
    trial->yy += w1 * w1 + w2 * w2;
  }
}

void power_draw_response(struct power_trial *trial, const struct power_plan *plan, struct stats_stream *stream) {
  const struct stats_power_design *design = plan->design;
  double factor[STATS_POWER_TIMES + 1][3], spare = trial->n;
  trial->yy = 0;
  for (size_t t = 1; t <= trial->times; t++) {
    struct power_pattern *p = &trial->pattern[t];
    p->zz = (struct sym2){0, 0, 0};
    if (p->count == 0) continue;
    patient_factor(p, plan->patient, design->residual, factor[t]);
    spare -= p->count * (double)p->rank;
  }
  for (size_t i = 0; i < trial->clusters; i++) {
    struct power_cluster *cluster = &trial->cluster[i];
    const struct stats_arm *arm = &design->arm[cluster->arm];
    struct vec2 mean = {arm->intercept, arm->slope};
    if (cluster->nested) {
      double u1 = stats_random_normal(stream), u2 = stats_random_normal(stream);
      mean.x += plan->therapist[0] * u1;
      mean.y += plan->therapist[1] * u1 + plan->therapist[2] * u2;
    }
    for (size_t j = 0; j < cluster->cells; j++) {
      struct power_cell *cell = &trial->cell[cluster->first + j];
      draw_cell(trial, cell, factor[cell->sessions], mean, stream);
    }
  }
  trial->yy += design->residual * stats_random_chi2(stream, spare);
}
