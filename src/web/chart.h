/* chart.h: drawings as SVG inside the page. Colours and lines come from the stylesheet by class; what a shape means is
 * said by its form as well: circle = the patient's rating, square = the therapist's, triangle pointing down = tension,
 * diamond = repair, shaded band = what was expected. Coordinates have one decimal, so that the same course gives the
 * same bytes. Each drawing has a title and a description for screen readers. */
#ifndef ATTUNE_WEB_CHART_H
#define ATTUNE_WEB_CHART_H

#include "feedback/course.h"
#include "report/overview.h"
#include "web/request.h"

/* The words and the shape of a course: steady, tension, repaired, too early to tell (page_caseload.c). */
void write_course_state(struct request *request, enum course_state state);
bool course_band_known(const struct course_point *point); /* was something expected of this session? */
void chart_course(struct request *request, const struct course *course);
void chart_spark(struct request *request, const struct course *course);
void chart_weeks(struct request *request, const struct week *weeks, size_t count);

#endif
