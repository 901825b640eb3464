/* attune allocation compare: how often each method is guessed, and how well it balances, before one is chosen. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cli/allocation.h"
#include "cli/options.h"
#include "cli/study_from.h"

#define THREADS_MOST 64
#define METHODS_MOST 8

struct row {
  char name[40];
  const char *about;
  struct allocation_rules rules;
  double guessed, imbalance, worst, sizes;
};

struct comparing {
  struct allocation_rules rules; /* arms, ratio and columns; the methods are set in the rows */
  struct allocation_person *people;
  int count, wave[ALLOCATION_WAVES_MAX], waves;
  int64_t trials;
  uint64_t seed;
  struct row row[METHODS_MOST];
  int rows;
};

/* ---- the study's people ---- */

static enum err rules_of_study(struct allocation_rules *rules, const struct study *study, struct error *error) {
  if (study->arm_count < 2 || study->arm_count > ALLOCATION_ARMS_MAX)
    return fail(error, ERR_INPUT, "compare-arms", "arms", "the study has %zu arms: 2 to %d can be compared",
                study->arm_count, ALLOCATION_ARMS_MAX);
  rules->arms = (int)study->arm_count;
  for (int a = 0; a < rules->arms; a++) {
    snprintf(rules->arm[a], ALLOCATION_NAME, "arm-%d", a + 1); /* their names say nothing here */
    rules->ratio[a] = study->ratio[a] > 0 && study->ratio[a] < 1000 ? (int)study->ratio[a] : 0;
  }
  allocation_blocks_suit(rules);
  return OK;
}

/* Sites are those of the study; of the other covariates the study says no more than the name. */
static struct made_up_covariate covariate_of(const struct study *study, const char *name) {
  struct made_up_covariate covariate = {.name = name, .categories = 3, .share = {300, 450, 250}};
  size_t sites = study->site_count;
  if (strcmp(name, "site") || sites < 2 || sites > MADE_UP_CATEGORIES) return covariate;
  covariate.categories = (int)sites;
  for (size_t s = 0; s < sites; s++) covariate.share[s] = 1000 / (int)sites;
  covariate.share[0] += 1000 % (int)sites;
  return covariate;
}

static enum err make_people(struct comparing *c, const struct study *study, struct arena *arena, struct error *error) {
  struct made_up_covariate *covariates = arena_array(arena, study->covariate_count + 1, sizeof *covariates);
  struct allocation_stream stream;
  struct allocation_error said;
  struct chance chance = chance_frozen(c->seed);
  uint8_t seed[ALLOCATION_HASH];
  for (size_t k = 0; k < study->covariate_count; k++) covariates[k] = covariate_of(study, study->covariates[k].name);
  c->rules.columns = made_up_columns(covariates, study->covariate_count);
  if (c->rules.columns > ALLOCATION_COLUMNS_MAX)
    return fail(error, ERR_INPUT, "compare-covariates", "covariates", "the study has too many covariates (%zu)",
                study->covariate_count);
  chance_bytes(&chance, "therapists", "compare", 0, seed, sizeof seed);
  allocation_stream_init(&stream, seed);
  for (int i = 0; i < c->count; i++)
    if (made_up_person(&c->people[i], covariates, study->covariate_count, &stream, &said))
      return allocation_error(&said, error);
  return OK;
}

/* ---- the methods ---- */

static struct row *add_row(struct comparing *c, enum allocation_method method, const char *about) {
  struct row *row = &c->row[c->rows++];
  *row = (struct row){.about = about, .rules = c->rules};
  row->rules.method = method;
  row->rules.most = c->count;
  snprintf(row->name, sizeof row->name, "%s", allocation_method_name[method]);
  return row;
}

static void add_blocks(struct comparing *c, int sizes, const char *about) {
  struct row *row = add_row(c, ALLOCATION_BLOCKS, about);
  size_t length = strlen(row->name);
  if (row->rules.blocks > sizes) row->rules.blocks = sizes;
  row->rules.strata = c->rules.columns > 0;
  row->rules.stratum[0] = 1;
  for (int b = 0; b < row->rules.blocks; b++)
    length += (size_t)snprintf(row->name + length, sizeof row->name - length, "-%d", row->rules.block[b]);
}

static void add_methods(struct comparing *c) {
  add_row(c, ALLOCATION_SIMPLE, "each by chance");
  add_row(c, ALLOCATION_BIG_STICK, "by chance, no arm more than 3 ahead");
  add_blocks(c, 3, "permuted blocks of random size: small blocks hardly hide the next arm");
  add_row(c, ALLOCATION_MINIMISATION, "the arm that balances best, with probability 0.8");
  add_blocks(c, 1, "permuted blocks of one size: small blocks hardly hide the next arm");
  add_row(c, ALLOCATION_CONSTRAINED, "one of the best allocations of each wave");
}

/* ---- trials ---- */

struct trials {
  const struct allocation_comparison *comparison;
  struct allocation_compared *result; /* one a trial, so that threads change no sum */
  int64_t count;
  atomic_llong next;
  atomic_int failed;
  struct allocation_error said;
};

static void *run_some(void *state) {
  struct trials *t = state;
  size_t bytes = allocation_compare_memory(t->comparison);
  void *memory = malloc(bytes);
  struct allocation_error said;
  if (!memory) die("out of memory");
  for (long long i; (i = atomic_fetch_add(&t->next, 1)) < t->count && !atomic_load(&t->failed);)
    if (allocation_compare(&t->result[i], t->comparison, (uint64_t)i, memory, bytes, &said) &&
        !atomic_exchange(&t->failed, 1))
      t->said = said;
  free(memory);
  return NULL;
}

static int by_size(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return a < b ? -1 : a > b;
}

static void summarise(struct row *row, const struct trials *t, double *worst) {
  double n = (double)t->count;
  for (int64_t i = 0; i < t->count; i++) {
    row->guessed += t->result[i].guessed / n;
    row->imbalance += t->result[i].imbalance / n;
    row->sizes += t->result[i].sizes / n;
    worst[i] = t->result[i].worst;
  }
  qsort(worst, (size_t)t->count, sizeof *worst, by_size);
  row->worst = worst[(t->count - 1) * 95 / 100];
}

static enum err compare_row(struct row *row, const struct comparing *c, struct allocation_compared *result,
                            double *worst, struct error *error) {
  const struct allocation_comparison comparison = {
      .rules = row->rules, .people = c->people, .count = c->count, .wave = c->wave, .waves = c->waves, .seed = c->seed};
  struct trials trials = {.comparison = &comparison, .result = result, .count = c->trials};
  pthread_t thread[THREADS_MOST];
  size_t count = processors(), started = 0;
  if (allocation_rules_check(&row->rules, &trials.said)) return allocation_error(&trials.said, error);
  if (count > THREADS_MOST) count = THREADS_MOST;
  while (started + 1 < count && !pthread_create(&thread[started], NULL, run_some, &trials)) started++;
  run_some(&trials);
  while (started) pthread_join(thread[--started], NULL);
  if (atomic_load(&trials.failed)) return allocation_error(&trials.said, error);
  summarise(row, &trials, worst);
  return OK;
}

/* ---- showing ---- */

static void print_rows(const struct comparing *c, bool json) {
  if (!json) printf("method                  guessed  imbalance  worst   sizes\n");
  for (int i = 0; i < c->rows; i++) {
    const struct row *row = &c->row[i];
    if (json)
      printf("%s{\"method\": \"%s\", \"guessed\": %.17g, \"imbalance\": %.17g, \"worst\": %.17g, \"sizes\": %.17g}%s\n",
             i ? " " : "[", row->name, row->guessed, row->imbalance, row->worst, row->sizes,
             i + 1 < c->rows ? "," : "]");
    else
      printf("%-22s  %.3f    %.3f      %.3f   %.2f   %s\n", row->name, row->guessed, row->imbalance, row->worst,
             row->sizes, row->about);
  }
}

#define PLOT_WIDTH 720
#define PLOT_HEIGHT 420
#define PLOT_LEFT 70
#define PLOT_RIGHT 660
#define PLOT_TOP 30
#define PLOT_BOTTOM 360

static double most_of(const struct comparing *c, bool guessed, double least) {
  double most = least;
  for (int i = 0; i < c->rows; i++) {
    double value = guessed ? c->row[i].guessed : c->row[i].imbalance;
    if (value > most) most = value;
  }
  return most;
}

static void write_axes(struct buf *out, double low, double high, double tall) {
  html(out, "<g stroke=\"#ccc\" fill=\"#444\" font-size=\"12\">");
  for (int i = 0; i <= 4; i++) {
    double x = PLOT_LEFT + (PLOT_RIGHT - PLOT_LEFT) * i / 4.0, y = PLOT_BOTTOM - (PLOT_BOTTOM - PLOT_TOP) * i / 4.0;
    html(out, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>", x, x, PLOT_TOP, PLOT_BOTTOM);
    html(out, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", PLOT_LEFT, PLOT_RIGHT, y, y);
    html(out, "<text stroke=\"none\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.2f</text>", x, PLOT_BOTTOM + 18,
         low + (high - low) * i / 4);
    html(out, "<text stroke=\"none\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.2f</text>", PLOT_LEFT - 8, y + 4,
         tall * i / 4);
  }
  html(out, "</g><text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>", (PLOT_LEFT + PLOT_RIGHT) / 2,
       PLOT_BOTTOM + 44, "how often the next arm is guessed");
  html(out, "<text transform=\"translate(18 %d) rotate(-90)\" text-anchor=\"middle\">%s</text>",
       (PLOT_TOP + PLOT_BOTTOM) / 2, "imbalance, in standard deviations");
}

/* Guessing across, imbalance upwards: what is wanted stands at the lower left. */
static void draw_plot(struct buf *out, const struct comparing *c) {
  double low = 1, high = most_of(c, true, 0) + 0.02, tall = most_of(c, false, 0.01) * 1.1;
  for (int i = 0; i < c->rows; i++)
    if (c->row[i].guessed < low) low = c->row[i].guessed;
  low -= 0.02;
  html(out,
       "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\" font-family=\"sans-serif\" "
       "font-size=\"14\"><title>%s</title><rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>",
       PLOT_WIDTH, PLOT_HEIGHT, "Guessing and balance of each method", PLOT_WIDTH, PLOT_HEIGHT);
  write_axes(out, low, high, tall);
  for (int i = 0; i < c->rows; i++) {
    const struct row *row = &c->row[i];
    double x = PLOT_LEFT + (row->guessed - low) / (high - low) * (PLOT_RIGHT - PLOT_LEFT);
    double y = PLOT_BOTTOM - row->imbalance / tall * (PLOT_BOTTOM - PLOT_TOP);
    bool left = x > PLOT_WIDTH - 160; /* a name of the longest method fits between here and the edge */
    html(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"6\" fill=\"%s\"/>", x, y,
         row->rules.method == ALLOCATION_CONSTRAINED ? "#0b6e4f" : "#33558b");
    html(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>", x + (left ? -10 : 10), y - 8,
         left ? "end" : "start", row->name);
  }
  html(out, "</svg>\n");
}

static enum err write_plot(const char *path, const struct comparing *c, struct arena *arena, struct error *error) {
  struct buf out = buf_in(arena, 8192);
  draw_plot(&out, c);
  FILE *file = fopen(path, "wb");
  if (!file) return fail(error, ERR_INPUT, "compare-plot", path, "%s could not be made", path);
  bool written = fwrite(out.data, 1, out.length, file) == out.length;
  return fclose(file) == 0 && written ? OK
                                      : fail(error, ERR_STORE, "compare-plot", path, "%s could not be written", path);
}

/* ---- the command ---- */

static enum err compare(struct comparing *c, const char *where, const char *ratio, struct arena *arena,
                        struct error *error) {
  const struct study *study = NULL;
  enum err err = where ? study_from(&study, where, arena, error) : OK;
  c->people = arena_array(arena, (size_t)c->count, sizeof *c->people);
  if (!err && study) err = rules_of_study(&c->rules, study, error);
  if (!err && study) err = make_people(c, study, arena, error);
  if (!err) err = allocation_ratio_read(ratio, &c->rules, error);
  if (err) return err;
  struct allocation_compared *result = arena_array(arena, (size_t)c->trials, sizeof *result);
  double *worst = arena_array(arena, (size_t)c->trials, sizeof *worst);
  add_methods(c);
  for (int i = 0; i < c->rows && !err; i++) err = compare_row(&c->row[i], c, result, worst, error);
  return err;
}

int allocation_compare_methods(int argc, char **argv) {
  const char *study = NULL, *waves = NULL, *ratio = NULL, *plot = NULL;
  int64_t therapists = 40, trials = 10000, seed = 1;
  bool json = false;
  const struct option options[] = {
      {"therapists", "N", "how many (40)", .integer = &therapists},
      {"study", "DIR", "a study, for its arms, ratio and covariates; else 1:1 without covariates", .text = &study},
      {"trials", "T", "simulated trials (10000)", .integer = &trials},
      {"seed", "S", "the same seed gives the same figures (1)", .integer = &seed},
      {"waves", "N,N,...", "of the constrained method (waves of 12, and the rest)", .text = &waves},
      {"ratio", "N:N", "of the arms", .text = &ratio},
      {"plot", "FILE.svg", "a picture: guessing across, imbalance upwards", .text = &plot},
      {"json", NULL, "one JSON array", .flag = &json},
      {0}};
  struct arguments arguments = {
      .usage = "attune allocation compare --therapists N [--study DIR] [--trials T] [--seed S]",
      .about =
          "guessed: how often somebody names the next arm who knows the rules, the covariates and all arms so far "
          "(the\n"
          "constrained method takes people in waves: all arms of earlier waves). In blocks: the arm that is behind.\n"
          "imbalance: difference between the arms, in standard deviations, mean over covariates and sizes.\n"
          "worst: the largest of these; 95 of 100 trials stay below. sizes: people by which an arm misses its share.\n"
          "The therapists are made up; they come in another order in each trial.",
      .options = options,
      .most = 0};
  int code = arguments_read(&arguments, argc, argv);
  if (code >= 0) return code;
  struct arena arena;
  struct error error;
  arena_init(&arena, (size_t)2 << 30);
  struct comparing c = {
      .rules = allocation_rules_default(), .count = (int)therapists, .trials = trials, .seed = (uint64_t)seed};
  enum err err = OK;
  if (therapists < 1 || therapists > ALLOCATION_WAVE_MAX)
    err = fail(&error, ERR_USAGE, "therapists", "--therapists", "--therapists takes 1 to %d", ALLOCATION_WAVE_MAX);
  if (!err && (trials < 1 || trials > 1000000))
    err = fail(&error, ERR_USAGE, "trials", "--trials", "--trials takes 1 to 1000000");
  if (!err) err = allocation_waves_read(waves, c.count, c.wave, &c.waves, &error);
  if (!err) err = compare(&c, study, ratio, &arena, &error);
  if (!err) print_rows(&c, json);
  if (!err && plot) err = write_plot(plot, &c, &arena, &error);
  arena_free(&arena);
  return err ? say_no(&error) : EXIT_DONE;
}
