/* learner.h: the background thread that estimates. At its start it brings the kept detections up to date
 * (detector_renew()); then it looks once a minute whether the sample has grown by a twentieth since the last estimate,
 * and learns anew (detector_learn()): never in the writer, never in a request. */
#ifndef ATTUNE_TRIAL_LEARNER_H
#define ATTUNE_TRIAL_LEARNER_H

#include "trial/home.h"

struct learner;
/* `home` opened to own; stop the learner before closing it. */
struct learner *learner_start(struct home *home);
void learner_stop(struct learner *learner); /* NULL is fine; waits for an estimate under way */

#endif
