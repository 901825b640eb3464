/* attune simulate: a trial of made-up people as CSV, with its truth. */
#include <stdlib.h>
#include <sys/stat.h>

#include "cli/command.h"
#include "cli/options.h"
#include "cli/simulate.h"
#include "cli/study_from.h"

#define DESIGN_MAXIMUM (4 << 20)

/* ---- people with tensions ---- */

static double as_rated(const struct simulate_plan *plan, double rating) {
  return plan->reversed ? plan->world.truth.low + plan->world.truth.high - rating : rating;
}

static void print_patient(FILE *out, const struct simulate_plan *plan, uint64_t seed, uint32_t therapist,
                          uint32_t patient) {
  static const char *const raters[ALLIANCE_RATERS] = {"patient", "therapist"};
  const struct alliance_world *w = &plan->world;
  struct alliance_session sessions[ALLIANCE_SESSIONS_MAX];
  struct alliance_truth truth;
  int held = alliance_simulate_patient(sessions, &truth, w, seed, therapist, patient);
  const char *programme = !plan->allocated ? "" : truth.programme ? "1" : "0";
  for (int t = 0; t < held; t++)
    for (int r = 0; r < ALLIANCE_RATERS; r++) {
      if (!w->truth.rater[r].used || !(plan->rated[r] >> t & 1)) continue;
      const struct alliance_session *s = &sessions[t];
      fprintf(out, "%u,%s,%llu,%d,%s,", therapist + 1, programme,
              (unsigned long long)therapist * (unsigned)w->patients + patient + 1, t + 1, raters[r]);
      if (s->rated[r]) fprintf(out, "%.10g", as_rated(plan, s->rating[r]));
      fprintf(out, ",");
      if (s->reported[r] >= 0 && plan->asked[r] >> t & 1) fprintf(out, "%d", s->reported[r]);
      bool in = truth.tension && t >= truth.begins && t < truth.ends;
      fprintf(out, ",%d,%d\n", in, truth.tension && t == truth.ends);
    }
}

bool simulate_print(FILE *out, const struct simulate_plan *plan, uint64_t seed) {
  fprintf(out, "therapist,programme,patient,session,rater,rating,reported,true_tension,true_repair\n");
  for (int therapist = 0; therapist < plan->world.therapists; therapist++)
    for (int patient = 0; patient < plan->world.patients; patient++)
      print_patient(out, plan, seed, (uint32_t)therapist, (uint32_t)patient);
  return fflush(out) == 0 && !ferror(out);
}

/* ---- a trial as planned with `attune power` ---- */

struct printing {
  FILE *out;
  const struct power_file *file;
};

static void print_name(FILE *out, const char *name) {
  if (!strpbrk(name, ",\"\r\n")) {
    fputs(name, out);
    return;
  }
  fputc('"', out);
  for (; *name; name++) fprintf(out, *name == '"' ? "\"\"" : "%c", *name);
  fputc('"', out);
}

static bool print_row(void *state, const struct stats_power_row *row) {
  const struct printing *p = state;
  fprintf(p->out, "%zu,", row->therapist);
  print_name(p->out, p->file->arm_name[row->arm]);
  fprintf(p->out, ",%zu,%zu,%.10g,patient,%.10g,,0,0\n", row->patient, row->session, row->time, row->rating);
  return !ferror(p->out);
}

static void *take_from_arena(void *state, size_t bytes) {
  return arena_alloc(state, bytes);
}

static enum err not_written(struct error *error) {
  return fail(error, ERR_STORE, "simulate-write", "", "the trial could not be written");
}

enum err simulate_print_power(FILE *out, const struct power_file *file, uint64_t seed, struct arena *arena,
                              struct error *error) {
  const struct stats_memory memory = {take_from_arena, arena};
  struct printing printing = {out, file};
  struct stats_error why;
  fprintf(out, "therapist,arm,patient,session,time,rater,rating,reported,true_tension,true_repair\n");
  if (stats_power_simulate(&file->design, seed, &memory, print_row, &printing, &why))
    return fail(error, ERR_INPUT, "simulate-refused", why.field, "%s", why.text);
  return fflush(out) == 0 && !ferror(out) ? OK : not_written(error);
}

/* ---- the command ---- */

static enum err read_file(struct arena *arena, const char *path, char **text, size_t *length, struct error *error) {
  FILE *file = fopen(path, "rb");
  if (!file) return fail(error, ERR_MISSING, "design-open", path, "%s could not be opened", path);
  *text = arena_alloc(arena, DESIGN_MAXIMUM + 1);
  *length = fread(*text, 1, DESIGN_MAXIMUM + 1, file);
  bool bad = ferror(file) != 0;
  fclose(file);
  if (bad) return fail(error, ERR_INPUT, "design-read", path, "%s is no file with a design in JSON", path);
  if (*length > DESIGN_MAXIMUM) return fail(error, ERR_LIMIT, "design-long", path, "%s is longer than 4 MiB", path);
  return OK;
}

static enum err simulate_design(const char *path, uint64_t seed, struct arena *arena, struct error *error) {
  struct simulate_plan plan;
  struct power_file file;
  char *text = NULL;
  size_t length = 0;
  bool power = false;
  enum err err = read_file(arena, path, &text, &length, error);
  if (!err) err = simulate_design_kind(&power, text, length, path, error);
  if (err) return err;
  if (power) {
    err = power_design_parse(&file, text, length, path, arena, error);
    return err ? err : simulate_print_power(stdout, &file, seed, arena, error);
  }
  err = simulate_design_read(&plan, text, length, path, error);
  return err || simulate_print(stdout, &plan, seed) ? err : not_written(error);
}

static enum err simulate_study(const char *where, uint64_t seed, struct arena *arena, struct error *error) {
  const struct study *study = NULL;
  struct simulate_plan plan;
  enum err err = study_from(&study, where, arena, error);
  if (!err) err = simulate_study_plan(&plan, study, arena, error);
  return err || simulate_print(stdout, &plan, seed) ? err : not_written(error);
}

/* A directory, or no file at all but perhaps the name of a study that travels with the program. */
static bool names_study(const char *where) {
  struct stat status;
  return stat(where, &status) ? !strchr(where, '/') && !strchr(where, '.') : S_ISDIR(status.st_mode);
}

int command_simulate(int argc, char **argv) {
  int64_t seed = 1;
  const struct option options[] = {{"seed", "S", "the same seed gives the same bytes anywhere (1)", .integer = &seed},
                                   {.name = NULL}};
  struct arguments arguments = {
      .usage = "attune simulate STUDY|DESIGN.json [--seed S]",
      .about =
          "Prints a trial of made-up people as CSV, with its truth (true_tension: in a tension at this session;\n"
          "true_repair: back at this session).\n\n"
          "STUDY: a study's directory, or the name of one that travels with the program. Therapists, patients, "
          "sessions,\n"
          "raters, scale and direct reports are the study's; all else is the default trial's.\n\n"
          "DESIGN.json of people with tensions, all keys optional: therapists, patients (of each),\n"
          "sessions, raters (both, patient, therapist), reports (true, false), scale ([low, high, step]), prevalence,\n"
          "level, slope, level_sd, slope_sd, residual_sd, autocorrelation, report_in_tension, report_otherwise (and\n"
          "the same with therapist_ before them), therapist_share, residual_correlation, missing, dropout, effect\n"
          "(on the slope in the programme's arm), perceived (both, patient only, therapist only), depth (shares of 1,\n"
          "2, 3, 4 residual SDs), length (1, 2, 3 sessions, to the end), course (sudden, slow fall, slow return,\n"
          "slow both ways, half repaired). {} is the default trial.\n\n"
          "DESIGN.json of 'attune power' (it has variances, sds or standardised; keys in docs/power.md): one trial as "
          "it\n"
          "was planned, without tensions. Keys of both kinds in one design are refused.",
      .options = options,
      .least = 1,
      .most = 1};
  int code = arguments_read(&arguments, argc, argv);
  if (code >= 0) return code;
  struct arena arena;
  struct error error;
  arena_init(&arena, (size_t)16 << 30);
  const char *from = arguments.words[0];
  enum err err = names_study(from) ? simulate_study(from, (uint64_t)seed, &arena, &error)
                                   : simulate_design(from, (uint64_t)seed, &arena, &error);
  arena_free(&arena);
  return err ? say_no(&error) : EXIT_DONE;
}
