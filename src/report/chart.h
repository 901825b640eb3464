/* chart.h: drawings as SVG, written into a text without any request. Colours and lines come from the stylesheet by class;
 * what a shape means is said by its form as well: circle = the patient's rating, square = the therapist's, triangle
 * pointing down = tension, full diamond = repair, hollow diamond = a repair that the patient does not confirm, shaded
 * band = what was expected. Coordinates have one decimal, so that the same course gives the same bytes. Each drawing has a
 * title, and a description with its values and direction for screen readers.
 *
 * Across, a session stands at its number: lines break over sessions that nobody rated, and what is to come is blank. */
#ifndef ATTUNE_REPORT_CHART_H
#define ATTUNE_REPORT_CHART_H

#include "base/words.h"
#include "feedback/course.h"
#include "report/overview.h"

/* The course with axes, marks and a key, well-being below it where there is any; ratings of a viewer who sees the course. */
void chart_course(struct buf *out, enum language language, const struct course *course);
/* A small line for a list. `sessions` across, the same for all of a list: the most of chart_sessions(). */
void chart_spark(struct buf *out, enum language language, const struct course *course, int64_t sessions);
/* How many sessions a drawing of this course has room for: the planned ones, or those held if they are more. */
int64_t chart_sessions(const struct course *course);
void chart_weeks(struct buf *out, enum language language, const struct week *weeks, size_t count);

#endif
