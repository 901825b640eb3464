/* waiting.c: what a request sleeps for: jobs of the ledger's writer, or a password's hash. */
#include <stdatomic.h>

#include "web/web.h"

struct waiting {
  struct ledger *ledger;
  struct job *jobs; /* or, with none, the hash */
  size_t count;
  struct password_job hash;
  atomic_size_t left;
  after *then;
  void (*wake)(void *owner);
  void *owner;
  bool refused; /* too many hashes wait */
};

static struct waiting *waiting_new(struct request *request, after *then) {
  if (request->waiting) die("a handler asked to wait for two things at once (%s)", request->route->path);
  struct waiting *waiting = arena_alloc(request->arena, sizeof *waiting);
  waiting->then = then;
  waiting->ledger = request->home ? request->home->ledger : NULL;
  return request->waiting = waiting;
}

void request_write_many(struct request *request, verb *run, void *inputs, size_t size, size_t count, after *then) {
  struct waiting *waiting = waiting_new(request, then);
  waiting->jobs = arena_array(request->arena, count, sizeof *waiting->jobs);
  waiting->count = count;
  for (size_t i = 0; i < count; i++)
    waiting->jobs[i] = (struct job){.run = run, .input = (char *)inputs + i * size, .owner = waiting};
}

void request_write(struct request *request, verb *run, void *input, after *then) {
  request_write_many(request, run, input, 0, 1, then);
}

void request_hash(struct request *request, const char *password, const char *hash, after *then) {
  struct waiting *waiting = waiting_new(request, then);
  waiting->hash.password = password;
  waiting->hash.network = request->network;
  waiting->hash.owner = waiting;
  waiting->hash.make = !hash;
  waiting->hash.subject = request->who ? request->who->account.code : "";
  if (hash) snprintf(waiting->hash.hash, sizeof waiting->hash.hash, "%s", hash);
  request->hashed = &waiting->hash;
}

const struct password_job *request_hashed(const struct request *request) {
  return request->hashed;
}

static void one_done(struct waiting *waiting) {
  if (atomic_fetch_sub(&waiting->left, 1) == 1) waiting->wake(waiting->owner);
}

static void job_done(struct job *job) {
  one_done(job->owner);
}
static void hash_done(struct password_job *job) {
  one_done(job->owner);
}

void waiting_start(struct request *request, void (*wake)(void *owner), void *owner) {
  struct waiting *waiting = request->waiting;
  struct job *jobs = waiting->jobs;
  size_t count = waiting->count;
  waiting->wake = wake;
  waiting->owner = owner;
  atomic_store(&waiting->left, jobs ? count : 1);
  if (!jobs) {
    waiting->hash.done = hash_done;
    if (password_pool_post(request->web->config->passwords, &waiting->hash)) return;
    waiting->refused = true;
    one_done(waiting);
    return;
  }
  /* The request may be gone as soon as the last job is posted: nothing of it is read after that. */
  struct ledger *ledger = waiting->ledger;
  for (size_t i = 0; i < count; i++) {
    jobs[i].done = job_done;
    ledger_post(ledger, &jobs[i]);
  }
}

bool waiting_stored(const struct request *request) {
  const struct waiting *waiting = request->waiting;
  for (size_t i = 0; i < waiting->count; i++)
    if (waiting->jobs[i].result) return false;
  return waiting->count > 0;
}

void waiting_end(struct request *request) {
  struct waiting *waiting = request->waiting;
  request->waiting = NULL;
  static const struct error busy = {.code = ERR_BUSY, .id = "busy", .text = "Too many sign-ins at once: try again."};
  for (size_t i = 0; i < waiting->count; i++)
    if (waiting->jobs[i].result) {
      waiting->then(request, waiting->jobs[i].result, &waiting->jobs[i].error);
      return;
    }
  if (!waiting->jobs && (waiting->refused || waiting->hash.failed))
    waiting->then(request, ERR_BUSY, &busy);
  else
    waiting->then(request, OK, &(struct error){.code = OK});
}
