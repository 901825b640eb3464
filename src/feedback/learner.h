/* learner.h: the background thread that estimates. At its start it brings the kept detections up to date
 * (feedback_renew()); then it looks once a minute whether the sample has grown by a twentieth since the last estimate,
 * and learns anew (feedback_learn()): never in the writer, never in a request. */
#ifndef ATTUNE_FEEDBACK_LEARNER_H
#define ATTUNE_FEEDBACK_LEARNER_H

#include "feedback/detection.h"

struct learner;
/* Of a home opened to own; stop the learner before closing the detector. */
struct learner *learner_start(struct detector *detector);
void learner_stop(struct learner *learner); /* NULL is fine; waits for an estimate under way */

#endif
