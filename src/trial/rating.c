#include "trial/rating.h"

#include "base/decimal.h"

json_t *rating_of(const struct study *study, const struct form *form, const struct occasion *occasion,
                         const struct form_result *result) {
  const struct study_signal *signal =
      occasion->rater == PERSON_PATIENT ? &study->detection.patient : &study->detection.therapist;
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
  return json_pack("{s:s, s:I, s:s, s:i, s:i}", "rater", person_kind_name(occasion->rater), "session", (json_int_t)occasion->session_number,
                   "value", value ? value : "", "reported", reported, "resolved", is_resolved);
}

enum err rating_put(struct db *db, const struct entry *entry, const json_t *rating, struct error *error) {
  if (!rating) return OK;
  return db_exec(db, error,
                 "INSERT INTO rating (patient, session_number, rater, subject, value, reported, resolved) "
                 "VALUES ($1, $2, $3, $1, $4, $5, $6) ON CONFLICT (patient, session_number, rater) DO UPDATE SET "
                 "value = excluded.value, reported = excluded.reported, resolved = excluded.resolved",
                 ARGS(v_text(entry->subject), v_int(json_int(rating, "session", 0)), v_text(json_text(rating, "rater", "")),
                      v_text(json_text(rating, "value", "")), v_int(json_int(rating, "reported", -1)),
                      v_int(json_int(rating, "resolved", -1))));
}

enum err rating_import(struct txn *txn, void *input, struct error *error) {
  struct rating_import *import = input;
  struct person patient;
  enum err err = actor_person(txn_db(txn), import->by, ROLE_COORDINATOR, import->patient, &patient, error);
  if (err) return err;
  json_t *rows = json_array();
  for (size_t i = 0; i < import->count; i++)
    json_array_append_new(rows, json_pack("{s:I, s:s, s:i}", "session", (json_int_t)import->rows[i].session_number, "value",
                                          import->rows[i].value, "reported", import->rows[i].reported));
  json_t *body = json_pack("{s:s, s:o}", "rater", person_kind_name(import->rater), "rows", rows);
  return ledger_append(txn, import->by->code, "rating.import", patient.code, body, error);
}

static enum err import_apply(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
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

KIND(rating_import, "rating.import", LOG_MASKED, import_apply);
