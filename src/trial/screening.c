#include "trial/screening.h"

static bool criterion_known(const struct study_eligibility *eligibility, const char *name) {
  for (size_t i = 0; i < eligibility->include_count; i++)
    if (!strcmp(eligibility->include[i].name, name)) return true;
  for (size_t i = 0; i < eligibility->exclude_count; i++)
    if (!strcmp(eligibility->exclude[i].name, name)) return true;
  return false;
}

enum err person_screen(struct txn *txn, void *input, struct error *error) {
  struct screen *screen = input;
  struct person person;
  enum err err = actor_person(txn_db(txn), screen->by, ROLES_ENROLLING, screen->person, &person, error);
  if (err) return err;
  const struct study *study = home_study(screen->home);
  const struct study_eligibility *eligibility =
      person.kind == PERSON_PATIENT ? &study->patient_eligibility : &study->therapist_eligibility;
  json_t *criteria = json_object();
  for (size_t i = 0; i < screen->count && !err; i++) {
    if (!criterion_known(eligibility, screen->criteria[i]))
      err = fail(error, ERR_INPUT, "no-such-criterion", screen->criteria[i], "the study has no criterion '%s'", screen->criteria[i]);
    json_object_set_new(criteria, screen->criteria[i], json_integer(screen->met[i] ? 1 : 0));
  }
  json_t *body = json_pack("{s:o}", "criteria", criteria);
  if (!err) return ledger_append(txn, screen->by->code, "person.screen", screen->person, body, error);
  json_decref(body);
  return err;
}

static enum err screening_apply(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  json_t *criteria = json_object_get(body, "criteria");
  const char *name;
  json_t *met;
  json_object_foreach(criteria, name, met) {
    enum err err = db_exec(db, error,
                           "INSERT INTO screening (person, criterion, subject, met, time_ms) VALUES ($1, $2, $1, $3, $4) "
                           "ON CONFLICT (person, criterion) DO UPDATE SET met = excluded.met, time_ms = excluded.time_ms",
                           ARGS(v_text(entry->subject), v_text(name), v_int(json_integer_value(met)), v_int(entry->time_ms)));
    if (err) return err;
  }
  return OK;
}

KIND(person_screen, "person.screen", LOG_MASKED, screening_apply);
