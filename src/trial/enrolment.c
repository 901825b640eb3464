#include "trial/enrolment.h"

#include "trial/occasion.h"

static bool language_offered(const struct study *study, const char *language) {
  for (int i = 0; i < study->language_count; i++)
    if (!strcmp(study->languages[i], language)) return true;
  return false;
}

static enum err enrol_checks(struct txn *txn, const struct enrol *enrol, struct error *error) {
  const struct study *study = home_study(enrol->home);
  bool patient = enrol->kind == PERSON_PATIENT;
  if (!(enrol->by->roles & ROLES_ENROLLING))
    return fail(error, ERR_DENIED, "not-allowed", "", "only a coordinator or a site assistant enrols people");
  if (!study_site(study, enrol->site) || (*enrol->by->site && strcmp(enrol->by->site, enrol->site)))
    return fail(error, ERR_INPUT, "no-such-site", "site", "'%s' is not a site of this study that you work at", enrol->site);
  if (!language_offered(study, enrol->language))
    return fail(error, ERR_INPUT, "no-such-language", "language", "this study is not offered in '%s'", enrol->language);
  enum err err = OK; /* of an import the other system keeps the identity */
  if (!enrol->external) err = candidate_identity_fits(study, enrol->kind, &enrol->identity, error);
  if (err) return err;
  if (!patient) return *enrol->therapist ? fail(error, ERR_INPUT, "no-such-therapist", "therapist", "a therapist has no therapist") : OK;
  err = person_active(txn_db(txn), enrol->therapist, PERSON_THERAPIST, "no-such-therapist", error);
  if (err) return err;
  char *site;
  err = db_text(txn_db(txn), error, txn_arena(txn), &site, "SELECT site FROM person WHERE code = $1 ORDER BY code",
                ARGS(v_text(enrol->therapist)));
  if (err) return err;
  return strcmp(site, enrol->site) ? fail(error, ERR_INPUT, "no-such-therapist", "therapist", "this therapist works at another site") : OK;
}

enum err person_enrol(struct txn *txn, void *input, struct error *error) {
  struct enrol *enrol = input;
  enum err err = enrol_checks(txn, enrol, error);
  if (err) return err;
  const struct study *study = home_study(enrol->home);
  const char *address = identity_of_kind(study, enrol->kind, &enrol->identity, "email");
  char lookup[65] = "";
  if (enrol->external) keys_lookup(txn_keys(txn), "external", enrol->external, lookup);
  else if (*address) keys_lookup(txn_keys(txn), "person", address, lookup);
  err = candidate_new(txn, lookup, error);
  if (!err)
    err = candidate_code(txn, enrol->kind == PERSON_PATIENT ? 'P' : 'T', enrol->purpose ? enrol->purpose : lookup, enrol->code, error);
  if (err) return err;
  json_t *opened;
  bool patient = enrol->kind == PERSON_PATIENT;
  struct occasion_moment moment = {.home = enrol->home,
                                   .trigger = TRIGGER_ENROLMENT,
                                   .patient = patient ? enrol->code : "",
                                   .therapist = patient ? enrol->therapist : enrol->code,
                                   .language = enrol->language,
                                   .site = enrol->site};
  err = occasions_make(txn, &moment, &opened, error);
  if (err) return err;
  json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:o}", "kind", person_kind_name(enrol->kind), "site", enrol->site, "therapist",
                           enrol->therapist, "language", enrol->language, "study_version",
                           (json_int_t)home_version(enrol->home), "lookup", lookup, "identity",
                           candidate_identity_seal(txn, study, enrol->kind, &enrol->identity, enrol->code), "opened", opened);
  return ledger_append(txn, enrol->by->code, "person.enrol", enrol->code, body, error);
}

static enum err identity_insert(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  const char *text = json_text(body, "identity", "");
  uint8_t sealed[8192];
  long length = base64_read(text, sealed, sizeof sealed);
  if (length < 0) return fail(error, ERR_STORE, "entry-broken", "", "entry %lld: its identity is not base64", (long long)entry->sequence);
  return db_exec(db, error, "INSERT INTO identity (person, subject, lookup, sealed) VALUES ($1, $1, $2, $3)",
                 ARGS(v_text(entry->subject), v_text(json_text(body, "lookup", "")), v_blob(sealed, (size_t)length)));
}

static enum err enrolment_apply(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  enum err err = db_exec(db, error,
                         "INSERT INTO person (code, subject, kind, site, therapist, language, study_version, enrolled_ms, "
                         "withdrawn_ms, withdrawn_reason) VALUES ($1, $1, $2, $3, $4, $5, $6, $7, 0, '')",
                         ARGS(v_text(entry->subject), v_text(json_text(body, "kind", "")), v_text(json_text(body, "site", "")),
                              v_text(json_text(body, "therapist", "")), v_text(json_text(body, "language", "")),
                              v_int(json_int(body, "study_version", 0)), v_int(entry->time_ms)));
  if (!err) err = identity_insert(db, entry, body, error);
  return err ? err : occasions_apply(db, entry, json_object_get(body, "opened"), error);
}

KIND(person_enrol, "person.enrol", LOG_MASKED, enrolment_apply);
