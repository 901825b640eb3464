/* feedback.h: who may see what the alliance says, by the study's rule, and the record of every showing.
 *
 * The study says which roles see which patients' courses in which arms. Where feedback is withheld, lists hold the
 * tasks alone and look complete. A showing (what was shown, by which rule and estimate) is an entry before the page is
 * sent: one for each person, patient, page and sign-in in five minutes; later ones in that time write nothing. */
#ifndef ATTUNE_TRIAL_FEEDBACK_H
#define ATTUNE_TRIAL_FEEDBACK_H

#include "trial/detection.h"
#include "trial/visit.h"

#define SHOWING_MS (5 * MINUTE_MS)

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
enum err feedback_may_see(struct db *open, const struct home *home, const struct actor *viewer, const char *patient,
                          struct error *error);
enum err feedback_course(struct db *open, const struct home *home, struct arena *arena, const struct actor *viewer,
                         const char *patient, struct course *course, struct error *error);

/* Of these patients, those for whom no showing of this page to this viewer in this sign-in stands within the last
 * five minutes: for each of them feedback_show goes before the page. */
enum err feedback_showings_due(struct db *open, struct arena *arena, const struct actor *viewer, const char *page,
                               const char *sign_in, int64_t now_ms, const char *const *patients, size_t count,
                               const char ***due, size_t *due_count, struct error *error);
struct feedback_show {
  struct home *home;
  const struct actor *viewer;
  const char *page, *sign_in; /* sign_in: the sign-in's token hash */
  const char *patient;
};
/* One entry for each patient on the page; its subject is the patient, the figures as shown are in its body. A page with
 * several patients posts one job for each: they share a batch. */
verb feedback_show;

struct note_write {
  struct home *home;
  const struct actor *by;
  const char *patient, *text; /* 1 to 4,000 characters */
};
verb note_write;

/* ---- a therapist's page, a trainer's page ---- */

struct task {
  char occasion[CODE_BYTES], patient[CODE_BYTES], name[64];
  int64_t session_number, due_ms, closes_ms;
  bool overdue;
};
struct caseload_row {
  char patient[CODE_BYTES], therapist[CODE_BYTES];
  int64_t sessions, sessions_planned, last_day;
  bool withdrawn;
  bool shown;           /* feedback may be shown: `course` is filled */
  struct course course; /* without notes */
};
struct caseload {
  bool feedback;        /* any row shown */
  size_t task_count;
  struct task *tasks;   /* the therapist's own open forms, soonest due first */
  size_t count;
  struct caseload_row *rows; /* with feedback: most urgent first; without: by code */
};
/* A therapist's own patients, or (trainer) the flagged patients of the trained therapists. */
enum err feedback_caseload(struct db *open, const struct home *home, struct arena *arena, const struct actor *viewer,
                           int64_t now_ms, struct caseload *caseload, struct error *error);

enum err feedback_apply_showing(struct db *db, const struct entry *entry, const json_t *body, struct error *error);
enum err feedback_apply_note(struct db *db, const struct entry *entry, const json_t *body, struct error *error);

#endif
