#include "people/answer.h"

#include "people/account_rule.h"
#include "people/ask.h"
#include "people/sign_in_link.h"

static enum err confirm_roles(struct txn *txn, const struct account_answer *in, const struct ask *ask, const struct account *now,
                              json_t *body, struct error *error) {
  const struct account_change change = {.by = in->by, .account = in->account, .roles = ask->roles, .disabled = -1};
  json_object_set_new(body, "roles", account_roles_json(ask->roles));
  return account_change_allowed(txn, &change, now, error);
}

static enum err confirm_link(struct txn *txn, struct account_answer *in, const struct account *now, json_t *body, struct error *error) {
  struct sign_in_link_make make = {.by = in->by, .account = in->account, .valid_ms = in->valid_ms, .purpose = "confirmed"};
  enum err err = sign_in_link_put(txn, &make, now, error);
  json_object_set_new(body, "expires_ms", json_integer(txn_clock(txn) + in->valid_ms));
  memcpy(in->token, make.token, sizeof in->token);
  return err;
}

enum err account_answer(struct txn *txn, void *input, struct error *error) {
  struct account_answer *in = input;
  struct account now;
  struct ask ask;
  bool there = false;
  in->token[0] = 0;
  enum err err = account_administrator(txn, in->by, error);
  if (!err) err = account_read(txn_db(txn), in->account, &now, error);
  if (!err) err = ask_find(txn_db(txn), in->account, in->what, txn_clock(txn), &ask, &there, error);
  if (err) return err;
  if (!there) return fail(error, ERR_MISSING, "ask-missing", "", "nothing of the kind waits to be confirmed");
  if (in->confirm && !strcmp(ask.by, in->by) && !account_operator(in->by))
    return fail(error, ERR_DENIED, "ask-own", "", "whoever asked for it does not confirm it: a second administrator does");
  json_t *body = json_pack("{s:s, s:s}", "what", in->what, "asked_by", ask.by);
  if (in->confirm)
    err = ask.roles ? confirm_roles(txn, in, &ask, &now, body, error) : confirm_link(txn, in, &now, body, error);
  if (!err) return ledger_append(txn, in->by, in->confirm ? "account.confirm" : "account.refuse", in->account, body, error);
  json_decref(body);
  return err;
}

static enum err answer_apply(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  const json_t *roles = json_object_get(body, "roles");
  enum err err = db_exec(db, error, "DELETE FROM account_ask WHERE account = $1 AND what = $2",
                         ARGS(v_text(entry->subject), v_text(json_text(body, "what", ""))));
  return err || !roles ? err : account_roles_apply(db, entry, roles, error);
}

KIND(account_confirm, "account.confirm", LOG_MASKED, answer_apply);
KIND(account_refuse, "account.refuse", LOG_MASKED, answer_apply);
