/* page_session.c: a session is recorded. */
#include "trial/session.h"
#include "web/fields.h"
#include "web/page.h"

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

ROUTES(session) = {
    ROUTE(GET, "/session", page_session, ROLE_COORDINATOR | ROLE_ASSISTANT | ROLE_THERAPIST, READER_MASKED, "record a session"),
    ROUTE(POST, "/session", page_session_try, ROLE_COORDINATOR | ROLE_ASSISTANT | ROLE_THERAPIST, READER_MASKED, "record a session"),
    ROUTES_END,
};
