/* position.h: where a value stands in a JSON text. jansson keeps no positions, so a small scanner walks the text again
 * along a pointer (RFC 6901); only findings need it. */
#ifndef ATTUNE_STUDY_POSITION_H
#define ATTUNE_STUDY_POSITION_H

#include <stddef.h>

/* The line and column (from 1, in bytes) of the key of the value at `pointer`, or of the value itself in an array; of
 * the nearest thing around it when there is none. `text` is a JSON text that was read without error. */
void position_find(const char *text, size_t length, const char *pointer, int *line, int *column);

#endif
