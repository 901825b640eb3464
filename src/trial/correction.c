#include "trial/correction.h"

#include "trial/occasion.h"
#include "trial/rating.h"
#include "trial/submission.h"

/* The form that is corrected, as it stands. */
struct stored {
  const struct study *study; /* the version that it was answered under */
  const struct form *form;
  struct occasion occasion;
  struct form_answer *answers; /* what is stored now, the corrected item with its new value */
  size_t count;
  bool found;     /* the item was answered before */
  json_t *before; /* the answers before the correction */
};

static enum err stored_form(struct txn *txn, const struct form_correct *correct, struct stored *stored, struct error *error) {
  struct person person;
  enum err err = occasion_by_id(txn_db(txn), correct->occasion, &stored->occasion, error);
  if (!err) err = actor_person(txn_db(txn), correct->by, ROLE_COORDINATOR, stored->occasion.subject, &person, error);
  if (err) return err;
  if (!stored->occasion.submitted_ms) return fail(error, ERR_STATE, "not-answered", "", "this form has not been answered yet");
  int64_t version = stored->occasion.study_version;
  stored->study = home_study_version(correct->home, version);
  stored->form = stored->study ? study_form(stored->study, stored->occasion.form) : NULL;
  if (stored->form) return OK;
  return fail(error, ERR_STORE, "study-missing", "", "version %lld of the study is not there", (long long)version);
}

static enum err stored_answers(struct txn *txn, const struct form_correct *correct, struct stored *stored, struct error *error) {
  stored->answers = arena_array(txn_arena(txn), FORM_ITEMS + 1, sizeof *stored->answers);
  struct rows rows;
  rows_open(&rows, txn_db(txn), "SELECT item, value FROM answer WHERE occasion = $1 ORDER BY item", ARGS(v_text(correct->occasion)));
  while (rows_next(&rows) && stored->count < FORM_ITEMS) {
    const char *item = arena_text(txn_arena(txn), rows_text(&rows, 0)), *value = arena_text(txn_arena(txn), rows_text(&rows, 1));
    json_object_set_new(stored->before, item, json_string(value));
    bool same = !strcmp(item, correct->item);
    stored->found |= same;
    if (same) value = correct->value;
    stored->answers[stored->count++] = (struct form_answer){item, value, strlen(value)};
  }
  if (!stored->found) stored->answers[stored->count++] = (struct form_answer){correct->item, correct->value, strlen(correct->value)};
  return rows_close(&rows, error);
}

/* Every answer that is another after the correction (the item itself, and what its relevance takes away or lets in). */
static json_t *changes_between(const json_t *before, const json_t *after) {
  json_t *changes = json_array(), *value;
  const char *item;
  json_object_foreach((json_t *)before, item, value) {
    const char *now = json_text(after, item, "");
    if (strcmp(json_string_value(value), now))
      json_array_append_new(changes, json_pack("{s:s, s:O, s:s}", "item", item, "before", value, "after", now));
  }
  json_object_foreach((json_t *)after, item, value) {
    if (!json_object_get(before, item))
      json_array_append_new(changes, json_pack("{s:s, s:s, s:O}", "item", item, "before", "", "after", value));
  }
  return changes;
}

static enum err correction_append(struct txn *txn, const struct form_correct *correct, const struct stored *stored,
                                  const struct form_result *result, struct error *error) {
  const struct occasion *occasion = &stored->occasion;
  json_t *answers = json_object(), *scores = json_object();
  answers_and_scores(stored->form, result, answers, scores);
  json_t *changes = changes_between(stored->before, answers);
  json_decref(answers);
  int64_t revision;
  enum err err = db_int(txn_db(txn), error, &revision, 0, "SELECT max(revision) FROM correction WHERE occasion = $1", ARGS(v_text(occasion->id)));
  if (!err && !json_array_size(changes)) err = fail(error, ERR_INPUT, "nothing-changed", "value", "this is the answer already");
  json_t *body = json_pack("{s:s, s:s, s:I, s:o, s:o}", "occasion", occasion->id, "reason", correct->reason, "revision",
                           (json_int_t)(revision + 1), "changes", changes, "scores", scores);
  json_t *rating = rating_of(stored->study, stored->form, occasion, result);
  if (rating) json_object_set_new(body, "rating", rating);
  if (err) {
    json_decref(body);
    return err;
  }
  return ledger_append(txn, correct->by->code, "form.correct", occasion->subject, body, error);
}

static enum err correction_valid(struct txn *txn, const struct form_correct *correct, const struct stored *stored,
                                 struct form_result *result, struct error *error) {
  const struct form *form = stored->form;
  if (!form_item(form, correct->item) || !form_type_asked(form_item(form, correct->item)->type))
    return fail(error, ERR_INPUT, "not-answered", "item", "this form has no answer '%s'", correct->item);
  form_validate(form, stored->answers, stored->count, correct->home->writer_desk, txn_arena(txn), result);
  if (result->valid) return OK;
  return fail(error, ERR_INPUT, result->problems[0].id, result->problems[0].field, "%s: this value does not fit the form (%s)",
              result->problems[0].field, result->problems[0].id);
}

enum err form_correct(struct txn *txn, void *input, struct error *error) {
  struct form_correct *correct = input;
  struct stored stored = {0};
  struct form_result result;
  if (!*correct->reason) return fail(error, ERR_INPUT, "reason-missing", "reason", "say why the answer is corrected");
  enum err err = text_fits("reason", correct->reason, LONGEST_REASON, error);
  if (!err) err = stored_form(txn, correct, &stored, error);
  if (err) return err;
  stored.before = json_object();
  err = stored_answers(txn, correct, &stored, error);
  if (!err) err = correction_valid(txn, correct, &stored, &result, error);
  if (!err) err = correction_append(txn, correct, &stored, &result, error);
  json_decref(stored.before);
  return err;
}

static enum err correction_apply_one(struct db *db, const struct entry *entry, const json_t *body, const json_t *change,
                                     struct error *error) {
  const char *occasion = json_text(body, "occasion", ""), *item = json_text(change, "item", ""), *after = json_text(change, "after", "");
  int64_t revision = json_int(body, "revision", 0);
  enum err err = db_exec(db, error,
                         "INSERT INTO correction (occasion, item, revision, subject, before, after, reason, actor, time_ms) "
                         "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                         ARGS(v_text(occasion), v_text(item), v_int(revision), v_text(entry->subject), v_text(json_text(change, "before", "")),
                              v_text(after), v_text(json_text(body, "reason", "")), v_text(entry->actor), v_int(entry->time_ms)));
  if (err) return err;
  if (!*after) return db_exec(db, error, "DELETE FROM answer WHERE occasion = $1 AND item = $2", ARGS(v_text(occasion), v_text(item)));
  return db_exec(db, error,
                 "INSERT INTO answer (occasion, item, subject, value, revision) VALUES ($1, $2, $3, $4, $5) "
                 "ON CONFLICT (occasion, item) DO UPDATE SET value = excluded.value, revision = excluded.revision",
                 ARGS(v_text(occasion), v_text(item), v_text(entry->subject), v_text(after), v_int(revision)));
}

static enum err correction_apply(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  size_t i;
  json_t *change;
  json_array_foreach(json_object_get(body, "changes"), i, change) {
    enum err err = correction_apply_one(db, entry, body, change, error);
    if (err) return err;
  }
  const char *occasion = json_text(body, "occasion", "");
  enum err err = db_exec(db, error, "DELETE FROM score WHERE occasion = $1", ARGS(v_text(occasion)));
  if (!err) err = scores_put(db, entry, occasion, json_object_get(body, "scores"), error);
  return err ? err : rating_put(db, entry, json_object_get(body, "rating"), error);
}

KIND(form_correct, "form.correct", LOG_MASKED, correction_apply);
