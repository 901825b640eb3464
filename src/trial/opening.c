#include "trial/opening.h"

#include "trial/occasion.h"

enum err form_open(struct txn *txn, void *input, struct error *error) {
  struct form_open *open = input;
  const struct study *study = home_study(open->home);
  const struct study_occasion *occasion = study_occasion(study, open->name);
  if (!occasion) return fail(error, ERR_INPUT, "no-such-occasion", "name", "the study has no occasion '%s'", open->name);
  if (*study_form_closed(study, occasion->form))
    return fail(error, ERR_STATE, "form-closed", "name", "%s", study_form_closed(study, occasion->form));
  struct person person;
  enum err err = actor_person(txn_db(txn), open->by, ROLES_ENROLLING, open->person, &person, error);
  if (err) return err;
  if (person.withdrawn_ms) return fail(error, ERR_STATE, "person-withdrawn", "person", "%s has withdrawn", person.code);
  bool about_patient = person.kind == PERSON_PATIENT, of_patient = occasion->rater == PERSON_PATIENT;
  if (of_patient && !about_patient)
    return fail(error, ERR_INPUT, "no-such-person", "person", "this form is answered by a patient; %s is a therapist", person.code);
  struct occasion_opening opening = {.home = open->home,
                            .occasion = occasion,
                            .respondent = about_patient && !of_patient ? person.therapist : person.code,
                            .patient = about_patient ? person.code : "",
                            .language = person.language,
                            .site = person.site,
                            .session_number = open->session_number};
  bool before;
  err = occasion_opened(txn_db(txn), &opening, &before, error);
  if (!err && before) err = fail(error, ERR_CONFLICT, "form-open-already", "name", "this form was opened already");
  json_t *opened;
  if (!err) err = occasion_make(txn, &opening, &opened, error);
  if (err) return err;
  snprintf(open->occasion, sizeof open->occasion, "%s", json_text(json_array_get(opened, 0), "id", ""));
  return ledger_append(txn, open->by->code, "form.open", person.code, json_pack("{s:o}", "opened", opened), error);
}

static enum err opening_apply(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  return occasions_apply(db, entry, json_object_get(body, "opened"), error);
}

KIND(form_open, "form.open", LOG_MASKED, opening_apply);
