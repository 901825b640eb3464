#include "base/zone_rule.h"

#include "base/clock.h"

#define DAY_S INT64_C(86400)

/* ---- reading ---- */

struct cursor {
  const char *at, *end;
};

static bool take(struct cursor *cursor, char c) {
  if (cursor->at == cursor->end || *cursor->at != c) return false;
  cursor->at++;
  return true;
}

static bool next_is_digit(const struct cursor *cursor) {
  return cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9';
}

/* A whole number of up to three digits within low..high. */
static bool take_number(struct cursor *cursor, int low, int high, int *value) {
  const char *start = cursor->at;
  *value = 0;
  for (; next_is_digit(cursor) && cursor->at - start < 3; cursor->at++) *value = *value * 10 + (*cursor->at - '0');
  return cursor->at > start && *value >= low && *value <= high;
}

/* [+|-]hh[:mm[:ss]] */
static bool take_time(struct cursor *cursor, int hours_maximum, int32_t *seconds) {
  int hours, part;
  bool negative = take(cursor, '-');
  if (!negative) take(cursor, '+');
  if (!take_number(cursor, 0, hours_maximum, &hours)) return false;
  *seconds = hours * 3600;
  if (take(cursor, ':')) {
    if (!take_number(cursor, 0, 59, &part)) return false;
    *seconds += part * 60;
    if (take(cursor, ':')) {
      if (!take_number(cursor, 0, 59, &part)) return false;
      *seconds += part;
    }
  }
  if (negative) *seconds = -*seconds;
  return true;
}

static bool name_letter(char c, bool quoted) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (quoted && ((c >= '0' && c <= '9') || c == '+' || c == '-'));
}

/* Three letters or more; digits and signs too within angle brackets. */
static bool take_name(struct cursor *cursor) {
  bool quoted = take(cursor, '<');
  const char *start = cursor->at;
  while (cursor->at < cursor->end && name_letter(*cursor->at, quoted)) cursor->at++;
  return cursor->at - start >= 3 && (!quoted || take(cursor, '>'));
}

static bool take_day(struct cursor *cursor, struct zone_rule_date *date) {
  if (take(cursor, 'J')) {
    date->kind = RULE_JULIAN;
    return take_number(cursor, 1, 365, &date->day);
  }
  if (!take(cursor, 'M')) {
    date->kind = RULE_COUNTED;
    return take_number(cursor, 0, 365, &date->day);
  }
  date->kind = RULE_WEEKDAY;
  return take_number(cursor, 1, 12, &date->month) && take(cursor, '.') && take_number(cursor, 1, 5, &date->week) &&
         take(cursor, '.') && take_number(cursor, 0, 6, &date->day);
}

static bool take_date(struct cursor *cursor, struct zone_rule_date *date) {
  if (!take(cursor, ',') || !take_day(cursor, date)) return false;
  date->time_s = 2 * 3600;
  return !take(cursor, '/') || take_time(cursor, 167, &date->time_s);
}

bool zone_rule_read(struct zone_rule *rule, const char *text, size_t length) {
  struct cursor cursor = {text, text + length};
  int32_t west;
  *rule = (struct zone_rule){0};
  if (!take_name(&cursor) || !take_time(&cursor, 24, &west)) return false;
  rule->standard = rule->summer = -west;
  if (cursor.at == cursor.end) return true;
  rule->has_summer = true;
  rule->summer = rule->standard + 3600;
  if (!take_name(&cursor)) return false;
  if (cursor.at < cursor.end && *cursor.at != ',') {
    if (!take_time(&cursor, 24, &west)) return false;
    rule->summer = -west;
  }
  return take_date(&cursor, &rule->begins) && take_date(&cursor, &rule->ends) && cursor.at == cursor.end;
}

/* ---- applying ---- */

static bool leap_year(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

static int64_t date_day(const struct zone_rule_date *date, int year) {
  int64_t new_year = day_from_civil(year, 1, 1);
  if (date->kind == RULE_COUNTED) return new_year + date->day;
  if (date->kind == RULE_JULIAN) return new_year + date->day - 1 + (leap_year(year) && date->day >= 60);
  int64_t first = day_from_civil(year, date->month, 1);
  int64_t next = date->month == 12 ? day_from_civil(year + 1, 1, 1) : day_from_civil(year, date->month + 1, 1);
  int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
  int64_t day = first + (date->day - weekday + 7) % 7 + 7 * (date->week - 1);
  return day < next ? day : day - 7;
}

struct change {
  int64_t at;
  int32_t offset;
};

/* The changes of four years in order. Where summer time never ends, the end of one year's and the beginning of the
 * next's fall on one instant; the later year's holds. */
static size_t changes_around(const struct zone_rule *rule, int year, struct change changes[8]) {
  size_t count = 0;
  for (int y = year - 2; y <= year + 1; y++) {
    struct change pair[2] = {
        {date_day(&rule->begins, y) * DAY_S + rule->begins.time_s - rule->standard, rule->summer},
        {date_day(&rule->ends, y) * DAY_S + rule->ends.time_s - rule->summer, rule->standard}};
    bool begins_first = pair[0].at <= pair[1].at;
    for (int i = 0; i < 2; i++) {
      struct change one = pair[begins_first ? i : 1 - i];
      size_t place = count++;
      for (; place && changes[place - 1].at > one.at; place--) changes[place] = changes[place - 1];
      changes[place] = one;
    }
  }
  return count;
}

int32_t zone_rule_at(const struct zone_rule *rule, int64_t utc_s, int64_t *end) {
  *end = INT64_MAX;
  if (!rule->has_summer) return rule->standard;
  int64_t day = utc_s / DAY_S - (utc_s % DAY_S < 0);
  int year, month, day_of_month;
  civil_from_day(day, &year, &month, &day_of_month);
  struct change changes[8];
  size_t count = changes_around(rule, year, changes);
  int32_t offset = rule->standard;
  for (size_t i = 0; i < count; i++) {
    if (changes[i].at > utc_s) {
      *end = changes[i].at;
      break;
    }
    offset = changes[i].offset;
  }
  return offset;
}
