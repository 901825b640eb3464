#include "web/page.h"

#include "web/fields.h"
#include "web/web.h"

void page_say(struct request *request, enum word which, const char *const *values) {
  words_write(&request->out, word(request->language, which), values);
}

const char *page_said(const struct request *request, enum word which, const char *const *values) {
  const char *words = word(request->language, which);
  return values[0] ? words_fill(request->arena, words, values) : words;
}

const char *study_words(const struct request *request, const struct words *words) {
  return words_in(words, request->study_language);
}

const char *say_date(const struct request *r, int64_t day) {
  return date_words(r->arena, r->language, day);
}
const char *say_time(const struct request *r, int64_t time_ms) {
  return instant_words(r->arena, r->language, time_ms);
}
const char *say_day_of(const struct request *r, int64_t time_ms) {
  return date_words(r->arena, r->language, time_ms / DAY_MS - (time_ms % DAY_MS < 0));
}
const char *say_day_at(const struct request *r, const char *name, int64_t time_ms) {
  const struct study_site *site = r->study ? study_site(r->study, name) : NULL;
  return date_words(r->arena, r->language, zone_day(site ? site->zone : NULL, time_ms));
}
const char *say_count(const struct request *r, int64_t count) {
  return count_words(r->arena, r->language, count);
}
const char *say_number(const struct request *r, double value, int decimals) {
  return number_words(r->arena, r->language, value, decimals);
}

/* ---- navigation ---- */

/* The menu's next row for these roles after the one at `place`; NULL after the last. */
static const struct route *menu_next(unsigned roles, int place) {
  const struct route *row, *next = NULL;
  for (struct route_walk walk = {0}; (row = route_next(&walk));)
    if (row->menu > place && (row->roles & roles) && (!next || row->menu < next->menu)) next = row;
  return next;
}

const char *home_path(const struct request *request) {
  const struct route *first = request->who ? menu_next(request->who->account.roles, 0) : NULL;
  return first ? first->path : "/record";
}

/* Help and the study's record stand at the foot of every page. */
static void write_navigation(struct request *request, const char *current) {
  struct buf *out = &request->out;
  unsigned roles = request->who->account.roles;
  const struct route *row = menu_next(roles, 0);
  if (!row) return;
  html(out, "<nav class=\"main-nav\" aria-label=\"%s\"><ul>", said(request, WORD_NAVIGATION));
  for (; row; row = menu_next(roles, row->menu)) {
    html(out, "<li><a href=\"/%s%s\"", request->home->name, row->path);
    if (!strcmp(current, row->path)) html(out, " aria-current=\"page\"");
    html(out, ">");
    say(request, row->label);
    html(out, "</a></li>");
  }
  html(out, "</ul></nav>");
}

/* ---- the frame ---- */

static void write_head(struct request *request, const struct page *page, const char *site) {
  struct buf *out = &request->out;
  const struct assets *assets = request->web->assets;
  html(out,
       "<!doctype html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\">"
       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
       "<meta name=\"color-scheme\" content=\"light dark\"><meta name=\"robots\" content=\"noindex\">",
       language_code(request->language));
  bool refused = request->status == 422 || request->status == 409;
  html(out, "<title>%s", refused ? said(request, WORD_TITLE_ERROR) : "");
  if (page->title && site && strcmp(page->title, site))
    html(out, "%s · %s</title>", page->title, site);
  else
    html(out, "%s</title>", page->title ? page->title : site);
  html(out, "<link rel=\"stylesheet\" href=\"%s\"><link rel=\"icon\" type=\"image/svg+xml\" href=\"%s\">",
       asset_path(assets, "attune.css"), asset_path(assets, page->kind == PAGE_NEUTRAL ? "plain.svg" : "attune.svg"));
  html(out, "<script src=\"%s\" defer></script></head>", asset_path(assets, "attune.js"));
}

/* The other languages, each by its own name. With a form on the page whose answers must not be lost, the switch posts
 * that form; else it is a link. */
static void write_language_switch(struct request *request, const struct page *page) {
  struct buf *out = &request->out;
  for (int i = 0; i < LANGUAGE_COUNT; i++) {
    enum language language = (enum language)i;
    const char *code = language_code(language), *name = language_name(language);
    const char short_name[] = {(char)(code[0] - 'a' + 'A'), (char)(code[1] - 'a' + 'A'), 0};
    if (language == request->language) continue;
    if (page->language_form)
      html(out,
           "<button type=\"submit\" class=\"plain language\" form=\"%s\" name=\"attune-action\" value=\"language-%s\" "
           "formnovalidate lang=\"%s\" aria-label=\"%s: %s\" title=\"%s\">%s</button>",
           page->language_form, code, code, short_name, name, name, short_name);
    else
      html(out, "<a class=\"language\" href=\"?language=%s\" hreflang=\"%s\" lang=\"%s\" aria-label=\"%s: %s\" title=\"%s\"%s>%s</a>", code,
           code, code, short_name, name, name, page->quick_exit ? " data-replace" : "", short_name);
  }
}

/* Who is signed in, and what they can do about it, behind one button: the header stays small on a phone. */
static void write_account(struct request *request) {
  struct buf *out = &request->out;
  html(out, "<details class=\"account\"><summary><span class=\"visually-hidden\">");
  say(request, WORD_SIGNED_IN_AS, "");
  html(out, "</span>%s</summary><div class=\"menu\"><a href=\"%s\">", request->who->account.code, address(request, "/account"));
  say(request, WORD_MY_ACCOUNT);
  html(out, "</a>");
  post_open(request, "/sign-out", "inline");
  html(out, "<button type=\"submit\" class=\"plain\">");
  say(request, WORD_SIGN_OUT);
  html(out, "</button>");
  post_close(request);
  html(out, "</div></details>");
}

static const char mark_svg[] =
    "<svg class=\"logo\" viewBox=\"0 0 32 32\" width=\"28\" height=\"28\" aria-hidden=\"true\"><path d=\"M3 20c5 0 5-9 "
    "10-9s5 6 8 6 4-4 8-4\" class=\"logo-one\"/><path d=\"M3 13c5 0 6 8 11 8s5-7 8-7 4 3 7 3\" "
    "class=\"logo-two\"/></svg>";

static void write_header(struct request *request, const struct page *page, const char *site) {
  struct buf *out = &request->out;
  html(out, "<body class=\"%s\"><a class=\"skip\" href=\"#main\">",
       page->kind == PAGE_NEUTRAL  ? "neutral"
       : page->kind == PAGE_PUBLIC ? "public"
                                   : "staff");
  say(request, WORD_SKIP);
  html(out, "</a><header class=\"top\"><div class=\"bar\">");
  if (page->kind == PAGE_NEUTRAL)
    html(out, "<span class=\"brand\">%s</span>", site);
  else {
    html(out, "<a class=\"brand\" href=\"%s\">", request->home ? request_address(request, "/") : "/");
    buf_add(out, mark_svg, sizeof mark_svg - 1);
    html(out, "<span>%s</span></a>", site);
  }
  html(out, "<div class=\"tools\">");
  write_language_switch(request, page);
  bool signed_in = page->kind == PAGE_STAFF && request->who;
  if (signed_in)
    write_account(request);
  else if (page->kind == PAGE_PUBLIC && request->home && !request->who) {
    html(out, "<a href=\"%s\">", address(request, "/sign-in"));
    say(request, WORD_SIGN_IN);
    html(out, "</a>");
  }
  if (page->quick_exit) {
    html(out, "<a class=\"quick-exit\" data-leave href=\"/leave\" rel=\"noreferrer\">");
    say(request, WORD_QUICK_EXIT);
    html(out, "</a>");
  }
  html(out, "</div></div>");
  if (signed_in) write_navigation(request, page->current ? page->current : "");
  html(out, "</header>");
}

static void write_notice(struct request *request) {
  static const struct {
    const char *id;
    enum word words;
  } done_words[] = {
#define WORD(name, english, french)
#define LOGGED(id, english, french)
#define PROBLEM(id, english, french)
#define DONE(id, english, french) {#id, WORD_DONE_##id},
#include "base/words.def"
#undef DONE
#undef PROBLEM
#undef LOGGED
#undef WORD
  };
  const char *done = request->method == METHOD_GET ? request_query(request, "done") : "";
  for (size_t i = 0; i < sizeof done_words / sizeof *done_words; i++) {
    if (strcmp(done, done_words[i].id)) continue;
    html(&request->out, "<div class=\"note good\" role=\"status\"><p>");
    say(request, done_words[i].words);
    html(&request->out, "</p></div>");
  }
}

void page_open(struct request *request, const struct page *page) {
  struct buf *out = &request->out;
  const char *site = !request->study              ? "Attune"
                     : page->kind == PAGE_NEUTRAL ? study_words(request, &request->study->neutral_sender)
                                                  : study_words(request, &request->study->title);
  write_head(request, page, site);
  write_header(request, page, site);
  html(out, "<main id=\"main\" class=\"%s\">", page->class_name ? page->class_name : "usual");
  write_notice(request);
  if (page->no_title || !page->title) return;
  html(out, "<h1>%s</h1>", page->title);
  if (page->lead) html(out, "<p class=\"lead\">%s</p>", page->lead);
}

void page_close(struct request *request) {
  struct buf *out = &request->out;
  fields_summary_write(request);
  html(out, "</main><footer class=\"foot\">");
  bool neutral = request->route && (request->route->roles & ROLE_PATIENT);
  if (request->study && !neutral) {
    html(out, "<p>");
    say(request, WORD_FOOTER_STUDY, study_words(request, &request->study->title));
    html(out, "</p><p><a href=\"%s\">", address(request, "/help"));
    say(request, WORD_NAV_HELP);
    html(out, "</a> · <a href=\"%s\">", address(request, "/record"));
    say(request, WORD_NAV_RECORD);
    html(out, "</a></p>");
  }
  html(out, "</footer></body></html>\n");
}

/* ---- parts ---- */

void note_open(struct request *request, enum note_kind kind) {
  static const char *const names[] = {"plain-note", "good", "attention", "wrong"};
  html(&request->out, "<div class=\"note %s\"", names[kind]);
  if (kind == NOTE_WRONG) html(&request->out, " role=\"alert\" tabindex=\"-1\" autofocus");
  html(&request->out, ">");
}
void note_close(struct request *request) {
  html(&request->out, "</div>");
}

void form_token_field(struct request *request) {
  if (request->who)
    html(&request->out, "<input type=\"hidden\" name=\"form_token\" value=\"%s\">", request->who->form_token);
}

void post_open(struct request *request, const char *path, const char *class_name) {
  html(&request->out, "<form method=\"post\" action=\"%s\" class=\"%s\">", request_address(request, path), class_name);
  form_token_field(request);
}
void post_close(struct request *request) {
  html(&request->out, "</form>");
}

void button(struct request *request, enum word label, const char *class_name) {
  html(&request->out, "<button type=\"submit\" class=\"%s\">", class_name);
  say(request, label);
  html(&request->out, "</button>");
}

void table_open(struct request *request, const char *caption, const enum word *headings, size_t count) {
  struct buf *out = &request->out;
  html(out, "<table class=\"table\">");
  if (caption) html(out, "<caption>%s</caption>", caption);
  html(out, "<thead><tr>");
  for (size_t i = 0; i < count; i++) {
    html(out, "<th scope=\"col\">");
    say(request, headings[i]);
    html(out, "</th>");
  }
  html(out, "</tr></thead><tbody>");
}
void table_close(struct request *request) {
  html(&request->out, "</tbody></table>");
}

void cell_open(struct request *request, enum word heading_word, const char *class_name) {
  html(&request->out, "<td data-label=\"%s\"", said(request, heading_word));
  if (class_name) html(&request->out, " class=\"%s\"", class_name);
  html(&request->out, ">");
}

void heading(struct request *request, enum word words) {
  html(&request->out, "<h2>");
  say(request, words);
  html(&request->out, "</h2>");
}

void paragraph(struct request *request, enum word words, const char *class_name) {
  if (class_name)
    html(&request->out, "<p class=\"%s\">", class_name);
  else
    html(&request->out, "<p>");
  say(request, words);
  html(&request->out, "</p>");
}

/* Bytes of what may stand between two digits of a number: one blank (also the unbreakable ones), dot or dash; or none. */
static size_t gap_length(const char *at) {
  static const char *const gaps[] = {" ", "-", ".", "\u00a0", "\u202f"};
  for (size_t i = 0; i < sizeof gaps / sizeof *gaps; i++)
    if (!strncmp(at, gaps[i], strlen(gaps[i]))) return strlen(gaps[i]);
  return 0;
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* Bytes of the number that begins here, 0 when none does; `to_call` gets its digits. */
static size_t number_length(const char *text, char to_call[24]) {
  const char *at = text + (*text == '+');
  size_t digits = 0, used = *text == '+';
  if (used) to_call[0] = '+';
  while (is_digit(*at) && used < 22) {
    to_call[used++] = *at++;
    digits++;
    size_t gap = gap_length(at);
    if (gap && is_digit(at[gap])) at += gap;
  }
  to_call[used] = 0;
  return digits >= 3 && !is_digit(*at) ? (size_t)(at - text) : 0;
}

void write_with_numbers(struct buf *out, const char *text) {
  char to_call[24];
  const char *plain = text;
  for (const char *at = text; *at;) {
    bool begins = (is_digit(*at) || *at == '+') && (at == text || !is_digit(at[-1]));
    size_t length = begins ? number_length(at, to_call) : 0;
    if (!length) {
      at++;
      continue;
    }
    html(out, "%s<a class=\"number\" href=\"tel:%s\">%s</a>", arena_text_n(out->arena, plain, (size_t)(at - plain)), to_call,
         arena_text_n(out->arena, at, length));
    plain = at += length;
  }
  html(out, "%s", plain);
}

/* Widths are attributes of the drawing, because styles inside the page are forbidden. */
void progress_bar(struct request *request, const char *label, int64_t reached, int64_t target) {
  double share = target > 0 ? 100 * (double)reached / (double)target : 0;
  html(&request->out,
       "<svg class=\"progress\" role=\"img\" aria-label=\"%s\"><rect class=\"track\" width=\"100%%\" height=\"14\" "
       "rx=\"7\"/>",
       label);
  if (share > 0)
    html(&request->out, "<rect class=\"fill\" width=\"%.1f%%\" height=\"14\" rx=\"7\"/>", share > 100 ? 100.0 : share);
  html(&request->out, "</svg>");
}

void state_mark(struct request *request, enum mark mark, enum word label) {
  static const struct {
    const char *name, *shape;
  } marks[] = {
      [MARK_EARLY] = {"early", "<circle cx=\"8\" cy=\"8\" r=\"5\" class=\"dotted\"/>"},
      [MARK_STEADY] = {"steady", "<path d=\"M2 8h12\" class=\"line\"/>"},
      [MARK_TENSION] = {"tension", "<path d=\"M2 3h12L8 14z\"/>"},
      [MARK_REPAIRED] = {"repaired", "<path d=\"M8 1l6 7-6 7-6-7z\"/>"},
      [MARK_UNCONFIRMED] = {"unconfirmed", "<path d=\"M8 2l5 6-5 6-5-6z\" class=\"line\"/>"},
      [MARK_LATE] = {"late", "<path d=\"M8 1a7 7 0 100 14A7 7 0 008 1zm1 3v5H7V4zm0 6v2H7v-2z\"/>"},
      [MARK_DONE] = {"done", "<path d=\"M2 8l4 4 8-8\" class=\"line\"/>"},
      [MARK_NONE] = {"none", "<circle cx=\"8\" cy=\"8\" r=\"2\"/>"},
  };
  struct buf *out = &request->out;
  html(out, "<span class=\"mark %s\"><svg viewBox=\"0 0 16 16\" width=\"16\" height=\"16\" aria-hidden=\"true\">",
       marks[mark].name);
  buf_adds(out, marks[mark].shape);
  html(out, "</svg> ");
  say(request, label);
  html(out, "</span>");
}

/* ---- roles ---- */

const struct role_word role_words[ROLE_WORDS] = {
    {ROLE_THERAPIST, WORD_ROLE_THERAPIST}, {ROLE_COORDINATOR, WORD_ROLE_COORDINATOR},
    {ROLE_ASSISTANT, WORD_ROLE_ASSISTANT}, {ROLE_TRAINER, WORD_ROLE_TRAINER},
    {ROLE_RATER, WORD_ROLE_RATER},         {ROLE_INTERVIEWER, WORD_ROLE_INTERVIEWER},
    {ROLE_ANALYST, WORD_ROLE_ANALYST},     {ROLE_MONITOR, WORD_ROLE_MONITOR},
    {ROLE_ALLOCATOR, WORD_ROLE_ALLOCATOR}, {ROLE_ADMINISTRATOR, WORD_ROLE_ADMINISTRATOR},
};

const char *roles_text(const struct request *request, unsigned roles) {
  struct buf out = buf_in(request->arena, 64);
  for (int i = 0; i < ROLE_WORDS; i++)
    if (roles & role_words[i].role) buf_addf(&out, "%s%s", out.length ? ", " : "", said(request, role_words[i].label));
  return out.data;
}

const char *site_words(const struct request *request, const char *name) {
  for (size_t i = 0; i < request->study->site_count; i++)
    if (!strcmp(request->study->sites[i].name, name)) return study_words(request, &request->study->sites[i].label);
  return name;
}
