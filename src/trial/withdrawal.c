#include "trial/withdrawal.h"

enum err person_withdraw(struct txn *txn, void *input, struct error *error) {
  struct withdraw *withdraw = input;
  struct person person;
  enum err err = actor_person(txn_db(txn), withdraw->by, ROLES_ENROLLING, withdraw->person, &person, error);
  if (!err) err = text_fits("reason", withdraw->reason, LONGEST_REASON, error);
  if (err) return err;
  if (person.withdrawn_ms) return fail(error, ERR_CONFLICT, "withdrawn-already", "person", "%s has withdrawn already", person.code);
  json_t *body = json_pack("{s:s}", "reason", withdraw->reason);
  return ledger_append(txn, withdraw->by->code, "person.withdraw", withdraw->person, body, error);
}

static enum err withdrawal_apply(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  return db_exec(db, error, "UPDATE person SET withdrawn_ms = $2, withdrawn_reason = $3 WHERE code = $1",
                 ARGS(v_text(entry->subject), v_int(entry->time_ms), v_text(json_text(body, "reason", ""))));
}

KIND(person_withdraw, "person.withdraw", LOG_MASKED, withdrawal_apply);
