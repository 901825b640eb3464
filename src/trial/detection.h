/* detection.h: between the trial's tables and the alliance room: reads a patient's ratings, asks the study's rule, keeps
 * the answers in cache_ tables (which may be emptied at any time) and the estimate for the sample in memory. */
#ifndef ATTUNE_TRIAL_DETECTION_H
#define ATTUNE_TRIAL_DETECTION_H

#include "trial/home.h"

enum detection_event { DETECTION_NONE, DETECTION_TENSION, DETECTION_REPAIR };

/* What the detector says of one session, on line (by what was known then). Never NaN: `known` tells. */
struct detection {
  bool known;                  /* false: too early, or no rating: the figures are 0 */
  double expected, low, high;  /* the expected rating and its band */
  double tension, repaired;    /* probability of a tension by now, of its repair by now */
  enum detection_event event;
  bool reported;               /* the event rests on what was reported directly */
};

enum err detector_open(struct detector **detector, const struct home *home, struct error *error);
void detector_close(struct detector *detector); /* NULL is fine */

struct detection_series {
  int64_t session_number;
  bool has[2];
  double rating[2]; /* by the patient, by the therapist */
  int reported[2], resolved[2];
};
/* Judges one course, a few microseconds a session. `out` has `count` places. `least` tells the shortest series that
 * the rule decides. `arena` gives the memory that it works in. Any thread. */
enum err detector_judge(struct detector *detector, struct arena *arena, const struct detection_series *series,
                        size_t count, struct detection *out, int64_t *least, struct error *error);
/* Takes the whole sample in and makes the estimate and the thresholds anew: seconds, so never in the writer. With a
 * ledger (STORE_OWN) the estimate is kept in cache_estimate by a job of its own. */
enum err detector_learn(struct home *home, struct error *error);
/* Judges a patient's course and keeps it in cache_detection: inside a verb, after its entry. */
enum err detector_keep(struct detector *detector, struct txn *txn, const char *patient, struct error *error);
/* Reads a patient's ratings by session: what detector_judge() takes. */
enum err detector_series(struct db *open, struct arena *arena, const char *patient, struct detection_series **series,
                         size_t *count, struct error *error);

/* What stands behind the figures: goes into what was shown. Copies, at most 16 and 32 bytes with the NUL. */
struct detector_basis {
  char estimate[17]; /* name of the estimate: first 16 hex digits of the SHA-256 of its text */
  char rule[32];
  double false_alarm; /* asked for, per patient over the course */
  int64_t ratings;    /* that the estimate rests on; 0: the stated default */
};
struct detector_basis detector_basis(struct detector *detector);

#endif
