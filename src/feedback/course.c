#include "feedback/course.h"

#include "feedback/who_sees.h"

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

enum err course_judge(struct db *open, struct detector *detector, struct arena *arena, const struct detection_course *given,
                             struct course *course, struct error *error) {
  struct detection *seen = arena_array(arena, given->count + 1, sizeof *seen);
  enum err err = detector_judge(detector, open, arena, course->patient, given, seen, &course->least_sessions, error);
  if (err) return err;
  course->count = given->count;
  course->points = arena_array(arena, given->count + 1, sizeof *course->points);
  for (size_t i = 0; i < given->count; i++) course->points[i] = point_of(&given->series[i], &seen[i]);
  course->sessions_planned = home_study(detector_home(detector))->sessions_planned;
  course->basis = detector_basis(detector);
  scale_of(home_study(detector_home(detector)), course);
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
    course->notes = list_grow(arena, course->notes, course->note_count, &room, sizeof *course->notes);
    course->notes[course->note_count++] = (struct course_note){rows_int(&rows, 0), arena_text(arena, rows_text(&rows, 1))};
  }
  return rows_close(&rows, error);
}

bool course_flagged(const struct course *course) {
  for (size_t i = 0; i < course->count; i++)
    if (course->points[i].seen.event != DETECTION_NONE) return true;
  return false;
}

/* The course without notes, when the viewer may see it. */
enum err course_for(struct db *open, struct detector *detector, struct arena *arena, const struct actor *viewer,
                           const char *patient, struct course *course, struct error *error) {
  memset(course, 0, sizeof *course);
  struct person person;
  enum err err = person_read(open, patient, &person, error);
  if (err) return err;
  bool flagged_only;
  bool may = person.kind == PERSON_PATIENT && (!*viewer->site || !strcmp(viewer->site, person.site)) &&
             who_sees(open, home_study(detector_home(detector)), arena, viewer, person.therapist, &flagged_only);
  if (!may) return fail(error, ERR_MISSING, "no-such-person", "person", "there is no person '%s'", patient);
  snprintf(course->patient, sizeof course->patient, "%s", person.code);
  snprintf(course->therapist, sizeof course->therapist, "%s", person.therapist);
  struct detection_course given;
  err = detection_course_read(open, arena, patient, &given, error);
  if (!err) err = course_judge(open, detector, arena, &given, course, error);
  if (!err && flagged_only && !course_flagged(course))
    return fail(error, ERR_MISSING, "no-such-person", "person", "there is no person '%s'", patient);
  return err;
}

enum err feedback_may_see(struct db *open, struct detector *detector, const struct actor *viewer, const char *patient, struct error *error) {
  struct arena arena = {0};
  struct course course;
  enum err err = course_for(open, detector, &arena, viewer, patient, &course, error);
  arena_free(&arena);
  return err;
}

enum err feedback_course(struct db *open, struct detector *detector, struct arena *arena, const struct actor *viewer,
                         const char *patient, struct course *course, struct error *error) {
  enum err err = course_for(open, detector, arena, viewer, patient, course, error);
  if (!err) err = course_days(open, course, error);
  return err ? err : course_notes(open, arena, viewer, course, error);
}
