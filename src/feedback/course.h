/* course.h: what one patient's ratings say, as a page shows it to whoever may see it: read, judged, its state found
 * (state.h), and what the viewer may not see taken out (who_sees.h). */
#ifndef ATTUNE_FEEDBACK_COURSE_H
#define ATTUNE_FEEDBACK_COURSE_H

#include "feedback/who_sees.h"

/* Of a calculation of this name in the form that the patient's ratings come from, beside the rating itself. */
#define WELL_BEING "well_being"

struct course {
  char patient[CODE_BYTES], therapist[CODE_BYTES];
  bool left;                /* the study */
  int64_t sessions_planned; /* 0 when the study plans none */
  int64_t held, rated;      /* sessions on record; those that somebody rated */
  int64_t last_number, last_day; /* of the last session on record; 0 and -1 without */
  size_t count;
  struct course_point *points; /* by session number, sessions that nobody rated among them; filtered for the viewer */
  double lowest, highest;      /* of the rating scale */
  double well_being_lowest, well_being_highest; /* of that scale; both 0 when the study has none */
  struct course_terms terms;
  struct course_state state;   /* of the whole course */
  struct sight sight;          /* how much of it the viewer sees; NOTHING: only what stands above `count` is filled */
  struct detector_basis basis; /* by which rule and estimate; its false_alarm: "1 in N patients without a tension
                                  shows an alarm" */
  char key[2 * SHA256_BYTES + 3]; /* all that the figures rest on, the sight included */
  size_t note_count;
  struct course_note {
    int64_t time_ms;
    const char *text;
  } *notes; /* of the viewer */
};

/* Who looks, through which connection, and where what they see is made. */
struct viewing {
  struct db *open;
  struct detector *detector;
  struct arena *arena;
  const struct actor *viewer;
};

/* The course of a patient whom the viewer may see, else ERR_MISSING (nothing tells that there is one). The notes are
 * read by feedback_course(). */
enum err course_read(const struct viewing *viewing, const char *patient, struct course *course, struct error *error);
enum err feedback_course(const struct viewing *viewing, const char *patient, struct course *course, struct error *error);
/* May the viewer see this patient's course? OK, or ERR_MISSING. */
enum err feedback_may_see(const struct viewing *viewing, const char *patient, struct error *error);
/* A row of a list: as course_read(), but where the viewer may not see the course, it says OK and SIGHT_NOTHING, and how
 * many sessions were held. */
enum err course_row(const struct viewing *viewing, const char *patient, struct course *course, struct error *error);
/* The key that course_read() would give this viewer now, without judging. "": may not see it. */
enum err course_key_now(const struct viewing *viewing, const char *patient, char key[2 * SHA256_BYTES + 3], struct error *error);

/* For renewal.h: judges the course of an existing patient in the writer, keeps that, and gives the whole course to no
 * viewer in particular (SIGHT_COURSE). */
enum err course_keep(struct txn *txn, struct detector *detector, const struct person *patient, struct course *course,
                     struct error *error);
/* Whether all that is kept of this patient rests on what there is now. */
enum err course_kept(struct db *open, struct detector *detector, struct arena *arena, const struct person *patient,
                     bool *kept, struct error *error);

#endif
