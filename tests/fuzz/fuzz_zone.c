/* A zone file of any bytes: it is refused, or gives a time that leads to local time and back. The corpus holds files of
 * the tz database (public domain). */
#include <stdint.h>

#include "base/clock.h"
#include "base/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROBES 64
#define YEAR_9999_S INT64_C(253402300799)

static void check_local(const struct zone *zone, int64_t local_ms) {
  int64_t first, last, again;
  enum zone_fit fit = zone_utc_ms(zone, local_ms, ZONE_EARLIER, &first);
  if (zone_utc_ms(zone, local_ms, ZONE_LATER, &last) != fit || first > last) abort();
  if ((fit == ZONE_TWICE) != (first < last)) abort();
  if (fit == ZONE_NEVER) { /* the clocks leap from before it to after it */
    if (zone_local_ms(zone, first - 1) >= local_ms || zone_local_ms(zone, first) <= local_ms) abort();
    return;
  }
  if (zone_local_ms(zone, first) != local_ms || zone_local_ms(zone, last) != local_ms) abort();
  if (zone_utc_ms(zone, local_ms, ZONE_EARLIER, &again) != fit || again != first) abort();
}

static void check_instant(const struct zone *zone, int64_t utc_ms) {
  int offset = zone_offset_s(zone, utc_ms);
  int64_t local_ms = zone_local_ms(zone, utc_ms), first, last;
  if (offset < -89999 || offset > 93599 || local_ms - utc_ms != offset * SECOND_MS) abort();
  if (zone_utc_ms(zone, local_ms, ZONE_EARLIER, &first) == ZONE_NEVER || first > utc_ms) abort();
  zone_utc_ms(zone, local_ms, ZONE_LATER, &last);
  if (last < utc_ms) abort();
}

/* Instants around those that the file may speak of: every eight bytes of it read as seconds. */
static int64_t probe(const uint8_t *data, size_t size, size_t which) {
  size_t at = size > 8 ? which * (size - 8) / PROBES : 0;
  uint64_t value = 0;
  for (size_t i = 0; i < 8 && at + i < size; i++) value = value << 8 | data[at + i];
  return (int64_t)(value % (2 * (uint64_t)YEAR_9999_S)) - YEAR_9999_S;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct arena arena;
  arena_init(&arena, 0);
  const struct zone *zone;
  struct error error = {0};
  enum err err = zone_read(&zone, data, size, "fuzz", &arena, &error);
  if ((err == OK) != (zone != NULL) || (err && !error.text[0])) abort();
  for (size_t i = 0; zone && i < PROBES; i++) {
    /* Half of them in the years that the files' own changes lie in. */
    int64_t utc_s = i % 2 ? probe(data, size, i) : (int64_t)i * 35000000 + (int64_t)(size * i % 86400);
    check_instant(zone, utc_s * SECOND_MS + (int64_t)i);
    check_local(zone, utc_s * SECOND_MS + (int64_t)i);
  }
  arena_free(&arena);
  return 0;
}
