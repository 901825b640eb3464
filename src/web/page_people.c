/* page_people.c: who is in the study, by code, page by page. */
#include "report/roster.h"
#include "web/fields.h"
#include "web/page.h"

#define PAGE_ROWS 100

/* A link that says, to those who hear it, whom it is about. */
static void write_action(struct request *request, const char *path, enum word words, const char *code) {
  html(&request->out, "<a href=\"%s\">", request_address(request, path));
  say(request, words);
  html(&request->out, "<span class=\"visually-hidden\"> %s</span></a> ", code);
}

static void write_person(struct request *request, const struct roster_row *person, bool patient) {
  struct buf *out = &request->out;
  html(out, "<tr><th scope=\"row\" data-label=\"%s\"><span class=\"code\">%s</span></th>", said(request, WORD_CODE_OF),
       person->code);
  if (patient) {
    cell_open(request, WORD_THERAPIST, NULL);
    html(out, "<span class=\"code\">%s</span></td>", person->therapist);
  }
  cell_open(request, WORD_SITE, NULL);
  html(out, "%s</td>", site_words(request, person->site));
  cell_open(request, WORD_SINCE, NULL);
  html(out, "%s</td>", say_day_of(request, person->enrolled_ms));
  if (patient) {
    cell_open(request, WORD_SESSIONS, NULL);
    html(out, "%s</td>", say_count(request, person->sessions));
  }
  cell_open(request, WORD_OPEN_FORMS, NULL);
  html(out, "%s</td>", say_count(request, person->open_forms));
  cell_open(request, WORD_TO_DO, "actions");
  html(out, "<span class=\"row\">");
  if (person->withdrawn_ms) {
    html(out, "<span>");
    say(request, WORD_LEFT_STUDY);
    html(out, "</span> ");
  } else {
    if (patient) write_action(request, url(request->arena, "/session?patient=%s", person->code), WORD_SESSION, person->code);
    write_action(request, url(request->arena, "/people/%s/withdraw", person->code), WORD_WITHDRAW, person->code);
  }
  if (request_may(request, ROLE_COORDINATOR))
    write_action(request, url(request->arena, "/people/%s/erase", person->code), WORD_ERASE, person->code);
  html(out, "</span>");
  html(out, "</td></tr>");
}

static struct roster_query query_of(const struct request *request, enum person_kind kind, const char *find, const char *last) {
  return (struct roster_query){.kind = kind,
                               .site = request->actor.site,
                               .find = find,
                               .after = last,
                               .now_ms = request->now_ms,
                               .limit = PAGE_ROWS};
}

/* On to those after the last one shown. */
static void write_more(struct request *request, const struct roster *roster, const char *name, const char *find) {
  html(&request->out, "<p><a class=\"button\" rel=\"next\" href=\"%s?%s=%s&find=%s\">", address(request, "/people"), name,
       roster->rows[roster->count - 1].code, url(request->arena, "%s", find));
  say(request, WORD_ROSTER_MORE);
  html(&request->out, "</a></p>");
}

static enum err write_roster(struct request *request, enum person_kind kind, const char *find, const char *last, struct error *error) {
  static const enum word of_patients[] = {WORD_CODE_OF,  WORD_THERAPIST,  WORD_SITE, WORD_SINCE,
                                          WORD_SESSIONS, WORD_OPEN_FORMS, WORD_TO_DO};
  static const enum word of_therapists[] = {WORD_CODE_OF, WORD_SITE, WORD_SINCE, WORD_OPEN_FORMS, WORD_TO_DO};
  bool patient = kind == PERSON_PATIENT;
  struct roster roster;
  struct roster_query query = query_of(request, kind, find, last);
  enum err err = report_roster(request->db, request->arena, &query, &roster, error);
  if (err) return err;
  heading(request, patient ? WORD_RECORD_PATIENTS : WORD_RECORD_THERAPISTS);
  if (!roster.count) {
    html(&request->out, "<div class=\"empty\">");
    paragraph(request, *find ? WORD_NOBODY_FOUND : WORD_NOBODY_YET, NULL);
    html(&request->out, "</div>");
    return OK;
  }
  html(&request->out, "<div class=\"card\">");
  if (patient)
    table_open(request, NULL, of_patients, COUNT(of_patients));
  else
    table_open(request, NULL, of_therapists, COUNT(of_therapists));
  for (size_t i = 0; i < roster.count; i++) write_person(request, &roster.rows[i], patient);
  table_close(request);
  if (roster.more) write_more(request, &roster, patient ? "patients" : "therapists", find);
  html(&request->out, "</div>");
  return OK;
}

struct find_form {
  const char *find, *patients, *therapists; /* the last two: go on after this code */
};
static const struct field find_fields[] = {
    FIELD_TEXT(struct find_form, find, FIELD_OPTIONAL, 0, 40),
    FIELD_TEXT(struct find_form, patients, FIELD_OPTIONAL, 0, 15),
    FIELD_TEXT(struct find_form, therapists, FIELD_OPTIONAL, 0, 15),
};

static void write_find(struct request *request, const struct fields *fields) {
  html(&request->out, "<form method=\"get\" action=\"%s\" class=\"card no-print\"><div class=\"filters\">",
       address(request, "/people"));
  field_text(request, fields, "find", WORD_FIND_BY_CODE, "search", "off");
  html(&request->out, "<p class=\"row\">");
  button(request, WORD_FIND, "primary");
  if (*fields->typed[0]) {
    html(&request->out, "<a class=\"button quiet\" href=\"%s\">", address(request, "/people"));
    say(request, WORD_LOG_ALL);
    html(&request->out, "</a>");
  }
  html(&request->out, "</p></div></form>");
}

static void page_people(struct request *request) {
  struct error error = {0};
  struct find_form form;
  request->form = request->query; /* what is looked for is asked for in the address */
  struct fields fields = fields_read(request, find_fields, COUNT(find_fields), &form);
  if (!fields.valid) form = (struct find_form){fields.typed[0], "", ""};
  page_open(request, &(struct page){.kind = PAGE_STAFF,
                                    .title = said(request, WORD_PEOPLE_TITLE),
                                    .lead = said(request, WORD_PEOPLE_LEAD),
                                    .current = "/people",
                                    .class_name = "wide"});
  html(&request->out, "<p class=\"row no-print\"><a class=\"button primary\" href=\"%s\">", address(request, "/enrol"));
  say(request, WORD_ENROL_PATIENT);
  html(&request->out, "</a><a class=\"button quiet\" href=\"%s\">", address(request, "/enrol?kind=%s", person_kind_name(PERSON_THERAPIST)));
  say(request, WORD_ENROL_THERAPIST);
  html(&request->out, "</a></p>");
  fields_summary(request, &fields);
  write_find(request, &fields);
  enum err err = write_roster(request, PERSON_PATIENT, form.find, form.patients, &error);
  if (!err) err = write_roster(request, PERSON_THERAPIST, form.find, form.therapists, &error);
  if (err) return request_error(request, err, &error);
  page_close(request);
}

ROUTES(people) = {
    ROUTE_MENU(40, WORD_NAV_PEOPLE, GET, "/people", page_people, ROLE_COORDINATOR | ROLE_ASSISTANT, READER_MASKED, "who is in the study"),
    ROUTES_END,
};
