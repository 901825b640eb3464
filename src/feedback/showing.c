#include "feedback/showing.h"

enum err feedback_showings_due(struct db *open, struct arena *arena, const struct actor *viewer, const char *page,
                               const char *sign_in, int64_t now_ms, const char *const *patients, size_t count, const char ***due,
                               size_t *due_count, struct error *error) {
  bool *stands = arena_array(arena, count + 1, sizeof *stands);
  struct rows rows;
  rows_open(&rows, open,
            "SELECT patient FROM arm_showing WHERE viewer = $1 AND page = $2 AND sign_in = $3 AND time_ms > $4 ORDER BY patient, time_ms, sequence",
            ARGS(v_text(viewer->code), v_text(page), v_text(sign_in), v_int(now_ms - SHOWING_MS)));
  while (rows_next(&rows))
    for (size_t i = 0; i < count; i++) stands[i] |= !strcmp(patients[i], rows_text(&rows, 0));
  *due = arena_array(arena, count + 1, sizeof **due);
  *due_count = 0;
  for (size_t i = 0; i < count; i++)
    if (!stands[i]) (*due)[(*due_count)++] = patients[i];
  return rows_close(&rows, error);
}

static json_t *figures(struct arena *arena, const struct course *course) {
  static const char *const events[] = {"", "tension", "repair"};
  json_t *list = json_array();
  for (size_t i = 0; i < course->count; i++) {
    const struct course_point *point = &course->points[i];
    json_array_append_new(list, json_pack("{s:I, s:s, s:s, s:s, s:s, s:s}", "session", (json_int_t)point->session_number, "event",
                                          events[point->seen.event], "expected", number_text(arena, point->seen.expected), "tension",
                                          number_text(arena, point->seen.tension), "patient",
                                          point->has[0] ? number_text(arena, point->rating[0]) : "", "therapist",
                                          point->has[1] ? number_text(arena, point->rating[1]) : ""));
  }
  return list;
}

enum err feedback_show(struct txn *txn, void *input, struct error *error) {
  struct feedback_show *show = input;
  struct course course;
  enum err err = course_for(txn_db(txn), show->detector, txn_arena(txn), show->viewer, show->patient, &course, error);
  if (err) return err;
  json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "page", show->page, "sign_in", show->sign_in, "rule", course.basis.rule,
                           "estimate", course.basis.estimate, "false_alarm", number_text(txn_arena(txn), course.basis.false_alarm),
                           "figures", figures(txn_arena(txn), &course));
  return ledger_append(txn, show->viewer->code, "feedback.show", show->patient, body, error);
}

static enum err showing_apply(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  return db_exec(db, error,
                 "INSERT INTO arm_showing (patient, viewer, page, time_ms, sequence, subject, sign_in) VALUES ($1, $2, $3, $4, $5, $1, $6)",
                 ARGS(v_text(entry->subject), v_text(entry->actor), v_text(json_text(body, "page", "")), v_int(entry->time_ms),
                      v_int(entry->sequence), v_text(json_text(body, "sign_in", ""))));
}

/* Not in the masked log: who is shown what depends on the arm. */
KIND(feedback_show, "feedback.show", LOG_OPEN, showing_apply);
