/* attune simulate: a trial of made-up people as CSV, with its truth. */
#include <stdlib.h>
#include <sys/stat.h>

#include "attune/alliance.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/simulate.h"

#define DESIGN_MAXIMUM (1 << 20)

/* ---- the design ---- */

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
  return fail(error, ERR_INPUT, "design-shares", key, "'%s' must be a list of %d shares, not all 0", key, count);
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
  if (!scale) return OK;
  const json_t *low = json_array_get(scale, 0), *high = json_array_get(scale, 1), *step = json_array_get(scale, 2);
  bool good = json_is_number(low) && json_is_number(high) && (!step || json_is_number(step));
  truth->bounded = true;
  truth->low = json_number_value(low);
  truth->high = json_number_value(high);
  truth->step = step ? json_number_value(step) : 0;
  good = good && truth->low >= -ALLIANCE_RATING_MAX && truth->high <= ALLIANCE_RATING_MAX && truth->low < truth->high &&
         truth->step >= 0 && truth->step <= truth->high - truth->low;
  if (good) return OK;
  return fail(error, ERR_INPUT, "design-scale", "scale", "'scale' must be [LOW, HIGH] or [LOW, HIGH, STEP]");
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

/* A key that nothing reads is more likely a slip than a wish. */
static enum err refuse_unknown(json_t *design, struct error *error) {
  static const char known[] =
      " therapists patients sessions raters reports scale depth length course therapist_share missing dropout effect "
      "prevalence perceived residual_correlation level slope level_sd slope_sd residual_sd autocorrelation "
      "report_in_tension report_otherwise therapist_level therapist_slope therapist_level_sd therapist_slope_sd "
      "therapist_residual_sd therapist_autocorrelation therapist_report_in_tension therapist_report_otherwise ";
  const char *key;
  json_t *value;
  json_object_foreach(design, key, value) {
    char padded[80];
    snprintf(padded, sizeof padded, " %s ", key);
    if (strlen(key) > 70 || strchr(key, ' ') || !strstr(known, padded))
      return fail(error, ERR_INPUT, "design-key", key,
                  "'%.60s' is no key of a design; 'attune simulate --help' lists them", key);
  }
  return OK;
}

static enum err read_raters(const json_t *design, struct alliance_world *w, struct error *error) {
  const char *raters = json_text(design, "raters", "both");
  if (strcmp(raters, "both") && strcmp(raters, "patient") && strcmp(raters, "therapist"))
    return fail(error, ERR_INPUT, "design-raters", "raters", "'raters' must be both, patient or therapist");
  w->truth.rater[ALLIANCE_PATIENT].used = strcmp(raters, "therapist") != 0;
  w->truth.rater[ALLIANCE_THERAPIST].used = strcmp(raters, "patient") != 0;
  w->truth.reports = json_flag(design, "reports", 1);
  return OK;
}

enum err simulate_design_read(struct alliance_world *world, const char *text, size_t length, const char *name,
                              struct error *error) {
  json_t *design;
  *world = alliance_world_default();
  enum err err = json_read(&design, text, length, name, error);
  if (err) return err;
  if (!json_is_object(design))
    err = fail(error, ERR_INPUT, "design-object", name, "%s must hold one JSON object", name);
  if (!err) err = refuse_unknown(design, error);
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

/* ---- the rows ---- */

static void print_patient(FILE *out, const struct alliance_world *w, uint64_t seed, uint32_t therapist,
                          uint32_t patient) {
  static const char *const raters[ALLIANCE_RATERS] = {"patient", "therapist"};
  struct alliance_session sessions[ALLIANCE_SESSIONS_MAX];
  struct alliance_truth truth;
  int held = alliance_simulate_patient(sessions, &truth, w, seed, therapist, patient);
  for (int t = 0; t < held; t++)
    for (int r = 0; r < ALLIANCE_RATERS; r++) {
      if (!w->truth.rater[r].used) continue;
      const struct alliance_session *s = &sessions[t];
      fprintf(out, "%u,%d,%llu,%d,%s,", therapist + 1, truth.programme,
              (unsigned long long)therapist * (unsigned)w->patients + patient + 1, t + 1, raters[r]);
      if (s->rated[r]) fprintf(out, "%.10g", s->rating[r]);
      fprintf(out, ",");
      if (s->reported[r] >= 0) fprintf(out, "%d", s->reported[r]);
      bool in = truth.tension && t >= truth.begins && t < truth.ends;
      fprintf(out, ",%d,%d\n", in, truth.tension && t == truth.ends);
    }
}

bool simulate_print(FILE *out, const struct alliance_world *world, uint64_t seed) {
  fprintf(out, "therapist,programme,patient,session,rater,rating,reported,true_tension,true_repair\n");
  for (int therapist = 0; therapist < world->therapists; therapist++)
    for (int patient = 0; patient < world->patients; patient++)
      print_patient(out, world, seed, (uint32_t)therapist, (uint32_t)patient);
  return fflush(out) == 0 && !ferror(out);
}

/* ---- the command ---- */

static enum err read_file(struct arena *arena, const char *path, char **text, size_t *length, struct error *error) {
  struct stat status;
  FILE *file = fopen(path, "rb");
  if (!file) return fail(error, ERR_MISSING, "design-open", path, "%s could not be opened", path);
  *text = arena_alloc(arena, DESIGN_MAXIMUM + 1);
  *length = 0;
  bool directory = fstat(fileno(file), &status) || S_ISDIR(status.st_mode);
  if (!directory) *length = fread(*text, 1, DESIGN_MAXIMUM + 1, file);
  bool bad = ferror(file) != 0;
  fclose(file);
  if (directory || bad) return fail(error, ERR_INPUT, "design-read", path, "%s is no file with a design in JSON", path);
  if (*length > DESIGN_MAXIMUM) return fail(error, ERR_LIMIT, "design-long", path, "%s is longer than 1 MiB", path);
  return OK;
}

int command_simulate(int argc, char **argv) {
  int64_t seed = 1;
  const struct option options[] = {{"seed", "S", "the same seed gives the same bytes anywhere (1)", .integer = &seed},
                                   {.name = NULL}};
  struct arguments arguments = {
      .usage = "attune simulate DESIGN.json [--seed S]",
      .about =
          "Prints a trial of made-up people as CSV, with its truth (true_tension: in a tension at this session;\n"
          "true_repair: back at this session). Keys of the design, all optional: therapists, patients (of each),\n"
          "sessions, raters (both, patient, therapist), reports (true, false), scale ([low, high, step]), prevalence,\n"
          "level, slope, level_sd, slope_sd, residual_sd, autocorrelation, report_in_tension, report_otherwise (and\n"
          "the same with therapist_ before them), therapist_share, residual_correlation, missing, dropout, effect\n"
          "(on the slope in the programme's arm), perceived (both, patient only, therapist only), depth (shares of 1,\n"
          "2, 3, 4 residual SDs), length (1, 2, 3 sessions, to the end), course (sudden, slow fall, slow return,\n"
          "slow both ways, half repaired). {} is the default trial.",
      .options = options,
      .least = 1,
      .most = 1};
  int code = arguments_read(&arguments, argc, argv);
  if (code >= 0) return code;
  struct arena arena;
  struct error error;
  struct alliance_world world;
  char *text = NULL;
  size_t length = 0;
  arena_init(&arena, 0);
  enum err err = read_file(&arena, arguments.words[0], &text, &length, &error);
  if (!err) err = simulate_design_read(&world, text, length, arguments.words[0], &error);
  arena_free(&arena);
  if (!err && !simulate_print(stdout, &world, (uint64_t)seed))
    err = fail(&error, ERR_STORE, "simulate-write", "", "the trial could not be written");
  return err ? say_no(&error) : EXIT_DONE;
}
