/* page_own.c: one's own account: what it is, its password, its authenticator. Whoever has a password gives it again before
 * either is changed; wrong tries count as they do at the lock. */
#include "people/authenticator.h"
#include "web/fields.h"
#include "web/page.h"
#include "web/web.h"

struct own_form {
  const char *present, *password, *code;
};
#define PRESENT(required) FIELD_SECRET(struct own_form, present, required, 1, 512)
#define PASSWORD FIELD_SECRET(struct own_form, password, FIELD_REQUIRED, 1, 512)
#define CODE FIELD_TEXT(struct own_form, code, FIELD_REQUIRED, 6, 9)
static const struct field password_first[] = {PASSWORD}, password_next[] = {PRESENT(FIELD_REQUIRED), PASSWORD},
                          code_alone[] = {CODE}, code_and_password[] = {PRESENT(FIELD_REQUIRED), CODE},
                          present_alone[] = {PRESENT(FIELD_REQUIRED)};

/* What one change of the account asks for, and how it goes on when the present password was right. */
struct change {
  const struct field *fields[2]; /* without a password, with one */
  size_t count[2];
  void (*draw)(struct request *request, const struct fields *fields);
  void (*go_on)(struct request *request);
};
static const struct change change_password, change_set, change_remove;

static bool has_password(const struct request *request) {
  return request->who->account.has_password;
}

static struct fields blank(struct request *request, const struct change *change) {
  bool with = has_password(request);
  return fields_blank(request, change->fields[with], change->count[with]);
}

static struct fields taken(struct request *request, const struct change *change, struct own_form *form) {
  bool with = has_password(request);
  *form = (struct own_form){"", "", ""};
  return fields_read(request, change->fields[with], change->count[with], form);
}

static void draw_again(struct request *request, const struct change *change, enum err err, const char *field,
                       const struct error *error) {
  struct own_form form;
  struct fields fields = taken(request, change, &form);
  fields_problem(&fields, field, request_error_words(request, err, error));
  request->status = err == ERR_INPUT ? 422 : err == ERR_DENIED ? 403 : 429;
  change->draw(request, &fields);
}

/* ---- the present password ---- */

struct proving {
  const struct change *change;
  struct sign_in_prove input;
};

static void after_prove(struct request *request, enum err err, const struct error *error) {
  const struct proving *proving = request->state;
  if (!err && proving->input.refused.code) {
    error = &proving->input.refused;
    return draw_again(request, proving->change, error->code, "present", error);
  }
  if (err) return request_error(request, err, error);
  proving->change->go_on(request);
}

static void after_check(struct request *request, enum err err, const struct error *error) {
  struct proving *proving = request->state;
  if (err) return request_error(request, err, error);
  proving->input = (struct sign_in_prove){.cookie = pairs_get(&request->cookies, request->served->cookie),
                                          .password_right = request_hashed(request)->right,
                                          .address = request->network};
  request_write(request, sign_in_prove, &proving->input, after_prove);
}

static void prove(struct request *request, const struct change *change, const char *present) {
  char *hash = NULL;
  if (!has_password(request)) return change->go_on(request);
  struct proving *proving = arena_alloc(request->arena, sizeof *proving);
  proving->change = change;
  request->state = proving;
  enum err err = db_text(request->db, NULL, request->arena, &hash,
                         "SELECT password FROM account WHERE code = $1 ORDER BY code", ARGS(v_text(request->actor.code)));
  if (err) return request_error(request, err, NULL);
  request_hash(request, present, hash && *hash ? hash : password_decoy(), after_check);
}

/* ---- the page ---- */

static void present_field(struct request *request, const struct fields *fields) {
  if (has_password(request))
    field_text(request, fields, "present", WORD_PRESENT_PASSWORD, "password", "current-password");
}

static void write_password(struct request *request, const struct fields *fields) {
  html(&request->out, "<section class=\"card\">");
  heading(request, WORD_PASSWORD);
  post_open(request, "/account", "stack");
  present_field(request, fields);
  field_text(request, fields, "password", WORD_NEW_PASSWORD, "password", "new-password");
  paragraph(request, WORD_NEW_PASSWORD_HINT, "hint");
  html(&request->out, "<p>");
  button(request, WORD_SET_PASSWORD, "primary");
  html(&request->out, "</p>");
  post_close(request);
  html(&request->out, "</section>");
}

static void write_authenticator(struct request *request, const struct fields *fields) {
  struct buf *out = &request->out;
  html(out, "<section class=\"card\" id=\"authenticator\">");
  heading(request, WORD_AUTHENTICATOR);
  if (request->who->account.has_totp) {
    paragraph(request, WORD_AUTHENTICATOR_ON, NULL);
    post_open(request, "/account/authenticator/remove", "stack");
    present_field(request, fields);
    html(out, "<p>");
    button(request, WORD_REMOVE_AUTHENTICATOR, "quiet");
    html(out, "</p>");
    post_close(request);
  } else {
    paragraph(request, WORD_AUTHENTICATOR_WHY, NULL);
    html(out, "<p><a class=\"button\" href=\"%s\">", address(request, "/account/authenticator"));
    say(request, WORD_SET_UP_AUTHENTICATOR);
    html(out, "</a></p>");
  }
  html(out, "</section>");
}

/* One of the two forms may hold what is to be put right; the other is blank. */
static void draw(struct request *request, const struct fields *password, const struct fields *remove) {
  struct fields none = blank(request, &change_password), nothing = blank(request, &change_remove);
  page_open(request, &(struct page){.kind = PAGE_STAFF,
                                    .title = said(request, WORD_MY_ACCOUNT),
                                    .lead = said(request, WORD_MY_ACCOUNT_LEAD),
                                    .class_name = "narrow"});
  html(&request->out, "<dl class=\"facts\"><dt>%s</dt><dd class=\"code\">%s</dd><dt>%s</dt><dd>%s</dd></dl>",
       said(request, WORD_ACCOUNT), request->who->account.code, said(request, WORD_ROLES),
       roles_text(request, request->who->account.roles));
  if (password || remove) fields_summary(request, password ? password : remove);
  write_password(request, password ? password : &none);
  write_authenticator(request, remove ? remove : &nothing);
  page_close(request);
}

static void draw_password(struct request *request, const struct fields *fields) {
  draw(request, fields, NULL);
}
static void draw_remove(struct request *request, const struct fields *fields) {
  draw(request, NULL, fields);
}

static void page_own(struct request *request) {
  draw(request, NULL, NULL);
}

/* ---- the password ---- */

static void after_password(struct request *request, enum err err, const struct error *error) {
  if (err) return request_error(request, err, error);
  request_redirect(request, address(request, "/account?done=password"));
}

static void after_hash(struct request *request, enum err err, const struct error *error) {
  if (err) return request_error(request, err, error);
  struct account_credential *input = arena_alloc(request->arena, sizeof *input);
  *input = (struct account_credential){.by = request->actor.code,
                                       .account = request->actor.code,
                                       .password_hash = arena_text(request->arena, request_hashed(request)->hash),
                                       .keep_token_hash = request->who->token_hash};
  request_write(request, account_credential, input, after_password);
}

static void password_go_on(struct request *request) {
  struct own_form form;
  taken(request, &change_password, &form);
  request_hash(request, form.password, NULL, after_hash);
}

static void page_own_password(struct request *request) {
  struct own_form form;
  struct error error = {0};
  struct fields fields = taken(request, &change_password, &form);
  if (!fields.valid) return draw_password(request, &fields);
  enum err err = password_acceptable(form.password, &error);
  if (err) return draw_again(request, &change_password, ERR_INPUT, "password", &error);
  prove(request, &change_password, form.present);
}

/* ---- the authenticator ---- */

/* In groups of four, as a person reads it off. */
static const char *key_groups(struct request *request, const char *key) {
  struct buf out = buf_in(request->arena, 64);
  for (size_t i = 0; key[i]; i++) buf_addf(&out, "%s%c", i && i % 4 == 0 ? " " : "", key[i]);
  return out.data;
}

static void write_offer(struct request *request, const uint8_t secret[TOTP_SECRET_BYTES]) {
  struct buf *out = &request->out;
  const char *issuer = arena_printf(request->arena, "Attune %s", request->home->name);
  const char *to_app = totp_address(request->arena, secret, issuer, request->actor.code);
  paragraph(request, WORD_AUTHENTICATOR_STEP_ONE, NULL);
  html(out, "<p><a class=\"button\" href=\"%s\">", to_app);
  say(request, WORD_OPEN_AUTHENTICATOR);
  html(out, "</a></p>");
  paragraph(request, WORD_AUTHENTICATOR_KEY, "quiet-text");
  html(out, "<p><code class=\"wrap\">%s</code></p>", key_groups(request, totp_text(request->arena, secret)));
}

static void write_confirm(struct request *request, const struct fields *fields) {
  paragraph(request, WORD_AUTHENTICATOR_STEP_TWO, NULL);
  post_open(request, "/account/authenticator", "stack");
  field_text(request, fields, "code", WORD_CODE, "text", "one-time-code");
  present_field(request, fields);
  html(&request->out, "<p>");
  button(request, WORD_CONFIRM_AUTHENTICATOR, "primary");
  html(&request->out, "</p>");
  post_close(request);
}

static void draw_set(struct request *request, const struct fields *fields) {
  uint8_t secret[TOTP_SECRET_BYTES];
  struct error error = {0};
  enum err err = authenticator_offer(request->db, &request->home->keys, request->actor.code, request->who->token_hash,
                                     secret, &error);
  if (err) return request_error(request, err, &error);
  page_open(request, &(struct page){.kind = PAGE_STAFF,
                                    .title = said(request, WORD_SET_UP_AUTHENTICATOR),
                                    .lead = said(request, WORD_AUTHENTICATOR_WHY),
                                    .class_name = "narrow"});
  fields_summary(request, fields);
  html(&request->out, "<section class=\"card\"><ol class=\"steps\"><li><div>");
  write_offer(request, secret);
  bytes_wipe(secret, sizeof secret);
  html(&request->out, "</div></li><li><div>");
  write_confirm(request, fields);
  html(&request->out, "</div></li></ol></section>");
  paragraph(request, WORD_AUTHENTICATOR_LOST, "quiet-text");
  page_close(request);
}

static void page_authenticator(struct request *request) {
  if (request->who->account.has_totp) return request_redirect(request, address(request, "/account#authenticator"));
  struct fields fields = blank(request, &change_set);
  draw_set(request, &fields);
}

static void after_set(struct request *request, enum err err, const struct error *error) {
  const struct authenticator_set *input = request->state;
  if (!err && input->refused.code)
    return draw_again(request, &change_set, input->refused.code, "code", &input->refused);
  if (err) return request_error(request, err, error);
  request_redirect(request, address(request, "/account?done=authenticator"));
}

static void set_go_on(struct request *request) {
  struct own_form form;
  taken(request, &change_set, &form);
  struct authenticator_set *input = arena_alloc(request->arena, sizeof *input);
  char *digits = arena_alloc(request->arena, strlen(form.code) + 1), *next = digits;
  for (const char *c = form.code; *c; c++)
    if (*c != ' ') *next++ = *c;
  *input = (struct authenticator_set){.account = request->actor.code,
                                      .token_hash = request->who->token_hash,
                                      .code = digits,
                                      .address = request->network};
  request->state = input;
  request_write(request, authenticator_set, input, after_set);
}

static void page_authenticator_set(struct request *request) {
  struct own_form form;
  if (request->who->account.has_totp) return request_redirect(request, address(request, "/account#authenticator"));
  struct fields fields = taken(request, &change_set, &form);
  if (!fields.valid) return draw_set(request, &fields);
  prove(request, &change_set, form.present);
}

static void after_remove(struct request *request, enum err err, const struct error *error) {
  if (err) return request_error(request, err, error);
  request_redirect(request, address(request, "/account?done=no-authenticator"));
}

static void remove_go_on(struct request *request) {
  struct account_credential *input = arena_alloc(request->arena, sizeof *input);
  *input = (struct account_credential){.by = request->actor.code,
                                       .account = request->actor.code,
                                       .remove_totp = 1,
                                       .keep_token_hash = request->who->token_hash};
  request_write(request, account_credential, input, after_remove);
}

static void page_authenticator_remove(struct request *request) {
  struct own_form form;
  if (!request->who->account.has_totp) return request_redirect(request, address(request, "/account#authenticator"));
  struct fields fields = taken(request, &change_remove, &form);
  if (!fields.valid) return draw_remove(request, &fields);
  prove(request, &change_remove, form.present);
}

static const struct change change_password = {{password_first, password_next}, {1, 2}, draw_password, password_go_on},
                           change_set = {{code_alone, code_and_password}, {1, 2}, draw_set, set_go_on},
                           change_remove = {{present_alone, present_alone}, {0, 1}, draw_remove, remove_go_on};

ROUTES(own) = {
    ROUTE(GET, "/account", page_own, ROLES_STAFF, READER_NONE, "one's own account"),
    ROUTE(POST, "/account", page_own_password, ROLES_STAFF, READER_OWN, "set one's password"),
    ROUTE(GET, "/account/authenticator", page_authenticator, ROLES_STAFF, READER_OWN, "a second factor on offer"),
    ROUTE(POST, "/account/authenticator", page_authenticator_set, ROLES_STAFF, READER_OWN, "confirm it by a code"),
    ROUTE(POST, "/account/authenticator/remove", page_authenticator_remove, ROLES_STAFF, READER_OWN, "take one's second factor away"),
    ROUTES_END,
};
