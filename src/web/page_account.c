/* page_account.c: one account, or a new one: its roles, its links, and what waits for a second administrator. */
#include "people/answer.h"
#include "people/ask.h"
#include "web/fields.h"
#include "web/page.h"
#include "web/web.h"

#define LINK_VALID_MS DAY_MS

/* ---- a new account ---- */

struct new_account {
  const char *role, *person, *site, *language, *login, *name, *address;
};
static const struct field new_fields[] = {
    FIELD_TEXT(struct new_account, role, FIELD_REQUIRED, 1, 20),
    FIELD_TEXT(struct new_account, person, FIELD_OPTIONAL, 0, 15),
    FIELD_TEXT(struct new_account, site, FIELD_OPTIONAL, 0, 39),
    FIELD_TEXT(struct new_account, language, FIELD_REQUIRED, 2, 7),
    FIELD_TEXT(struct new_account, login, FIELD_OPTIONAL, 0, 64),
    FIELD_TEXT(struct new_account, name, FIELD_REQUIRED, 1, 200),
    FIELD_TEXT(struct new_account, address, FIELD_OPTIONAL, 0, 254),
};

/* Roles of the study that have a page: another would lead to nothing. */
static bool offered(const struct request *request, enum role role) {
  return study_has_role(request->study, role_name(role)) && route_serves(role);
}

static void draw_new(struct request *request, const struct fields *fields) {
  const struct study *study = request->study;
  struct option roles[ROLE_WORDS], languages[STUDY_LANGUAGES];
  size_t role_count = 0;
  for (size_t i = 0; i < ROLE_WORDS; i++)
    if (offered(request, role_words[i].role))
      roles[role_count++] = (struct option){role_name(role_words[i].role), said(request, role_words[i].label)};
  struct option *sites = arena_array(request->arena, study->site_count + 1, sizeof *sites);
  sites[0] = (struct option){"", said(request, WORD_ALL_SITES)};
  for (size_t i = 0; i < study->site_count; i++)
    sites[i + 1] = (struct option){study->sites[i].name, study_words(request, &study->sites[i].label)};
  for (int i = 0; i < study->language_count; i++) {
    int known = language_find(study->languages[i]);
    languages[i] =
        (struct option){study->languages[i], known >= 0 ? language_name((enum language)known) : study->languages[i]};
  }
  page_open(request, &(struct page){.kind = PAGE_STAFF,
                                    .title = said(request, WORD_NEW_ACCOUNT),
                                    .current = "/administration",
                                    .class_name = "narrow"});
  fields_summary(request, fields);
  post_open(request, "/accounts", "card");
  field_select(request, fields, "role", WORD_ROLE, roles, role_count);
  field_text(request, fields, "person", WORD_THERAPIST_CODE, "text", "off");
  field_select(request, fields, "site", WORD_SITE, sites, study->site_count + 1);
  field_select(request, fields, "language", WORD_LANGUAGE, languages, (size_t)study->language_count);
  field_text(request, fields, "name", WORD_NAME, "text", "off");
  field_text(request, fields, "address", WORD_ADDRESS, "email", "off");
  field_text(request, fields, "login", WORD_LOGIN, "text", "off");
  button(request, WORD_OPEN_ACCOUNT, "primary");
  post_close(request);
  page_close(request);
}

static void page_account_new(struct request *request) {
  struct fields fields = fields_blank(request, new_fields, COUNT(new_fields));
  draw_new(request, &fields);
}

static void after_new(struct request *request, enum err err, const struct error *error) {
  const struct account_create *input = request->state;
  if (!err) return request_redirect(request, address(request, "/accounts/%s?done=account", input->code));
  if (err == ERR_BUSY || err == ERR_STORE || err == ERR_DENIED) return request_error(request, err, error);
  struct new_account form;
  struct fields fields = fields_read(request, new_fields, COUNT(new_fields), &form);
  request->status = err == ERR_CONFLICT ? 409 : 422;
  fields_problem(&fields, strcmp(error->field, "roles") ? error->field : "role",
                 request_error_words(request, err, error));
  draw_new(request, &fields);
}

static void page_account_create(struct request *request) {
  struct new_account form;
  struct fields fields = fields_read(request, new_fields, COUNT(new_fields), &form);
  enum role role = fields.valid ? role_from_name(form.role) : 0;
  if (fields.valid && (!(role & ROLES_STAFF) || !study_has_role(request->study, form.role)))
    fields_problem(&fields, "role", said(request, WORD_ANSWER_CHOICE));
  if (!fields.valid) {
    request->status = 422;
    return draw_new(request, &fields);
  }
  struct account_create *input = arena_alloc(request->arena, sizeof *input);
  *input = (struct account_create){.by = request->actor.code,
                                   .roles = role,
                                   .person = form.person,
                                   .site = form.site,
                                   .language = form.language,
                                   .login = form.login,
                                   .name = form.name,
                                   .address = form.address};
  request->state = input;
  request_write(request, account_create, input, after_new);
}

/* ---- one account ---- */

/* What a drawing of the page may add: the link that was made, and what was not taken. */
struct shown {
  const char *link, *problem;
};

static void write_roles(struct request *request, const struct account *account) {
  struct buf *out = &request->out;
  post_open(request, url(request->arena, "/accounts/%s", account->code), "card");
  html(out, "<fieldset><legend>");
  say(request, WORD_ROLES);
  html(out, "</legend>");
  for (size_t i = 0; i < ROLE_WORDS; i++) {
    const char *name = role_name(role_words[i].role);
    bool has = account->roles & role_words[i].role;
    if (has || offered(request, role_words[i].role))
      html(out,
           "<label class=\"flag\"><input type=\"checkbox\" name=\"role-%s\" value=\"1\"%s> <span>%s</span></label>",
           name, has ? " checked" : "", said(request, role_words[i].label));
  }
  paragraph(request, WORD_ROLES_SECOND, "hint");
  html(out,
       "</fieldset><label class=\"flag\"><input type=\"checkbox\" name=\"disabled\" value=\"1\"%s> "
       "<span>%s</span></label>",
       account->disabled ? " checked" : "", said(request, WORD_SWITCH_OFF));
  html(out, "<p>");
  button(request, WORD_KEEP_CHANGES, "primary");
  html(out, "</p>");
  post_close(request);
}

static void answer_button(struct request *request, const char *answer, enum word label, const char *class_name) {
  html(&request->out, "<button type=\"submit\" name=\"answer\" value=\"%s\" class=\"%s\">%s</button> ", answer, class_name,
       said(request, label));
}

/* What an administrator asked for: whoever else is one confirms, either refuses. */
static void write_ask(struct request *request, const struct ask *ask) {
  bool mine = !strcmp(ask->by, request->actor.code);
  html(&request->out, "<section class=\"note attention\">");
  html(&request->out, "<p>");
  say(request, ask->roles ? WORD_ASK_ROLES : WORD_ASK_LINK, ask->by, ask->account, roles_text(request, ask->roles));
  html(&request->out, " <span class=\"quiet-text\">%s</span></p>", say_time(request, ask->time_ms));
  paragraph(request, mine ? WORD_ASK_MINE : WORD_ASK_OTHERS, NULL);
  post_open(request, url(request->arena, "/accounts/%s/answer", ask->account), "row");
  html(&request->out, "<input type=\"hidden\" name=\"what\" value=\"%s\">", ask->what);
  if (!mine) answer_button(request, "confirm", WORD_ASK_CONFIRM, "primary");
  answer_button(request, "refuse", mine ? WORD_ASK_WITHDRAW : WORD_ASK_REFUSE, "quiet");
  post_close(request);
  html(&request->out, "</section>");
}

static void write_link(struct request *request, const char *link) {
  html(&request->out, "<div class=\"note good\" role=\"status\">");
  paragraph(request, WORD_LINK_MADE, NULL);
  html(&request->out, "<p><code class=\"wrap\">%s</code></p>", link);
  paragraph(request, WORD_LINK_MADE_LEAD, NULL);
  html(&request->out, "</div>");
}

static void write_make_link(struct request *request, const struct account *account) {
  html(&request->out, "<section class=\"card\">");
  heading(request, WORD_MAKE_LINK);
  paragraph(request, WORD_MAKE_LINK_LEAD, NULL);
  if (account->roles & ROLES_GUARDED) paragraph(request, WORD_LINK_SECOND, NULL);
  post_open(request, url(request->arena, "/accounts/%s/link", account->code), "stack");
  button(request, account->roles & ROLES_GUARDED ? WORD_ASK_FOR_LINK : WORD_MAKE_LINK, "quiet");
  post_close(request);
  html(&request->out, "</section>");
}

static void draw_account(struct request *request, const struct account *account, const struct shown *shown) {
  struct ask asks[2];
  bool there[2];
  struct error error = {0};
  enum err err = ask_find(request->db, account->code, ASK_LINK, request->now_ms, &asks[0], &there[0], &error);
  if (!err) err = ask_find(request->db, account->code, ASK_ROLES, request->now_ms, &asks[1], &there[1], &error);
  if (err) return request_error(request, err, &error);
  page_open(request, &(struct page){.kind = PAGE_STAFF,
                                    .title = said(request, WORD_ACCOUNT_TITLE, account->code),
                                    .current = "/administration",
                                    .class_name = "narrow"});
  if (shown->problem) {
    note_open(request, NOTE_WRONG);
    html(&request->out, "<p>%s</p>", shown->problem);
    note_close(request);
  }
  if (shown->link) write_link(request, shown->link);
  for (int i = 0; i < 2; i++)
    if (there[i]) write_ask(request, &asks[i]);
  write_roles(request, account);
  if (!there[0]) write_make_link(request, account);
  page_close(request);
}

static bool read_account(struct request *request, struct account *account) {
  struct error error = {0};
  enum err err = account_read(request->db, request->parameters[0], account, &error);
  if (err) request_error(request, err, request_missing(err, &error));
  return !err;
}

static void page_account(struct request *request) {
  struct account account;
  if (read_account(request, &account)) draw_account(request, &account, &(struct shown){0});
}

static const char *change_problem(const struct request *request, const struct account_change *input, enum err err,
                                  const struct error *error) {
  enum role masked, meets;
  if (strcmp(error->id, "roles-mixed") || roles_apart(input->roles, &masked, &meets))
    return request_error_words(request, err, error);
  return said(request, WORD_ERROR_ROLES_MIXED, roles_text(request, masked), roles_text(request, meets));
}

/* The page again with what was ticked, and why it was not taken. */
static void redraw_account(struct request *request, const char *problem) {
  const struct account_change *input = request->state;
  struct account account;
  if (!read_account(request, &account)) return;
  account.roles = input->roles;
  account.disabled = input->disabled;
  request->status = 422;
  draw_account(request, &account, &(struct shown){.problem = problem});
}

static void after_change(struct request *request, enum err err, const struct error *error) {
  if (err == ERR_INPUT) return redraw_account(request, change_problem(request, request->state, err, error));
  if (err) return request_error(request, err, error);
  const struct account_change *input = request->state;
  request_redirect(request, address(request, "/accounts/%s?done=%s", request->parameters[0], input->asked ? "asked" : "account"));
}

static void page_account_change(struct request *request) {
  struct account account;
  if (!read_account(request, &account)) return;
  struct account_change *input = arena_alloc(request->arena, sizeof *input);
  *input = (struct account_change){.by = request->actor.code,
                                   .account = request->parameters[0],
                                   .disabled = *request_field(request, "disabled") ? 1 : 0};
  for (size_t i = 0; i < ROLE_WORDS; i++)
    if (*request_field(request, arena_printf(request->arena, "role-%s", role_name(role_words[i].role))))
      input->roles |= role_words[i].role;
  request->state = input;
  if (!input->roles) return redraw_account(request, said(request, WORD_ERROR_ROLES_NONE));
  request_write(request, account_change, input, after_change);
}

/* ---- links, and what waits for a second administrator ---- */

static void show_link(struct request *request, const char *token) {
  struct account account;
  if (!read_account(request, &account)) return;
  const char *link = arena_printf(request->arena, "%s%s", web_base(request->web), server_sign_in_path(request->arena, request->home, token));
  draw_account(request, &account, &(struct shown){.link = link});
}

static void after_link(struct request *request, enum err err, const struct error *error) {
  const struct sign_in_link_make *input = request->state;
  if (err) return request_error(request, err, error);
  if (!input->asked) return show_link(request, input->token);
  request_redirect(request, address(request, "/accounts/%s?done=asked", request->parameters[0]));
}

static void page_account_link(struct request *request) {
  struct sign_in_link_make *input = arena_alloc(request->arena, sizeof *input);
  *input = (struct sign_in_link_make){
      .by = request->actor.code, .account = request->parameters[0], .valid_ms = LINK_VALID_MS, .purpose = "administrator"};
  request->state = input;
  request_write(request, sign_in_link_make, input, after_link);
}

static void after_answer(struct request *request, enum err err, const struct error *error) {
  const struct account_answer *input = request->state;
  if (err) return request_error(request, err, error);
  if (*input->token) return show_link(request, input->token);
  request_redirect(request, address(request, "/accounts/%s?done=%s", request->parameters[0], input->confirm ? "account" : "refused"));
}

static void page_account_answer(struct request *request) {
  struct account_answer *input = arena_alloc(request->arena, sizeof *input);
  *input = (struct account_answer){.by = request->actor.code,
                                   .account = request->parameters[0],
                                   .what = request_field(request, "what"),
                                   .confirm = !strcmp(request_field(request, "answer"), "confirm"),
                                   .valid_ms = LINK_VALID_MS};
  request->state = input;
  request_write(request, account_answer, input, after_answer);
}

ROUTES(account) = {
    ROUTE(GET, "/accounts", page_account_new, ROLE_ADMINISTRATOR, READER_OPEN, "a new account"),
    ROUTE_PROVED(POST, "/accounts", page_account_create, ROLE_ADMINISTRATOR, READER_OPEN, "open a new account"),
    ROUTE(GET, "/accounts/:code", page_account, ROLE_ADMINISTRATOR, READER_OPEN, "one account"),
    ROUTE_PROVED(POST, "/accounts/:code", page_account_change, ROLE_ADMINISTRATOR, READER_OPEN, "change its roles and access"),
    ROUTE_PROVED(POST, "/accounts/:code/link", page_account_link, ROLE_ADMINISTRATOR, READER_OPEN, "make a one-time sign-in link, or ask for one"),
    ROUTE_PROVED(POST, "/accounts/:code/answer", page_account_answer, ROLE_ADMINISTRATOR, READER_OPEN, "confirm or refuse what another administrator asked for"),
    ROUTES_END,
};
