/* judged.h: courses that were judged already. Judging is a pure function of a series, the estimate and its thresholds,
 * and costs up to a millisecond; lists ask for the same courses again and again.
 *
 * Kept twice: in cache_detection, written with each submission, which outlasts the program; and in memory, in a fixed
 * number of places (a new course takes the place of an older one that falls on it): a few megabytes at most. One rule
 * says what is stale, in both: a judgement holds for the very key that it was made from, and for no other. So a
 * correction, an import, an erasure, another estimate, another version of the study or of the program need no rule of
 * their own. Any thread. */
#ifndef ATTUNE_FEEDBACK_JUDGED_H
#define ATTUNE_FEEDBACK_JUDGED_H

#include "feedback/detection.h"

struct judged;
struct judged *judged_new(void);
void judged_free(struct judged *judged); /* NULL is fine */

/* What a judgement rests on, as bytes in the arena: by what it was judged (64 hex digits), the series. */
struct judged_key {
  const void *bytes;
  size_t length;
};
struct judged_key judged_key(struct arena *arena, const char *judged_by, const struct detection_series *series,
                             size_t count);
/* The key as a text that can be kept: its SHA-256, hex. */
void judged_key_text(struct judged_key key, char out[2 * SHA256_BYTES + 1]);
/* Fills `out` (of `count` places) when this very course was kept in memory. */
bool judged_find(struct judged *judged, struct judged_key key, struct detection *out, size_t count);
void judged_keep(struct judged *judged, struct judged_key key, const struct detection *out, size_t count);

/* The same in cache_detection, one for each of the course's sessions. *found is false, and `out` undefined, when what
 * stands there rests on anything else. */
enum err judged_read(struct db *db, const struct detection_course *course, struct judged_key key, struct detection *out,
                     bool *found, struct error *error);
enum err judged_write(struct db *db, struct arena *arena, const struct detection_course *course, struct judged_key key,
                      const struct detection *seen, struct error *error);

#endif
