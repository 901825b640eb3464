/* page_approaches.c: who was told of the study and refused: how many, in which week, why; nobody is named. */
#include "report/roster.h"
#include "trial/approach_refusal.h"
#include "web/fields.h"
#include "web/page.h"

#define ROWS_MOST 200
#define THERAPISTS_MOST 2000 /* to choose from */

struct refusal_form {
  const char *therapist, *site, *reason; /* therapist "": a therapist refused, at this site */
  int64_t day;
};
static const struct field refusal_fields[] = {
    FIELD_TEXT(struct refusal_form, therapist, FIELD_OPTIONAL, 0, 15),
    FIELD_TEXT(struct refusal_form, site, FIELD_OPTIONAL, 0, 39),
    FIELD_DATE(struct refusal_form, day, FIELD_REQUIRED),
    FIELD_TEXT(struct refusal_form, reason, FIELD_REQUIRED, 1, 15),
};

static enum word reason_word(const char *reason) {
  static const enum word words[REFUSAL_REASONS] = {WORD_REFUSED_TIME, WORD_REFUSED_PRIVACY, WORD_REFUSED_STUDY, WORD_REFUSED_UNSAID};
  for (size_t i = 0; i < REFUSAL_REASONS; i++)
    if (!strcmp(reason, refusal_reasons[i])) return words[i];
  return WORD_REFUSED_UNSAID;
}

static enum err therapist_options(struct request *request, struct option **options, size_t *count, struct error *error) {
  struct roster roster;
  struct roster_query query = {.kind = PERSON_THERAPIST, .site = request->actor.site, .find = "", .after = "", .now_ms = request->now_ms, .limit = THERAPISTS_MOST};
  enum err err = report_roster(request->db, request->arena, &query, &roster, error);
  if (err) return err;
  *options = arena_array(request->arena, roster.count + 1, sizeof **options);
  (*options)[0] = (struct option){"", said(request, WORD_REFUSED_BY_THERAPIST)};
  for (size_t i = 0; i < roster.count; i++)
    (*options)[i + 1] = (struct option){roster.rows[i].code, said(request, WORD_REFUSED_PATIENT_OF, roster.rows[i].code)};
  *count = roster.count + 1;
  return OK;
}

static enum err write_form(struct request *request, const struct fields *fields, struct error *error) {
  struct option *therapists, reasons[REFUSAL_REASONS], *sites = arena_array(request->arena, request->study->site_count + 1, sizeof *sites);
  size_t therapist_count, site_count = 0;
  enum err err = therapist_options(request, &therapists, &therapist_count, error);
  if (err) return err;
  for (size_t i = 0; i < request->study->site_count; i++)
    sites[site_count++] = (struct option){request->study->sites[i].name, study_words(request, &request->study->sites[i].label)};
  for (size_t i = 0; i < REFUSAL_REASONS; i++) reasons[i] = (struct option){refusal_reasons[i], said(request, reason_word(refusal_reasons[i]))};
  post_open(request, "/approaches", "card");
  field_select(request, fields, "therapist", WORD_REFUSED_WHO, therapists, therapist_count);
  field_select(request, fields, "site", WORD_REFUSED_SITE, sites, site_count);
  field_text(request, fields, "day", WORD_REFUSED_DAY, "date", "off");
  field_select(request, fields, "reason", WORD_REFUSED_WHY, reasons, COUNT(reasons));
  button(request, WORD_REFUSED_RECORD, "primary");
  post_close(request);
  return OK;
}

static enum err write_counts(struct request *request, struct error *error) {
  static const enum word headings[] = {WORD_REFUSED_WEEK, WORD_REFUSED_WHO, WORD_REFUSED_WHY, WORD_REFUSED_COUNT};
  struct refusal_count *counts = arena_array(request->arena, ROWS_MOST, sizeof *counts);
  size_t count;
  enum err err = refusal_counts(request->db, request->actor.site, counts, ROWS_MOST, &count, error);
  if (err || !count) return err;
  html(&request->out, "<div class=\"card\">");
  table_open(request, NULL, headings, COUNT(headings));
  for (size_t i = 0; i < count; i++) {
    html(&request->out, "<tr><th scope=\"row\" data-label=\"%s\">%s</th>", said(request, WORD_REFUSED_WEEK), say_date(request, counts[i].week));
    cell_open(request, WORD_REFUSED_WHO, NULL);
    html(&request->out, "%s</td>", said(request, counts[i].kind == PERSON_PATIENT ? WORD_PATIENT : WORD_THERAPIST));
    cell_open(request, WORD_REFUSED_WHY, NULL);
    html(&request->out, "%s</td>", said(request, reason_word(counts[i].reason)));
    cell_open(request, WORD_REFUSED_COUNT, NULL);
    html(&request->out, "%s</td></tr>", say_count(request, counts[i].count));
  }
  table_close(request);
  html(&request->out, "</div>");
  return OK;
}

static void draw(struct request *request, const struct fields *fields) {
  struct error error = {0};
  page_open(request, &(struct page){.kind = PAGE_STAFF, .title = said(request, WORD_APPROACHES_TITLE), .lead = said(request, WORD_APPROACHES_LEAD), .current = "/approaches"});
  fields_summary(request, fields);
  enum err err = write_form(request, fields, &error);
  if (!err) err = write_counts(request, &error);
  if (err) return request_error(request, err, &error);
  page_close(request);
}

static void page_approaches(struct request *request) {
  struct fields fields = fields_blank(request, refusal_fields, COUNT(refusal_fields));
  fields.typed[2] = date_text(request->arena, request->now_ms);
  draw(request, &fields);
}

static void after_refusal(struct request *request, enum err err, const struct error *error) {
  if (!err) return request_redirect(request, address(request, "/approaches?done=refusal"));
  if (err != ERR_INPUT) return request_error(request, err, error);
  struct refusal_form form;
  struct fields fields = fields_read(request, refusal_fields, COUNT(refusal_fields), &form);
  request->status = 422;
  fields_problem(&fields, error->field, request_error_words(request, err, error));
  draw(request, &fields);
}

static void page_approaches_refusal(struct request *request) {
  struct refusal_form form;
  struct fields fields = fields_read(request, refusal_fields, COUNT(refusal_fields), &form);
  if (!fields.valid) return draw(request, &fields);
  struct approach_refuse *input = arena_alloc(request->arena, sizeof *input);
  *input = (struct approach_refuse){.home = request->home,
                                    .by = &request->actor,
                                    .kind = *form.therapist ? PERSON_PATIENT : PERSON_THERAPIST,
                                    .site = form.site,
                                    .therapist = form.therapist,
                                    .day = form.day,
                                    .reason = form.reason};
  request_write(request, approach_refuse, input, after_refusal);
}

ROUTES(approaches) = {
    ROUTE_MENU(50, WORD_NAV_APPROACHES, GET, "/approaches", page_approaches, ROLE_COORDINATOR | ROLE_ASSISTANT, READER_MASKED, "who was approached and refused"),
    ROUTE(POST, "/approaches", page_approaches_refusal, ROLE_COORDINATOR | ROLE_ASSISTANT, READER_MASKED, "record a refusal"),
    ROUTES_END,
};
