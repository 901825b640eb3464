/* page_administration.c: accounts and roles, versions of the study, mail. No names of patients, no arms, no outcomes. */
#include "people/ask.h"
#include "report/administration.h"
#include "web/fields.h"
#include "web/page.h"
#include "web/web.h"

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

/* What waits for a second administrator. */
static enum err write_asks(struct request *request, struct error *error) {
  struct ask *asks = NULL;
  size_t count = 0;
  enum err err = ask_list(request->db, request->arena, request->now_ms, &asks, &count, error);
  if (err || !count) return err;
  struct buf *out = &request->out;
  html(out, "<section class=\"card\">");
  heading(request, WORD_ASKS);
  for (size_t i = 0; i < count; i++) {
    html(out, "<p><a href=\"%s\">", address(request, "/accounts/%s", asks[i].account));
    say(request, asks[i].roles ? WORD_ASK_ROLES : WORD_ASK_LINK, asks[i].by, asks[i].account, roles_text(request, asks[i].roles));
    html(out, "</a><br><span class=\"quiet-text\">%s</span></p>", say_time(request, asks[i].time_ms));
  }
  html(out, "</section>");
  return OK;
}

static enum err write_refusals(struct request *request, struct error *error) {
  static const enum word headings[] = {WORD_LOG_TIME, WORD_ACCOUNT, WORD_LOG_WHAT};
  struct refused_row *rows = NULL;
  size_t count = 0;
  enum err err = report_refusals(request->db, request->arena, &rows, &count, error);
  if (err || !count) return err;
  html(&request->out, "<section class=\"card\">");
  heading(request, WORD_REFUSALS);
  paragraph(request, WORD_REFUSALS_LEAD, "quiet-text");
  table_open(request, NULL, headings, COUNT(headings));
  for (size_t i = 0; i < count; i++) {
    html(&request->out, "<tr><th scope=\"row\" data-label=\"%s\">%s</th>", said(request, WORD_LOG_TIME), say_time(request, rows[i].time_ms));
    cell_open(request, WORD_ACCOUNT, NULL);
    html(&request->out, "<span class=\"code\">%s</span></td>", *rows[i].account ? rows[i].account : said(request, WORD_UNKNOWN_NAME));
    cell_open(request, WORD_LOG_WHAT, NULL);
    html(&request->out, "%s</td></tr>", said(request, rows[i].at_door ? WORD_REFUSED_DOOR : WORD_REFUSED_PAGE));
  }
  table_close(request);
  html(&request->out, "</section>");
  return OK;
}

static enum err write_versions(struct request *request, struct error *error) {
  static const enum word headings[] = {WORD_VERSION, WORD_IN_FORCE_SINCE, WORD_APPROVAL, WORD_FINGERPRINT};
  struct version_row *rows = NULL;
  size_t count = 0;
  enum err err = report_versions(request->db, request->arena, &rows, &count, error);
  if (err) return err;
  html(&request->out, "<section class=\"card\">");
  heading(request, WORD_VERSIONS);
  table_open(request, NULL, headings, COUNT(headings));
  for (size_t i = 0; i < count; i++) {
    html(&request->out, "<tr><th scope=\"row\" data-label=\"%s\">%s</th>", said(request, WORD_VERSION), say_count(request, rows[i].version));
    cell_open(request, WORD_IN_FORCE_SINCE, NULL);
    html(&request->out, "%s</td>", say_time(request, rows[i].time_ms));
    cell_open(request, WORD_APPROVAL, NULL);
    html(&request->out, "%s %s</td>", rows[i].approval, rows[i].approval_date);
    cell_open(request, WORD_FINGERPRINT, NULL);
    html(&request->out, "<span class=\"code\">%s</span></td></tr>", arena_text_n(request->arena, rows[i].hash, 16));
  }
  table_close(request);
  html(&request->out, "</section>");
  return OK;
}

static enum err write_mail(struct request *request, struct error *error) {
  struct mail_counts mail;
  enum err err = report_mail(request->db, &mail, error);
  if (err) return err;
  const struct {
    enum word label;
    const char *text;
  } facts[] = {{WORD_MAIL_WAITING, say_count(request, mail.waiting)},
               {WORD_MAIL_SENT, say_count(request, mail.sent)},
               {WORD_MAIL_BOUNCED, say_count(request, mail.bounced)},
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
  enum err err = write_asks(request, &error);
  if (!err) err = write_accounts(request, &error);
  if (!err) err = write_refusals(request, &error);
  if (!err) err = write_versions(request, &error);
  if (!err) err = write_mail(request, &error);
  if (err) return request_error(request, err, &error);
  page_close(request);
}

ROUTES(administration) = {
    ROUTE_MENU(60, WORD_NAV_ADMINISTRATION, GET, "/administration", page_administration, ROLE_ADMINISTRATOR, READER_OPEN, "accounts, versions, mail"),
    ROUTES_END,
};
