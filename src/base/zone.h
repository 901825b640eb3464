/* zone.h: the civil time of a place, from the system's own zone files; re-entrant, unlike the C library's way.
 *
 * A zone is read once, from /usr/share/zoneinfo (Debian's package tzdata), into an arena, and immutable after that;
 * threads may share it. It is what RFC 9636 (and RFC 8536) call a TZif file, versions 1 to 4: the 64-bit data, and after
 * its last change the rule in its last line. A NULL zone is UTC everywhere here.
 *
 * "local_ms" is what a clock on the wall shows, as milliseconds since it showed 1970-01-01 00:00: its day is
 * floor(local_ms / DAY_MS), counted as base/clock.h counts days. Not every local time exists (clocks that are put
 * forward leap over an hour), and some come twice; both are told, never settled silently. Times may lie between the
 * years -9999 and 9999. Before a zone's first change its first type holds, as the RFCs say. */
#ifndef ATTUNE_BASE_ZONE_H
#define ATTUNE_BASE_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define ZONE_DIRECTORY "/usr/share/zoneinfo"
#define ZONE_NAME_BYTES 64
#define ZONE_FILE_MAXIMUM ((size_t)256 << 10) /* bytes; the largest of Debian's has 4 KiB */

struct zone;

/* An IANA name, such as "America/Toronto": parts between slashes, each a capital letter followed by letters, digits, '_',
 * '+' or '-'. So it is no path out of the directory, and none of the files there that are no zones or are this machine's
 * own ("localtime", "posixrules", "right/..."). */
bool zone_name_fits(const char *name);

/* ERR_INPUT "zone-name": no such name can be. ERR_MISSING "zone-unknown": none on this machine. ERR_INPUT "zone-broken":
 * the file is none that can be read. *zone is NULL then. */
enum err zone_open(const struct zone **zone, const char *name, struct arena *arena, struct error *error);
/* The same from the bytes of a file, which need not stay; `name` is for the error alone. */
enum err zone_read(const struct zone **zone, const void *bytes, size_t length, const char *name, struct arena *arena,
                   struct error *error);

int zone_offset_s(const struct zone *zone, int64_t utc_ms); /* seconds east of UTC, between -89,999 and 93,599 */
int64_t zone_local_ms(const struct zone *zone, int64_t utc_ms);
int64_t zone_day(const struct zone *zone, int64_t utc_ms); /* the local day */

enum zone_fit {
  ZONE_ONCE,  /* this local time comes once */
  ZONE_TWICE, /* it comes again after the clocks were put back */
  ZONE_NEVER  /* the clocks leap over it */
};
enum zone_choice { ZONE_EARLIER, ZONE_LATER }; /* which one, of a time that comes twice */

/* The instant of a local time. For ZONE_NEVER *utc_ms is the instant at which the clocks leap over it. */
enum zone_fit zone_utc_ms(const struct zone *zone, int64_t local_ms, enum zone_choice choice, int64_t *utc_ms);
/* The instant at which the clock shows `hour` (0 to 23) o'clock on a local day, for the first time. */
enum zone_fit zone_hour(const struct zone *zone, int64_t day, int hour, int64_t *utc_ms);

#endif
