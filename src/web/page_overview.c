/* page_overview.c: the study at a glance, for the coordinator and the site assistant. Reads through the masked reader:
 * nothing on it depends on an arm. */
#include "report/chart.h"
#include "report/overview.h"
#include "trial/reminder.h"
#include "web/fields.h"
#include "web/page.h"

static void write_progress(struct request *request, enum word label, const struct progress *progress) {
  struct buf *out = &request->out;
  html(out, "<section class=\"card\"><h2>");
  say(request, label);
  html(out, "</h2><p class=\"big\">%s <span class=\"unit\">", say_count(request, progress->reached));
  if (progress->target > 0)
    say(request, WORD_OF_TARGET, say_count(request, progress->target));
  else
    say(request, WORD_ENROLLED);
  html(out, "</span></p>");
  if (progress->target > 0)
    progress_bar(
        request,
        said(request, WORD_PROGRESS_LABEL, say_count(request, progress->reached), say_count(request, progress->target)),
        progress->reached, progress->target);
  html(out, "<p class=\"quiet-text\">");
  if (progress->target > 0 && progress->reached >= progress->target)
    say(request, WORD_TARGET_REACHED);
  else if (progress->target > 0 && progress->projected_day >= 0)
    say(request, WORD_PROJECTED, say_date(request, progress->projected_day));
  else if (progress->target > 0)
    say(request, WORD_NOT_PROJECTED);
  if (progress->withdrawn) {
    html(out, " ");
    say(request, WORD_WITHDRAWN_COUNT, say_count(request, progress->withdrawn));
  }
  html(out, "</p></section>");
}

/* ---- what needs me today ---- */

static const char *occasion_title(const struct request *request, const char *name) {
  const struct study_occasion *occasion = study_occasion(request->study, name);
  return occasion ? study_words(request, &occasion->title) : name;
}

static void write_overdue_row(struct request *request, const struct overdue *overdue) {
  struct buf *out = &request->out;
  bool patient = overdue->rater == PERSON_PATIENT;
  html(out, "<tr><th scope=\"row\" data-label=\"%s\"><span class=\"code\">%s</span></th>",
       said(request, WORD_FROM_WHOM), overdue->respondent);
  cell_open(request, WORD_FORM, NULL);
  html(out, "<span>%s", occasion_title(request, overdue->name));
  if (overdue->session_number >= 0) {
    html(out, " (");
    say(request, WORD_SESSION_N, say_count(request, overdue->session_number));
    html(out, ")");
  }
  if (!patient && *overdue->patient) html(out, ", <span class=\"code\">%s</span>", overdue->patient);
  html(out, "</span></td>");
  cell_open(request, WORD_DUE, NULL);
  html(out, "%s</td>", say_day_at(request, overdue->site, overdue->due_ms));
  cell_open(request, WORD_CLOSES, NULL);
  html(out, "%s</td>", say_day_at(request, overdue->site, overdue->closes_ms));
  cell_open(request, WORD_TO_DO, "actions");
  if (overdue->reminded_ms && request->now_ms - overdue->reminded_ms < DAY_MS)
    state_mark(request, MARK_DONE, WORD_REMINDED_TODAY);
  else {
    post_open(request, "/overview/remind", "inline");
    html(out, "<input type=\"hidden\" name=\"occasion\" value=\"%s\"><button type=\"submit\">", overdue->occasion);
    say(request, WORD_REMIND);
    html(out, "<span class=\"visually-hidden\"> %s</span></button>", overdue->respondent);
    post_close(request);
  }
  html(out, "</td></tr>");
}

#define OVERDUE_FIRST 8 /* rows before the rest is folded away */

static void write_overdue_table(struct request *request, const struct overview *overview, size_t from, size_t to,
                                const char *caption) {
  static const enum word headings[] = {WORD_FROM_WHOM, WORD_FORM, WORD_DUE, WORD_CLOSES, WORD_TO_DO};
  table_open(request, caption, headings, COUNT(headings));
  for (size_t i = from; i < to; i++) write_overdue_row(request, &overview->overdue[i]);
  table_close(request);
}

static void write_overdue(struct request *request, const struct overview *overview) {
  heading(request, WORD_NEEDS_ME);
  size_t count = overview->overdue_count, first = count > OVERDUE_FIRST + 2 ? OVERDUE_FIRST : count;
  if (!count) {
    html(&request->out, "<div class=\"empty\">");
    paragraph(request, WORD_NOTHING_OVERDUE, NULL);
    html(&request->out, "</div>");
    return;
  }
  html(&request->out, "<div class=\"card\">");
  write_overdue_table(request, overview, 0, first,
                      overview->overdue_total > count
                          ? said(request, WORD_OVERDUE_SOME, say_count(request, (int64_t)count),
                                 say_count(request, (int64_t)overview->overdue_total))
                          : said(request, WORD_OVERDUE_ALL, say_count(request, (int64_t)overview->overdue_total)));
  if (first < count) {
    html(&request->out, "<details><summary>");
    say(request, WORD_SHOW_MORE, say_count(request, (int64_t)(count - first)));
    html(&request->out, "</summary>");
    write_overdue_table(request, overview, first, count, NULL);
    html(&request->out, "</details>");
  }
  html(&request->out, "</div>");
}

/* ---- weeks, sites, flow ---- */

static void write_weeks(struct request *request, const struct overview *overview) {
  html(&request->out, "<section class=\"card\">");
  heading(request, WORD_WEEKS_TITLE);
  bool planned = false;
  for (size_t i = 0; i < overview->week_count; i++) planned |= overview->weeks[i].planned_patients >= 0;
  if (overview->week_count)
    chart_weeks(&request->out, request->language, overview->weeks, overview->week_count);
  else
    paragraph(request, WORD_NOBODY_YET, "quiet-text");
  if (planned) {
    html(&request->out,
         "<ul class=\"key\"><li><svg width=\"18\" height=\"18\" aria-hidden=\"true\"><rect class=\"bar-new\" x=\"3\" "
         "y=\"2\" width=\"12\" height=\"16\"/></svg> ");
    say(request, WORD_WEEKS_NEW);
    html(&request->out,
         "</li><li><svg width=\"18\" height=\"18\" aria-hidden=\"true\"><line class=\"bar-plan\" x1=\"0\" x2=\"18\" "
         "y1=\"9\" y2=\"9\"/></svg> ");
    say(request, WORD_WEEKS_PLAN);
    html(&request->out, "</li></ul>");
  }
  html(&request->out, "</section>");
}

static void number_cell(struct request *request, enum word label, int64_t count) {
  cell_open(request, label, NULL);
  html(&request->out, "%s</td>", say_count(request, count));
}

static const char *site_label(const struct request *request, const char *name) {
  for (size_t i = 0; i < request->study->site_count; i++)
    if (!strcmp(request->study->sites[i].name, name)) return study_words(request, &request->study->sites[i].label);
  return name;
}

static void write_sites(struct request *request, const struct overview *overview) {
  static const enum word headings[] = {WORD_SITE,     WORD_RECORD_THERAPISTS, WORD_RECORD_PATIENTS,
                                       WORD_SESSIONS, WORD_FORMS_DONE,        WORD_FORMS_DUE};
  html(&request->out, "<section class=\"card\">");
  heading(request, WORD_SITES);
  table_open(request, NULL, headings, COUNT(headings));
  for (size_t i = 0; i < overview->site_count; i++) {
    const struct site_row *site = &overview->sites[i];
    html(&request->out, "<tr><th scope=\"row\" data-label=\"%s\">%s</th>", said(request, WORD_SITE),
         site_label(request, site->site));
    number_cell(request, WORD_RECORD_THERAPISTS, site->therapists);
    number_cell(request, WORD_RECORD_PATIENTS, site->patients);
    number_cell(request, WORD_SESSIONS, site->sessions);
    number_cell(request, WORD_FORMS_DONE, site->forms_done);
    number_cell(request, WORD_FORMS_DUE, site->forms_due);
    html(&request->out, "</tr>");
  }
  table_close(request);
  html(&request->out, "</section>");
}

static void flow_box(struct request *request, enum word label, int64_t count, bool left) {
  html(&request->out, "<div class=\"box%s\"><strong>%s</strong>", left ? " left" : "", say_count(request, count));
  say(request, label);
  html(&request->out, "</div>");
}

static void write_flow(struct request *request, const struct flow *flow) {
  html(&request->out, "<section class=\"card\">");
  heading(request, WORD_FLOW);
  paragraph(request, WORD_FLOW_LEAD, "quiet-text");
  html(&request->out, "<div class=\"flow\"><h3>");
  say(request, WORD_RECORD_THERAPISTS);
  html(&request->out, "</h3><div class=\"level\">");
  flow_box(request, WORD_FLOW_ENROLLED, flow->therapists_enrolled, false);
  flow_box(request, WORD_FLOW_CONSENTED, flow->therapists_consented, false);
  flow_box(request, WORD_FLOW_ACTIVE, flow->therapists_active, false);
  flow_box(request, WORD_FLOW_LEFT, flow->therapists_withdrawn, true);
  html(&request->out, "</div><h3>");
  say(request, WORD_RECORD_PATIENTS);
  html(&request->out, "</h3><div class=\"level\">");
  flow_box(request, WORD_FLOW_ENROLLED, flow->patients_enrolled, false);
  flow_box(request, WORD_FLOW_CONSENTED, flow->patients_consented, false);
  flow_box(request, WORD_FLOW_ACTIVE, flow->patients_active, false);
  if (request->study->sessions_planned) flow_box(request, WORD_FLOW_COMPLETE, flow->patients_complete, false);
  flow_box(request, WORD_FLOW_LEFT, flow->patients_withdrawn, true);
  if (flow->erased) flow_box(request, WORD_FLOW_ERASED, flow->erased, true);
  html(&request->out, "</div></div></section>");
}

static void write_forms(struct request *request, const struct overview *overview) {
  html(&request->out, "<section class=\"card\">");
  heading(request, WORD_FORMS_SO_FAR);
  html(&request->out, "<dl class=\"facts\"><dt>");
  say(request, WORD_FORMS_DONE);
  html(&request->out, "</dt><dd>%s</dd><dt>", say_count(request, overview->forms_done));
  say(request, WORD_FORMS_OPEN);
  html(&request->out, "</dt><dd>%s</dd><dt>", say_count(request, overview->forms_open));
  say(request, WORD_FORMS_MISSED);
  html(&request->out, "</dt><dd>%s</dd></dl></section>", say_count(request, overview->forms_missed));
}

static void page_overview(struct request *request) {
  struct overview overview = {0};
  struct error error = {0};
  enum err err = report_overview(request->db, request->home, request->arena, request->actor.site, request->now_ms,
                                     &overview, &error);
  if (err) return request_error(request, err, &error);
  struct buf *out = &request->out;
  page_open(request,
            &(struct page){.kind = PAGE_STAFF, .title = said(request, WORD_OVERVIEW_TITLE), .current = "/overview"});
  write_overdue(request, &overview); /* what needs me today */
  html(out, "<div class=\"split\">");
  write_progress(request, WORD_RECORD_THERAPISTS, &overview.therapists);
  write_progress(request, WORD_RECORD_PATIENTS, &overview.patients);
  html(out, "</div><p class=\"row no-print\"><a class=\"button primary\" href=\"%s\">", address(request, "/enrol"));
  say(request, WORD_ENROL_PATIENT);
  html(out, "</a><a class=\"button\" href=\"%s\">", address(request, "/session"));
  say(request, WORD_RECORD_SESSION);
  html(out, "</a></p><div class=\"split\">");
  write_weeks(request, &overview);
  write_forms(request, &overview);
  html(out, "</div>");
  write_sites(request, &overview);
  write_flow(request, &overview.flow);
  page_close(request);
}

/* ---- one click reminds ---- */

static void after_remind(struct request *request, enum err err, const struct error *error) {
  if (err) return request_error(request, err, error);
  request_redirect(request, address(request, "/overview?done=reminded"));
}

static void page_remind(struct request *request) {
  struct form_remind *input = arena_alloc(request->arena, sizeof *input);
  *input = (struct form_remind){
      .home = request->home, .by = &request->actor, .occasion = request_field(request, "occasion")};
  request_write(request, form_remind, input, after_remind);
}

ROUTES(overview) = {
    ROUTE_MENU(30, WORD_NAV_OVERVIEW, GET, "/overview", page_overview, ROLE_COORDINATOR | ROLE_ASSISTANT, READER_MASKED, "the study at a glance"),
    ROUTE(POST, "/overview/remind", page_remind, ROLE_COORDINATOR | ROLE_ASSISTANT, READER_MASKED, "send a reminder"),
    ROUTES_END,
};
