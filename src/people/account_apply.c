/* How the entries of accounts enter the tables. Each writes rows of its own subject alone. */
#include "people/account_rule.h"

#define IDENTITY_MOST 8192 /* bytes of the sealed name, address and sign-in name */

enum err account_body_wrong(const struct entry *entry, struct error *error) {
  return fail(error, ERR_STORE, "entry-body", entry->kind, "entry %lld (%s) has a body that this program did not write",
              (long long)entry->sequence, entry->kind);
}

enum err account_roles_apply(struct db *db, const struct entry *entry, const json_t *roles, struct error *error) {
  enum err err = db_exec(db, error, "DELETE FROM account_role WHERE account = $1", ARGS(v_text(entry->subject)));
  size_t i;
  json_t *role;
  json_array_foreach(roles, i, role) {
    if (err) return err;
    if (!json_is_string(role)) return account_body_wrong(entry, error);
    err = db_exec(db, error, "INSERT INTO account_role (account, role, subject) VALUES ($1, $2, $3)",
                  ARGS(v_text(entry->subject), v_text(json_string_value(role)), v_text(entry->subject)));
  }
  return err;
}

static enum err account_apply_create(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  uint8_t identity[IDENTITY_MOST];
  long length = base64_read(json_text(body, "identity", ""), identity, sizeof identity);
  if (length < 0) return account_body_wrong(entry, error);
  enum err err =
      db_exec(db, error,
              "INSERT INTO account (code, subject, login, password, totp, language, person, site, disabled, "
              "created_ms, sign_ins,"
              " signed_in_ms, credentials, identity) VALUES ($1, $2, $3, '', '', $4, $5, $6, 0, $7, 0, 0, 0, $8)",
              ARGS(v_text(entry->subject), v_text(entry->subject), v_text(json_text(body, "login", "")),
                   v_text(json_text(body, "language", "")), v_text(json_text(body, "person", "")),
                   v_text(json_text(body, "site", "")), v_int(entry->time_ms), v_blob(identity, (size_t)length)));
  if (err) return err;
  return account_roles_apply(db, entry, json_object_get(body, "roles"), error);
}

enum err account_rest_apply(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  enum err err = OK;
  int64_t disabled = json_int(body, "disabled", -1);
  const char *language = json_text(body, "language", NULL);
  if (disabled >= 0)
    err = db_exec(db, error, "UPDATE account SET disabled = $1 WHERE code = $2",
                  ARGS(v_int(disabled), v_text(entry->subject)));
  if (!err && language)
    err = db_exec(db, error, "UPDATE account SET language = $1 WHERE code = $2",
                  ARGS(v_text(language), v_text(entry->subject)));
  return err;
}

static enum err account_apply_change(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  const json_t *roles = json_object_get(body, "roles");
  enum err err = roles ? account_roles_apply(db, entry, roles, error) : OK;
  return err ? err : account_rest_apply(db, entry, body, error);
}

static enum err account_apply_credential(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  const char *password = json_text(body, "password", NULL), *totp = json_text(body, "totp", NULL);
  enum err err = db_exec(db, error, "UPDATE account SET credentials = credentials + 1 WHERE code = $1",
                         ARGS(v_text(entry->subject)));
  if (!err && password)
    err = db_exec(db, error, "UPDATE account SET password = $1 WHERE code = $2",
                  ARGS(v_text(password), v_text(entry->subject)));
  if (!err && totp)
    err =
        db_exec(db, error, "UPDATE account SET totp = $1 WHERE code = $2", ARGS(v_text(totp), v_text(entry->subject)));
  return err;
}

static enum err account_apply_sign_in(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  (void)body; /* by which means: for the log alone */
  return db_exec(db, error, "UPDATE account SET sign_ins = sign_ins + 1, signed_in_ms = $1 WHERE code = $2",
                 ARGS(v_int(entry->time_ms), v_text(entry->subject)));
}

KIND(account_create, "account.create", LOG_MASKED, account_apply_create);
KIND(account_change, "account.change", LOG_MASKED, account_apply_change);
KIND(account_credential, "account.credential", LOG_MASKED, account_apply_credential);
/* A trainer, or a therapist whom the study gives feedback, signs in at other times than the others. */
KIND(account_sign_in, "account.sign_in", LOG_OPEN, account_apply_sign_in);
