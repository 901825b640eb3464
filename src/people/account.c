#include "people/account.h"

#include <ctype.h>

#include "base/utf8.h"
#include "people/account_rule.h"

#define NAME_MOST 200    /* characters */
#define LOGIN_MOST 100   /* characters */
#define ADDRESS_MOST 254 /* bytes: RFC 5321 with its erratum 1690 */

/* ---- reading ---- */

/* Columns, in this order: those of struct account and one role; an account comes in as many rows as it has roles. */
static void take_row(struct rows *rows, struct account *account) {
  if (strcmp(account->code, rows_text(rows, 0)) != 0) {
    *account = (struct account){.disabled = rows_int(rows, 4) != 0,
                                .created_ms = rows_int(rows, 5),
                                .sign_ins = rows_int(rows, 6),
                                .signed_in_ms = rows_int(rows, 7),
                                .has_password = *rows_text(rows, 8) != 0,
                                .has_totp = *rows_text(rows, 9) != 0};
    snprintf(account->code, sizeof account->code, "%s", rows_text(rows, 0));
    snprintf(account->person, sizeof account->person, "%s", rows_text(rows, 1));
    snprintf(account->site, sizeof account->site, "%s", rows_text(rows, 2));
    snprintf(account->language, sizeof account->language, "%s", rows_text(rows, 3));
  }
  account->roles |= role_from_name(rows_text(rows, 10));
}

enum err account_read(struct db *db, const char *code, struct account *account, struct error *error) {
  *account = (struct account){0};
  struct rows rows;
  rows_open(
      &rows, db,
      "SELECT a.code, a.person, a.site, a.language, a.disabled, a.created_ms, a.sign_ins, a.signed_in_ms, a.password,"
      " a.totp, r.role FROM account a JOIN account_role r ON r.account = a.code WHERE a.code = $1 ORDER BY r.role",
      ARGS(v_text(code)));
  while (rows_next(&rows)) take_row(&rows, account);
  enum err err = rows_close(&rows, error);
  if (err) return err;
  if (!*account->code) return fail(error, ERR_MISSING, "account-missing", "account", "there is no account %s", code);
  return OK;
}

enum err account_list(struct db *db, struct arena *arena, struct account **accounts, size_t *count,
                      struct error *error) {
  size_t capacity = 64, length = 0;
  struct account *list = arena_array(arena, capacity, sizeof *list);
  struct rows rows;
  rows_open(
      &rows, db,
      "SELECT a.code, a.person, a.site, a.language, a.disabled, a.created_ms, a.sign_ins, a.signed_in_ms, a.password,"
      " a.totp, r.role FROM account a JOIN account_role r ON r.account = a.code ORDER BY a.code, r.role",
      NO_ARGS);
  while (rows_next(&rows)) {
    if (!length || strcmp(list[length - 1].code, rows_text(&rows, 0)) != 0) {
      if (length == capacity) {
        struct account *wider = arena_array(arena, capacity * 2, sizeof *wider);
        memcpy(wider, list, capacity * sizeof *list);
        list = wider;
        capacity *= 2;
      }
      length++;
    }
    take_row(&rows, &list[length - 1]);
  }
  *accounts = list;
  *count = length;
  return rows_close(&rows, error);
}

/* Of a text that someone typed: what is too long for a name is nobody's. */
static void login_hash(const struct keys *keys, const char *login, char out[65]) {
  keys_lookup(keys, "login", strnlen(login, LOGIN_MOST * 4 + 1) > LOGIN_MOST * 4 ? "" : login, out);
}

enum err account_find(struct db *db, const struct keys *keys, const char *login, char code[CODE_BYTES],
                      struct error *error) {
  char hash[65];
  *code = 0;
  login_hash(keys, login, hash);
  struct rows rows;
  rows_open(&rows, db, "SELECT code FROM account WHERE login = $1 ORDER BY code", ARGS(v_text(hash)));
  if (rows_next(&rows)) snprintf(code, CODE_BYTES, "%s", rows_text(&rows, 0));
  return rows_close(&rows, error);
}

enum err account_identity(struct db *db, struct arena *arena, const struct keys *keys, const uint8_t secret[KEY_BYTES],
                          const char *code, struct account_identity *identity, struct error *error) {
  *identity = (struct account_identity){"", "", ""};
  struct rows rows;
  size_t length = 0;
  char *plain = NULL;
  bool found = false;
  rows_open(&rows, db, "SELECT identity FROM account WHERE code = $1 ORDER BY code", ARGS(v_text(code)));
  if ((found = rows_next(&rows))) {
    const void *sealed = rows_blob(&rows, 0, &length);
    if (length >= SEALED_OVERHEAD) {
      plain = arena_alloc(arena, length);
      if (!sealed_read(keys->identity_public, secret, sealed, length, (uint8_t *)plain)) plain = NULL;
    }
  }
  enum err err = rows_close(&rows, error);
  if (err) return err;
  if (!found) return fail(error, ERR_MISSING, "account-missing", "account", "there is no account %s", code);
  if (!plain)
    return fail(error, ERR_STATE, "identity-key", "identity", "the identity key of this home does not open %s", code);
  json_t *object = NULL;
  if ((err = json_read(&object, plain, length - SEALED_OVERHEAD, "identity", error))) return err;
  identity->login = arena_text(arena, json_text(object, "login", ""));
  identity->name = arena_text(arena, json_text(object, "name", ""));
  identity->address = arena_text(arena, json_text(object, "address", ""));
  json_decref(object);
  return OK;
}

/* ---- what holds ---- */

static bool is_line(const char *text, size_t most) {
  return utf8_valid(text, strlen(text)) && utf8_length(text) <= most && !utf8_has_control(text) &&
         !strpbrk(text, "\t\r\n");
}

/* Not whether mail arrives there: whether it can stand in a mail's header. */
static bool is_address(const char *text) {
  const char *at = strchr(text, '@');
  return at && at != text && at[1] && !strchr(at + 1, '@') && strlen(text) <= ADDRESS_MOST &&
         is_line(text, ADDRESS_MOST) && !strpbrk(text, " <>,;:\"()[]\\");
}

static enum err check_form(const struct account_create *in, struct error *error) {
  if (!in->roles || in->roles & ~(unsigned)ROLES_STAFF)
    return fail(error, ERR_INPUT, "roles-none", "role", "an account needs at least one role of those that sign in");
  if (!account_word(in->site, sizeof((struct account *)0)->site - 1))
    return fail(error, ERR_INPUT, "site-form", "site", "a site is named by its code in the study");
  if (!account_word(in->language, sizeof((struct account *)0)->language - 1))
    return fail(error, ERR_INPUT, "language-form", "language", "a language is a code such as en or fr");
  if (!is_line(in->name, NAME_MOST))
    return fail(error, ERR_INPUT, "name-form", "name", "a name is one line of at most %d characters", NAME_MOST);
  if (*in->address && !is_address(in->address))
    return fail(error, ERR_INPUT, "address-form", "address", "this is not a mail address");
  size_t blanks = strspn(in->login, " ");
  if (*in->login && (!is_line(in->login, LOGIN_MOST) || utf8_length(in->login + blanks) < 2))
    return fail(error, ERR_INPUT, "login-form", "login", "a sign-in name is one line of 2 to %d characters",
                LOGIN_MOST);
  return OK;
}

static enum err check_person(struct txn *txn, unsigned roles, const char *person, struct error *error) {
  bool therapist = roles & ROLE_THERAPIST;
  if (!therapist && !*person) return OK;
  int64_t there = 0;
  enum err err = db_int(txn_db(txn), error, &there, 0,
                        "SELECT count(*) FROM person WHERE code = $1 AND kind = 'therapist'", ARGS(v_text(person)));
  if (err || (therapist && there)) return err;
  if (therapist)
    return fail(error, ERR_INPUT, "person-missing", "person",
                "a therapist's account needs the code of a therapist who is enrolled");
  return fail(error, ERR_INPUT, "person-missing", "person", "only a therapist's account belongs to an enrolled person");
}

/* ---- verbs ---- */

static const char *sealed_identity(struct txn *txn, const struct account_create *in) {
  struct arena *arena = txn_arena(txn);
  json_t *object = json_pack("{s:s, s:s, s:s}", "login", in->login, "name", in->name, "address", in->address);
  size_t length;
  const char *plain = json_canonical(arena, object, &length);
  json_decref(object);
  uint8_t *sealed = arena_alloc(arena, length + SEALED_OVERHEAD);
  sealed_write(txn_chance(txn), txn_keys(txn)->identity_public, in->code, 0, plain, length, sealed);
  return base64_text(arena, sealed, length + SEALED_OVERHEAD);
}

/* A code that no account has and no account had (an erased one keeps its entries). Under --frozen it follows from
 * what is known of the person and not from how many accounts there were before. */
static enum err choose_code(struct txn *txn, struct account_create *in, struct error *error) {
  char subject[65];
  keys_lookup(txn_keys(txn), "account-code",
              arena_printf(txn_arena(txn), "%s\n%s\n%s\n%s", in->login, in->name, in->address, in->person), subject);
  for (uint64_t count = 0;; count++) {
    code_make(txn_chance(txn), 'A', subject, count, in->code);
    int64_t taken = 0;
    enum err err = db_int(txn_db(txn), error, &taken, 0,
                          "SELECT (SELECT count(*) FROM account WHERE code = $1)"
                          " + (SELECT count(*) FROM tombstone WHERE erased = $1)",
                          ARGS(v_text(in->code)));
    if (err || !taken) return err;
  }
}

enum err account_create(struct txn *txn, void *input, struct error *error) {
  struct account_create *in = input;
  char login[65] = "", taken[CODE_BYTES];
  enum err err = account_administrator(txn, in->by, error);
  if (!err) err = check_form(in, error);
  if (!err) err = account_roles_apart(in->roles, error);
  if (!err) err = check_person(txn, in->roles, in->person, error);
  if (err) return err;
  if (*in->login) {
    login_hash(txn_keys(txn), in->login, login);
    if ((err = account_find(txn_db(txn), txn_keys(txn), in->login, taken, error))) return err;
    if (*taken) return fail(error, ERR_CONFLICT, "login-taken", "login", "another account has this sign-in name");
  }
  if ((err = choose_code(txn, in, error))) return err;
  json_t *body =
      json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "login", login, "person", in->person, "site", in->site, "language",
                in->language, "identity", sealed_identity(txn, in), "roles", account_roles_json(in->roles));
  return ledger_append(txn, in->by, "account.create", in->code, body, error);
}
