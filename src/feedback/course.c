#include "feedback/course.h"

#include "study/expression.h"

/* ---- what there is ---- */

struct held {
  int64_t number, day;
};
struct rated { /* well-being after a session */
  int64_t number;
  double value;
};
/* All that a course rests on. */
struct inputs {
  struct detection_course ratings;
  struct held *held;
  struct rated *well_being;
  size_t held_count, well_being_count;
};

static const struct form_item *well_being_item(const struct study *study) {
  const struct form *form = study->detection.patient.form;
  for (size_t i = 0; form && i < form->item_count; i++)
    if (!strcmp(form->items[i].name, WELL_BEING) && form->items[i].has_low && form->items[i].has_high) return &form->items[i];
  return NULL;
}

static enum err held_read(struct db *open, struct arena *arena, const char *patient, struct inputs *inputs, struct error *error) {
  size_t room = 0;
  struct rows rows;
  rows_open(&rows, open, "SELECT number, held_day FROM session WHERE patient = $1 ORDER BY number", ARGS(v_text(patient)));
  while (rows_next(&rows)) {
    inputs->held = list_grow(arena, inputs->held, inputs->held_count, &room, sizeof *inputs->held);
    inputs->held[inputs->held_count++] = (struct held){rows_int(&rows, 0), rows_int(&rows, 1)};
  }
  return rows_close(&rows, error);
}

static enum err well_being_read(struct db *open, struct arena *arena, const struct study *study, const char *patient,
                                struct inputs *inputs, struct error *error) {
  size_t room = 0;
  struct rows rows;
  if (!well_being_item(study)) return OK;
  rows_open(&rows, open,
            "SELECT o.session_number, s.value FROM occasion o JOIN score s ON s.occasion = o.id "
            "WHERE o.patient = $1 AND o.form = $2 AND o.rater = 'patient' AND o.session_number >= 0 AND s.name = $3 "
            "ORDER BY o.session_number, o.id",
            ARGS(v_text(patient), v_text(study->detection.patient.form->name), v_text(WELL_BEING)));
  while (rows_next(&rows)) {
    struct rated one = {.number = rows_int(&rows, 0)};
    if (!number_read(rows_text(&rows, 1), &one.value)) continue;
    inputs->well_being = list_grow(arena, inputs->well_being, inputs->well_being_count, &room, sizeof *inputs->well_being);
    inputs->well_being[inputs->well_being_count++] = one;
  }
  return rows_close(&rows, error);
}

static enum err inputs_read(struct db *open, struct arena *arena, const struct study *study, const char *patient,
                            struct inputs *inputs, struct error *error) {
  *inputs = (struct inputs){0};
  enum err err = detection_course_read(open, arena, patient, &inputs->ratings, error);
  if (!err) err = held_read(open, arena, patient, inputs, error);
  return err ? err : well_being_read(open, arena, study, patient, inputs, error);
}

/* A hash over the judgement's key and the rest, then a letter for the sight. */
static void key_of(struct arena *arena, const char *judged, const struct inputs *inputs, bool left, struct sight sight,
                   char key[2 * SHA256_BYTES + 3]) {
  struct buf text = buf_in(arena, 1024);
  buf_addf(&text, "%s %d", judged, left);
  for (size_t i = 0; i < inputs->held_count; i++)
    buf_addf(&text, " %lld:%lld", (long long)inputs->held[i].number, (long long)inputs->held[i].day);
  for (size_t i = 0; i < inputs->well_being_count; i++)
    buf_addf(&text, " %lld=%.17g", (long long)inputs->well_being[i].number, inputs->well_being[i].value);
  uint8_t hash[SHA256_BYTES];
  sha256(hash, text.data, text.length);
  hex_write(key, hash, sizeof hash);
  key[2 * SHA256_BYTES] = sight.level == SIGHT_EVENTS ? 'e' : sight.flagged_only ? 'f' : 'c';
  key[2 * SHA256_BYTES + 1] = 0;
}

/* ---- put together ---- */

static struct course_point point_blank(int64_t number) {
  return (struct course_point){.session_number = number, .held_day = -1, .reported = {-1, -1}, .resolved = {-1, -1}};
}

static void point_rated(struct course_point *point, const struct detection_series *from, const struct detection *seen) {
  point->seen = *seen;
  for (int rater = 0; rater < 2; rater++) {
    point->has[rater] = from->has[rater];
    point->rating[rater] = from->rating[rater];
    point->reported[rater] = from->reported[rater];
    point->resolved[rater] = from->resolved[rater];
  }
}

/* Ratings, sessions and well-being come by session number; a session is in one of them or in several. */
static void points_make(struct arena *arena, const struct inputs *inputs, const struct detection *seen, struct course *course) {
  size_t rated = 0, held = 0, well = 0;
  course->points = arena_array(arena, inputs->ratings.count + inputs->held_count + 1, sizeof *course->points);
  while (rated < inputs->ratings.count || held < inputs->held_count) {
    int64_t by_rating = rated < inputs->ratings.count ? inputs->ratings.series[rated].session_number : INT64_MAX;
    int64_t by_session = held < inputs->held_count ? inputs->held[held].number : INT64_MAX;
    struct course_point *point = &course->points[course->count++];
    *point = point_blank(by_rating < by_session ? by_rating : by_session);
    if (by_rating == point->session_number) {
      point_rated(point, &inputs->ratings.series[rated], &seen[rated]);
      course->rated += point->has[0] || point->has[1];
      rated++;
    }
    if (by_session == point->session_number) point->held_day = inputs->held[held++].day;
    while (well < inputs->well_being_count && inputs->well_being[well].number < point->session_number) well++;
    if (well >= inputs->well_being_count || inputs->well_being[well].number != point->session_number) continue;
    point->has_well_being = true;
    point->well_being = inputs->well_being[well].value;
  }
}

static void scales_of(const struct study *study, struct course *course) {
  const struct study_signal *patient = &study->detection.patient, *signal = patient;
  bool by_patient = patient->form && patient->score;
  if (!by_patient) signal = &study->detection.therapist;
  course->terms.band_rater = by_patient ? PERSON_PATIENT : PERSON_THERAPIST;
  course->lowest = signal->form && signal->score ? signal->score->low : 0;
  course->highest = signal->form && signal->score ? signal->score->high : 1;
  const struct form_item *item = well_being_item(study);
  if (!item) return;
  course->well_being_lowest = item->low;
  course->well_being_highest = item->high;
}

/* Who it is and how many sessions there were: what everybody with this patient in a list sees. */
static void course_begin(const struct study *study, const struct person *patient, const struct inputs *inputs,
                         struct course *course) {
  *course = (struct course){.left = patient->withdrawn_ms != 0,
                            .sessions_planned = study->sessions_planned,
                            .held = (int64_t)inputs->held_count,
                            .last_day = -1};
  memcpy(course->patient, patient->code, sizeof course->patient);
  memcpy(course->therapist, patient->therapist, sizeof course->therapist);
  if (!inputs->held_count) return;
  course->last_number = inputs->held[inputs->held_count - 1].number;
  course->last_day = inputs->held[inputs->held_count - 1].day;
}

static void course_fill(const struct study *study, struct arena *arena, const struct inputs *inputs,
                        const struct judgement *judgement, struct sight sight, struct course *course) {
  course->sight = sight;
  course->basis = judgement->basis;
  course->terms.least_sessions = judgement->least;
  course->terms.left = course->left;
  scales_of(study, course);
  points_make(arena, inputs, judgement->seen, course);
  course_state_read(arena, course->points, course->count, &course->terms, &course->state);
  key_of(arena, judgement->key, inputs, course->left, sight, course->key);
}

/* ---- for a viewer ---- */

static enum err no_such_person(const char *patient, struct error *error) {
  return fail(error, ERR_MISSING, "no-such-person", "person", "there is no person '%s'", patient);
}

/* The patient, when the viewer acts where the patient is; and how much of the course the viewer sees. */
static enum err look(const struct viewing *viewing, const char *code, struct person *patient, struct sight *sight, struct error *error) {
  const struct actor *viewer = viewing->viewer;
  enum err err = person_read(viewing->open, code, patient, error);
  if (err) return err;
  bool here = !*viewer->site || !strcmp(viewer->site, patient->site);
  if (patient->kind != PERSON_PATIENT || !here) return no_such_person(code, error);
  *sight = who_sees(viewing->open, home_study(detector_home(viewing->detector)), viewing->arena, viewer, patient->therapist);
  return OK;
}

enum err course_row(const struct viewing *viewing, const char *code, struct course *course, struct error *error) {
  const struct study *study = home_study(detector_home(viewing->detector));
  struct person patient;
  struct sight sight;
  struct inputs inputs;
  struct judgement judgement;
  enum err err = look(viewing, code, &patient, &sight, error);
  if (!err) err = inputs_read(viewing->open, viewing->arena, study, code, &inputs, error);
  if (err) return err;
  course_begin(study, &patient, &inputs, course);
  if (sight.level == SIGHT_NOTHING) return OK;
  err = detector_judge(viewing->detector, viewing->open, viewing->arena, &inputs.ratings, &judgement, error);
  if (err) return err;
  course_fill(study, viewing->arena, &inputs, &judgement, sight, course);
  if (sight.flagged_only && !course->state.now) {
    course_begin(study, &patient, &inputs, course);
    return OK;
  }
  who_sees_filter(sight, course->points, &course->count, &course->state);
  return OK;
}

enum err course_read(const struct viewing *viewing, const char *patient, struct course *course, struct error *error) {
  enum err err = course_row(viewing, patient, course, error);
  return !err && course->sight.level == SIGHT_NOTHING ? no_such_person(patient, error) : err;
}

enum err course_key_now(const struct viewing *viewing, const char *code, char key[2 * SHA256_BYTES + 3], struct error *error) {
  struct person patient;
  struct sight sight;
  struct inputs inputs;
  char judged[2 * SHA256_BYTES + 1];
  *key = 0;
  enum err err = look(viewing, code, &patient, &sight, error);
  if (!err) err = inputs_read(viewing->open, viewing->arena, home_study(detector_home(viewing->detector)), code, &inputs, error);
  if (err || sight.level == SIGHT_NOTHING) return err;
  detector_key(viewing->detector, viewing->arena, &inputs.ratings, judged);
  key_of(viewing->arena, judged, &inputs, patient.withdrawn_ms != 0, sight, key);
  return OK;
}

static enum err course_notes(const struct viewing *viewing, struct course *course, struct error *error) {
  size_t room = 0;
  struct rows rows;
  rows_open(&rows, viewing->open, "SELECT time_ms, text FROM note WHERE patient = $1 AND author = $2 ORDER BY number DESC",
            ARGS(v_text(course->patient), v_text(viewing->viewer->code)));
  while (rows_next(&rows)) {
    course->notes = list_grow(viewing->arena, course->notes, course->note_count, &room, sizeof *course->notes);
    course->notes[course->note_count++] = (struct course_note){rows_int(&rows, 0), arena_text(viewing->arena, rows_text(&rows, 1))};
  }
  return rows_close(&rows, error);
}

enum err feedback_course(const struct viewing *viewing, const char *patient, struct course *course, struct error *error) {
  enum err err = course_read(viewing, patient, course, error);
  return err ? err : course_notes(viewing, course, error);
}

enum err feedback_may_see(const struct viewing *viewing, const char *patient, struct error *error) {
  struct course course;
  return course_read(viewing, patient, &course, error);
}

/* ---- to be kept ---- */

enum err course_keep(struct txn *txn, struct detector *detector, const struct person *patient, struct course *course,
                     struct error *error) {
  const struct study *study = home_study(detector_home(detector));
  struct inputs inputs;
  struct judgement judgement;
  enum err err = inputs_read(txn_db(txn), txn_arena(txn), study, patient->code, &inputs, error);
  if (!err) err = detector_keep(detector, txn, &inputs.ratings, &judgement, error);
  if (err) return err;
  course_begin(study, patient, &inputs, course);
  course_fill(study, txn_arena(txn), &inputs, &judgement, (struct sight){SIGHT_COURSE, false}, course);
  return OK;
}

enum err course_kept(struct db *open, struct detector *detector, struct arena *arena, const struct person *patient,
                     bool *kept, struct error *error) {
  struct inputs inputs;
  char judged[2 * SHA256_BYTES + 1], key[2 * SHA256_BYTES + 3], *basis;
  enum err err = inputs_read(open, arena, home_study(detector_home(detector)), patient->code, &inputs, error);
  if (err) return err;
  detector_key(detector, arena, &inputs.ratings, judged);
  key_of(arena, judged, &inputs, patient->withdrawn_ms != 0, (struct sight){SIGHT_COURSE, false}, key);
  err = db_text(open, error, arena, &basis, "SELECT basis FROM cache_course WHERE patient = $1 ORDER BY patient", ARGS(v_text(patient->code)));
  *kept = !err && basis && !strcmp(basis, key);
  if (err || !*kept || !inputs.ratings.count) return err;
  return detector_kept(detector, open, arena, &inputs.ratings, kept, error);
}
