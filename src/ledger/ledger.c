/* The one thread that writes: batches of jobs, each batch one transaction, each job a savepoint. */
#include "ledger/ledger.h"

#include <pthread.h>

#include "base/log.h"
#include "ledger/body.h"
#include "ledger/erasures.h"

#define QUEUE_MAXIMUM 4096
#define BATCH_MAXIMUM 256
#define REASON_BYTES 64
#define VERB_ARENA ((size_t)256 << 20)

struct txn {
  struct ledger *ledger;
  struct job *job;
  int64_t clock_ms, now_ms;
  struct arena arena;
  bool appended, keys_changed;
  enum err failed; /* of ledger_append(), should the verb overlook it */
  json_t *destroyed;
};

struct ledger {
  struct ledger_config config;
  char origin[129];
  struct db *db;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  struct job *first, *last; /* the queue; the mutex guards it, `waiting`, `stopping` and `counts` */
  int waiting;
  bool stopping;
  struct ledger_counts counts;
  void *follow_with; /* set while no job waits */

  /* The writer thread's own. */
  struct txn txn;
  struct frontier frontier;  /* of the batch in hand; read anew at the start of each */
  int64_t known_size;        /* after our last batch: another node has written when the head says otherwise */
  int64_t last_ms;           /* of the last entry */
  int64_t kept_day;          /* of the newest kept checkpoint, -1 for none */
  char reason[REASON_BYTES]; /* why this batch's checkpoint is kept; "" when it is not */
  struct erasures erasures;
  struct key_cache keys;
};

/* ---- inside a verb ---- */

struct db *txn_db(struct txn *txn) {
  return txn->ledger->db;
}
int64_t txn_now(const struct txn *txn) {
  return txn->now_ms;
}
int64_t txn_clock(const struct txn *txn) {
  return txn->clock_ms;
}
const struct chance *txn_chance(const struct txn *txn) {
  return &txn->ledger->config.chance;
}
const struct keys *txn_keys(const struct txn *txn) {
  return txn->ledger->config.keys;
}
struct arena *txn_arena(struct txn *txn) {
  return &txn->arena;
}

void ledger_keep_checkpoint(struct txn *txn, const char *reason) {
  snprintf(txn->ledger->reason, REASON_BYTES, "%s", reason);
}

static enum err key_for(struct txn *txn, const char *subject, uint8_t key[KEY_BYTES], struct error *error) {
  struct ledger *ledger = txn->ledger;
  enum key_state state;
  enum err err = body_key_find(ledger->db, ledger->config.keys, &ledger->keys, subject, key, &state, error);
  if (err || state == KEY_HERE) return err;
  if (state == KEY_DESTROYED)
    return fail(error, ERR_STATE, "subject-erased", "", "%s was erased: nothing more can be recorded about it",
                subject);
  if (state == KEY_BROKEN)
    return fail(error, ERR_STORE, "subject-key", "",
                "the key of %s does not open: this home's keys belong to another, or the database was altered; run "
                "attune verify",
                subject);
  txn->keys_changed = true;
  return body_key_make(ledger->db, ledger->config.keys, &ledger->keys, &ledger->config.chance, subject, key, error);
}

static enum err entry_insert(struct txn *txn, const struct entry *entry, const uint8_t key[KEY_BYTES], const char *body,
                             size_t length, struct error *error) {
  struct ledger *ledger = txn->ledger;
  uint8_t salt[SALT_BYTES], commitment[SHA256_BYTES], leaf[SHA256_BYTES];
  chance_bytes(&ledger->config.chance, "entry-salt", entry->subject, (uint64_t)entry->sequence, salt, sizeof salt);
  body_commitment(commitment, salt, body, length);
  entry_leaf(leaf, entry, commitment);
  size_t sealed_length = body_sealed_length(length);
  uint8_t *sealed = arena_alloc(&txn->arena, sealed_length);
  body_seal(&ledger->config.chance, key, entry->sequence, salt, body, length, sealed);
  enum err err =
      db_exec(ledger->db, error,
              "INSERT INTO ledger_entry (sequence, time_ms, actor, kind, subject, commitment, leaf) "
              "VALUES ($1, $2, $3, $4, $5, $6, $7)",
              ARGS(v_int(entry->sequence), v_int(entry->time_ms), v_text(entry->actor), v_text(entry->kind),
                   v_text(entry->subject), v_blob(commitment, sizeof commitment), v_blob(leaf, sizeof leaf)));
  if (!err)
    err = db_exec(ledger->db, error, "INSERT INTO ledger_body (sequence, sealed) VALUES ($1, $2)",
                  ARGS(v_int(entry->sequence), v_blob(sealed, sealed_length)));
  if (err) return err;
  frontier_push(&ledger->frontier, leaf);
  ledger->last_ms = entry->time_ms;
  return OK;
}

static enum err follow(struct txn *txn, const struct entry *entry, const json_t *body, struct error *error) {
  const struct entry_follow *const *row = txn->ledger->config.follows;
  void *with = txn->ledger->follow_with;
  enum err err = OK;
  for (; with && row && *row && !err; row++)
    if (!strcmp((*row)->kind, entry->kind)) err = (*row)->run(txn, with, entry, body, error);
  return err;
}

static enum err append(struct txn *txn, const char *actor, const char *kind_name, const char *subject, json_t *body,
                       struct error *error) {
  struct ledger *ledger = txn->ledger;
  const struct entry_kind *kind = entry_kind_find(ledger->config.kinds, kind_name);
  if (!kind) die("an entry of the kind %s was appended, which the table of kinds has not: a defect", kind_name);
  if (!json_is_object(body) || !entry_word_valid(actor, ACTOR_BYTES) || !entry_word_valid(kind_name, KIND_BYTES) ||
      !entry_word_valid(subject, SUBJECT_BYTES))
    die("an entry %s by '%s' about '%s' is malformed: a defect", kind_name, actor, subject);
  struct entry entry = {.sequence = ledger->frontier.size, .time_ms = txn->now_ms};
  snprintf(entry.actor, sizeof entry.actor, "%s", actor);
  snprintf(entry.kind, sizeof entry.kind, "%s", kind_name);
  snprintf(entry.subject, sizeof entry.subject, "%s", subject);
  if (txn->destroyed) json_object_set(body, BODY_DESTROYED, txn->destroyed);
  uint8_t key[KEY_BYTES];
  enum err err = key_for(txn, subject, key, error);
  if (err) return err;
  size_t length;
  const char *text = json_canonical(&txn->arena, body, &length);
  err = entry_insert(txn, &entry, key, text, length, error);
  bytes_wipe(key, sizeof key);
  if (!err) err = entry_audit(ledger->db, kind, &entry, error);
  if (!err) err = kind->apply(ledger->db, &entry, body, error);
  if (!err) err = follow(txn, &entry, body, error);
  if (!err) txn->job->sequence = entry.sequence;
  return err;
}

enum err ledger_append(struct txn *txn, const char *actor, const char *kind, const char *subject, json_t *body,
                       struct error *error) {
  if (txn->appended) die("a verb appended a second entry (%s): a defect", kind);
  txn->appended = true;
  txn->failed = append(txn, actor, kind, subject, body, error);
  json_decref(body);
  return txn->failed;
}

enum err ledger_destroy_key(struct txn *txn, const char *subject, struct error *error) {
  struct ledger *ledger = txn->ledger;
  if (txn->appended) die("a verb destroyed the key of %s after its entry: a defect", subject);
  enum err err = db_exec(ledger->db, error, "UPDATE ledger_key SET wrapped = $1 WHERE subject = $2 AND wrapped <> $1",
                         ARGS(v_blob("", 0), v_text(subject)));
  if (err) return err;
  if (!db_changes(ledger->db))
    return fail(error, ERR_MISSING, "subject-unknown", "",
                "there is no key of %s: it has no entries, or was erased already", subject);
  txn->keys_changed = true;
  key_cache_forget(&ledger->keys, subject);
  if (!txn->destroyed) txn->destroyed = json_array();
  json_array_append_new(txn->destroyed, json_string(subject));
  return OK;
}

/* ---- one job ---- */

static void txn_begin(struct txn *txn, struct job *job) {
  struct ledger *ledger = txn->ledger;
  arena_reset(&txn->arena);
  *txn = (struct txn){.ledger = ledger, .job = job, .arena = txn->arena, .clock_ms = clock_now(&ledger->config.clock)};
  txn->now_ms = txn->clock_ms > ledger->last_ms ? txn->clock_ms : ledger->last_ms;
  job->sequence = -1;
  job->error = (struct error){0};
}

static void verb_run(void *state) {
  struct txn *txn = state;
  txn->job->result = txn->job->run(txn, txn->job->input, &txn->job->error);
}

/* A verb that would hold more than the arena's maximum fails; the writer goes on. */
static void verb_try(struct txn *txn) {
  if (arena_try(&txn->arena, verb_run, txn)) return;
  db_leave_rows(txn->ledger->db);
  txn->job->result =
      fail(&txn->job->error, ERR_BUSY, "too-much", "", "this would hold more in memory than a change may; nothing was changed");
}

/* Runs the verb inside a savepoint. Returns false when the transaction itself is lost. */
static bool job_run(struct ledger *ledger, struct job *job) {
  struct txn *txn = &ledger->txn;
  struct frontier before = ledger->frontier;
  int64_t before_ms = ledger->last_ms;
  char reason[REASON_BYTES];
  memcpy(reason, ledger->reason, sizeof reason);
  txn_begin(txn, job);
  if (db_savepoint(ledger->db, &job->error)) return false;
  verb_try(txn);
  if (!job->result) job->result = txn->failed;
  if (!job->result && txn->destroyed && !txn->appended) die("a verb destroyed a key without an entry: a defect");
  bool holds;
  if (job->result) {
    struct error lost;
    ledger->frontier = before;
    ledger->last_ms = before_ms;
    memcpy(ledger->reason, reason, sizeof reason);
    job->sequence = -1;
    if (txn->keys_changed) key_cache_wipe(&ledger->keys);
    holds = db_rollback_to(ledger->db, &lost) == OK;
    if (!holds) job->error = lost;
  } else {
    holds = db_release(ledger->db, &job->error) == OK;
    size_t i;
    json_t *subject;
    json_array_foreach(txn->destroyed, i, subject) {
      json_array_append(ledger->erasures.batch, subject);
    }
  }
  json_decref(txn->destroyed);
  txn->destroyed = NULL;
  return holds;
}

/* ---- one batch ---- */

/* Another node has written, or we have just been opened. */
static enum err catch_up(struct ledger *ledger, struct error *error) {
  key_cache_wipe(&ledger->keys);
  enum err err = db_int(ledger->db, error, &ledger->last_ms, 0, "SELECT time_ms FROM ledger_entry WHERE sequence = $1 ORDER BY sequence",
                        ARGS(v_int(ledger->frontier.size - 1)));
  if (err || !ledger->config.written_elsewhere) return err;
  return ledger->config.written_elsewhere(ledger->config.state, ledger->db, error);
}

/* Locks and reads the head: on PostgreSQL other nodes wait here for us, and we for them. */
static enum err head_take(struct ledger *ledger, struct error *error) {
  struct rows rows;
  bool holds = false;
  rows_open(&rows, ledger->db, "UPDATE ledger_head SET one = one WHERE one = 1 RETURNING size, frontier", NO_ARGS);
  if (rows_next(&rows)) {
    size_t length;
    const void *bytes = rows_blob(&rows, 1, &length);
    holds = frontier_read(&ledger->frontier, rows_int(&rows, 0), bytes, length);
  }
  while (rows_next(&rows)) continue;
  enum err err = rows_close(&rows, error);
  if (!err && !holds)
    err = fail(error, ERR_STORE, "ledger-head", "", "the head of the ledger is broken; run attune verify");
  return !err && ledger->frontier.size != ledger->known_size ? catch_up(ledger, error) : err;
}

static enum err checkpoint_keep(struct ledger *ledger, int64_t now_ms, const char *note, struct error *error) {
  return db_exec(ledger->db, error,
                 "INSERT INTO ledger_checkpoint (size, time_ms, reason, note) VALUES ($1, $2, $3, $4) "
                 "ON CONFLICT (size) DO UPDATE SET reason = ledger_checkpoint.reason || ' ' || excluded.reason",
                 ARGS(v_int(ledger->frontier.size), v_int(now_ms), v_text(ledger->reason), v_text(note)));
}

static enum err head_put(struct ledger *ledger, int64_t before, struct error *error) {
  int64_t now_ms = ledger->last_ms;
  bool grown = ledger->frontier.size != before;
  if (grown && !*ledger->reason && now_ms / DAY_MS != ledger->kept_day) snprintf(ledger->reason, REASON_BYTES, "day");
  if (!grown && !*ledger->reason) return OK;
  char note[CHECKPOINT_BYTES];
  const struct ledger_config *config = &ledger->config;
  checkpoint_write(note, config->origin, &ledger->frontier, config->keys->log_public, config->keys->log_secret);
  enum err err = OK;
  if (grown)
    err = db_exec(ledger->db, error, "UPDATE ledger_head SET size = $1, frontier = $2, checkpoint = $3 WHERE one = 1",
                  ARGS(v_int(ledger->frontier.size),
                       v_blob(ledger->frontier.node, (size_t)ledger->frontier.count * SHA256_BYTES), v_text(note)));
  if (!err && *ledger->reason) err = checkpoint_keep(ledger, now_ms, note, error);
  return err;
}

static enum err batch_run(struct ledger *ledger, struct job *jobs, struct error *error) {
  enum err err = db_begin(ledger->db, error);
  if (!err) err = head_take(ledger, error);
  if (err) return err;
  int64_t before = ledger->frontier.size;
  *ledger->reason = 0;
  for (struct job *job = jobs; job; job = job->next)
    if (!job_run(ledger, job)) return fail(error, ERR_BUSY, job->error.id, "", "%s", job->error.text);
  err = head_put(ledger, before, error);
  if (!err) err = erasures_ask(&ledger->erasures, ledger->last_ms, error);
  if (!err) err = db_commit(ledger->db, error);
  if (!err && *ledger->reason) ledger->kept_day = ledger->last_ms / DAY_MS;
  if (!err) ledger->known_size = ledger->frontier.size;
  return err;
}

/* No job of a batch that failed was stored, whatever its verb said. */
static void batch_failed(struct ledger *ledger, struct job *jobs, const struct error *error) {
  db_rollback(ledger->db);
  ledger->known_size = -1; /* nothing that is remembered counts */
  log_line(LOG_ERROR, "batch-failed", "%s", error->text);
  for (struct job *job = jobs; job; job = job->next) {
    job->sequence = -1;
    job->result = fail(&job->error, ERR_BUSY, error->id, "", "%s", error->text);
  }
}

static int64_t elapsed_us(const struct timespec *from) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (now.tv_sec - from->tv_sec) * 1000000 + (now.tv_nsec - from->tv_nsec) / 1000;
}

static void batch(struct ledger *ledger, struct job *jobs) {
  struct timespec start;
  clock_gettime(CLOCK_MONOTONIC, &start);
  struct error error = {0};
  enum err err = batch_run(ledger, jobs, &error);
  if (err) batch_failed(ledger, jobs, &error);
  erasures_settle(&ledger->erasures, !err, ledger->last_ms); /* before the reply: it says that the person is erased */
  int64_t count = 0, entries = 0;
  for (struct job *job = jobs; job; job = job->next, count++) entries += job->sequence >= 0;
  pthread_mutex_lock(&ledger->mutex);
  ledger->counts.batches++;
  ledger->counts.jobs += count;
  ledger->counts.entries += entries;
  ledger->counts.batch_us_sum += elapsed_us(&start);
  pthread_mutex_unlock(&ledger->mutex);
  while (jobs) {
    struct job *job = jobs;
    jobs = job->next; /* after done() the job is its owner's */
    job->done(job);
  }
}

/* Takes everything that waits, up to the maximum. The mutex is held. */
static struct job *queue_take(struct ledger *ledger) {
  struct job *jobs = ledger->first, *end = jobs;
  int taken = 1;
  while (end->next && taken < BATCH_MAXIMUM) end = end->next, taken++;
  ledger->first = end->next;
  if (!ledger->first) ledger->last = NULL;
  end->next = NULL;
  ledger->waiting -= taken;
  return jobs;
}

/* Waits for jobs; where traces of an erasure could not be removed yet, not longer than a second. The mutex is held. */
static void wait_for_jobs(struct ledger *ledger, bool traces) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec++;
  while (!ledger->first && !ledger->stopping) {
    if (!traces)
      pthread_cond_wait(&ledger->wake, &ledger->mutex);
    else if (pthread_cond_clockwait(&ledger->wake, &ledger->mutex, CLOCK_MONOTONIC, &until))
      return;
  }
}

static void *writer(void *state) {
  struct ledger *ledger = state;
  bool traces = false;
  for (;;) {
    pthread_mutex_lock(&ledger->mutex);
    wait_for_jobs(ledger, traces);
    bool end = !ledger->first && ledger->stopping;
    struct job *jobs = ledger->first ? queue_take(ledger) : NULL;
    pthread_mutex_unlock(&ledger->mutex);
    if (jobs) batch(ledger, jobs);
    traces = erasures_forget(&ledger->erasures, ledger->last_ms);
    if (end) return NULL;
  }
}

/* ---- posting ---- */

void ledger_post(struct ledger *ledger, struct job *job) {
  job->next = NULL;
  pthread_mutex_lock(&ledger->mutex);
  bool taken = ledger->waiting < QUEUE_MAXIMUM && !ledger->stopping;
  if (taken) {
    if (ledger->last)
      ledger->last->next = job;
    else
      ledger->first = job;
    ledger->last = job;
    if (!ledger->waiting++) pthread_cond_signal(&ledger->wake);
  }
  pthread_mutex_unlock(&ledger->mutex);
  if (taken) return;
  job->sequence = -1;
  job->result = fail(&job->error, ERR_BUSY, "queue-full", "", "too much is being written at this moment; try again");
  job->done(job);
}

struct waiter {
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  bool done;
};

static void waiter_done(struct job *job) {
  struct waiter *waiter = job->owner;
  pthread_mutex_lock(&waiter->mutex);
  waiter->done = true;
  pthread_cond_signal(&waiter->wake);
  pthread_mutex_unlock(&waiter->mutex);
}

enum err ledger_do(struct ledger *ledger, verb *run, void *input, struct error *error) {
  if (pthread_equal(pthread_self(), ledger->thread)) die("ledger_do() was called in the writer thread: a defect");
  struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
  struct job job = {.run = run, .input = input, .done = waiter_done, .owner = &waiter};
  ledger_post(ledger, &job);
  pthread_mutex_lock(&waiter.mutex);
  while (!waiter.done) pthread_cond_wait(&waiter.wake, &waiter.mutex);
  pthread_mutex_unlock(&waiter.mutex);
  pthread_cond_destroy(&waiter.wake);
  pthread_mutex_destroy(&waiter.mutex);
  if (job.result && error) *error = job.error;
  return job.result;
}

struct ledger_counts ledger_counts(const struct ledger *ledger) {
  pthread_mutex_t *mutex = (pthread_mutex_t *)(uintptr_t)&ledger->mutex;
  pthread_mutex_lock(mutex);
  struct ledger_counts counts = ledger->counts;
  pthread_mutex_unlock(mutex);
  return counts;
}

/* ---- opening ---- */

static enum err not_signed(struct error *error) {
  return fail(error, ERR_STORE, "ledger-signature", "",
              "the ledger's checkpoint is not signed by this home's log key; are these the keys of this home?");
}

static enum err key_not_ours(const struct ledger *ledger, const char *key, struct error *error) {
  return fail(error, ERR_STATE, "key-other", "", "%s/keys/%s is not the key that this home was made with: put the home's own key files back, from their copy",
              store_home(ledger->config.store), key);
}

/* Which ledger this is, by its newest checkpoint. */
static enum err origin_read(struct ledger *ledger, struct error *error) {
  struct arena arena = {0};
  struct checkpoint checkpoint;
  char *note;
  enum err err = db_text(ledger->db, error, &arena, &note, "SELECT checkpoint FROM ledger_head WHERE one = 1 ORDER BY one", NO_ARGS);
  if (!err && !note)
    err = fail(error, ERR_STATE, "home-empty", "", "%s: this home holds no study. If 'attune init' was stopped here, make the home in another directory; if people have "
               "taken part, keep all of it, its keys above all, and restore it from a backup (attune restore)",
               store_home(ledger->config.store));
  if (!err && !checkpoint_read(&checkpoint, note, ledger->config.keys->log_public)) err = not_signed(error);
  if (!err) snprintf(ledger->origin, sizeof ledger->origin, "%s", checkpoint.origin);
  arena_free(&arena);
  return err;
}

static enum err head_make(struct ledger *ledger, struct error *error) {
  if (!*ledger->origin) return origin_read(ledger, error);
  char note[CHECKPOINT_BYTES];
  const struct ledger_config *config = &ledger->config;
  struct frontier empty = {0};
  checkpoint_write(note, config->origin, &empty, config->keys->log_public, config->keys->log_secret);
  return db_exec(
      ledger->db, error,
      "INSERT INTO ledger_head (one, size, frontier, checkpoint) VALUES (1, 0, $1, $2) ON CONFLICT (one) DO NOTHING",
      ARGS(v_blob("", 0), v_text(note)));
}

/* The frontier again, from the leaves alone. */
static enum err frontier_rebuild(struct db *db, struct frontier *frontier, struct error *error) {
  *frontier = (struct frontier){0};
  for (int64_t before = -1; before != frontier->size;) {
    before = frontier->size;
    struct rows rows;
    rows_open(&rows, db, "SELECT leaf FROM ledger_entry WHERE sequence >= $1 ORDER BY sequence LIMIT 10000",
              ARGS(v_int(before)));
    while (rows_next(&rows)) {
      size_t length;
      const uint8_t *leaf = rows_blob(&rows, 0, &length);
      if (length == SHA256_BYTES) frontier_push(frontier, leaf);
    }
    enum err err = rows_close(&rows, error);
    if (err) return err;
  }
  return OK;
}

static enum err head_check(struct ledger *ledger, const struct frontier *rebuilt, struct error *error) {
  const struct ledger_config *config = &ledger->config;
  const struct frontier *head = &ledger->frontier;
  struct arena arena = {0};
  struct checkpoint checkpoint;
  char *note;
  enum err err = ledger_checkpoint_text(ledger->db, &arena, &note, error);
  if (!err && (rebuilt->size != head->size || memcmp(rebuilt->node, head->node, (size_t)head->count * SHA256_BYTES)))
    err = fail(error, ERR_STORE, "ledger-broken", "",
               "the ledger's entries and its head do not agree; stop here and run attune verify");
  if (!err && !checkpoint_read(&checkpoint, note, config->keys->log_public))
    err = not_signed(error);
  if (!err && strcmp(checkpoint.origin, config->origin))
    err = fail(error, ERR_STATE, "ledger-origin", "", "the ledger belongs to %s, not to %s", checkpoint.origin,
               config->origin);
  arena_free(&arena);
  return err;
}

/* A wrong key would seal what nobody can open again. */
static enum err body_key_check(struct ledger *ledger, struct error *error) {
  struct arena arena = {0};
  char *subject;
  uint8_t key[KEY_BYTES];
  enum key_state state = KEY_HERE;
  enum err err = db_text(ledger->db, error, &arena, &subject, "SELECT subject FROM ledger_key WHERE wrapped <> $1 ORDER BY subject LIMIT 1", ARGS(v_blob("", 0)));
  if (!err && subject) err = body_key_find(ledger->db, ledger->config.keys, NULL, subject, key, &state, error);
  bytes_wipe(key, sizeof key);
  arena_free(&arena);
  return !err && state != KEY_HERE ? key_not_ours(ledger, "body", error) : err;
}

/* A home of an earlier version learns its keys here: all that can be checked is that entries open. */
static enum err keys_check(struct ledger *ledger, struct error *error) {
  struct arena arena = {0};
  char *known, now[KEYS_CHECK_BYTES];
  enum err err = db_text(ledger->db, error, &arena, &known, "SELECT key_check FROM ledger_head WHERE one = 1 ORDER BY one", NO_ARGS);
  const char *other = !err && *known ? keys_check_differs(ledger->config.keys, known) : NULL;
  if (other) err = key_not_ours(ledger, other, error);
  if (!err && !*known) {
    keys_check_write(ledger->config.keys, now);
    err = body_key_check(ledger, error);
    if (!err) err = db_exec(ledger->db, error, "UPDATE ledger_head SET key_check = $1 WHERE one = 1", ARGS(v_text(now)));
  }
  arena_free(&arena);
  return err;
}

/* After a step of the schema that altered derived tables. */
static enum err tables_refill(struct ledger *ledger, struct error *error) {
  bool due;
  enum err err = db_replay_begin(ledger->db, &due, error);
  if (err || !due) return err;
  log_line(LOG_INFO, "replay", "%s: the tables are filled again from %lld entries", ledger->origin, (long long)ledger->frontier.size);
  return entries_replay(ledger->db, ledger->config.keys, ledger->config.kinds, ledger->db, error);
}

static enum err start(struct ledger *ledger, struct error *error) {
  int64_t kept_ms;
  struct frontier rebuilt;
  enum err err = db_begin(ledger->db, error);
  if (!err) err = head_make(ledger, error);
  if (!err) err = head_take(ledger, error);
  if (!err) err = frontier_rebuild(ledger->db, &rebuilt, error);
  if (!err) err = head_check(ledger, &rebuilt, error);
  if (!err) err = keys_check(ledger, error);
  if (!err) err = tables_refill(ledger, error);
  if (!err)
    err =
        db_int(ledger->db, error, &kept_ms, -DAY_MS, "SELECT max(time_ms) FROM ledger_checkpoint ORDER BY 1", NO_ARGS);
  if (!err) err = db_commit(ledger->db, error);
  if (!err) err = erasures_reconcile(&ledger->erasures, clock_now(&ledger->config.clock), error);
  if (err) return err;
  ledger->known_size = ledger->frontier.size;
  ledger->kept_day = kept_ms / DAY_MS;
  if (pthread_create(&ledger->thread, NULL, writer, ledger))
    return fail(error, ERR_STORE, "thread", "", "the writer thread could not be started");
  return OK;
}

static void ledger_free(struct ledger *ledger) {
  db_close(ledger->db);
  key_cache_wipe(&ledger->keys);
  erasures_close(&ledger->erasures);
  arena_free(&ledger->txn.arena);
  pthread_cond_destroy(&ledger->wake);
  pthread_mutex_destroy(&ledger->mutex);
  free(ledger);
}

enum err ledger_open(struct ledger **out, const struct ledger_config *config, struct error *error) {
  *out = NULL;
  if (config->origin && !checkpoint_origin_valid(config->origin))
    return fail(error, ERR_INPUT, "ledger-origin", "", "'%s' cannot name a ledger: 1 to 128 letters without blanks",
                config->origin);
  struct ledger *ledger = calloc(1, sizeof *ledger);
  if (!ledger) die("out of memory");
  ledger->config = *config;
  snprintf(ledger->origin, sizeof ledger->origin, "%s", config->origin ? config->origin : "");
  ledger->config.origin = ledger->origin;
  ledger->txn.ledger = ledger;
  arena_init(&ledger->txn.arena, VERB_ARENA);
  pthread_mutex_init(&ledger->mutex, NULL);
  pthread_cond_init(&ledger->wake, NULL);
  enum err err = db_open(&ledger->db, config->store, DB_WRITER, error);
  erasures_open(&ledger->erasures, store_home(config->store), ledger->db);
  if (!err) err = start(ledger, error);
  if (err)
    ledger_free(ledger);
  else
    *out = ledger;
  return err;
}

void ledger_follow(struct ledger *ledger, void *with) {
  pthread_mutex_lock(&ledger->mutex);
  ledger->follow_with = with;
  pthread_mutex_unlock(&ledger->mutex);
}

void ledger_close(struct ledger *ledger) {
  if (!ledger) return;
  pthread_mutex_lock(&ledger->mutex);
  ledger->stopping = true;
  pthread_cond_signal(&ledger->wake);
  pthread_mutex_unlock(&ledger->mutex);
  pthread_join(ledger->thread, NULL);
  ledger_free(ledger);
}
