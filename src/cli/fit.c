/* attune fit: a linear mixed model from a formula and a CSV file. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/command.h"
#include "cli/fit_accuracy.h"
#include "cli/fit_columns.h"
#include "cli/fit_more.h"
#include "cli/fit_plots.h"
#include "cli/fit_predict.h"
#include "cli/fit_print.h"
#include "cli/fit_progress.h"
#include "cli/fit_read.h"
#include "cli/fit_ready.h"
#include "cli/options.h"
#include "stats/formula.h"

#define NAMES_MAXIMUM 2000

struct wanted {                   /* columns of the file that the formula and the options name */
  const struct fit_columns *made; /* these are not in the file */
  const char *name[NAMES_MAXIMUM];
  enum fit_use use[NAMES_MAXIMUM];
  size_t count;
};

struct fit_request {
  const char *formula, *path, *df, *robust, *cluster, *intervals, *against, *weights, *predict, *plots;
  double level;
  struct fit_ready ready;
  struct fit_permute permute;
  struct fit_columns columns;
  struct fit_means means;
  struct repeated levels, within, lag;
  bool ml, json, terms, effects, residuals;
};

static void *take(void *state, size_t bytes) {
  return arena_alloc(state, bytes);
}

/* A column is read as text only when nothing needs its numbers. */
static void want(struct wanted *wanted, const char *name, enum fit_use use) {
  for (size_t i = 0; i < wanted->count; i++)
    if (!strcmp(wanted->name[i], name)) {
      if (use < wanted->use[i]) wanted->use[i] = use;
      return;
    }
  if (wanted->count == NAMES_MAXIMUM || fit_columns_make(wanted->made, name)) return;
  wanted->name[wanted->count] = name;
  wanted->use[wanted->count++] = use;
}

static void want_formula(struct wanted *wanted, const struct formula *formula) {
  for (size_t v = 0; v < formula->variables; v++) {
    const struct formula_variable *variable = &formula->variable[v];
    if (variable->name) want(wanted, variable->name, variable->kind == FORMULA_FACTOR ? FIT_LEVELS : FIT_VALUES);
    for (size_t i = 0; i < variable->ops; i++)
      if (variable->op[i].op == 'c') want(wanted, variable->op[i].name, FIT_VALUES);
  }
  for (size_t r = 0; r < formula->randoms; r++)
    for (size_t i = 0; i < formula->random[r].parts; i++) want(wanted, formula->random[r].part[i], FIT_GROUPS);
}

static enum err choose(const struct fit_request *request, struct stats_model_options *options, struct error *error) {
  static const char *const methods[] = {"satterthwaite", "kenward-roger", "between-within", "none"};
  bool found = false;
  options->ml = request->ml;
  for (int i = 0; i < 4; i++)
    if (!strcmp(request->df, methods[i])) {
      options->df = (enum stats_df)i;
      found = true;
    }
  if (!found)
    return fail(error, ERR_USAGE, "df", "--df",
                "--df is satterthwaite, kenward-roger, between-within or none, not '%s'", request->df);
  if (request->robust && strcmp(request->robust, "cr2") != 0)
    return fail(error, ERR_USAGE, "robust", "--robust", "--robust is cr2, not '%s'", request->robust);
  if (!request->robust != !request->cluster)
    return fail(error, ERR_USAGE, "robust", "--cluster", "--robust cr2 and --cluster COLUMN go together");
  options->cluster = request->cluster;
  options->weights = request->weights;
  if (request->means.at.count && !request->means.factors)
    return fail(error, ERR_USAGE, "at", "--at", "--at is for --means");
  if (request->ready.kind && (request->weights || request->means.factors || request->predict))
    return fail(error, ERR_USAGE, "model", "--model",
                "--weights, --means and --predict work with a formula, not with --model");
  if (request->ready.kind && request->permute.path)
    return fail(error, ERR_USAGE, "permute", "--permute", "--permute works with a formula, not with --model");
  return OK;
}

/* Which model, and whether the other options go with it. */
static enum err choose_model(const struct fit_request *request, struct error *error) {
  static const char *const kinds[] = {"truth-and-bias", "response-surface", "carry-over", "signals"};
  const char *kind = request->ready.kind;
  int found = kind ? -1 : 0;
  for (int i = 0; i < 4 && kind; i++)
    if (!strcmp(kind, kinds[i])) found = i;
  if (found < 0)
    return fail(error, ERR_USAGE, "model", "--model",
                "--model is truth-and-bias, response-surface, carry-over or signals, not '%s'", kind);
  bool linear = request->ml || request->terms || request->residuals || request->robust || request->intervals ||
                request->against || request->plots || strcmp(request->df, "satterthwaite") != 0 ||
                (request->effects && found == 2);
  if (found >= 2 && linear)
    return fail(error, ERR_USAGE, "model", "--model",
                "--model %s is estimated by maximum likelihood in one way: it takes columns, --json%s alone", kind,
                found == 3 ? " and --effects" : "");
  return OK;
}

static bool is_measure(const struct fit_request *request) {
  return request->ready.kind && (!strcmp(request->ready.kind, "carry-over") || !strcmp(request->ready.kind, "signals"));
}

static enum err report_more(const struct fit_request *request, const struct fit_context *context,
                            const struct stats_model_options *options, struct error *error) {
  enum err err = OK;
  if (request->terms) err = fit_add_terms(context, error);
  if (!err && request->intervals) err = fit_add_intervals(context, request->intervals, request->level, error);
  if (!err && request->against) err = fit_add_comparison(context, request->against, options, error);
  if (!err && request->means.factors) err = fit_add_means(context, &request->means, error);
  if (!err && request->predict) err = fit_add_predictions(context, request->predict, request->level, error);
  if (!err && request->plots) err = fit_write_plots(context, request->plots, error);
  if (!err && request->permute.path) err = fit_add_permutation(context, &request->permute, options, error);
  if (!err && request->effects) err = fit_add_effects(context, error);
  if (!err && request->residuals) err = fit_add_residuals(context, error);
  return err;
}

static enum err report(const struct fit_request *request, struct fit_context *context,
                       const struct stats_ready_model *ready, const struct stats_model_options *options, double seconds,
                       struct error *error) {
  if (!request->json) {
    fit_print(stdout, context->model);
    if (ready) fit_show_quantities(context, ready->quantity, ready->quantities);
    fit_columns_note(&request->columns, context);
    return report_more(request, context, options, error);
  }
  context->document = fit_json(context->model);
  json_object_set_new(context->document, "seconds", json_real(seconds));
  if (ready) fit_show_quantities(context, ready->quantity, ready->quantities);
  fit_columns_note(&request->columns, context);
  enum err err = report_more(request, context, options, error);
  if (!err) json_dumpf(context->document, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
  if (!err) printf("\n");
  json_decref(context->document);
  return err;
}

static double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static enum err want_formula_text(struct wanted *wanted, const char *text, const struct stats_memory *memory,
                                  struct error *error) {
  struct formula formula;
  struct stats_error said;
  if (formula_read(text, memory, &formula, &said)) return fit_error(&said, error);
  want_formula(wanted, &formula);
  return OK;
}

/* Every column that the request names. */
static enum err want_all(const struct fit_request *request, struct wanted *wanted, const struct fit_list *levels,
                         const struct stats_memory *memory, struct error *error) {
  const struct stats_accuracy *c = &request->ready.columns;
  const char *const groups[] = {request->cluster, request->permute.unit, c->patient, c->therapist};
  const char *const values[] = {request->weights, c->truth, c->judgment, c->outcome, c->arm, c->session};
  enum err err = OK;
  if (request->formula) err = want_formula_text(wanted, request->formula, memory, error);
  if (!err && request->against) err = want_formula_text(wanted, request->against, memory, error);
  for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
    if (groups[i]) want(wanted, groups[i], FIT_GROUPS);
  for (size_t i = 0; i < sizeof values / sizeof *values; i++)
    if (values[i]) want(wanted, values[i], FIT_VALUES);
  for (size_t i = 0; i < request->levels.count; i++) want(wanted, levels[i].column, FIT_LEVELS);
  for (size_t i = 0; i < request->columns.withins + request->columns.lags; i++) {
    bool lag = i >= request->columns.withins;
    const struct fit_list *one =
        lag ? &request->columns.lag[i - request->columns.withins] : &request->columns.within[i];
    want(wanted, one->column, FIT_VALUES);
    for (size_t k = 0; k < one->values; k++) want(wanted, one->value[k], lag && k == 0 ? FIT_VALUES : FIT_LEVELS);
  }
  return err;
}

static enum err fit_and_report(const struct fit_request *request, const struct stats_model_options *options,
                               struct fit_context *context, struct error *error) {
  struct stats_ready_model ready;
  struct stats_error said;
  struct fit_progress progress;
  struct stats_model_options told = *options;
  enum err err = OK;
  double start = seconds_now();
  told.progress = fit_progress_start(&progress);
  if (request->ready.kind)
    err = fit_ready_model(&request->ready, &told, context, &ready, error);
  else if (stats_model_fit(request->formula, context->table, &told, context->memory, &context->model, &said))
    err = fit_error(&said, error);
  fit_progress_end(&progress);
  if (err) return err;
  return report(request, context, request->ready.kind ? &ready : NULL, options, seconds_now() - start, error);
}

/* Carry-over or signals. */
static enum err measure(const struct fit_request *request, struct fit_context *context, struct error *error) {
  double start = seconds_now();
  if (request->json) context->document = json_object();
  enum err err = !strcmp(request->ready.kind, "signals")
                     ? fit_signals(context, &request->ready.columns, request->effects, error)
                     : fit_carry_over(context, &request->ready.columns, error);
  if (request->json) json_object_set_new(context->document, "seconds", json_real(seconds_now() - start));
  if (request->json && !err) {
    json_dumpf(context->document, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
    printf("\n");
  }
  json_decref(context->document);
  return err;
}

static enum err fit(struct fit_request *request, struct arena *arena, struct fit_data *data, struct error *error) {
  struct stats_memory memory = {take, arena};
  struct stats_model_options options = {0};
  struct wanted *wanted = arena_alloc(arena, sizeof *wanted);
  struct fit_list levels[OPTION_REPEATS];
  enum err err = choose(request, &options, error);
  if (!err) err = choose_model(request, error);
  if (!err) err = fit_columns_read(&request->columns, &request->within, &request->lag, arena, error);
  wanted->made = &request->columns;
  for (size_t i = 0; i < request->levels.count && !err; i++)
    err = fit_list_parse(&levels[i], "--levels", "COLUMN=first,second,...", request->levels.values[i], arena, error);
  if (!err) err = want_all(request, wanted, levels, &memory, error);
  if (!err)
    err = fit_read(data, request->path,
                   &(struct fit_names){wanted->name, wanted->use, wanted->count, levels, request->levels.count}, arena,
                   error);
  struct stats_table table = data->table;
  struct fit_context context = {NULL, &table, &memory, arena, NULL};
  if (!err) err = fit_columns_add(&request->columns, &table, &memory, error);
  if (err) return err;
  return is_measure(request) ? measure(request, &context, error) : fit_and_report(request, &options, &context, error);
}

int command_fit(int argc, char **argv) {
  struct fit_request request = {.df = "satterthwaite", .level = 0.95};
  const struct option options[] = {
      {"ml", NULL, "maximum likelihood instead of REML", .flag = &request.ml},
      {"df", "METHOD", "satterthwaite, kenward-roger, between-within or none", .text = &request.df},
      {"robust", "cr2", "cluster-robust standard errors", .text = &request.robust},
      {"cluster", "COLUMN", "the clusters of --robust", .text = &request.cluster},
      {"levels", "COLUMN=a,b,c", "this column is a factor; its first levels, in order", .repeated = &request.levels},
      {"within", "COLUMN=patient[,therapist]", "makes COLUMN_within, COLUMN_patient[, COLUMN_therapist]",
       .repeated = &request.within},
      {"lag", "COLUMN=session,patient[,therapist]", "makes COLUMN_lag: the value one session before",
       .repeated = &request.lag},
      {"weights", "COLUMN", "the residual's variance is divided by this column", .text = &request.weights},
      {"means", "FACTOR[:FACTOR]", "estimated means of its levels and their differences",
       .text = &request.means.factors},
      {"at", "COLUMN=NUMBER", "of --means: where a covariate stands (its mean)", .repeated = &request.means.at},
      {"predict", "FILE", "predictions for the rows of a CSV file, with intervals", .text = &request.predict},
      {"plots", "DIR", "writes pictures of residuals and random effects (SVG)", .text = &request.plots},
      {"terms", NULL, "F tests of the formula's terms", .flag = &request.terms},
      {"intervals", "KIND", "intervals: wald or profile", .text = &request.intervals},
      {"level", "SHARE", "of the intervals (0.95)", .number = &request.level},
      {"against", "FORMULA", "likelihood-ratio test against a nested model", .text = &request.against},
      {"permute", "FILE", "permutation test over the allocations in a CSV file", .text = &request.permute.path},
      {"unit", "COLUMN", "what was allocated (for --permute), such as therapist", .text = &request.permute.unit},
      {"coefficient", "NAME", "what --permute tests, such as arm:time", .text = &request.permute.coefficient},
      {"model", "KIND", "a ready model: truth-and-bias, response-surface, carry-over, signals",
       .text = &request.ready.kind},
      {"truth", "COLUMN", "of a ready model: the patient's rating; of signals: 1 where there was one",
       .text = &request.ready.columns.truth},
      {"judgment", "COLUMN", "of a ready model: the therapist's rating; of signals: 1 where it was noticed",
       .text = &request.ready.columns.judgment},
      {"outcome", "COLUMN", "of a response surface or carry-over", .text = &request.ready.columns.outcome},
      {"session", "COLUMN", "of carry-over", .text = &request.ready.columns.session},
      {"patient", "COLUMN", "of a ready model (patient)", .text = &request.ready.columns.patient},
      {"therapist", "COLUMN", "of a ready model, if any", .text = &request.ready.columns.therapist},
      {"arm", "COLUMN", "of a ready model or --permute", .text = &request.ready.columns.arm},
      {"effects", NULL, "predicted random effects and their standard errors", .flag = &request.effects},
      {"residuals", NULL, "fitted values and residuals of all rows", .flag = &request.residuals},
      {"json", NULL, "one JSON document with full precision", .flag = &request.json},
      {.name = NULL}};
  struct arguments arguments = {.usage = "attune fit 'y ~ x + (1 | group)' FILE.csv",
                                .about = "Fits a linear mixed model; the formula is lme4's. See docs/fit.md.",
                                .options = options,
                                .least = 1,
                                .most = 2};
  int code = arguments_read(&arguments, argc, argv);
  if (code >= 0) return code;
  bool two = arguments.count == 2;
  if (two == (request.ready.kind != NULL)) {
    fprintf(stderr, two ? "attune: --model brings its own formula: give the file alone\n"
                        : "attune: a formula and a file are wanted, or --model and a file\n");
    return EXIT_USAGE;
  }
  request.formula = request.permute.formula = two ? arguments.words[0] : NULL;
  request.path = arguments.words[two];
  request.permute.arm = request.ready.columns.arm;
  request.means.level = request.level;
  struct arena arena;
  struct error error = {0};
  struct fit_data data = {0};
  arena_init(&arena, (size_t)64 << 30);
  enum err err = fit(&request, &arena, &data, &error);
  fit_data_free(&data);
  arena_free(&arena);
  return finish_output(err, &error);
}
