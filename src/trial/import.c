#include "trial/import.h"

#include "base/csv.h"
#include "trial/enrolment.h"
#include "trial/rating.h"

struct imported_patient {
  const char *name, *therapist;
  struct rating_row *rows;
  size_t count, room, line;
  int64_t last;
};

struct reading {
  struct import_sessions *import;
  struct arena arena;
  struct imported_patient *patients;
  size_t count, room;
  double low, high; /* the study's scale */
};

static void refuse(struct reading *reading, size_t line, const char *sentence) {
  reading->import->refusals++;
  if (reading->import->refused) reading->import->refused(reading->import->state, line, sentence);
}

static struct imported_patient *patient_named(struct reading *reading, const char *name, const char *therapist, size_t line) {
  /* Long files are in patient order: the last one is nearly always the one. */
  for (size_t i = reading->count; i-- > 0;)
    if (!strcmp(reading->patients[i].name, name)) return &reading->patients[i];
  reading->patients = list_grow(&reading->arena, reading->patients, reading->count, &reading->room, sizeof *reading->patients);
  struct imported_patient *one = &reading->patients[reading->count++];
  *one = (struct imported_patient){.name = arena_text(&reading->arena, name), .therapist = arena_text(&reading->arena, therapist), .line = line, .last = -1};
  return one;
}

static void add_row(struct reading *reading, struct imported_patient *patient, struct rating_row row) {
  patient->rows = list_grow(&reading->arena, patient->rows, patient->count, &patient->room, sizeof *patient->rows);
  patient->rows[patient->count++] = row;
  patient->last = row.session_number;
  reading->import->taken++;
}

static bool whole_number(const char *text, int64_t *value) {
  double number;
  if (!number_read(text, &number) || number < 0 || number > 100000 || number != (double)(int64_t)number) return false;
  *value = (int64_t)number;
  return true;
}

/* Onto the study's scale. */
static const char *rescaled(struct reading *reading, double value) {
  const struct import_sessions *import = reading->import;
  if (import->low < import->high) {
    double share = (value - import->low) / (import->high - import->low);
    if (import->higher_is_worse) share = 1 - share;
    value = reading->low + share * (reading->high - reading->low);
  }
  return number_text(&reading->arena, value);
}

static void take_row(struct reading *reading, const char *patient, const char *session, const char *rating, const char *therapist, size_t line) {
  const struct import_sessions *import = reading->import;
  double low = import->low < import->high ? import->low : reading->low, high = import->low < import->high ? import->high : reading->high, value = 0;
  int64_t number;
  reading->import->rows++;
  if (csv_missing(patient)) return refuse(reading, line, "the patient is missing");
  if (strlen(patient) > 100) return refuse(reading, line, "the patient's name is longer than 100 bytes");
  if (!whole_number(session, &number)) return refuse(reading, line, "the session is no whole number from 0 to 100000");
  bool missing = csv_missing(rating);
  if (!missing && !number_read(rating, &value)) return refuse(reading, line, "the rating is no number");
  if (!missing && (value < low || value > high))
    return refuse(reading, line, arena_printf(&reading->arena, "the rating %s is outside the scale %g to %g", rating, low, high));
  struct imported_patient *one = patient_named(reading, patient, therapist, line);
  if (strcmp(one->therapist, therapist)) return refuse(reading, line, "this patient has another therapist further up");
  if (number <= one->last)
    return refuse(reading, line, number == one->last ? "this session of this patient is there already" : "sessions of a patient must increase");
  if (missing) {
    reading->import->missing++;
    one->last = number;
    return;
  }
  add_row(reading, one, (struct rating_row){number, rescaled(reading, value), -1});
}

static enum err read_file(struct reading *reading, struct error *error) {
  struct import_sessions *import = reading->import;
  struct csv *csv;
  struct csv_row row;
  int patient, session, rating, therapist = -1;
  enum err err = csv_open_file(&csv, &reading->arena, import->file, error);
  if (err) return err;
  err = csv_need_column(csv, import->patient_column, &patient, error);
  if (!err) err = csv_need_column(csv, import->session_column, &session, error);
  if (!err) err = csv_need_column(csv, import->rating_column, &rating, error);
  if (!err && import->therapist_column) err = csv_need_column(csv, import->therapist_column, &therapist, error);
  while (!err && !(err = csv_next_row(csv, &row, error)) && row.fields)
    take_row(reading, row.fields[patient], row.fields[session], row.fields[rating], therapist < 0 ? "" : row.fields[therapist], row.line);
  csv_close(csv);
  return err;
}

/* A person known by a name in another system; *code is "" when the person is new. */
static enum err known_as(struct reading *reading, const char *external, char code[CODE_BYTES], struct error *error) {
  char lookup[65], *found;
  struct db *open;
  code[0] = 0;
  keys_lookup(&reading->import->home->keys, "external", external, lookup);
  enum err err = db_open(&open, reading->import->home->store, DB_OPEN, error);
  if (err) return err;
  err = db_text(open, error, &reading->arena, &found, "SELECT person FROM identity WHERE lookup = $1 ORDER BY lookup, person", ARGS(v_text(lookup)));
  if (!err && found) snprintf(code, CODE_BYTES, "%s", found);
  db_close(open);
  return err;
}

static enum err enrol_external(struct reading *reading, enum person_kind kind, const char *external, const char *therapist, char code[CODE_BYTES],
                               struct error *error) {
  const struct import_sessions *import = reading->import;
  struct enrol enrol = {.home = import->home, .by = import->by, .kind = kind, .site = import->site, .therapist = therapist, .external = external,
                        .language = home_study(import->home)->languages[0], .identity = identity_named(&reading->arena, home_study(import->home), kind, external, "")};
  enum err err = ledger_do(import->home->ledger, person_enrol, &enrol, error);
  if (!err) snprintf(code, CODE_BYTES, "%s", enrol.code);
  return err;
}

static enum err store_patient(struct reading *reading, const struct imported_patient *patient, struct error *error) {
  struct import_sessions *import = reading->import;
  char code[CODE_BYTES], therapist[CODE_BYTES];
  const char *external = arena_printf(&reading->arena, "%s/patient/%s", import->file, patient->name);
  const char *by = arena_printf(&reading->arena, "%s/therapist/%s", import->file, patient->therapist);
  enum err err = known_as(reading, external, code, error);
  if (!err && *code) {
    import->patients_before++;
    return OK;
  }
  if (!err) err = known_as(reading, by, therapist, error);
  if (!err && !*therapist) err = enrol_external(reading, PERSON_THERAPIST, by, "", therapist, error);
  if (!err) err = enrol_external(reading, PERSON_PATIENT, external, therapist, code, error);
  struct rating_import rating = {.home = import->home, .by = import->by, .patient = code, .rater = import->rater, .rows = patient->rows, .count = patient->count};
  if (!err) err = ledger_do(import->home->ledger, rating_import, &rating, error);
  if (!err) import->patients++;
  return err;
}

enum err import_sessions(struct import_sessions *import, struct error *error) {
  const struct study *study = home_study(import->home);
  const struct study_signal *signal = import->rater == PERSON_PATIENT ? &study->detection.patient : &study->detection.therapist;
  if (!signal->score) return fail(error, ERR_STATE, "no-signal", "rater", "this study takes no alliance rating from the %s", person_kind_name(import->rater));
  if (!*import->site) import->site = study->site_count ? study->sites[0].name : "";
  struct reading reading = {.import = import, .low = signal->score->low, .high = signal->score->high};
  enum err err = read_file(&reading, error);
  for (size_t i = 0; i < reading.count && !err; i++)
    if (reading.patients[i].count) err = store_patient(&reading, &reading.patients[i], error);
  arena_free(&reading.arena);
  return err;
}
