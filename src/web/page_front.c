/* page_front.c: the studies of this server, the way in to one study, the page of the quick exit, and assets. */
#include "web/page.h"
#include "web/web.h"

static void page_studies(struct request *request) {
  struct buf *out = &request->out;
  page_open(request, &(struct page){.kind = PAGE_PUBLIC,
                                    .title = said(request, WORD_STUDIES_TITLE),
                                    .lead = said(request, WORD_STUDIES_LEAD)});
  html(out, "<ul class=\"cards\">");
  for (size_t i = 0; i < request->web->served_count; i++) {
    const struct home *home = request->web->served[i].home;
    const struct study *study = home_study(home);
    int language = study_language(study, language_code(request->language));
    html(out, "<li class=\"card\"><h2><a href=\"/%s/record\">%s</a></h2><p>%s</p><p class=\"row\">", home->name,
         words_in(&study->title, language), words_in(&study->summary, language));
    html(out, "<a class=\"button primary\" href=\"/%s/sign-in\">", home->name);
    say(request, WORD_SIGN_IN);
    html(out, "</a> <a class=\"button quiet\" href=\"/%s/record\">", home->name);
    say(request, WORD_STUDY_ABOUT);
    html(out, "</a></p></li>");
  }
  html(out, "</ul>");
  page_close(request);
}

static void page_front(struct request *request) {
  request_redirect(request, request_address(request, home_path(request)));
}

/* Says nothing of where one came from, and has the browser forget what it kept. */
static void page_leave(struct request *request) {
  request_header(request, "Clear-Site-Data", "\"cache\"");
  html(&request->out,
       "<!doctype html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
       "content=\"width=device-width, initial-scale=1\"><title>%s</title><link rel=\"stylesheet\" href=\"%s\"></head>"
       "<body class=\"neutral\"><main id=\"main\"><h1>%s</h1><p>%s</p></main></body></html>\n",
       language_code(request->language), said(request, WORD_LEAVE_TITLE),
       asset_path(request->web->assets, "attune.css"), said(request, WORD_LEAVE_TITLE), said(request, WORD_LEAVE_TEXT));
}

static void page_asset(struct request *request) {
  request->asset = asset_find(request->web->assets, request->path);
  if (!request->asset) request_error(request, ERR_MISSING, &(struct error){.code = ERR_MISSING, .id = "page"});
}

static void page_favicon(struct request *request) {
  request->status = 301;
  request_header(request, "Location", asset_path(request->web->assets, "attune.svg"));
}

ROUTES(front) = {
    SITE(GET, "/", page_studies, ROLE_PUBLIC, READER_NONE, "the studies of this server"),
    SITE(GET, "/leave", page_leave, ROLE_PUBLIC, READER_NONE, "quick exit: an empty page"),
    SITE(GET, "/assets/:name", page_asset, ROLE_PUBLIC, READER_NONE, "style, script, icons"),
    SITE(GET, "/favicon.ico", page_favicon, ROLE_PUBLIC, READER_NONE, "the icon"),
    ROUTE(GET, "/", page_front, ROLE_PUBLIC, READER_NONE, "to the page on which this person begins"),
    ROUTES_END,
};
