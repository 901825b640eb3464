/* The verbs that change an account. */
#include "people/account_rule.h"
#include "people/account_secret.h"
#include "people/ask.h"

static enum err end_sign_ins(struct txn *txn, const char *account, const char *keep, struct error *error) {
  enum err err = db_exec(txn_db(txn), error, "DELETE FROM run_session WHERE subject = $1 AND token <> $2",
                         ARGS(v_text(account), v_text(keep ? keep : "")));
  if (err) return err;
  return db_exec(txn_db(txn), error, "DELETE FROM run_sign_in_link WHERE subject = $1", ARGS(v_text(account)));
}

enum err account_change(struct txn *txn, void *input, struct error *error) {
  struct account_change *in = input;
  struct account now;
  enum err err = account_read(txn_db(txn), in->account, &now, error);
  if (!err) err = account_change_allowed(txn, in, &now, error);
  if (err) return err;
  json_t *body = json_object();
  bool new_roles = in->roles && in->roles != now.roles;
  in->asked = new_roles && in->roles & ~now.roles & ROLES_GUARDED && !account_operator(in->by);
  if (new_roles && !in->asked) json_object_set_new(body, "roles", account_roles_json(in->roles));
  if (in->disabled >= 0 && (in->disabled != 0) != now.disabled)
    json_object_set_new(body, "disabled", json_integer(in->disabled != 0));
  if (in->language && strcmp(in->language, now.language) != 0)
    json_object_set_new(body, "language", json_string(in->language));
  if (in->asked) return ask_append(txn, in->by, in->account, ASK_ROLES, in->roles, body, error);
  if (!json_object_size(body)) {
    json_decref(body);
    return OK;
  }
  if ((err = ledger_append(txn, in->by, "account.change", in->account, body, error))) return err;
  return in->disabled == 1 ? end_sign_ins(txn, in->account, NULL, error) : OK;
}

/* The body says what was decided; the secret itself only sealed. */
static enum err credential_body(struct txn *txn, const struct account_credential *in, json_t **body,
                                struct error *error) {
  int64_t count = 0;
  enum err err = db_int(txn_db(txn), error, &count, 0, "SELECT credentials FROM account WHERE code = $1 ORDER BY code",
                        ARGS(v_text(in->account)));
  if (err) return err;
  *body = json_object();
  if (in->password_hash) json_object_set_new(*body, "password", json_string(in->password_hash));
  if (in->totp_secret)
    json_object_set_new(*body, "totp",
                        json_string(account_secret_seal(txn_arena(txn), txn_keys(txn), txn_chance(txn), in->account,
                                                        count, in->totp_secret)));
  else if (in->remove_totp)
    json_object_set_new(*body, "totp", json_string(""));
  return OK;
}

enum err account_credential(struct txn *txn, void *input, struct error *error) {
  const struct account_credential *in = input;
  struct account now;
  enum err err = account_read(txn_db(txn), in->account, &now, error);
  if (err) return err;
  bool own = !strcmp(in->by, in->account) && !now.disabled;
  if (!own && !account_operator(in->by))
    return fail(error, ERR_DENIED, "not-yours", "", "a password or an authenticator is set by the one whose account it is");
  if (!in->password_hash && !in->totp_secret && !in->remove_totp) return OK;
  if (in->password_hash &&
      (strncmp(in->password_hash, "$argon2id$", 10) != 0 || strlen(in->password_hash) >= PASSWORD_HASH_BYTES))
    return fail(error, ERR_INPUT, "password-hash", "password", "this is no Argon2id hash");
  json_t *body;
  if ((err = credential_body(txn, in, &body, error))) return err;
  if ((err = ledger_append(txn, in->by, "account.credential", in->account, body, error))) return err;
  if (in->totp_secret || in->remove_totp) {
    err = db_exec(txn_db(txn), error, "DELETE FROM run_totp WHERE account = $1", ARGS(v_text(in->account)));
    if (err) return err;
  }
  return end_sign_ins(txn, in->account, in->keep_token_hash, error);
}
