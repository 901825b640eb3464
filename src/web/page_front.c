/* page_front.c: the studies of this server, the way in to one study, the page of the quick exit, and assets. */
#include "people/sign_in.h"
#include "trial/occasion.h"
#include "web/gate.h"
#include "web/page.h"
#include "web/web.h"

/* ---- the doors of a demonstration ---- */

static const char *door_label(const struct request *request, const struct server_door *door) {
  if (!strcmp(door->name, "therapist-control")) return said(request, WORD_DOOR_CONTROL);
  for (size_t i = 0; i < ROLE_WORDS; i++)
    if (!strcmp(door->name, role_name(role_words[i].role))) return said(request, role_words[i].label);
  return door->name;
}

/* The first form that nobody has answered yet. */
static void write_form_door(struct request *request, struct served *served) {
  const struct server_config *config = request->web->config;
  struct seat *seat = seat_take(served);
  for (size_t i = 0; seat && i < config->door_count; i++) {
    const struct server_door *door = &config->doors[i];
    struct occasion occasion;
    if (door->home != served->home || door->account || occasion_by_token(seat->masked, door->token, &occasion, &(struct error){0}) ||
        occasion_answerable(&occasion, clock_now(&served->home->clock), &(struct error){0}))
      continue;
    html(&request->out, "<a class=\"button\" href=\"%s\">", server_form_path(request->arena, door->token));
    say(request, WORD_DOOR_FORM);
    html(&request->out, "</a>");
    break;
  }
  if (seat) seat_give(served, seat);
}

static void write_doors(struct request *request, struct served *served, const char *token) {
  const struct server_config *config = request->web->config;
  html(&request->out, "<div class=\"doors row\">");
  write_form_door(request, served);
  for (size_t i = 0; i < config->door_count; i++) {
    const struct server_door *door = &config->doors[i];
    if (door->home != served->home || !door->account) continue;
    html(&request->out,
         "<form method=\"post\" action=\"/door\" class=\"inline\"><input type=\"hidden\" name=\"form_token\" "
         "value=\"%s\"><input type=\"hidden\" name=\"study\" value=\"%s\"><button type=\"submit\" name=\"door\" value=\"%s\">%s</button></form>",
         token, served->home->name, door->name, door_label(request, door));
  }
  html(&request->out, "</div>");
}

static void after_use(struct request *request, enum err err, const struct error *error) {
  const struct sign_in_link_use *used = request->state;
  if (err) return request_error(request, err, error);
  request_cookie(request, request->served->cookie, used->cookie, SIGN_IN_LONGEST_MS / 1000);
  request_redirect(request, arena_printf(request->arena, "/%s/", request->home->name));
}

static void after_make(struct request *request, enum err err, const struct error *error) {
  const struct sign_in_link_make *made = request->state;
  if (err) return request_error(request, err, error);
  struct sign_in_link_use *use = arena_alloc(request->arena, sizeof *use);
  use->token = made->token;
  request->state = use;
  request_write(request, sign_in_link_use, use, after_use);
}

/* Signs in as the one whose door it is. A server without a demonstration has no doors. */
static void page_door(struct request *request) {
  const struct server_config *config = request->web->config;
  const char *study = request_field(request, "study"), *name = request_field(request, "door");
  for (size_t i = 0; i < config->door_count; i++) {
    const struct server_door *door = &config->doors[i];
    if (!door->account || strcmp(door->home->name, study) || strcmp(door->name, name)) continue;
    for (size_t k = 0; k < request->web->served_count; k++)
      if (request->web->served[k].home == door->home) request_serve(request, &request->web->served[k]);
    struct sign_in_link_make *make = arena_alloc(request->arena, sizeof *make);
    *make = (struct sign_in_link_make){.by = "demo", .account = door->account, .valid_ms = MINUTE_MS, .purpose = "door"};
    request->state = make;
    return request_write(request, sign_in_link_make, make, after_make);
  }
  request_error(request, ERR_MISSING, &(struct error){.code = ERR_MISSING, .id = "page"});
}

/* ---- the studies ---- */

static void write_study(struct request *request, struct served *served, const char *token) {
  struct buf *out = &request->out;
  const struct home *home = served->home;
  const struct study *study = home_study(home);
  int language = study_language(study, language_code(request->language));
  html(out, "<li class=\"card\"><h2><a href=\"/%s/record\">%s</a></h2><p>%s</p>", home->name, words_in(&study->title, language),
       words_in(&study->summary, language));
  if (token) write_doors(request, served, token);
  html(out, "<p class=\"row\">");
  if (!token) {
    html(out, "<a class=\"button primary\" href=\"/%s/sign-in\">", home->name);
    say(request, WORD_SIGN_IN);
    html(out, "</a> ");
  }
  html(out, "<a class=\"button quiet\" href=\"/%s/record\">", home->name);
  say(request, WORD_STUDY_ABOUT);
  html(out, "</a></p></li>");
}

static void page_studies(struct request *request) {
  const char *token = request->web->config->door_count ? gate_door_token(request) : NULL; /* NULL: no demonstration */
  page_open(request, &(struct page){.kind = PAGE_PUBLIC,
                                    .title = said(request, WORD_STUDIES_TITLE),
                                    .lead = said(request, token ? WORD_DOORS_LEAD : WORD_STUDIES_LEAD)});
  if (token) {
    note_open(request, NOTE_ATTENTION);
    paragraph(request, WORD_DOORS_BANNER, NULL);
    note_close(request);
  }
  html(&request->out, "<ul class=\"cards\">");
  for (size_t i = 0; i < request->web->served_count; i++) write_study(request, &request->web->served[i], token);
  html(&request->out, "</ul>");
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
    SITE(POST, "/door", page_door, ROLE_PUBLIC, READER_DOOR, "in a demonstration: sign in as one of its people"),
    SITE(GET, "/leave", page_leave, ROLE_PUBLIC, READER_NONE, "quick exit: an empty page"),
    SITE(GET, "/assets/:name", page_asset, ROLE_PUBLIC, READER_NONE, "style, script, icons"),
    SITE(GET, "/favicon.ico", page_favicon, ROLE_PUBLIC, READER_NONE, "the icon"),
    ROUTE(GET, "/", page_front, ROLE_PUBLIC, READER_NONE, "to the page on which this person begins"),
    ROUTES_END,
};
