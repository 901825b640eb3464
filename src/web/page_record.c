/* page_record.c: the public record of the study, as a registry shows it. */
#include "web/page.h"

static bool has(const struct request *request, const struct words *words) {
  return *study_words(request, words);
}

static void fact_begin(struct request *request, enum word label) {
  html(&request->out, "<dt>");
  say(request, label);
  html(&request->out, "</dt><dd>");
}

static void fact(struct request *request, enum word label, const char *text) {
  if (!text || !*text) return;
  fact_begin(request, label);
  html(&request->out, "%s</dd>", text);
}

static void named_list(struct request *request, const struct study_named *list, size_t count) {
  html(&request->out, "<ul>");
  for (size_t i = 0; i < count; i++) html(&request->out, "<li>%s</li>", study_words(request, &list[i].label));
  html(&request->out, "</ul>");
}

static void named_fact(struct request *request, enum word label, const struct study_named *list, size_t count) {
  if (!count) return;
  fact_begin(request, label);
  for (size_t i = 0; i < count; i++) html(&request->out, "%s%s", i ? ", " : "", study_words(request, &list[i].label));
  html(&request->out, "</dd>");
}

/* Registry terms are a small closed list; one that is not in it is shown as the study wrote it. */
static const char *term(const struct request *request, const char *name) {
  static const struct {
    const char *name;
    enum word words;
  } terms[] = {
      {"completed", WORD_TERM_COMPLETED},
      {"recruiting", WORD_TERM_RECRUITING},
      {"not-yet-recruiting", WORD_TERM_NOT_YET},
      {"active", WORD_TERM_ACTIVE},
      {"ongoing", WORD_TERM_ACTIVE},
      {"interventional", WORD_TERM_INTERVENTIONAL},
      {"observational", WORD_TERM_OBSERVATIONAL},
      {"all", WORD_TERM_ALL},
      {"health-services-research", WORD_TERM_HEALTH_SERVICES},
      {"randomized", WORD_TERM_RANDOMIZED},
      {"randomised", WORD_TERM_RANDOMIZED},
      {"parallel", WORD_TERM_PARALLEL},
      {"single-blind", WORD_TERM_SINGLE},
      {"single", WORD_TERM_SINGLE},
      {"none", WORD_TERM_NONE},
      {"experimental", WORD_TERM_EXPERIMENTAL},
      {"no-intervention", WORD_TERM_NO_INTERVENTION},
  };
  if (!name) return "";
  char key[64];
  size_t length = 0;
  for (; name[length] && length + 1 < sizeof key; length++) {
    char c = name[length];
    key[length] = (char)(c == ' ' || c == '_' ? '-' : c >= 'A' && c <= 'Z' ? c + 32 : c);
  }
  key[length] = 0;
  for (size_t i = 0; i < sizeof terms / sizeof *terms; i++)
    if (!strcmp(terms[i].name, key)) return said(request, terms[i].words);
  return name;
}

static void write_design(struct request *request, const struct study *study) {
  const struct study_record *record = &study->record;
  html(&request->out, "<section class=\"card\"><h2>");
  say(request, WORD_RECORD_DESIGN);
  html(&request->out, "</h2><dl class=\"facts\">");
  fact(request, WORD_RECORD_TYPE, term(request, record->study_type));
  fact(request, WORD_RECORD_PURPOSE, term(request, record->purpose));
  fact(request, WORD_RECORD_ALLOCATION, term(request, record->allocation));
  fact(request, WORD_RECORD_MODEL, term(request, record->model));
  fact(request, WORD_RECORD_MASKING, term(request, record->masking));
  if (study->sessions_planned) fact(request, WORD_RECORD_SESSIONS, say_count(request, study->sessions_planned));
  html(&request->out, "</dl></section>");
}

static void write_facts(struct request *request, const struct study *study) {
  const struct study_record *record = &study->record;
  html(&request->out, "<section class=\"card\"><dl class=\"facts\">");
  fact(request, WORD_RECORD_STATUS, term(request, record->status));
  named_fact(request, WORD_RECORD_CONDITIONS, record->conditions, record->condition_count);
  named_fact(request, WORD_RECORD_TREATMENTS, record->treatments, record->treatment_count);
  fact(request, WORD_RECORD_SPONSOR, study_words(request, &record->sponsor));
  named_fact(request, WORD_RECORD_FUNDERS, record->funders, record->funder_count);
  for (size_t i = 0; i < record->identifier_count; i++) {
    html(&request->out, "<dt>%s</dt><dd><span class=\"code\">%s</span></dd>",
         study_words(request, &record->identifiers[i].label), record->identifiers[i].name);
  }
  fact(request, WORD_RECORD_ENROLMENT, study_words(request, &record->enrolment));
  html(&request->out, "</dl></section>");
}

static void write_criteria(struct request *request, enum word title, const struct study_eligibility *criteria) {
  if (!criteria->include_count && !criteria->exclude_count) return;
  html(&request->out, "<section class=\"card\"><h3>");
  say(request, title);
  html(&request->out, "</h3><h4>");
  say(request, WORD_RECORD_INCLUDE);
  html(&request->out, "</h4>");
  named_list(request, criteria->include, criteria->include_count);
  html(&request->out, "<h4>");
  say(request, WORD_RECORD_EXCLUDE);
  html(&request->out, "</h4>");
  if (criteria->exclude_count)
    named_list(request, criteria->exclude, criteria->exclude_count);
  else {
    html(&request->out, "<p>");
    say(request, WORD_RECORD_NO_EXCLUDE);
    html(&request->out, "</p>");
  }
  html(&request->out, "</section>");
}

static void write_eligibility(struct request *request, const struct study *study) {
  const struct study_record *record = &study->record;
  html(&request->out, "<h2>");
  say(request, WORD_RECORD_WHO);
  html(&request->out, "</h2><dl class=\"facts\">");
  fact(request, WORD_RECORD_SEX, term(request, record->sex));
  fact(request, WORD_RECORD_AGES, study_words(request, &record->ages));
  if (record->study_type && *record->study_type)
    fact(request, WORD_RECORD_HEALTHY, said(request, record->healthy_volunteers ? WORD_YES : WORD_NO));
  html(&request->out, "</dl><div class=\"split\">");
  write_criteria(request, WORD_RECORD_THERAPISTS, &study->therapist_eligibility);
  write_criteria(request, WORD_RECORD_PATIENTS, &study->patient_eligibility);
  html(&request->out, "</div>");
}

static void write_arms(struct request *request, const struct study *study) {
  if (!study->arm_count) return;
  html(&request->out, "<h2>");
  say(request, WORD_RECORD_ARMS);
  html(&request->out, "</h2><ul class=\"cards\">");
  for (size_t i = 0; i < study->arm_count; i++) {
    const struct study_arm *arm = &study->arms[i];
    html(&request->out, "<li class=\"card\"><h3>%s</h3><p class=\"quiet-text\">%s</p><p>%s</p></li>",
         study_words(request, &arm->label), term(request, arm->kind), study_words(request, &arm->description));
  }
  html(&request->out, "</ul>");
}

static void write_places(struct request *request, const struct study *study) {
  html(&request->out, "<h2>");
  say(request, WORD_RECORD_PLACES);
  html(&request->out, "</h2>");
  if (study->site_count) html(&request->out, "<ul>");
  for (size_t i = 0; i < study->site_count; i++)
    html(&request->out, "<li>%s</li>", study_words(request, &study->sites[i].label));
  if (study->site_count) html(&request->out, "</ul>");
  if (has(request, &study->record.contact))
    html(&request->out, "<p>%s</p>", study_words(request, &study->record.contact));
  else if (has(request, &study->contact))
    html(&request->out, "<p>%s</p>", study_words(request, &study->contact));
}

static void page_record(struct request *request) {
  const struct study *study = request->study;
  const struct study_record *record = &study->record;
  const char *title = has(request, &record->official_title) ? study_words(request, &record->official_title)
                                                            : study_words(request, &study->title);
  page_open(request, &(struct page){.kind = request->who ? PAGE_STAFF : PAGE_PUBLIC,
                                    .title = title,
                                    .lead = study_words(request, &study->summary),
                                    .current = "/record"});
  write_facts(request, study);
  if (has(request, &record->about)) {
    html(&request->out, "<h2>");
    say(request, WORD_RECORD_ABOUT);
    html(&request->out, "</h2><p>%s</p>", study_words(request, &record->about));
    if (has(request, &record->description))
      html(&request->out, "<p>%s</p>", study_words(request, &record->description));
  }
  write_eligibility(request, study);
  write_arms(request, study);
  write_design(request, study);
  write_places(request, study);
  html(&request->out, "<p class=\"no-print\"><button type=\"button\" class=\"quiet\" data-print hidden>");
  say(request, WORD_PRINT);
  html(&request->out, "</button></p>");
  page_close(request);
}

ROUTES(record) = {
    ROUTE(GET, "/record", page_record, ROLE_PUBLIC, READER_MASKED, "the study's public record"),
    ROUTES_END,
};
