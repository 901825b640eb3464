/* who_sees.h: who may see a tension. The study says which roles see how much of which patients' courses in which arms;
 * here is the one place that asks it, and the one that takes out of a course what the viewer may not see. Where
 * feedback is withheld, lists hold the tasks alone and look complete. */
#ifndef ATTUNE_FEEDBACK_WHO_SEES_H
#define ATTUNE_FEEDBACK_WHO_SEES_H

#include "feedback/state.h"
#include "study/study.h"
#include "trial/person.h"

struct sight {
  enum { SIGHT_NOTHING, SIGHT_EVENTS, SIGHT_COURSE } level;
  bool flagged_only; /* of sessions without a tension or repair nothing, and of patients without one nothing at all */
};
/* How much of this therapist's patients' courses the viewer sees: the most that one of their roles gives. `open` only: it
 * reads the arm. */
struct sight who_sees(struct db *open, const struct study *study, struct arena *arena, const struct actor *viewer,
                      const char *therapist);
/* The same in one role, by the name of the arm ("": in none). */
struct sight who_sees_in_arm(const struct study *study, const char *role, const char *arm);
/* Takes out what the viewer may not see: with SIGHT_NOTHING everything; with SIGHT_EVENTS or flagged_only the sessions
 * without a tension or repair; with SIGHT_EVENTS the ratings too, and what was expected of them. */
void who_sees_filter(struct sight sight, struct course_point *points, size_t *count, struct course_state *state);

#endif
