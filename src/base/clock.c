#include "base/clock.h"

static int64_t system_now(void *state) {
  (void)state;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * SECOND_MS + now.tv_nsec / 1000000;
}

static int64_t fixed_now(void *state) { return *(const int64_t *)state; }

struct clock clock_system(void) { return (struct clock){system_now, NULL}; }
struct clock clock_fixed(int64_t *now_ms) { return (struct clock){fixed_now, now_ms}; }
int64_t clock_now(const struct clock *clock) { return clock->now_ms(clock->state); }

int64_t clock_elapsed_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * SECOND_MS + now.tv_nsec / 1000000;
}

int64_t day_from_civil(int year, int month, int day) {
  int64_t y = month <= 2 ? (int64_t)year - 1 : year;
  int64_t era = (y >= 0 ? y : y - 399) / 400;
  int64_t year_of_era = y - era * 400;
  int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

int64_t day_monday(int64_t day) {
  return day - (((day + 3) % 7) + 7) % 7; /* 1970-01-01 was a Thursday */
}

void civil_from_day(int64_t day, int *year, int *month, int *day_of_month) {
  int64_t shifted = day + 719468;
  int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
  int64_t day_of_era = shifted - era * 146097;
  int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t month_from_march = (5 * day_of_year + 2) / 153;
  *day_of_month = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
  *month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
  *year = (int)(year_of_era + era * 400 + (*month <= 2));
}

static int digits(const char *text, int count) {
  int value = 0;
  for (int i = 0; i < count; i++) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

int date_parse(const char *text, int64_t *day) {
  if (!text || strlen(text) != 10 || text[4] != '-' || text[7] != '-') return 0;
  int year = digits(text, 4), month = digits(text + 5, 2), day_of_month = digits(text + 8, 2);
  if (year < 1 || month < 1 || month > 12 || day_of_month < 1) return 0;
  int64_t candidate = day_from_civil(year, month, day_of_month);
  int y, m, d;
  civil_from_day(candidate, &y, &m, &d);
  if (y != year || m != month || d != day_of_month) return 0;
  *day = candidate;
  return 1;
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

char *date_text(struct arena *arena, int64_t time_ms) {
  int year, month, day;
  civil_from_day(floor_div(time_ms, DAY_MS), &year, &month, &day);
  return arena_printf(arena, "%04d-%02d-%02d", year, month, day);
}

char *instant_text(struct arena *arena, int64_t time_ms) {
  int64_t in_day = time_ms - floor_div(time_ms, DAY_MS) * DAY_MS;
  return arena_printf(arena, "%sT%02d:%02d:%02d.%03dZ", date_text(arena, time_ms), (int)(in_day / HOUR_MS),
                      (int)(in_day / MINUTE_MS % 60), (int)(in_day / SECOND_MS % 60), (int)(in_day % SECOND_MS));
}

void http_date(char out[HTTP_DATE_BYTES], int64_t time_ms) {
  static const char *const weekdays[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
  static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  int64_t number = floor_div(time_ms, DAY_MS), in_day = time_ms - number * DAY_MS;
  int year, month, day;
  civil_from_day(number, &year, &month, &day);
  snprintf(out, HTTP_DATE_BYTES, "%s, %02d %s %04d %02d:%02d:%02d GMT", weekdays[((number % 7) + 7) % 7], day,
           months[month - 1], year % 10000, (int)(in_day / HOUR_MS), (int)(in_day / MINUTE_MS % 60),
           (int)(in_day / SECOND_MS % 60));
}
