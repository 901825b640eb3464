/* Expressions: what is understood, what is refused and where, values, threads. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "study/expression.h"
#include "study/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: it makes a macro of fail() */

static struct arena arena;
static struct error error;
static struct expression_desk *desk;

static int setup(void **state) {
  (void)state;
  arena_init(&arena, 0);
  memset(&error, 0, sizeof error);
  desk = expression_desk_open();
  return 0;
}

static int teardown(void **state) {
  (void)state;
  expression_desk_close(desk);
  arena_free(&arena);
  return 0;
}

/* The items that the expressions below speak of: a=3, b=4.5, c blank, d="1 2 4", e="text", f="0". */
static const char *const item_names[] = {"a", "b", "c", "d", "e", "f"};
static const char *const item_values[] = {"3", "4.5", NULL, "1 2 4", "text", "0"};

static const struct expression *compile(const char *text) {
  const struct expression *expression;
  if (expression_compile(&expression, text, &arena, NULL, &error)) return NULL;
  for (size_t i = 0; i < expression->item_count; i++)
    for (size_t k = 0; k < 6; k++)
      if (!strcmp(expression->items[i].name, item_names[k])) expression->items[i].index = k;
  return expression;
}

/* The value of an expression as text; "" for a blank; "refused" when it does not compile. */
static const char *value(const char *text, const char *self) {
  const struct expression *expression = compile(text);
  if (!expression) return "refused";
  const char *result = expression_text(desk, expression, (struct expression_values){item_values, self}, &arena);
  return result ? result : "";
}

static void values_are_those_of_xpath_and_odk(void **state) {
  (void)state;
  static const struct {
    const char *text, *result;
  } cases[] = {
      {"1 + 2 * 3", "7"},
      {"(1 + 2) * 3", "9"},
      {"7 div 2", "3.5"},
      {"7 mod 2", "1"},
      {"-3 - -4", "1"},
      {"${a} + ${b}", "7.5"},
      {"${a}-1", "2"},
      {"${a} + ${c}", ""}, /* a blank is NaN, and NaN is a blank */
      {"${a} = 3", "true"},
      {"${a} = '3'", "true"},
      {"${a} = '3.0'", "false"},
      {"${a} >= 3 and ${b} < 5", "true"},
      {"${c} = ''", "true"},
      {"${c} > 0 or ${f} = 0", "true"},
      {"not(${c})", "true"},
      {"${a} != 3", "false"},
      {"'it' = \"it\"", "true"},
      {"if(${a} > 2, 'yes', 'no')", "yes"},
      {"if(${c}, 1, if(${a} = 3, 2, 3))", "2"},
      {"selected(${d}, '2')", "true"},
      {"selected(${d}, '3')", "false"},
      {"selected(${d}, '')", "false"},
      {"selected('12', '2')", "false"},
      {"count-selected(${d})", "3"},
      {"count-selected(${c})", "0"},
      {"coalesce(${c}, ${a})", "3"},
      {"coalesce(${e}, ${a})", "text"},
      {"coalesce(${c} + 1, 9)", "9"},
      {"regex(${e}, '[a-z]{4}')", "true"},
      {"regex(${e}, '[a-z]{3}')", "false"},
      {"regex(${e}, '^te.t$')", "true"},
      {"int(-2.7)", "-2"},
      {"round(2.5)", "3"},
      {"round(-2.5)", "-2"},
      {"round(3.14159, 2)", "3.14"},
      {"round(1234, -2)", "1200"},
      {"number('4') + 1", "5"},
      {"number('four')", ""},
      {"string-length('été')", "3"},
      {"concat(${e}, '-', ${a})", "text-3"},
      {"contains(${e}, 'ex')", "true"},
      {"substring('12345', 2, 3)", "234"},
      {"floor(2.9) + ceiling(2.1)", "5"},
      {"min(${a}, ${b}, ${c})", "3"},
      {"max(${a}, ${b}, ${c})", "4.5"},
      {"min(${c})", ""},
      {"sum(${a}, ${b})", "7.5"},
      {"sum(${a}, ${b}, ${c})", ""},
      {"mean-answered(${a}, ${b}, ${c})", "3.75"},
      {"mean-answered(${c})", ""},
      {"count-answered(${a}, ${b}, ${c}, ${e})", "3"},
      {"prorate(2, ${a}, ${b}, ${c})", "11.25"},
      {"prorate(3, ${a}, ${b}, ${c})", ""},
      {"abs(-2)", "2"},
      {"pow(2, 10)", "1024"},
      {"pow(2, -1)", "0.5"},
      {"pow(2, 0.5)", ""},
      {"sqrt(16)", "4"},
      {"1 div 0", ""},
      {"1 div 3", "0.333333"},
      {"2 div 3", "0.666667"},
      {"-0.0000001", "0"},
      {"0.1 + 0.2", "0.3"},
      {"true()", "true"},
      {". + 1", "6"},
      {"once('new')", "5"},
      {"  ${ a}", "refused"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (strcmp(value(cases[i].text, "5"), cases[i].result) != 0)
      fail_msg("%s gave '%s', not '%s'", cases[i].text, value(cases[i].text, "5"), cases[i].result);
  assert_string_equal(value("once('new')", NULL), "new");
}

static void a_refusal_names_its_column(void **state) {
  (void)state;
  static const struct {
    const char *text, *id;
    int column;
  } cases[] = {
      {"${a} +", "expression-syntax", 7},
      {"${a} + + 1", "expression-syntax", 8},
      {"${a} ${b}", "expression-syntax", 6},
      {"(${a}", "expression-syntax", 1},
      {"${a})", "expression-syntax", 5},
      {"1 + 'open", "expression-syntax", 5},
      {"if(1, 2)", "expression-arguments", 1},
      {"1 + abs(1, 2)", "expression-arguments", 5},
      {"concat(1,)", "expression-syntax", 10},
      {"()", "expression-syntax", 2},
      {"", "expression-syntax", 1},
      {"/data/a", "expression-path", 1},
      {"../a", "expression-path", 1},
      {"1 + a", "expression-name", 5},
      {"and = 1", "expression-name", 1},
      {"* = 1", "expression-syntax", 1},
      {"1 = today()", "expression-clock", 5},
      {"now()", "expression-clock", 1},
      {"random() > 0.5", "expression-clock", 1},
      {"document('x')", "expression-function", 1},
      {"position()", "expression-function", 1},
      {"id('a')", "expression-function", 1},
      {"$a + 1", "expression-syntax", 1},
      {"a[1]", "expression-name", 1},
      {"1 ! 2", "expression-syntax", 3},
      {"1 & 2", "expression-syntax", 3},
      {"regex(${e}, ${a})", "expression-pattern", 13},
      {"regex(${e}, '(')", "expression-pattern", 13},
      {"regex(${e}, concat('a', 'b'))", "expression-pattern", 13},
      {"count-answered()", "expression-arguments", 1},
      {"prorate(2)", "expression-arguments", 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct expression *expression;
    int column = 0;
    memset(&error, 0, sizeof error);
    enum err err = expression_compile(&expression, cases[i].text, &arena, &column, &error);
    if (err != ERR_INPUT || strcmp(error.id, cases[i].id) != 0 || column != cases[i].column)
      fail_msg("%s: err %d, id %s, column %d: %s", cases[i].text, err, error.id, column, error.text);
  }
}

static void limits_hold(void **state) {
  (void)state;
  const struct expression *expression;
  char *deep = arena_alloc(&arena, 4 * EXPRESSION_DEPTH + 16);
  memset(deep, '(', EXPRESSION_DEPTH + 1);
  deep[EXPRESSION_DEPTH + 1] = '1';
  memset(deep + EXPRESSION_DEPTH + 2, ')', EXPRESSION_DEPTH + 1);
  assert_int_equal(expression_compile(&expression, deep, &arena, NULL, &error), ERR_INPUT);
  assert_string_equal(error.id, "expression-deep");
  assert_int_equal(expression_compile(&expression, deep + 1, &arena, NULL, &error), ERR_INPUT); /* one ) too many */
  deep[2 * EXPRESSION_DEPTH + 2] = 0;
  assert_int_equal(expression_compile(&expression, deep + 1, &arena, NULL, &error), OK);
  char *longest = arena_alloc(&arena, EXPRESSION_LENGTH + 2);
  memset(longest, '1', EXPRESSION_LENGTH + 1);
  assert_int_equal(expression_compile(&expression, longest, &arena, NULL, &error), ERR_INPUT);
  assert_string_equal(error.id, "expression-large");
  for (size_t i = 0; i < EXPRESSION_LENGTH - 1; i += 2) memcpy(longest + i, "1+", 2);
  longest[EXPRESSION_LENGTH - 1] = 0;
  assert_string_equal(value(longest, NULL), "2048"); /* many operators, no deep recursion that hurts */
}

static void what_an_expression_uses_is_listed(void **state) {
  (void)state;
  const struct expression *expression = compile("sum(${a}, (${b}), coalesce(${c}, 0)) + ${a} + .");
  assert_non_null(expression);
  assert_int_equal(expression->item_count, 3);
  assert_string_equal(expression->items[0].name, "a");
  assert_int_equal(expression->items[0].column, 5);
  assert_true(expression->items[0].summed);
  assert_false(expression->items[2].summed);
  assert_true(expression->uses_self);
  assert_null(expression->equals);
  assert_string_equal(compile("${a} = '1'")->equals, "1");
  assert_string_equal(compile(" ${a}= \"yes\" ")->equals, "yes");
  assert_string_equal(compile("${a} = 12")->equals, "12");
  assert_null(compile("${a} = 01")->equals);
  assert_null(compile("${a} = '1' and ${a} = '2'")->equals);
  assert_null(compile("${a} != '1'")->equals);
  assert_null(compile("not(${a} = '1')")->equals);
}

static void numbers_have_one_text(void **state) {
  (void)state;
  static const struct {
    double number;
    const char *text;
  } cases[] = {
      {0, "0"},    {-0.0, "0"}, {3, "3"}, {-12, "-12"}, {0.5, "0.5"}, {1e14, "100000000000000"}, {2.0 / 3, "0.666667"},
      {1e-9, "0"}, {-1e-9, "0"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_string_equal(number_text(&arena, cases[i].number), cases[i].text);
  assert_null(number_text(&arena, NAN));
  assert_null(number_text(&arena, INFINITY));
  assert_null(number_text(&arena, 1e15));
  double number;
  assert_true(number_read("-3.25", &number) && number == -3.25);
  static const char *const none[] = {"",   "-",  ".",   "1.",  ".5", "1e3", "0x10",
                                     " 1", "1 ", "nan", "inf", "+1", "1,5", "1234567890123456"};
  for (size_t i = 0; i < sizeof none / sizeof *none; i++) assert_false(number_read(none[i], &number));
}

static bool matches(const char *pattern_text, const char *text) {
  const struct pattern *pattern;
  if (pattern_compile(&pattern, pattern_text, &arena, &error)) fail_msg("%s: %s", pattern_text, error.text);
  return pattern_match(pattern, text);
}

static void patterns_match_whole_texts(void **state) {
  (void)state;
  assert_true(matches("", ""));
  assert_false(matches("", "a"));
  assert_true(matches("a|bc|", "bc"));
  assert_true(matches("a|bc|", ""));
  assert_false(matches("a|bc", "abc"));
  assert_true(matches("(ab)*c", "ababc"));
  assert_true(matches("[A-Z]\\d[A-Z] ?\\d[A-Z]\\d", "K1N 6N5"));
  assert_false(matches("[A-Z]\\d[A-Z] ?\\d[A-Z]\\d", "K1N-6N5"));
  assert_true(matches("[^0-9]+", "été"));
  assert_true(matches(".{3}", "été"));
  assert_false(matches(".{3}", "étés"));
  assert_true(matches("a{2,3}", "aaa"));
  assert_false(matches("a{2,3}", "aaaa"));
  assert_true(matches("a{2,}", "aaaaa"));
  assert_true(matches("[]a]+", "a]"));
  assert_true(matches("[a-]+", "a-"));
  assert_true(matches("\\(\\w+\\)", "(ok)"));
  assert_true(matches("\\D\\S\\W", "a! "));
  assert_false(matches(".*", "\xe9&")); /* cut off within a character */
  assert_false(matches(".*", "a\x80"));
}

static void wrong_patterns_are_refused(void **state) {
  (void)state;
  static const char *const wrong[] = {"(",       ")",  "a)",    "[",           "[b-a]",
                                      "*a",      "a{", "a{2",   "a{3,2}",      "\\q",
                                      "a{2000}", "\\", "(?=a)", "a{999}{999}", "((){900}){900}{900}"};
  const struct pattern *pattern;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    if (pattern_compile(&pattern, wrong[i], &arena, &error) != ERR_INPUT) fail_msg("%s was taken", wrong[i]);
}

/* A backtracking matcher would need 2^40 steps and more. */
static void no_pattern_takes_long(void **state) {
  (void)state;
  char text[2001];
  memset(text, 'a', 2000);
  text[2000] = 0;
  assert_false(matches("(a|a)*(a|a)*(a*)*b", text));
  assert_true(matches("(a?){40}a{40}", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

/* Shared expressions, a desk a thread: the same values everywhere. */
static const struct expression *shared;

static void *evaluate_often(void *state) {
  struct expression_desk *own = expression_desk_open();
  struct arena mine;
  arena_init(&mine, 0);
  long wrong = 0;
  for (int i = 0; i < 2000; i++) {
    char a[16], expected[16];
    snprintf(a, sizeof a, "%d", i);
    snprintf(expected, sizeof expected, "%d", i > 1000 ? 2 * i : -i);
    const char *values[] = {a};
    const char *text = expression_text(own, shared, (struct expression_values){values, NULL}, &mine);
    wrong += !text || strcmp(text, i == 0 ? "0" : expected) != 0;
    arena_reset(&mine);
  }
  arena_free(&mine);
  expression_desk_close(own);
  *(long *)state = wrong;
  return NULL;
}

static void threads_share_expressions(void **state) {
  (void)state;
  shared = compile("if(${a} > 1000, ${a} * 2, -${a})");
  pthread_t threads[4];
  long wrong[4];
  for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, evaluate_often, &wrong[i]), 0);
  for (int i = 0; i < 4; i++) {
    pthread_join(threads[i], NULL);
    assert_int_equal(wrong[i], 0);
  }
}

/* More expressions than a desk keeps: it forgets and goes on. */
static void a_desk_forgets(void **state) {
  (void)state;
  for (int i = 0; i < 3000; i++) {
    const char *text = arena_printf(&arena, "${a} + %d", i);
    assert_string_equal(value(text, NULL), arena_printf(&arena, "%d", i + 3));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(values_are_those_of_xpath_and_odk, setup, teardown),
      cmocka_unit_test_setup_teardown(a_refusal_names_its_column, setup, teardown),
      cmocka_unit_test_setup_teardown(limits_hold, setup, teardown),
      cmocka_unit_test_setup_teardown(what_an_expression_uses_is_listed, setup, teardown),
      cmocka_unit_test_setup_teardown(numbers_have_one_text, setup, teardown),
      cmocka_unit_test_setup_teardown(patterns_match_whole_texts, setup, teardown),
      cmocka_unit_test_setup_teardown(wrong_patterns_are_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(no_pattern_takes_long, setup, teardown),
      cmocka_unit_test_setup_teardown(threads_share_expressions, setup, teardown),
      cmocka_unit_test_setup_teardown(a_desk_forgets, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
