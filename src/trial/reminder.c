#include "trial/reminder.h"

#include "mail/outbox.h"
#include "trial/occasion.h"

#define REMINDER_ONCE_MS DAY_MS

enum err form_remind(struct txn *txn, void *input, struct error *error) {
  struct form_remind *remind = input;
  struct occasion occasion;
  struct person person;
  enum err err = occasion_by_id(txn_db(txn), remind->occasion, &occasion, error);
  if (!err) err = actor_person(txn_db(txn), remind->by, ROLES_ENROLLING, occasion.subject, &person, error);
  if (!err) err = occasion_answerable(&occasion, txn_now(txn), error);
  if (err) return err;
  int64_t last, serial;
  err = db_int(txn_db(txn), error, &last, 0, "SELECT max(made_ms) FROM reminder WHERE occasion = $1", ARGS(v_text(occasion.id)));
  if (!err) err = db_int(txn_db(txn), error, &serial, 0, "SELECT max(serial) FROM link WHERE occasion = $1", ARGS(v_text(occasion.id)));
  if (err) return err;
  if (last && txn_now(txn) < last + REMINDER_ONCE_MS)
    return fail(error, ERR_CONFLICT, "reminded-already", "", "a reminder of this form went out in the last 24 hours");
  char token[LINK_TOKEN_BYTES], hash[65];
  link_token(txn_keys(txn), occasion.id, serial + 1, token);
  link_hash(token, hash);
  json_t *body = json_pack("{s:s, s:I, s:s, s:I}", "occasion", occasion.id, "serial", (json_int_t)(serial + 1), "token", hash, "expires",
                           (json_int_t)occasion.closes_ms);
  err = ledger_append(txn, remind->by->code, "form.remind", occasion.subject, body, error);
  if (err) return err;
  struct outbox_new message = {.rule = "reminder", .occasion = occasion.id, .person = occasion.respondent, .subject = occasion.subject, .serial = serial + 1};
  message.why = remind->why ? remind->why : arena_printf(txn_arena(txn), "%s asked for it", remind->by->code);
  return outbox_put(txn, &message, error);
}

static enum err reminder_apply(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  const char *occasion = json_text(body, "occasion", "");
  int64_t serial = json_int(body, "serial", 0);
  enum err err = db_exec(db, error, "INSERT INTO link (token, subject, occasion, serial, expires_ms) VALUES ($1, $2, $3, $4, $5)",
                         ARGS(v_text(json_text(body, "token", "")), v_text(entry->subject), v_text(occasion), v_int(serial),
                              v_int(json_int(body, "expires", 0))));
  if (err) return err;
  return db_exec(db, error, "INSERT INTO reminder (occasion, serial, subject, made_ms) VALUES ($1, $2, $3, $4)",
                 ARGS(v_text(occasion), v_int(serial), v_text(entry->subject), v_int(entry->time_ms)));
}

KIND(form_remind, "form.remind", LOG_MASKED, reminder_apply);
