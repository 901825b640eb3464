/* nearest.h: which known name was meant? */
#ifndef ATTUNE_BASE_NEAREST_H
#define ATTUNE_BASE_NEAREST_H

#include <stddef.h>

/* Levenshtein's distance (V. I. Levenshtein, Soviet Physics Doklady 10 (1966) 707) without regard to ASCII case;
 * UINT_MAX when a name is longer than 64 bytes. */
unsigned text_distance(const char *a, const char *b);

/* The name among `names` that was probably meant (at a distance of 1 or 2, and less than all of it), or NULL. */
const char *nearest_name(const char *name, const char *const *names, size_t count);

#endif
