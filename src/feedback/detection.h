/* detection.h: between the trial's tables and the alliance room: reads a patient's ratings, asks the study's rule, keeps
 * the answers in cache_ tables (which may be emptied at any time) and the estimate for the sample in memory. What is
 * kept is what pages read; a course is judged again only where what is kept no longer holds (judged.h). */
#ifndef ATTUNE_FEEDBACK_DETECTION_H
#define ATTUNE_FEEDBACK_DETECTION_H

#include "trial/home.h"

enum detection_event { DETECTION_NONE, DETECTION_TENSION, DETECTION_REPAIR };

/* What the detector says of one session, online (by what was known then). Never NaN: `known` tells. Figures have six
 * decimals, so that what is kept as text is what was said. */
struct detection {
  bool known;                  /* false: too early, or no rating: the figures are 0 */
  double expected, low, high;  /* the expected rating and its band */
  double tension, repaired;    /* probability of a tension by now, of its repair by now */
  enum detection_event event;
  bool reported;               /* the event rests on what was reported directly */
};

/* The handle of this room: one for an open home. From now on what the trial's activities enter is judged in the same
 * savepoint (FOLLOW rows). Close it before the home, and while no job waits. */
struct detector;
enum err detector_open(struct detector **detector, struct home *home, struct error *error);
void detector_close(struct detector *detector); /* NULL is fine */
struct home *detector_home(const struct detector *detector);

struct detection_series {
  int64_t session_number;
  bool has[2];
  double rating[2]; /* by the patient, by the therapist */
  int reported[2], resolved[2];
};
/* A patient's sessions that were rated or reported on, in order. */
struct detection_course {
  const char *patient;
  struct detection_series *series;
  size_t count, room;
};
enum err detection_course_read(struct db *open, struct arena *arena, const char *patient, struct detection_course *course,
                               struct error *error);

/* What stands behind the figures: goes into what was shown. Copies, at most 16 and 32 bytes with the NUL. */
struct detector_basis {
  char estimate[17]; /* name of the estimate: first 16 hex digits of the SHA-256 of its text */
  char rule[32];
  double false_alarm; /* asked for, per patient over the course */
  int64_t ratings;    /* that the estimate rests on; 0: the stated default */
};
struct detector_basis detector_basis(struct detector *detector);

struct judgement {
  struct detection *seen;          /* one for each of the course's sessions */
  int64_t least;                   /* the shortest series that the rule decides */
  struct detector_basis basis;     /* by which this was judged */
  char key[2 * SHA256_BYTES + 1];  /* and all that it rests on, as detector_key() tells it */
};
/* What is known of one course: as kept in memory or in cache_detection (read through `db`) where that rests on these
 * ratings and the present estimate, else judged now, up to a millisecond. `arena` holds the answer. Any thread. */
enum err detector_judge(struct detector *detector, struct db *db, struct arena *arena, const struct detection_course *course,
                        struct judgement *out, struct error *error);
/* What a judgement of this course would rest on now: the ratings, the estimate, the thresholds, what the study asks and
 * how this program judges. The same key, the same judgement. */
void detector_key(struct detector *detector, struct arena *arena, const struct detection_course *course,
                  char out[2 * SHA256_BYTES + 1]);
/* Judges and keeps the answer in cache_detection. In the writer. */
enum err detector_keep(struct detector *detector, struct txn *txn, const struct detection_course *course,
                       struct judgement *out, struct error *error);
/* Whether cache_detection holds what this course rests on now. */
enum err detector_kept(struct detector *detector, struct db *db, struct arena *arena, const struct detection_course *course,
                       bool *kept, struct error *error);
/* Takes the whole sample in and makes the estimate and the thresholds anew: seconds, so never in the writer. What was
 * kept of the courses then holds no longer: feedback_renew() (renewal.h). */
enum err detector_learn(struct detector *detector, struct error *error);
/* Keeps the estimate in cache_estimate, where it is not kept yet, so that it outlasts the program. Not in the writer. */
enum err detector_remember(struct detector *detector, struct error *error);

#endif
