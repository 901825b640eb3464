#include "trial/release.h"

enum err allocation_release(struct txn *txn, void *input, struct error *error) {
  struct release *release = input;
  if (!(release->by->roles & ROLE_ALLOCATOR)) return fail(error, ERR_DENIED, "not-allowed", "", "only the allocator releases an arm");
  enum err err = person_active(txn_db(txn), release->person, PERSON_THERAPIST, "no-such-therapist", error);
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

static enum err release_apply(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  return db_exec(db, error,
                 "INSERT INTO arm_allocation (person, subject, arm, wave, slot, released_ms) VALUES ($1, $1, $2, $3, $4, $5)",
                 ARGS(v_text(entry->subject), v_text(json_text(body, "arm", "")), v_int(json_int(body, "wave", 0)),
                      v_int(json_int(body, "slot", 0)), v_int(entry->time_ms)));
}

/* Not in the masked log: that an arm was released, and when, tells who is trained. */
KIND(allocation_release, "allocation.release", LOG_OPEN, release_apply);
