/* page_people.c: who is in the study, by code; enrolling someone, recording a session, a withdrawal. */
#include "trial/enrolment.h"
#include "trial/occasion.h"
#include "trial/session.h"
#include "trial/withdrawal.h"
#include "web/fields.h"
#include "web/page.h"

/* ---- the roster ---- */

struct entry_of_roster {
  const char *code, *kind, *site, *therapist;
  int64_t enrolled_ms, withdrawn_ms, sessions, open_forms;
};
struct roster {
  struct entry_of_roster *list;
  size_t count;
  bool more; /* than the list holds */
};

#define ROSTER_MAXIMUM 2000

/* What a code must hold, as LIKE takes it: "%" for nothing typed, NULL for what no code can hold. */
static const char *code_pattern(struct request *request, const char *typed) {
  char *pattern = arena_alloc(request->arena, CODE_BYTES + 2), *next = pattern;
  *next++ = '%';
  for (const char *c = typed; *c; c++) {
    char big = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
    if (*c == ' ') continue;
    if (next - pattern >= CODE_BYTES || !strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", big)) return NULL;
    *next++ = big;
  }
  if (next - pattern > 1) *next++ = '%';
  *next = 0;
  return pattern;
}

/* Of the actor's site ("" all), by code; with `find`, those whose own or whose therapist's code holds it. */
static enum err roster_read(struct request *request, const char *kind, const char *find, struct roster *roster,
                            struct error *error) {
  const char *pattern = code_pattern(request, find);
  struct rows rows;
  const char *site = request->actor.site ? request->actor.site : "";
  roster->list = arena_array(request->arena, ROSTER_MAXIMUM, sizeof *roster->list);
  roster->count = 0;
  roster->more = false;
  if (!pattern) return OK;
  rows_open(&rows, request->db,
            "SELECT p.code, p.kind, p.site, p.therapist, p.enrolled_ms, p.withdrawn_ms, "
            "(SELECT count(*) FROM session s WHERE s.patient = p.code), "
            "(SELECT count(*) FROM occasion o WHERE o.respondent = p.code AND o.submitted_ms = 0 AND o.closes_ms > $3) "
            "FROM person p WHERE p.kind = $1 AND ($2 = '' OR p.site = $2) AND (p.code LIKE $4 OR p.therapist LIKE $4) "
            "ORDER BY p.code LIMIT $5",
            ARGS(v_text(kind), v_text(site), v_int(request->now_ms), v_text(pattern), v_int(ROSTER_MAXIMUM + 1)));
  while (rows_next(&rows)) {
    if ((roster->more = roster->count == ROSTER_MAXIMUM)) break;
    roster->list[roster->count++] =
        (struct entry_of_roster){.code = arena_text(request->arena, rows_text(&rows, 0)),
                                 .kind = arena_text(request->arena, rows_text(&rows, 1)),
                                 .site = arena_text(request->arena, rows_text(&rows, 2)),
                                 .therapist = arena_text(request->arena, rows_text(&rows, 3)),
                                 .enrolled_ms = rows_int(&rows, 4),
                                 .withdrawn_ms = rows_int(&rows, 5),
                                 .sessions = rows_int(&rows, 6),
                                 .open_forms = rows_int(&rows, 7)};
  }
  return rows_close(&rows, error);
}

static const char *site_words(const struct request *request, const char *name) {
  for (size_t i = 0; i < request->study->site_count; i++)
    if (!strcmp(request->study->sites[i].name, name)) return study_words(request, &request->study->sites[i].label);
  return name;
}

static void write_person(struct request *request, const struct entry_of_roster *person, bool patient) {
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
  if (person->withdrawn_ms)
    say(request, WORD_LEFT_STUDY);
  else {
    html(out, "<span class=\"row\">");
    if (patient) {
      html(out, "<a href=\"%s?patient=%s\">", address(request, "/session"), person->code);
      say(request, WORD_SESSION);
      html(out, "<span class=\"visually-hidden\"> %s</span></a> ", person->code);
    }
    html(out, "<a href=\"%s\">", address(request, "/people/%s/withdraw", person->code));
    say(request, WORD_WITHDRAW);
    html(out, "<span class=\"visually-hidden\"> %s</span></a></span>", person->code);
  }
  html(out, "</td></tr>");
}

static enum err write_roster(struct request *request, const char *kind, const char *find, struct error *error) {
  static const enum word of_patients[] = {WORD_CODE_OF,  WORD_THERAPIST,  WORD_SITE, WORD_SINCE,
                                          WORD_SESSIONS, WORD_OPEN_FORMS, WORD_TO_DO};
  static const enum word of_therapists[] = {WORD_CODE_OF, WORD_SITE, WORD_SINCE, WORD_OPEN_FORMS, WORD_TO_DO};
  bool patient = !strcmp(kind, "patient");
  struct roster roster;
  enum err err = roster_read(request, kind, find, &roster, error);
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
  for (size_t i = 0; i < roster.count; i++) write_person(request, &roster.list[i], patient);
  table_close(request);
  if (roster.more) {
    html(&request->out, "<p class=\"quiet-text\">");
    say(request, WORD_ROSTER_MORE, say_count(request, ROSTER_MAXIMUM));
    html(&request->out, "</p>");
  }
  html(&request->out, "</div>");
  return OK;
}

struct find_form {
  const char *find;
};
static const struct field find_fields[] = {FIELD_TEXT(struct find_form, find, FIELD_OPTIONAL, 0, 40)};

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
  const char *find = fields.valid ? form.find : fields.typed[0];
  page_open(request, &(struct page){.kind = PAGE_STAFF,
                                    .title = said(request, WORD_PEOPLE_TITLE),
                                    .lead = said(request, WORD_PEOPLE_LEAD),
                                    .current = "/people",
                                    .class_name = "wide"});
  html(&request->out, "<p class=\"row no-print\"><a class=\"button primary\" href=\"%s\">", address(request, "/enrol"));
  say(request, WORD_ENROL_SOMEONE);
  html(&request->out, "</a></p>");
  fields_summary(request, &fields);
  write_find(request, &fields);
  enum err err = write_roster(request, "patient", find, &error);
  if (!err) err = write_roster(request, "therapist", find, &error);
  if (err) return request_error(request, err, &error);
  page_close(request);
}

/* ---- enrolling ---- */

struct enrol_form {
  const char *kind, *site, *therapist, *language, *name, *address;
};
static const struct field enrol_fields[] = {
    FIELD_TEXT(struct enrol_form, kind, FIELD_REQUIRED, 1, 20),
    FIELD_TEXT(struct enrol_form, therapist, FIELD_OPTIONAL, 0, 15),
    FIELD_TEXT(struct enrol_form, site, FIELD_REQUIRED, 1, 39),
    FIELD_TEXT(struct enrol_form, language, FIELD_REQUIRED, 2, 7),
    FIELD_TEXT(struct enrol_form, name, FIELD_REQUIRED, 1, 200),
    FIELD_TEXT(struct enrol_form, address, FIELD_REQUIRED, 3, 254),
};

static enum err therapist_options(struct request *request, struct option **options, size_t *count,
                                  struct error *error) {
  struct roster roster;
  enum err err = roster_read(request, "therapist", "", &roster, error);
  if (err) return err;
  *options = arena_array(request->arena, roster.count + 1, sizeof **options);
  *count = 0;
  (*options)[(*count)++] = (struct option){"", said(request, WORD_CHOOSE)};
  for (size_t i = 0; i < roster.count; i++)
    if (!roster.list[i].withdrawn_ms)
      (*options)[(*count)++] =
          (struct option){roster.list[i].code, arena_printf(request->arena, "%s, %s", roster.list[i].code,
                                                            site_words(request, roster.list[i].site))};
  return OK;
}

static void draw_enrol(struct request *request, const struct fields *fields) {
  const struct study *study = request->study;
  struct error error = {0};
  struct option *therapists = NULL;
  size_t therapist_count = 0;
  enum err err = therapist_options(request, &therapists, &therapist_count, &error);
  if (err) return request_error(request, err, &error);
  struct option *sites = arena_array(request->arena, study->site_count, sizeof *sites);
  for (size_t i = 0; i < study->site_count; i++)
    sites[i] = (struct option){study->sites[i].name, study_words(request, &study->sites[i].label)};
  struct option *languages = arena_array(request->arena, (size_t)study->language_count, sizeof *languages);
  for (int i = 0; i < study->language_count; i++) {
    int known = language_find(study->languages[i]);
    languages[i] =
        (struct option){study->languages[i], known >= 0 ? language_name((enum language)known) : study->languages[i]};
  }
  const struct option kinds[] = {{"patient", said(request, WORD_PATIENT)},
                                 {"therapist", said(request, WORD_THERAPIST)}};
  page_open(request, &(struct page){.kind = PAGE_STAFF,
                                    .title = said(request, WORD_ENROL_SOMEONE),
                                    .lead = said(request, WORD_ENROL_LEAD),
                                    .current = "/people",
                                    .class_name = "narrow"});
  fields_summary(request, fields);
  post_open(request, "/enrol", "card");
  field_select(request, fields, "kind", WORD_WHO_IS_IT, kinds, COUNT(kinds));
  field_select(request, fields, "therapist", WORD_THERAPIST_OF, therapists, therapist_count);
  field_select(request, fields, "site", WORD_SITE, sites, study->site_count);
  field_select(request, fields, "language", WORD_LANGUAGE, languages, (size_t)study->language_count);
  field_text(request, fields, "name", WORD_NAME, "text", "off");
  field_text(request, fields, "address", WORD_ADDRESS, "email", "off");
  button(request, WORD_ENROL, "primary");
  post_close(request);
  page_close(request);
}

static void page_enrol(struct request *request) {
  struct fields fields = fields_blank(request, enrol_fields, COUNT(enrol_fields));
  draw_enrol(request, &fields);
}

static void after_enrol(struct request *request, enum err err, const struct error *error) {
  if (!err) return request_redirect(request, address(request, "/people?done=enrolled"));
  if (err == ERR_BUSY || err == ERR_STORE || err == ERR_DENIED) return request_error(request, err, error);
  struct enrol_form form;
  struct fields fields = fields_read(request, enrol_fields, COUNT(enrol_fields), &form);
  request->status = err == ERR_CONFLICT ? 409 : 422;
  fields_problem(&fields, error->field, request_error_words(request, err, error));
  draw_enrol(request, &fields);
}

static void page_enrol_try(struct request *request) {
  struct enrol_form form;
  struct fields fields = fields_read(request, enrol_fields, COUNT(enrol_fields), &form);
  bool patient = !strcmp(form.kind, "patient"), therapist = !strcmp(form.kind, "therapist");
  if (fields.valid && !patient && !therapist) fields_problem(&fields, "kind", said(request, WORD_ANSWER_CHOICE));
  if (patient && !*form.therapist) fields_problem(&fields, "therapist", said(request, WORD_FIELD_REQUIRED));
  if (!fields.valid) {
    request->status = 422;
    return draw_enrol(request, &fields);
  }
  struct enrol *input = arena_alloc(request->arena, sizeof *input);
  *input = (struct enrol){.home = request->home,
                          .by = &request->actor,
                          .kind = form.kind,
                          .site = form.site,
                          .therapist = patient ? form.therapist : "",
                          .language = form.language,
                          .name = form.name,
                          .address = form.address};
  request_write(request, person_enrol, input, after_enrol);
}

/* ---- recording a session ---- */

struct session_form {
  const char *patient;
  int64_t day;
};
static const struct field session_fields[] = {
    FIELD_TEXT(struct session_form, patient, FIELD_REQUIRED, 1, 15),
    FIELD_DATE(struct session_form, day, FIELD_REQUIRED),
};

static void draw_session(struct request *request, struct fields *fields) {
  if (!*fields->typed[1]) fields->typed[1] = date_text(request->arena, request->now_ms);
  if (!*fields->typed[0]) fields->typed[0] = request_query(request, "patient");
  page_open(request, &(struct page){.kind = PAGE_STAFF,
                                    .title = said(request, WORD_RECORD_SESSION),
                                    .lead = said(request, WORD_SESSION_LEAD),
                                    .current = request_may(request, ROLE_THERAPIST) ? "/caseload" : "/people",
                                    .class_name = "narrow"});
  fields_summary(request, fields);
  post_open(request, "/session", "card");
  field_text(request, fields, "patient", WORD_PATIENT_CODE, "text", "off");
  field_text(request, fields, "day", WORD_HELD_ON, "date", "off");
  button(request, WORD_RECORD_SESSION, "primary");
  post_close(request);
  page_close(request);
}

static void page_session(struct request *request) {
  struct fields fields = fields_blank(request, session_fields, COUNT(session_fields));
  draw_session(request, &fields);
}

static void after_session(struct request *request, enum err err, const struct error *error) {
  if (!err)
    return request_redirect(request, request_may(request, ROLE_THERAPIST) ? address(request, "/caseload?done=session")
                                                                          : address(request, "/people?done=session"));
  if (err == ERR_BUSY || err == ERR_STORE || err == ERR_DENIED) return request_error(request, err, error);
  struct session_form form;
  struct fields fields = fields_read(request, session_fields, COUNT(session_fields), &form);
  request->status = err == ERR_CONFLICT || err == ERR_STATE ? 409 : 422;
  bool date = !strcmp(error->id, "session-future") || !strcmp(error->id, "session-order");
  fields_problem(&fields, date ? "day" : "patient", request_error_words(request, err, error));
  draw_session(request, &fields);
}

static void page_session_try(struct request *request) {
  struct session_form form;
  struct fields fields = fields_read(request, session_fields, COUNT(session_fields), &form);
  if (!fields.valid) return draw_session(request, &fields);
  struct session_record *input = arena_alloc(request->arena, sizeof *input);
  *input = (struct session_record){
      .home = request->home, .by = &request->actor, .patient = form.patient, .held_day = form.day};
  request_write(request, session_record, input, after_session);
}

/* ---- leaving ---- */

struct withdraw_form {
  const char *reason;
};
static const struct field withdraw_fields[] = {FIELD_AREA(struct withdraw_form, reason, FIELD_REQUIRED, 1, 500)};

static void draw_withdraw(struct request *request, const struct fields *fields) {
  const char *person = request->parameters[0];
  page_open(request, &(struct page){.kind = PAGE_STAFF,
                                    .title = said(request, WORD_WITHDRAW_TITLE, person),
                                    .lead = said(request, WORD_WITHDRAW_LEAD),
                                    .current = "/people",
                                    .class_name = "narrow"});
  fields_summary(request, fields);
  post_open(request, url(request->arena, "/people/%s/withdraw", person), "card");
  field_area(request, fields, "reason", WORD_REASON);
  html(&request->out, "<p class=\"row\">");
  button(request, WORD_WITHDRAW_DO, "danger");
  html(&request->out, "<a class=\"button quiet\" href=\"%s\">", address(request, "/people"));
  say(request, WORD_CANCEL);
  html(&request->out, "</a></p>");
  post_close(request);
  page_close(request);
}

/* Someone of this site who is in the study; else says that there is no such page. */
static bool person_there(struct request *request) {
  int64_t there = 0;
  struct error error = {0};
  const char *site = request->actor.site ? request->actor.site : "";
  enum err err =
      db_int(request->db, &error, &there, 0, "SELECT count(*) FROM person WHERE code = $1 AND ($2 = '' OR site = $2)",
             ARGS(v_text(request->parameters[0]), v_text(site)));
  if (err)
    request_error(request, err, &error);
  else if (!there)
    request_error(request, ERR_MISSING, &(struct error){.code = ERR_MISSING, .id = "page"});
  return !err && there;
}

static void page_withdraw(struct request *request) {
  if (!person_there(request)) return;
  struct fields fields = fields_blank(request, withdraw_fields, COUNT(withdraw_fields));
  draw_withdraw(request, &fields);
}

static void after_withdraw(struct request *request, enum err err, const struct error *error) {
  if (err == ERR_MISSING) return request_error(request, err, &(struct error){.code = err, .id = "page"});
  if (err) return request_error(request, err, error);
  request_redirect(request, address(request, "/people?done=withdrawn"));
}

static void page_withdraw_try(struct request *request) {
  if (!person_there(request)) return;
  struct withdraw_form form;
  struct fields fields = fields_read(request, withdraw_fields, COUNT(withdraw_fields), &form);
  if (!fields.valid) return draw_withdraw(request, &fields);
  struct withdraw *input = arena_alloc(request->arena, sizeof *input);
  *input = (struct withdraw){
      .home = request->home, .by = &request->actor, .person = request->parameters[0], .reason = form.reason};
  request_write(request, person_withdraw, input, after_withdraw);
}

ROUTES(people) = {
    ROUTE(GET, "/people", page_people, ROLE_COORDINATOR | ROLE_ASSISTANT, READER_MASKED, "who is in the study"),
    ROUTE(GET, "/enrol", page_enrol, ROLE_COORDINATOR | ROLE_ASSISTANT, READER_MASKED, "enrol someone"),
    ROUTE(POST, "/enrol", page_enrol_try, ROLE_COORDINATOR | ROLE_ASSISTANT, READER_MASKED, "enrol someone"),
    ROUTE(GET, "/people/:code/withdraw", page_withdraw, ROLE_COORDINATOR | ROLE_ASSISTANT, READER_MASKED, "a withdrawal"),
    ROUTE(POST, "/people/:code/withdraw", page_withdraw_try, ROLE_COORDINATOR | ROLE_ASSISTANT, READER_MASKED, "record a withdrawal"),
    ROUTE(GET, "/session", page_session, ROLE_COORDINATOR | ROLE_ASSISTANT | ROLE_THERAPIST, READER_MASKED, "record a session"),
    ROUTE(POST, "/session", page_session_try, ROLE_COORDINATOR | ROLE_ASSISTANT | ROLE_THERAPIST, READER_MASKED, "record a session"),
    ROUTES_END,
};
