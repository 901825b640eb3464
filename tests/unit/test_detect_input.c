/* Ratings from CSV: what is understood, and what is refused with line and column. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cli/detect_input.h" /* before cmocka, whose fail() is a macro */

#include <cmocka.h>

static struct arena arena;
static struct input input;
static struct input_block block;
static struct error error;

static enum err take(const char *text) {
  arena_init(&arena, 0);
  block = (struct input_block){0};
  error = (struct error){0};
  enum err err = input_open_memory(&input, &arena, text, strlen(text), "x.csv", false, &error);
  return err ? err : input_fill(&input, &block, 1000, &error);
}

static void drop(void) {
  input_close(&input);
  block_free(&block);
  arena_free(&arena);
}

static void refused(const char *text, const char *sentence) {
  assert_int_equal(take(text), ERR_INPUT);
  if (!strstr(error.text, sentence)) fail_msg("'%s' lacks '%s'", error.text, sentence);
  drop();
}

static void plain_rows(void **state) {
  (void)state;
  assert_int_equal(
      take("\xef\xbb\xbfsession,other,patient,rating\r\n1,x,a,5\r\n2.5,y,a,\r\n3,,a,NA\r\n0,,\"b,c\",-1e2\r\n"), OK);
  assert_int_equal(block.count, 2);
  assert_int_equal(block.patients[0].count, 3);
  assert_int_equal(block.patients[1].count, 1);
  assert_string_equal(block.text + block.patients[1].name, "b,c");
  assert_true(block.sessions[0].rated[0] && !block.sessions[1].rated[0] && !block.sessions[2].rated[0]);
  assert_true(block.sessions[1].time == 2.5 && block.sessions[3].rating[0] == -100);
  assert_int_equal(block.sessions[0].reported[0], -1);
  drop();
}

static void two_raters_one_session(void **state) {
  (void)state;
  assert_int_equal(take("patient,session,rater,rating,reported\na,1,patient,5,0\na,2,patient,4,1\na,1,therapist,3,\n"
                        "a,1.5,therapist,2,1\n"),
                   OK);
  assert_int_equal(block.patients[0].count, 3);
  const struct alliance_session *s = block.sessions;
  assert_true(s[0].time == 1 && s[1].time == 1.5 && s[2].time == 2);
  assert_true(s[0].rated[0] && s[0].rated[1] && s[0].rating[1] == 3 && !s[1].rated[0]);
  assert_int_equal(s[2].reported[0], 1);
  assert_int_equal(s[0].reported[1], -1);
  drop();
}

static void refusals(void **state) {
  (void)state;
  refused("", "x.csv, line 1: the file is empty");
  refused("patient,session,score\na,1,5\n", "no column 'rating'");
  refused("patient,session,rating\na,2,5\na,1,5\n",
          "x.csv, line 3, column 2 (session): '1' comes after a later session");
  refused("patient,session,rating\na,1,5\na,1,5\n", "line 3, column 2 (session): '1' occurs twice");
  refused("patient,session,rating\na,1,5\nb,1,5\na,2,5\n", "line 4, column 1 (patient): 'a' had rows further up");
  refused("patient,session,rating\na,1,inf\n", "line 2, column 3 (rating): 'inf' is not a number");
  refused("patient,session,rating\na,1,1e10\n", "line 2, column 3 (rating): '1e10' is beyond");
  refused("patient,session,rating\na,one,1\n", "line 2, column 2 (session): 'one' is not a number");
  refused("patient,session,rating\na,,1\n", "line 2, column 2 (session): '' is no session");
  refused("patient,session,rating\n,1,1\n", "line 2, column 1 (patient): '' is no patient");
  refused("patient,session,rating,rater\na,1,1,nurse\n", "line 2, column 4 (rater): 'nurse' is no rater");
  refused("patient,session,rating,reported\na,1,1,2\n", "line 2, column 4 (reported): '2' is no answer");
  refused("patient,session,rating\na,1\n", "line 2");
}

/* Blocks end between patients, and together they are the file. */
static void blocks(void **state) {
  (void)state;
  static char text[200000];
  size_t length = (size_t)snprintf(text, sizeof text, "patient,session,rating\n");
  for (int p = 0; p < 2000; p++)
    for (int t = 0; t < 5; t++)
      length += (size_t)snprintf(text + length, sizeof text - length, "p%d,%d,%d\n", p, t, p % 7);
  arena_init(&arena, 0);
  block = (struct input_block){0};
  assert_int_equal(input_open_memory(&input, &arena, text, length, "x.csv", true, &error), OK);
  int patients = 0;
  while (!input_fill(&input, &block, 300, &error) && block.count) {
    assert_true(block.count <= 300);
    for (size_t p = 0; p < block.count; p++, patients++) {
      char name[16];
      snprintf(name, sizeof name, "p%d", patients);
      assert_string_equal(block.text + block.patients[p].name, name);
      assert_int_equal(block.patients[p].count, 5);
      assert_true(block.sessions[block.patients[p].first].rating[0] == -(patients % 7));
    }
  }
  assert_int_equal(patients, 2000);
  drop();
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(plain_rows), cmocka_unit_test(two_raters_one_session),
                                     cmocka_unit_test(refusals), cmocka_unit_test(blocks)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
