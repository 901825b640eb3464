/* page_withdraw.c: a person leaves. */
#include "trial/withdrawal.h"
#include "web/fields.h"
#include "web/page.h"
#include "web/person_page.h"

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
  person_page_end(request, WORD_WITHDRAW_DO);
}

static void page_withdraw(struct request *request) {
  if (!person_page(request)) return;
  struct fields fields = fields_blank(request, withdraw_fields, COUNT(withdraw_fields));
  draw_withdraw(request, &fields);
}

static void after_withdraw(struct request *request, enum err err, const struct error *error) {
  if (err == ERR_MISSING) return request_error(request, err, &(struct error){.code = err, .id = "page"});
  if (err) return request_error(request, err, error);
  request_redirect(request, address(request, "/people?done=withdrawn"));
}

static void page_withdraw_try(struct request *request) {
  if (!person_page(request)) return;
  struct withdraw_form form;
  struct fields fields = fields_read(request, withdraw_fields, COUNT(withdraw_fields), &form);
  if (!fields.valid) return draw_withdraw(request, &fields);
  struct withdraw *input = arena_alloc(request->arena, sizeof *input);
  *input = (struct withdraw){
      .home = request->home, .by = &request->actor, .person = request->parameters[0], .reason = form.reason};
  request_write(request, person_withdraw, input, after_withdraw);
}

ROUTES(withdraw) = {
    ROUTE(GET, "/people/:code/withdraw", page_withdraw, ROLE_COORDINATOR | ROLE_ASSISTANT, READER_MASKED, "a withdrawal"),
    ROUTE(POST, "/people/:code/withdraw", page_withdraw_try, ROLE_COORDINATOR | ROLE_ASSISTANT, READER_MASKED, "record a withdrawal"),
    ROUTES_END,
};
