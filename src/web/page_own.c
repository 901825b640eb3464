/* page_own.c: one's own account: what it is, its password, its authenticator. Whoever has a password gives it again to change
 * it, and everything else here is asked for a proof (ROUTE_PROVED); wrong tries count as they do at the lock. */
#include "people/authenticator.h"
#include "web/fields.h"
#include "web/page.h"
#include "web/page_door.h"
#include "web/web.h"

struct own_form {
  const char *present, *password, *code;
};
#define PASSWORD FIELD_SECRET(struct own_form, password, FIELD_REQUIRED, 1, 512)
static const struct field password_first[] = {PASSWORD},
                          password_next[] = {FIELD_SECRET(struct own_form, present, FIELD_REQUIRED, 1, 512), PASSWORD},
                          code_fields[] = {FIELD_TEXT(struct own_form, code, FIELD_REQUIRED, 6, 9)};

static bool has_password(const struct request *request) {
  return request->who->account.has_password;
}

static struct fields password_blank(struct request *request) {
  return has_password(request) ? fields_blank(request, password_next, COUNT(password_next))
                               : fields_blank(request, password_first, COUNT(password_first));
}

static struct fields password_taken(struct request *request, struct own_form *form) {
  *form = (struct own_form){"", "", ""};
  return has_password(request) ? fields_read(request, password_next, COUNT(password_next), form)
                               : fields_read(request, password_first, COUNT(password_first), form);
}

static void say_no(struct request *request, struct fields *fields, const char *field, const struct error *error) {
  fields_problem(fields, field, request_error_words(request, error->code, error));
  request->status = error->code == ERR_INPUT ? 422 : error->code == ERR_DENIED ? 403 : 429;
}

/* ---- the page ---- */

static void write_password(struct request *request, const struct fields *fields) {
  html(&request->out, "<section class=\"card\">");
  heading(request, WORD_PASSWORD);
  post_open(request, "/account", "stack");
  if (has_password(request))
    field_text(request, fields, "present", WORD_PRESENT_PASSWORD, "password", "current-password");
  field_text(request, fields, "password", WORD_NEW_PASSWORD, "password", "new-password");
  paragraph(request, WORD_NEW_PASSWORD_HINT, "hint");
  html(&request->out, "<p>");
  button(request, WORD_SET_PASSWORD, "primary");
  html(&request->out, "</p>");
  post_close(request);
  html(&request->out, "</section>");
}

static void write_authenticator(struct request *request) {
  struct buf *out = &request->out;
  html(out, "<section class=\"card\" id=\"authenticator\">");
  heading(request, WORD_AUTHENTICATOR);
  if (request->who->account.has_totp) {
    paragraph(request, WORD_AUTHENTICATOR_ON, NULL);
    post_open(request, "/account/authenticator/remove", "stack");
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

static void draw(struct request *request, const struct fields *fields) {
  page_open(request, &(struct page){.kind = PAGE_STAFF,
                                    .title = said(request, WORD_MY_ACCOUNT),
                                    .lead = said(request, WORD_MY_ACCOUNT_LEAD),
                                    .class_name = "narrow"});
  html(&request->out, "<dl class=\"facts\"><dt>%s</dt><dd class=\"code\">%s</dd><dt>%s</dt><dd>%s</dd></dl>",
       said(request, WORD_ACCOUNT), request->who->account.code, said(request, WORD_ROLES),
       roles_text(request, request->who->account.roles));
  fields_summary(request, fields);
  write_password(request, fields);
  write_authenticator(request);
  page_close(request);
}

static void page_own(struct request *request) {
  struct fields fields = password_blank(request);
  draw(request, &fields);
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

static void password_set(struct request *request) {
  struct own_form form;
  password_taken(request, &form);
  request_hash(request, form.password, NULL, after_hash);
}

static void password_refused(struct request *request, const char *field, const struct error *error) {
  struct own_form form;
  struct fields fields = password_taken(request, &form);
  say_no(request, &fields, field, error);
  draw(request, &fields);
}

static void after_present(struct request *request, enum err err, const struct error *error) {
  const struct sign_in_prove *input = request->state;
  if (err) return request_error(request, err, error);
  if (input->refused.code) return password_refused(request, "present", &input->refused);
  password_set(request);
}

static void after_check(struct request *request, enum err err, const struct error *error) {
  if (err) return request_error(request, err, error);
  struct sign_in_prove *input = arena_alloc(request->arena, sizeof *input);
  *input = (struct sign_in_prove){.cookie = pairs_get(&request->cookies, request->served->cookie),
                                  .password_right = request_hashed(request)->right};
  request->state = input;
  request_write(request, sign_in_prove, input, after_present);
}

/* Whoever has no password proves it by the code, or by the link that they came in by; a password is never kept on a page. */
static void page_own_password(struct request *request) {
  struct own_form form;
  struct error error = {0};
  const char *hash;
  struct fields fields = password_taken(request, &form);
  if (!fields.valid) return draw(request, &fields);
  if (password_acceptable(form.password, &error)) return password_refused(request, "password", &error);
  if (!has_password(request) && !sign_in_proved(request->who, request->now_ms))
    return request_redirect(request, arena_printf(request->arena, "%s?to=%s", address(request, "/prove"),
                                                  url(request->arena, "%s", request->path)));
  if (!has_password(request)) return password_set(request);
  enum err err = sign_in_password(request->db, request->arena, request->actor.code, &hash, &error);
  if (err) return request_error(request, err, &error);
  request_hash(request, form.present, hash, after_check);
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
  if (request->who->account.roles & ROLES_GUARDED && !request->web->config->made_up) {
    note_open(request, NOTE_ATTENTION);
    paragraph(request, WORD_AUTHENTICATOR_NEEDED, NULL);
    note_close(request);
  }
  html(&request->out, "<section class=\"card\"><ol class=\"steps\"><li><div>");
  write_offer(request, secret);
  bytes_wipe(secret, sizeof secret);
  html(&request->out, "</div></li><li><div>");
  write_confirm(request, fields);
  html(&request->out, "</div></li></ol></section>");
  paragraph(request, WORD_AUTHENTICATOR_LOST, "quiet-text");
  page_close(request);
}

static bool has_one(struct request *request) {
  if (request->who->account.has_totp) request_redirect(request, address(request, "/account#authenticator"));
  return request->who->account.has_totp;
}

static void page_authenticator(struct request *request) {
  if (has_one(request)) return;
  struct fields fields = fields_blank(request, code_fields, COUNT(code_fields));
  draw_set(request, &fields);
}

static void after_set(struct request *request, enum err err, const struct error *error) {
  const struct authenticator_set *input = request->state;
  if (err) return request_error(request, err, error);
  if (!input->refused.code) return request_redirect(request, address(request, "/account?done=authenticator"));
  struct own_form form;
  struct fields fields = fields_read(request, code_fields, COUNT(code_fields), &form);
  say_no(request, &fields, "code", &input->refused);
  draw_set(request, &fields);
}

static void page_authenticator_set(struct request *request) {
  struct own_form form;
  if (has_one(request)) return;
  struct fields fields = fields_read(request, code_fields, COUNT(code_fields), &form);
  if (!fields.valid) return draw_set(request, &fields);
  struct authenticator_set *input = arena_alloc(request->arena, sizeof *input);
  *input = (struct authenticator_set){.account = request->actor.code,
                                      .token_hash = request->who->token_hash,
                                      .code = door_digits(request, form.code),
                                      .address = request->network};
  request->state = input;
  request_write(request, authenticator_set, input, after_set);
}

static void after_remove(struct request *request, enum err err, const struct error *error) {
  if (err) return request_error(request, err, error);
  request_redirect(request, address(request, "/account?done=no_authenticator"));
}

static void page_authenticator_remove(struct request *request) {
  struct account_credential *input = arena_alloc(request->arena, sizeof *input);
  *input = (struct account_credential){.by = request->actor.code,
                                       .account = request->actor.code,
                                       .remove_totp = 1,
                                       .keep_token_hash = request->who->token_hash};
  request_write(request, account_credential, input, after_remove);
}

ROUTES(own) = {
    ROUTE(GET, "/account", page_own, ROLES_STAFF, READER_OWN, "one's own account"),
    ROUTE(POST, "/account", page_own_password, ROLES_STAFF, READER_OWN, "set one's password"),
    ROUTE_PROVED(GET, "/account/authenticator", page_authenticator, ROLES_STAFF, READER_OWN, "a second factor on offer"),
    ROUTE_PROVED(POST, "/account/authenticator", page_authenticator_set, ROLES_STAFF, READER_OWN, "confirm it by a code"),
    ROUTE_PROVED(POST, "/account/authenticator/remove", page_authenticator_remove, ROLES_STAFF, READER_OWN, "take one's second factor away"),
    ROUTES_END,
};
