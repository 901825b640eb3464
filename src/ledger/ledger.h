/* ledger.h: the append-only record of what happened, and the one thread that writes.
 *
 * Every change of the trial's state is one verb: a function that runs in the writer thread, checks that this person
 * may and that the input holds, and appends ONE entry; appending applies the entry to the tables in the same
 * transaction. Nothing else writes the derived tables.
 *
 * An entry: sequence (0, 1, ...), UTC time, actor (pseudonym), kind, subject (a code: whom the body is about and under
 * whose key it is sealed) and a salted commitment to the body. The body is a JSON object, kept apart, encrypted under
 * the subject's own key. Rules for bodies and apply functions:
 *   - applying is a pure function of the tables and the body: no clock, chance, detector, model or floating point;
 *     whatever was decided (codes, times, token hashes, arms, estimates, what was shown) is in the body;
 *   - an entry writes and reads-for-writing rows of its own subject alone (column `subject`), so that an erased
 * subject's entries can be skipped by a replay; integers and texts only, decimals as text.
 *
 * The tree: leaf = SHA-256(0x00 || text), text being the seven lines
 *     attune-entry-v1 / sequence / time_ms / actor / kind / subject / commitment in hex
 * each ended by a line feed; nodes as RFC 6962 section 2.1. commitment = SHA-256("attune-body-v1\n" || salt || body),
 * salt 32 bytes. Checkpoints are C2SP tlog-checkpoint notes signed with Ed25519; the newest is replaced in each
 * batch's transaction, and one a day and those at named moments are kept.
 *
 * The writer collects a batch of jobs: one transaction, a savepoint a job. A job is answered only after COMMIT. */
#ifndef ATTUNE_LEDGER_LEDGER_H
#define ATTUNE_LEDGER_LEDGER_H

#include "base/clock.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"
#include "store/keys.h"
#include "store/store.h"

#define ACTOR_BYTES 24
#define KIND_BYTES 40
#define SUBJECT_BYTES 24

struct ledger;
struct txn;

struct entry {
  int64_t sequence, time_ms;
  char actor[ACTOR_BYTES], kind[KIND_BYTES], subject[SUBJECT_BYTES];
};

/* Who sees an entry in a log. LOG_MASKED: masked roles too, only when neither its being there, nor its time, nor its
 * actor, nor its subject depends on an arm. */
enum entry_log { LOG_OPEN, LOG_MASKED };

struct entry_kind {
  const char *name; /* "session.record" */
  enum entry_log log;
  /* ERR_STORE when the database fails; anything else is a defect (the verb has checked). */
  enum err (*apply)(struct db *db, const struct entry *entry, const json_t *body, struct error *error);
};
/* A row of the table of kinds, at the end of the activity's file: KIND(person_screen, "person.screen", LOG_MASKED, apply).
 * The build finds it there (tools/assemble.sh) and puts all rows into one table. */
#define KIND(id, ...)                                                                                                  \
  extern const struct entry_kind kind_##id;                                                                            \
  const struct entry_kind kind_##id = {__VA_ARGS__}

/* What a higher room does after an entry was applied, in the same savepoint: it writes cache_ tables only, so a replay
 * goes without it. `with` is what that room gave to ledger_follow(). */
struct entry_follow {
  const char *kind;
  enum err (*run)(struct txn *txn, void *with, const struct entry *entry, const json_t *body, struct error *error);
};
#define FOLLOW(id, ...)                                                                                                \
  extern const struct entry_follow follow_##id;                                                                        \
  const struct entry_follow follow_##id = {__VA_ARGS__}

struct ledger_config { /* copied, the origin's text too; the store, the keys and the kinds must outlive the ledger */
  struct store *store;
  const struct keys *keys;
  struct clock clock;
  struct chance chance;
  const char *origin;             /* the checkpoint's first line: "attune.local/NAME"; NULL: as it is, for a ledger that has a head */
  const struct entry_kind *const *kinds;     /* ends with NULL */
  const struct entry_follow *const *follows; /* ends with NULL; may be NULL */
  /* Called first in a batch, with the writer's connection, when another node has written since our last one: what is held
   * in memory is read again. May be NULL. */
  enum err (*written_elsewhere)(void *state, struct db *db, struct error *error);
  void *state;
};

/* Rebuilds the frontier, checks it against the head, starts the writer. A fresh store gets its empty head; one whose
 * derived tables the schema has altered gets them filled again from its entries (store.h: db_replay_begin), or nothing. */
enum err ledger_open(struct ledger **ledger, const struct ledger_config *config, struct error *error);
/* Finishes what is queued, stops the writer. */
void ledger_close(struct ledger *ledger);
/* From now on what follows on entries runs, with this; NULL: no more. Only while no job waits. */
void ledger_follow(struct ledger *ledger, void *with);

/* ---- jobs ---- */

typedef enum err verb(struct txn *txn, void *input, struct error *error);

struct job {
  verb *run;
  void *input;
  void (*done)(struct job *job); /* in the writer thread, after COMMIT or failure; must be quick and not block */
  void *owner;                   /* the caller's */
  enum err result;
  struct error error;
  int64_t sequence; /* of the entry it appended, or -1 */
  struct job *next; /* the ledger's */
};

/* From any thread. The job must live until done() was called. At most 4,096 wait: beyond that result is ERR_BUSY and
 * done() is called at once, in the calling thread. */
void ledger_post(struct ledger *ledger, struct job *job);
/* Posts and waits. Never from the writer thread. */
enum err ledger_do(struct ledger *ledger, verb *run, void *input, struct error *error);

/* ---- inside a verb ---- */

struct db *txn_db(struct txn *txn);
/* The time of this job, one value throughout: its entry's. Never before that of the last entry, so after the machine's
 * clock was put back it stands still until the clock is there again. */
int64_t txn_now(const struct txn *txn);
/* The machine's clock as it is: for run_ rows that must not stand still with it (throttle, sign-ins). */
int64_t txn_clock(const struct txn *txn);
const struct chance *txn_chance(const struct txn *txn);
const struct keys *txn_keys(const struct txn *txn);
struct arena *txn_arena(struct txn *txn); /* reset after each job */

/* Appends the one entry of this verb and applies it. Steals `body` (also on failure). A second entry in one job is a
 * defect and ends the process; a job that only writes run_ or cache_ tables appends none. */
enum err ledger_append(struct txn *txn, const char *actor, const char *kind, const char *subject, json_t *body,
                       struct error *error);
/* Destroys the subject's key for good, inside the erasing verb and before its ledger_append(), whose entry has another
 * subject: the body then gets the list `keys_destroyed`, and ledger_verify() accepts a missing key only when an entry
 * says so. The line in HOME/erasures is durable before the commit. ERR_MISSING "subject-unknown" when there is no such
 * key. Afterwards ledger_append() about this subject is refused ("subject-erased"). */
enum err ledger_destroy_key(struct txn *txn, const char *subject, struct error *error);
/* Keeps the checkpoint of this batch under a reason ("study", "release", "lock"). */
void ledger_keep_checkpoint(struct txn *txn, const char *reason);

/* ---- reading ---- */

/* The body of one entry in the arena's care of the caller (json_decref), or NULL with OK when its key is destroyed. */
enum err ledger_body(struct db *db, const struct keys *keys, int64_t sequence, json_t **body, struct error *error);
/* The newest checkpoint's text. Never for a masked role. */
enum err ledger_checkpoint_text(struct db *db, struct arena *arena, char **note, struct error *error);
/* RFC 6962 proofs, computed from the leaf hashes: `*count` hashes of 32 bytes each in the arena. */
enum err ledger_inclusion_proof(struct db *db, struct arena *arena, int64_t sequence, int64_t size, uint8_t **hashes,
                                size_t *count, struct error *error);
enum err ledger_consistency_proof(struct db *db, struct arena *arena, int64_t first, int64_t second, uint8_t **hashes,
                                  size_t *count, struct error *error);

struct ledger_counts {
  int64_t batches, jobs, entries; /* since ledger_open */
  int64_t batch_us_sum;           /* time in batches, microseconds */
};
struct ledger_counts ledger_counts(const struct ledger *ledger);

/* ---- verifying ---- */

struct verify_report {
  int64_t entries, erased_subjects, checkpoints;
  bool tree_holds, checkpoints_hold, bodies_hold, tables_hold;
  bool times_hold;    /* entries of this version and later stand in the order of time */
  bool keys_hold;     /* the key files are this home's */
  bool database_holds; /* the engine's own check of its pages and indexes */
  char unchecked[160]; /* what this database could not be asked, "" when all was */
  char first_difference[256]; /* "" when all holds: which entry, checkpoint or table row differs first */
  uint8_t root[SHA256_BYTES];
};
/* Recomputes leaves, tree, commitments and signatures; checks the database's own structure; replays every entry into a
 * database in memory and compares the canonical dumps. `note`: a checkpoint that was kept elsewhere, signed by this log
 * key (checkpoint_read; else ERR_INPUT), of which the ledger must be a continuation; NULL without. Reads from a snapshot beside a running server. ERR_STORE only when it could not be done. */
enum err ledger_verify(struct store *store, const struct keys *keys, const struct entry_kind *const *kinds,
                       const char *note, struct verify_report *report, struct error *error);
/* Applies all entries of `from` to the tables of `into` (fresh, in memory). */
enum err ledger_replay(struct db *from, const struct keys *keys, const struct entry_kind *const *kinds, struct db *into,
                       struct error *error);

#endif
