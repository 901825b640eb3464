#include "trial/erasure.h"

/* What outlives the person: enough for the counts, nothing that names anyone. */
struct remains {
  const char *kind; /* "patient", "therapist", "account" */
  char site[40], therapist[CODE_BYTES];
};

static enum err what_stays(struct txn *txn, const char *code, struct remains *remains, struct error *error) {
  struct person person;
  enum err err = person_read(txn_db(txn), code, &person, error);
  if (!err) {
    *remains = (struct remains){.kind = person_kind_name(person.kind)};
    memcpy(remains->site, person.site, sizeof remains->site);
    memcpy(remains->therapist, person.therapist, sizeof remains->therapist);
  }
  if (err != ERR_MISSING) return err;
  struct account account;
  err = account_read(txn_db(txn), code, &account, error);
  if (err) return err == ERR_MISSING ? fail(error, ERR_MISSING, "no-such-person", "person", "there is no person or account '%s'", code) : err;
  *remains = (struct remains){.kind = "account"};
  snprintf(remains->site, sizeof remains->site, "%s", account.site);
  return OK;
}

static enum err erasure_checks(struct txn *txn, const struct person_erase *erase, struct remains *remains, struct error *error) {
  if (!(erase->by->roles & (ROLE_ADMINISTRATOR | ROLE_COORDINATOR)))
    return fail(error, ERR_DENIED, "not-allowed", "", "only a coordinator or an administrator erases a person");
  if (!*erase->reason) return fail(error, ERR_INPUT, "reason-missing", "reason", "say why: the reason stays on record");
  enum err err = text_fits("reason", erase->reason, LONGEST_REASON, error);
  if (err) return err;
  int64_t erased;
  err = db_int(txn_db(txn), error, &erased, 0, "SELECT count(*) FROM tombstone WHERE erased = $1", ARGS(v_text(erase->person)));
  if (err) return err;
  if (erased) return fail(error, ERR_CONFLICT, "erased-already", "person", "%s was erased already", erase->person);
  return what_stays(txn, erase->person, remains, error);
}

/* The entry's subject is the study: it must be replayed when the person's own entries no longer can. */
enum err person_erase(struct txn *txn, void *input, struct error *error) {
  struct person_erase *erase = input;
  struct remains remains;
  enum err err = erasure_checks(txn, erase, &remains, error);
  if (!err) err = ledger_destroy_key(txn, erase->person, error);
  if (err) return err;
  json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:s}", "erased", erase->person, "kind", remains.kind, "site", remains.site,
                           "therapist", remains.therapist, "reason", erase->reason);
  return ledger_append(txn, erase->by->code, "person.erase", "study", body, error);
}

static enum err erasure_apply(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  const char *erased = json_text(body, "erased", "");
  enum err err = db_erase_subject(db, erased, error);
  if (err) return err;
  return db_exec(db, error, "INSERT INTO tombstone (erased, subject, kind, site, therapist, time_ms) VALUES ($1, $2, $3, $4, $5, $6)",
                 ARGS(v_text(erased), v_text(entry->subject), v_text(json_text(body, "kind", "")), v_text(json_text(body, "site", "")),
                      v_text(json_text(body, "therapist", "")), v_int(entry->time_ms)));
}

KIND(person_erase, "person.erase", LOG_MASKED, erasure_apply);
