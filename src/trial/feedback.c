#include "trial/feedback.h"

#include "base/utf8.h"

#define LONGEST_NOTE 4000

static void *room_for_one_more(struct arena *arena, void *list, size_t count, size_t *room, size_t size) {
  if (count < *room) return list;
  size_t more = *room ? *room * 2 : 16;
  void *wider = arena_array(arena, more, size);
  if (count) memcpy(wider, list, count * size);
  *room = more;
  return wider;
}

/* ---- who may see ---- */

static const char *arm_of(struct db *open, const struct study *study, struct arena *arena, const char *therapist) {
  char *arm;
  if (!study->arm_count) return "";
  enum err err = db_text(open, NULL, arena, &arm, "SELECT arm FROM arm_allocation WHERE person = $1 ORDER BY person", ARGS(v_text(therapist)));
  return err || !arm ? "" : arm;
}

/* In which of the viewer's roles the study shows this therapist's patients to them: what they see, or 0. */
static unsigned seen_by(const struct study *study, const struct actor *viewer, const char *therapist, const char *arm,
                        bool *flagged_only) {
  unsigned sees = 0;
  *flagged_only = false;
  if ((viewer->roles & ROLE_THERAPIST) && *viewer->person && !strcmp(viewer->person, therapist))
    sees = study_feedback_for(study, "therapist", arm, flagged_only);
  if (!(sees & SEES_COURSE) && (viewer->roles & ROLE_TRAINER)) sees = study_feedback_for(study, "trainer", arm, flagged_only);
  return sees & (SEES_COURSE | SEES_EVENTS);
}

/* ---- one course ---- */

static struct course_point point_of(const struct detection_series *from, const struct detection *seen) {
  struct course_point point = {.session_number = from->session_number, .held_day = -1, .seen = *seen};
  for (int rater = 0; rater < 2; rater++) {
    point.has[rater] = from->has[rater];
    point.rating[rater] = from->rating[rater];
    point.reported[rater] = from->reported[rater];
    point.resolved[rater] = from->resolved[rater];
  }
  return point;
}

#define QUIET_MENDS 2   /* sessions in a row without a sign of the tension: it counts as repaired */
#define QUIET_SETTLES 5 /* and as past */

/* Who reported it says that it was resolved by the end of that session; the patient's word goes first. */
static bool resolved_within(const struct course_point *point) {
  return point->resolved[0] == 1 || (point->resolved[0] < 0 && point->resolved[1] == 1);
}

/* Nobody reports a tension and, where the patient rated, the rating is within what was expected. */
static bool quiet(const struct course_point *point) {
  bool below = point->has[0] && point->seen.known && point->rating[0] < point->seen.low;
  return !point->seen.reported && !below && (point->has[0] || point->has[1]);
}

static enum course_state state_of(const struct course *course) {
  enum course_state state = COURSE_EARLY;
  int64_t rated = 0, calm = 0;
  for (size_t i = 0; i < course->count; i++) {
    const struct course_point *point = &course->points[i];
    rated += point->has[0] || point->has[1];
    calm = quiet(point) ? calm + 1 : 0;
    if (point->seen.event == DETECTION_TENSION) {
      state = resolved_within(point) ? COURSE_REPAIRED : COURSE_TENSION;
      calm = 0;
    } else if (point->seen.event == DETECTION_REPAIR || (state == COURSE_TENSION && calm >= QUIET_MENDS))
      state = COURSE_REPAIRED;
    else if (state == COURSE_REPAIRED && calm >= QUIET_SETTLES)
      state = COURSE_STEADY;
  }
  return state == COURSE_EARLY && rated >= course->least_sessions ? COURSE_STEADY : state;
}

static void scale_of(const struct study *study, struct course *course) {
  const struct study_signal *signal = study->detection.patient.form ? &study->detection.patient : &study->detection.therapist;
  course->lowest = signal->form && signal->score ? signal->score->low : 0;
  course->highest = signal->form && signal->score ? signal->score->high : 1;
}

static enum err course_judge(struct db *open, const struct home *home, struct arena *arena, const struct detection_course *given,
                             struct course *course, struct error *error) {
  struct detection *seen = arena_array(arena, given->count + 1, sizeof *seen);
  enum err err = detector_judge(home->detector, open, arena, course->patient, given, seen, &course->least_sessions, error);
  if (err) return err;
  course->count = given->count;
  course->points = arena_array(arena, given->count + 1, sizeof *course->points);
  for (size_t i = 0; i < given->count; i++) course->points[i] = point_of(&given->series[i], &seen[i]);
  course->sessions_planned = home_study(home)->sessions_planned;
  course->basis = detector_basis(home->detector);
  scale_of(home_study(home), course);
  course->state = state_of(course);
  return OK;
}

static enum err course_days(struct db *open, struct course *course, struct error *error) {
  struct rows rows;
  size_t i = 0;
  rows_open(&rows, open, "SELECT number, held_day FROM session WHERE patient = $1 ORDER BY number", ARGS(v_text(course->patient)));
  while (rows_next(&rows)) {
    int64_t number = rows_int(&rows, 0);
    while (i < course->count && course->points[i].session_number < number) i++;
    if (i < course->count && course->points[i].session_number == number) course->points[i].held_day = rows_int(&rows, 1);
  }
  return rows_close(&rows, error);
}

static enum err course_notes(struct db *open, struct arena *arena, const struct actor *viewer, struct course *course, struct error *error) {
  size_t room = 0;
  struct rows rows;
  rows_open(&rows, open, "SELECT time_ms, text FROM note WHERE patient = $1 AND author = $2 ORDER BY number DESC",
            ARGS(v_text(course->patient), v_text(viewer->code)));
  while (rows_next(&rows)) {
    course->notes = room_for_one_more(arena, course->notes, course->note_count, &room, sizeof *course->notes);
    course->notes[course->note_count++] = (struct course_note){rows_int(&rows, 0), arena_text(arena, rows_text(&rows, 1))};
  }
  return rows_close(&rows, error);
}

static bool course_flagged(const struct course *course) {
  for (size_t i = 0; i < course->count; i++)
    if (course->points[i].seen.event != DETECTION_NONE) return true;
  return false;
}

/* The course without notes, when the viewer may see it. */
static enum err course_for(struct db *open, const struct home *home, struct arena *arena, const struct actor *viewer,
                           const char *patient, struct course *course, struct error *error) {
  memset(course, 0, sizeof *course);
  struct person person;
  enum err err = person_read(open, patient, &person, error);
  if (err) return err;
  bool flagged_only;
  bool may = !strcmp(person.kind, "patient") && (!*viewer->site || !strcmp(viewer->site, person.site)) &&
             seen_by(home_study(home), viewer, person.therapist, arm_of(open, home_study(home), arena, person.therapist), &flagged_only);
  if (!may) return fail(error, ERR_MISSING, "no-such-person", "person", "there is no person '%s'", patient);
  snprintf(course->patient, sizeof course->patient, "%s", person.code);
  snprintf(course->therapist, sizeof course->therapist, "%s", person.therapist);
  struct detection_course given;
  err = detection_course_read(open, arena, patient, &given, error);
  if (!err) err = course_judge(open, home, arena, &given, course, error);
  if (!err && flagged_only && !course_flagged(course))
    return fail(error, ERR_MISSING, "no-such-person", "person", "there is no person '%s'", patient);
  return err;
}

enum err feedback_may_see(struct db *open, const struct home *home, const struct actor *viewer, const char *patient, struct error *error) {
  struct arena arena = {0};
  struct course course;
  enum err err = course_for(open, home, &arena, viewer, patient, &course, error);
  arena_free(&arena);
  return err;
}

enum err feedback_course(struct db *open, const struct home *home, struct arena *arena, const struct actor *viewer,
                         const char *patient, struct course *course, struct error *error) {
  enum err err = course_for(open, home, arena, viewer, patient, course, error);
  if (!err) err = course_days(open, course, error);
  return err ? err : course_notes(open, arena, viewer, course, error);
}

/* ---- lists ---- */


/* One of a therapist's patients with the ratings so far. */
struct gathered {
  struct caseload_row row;
  struct detection_course course;
};

/* Walks on to the patient of this row: patients and rows are in the same order. NULL when the row is nobody's. */
static struct gathered *gathered_of(struct gathered *list, size_t count, size_t *at, const char *patient) {
  while (*at < count && strcmp(list[*at].row.patient, patient) < 0) ++*at;
  return *at < count && !strcmp(list[*at].row.patient, patient) ? &list[*at] : NULL;
}

static enum err gather_people(struct db *open, struct arena *arena, const char *therapist, struct gathered **list, size_t *count,
                              struct error *error) {
  size_t room = 0;
  struct rows rows;
  rows_open(&rows, open, "SELECT code, withdrawn_ms FROM person WHERE therapist = $1 ORDER BY code", ARGS(v_text(therapist)));
  while (rows_next(&rows)) {
    *list = room_for_one_more(arena, *list, *count, &room, sizeof **list);
    struct gathered *one = &(*list)[(*count)++];
    *one = (struct gathered){.row = {.withdrawn = rows_int(&rows, 1) != 0, .last_day = -1}};
    snprintf(one->row.patient, sizeof one->row.patient, "%s", rows_text(&rows, 0));
    snprintf(one->row.therapist, sizeof one->row.therapist, "%s", therapist);
  }
  return rows_close(&rows, error);
}

static enum err gather_sessions(struct db *open, const char *therapist, struct gathered *list, size_t count, struct error *error) {
  size_t at = 0;
  struct rows rows;
  rows_open(&rows, open,
            "SELECT p.code, s.number, s.held_day FROM person p JOIN session s ON s.patient = p.code WHERE p.therapist = $1 "
            "ORDER BY p.code, s.number",
            ARGS(v_text(therapist)));
  while (rows_next(&rows)) {
    struct gathered *one = gathered_of(list, count, &at, rows_text(&rows, 0));
    if (!one) continue;
    one->row.sessions++;
    one->row.last_day = rows_int(&rows, 2);
  }
  return rows_close(&rows, error);
}

static enum err gather_ratings(struct db *open, struct arena *arena, const char *therapist, struct gathered *list, size_t count,
                               struct error *error) {
  size_t at = 0;
  struct rows rows;
  rows_open(&rows, open,
            "SELECT p.code, r.session_number, r.rater, r.value, r.reported, r.resolved FROM person p JOIN rating r ON r.patient = p.code "
            "WHERE p.therapist = $1 ORDER BY p.code, r.session_number, r.rater",
            ARGS(v_text(therapist)));
  while (rows_next(&rows)) {
    struct gathered *one = gathered_of(list, count, &at, rows_text(&rows, 0));
    if (one) detection_course_add(arena, &one->course, &rows, 1);
  }
  return rows_close(&rows, error);
}

/* Three queries that walk indexes in their own order: one with outer joins must sort, and costs several times as much. */
static enum err patients_gather(struct db *open, struct arena *arena, const char *therapist, struct gathered **list,
                                size_t *count, struct error *error) {
  *list = NULL;
  *count = 0;
  enum err err = gather_people(open, arena, therapist, list, count, error);
  if (!err) err = gather_sessions(open, therapist, *list, *count, error);
  return err ? err : gather_ratings(open, arena, therapist, *list, *count, error);
}

static enum err gathered_judge(struct db *open, const struct home *home, struct arena *arena, struct gathered *one, struct error *error) {
  memcpy(one->row.course.patient, one->row.patient, sizeof one->row.course.patient);
  memcpy(one->row.course.therapist, one->row.therapist, sizeof one->row.course.therapist);
  one->row.shown = true;
  return course_judge(open, home, arena, &one->course, &one->row.course, error);
}

static int urgency(const struct caseload_row *row) {
  static const int by_state[] = {[COURSE_TENSION] = 0, [COURSE_EARLY] = 1, [COURSE_REPAIRED] = 2, [COURSE_STEADY] = 3};
  return row->withdrawn ? 9 : row->shown ? by_state[row->course.state] : 8;
}

static int by_urgency(const void *a, const void *b) {
  const struct caseload_row *left = a, *right = b;
  if (urgency(left) != urgency(right)) return urgency(left) < urgency(right) ? -1 : 1;
  if (left->shown && left->last_day != right->last_day) return left->last_day > right->last_day ? -1 : 1;
  return strcmp(left->patient, right->patient);
}

static enum err therapist_rows(struct db *open, const struct home *home, struct arena *arena, const struct actor *viewer,
                               const char *therapist, bool own, size_t *room, struct caseload *caseload, struct error *error) {
  struct gathered *list;
  size_t count;
  bool flagged_only;
  unsigned sees = seen_by(home_study(home), viewer, therapist, arm_of(open, home_study(home), arena, therapist), &flagged_only);
  if (!sees && !own) return OK;
  enum err err = patients_gather(open, arena, therapist, &list, &count, error);
  for (size_t i = 0; i < count && !err; i++) {
    struct gathered *one = &list[i];
    one->row.sessions_planned = home_study(home)->sessions_planned;
    if (sees) err = gathered_judge(open, home, arena, one, error);
    if (sees && flagged_only && !course_flagged(&one->row.course)) {
      if (!own) continue;
      one->row.shown = false;
    }
    caseload->feedback |= one->row.shown;
    caseload->rows = room_for_one_more(arena, caseload->rows, caseload->count, room, sizeof *caseload->rows);
    caseload->rows[caseload->count++] = one->row;
  }
  return err;
}

static enum err trainer_rows(struct db *open, const struct home *home, struct arena *arena, const struct actor *viewer,
                             struct caseload *caseload, struct error *error) {
  size_t room = 0, count = 0, codes_room = 0;
  const char **therapists = NULL;
  struct rows rows;
  rows_open(&rows, open, "SELECT code FROM person WHERE kind = 'therapist' AND (site = $1 OR $1 = '') ORDER BY code", ARGS(v_text(viewer->site)));
  while (rows_next(&rows)) {
    therapists = room_for_one_more(arena, therapists, count, &codes_room, sizeof *therapists);
    therapists[count++] = arena_text(arena, rows_text(&rows, 0));
  }
  enum err err = rows_close(&rows, error);
  for (size_t i = 0; i < count && !err; i++) err = therapist_rows(open, home, arena, viewer, therapists[i], false, &room, caseload, error);
  return err;
}

static enum err own_tasks(struct db *open, struct arena *arena, const struct actor *viewer, int64_t now_ms, struct caseload *caseload,
                          struct error *error) {
  size_t room = 0;
  struct rows rows;
  rows_open(&rows, open,
            "SELECT o.id, o.patient, o.name, o.session_number, o.due_ms, o.closes_ms FROM occasion o JOIN person p ON p.code = o.subject "
            "WHERE o.respondent = $1 AND o.submitted_ms = 0 AND o.closes_ms > $2 AND p.withdrawn_ms = 0 ORDER BY o.due_ms, o.id",
            ARGS(v_text(viewer->person), v_int(now_ms)));
  while (rows_next(&rows)) {
    caseload->tasks = room_for_one_more(arena, caseload->tasks, caseload->task_count, &room, sizeof *caseload->tasks);
    struct task *task = &caseload->tasks[caseload->task_count++];
    *task = (struct task){.session_number = rows_int(&rows, 3), .due_ms = rows_int(&rows, 4), .closes_ms = rows_int(&rows, 5)};
    snprintf(task->occasion, sizeof task->occasion, "%s", rows_text(&rows, 0));
    snprintf(task->patient, sizeof task->patient, "%s", rows_text(&rows, 1));
    snprintf(task->name, sizeof task->name, "%s", rows_text(&rows, 2));
    task->overdue = task->due_ms <= now_ms;
  }
  return rows_close(&rows, error);
}

enum err feedback_caseload(struct db *open, const struct home *home, struct arena *arena, const struct actor *viewer,
                           int64_t now_ms, struct caseload *caseload, struct error *error) {
  memset(caseload, 0, sizeof *caseload);
  enum err err = OK;
  size_t room = 0;
  if (viewer->roles & ROLE_THERAPIST) {
    err = own_tasks(open, arena, viewer, now_ms, caseload, error);
    if (!err) err = therapist_rows(open, home, arena, viewer, viewer->person, true, &room, caseload, error);
  } else if (viewer->roles & ROLE_TRAINER) {
    err = trainer_rows(open, home, arena, viewer, caseload, error);
  }
  if (!err && caseload->count) qsort(caseload->rows, caseload->count, sizeof *caseload->rows, by_urgency);
  return err;
}

/* ---- showings ---- */

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
  enum err err = course_for(txn_db(txn), show->home, txn_arena(txn), show->viewer, show->patient, &course, error);
  if (err) return err;
  json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "page", show->page, "sign_in", show->sign_in, "rule", course.basis.rule,
                           "estimate", course.basis.estimate, "false_alarm", number_text(txn_arena(txn), course.basis.false_alarm),
                           "figures", figures(txn_arena(txn), &course));
  return ledger_append(txn, show->viewer->code, "feedback.show", show->patient, body, error);
}

enum err feedback_apply_showing(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  return db_exec(db, error,
                 "INSERT INTO arm_showing (patient, viewer, page, time_ms, sequence, subject, sign_in) VALUES ($1, $2, $3, $4, $5, $1, $6)",
                 ARGS(v_text(entry->subject), v_text(entry->actor), v_text(json_text(body, "page", "")), v_int(entry->time_ms),
                      v_int(entry->sequence), v_text(json_text(body, "sign_in", ""))));
}

/* ---- notes ---- */

enum err note_write(struct txn *txn, void *input, struct error *error) {
  struct note_write *write = input;
  enum err err = feedback_may_see(txn_db(txn), write->home, write->by, write->patient, error);
  if (err) return err;
  size_t length = strlen(write->text);
  if (!length) return fail(error, ERR_INPUT, "answer-required", "text", "a note needs some words");
  if (!utf8_valid(write->text, length) || utf8_length(write->text) > LONGEST_NOTE)
    return fail(error, ERR_INPUT, "too-long", "text", "a note has at most %d characters", LONGEST_NOTE);
  int64_t last;
  err = db_int(txn_db(txn), error, &last, 0, "SELECT max(number) FROM note WHERE patient = $1 AND author = $2",
               ARGS(v_text(write->patient), v_text(write->by->code)));
  if (err) return err;
  json_t *body = json_pack("{s:I, s:s}", "number", (json_int_t)(last + 1), "text", write->text);
  return ledger_append(txn, write->by->code, "note.write", write->patient, body, error);
}

enum err feedback_apply_note(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  return db_exec(db, error, "INSERT INTO note (patient, author, number, subject, text, time_ms) VALUES ($1, $2, $3, $1, $4, $5)",
                 ARGS(v_text(entry->subject), v_text(entry->actor), v_int(json_int(body, "number", 0)), v_text(json_text(body, "text", "")),
                      v_int(entry->time_ms)));
}
