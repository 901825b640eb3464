/* The civil time of a place: it agrees with Python's zoneinfo, tells gaps and folds, and refuses files that are none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/zone.h"
#include "arena_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: it makes a macro of fail() */

static const struct zone *zone_of(const char *name) {
  const struct zone *zone;
  if (zone_open(&zone, name, &arena, &error)) fail_msg("%s: %s", name, error.text);
  return zone;
}

static int64_t at(int year, int month, int day, int hour, int minute) {
  return day_from_civil(year, month, day) * DAY_MS + hour * HOUR_MS + minute * MINUTE_MS;
}

/* The instant of a local time, and how often it comes. */
static void check_local(const struct zone *zone, int64_t local_ms, enum zone_fit fit, int64_t earlier, int64_t later) {
  int64_t utc_ms;
  assert_int_equal(zone_utc_ms(zone, local_ms, ZONE_EARLIER, &utc_ms), fit);
  assert_int_equal(utc_ms, earlier);
  assert_int_equal(zone_utc_ms(zone, local_ms, ZONE_LATER, &utc_ms), fit);
  assert_int_equal(utc_ms, later);
}

static void a_time_that_the_clocks_leap_over_is_told(void **state) {
  (void)state;
  const struct zone *toronto = zone_of("America/Toronto"), *vancouver = zone_of("America/Vancouver");
  int64_t leap = at(2025, 3, 9, 7, 0);
  check_local(toronto, at(2025, 3, 9, 2, 30), ZONE_NEVER, leap, leap);
  check_local(toronto, at(2025, 3, 9, 2, 0), ZONE_NEVER, leap, leap);
  check_local(toronto, at(2025, 3, 9, 3, 0), ZONE_ONCE, leap, leap);
  check_local(toronto, at(2025, 3, 9, 1, 59) + 59999, ZONE_ONCE, leap - 1, leap - 1);
  check_local(vancouver, at(2025, 3, 9, 2, 30), ZONE_NEVER, at(2025, 3, 9, 10, 0), at(2025, 3, 9, 10, 0));
  /* Samoa left out a whole day. */
  check_local(zone_of("Pacific/Apia"), at(2011, 12, 30, 12, 0), ZONE_NEVER, at(2011, 12, 30, 10, 0), at(2011, 12, 30, 10, 0));
}

static void a_time_that_comes_twice_is_the_one_asked_for(void **state) {
  (void)state;
  const struct zone *toronto = zone_of("America/Toronto");
  check_local(toronto, at(2025, 11, 2, 1, 30), ZONE_TWICE, at(2025, 11, 2, 5, 30), at(2025, 11, 2, 6, 30));
  check_local(toronto, at(2025, 11, 2, 2, 0), ZONE_ONCE, at(2025, 11, 2, 7, 0), at(2025, 11, 2, 7, 0));
  /* Half an hour on Lord Howe Island. */
  check_local(zone_of("Australia/Lord_Howe"), at(2025, 4, 6, 1, 45), ZONE_TWICE, at(2025, 4, 5, 14, 45), at(2025, 4, 5, 15, 15));
}

static void days_and_hours_are_the_places_own(void **state) {
  (void)state;
  const struct zone *toronto = zone_of("America/Toronto");
  int64_t utc_ms, day = day_from_civil(2025, 3, 9);
  assert_int_equal(zone_day(toronto, at(2025, 3, 9, 4, 59)), day - 1);
  assert_int_equal(zone_day(toronto, at(2025, 3, 9, 5, 0)), day);
  assert_int_equal(zone_hour(toronto, day, 18, &utc_ms), ZONE_ONCE);
  assert_int_equal(utc_ms, at(2025, 3, 9, 22, 0));
  assert_int_equal(zone_hour(toronto, day - 1, 18, &utc_ms), ZONE_ONCE);
  assert_int_equal(utc_ms, at(2025, 3, 8, 23, 0));
  assert_int_equal(zone_hour(toronto, day, 2, &utc_ms), ZONE_NEVER);
  /* Before 1970 days are counted downwards. */
  assert_int_equal(zone_day(toronto, -1), -1);
  assert_int_equal(zone_day(NULL, -1), -1);
  assert_int_equal(zone_hour(NULL, day, 2, &utc_ms), ZONE_ONCE);
  assert_int_equal(utc_ms, at(2025, 3, 9, 2, 0));
  assert_int_equal(zone_offset_s(NULL, 0), 0);
}

static void a_name_is_no_path(void **state) {
  (void)state;
  static const char *const none[] = {"", "/etc/passwd", "../zoneinfo/UTC", "America/../UTC", "America//Toronto", "America/",
                                     "./UTC", "localtime", "posixrules", "right/UTC", "posix/UTC", "tzdata.zi", "UTC\n", "Am erica",
                                     "America/.Toronto", "AmericaAmericaAmericaAmericaAmericaAmericaAmericaAmericaAmericaAmerica"};
  const struct zone *zone;
  for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
    assert_false(zone_name_fits(none[i]));
    assert_int_equal(zone_open(&zone, none[i], &arena, &error), ERR_INPUT);
    assert_string_equal(error.id, "zone-name");
    assert_null(zone);
  }
  static const char *const unknown[] = {"America/Atlantis", "America", "UTC/UTC"};
  for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
    assert_int_equal(zone_open(&zone, unknown[i], &arena, &error), ERR_MISSING);
    assert_string_equal(error.id, "zone-unknown");
    assert_null(zone);
  }
}

/* ---- files made here ---- */

struct file {
  unsigned char bytes[600];
  size_t length;
};

static void add(struct file *file, uint64_t value, int count) {
  while (count--) file->bytes[file->length++] = (unsigned char)(value >> (8 * count));
}

static void add_header(struct file *file, int version, unsigned leaps, unsigned changes, unsigned types) {
  memcpy(file->bytes + file->length, "TZif", 4);
  file->bytes[file->length + 4] = (unsigned char)version;
  memset(file->bytes + file->length + 5, 0, 15);
  file->length += 20;
  add(file, 0, 8);
  add(file, leaps, 4);
  add(file, changes, 4);
  add(file, types, 4);
  add(file, 4, 4);
}

/* Two types, an hour apart, and two changes between them, ten thousand seconds apart around 1970. */
static void add_data(struct file *file, int width) {
  static const uint64_t changes[] = {UINT64_MAX - 4999, 5000};
  for (int i = 0; i < 2; i++) add(file, changes[i], width);
  add(file, 1, 1);
  add(file, 0, 1);
  add(file, UINT64_MAX - 3599, 4); /* one hour west */
  add(file, 0, 2);
  add(file, 0, 4);
  add(file, 0x0100, 2);
  add(file, 0x4c4d5400, 4);
}

static struct file file_of(int version, const char *footer) {
  struct file file = {.length = 0};
  add_header(&file, version, 0, 2, 2);
  add_data(&file, 4);
  if (!version) return file;
  add_header(&file, version, 0, 2, 2);
  add_data(&file, 8);
  memcpy(file.bytes + file.length, footer, strlen(footer));
  file.length += strlen(footer);
  return file;
}

static const struct zone *made(int version, const char *footer) {
  struct file file = file_of(version, footer);
  const struct zone *zone;
  if (zone_read(&zone, file.bytes, file.length, "made", &arena, &error)) fail_msg("%s: %s", footer, error.text);
  return zone;
}

static void all_versions_are_read(void **state) {
  (void)state;
  static const int versions[] = {0, '2', '3', '4'};
  for (size_t i = 0; i < 4; i++) {
    const struct zone *zone = made(versions[i], "\nLMT1\n");
    assert_int_equal(zone_offset_s(zone, -5001000), -3600);
    assert_int_equal(zone_offset_s(zone, -5000000), 0);
    assert_int_equal(zone_offset_s(zone, 4999999), 0);
    assert_int_equal(zone_offset_s(zone, 5000000), -3600);
  }
  /* An empty last line says nothing of later times: the last type stays. */
  assert_int_equal(zone_offset_s(made('2', "\n\n"), at(2025, 7, 1, 0, 0)), -3600);
}

static void rules_of_every_form_are_applied(void **state) {
  (void)state;
  static const struct {
    const char *rule;
    int year, month, day, hour, before, after; /* in UTC; offsets in minutes just before and at it */
  } cases[] = {{"EST5EDT,M3.2.0,M11.1.0", 2025, 3, 9, 7, -300, -240},
               {"EST5EDT,M3.2.0,M11.1.0", 2025, 11, 2, 6, -240, -300},
               {"AEST-10AEDT,M10.1.0,M4.1.0/3", 2025, 4, 5, 16, 660, 600},
               {"AEST-10AEDT,M10.1.0,M4.1.0/3", 2025, 10, 4, 16, 600, 660},
               {"IST-1GMT0,M10.5.0,M3.5.0/1", 2025, 10, 26, 1, 60, 0}, /* Irish "winter time" */
               {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 2025, 3, 30, 1, -120, -60},
               {"AAA0BBB,J60,J300", 2024, 3, 1, 2, 0, 60}, /* J60 is 1 March in every year */
               {"AAA0BBB,J60,J300", 2025, 3, 1, 2, 0, 60},
               {"AAA0BBB,59/0,300", 2024, 2, 29, 0, 0, 60},
               {"AAA0BBB,59/0,300", 2025, 3, 1, 0, 0, 60},
               {"AAA0BBB-3:30:00,M1.1.0/-167:59:59,M7.1.0", 2025, 6, 1, 0, 210, 210},
               {"EST5EDT,0/0,J365/25", 2025, 1, 1, 4, -240, -240}, /* summer for ever */
               {"EST5EDT,0/0,J365/25", 2025, 1, 1, 5, -240, -240},
               {"<+1245>-12:45", 2025, 1, 1, 0, 765, 765}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char footer[80];
    snprintf(footer, sizeof footer, "\n%s\n", cases[i].rule);
    const struct zone *zone = made('3', footer);
    int64_t moment = at(cases[i].year, cases[i].month, cases[i].day, cases[i].hour, 0);
    if (zone_offset_s(zone, moment - 1) != cases[i].before * 60 || zone_offset_s(zone, moment) != cases[i].after * 60)
      fail_msg("%s: %d, then %d", cases[i].rule, zone_offset_s(zone, moment - 1) / 60, zone_offset_s(zone, moment) / 60);
  }
}

static void refused(const struct file *file, size_t length, const char *why) {
  const struct zone *zone;
  memset(&error, 0, sizeof error);
  enum err err = zone_read(&zone, file->bytes, length, "made", &arena, &error);
  if (err != ERR_INPUT || strcmp(error.id, "zone-broken") != 0 || !strstr(error.text, why)) fail_msg("%s: %s", why, error.text);
  assert_null(zone);
}

static void broken_files_are_refused(void **state) {
  (void)state;
  static const struct {
    size_t at;
    unsigned char byte;
    const char *why;
  } cases[] = {{0, 'X', "no TZif"},        {4, '5', "version"},        {44 + 26, 'X', "no TZif"},  {70 + 31, 1, "too early"},
               {70 + 39, 0, "no type"},    {70 + 38, 2, "too early"},  {70 + 44, 0x7f, "order"},   {70 + 44 + 16, 2, "no type"},
               {70 + 44 + 18, 0x10, "range"}, {70 + 44 + 34, 'Q', "last line"}};
  struct file good = file_of('2', "\nLMT1\n");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct file file = good;
    file.bytes[cases[i].at] = cases[i].byte;
    refused(&file, file.length, cases[i].why);
  }
  for (size_t length = 0; length < good.length; length++) refused(&good, length, "");
  static const char *const rules[] = {"XX1", "LMT", "LMT25", "LMT1YYY", "LMT1YYY,M3.2.0", "LMT1YYY,M13.2.0,M11.1.0",
                                      "LMT1YYY,M3.6.0,M11.1.0", "LMT1YYY,M3.2.7,M11.1.0", "LMT1YYY,J0,J300", "LMT1YYY,366,1",
                                      "LMT1YYY,M3.2.0/168,M11.1.0", "LMT1YYY,M3.2.0,M11.1.0x", "<LMT1", "LMT1:60", "LMT1 "};
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    char footer[80];
    snprintf(footer, sizeof footer, "\n%s\n", rules[i]);
    struct file file = file_of('2', footer);
    refused(&file, file.length, "rule");
  }
  struct file leaps = {.length = 0};
  add_header(&leaps, 0, 1, 2, 2);
  add_data(&leaps, 4);
  add(&leaps, 0, 8);
  refused(&leaps, leaps.length, "leap seconds");
}

/* ---- Python's zoneinfo ---- */

struct agreement {
  const struct zone *zone;
  char name[80];
  long zones, samples, changes, locals, wrong;
};

static void expect(struct agreement *agreement, int64_t utc_s, int64_t offset) {
  if (zone_offset_s(agreement->zone, utc_s * 1000) == offset) return;
  if (agreement->wrong++ < 5) print_message("%s at %lld s\n", agreement->name, (long long)utc_s);
}

/* Every sample, and back again: among the instants of the local time is the one that it came from. */
static void agree_samples(struct agreement *agreement, const long long n[4]) {
  for (int64_t i = 0; i < n[2]; i++) {
    int64_t utc_ms = (n[0] + i * n[1]) * 1000 + 123, first, last;
    expect(agreement, n[0] + i * n[1], n[3]);
    int64_t local_ms = zone_local_ms(agreement->zone, utc_ms);
    enum zone_fit fit = zone_utc_ms(agreement->zone, local_ms, ZONE_EARLIER, &first);
    zone_utc_ms(agreement->zone, local_ms, ZONE_LATER, &last);
    agreement->wrong += fit == ZONE_NEVER || (first != utc_ms && last != utc_ms) || (fit == ZONE_ONCE && first != last);
  }
  agreement->samples += (long)n[2];
}

static void agree_local(struct agreement *agreement, const long long n[4]) {
  static const enum zone_fit fits[] = {ZONE_NEVER, ZONE_ONCE, ZONE_TWICE};
  int64_t first, last;
  enum zone_fit fit = zone_utc_ms(agreement->zone, n[0] * 1000, ZONE_EARLIER, &first);
  zone_utc_ms(agreement->zone, n[0] * 1000, ZONE_LATER, &last);
  agreement->locals++;
  if (fit == fits[n[1]] && (fit == ZONE_NEVER || (first == n[2] * 1000 && last == n[3] * 1000))) return;
  if (agreement->wrong++ < 5) print_message("%s: local %lld s comes otherwise\n", agreement->name, n[0]);
}

static void agree_line(struct agreement *agreement, const char *line) {
  long long n[4] = {0};
  if (line[0] == 'Z') {
    assert_int_equal(sscanf(line, "Z %79s", agreement->name), 1);
    arena_reset(&arena);
    agreement->zone = zone_of(agreement->name);
    agreement->zones++;
    return;
  }
  assert_true(sscanf(line + 1, "%lld %lld %lld %lld", &n[0], &n[1], &n[2], &n[3]) >= 3);
  if (line[0] == 'S') agree_samples(agreement, n);
  if (line[0] == 'L') agree_local(agreement, n);
  if (line[0] != 'B') return;
  expect(agreement, n[0] - 1, n[1]);
  expect(agreement, n[0], n[2]);
  agreement->changes++;
}

static void it_agrees_with_pythons_zoneinfo(void **state) {
  (void)state;
  const char *root = getenv("ATTUNE_TEST_ROOT");
  char command[600], line[200];
  snprintf(command, sizeof command, "python3 -B %s/tests/unit/zone_table.py %d", root ? root : ".", getenv("ATTUNE_LONG") ? 24 : 240);
  FILE *table = popen(command, "r");
  assert_non_null(table);
  struct agreement agreement = {0};
  while (fgets(line, sizeof line, table)) agree_line(&agreement, line);
  assert_int_equal(pclose(table), 0);
  print_message("%ld zones, %ld samples, %ld changes, %ld local times around them\n", agreement.zones, agreement.samples,
                agreement.changes, agreement.locals);
  assert_int_equal(agreement.wrong, 0);
  assert_true(agreement.zones > 400 && agreement.changes > 10000 && agreement.locals > 50000);
}

static void a_disagreement_is_counted(void **state) {
  (void)state;
  static const char *const planted[] = {"S 0 3600 10 -14400", "B 9961200 -18000 -18000", "L 9943200 1 9961200 9961200",
                                        "L 25671600 2 25689600 25689600"};
  for (size_t i = 0; i < sizeof planted / sizeof *planted; i++) {
    struct agreement agreement = {.wrong = 100}; /* said aloud no more */
    agree_line(&agreement, "Z America/Toronto");
    agree_line(&agreement, planted[i]);
    if (agreement.wrong == 100) fail_msg("%s: taken", planted[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_time_that_the_clocks_leap_over_is_told, setup, teardown),
      cmocka_unit_test_setup_teardown(a_time_that_comes_twice_is_the_one_asked_for, setup, teardown),
      cmocka_unit_test_setup_teardown(days_and_hours_are_the_places_own, setup, teardown),
      cmocka_unit_test_setup_teardown(a_name_is_no_path, setup, teardown),
      cmocka_unit_test_setup_teardown(all_versions_are_read, setup, teardown),
      cmocka_unit_test_setup_teardown(rules_of_every_form_are_applied, setup, teardown),
      cmocka_unit_test_setup_teardown(broken_files_are_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(it_agrees_with_pythons_zoneinfo, setup, teardown),
      cmocka_unit_test_setup_teardown(a_disagreement_is_counted, setup, teardown)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
