/* course_words.h: a course in words. Badge, sentences, row, steps, and the cell of one session: each is chosen here, from
 * the one state of the course (feedback/state.h) and what the viewer sees of it; pages write them. */
#ifndef ATTUNE_REPORT_COURSE_WORDS_H
#define ATTUNE_REPORT_COURSE_WORDS_H

#include "base/words.h"
#include "feedback/course.h"

/* "steady", "tension", ... */
enum word course_badge_word(enum course_badge badge);
/* What the ratings say and how sure that is, as one paragraph's text. */
void course_write_sentences(struct buf *out, enum language language, const struct course *course);
/* Under the badge in a list: since when, how sure, who noticed; nothing without a tension. */
void course_write_row(struct buf *out, enum language language, const struct course *course);
#define COURSE_STEPS 3
/* What to do next, for the therapist; or what to talk about, for who speaks with the therapist. `step` from 0. */
enum word course_step_word(enum course_badge badge, int step, bool consulting);
/* Whether the steps for a consultation are others than the therapist's. */
bool course_consults(enum course_badge badge);
/* Of a session with a tension: "the patient only"; how sure it is: "near even odds (51%)". */
enum word noticed_word(enum noticed noticed);
char *certainty_words(struct arena *arena, enum language language, enum certainty certainty, double likely);

/* Decimals that show the course's ratings as they are: 0, 1 or 2. */
int course_decimals(const struct course *course);
/* The band of a session with these decimals, rounded inwards, so that a rating shown outside it lies outside, and one shown
 * within lies within. */
struct band {
  double low, high;
};
struct band course_band(const struct course_point *point, int decimals);

#endif
