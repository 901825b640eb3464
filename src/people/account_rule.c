#include "people/account_rule.h"

#include <ctype.h>

/* ---- who may ---- */

bool account_operator(const char *by) {
  return !strcmp(by, "cli") || !strcmp(by, "demo");
}

enum err account_administrator(struct txn *txn, const char *by, struct error *error) {
  if (account_operator(by)) return OK;
  struct account actor;
  enum err err = account_read(txn_db(txn), by, &actor, error);
  if (err && err != ERR_MISSING) return err;
  if (!err && !actor.disabled && actor.roles & ROLE_ADMINISTRATOR) return OK;
  return fail(error, ERR_DENIED, "not-administrator", "", "only an administrator may change accounts");
}

static enum err check_another_administrator(struct txn *txn, const char *but, struct error *error) {
  int64_t others = 0;
  enum err err = db_int(txn_db(txn), error, &others, 0,
                        "SELECT count(*) FROM account a JOIN account_role r ON r.account = a.code"
                        " WHERE r.role = 'administrator' AND a.disabled = 0 AND a.code <> $1",
                        ARGS(v_text(but)));
  if (err || others) return err;
  return fail(error, ERR_STATE, "last-administrator", "account", "%s is the last administrator who can sign in", but);
}

/* ---- what holds ---- */

bool account_word(const char *text, size_t most) {
  size_t length = strnlen(text, most + 1);
  for (size_t i = 0; i < length; i++)
    if (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '_') return false;
  return length <= most;
}

enum err account_roles_apart(unsigned roles, struct error *error) {
  enum role masked, meets;
  if (roles_apart(roles, &masked, &meets)) return OK;
  return fail(error, ERR_INPUT, "roles-mixed", "role",
              "one account cannot be both %s and %s: who is %s must never learn who was trained, and who is %s may; "
              "give these roles to two people",
              role_name(masked), role_name(meets), role_name(masked), role_name(meets));
}

enum err account_change_allowed(struct txn *txn, const struct account_change *in, const struct account *now,
                             struct error *error) {
  enum err err;
  bool own_language = !in->roles && in->disabled < 0 && !strcmp(in->by, in->account) && !now->disabled;
  if (!own_language && (err = account_administrator(txn, in->by, error))) return err;
  if (in->roles & ~(unsigned)ROLES_STAFF)
    return fail(error, ERR_INPUT, "roles-none", "role", "an account holds only roles that sign in");
  if (in->roles != now->roles && (err = account_roles_apart(in->roles, error))) return err;
  if (in->language && !account_word(in->language, sizeof now->language - 1))
    return fail(error, ERR_INPUT, "language-form", "language", "a language is a code such as en or fr");
  if (in->roles & ROLE_THERAPIST && !*now->person)
    return fail(error, ERR_INPUT, "person-missing", "role",
                "this account belongs to no enrolled therapist; make another");
  bool was = now->roles & ROLE_ADMINISTRATOR && !now->disabled;
  bool stops = in->disabled == 1 || (in->roles && !(in->roles & ROLE_ADMINISTRATOR));
  if (was && stops && !account_operator(in->by)) return check_another_administrator(txn, in->account, error);
  return OK;
}

json_t *account_roles_json(unsigned roles) {
  json_t *array = json_array();
  for (int i = 0; i < ROLE_COUNT; i++)
    if (roles & 1u << i) json_array_append_new(array, json_string(role_name((enum role)(1 << i))));
  return array;
}
