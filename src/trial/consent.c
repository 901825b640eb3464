#include "trial/consent.h"

enum err person_consent(struct txn *txn, void *input, struct error *error) {
  struct consent *consent = input;
  struct person person;
  enum err err = actor_person(txn_db(txn), consent->by, ROLES_ENROLLING, consent->person, &person, error);
  if (err) return err;
  const struct study *study = home_study(consent->home);
  bool known = false;
  for (size_t i = 0; i < study->consent_count; i++)
    known |= !strcmp(study->consents[i].name, consent->version) && !strcmp(study->consents[i].role, person_kind_name(person.kind));
  if (!known) return fail(error, ERR_INPUT, "no-such-consent", "version", "the study has no consent '%s' for a %s", consent->version, person_kind_name(person.kind));
  int64_t given;
  err = db_int(txn_db(txn), error, &given, 0, "SELECT count(*) FROM consent WHERE person = $1 AND version = $2",
               ARGS(v_text(consent->person), v_text(consent->version)));
  if (err) return err;
  if (given) return fail(error, ERR_CONFLICT, "consent-given", "version", "this consent is on record already");
  json_t *body = json_pack("{s:s, s:I}", "version", consent->version, "study_version", (json_int_t)home_version(consent->home));
  return ledger_append(txn, consent->by->code, "person.consent", consent->person, body, error);
}

static enum err consent_apply(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  return db_exec(db, error, "INSERT INTO consent (person, version, subject, study_version, time_ms) VALUES ($1, $2, $1, $3, $4)",
                 ARGS(v_text(entry->subject), v_text(json_text(body, "version", "")), v_int(json_int(body, "study_version", 0)),
                      v_int(entry->time_ms)));
}

KIND(person_consent, "person.consent", LOG_MASKED, consent_apply);
