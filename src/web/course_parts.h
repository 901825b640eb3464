/* course_parts.h: what the pages of courses share. */
#ifndef ATTUNE_WEB_COURSE_PARTS_H
#define ATTUNE_WEB_COURSE_PARTS_H

#include "feedback/state.h"
#include "web/request.h"

/* The badge of a course: its word and its shape. */
void write_badge(struct request *request, enum course_badge badge);

#endif
