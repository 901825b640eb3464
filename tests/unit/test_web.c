/* The pure parts of the pages: words in both languages, dates and numbers, decoding of what comes, the table of routes.
 */
#include "base/clock.h"
#include "base/utf8.h"
#include "web/page.h"
#include "web/request.h"
#include "web/route.h"
#include "base/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define fail_words(...) (print_error(__VA_ARGS__), assert_true(false))

static struct arena arena;

static int end(void **state) {
  (void)state;
  arena_free(&arena);
  return 0;
}

/* Which of {1}..{9} the words hold, as bits. */
static unsigned places(const char *words) {
  unsigned found = 0;
  for (const char *c = words; (c = strchr(c, '{')); c++) {
    assert_true(c[1] >= '1' && c[1] <= '9' && c[2] == '}');
    found |= 1U << (c[1] - '0');
  }
  return found;
}

static void test_words(void **state) {
  (void)state;
  assert_true(WORD_COUNT > 200);
  for (int i = 0; i < WORD_COUNT; i++) {
    const char *english = word(LANGUAGE_ENGLISH, (enum word)i), *french = word(LANGUAGE_FRENCH, (enum word)i);
    assert_true(*english && *french);
    assert_true(utf8_valid(english, strlen(english)) && utf8_valid(french, strlen(french)));
    if (places(english) != places(french)) fail_words("other places in: %s\n", english);
    /* French: no ASCII blank before a double mark, straight quotation mark or apostrophe nowhere. */
    for (const char *c = french; *c; c++) {
      if (*c == '\'' || *c == '"') fail_words("a typewriter's mark in: %s\n", french);
      if (*c == ' ' && strchr(":;?!", c[1]) && c[1]) fail_words("a blank that may break in: %s\n", french);
    }
    if (strstr(english, "failure") || strstr(french, "échec")) fail_words("the word failure in: %s\n", english);
  }
}

static void test_words_filled(void **state) {
  (void)state;
  const char *const values[] = {"<a>", "b", NULL};
  assert_string_equal(words_fill(&arena, "{2} then {1}.", values), "b then <a>.");
  struct buf out = buf_in(&arena, 64);
  words_write(&out, "{2} & {1}.", values);
  assert_string_equal(out.data, "b &amp; &lt;a&gt;.");
}

static void test_dates_and_numbers(void **state) {
  (void)state;
  int64_t day = day_from_civil(2026, 11, 1);
  assert_string_equal(date_words(&arena, LANGUAGE_ENGLISH, day), "1\u00a0November 2026");
  assert_string_equal(date_words(&arena, LANGUAGE_FRENCH, day), "1er\u00a0novembre 2026");
  assert_string_equal(date_short(&arena, LANGUAGE_FRENCH, day), "1er\u00a0nov.");
  int64_t time = day * DAY_MS + 14 * HOUR_MS + 5 * MINUTE_MS;
  assert_string_equal(instant_words(&arena, LANGUAGE_ENGLISH, time), "1\u00a0November 2026, 14:05\u00a0UTC");
  assert_string_equal(instant_words(&arena, LANGUAGE_FRENCH, time),
                      "1er\u00a0novembre 2026, 14\u00a0h\u00a005\u00a0(UTC)");
  assert_string_equal(number_words(&arena, LANGUAGE_ENGLISH, -2.345, 2), "\u22122.35");
  assert_string_equal(number_words(&arena, LANGUAGE_FRENCH, 5.44, 1), "5,4");
  assert_string_equal(number_words(&arena, LANGUAGE_ENGLISH, -0.001, 1), "0.0");
  assert_string_equal(count_words(&arena, LANGUAGE_ENGLISH, 1234567), "1,234,567");
  assert_string_equal(count_words(&arena, LANGUAGE_FRENCH, 1234), "1\u202f234");
  assert_string_equal(count_words(&arena, LANGUAGE_ENGLISH, 999), "999");
  assert_string_equal(percent_words(&arena, LANGUAGE_FRENCH, 0.816), "82\u00a0%");
}

static void test_pairs(void **state) {
  (void)state;
  struct pairs pairs;
  const char text[] = "a=1&b=%C3%A9+x&&c&d=%00y&a=2";
  assert_true(pairs_decode(&arena, &pairs, text, sizeof text - 1));
  assert_int_equal(pairs.count, 5);
  assert_string_equal(pairs_get(&pairs, "a"), "1");
  assert_string_equal(pairs_get(&pairs, "b"), "é x");
  assert_string_equal(pairs_get(&pairs, "c"), "");
  assert_int_equal(pairs.list[3].length, 2);
  assert_null(pairs_get(&pairs, "e"));
  static const char *const broken[] = {"a=%", "a=%1", "a=%zz", "%00=1", "a%0=1"};
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
    assert_false(pairs_decode(&arena, &pairs, broken[i], strlen(broken[i])));
  char many[4 * REQUEST_FIELDS_MAXIMUM + 8];
  for (size_t i = 0; i < sizeof many / 4; i++) memcpy(many + 4 * i, "a=1&", 4);
  assert_false(pairs_decode(&arena, &pairs, many, sizeof many / 4 * 4));
  pairs_cookies(&arena, &pairs, "x=1; attune-practice=abc ;y=; broken; z=\"2\"");
  assert_string_equal(pairs_get(&pairs, "attune-practice"), "abc");
  assert_string_equal(pairs_get(&pairs, "y"), "");
  assert_null(pairs_get(&pairs, "broken"));
}

static void test_route_table(void **state) {
  (void)state;
  const struct route *route, *other;
  size_t count = 0;
  for (struct route_walk walk = {0}; (route = route_next(&walk)); count++) {
    assert_true(route->roles && route->handler && route->purpose[0] && route->path[0] == '/');
    if (route->reader == READER_OPEN) assert_false(route->roles & ROLES_MASKED);
    if (route->method == METHOD_GET) assert_null(strstr(route->purpose, "delete"));
    for (struct route_walk again = {0}; (other = route_next(&again)) && other != route;)
      assert_false(other->site == route->site && other->method == route->method && !strcmp(other->path, route->path));
  }
  assert_true(count > 30);
}

static void test_route_find(void **state) {
  (void)state;
  const struct route *route = NULL;
  const char *parameters[ROUTE_PARAMETERS] = {NULL};
  assert_int_equal(route_find(&arena, false, METHOD_GET, "/patients/P-1", &route, parameters), ROUTE_FOUND);
  assert_string_equal(route->path, "/patients/:code");
  assert_string_equal(parameters[0], "P-1");
  assert_int_equal(route_find(&arena, false, METHOD_POST, "/patients/P-2/notes", &route, parameters), ROUTE_FOUND);
  assert_string_equal(parameters[0], "P-2");
  assert_int_equal(route_find(&arena, false, METHOD_GET, "/patients/P-2/notes", &route, parameters), ROUTE_NO_METHOD);
  static const char *const nowhere[] = {"/patients/", "/patients", "/patients/P-1/", "/patients/P-1/x/y",
                                        "/caseloadx", "",          "/f/abc"};
  for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++)
    assert_int_equal(route_find(&arena, false, METHOD_GET, nowhere[i], &route, parameters), ROUTE_NO_PATH);
  assert_int_equal(route_find(&arena, true, METHOD_GET, "/f/abc", &route, parameters), ROUTE_FOUND);
  assert_string_equal(parameters[0], "abc");
}

/* ---- telephone numbers ---- */

static void test_numbers(void **state) {
  (void)state;
  static const struct {
    const char *text, *written;
  } cases[] = {
      {"In danger: 911. Call or text 9-8-8.",
       "In danger: <a class=\"number\" href=\"tel:911\">911</a>. Call or text <a class=\"number\" href=\"tel:988\">9-8-8</a>."},
      {"+33 1 45 39 40 00, day and night", "<a class=\"number\" href=\"tel:+33145394000\">+33 1 45 39 40 00</a>, day and night"},
      {"24/7, within 24 hours, 5 + 5", "24/7, within 24 hours, 5 + 5"},
      {"3114\u00a0: gratuit", "<a class=\"number\" href=\"tel:3114\">3114</a>\u00a0: gratuit"},
      {"01\u00a045\u00a039", "<a class=\"number\" href=\"tel:014539\">01\u00a045\u00a039</a>"},
      {"<b>&999\"", "&lt;b&gt;&amp;<a class=\"number\" href=\"tel:999\">999</a>&quot;"},
      {"1234567890123456789012345", "1234567890123456789012345"},
      {"", ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct buf out = buf_in(&arena, 64);
    write_with_numbers(&out, cases[i].text);
    assert_string_equal(out.data, cases[i].written);
  }
}

/* Half past ten at night in Toronto is the next day in UTC. */
static void test_days_at_a_site(void **state) {
  (void)state;
  struct study_site sites[] = {{.name = "east", .zone_name = "America/Toronto"}, {.name = "plain"}};
  struct study study = {.sites = sites, .site_count = 2};
  struct request request = {.study = &study, .arena = &arena, .language = LANGUAGE_ENGLISH};
  int64_t time_ms = day_from_civil(2025, 3, 10) * DAY_MS + 150 * MINUTE_MS;
  assert_int_equal(zone_open(&sites[0].zone, sites[0].zone_name, &arena, NULL), OK);
  assert_string_equal(say_day_at(&request, "east", time_ms), "9\u00a0March 2025");
  assert_string_equal(say_day_at(&request, "plain", time_ms), "10\u00a0March 2025");
  assert_string_equal(say_day_at(&request, "none", time_ms), say_day_of(&request, time_ms));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_words), cmocka_unit_test(test_words_filled), cmocka_unit_test(test_dates_and_numbers),
      cmocka_unit_test(test_pairs), cmocka_unit_test(test_route_table),  cmocka_unit_test(test_numbers), cmocka_unit_test(test_route_find),
      cmocka_unit_test(test_days_at_a_site),
  };
  return cmocka_run_group_tests(tests, NULL, end);
}
