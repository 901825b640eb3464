/* attune power DESIGN.json: how likely is the trial to find its effect, and how many therapists does it take?
 * The figures are src/stats' (attune/stats_power.h); the file's keys stand in docs/power.md. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "attune/stats_power.h"
#include "base/clock.h"
#include "base/json.h"
#include "cli/options.h"
#include "cli/power_design.h"

#define POINTS_MAXIMUM 200
#define SEARCH_MAXIMUM 5000
#define SEARCH_STEPS 40
#define TELL_TERMINAL_MS 100
#define TELL_LOG_MS 2000

/* One design as it was run. */
struct point {
  double value; /* of the axis */
  struct stats_power_result result;
  struct stats_power_closed closed;
  double seconds;
};

enum axis { AXIS_NONE, AXIS_THERAPISTS, AXIS_PATIENTS, AXIS_EFFECT };
static const char *const axis_names[] = {"", "therapists", "patients", "effect"};

struct task {
  struct power_file file;
  const char *path;
  struct stats_power_options options;
  enum axis axis;
  double values[POINTS_MAXIMUM], need; /* need: the power to reach, or 0 */
  size_t value_count;
  struct point points[POINTS_MAXIMUM + SEARCH_STEPS];
  size_t point_count, answer; /* answer: the point that meets the need */
  bool closed_only, json, quiet;
  struct arena arena, scratch;
  struct error *error;
};

/* ---- a line that says how far it is ---- */

struct teller {
  int64_t last;
  bool terminal, told;
  const char *what;
};

static void tell(void *state, size_t done, size_t trials) {
  struct teller *teller = state;
  int64_t now = clock_elapsed_ms();
  if (now - teller->last < (teller->terminal ? TELL_TERMINAL_MS : TELL_LOG_MS)) return;
  teller->last = now;
  teller->told = true;
  fprintf(stderr, teller->terminal ? "\rattune power: %s%zu of %zu trials " : "attune power: %s%zu of %zu trials\n",
          teller->what, done, trials);
}

static void tell_end(const struct teller *teller) {
  if (teller->told && teller->terminal) fprintf(stderr, "\r%60s\r", "");
}

/* ---- running a design ---- */

static void *take_from_arena(void *state, size_t bytes) {
  return arena_alloc(state, bytes);
}

static enum err from_stats(const struct task *task, const struct stats_error *why) {
  return fail(task->error, ERR_INPUT, "power-refused", why->field, "%s: %s", task->path, why->text);
}

/* The design with one quantity set; in both arms that are compared where it is a size. */
static enum err set_axis(const struct task *task, struct stats_power_design *design, double value) {
  for (int i = 0; i < 2; i++) {
    struct stats_arm_sizes *sizes = &design->arm[i ? design->to : design->from].patients;
    bool listed = sizes->sizes == STATS_SIZES_LISTED;
    if (listed && (task->axis == AXIS_THERAPISTS || task->axis == AXIS_PATIENTS))
      return fail(task->error, ERR_INPUT, "power-axis", "patients",
                  "%s: with a list of sizes the number of %s cannot be varied; give a mean", task->path,
                  axis_names[task->axis]);
    if (task->axis == AXIS_THERAPISTS) sizes->therapists = (size_t)value;
    if (task->axis == AXIS_PATIENTS && sizes->sizes == STATS_SIZES_FIXED) sizes->fixed = (size_t)value;
    if (task->axis == AXIS_PATIENTS && sizes->sizes == STATS_SIZES_POISSON) sizes->mean = value;
    if (task->axis == AXIS_PATIENTS && sizes->sizes == STATS_SIZES_UNIFORM)
      return fail(task->error, ERR_INPUT, "power-axis", "patients",
                  "%s: with sizes from a range their number cannot be varied; give a mean", task->path);
  }
  if (task->axis == AXIS_EFFECT) design->arm[design->to].slope = design->arm[design->from].slope + value;
  return OK;
}

static enum err run_closed(struct task *task, double value, struct point *point) {
  struct stats_power_design *design = arena_alloc(&task->scratch, sizeof *design);
  const struct stats_memory memory = {take_from_arena, &task->scratch};
  struct stats_error why;
  *design = task->file.design;
  *point = (struct point){.value = value};
  enum err err = task->axis ? set_axis(task, design, value) : OK;
  if (!err && stats_power_closed_form(design, task->options.alpha, &memory, &point->closed, &why))
    err = from_stats(task, &why);
  return err;
}

/* Simulates; the closed form comes along. */
static enum err run_point(struct task *task, double value, struct point *point) {
  arena_reset(&task->scratch);
  enum err err = run_closed(task, value, point);
  if (err || task->closed_only) return err;
  char what[80] = "";
  if (task->axis) snprintf(what, sizeof what, "%s %g: ", axis_names[task->axis], value);
  struct teller teller = {.last = clock_elapsed_ms(), .terminal = isatty(STDERR_FILENO), .what = what};
  struct stats_power_options options = task->options;
  struct stats_power_design *design = arena_alloc(&task->scratch, sizeof *design);
  const struct stats_memory memory = {take_from_arena, &task->scratch};
  struct stats_error why;
  *design = task->file.design;
  if (task->axis && (err = set_axis(task, design, value))) return err;
  if (!task->quiet) options.progress = tell;
  options.state = &teller;
  int64_t start = clock_elapsed_ms();
  if (stats_power_run(design, &options, &memory, &point->result, &why)) return from_stats(task, &why);
  tell_end(&teller);
  point->seconds = (double)(clock_elapsed_ms() - start) / 1000;
  if (point->result.failed == point->result.trials)
    return fail(task->error, ERR_INPUT, "power-all-failed", "",
                "%s: none of %zu trials could be fitted (%zu held no estimate of the contrast): power is not known",
                task->path, point->result.trials, point->result.not_estimable);
  return OK;
}

static double power_of(const struct task *task, const struct point *point) {
  return task->closed_only ? point->closed.power : point->result.power;
}

/* ---- how many does it take? ---- */

/* The least whole number whose closed-form power reaches the need. */
static enum err search_closed(struct task *task, double *value) {
  double low = task->axis == AXIS_PATIENTS ? 0 : 1, high = 2;
  struct point point;
  enum err err;
  for (;; high *= 2) {
    arena_reset(&task->scratch);
    if (high > SEARCH_MAXIMUM)
      return fail(task->error, ERR_INPUT, "power-need", "", "%s: even %d %s in each arm do not give a power of %g",
                  task->path, SEARCH_MAXIMUM, axis_names[task->axis], task->need);
    if ((err = run_closed(task, high, &point))) return err;
    if (point.closed.power >= task->need) break;
    low = high;
  }
  while (high - low > 1) {
    double middle = floor((low + high) / 2);
    arena_reset(&task->scratch);
    if ((err = run_closed(task, middle, &point))) return err;
    if (point.closed.power >= task->need)
      high = middle;
    else
      low = middle;
  }
  *value = high;
  return OK;
}

static struct point *known_point(struct task *task, double value) {
  for (size_t i = 0; i < task->point_count; i++)
    if (task->points[i].value == value) return &task->points[i];
  return NULL;
}

static enum err try_point(struct task *task, double value, double *power) {
  struct point *point = known_point(task, value);
  enum err err = OK;
  if (!point) {
    point = &task->points[task->point_count++];
    err = run_point(task, value, point);
  }
  *power = power_of(task, point);
  return err;
}

/* From the closed form's answer by whole steps to the least number whose simulated power reaches the need. */
static enum err search(struct task *task) {
  double value = 0, power = 0, least = task->axis == AXIS_PATIENTS ? 1 : 2;
  enum err err = search_closed(task, &value);
  if (!err) err = try_point(task, value, &power);
  while (!err && power < task->need && task->point_count < SEARCH_STEPS) err = try_point(task, ++value, &power);
  while (!err && value > least && task->point_count < SEARCH_STEPS) {
    double below;
    err = try_point(task, value - 1, &below);
    if (below < task->need) break;
    value -= 1;
  }
  if (!err) task->answer = (size_t)(known_point(task, value) - task->points);
  return err;
}

static int by_value(const void *a, const void *b) {
  double x = ((const struct point *)a)->value, y = ((const struct point *)b)->value;
  return (x > y) - (x < y);
}

static enum err run(struct task *task) {
  enum err err = OK;
  if (task->need > 0) {
    if ((err = search(task))) return err;
    double answer = task->points[task->answer].value;
    qsort(task->points, task->point_count, sizeof *task->points, by_value);
    task->answer = (size_t)(known_point(task, answer) - task->points);
    return OK;
  }
  if (!task->value_count) return run_point(task, 0, &task->points[task->point_count++]);
  for (size_t i = 0; i < task->value_count && !err; i++)
    err = run_point(task, task->values[i], &task->points[task->point_count++]);
  return err;
}

/* ---- results ---- */

static const char *df_name(enum stats_df df) {
  static const char *const names[] = {[STATS_DF_SATTERTHWAITE] = "satterthwaite",
                                      [STATS_DF_KENWARD_ROGER] = "kenward-roger",
                                      [STATS_DF_BETWEEN_WITHIN] = "between-within",
                                      [STATS_DF_NONE] = "none"};
  return names[df];
}

static json_t *number(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

static json_t *point_json(const struct task *task, const struct point *point) {
  const struct stats_power_result *r = &point->result;
  json_t *closed = json_pack("{s:b, s:o, s:o, s:o}", "exact", point->closed.exact, "power", number(point->closed.power),
                             "se", number(point->closed.se), "df", number(point->closed.df));
  json_t *out = json_object();
  if (task->axis) json_object_set_new(out, axis_names[task->axis], number(point->value));
  json_object_set_new(out, "power", number(power_of(task, point)));
  if (!task->closed_only) {
    json_object_set_new(out, "mcse", number(r->mcse));
    json_object_set_new(out, "trials", json_integer((json_int_t)r->trials));
    json_object_set_new(out, "failed", json_integer((json_int_t)r->failed));
    json_object_set_new(out, "not_estimable", json_integer((json_int_t)r->not_estimable));
    json_object_set_new(out, "singular", json_integer((json_int_t)r->singular));
    json_object_set_new(out, "df", number(r->median_df));
    json_object_set_new(out, "mean_df", number(r->mean_df));
    json_object_set_new(out, "mean_se", number(r->mean_se));
    json_object_set_new(out, "mean_estimate", number(r->mean_estimate));
    json_object_set_new(out, "sd_estimate", number(r->sd_estimate));
    json_object_set_new(out, "coverage", number(r->coverage));
  } else {
    json_object_set_new(out, "df", number(point->closed.df));
    json_object_set_new(out, "mean_se", number(point->closed.se));
  }
  json_object_set_new(out, "effect", number(point->closed.effect));
  json_object_set_new(out, "closed_form", closed);
  json_object_set_new(out, "seconds", number(point->seconds));
  return out;
}

static void print_json(const struct task *task) {
  const struct point *main_point = &task->points[task->need > 0 ? task->answer : task->point_count - 1];
  json_t *out = point_json(task, main_point);
  json_object_set_new(out, "method", json_string(task->closed_only ? "closed-form" : "simulation"));
  json_object_set_new(out, "df_method", json_string(df_name(task->options.df)));
  json_object_set_new(out, "alpha", number(task->options.alpha));
  json_object_set_new(out, "seed", json_integer((json_int_t)task->options.seed));
  if (task->axis) {
    json_t *curve = json_array();
    for (size_t i = 0; i < task->point_count; i++) json_array_append_new(curve, point_json(task, &task->points[i]));
    json_object_set_new(out, "curve", curve);
  }
  if (task->need > 0)
    json_object_set_new(
        out, "need",
        json_pack("{s:f, s:s, s:f}", "power", task->need, "by", axis_names[task->axis], "value", main_point->value));
  char *text = json_dumps(out, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
  puts(text);
  free(text);
  json_decref(out);
}

static void print_people(const struct task *task) {
  const struct stats_power_design *d = &task->file.design;
  for (int i = 0; i < 2; i++) {
    size_t a = i ? d->to : d->from;
    const struct stats_arm_sizes *sizes = &d->arm[a].patients;
    const char *arm = task->file.arm_name[a];
    printf("%-12s ", arm);
    if (task->axis == AXIS_THERAPISTS)
      printf("therapists as below, ");
    else
      printf("%zu %s, ", sizes->therapists, sizes->no_therapists ? "groups without therapists" : "therapists");
    if (sizes->sizes == STATS_SIZES_FIXED && task->axis != AXIS_PATIENTS)
      printf("%zu patients each", sizes->fixed);
    else if (sizes->sizes == STATS_SIZES_LISTED)
      printf("patients as listed");
    else if (sizes->sizes == STATS_SIZES_UNIFORM)
      printf("%zu to %zu patients each", sizes->least, sizes->most);
    else if (sizes->sizes == STATS_SIZES_POISSON)
      printf("%g patients on average", sizes->mean);
    else
      printf("patients as below");
    printf(", %zu sessions", d->times);
    if (d->arm[a].kept[d->times - 1] < 1) printf(", %.0f%% complete", 100 * d->arm[a].kept[d->times - 1]);
    printf("\n");
  }
}

static void print_failures(const struct point *point) {
  const struct stats_power_result *r = &point->result;
  if (!r->failed) return;
  printf("%zu of %zu trials could not be fitted (%zu held no estimate); they count as not finding the effect\n",
         r->failed, r->trials, r->not_estimable);
}

static void print_one(const struct task *task, const struct point *point) {
  const struct stats_power_result *r = &point->result;
  if (!task->closed_only) {
    printf("power        %.4f  (Monte Carlo standard error %.4f, %zu trials, %s df, seed %llu)\n", r->power, r->mcse,
           r->trials, df_name(task->options.df), (unsigned long long)task->options.seed);
    printf("df           %.1f  (median; mean %.1f)\n", r->median_df, r->mean_df);
    printf("estimate     %.5g  (true %.5g); standard error %.5g on average, %.5g seen; intervals cover %.1f%%\n",
           r->mean_estimate, point->closed.effect, r->mean_se, r->sd_estimate, 100 * r->coverage);
    printf("failed fits  %zu\n", r->failed);
    print_failures(point);
  }
  printf("closed form  %.4f  (%s; standard error %.5g, %.2f df)\n", point->closed.power,
         point->closed.exact ? "exact" : "approximate", point->closed.se, point->closed.df);
  if (!task->closed_only) printf("%.2f s\n", point->seconds);
}

static void print_curve(const struct task *task) {
  printf("%-12s %8s %8s %8s %8s %8s  %s\n", axis_names[task->axis], "power", "mcse", "df", "se", "failed",
         "closed form");
  for (size_t i = 0; i < task->point_count; i++) {
    const struct point *p = &task->points[i];
    if (task->closed_only)
      printf("%-12g %8s %8s %8.2f %8.5f %8s  %.4f%s\n", p->value, "-", "-", p->closed.df, p->closed.se, "-",
             p->closed.power, p->closed.exact ? "" : " (approximate)");
    else
      printf("%-12g %8.4f %8.4f %8.2f %8.5f %8zu  %.4f%s\n", p->value, p->result.power, p->result.mcse,
             p->result.median_df, p->result.mean_se, p->result.failed, p->closed.power,
             p->closed.exact ? "" : " (approximate)");
  }
  if (task->need > 0)
    printf("\n%g %s in each arm reach a power of %g%s.\n", task->points[task->answer].value,
           task->axis == AXIS_PATIENTS ? "patients for each therapist" : axis_names[task->axis], task->need,
           task->closed_only ? " by the closed form" : ", by simulation");
}

static void print_text(const struct task *task) {
  print_people(task);
  printf("\n");
  if (task->axis)
    print_curve(task);
  else
    print_one(task, &task->points[0]);
}

/* ---- the command ---- */

static enum err read_axis(struct task *task, const char *text, size_t length) {
  for (int a = AXIS_THERAPISTS; a <= AXIS_EFFECT; a++)
    if (strlen(axis_names[a]) == length && !strncmp(axis_names[a], text, length)) {
      task->axis = (enum axis)a;
      return OK;
    }
  return fail(task->error, ERR_USAGE, "", "", "what can be varied is therapists, patients or effect");
}

/* "therapists=10,20,30" */
static enum err read_curve(struct task *task, const char *text) {
  const char *equals = strchr(text, '=');
  if (!equals)
    return fail(task->error, ERR_USAGE, "", "", "--curve takes NAME=VALUE,VALUE,..., such as therapists=10,20,30");
  enum err err = read_axis(task, text, (size_t)(equals - text));
  for (const char *at = equals; !err && (*at == '=' || *at == ',');) {
    char *end;
    double value = strtod(at + 1, &end);
    bool whole = task->axis == AXIS_EFFECT ||
                 (value >= 1 && value <= 100000 && (value == floor(value) || task->axis == AXIS_PATIENTS));
    if (end == at + 1 || !isfinite(value) || !whole || (*end && *end != ',') || task->value_count == POINTS_MAXIMUM)
      return fail(task->error, ERR_USAGE, "", "", "--curve %s: '%s' is not a list of up to %d numbers",
                  axis_names[task->axis], equals + 1, POINTS_MAXIMUM);
    task->values[task->value_count++] = value;
    at = end;
  }
  return err;
}

static enum err read_df(struct task *task, const char *text) {
  for (int df = STATS_DF_SATTERTHWAITE; df <= STATS_DF_NONE; df++)
    if (!strcmp(df_name((enum stats_df)df), text)) {
      task->options.df = (enum stats_df)df;
      return OK;
    }
  return fail(task->error, ERR_USAGE, "", "",
              "--df takes satterthwaite, kenward-roger, between-within or none, not '%.40s'", text);
}

int command_power(int argc, char **argv) {
  int64_t trials = 1000, seed = 1, threads = (int64_t)processors();
  double alpha = 0, need = 0;
  const char *curve = NULL, *by = "therapists", *df = "satterthwaite";
  struct task task;
  const struct option options[] = {
      {"trials", "N", "trials to simulate (1000)", .integer = &trials},
      {"seed", "S", "of the random streams (1): the same seed gives the same answer, whatever --threads",
       .integer = &seed},
      {"threads", "T", "(as many as there are processors)", .integer = &threads},
      {"df", "METHOD", "satterthwaite (default), kenward-roger, between-within or none", .text = &df},
      {"alpha", "A", "two-sided level (the design's, 0.05)", .number = &alpha},
      {"curve", "NAME=LIST", "power at each value of therapists, patients or effect: therapists=10,20,30",
       .text = &curve},
      {"need", "POWER", "how many therapists in each arm reach this power?", .number = &need},
      {"by", "NAME", "with --need: therapists (default) or patients", .text = &by},
      {"closed-form", NULL, "no simulation: exact for equal sizes without dropout, else approximate",
       .flag = &task.closed_only},
      {"quiet", NULL, "no progress line", .flag = &task.quiet},
      {"json", NULL, "one JSON document with full precision", .flag = &task.json},
      {0}};
  struct arguments arguments = {.usage = "attune power DESIGN.json",
                                .about = "DESIGN.json: docs/power.md has every key and examples.",
                                .options = options,
                                .least = 1,
                                .most = 1};
  struct error error = {0};
  memset(&task, 0, sizeof task);
  task.error = &error;
  int code = arguments_read(&arguments, argc, argv);
  if (code >= 0) return code;
  task.path = arguments.words[0];
  enum err err = read_df(&task, df);
  if (!err && curve) err = read_curve(&task, curve);
  if (!err && need != 0 && (curve || !(need > 0 && need < 1)))
    err = fail(&error, ERR_USAGE, "", "", "--need takes a power between 0 and 1, and no --curve");
  if (!err && need > 0) err = read_axis(&task, by, strlen(by));
  if (!err && need > 0 && task.axis == AXIS_EFFECT)
    err = fail(&error, ERR_USAGE, "", "", "--by takes therapists or patients");
  if (!err && (trials < 1 || trials > 10000000 || threads < 1 || threads > 256))
    err = fail(&error, ERR_USAGE, "", "", "--trials takes 1 to 10,000,000 and --threads 1 to 256");
  arena_init(&task.arena, 0);
  arena_init(&task.scratch, (size_t)16 << 30);
  if (!err) err = power_design_read(&task.file, task.path, &task.arena, &error);
  task.need = need;
  task.options.trials = (size_t)trials;
  task.options.seed = (uint64_t)seed;
  task.options.threads = (size_t)threads;
  task.options.alpha = alpha != 0 ? alpha : task.file.alpha;
  if (!err) err = run(&task);
  if (!err) (task.json ? print_json : print_text)(&task);
  arena_free(&task.scratch);
  arena_free(&task.arena);
  return finish_output(err, &error);
}
