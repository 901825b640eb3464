#include "feedback/who_sees.h"

static const char *arm_of(struct db *open, const struct study *study, struct arena *arena, const char *therapist) {
  char *arm;
  if (!study->arm_count) return "";
  enum err err = db_text(open, NULL, arena, &arm, "SELECT arm FROM arm_allocation WHERE person = $1 ORDER BY person", ARGS(v_text(therapist)));
  return err || !arm ? "" : arm;
}

unsigned who_sees(struct db *open, const struct study *study, struct arena *arena, const struct actor *viewer,
                  const char *therapist, bool *flagged_only) {
  const char *arm = arm_of(open, study, arena, therapist);
  unsigned sees = 0;
  *flagged_only = false;
  if ((viewer->roles & ROLE_THERAPIST) && *viewer->person && !strcmp(viewer->person, therapist))
    sees = study_feedback_for(study, "therapist", arm, flagged_only);
  if (!(sees & SEES_COURSE) && (viewer->roles & ROLE_TRAINER)) sees = study_feedback_for(study, "trainer", arm, flagged_only);
  return sees & (SEES_COURSE | SEES_EVENTS);
}
