#include "feedback/who_sees.h"

static const char *arm_of(struct db *open, const struct study *study, struct arena *arena, const char *therapist) {
  char *arm;
  if (!study->arm_count) return "";
  enum err err = db_text(open, NULL, arena, &arm, "SELECT arm FROM arm_allocation WHERE person = $1 ORDER BY person", ARGS(v_text(therapist)));
  return err || !arm ? "" : arm;
}

struct sight who_sees_in_arm(const struct study *study, const char *role, const char *arm) {
  struct sight sight = {SIGHT_NOTHING, false};
  unsigned sees = study_feedback_for(study, role, arm, &sight.flagged_only);
  if (sees & SEES_COURSE)
    sight.level = SIGHT_COURSE;
  else if (sees & SEES_EVENTS)
    sight.level = SIGHT_EVENTS;
  return sight;
}

struct sight who_sees(struct db *open, const struct study *study, struct arena *arena, const struct actor *viewer,
                      const char *therapist) {
  const char *arm = arm_of(open, study, arena, therapist);
  struct sight own = {SIGHT_NOTHING, false}, taught = own;
  if ((viewer->roles & ROLE_THERAPIST) && *viewer->person && !strcmp(viewer->person, therapist))
    own = who_sees_in_arm(study, "therapist", arm);
  if (viewer->roles & ROLE_TRAINER) taught = who_sees_in_arm(study, "trainer", arm);
  if (own.level != taught.level) return own.level > taught.level ? own : taught;
  return own.flagged_only ? taught : own;
}

static void without_ratings(struct course_point *point) {
  for (int rater = 0; rater < 2; rater++) {
    point->has[rater] = false;
    point->rating[rater] = 0;
  }
  point->has_well_being = false;
  point->well_being = 0;
  point->place = PLACE_UNKNOWN;
  point->seen.known = false;
  point->seen.expected = point->seen.low = point->seen.high = 0;
}

void who_sees_filter(struct sight sight, struct course_point *points, size_t *count, struct course_state *state) {
  size_t kept = 0;
  bool all = sight.level == SIGHT_COURSE && !sight.flagged_only;
  for (size_t i = 0; i < *count && sight.level != SIGHT_NOTHING; i++) {
    if (!all && !points[i].tension && points[i].mended == MENDED_NOT) continue;
    points[kept] = points[i];
    if (sight.level == SIGHT_EVENTS) without_ratings(&points[kept]);
    kept++;
  }
  *count = kept;
  if (all || state->badge != COURSE_EARLY || (state->early != EARLY_BELOW && state->early != EARLY_ABOVE)) return;
  state->early = EARLY_UNTOLD;
  state->outside = -1;
}
