/* The formula language: what R's terms() and lme4's findbars() make of the same text, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "stats/formula.h"

#include <cmocka.h>

static void *take(void *state, size_t bytes) {
  return arena_alloc(state, bytes);
}

struct parsed {
  struct arena arena;
  struct stats_memory memory;
  struct formula formula;
  struct stats_error error;
  char text[2000];
};

/* The terms as one line: "1 a b a:b | 1 x / g". */
static void add_terms(struct parsed *p, const struct formula_terms *terms) {
  size_t at = strlen(p->text);
  at += (size_t)snprintf(p->text + at, sizeof p->text - at, terms->intercept ? "1" : "0");
  for (size_t i = 0; i < terms->terms; i++)
    at += (size_t)snprintf(p->text + at, sizeof p->text - at, " %s",
                           formula_term_label(&p->formula, terms->term[i], &p->memory));
}

static enum stats_status parse(struct parsed *p, const char *text) {
  memset(p, 0, sizeof *p);
  arena_init(&p->arena, 0);
  p->memory = (struct stats_memory){take, &p->arena};
  enum stats_status status = formula_read(text, &p->memory, &p->formula, &p->error);
  if (status) return status;
  add_terms(p, &p->formula.fixed);
  for (size_t r = 0; r < p->formula.randoms; r++) {
    strncat(p->text, " | ", sizeof p->text - strlen(p->text) - 1);
    add_terms(p, &p->formula.random[r].effect);
    strncat(p->text, " / ", sizeof p->text - strlen(p->text) - 1);
    strncat(p->text, p->formula.random[r].group, sizeof p->text - strlen(p->text) - 1);
  }
  return STATS_OK;
}

static void expect(const char *text, const char *want) {
  struct parsed p;
  if (parse(&p, text)) fail_msg("%s: %s", text, p.error.text);
  assert_string_equal(p.text, want);
  arena_free(&p.arena);
}

static void refuse(const char *text, const char *words) {
  struct parsed p;
  if (!parse(&p, text)) fail_msg("'%s' was read as '%s'", text, p.text);
  if (!strstr(p.error.text, words)) fail_msg("'%s': '%s' does not say '%s'", text, p.error.text, words);
  arena_free(&p.arena);
}

static void test_terms(void **s) {
  (void)s;
  expect("y ~ a*b", "1 a b a:b");
  expect("y ~ a:b + a", "1 a a:b"); /* by degree, then as they come */
  expect("y ~ b:a + a", "1 a b:a");
  expect("y ~ a*b*c - a:b:c", "1 a b c a:b a:c b:c");
  expect("y ~ (a+b+c)^2", "1 a b c a:b a:c b:c");
  expect("y ~ a/b", "1 a a:b");
  expect("y ~ (a+b)/c", "1 a b a:b:c");
  expect("y ~ 0 + a", "0 a");
  expect("y ~ a - 1", "0 a");
  expect("y ~ -1 + a", "0 a");
  expect("y ~ 1", "1");
  expect("y ~ a + a + a:a", "1 a");
  expect("y~`two words`+factor( site )", "1 two words factor(site)");
  expect("y ~ log(x) + exp( x+1 ) + sqrt(abs(x))", "1 log(x) exp(x + 1) sqrt(abs(x))");
  expect("log(y) ~ I(x>2) + I(x + 1<=z) + I(log(x)!=0)", "1 I(x > 2) I(x + 1 <= z) I(log(x) != 0)");
  expect("y ~ scale(x) + poly(x,2)*a + ns(x, df=3) + bs(log(x),4)",
         "1 scale(x) poly(x, 2) a ns(x, df = 3) bs(log(x), 4) poly(x, 2):a");
  expect("y ~ as.factor(site) + offset(log(n)) + x", "1 as.factor(site) x");
  expect("y ~ log + `log`", "1 log"); /* a column may have the name of a function */
  expect("y ~ I(x^2) + I( x*2-1 / z) + I(-x) + I((x+1)^2)", "1 I(x^2) I(x * 2 - 1/z) I(-x) I((x + 1)^2)");
}

static void test_random_terms(void **s) {
  (void)s;
  expect("y ~ x + (1 + x | g)", "1 x | 1 x / g");
  expect("y ~ x + (x | g)", "1 x | 1 x / g");
  expect("y ~ x + (0 + x | g)", "1 x | 0 x / g");
  expect("y ~ x + (1 + x + z || g)", "1 x | 1 / g | 0 x / g | 0 z / g");
  expect("y ~ 1 + (1 | a/b)", "1 | 1 / a | 1 / b:a");
  expect("y ~ 1 + (1 | a/b/c)", "1 | 1 / a | 1 / b:a | 1 / c:(b:a)");
  expect("y ~ 1 + (1 | a:b) + (1 | a)", "1 | 1 / a:b | 1 / a");
  expect("y ~ (1 | g) + x", "1 x | 1 / g");
  expect("y ~ x*w + (x*w | g)", "1 x w x:w | 1 x w x:w / g");
}

static void test_refusals(void **s) {
  (void)s;
  refuse("", "lacks a name");
  refuse("y", "lacks a '~'");
  refuse("y ~", "lacks a name");
  refuse("y ~ a +", "lacks a name");
  refuse("y ~ (a", "lacks a ')'");
  refuse("y ~ a)", "goes on where it should end");
  refuse("y ~ 2", "lacks a name");
  refuse("y ~ 10", "other than 0 and 1");
  refuse("y ~ a^b", "1 to 9");
  refuse("y ~ sin(a)", "function that is not known");
  refuse("y ~ I(a = 2)", "lacks a ')'");
  refuse("y ~ poly(a)", "lacks a ','");
  refuse("y ~ poly(a, b)", "degree =");
  refuse("y ~ poly(a, 0)", "1 to 20 columns");
  refuse("y ~ bs(a, 2)", "3 to 20 columns");
  refuse("y ~ ns(a, 2.5)", "1 to 20 columns");
  refuse("y ~ a:offset(b)", "joins a term to none");
  refuse("y ~ a + offset(b)*a", "does not stand alone");
  refuse("y ~ (offset(b) + a | g)", "within a random term");
  refuse("scale(y) ~ x", "the response cannot be scale(y)");
  refuse("y ~ I(a", "lacks a ')'");
  refuse("y ~ I(a +)", "number or a name");
  refuse("y ~ `a", "closing `");
  refuse("y ~ (1 | ``)", "empty name");
  refuse("y ~ x + (0 | g)", "without any effect");
  refuse("y ~ ((1 | g) | h)", "within another");
  refuse("y ~ (1 |)", "lacks a name");
  refuse("y ~ y + x", "also on the right-hand side");
  refuse("factor(y) ~ x", "response");
  refuse("y ~ 1:x", "0 or 1");
}

static void test_size_is_bounded(void **s) {
  (void)s;
  static char text[40000];
  memset(text, '(', sizeof text - 1);
  memcpy(text, "y ~ ", 4);
  text[200] = '\0';
  refuse(text, "nests too deeply");
  memset(text + 4, 'a', sizeof text - 5);
  refuse(text, "longer than");
  size_t at = (size_t)snprintf(text, sizeof text, "y ~ a0");
  for (int i = 1; i < 70; i++) at += (size_t)snprintf(text + at, sizeof text - at, " + a%d", i);
  refuse(text, "60 variables");
  refuse("y ~ (a+b+c+d+e+f+g+h+i+j+k+l)^9", "400 terms");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_terms), cmocka_unit_test(test_random_terms),
                                     cmocka_unit_test(test_refusals), cmocka_unit_test(test_size_is_bounded)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
