/* attune agree FILE.csv --icc | --kappa: how far raters agree. The figures are src/stats' (attune/stats_agreement.h).
 */
#include <math.h>
#include <stdio.h>

#include "attune/stats_agreement.h"
#include "base/csv.h"
#include "base/decimal.h"
#include "base/json.h"
#include "base/levels.h"
#include "cli/options.h"

#define CELLS_MAXIMUM ((size_t)50000000)
#define PAIRS_MAXIMUM 50 /* raters beyond which Cohen's kappa of every pair says nothing to a reader */

struct one_rating {
  uint32_t subject, rater, text;
  size_t line;
};

/* A file in long form: who rated whom, how. Rows without a rating are left out. */
struct sheet {
  struct arena *arena;
  struct levels subjects, raters, texts;
  struct one_rating *rows;
  size_t count, capacity, rows_missing;
};

static void *take_from_arena(void *state, size_t bytes) {
  return arena_alloc(state, bytes);
}

/* ---- reading ---- */

static void sheet_add(struct sheet *sheet, const char *subject, const char *rater, const char *text, size_t line) {
  if (sheet->count == sheet->capacity) {
    size_t capacity = sheet->capacity ? 2 * sheet->capacity : 1024;
    struct one_rating *larger = arena_array(sheet->arena, capacity, sizeof *larger);
    if (sheet->count) memcpy(larger, sheet->rows, sheet->count * sizeof *larger);
    sheet->rows = larger;
    sheet->capacity = capacity;
  }
  sheet->rows[sheet->count++] =
      (struct one_rating){levels_code(sheet->arena, &sheet->subjects, subject, strlen(subject)),
                          levels_code(sheet->arena, &sheet->raters, rater, strlen(rater)),
                          levels_code(sheet->arena, &sheet->texts, text, strlen(text)), line};
}

static enum err sheet_read(struct sheet *sheet, const char *path, struct error *error) {
  struct csv *csv;
  struct csv_row row;
  int subject = -1, rater = -1, rating = -1;
  enum err err = csv_open_file(&csv, sheet->arena, path, error);
  if (!err) err = csv_need_column(csv, "subject", &subject, error);
  if (!err) err = csv_need_column(csv, "rater", &rater, error);
  if (!err) err = csv_need_column(csv, "rating", &rating, error);
  while (!err && !(err = csv_next_row(csv, &row, error)) && row.fields) {
    if (csv_missing(row.fields[subject]))
      err = csv_refuse(csv, row.line, subject, error, "the subject is missing");
    else if (csv_missing(row.fields[rater]))
      err = csv_refuse(csv, row.line, rater, error, "the rater is missing");
    else if (csv_missing(row.fields[rating]))
      sheet->rows_missing++;
    else if (csv_seems_missing(row.fields[rating]))
      err = csv_refuse(csv, row.line, rating, error,
                       "'%.20s' looks like a missing rating, which is an empty field, NA, or no row at all",
                       row.fields[rating]);
    else
      sheet_add(sheet, row.fields[subject], row.fields[rater], row.fields[rating], row.line);
  }
  csv_close(csv);
  if (err) return err;
  if (!sheet->count) return fail(error, ERR_INPUT, "agree-empty", "rating", "%s holds no rating", path);
  if (sheet->subjects.count > CELLS_MAXIMUM / sheet->raters.count)
    return fail(error, ERR_LIMIT, "agree-size", "", "%zu subjects by %zu raters are more than %zu cells",
                sheet->subjects.count, sheet->raters.count, CELLS_MAXIMUM);
  return OK;
}

/* Every text as a number, or false with the first that is none. */
static bool all_numbers(const struct sheet *sheet, double *numbers, size_t *which) {
  for (size_t i = 0; i < sheet->texts.count; i++)
    if (decimal_read(sheet->texts.names[i], sheet->texts.lengths[i], &numbers[i]) != DECIMAL_READ) {
      *which = i;
      return false;
    }
  return true;
}

static enum err refuse_twice(const struct sheet *sheet, const struct one_rating *row, const char *path,
                             struct error *error) {
  return fail(error, ERR_INPUT, "agree-twice", "rating",
              "%s, line %zu: rater '%.60s' rates subject '%.60s' a second time", path, row->line,
              sheet->raters.names[row->rater], sheet->subjects.names[row->subject]);
}

static enum err numbers_table(const struct sheet *sheet, const char *path, struct stats_ratings *table,
                              struct error *error) {
  double *number = arena_array(sheet->arena, sheet->texts.count, sizeof *number), *cells;
  size_t cell_count = sheet->subjects.count * sheet->raters.count, bad;
  if (!all_numbers(sheet, number, &bad)) {
    const struct one_rating *row = sheet->rows;
    while (row->text != bad) row++;
    return fail(error, ERR_INPUT, "agree-number", "rating",
                "%s, line %zu, column rating: '%.60s' is not a number; categories take --kappa", path, row->line,
                sheet->texts.names[bad]);
  }
  cells = arena_array(sheet->arena, cell_count, sizeof *cells);
  for (size_t i = 0; i < cell_count; i++) cells[i] = NAN;
  for (size_t i = 0; i < sheet->count; i++) {
    const struct one_rating *row = &sheet->rows[i];
    double *cell = &cells[row->subject * sheet->raters.count + row->rater];
    if (!isnan(*cell)) return refuse_twice(sheet, row, path, error);
    *cell = number[row->text];
    if (fabs(*cell) > STATS_RATING_MAXIMUM)
      return fail(error, ERR_INPUT, "agree-large", "rating",
                  "%s, line %zu, column rating: %.40s is too large to compute with (%g at most)", path, row->line,
                  sheet->texts.names[row->text], STATS_RATING_MAXIMUM);
  }
  *table = (struct stats_ratings){sheet->subjects.count, sheet->raters.count, cells};
  return OK;
}

/* ---- categories in their order ---- */

struct category {
  const char *name;
  double number; /* all 0 when some are no numbers */
  uint32_t text;
};

static int by_order(const void *a, const void *b) {
  const struct category *x = a, *y = b;
  if (x->number != y->number) return x->number < y->number ? -1 : 1;
  return strcmp(x->name, y->name);
}

/* Categories by number where all are numbers (then 1 and 1.0 are one), else by bytes; code[text] is the position. */
static size_t order_categories(const struct sheet *sheet, struct category **categories, int *code) {
  size_t count = sheet->texts.count, bad, distinct = 0;
  double *number = arena_array(sheet->arena, count, sizeof *number);
  bool numeric = all_numbers(sheet, number, &bad);
  struct category *c = *categories = arena_array(sheet->arena, count, sizeof *c);
  for (size_t i = 0; i < count; i++)
    c[i] = (struct category){sheet->texts.names[i], numeric ? number[i] : 0, (uint32_t)i};
  qsort(c, count, sizeof *c, by_order);
  for (size_t i = 0; i < count; i++) {
    if (i && !(numeric && c[i].number == c[distinct - 1].number))
      c[distinct++] = c[i];
    else if (!i)
      distinct = 1;
    code[c[i].text] = (int)distinct - 1;
  }
  return distinct;
}

static enum err codings_table(const struct sheet *sheet, const char *path, struct stats_codings *table,
                              struct category **categories, struct error *error) {
  size_t cells = sheet->subjects.count * sheet->raters.count;
  int *code = arena_array(sheet->arena, sheet->texts.count, sizeof *code),
      *category = arena_array(sheet->arena, cells, sizeof *category);
  size_t count = order_categories(sheet, categories, code);
  if (count > 1000)
    return fail(error, ERR_LIMIT, "agree-categories", "rating",
                "%s holds %zu different ratings, too many for categories; numbers take --icc", path, count);
  for (size_t i = 0; i < cells; i++) category[i] = -1;
  for (size_t i = 0; i < sheet->count; i++) {
    const struct one_rating *row = &sheet->rows[i];
    int *cell = &category[row->subject * sheet->raters.count + row->rater];
    if (*cell >= 0) return refuse_twice(sheet, row, path, error);
    *cell = code[row->text];
  }
  *table = (struct stats_codings){sheet->subjects.count, sheet->raters.count, count, category};
  return OK;
}

static enum err agreement_fails(enum stats_agreement_status status, const char *path, struct error *error) {
  static const char *const why[] = {
      [STATS_AGREEMENT_FEW_SUBJECTS] =
          "fewer than two subjects are rated (by both raters): agreement needs at least two",
      [STATS_AGREEMENT_FEW_RATERS] = "no subject is rated by two raters",
      [STATS_AGREEMENT_CONSTANT] = "all ratings are the same, so that agreement cannot be told from chance",
      [STATS_AGREEMENT_TOO_LARGE] = "a rating is too large to compute with",
      [STATS_AGREEMENT_NOT_FITTED] = "the components of variance of this incomplete table could not be found",
      [STATS_AGREEMENT_NO_MEMORY] = "the table is too large"};
  return fail(error, ERR_INPUT, "agree-undefined", "rating", "%s: %s", path, why[status]);
}

/* ---- intraclass correlations ---- */

static const char *const form_names[] = {"ICC1", "ICC2", "ICC3", "ICC1k", "ICC2k", "ICC3k"};

static json_t *number(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

static void print_json(json_t *document) {
  char *text = json_dumps(document, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
  puts(text);
  free(text);
  json_decref(document);
}

static const char *form_title(struct arena *arena, int form, size_t raters) {
  int which = form % 3 + 1;
  return form < 3 ? arena_printf(arena, "ICC(%d,1)", which) : arena_printf(arena, "ICC(%d,%zu)", which, raters);
}

static void icc_json(const struct stats_icc_table *table, double confidence, struct arena *arena) {
  json_t *forms = json_array();
  for (int i = 0; i < STATS_ICC_FORMS; i++) {
    const struct stats_icc *form = &table->form[i];
    json_array_append_new(forms,
                          json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "type", form_names[i], "form",
                                    form_title(arena, i, table->raters), "icc", number(form->icc), "lower",
                                    number(form->lower), "upper", number(form->upper), "f", number(form->f), "df1",
                                    number(form->df1), "df2", number(form->df2), "p", number(form->p)));
  }
  json_t *squares =
      json_pack("{s:o, s:o, s:o, s:o}", "MSR", number(table->ms_subjects), "MSC", number(table->ms_raters), "MSE",
                number(table->ms_error), "MSW", number(table->ms_within));
  print_json(json_pack("{s:I, s:I, s:I, s:I, s:b, s:o, s:f, s:o, s:o}", "subjects", (json_int_t)table->subjects,
                       "raters", (json_int_t)table->raters, "ratings", (json_int_t)table->ratings, "missing",
                       (json_int_t)table->missing, "complete", table->complete, "k_harmonic", number(table->k_harmonic),
                       "confidence", confidence, "mean_squares", squares, "icc", forms));
}

static void icc_text(const struct stats_icc_table *table, double confidence, struct arena *arena) {
  static const char *const meaning[] = {
      "one rater, each subject its own raters", "one rater, of a population of raters",
      "one rater, of these very raters",        "mean of k raters, each subject its own",
      "mean of k raters, of a population",      "mean of these very k raters"};
  printf("%zu subjects, %zu raters, %zu ratings", table->subjects, table->raters, table->ratings);
  if (table->complete)
    printf("\n\n");
  else
    printf(" (%zu cells empty: components of variance by REML, intervals approximate)\n\n", table->missing);
  printf("%-10s %8s  %3.0f%% interval        %9s %6s %8s %9s  %s\n", "form", "ICC", confidence * 100, "F", "df1", "df2",
         "p", "reliability of");
  for (int i = 0; i < STATS_ICC_FORMS; i++) {
    const struct stats_icc *form = &table->form[i];
    const char *title = form_title(arena, i, table->raters);
    if (isnan(form->icc))
      printf("%-10s        -  (raters share too few subjects to be told apart)\n", title);
    else
      printf("%-10s %8.4f  [%8.4f, %7.4f] %9.3f %6.0f %8.1f %9.3g  %s\n", title, form->icc, form->lower, form->upper,
             form->f, form->df1, form->df2, form->p, meaning[i]);
  }
}

static enum err run_icc(const struct sheet *sheet, const char *path, double confidence, bool json,
                        struct error *error) {
  struct stats_ratings ratings;
  struct stats_icc_table table;
  const struct stats_memory memory = {take_from_arena, sheet->arena};
  enum err err = numbers_table(sheet, path, &ratings, error);
  if (err) return err;
  enum stats_agreement_status status = stats_icc_compute(&ratings, confidence, &memory, &table);
  if (status) return agreement_fails(status, path, error);
  if (json)
    icc_json(&table, confidence, sheet->arena);
  else
    icc_text(&table, confidence, sheet->arena);
  return OK;
}

/* ---- kappas ---- */

struct kappas {
  struct stats_codings codings;
  enum stats_weights weights;
  double confidence;
  struct stats_agreement fleiss, gwet,
      *pair; /* pair: one after the other, (0,1) (0,2) .. ; those undefined have no subjects */
  size_t pairs, defined;
  double light; /* mean of the defined pairs */
};

static enum stats_agreement_status compute_kappas(struct kappas *k, const struct sheet *sheet) {
  const struct stats_memory memory = {take_from_arena, sheet->arena};
  size_t raters = k->codings.raters;
  enum stats_agreement_status status = stats_fleiss_kappa(&k->codings, k->weights, k->confidence, &memory, &k->fleiss);
  if (!status) status = stats_gwet_ac(&k->codings, k->weights, k->confidence, &memory, &k->gwet);
  if (status || raters > PAIRS_MAXIMUM) return status;
  k->pair = arena_array(sheet->arena, raters * (raters - 1) / 2, sizeof *k->pair);
  for (size_t one = 0; one < raters; one++)
    for (size_t other = one + 1; other < raters; other++) {
      struct stats_agreement *pair = &k->pair[k->pairs++];
      if (stats_cohen_kappa(&k->codings, one, other, k->weights, k->confidence, &memory, pair))
        *pair = (struct stats_agreement){.value = NAN, .se = NAN, .lower = NAN, .upper = NAN};
      else
        k->defined++, k->light += pair->value;
    }
  k->light /= (double)k->defined;
  return STATS_AGREEMENT_OK;
}

static json_t *agreement_json(const struct stats_agreement *a, const char *name) {
  return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "subjects", (json_int_t)a->subjects, "observed",
                   number(a->observed), "expected", number(a->expected), name, number(a->value), "se", number(a->se),
                   "lower", number(a->lower), "upper", number(a->upper));
}

static const char *const weight_names[] = {"none", "linear", "quadratic"};

static void kappas_json(const struct kappas *k, const struct sheet *sheet, const struct category *categories) {
  json_t *names = json_array(), *pairs = json_array();
  for (size_t i = 0; i < k->codings.categories; i++) json_array_append_new(names, json_string(categories[i].name));
  size_t at = 0;
  for (size_t one = 0; k->pair && one < k->codings.raters; one++)
    for (size_t other = one + 1; other < k->codings.raters; other++, at++) {
      json_t *pair = agreement_json(&k->pair[at], "kappa");
      json_object_set_new(pair, "raters", json_pack("[s, s]", sheet->raters.names[one], sheet->raters.names[other]));
      json_array_append_new(pairs, pair);
    }
  print_json(json_pack("{s:I, s:I, s:I, s:o, s:s, s:f, s:o, s:o, s:o, s:o}", "subjects",
                       (json_int_t)k->codings.subjects, "raters", (json_int_t)k->codings.raters, "ratings",
                       (json_int_t)sheet->count, "categories", names, "weights", weight_names[k->weights], "confidence",
                       k->confidence, "fleiss", agreement_json(&k->fleiss, "kappa"), "gwet",
                       agreement_json(&k->gwet, "ac"), "cohen", pairs, "cohen_mean", number(k->light)));
}

static void agreement_line(const char *title, const struct stats_agreement *a) {
  if (isnan(a->value))
    printf("%-28s        -  (undefined: too few shared subjects, or one category)\n", title);
  else
    printf("%-28s %8.4f  [%7.4f, %7.4f]  %8.4f  %8.4f %8.4f %9zu\n", title, a->value, a->lower, a->upper, a->se,
           a->observed, a->expected, a->subjects);
}

static void kappas_text(const struct kappas *k, const struct sheet *sheet) {
  bool weighted = k->weights != STATS_WEIGHTS_NONE;
  printf("%zu subjects, %zu raters, %zu ratings in %zu categories", k->codings.subjects, k->codings.raters,
         sheet->count, k->codings.categories);
  printf(weighted ? ", %s weights\n\n" : "\n\n", weight_names[k->weights]);
  printf("%-28s %8s  %3.0f%% interval         %8s  %8s %8s %9s\n", "coefficient", "value", k->confidence * 100, "se",
         "observed", "chance", "subjects");
  agreement_line("Fleiss' kappa", &k->fleiss);
  agreement_line(weighted ? "Gwet's AC2" : "Gwet's AC1", &k->gwet);
  size_t at = 0;
  for (size_t one = 0; k->pair && one < k->codings.raters && k->codings.raters <= 10; one++)
    for (size_t other = one + 1; other < k->codings.raters; other++, at++)
      agreement_line(
          arena_printf(sheet->arena, "Cohen's kappa %.6s, %.6s", sheet->raters.names[one], sheet->raters.names[other]),
          &k->pair[at]);
  if (k->defined > 1)
    printf("%-28s %8.4f  (over %zu pairs of raters)\n", "mean of Cohen's kappas", k->light, k->defined);
}

static enum err run_kappa(const struct sheet *sheet, const char *path, enum stats_weights weights, double confidence,
                          bool json, struct error *error) {
  struct kappas kappas = {.weights = weights, .confidence = confidence};
  struct category *categories;
  enum err err = codings_table(sheet, path, &kappas.codings, &categories, error);
  if (err) return err;
  enum stats_agreement_status status = compute_kappas(&kappas, sheet);
  if (status) return agreement_fails(status, path, error);
  if (json)
    kappas_json(&kappas, sheet, categories);
  else
    kappas_text(&kappas, sheet);
  return OK;
}

/* ---- the command ---- */

static enum err read_weights(const char *text, enum stats_weights *weights, struct error *error) {
  for (int i = 0; i < 3; i++)
    if (!strcmp(text, weight_names[i])) {
      *weights = (enum stats_weights)i;
      return OK;
    }
  return fail(error, ERR_USAGE, "", "", "--weights takes none, linear or quadratic, not '%.40s'", text);
}

int command_agree(int argc, char **argv) {
  bool icc = false, kappa = false, json = false;
  const char *weights_text = "none";
  double confidence = 0.95;
  const struct option options[] = {
      {"icc", NULL, "intraclass correlations of numeric ratings, all forms of Shrout and Fleiss", .flag = &icc},
      {"kappa", NULL, "Cohen's and Fleiss' kappa and Gwet's AC1 of categories", .flag = &kappa},
      {"weights", "WHICH", "none, linear or quadratic, by the categories' order (none)", .text = &weights_text},
      {"confidence", "SHARE", "of the intervals (0.95)", .number = &confidence},
      {"json", NULL, "one JSON document with full precision", .flag = &json},
      {0}};
  struct arguments arguments = {
      .usage = "attune agree FILE.csv --icc | --kappa",
      .about =
          "FILE.csv has the columns subject, rater, rating; a missing rating is an empty field, NA, or no row at all.",
      .options = options,
      .least = 1,
      .most = 1};
  int code = arguments_read(&arguments, argc, argv);
  if (code >= 0) return code;
  struct error error = {0};
  enum stats_weights weights = STATS_WEIGHTS_NONE;
  enum err err = read_weights(weights_text, &weights, &error);
  if (!err && icc == kappa) err = fail(&error, ERR_USAGE, "", "", "say either --icc or --kappa");
  if (!err && !(confidence > 0 && confidence < 1))
    err = fail(&error, ERR_USAGE, "", "", "--confidence is between 0 and 1, such as 0.95");
  struct arena arena;
  arena_init(&arena, (size_t)4 << 30);
  struct sheet sheet = {.arena = &arena};
  if (!err) err = sheet_read(&sheet, arguments.words[0], &error);
  if (!err)
    err = icc ? run_icc(&sheet, arguments.words[0], confidence, json, &error)
              : run_kappa(&sheet, arguments.words[0], weights, confidence, json, &error);
  arena_free(&arena);
  return finish_output(err, &error);
}
