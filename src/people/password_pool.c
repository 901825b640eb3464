/* password_pool.c: the threads that hash, and the queue before them.
 *
 * The queue is fair between networks: a job's turn is one more than the turn of its network's last job, so that a
 * network's first waits for nobody's second (start-time fair queueing: Goyal, Vin and Cheng 1996, with all jobs alike).
 * It is short (64), so it is one list, in order of turn. */
#include "people/password.h"

#include <pthread.h>

#define WAITING_MOST 64
#define WAITING_OF_ONE 16 /* of one network */
#define THREADS_MOST 2

struct password_pool {
  struct chance chance;
  pthread_mutex_t lock;
  pthread_cond_t news;
  struct password_job *first; /* by turn; those of one turn as they came */
  int waiting;
  int64_t turn; /* of the job taken last */
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
    pool->turn = job->turn;
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

static bool same_network(const struct password_job *a, const struct password_job *b) {
  return !strcmp(a->network ? a->network : "", b->network ? b->network : "");
}

static int waiting_with(const struct password_pool *pool, const struct password_job *job) {
  int count = 0;
  for (const struct password_job *other = pool->first; other; other = other->next) count += same_network(other, job);
  return count;
}

/* Takes the last job of the network that has most out of the queue, if that has more than the newcomer's would. */
static struct password_job *push_out(struct password_pool *pool, const struct password_job *newcomer) {
  struct password_job **out = NULL;
  int most = waiting_with(pool, newcomer) + 1;
  for (struct password_job **at = &pool->first; *at; at = &(*at)->next) {
    int count = waiting_with(pool, *at);
    if (count < most || (count == most && (!out || !same_network(*at, *out)))) continue;
    most = count;
    out = at;
  }
  struct password_job *job = out ? *out : NULL;
  if (!job) return NULL;
  *out = job->next;
  pool->waiting--;
  return job;
}

static void queue_in(struct password_pool *pool, struct password_job *job) {
  job->turn = pool->turn;
  for (const struct password_job *other = pool->first; other; other = other->next)
    if (same_network(other, job) && other->turn >= job->turn) job->turn = other->turn + 1;
  struct password_job **at = &pool->first;
  while (*at && (*at)->turn <= job->turn) at = &(*at)->next;
  job->next = *at;
  *at = job;
  pool->waiting++;
}

bool password_pool_post(struct password_pool *pool, struct password_job *job) {
  struct password_job *out = NULL;
  bool known = job->network && *job->network;
  pthread_mutex_lock(&pool->lock);
  bool taken = !pool->stopping && (!known || waiting_with(pool, job) < WAITING_OF_ONE);
  if (taken && pool->waiting == WAITING_MOST) taken = (out = push_out(pool, job)) != NULL;
  if (taken) {
    queue_in(pool, job);
    pthread_cond_signal(&pool->news);
  }
  pthread_mutex_unlock(&pool->lock);
  if (out) {
    out->failed = true;
    out->done(out);
  }
  return taken;
}
