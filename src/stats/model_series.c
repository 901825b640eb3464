/* Within and between, lags, and the carry-over of series with latent person means. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "attune/stats_accuracy.h"
#include "stats/model_base.h"

/* --- decomposition ------------------------------------------------------------------------------------------------ */

struct means {
  double *sum, *count;
};

static bool add_means(struct means *m, size_t groups, const struct stats_memory *memory) {
  m->sum = model_take(memory, groups, sizeof *m->sum);
  m->count = model_take(memory, groups, sizeof *m->count);
  return m->sum && m->count;
}

double stats_decompose(const double *x, const struct stats_nested *nested, const struct stats_memory *memory,
                       const struct stats_parts *parts) {
  const int32_t *patient = nested->patient, *therapist = nested->therapist;
  struct means by_patient, by_therapist;
  double sum = 0, count = 0;
  if (!add_means(&by_patient, nested->patients, memory) ||
      !add_means(&by_therapist, therapist ? nested->therapists : 1, memory))
    return NAN;
  for (int pass = 0; pass < 2; pass++)
    for (size_t i = 0; i < nested->rows; i++) {
      int32_t j = patient[i], k = therapist ? therapist[i] : 0;
      bool fine = !isnan(x[i]) && j >= 0 && k >= 0;
      if (pass == 0 && fine) {
        by_patient.sum[j] += x[i];
        by_patient.count[j]++;
        by_therapist.sum[k] += x[i];
        by_therapist.count[k]++;
        sum += x[i];
        count++;
      } else if (pass) {
        double own = fine ? by_patient.sum[j] / by_patient.count[j] : NAN;
        double above = fine ? by_therapist.sum[k] / by_therapist.count[k] : NAN, all = fine ? sum / count : NAN;
        if (parts->within) parts->within[i] = fine ? x[i] - own : NAN;
        if (parts->patient) parts->patient[i] = own - (therapist ? above : all);
        if (parts->therapist) parts->therapist[i] = therapist ? above - all : fine ? 0 : NAN;
      }
    }
  return count > 0 ? sum / count : NAN;
}

/* --- lags --------------------------------------------------------------------------------------------------------- */

struct visit {
  int32_t patient;
  double session;
  size_t row;
};

static int by_patient_and_session(const void *a, const void *b) {
  const struct visit *x = a, *y = b;
  if (x->patient != y->patient) return x->patient < y->patient ? -1 : 1;
  if (x->session != y->session) return x->session < y->session ? -1 : 1;
  return (x->row > y->row) - (x->row < y->row);
}

/* Rows with a patient, a session and a value, in order. */
static struct visit *ordered_visits(const struct stats_series *s, const struct stats_memory *memory, size_t *count) {
  struct visit *visit = model_take(memory, s->rows, sizeof *visit);
  *count = 0;
  for (size_t i = 0; i < s->rows && visit; i++)
    if (s->patient[i] >= 0 && !isnan(s->session[i]) && !isnan(s->x[i]))
      visit[(*count)++] = (struct visit){s->patient[i], s->session[i], i};
  if (visit) qsort(visit, *count, sizeof *visit, by_patient_and_session);
  return visit;
}

enum stats_status stats_lag(const struct stats_series *series, int lag, const struct stats_memory *memory,
                            double *lagged) {
  size_t count;
  struct visit *visit = ordered_visits(series, memory, &count);
  if (!visit) return STATS_NO_MEMORY;
  for (size_t i = 1; i < count; i++)
    if (visit[i].patient == visit[i - 1].patient && visit[i].session == visit[i - 1].session) return STATS_BAD_DATA;
  for (size_t i = 0; i < series->rows; i++) lagged[i] = NAN;
  for (size_t i = 0, j = 0; i < count; i++) { /* j trails behind i at the session wanted */
    if (visit[j].patient != visit[i].patient) j = i;
    while (j < i && visit[j].session < visit[i].session - lag) {
      if (visit[j + 1].patient != visit[i].patient) break;
      j++;
    }
    if (visit[j].patient == visit[i].patient && visit[j].session == visit[i].session - lag)
      lagged[visit[i].row] = series->x[visit[j].row];
  }
  return STATS_OK;
}

double stats_nickell_bias(double phi, double sessions) {
  return -(1 + phi) / (sessions - 1);
}

/* --- inertia ------------------------------------------------------------------------------------------------------ */

struct inertia {
  const double *x;
  struct visit *visit;
  size_t count, patients;
  double *y, *one; /* whitened */
  int32_t *code;
  const char **level;
  const struct stats_scratch *scratch;
  struct stats_inertia best;
};

/* Whitens by w_t - rho w_(t-1), rho = phi^gap; returns the log-determinant of what was divided out. */
static double whiten(struct inertia *s, double phi) {
  double logdet = 0;
  for (size_t i = 0; i < s->count; i++) {
    const struct visit *now = &s->visit[i];
    bool first = i == 0 || s->visit[i - 1].patient != now->patient;
    double gap = first ? 0 : now->session - s->visit[i - 1].session, rho = 0;
    if (!first) rho = phi == 0 ? 0 : pow(fabs(phi), gap) * (phi < 0 && fmod(gap, 2) != 0 ? -1 : 1);
    double root = sqrt(1 - rho * rho), before = first ? 0 : s->x[s->visit[i - 1].row];
    s->y[i] = (s->x[now->row] - rho * before) / root;
    s->one[i] = (1 - (first ? 0 : rho)) / root;
    logdet += 2 * log(root);
  }
  return logdet;
}

/* The deviance at phi; +infinity where it has none. */
static double deviance_at(struct inertia *s, double phi) {
  struct stats_column column[3] = {{.name = "y", .number = s->y},
                                   {.name = "one", .number = s->one},
                                   {.name = "patient", .code = s->code, .level = s->level, .levels = s->patients}};
  struct stats_table table = {s->count, 3, column};
  struct stats_model_options options = {.ml = true, .df = STATS_DF_NONE};
  struct stats_model *model;
  double deviance = whiten(s, phi);
  if (stats_model_fit("y ~ 0 + one + (0 + one | patient)", &table, &options, &s->scratch->memory, &model, NULL)) {
    deviance = INFINITY;
  } else {
    deviance += model->criterion;
    s->best.mean = model->fixed[0].estimate;
    s->best.between = model->random[0].covariance[0];
    s->best.within = model->sigma2;
  }
  s->scratch->drop(s->scratch->memory.state);
  return deviance;
}

/* Golden section within a bracket found on a grid, then a parabola's curvature for the standard error. */
static void search_phi(struct inertia *s) {
  double low = -0.98, high = 0.98, least = INFINITY, at = 0, golden = 0.6180339887498949, step = 1e-3;
  for (int i = -9; i <= 9; i++) {
    double f = deviance_at(s, 0.1 * i);
    if (f < least) {
      least = f;
      at = 0.1 * i;
    }
  }
  low = at - 0.1 > low ? at - 0.1 : low;
  high = at + 0.1 < high ? at + 0.1 : high;
  double a = high - golden * (high - low), b = low + golden * (high - low), fa = deviance_at(s, a),
         fb = deviance_at(s, b);
  while (high - low > 1e-7) {
    if (fa < fb) {
      high = b;
      b = a;
      fb = fa;
      fa = deviance_at(s, a = high - golden * (high - low));
    } else {
      low = a;
      a = b;
      fa = fb;
      fb = deviance_at(s, b = low + golden * (high - low));
    }
  }
  double phi = (low + high) / 2, left = deviance_at(s, phi - step), right = deviance_at(s, phi + step);
  s->best.deviance = deviance_at(s, phi);
  double curvature = (left - 2 * s->best.deviance + right) / (step * step);
  s->best.phi = phi;
  s->best.se = curvature > 0 && fabs(phi) < 0.97 ? sqrt(2 / curvature) : NAN;
}

static enum stats_status check_visits(const struct inertia *s, struct stats_error *error) {
  for (size_t i = 1; i < s->count; i++)
    if (s->visit[i].patient == s->visit[i - 1].patient && !(s->visit[i].session - s->visit[i - 1].session >= 1))
      return model_fail(error, STATS_BAD_DATA, "session",
                        "a patient has two ratings less than one session apart (data rows %zu "
                        "and %zu)",
                        s->visit[i - 1].row + 1, s->visit[i].row + 1);
  return STATS_OK;
}

enum stats_status stats_inertia_fit(const struct stats_series *series, const struct stats_memory *memory,
                                    const struct stats_scratch *scratch, struct stats_inertia *out,
                                    struct stats_error *error) {
  size_t rows = series->rows, patients = series->patients;
  struct inertia s = {.x = series->x, .patients = patients, .scratch = scratch};
  s.visit = ordered_visits(series, memory, &s.count);
  s.y = model_take(memory, rows, sizeof *s.y);
  s.one = model_take(memory, rows, sizeof *s.one);
  s.code = model_take(memory, rows, sizeof *s.code);
  s.level = model_take(memory, patients, sizeof *s.level);
  if (!s.visit || !s.y || !s.one || !s.code || !s.level) return model_no_memory(error);
  enum stats_status status = check_visits(&s, error);
  if (status) return status;
  for (size_t i = 0; i < patients; i++) s.level[i] = "";
  for (size_t i = 0; i < s.count; i++) {
    s.code[i] = s.visit[i].patient;
    s.best.patients += i == 0 || s.code[i] != s.code[i - 1];
  }
  s.best.rows = s.count;
  if (s.best.patients < 2 || s.count <= s.best.patients + 2)
    return model_fail(error, STATS_BAD_DATA, "",
                      "there are %zu ratings of %zu patients: too few to estimate a carry-over", s.count,
                      s.best.patients);
  search_phi(&s);
  if (!isfinite(s.best.deviance))
    return model_fail(error, STATS_NOT_FITTED, "", "the carry-over model has no finite optimum in these data");
  *out = s.best;
  return STATS_OK;
}
