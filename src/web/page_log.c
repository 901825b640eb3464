/* page_log.c: the log as masked roles see it, in sentences that a person can read aloud, with filters. Its rows are
 * numbered among themselves, and what depends on an arm is not among them. */
#include "report/log.h"
#include "web/fields.h"
#include "web/log_words.h"
#include "web/page.h"

#define PAGE_ROWS 50

struct log_form {
  const char *actor, *kind, *about;
  int64_t from, until, before;
};
static const struct field log_fields[] = {
    FIELD_TEXT(struct log_form, actor, FIELD_OPTIONAL, 0, 23),
    FIELD_TEXT(struct log_form, kind, FIELD_OPTIONAL, 0, 39),
    FIELD_TEXT(struct log_form, about, FIELD_OPTIONAL, 0, 23),
    FIELD_DATE(struct log_form, from, FIELD_OPTIONAL),
    FIELD_DATE(struct log_form, until, FIELD_OPTIONAL),
    FIELD_INT(struct log_form, before, FIELD_OPTIONAL, 0, INT64_MAX),
};

static void write_sentence(struct request *request, const struct log_row *row) {
  for (const struct log_words *words = assembled_log_words; words->kind; words++)
    if (!strcmp(words->kind->name, row->kind)) return say(request, words->sentence, row->actor, row->about);
  say(request, WORD_LOG_OTHER, row->actor, row->about, row->kind);
}

static const struct option *kind_options(struct request *request, size_t *count) {
  const struct log_words *words = assembled_log_words;
  while (words->kind) words++;
  *count = (size_t)(words - assembled_log_words) + 1;
  struct option *options = arena_array(request->arena, *count, sizeof *options);
  options[0] = (struct option){"", said(request, WORD_EVERYTHING)};
  for (size_t i = 1; i < *count; i++) options[i] = (struct option){assembled_log_words[i - 1].kind->name, assembled_log_words[i - 1].kind->name};
  return options;
}

static void write_filters(struct request *request, const struct fields *fields) {
  html(&request->out, "<form method=\"get\" action=\"%s\" class=\"card no-print\"><div class=\"filters\">",
       address(request, "/log"));
  field_text(request, fields, "actor", WORD_LOG_WHO, "text", "off");
  field_text(request, fields, "about", WORD_LOG_ABOUT, "text", "off");
  size_t kinds;
  const struct option *options = kind_options(request, &kinds);
  field_select(request, fields, "kind", WORD_LOG_KIND, options, kinds);
  field_text(request, fields, "from", WORD_LOG_FROM, "date", "off");
  field_text(request, fields, "until", WORD_LOG_UNTIL, "date", "off");
  html(&request->out, "</div><p class=\"row\">");
  button(request, WORD_LOG_SHOW, "primary");
  html(&request->out, "<a class=\"button quiet\" href=\"%s\">", address(request, "/log"));
  say(request, WORD_LOG_ALL);
  html(&request->out, "</a></p></form>");
}

static void write_rows(struct request *request, const struct log_row *rows, size_t count) {
  static const enum word headings[] = {WORD_LOG_NUMBER, WORD_LOG_TIME, WORD_LOG_WHAT, WORD_LOG_KIND};
  html(&request->out, "<div class=\"card\">");
  table_open(request, NULL, headings, COUNT(headings));
  for (size_t i = 0; i < count; i++) {
    html(&request->out, "<tr><th scope=\"row\" data-label=\"%s\">%s</th>", said(request, WORD_LOG_NUMBER),
         say_count(request, rows[i].number));
    cell_open(request, WORD_LOG_TIME, NULL);
    html(&request->out, "%s</td>", say_time(request, rows[i].time_ms));
    cell_open(request, WORD_LOG_WHAT, NULL);
    write_sentence(request, &rows[i]);
    html(&request->out, "</td>");
    cell_open(request, WORD_LOG_KIND, NULL);
    html(&request->out, "<span class=\"code\">%s</span></td></tr>", rows[i].kind);
  }
  table_close(request);
  html(&request->out, "</div>");
}

static void write_older(struct request *request, const struct fields *fields, const struct log_row *last) {
  html(&request->out, "<p><a class=\"button\" rel=\"next\" href=\"%s?before=%lld", address(request, "/log"),
       (long long)last->number);
  for (size_t i = 0; i < fields->count; i++)
    if (*fields->typed[i] && strcmp(fields->list[i].name, "before"))
      html(&request->out, "&%s=%s", fields->list[i].name, url(request->arena, "%s", fields->typed[i]));
  html(&request->out, "\">");
  say(request, WORD_LOG_OLDER);
  html(&request->out, "</a></p>");
}

static void page_log(struct request *request) {
  struct log_form form;
  request->form = request->query; /* filters are asked for in the address */
  struct fields fields = fields_read(request, log_fields, COUNT(log_fields), &form);
  struct log_row *rows = NULL;
  size_t count = 0;
  struct error error = {0};
  struct log_filter filter = {.actor = form.actor,
                              .kind = form.kind,
                              .about = form.about,
                              .from_ms = form.from == FIELD_NO_DATE ? 0 : form.from * DAY_MS,
                              .until_ms = form.until == FIELD_NO_DATE ? 0 : (form.until + 1) * DAY_MS,
                              .before = form.before,
                              .limit = PAGE_ROWS + 1};
  enum err err = fields.valid ? report_log(request->db, request->arena, &filter, &rows, &count, &error) : OK;
  if (err) return request_error(request, err, &error);
  page_open(request, &(struct page){.kind = PAGE_STAFF,
                                    .title = said(request, WORD_LOG_TITLE),
                                    .lead = said(request, WORD_LOG_LEAD),
                                    .current = "/log",
                                    .class_name = "wide"});
  fields_summary(request, &fields);
  write_filters(request, &fields);
  if (count)
    write_rows(request, rows, count > PAGE_ROWS ? PAGE_ROWS : count);
  else {
    html(&request->out, "<div class=\"empty\">");
    paragraph(request, WORD_LOG_EMPTY, NULL);
    html(&request->out, "</div>");
  }
  if (count > PAGE_ROWS) write_older(request, &fields, &rows[PAGE_ROWS - 1]);
  page_close(request);
}

ROUTES(log) = {
    ROUTE_MENU(90, WORD_NAV_LOG, GET, "/log", page_log, ROLE_MONITOR | ROLE_ANALYST | ROLE_ADMINISTRATOR, READER_MASKED, "the log"),
    ROUTES_END,
};
