/* page_erase.c: a person asks that nothing of them is kept. */
#include "trial/erasure.h"
#include "web/fields.h"
#include "web/page.h"
#include "web/person_page.h"

struct erase_form {
  const char *reason, *code; /* the code typed again: what cannot be undone is not done by one click */
};
static const struct field erase_fields[] = {
    FIELD_AREA(struct erase_form, reason, FIELD_REQUIRED, 1, 500),
    FIELD_TEXT(struct erase_form, code, FIELD_REQUIRED, 1, 15),
};

static void draw(struct request *request, const struct fields *fields) {
  const char *person = request->parameters[0];
  page_open(request, &(struct page){.kind = PAGE_STAFF,
                                    .title = said(request, WORD_ERASE_TITLE, person),
                                    .lead = said(request, WORD_ERASE_LEAD),
                                    .current = "/people",
                                    .class_name = "narrow"});
  fields_summary(request, fields);
  paragraph(request, WORD_ERASE_WHAT, NULL);
  post_open(request, url(request->arena, "/people/%s/erase", person), "card");
  field_area(request, fields, "reason", WORD_REASON);
  field_text(request, fields, "code", WORD_ERASE_CODE, "text", "off");
  person_page_end(request, WORD_ERASE_DO);
}

static void page_erase(struct request *request) {
  if (!person_page(request)) return;
  struct fields fields = fields_blank(request, erase_fields, COUNT(erase_fields));
  draw(request, &fields);
}

static void after_erasure(struct request *request, enum err err, const struct error *error) {
  struct error missing;
  if (error) missing = *error;
  if (err) return request_error(request, err, request_missing(err, &missing));
  request_redirect(request, address(request, "/people?done=erased"));
}

static void page_erase_try(struct request *request) {
  const struct person *person = person_page(request);
  if (!person) return;
  struct erase_form form;
  struct fields fields = fields_read(request, erase_fields, COUNT(erase_fields), &form);
  if (fields.valid && strcasecmp(form.code, person->code)) fields_problem(&fields, "code", said(request, WORD_ERASE_CODE_WRONG));
  if (!fields.valid) {
    request->status = 422;
    return draw(request, &fields);
  }
  struct person_erase *input = arena_alloc(request->arena, sizeof *input);
  *input = (struct person_erase){.home = request->home, .by = &request->actor, .person = person->code, .reason = form.reason};
  request_write(request, person_erase, input, after_erasure);
}

ROUTES(erase) = {
    ROUTE(GET, "/people/:code/erase", page_erase, ROLE_COORDINATOR, READER_MASKED, "what an erasure does"),
    ROUTE_PROVED(POST, "/people/:code/erase", page_erase_try, ROLE_COORDINATOR, READER_MASKED, "erase a person for good"),
    ROUTES_END,
};
