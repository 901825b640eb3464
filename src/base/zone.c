#include "base/zone.h"

#include "base/clock.h"
#include "base/zone_rule.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_BYTES 44
/* Offsets lie within these, so a local time's instant is less than 26 hours from the same time read as UTC. */
#define OFFSET_LOWEST (-89999)
#define OFFSET_HIGHEST 93599
#define REACH_S (26 * 3600)

struct zone {
  const int64_t *changes; /* UTC seconds, increasing */
  const int32_t *offsets; /* from each change on */
  size_t change_count;
  int32_t first;               /* before the first change */
  bool has_rule;               /* from the last change on */
  struct zone_rule rule;
};

/* A stretch of time in which the clocks run evenly. */
struct stretch {
  int64_t end; /* UTC seconds, not within; INT64_MAX: for ever */
  int32_t offset;
};

/* ---- names ---- */

static bool letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }
static bool digit(char c) { return c >= '0' && c <= '9'; }

bool zone_name_fits(const char *name) {
  size_t length = strnlen(name, ZONE_NAME_BYTES);
  if (!length || length == ZONE_NAME_BYTES) return false;
  for (size_t i = 0; i < length; i++) {
    bool starts = !i || name[i - 1] == '/';
    if (starts && !(name[i] >= 'A' && name[i] <= 'Z')) return false;
    if (!letter(name[i]) && !digit(name[i]) && !strchr("_+-/", name[i])) return false;
  }
  return name[length - 1] != '/';
}

/* ---- reading ---- */

struct header {
  unsigned char version;
  uint32_t utc_flags, standard_flags, leaps, changes, types, letters;
};

struct reading {
  const unsigned char *bytes;
  size_t length;
  const char *name;
  struct arena *arena;
  struct error *error;
};

static enum err broken(const struct reading *reading, const char *why) {
  return fail(reading->error, ERR_INPUT, "zone-broken", "", "the zone file of %.64s cannot be read: %s", reading->name, why);
}

static uint64_t big_endian(const unsigned char *bytes, int count) {
  uint64_t value = 0;
  for (int i = 0; i < count; i++) value = value << 8 | bytes[i];
  return value;
}

/* Two's complement, of four bytes or eight. */
static int64_t whole(const unsigned char *bytes, int count) {
  uint64_t value = big_endian(bytes, count), sign = UINT64_C(1) << (8 * count - 1);
  if (!(value & sign)) return (int64_t)value;
  return -(int64_t)((sign << 1) - 1 - value) - 1; /* for eight bytes sign << 1 is 0, and 0 - 1 all ones: as wanted */
}

static enum err read_header(const struct reading *reading, size_t at, struct header *header) {
  const unsigned char *bytes = reading->bytes + at;
  if (reading->length < at || reading->length - at < HEADER_BYTES) return broken(reading, "it ends too early");
  if (memcmp(bytes, "TZif", 4) != 0) return broken(reading, "it is no TZif file");
  *header = (struct header){.version = bytes[4],
                            .utc_flags = (uint32_t)big_endian(bytes + 20, 4),
                            .standard_flags = (uint32_t)big_endian(bytes + 24, 4),
                            .leaps = (uint32_t)big_endian(bytes + 28, 4),
                            .changes = (uint32_t)big_endian(bytes + 32, 4),
                            .types = (uint32_t)big_endian(bytes + 36, 4),
                            .letters = (uint32_t)big_endian(bytes + 40, 4)};
  if (header->version && (header->version < '2' || header->version > '4')) return broken(reading, "its version is unknown");
  return OK;
}

/* Bytes of the data after a header; counts are 32-bit, so the sum cannot overflow. */
static uint64_t data_bytes(const struct header *header, int width) {
  return (uint64_t)header->changes * ((unsigned)width + 1) + (uint64_t)header->types * 6 + header->letters +
         (uint64_t)header->leaps * ((unsigned)width + 4) + header->standard_flags + header->utc_flags;
}

static enum err read_changes(const struct reading *reading, size_t at, const struct header *header, int width,
                             struct zone *zone) {
  const unsigned char *times = reading->bytes + at, *kinds = times + (size_t)header->changes * (size_t)width;
  const unsigned char *types = kinds + header->changes;
  int64_t *changes = arena_array(reading->arena, header->changes, sizeof *changes);
  int32_t *offsets = arena_array(reading->arena, header->changes, sizeof *offsets);
  for (size_t i = 0; i < header->types; i++) {
    int64_t offset = whole(types + i * 6, 4);
    if (offset < OFFSET_LOWEST || offset > OFFSET_HIGHEST) return broken(reading, "an offset is out of range");
  }
  for (size_t i = 0; i < header->changes; i++) {
    changes[i] = whole(times + i * (size_t)width, width);
    if (i && changes[i] <= changes[i - 1]) return broken(reading, "its changes are out of order");
    if (kinds[i] >= header->types) return broken(reading, "a change leads to no type");
    offsets[i] = (int32_t)whole(types + kinds[i] * (size_t)6, 4);
  }
  zone->changes = changes;
  zone->offsets = offsets;
  zone->change_count = header->changes;
  zone->first = (int32_t)whole(types, 4);
  return OK;
}

static enum err read_data(const struct reading *reading, size_t at, const struct header *header, int width, struct zone *zone,
                          size_t *end) {
  if (reading->length - at < data_bytes(header, width)) return broken(reading, "it ends too early");
  if (!header->types || header->types > 256) return broken(reading, "it has no type, or more than 256");
  if (header->leaps) return broken(reading, "it counts leap seconds");
  *end = at + (size_t)data_bytes(header, width);
  return read_changes(reading, at, header, width, zone);
}

/* The last line: a newline, a rule or nothing, a newline. */
static enum err read_footer(const struct reading *reading, size_t at, struct zone *zone) {
  const char *text = (const char *)reading->bytes + at;
  size_t left = reading->length - at;
  if (left < 2 || text[0] != '\n') return broken(reading, "its last line is missing");
  const char *end = memchr(text + 1, '\n', left - 1);
  if (!end) return broken(reading, "its last line has no end");
  zone->has_rule = end > text + 1;
  if (zone->has_rule && !zone_rule_read(&zone->rule, text + 1, (size_t)(end - text - 1)))
    return broken(reading, "the rule in its last line is none");
  return OK;
}

static enum err read_all(const struct reading *reading, struct zone *zone) {
  struct header header;
  size_t end;
  enum err err = read_header(reading, 0, &header);
  if (err) return err;
  if (!header.version) return read_data(reading, HEADER_BYTES, &header, 4, zone, &end);
  /* The 32-bit data come first, for readers of before, and are passed over. */
  uint64_t skip = HEADER_BYTES + data_bytes(&header, 4);
  if (skip > reading->length) return broken(reading, "it ends too early");
  err = read_header(reading, (size_t)skip, &header);
  if (!err) err = read_data(reading, (size_t)skip + HEADER_BYTES, &header, 8, zone, &end);
  return err ? err : read_footer(reading, end, zone);
}

enum err zone_read(const struct zone **zone, const void *bytes, size_t length, const char *name, struct arena *arena,
                   struct error *error) {
  struct reading reading = {.bytes = bytes, .length = length, .name = name, .arena = arena, .error = error};
  *zone = NULL;
  if (length > ZONE_FILE_MAXIMUM) return broken(&reading, "it is too large");
  struct zone *out = arena_alloc(arena, sizeof *out);
  enum err err = read_all(&reading, out);
  if (!err) *zone = out;
  return err;
}

/* Reads up to `room` bytes of the file: their number, or -1 when it is none. */
static ssize_t file_read(const char *path, unsigned char *bytes, size_t room) {
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat about;
  if (file < 0) return -1;
  size_t length = 0;
  ssize_t got = fstat(file, &about) || !S_ISREG(about.st_mode) ? -1 : 1;
  while (got > 0 && length < room) {
    do got = read(file, bytes + length, room - length);
    while (got < 0 && errno == EINTR);
    if (got > 0) length += (size_t)got;
  }
  close(file);
  return got < 0 ? -1 : (ssize_t)length;
}

enum err zone_open(const struct zone **zone, const char *name, struct arena *arena, struct error *error) {
  *zone = NULL;
  if (!zone_name_fits(name))
    return fail(error, ERR_INPUT, "zone-name", "zone", "'%.64s' is no name of a time zone; write one such as America/Toronto", name);
  struct arena scratch;
  arena_init(&scratch, 0);
  unsigned char *bytes = arena_raw(&scratch, ZONE_FILE_MAXIMUM + 1);
  ssize_t length = file_read(arena_printf(&scratch, ZONE_DIRECTORY "/%s", name), bytes, ZONE_FILE_MAXIMUM + 1);
  enum err err;
  if (length < 0)
    err = fail(error, ERR_MISSING, "zone-unknown", "zone", "there is no time zone '%.64s' in " ZONE_DIRECTORY
               " (install the package tzdata, or correct the name)", name);
  else
    err = zone_read(zone, bytes, (size_t)length, name, arena, error);
  arena_free(&scratch);
  return err;
}

/* ---- from UTC ---- */

/* The stretch in which the instant lies. */
static struct stretch stretch_at(const struct zone *zone, int64_t utc_s) {
  size_t low = 0, high = zone->change_count; /* changes before `low` have come, those from `high` on have not */
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (zone->changes[middle] <= utc_s)
      low = middle + 1;
    else
      high = middle;
  }
  if (low < zone->change_count) return (struct stretch){zone->changes[low], low ? zone->offsets[low - 1] : zone->first};
  struct stretch stretch = {INT64_MAX, low ? zone->offsets[low - 1] : zone->first};
  if (zone->has_rule) stretch.offset = zone_rule_at(&zone->rule, utc_s, &stretch.end);
  return stretch;
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

int zone_offset_s(const struct zone *zone, int64_t utc_ms) {
  return zone ? stretch_at(zone, floor_div(utc_ms, SECOND_MS)).offset : 0;
}

int64_t zone_local_ms(const struct zone *zone, int64_t utc_ms) { return utc_ms + zone_offset_s(zone, utc_ms) * SECOND_MS; }

int64_t zone_day(const struct zone *zone, int64_t utc_ms) { return floor_div(zone_local_ms(zone, utc_ms), DAY_MS); }

/* ---- to UTC ---- */

/* Walks the stretches within reach of a local time, and finds it in none, one or several. */
enum zone_fit zone_utc_ms(const struct zone *zone, int64_t local_ms, enum zone_choice choice, int64_t *utc_ms) {
  *utc_ms = local_ms;
  if (!zone) return ZONE_ONCE;
  int64_t local = floor_div(local_ms, SECOND_MS), rest = local_ms - local * SECOND_MS, leap = local;
  int64_t at = local - REACH_S, first = 0, last = 0;
  int found = 0;
  bool leapt = false;
  while (at <= local + REACH_S) {
    struct stretch stretch = stretch_at(zone, at);
    int64_t candidate = local - stretch.offset;
    if (candidate >= at && candidate < stretch.end) {
      if (!found++) first = candidate;
      last = candidate;
    }
    if (stretch.end == INT64_MAX) break;
    int64_t next = local - stretch_at(zone, stretch.end).offset;
    if (!leapt && candidate >= stretch.end && next < stretch.end) {
      leapt = true;
      leap = stretch.end;
    }
    at = stretch.end;
  }
  if (!found) {
    *utc_ms = leap * SECOND_MS;
    return ZONE_NEVER;
  }
  *utc_ms = (choice == ZONE_LATER ? last : first) * SECOND_MS + rest;
  return found > 1 ? ZONE_TWICE : ZONE_ONCE;
}

enum zone_fit zone_hour(const struct zone *zone, int64_t day, int hour, int64_t *utc_ms) {
  return zone_utc_ms(zone, day * DAY_MS + hour * HOUR_MS, ZONE_EARLIER, utc_ms);
}
