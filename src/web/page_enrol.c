/* page_enrol.c: someone is enrolled. */
#include "report/roster.h"
#include "trial/enrolment.h"
#include "web/fields.h"
#include "web/page.h"

#define THERAPISTS_MOST 2000 /* to choose from */

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
  struct roster_query query = {.kind = PERSON_THERAPIST, .site = request->actor.site, .find = "", .after = "", .now_ms = request->now_ms, .limit = THERAPISTS_MOST};
  enum err err = report_roster(request->db, request->arena, &query, &roster, error);
  if (err) return err;
  *options = arena_array(request->arena, roster.count + 1, sizeof **options);
  *count = 0;
  (*options)[(*count)++] = (struct option){"", said(request, WORD_CHOOSE)};
  for (size_t i = 0; i < roster.count; i++)
    if (!roster.rows[i].withdrawn_ms)
      (*options)[(*count)++] =
          (struct option){roster.rows[i].code, arena_printf(request->arena, "%s, %s", roster.rows[i].code,
                                                            site_words(request, roster.rows[i].site))};
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
  const struct option kinds[] = {{person_kind_name(PERSON_PATIENT), said(request, WORD_PATIENT)},
                                 {person_kind_name(PERSON_THERAPIST), said(request, WORD_THERAPIST)}};
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
  enum person_kind kind = PERSON_THERAPIST;
  if (!person_kind_find(form.kind, &kind) && fields.valid) fields_problem(&fields, "kind", said(request, WORD_ANSWER_CHOICE));
  bool patient = kind == PERSON_PATIENT;
  if (patient && !*form.therapist) fields_problem(&fields, "therapist", said(request, WORD_FIELD_REQUIRED));
  if (!fields.valid) {
    request->status = 422;
    return draw_enrol(request, &fields);
  }
  struct enrol *input = arena_alloc(request->arena, sizeof *input);
  *input = (struct enrol){.home = request->home,
                          .by = &request->actor,
                          .kind = kind,
                          .site = form.site,
                          .therapist = patient ? form.therapist : "",
                          .language = form.language,
                          .name = form.name,
                          .address = form.address};
  request_write(request, person_enrol, input, after_enrol);
}

ROUTES(enrol) = {
    ROUTE(GET, "/enrol", page_enrol, ROLE_COORDINATOR | ROLE_ASSISTANT, READER_MASKED, "enrol someone"),
    ROUTE(POST, "/enrol", page_enrol_try, ROLE_COORDINATOR | ROLE_ASSISTANT, READER_MASKED, "enrol someone"),
    ROUTES_END,
};
