/* attune detect: tensions and repairs in a file of session ratings. */
#include "cli/detect.h"

#include <stdlib.h>

#include "cli/options.h"

#define THREADS_USUAL 8 /* more than these wait for the one that reads */
#define THREADS_MOST 64

struct detect_options {
  const char *rule, *higher_is, *scale;
  double false_alarm;
  bool hindsight, json, textbook, diagnose, no_reports, operating;
  int64_t seed, simulations, threads;
  struct operating_options characteristic;
};

static int usage(const char *sentence) {
  fprintf(stderr, "attune: %s\nUsage: attune detect FILE.csv [...]   (--help says more)\n", sentence);
  return EXIT_USAGE;
}

/* LOW:HIGH or LOW:HIGH:STEP. */
static bool scale_read(const char *text, bool worse, struct alliance_settings *settings) {
  char *end;
  double low = strtod(text, &end), high, step = 0;
  if (end == text || *end != ':') return false;
  text = end + 1;
  high = strtod(text, &end);
  if (end == text || (*end && *end != ':')) return false;
  if (*end) {
    text = end + 1;
    step = strtod(text, &end);
    if (end == text || *end) return false;
  }
  if (!(low < high) || !(step >= 0) || !(step <= high - low) || !(high - low < 1e9)) return false;
  settings->bounded = true;
  settings->low = worse ? -high : low;
  settings->high = worse ? -low : high;
  settings->step = step;
  return true;
}

static void say_what_was_left(const struct run *run) {
  const struct alliance_rule_row *rule = &alliance_rules[run->options.rule];
  if (run->too_short)
    fprintf(stderr,
            "attune: %zu of %zu patients have too few ratings: rule '%s' needs at least %d to decide; no event is "
            "given for them\n",
            run->too_short, run->patients, rule->name, rule->least);
  if (run->too_long)
    fprintf(stderr,
            "attune: %zu of %zu patients have more than the %d sessions that rule '%s' takes; no event is given for "
            "them (cusum, ewma and changepoint take longer series)\n",
            run->too_long, run->patients, ALLIANCE_SESSIONS_MAX, rule->name);
}

static enum err detect_stream(struct input *input, const char *path, const struct detect_options *o,
                              const struct alliance_settings *settings, const struct run_options *run_options,
                              struct error *error) {
  struct input_block block = {0};
  struct alliance_estimate estimate;
  struct run run = {0};
  struct alliance_mirror mirror;
  struct output output;
  struct buf text = buf_in(input->arena, 4096);
  struct sample sample = {.settings = settings, .path = path, .input = input, .first = &block};
  enum err err = sample_estimate(&estimate, &sample, error);
  if (!err) {
    run_start(&run, run_options, &estimate);
    output_start(&output, &text, &run, o->json, input->sign, sample.whole);
    if (!sample.whole)
      fprintf(stderr, "attune: many patients; the estimate rests on %d of them, spread over the file\n",
              estimate.patients);
    err = run_check(&run, &block, &mirror, error);
    if (!err) diagnose(&run, &mirror, &block, o->diagnose);
    if (!err) err = flow(&(struct flowing){stdout, &run, input, &block, &output, &text, (size_t)o->threads}, error);
    buf_clear(&text);
    if (!err) output_finish(&output, &text, &run);
    if (!err) err = text_write(&text, stdout, error);
    if (!err && fflush(stdout)) err = fail(error, ERR_STORE, "detect-write", "", "the findings could not be written");
    if (!err) say_what_was_left(&run);
  }
  run_free(&run);
  block_free(&block);
  return err;
}

static int detect_file(const char *path, const struct detect_options *o) {
  bool worse = !strcmp(o->higher_is, "worse");
  int rule = alliance_rule_named(o->rule);
  struct run_options run_options = {.rule = (enum alliance_rule)rule,
                                    .view = o->hindsight ? ALLIANCE_HINDSIGHT : ALLIANCE_ONLINE,
                                    .false_alarm = o->false_alarm,
                                    .seed = (uint64_t)o->seed,
                                    .simulations = (int)o->simulations,
                                    .textbook = o->textbook};
  struct alliance_settings settings = {.ignore_reports = o->no_reports};
  if (!worse && strcmp(o->higher_is, "better")) return usage("--higher-is takes worse or better");
  if (rule < 0)
    return usage("there is no such rule; the rules are model, pooled-sd, individuals-chart, own-sd, reliable-change, "
                 "cusum, ewma, changepoint, drop, sudden-loss");
  if (!(o->false_alarm > 0 && o->false_alarm < 1)) return usage("--false-alarm must lie between 0 and 1");
  if (o->simulations < 100 || o->simulations > 10000000) return usage("--simulations must lie between 100 and 1e7");
  if (o->threads < 1 || o->threads > THREADS_MOST) return usage("--threads must lie between 1 and 64");
  if (o->textbook && !(alliance_rules[rule].textbook > 0)) return usage("this rule has no customary limit");
  if (o->scale && !scale_read(o->scale, worse, &settings)) return usage("--scale takes LOW:HIGH or LOW:HIGH:STEP");

  struct arena arena;
  struct input input;
  struct error error;
  arena_init(&arena, 0);
  enum err err = input_open(&input, &arena, path, worse, &error);
  if (!err) {
    err = detect_stream(&input, path, o, &settings, &run_options, &error);
    input_close(&input);
  }
  arena_free(&arena);
  return err ? say_no(&error) : EXIT_DONE;
}

int command_detect(int argc, char **argv) {
  struct detect_options o = {.rule = "model", .higher_is = "better", .false_alarm = 0.05, .seed = 1};
  o.simulations = 20000;
  o.threads = (int64_t)processors();
  if (o.threads > THREADS_USUAL) o.threads = THREADS_USUAL;
  struct operating_options *c = &o.characteristic;
  *c = (struct operating_options){.sessions = 6, .depth = 3, .length = "1", .shape = "sudden", .trials = 10000};
  const struct option options[] = {
      {"rule", "NAME",
       "model (default), pooled-sd, individuals-chart, own-sd, reliable-change, cusum, ewma, changepoint, drop, "
       "sudden-loss",
       .text = &o.rule},
      {"false-alarm", "P", "chance that a patient without a tension gets an alarm over the course (0.05)",
       .number = &o.false_alarm},
      {"textbook", NULL, "the rule's customary limit instead of one calibrated to --false-alarm", .flag = &o.textbook},
      {"higher-is", "WORD", "worse or better (default)", .text = &o.higher_is},
      {"hindsight", NULL, "judge every session by the whole course", .flag = &o.hindsight},
      {"scale", "LOW:HIGH[:STEP]", "the ends of the rating scale, and the distance between two answers",
       .text = &o.scale},
      {"diagnose", NULL, "print what the sample says of its own ratings, on standard error", .flag = &o.diagnose},
      {"no-reports", NULL, "leave the column `reported` out", .flag = &o.no_reports},
      {"seed", "S", "of the simulation behind the threshold (1)", .integer = &o.seed},
      {"simulations", "N", "simulated patients behind a threshold (20000)", .integer = &o.simulations},
      {"threads", "T", "(as many as there are processors, at most 8); the same bytes for any number",
       .integer = &o.threads},
      {"json", NULL, "one JSON document with 17 significant digits", .flag = &o.json},
      {"operating-characteristic", NULL, "no file: how well every rule and the best possible detector do",
       .flag = &o.operating},
      {"sessions", "N", "  of the course (6)", .integer = &c->sessions},
      {"depth", "D", "  of the tension in residual SDs (3)", .number = &c->depth},
      {"length", "L", "  in sessions, or `end` (1)", .text = &c->length},
      {"shape", "WORD", "  sudden, slow-fall, slow-return, slow-both, partly or mixed (sudden)", .text = &c->shape},
      {"missing", "P", "  share of missing sessions (0)", .number = &c->missing},
      {"trials", "T", "  simulated patients with and without a tension (10000)", .integer = &c->trials},
      {.name = NULL}};
  struct arguments arguments = {
      .usage = "attune detect FILE.csv",
      .about = "Reads columns patient, session, rating (optional: rater, reported) and prints, by session, the rating\n"
               "expected had there been no tension, z, the probability of a tension so far, and the event: tension or\n"
               "repair. z and expected are on the file's own scale. FILE.csv may be - for standard input.",
      .options = options,
      .least = 0,
      .most = 1};
  int code = arguments_read(&arguments, argc, argv);
  if (code >= 0) return code;
  if (o.operating) {
    c->seed = o.seed;
    c->false_alarm = o.false_alarm;
    c->hindsight = o.hindsight;
    c->json = o.json;
    return operating_command(c);
  }
  if (arguments.count != 1) return usage("name one file of ratings");
  return detect_file(arguments.words[0], &o);
}
