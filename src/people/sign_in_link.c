/* One-time links: made by the operator or an administrator, and never unseen. */
#include "people/sign_in_link.h"

#include "people/account_rule.h"
#include "people/ask.h"
#include "people/token.h"

enum err sign_in_link_put(struct txn *txn, struct sign_in_link_make *in, const struct account *account, struct error *error) {
  uint8_t random[32];
  char hash[TOKEN_HASH_BYTES];
  if (account->disabled) return fail(error, ERR_STATE, "account-disabled", "account", "%s is disabled", in->account);
  chance_bytes(txn_chance(txn), "sign-in-link", arena_printf(txn_arena(txn), "%s %s", in->account, in->purpose), 0, random,
               sizeof random);
  token_write(random, sizeof random, in->token);
  token_hash(in->token, hash);
  return db_exec(txn_db(txn), error,
                 "INSERT INTO run_sign_in_link (token, subject, expires_ms, used_ms) VALUES ($1, $2, $3, 0)"
                 " ON CONFLICT (token) DO UPDATE SET expires_ms = excluded.expires_ms, used_ms = 0",
                 ARGS(v_text(hash), v_text(in->account), v_int(txn_clock(txn) + in->valid_ms)));
}

enum err sign_in_link_make(struct txn *txn, void *input, struct error *error) {
  struct sign_in_link_make *in = input;
  struct account account;
  in->token[0] = 0;
  in->asked = false;
  enum err err = account_administrator(txn, in->by, error);
  if (!err) err = account_read(txn_db(txn), in->account, &account, error);
  if (err) return err;
  if (account.disabled) return fail(error, ERR_STATE, "account-disabled", "account", "%s is disabled", in->account);
  in->asked = account.roles & ROLES_GUARDED && !account_operator(in->by);
  if (in->asked) return ask_append(txn, in->by, in->account, ASK_LINK, 0, NULL, error);
  if ((err = sign_in_link_put(txn, in, &account, error))) return err;
  return ledger_append(txn, in->by, "account.link", in->account, json_pack("{s:I}", "expires_ms", (json_int_t)(txn_clock(txn) + in->valid_ms)),
                       error);
}

static enum err link_apply(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  (void)db, (void)entry, (void)body, (void)error; /* the link itself is no state of the trial; that it was made is on record */
  return OK;
}

KIND(account_link, "account.link", LOG_MASKED, link_apply);
