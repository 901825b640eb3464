/* clock.h: time comes in from outside, so that a test can turn it.
 *
 * All times are milliseconds since 1970-01-01T00:00:00Z as int64_t ("_ms" in names). Days are counted in UTC from
 * 1970-01-01 ("day"). */
#ifndef ATTUNE_BASE_CLOCK_H
#define ATTUNE_BASE_CLOCK_H

#include <stdint.h>

#include "base/arena.h"

struct clock {
  int64_t (*now_ms)(void *state);
  void *state;
};

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define CLOCK_SKEW_MS MINUTE_MS /* by so much the clocks of two machines may differ */

struct clock clock_system(void);
/* A clock that stands still at *now_ms, which the owner may move. */
struct clock clock_fixed(int64_t *now_ms);
int64_t clock_now(const struct clock *clock);
/* Milliseconds that only ever grow, for durations; not a date. */
int64_t clock_elapsed_ms(void);

#define HTTP_DATE_BYTES 30

/* Civil dates (proleptic Gregorian). Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2013). */
int64_t day_from_civil(int year, int month, int day);
void civil_from_day(int64_t day, int *year, int *month, int *day_of_month);
int64_t day_monday(int64_t day); /* the Monday on or before it */
/* "2026-11-23" to a day number; false when it is no such date. */
int date_parse(const char *text, int64_t *day);
char *date_text(struct arena *arena, int64_t time_ms);    /* "2026-11-23" */
char *instant_text(struct arena *arena, int64_t time_ms); /* "2026-11-23T08:15:30.123Z" */
void http_date(char out[HTTP_DATE_BYTES], int64_t time_ms); /* RFC 9110 IMF-fixdate */

#endif
