#include "feedback/renewal.h"

#include "feedback/course.h"

/* ---- one course ---- */

static enum err urgency_write(struct db *db, const struct course *course, struct error *error) {
  return db_exec(db, error,
                 "INSERT INTO cache_course (patient, subject, basis, urgency, flagged, last_day) VALUES ($1, $1, $2, $3, $4, $5) "
                 "ON CONFLICT (patient) DO UPDATE SET basis = excluded.basis, urgency = excluded.urgency, "
                 "flagged = excluded.flagged, last_day = excluded.last_day",
                 ARGS(v_text(course->patient), v_text(course->key), v_int(course->state.urgency), v_int(course->state.now != NULL),
                      v_int(course->last_day)));
}

/* Of a patient; of anybody else there is nothing to keep. */
static enum err keep(struct txn *txn, struct detector *detector, const char *code, struct error *error) {
  struct person patient;
  struct course course;
  enum err err = person_read(txn_db(txn), code, &patient, error);
  if (err || patient.kind != PERSON_PATIENT) return err == ERR_MISSING ? OK : err;
  err = course_keep(txn, detector, &patient, &course, error);
  return err ? err : urgency_write(txn_db(txn), &course, error);
}

/* ---- all courses ---- */

struct keep_again {
  struct detector *detector;
  const char *patient;
};

static enum err keep_again(struct txn *txn, void *input, struct error *error) {
  const struct keep_again *again = input;
  return keep(txn, again->detector, again->patient, error);
}

/* Judged here, so that the writer finds it in memory and only writes. */
static enum err course_renew(struct detector *detector, struct db *open, const char *code, struct error *error) {
  struct arena arena = {0};
  struct person patient;
  struct detection_course ratings;
  struct judgement judgement;
  bool kept = false;
  enum err err = person_read(open, code, &patient, error);
  if (!err) err = course_kept(open, detector, &arena, &patient, &kept, error);
  if (!err && !kept) err = detection_course_read(open, &arena, code, &ratings, error);
  if (!err && !kept) err = detector_judge(detector, open, &arena, &ratings, &judgement, error);
  struct keep_again again = {detector, code};
  if (!err && !kept) err = ledger_do(detector_home(detector)->ledger, keep_again, &again, error);
  arena_free(&arena);
  return err == ERR_MISSING ? OK : err; /* erased meanwhile */
}

static enum err courses_renew(struct detector *detector, struct db *open, struct error *error) {
  struct arena arena = {0};
  size_t count = 0, room = 0;
  char (*patients)[CODE_BYTES] = NULL;
  struct rows rows;
  rows_open(&rows, open, "SELECT code FROM person WHERE kind = 'patient' ORDER BY code", NO_ARGS);
  while (rows_next(&rows)) {
    patients = list_grow(&arena, patients, count, &room, sizeof *patients);
    snprintf(patients[count++], CODE_BYTES, "%s", rows_text(&rows, 0));
  }
  enum err err = rows_close(&rows, error);
  for (size_t i = 0; i < count && !err; i++) err = course_renew(detector, open, patients[i], error);
  arena_free(&arena);
  return err;
}

enum err feedback_renew(struct detector *detector, struct error *error) {
  struct db *open;
  if (!detector_home(detector)->ledger) return OK;
  enum err err = db_open(&open, detector_home(detector)->store, DB_OPEN, error);
  if (err) return err;
  err = detector_remember(detector, error);
  if (!err) err = courses_renew(detector, open, error);
  db_close(open);
  return err;
}

enum err feedback_learn(struct detector *detector, struct error *error) {
  enum err err = detector_learn(detector, error);
  return err ? err : feedback_renew(detector, error);
}

/* ---- after an entry ---- */

static enum err after_entry(struct txn *txn, void *detector, const struct entry *entry, const json_t *body, struct error *error) {
  (void)body;
  return keep(txn, detector, entry->subject, error);
}

FOLLOW(form_submit_judged, "form.submit", after_entry);
FOLLOW(form_correct_judged, "form.correct", after_entry);
FOLLOW(rating_import_judged, "rating.import", after_entry);
FOLLOW(session_record_judged, "session.record", after_entry);
FOLLOW(person_withdraw_judged, "person.withdraw", after_entry);
