/* zone_rule.h: the rule in the last line of a zone file, such as "EST5EDT,M3.2.0,M11.1.0" (POSIX TZ as RFC 9636, 3.3.1
 * and 3.3.2 extend it: hours from -167 to 167, names in angle brackets). For base/zone.c alone. */
#ifndef ATTUNE_BASE_ZONE_RULE_H
#define ATTUNE_BASE_ZONE_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum zone_rule_day {
  RULE_JULIAN, /* Jn: day 1 to 365, 29 February never counted */
  RULE_COUNTED, /* n: day 0 to 365 */
  RULE_WEEKDAY  /* Mm.w.d: the w-th d of the month, 5 the last; Sunday is 0 */
};
struct zone_rule_date {
  enum zone_rule_day kind;
  int month, week, day;
  int32_t time_s; /* after midnight, as the clock shows it just before the change */
};
struct zone_rule {
  int32_t standard, summer; /* seconds east of UTC */
  bool has_summer;
  struct zone_rule_date begins, ends; /* of summer time */
};

bool zone_rule_read(struct zone_rule *rule, const char *text, size_t length); /* false: it is no rule */
/* Seconds east of UTC at an instant in UTC seconds; *end is the next change, INT64_MAX when there is none. */
int32_t zone_rule_at(const struct zone_rule *rule, int64_t utc_s, int64_t *end);

#endif
