/* Agreement: published tables, values of R's psych and irr, and what must hold of any table. */
#include <math.h>
#include <string.h>

#include "attune/stats_agreement.h"
#include "attune/stats_random.h"
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: it makes a macro of fail() */

static struct arena arena;
static void *take(void *state, size_t bytes) {
  return arena_alloc(state, bytes);
}
static const struct stats_memory memory = {take, &arena};

static int setup(void **state) {
  (void)state;
  arena_init(&arena, 0);
  return 0;
}
static int teardown(void **state) {
  (void)state;
  arena_free(&arena);
  return 0;
}

static json_t *golden(const char *path) {
  json_error_t error;
  json_t *document = json_load_file(path, 0, &error);
  if (!document) fail_msg("%s: %s", path, error.text);
  return document;
}

static double real(const json_t *object, const char *key) {
  return json_number_value(json_object_get(object, key));
}

static void near(double got, double expected, double off) {
  if (!(fabs(got - expected) <= off)) fail_msg("%.15g instead of %.15g", got, expected);
}

/* The 6 x 4 ratings of the golden file. */
static void shrout_fleiss(const json_t *document, double *cells) {
  const json_t *rows = json_object_get(document, "ratings");
  for (size_t i = 0; i < 24; i++) cells[i] = json_number_value(json_array_get(json_array_get(rows, i / 4), i % 4));
}

static void shrout_and_fleiss_published_table(void **state) {
  (void)state;
  static const int order[] = {STATS_ICC_1, STATS_ICC_2, STATS_ICC_3, STATS_ICC_1K, STATS_ICC_2K, STATS_ICC_3K};
  double cells[24];
  json_t *document = golden("tests/golden/icc_shrout_fleiss.json");
  shrout_fleiss(document, cells);
  struct stats_icc_table table;
  struct stats_ratings ratings = {6, 4, cells};
  assert_int_equal(stats_icc_compute(&ratings, 0.95, &memory, &table), STATS_AGREEMENT_OK);
  near(table.ms_subjects, real(document, "MSR"), 1e-12);
  near(table.ms_raters, real(document, "MSC"), 1e-12);
  near(table.ms_error, real(document, "MSE"), 1e-12);
  near(table.ms_within, real(document, "MSW"), 1e-12);
  for (size_t i = 0; i < 6; i++) {
    const json_t *row = json_array_get(json_object_get(document, "psych"), i);
    const struct stats_icc *form = &table.form[order[i]];
    near(form->icc, real(row, "ICC"), 1e-12);
    near(form->f, real(row, "F"), 1e-12);
    near(form->df1, real(row, "df1"), 0);
    near(form->df2, real(row, "df2"), 0);
    near(form->p, real(row, "p"), 1e-12);
    near(form->lower, real(row, "lower bound"), 1e-10);
    near(form->upper, real(row, "upper bound"), 1e-10);
  }
  json_decref(document);
}

/* Three ratings of the published table taken out; components by lme4 1.1-31 (REML, its tightest stop). */
static void missing_ratings_use_all_that_is_there(void **state) {
  (void)state;
  double cells[24];
  json_t *document = golden("tests/golden/icc_shrout_fleiss.json");
  shrout_fleiss(document, cells);
  json_decref(document);
  cells[0 * 4 + 1] = cells[3 * 4 + 2] = cells[5 * 4 + 0] = NAN;
  struct stats_icc_table table;
  struct stats_ratings ratings = {6, 4, cells};
  assert_int_equal(stats_icc_compute(&ratings, 0.95, &memory, &table), STATS_AGREEMENT_OK);
  assert_true(table.missing == 3 && table.ratings == 21 && !table.complete && table.two_way);
  near(table.k_harmonic, 6 / (3 / 3.0 + 3 / 4.0), 1e-12);
  near(table.form[STATS_ICC_1].icc, 0.254487273555, 2e-6);
  near(table.form[STATS_ICC_2].icc, 2.526598386056635 / 8.363947673138358, 2e-6);
  near(table.form[STATS_ICC_3].icc, 2.526598386056635 / 3.347738020496217, 2e-6);
  for (int i = 0; i < STATS_ICC_FORMS; i++)
    assert_true(table.form[i].lower < table.form[i].icc && table.form[i].icc < table.form[i].upper);
}

/* Every subject with two raters of its own: only the one-way form has a meaning. */
static void unconnected_raters_leave_the_one_way_form(void **state) {
  (void)state;
  double cells[8 * 16];
  struct stats_stream stream;
  stats_stream_init(&stream, 3, 0, 0, 0);
  for (int i = 0; i < 8 * 16; i++) cells[i] = NAN;
  for (int i = 0; i < 8; i++)
    for (int j = 0; j < 2; j++) cells[i * 16 + 2 * i + j] = i + stats_random_normal(&stream);
  struct stats_icc_table table;
  struct stats_ratings ratings = {8, 16, cells};
  assert_int_equal(stats_icc_compute(&ratings, 0.95, &memory, &table), STATS_AGREEMENT_OK);
  assert_false(table.two_way);
  assert_true(table.form[STATS_ICC_1].icc > 0.3 && isnan(table.form[STATS_ICC_2].icc) &&
              isnan(table.form[STATS_ICC_3K].icc));
}

static void perfect_and_impossible_tables(void **state) {
  (void)state;
  double same[] = {1, 1, 2, 2, 5, 5}, constant[] = {3, 3, 3, 3}, one[] = {1, 2, 3}, lonely[] = {1, NAN, NAN, 2};
  struct stats_icc_table table;
  assert_int_equal(stats_icc_compute(&(struct stats_ratings){3, 2, same}, 0.95, &memory, &table), STATS_AGREEMENT_OK);
  for (int i = 0; i < STATS_ICC_FORMS; i++)
    assert_true(table.form[i].icc == 1 && table.form[i].lower == 1 && table.form[i].upper == 1 && table.form[i].p == 0);
  assert_int_equal(stats_icc_compute(&(struct stats_ratings){2, 2, constant}, 0.95, &memory, &table),
                   STATS_AGREEMENT_CONSTANT);
  const double large[] = {1e308, 3, 4, 2, 1, 2};
  assert_int_equal(stats_icc_compute(&(struct stats_ratings){3, 2, large}, 0.95, &memory, &table),
                   STATS_AGREEMENT_TOO_LARGE);
  assert_int_equal(stats_icc_compute(&(struct stats_ratings){1, 3, one}, 0.95, &memory, &table),
                   STATS_AGREEMENT_FEW_SUBJECTS);
  assert_int_equal(stats_icc_compute(&(struct stats_ratings){3, 1, one}, 0.95, &memory, &table),
                   STATS_AGREEMENT_FEW_RATERS);
  assert_int_equal(stats_icc_compute(&(struct stats_ratings){2, 2, lonely}, 0.95, &memory, &table),
                   STATS_AGREEMENT_FEW_RATERS);
}

/* Fleiss 1971, Table 1, by R's irr: 30 patients, 6 raters; a count becomes that many raters. */
static void fleiss_published_diagnoses(void **state) {
  (void)state;
  json_t *document = golden("tests/golden/fleiss_kappa_diagnoses.json");
  const json_t *counts = json_object_get(document, "counts");
  int category[30 * 6];
  for (size_t i = 0; i < 30; i++) {
    int at = 0;
    for (size_t k = 0; k < 5; k++)
      for (long n = (long)json_integer_value(json_array_get(json_array_get(counts, i), k)); n > 0; n--)
        category[i * 6 + (size_t)at++] = (int)k;
    assert_int_equal(at, 6);
  }
  struct stats_agreement result;
  struct stats_codings codings = {30, 6, 5, category};
  assert_int_equal(stats_fleiss_kappa(&codings, STATS_WEIGHTS_NONE, 0.95, &memory, &result), STATS_AGREEMENT_OK);
  near(result.value, real(document, "kappa"), 1e-13);
  near(result.observed, real(document, "Pbar"), 1e-13);
  near(result.expected, real(document, "Pe"), 1e-13);
  json_decref(document);
}

static size_t from_table(const json_t *table, int *category) {
  size_t subjects = 0;
  for (size_t i = 0; i < 5; i++)
    for (size_t j = 0; j < 5; j++)
      for (long n = (long)json_integer_value(json_array_get(json_array_get(table, i), j)); n > 0; n--, subjects++) {
        category[2 * subjects] = (int)i;
        category[2 * subjects + 1] = (int)j;
      }
  return subjects;
}

static void cohen_by_irr(void **state) {
  (void)state;
  static const char *const names[] = {"none", "linear", "quadratic"};
  json_t *document = golden("tests/golden/cohen_kappa_diagnoses.json");
  int category[100];
  struct stats_codings codings = {from_table(json_object_get(document, "table"), category), 2, 5, category};
  assert_int_equal(codings.subjects, 30);
  for (int w = 0; w < 3; w++) {
    struct stats_agreement result;
    assert_int_equal(stats_cohen_kappa(&codings, 0, 1, (enum stats_weights)w, 0.95, &memory, &result),
                     STATS_AGREEMENT_OK);
    near(result.value, real(document, names[w]), 1e-13);
    assert_true(result.lower < result.value && result.value < result.upper && result.se > 0.03 && result.se < 0.2);
  }
  json_decref(document);
}

/* The large-sample standard error against the jackknife over 400 subjects. */
static void cohen_standard_error_is_the_jackknifes(void **state) {
  (void)state;
  enum { N = 400 };
  int category[2 * N], less[2 * N];
  struct stats_stream stream;
  stats_stream_init(&stream, 8, 0, 0, 0);
  for (int i = 0; i < N; i++) {
    category[2 * i] = (int)stats_random_below(&stream, 4);
    category[2 * i + 1] = stats_random_below(&stream, 3) ? category[2 * i] : (int)stats_random_below(&stream, 4);
  }
  for (int w = 0; w < 3; w++) {
    struct stats_agreement all, result;
    struct stats_codings codings = {N, 2, 4, category};
    assert_int_equal(stats_cohen_kappa(&codings, 0, 1, (enum stats_weights)w, 0.95, &memory, &all), STATS_AGREEMENT_OK);
    double sum = 0, squares = 0;
    codings = (struct stats_codings){N - 1, 2, 4, less};
    for (size_t i = 0; i < N; i++) {
      memcpy(less, category, 2 * i * sizeof *less);
      memcpy(less + 2 * i, category + 2 * (i + 1), 2 * (N - i - 1) * sizeof *less);
      stats_cohen_kappa(&codings, 0, 1, (enum stats_weights)w, 0.95, &memory, &result);
      sum += result.value - all.value;
      squares += (result.value - all.value) * (result.value - all.value);
    }
    near(sqrt((squares - sum * sum / N) * (N - 1) / N) / all.se, 1, 0.02);
  }
}

/* 12 units, 4 raters, 7 ratings missing: K. L. Gwet, Handbook of Inter-Rater Reliability (4th edition, 2014); values as
 * printed for R's irrCAC, "cac.raw4raters". */
static void gwet_published_raters_with_missing_ratings(void **state) {
  (void)state;
  static const int one_based[48] = {1, 1, 0, 1, 2, 2, 3, 2, 3, 3, 3, 3, 3, 3, 3, 3, 2, 2, 2, 2, 1, 2, 3, 4,
                                    4, 4, 4, 4, 1, 1, 2, 1, 2, 2, 2, 2, 0, 5, 5, 5, 0, 0, 1, 1, 0, 0, 3, 0};
  int category[48];
  for (int i = 0; i < 48; i++) category[i] = one_based[i] - 1;
  struct stats_codings codings = {12, 4, 5, category};
  struct stats_agreement result;
  assert_int_equal(stats_gwet_ac(&codings, STATS_WEIGHTS_NONE, 0.95, &memory, &result), STATS_AGREEMENT_OK);
  near(result.value, 0.77544, 5e-6);
  near(result.se, 0.14295, 5e-6);
  near(result.observed, 0.8181818, 5e-8);
  near(result.expected, 0.1903212, 5e-8);
  near(result.lower, 0.461, 5e-4);
  assert_true(result.upper == 1);
  assert_int_equal(stats_fleiss_kappa(&codings, STATS_WEIGHTS_NONE, 0.95, &memory, &result), STATS_AGREEMENT_OK);
  near(result.value, 0.76117, 5e-6);
  near(result.se, 0.15302, 5e-6);
  near(result.expected, 0.2387153, 5e-8);
  near(result.lower, 0.424, 5e-4);
}

static void kappas_without_meaning(void **state) {
  (void)state;
  int constant[] = {0, 0, 0, 0, 0, 0}, alone[] = {0, -1, -1, 1, 1, -1};
  struct stats_agreement result;
  struct stats_codings codings = {3, 2, 1, constant};
  assert_int_equal(stats_cohen_kappa(&codings, 0, 1, STATS_WEIGHTS_NONE, 0.95, &memory, &result),
                   STATS_AGREEMENT_CONSTANT);
  assert_int_equal(stats_fleiss_kappa(&codings, STATS_WEIGHTS_NONE, 0.95, &memory, &result), STATS_AGREEMENT_CONSTANT);
  assert_int_equal(stats_gwet_ac(&codings, STATS_WEIGHTS_NONE, 0.95, &memory, &result), STATS_AGREEMENT_CONSTANT);
  codings = (struct stats_codings){3, 2, 2, alone};
  assert_int_equal(stats_cohen_kappa(&codings, 0, 1, STATS_WEIGHTS_NONE, 0.95, &memory, &result),
                   STATS_AGREEMENT_FEW_SUBJECTS);
  assert_int_equal(stats_gwet_ac(&codings, STATS_WEIGHTS_NONE, 0.95, &memory, &result), STATS_AGREEMENT_FEW_RATERS);
  codings.subjects = 1;
  assert_int_equal(stats_gwet_ac(&codings, STATS_WEIGHTS_NONE, 0.95, &memory, &result), STATS_AGREEMENT_FEW_SUBJECTS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(shrout_and_fleiss_published_table, setup, teardown),
      cmocka_unit_test_setup_teardown(missing_ratings_use_all_that_is_there, setup, teardown),
      cmocka_unit_test_setup_teardown(unconnected_raters_leave_the_one_way_form, setup, teardown),
      cmocka_unit_test_setup_teardown(perfect_and_impossible_tables, setup, teardown),
      cmocka_unit_test_setup_teardown(fleiss_published_diagnoses, setup, teardown),
      cmocka_unit_test_setup_teardown(cohen_by_irr, setup, teardown),
      cmocka_unit_test_setup_teardown(cohen_standard_error_is_the_jackknifes, setup, teardown),
      cmocka_unit_test_setup_teardown(gwet_published_raters_with_missing_ratings, setup, teardown),
      cmocka_unit_test_setup_teardown(kappas_without_meaning, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
