/* attune user: the accounts of a home, by the one who runs the machine. On SQLite the home must not be in use by a
 * server at the same time (the administrator's page does the same work there). */
#include <unistd.h>

#include "base/utf8.h"
#include "cli/ask_secret.h"
#include "cli/options.h"
#include "people/password.h"
#include "people/sign_in.h"
#include "trial/home.h"

#define ABOUT                                                                                                          \
  "  add HOME --role ROLE...     makes an account and prints its code\n"                                               \
  "  list HOME                   prints all accounts, tab-separated\n"                                                 \
  "  change HOME ACCOUNT         sets roles or language\n"                                                             \
  "  disable HOME ACCOUNT        ends its sign-ins and lets nobody in; enable HOME ACCOUNT undoes it\n"                \
  "  password HOME ACCOUNT       sets the password, asked for at the terminal or read as one line of standard input\n" \
  "  authenticator HOME ACCOUNT  makes a second factor and prints the address that the authenticator reads\n"          \
  "  link HOME ACCOUNT           prints an address that signs in once\n\n"                                             \
  "ACCOUNT is a code (A-...) or a sign-in name. Roles: therapist coordinator assistant trainer rater interviewer\n"    \
  "analyst monitor allocator administrator."

struct user_options {
  struct repeated roles;
  const char *name, *login, *address, *site, *language, *person, *base;
  int64_t hours;
  bool names, json, remove;
};

/* What every action is handed. */
struct user_call {
  const struct user_options *options;
  struct home *home;
  struct db *db;
  struct arena *arena;
  char account[CODE_BYTES]; /* of ACCOUNT; "" for add and list */
};
typedef enum err user_action(struct user_call *call, struct error *error);

/* ---- what the study knows ---- */

static enum err read_roles(struct user_call *call, unsigned *roles, struct error *error) {
  *roles = 0;
  for (size_t i = 0; i < call->options->roles.count; i++) {
    const char *name = call->options->roles.values[i];
    enum role role = role_from_name(name);
    if (!(role & ROLES_STAFF))
      return fail(error, ERR_INPUT, "role", "--role", "--role: there is no role '%s' with an account", name);
    *roles |= role;
  }
  return OK;
}

static enum err check_site(struct user_call *call, const char *site, struct error *error) {
  const struct study *study = home_study(call->home);
  for (size_t i = 0; i < study->site_count; i++)
    if (!strcmp(study->sites[i].name, site)) return OK;
  if (!*site) return OK;
  return fail(error, ERR_INPUT, "site", "--site", "--site: the study has no site '%s'", site);
}

static enum err check_language(struct user_call *call, const char *language, struct error *error) {
  const struct study *study = home_study(call->home);
  for (int i = 0; i < study->language_count; i++)
    if (!strcmp(study->languages[i], language)) return OK;
  return fail(error, ERR_INPUT, "language", "--language", "--language: the study does not speak '%s'", language);
}

/* ---- actions ---- */

static enum err user_add(struct user_call *call, struct error *error) {
  const struct user_options *options = call->options;
  struct account_create create = {.by = "cli",
                                  .person = options->person,
                                  .site = options->site,
                                  .language =
                                      options->language ? options->language : home_study(call->home)->languages[0],
                                  .login = options->login,
                                  .name = options->name,
                                  .address = options->address};
  enum err err = read_roles(call, &create.roles, error);
  if (!err) err = check_site(call, create.site, error);
  if (!err) err = check_language(call, create.language, error);
  if (!err) err = ledger_do(call->home->ledger, account_create, &create, error);
  if (!err) printf("%s\n", create.code);
  return err;
}

static const char *roles_text(struct arena *arena, unsigned roles) {
  struct buf text = buf_in(arena, 64);
  for (int i = 0; i < ROLE_COUNT; i++)
    if (roles & 1u << i) buf_addf(&text, "%s%s", text.length ? "," : "", role_name((enum role)(1 << i)));
  return text.data;
}

static json_t *account_json(const struct account *account, const struct account_identity *identity) {
  json_t *roles = json_array();
  for (int i = 0; i < ROLE_COUNT; i++)
    if (account->roles & 1u << i) json_array_append_new(roles, json_string(role_name((enum role)(1 << i))));
  json_t *object = json_pack(
      "{s:s, s:o, s:s, s:s, s:s, s:b, s:b, s:b, s:I, s:I, s:I}", "account", account->code, "roles", roles, "person",
      account->person, "site", account->site, "language", account->language, "disabled", account->disabled, "password",
      account->has_password, "authenticator", account->has_totp, "created_ms", (json_int_t)account->created_ms,
      "sign_ins", (json_int_t)account->sign_ins, "signed_in_ms", (json_int_t)account->signed_in_ms);
  if (!identity) return object;
  json_object_set_new(object, "login", json_string(identity->login));
  json_object_set_new(object, "name", json_string(identity->name));
  json_object_set_new(object, "address", json_string(identity->address));
  return object;
}

static void print_account(struct arena *arena, const struct account *account, const struct account_identity *identity) {
  printf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", account->code, roles_text(arena, account->roles), account->person,
         account->site, account->language,
         account->has_password ? account->has_totp ? "password+code" : "password" : "link",
         account->disabled ? "disabled" : "enabled",
         account->signed_in_ms ? date_text(arena, account->signed_in_ms) : "never");
  if (identity) printf("\t%s\t%s\t%s", identity->login, identity->name, identity->address);
  printf("\n");
}

static enum err user_list(struct user_call *call, struct error *error) {
  const struct user_options *options = call->options;
  uint8_t secret[KEY_BYTES];
  struct account *accounts;
  size_t count;
  enum err err = account_list(call->db, call->arena, &accounts, &count, error);
  if (!err && options->names) err = keys_load_identity_secret(secret, call->home->directory, error);
  if (err) return err;
  json_t *array = json_array();
  if (!options->json)
    printf("account\troles\tperson\tsite\tlanguage\tsigns in by\tstate\tlast sign-in%s\n",
           options->names ? "\tsign-in name\tname\taddress" : "");
  for (size_t i = 0; i < count && !err; i++) {
    struct account_identity identity;
    if (options->names)
      err = account_identity(call->db, call->arena, &call->home->keys, secret, accounts[i].code, &identity, error);
    if (err) break;
    if (options->json)
      json_array_append_new(array, account_json(&accounts[i], options->names ? &identity : NULL));
    else
      print_account(call->arena, &accounts[i], options->names ? &identity : NULL);
  }
  size_t length;
  if (!err && options->json) printf("%s\n", json_canonical(call->arena, array, &length));
  json_decref(array);
  bytes_wipe(secret, sizeof secret);
  return err;
}

static enum err user_change(struct user_call *call, struct error *error) {
  struct account_change change = {
      .by = "cli", .account = call->account, .disabled = -1, .language = call->options->language};
  enum err err = read_roles(call, &change.roles, error);
  if (!err && change.language) err = check_language(call, change.language, error);
  if (!err && !change.roles && !change.language)
    return fail(error, ERR_USAGE, "nothing", "", "name what changes: --role or --language");
  return err ? err : ledger_do(call->home->ledger, account_change, &change, error);
}

static enum err set_disabled(struct user_call *call, int disabled, struct error *error) {
  struct account_change change = {.by = "cli", .account = call->account, .disabled = disabled};
  return ledger_do(call->home->ledger, account_change, &change, error);
}
static enum err user_disable(struct user_call *call, struct error *error) {
  return set_disabled(call, 1, error);
}
static enum err user_enable(struct user_call *call, struct error *error) {
  return set_disabled(call, 0, error);
}

static enum err user_password(struct user_call *call, struct error *error) {
  char password[1024], again[1024], hash[PASSWORD_HASH_BYTES];
  enum err err = ask_secret("New password", password, sizeof password, error);
  if (!err) err = password_acceptable(password, error);
  if (!err && isatty(STDIN_FILENO)) {
    err = ask_secret("The same again", again, sizeof again, error);
    if (!err && strcmp(password, again) != 0)
      err = fail(error, ERR_INPUT, "password-differs", "password", "the two differ; nothing was changed");
    bytes_wipe(again, sizeof again);
  }
  if (!err) err = password_hash(&call->home->chance, call->account, password, hash, error);
  bytes_wipe(password, sizeof password);
  if (err) return err;
  struct account_credential credential = {.by = "cli", .account = call->account, .password_hash = hash};
  return ledger_do(call->home->ledger, account_credential, &credential, error);
}

static enum err user_authenticator(struct user_call *call, struct error *error) {
  struct account_credential credential = {.by = "cli", .account = call->account, .remove_totp = call->options->remove};
  uint8_t secret[TOTP_SECRET_BYTES];
  if (!call->options->remove) {
    chance_bytes(&call->home->chance, "totp-secret", call->account, 0, secret, sizeof secret);
    credential.totp_secret = secret;
  }
  enum err err = ledger_do(call->home->ledger, account_credential, &credential, error);
  if (!err && !call->options->remove)
    printf("%s\n",
           totp_address(call->arena, secret, arena_printf(call->arena, "Attune %s", call->home->name), call->account));
  bytes_wipe(secret, sizeof secret);
  return err;
}

static enum err user_link(struct user_call *call, struct error *error) {
  const struct user_options *options = call->options;
  if (options->hours < 1 || options->hours > 24 * 14)
    return fail(error, ERR_INPUT, "hours", "--hours", "--hours: a link is good for 1 to 336 hours");
  struct sign_in_link_make make = {.by = "cli", .account = call->account, .valid_ms = options->hours * HOUR_MS, .purpose = "cli"};
  enum err err = ledger_do(call->home->ledger, sign_in_link_make, &make, error);
  size_t base = strlen(options->base);
  while (base && options->base[base - 1] == '/') base--;
  if (!err)
    printf("%.*s%s\n", (int)base, options->base, url(call->arena, "/%s/sign-in/link/%s", call->home->name, make.token));
  return err;
}

/* ---- the command ---- */

static const struct {
  const char *name;
  user_action *run;
  bool takes_account;
} actions[] = {
    {"add", user_add, false},      {"list", user_list, false},
    {"change", user_change, true}, {"disable", user_disable, true},
    {"enable", user_enable, true}, {"password", user_password, true},
    {"link", user_link, true},     {"authenticator", user_authenticator, true},
};
#define ACTION_COUNT (sizeof actions / sizeof *actions)

static enum err find_account(struct user_call *call, const char *account, struct error *error) {
  struct account found;
  if (code_valid(account, 'A')) {
    snprintf(call->account, sizeof call->account, "%s", account);
    return account_read(call->db, account, &found, error);
  }
  enum err err = account_find(call->db, &call->home->keys, account, call->account, error);
  if (err || *call->account) return err;
  return fail(error, ERR_MISSING, "account-missing", "ACCOUNT", "no account has the code or the sign-in name '%s'",
              account);
}

static enum err act(size_t action, struct user_call *call, const char *directory, const char *account,
                    struct error *error) {
  enum store_mode mode = actions[action].run == user_list ? STORE_LOOK : STORE_OWN;
  enum err err = home_open(&call->home, directory, mode, clock_system(), chance_system(), error);
  if (err) return err;
  err = db_open(&call->db, call->home->store, DB_OPEN, error);
  if (!err && account) err = find_account(call, account, error);
  if (!err) err = actions[action].run(call, error);
  db_close(call->db);
  home_close(call->home);
  return err;
}

int command_user(int argc, char **argv) {
  struct user_options options = {
      .name = "", .login = "", .address = "", .site = "", .person = "", .hours = 24, .base = "http://127.0.0.1:8080"};
  const struct option table[] = {
      {"role", "ROLE", "add, change: a role; may be given again", .repeated = &options.roles},
      {"name", "TEXT", "add: the person's name (sealed)", .text = &options.name},
      {"login", "NAME", "add: what they type to sign in; without it, by link only", .text = &options.login},
      {"address", "MAIL", "add: where mail goes (sealed)", .text = &options.address},
      {"site", "SITE", "add: the only site that it sees", .text = &options.site},
      {"language", "CODE", "add, change: such as en or fr", .text = &options.language},
      {"person", "T-CODE", "add: the therapist whose account it is", .text = &options.person},
      {"hours", "N", "link: how long it is good for (24)", .integer = &options.hours},
      {"base", "URL", "link: where the server is reached (http://127.0.0.1:8080)", .text = &options.base},
      {"names", NULL, "list: with sign-in names, names and addresses, opened by the identity key",
       .flag = &options.names},
      {"json", NULL, "list: one JSON document", .flag = &options.json},
      {"remove", NULL, "authenticator: takes the second factor away", .flag = &options.remove},
      {.name = NULL}};
  struct arguments arguments = {
      .usage = "attune user ACTION HOME [ACCOUNT]", .about = ABOUT, .options = table, .least = 2, .most = 3};
  int code = arguments_read(&arguments, argc, argv);
  if (code >= 0) return code;
  struct error error = {0};
  size_t action = 0;
  while (action < ACTION_COUNT && strcmp(actions[action].name, arguments.words[0]) != 0) action++;
  if (action == ACTION_COUNT) {
    fail(&error, ERR_USAGE, "action", "", "attune user: there is no action '%s'; 'attune user --help' lists them",
         arguments.words[0]);
    return say_no(&error);
  }
  if (arguments.count != (actions[action].takes_account ? 3 : 2)) {
    fail(&error, ERR_USAGE, "account", "", "attune user %s: name HOME%s", arguments.words[0],
         actions[action].takes_account ? " and one ACCOUNT" : " alone");
    return say_no(&error);
  }
  struct arena arena;
  arena_init(&arena, 0);
  struct user_call call = {.options = &options, .arena = &arena};
  enum err err =
      act(action, &call, arguments.words[1], actions[action].takes_account ? arguments.words[2] : NULL, &error);
  arena_free(&arena);
  return err ? say_no(&error) : EXIT_DONE;
}
