#include "feedback/learner.h"

#include <pthread.h>

#include "base/log.h"
#define LOOK_EVERY_S 60

struct learner {
  struct detector *detector;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool over;
};

static bool sample_grown(struct detector *detector) {
  struct db *open;
  int64_t ratings = 0, learnt = detector_basis(detector).ratings;
  if (db_open(&open, detector_home(detector)->store, DB_OPEN, NULL)) return false;
  enum err err = db_int(open, NULL, &ratings, 0, "SELECT count(*) FROM rating", NO_ARGS);
  db_close(open);
  return !err && ratings >= learnt + learnt / 20 + 20;
}

/* True when it is time to look again, false when it is over. */
static bool pause_a_while(struct learner *learner) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += LOOK_EVERY_S;
  pthread_mutex_lock(&learner->lock);
  if (!learner->over) pthread_cond_timedwait(&learner->wake, &learner->lock, &until);
  bool over = learner->over;
  pthread_mutex_unlock(&learner->lock);
  return !over;
}

static void *learn(void *state) {
  struct learner *learner = state;
  struct error early = {0};
  if (detector_renew(learner->detector, &early))
    log_line(LOG_WARNING, "estimate", "%s: the kept detections could not be renewed: %s", detector_home(learner->detector)->name, early.text);
  while (pause_a_while(learner)) {
    struct error error = {0};
    if (sample_grown(learner->detector) && detector_learn(learner->detector, &error))
      log_line(LOG_WARNING, "estimate", "%s: the sample could not be estimated anew: %s", detector_home(learner->detector)->name, error.text);
  }
  return NULL;
}

struct learner *learner_start(struct detector *detector) {
  struct learner *learner = calloc(1, sizeof *learner);
  if (!learner) die("out of memory");
  learner->detector = detector;
  pthread_mutex_init(&learner->lock, NULL);
  pthread_cond_init(&learner->wake, NULL);
  if (pthread_create(&learner->thread, NULL, learn, learner)) die("no thread could be started");
  return learner;
}

void learner_stop(struct learner *learner) {
  if (!learner) return;
  pthread_mutex_lock(&learner->lock);
  learner->over = true;
  pthread_cond_signal(&learner->wake);
  pthread_mutex_unlock(&learner->lock);
  pthread_join(learner->thread, NULL);
  pthread_cond_destroy(&learner->wake);
  pthread_mutex_destroy(&learner->lock);
  free(learner);
}
