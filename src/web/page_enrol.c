/* page_enrol.c: someone is enrolled. */
#include "report/roster.h"
#include "trial/enrolment.h"
#include "web/fields.h"
#include "web/page.h"

#define THERAPISTS_MOST 2000 /* to choose from */

/* The fields of the form: those of every person, then those that the study keeps of this kind (identity-1, ...). */
struct enrol_form {
  const char *therapist, *site, *language;
  const char *identity[];
};
static const struct field every_field[] = {
    FIELD_TEXT(struct enrol_form, therapist, FIELD_OPTIONAL, 0, 15),
    FIELD_TEXT(struct enrol_form, site, FIELD_REQUIRED, 1, 39),
    FIELD_TEXT(struct enrol_form, language, FIELD_REQUIRED, 2, 7),
};
struct enrol_fields {
  struct field *list;
  size_t count, identity_count;
  const struct study_identity_field *identity;
  struct enrol_form *form;
};

static struct enrol_fields enrol_fields(struct request *request, enum person_kind kind) {
  struct enrol_fields fields;
  fields.identity = identity_fields(request->study, kind, &fields.identity_count);
  fields.count = COUNT(every_field) + fields.identity_count;
  fields.list = arena_array(request->arena, fields.count, sizeof *fields.list);
  fields.form = arena_alloc(request->arena, sizeof *fields.form + fields.identity_count * sizeof *fields.form->identity);
  memcpy(fields.list, every_field, sizeof every_field);
  fields.list[0].required = kind == PERSON_PATIENT; /* a patient has a therapist */
  for (size_t i = 0; i < fields.identity_count; i++)
    fields.list[COUNT(every_field) + i] = (struct field){.name = arena_printf(request->arena, "identity-%zu", i + 1),
                                                         .type = FIELD_IS_TEXT,
                                                         .required = fields.identity[i].required,
                                                         .low = fields.identity[i].required,
                                                         .high = 254,
                                                         .offset = offsetof(struct enrol_form, identity) + i * sizeof *fields.form->identity};
  return fields;
}

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

static void write_identity(struct request *request, const struct fields *fields, const struct enrol_fields *asked) {
  for (size_t i = 0; i < asked->identity_count; i++) {
    const struct study_identity_field *one = &asked->identity[i];
    const char *type = !strcmp(one->kind, "email") ? "email" : !strcmp(one->kind, "phone") ? "tel" : "text";
    field_text_of_study(request, fields, asked->list[COUNT(every_field) + i].name, study_words(request, &one->label), type, "off");
  }
}

static void draw_enrol(struct request *request, enum person_kind kind, const struct fields *fields) {
  const struct enrol_fields asked = enrol_fields(request, kind);
  const struct study *study = request->study;
  struct error error = {0};
  struct option *therapists = NULL;
  size_t therapist_count = 0;
  enum err err = kind == PERSON_PATIENT ? therapist_options(request, &therapists, &therapist_count, &error) : OK;
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
  page_open(request, &(struct page){.kind = PAGE_STAFF,
                                    .title = said(request, kind == PERSON_PATIENT ? WORD_ENROL_PATIENT : WORD_ENROL_THERAPIST),
                                    .lead = said(request, WORD_ENROL_LEAD),
                                    .current = "/people",
                                    .class_name = "narrow"});
  fields_summary(request, fields);
  post_open(request, "/enrol", "card");
  html(&request->out, "<input type=\"hidden\" name=\"kind\" value=\"%s\">", person_kind_name(kind));
  if (kind == PERSON_PATIENT) field_select(request, fields, "therapist", WORD_THERAPIST_OF, therapists, therapist_count);
  field_select(request, fields, "site", WORD_SITE, sites, study->site_count);
  field_select(request, fields, "language", WORD_LANGUAGE, languages, (size_t)study->language_count);
  write_identity(request, fields, &asked);
  button(request, WORD_ENROL, "primary");
  post_close(request);
  page_close(request);
}

/* Of whom: a patient unless the address or the form says otherwise. */
static enum person_kind kind_asked(const struct pairs *pairs) {
  const char *kind = pairs_get(pairs, "kind");
  return kind ? person_kind_of(kind) : PERSON_PATIENT;
}

static void page_enrol(struct request *request) {
  enum person_kind kind = kind_asked(&request->query);
  const struct enrol_fields asked = enrol_fields(request, kind);
  struct fields fields = fields_blank(request, asked.list, asked.count);
  draw_enrol(request, kind, &fields);
}

/* The field of the form for what the verb names: one of the study's names of identity fields, or the field itself. */
static const char *field_named(const struct enrol_fields *asked, const char *name) {
  for (size_t i = 0; i < asked->identity_count; i++)
    if (!strcmp(asked->identity[i].name, name)) return asked->list[COUNT(every_field) + i].name;
  return name;
}

static void after_enrol(struct request *request, enum err err, const struct error *error) {
  if (!err) return request_redirect(request, address(request, "/people?done=enrolled"));
  if (err == ERR_BUSY || err == ERR_STORE || err == ERR_DENIED) return request_error(request, err, error);
  enum person_kind kind = kind_asked(&request->form);
  const struct enrol_fields asked = enrol_fields(request, kind);
  struct fields fields = fields_read(request, asked.list, asked.count, asked.form);
  request->status = err == ERR_CONFLICT ? 409 : 422;
  fields_problem(&fields, field_named(&asked, error->field), request_error_words(request, err, error));
  draw_enrol(request, kind, &fields);
}

static void page_enrol_try(struct request *request) {
  enum person_kind kind = kind_asked(&request->form);
  const struct enrol_fields asked = enrol_fields(request, kind);
  struct fields fields = fields_read(request, asked.list, asked.count, asked.form);
  bool patient = kind == PERSON_PATIENT;
  if (!fields.valid) {
    request->status = 422;
    return draw_enrol(request, kind, &fields);
  }
  struct enrol *input = arena_alloc(request->arena, sizeof *input);
  *input = (struct enrol){.home = request->home,
                          .by = &request->actor,
                          .kind = kind,
                          .site = asked.form->site,
                          .therapist = patient ? asked.form->therapist : "",
                          .language = asked.form->language,
                          .identity = {asked.form->identity, asked.identity_count}};
  request_write(request, person_enrol, input, after_enrol);
}

ROUTES(enrol) = {
    ROUTE(GET, "/enrol", page_enrol, ROLE_COORDINATOR | ROLE_ASSISTANT, READER_MASKED, "enrol someone"),
    ROUTE(POST, "/enrol", page_enrol_try, ROLE_COORDINATOR | ROLE_ASSISTANT, READER_MASKED, "enrol someone"),
    ROUTES_END,
};
