/* attune detect: the bytes written are the same for any number of threads, also up to a fault in the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/detect.h" /* before cmocka, whose fail() is a macro */

#include <cmocka.h>

enum { PATIENTS = 30000, SESSIONS = 7 };

static char *file;
static size_t file_length;

/* Some sessions are missing, some patients have few or many; several blocks. */
static int start(void **state) {
  (void)state;
  struct alliance_world w = alliance_world_default();
  struct alliance_session rows[ALLIANCE_SESSIONS_MAX];
  struct alliance_truth truth;
  w.truth.rater[ALLIANCE_THERAPIST].used = w.truth.reports = false;
  FILE *to = open_memstream(&file, &file_length);
  fputs("patient,session,rating\n", to);
  for (unsigned p = 0; p < PATIENTS; p++) {
    w.sessions = p % 1000 == 3 ? 1 : p % 5000 == 4 ? ALLIANCE_SESSIONS_MAX : SESSIONS;
    alliance_simulate_patient(rows, &truth, &w, 1, p, 0);
    for (int t = 0; t < w.sessions; t++)
      fprintf(to, (p + (unsigned)t * t) % 17 ? "p%u,%d,%.*f\n" : "p%u,%d,\n", p, t + 1, 2, rows[t].rating[0]);
  }
  return fclose(to);
}

static int stop(void **state) {
  (void)state;
  free(file);
  return 0;
}

static enum err run_on(char **bytes, size_t *length, size_t file_bytes, enum alliance_rule rule, bool json,
                       size_t threads, struct error *error) {
  struct alliance_estimate estimate = alliance_world_default().truth;
  estimate.rater[ALLIANCE_THERAPIST].used = estimate.reports = false;
  struct run_options options = {.rule = rule, .false_alarm = 0.05, .seed = 1, .simulations = 100};
  struct arena arena;
  struct input input;
  struct input_block block = {0};
  struct run run;
  struct output output;
  FILE *to = open_memstream(bytes, length);
  arena_init(&arena, 0);
  struct buf head = buf_in(&arena, 4096);
  assert_int_equal(input_open_memory(&input, &arena, file, file_bytes, "ratings.csv", false, error), OK);
  assert_int_equal(input_fill(&input, &block, 1000, error), OK);
  run_start(&run, &options, &estimate);
  output_start(&output, &head, &run, json, 1, false);
  enum err err = flow(&(struct flowing){to, &run, &input, &block, &output, &head, threads}, error);
  buf_clear(&head);
  output_finish(&output, &head, &run);
  if (!err) assert_int_equal(text_write(&head, to, error), OK);
  run_free(&run);
  input_close(&input);
  arena_free(&arena);
  assert_int_equal(fclose(to), 0);
  return err;
}

static void threads_say_the_same(size_t file_bytes, enum alliance_rule rule, bool json, enum err expected) {
  char *one, *more;
  size_t one_length, more_length;
  struct error error, again;
  assert_int_equal(run_on(&one, &one_length, file_bytes, rule, json, 1, &error), expected);
  assert_true(one_length > file_bytes / 2);
  for (size_t threads = 2; threads < 6; threads += 3) {
    assert_int_equal(run_on(&more, &more_length, file_bytes, rule, json, threads, &again), expected);
    if (one_length != more_length || memcmp(one, more, one_length))
      fail_msg("%zu threads write something else", threads);
    if (expected) assert_string_equal(error.text, again.text);
    free(more);
  }
  free(one);
}

static void any_number_of_threads(void **state) {
  (void)state;
  threads_say_the_same(file_length, ALLIANCE_MODEL, false, OK);
  threads_say_the_same(file_length, ALLIANCE_EWMA, true, OK);
}

/* Cut where a rating begins: the last row has too few fields. */
static void up_to_a_fault(void **state) {
  (void)state;
  char *at = file + file_length * 3 / 4;
  while (*at != ',') at++;
  threads_say_the_same((size_t)(at - file), ALLIANCE_EWMA, false, ERR_INPUT);
}

/* ---- golden findings: what the command said of tests/golden/detect/ratings.csv when they were kept ---- */

/* The command's own words, on its standard output. */
static char *said(const char *const *words, int count, size_t *length) {
  static char detect[] = "detect";
  char *text = NULL, *argv[12] = {detect};
  FILE *kept = stdout, *to = open_memstream(&text, length);
  for (int k = 0; k < count; k++) argv[k + 1] = (char *)(uintptr_t)words[k];
  stdout = to;
  assert_int_equal(command_detect(count + 1, argv), 0);
  stdout = kept;
  fclose(to);
  return text;
}

static void as_kept(const char *name, const char *view, const char *json) {
  const char *words[] = {"tests/golden/detect/ratings.csv", "--simulations", "400", "--rule", name, view, json};
  char path[128], *kept = NULL, *now;
  size_t kept_length = 0, length = 0;
  snprintf(path, sizeof path, "tests/golden/detect/%s%s%s", name, *view ? "-hindsight" : "", *json ? ".json" : ".csv");
  now = said(words, *json ? 7 : *view ? 6 : 5, &length);
  FILE *from = fopen(path, "r");
  if (!from || getdelim(&kept, &kept_length, 0, from) < 0) fail_msg("%s is not there", path);
  fclose(from);
  if (strcmp(kept, now) != 0) fail_msg("%s: the findings are others", path);
  free(kept);
  free(now);
}

static void findings_as_kept(void **state) {
  (void)state;
  for (int rule = 0; rule < ALLIANCE_RULES; rule++) as_kept(alliance_rules[rule].name, "", "");
  as_kept("model", "--hindsight", "--json");
  as_kept("ewma", "--hindsight", "--json");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(any_number_of_threads), cmocka_unit_test(up_to_a_fault),
                                     cmocka_unit_test(findings_as_kept)};
  return cmocka_run_group_tests(tests, start, stop);
}
