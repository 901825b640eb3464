#include "trial/study_version.h"

enum err study_version_append(struct txn *txn, const struct study_set *set, struct error *error) {
  ledger_keep_checkpoint(txn, "study");
  json_t *body = json_pack("{s:I, s:s, s:s, s:s, s:s%}", "version", (json_int_t)set->version, "hash", set->study->hash,
                           "approval", set->approval, "approval_date", set->approval_date, "bundle", set->study->bundle,
                           set->study->bundle_length);
  return ledger_append(txn, set->by, "study.set", "study", body, error);
}

enum err study_version_first(struct txn *txn, void *input, struct error *error) {
  return study_version_append(txn, input, error);
}

static enum err study_apply(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  return db_exec(db, error,
                 "INSERT INTO study_version (version, subject, time_ms, hash, approval, approval_date, bundle) "
                 "VALUES ($1, $2, $3, $4, $5, $6, $7)",
                 ARGS(v_int(json_int(body, "version", 0)), v_text(entry->subject), v_int(entry->time_ms),
                      v_text(json_text(body, "hash", "")), v_text(json_text(body, "approval", "")),
                      v_text(json_text(body, "approval_date", "")), v_text(json_text(body, "bundle", ""))));
}

KIND(study_set, "study.set", LOG_MASKED, study_apply);
