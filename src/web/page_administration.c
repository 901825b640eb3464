/* page_administration.c: accounts and roles, versions of the study, mail. No names of patients, no arms, no outcomes. */
#include "web/fields.h"
#include "web/page.h"
#include "web/web.h"

#define LINK_VALID_MS DAY_MS

static const char *site_text(const struct request *request, const char *site) {
  if (!*site) return said(request, WORD_ALL_SITES);
  for (size_t i = 0; i < request->study->site_count; i++)
    if (!strcmp(request->study->sites[i].name, site)) return study_words(request, &request->study->sites[i].label);
  return site;
}

static const char *access_text(const struct request *request, const struct account *account) {
  if (account->disabled) return said(request, WORD_DISABLED);
  if (account->has_password) return said(request, account->has_totp ? WORD_WITH_PASSWORD_CODE : WORD_WITH_PASSWORD);
  return said(request, WORD_WITH_LINK);
}

/* ---- the page ---- */

static enum err write_accounts(struct request *request, struct error *error) {
  static const enum word headings[] = {WORD_ACCOUNT, WORD_ROLES, WORD_SITE, WORD_SIGNS_IN_WITH, WORD_LAST_SIGN_IN};
  struct account *accounts = NULL;
  size_t count = 0;
  enum err err = account_list(request->db, request->arena, &accounts, &count, error);
  if (err) return err;
  struct buf *out = &request->out;
  html(out, "<section class=\"card\">");
  heading(request, WORD_ACCOUNTS);
  table_open(request, NULL, headings, COUNT(headings));
  for (size_t i = 0; i < count; i++) {
    html(out, "<tr><th scope=\"row\" data-label=\"%s\"><a class=\"code\" href=\"%s\">%s</a></th>",
         said(request, WORD_ACCOUNT), address(request, "/accounts/%s", accounts[i].code), accounts[i].code);
    cell_open(request, WORD_ROLES, NULL);
    html(out, "%s</td>", roles_text(request, accounts[i].roles));
    cell_open(request, WORD_SITE, NULL);
    html(out, "%s</td>", site_text(request, accounts[i].site));
    cell_open(request, WORD_SIGNS_IN_WITH, NULL);
    html(out, "%s</td>", access_text(request, &accounts[i]));
    cell_open(request, WORD_LAST_SIGN_IN, NULL);
    html(out, "%s</td></tr>",
         accounts[i].signed_in_ms ? say_day_of(request, accounts[i].signed_in_ms) : said(request, WORD_NEVER));
  }
  table_close(request);
  html(out, "<p class=\"no-print\"><a class=\"button primary\" href=\"%s\">", address(request, "/accounts"));
  say(request, WORD_NEW_ACCOUNT);
  html(out, "</a></p></section>");
  return OK;
}

static enum err write_versions(struct request *request, struct error *error) {
  static const enum word headings[] = {WORD_VERSION, WORD_IN_FORCE_SINCE, WORD_APPROVAL, WORD_FINGERPRINT};
  struct rows rows;
  html(&request->out, "<section class=\"card\">");
  heading(request, WORD_VERSIONS);
  table_open(request, NULL, headings, COUNT(headings));
  rows_open(&rows, request->db,
            "SELECT version, time_ms, approval, approval_date, hash FROM study_version ORDER BY version DESC", NO_ARGS);
  while (rows_next(&rows)) {
    html(&request->out, "<tr><th scope=\"row\" data-label=\"%s\">%s</th>", said(request, WORD_VERSION),
         say_count(request, rows_int(&rows, 0)));
    cell_open(request, WORD_IN_FORCE_SINCE, NULL);
    html(&request->out, "%s</td>", say_time(request, rows_int(&rows, 1)));
    cell_open(request, WORD_APPROVAL, NULL);
    html(&request->out, "%s %s</td>", rows_text(&rows, 2), rows_text(&rows, 3));
    cell_open(request, WORD_FINGERPRINT, NULL);
    html(&request->out, "<span class=\"code\">%s</span></td></tr>",
         arena_text_n(request->arena, rows_text(&rows, 4), 16));
  }
  table_close(request);
  html(&request->out, "</section>");
  return rows_close(&rows, error);
}

static enum err write_mail(struct request *request, struct error *error) {
  int64_t waiting = 0, sent = 0, bounced = 0;
  static const char sql[] = "SELECT count(*) FROM run_outbox WHERE state = $1";
  enum err err = db_int(request->db, error, &waiting, 0, sql, ARGS(v_text("waiting")));
  if (!err) err = db_int(request->db, error, &sent, 0, sql, ARGS(v_text("sent")));
  if (!err) err = db_int(request->db, error, &bounced, 0, sql, ARGS(v_text("bounced")));
  if (err) return err;
  const struct {
    enum word label;
    const char *text;
  } facts[] = {{WORD_MAIL_WAITING, say_count(request, waiting)},
               {WORD_MAIL_SENT, say_count(request, sent)},
               {WORD_MAIL_BOUNCED, say_count(request, bounced)},
               {WORD_KEYS, said(request, WORD_KEYS_STATE)},
               {WORD_BACKUPS, said(request, WORD_BACKUPS_STATE)}};
  html(&request->out, "<section class=\"card\">");
  heading(request, WORD_MAIL_AND_KEYS);
  html(&request->out, "<dl class=\"facts\">");
  for (size_t i = 0; i < COUNT(facts); i++)
    html(&request->out, "<dt>%s</dt><dd>%s</dd>", said(request, facts[i].label), facts[i].text);
  html(&request->out, "</dl></section>");
  return OK;
}

static void page_administration(struct request *request) {
  struct error error = {0};
  page_open(request, &(struct page){.kind = PAGE_STAFF,
                                    .title = said(request, WORD_ADMIN_TITLE),
                                    .lead = said(request, WORD_ADMIN_LEAD),
                                    .current = "/administration",
                                    .class_name = "wide"});
  enum err err = write_accounts(request, &error);
  if (!err) err = write_versions(request, &error);
  if (!err) err = write_mail(request, &error);
  if (err) return request_error(request, err, &error);
  page_close(request);
}

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

static void draw_new(struct request *request, const struct fields *fields) {
  const struct study *study = request->study;
  struct option roles[ROLE_WORDS], languages[STUDY_LANGUAGES];
  size_t role_count = 0;
  for (size_t i = 0; i < ROLE_WORDS; i++)
    if (study_has_role(study, role_name(role_words[i].role)))
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

static void draw_account(struct request *request, const struct account *account, const char *link, const char *problem) {
  struct buf *out = &request->out;
  page_open(request, &(struct page){.kind = PAGE_STAFF,
                                    .title = said(request, WORD_ACCOUNT_TITLE, account->code),
                                    .current = "/administration",
                                    .class_name = "narrow"});
  if (problem) {
    note_open(request, NOTE_WRONG);
    html(out, "<p>%s</p>", problem);
    note_close(request);
  }
  if (link) {
    html(out, "<div class=\"note good\" role=\"status\">");
    paragraph(request, WORD_LINK_MADE, NULL);
    html(out, "<p><code class=\"wrap\">%s</code></p>", link);
    paragraph(request, WORD_LINK_MADE_LEAD, NULL);
    html(out, "</div>");
  }
  post_open(request, url(request->arena, "/accounts/%s", account->code), "card");
  html(out, "<fieldset><legend>");
  say(request, WORD_ROLES);
  html(out, "</legend>");
  for (size_t i = 0; i < ROLE_WORDS; i++) {
    const char *name = role_name(role_words[i].role);
    bool has = account->roles & role_words[i].role;
    if (has || study_has_role(request->study, name))
      html(out,
           "<label class=\"flag\"><input type=\"checkbox\" name=\"role-%s\" value=\"1\"%s> <span>%s</span></label>",
           name, has ? " checked" : "", said(request, role_words[i].label));
  }
  html(out,
       "</fieldset><label class=\"flag\"><input type=\"checkbox\" name=\"disabled\" value=\"1\"%s> "
       "<span>%s</span></label>",
       account->disabled ? " checked" : "", said(request, WORD_SWITCH_OFF));
  html(out, "<p>");
  button(request, WORD_KEEP_CHANGES, "primary");
  html(out, "</p>");
  post_close(request);
  html(out, "<section class=\"card\">");
  heading(request, WORD_MAKE_LINK);
  paragraph(request, WORD_MAKE_LINK_LEAD, NULL);
  post_open(request, url(request->arena, "/accounts/%s/link", account->code), "stack");
  button(request, WORD_MAKE_LINK, "quiet");
  post_close(request);
  html(out, "</section>");
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
  if (read_account(request, &account)) draw_account(request, &account, NULL, NULL);
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
  draw_account(request, &account, NULL, problem);
}

static void after_change(struct request *request, enum err err, const struct error *error) {
  if (err == ERR_INPUT) return redraw_account(request, change_problem(request, request->state, err, error));
  if (err) return request_error(request, err, error);
  request_redirect(request, address(request, "/accounts/%s?done=account", request->parameters[0]));
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

static void after_link(struct request *request, enum err err, const struct error *error) {
  const struct sign_in_link_make *input = request->state;
  struct account account;
  if (err) return request_error(request, err, error);
  if (!read_account(request, &account)) return;
  const char *scheme = request->web->config->behind_tls ? "https" : "http";
  draw_account(request, &account,
               arena_printf(request->arena, "%s://%s%s", scheme, request->host ? request->host : "",
                            server_sign_in_path(request->arena, request->home, input->token)), NULL);
}

static void page_account_link(struct request *request) {
  struct sign_in_link_make *input = arena_alloc(request->arena, sizeof *input);
  *input = (struct sign_in_link_make){
      .account = request->parameters[0], .valid_ms = LINK_VALID_MS, .purpose = "administrator"};
  request->state = input;
  request_write(request, sign_in_link_make, input, after_link);
}

ROUTES(administration) = {
    ROUTE(GET, "/administration", page_administration, ROLE_ADMINISTRATOR, READER_OPEN, "accounts, versions, mail"),
    ROUTE(GET, "/accounts", page_account_new, ROLE_ADMINISTRATOR, READER_OPEN, "a new account"),
    ROUTE(POST, "/accounts", page_account_create, ROLE_ADMINISTRATOR, READER_OPEN, "open a new account"),
    ROUTE(GET, "/accounts/:code", page_account, ROLE_ADMINISTRATOR, READER_OPEN, "one account"),
    ROUTE(POST, "/accounts/:code", page_account_change, ROLE_ADMINISTRATOR, READER_OPEN, "change its roles and access"),
    ROUTE(POST, "/accounts/:code/link", page_account_link, ROLE_ADMINISTRATOR, READER_OPEN, "make a one-time sign-in link"),
    ROUTES_END,
};
