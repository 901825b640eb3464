/* judged.h: courses that were judged already. Judging is a pure function of a series, the estimate and its thresholds,
 * and costs up to a millisecond; lists ask for the same courses again and again. Kept in memory alone, in a fixed
 * number of places (a new course takes the place of an older one that falls on it): a few megabytes at most. Any
 * thread. */
#ifndef ATTUNE_TRIAL_JUDGED_H
#define ATTUNE_TRIAL_JUDGED_H

#include "trial/detection.h"

struct judged;
struct judged *judged_new(void);
void judged_free(struct judged *judged); /* NULL is fine */

/* What a judgement rests on, as bytes in the arena: the estimate's name, how many thresholds hold, the series. */
struct judged_key {
  const void *bytes;
  size_t length;
};
struct judged_key judged_key(struct arena *arena, const char *estimate, int thresholds,
                             const struct detection_series *series, size_t count);
/* Fills `out` (of `count` places) when this very course was kept. */
bool judged_find(struct judged *judged, struct judged_key key, struct detection *out, size_t count);
void judged_keep(struct judged *judged, struct judged_key key, const struct detection *out, size_t count);

#endif
