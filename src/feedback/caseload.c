#include "feedback/caseload.h"

#include "feedback/who_sees.h"

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
    *list = list_grow(arena, *list, *count, &room, sizeof **list);
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

static enum err gathered_judge(struct db *open, struct detector *detector, struct arena *arena, struct gathered *one, struct error *error) {
  memcpy(one->row.course.patient, one->row.patient, sizeof one->row.course.patient);
  memcpy(one->row.course.therapist, one->row.therapist, sizeof one->row.course.therapist);
  one->row.shown = true;
  return course_judge(open, detector, arena, &one->course, &one->row.course, error);
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

static enum err therapist_rows(struct db *open, struct detector *detector, struct arena *arena, const struct actor *viewer,
                               const char *therapist, bool own, size_t *room, struct caseload *caseload, struct error *error) {
  const struct study *study = home_study(detector_home(detector));
  struct gathered *list;
  size_t count;
  bool flagged_only;
  unsigned sees = who_sees(open, study, arena, viewer, therapist, &flagged_only);
  if (!sees && !own) return OK;
  enum err err = patients_gather(open, arena, therapist, &list, &count, error);
  for (size_t i = 0; i < count && !err; i++) {
    struct gathered *one = &list[i];
    one->row.sessions_planned = study->sessions_planned;
    if (sees) err = gathered_judge(open, detector, arena, one, error);
    if (sees && flagged_only && !course_flagged(&one->row.course)) {
      if (!own) continue;
      one->row.shown = false;
    }
    caseload->feedback |= one->row.shown;
    caseload->rows = list_grow(arena, caseload->rows, caseload->count, room, sizeof *caseload->rows);
    caseload->rows[caseload->count++] = one->row;
  }
  return err;
}

static enum err trainer_rows(struct db *open, struct detector *detector, struct arena *arena, const struct actor *viewer,
                             struct caseload *caseload, struct error *error) {
  size_t room = 0, count = 0, codes_room = 0;
  const char **therapists = NULL;
  struct rows rows;
  rows_open(&rows, open, "SELECT code FROM person WHERE kind = 'therapist' AND (site = $1 OR $1 = '') ORDER BY code", ARGS(v_text(viewer->site)));
  while (rows_next(&rows)) {
    therapists = list_grow(arena, therapists, count, &codes_room, sizeof *therapists);
    therapists[count++] = arena_text(arena, rows_text(&rows, 0));
  }
  enum err err = rows_close(&rows, error);
  for (size_t i = 0; i < count && !err; i++) err = therapist_rows(open, detector, arena, viewer, therapists[i], false, &room, caseload, error);
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
    caseload->tasks = list_grow(arena, caseload->tasks, caseload->task_count, &room, sizeof *caseload->tasks);
    struct task *task = &caseload->tasks[caseload->task_count++];
    *task = (struct task){.session_number = rows_int(&rows, 3), .due_ms = rows_int(&rows, 4), .closes_ms = rows_int(&rows, 5)};
    snprintf(task->occasion, sizeof task->occasion, "%s", rows_text(&rows, 0));
    snprintf(task->patient, sizeof task->patient, "%s", rows_text(&rows, 1));
    snprintf(task->name, sizeof task->name, "%s", rows_text(&rows, 2));
    task->overdue = task->due_ms <= now_ms;
  }
  return rows_close(&rows, error);
}

enum err feedback_caseload(struct db *open, struct detector *detector, struct arena *arena, const struct actor *viewer,
                           int64_t now_ms, struct caseload *caseload, struct error *error) {
  memset(caseload, 0, sizeof *caseload);
  enum err err = OK;
  size_t room = 0;
  if (viewer->roles & ROLE_THERAPIST) {
    err = own_tasks(open, arena, viewer, now_ms, caseload, error);
    if (!err) err = therapist_rows(open, detector, arena, viewer, viewer->person, true, &room, caseload, error);
  } else if (viewer->roles & ROLE_TRAINER) {
    err = trainer_rows(open, detector, arena, viewer, caseload, error);
  }
  if (!err && caseload->count) qsort(caseload->rows, caseload->count, sizeof *caseload->rows, by_urgency);
  return err;
}
