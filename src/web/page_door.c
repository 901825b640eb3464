#include "web/page_door.h"

#include "people/device.h"
#include "web/fields.h"
#include "web/gate.h"
#include "web/page.h"
#include "web/web.h"

#define COOKIE_OF_SESSION (-1) /* kept until the browser closes; the server ends it sooner */

static void set_sign_in_cookie(struct request *request, const char *cookie) {
  request_cookie(request, request->served->cookie, arena_text(request->arena, cookie), COOKIE_OF_SESSION);
}

/* ---- the device ---- */

static const char *device_cookie(const struct request *request, const char *account) {
  char name[DEVICE_NAME_BYTES];
  device_name(&request->home->keys, account, name);
  return arena_printf(request->arena, "%sattune-%s", request->web->config->behind_tls ? "__Host-" : "", name);
}

static struct sign_in_from where_from(const struct request *request, const char *account) {
  char id[DEVICE_ID_BYTES] = "";
  if (*account) device_known(&request->home->keys, account, pairs_get(&request->cookies, device_cookie(request, account)), id);
  return (struct sign_in_from){.address = request->network ? request->network : "", .device = arena_text(request->arena, id)};
}

/* The account was entered from here. */
static void remember_device(struct request *request, const char *account) {
  const char *name = device_cookie(request, account), *before = pairs_get(&request->cookies, name);
  char id[DEVICE_ID_BYTES], token[DEVICE_TOKEN_BYTES];
  device_known(&request->home->keys, account, before, id);
  if (!*id) device_make(&request->home->keys, &request->web->config->chance, account, 0, token);
  request_cookie(request, name, *id ? before : arena_text(request->arena, token), DEVICE_SECONDS);
}

/* ---- in common with page_again.c ---- */

/* Where to go once inside. */
const char *door_way_back(const struct request *request) {
  const char *to = request->method == METHOD_POST ? request_field(request, "to") : request_query(request, "to");
  const char *own = request_own_path(request, to);
  return own ? own : request_address(request, "/");
}

void door_open_page(struct request *request, enum word title, enum word lead) {
  page_open(request, &(struct page){.kind = PAGE_PUBLIC,
                                    .title = said(request, title),
                                    .lead = said(request, lead),
                                    .class_name = "narrow"});
}

static void door_form(struct request *request, const char *path) {
  const char *token = request->who ? request->who->form_token : gate_door_token(request);
  html(&request->out,
       "<form method=\"post\" action=\"%s\" class=\"card stack\"><input type=\"hidden\" name=\"form_token\" "
       "value=\"%s\">"
       "<input type=\"hidden\" name=\"to\" value=\"%s\">",
       request_address(request, path), token, door_way_back(request));
}

const char *door_digits(const struct request *request, const char *typed) {
  char *digits = arena_alloc(request->arena, strlen(typed) + 1), *next = digits;
  for (const char *c = typed; *c; c++)
    if (*c != ' ') *next++ = *c;
  return digits;
}

/* ---- name and password ---- */

struct sign_in_form {
  const char *login, *password;
};
static const struct field sign_in_fields[] = {
    FIELD_TEXT(struct sign_in_form, login, FIELD_REQUIRED, 1, 120),
    FIELD_SECRET(struct sign_in_form, password, FIELD_REQUIRED, 1, 512),
};

static void draw_sign_in(struct request *request, const struct fields *fields) {
  door_open_page(request, WORD_SIGN_IN, WORD_SIGN_IN_LEAD);
  fields_summary(request, fields);
  door_form(request, "/sign-in");
  field_text(request, fields, "login", WORD_LOGIN, "text", "username");
  field_text(request, fields, "password", WORD_PASSWORD, "password", "current-password");
  button(request, WORD_SIGN_IN, "primary");
  post_close(request);
  html(&request->out, "<p class=\"quiet-text\">");
  say(request, WORD_SIGN_IN_HELP);
  html(&request->out, "</p>");
  page_close(request);
}

static void page_sign_in(struct request *request) {
  if (request->who && request->who->full && !request->who->locked)
    return request_redirect(request, address(request, "/"));
  request->who = NULL;
  struct fields fields = fields_blank(request, sign_in_fields, COUNT(sign_in_fields));
  draw_sign_in(request, &fields);
}

struct trying {
  struct sign_in_form form;
  struct sign_in_candidate candidate;
  struct sign_in_try input;
};

static void redraw_sign_in(struct request *request, const char *words) {
  struct sign_in_form unused;
  request->who = NULL;
  struct fields fields = fields_read(request, sign_in_fields, COUNT(sign_in_fields), &unused);
  fields_problem(&fields, "", words);
  draw_sign_in(request, &fields);
}

static void after_try(struct request *request, enum err err, const struct error *error) {
  struct trying *trying = request->state;
  if (!err && trying->input.refused.code) {
    error = &trying->input.refused;
    err = error->code;
  }
  if (err) {
    request->status = err == ERR_DENIED ? 403 : err == ERR_LIMIT ? 429 : 503;
    return redraw_sign_in(request, request_error_words(request, err, error));
  }
  set_sign_in_cookie(request, trying->input.cookie);
  if (!trying->input.needs_code) remember_device(request, trying->input.account);
  const char *to = door_way_back(request);
  if (trying->input.needs_code)
    to = arena_printf(request->arena, "%s?to=%s", address(request, "/sign-in/code"), url(request->arena, "%s", to));
  request_redirect(request, to);
}

static struct trying *trying_of(struct request *request) {
  struct trying *trying = arena_alloc(request->arena, sizeof *trying);
  fields_read(request, sign_in_fields, COUNT(sign_in_fields), &trying->form);
  return trying;
}

static void after_hash(struct request *request, enum err err, const struct error *error) {
  if (err) return request_error(request, err, error);
  bool right = request_hashed(request)->right;
  struct trying *trying = trying_of(request);
  err =
      sign_in_candidate(request->db, &request->home->keys, trying->form.login, &trying->candidate, &(struct error){0});
  if (err) return request_error(request, err, NULL);
  trying->input = (struct sign_in_try){.login = trying->form.login,
                                       .from = where_from(request, trying->candidate.account),
                                       .account = trying->candidate.account,
                                       .password_right = right};
  request->state = trying;
  request_write(request, sign_in_try, &trying->input, after_try);
}

static void page_sign_in_try(struct request *request) {
  request->who = NULL;
  struct trying *trying = arena_alloc(request->arena, sizeof *trying);
  struct fields fields = fields_read(request, sign_in_fields, COUNT(sign_in_fields), &trying->form);
  if (!fields.valid) return draw_sign_in(request, &fields);
  struct error error = {0};
  enum err err = sign_in_candidate(request->db, &request->home->keys, trying->form.login, &trying->candidate, &error);
  if (err) return request_error(request, err, &error);
  bool held = false;
  struct sign_in_from from = where_from(request, trying->candidate.account);
  err = sign_in_held(request->db, &request->home->keys, trying->form.login, &from, request->now_ms, &held, &error);
  if (err) return request_error(request, err, &error);
  if (held) {
    request->status = 429;
    return redraw_sign_in(request, said(request, WORD_ERROR_THROTTLED));
  }
  request_hash(request, trying->form.password, trying->candidate.hash, after_hash);
}

/* ---- the authenticator's code ---- */

struct code_form {
  const char *code;
};
static const struct field code_fields[] = {FIELD_TEXT(struct code_form, code, FIELD_REQUIRED, 6, 9)};

static void draw_code(struct request *request, const struct fields *fields) {
  door_open_page(request, WORD_CODE_TITLE, WORD_CODE_LEAD);
  fields_summary(request, fields);
  door_form(request, "/sign-in/code");
  field_text(request, fields, "code", WORD_CODE, "text", "one-time-code");
  button(request, WORD_CONTINUE, "primary");
  post_close(request);
  page_close(request);
}

static void page_code(struct request *request) {
  if (!request->who) return request_redirect(request, address(request, "/sign-in"));
  if (request->who->full) return request_redirect(request, address(request, "/"));
  struct fields fields = fields_blank(request, code_fields, COUNT(code_fields));
  draw_code(request, &fields);
}

static void after_code(struct request *request, enum err err, const struct error *error) {
  const struct sign_in_code *input = request->state;
  if (!err && input->refused.code) {
    error = &input->refused;
    err = error->code;
  }
  if (err == ERR_MISSING) return request_redirect(request, address(request, "/sign-in"));
  if (!err) {
    remember_device(request, request->who->account.code);
    return request_redirect(request, door_way_back(request));
  }
  struct code_form unused;
  struct fields fields = fields_read(request, code_fields, COUNT(code_fields), &unused);
  request->status = err == ERR_DENIED ? 403 : err == ERR_LIMIT ? 429 : 503;
  fields_problem(&fields, "code", request_error_words(request, err, error));
  draw_code(request, &fields);
}

static void page_code_try(struct request *request) {
  if (!request->who) return request_redirect(request, address(request, "/sign-in"));
  struct code_form form;
  struct fields fields = fields_read(request, code_fields, COUNT(code_fields), &form);
  if (!fields.valid) return draw_code(request, &fields);
  struct sign_in_code *input = arena_alloc(request->arena, sizeof *input);
  *input = (struct sign_in_code){.cookie = pairs_get(&request->cookies, request->served->cookie),
                                 .code = door_digits(request, form.code),
                                 .from = where_from(request, request->who->account.code)};
  request->state = input;
  request_write(request, sign_in_code, input, after_code);
}

/* ---- a one-time link: a GET shows a button and consumes nothing ---- */

static void page_link(struct request *request) {
  request->who = NULL;
  door_open_page(request, WORD_LINK_TITLE, WORD_LINK_LEAD);
  door_form(request, url(request->arena, "/sign-in/link/%s", request->parameters[0]));
  button(request, WORD_SIGN_IN, "primary");
  post_close(request);
  page_close(request);
}

static void after_link(struct request *request, enum err err, const struct error *error) {
  request->who = NULL;
  if (err) return request_error(request, err, error);
  const struct sign_in_link_use *input = request->state;
  set_sign_in_cookie(request, input->cookie);
  if (!input->needs_code) remember_device(request, input->account);
  request_redirect(request, input->needs_code ? address(request, "/sign-in/code") : address(request, "/"));
}

static void page_link_use(struct request *request) {
  struct sign_in_link_use *input = arena_alloc(request->arena, sizeof *input);
  input->token = request->parameters[0];
  request->state = input;
  request_write(request, sign_in_link_use, input, after_link);
}

/* ---- going out ---- */

static void after_out(struct request *request, enum err err, const struct error *error) {
  if (err && err != ERR_MISSING) return request_error(request, err, error);
  request_cookie(request, request->served->cookie, "", 0);
  request_redirect(request, address(request, "/sign-in?done=out"));
}

static void page_sign_out(struct request *request) {
  struct sign_in_end *input = arena_alloc(request->arena, sizeof *input);
  input->cookie = pairs_get(&request->cookies, request->served->cookie);
  request_write(request, sign_in_end, input, after_out);
}

ROUTES(door) = {
    ROUTE(GET, "/sign-in", page_sign_in, ROLE_PUBLIC, READER_DOOR, "name and password"),
    ROUTE(POST, "/sign-in", page_sign_in_try, ROLE_PUBLIC, READER_DOOR, "try name and password"),
    ROUTE(GET, "/sign-in/code", page_code, ROLE_PUBLIC, READER_DOOR, "the authenticator's code"),
    ROUTE(POST, "/sign-in/code", page_code_try, ROLE_PUBLIC, READER_DOOR, "try the code"),
    ROUTE(GET, "/sign-in/link/:token", page_link, ROLE_PUBLIC, READER_DOOR, "a one-time link: shows a button"),
    ROUTE(POST, "/sign-in/link/:token", page_link_use, ROLE_PUBLIC, READER_DOOR, "use a one-time link"),
    ROUTE(POST, "/sign-out", page_sign_out, ROLES_STAFF, READER_DOOR, "end the sign-in"),
    ROUTES_END,
};
