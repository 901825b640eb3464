/* page_help.c: what the pages mean, for each kind of person; the same for everyone who opens it. */
#include "web/fields.h"
#include "web/page.h"

static void page_help(struct request *request) {
  static const struct {
    const char *id;
    enum word title, text[2];
    int count;
  } parts[] = {
      {"repair", WORD_HELP_TENSIONS, {WORD_HELP_TENSIONS_1, WORD_HELP_TENSIONS_2}, 2},
      {"alert", WORD_HELP_ALERT, {WORD_HELP_ALERT_1}, 1},
      {"false-alarms", WORD_HELP_FALSE_ALARMS, {WORD_HELP_FALSE_ALARMS_1}, 1},
      {"patients", WORD_HELP_PATIENTS, {WORD_HELP_PATIENTS_1}, 1},
      {"therapists", WORD_HELP_THERAPISTS, {WORD_HELP_THERAPISTS_1}, 1},
      {"trainers", WORD_HELP_TRAINERS, {WORD_HELP_TRAINERS_1}, 1},
      {"coordinators", WORD_HELP_COORDINATORS, {WORD_HELP_COORDINATORS_1}, 1},
      {"others", WORD_HELP_OTHERS, {WORD_HELP_OTHERS_1}, 1},
      {"lock", WORD_HELP_LOCK, {WORD_HELP_LOCK_1}, 1},
  };
  struct buf *out = &request->out;
  page_open(request, &(struct page){.kind = request->who ? PAGE_STAFF : PAGE_PUBLIC,
                                    .title = said(request, WORD_HELP_TITLE),
                                    .current = "/help"});
  html(out, "<ul>");
  for (size_t i = 0; i < COUNT(parts); i++)
    html(out, "<li><a href=\"#%s\">%s</a></li>", parts[i].id, said(request, parts[i].title));
  html(out, "</ul>");
  for (size_t i = 0; i < COUNT(parts); i++) {
    html(out, "<section id=\"%s\"><h2>%s</h2>", parts[i].id, said(request, parts[i].title));
    for (int k = 0; k < parts[i].count; k++) paragraph(request, parts[i].text[k], NULL);
    html(out, "</section>");
  }
  const char *contact = study_words(request, &request->study->contact);
  if (*contact) html(out, "<h2>%s</h2><p>%s</p>", said(request, WORD_FORM_CONTACT), contact);
  page_close(request);
}

ROUTES(help) = {
    ROUTE(GET, "/help", page_help, ROLE_PUBLIC, READER_NONE, "what the pages mean"),
    ROUTES_END,
};
