#include "trial/visit.h"

#include "base/utf8.h"
#include "trial/detection.h"

#define DRAFT_MOST ((size_t)64 << 10)
#define LONGEST_REASON 500

/* ---- a session ---- */

#define MAY_RECORD (ROLE_COORDINATOR | ROLE_ASSISTANT)

static enum err session_patient(struct txn *txn, const struct session_record *record, struct person *patient,
                                struct error *error) {
  unsigned roles = record->by->roles & MAY_RECORD ? MAY_RECORD : ROLE_THERAPIST;
  enum err err = actor_person(txn_db(txn), record->by, roles, record->patient, patient, error);
  if (err) return err;
  if (strcmp(patient->kind, "patient"))
    return fail(error, ERR_MISSING, "no-such-patient", "patient", "there is no patient '%s'", record->patient);
  if (patient->withdrawn_ms) return fail(error, ERR_STATE, "patient-withdrawn", "patient", "%s has withdrawn", patient->code);
  return OK;
}

static enum err session_order(struct txn *txn, struct session_record *record, struct error *error) {
  struct rows rows;
  rows_open(&rows, txn_db(txn), "SELECT number, held_day FROM session WHERE patient = $1 ORDER BY number DESC",
            ARGS(v_text(record->patient)));
  bool any = rows_next(&rows);
  int64_t last = any ? rows_int(&rows, 0) : 0, last_day = any ? rows_int(&rows, 1) : INT64_MIN;
  enum err err = rows_close(&rows, error);
  if (err) return err;
  if (!record->number) record->number = last + 1;
  int planned = home_study(record->home)->sessions_planned;
  if (any && record->number <= last)
    return fail(error, ERR_CONFLICT, "session-exists", "number", "session %lld is on record already", (long long)record->number);
  if (record->number != last + 1 && !(any && record->number > last))
    return fail(error, ERR_INPUT, "session-order", "number", "the next session is number %lld", (long long)(last + 1));
  if (planned && record->number > planned)
    return fail(error, ERR_STATE, "sessions-complete", "number", "this study follows %d sessions: all are on record", planned);
  if (record->held_day * DAY_MS > txn_now(txn) + DAY_MS)
    return fail(error, ERR_INPUT, "session-future", "held", "a session is recorded once it was held");
  if (any && record->held_day < last_day)
    return fail(error, ERR_INPUT, "session-order", "held", "this is before the session recorded last");
  return OK;
}

enum err session_record(struct txn *txn, void *input, struct error *error) {
  struct session_record *record = input;
  struct person patient;
  enum err err = session_patient(txn, record, &patient, error);
  if (!err) err = session_order(txn, record, error);
  if (err) return err;
  json_t *opened, *ended = NULL;
  err = occasions_make(txn, record->home, TRIGGER_SESSION, record->number, patient.code, patient.therapist,
                       patient.language, &opened, error);
  if (err) return err;
  if (record->number == home_study(record->home)->sessions_planned) {
    err = occasions_make(txn, record->home, TRIGGER_END, -1, patient.code, patient.therapist, patient.language, &ended, error);
    if (!err) json_array_extend(opened, ended);
    json_decref(ended);
  }
  if (err) {
    json_decref(opened);
    return err;
  }
  json_t *body = json_pack("{s:I, s:I, s:o}", "number", (json_int_t)record->number, "held_day",
                           (json_int_t)record->held_day, "opened", opened);
  return ledger_append(txn, record->by->code, "session.record", patient.code, body, error);
}

enum err visit_apply_session(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  enum err err = db_exec(db, error,
                         "INSERT INTO session (patient, number, subject, held_day, recorded_ms) VALUES ($1, $2, $1, $3, $4)",
                         ARGS(v_text(entry->subject), v_int(json_int(body, "number", 0)), v_int(json_int(body, "held_day", 0)),
                              v_int(entry->time_ms)));
  return err ? err : occasions_apply(db, entry, json_object_get(body, "opened"), error);
}

/* ---- a submission ---- */

/* What the study reads from this form for the detector: a JSON object, or NULL when it is no signal of this rater. */
static json_t *rating_of(const struct study *study, const struct form *form, const struct occasion *occasion,
                         const struct form_result *result) {
  const struct study_signal *signal =
      !strcmp(occasion->rater, "patient") ? &study->detection.patient : &study->detection.therapist;
  if (!signal->form || strcmp(signal->form->name, form->name) || occasion->session_number < 0) return NULL;
  const char *value = signal->score ? result->values[signal->score->index] : NULL;
  const char *report = signal->report ? result->values[signal->report->index] : NULL;
  const char *resolved = signal->resolved ? result->values[signal->resolved->index] : NULL;
  double how_far;
  int reported = !report ? -1 : !strcmp(report, signal->report_value);
  /* Resolved: the upper half of its scale, as the person answered. */
  int is_resolved = !resolved || !number_read(resolved, &how_far)
                        ? -1
                        : how_far * 2 > signal->resolved->low + signal->resolved->high;
  return json_pack("{s:s, s:I, s:s, s:i, s:i}", "rater", occasion->rater, "session", (json_int_t)occasion->session_number,
                   "value", value ? value : "", "reported", reported, "resolved", is_resolved);
}

static void answers_and_scores(const struct form *form, const struct form_result *result, json_t *answers, json_t *scores) {
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

static enum err submission_append(struct txn *txn, const struct form_submit *submit, const struct occasion *occasion,
                                  const char *key, const char *hash, json_t *answers, json_t *scores, struct error *error) {
  json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:O, s:O}", "occasion", occasion->id, "key", key, "hash", hash, "language",
                           submit->language, "answers", answers, "scores", scores);
  json_t *rating = rating_of(submit->study, submit->form, occasion, submit->result);
  if (rating) json_object_set_new(body, "rating", rating);
  enum err err = ledger_append(txn, submit->respondent, "form.submit", occasion->subject, body, error);
  if (!err) err = db_exec(txn_db(txn), error, "DELETE FROM run_draft WHERE occasion = $1", ARGS(v_text(occasion->id)));
  if (!err && rating) err = detector_keep(submit->home->detector, txn, occasion->patient, error);
  return err;
}

enum err form_submit(struct txn *txn, void *input, struct error *error) {
  struct form_submit *submit = input;
  if (!submit->result->valid || !key_well_formed(submit->key))
    return fail(error, ERR_INPUT, "key-wrong", "key", "a submission needs a key of 1 to %d letters, digits, - and _", SUBMISSION_KEY_LONGEST);
  json_t *answers = json_object(), *scores = json_object();
  answers_and_scores(submit->form, submit->result, answers, scores);
  char hash[65];
  hash_json(txn_arena(txn), answers, hash);
  const char *key = arena_printf(txn_arena(txn), "%s/%s", submit->occasion, submit->key);
  struct occasion occasion;
  enum err err = key_before(txn, key, hash, &submit->again, error);
  if (!err && !submit->again) {
    err = occasion_by_id(txn_db(txn), submit->occasion, &occasion, error);
    if (!err && strcmp(occasion.respondent, submit->respondent))
      err = fail(error, ERR_MISSING, "no-such-form", "", "there is no such form");
    if (!err && occasion.submitted_ms) err = fail(error, ERR_CONFLICT, "form-done", "", "this form has been answered");
    if (!err) err = occasion_answerable(&occasion, txn_now(txn), error);
    if (!err) err = submission_append(txn, submit, &occasion, key, hash, answers, scores, error);
  }
  json_decref(answers);
  json_decref(scores);
  return err;
}

static enum err rating_put(struct db *db, const struct entry *entry, const json_t *rating, struct error *error) {
  if (!rating) return OK;
  return db_exec(db, error,
                 "INSERT INTO rating (patient, session_number, rater, subject, value, reported, resolved) "
                 "VALUES ($1, $2, $3, $1, $4, $5, $6) ON CONFLICT (patient, session_number, rater) DO UPDATE SET "
                 "value = excluded.value, reported = excluded.reported, resolved = excluded.resolved",
                 ARGS(v_text(entry->subject), v_int(json_int(rating, "session", 0)), v_text(json_text(rating, "rater", "")),
                      v_text(json_text(rating, "value", "")), v_int(json_int(rating, "reported", -1)),
                      v_int(json_int(rating, "resolved", -1))));
}

static enum err scores_put(struct db *db, const struct entry *entry, const char *occasion, const json_t *scores,
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

enum err visit_apply_submission(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
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

/* ---- drafts ---- */

enum err draft_save(struct txn *txn, void *input, struct error *error) {
  struct draft_save *draft = input;
  json_t *body = json_object();
  size_t length;
  for (size_t i = 0; i < draft->count; i++)
    json_object_set_new(body, draft->typed[i].item, json_string(draft->typed[i].value));
  char *text = json_canonical(txn_arena(txn), body, &length);
  json_decref(body);
  if (length > DRAFT_MOST) return fail(error, ERR_LIMIT, "draft-large", "", "a half-filled form keeps at most %zu bytes", DRAFT_MOST);
  struct occasion occasion;
  enum err err = occasion_by_id(txn_db(txn), draft->occasion, &occasion, error);
  if (!err) err = occasion_answerable(&occasion, txn_now(txn), error);
  if (err) return err;
  return db_exec(txn_db(txn), error,
                 "INSERT INTO run_draft (occasion, subject, body, saved_ms) VALUES ($1, $2, $3, $4) "
                 "ON CONFLICT (occasion) DO UPDATE SET body = excluded.body, saved_ms = excluded.saved_ms",
                 ARGS(v_text(occasion.id), v_text(occasion.subject), v_text(text), v_int(txn_now(txn))));
}

enum err draft_read(struct db *db, struct arena *arena, const char *occasion, struct typed **typed, size_t *count,
                    struct error *error) {
  char *text;
  *count = 0;
  *typed = NULL;
  enum err err = db_text(db, error, arena, &text, "SELECT body FROM run_draft WHERE occasion = $1 ORDER BY occasion", ARGS(v_text(occasion)));
  if (err || !text) return err;
  json_t *body;
  err = json_read(&body, text, strlen(text), "draft", error);
  if (err) return err;
  *typed = arena_array(arena, json_object_size(body), sizeof **typed);
  const char *item;
  json_t *value;
  json_object_foreach(body, item, value) {
    (*typed)[(*count)++] = (struct typed){arena_text(arena, item), arena_text(arena, json_string_value(value))};
  }
  json_decref(body);
  return OK;
}

/* ---- a correction ---- */

struct stored {
  struct form_answer *answers; /* what is stored now, the corrected item with its new value */
  size_t count;
  bool found; /* the item was answered before */
};

static enum err stored_answers(struct txn *txn, const struct form_correct *correct, struct stored *stored, json_t *before,
                               struct error *error) {
  stored->answers = arena_array(txn_arena(txn), FORM_ITEMS + 1, sizeof *stored->answers);
  struct rows rows;
  rows_open(&rows, txn_db(txn), "SELECT item, value FROM answer WHERE occasion = $1 ORDER BY item", ARGS(v_text(correct->occasion)));
  while (rows_next(&rows) && stored->count < FORM_ITEMS) {
    const char *item = arena_text(txn_arena(txn), rows_text(&rows, 0)), *value = arena_text(txn_arena(txn), rows_text(&rows, 1));
    json_object_set_new(before, item, json_string(value));
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

static enum err correction_append(struct txn *txn, const struct form_correct *correct, const struct study *study,
                                  const struct form *form, const struct occasion *occasion, const struct form_result *result,
                                  const json_t *before, struct error *error) {
  json_t *answers = json_object(), *scores = json_object();
  answers_and_scores(form, result, answers, scores);
  json_t *changes = changes_between(before, answers);
  json_decref(answers);
  int64_t revision;
  enum err err = db_int(txn_db(txn), error, &revision, 0, "SELECT max(revision) FROM correction WHERE occasion = $1", ARGS(v_text(occasion->id)));
  if (!err && !json_array_size(changes)) err = fail(error, ERR_INPUT, "nothing-changed", "value", "this is the answer already");
  json_t *body = json_pack("{s:s, s:s, s:I, s:o, s:o}", "occasion", occasion->id, "reason", correct->reason, "revision",
                           (json_int_t)(revision + 1), "changes", changes, "scores", scores);
  json_t *rating = rating_of(study, form, occasion, result);
  if (rating) json_object_set_new(body, "rating", rating);
  if (err) {
    json_decref(body);
    return err;
  }
  err = ledger_append(txn, correct->by->code, "form.correct", occasion->subject, body, error);
  return err || !rating ? err : detector_keep(correct->home->detector, txn, occasion->patient, error);
}

static enum err correction_valid(struct txn *txn, const struct form_correct *correct, const struct form *form,
                                 const struct stored *stored, struct form_result *result, struct error *error) {
  if (!form_item(form, correct->item) || !form_type_asked(form_item(form, correct->item)->type))
    return fail(error, ERR_INPUT, "not-answered", "item", "this form has no answer '%s'", correct->item);
  form_validate(form, stored->answers, stored->count, correct->home->writer_desk, txn_arena(txn), result);
  if (result->valid) return OK;
  return fail(error, ERR_INPUT, result->problems[0].id, result->problems[0].field, "%s: this value does not fit the form (%s)",
              result->problems[0].field, result->problems[0].id);
}

enum err form_correct(struct txn *txn, void *input, struct error *error) {
  struct form_correct *correct = input;
  struct occasion occasion;
  struct person person;
  if (!*correct->reason) return fail(error, ERR_INPUT, "reason-missing", "reason", "say why the answer is corrected");
  if (!utf8_valid(correct->reason, strlen(correct->reason)) || utf8_length(correct->reason) > LONGEST_REASON)
    return fail(error, ERR_INPUT, "too-long", "reason", "a reason has at most %d characters", LONGEST_REASON);
  enum err err = occasion_by_id(txn_db(txn), correct->occasion, &occasion, error);
  if (!err) err = actor_person(txn_db(txn), correct->by, ROLE_COORDINATOR, occasion.subject, &person, error);
  if (err) return err;
  if (!occasion.submitted_ms) return fail(error, ERR_STATE, "not-answered", "", "this form has not been answered yet");
  const struct study *study = home_study_version(correct->home, occasion.study_version);
  const struct form *form = study ? study_form(study, occasion.form) : NULL;
  if (!form) return fail(error, ERR_STORE, "study-missing", "", "version %lld of the study is not there", (long long)occasion.study_version);
  struct stored stored = {0};
  struct form_result result;
  json_t *before = json_object();
  err = stored_answers(txn, correct, &stored, before, error);
  if (!err) err = correction_valid(txn, correct, form, &stored, &result, error);
  if (!err) err = correction_append(txn, correct, study, form, &occasion, &result, before, error);
  json_decref(before);
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

enum err visit_apply_correction(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
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

/* ---- ratings from a file ---- */

enum err rating_import(struct txn *txn, void *input, struct error *error) {
  struct rating_import *import = input;
  struct person patient;
  enum err err = actor_person(txn_db(txn), import->by, ROLE_COORDINATOR, import->patient, &patient, error);
  if (err) return err;
  json_t *rows = json_array();
  for (size_t i = 0; i < import->count; i++)
    json_array_append_new(rows, json_pack("{s:I, s:s, s:i}", "session", (json_int_t)import->rows[i].session_number, "value",
                                          import->rows[i].value, "reported", import->rows[i].reported));
  json_t *body = json_pack("{s:s, s:o}", "rater", import->rater, "rows", rows);
  err = ledger_append(txn, import->by->code, "rating.import", patient.code, body, error);
  return err ? err : detector_keep(import->home->detector, txn, patient.code, error);
}

enum err visit_apply_import(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  size_t i;
  json_t *row;
  json_array_foreach(json_object_get(body, "rows"), i, row) {
    enum err err = db_exec(db, error,
                           "INSERT INTO session (patient, number, subject, held_day, recorded_ms) VALUES ($1, $2, $1, -1, $3) "
                           "ON CONFLICT (patient, number) DO NOTHING",
                           ARGS(v_text(entry->subject), v_int(json_int(row, "session", 0)), v_int(entry->time_ms)));
    if (err) return err;
    json_object_set(row, "rater", json_object_get(body, "rater"));
    err = rating_put(db, entry, row, error);
    if (err) return err;
  }
  return OK;
}
