/* Verifying: everything again from the entries, in one snapshot. */
#include <stdarg.h>
#include "ledger/body.h"
#include "store/store_erasures.h"

#define PAGE 1000 /* entries read at a time: PostgreSQL keeps a result whole in memory */

struct stored { /* one entry as it stands in the tables; pointers hold until the next page */
  struct entry entry;
  bool body_there;
  uint8_t commitment[SHA256_BYTES], leaf[SHA256_BYTES];
  size_t commitment_length, leaf_length;
  const uint8_t *sealed;
  size_t sealed_length;
};

struct visit { /* what is done with each entry, in order; `differs` stops without being an error */
  enum err (*visit)(void *state, const struct stored *stored, bool *differs, struct error *error);
  void *state;
};

static void hash_read(struct rows *rows, int column, uint8_t out[SHA256_BYTES], size_t *length) {
  const void *bytes = rows_blob(rows, column, length);
  memset(out, 0, SHA256_BYTES);
  if (*length == SHA256_BYTES) memcpy(out, bytes, SHA256_BYTES);
}

static void stored_read(struct stored *stored, struct rows *rows) {
  stored->entry.sequence = rows_int(rows, 0);
  stored->entry.time_ms = rows_int(rows, 1);
  snprintf(stored->entry.actor, ACTOR_BYTES, "%s", rows_text(rows, 2));
  snprintf(stored->entry.kind, KIND_BYTES, "%s", rows_text(rows, 3));
  snprintf(stored->entry.subject, SUBJECT_BYTES, "%s", rows_text(rows, 4));
  hash_read(rows, 5, stored->commitment, &stored->commitment_length);
  hash_read(rows, 6, stored->leaf, &stored->leaf_length);
  stored->body_there = !rows_null(rows, 7);
  stored->sealed = rows_blob(rows, 7, &stored->sealed_length);
}

static enum err entries_visit(struct db *db, const struct visit *visit, bool *differs, struct error *error) {
  *differs = false;
  int64_t next = INT64_MIN;
  enum err err = OK;
  for (int count = PAGE; !err && !*differs && count == PAGE;) {
    struct rows rows;
    rows_open(&rows, db,
              "SELECT e.sequence, e.time_ms, e.actor, e.kind, e.subject, e.commitment, e.leaf, b.sealed "
              "FROM ledger_entry AS e LEFT JOIN ledger_body AS b ON b.sequence = e.sequence "
              "WHERE e.sequence >= $1 ORDER BY e.sequence LIMIT 1000",
              ARGS(v_int(next)));
    for (count = 0; !err && !*differs && rows_next(&rows); count++) {
      struct stored stored;
      stored_read(&stored, &rows);
      next = stored.entry.sequence + 1;
      err = visit->visit(visit->state, &stored, differs, error);
    }
    enum err closed = rows_close(&rows, err ? NULL : error);
    if (!err) err = closed;
  }
  return err;
}

/* ---- replay ---- */

struct replay {
  struct db *from, *into;
  const struct keys *keys;
  const struct entry_kind *const *kinds;
  struct key_cache *cache;
  struct arena arena;
};

static enum err replay_entry(void *state, const struct stored *stored, bool *differs, struct error *error) {
  (void)differs;
  struct replay *replay = state;
  const struct entry *entry = &stored->entry;
  const struct entry_kind *kind = entry_kind_find(replay->kinds, entry->kind);
  if (!kind)
    return fail(error, ERR_STATE, "entry-kind", "", "entry %lld is of the kind %s, which this program does not know",
                (long long)entry->sequence, entry->kind);
  enum err err = entry_audit(replay->into, kind, entry, error);
  uint8_t key[KEY_BYTES], salt[SALT_BYTES];
  enum key_state key_state = KEY_NONE;
  if (!err) err = body_key_find(replay->from, replay->keys, replay->cache, entry->subject, key, &key_state, error);
  if (err || key_state == KEY_DESTROYED) return err;
  arena_reset(&replay->arena);
  size_t length;
  json_t *body = NULL;
  char *text =
      key_state == KEY_HERE && stored->body_there
          ? body_open(&replay->arena, key, entry->sequence, stored->sealed, stored->sealed_length, salt, &length)
          : NULL;
  if (!text)
    return fail(error, ERR_STORE, "entry-broken", "", "the body of entry %lld does not open",
                (long long)entry->sequence);
  err = json_read(&body, text, length, "the body of an entry", error);
  if (!err) err = kind->apply(replay->into, entry, body, error);
  json_decref(body);
  return err;
}

enum err entries_replay(struct db *from, const struct keys *keys, const struct entry_kind *const *kinds, struct db *into,
                        struct error *error) {
  struct replay replay = {.from = from, .into = into, .keys = keys, .kinds = kinds};
  replay.cache = calloc(1, sizeof *replay.cache);
  if (!replay.cache) die("out of memory");
  bool differs;
  enum err err = entries_visit(from, &(struct visit){replay_entry, &replay}, &differs, error);
  key_cache_wipe(replay.cache);
  free(replay.cache);
  arena_free(&replay.arena);
  return err;
}

enum err ledger_replay(struct db *from, const struct keys *keys, const struct entry_kind *const *kinds, struct db *into,
                       struct error *error) {
  enum err err = db_begin(into, error);
  if (!err) err = entries_replay(from, keys, kinds, into, error);
  if (!err)
    err = db_commit(into, error);
  else
    db_rollback(into);
  return err;
}

/* ---- verification ---- */

struct kept { /* a checkpoint, by size */
  int64_t size;
  char *note, *reason;
};

struct verification {
  struct db *db;
  const struct keys *keys;
  struct verify_report *report;
  struct frontier frontier;
  struct kept *kept; /* in order; the newest, from the head, last */
  int64_t kept_count, kept_next;
  char origin[129];
  int64_t ordered_from, last_ms;
  json_t *destroyed; /* subject: true, as entries say */
  struct key_cache *cache;
  struct arena arena; /* of the whole run */
  struct arena scratch;
};

/* Notes the first difference only. */
static void differ(struct verification *v, bool *which, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void differ(struct verification *v, bool *which, const char *format, ...) {
  *which = false;
  if (*v->report->first_difference) return;
  va_list args;
  va_start(args, format);
  vsnprintf(v->report->first_difference, sizeof v->report->first_difference, format, args);
  va_end(args);
}

/* Every checkpoint of exactly the present size. */
static void checkpoints_check(struct verification *v) {
  bool *holds = &v->report->checkpoints_hold;
  for (; v->kept_next < v->kept_count && v->kept[v->kept_next].size <= v->frontier.size; v->kept_next++) {
    const struct kept *kept = &v->kept[v->kept_next];
    struct checkpoint checkpoint;
    uint8_t root[SHA256_BYTES];
    frontier_root(&v->frontier, root);
    v->report->checkpoints++;
    if (!checkpoint_read(&checkpoint, kept->note, v->keys->log_public))
      differ(v, holds, "checkpoint of size %lld (%s): its form or its signature is broken", (long long)kept->size,
             kept->reason);
    else if (checkpoint.size != kept->size || kept->size != v->frontier.size)
      differ(v, holds, "checkpoint of size %lld (%s): it was signed for size %lld", (long long)kept->size, kept->reason,
             (long long)checkpoint.size);
    else if (memcmp(checkpoint.root, root, sizeof root))
      differ(v, holds, "checkpoint of size %lld (%s): the entries before it are not those that were signed",
             (long long)kept->size, kept->reason);
    else if (strcmp(checkpoint.origin, v->origin))
      differ(v, holds, "checkpoint of size %lld (%s): it is of another ledger, %s", (long long)kept->size, kept->reason,
             checkpoint.origin);
  }
}

static void body_check(struct verification *v, const struct stored *stored, enum key_state state,
                       const uint8_t key[KEY_BYTES]) {
  bool *holds = &v->report->bodies_hold;
  long long sequence = (long long)stored->entry.sequence;
  uint8_t salt[SALT_BYTES], commitment[SHA256_BYTES];
  size_t length;
  if (state == KEY_DESTROYED) { /* nobody can open it any more, but it stays where it is */
    if (!stored->body_there) differ(v, holds, "entry %lld: its body is not there", sequence);
    return;
  }
  if (state == KEY_NONE) {
    differ(v, holds, "entry %lld: the key of %s is not there, and no erasure removed it", sequence,
           stored->entry.subject);
    return;
  }
  if (state == KEY_BROKEN) {
    differ(v, holds, "entry %lld: the key of %s does not open", sequence, stored->entry.subject);
    return;
  }
  arena_reset(&v->scratch);
  char *text = stored->body_there ? body_open(&v->scratch, key, stored->entry.sequence, stored->sealed,
                                              stored->sealed_length, salt, &length)
                                  : NULL;
  if (!text) {
    differ(v, holds, "entry %lld: its body %s", sequence, stored->body_there ? "does not open" : "is not there");
    return;
  }
  body_commitment(commitment, salt, text, length);
  if (memcmp(commitment, stored->commitment, sizeof commitment)) {
    differ(v, holds, "entry %lld: its body is not the one that was committed to", sequence);
    return;
  }
  json_t *body;
  if (json_read(&body, text, length, "body", NULL)) return; /* the replay will say so */
  size_t i;
  json_t *subject;
  json_array_foreach(json_object_get(body, BODY_DESTROYED), i, subject) {
    json_object_set_new(v->destroyed, json_string_value(subject), json_true());
  }
  json_decref(body);
}

static enum err verify_entry(void *state, const struct stored *stored, bool *differs, struct error *error) {
  struct verification *v = state;
  bool *holds = &v->report->tree_holds;
  long long sequence = (long long)stored->entry.sequence;
  uint8_t leaf[SHA256_BYTES], key[KEY_BYTES];
  checkpoints_check(v);
  if (stored->entry.sequence != v->frontier.size) {
    differ(v, holds, "entry %lld is not there", (long long)v->frontier.size);
    *differs = true;
    return OK;
  }
  if (stored->entry.sequence >= v->ordered_from && stored->entry.time_ms < v->last_ms)
    differ(v, &v->report->times_hold, "entry %lld: its time lies before that of the entry before it", sequence);
  v->last_ms = stored->entry.time_ms;
  entry_leaf(leaf, &stored->entry, stored->commitment);
  if (stored->commitment_length != SHA256_BYTES || stored->leaf_length != SHA256_BYTES ||
      memcmp(leaf, stored->leaf, sizeof leaf))
    differ(v, holds, "entry %lld: it is not the one whose hash was stored", sequence);
  frontier_push(&v->frontier, leaf);
  enum key_state key_state;
  enum err err = body_key_find(v->db, v->keys, v->cache, stored->entry.subject, key, &key_state, error);
  if (!err) body_check(v, stored, key_state, key);
  return err;
}

static enum err kept_load(struct verification *v, struct error *error) {
  int64_t count;
  enum err err = db_int(v->db, error, &count, 0, "SELECT count(*) FROM ledger_checkpoint ORDER BY 1", NO_ARGS);
  if (err) return err;
  v->kept = arena_array(&v->arena, (size_t)count + 2, sizeof *v->kept); /* and the newest, and one kept elsewhere */
  struct rows rows;
  rows_open(&rows, v->db, "SELECT size, reason, note FROM ledger_checkpoint ORDER BY size", NO_ARGS);
  while (v->kept_count < count && rows_next(&rows))
    v->kept[v->kept_count++] = (struct kept){rows_int(&rows, 0), arena_text(&v->arena, rows_text(&rows, 2)),
                                             arena_text(&v->arena, rows_text(&rows, 1))};
  return rows_close(&rows, error);
}

/* The head stands for the newest checkpoint and for the state that the writer goes on from. */
static enum err head_load(struct verification *v, struct frontier *head, bool *head_holds, struct error *error) {
  struct rows rows;
  char *note = NULL;
  int64_t size = -1;
  rows_open(&rows, v->db, "SELECT size, frontier, checkpoint FROM ledger_head WHERE one = 1 ORDER BY one", NO_ARGS);
  *head_holds = rows_next(&rows);
  if (*head_holds) {
    size_t length;
    const void *bytes = rows_blob(&rows, 1, &length);
    size = rows_int(&rows, 0);
    *head_holds = frontier_read(head, size, bytes, length);
    note = arena_text(&v->arena, rows_text(&rows, 2));
  }
  enum err err = rows_close(&rows, error);
  if (err || !note) return err;
  struct checkpoint checkpoint;
  checkpoint_read(&checkpoint, note, v->keys->log_public);
  snprintf(v->origin, sizeof v->origin, "%s", checkpoint.origin);
  v->kept[v->kept_count++] = (struct kept){size, note, arena_text(&v->arena, "newest")};
  return OK;
}

/* A checkpoint that was kept elsewhere takes its place among ours. */
static enum err note_load(struct verification *v, const char *note, struct error *error) {
  struct checkpoint checkpoint;
  if (!note) return OK;
  if (!checkpoint_read(&checkpoint, note, v->keys->log_public))
    return fail(error, ERR_INPUT, "note-broken", "note", "the note is no checkpoint that the log key of this home has signed");
  if (strcmp(checkpoint.origin, v->origin))
    return fail(error, ERR_INPUT, "note-other", "note", "the note is of the ledger %s, not of %s", checkpoint.origin, v->origin);
  int64_t at = v->kept_count++;
  for (; at > 0 && v->kept[at - 1].size > checkpoint.size; at--) v->kept[at] = v->kept[at - 1];
  v->kept[at] = (struct kept){checkpoint.size, arena_text(&v->arena, note), arena_text(&v->arena, "kept elsewhere")};
  return OK;
}

/* What the head tells beside the tree: since when time is in order, and which keys are this home's. */
static enum err head_facts_check(struct verification *v, struct error *error) {
  struct rows rows;
  rows_open(&rows, v->db, "SELECT ordered_from, size, key_check FROM ledger_head WHERE one = 1 ORDER BY one", NO_ARGS);
  if (rows_next(&rows)) {
    v->ordered_from = rows_int(&rows, 0);
    if (v->ordered_from < 0 || v->ordered_from > rows_int(&rows, 1))
      differ(v, &v->report->times_hold, "the head of the ledger says that time is in order from entry %lld on, which is not there",
             (long long)v->ordered_from);
    const char *known = rows_text(&rows, 2), *other = *known ? keys_check_differs(v->keys, known) : NULL;
    if (other) differ(v, &v->report->keys_hold, "keys/%s is not the key that this home was made with", other);
  }
  return rows_close(&rows, error);
}

/* Keys that are destroyed, and the entries that say so, must be the same. */
static enum err erasures_check(struct verification *v, struct error *error) {
  struct rows rows;
  rows_open(&rows, v->db, "SELECT subject FROM ledger_key WHERE wrapped = $1 ORDER BY subject", ARGS(v_blob("", 0)));
  while (rows_next(&rows)) {
    const char *subject = rows_text(&rows, 0);
    v->report->erased_subjects++;
    if (json_object_del(v->destroyed, subject))
      differ(v, &v->report->bodies_hold, "the key of %s is destroyed, but no entry says that it was erased", subject);
  }
  enum err err = rows_close(&rows, error);
  const char *left;
  json_t *unused;
  json_object_foreach(v->destroyed, left, unused) {
    differ(v, &v->report->bodies_hold, "%s was erased, but its key is there again", left);
  }
  return err;
}

/* A database that was put back from an older copy holds people again who were erased since. */
static enum err list_check(struct verification *v, const char *home, struct error *error) {
  struct erasure *list;
  size_t count;
  int64_t there;
  enum err err = *home ? erasures_read(&v->arena, home, &list, &count, error) : OK;
  for (size_t i = 0; *home && !err && i < count; i++) {
    if (!erasure_made(&list[i])) continue;
    err = db_int(v->db, error, &there, 0, "SELECT count(*) FROM ledger_key WHERE subject = $1 AND wrapped <> $2 ORDER BY 1",
                 ARGS(v_text(list[i].code), v_blob("", 0)));
    if (!err && there)
      differ(v, &v->report->bodies_hold, "the list of erasures names %s, who is not erased here: is this an older copy of the database?",
             list[i].code);
  }
  return err;
}

static enum err orphans_check(struct verification *v, struct error *error) {
  int64_t orphan;
  enum err err =
      db_int(v->db, error, &orphan, -1,
             "SELECT b.sequence FROM ledger_body AS b LEFT JOIN ledger_entry AS e ON e.sequence = b.sequence "
             "WHERE e.sequence IS NULL ORDER BY b.sequence LIMIT 1",
             NO_ARGS);
  if (!err && orphan >= 0)
    differ(v, &v->report->bodies_hold, "there is a body of entry %lld, but no such entry", (long long)orphan);
  return err;
}

static enum err record_verify(struct verification *v, const char *home, const char *note, struct error *error) {
  struct verify_report *report = v->report;
  struct frontier head;
  bool head_holds = false, differs = false;
  enum err err = kept_load(v, error);
  if (!err) err = head_load(v, &head, &head_holds, error);
  if (!err) err = note_load(v, note, error);
  if (!err) err = head_facts_check(v, error);
  if (!err) err = entries_visit(v->db, &(struct visit){verify_entry, v}, &differs, error);
  if (err) return err;
  checkpoints_check(v);
  if (v->kept_next < v->kept_count)
    differ(v, &report->tree_holds, "entry %lld is not there: a checkpoint of size %lld (%s) was signed",
           (long long)v->frontier.size, (long long)v->kept[v->kept_next].size, v->kept[v->kept_next].reason);
  if (!head_holds || head.size != v->frontier.size ||
      memcmp(head.node, v->frontier.node, (size_t)head.count * SHA256_BYTES))
    differ(v, &report->tree_holds, "the head of the ledger does not agree with its %lld entries",
           (long long)v->frontier.size);
  report->entries = v->frontier.size;
  frontier_root(&v->frontier, report->root);
  err = erasures_check(v, error);
  if (!err) err = list_check(v, home, error);
  return err ? err : orphans_check(v, error);
}

/* A replay that cannot be done to its end is a difference, not a failure to verify. */
static enum err tables_verify(struct verification *v, const struct entry_kind *const *kinds, struct error *error) {
  struct store *memory;
  struct db *into = NULL;
  struct error detail = {0};
  char difference[256] = "";
  enum err err = store_open_memory(&memory, error);
  if (err) return err;
  err = db_open(&into, memory, DB_WRITER, error);
  if (!err && ledger_replay(v->db, v->keys, kinds, into, &detail))
    differ(v, &v->report->tables_hold, "replay stops: %.200s", detail.text);
  else if (!err) {
    err = db_first_difference(v->db, into, difference, sizeof difference, error);
    if (!err && *difference) differ(v, &v->report->tables_hold, "%s", difference);
  }
  db_close(into);
  store_close(memory);
  return err;
}

static enum err database_verify(struct verification *v, struct error *error) {
  char what[160];
  struct verify_report *report = v->report;
  enum err err = db_integrity(v->db, what, sizeof what, report->unchecked, sizeof report->unchecked, error);
  if (!err && *what) differ(v, &report->database_holds, "the database is damaged: %s", what);
  return err;
}

enum err ledger_verify(struct store *store, const struct keys *keys, const struct entry_kind *const *kinds,
                       const char *note, struct verify_report *report, struct error *error) {
  *report = (struct verify_report){.tree_holds = true, .checkpoints_hold = true, .bodies_hold = true, .tables_hold = true,
                                   .times_hold = true, .keys_hold = true, .database_holds = true};
  struct verification v = {.keys = keys, .report = report, .destroyed = json_object()};
  v.cache = calloc(1, sizeof *v.cache);
  if (!v.cache) die("out of memory");
  enum err err = db_open(&v.db, store, DB_OPEN, error);
  if (!err) err = db_snapshot(v.db, error);
  if (!err) err = record_verify(&v, store_home(store), note, error);
  if (!err) err = tables_verify(&v, kinds, error);
  if (!err) err = database_verify(&v, error);
  if (v.db) db_snapshot_end(v.db);
  db_close(v.db);
  key_cache_wipe(v.cache);
  free(v.cache);
  json_decref(v.destroyed);
  arena_free(&v.scratch);
  arena_free(&v.arena);
  return err;
}
