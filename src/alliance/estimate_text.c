/* An estimate as text: `key=value` lines in a fixed order, 17 significant digits. */
#include <stdio.h>
#include <stdlib.h>

#include "alliance/engine.h"

/* Every figure of an estimate in its order; `visit` reads or writes one. */
typedef bool visit_figure(void *state, const char *name, double *value);

/* Figures that count: what is no count becomes -1, which is refused. */
static int count_of(double x) {
  return x >= 0 && x <= 2147483647.0 ? (int)x : -1;
}

/* What version 3 has and version 2 had not. */
static bool visit_later(struct alliance_estimate *e, visit_figure *visit, void *state) {
  static const char *const raters[ALLIANCE_RATERS] = {"patient", "therapist"};
  char name[64];
  bool good = visit(state, "spread", &e->spread) && visit(state, "tail_df", &e->tail_df) &&
              visit(state, "tail_scale", &e->tail_scale) && visit(state, "furthest", &e->furthest);
  for (int r = 0; good && r < ALLIANCE_RATERS; r++) {
    struct alliance_latent *one = &e->latent[r];
    const struct {
      const char *name;
      double *value;
    } figures[] = {{"level", &one->level},
                   {"level_sd", &one->level_sd},
                   {"residual_sd", &one->residual_sd},
                   {"spread", &one->spread}};
    for (size_t k = 0; good && k < sizeof figures / sizeof *figures; k++) {
      snprintf(name, sizeof name, "%s.latent.%s", raters[r], figures[k].name);
      good = visit(state, name, figures[k].value);
    }
  }
  return good;
}

static bool visit_all(struct alliance_estimate *e, visit_figure *visit, void *state) {
  static const char *const raters[ALLIANCE_RATERS] = {"patient", "therapist"};
  double version = e->version, reports = e->reports, bounded = e->bounded, patients = e->patients;
  double ratings = e->ratings, iterations = e->iterations;
  char name[64];
  bool good = visit(state, "version", &version);
  e->version = count_of(version);
  good = good && visit(state, "time_origin", &e->time_origin);
  for (int r = 0; good && r < ALLIANCE_RATERS; r++) {
    struct alliance_rater_estimate *one = &e->rater[r];
    double used = one->used;
    struct {
      const char *name;
      double *value;
    } figures[] = {{"used", &used},
                   {"level", &one->level},
                   {"slope", &one->slope},
                   {"level_sd", &one->level_sd},
                   {"slope_sd", &one->slope_sd},
                   {"level_slope_correlation", &one->level_slope_correlation},
                   {"residual_sd", &one->residual_sd},
                   {"level_se", &one->level_se},
                   {"slope_se", &one->slope_se},
                   {"level_sd_se", &one->level_sd_se},
                   {"residual_sd_se", &one->residual_sd_se},
                   {"autocorrelation", &one->autocorrelation},
                   {"report_in_tension", &one->report_in_tension},
                   {"report_otherwise", &one->report_otherwise}};
    for (size_t k = 0; good && k < sizeof figures / sizeof *figures; k++) {
      snprintf(name, sizeof name, "%s.%s", raters[r], figures[k].name);
      good = visit(state, name, figures[k].value);
    }
    one->used = used != 0;
  }
  good = good && visit(state, "residual_correlation", &e->residual_correlation);
  if (e->version > 2) good = good && visit_later(e, visit, state);
  good = good && visit(state, "prevalence", &e->prevalence);
  for (int k = 0; good && k < ALLIANCE_SHAPES; k++) {
    snprintf(name, sizeof name, "shape.%d", k);
    good = visit(state, name, &e->shape[k]);
  }
  for (int k = 0; good && k < ALLIANCE_CLASSES * ALLIANCE_DEPTHS; k++) {
    snprintf(name, sizeof name, "depth.%d.%d", k / ALLIANCE_DEPTHS, k % ALLIANCE_DEPTHS);
    good = visit(state, name, &e->depth[k / ALLIANCE_DEPTHS][k % ALLIANCE_DEPTHS]);
  }
  for (int k = 0; good && k < 3; k++) {
    snprintf(name, sizeof name, "perceived.%d", k);
    good = visit(state, name, &e->perceived[k]);
  }
  good = good && visit(state, "reports", &reports) && visit(state, "bounded", &bounded);
  good = good && visit(state, "low", &e->low) && visit(state, "high", &e->high) && visit(state, "step", &e->step);
  good = good && visit(state, "patients", &patients) && visit(state, "ratings", &ratings);
  good = good && visit(state, "iterations", &iterations) && visit(state, "log_likelihood", &e->log_likelihood);
  e->reports = reports != 0;
  e->bounded = bounded != 0;
  e->patients = count_of(patients);
  e->ratings = count_of(ratings);
  e->iterations = count_of(iterations);
  return good;
}

/* ---- writing ---- */

struct writer {
  char *text;
  size_t size, length;
};

static bool write_figure(void *state, const char *name, double *value) {
  struct writer *w = state;
  int more = snprintf(w->text + w->length, w->size - w->length, "%s=%.17g\n", name, *value);
  if (more < 0 || (size_t)more >= w->size - w->length) return false;
  w->length += (size_t)more;
  return true;
}

size_t alliance_estimate_write(char *text, size_t size, const struct alliance_estimate *estimate) {
  struct alliance_estimate copy = *estimate;
  struct writer writer = {text, size, 0};
  if (size < 1) return 0;
  text[0] = 0;
  return visit_all(&copy, write_figure, &writer) ? writer.length : 0;
}

/* ---- reading ---- */

struct reader {
  const char *at, *end;
};

static bool read_figure(void *state, const char *name, double *value) {
  struct reader *r = state;
  size_t left = (size_t)(r->end - r->at), length = strlen(name);
  const char *stop = memchr(r->at, '\n', left);
  if (!stop || (size_t)(stop - r->at) < length + 2 || memcmp(r->at, name, length) || r->at[length] != '=') return false;
  const char *from = r->at + length + 1;
  char digits[40], *after;
  size_t count = (size_t)(stop - from);
  if (count >= sizeof digits) return false;
  for (size_t k = 0; k < count; k++)
    if (!strchr("0123456789+-.e", from[k]) || !from[k]) return false;
  memcpy(digits, from, count);
  digits[count] = 0;
  *value = strtod(digits, &after);
  r->at = stop + 1;
  return !*after && *value >= -1e300 && *value <= 1e300;
}

static bool share(double x) {
  return x >= 0 && x <= 1;
}

/* Beyond this the arithmetic has no digits left for s. */
#define SPREAD_MOST 1e4

static bool rater_good(const struct alliance_rater_estimate *r) {
  if (!r->used) return true;
  return r->level >= -ESTIMATE_MOST && r->level <= ESTIMATE_MOST && r->slope >= -ESTIMATE_MOST &&
         r->slope <= ESTIMATE_MOST && r->residual_sd >= 1e-12 && r->residual_sd <= ESTIMATE_MOST && r->level_sd >= 0 &&
         r->level_sd <= SPREAD_MOST * r->residual_sd && r->slope_sd >= 0 &&
         r->slope_sd <= SPREAD_MOST * r->residual_sd && r->level_slope_correlation >= -1 &&
         r->level_slope_correlation <= 1 && r->residual_sd_se >= 0 && r->residual_sd_se <= 2 && r->level_sd_se >= 0 &&
         r->level_sd_se <= 2 && r->level_se >= 0 && r->level_se <= ESTIMATE_MOST && r->slope_se >= 0 &&
         r->slope_se <= ESTIMATE_MOST && r->autocorrelation >= 0 && r->autocorrelation <= 0.95 &&
         r->report_otherwise > 0 && r->report_otherwise < 1 && r->report_in_tension > 0 && r->report_in_tension < 1;
}

static bool later_good(const struct alliance_estimate *e) {
  bool good = e->spread >= 0 && e->spread <= SPREAD_LARGEST && (e->tail_df == 0 || (e->tail_df > 2 && e->tail_df <= 1000)) &&
              (e->tail_df == 0 || (e->tail_scale > 0 && e->tail_scale <= 10)) && e->furthest >= 0 && e->furthest <= 1e6;
  for (int r = 0; r < ALLIANCE_RATERS; r++) {
    const struct alliance_latent *one = &e->latent[r];
    good = good && one->level >= -ESTIMATE_MOST && one->level <= ESTIMATE_MOST && one->level_sd >= 0 &&
           one->level_sd <= ESTIMATE_MOST && one->residual_sd >= 0 && one->residual_sd <= ESTIMATE_MOST &&
           one->spread >= 0 && one->spread <= SPREAD_LARGEST;
  }
  return good;
}

static bool estimate_good(const struct alliance_estimate *e) {
  bool good = (e->version == ALLIANCE_ESTIMATE_VERSION || e->version == 2) && share(e->prevalence) && later_good(e) && e->residual_correlation > -1 &&
              e->residual_correlation < 1 && (e->rater[0].used || e->rater[1].used) &&
              e->time_origin >= -ESTIMATE_MOST && e->time_origin <= ESTIMATE_MOST && e->patients >= 0 &&
              e->ratings >= 0 && e->iterations >= 0;
  for (int c = 0; c < ALLIANCE_CLASSES; c++)
    for (int k = 0; k < ALLIANCE_DEPTHS; k++) good = good && share(e->depth[c][k]);
  for (int k = 0; k < ALLIANCE_SHAPES; k++) good = good && share(e->shape[k]);
  for (int k = 0; k < 3; k++) good = good && share(e->perceived[k]);
  for (int r = 0; r < ALLIANCE_RATERS; r++) good = good && rater_good(&e->rater[r]);
  return good &&
         (!e->bounded || (e->low < e->high && e->step >= 0 && e->low >= -ESTIMATE_MOST && e->high <= ESTIMATE_MOST));
}

bool alliance_estimate_read(struct alliance_estimate *estimate, const char *text, size_t length) {
  struct alliance_estimate e = {0};
  struct reader reader = {text, text + length};
  if (!visit_all(&e, read_figure, &reader) || reader.at != reader.end || !estimate_good(&e)) return false;
  *estimate = e;
  return true;
}
