/* nearest.h: which known name was meant? */
#ifndef ATTUNE_BASE_NEAREST_H
#define ATTUNE_BASE_NEAREST_H

/* Levenshtein's distance (V. I. Levenshtein, Soviet Physics Doklady 10 (1966) 707) without regard to ASCII case;
 * UINT_MAX when a name is longer than 64 bytes. */
unsigned text_distance(const char *a, const char *b);

#endif
