/* showing.h: what was shown to whom is an entry before the page is sent. The entry holds the very figures that the page
 * draws: the page hands in the course as it read it, with the key of all that the figures rest on, and the writer takes it
 * only while that key is the key of now. One entry for each person, patient, page and sign-in in five minutes, as long as
 * there is nothing else to show. */
#ifndef ATTUNE_FEEDBACK_SHOWING_H
#define ATTUNE_FEEDBACK_SHOWING_H

#include "feedback/course.h"

#define SHOWING_MS (5 * MINUTE_MS)
#define SHOWING_STALE "showing-stale" /* the id of a refusal: read again and draw again */

struct feedback_show {
  struct detector *detector;
  const struct actor *viewer;
  const char *page, *sign_in;  /* sign_in: the sign-in's token hash */
  const struct course *course; /* as course_read() or course_row() gave it; stays as it is until the answer */
};
/* Of these courses, those for which no showing of the same on this page to this viewer in this sign-in stands within the
 * last five minutes: `due` of them, and for each feedback_show goes before the page. Courses of which nothing is seen are
 * left out. */
struct showing_query {
  struct detector *detector;
  const struct actor *viewer;
  const char *page, *sign_in;
  int64_t now_ms;
  const struct course *courses;
  size_t count;
};
enum err feedback_showings_due(struct db *open, struct arena *arena, const struct showing_query *query,
                               struct feedback_show **due, size_t *due_count, struct error *error);
/* One entry; its subject is the patient. ERR_CONFLICT "showing-stale" when the course is not as it was read. A page
 * with several patients posts one job for each: they share a batch. */
verb feedback_show;

#endif
