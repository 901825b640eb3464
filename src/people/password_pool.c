#include "people/password.h"

#include <pthread.h>

#define WAITING_MOST 64
#define THREADS_MOST 2

struct password_pool {
  struct chance chance;
  pthread_mutex_t lock;
  pthread_cond_t news;
  struct password_job *first, *last;
  int waiting;
  bool stopping;
  pthread_t threads[THREADS_MOST];
  int thread_count;
};

static void hash_one(struct password_pool *pool, struct password_job *job) {
  job->right = job->failed = false;
  if (job->make)
    job->failed = password_hash(&pool->chance, job->subject, job->password, job->hash, NULL) != OK;
  else
    job->right = password_right(job->hash, job->password, &job->failed);
  job->done(job);
}

/* The next job, or NULL when the pool stops. */
static struct password_job *take(struct password_pool *pool) {
  pthread_mutex_lock(&pool->lock);
  while (!pool->first && !pool->stopping) pthread_cond_wait(&pool->news, &pool->lock);
  struct password_job *job = pool->stopping ? NULL : pool->first;
  if (job) {
    pool->first = job->next;
    pool->waiting--;
  }
  pthread_mutex_unlock(&pool->lock);
  return job;
}

static void *work(void *state) {
  struct password_pool *pool = state;
  for (struct password_job *job; (job = take(pool));) hash_one(pool, job);
  return NULL;
}

struct password_pool *password_pool_start(const struct chance *chance, int threads, struct error *error) {
  struct password_pool *pool = calloc(1, sizeof *pool);
  if (!pool) die("no memory for the threads that check passwords");
  pool->chance = *chance;
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->news, NULL);
  int wanted = threads < 1 ? 1 : threads > THREADS_MOST ? THREADS_MOST : threads;
  while (pool->thread_count < wanted && !pthread_create(&pool->threads[pool->thread_count], NULL, work, pool))
    pool->thread_count++;
  if (pool->thread_count == wanted) return pool;
  password_pool_stop(pool);
  fail(error, ERR_BUSY, "password-threads", "", "the threads that check passwords could not be started");
  return NULL;
}

void password_pool_stop(struct password_pool *pool) {
  if (!pool) return;
  pthread_mutex_lock(&pool->lock);
  pool->stopping = true;
  pthread_cond_broadcast(&pool->news);
  pthread_mutex_unlock(&pool->lock);
  for (int i = 0; i < pool->thread_count; i++) pthread_join(pool->threads[i], NULL);
  for (struct password_job *job = pool->first, *next; job; job = next) {
    next = job->next; /* done() may give the job back */
    job->right = false;
    job->failed = true;
    job->done(job);
  }
  pthread_mutex_destroy(&pool->lock);
  pthread_cond_destroy(&pool->news);
  free(pool);
}

bool password_pool_post(struct password_pool *pool, struct password_job *job) {
  job->next = NULL;
  pthread_mutex_lock(&pool->lock);
  bool taken = pool->waiting < WAITING_MOST && !pool->stopping;
  if (taken) {
    if (pool->first)
      pool->last->next = job;
    else
      pool->first = job;
    pool->last = job;
    pool->waiting++;
    pthread_cond_signal(&pool->news);
  }
  pthread_mutex_unlock(&pool->lock);
  return taken;
}
