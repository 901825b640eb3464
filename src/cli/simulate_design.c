/* A design of a made-up trial with tensions, from JSON. */
#include "base/json.h"
#include "cli/simulate.h"

#define STEPS_MAXIMUM 1e6

struct design_key {
  const char *name;
  double *value;
  double low, high;
};

static enum err read_shares(const json_t *design, const char *key, double *share, int count, struct error *error) {
  const json_t *list = json_object_get(design, key);
  if (!list) return OK;
  double sum = 0;
  bool good = json_is_array(list) && json_array_size(list) == (size_t)count;
  for (int k = 0; good && k < count; k++) {
    const json_t *one = json_array_get(list, (size_t)k);
    good = json_is_number(one) && json_number_value(one) >= 0 && json_number_value(one) <= 1e6;
    if (good) sum += share[k] = json_number_value(one);
  }
  if (good && sum > 0) return OK;
  return fail(error, ERR_INPUT, "design-shares", key, "'%s' must be a list of %d shares of 0 to 1e6, not all 0", key,
              count);
}

static enum err read_count(const json_t *design, const char *key, int low, int high, int *value, struct error *error) {
  const json_t *one = json_object_get(design, key);
  if (!one) return OK;
  if (!json_is_integer(one) || json_integer_value(one) < low || json_integer_value(one) > high)
    return fail(error, ERR_INPUT, "design-count", key, "'%s' must be a whole number from %d to %d", key, low, high);
  *value = (int)json_integer_value(one);
  return OK;
}

static enum err read_scale(const json_t *design, struct alliance_estimate *truth, struct error *error) {
  const json_t *scale = json_object_get(design, "scale");
  size_t count = json_array_size(scale);
  double value[3] = {0};
  if (!scale) return OK;
  bool good = count == 2 || count == 3;
  for (size_t i = 0; i < count && good; i++) {
    good = json_is_number(json_array_get(scale, i));
    value[i] = json_number_value(json_array_get(scale, i));
  }
  truth->bounded = true;
  truth->low = value[0];
  truth->high = value[1];
  truth->step = value[2];
  double width = truth->high - truth->low;
  good = good && truth->low >= -ALLIANCE_RATING_MAX && truth->high <= ALLIANCE_RATING_MAX && width > 0 &&
         (truth->step == 0 || (truth->step <= width && truth->step * STEPS_MAXIMUM >= width));
  if (good) return OK;
  return fail(error, ERR_INPUT, "design-scale", "scale",
              "'scale' must be [LOW, HIGH] or [LOW, HIGH, STEP], from -1e9 to 1e9 and of at most a million steps");
}

static enum err read_numbers(const json_t *design, struct alliance_world *w, struct error *error) {
  struct alliance_rater_estimate *p = &w->truth.rater[0], *t = &w->truth.rater[1];
  double big = 1e6;
  const struct design_key keys[] = {
      {"therapist_share", &w->therapist_share, 0, 1},
      {"missing", &w->missing, 0, 1},
      {"dropout", &w->dropout, 0, 1},
      {"effect", &w->effect, -big, big},
      {"prevalence", &w->truth.prevalence, 0, 1},
      {"residual_correlation", &w->truth.residual_correlation, -0.99, 0.99},
      {"level", &p->level, -big, big},
      {"slope", &p->slope, -big, big},
      {"level_sd", &p->level_sd, 0, big},
      {"slope_sd", &p->slope_sd, 0, big},
      {"residual_sd", &p->residual_sd, 1e-6, big},
      {"autocorrelation", &p->autocorrelation, 0, 0.95},
      {"report_in_tension", &p->report_in_tension, 0, 1},
      {"report_otherwise", &p->report_otherwise, 0, 1},
      {"therapist_level", &t->level, -big, big},
      {"therapist_slope", &t->slope, -big, big},
      {"therapist_level_sd", &t->level_sd, 0, big},
      {"therapist_slope_sd", &t->slope_sd, 0, big},
      {"therapist_residual_sd", &t->residual_sd, 1e-6, big},
      {"therapist_autocorrelation", &t->autocorrelation, 0, 0.95},
      {"therapist_report_in_tension", &t->report_in_tension, 0, 1},
      {"therapist_report_otherwise", &t->report_otherwise, 0, 1},
  };
  for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
    const json_t *one = json_object_get(design, keys[k].name);
    if (!one) continue;
    double value = json_is_number(one) ? json_number_value(one) : 0;
    if (!json_is_number(one) || !(value >= keys[k].low && value <= keys[k].high))
      return fail(error, ERR_INPUT, "design-number", keys[k].name, "'%s' must be a number from %g to %g", keys[k].name,
                  keys[k].low, keys[k].high);
    *keys[k].value = value;
  }
  return OK;
}

/* Sizes, dropout and effect are keys of both kinds of design. */
static bool is_world_key(const char *key) {
  static const char known[] =
      " therapists patients sessions raters reports scale depth length course therapist_share missing dropout effect "
      "prevalence perceived residual_correlation level slope level_sd slope_sd residual_sd autocorrelation "
      "report_in_tension report_otherwise therapist_level therapist_slope therapist_level_sd therapist_slope_sd "
      "therapist_residual_sd therapist_autocorrelation therapist_report_in_tension therapist_report_otherwise ";
  char padded[80];
  snprintf(padded, sizeof padded, " %s ", key);
  return strlen(key) <= 70 && !strchr(key, ' ') && strstr(known, padded);
}

/* A key that nothing reads is more likely a slip than a wish. */
static enum err refuse_unknown(json_t *design, struct error *error) {
  const char *key;
  json_t *value;
  json_object_foreach(design, key, value) {
    if (is_world_key(key)) continue;
    return fail(error, ERR_INPUT, "design-key", key,
                "'%.60s' is no key of a design; 'attune simulate --help' lists them", key);
  }
  return OK;
}

static enum err read_object(json_t **design, const char *text, size_t length, const char *name, struct error *error) {
  enum err err = json_read(design, text, length, name, error);
  if (err || json_is_object(*design)) return err;
  json_decref(*design);
  return fail(error, ERR_INPUT, "design-object", name, "%s must hold one JSON object", name);
}

enum err simulate_design_kind(bool *power, const char *text, size_t length, const char *name, struct error *error) {
  const char *key, *of_power = NULL, *of_world = NULL;
  json_t *design, *value;
  enum err err = read_object(&design, text, length, name, error);
  if (err) return err;
  json_object_foreach(design, key, value) {
    bool world = is_world_key(key), planned = power_design_has_key(key);
    if (world && !planned) of_world = key;
    if (planned && !world) of_power = key;
  }
  *power = of_power != NULL;
  if (of_power && of_world)
    err = fail(
        error, ERR_INPUT, "design-mixed", of_world,
        "%s: '%.40s' is a key of people with tensions, '%.40s' one of 'attune power': a design is one or the other",
        name, of_world, of_power);
  json_decref(design);
  return err;
}

static enum err read_raters(const json_t *design, struct alliance_world *w, struct error *error) {
  const json_t *given = json_object_get(design, "raters"), *reports = json_object_get(design, "reports");
  const char *raters = given ? json_string_value(given) : "both";
  if (!raters || (strcmp(raters, "both") != 0 && strcmp(raters, "patient") != 0 && strcmp(raters, "therapist") != 0))
    return fail(error, ERR_INPUT, "design-raters", "raters", "'raters' must be both, patient or therapist");
  w->truth.rater[ALLIANCE_PATIENT].used = strcmp(raters, "therapist") != 0;
  w->truth.rater[ALLIANCE_THERAPIST].used = strcmp(raters, "patient") != 0;
  if (reports && !json_is_boolean(reports))
    return fail(error, ERR_INPUT, "design-reports", "reports", "'reports' must be true or false");
  w->truth.reports = !json_is_false(reports);
  return OK;
}

enum err simulate_design_read(struct simulate_plan *plan, const char *text, size_t length, const char *name,
                              struct error *error) {
  struct alliance_world *world = &plan->world;
  json_t *design;
  *plan = (struct simulate_plan){.world = alliance_world_default(),
                                 .allocated = true,
                                 .rated = {UINT64_MAX, UINT64_MAX},
                                 .asked = {UINT64_MAX, UINT64_MAX}};
  enum err err = read_object(&design, text, length, name, error);
  if (err) return err;
  err = refuse_unknown(design, error);
  if (!err) err = read_count(design, "therapists", 1, 1000000, &world->therapists, error);
  if (!err) err = read_count(design, "patients", 1, 10000, &world->patients, error);
  if (!err) err = read_count(design, "sessions", 1, ALLIANCE_SESSIONS_MAX, &world->sessions, error);
  if (!err) err = read_numbers(design, world, error);
  if (!err) err = read_scale(design, &world->truth, error);
  if (!err) err = read_shares(design, "depth", world->depth, 4, error);
  if (!err) err = read_shares(design, "length", world->length, ALLIANCE_LENGTHS, error);
  if (!err) err = read_shares(design, "course", world->course, ALLIANCE_COURSES, error);
  if (!err) err = read_shares(design, "perceived", world->truth.perceived, 3, error);
  if (!err) err = read_raters(design, world, error);
  json_decref(design);
  return err;
}
