/* The commands of the numbers as a user meets them: what is refused, on which line, and that lost output is no success.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/command.h"

#include <cmocka.h>

#define FILE_NAME "/tmp/attune-commands-%d.%s"

static char path[64], said[20000], printed[200000];

static void write_file(const char *text) {
  snprintf(path, sizeof path, FILE_NAME, (int)getpid(), "csv");
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  assert_int_equal(fclose(file), 0);
}

static void read_back(const char *name, char *into, size_t size) {
  FILE *file = fopen(name, "r");
  assert_non_null(file);
  into[fread(into, 1, size - 1, file)] = '\0';
  fclose(file);
  unlink(name);
}

/* Runs a command in a process of its own, stdout to `out` (NULL: kept in `printed`), stderr to `said`. */
static int run_to(const char *out, int (*command)(int, char **), const char *const *words) {
  char mine[64], errors[64], *argv[30];
  int argc = 0, status;
  snprintf(mine, sizeof mine, FILE_NAME, (int)getpid(), "out");
  snprintf(errors, sizeof errors, FILE_NAME, (int)getpid(), "err");
  for (; words[argc]; argc++) argv[argc] = strdup(words[argc]);
  argv[argc] = NULL;
  fflush(stdout);
  pid_t child = fork();
  assert_true(child >= 0);
  if (!child) {
    if (!freopen(out ? out : mine, "w", stdout) || !freopen(errors, "w", stderr)) _exit(99);
    int code = command(argc, argv);
    fflush(stdout);
    fflush(stderr);
    _exit(code);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  for (int i = 0; i < argc; i++) free(argv[i]);
  read_back(errors, said, sizeof said);
  if (!out) read_back(mine, printed, sizeof printed);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

#define RUN(command, ...) run_to(NULL, command_##command, (const char *const[]){#command, __VA_ARGS__, NULL})

static void says(const char *sentence) {
  if (!strstr(said, sentence)) fail_msg("it said: %s", said);
}

/* Ten groups of four rows; `odd` stands in the 17th row's y, on line 18. */
static void write_rows(const char *odd) {
  static char text[4000];
  size_t at = (size_t)snprintf(text, sizeof text, "y,x,g,f\n");
  for (int i = 0; i < 40; i++) {
    if (i == 16)
      at += (size_t)snprintf(text + at, sizeof text - at, "%s,%d,%d,%s\n", odd, i % 4, i / 4, i % 2 ? "a" : "b");
    else
      at += (size_t)snprintf(text + at, sizeof text - at, "%d.%d,%d,%d,%s\n", i * 7 % 11, i % 3, i % 4, i / 4,
                             i % 2 ? "a" : "b");
  }
  write_file(text);
}

static void a_text_among_numbers_is_refused_with_its_line(void **state) {
  (void)state;
  static const char *const odd[] = {"Inf", "-inf", "1,5x" + 2, "12o"};
  for (size_t i = 0; i < 4; i++) {
    write_rows(odd[i]);
    assert_int_equal(RUN(fit, "y ~ x + (1 | g)", path), EXIT_SAYS_NO);
    says("line 18, column 1 (y)");
    says("is not a number, and other values of the column are");
    assert_int_equal(RUN(fit, "x ~ y + (1 | g)", path), EXIT_SAYS_NO);
    says("line 18");
  }
  assert_int_equal(RUN(fit, "x ~ factor(y) + (1 | g)", path, "--df", "none"), EXIT_DONE); /* asked for */
  assert_int_equal(RUN(fit, "x ~ y + (1 | g)", path, "--levels", "y=12o", "--df", "none"), EXIT_DONE);
  assert_int_equal(RUN(fit, "x ~ f + (1 | y)", path), EXIT_DONE); /* names of groups may be anything */
}

static void what_is_meant_as_missing_is_named(void **state) {
  (void)state;
  static const char *const odd[] = {"?", "<NA>", "na", "n/a", "N/A", "NULL", ".", "  ", "#N/A"};
  for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
    write_rows(odd[i]);
    if (strcmp(odd[i], "  ") != 0) { /* blanks are a missing number */
      assert_int_equal(RUN(fit, "y ~ x + (1 | g)", path), EXIT_SAYS_NO);
      says("line 18, column 1 (y)");
      says("looks like a missing value");
    }
    assert_int_equal(RUN(fit, "x ~ factor(y) + (1 | g)", path), EXIT_SAYS_NO);
    says("looks like a missing value");
  }
  write_rows("NA");
  assert_int_equal(RUN(fit, "y ~ x + (1 | g)", path), EXIT_DONE);
  assert_non_null(strstr(printed, "1 row was left out"));
  write_file("subject,rater,rating\na,1,3\na,2,n/a\nb,1,4\nb,2,2\n");
  assert_int_equal(RUN(agree, path, "--kappa"), EXIT_SAYS_NO);
  says("line 3, column 3 (rating): 'n/a' looks like a missing rating");
}

static void ratings_too_large_to_square_are_refused(void **state) {
  (void)state;
  write_file("subject,rater,rating\na,1,1e308\na,2,3\nb,1,4\nb,2,2\nc,1,1\nc,2,2\n");
  assert_int_equal(RUN(agree, path, "--icc"), EXIT_SAYS_NO);
  says("line 2, column rating: 1e308 is too large");
}

static bool exists(const char *name) {
  FILE *file = fopen(name, "r");
  if (file) fclose(file);
  return file;
}

static void means_predictions_and_pictures(void **state) {
  (void)state;
  char folder[64], one[128], two[128], three[128], other[64];
  snprintf(folder, sizeof folder, FILE_NAME, (int)getpid(), "plots");
  snprintf(one, sizeof one, "%s/residuals.svg", folder);
  snprintf(two, sizeof two, "%s/residual-quantiles.svg", folder);
  snprintf(three, sizeof three, "%s/effects-g-_Intercept_.svg", folder);
  snprintf(other, sizeof other, FILE_NAME, (int)getpid(), "new");
  write_rows("3");
  FILE *file = fopen(other, "w");
  assert_non_null(file);
  fputs("x,f\n1,a\n2,b\nNA,a\n", file);
  assert_int_equal(fclose(file), 0);
  assert_int_equal(
      RUN(fit, "y ~ x + f + (1 | g)", path, "--means", "f", "--at", "x=2", "--predict", other, "--plots", folder),
      EXIT_DONE);
  assert_non_null(strstr(printed, "b - a"));
  assert_non_null(strstr(printed, "row,fit,se,df,low,high,new_low,new_high\n1,"));
  assert_non_null(strstr(printed, "\n3,nan,nan"));
  assert_true(exists(one) && exists(two) && exists(three));
  read_back(one, printed, sizeof printed);
  assert_int_equal(strncmp(printed, "<svg xmlns", 10), 0);
  assert_non_null(strstr(printed, "<circle"));
  unlink(two);
  unlink(three);
  rmdir(folder);
  assert_int_equal(RUN(fit, "y ~ x + f + (1 | g)", path, "--json", "--means", "f", "--predict", other), EXIT_DONE);
  assert_non_null(strstr(printed, "\"p_holm\""));
  assert_non_null(strstr(printed, "\"predictions\""));
  assert_int_equal(RUN(fit, "y ~ x + f + (1 | g)", path, "--means", "x"), EXIT_SAYS_NO);
  says("no factor of the fixed effects");
  assert_int_equal(RUN(fit, "y ~ x + f + (1 | g)", path, "--at", "x=2"), EXIT_USAGE);
  file = fopen(other, "w");
  assert_non_null(file);
  fputs("x,f\n1,c\n", file);
  assert_int_equal(fclose(file), 0);
  assert_int_equal(RUN(fit, "y ~ x + f + (1 | g)", path, "--predict", other), EXIT_SAYS_NO);
  says("the level 'c', which the fit did not have");
  unlink(other);
  assert_int_equal(RUN(fit, "y ~ x + f + (1 | g)", path, "--plots", "/proc/none"), EXIT_SAYS_NO);
  says("cannot be made");
}

static void lost_output_is_no_success(void **state) {
  (void)state;
  write_rows("3");
  static const char *const fit[] = {"fit", "y ~ x + (1 | g)", path, NULL};
  static const char *const fit_json[] = {"fit", "y ~ x + (1 | g)", path, "--json", NULL};
  static const char *const agree[] = {"agree", path, "--icc", NULL};
  static const char *const power[] = {"power", path, "--closed-form", NULL};
  assert_int_equal(run_to("/dev/full", command_fit, fit), EXIT_SAYS_NO);
  says("the output could not be written");
  assert_int_equal(run_to("/dev/full", command_fit, fit_json), EXIT_SAYS_NO);
  write_file("subject,rater,rating\na,1,1\na,2,3\nb,1,4\nb,2,2\nc,1,1\nc,2,2\n");
  assert_int_equal(run_to("/dev/full", command_agree, agree), EXIT_SAYS_NO);
  write_file(
      "{\"therapists\": 20, \"patients\": 3, \"sessions\": 6, \"variances\": {\"residual\": 1}, \"effect\": 0.5}");
  assert_int_equal(run_to("/dev/full", command_power, power), EXIT_SAYS_NO);
  says("the output could not be written");
}

static int remove_file(void **state) {
  (void)state;
  unlink(path);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_text_among_numbers_is_refused_with_its_line),
      cmocka_unit_test(what_is_meant_as_missing_is_named), cmocka_unit_test(ratings_too_large_to_square_are_refused),
      cmocka_unit_test(means_predictions_and_pictures), cmocka_unit_test(lost_output_is_no_success)};
  return cmocka_run_group_tests(tests, NULL, remove_file);
}
