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
void detector_close(struct detector *detector);

struct detection_series {
  int64_t session_number;
  bool has[2];
  double rating[2]; /* by the patient, by the therapist */
  int reported[2], resolved[2];
};
/* Judges one course. `out` has `count` places. `least` tells the shortest series that the rule decides. */
enum err detector_judge(struct detector *detector, const struct study *study, const struct detection_series *series,
                        size_t count, struct detection *out, int64_t *least, struct error *error);
/* Takes the whole sample in (open reader) and makes the estimate and the threshold anew. */
enum err detector_learn(struct detector *detector, struct db *open, const struct study *study, struct error *error);
/* Judges a patient's course and keeps it in cache_detection: inside a verb, after its entry. */
enum err detector_keep(struct detector *detector, struct txn *txn, const struct study *study, const char *patient,
                       struct error *error);
/* The name of the estimate in use: goes into what was shown. */
const char *detector_estimate(const struct detector *detector);

#endif
