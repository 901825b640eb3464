/* The steps of signing in: jobs for the writer. */
#include "people/sign_in.h"

#include "people/account_secret.h"
#include "people/password.h"
#include "people/refusal.h"
#include "people/throttle.h"
#include "people/token.h"

#define COOKIE_RANDOM 32
#define COOKIE_CHARACTERS 43

static enum err ended(struct error *error) {
  return fail(error, ERR_MISSING, "sign-in-ended", "", "this sign-in has ended; sign in again");
}

/* Says no and keeps what was counted: see sign_in.h. */
static enum err refuse(struct error *refused, enum err code, const char *id, const char *text) {
  fail(refused, code, id, "", "%s", text);
  return OK;
}

static enum err refuse_throttled(struct error *refused) {
  return refuse(refused, ERR_LIMIT, "throttled", "too many wrong tries; wait 15 minutes");
}

/* ---- making and completing a sign-in ---- */

static enum err drop_old(struct txn *txn, struct error *error) {
  enum err err =
      db_exec(txn_db(txn), error, "DELETE FROM run_session WHERE made_ms < $1 OR (stage = 'code' AND made_ms < $2)",
              ARGS(v_int(txn_clock(txn) - SIGN_IN_LONGEST_MS), v_int(txn_clock(txn) - SIGN_IN_CODE_MS)));
  if (err) return err;
  return db_exec(txn_db(txn), error, "DELETE FROM run_sign_in_link WHERE expires_ms < $1",
                 ARGS(v_int(txn_clock(txn) - DAY_MS)));
}

static enum err append_sign_in(struct txn *txn, const char *account, const char *means, struct error *error) {
  return ledger_append(txn, account, "account.sign_in", account, json_pack("{s:s}", "means", means), error);
}

/* A new cookie each time: what a browser held before can never become a sign-in. The values follow from how many
 * sign-ins the account has completed, so that under --frozen they do not depend on what others did; there a second
 * one that awaits its code gets the cookie of the first, and replaces it. */
static enum err begin(struct txn *txn, const struct account *account, const char *means,
                      char cookie[SIGN_IN_TOKEN_BYTES], bool *needs_code, struct error *error) {
  uint8_t random[COOKIE_RANDOM];
  char hash[TOKEN_HASH_BYTES], form_token[SIGN_IN_TOKEN_BYTES];
  const struct chance *chance = txn_chance(txn);
  uint64_t number = (uint64_t)account->sign_ins;
  chance_bytes(chance, "form-token", account->code, number, random, sizeof random);
  token_write(random, sizeof random, form_token);
  chance_bytes(chance, "cookie", account->code, number, random, sizeof random);
  token_write(random, sizeof random, cookie);
  token_hash(cookie, hash);
  *needs_code = account->has_totp;
  enum err err = drop_old(txn, error);
  if (err) return err;
  err = db_exec(txn_db(txn), error,
                "INSERT INTO run_session (token, subject, made_ms, seen_ms, proved_ms, stage, form_token)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (token) DO UPDATE SET subject = excluded.subject,"
                " made_ms = excluded.made_ms, seen_ms = excluded.seen_ms, proved_ms = excluded.proved_ms,"
                " stage = excluded.stage, form_token = excluded.form_token",
                ARGS(v_text(hash), v_text(account->code), v_int(txn_clock(txn)), v_int(txn_clock(txn)), v_int(txn_clock(txn)),
                     v_text(*needs_code ? "code" : "full"), v_text(form_token)));
  if (err || *needs_code) return err;
  return append_sign_in(txn, account->code, means, error);
}

/* The account of a cookie in this stage; ERR_MISSING when there is none, it is too old, or the account is disabled. */
static enum err stage_account(struct txn *txn, const char *cookie, const char *stage, int64_t longest_ms,
                              char hash[TOKEN_HASH_BYTES], struct account *account, struct error *error) {
  if (!token_well_formed(cookie, COOKIE_CHARACTERS)) return ended(error);
  token_hash(cookie, hash);
  char *code;
  enum err err =
      db_text(txn_db(txn), error, txn_arena(txn), &code,
              "SELECT subject FROM run_session WHERE token = $1 AND stage = $2 AND made_ms >= $3 ORDER BY token",
              ARGS(v_text(hash), v_text(stage), v_int(txn_clock(txn) - longest_ms)));
  if (err) return err;
  if (!code) return ended(error);
  err = account_read(txn_db(txn), code, account, error);
  if (err == ERR_MISSING || (!err && account->disabled)) return ended(error);
  return err;
}

/* ---- by password ---- */

enum err sign_in_try(struct txn *txn, void *input, struct error *error) {
  struct sign_in_try *in = input;
  struct throttled counted[2];
  size_t count = throttle_of(counted, (struct throttled){"name", in->login}, &in->from);
  struct account account = {0};
  bool held;
  in->refused = (struct error){0};
  in->cookie[0] = 0;
  in->needs_code = false;
  enum err err = throttle_held(txn, counted, count, &held, error);
  if (err) return err;
  if (held) return refuse_throttled(&in->refused);
  if (*in->account && (err = account_read(txn_db(txn), in->account, &account, error)) && err != ERR_MISSING) return err;
  bool let_in = *account.code && !account.disabled && account.has_password && in->password_right;
  if (!let_in) {
    refuse(&in->refused, ERR_DENIED, "sign-in-wrong", "the name or the password is not right");
    err = throttle_count(txn, counted, count, error);
    return err ? err : refusal_note(txn, account.code, "password", in->from.address, error);
  }
  if ((err = throttle_forget(txn, counted[0], error))) return err;
  return begin(txn, &account, "password", in->cookie, &in->needs_code, error);
}

/* ---- the second factor ---- */

/* The step of a right code, or -1. */
static enum err code_step(struct txn *txn, const struct account *account, const char *code, int64_t *step,
                          struct error *error) {
  char *sealed;
  int64_t used;
  uint8_t secret[TOTP_SECRET_BYTES];
  *step = -1;
  enum err err = db_text(txn_db(txn), error, txn_arena(txn), &sealed,
                         "SELECT totp FROM account WHERE code = $1 ORDER BY code", ARGS(v_text(account->code)));
  if (err) return err;
  err = db_int(txn_db(txn), error, &used, -1, "SELECT step FROM run_totp WHERE account = $1 ORDER BY account",
               ARGS(v_text(account->code)));
  if (err) return err;
  if (!sealed || !account_secret_open(txn_keys(txn), account->code, sealed, secret)) return OK;
  *step = totp_check(secret, code, txn_clock(txn), used);
  bytes_wipe(secret, sizeof secret);
  return OK;
}

static enum err step_used(struct txn *txn, const struct account *account, int64_t step, struct error *error) {
  return db_exec(txn_db(txn), error,
                 "INSERT INTO run_totp (account, subject, step) VALUES ($1, $2, $3)"
                 " ON CONFLICT (account) DO UPDATE SET step = excluded.step",
                 ARGS(v_text(account->code), v_text(account->code), v_int(step)));
}

static enum err complete(struct txn *txn, const struct account *account, const char *hash, int64_t step,
                         struct error *error) {
  enum err err = step_used(txn, account, step, error);
  if (err) return err;
  err = db_exec(txn_db(txn), error,
                "UPDATE run_session SET stage = 'full', made_ms = $1, seen_ms = $2, proved_ms = $3 WHERE token = $4",
                ARGS(v_int(txn_clock(txn)), v_int(txn_clock(txn)), v_int(txn_clock(txn)), v_text(hash)));
  if (err) return err;
  return append_sign_in(txn, account->code, "code", error);
}

enum err sign_in_code(struct txn *txn, void *input, struct error *error) {
  struct sign_in_code *in = input;
  struct account account;
  char hash[TOKEN_HASH_BYTES];
  bool held;
  int64_t step;
  in->refused = (struct error){0};
  enum err err = stage_account(txn, in->cookie, "code", SIGN_IN_CODE_MS, hash, &account, error);
  if (err) return err;
  struct throttled counted[2];
  size_t count = throttle_of(counted, (struct throttled){"code", account.code}, &in->from);
  if ((err = throttle_held(txn, counted, count, &held, error))) return err;
  if (held) return refuse_throttled(&in->refused);
  if ((err = code_step(txn, &account, in->code, &step, error))) return err;
  if (step < 0) {
    refuse(&in->refused, ERR_DENIED, "code-wrong", "the code is not right, or was used already");
    err = throttle_count(txn, counted, count, error);
    return err ? err : refusal_note(txn, account.code, "code", in->from.address, error);
  }
  if ((err = throttle_forget(txn, counted[0], error))) return err;
  return complete(txn, &account, hash, step, error);
}

/* ---- by a one-time link ---- */

static enum err link_gone(struct error *error) {
  return fail(error, ERR_MISSING, "link-used", "", "this address was used already, or has expired; ask for another");
}

enum err sign_in_link_use(struct txn *txn, void *input, struct error *error) {
  struct sign_in_link_use *in = input;
  struct account account;
  char hash[TOKEN_HASH_BYTES], *code;
  in->cookie[0] = 0;
  in->needs_code = false;
  if (!token_well_formed(in->token, COOKIE_CHARACTERS)) return link_gone(error);
  token_hash(in->token, hash);
  /* One conditional update: of two who come at once, one changes the row and the other none. */
  enum err err =
      db_exec(txn_db(txn), error,
              "UPDATE run_sign_in_link SET used_ms = $1 WHERE token = $2 AND used_ms = 0 AND expires_ms > $3",
              ARGS(v_int(txn_clock(txn)), v_text(hash), v_int(txn_clock(txn))));
  if (err) return err;
  if (db_changes(txn_db(txn)) != 1) return link_gone(error);
  err = db_text(txn_db(txn), error, txn_arena(txn), &code,
                "SELECT subject FROM run_sign_in_link WHERE token = $1 ORDER BY token", ARGS(v_text(hash)));
  if (err) return err;
  err = account_read(txn_db(txn), code, &account, error);
  if (err == ERR_MISSING || (!err && account.disabled)) return link_gone(error);
  if (err) return err;
  memcpy(in->account, account.code, sizeof in->account);
  return begin(txn, &account, "link", in->cookie, &in->needs_code, error);
}

/* ---- staying and leaving ---- */

/* Whether what was given proves it; a code is used up. */
static enum err proof_holds(struct txn *txn, const struct sign_in_prove *in, const struct account *account, bool *holds,
                            struct error *error) {
  *holds = in->password_right && account->has_password;
  if (!in->code) return OK;
  int64_t step;
  enum err err = code_step(txn, account, in->code, &step, error);
  *holds = !err && account->has_totp && step >= 0;
  return *holds ? step_used(txn, account, step, error) : err;
}

enum err sign_in_prove(struct txn *txn, void *input, struct error *error) {
  struct sign_in_prove *in = input;
  struct account account;
  char hash[TOKEN_HASH_BYTES];
  bool held, holds;
  in->refused = (struct error){0};
  enum err err = stage_account(txn, in->cookie, "full", SIGN_IN_LONGEST_MS, hash, &account, error);
  if (err) return err;
  const struct throttled counted = {"prove", account.code}; /* no stranger comes so far */
  if ((err = throttle_held(txn, &counted, 1, &held, error))) return err;
  if (held) return refuse_throttled(&in->refused);
  if ((err = proof_holds(txn, in, &account, &holds, error))) return err;
  if (!holds) {
    if (in->code) refuse(&in->refused, ERR_DENIED, "code-wrong", "the code is not right, or was used already");
    else refuse(&in->refused, ERR_DENIED, "password-wrong", "the password is not right");
    err = throttle_count(txn, &counted, 1, error);
    return err ? err : refusal_note(txn, account.code, "proof", "", error);
  }
  if ((err = throttle_forget(txn, counted, error))) return err;
  return db_exec(txn_db(txn), error, "UPDATE run_session SET seen_ms = $1, proved_ms = $2 WHERE token = $3",
                 ARGS(v_int(txn_clock(txn)), v_int(txn_clock(txn)), v_text(hash)));
}

enum err sign_in_touch(struct txn *txn, void *input, struct error *error) {
  const struct sign_in_touch *in = input;
  return db_exec(txn_db(txn), error, "UPDATE run_session SET seen_ms = $1 WHERE token = $2 AND seen_ms < $3",
                 ARGS(v_int(txn_clock(txn)), v_text(in->token_hash), v_int(txn_clock(txn))));
}

enum err sign_in_end(struct txn *txn, void *input, struct error *error) {
  const struct sign_in_end *in = input;
  char hash[TOKEN_HASH_BYTES];
  token_hash(in->cookie, hash);
  return db_exec(txn_db(txn), error, "DELETE FROM run_session WHERE token = $1", ARGS(v_text(hash)));
}
