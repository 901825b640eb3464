#include "trial/submission.h"

#include "trial/rating.h"

void answers_and_scores(const struct form *form, const struct form_result *result, json_t *answers, json_t *scores) {
  for (size_t i = 0; i < form->item_count; i++) {
    if (!result->values[i]) continue;
    json_t *into = form->items[i].type == FORM_CALCULATE ? scores : answers;
    json_object_set_new(into, form->items[i].name, json_string(result->values[i]));
  }
}

static void hash_json(struct arena *arena, const json_t *value, char out[65]) {
  size_t length;
  uint8_t hash[SHA256_BYTES];
  char *text = json_canonical(arena, value, &length);
  sha256(hash, text, length);
  snprintf(out, 65, "%s", hex_text(arena, hash, sizeof hash));
}

static bool key_well_formed(const char *key) {
  size_t length = strlen(key);
  return length >= 1 && length <= SUBMISSION_KEY_LONGEST &&
         strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == length;
}

/* Was this key used before? OK with *again set when with the same body; ERR_CONFLICT when with another. */
static enum err key_before(struct txn *txn, const char *key, const char *hash, bool *again, struct error *error) {
  char *before;
  enum err err = db_text(txn_db(txn), error, txn_arena(txn), &before, "SELECT body_hash FROM submission WHERE key = $1 ORDER BY key",
                         ARGS(v_text(key)));
  if (err || !before) return err;
  *again = !strcmp(before, hash);
  return *again ? OK : fail(error, ERR_CONFLICT, "key-reused", "", "another answer was sent under the same key");
}

/* What is entered of a submission. */
struct sent {
  struct occasion occasion;
  const char *key; /* the respondent's, under the occasion's id */
  char hash[65];   /* of the answers */
  json_t *answers, *scores;
};

static enum err submission_append(struct txn *txn, const struct form_submit *submit, const struct sent *sent, struct error *error) {
  const struct occasion *occasion = &sent->occasion;
  json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:O, s:O}", "occasion", occasion->id, "key", sent->key, "hash", sent->hash,
                           "language", submit->language, "answers", sent->answers, "scores", sent->scores);
  json_t *rating = rating_of(submit->study, submit->form, occasion, submit->result);
  if (rating) json_object_set_new(body, "rating", rating);
  enum err err = ledger_append(txn, submit->respondent, "form.submit", occasion->subject, body, error);
  return err ? err : db_exec(txn_db(txn), error, "DELETE FROM run_draft WHERE occasion = $1", ARGS(v_text(occasion->id)));
}

enum err form_submit(struct txn *txn, void *input, struct error *error) {
  struct form_submit *submit = input;
  if (!submit->result->valid || !key_well_formed(submit->key))
    return fail(error, ERR_INPUT, "key-wrong", "key", "a submission needs a key of 1 to %d letters, digits, - and _", SUBMISSION_KEY_LONGEST);
  struct sent sent = {.key = arena_printf(txn_arena(txn), "%s/%s", submit->occasion, submit->key),
                      .answers = json_object(),
                      .scores = json_object()};
  answers_and_scores(submit->form, submit->result, sent.answers, sent.scores);
  hash_json(txn_arena(txn), sent.answers, sent.hash);
  enum err err = key_before(txn, sent.key, sent.hash, &submit->again, error);
  if (!err && !submit->again) {
    err = occasion_by_id(txn_db(txn), submit->occasion, &sent.occasion, error);
    if (!err && strcmp(sent.occasion.respondent, submit->respondent))
      err = fail(error, ERR_MISSING, "no-such-form", "", "there is no such form");
    if (!err && sent.occasion.submitted_ms) err = fail(error, ERR_CONFLICT, "form-done", "", "this form has been answered");
    if (!err) err = occasion_answerable(&sent.occasion, txn_now(txn), error);
    if (!err) err = submission_append(txn, submit, &sent, error);
  }
  json_decref(sent.answers);
  json_decref(sent.scores);
  return err;
}

enum err scores_put(struct db *db, const struct entry *entry, const char *occasion, const json_t *scores,
                    struct error *error) {
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)scores, name, value) {
    enum err err = db_exec(db, error, "INSERT INTO score (occasion, name, subject, value) VALUES ($1, $2, $3, $4)",
                           ARGS(v_text(occasion), v_text(name), v_text(entry->subject), v_text(json_string_value(value))));
    if (err) return err;
  }
  return OK;
}

static enum err submission_apply(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  const char *occasion = json_text(body, "occasion", "");
  enum err err = db_exec(db, error, "UPDATE occasion SET submitted_ms = $2, language = $3 WHERE id = $1",
                         ARGS(v_text(occasion), v_int(entry->time_ms), v_text(json_text(body, "language", ""))));
  if (!err)
    err = db_exec(db, error, "INSERT INTO submission (key, subject, occasion, body_hash) VALUES ($1, $2, $3, $4)",
                  ARGS(v_text(json_text(body, "key", "")), v_text(entry->subject), v_text(occasion), v_text(json_text(body, "hash", ""))));
  const char *item;
  json_t *value;
  if (err) return err;
  json_object_foreach(json_object_get(body, "answers"), item, value) {
    err = db_exec(db, error, "INSERT INTO answer (occasion, item, subject, value, revision) VALUES ($1, $2, $3, $4, 0)",
                  ARGS(v_text(occasion), v_text(item), v_text(entry->subject), v_text(json_string_value(value))));
    if (err) return err;
  }
  err = scores_put(db, entry, occasion, json_object_get(body, "scores"), error);
  return err ? err : rating_put(db, entry, json_object_get(body, "rating"), error);
}

KIND(form_submit, "form.submit", LOG_MASKED, submission_apply);
