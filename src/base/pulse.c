#include "base/pulse.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/err.h"

struct pulse {
  int seconds;
  void (*beat)(void *state);
  void *state;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool over;
};

/* True when it is time again, false when it is over. */
static bool pause_a_while(struct pulse *pulse) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += pulse->seconds;
  pthread_mutex_lock(&pulse->lock);
  while (!pulse->over && !pthread_cond_timedwait(&pulse->wake, &pulse->lock, &until)) {
  }
  bool over = pulse->over;
  pthread_mutex_unlock(&pulse->lock);
  return !over;
}

static void *run(void *state) {
  struct pulse *pulse = state;
  do pulse->beat(pulse->state);
  while (pause_a_while(pulse));
  return NULL;
}

struct pulse *pulse_start(int seconds, void (*beat)(void *state), void *state) {
  struct pulse *pulse = calloc(1, sizeof *pulse);
  if (!pulse) die("out of memory");
  *pulse = (struct pulse){.seconds = seconds, .beat = beat, .state = state};
  pthread_condattr_t steady; /* a clock that is set does not hurry or hold it */
  pthread_condattr_init(&steady);
  pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
  pthread_mutex_init(&pulse->lock, NULL);
  pthread_cond_init(&pulse->wake, &steady);
  pthread_condattr_destroy(&steady);
  if (pthread_create(&pulse->thread, NULL, run, pulse)) die("no thread could be started");
  return pulse;
}

void pulse_stop(struct pulse *pulse) {
  if (!pulse) return;
  pthread_mutex_lock(&pulse->lock);
  pulse->over = true;
  pthread_cond_signal(&pulse->wake);
  pthread_mutex_unlock(&pulse->lock);
  pthread_join(pulse->thread, NULL);
  pthread_cond_destroy(&pulse->wake);
  pthread_mutex_destroy(&pulse->lock);
  free(pulse);
}
