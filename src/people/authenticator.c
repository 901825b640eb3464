#include "people/authenticator.h"

#include "people/password.h"
#include "people/throttle.h"

enum err authenticator_offer(struct db *db, const struct keys *keys, const char *account, const char *token_hash,
                             uint8_t secret[TOTP_SECRET_BYTES], struct error *error) {
  int64_t credentials;
  char info[96];
  enum err err = db_int(db, error, &credentials, -1, "SELECT credentials FROM account WHERE code = $1 ORDER BY code",
                        ARGS(v_text(account)));
  if (err) return err;
  if (credentials < 0) return fail(error, ERR_MISSING, "account-missing", "account", "there is no account %s", account);
  snprintf(info, sizeof info, "attune-totp-offer-v1 %s %lld", account, (long long)credentials);
  hkdf_sha256(secret, TOTP_SECRET_BYTES, keys->body, sizeof keys->body, token_hash, strlen(token_hash), info);
  return OK;
}

static enum err take(struct txn *txn, const struct authenticator_set *in, const uint8_t secret[TOTP_SECRET_BYTES],
                     int64_t step, struct error *error) {
  struct account_credential credential = {
      .by = in->account, .account = in->account, .totp_secret = secret, .keep_token_hash = in->token_hash};
  enum err err = account_credential(txn, &credential, error);
  if (err) return err;
  return db_exec(txn_db(txn), error, "INSERT INTO run_totp (account, subject, step) VALUES ($1, $1, $2)",
                 ARGS(v_text(in->account), v_int(step)));
}

enum err authenticator_set(struct txn *txn, void *input, struct error *error) {
  struct authenticator_set *in = input;
  const struct throttled counted[] = {{"code", in->account}, {"address", in->address}};
  uint8_t secret[TOTP_SECRET_BYTES];
  bool held;
  in->refused = (struct error){0};
  enum err err = throttle_held(txn, counted, 2, &held, error);
  if (err) return err;
  if (held) {
    fail(&in->refused, ERR_LIMIT, "throttled", "", "too many wrong tries; wait 15 minutes");
    return OK;
  }
  if ((err = authenticator_offer(txn_db(txn), txn_keys(txn), in->account, in->token_hash, secret, error))) return err;
  int64_t step = totp_check(secret, in->code, txn_clock(txn), -1);
  if (step < 0) {
    fail(&in->refused, ERR_DENIED, "code-wrong", "code", "the code is not right");
    err = throttle_count(txn, counted, 2, error);
  } else if (!(err = throttle_forget(txn, counted[0], error)))
    err = take(txn, in, secret, step, error);
  bytes_wipe(secret, sizeof secret);
  return err;
}
