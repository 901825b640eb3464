#include "ledger/erasures.h"

#include "base/log.h"
#include "store/store_erasures.h"

void erasures_open(struct erasures *erasures, const char *home, struct db *db) {
  *erasures = (struct erasures){.home = home, .db = db, .batch = json_array(), .left = json_array()};
}

void erasures_close(struct erasures *erasures) {
  json_decref(erasures->batch);
  json_decref(erasures->left);
}

static enum err note_all(struct erasures *erasures, const json_t *codes, enum erasure_state state, int64_t now_ms, struct error *error) {
  size_t i;
  json_t *code;
  enum err err = OK;
  if (!*erasures->home) return OK;
  json_array_foreach(codes, i, code) {
    if (!err) err = erasure_note(erasures->home, now_ms, json_string_value(code), state, error);
  }
  return err;
}

enum err erasures_ask(struct erasures *erasures, int64_t now_ms, struct error *error) {
  return note_all(erasures, erasures->batch, ERASURE_ASKED, now_ms, error);
}

static void note_or_log(struct erasures *erasures, const json_t *codes, enum erasure_state state, int64_t now_ms) {
  struct error error = {0};
  if (note_all(erasures, codes, state, now_ms, &error))
    log_line(LOG_ERROR, "erasures-list", "%s; the next start puts the list right", error.text);
}

bool erasures_forget(struct erasures *erasures, int64_t now_ms) {
  struct error error = {0};
  if (!json_array_size(erasures->left)) return false;
  enum err err = erasures->rewrite ? db_rewrite(erasures->db, &error) : OK;
  if (!err) erasures->rewrite = false;
  if (!err) err = db_empty_journal(erasures->db, &error);
  if (err) {
    log_line(LOG_WARNING, "erasure-traces", "what was erased is still in the database's files, and is removed as soon as may be: %s", error.text);
    return true;
  }
  note_or_log(erasures, erasures->left, ERASURE_EMPTIED, now_ms);
  json_array_clear(erasures->left);
  return false;
}

void erasures_settle(struct erasures *erasures, bool committed, int64_t now_ms) {
  if (!json_array_size(erasures->batch)) return;
  if (committed) {
    note_or_log(erasures, erasures->batch, ERASURE_DONE, now_ms);
    json_array_extend(erasures->left, erasures->batch);
    erasures->rewrite = true;
    erasures_forget(erasures, now_ms);
  }
  json_array_clear(erasures->batch);
}

/* ---- at the opening ---- */

static enum err destroyed_keys(struct db *db, json_t **codes, struct error *error) {
  struct rows rows;
  *codes = json_object();
  rows_open(&rows, db, "SELECT subject FROM ledger_key WHERE wrapped = $1 ORDER BY subject", ARGS(v_blob("", 0)));
  while (rows_next(&rows)) json_object_set_new(*codes, rows_text(&rows, 0), json_true());
  return rows_close(&rows, error);
}

/* Lines that were left open, and erasures that another node, or a process that ended, did not write down here. */
static enum err list_settle(struct erasures *erasures, const struct erasure *list, size_t count, json_t *destroyed, int64_t now_ms,
                            struct error *error) {
  enum err err = OK;
  const char *code;
  json_t *unused;
  for (size_t i = 0; i < count && !err; i++) {
    bool erased = json_object_get(destroyed, list[i].code);
    if (list[i].state == ERASURE_ASKED && !erased) err = erasure_note(erasures->home, now_ms, list[i].code, ERASURE_FAILED, error);
    if (erasure_made(&list[i]) && !erased)
      log_line(LOG_WARNING, "erasure-undone", "%s/erasures names %s, who is not erased in this database: run attune verify", erasures->home,
               list[i].code);
  }
  json_object_foreach(destroyed, code, unused) {
    const struct erasure *line = erasure_find(list, count, code);
    if (!err && !erasure_made(line)) err = erasure_note(erasures->home, now_ms, code, ERASURE_DONE, error);
    if (!line || line->state != ERASURE_EMPTIED) json_array_append_new(erasures->left, json_string(code));
  }
  erasures->rewrite = json_array_size(erasures->left) > 0;
  return err;
}

enum err erasures_reconcile(struct erasures *erasures, int64_t now_ms, struct error *error) {
  struct arena arena = {0};
  struct erasure *list = NULL;
  json_t *destroyed = NULL;
  size_t count = 0;
  if (!*erasures->home) return OK;
  enum err err = erasures_mend(erasures->home, error);
  if (!err) err = erasures_read(&arena, erasures->home, &list, &count, error);
  if (!err) err = destroyed_keys(erasures->db, &destroyed, error);
  if (!err) err = list_settle(erasures, list, count, destroyed, now_ms, error);
  if (!err) erasures_forget(erasures, now_ms);
  json_decref(destroyed);
  arena_free(&arena);
  return err;
}
