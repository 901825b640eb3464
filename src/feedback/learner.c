#include "feedback/learner.h"

#include "base/log.h"
#include "base/pulse.h"
#include "feedback/renewal.h"

#define LOOK_EVERY_S 60

struct learner {
  struct detector *detector;
  struct pulse *pulse;
  bool renewed; /* the kept detections, once at the start */
};

static bool sample_grown(struct detector *detector) {
  struct db *open;
  int64_t ratings = 0, learnt = detector_basis(detector).ratings;
  if (db_open(&open, detector_home(detector)->store, DB_OPEN, NULL)) return false;
  enum err err = db_int(open, NULL, &ratings, 0, "SELECT count(*) FROM rating", NO_ARGS);
  db_close(open);
  return !err && ratings >= learnt + learnt / 20 + 20;
}

static void learn(void *state) {
  struct learner *learner = state;
  struct error error = {0};
  const char *name = detector_home(learner->detector)->name;
  if (!learner->renewed && feedback_renew(learner->detector, &error))
    log_line(LOG_WARNING, "estimate", "%s: the kept detections could not be renewed: %s", name, error.text);
  else if (learner->renewed && sample_grown(learner->detector) && feedback_learn(learner->detector, &error))
    log_line(LOG_WARNING, "estimate", "%s: the sample could not be estimated anew: %s", name, error.text);
  learner->renewed = true;
}

struct learner *learner_start(struct detector *detector) {
  struct learner *learner = calloc(1, sizeof *learner);
  if (!learner) die("out of memory");
  learner->detector = detector;
  learner->pulse = pulse_start(LOOK_EVERY_S, learn, learner);
  return learner;
}

void learner_stop(struct learner *learner) {
  if (!learner) return;
  pulse_stop(learner->pulse);
  free(learner);
}
