#include "cli/power_design.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "attune/stats_math.h"
#include "base/buf.h"
#include "base/json.h"

#define FILE_MAXIMUM ((size_t)4 << 20)
#define NUMBER_MAXIMUM 1e9 /* of every number, in size: squares and products stay far from the end of doubles */

/* What is being read, for sentences. */
struct reading {
  struct power_file *file;
  struct stats_power_design *design;
  const char *path; /* what the text is called */
  struct arena *arena;
  struct error *error;
};

static enum err refuse(struct reading *r, const char *key, const char *sentence) {
  return fail(r->error, ERR_INPUT, "design-refused", key, "%s: \"%s\" %s", r->path, key, sentence);
}

/* ---- values ---- */

/* A number under `key`; *value stays when the key is not there. */
static enum err number_of(struct reading *r, const json_t *object, const char *key, double *value) {
  const json_t *found = json_object_get(object, key);
  if (!found) return OK;
  if (!json_is_number(found)) return refuse(r, key, "is not a number");
  if (!(fabs(json_number_value(found)) <= NUMBER_MAXIMUM))
    return refuse(r, key, "is beyond 1e9; numbers are at most that in size");
  *value = json_number_value(found);
  return OK;
}

static enum err at_least_zero(struct reading *r, const json_t *object, const char *key, double *value) {
  enum err err = number_of(r, object, key, value);
  if (!err && !(*value >= 0)) return refuse(r, key, "is below 0; it must be 0 or more");
  return err;
}

static bool is_count(const json_t *value) {
  return json_is_number(value) && json_number_value(value) >= 0 && json_number_value(value) <= 100000 &&
         json_number_value(value) == floor(json_number_value(value));
}

/* Keys that mean nothing are refused: a misspelt key must not become a default. */
static enum err only_keys(struct reading *r, const json_t *object, const char *where, const char *const *known) {
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)(uintptr_t)object, key, value) {
    bool found = false;
    for (size_t i = 0; known[i]; i++) found |= !strcmp(known[i], key);
    if (found) continue;
    struct buf list = buf_in(r->arena, 256);
    for (size_t i = 0; known[i]; i++) buf_addf(&list, "%s%s", i ? ", " : "", known[i]);
    return fail(r->error, ERR_INPUT, "design-key", key, "%s: %s has no key \"%.40s\"; it may hold %s", r->path, where,
                key, list.data);
  }
  return OK;
}

static int arm_named(const struct reading *r, const char *name) {
  for (size_t a = 0; a < r->design->arms; a++)
    if (!strcmp(r->file->arm_name[a], name)) return (int)a;
  return -1;
}

/* Whether an object holds something by arm: its first key is an arm's name. */
static bool by_arm(const struct reading *r, const json_t *value) {
  void *first = json_object_iter((json_t *)(uintptr_t)value);
  return first && arm_named(r, json_object_iter_key(first)) >= 0;
}

/* The arms' names, for only_keys(). */
static const char *const *arm_names(const struct reading *r) {
  const char **names = arena_array(r->arena, STATS_POWER_ARMS + 1, sizeof *names);
  for (size_t a = 0; a < r->design->arms; a++) names[a] = r->file->arm_name[a];
  return names;
}

typedef enum err read_arm(struct reading *r, const json_t *value, const char *key, struct stats_arm *arm);

/* Reads a value that may be one for all arms or an object by arm. */
static enum err each_arm(struct reading *r, const json_t *root, const char *key, read_arm *read) {
  const json_t *value = json_object_get(root, key);
  enum err err = OK;
  if (!value) return OK;
  bool apart = json_is_object(value) && by_arm(r, value);
  if (apart && json_object_size(value) != r->design->arms) return refuse(r, key, "does not name every arm once");
  for (size_t a = 0; a < r->design->arms && !err; a++) {
    const json_t *own = apart ? json_object_get(value, r->file->arm_name[a]) : value;
    err = own ? read(r, own, key, &r->design->arm[a]) : refuse(r, key, "does not name every arm");
  }
  return err;
}

/* ---- arms, therapists, patients ---- */

static enum err read_arms(struct reading *r, const json_t *root) {
  const json_t *arms = json_object_get(root, "arms");
  r->design->arms = 2;
  r->file->arm_name[0] = "control";
  r->file->arm_name[1] = "programme";
  if (!arms) return OK;
  if (!json_is_array(arms) || json_array_size(arms) < 2 || json_array_size(arms) > STATS_POWER_ARMS)
    return refuse(r, "arms", "is not a list of 2 to 8 names");
  r->design->arms = json_array_size(arms);
  for (size_t a = 0; a < r->design->arms; a++) r->file->arm_name[a] = "";
  for (size_t a = 0; a < r->design->arms; a++) {
    const char *name = json_string_value(json_array_get(arms, a));
    if (!name || !*name) return refuse(r, "arms", "holds something that is not a name");
    if (arm_named(r, name) >= 0) return refuse(r, "arms", "names an arm twice");
    r->file->arm_name[a] = arena_text(r->arena, name);
  }
  return OK;
}

static enum err read_therapists(struct reading *r, const json_t *value, const char *key, struct stats_arm *arm) {
  if (!is_count(value)) return refuse(r, key, "is not a whole number of therapists in each arm, 2 to 100,000");
  arm->patients.therapists = (size_t)json_number_value(value);
  return OK;
}

static enum err read_size_list(struct reading *r, const json_t *value, const char *key, struct stats_arm_sizes *sizes) {
  size_t count = json_array_size(value), *list = arena_array(r->arena, count + 1, sizeof *list);
  for (size_t i = 0; i < count; i++) {
    if (!is_count(json_array_get(value, i)))
      return refuse(r, key, "lists something that is not a whole number of 0 to 100,000");
    list[i] = (size_t)json_number_value(json_array_get(value, i));
  }
  if (sizes->therapists && sizes->therapists != count)
    return refuse(r, key, "does not list as many sizes as the arm has therapists");
  sizes->therapists = count;
  sizes->sizes = STATS_SIZES_LISTED;
  sizes->list = list;
  return OK;
}

static enum err read_patients(struct reading *r, const json_t *value, const char *key, struct stats_arm *arm) {
  static const char *const poisson_keys[] = {"mean", "least", NULL}, *const uniform_keys[] = {"from", "to", NULL};
  struct stats_arm_sizes *sizes = &arm->patients;
  if (json_is_array(value)) return read_size_list(r, value, key, sizes);
  if (is_count(value)) {
    sizes->fixed = (size_t)json_number_value(value);
    return OK;
  }
  if (!json_is_object(value))
    return refuse(r, key, "is not a number, a list of sizes, {\"mean\": M} or {\"from\": A, \"to\": B}");
  enum err err;
  if (json_object_get(value, "mean")) {
    const json_t *least = json_object_get(value, "least");
    if ((err = only_keys(r, value, "\"patients\"", poisson_keys))) return err;
    if ((err = at_least_zero(r, value, "mean", &sizes->mean))) return err;
    if (least && !is_count(least)) return refuse(r, key, "takes a whole number \"least\" of 0 to 100,000");
    sizes->least = least ? (size_t)json_number_value(least) : 0;
    sizes->sizes = STATS_SIZES_POISSON;
    return OK;
  }
  const json_t *from = json_object_get(value, "from"), *to = json_object_get(value, "to");
  if ((err = only_keys(r, value, "\"patients\"", uniform_keys))) return err;
  if (!is_count(from) || !is_count(to))
    return refuse(r, key, "takes whole numbers \"from\" and \"to\" of 0 to 100,000");
  sizes->least = (size_t)json_number_value(from);
  sizes->most = (size_t)json_number_value(to);
  sizes->sizes = STATS_SIZES_UNIFORM;
  return OK;
}

static enum err read_partial_nesting(struct reading *r, const json_t *root) {
  const json_t *value = json_object_get(root, "without_therapists");
  if (!value) return OK;
  size_t count = json_is_array(value) ? json_array_size(value) : 1;
  for (size_t i = 0; i < count; i++) {
    const char *name = json_string_value(json_is_array(value) ? json_array_get(value, i) : value);
    if (!name || arm_named(r, name) < 0) return refuse(r, "without_therapists", "does not name an arm");
    r->design->arm[arm_named(r, name)].patients.no_therapists = true;
  }
  return OK;
}

/* ---- sessions and dropout ---- */

static enum err read_times(struct reading *r, const json_t *root) {
  const json_t *sessions = json_object_get(root, "sessions"), *times = json_object_get(root, "times");
  struct stats_power_design *d = r->design;
  if ((sessions != NULL) == (times != NULL)) return refuse(r, "sessions", "or \"times\": give one of them");
  if (sessions) {
    if (!is_count(sessions) || json_number_value(sessions) < 2 || json_number_value(sessions) > STATS_POWER_TIMES)
      return refuse(r, "sessions", "is not a whole number of 2 to 200");
    d->times = (size_t)json_number_value(sessions);
    for (size_t t = 0; t < d->times; t++) d->time[t] = (double)t;
    return OK;
  }
  if (!json_is_array(times) || json_array_size(times) < 2 || json_array_size(times) > STATS_POWER_TIMES)
    return refuse(r, "times", "is not a list of 2 to 200 numbers");
  d->times = json_array_size(times);
  for (size_t t = 0; t < d->times; t++) {
    if (!json_is_number(json_array_get(times, t))) return refuse(r, "times", "lists something that is not a number");
    d->time[t] = json_number_value(json_array_get(times, t));
    if (!(fabs(d->time[t]) <= NUMBER_MAXIMUM)) return refuse(r, "times", "lists a number beyond 1e9 in size");
    if (t && !(d->time[t] > d->time[t - 1])) return refuse(r, "times", "does not increase from session to session");
  }
  return OK;
}

/* `share` of those who give one session do not give the next. */
static void drop_by_session(struct stats_power_design *d, struct stats_arm *arm, double share) {
  for (size_t t = 1; t < d->times; t++) arm->kept[t] = arm->kept[t - 1] * (1 - share);
}

/* Survival (1 - share)^(u^shape), u the time from the first session in units of the whole: `share` are gone at the
 * last. */
static void drop_weibull(struct stats_power_design *d, struct stats_arm *arm, double share, double shape) {
  for (size_t t = 1; t < d->times; t++) {
    double u = (d->time[t] - d->time[0]) / (d->time[d->times - 1] - d->time[0]);
    double kept = stats_exp(stats_log(1 - share) * stats_exp(shape * stats_log(u)));
    arm->kept[t] = kept < arm->kept[t - 1] ? kept : arm->kept[t - 1]; /* the last bit may rise */
  }
}

static enum err read_dropout(struct reading *r, const json_t *value, const char *key, struct stats_arm *arm) {
  static const char *const keys[] = {"per_session", "weibull", NULL}, *const weibull_keys[] = {"share", "shape", NULL};
  const json_t *weibull = json_object_get(value, "weibull");
  double share = 0, shape = 1;
  enum err err = OK;
  if (json_is_object(value)) err = only_keys(r, value, "\"dropout\"", keys);
  if (!err && weibull && (!json_is_object(weibull) || json_object_size(value) > 1))
    return refuse(r, key, "is a share per session or {\"weibull\": {\"share\", \"shape\"}}, not both");
  if (!err && weibull) {
    err = only_keys(r, weibull, "\"weibull\"", weibull_keys);
    if (!err) err = at_least_zero(r, weibull, "share", &share);
    if (!err) err = at_least_zero(r, weibull, "shape", &shape);
    if (!err && (share >= 1 || shape == 0))
      err = refuse(r, key, "takes a Weibull share of 0 to below 1 and a shape above 0");
    if (!err) drop_weibull(r->design, arm, share, shape);
    return err;
  }
  if (!err && json_is_number(value)) share = json_number_value(value);
  if (!err && json_is_object(value)) err = at_least_zero(r, value, "per_session", &share);
  if (err) return err;
  if (!(share >= 0 && share < 1) || (!json_is_number(value) && !json_is_object(value)))
    return refuse(r, key, "is not a share of 0 to below 1 per session");
  drop_by_session(r->design, arm, share);
  return OK;
}

/* ---- variances ---- */

static const char *const variance_keys[] = {"residual",
                                            "patient_intercept",
                                            "patient_slope",
                                            "patient_correlation",
                                            "therapist_intercept",
                                            "therapist_slope",
                                            "therapist_correlation",
                                            NULL};

static enum err read_correlation(struct reading *r, const json_t *object, const char *key, struct stats_level *level) {
  double correlation = 0;
  enum err err = number_of(r, object, key, &correlation);
  if (!err && !(correlation >= -1 && correlation <= 1)) return refuse(r, key, "is not between -1 and 1");
  level->covariance = correlation * sqrt(level->intercept * level->slope);
  return err;
}

static enum err read_correlations(struct reading *r, const json_t *object) {
  enum err err = read_correlation(r, object, "patient_correlation", &r->design->patient);
  return err ? err : read_correlation(r, object, "therapist_correlation", &r->design->therapist);
}

/* Variances, or standard deviations to be squared. */
static enum err read_raw(struct reading *r, const json_t *object, const char *where, bool squares) {
  struct stats_power_design *d = r->design;
  double *value[] = {&d->residual, &d->patient.intercept, &d->patient.slope, &d->therapist.intercept,
                     &d->therapist.slope};
  static const char *const keys[] = {"residual", "patient_intercept", "patient_slope", "therapist_intercept",
                                     "therapist_slope"};
  enum err err = only_keys(r, object, where, variance_keys);
  for (size_t i = 0; i < 5 && !err; i++) {
    err = at_least_zero(r, object, keys[i], value[i]);
    if (squares) *value[i] *= *value[i];
  }
  return err ? err : read_correlations(r, object);
}

/* Shares: icc_patient and icc_therapist of the variance at time 0, icc_slope of the slopes' variance, and that over the
 * residual variance. */
static enum err read_standardised(struct reading *r, const json_t *object) {
  static const char *const keys[] = {
      "icc_patient",         "icc_therapist",         "icc_slope", "variance_ratio", "residual",
      "patient_correlation", "therapist_correlation", NULL};
  double icc_patient = 0, icc_therapist = 0, icc_slope = 0, ratio = 0, residual = 1;
  struct stats_power_design *d = r->design;
  enum err err = only_keys(r, object, "\"standardised\"", keys);
  if (!err) err = at_least_zero(r, object, "icc_patient", &icc_patient);
  if (!err) err = at_least_zero(r, object, "icc_therapist", &icc_therapist);
  if (!err) err = at_least_zero(r, object, "icc_slope", &icc_slope);
  if (!err) err = at_least_zero(r, object, "variance_ratio", &ratio);
  if (!err) err = at_least_zero(r, object, "residual", &residual);
  if (err) return err;
  if (!(icc_patient + icc_therapist < 1) || icc_slope > 1)
    return refuse(r, "standardised", "leaves no share to the residual");
  double total = residual / (1 - icc_patient - icc_therapist);
  d->residual = residual;
  d->patient.intercept = icc_patient * total;
  d->therapist.intercept = icc_therapist * total;
  d->patient.slope = (1 - icc_slope) * ratio * residual;
  d->therapist.slope = icc_slope * ratio * residual;
  return read_correlations(r, object);
}

static enum err read_variances(struct reading *r, const json_t *root) {
  static const char *const keys[] = {"variances", "sds", "standardised"};
  int given = 0;
  for (int i = 0; i < 3; i++) given += json_object_get(root, keys[i]) != NULL;
  if (given != 1) return refuse(r, "variances", "or \"sds\" or \"standardised\": give one of them");
  for (int i = 0; i < 3; i++) {
    const json_t *object = json_object_get(root, keys[i]);
    if (object && !json_is_object(object)) return refuse(r, keys[i], "is not an object");
    if (object) return i == 2 ? read_standardised(r, object) : read_raw(r, object, keys[i], i == 1);
  }
  return OK;
}

/* ---- the model that is fitted ---- */

/* Without "model": what has a variance is estimated, with the correlation where a level has both. */
static void default_level(struct stats_level *level) {
  level->fit_intercept = level->intercept > 0;
  level->fit_slope = level->slope > 0;
  level->fit_covariance = level->fit_intercept && level->fit_slope;
}

static enum err read_model_level(struct reading *r, const json_t *model, const char *key, struct stats_level *level) {
  const json_t *list = json_object_get(model, key);
  if (!list) return OK;
  level->fit_intercept = level->fit_slope = false;
  if (!json_is_array(list)) return refuse(r, key, "is not a list of \"intercept\" and \"slope\"");
  for (size_t i = 0; i < json_array_size(list); i++) {
    const char *name = json_string_value(json_array_get(list, i));
    if (name && !strcmp(name, "intercept"))
      level->fit_intercept = true;
    else if (name && !strcmp(name, "slope"))
      level->fit_slope = true;
    else
      return refuse(r, key, "is not a list of \"intercept\" and \"slope\"");
  }
  level->fit_covariance = level->fit_intercept && level->fit_slope;
  return OK;
}

static enum err read_model(struct reading *r, const json_t *root) {
  static const char *const keys[] = {"patient", "therapist", "correlated", NULL};
  const json_t *model = json_object_get(root, "model"), *correlated = json_object_get(model, "correlated");
  struct stats_power_design *d = r->design;
  default_level(&d->patient);
  default_level(&d->therapist);
  if (!model) return OK;
  if (!json_is_object(model)) return refuse(r, "model", "is not an object");
  enum err err = only_keys(r, model, "\"model\"", keys);
  if (!err) err = read_model_level(r, model, "patient", &d->patient);
  if (!err) err = read_model_level(r, model, "therapist", &d->therapist);
  if (!err && correlated && !json_is_boolean(correlated)) err = refuse(r, "correlated", "is not true or false");
  if (correlated && json_is_false(correlated)) d->patient.fit_covariance = d->therapist.fit_covariance = false;
  return err;
}

/* ---- effect and test ---- */

static double sd_at(const struct stats_power_design *d, double time) {
  const struct stats_level *u = &d->patient, *v = &d->therapist;
  return sqrt(d->residual + u->intercept + v->intercept + 2 * time * (u->covariance + v->covariance) +
              time * time * (u->slope + v->slope));
}

/* One arm's difference from the first arm: a slope, {"slope", "intercept"}, or {"cohens_d", "by"}. */
static enum err read_effect(struct reading *r, const json_t *value, const char *key, struct stats_arm *arm) {
  static const char *const keys[] = {"slope", "intercept", "cohens_d", "by", NULL};
  const struct stats_power_design *d = r->design;
  if (json_is_number(value)) {
    arm->slope = json_number_value(value);
    return fabs(arm->slope) <= NUMBER_MAXIMUM ? OK : refuse(r, key, "is beyond 1e9; numbers are at most that in size");
  }
  if (!json_is_object(value)) return refuse(r, key, "is not a number or an object");
  enum err err = only_keys(r, value, "\"effect\"", keys);
  if (!err) err = number_of(r, value, "slope", &arm->slope);
  if (!err) err = number_of(r, value, "intercept", &arm->intercept);
  if (err || !json_object_get(value, "cohens_d")) return err;
  double cohens_d = 0, first = d->time[0], last = d->time[d->times - 1];
  const json_t *asked = json_object_get(value, "by");
  const char *by = asked ? json_string_value(asked) : "pretest";
  if (json_object_get(value, "slope")) return refuse(r, key, "gives both \"slope\" and \"cohens_d\"");
  if (!by || (strcmp(by, "pretest") != 0 && strcmp(by, "posttest") != 0))
    return refuse(r, "by", "is not \"pretest\" or \"posttest\"");
  err = number_of(r, value, "cohens_d", &cohens_d);
  arm->slope = cohens_d * sd_at(d, strcmp(by, "pretest") != 0 ? last : first) / (last - first);
  return err;
}

static enum err read_effects(struct reading *r, const json_t *root) {
  const json_t *value = json_object_get(root, "effect");
  struct stats_power_design *d = r->design;
  enum err err = OK;
  if (!value) return refuse(r, "effect", "is missing: the difference in slope per unit of time");
  bool apart = json_is_object(value) && by_arm(r, value);
  if (apart) err = only_keys(r, value, "\"effect\"", arm_names(r));
  for (size_t a = 0; a < d->arms && !err; a++) {
    const json_t *own = apart ? json_object_get(value, r->file->arm_name[a]) : a ? value : NULL;
    if (own) err = read_effect(r, own, "effect", &d->arm[a]);
  }
  static const char *const base_keys[] = {"intercept", "slope", NULL};
  double base[2] = {0, 0};
  const json_t *first = json_object_get(root, "first_arm");
  if (!err && first && !json_is_object(first)) err = refuse(r, "first_arm", "is not {\"intercept\", \"slope\"}");
  if (!err && first) err = only_keys(r, first, "\"first_arm\"", base_keys);
  if (!err && first) err = number_of(r, first, "intercept", &base[0]);
  if (!err && first) err = number_of(r, first, "slope", &base[1]);
  for (size_t a = 0; a < d->arms; a++) {
    d->arm[a].intercept += base[0];
    d->arm[a].slope += base[1];
  }
  return err;
}

static enum err read_test(struct reading *r, const json_t *root) {
  struct stats_power_design *d = r->design;
  const json_t *test = json_object_get(root, "test"), *compare = json_object_get(root, "compare");
  const char *name = json_string_value(test);
  d->from = 0;
  d->to = 1;
  d->weight[1] = 1;
  if (compare) {
    const char *one = json_string_value(json_array_get(compare, 0)),
               *other = json_string_value(json_array_get(compare, 1));
    int from = one ? arm_named(r, one) : -1, to = other ? arm_named(r, other) : -1;
    if (json_array_size(compare) != 2 || from < 0 || to < 0) return refuse(r, "compare", "is not a list of two arms");
    d->from = (size_t)from;
    d->to = (size_t)to;
  }
  if (!test || (name && !strcmp(name, "slope"))) return OK;
  if (name && !strcmp(name, "intercept")) {
    d->weight[0] = 1;
    d->weight[1] = 0;
    return OK;
  }
  if (!json_is_object(test) || json_object_size(test) != 1 || !json_object_get(test, "at"))
    return refuse(r, "test", "is not \"slope\", \"intercept\" or {\"at\": TIME}");
  d->weight[0] = 1;
  return number_of(r, test, "at", &d->weight[1]);
}

/* ---- the file ---- */

static enum err read_bytes(const struct reading *r, char **text, size_t *length) {
  FILE *in = fopen(r->path, "rb");
  if (!in)
    return fail(r->error, ERR_MISSING, "design-open", r->path, "%s could not be opened: %s", r->path, strerror(errno));
  *text = arena_alloc(r->arena, FILE_MAXIMUM + 1);
  *length = fread(*text, 1, FILE_MAXIMUM + 1, in);
  bool broken = ferror(in);
  fclose(in);
  if (broken) return fail(r->error, ERR_STORE, "design-read", r->path, "%s could not be read", r->path);
  if (*length > FILE_MAXIMUM)
    return fail(r->error, ERR_LIMIT, "design-size", r->path, "%s is larger than 4 MiB", r->path);
  return OK;
}

static const char *const design_keys[] = {
    "name", "arms",         "therapists", "patients", "without_therapists", "sessions", "times", "dropout", "variances",
    "sds",  "standardised", "model",      "effect",   "first_arm",          "compare",  "test",  "alpha",   NULL};

bool power_design_has_key(const char *key) {
  for (size_t i = 0; design_keys[i]; i++)
    if (!strcmp(design_keys[i], key)) return true;
  return false;
}

static enum err read_root(struct reading *r, const json_t *root) {
  if (!json_is_object(root))
    return fail(r->error, ERR_INPUT, "design-refused", r->path, "%s is not a JSON object", r->path);
  enum err err = only_keys(r, root, "the design", design_keys);
  if (!err) err = read_arms(r, root);
  for (size_t a = 0; a < r->design->arms && !err; a++) r->design->arm[a].patients.fixed = 1;
  if (!err) err = read_times(r, root);
  for (size_t a = 0; a < r->design->arms; a++)
    for (size_t t = 0; t < r->design->times; t++) r->design->arm[a].kept[t] = 1;
  if (!err) err = each_arm(r, root, "therapists", read_therapists);
  if (!err && !json_object_get(root, "patients"))
    err = refuse(r, "patients", "is missing: patients for each therapist");
  if (!err) err = each_arm(r, root, "patients", read_patients);
  if (!err) err = read_partial_nesting(r, root);
  if (!err) err = each_arm(r, root, "dropout", read_dropout);
  if (!err) err = read_variances(r, root);
  if (!err) err = read_model(r, root);
  if (!err) err = read_effects(r, root);
  if (!err) err = read_test(r, root);
  if (!err) err = number_of(r, root, "alpha", &r->file->alpha);
  if (!err && !(r->file->alpha > 0 && r->file->alpha < 1)) err = refuse(r, "alpha", "is not between 0 and 1");
  return err;
}

enum err power_design_parse(struct power_file *file, const char *text, size_t length, const char *name,
                            struct arena *arena, struct error *error) {
  json_t *root = NULL;
  *file = (struct power_file){.alpha = 0.05};
  struct reading reading = {file, &file->design, name, arena, error};
  enum err err = json_read(&root, text, length, name, error);
  if (err) return err;
  err = read_root(&reading, root);
  json_decref(root);
  struct stats_error why;
  if (!err && stats_power_check(&file->design, &why))
    return fail(error, ERR_INPUT, "design-refused", why.field, "%s: %s", name, why.text);
  return err;
}

enum err power_design_read(struct power_file *file, const char *path, struct arena *arena, struct error *error) {
  char *text = NULL;
  size_t length = 0;
  const struct reading reading = {.path = path, .arena = arena, .error = error};
  enum err err = read_bytes(&reading, &text, &length);
  return err ? err : power_design_parse(file, text, length, path, arena, error);
}
