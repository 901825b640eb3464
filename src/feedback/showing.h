/* showing.h: a showing (what was shown, by which rule and estimate) is an entry before the page is sent: one for each
 * person, patient, page and sign-in in five minutes; later ones in that time write nothing. */
#ifndef ATTUNE_FEEDBACK_SHOWING_H
#define ATTUNE_FEEDBACK_SHOWING_H

#include "feedback/course.h"

#define SHOWING_MS (5 * MINUTE_MS)

/* Of these patients, those for whom no showing of this page to this viewer in this sign-in stands within the last
 * five minutes: for each of them feedback_show goes before the page. */
enum err feedback_showings_due(struct db *open, struct arena *arena, const struct actor *viewer, const char *page,
                               const char *sign_in, int64_t now_ms, const char *const *patients, size_t count,
                               const char ***due, size_t *due_count, struct error *error);
struct feedback_show {
  struct detector *detector;
  const struct actor *viewer;
  const char *page, *sign_in; /* sign_in: the sign-in's token hash */
  const char *patient;
};
/* One entry for each patient on the page; its subject is the patient, the figures as shown are in its body. A page with
 * several patients posts one job for each: they share a batch. */
verb feedback_show;

#endif
