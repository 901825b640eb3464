#include "trial/session.h"

#include "trial/occasion.h"

#define MAY_RECORD (ROLE_COORDINATOR | ROLE_ASSISTANT)

static enum err session_patient(struct txn *txn, const struct session_record *record, struct person *patient,
                                struct error *error) {
  unsigned roles = record->by->roles & MAY_RECORD ? MAY_RECORD : ROLE_THERAPIST;
  enum err err = actor_person(txn_db(txn), record->by, roles, record->patient, patient, error);
  if (err) return err;
  if (patient->kind != PERSON_PATIENT)
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

/* Whether the session is within the days that the study follows a patient: of a later one the date is kept, and no form
 * opens. */
static bool within_days(const struct study *study, const struct person *patient, int64_t held_day) {
  return !study->sessions_within_days || held_day <= patient->enrolled_ms / DAY_MS + study->sessions_within_days;
}

/* What it opens: the forms of the session, and after the last one those of the end. */
static enum err session_opens(struct txn *txn, const struct session_record *record, const struct person *patient,
                              json_t **opened, struct error *error) {
  const struct study *study = home_study(record->home);
  struct occasion_moment moment = {.home = record->home,
                                   .trigger = TRIGGER_SESSION,
                                   .patient = patient->code,
                                   .therapist = patient->therapist,
                                   .language = patient->language,
                                   .site = patient->site,
                                   .session_number = record->number};
  if (!within_days(study, patient, record->held_day)) {
    *opened = json_array();
    return OK;
  }
  enum err err = occasions_make(txn, &moment, opened, error);
  if (err || record->number != study->sessions_planned) return err;
  json_t *ended;
  moment.trigger = TRIGGER_END;
  err = occasions_make(txn, &moment, &ended, error);
  if (err) {
    json_decref(*opened);
    return err;
  }
  json_array_extend(*opened, ended);
  json_decref(ended);
  return OK;
}

enum err session_record(struct txn *txn, void *input, struct error *error) {
  struct session_record *record = input;
  struct person patient;
  json_t *opened;
  enum err err = session_patient(txn, record, &patient, error);
  if (!err) err = session_order(txn, record, error);
  if (!err) err = session_opens(txn, record, &patient, &opened, error);
  if (err) return err;
  json_t *body = json_pack("{s:I, s:I, s:o}", "number", (json_int_t)record->number, "held_day",
                           (json_int_t)record->held_day, "opened", opened);
  return ledger_append(txn, record->by->code, "session.record", patient.code, body, error);
}

static enum err session_apply(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  enum err err = db_exec(db, error,
                         "INSERT INTO session (patient, number, subject, held_day, recorded_ms) VALUES ($1, $2, $1, $3, $4)",
                         ARGS(v_text(entry->subject), v_int(json_int(body, "number", 0)), v_int(json_int(body, "held_day", 0)),
                              v_int(entry->time_ms)));
  return err ? err : occasions_apply(db, entry, json_object_get(body, "opened"), error);
}

KIND(session_record, "session.record", LOG_MASKED, session_apply);
