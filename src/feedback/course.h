/* course.h: what one patient's ratings say, as a page shows it to whoever may see it (who_sees.h). */
#ifndef ATTUNE_FEEDBACK_COURSE_H
#define ATTUNE_FEEDBACK_COURSE_H

#include "feedback/detection.h"
#include "trial/person.h"

/* One session of a patient's course, as a chart and a table show it. */
struct course_point {
  int64_t session_number, held_day; /* held_day -1 when unknown */
  bool has[2];       /* a rating by [0] the patient, [1] the therapist */
  double rating[2];
  int reported[2];   /* a tension reported: 1, 0, -1 unknown */
  int resolved[2];
  struct detection seen; /* what the detector said, on line */
};

struct course {
  char patient[CODE_BYTES], therapist[CODE_BYTES];
  const char *language;
  int64_t sessions_planned; /* 0 when the study plans none */
  size_t count;
  struct course_point *points; /* by session number */
  double lowest, highest;      /* of the rating scale */
  enum course_state { COURSE_EARLY, COURSE_STEADY, COURSE_TENSION, COURSE_REPAIRED } state;
  struct detector_basis basis; /* by which rule and estimate; its false_alarm: "1 in N patients without a tension
                                  shows an alarm" */
  int64_t least_sessions;      /* below it: too early to tell */
  size_t note_count;
  struct course_note {
    int64_t time_ms;
    const char *text;
  } *notes; /* of the viewer */
};

/* May this account see this patient's course? OK, or ERR_MISSING (nothing tells that it exists). `open` only. */
enum err feedback_may_see(struct db *open, struct detector *detector, const struct actor *viewer, const char *patient,
                          struct error *error);
enum err feedback_course(struct db *open, struct detector *detector, struct arena *arena, const struct actor *viewer,
                         const char *patient, struct course *course, struct error *error);

/* For the lists of this room: judges what was read, and finds the state. course->patient is filled. */
enum err course_judge(struct db *open, struct detector *detector, struct arena *arena,
                      const struct detection_course *given, struct course *course, struct error *error);
/* A tension or repair at any session. */
bool course_flagged(const struct course *course);
/* The course without notes and days, when the viewer may see it. */
enum err course_for(struct db *open, struct detector *detector, struct arena *arena, const struct actor *viewer,
                    const char *patient, struct course *course, struct error *error);

#endif
