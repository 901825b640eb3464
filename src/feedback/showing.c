#include "feedback/showing.h"

enum err feedback_showings_due(struct db *open, struct arena *arena, const struct showing_query *query,
                               struct feedback_show **due, size_t *due_count, struct error *error) {
  bool *stands = arena_array(arena, query->count + 1, sizeof *stands);
  struct rows rows;
  rows_open(&rows, open,
            "SELECT patient, basis FROM arm_showing WHERE viewer = $1 AND page = $2 AND sign_in = $3 AND time_ms > $4 "
            "ORDER BY patient, time_ms, sequence",
            ARGS(v_text(query->viewer->code), v_text(query->page), v_text(query->sign_in), v_int(query->now_ms - SHOWING_MS)));
  while (rows_next(&rows))
    for (size_t i = 0; i < query->count; i++) {
      const struct course *course = &query->courses[i];
      stands[i] |= !strcmp(course->patient, rows_text(&rows, 0)) && !strcmp(course->key, rows_text(&rows, 1));
    }
  *due = arena_array(arena, query->count + 1, sizeof **due);
  *due_count = 0;
  for (size_t i = 0; i < query->count; i++)
    if (!stands[i] && query->courses[i].sight.level != SIGHT_NOTHING)
      (*due)[(*due_count)++] = (struct feedback_show){.detector = query->detector,
                                                      .viewer = query->viewer,
                                                      .page = query->page,
                                                      .sign_in = query->sign_in,
                                                      .course = &query->courses[i]};
  return rows_close(&rows, error);
}

/* ---- the body ---- */

static const char *number_or_none(struct arena *arena, bool has, double value) {
  return has ? number_text(arena, value) : "";
}

static json_t *figure(struct arena *arena, const struct course_point *point) {
  static const char *const mended[] = {[MENDED_NOT] = "", [MENDED_UNCONFIRMED] = "not confirmed", [MENDED] = "repaired"};
  return json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i}", "session", (json_int_t)point->session_number,
                   "day", (json_int_t)point->held_day, "event", point->tension ? "tension" : "", "mended", mended[point->mended],
                   "patient", number_or_none(arena, point->has[PERSON_PATIENT], point->rating[PERSON_PATIENT]), "therapist",
                   number_or_none(arena, point->has[PERSON_THERAPIST], point->rating[PERSON_THERAPIST]), "well_being",
                   number_or_none(arena, point->has_well_being, point->well_being), "expected",
                   number_or_none(arena, point->seen.known, point->seen.expected), "low",
                   number_or_none(arena, point->seen.known, point->seen.low), "high",
                   number_or_none(arena, point->seen.known, point->seen.high), "tension", number_text(arena, point->seen.tension),
                   "patient_reported", point->reported[PERSON_PATIENT], "therapist_reported", point->reported[PERSON_THERAPIST]);
}

static json_t *figures(struct arena *arena, const struct course *course) {
  json_t *list = json_array();
  for (size_t i = 0; i < course->count; i++) json_array_append_new(list, figure(arena, &course->points[i]));
  return list;
}

/* "v": 1, where it is missing: without state, band, well-being and key, and with the event as the rule had it. */
static json_t *body_of(struct arena *arena, const struct feedback_show *show) {
  static const char *const states[] = {[COURSE_EARLY] = "early",
                                       [COURSE_STEADY] = "steady",
                                       [COURSE_TENSION] = "tension",
                                       [COURSE_UNCONFIRMED] = "not confirmed",
                                       [COURSE_REPAIRED] = "repaired"};
  const struct course *course = show->course;
  return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:o}", "v", 2, "page", show->page, "sign_in", show->sign_in,
                   "rule", course->basis.rule, "estimate", course->basis.estimate, "false_alarm",
                   number_text(arena, course->basis.false_alarm), "basis", course->key, "state", states[course->state.badge],
                   "stopped", course->state.stopped, "figures", figures(arena, course));
}

enum err feedback_show(struct txn *txn, void *input, struct error *error) {
  struct feedback_show *show = input;
  const char *patient = show->course->patient;
  char key[sizeof show->course->key];
  const struct viewing viewing = {txn_db(txn), show->detector, txn_arena(txn), show->viewer};
  enum err err = course_key_now(&viewing, patient, key, error);
  if (err) return err;
  if (!*key) return fail(error, ERR_MISSING, "no-such-person", "person", "there is no person '%s'", patient);
  if (strcmp(key, show->course->key)) return fail(error, ERR_CONFLICT, SHOWING_STALE, "", "what is known of %s has changed", patient);
  return ledger_append(txn, show->viewer->code, "feedback.show", patient, body_of(txn_arena(txn), show), error);
}

static enum err showing_apply(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  return db_exec(db, error,
                 "INSERT INTO arm_showing (patient, viewer, page, time_ms, sequence, subject, sign_in, basis) "
                 "VALUES ($1, $2, $3, $4, $5, $1, $6, $7)",
                 ARGS(v_text(entry->subject), v_text(entry->actor), v_text(json_text(body, "page", "")), v_int(entry->time_ms),
                      v_int(entry->sequence), v_text(json_text(body, "sign_in", "")), v_text(json_text(body, "basis", ""))));
}

/* Not in the masked log: who is shown what depends on the arm. */
KIND(feedback_show, "feedback.show", LOG_OPEN, showing_apply);
