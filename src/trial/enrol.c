#include "trial/enrol.h"

#include "base/utf8.h"
#include "people/role.h"
#include "trial/visit.h"

#define LONGEST_NAME 200
#define LONGEST_ADDRESS 254 /* RFC 5321 */
#define LONGEST_REASON 500

/* A person who is there, not erased and still taking part. */
static enum err person_active(struct db *db, const char *code, const char *kind, const char *id, struct error *error) {
  struct rows rows;
  rows_open(&rows, db, "SELECT withdrawn_ms FROM person WHERE code = $1 AND kind = $2 ORDER BY code",
            ARGS(v_text(code), v_text(kind)));
  bool found = rows_next(&rows);
  bool left = found && rows_int(&rows, 0) != 0;
  enum err err = rows_close(&rows, error);
  if (err) return err;
  if (!found) return fail(error, ERR_MISSING, id, kind, "there is no %s '%s'", kind, code);
  if (left) return fail(error, ERR_STATE, "person-withdrawn", kind, "%s has withdrawn", code);
  return OK;
}

enum err person_read(struct db *db, const char *code, struct person *person, struct error *error) {
  struct rows rows;
  rows_open(&rows, db,
            "SELECT kind, site, therapist, language, enrolled_ms, withdrawn_ms FROM person WHERE code = $1 ORDER BY code",
            ARGS(v_text(code)));
  bool found = rows_next(&rows);
  if (found) {
    snprintf(person->code, sizeof person->code, "%s", code);
    snprintf(person->kind, sizeof person->kind, "%s", rows_text(&rows, 0));
    snprintf(person->site, sizeof person->site, "%s", rows_text(&rows, 1));
    snprintf(person->therapist, sizeof person->therapist, "%s", rows_text(&rows, 2));
    snprintf(person->language, sizeof person->language, "%s", rows_text(&rows, 3));
    person->enrolled_ms = rows_int(&rows, 4);
    person->withdrawn_ms = rows_int(&rows, 5);
  }
  enum err err = rows_close(&rows, error);
  if (err || found) return err;
  return fail(error, ERR_MISSING, "no-such-person", "person", "there is no person '%s'", code);
}

bool actor_may(const struct actor *by, unsigned roles, const struct person *person) {
  if (!(by->roles & roles)) return false;
  const char *therapist = *person->therapist ? person->therapist : person->code;
  if ((by->roles & roles) == ROLE_THERAPIST) return *by->person && !strcmp(by->person, therapist);
  return !*by->site || !strcmp(by->site, person->site);
}

enum err actor_person(struct db *db, const struct actor *by, unsigned roles, const char *code, struct person *person,
                      struct error *error) {
  enum err err = person_read(db, code, person, error);
  if (err || actor_may(by, roles, person)) return err;
  return fail(error, ERR_MISSING, "no-such-person", "person", "there is no person '%s'", code);
}

static enum err text_fits(const char *field, const char *text, size_t longest, struct error *error) {
  if (!utf8_valid(text, strlen(text)) || utf8_has_control(text))
    return fail(error, ERR_INPUT, "encoding", field, "%s: this text has characters that cannot be kept", field);
  if (utf8_length(text) > longest)
    return fail(error, ERR_INPUT, "too-long", field, "%s: at most %zu characters", field, longest);
  return OK;
}

static const struct study_named *site_named(const struct study *study, const char *site) {
  for (size_t i = 0; i < study->site_count; i++)
    if (!strcmp(study->sites[i].name, site)) return &study->sites[i];
  return NULL;
}

static bool language_offered(const struct study *study, const char *language) {
  for (int i = 0; i < study->language_count; i++)
    if (!strcmp(study->languages[i], language)) return true;
  return false;
}

static bool address_plausible(const char *address) {
  const char *at = strchr(address, '@');
  return at && at != address && at[1] && !strchr(at + 1, '@') && !strpbrk(address, " \t\r\n<>,;\"");
}

static enum err enrol_checks(struct txn *txn, const struct enrol *enrol, struct error *error) {
  const struct study *study = home_study(enrol->home);
  bool patient = !strcmp(enrol->kind, "patient");
  if (!patient && strcmp(enrol->kind, "therapist"))
    return fail(error, ERR_INPUT, "kind-unknown", "kind", "a person is a therapist or a patient, not '%s'", enrol->kind);
  if (!(enrol->by->roles & (ROLE_COORDINATOR | ROLE_ASSISTANT)))
    return fail(error, ERR_DENIED, "not-allowed", "", "only a coordinator or a site assistant enrols people");
  if (!site_named(study, enrol->site) || (*enrol->by->site && strcmp(enrol->by->site, enrol->site)))
    return fail(error, ERR_INPUT, "no-such-site", "site", "'%s' is not a site of this study that you work at", enrol->site);
  if (!language_offered(study, enrol->language))
    return fail(error, ERR_INPUT, "no-such-language", "language", "this study is not offered in '%s'", enrol->language);
  enum err err = text_fits("name", enrol->name, LONGEST_NAME, error);
  if (!err) err = text_fits("address", enrol->address, LONGEST_ADDRESS, error);
  if (err) return err;
  if (*enrol->address && !address_plausible(enrol->address))
    return fail(error, ERR_INPUT, "address-wrong", "address", "this is not an e-mail address such as name@example.org");
  if (!patient) return *enrol->therapist ? fail(error, ERR_INPUT, "no-such-therapist", "therapist", "a therapist has no therapist") : OK;
  err = person_active(txn_db(txn), enrol->therapist, "therapist", "no-such-therapist", error);
  if (err) return err;
  char *site;
  err = db_text(txn_db(txn), error, txn_arena(txn), &site, "SELECT site FROM person WHERE code = $1 ORDER BY code",
                ARGS(v_text(enrol->therapist)));
  if (err) return err;
  return strcmp(site, enrol->site) ? fail(error, ERR_INPUT, "no-such-therapist", "therapist", "this therapist works at another site") : OK;
}

static enum err not_there_yet(struct txn *txn, const char *lookup, struct error *error) {
  if (!*lookup) return OK;
  int64_t known;
  enum err err = db_int(txn_db(txn), error, &known, 0, "SELECT count(*) FROM identity WHERE lookup = $1", ARGS(v_text(lookup)));
  if (err || !known) return err;
  return fail(error, ERR_CONFLICT, "duplicate-person", "address", "someone with this address takes part already");
}

/* A code that nobody has: drawn again in the (never seen) case that it is taken, or was before an erasure. */
static enum err code_free(struct txn *txn, char prefix, const char *purpose, char out[CODE_BYTES], struct error *error) {
  for (uint64_t draw = 0; draw < 64; draw++) {
    code_make(txn_chance(txn), prefix, purpose, draw, out);
    int64_t taken;
    enum err err = db_int(txn_db(txn), error, &taken, 0, "SELECT count(*) FROM ledger_entry WHERE subject = $1", ARGS(v_text(out)));
    if (err || !taken) return err;
  }
  return fail(error, ERR_STORE, "code-taken", "", "no free code was found in 64 draws");
}

static char *identity_seal(struct txn *txn, const struct enrol *enrol, const char *code) {
  json_t *identity = json_pack("{s:s, s:s}", "name", enrol->name, "address", enrol->address);
  size_t length;
  char *plain = json_canonical(txn_arena(txn), identity, &length);
  json_decref(identity);
  uint8_t *sealed = arena_alloc(txn_arena(txn), length + SEALED_OVERHEAD);
  sealed_write(txn_chance(txn), txn_keys(txn)->identity_public, code, 0, plain, length, sealed);
  bytes_wipe(plain, length);
  return base64_text(txn_arena(txn), sealed, length + SEALED_OVERHEAD);
}

enum err person_enrol(struct txn *txn, void *input, struct error *error) {
  struct enrol *enrol = input;
  enum err err = enrol_checks(txn, enrol, error);
  if (err) return err;
  char lookup[65] = "";
  if (enrol->external) keys_lookup(txn_keys(txn), "external", enrol->external, lookup);
  else if (*enrol->address) keys_lookup(txn_keys(txn), "person", enrol->address, lookup);
  err = not_there_yet(txn, lookup, error);
  if (!err)
    err = code_free(txn, *enrol->kind == 'p' ? 'P' : 'T', enrol->purpose ? enrol->purpose : lookup, enrol->code, error);
  if (err) return err;
  json_t *opened;
  bool patient = *enrol->kind == 'p';
  err = occasions_make(txn, enrol->home, TRIGGER_ENROLMENT, -1, patient ? enrol->code : "",
                       patient ? enrol->therapist : enrol->code, enrol->language, &opened, error);
  if (err) return err;
  json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:o}", "kind", enrol->kind, "site", enrol->site, "therapist",
                           enrol->therapist, "language", enrol->language, "study_version",
                           (json_int_t)home_version(enrol->home), "lookup", lookup, "identity",
                           identity_seal(txn, enrol, enrol->code), "opened", opened);
  return ledger_append(txn, enrol->by->code, "person.enrol", enrol->code, body, error);
}

static enum err identity_insert(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  const char *text = json_text(body, "identity", "");
  uint8_t sealed[2048];
  long length = base64_read(text, sealed, sizeof sealed);
  if (length < 0) return fail(error, ERR_STORE, "entry-broken", "", "entry %lld: its identity is not base64", (long long)entry->sequence);
  return db_exec(db, error, "INSERT INTO identity (person, subject, lookup, sealed) VALUES ($1, $1, $2, $3)",
                 ARGS(v_text(entry->subject), v_text(json_text(body, "lookup", "")), v_blob(sealed, (size_t)length)));
}

enum err enrol_apply_person(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  enum err err = db_exec(db, error,
                         "INSERT INTO person (code, subject, kind, site, therapist, language, study_version, enrolled_ms, "
                         "withdrawn_ms, withdrawn_reason) VALUES ($1, $1, $2, $3, $4, $5, $6, $7, 0, '')",
                         ARGS(v_text(entry->subject), v_text(json_text(body, "kind", "")), v_text(json_text(body, "site", "")),
                              v_text(json_text(body, "therapist", "")), v_text(json_text(body, "language", "")),
                              v_int(json_int(body, "study_version", 0)), v_int(entry->time_ms)));
  if (!err) err = identity_insert(db, entry, body, error);
  return err ? err : occasions_apply(db, entry, json_object_get(body, "opened"), error);
}

/* ---- screening, consent, withdrawal ---- */

#define MAY_ENROL (ROLE_COORDINATOR | ROLE_ASSISTANT)

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
  enum err err = actor_person(txn_db(txn), screen->by, MAY_ENROL, screen->person, &person, error);
  if (err) return err;
  const struct study *study = home_study(screen->home);
  const struct study_eligibility *eligibility =
      !strcmp(person.kind, "patient") ? &study->patient_eligibility : &study->therapist_eligibility;
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

enum err enrol_apply_screening(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
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

enum err person_consent(struct txn *txn, void *input, struct error *error) {
  struct consent *consent = input;
  struct person person;
  enum err err = actor_person(txn_db(txn), consent->by, MAY_ENROL, consent->person, &person, error);
  if (err) return err;
  const struct study *study = home_study(consent->home);
  bool known = false;
  for (size_t i = 0; i < study->consent_count; i++)
    known |= !strcmp(study->consents[i].name, consent->version) && !strcmp(study->consents[i].role, person.kind);
  if (!known) return fail(error, ERR_INPUT, "no-such-consent", "version", "the study has no consent '%s' for a %s", consent->version, person.kind);
  int64_t given;
  err = db_int(txn_db(txn), error, &given, 0, "SELECT count(*) FROM consent WHERE person = $1 AND version = $2",
               ARGS(v_text(consent->person), v_text(consent->version)));
  if (err) return err;
  if (given) return fail(error, ERR_CONFLICT, "consent-given", "version", "this consent is on record already");
  json_t *body = json_pack("{s:s, s:I}", "version", consent->version, "study_version", (json_int_t)home_version(consent->home));
  return ledger_append(txn, consent->by->code, "person.consent", consent->person, body, error);
}

enum err enrol_apply_consent(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  return db_exec(db, error, "INSERT INTO consent (person, version, subject, study_version, time_ms) VALUES ($1, $2, $1, $3, $4)",
                 ARGS(v_text(entry->subject), v_text(json_text(body, "version", "")), v_int(json_int(body, "study_version", 0)),
                      v_int(entry->time_ms)));
}

enum err person_withdraw(struct txn *txn, void *input, struct error *error) {
  struct withdraw *withdraw = input;
  struct person person;
  enum err err = actor_person(txn_db(txn), withdraw->by, MAY_ENROL, withdraw->person, &person, error);
  if (!err) err = text_fits("reason", withdraw->reason, LONGEST_REASON, error);
  if (err) return err;
  if (person.withdrawn_ms) return fail(error, ERR_CONFLICT, "withdrawn-already", "person", "%s has withdrawn already", person.code);
  json_t *body = json_pack("{s:s}", "reason", withdraw->reason);
  return ledger_append(txn, withdraw->by->code, "person.withdraw", withdraw->person, body, error);
}

enum err enrol_apply_withdrawal(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  return db_exec(db, error, "UPDATE person SET withdrawn_ms = $2, withdrawn_reason = $3 WHERE code = $1",
                 ARGS(v_text(entry->subject), v_int(entry->time_ms), v_text(json_text(body, "reason", ""))));
}

/* ---- allocation ---- */

enum err allocation_release(struct txn *txn, void *input, struct error *error) {
  struct release *release = input;
  if (!(release->by->roles & ROLE_ALLOCATOR)) return fail(error, ERR_DENIED, "not-allowed", "", "only the allocator releases an arm");
  enum err err = person_active(txn_db(txn), release->person, "therapist", "no-such-therapist", error);
  if (err) return err;
  if (!study_arm(home_study(release->home), release->arm))
    return fail(error, ERR_INPUT, "no-such-arm", "arm", "the study has no arm '%s'", release->arm);
  int64_t released;
  err = db_int(txn_db(txn), error, &released, 0, "SELECT count(*) FROM arm_allocation WHERE person = $1", ARGS(v_text(release->person)));
  if (err) return err;
  if (released) return fail(error, ERR_CONFLICT, "released-already", "person", "%s has an arm already; a release is never undone", release->person);
  ledger_keep_checkpoint(txn, "release");
  json_t *body = json_pack("{s:s, s:I, s:I}", "arm", release->arm, "wave", (json_int_t)release->wave, "slot", (json_int_t)release->slot);
  return ledger_append(txn, release->by->code, "allocation.release", release->person, body, error);
}

enum err enrol_apply_release(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  return db_exec(db, error,
                 "INSERT INTO arm_allocation (person, subject, arm, wave, slot, released_ms) VALUES ($1, $1, $2, $3, $4, $5)",
                 ARGS(v_text(entry->subject), v_text(json_text(body, "arm", "")), v_int(json_int(body, "wave", 0)),
                      v_int(json_int(body, "slot", 0)), v_int(entry->time_ms)));
}
