/* page_problem.c: when something cannot be had or done: what happened, what was kept, what to do. */
#include "web/gate.h"
#include "web/kept.h"
#include "web/page.h"
#include "web/web.h"

/* Words by the error's stable id: the PROBLEM rows of words.def. What is not there is told by its code. */
static const struct {
  const char *id;
  enum word words;
} words_by_id[] = {
#define WORD(name, english, french)
#define DONE(id, english, french)
#define LOGGED(id, english, french)
#define PROBLEM(id, english, french) {#id, WORD_PROBLEM_##id},
#include "base/words.def"
#undef PROBLEM
#undef LOGGED
#undef DONE
#undef WORD
};

/* "form-late" and form_late. */
static bool id_is(const char *id, const char *name) {
  for (; *id && *name; id++, name++)
    if (*id != *name && !(*id == '-' && *name == '_')) return false;
  return !*id && !*name;
}

static enum word words_by_code(enum err err) {
  switch (err) {
  case ERR_INPUT:
  case ERR_USAGE:
    return WORD_ERROR_INPUT;
  case ERR_DENIED:
    return WORD_ERROR_ROLE;
  case ERR_MISSING:
    return WORD_ERROR_PAGE;
  case ERR_CONFLICT:
    return WORD_ERROR_CONFLICT;
  case ERR_STATE:
    return WORD_ERROR_STATE;
  case ERR_LIMIT:
    return WORD_ERROR_LIMIT;
  default:
    return WORD_ERROR_BUSY;
  }
}

const char *request_error_words(const struct request *request, enum err err, const struct error *error) {
  for (size_t i = 0; error && i < sizeof words_by_id / sizeof *words_by_id; i++)
    if (id_is(error->id, words_by_id[i].id)) return said(request, words_by_id[i].words);
  return said(request, words_by_code(err));
}

static unsigned status_of(enum err err) {
  switch (err) {
  case OK:
    return 200;
  case ERR_INPUT:
    return 422;
  case ERR_DENIED:
    return 403;
  case ERR_MISSING:
    return 404;
  case ERR_CONFLICT:
  case ERR_STATE:
    return 409;
  case ERR_LIMIT:
    return 429;
  case ERR_USAGE:
    return 400;
  case ERR_BUSY:
  case ERR_STORE:
    return 503;
  }
  return 503;
}

static enum word title_of(unsigned status) {
  switch (status) {
  case 403:
    return WORD_TITLE_DENIED;
  case 404:
    return WORD_TITLE_MISSING;
  case 429:
  case 503:
    return WORD_TITLE_BUSY;
  default:
    return WORD_TITLE_REFUSED;
  }
}

static void write_error_page(struct request *request, unsigned status, const char *words) {
  request->status = status;
  request->type = "text/html; charset=utf-8";
  request->asset = NULL;
  buf_clear(&request->out);
  request->summary = NULL;
  if (status == 503 || status == 429) request_header(request, "Retry-After", status == 503 ? "5" : "60");
  bool neutral = request->route && (request->route->roles & ROLE_PATIENT);
  page_open(request, &(struct page){.kind = neutral        ? PAGE_NEUTRAL
                                            : request->who ? PAGE_STAFF
                                                           : PAGE_PUBLIC,
                                    .title = said(request, title_of(status)),
                                    .class_name = "narrow"});
  if (status == 503 && request->stored) words = said(request, WORD_ERROR_UNSEEN);
  html(&request->out, "<p class=\"lead\">%s</p>", words);
  if (status == 503 && !request->stored && request->method == METHOD_POST && gate_from_own_page(request))
    kept_again(request);
  if (!neutral) {
    const char *back = request->home ? request_address(request, home_path(request)) : "/";
    html(&request->out, "<p><a class=\"button quiet\" href=\"%s\">", back);
    say(request, request->who ? WORD_BACK_TO_START : WORD_TO_FRONT);
    html(&request->out, "</a></p>");
  }
  page_close(request);
}

const struct error *request_missing(enum err err, struct error *error) {
  if (err == ERR_MISSING) *error = (struct error){.code = err, .id = "page"};
  return error;
}

void request_error(struct request *request, enum err err, const struct error *error) {
  write_error_page(request, status_of(err), request_error_words(request, err, error));
}

/* Names the methods that a path has; none: there is no such page. */
static unsigned name_methods(struct request *request) {
  bool get = route_of(METHOD_GET, request->path), post = route_of(METHOD_POST, request->path);
  if (!get && !post) return 404;
  request_header(request, "Allow", get && post ? "GET, HEAD, POST" : get ? "GET, HEAD" : "POST");
  return 405;
}

void web_refuse(struct request *request, unsigned status) {
  if (!request->home) gate_language(request);
  if (status == 405) status = name_methods(request);
  enum word words = status == 413   ? WORD_ERROR_TOO_LARGE
                    : status == 503 ? WORD_ERROR_STOPPING
                    : status == 404 ? WORD_ERROR_PAGE
                    : status == 405 ? WORD_ERROR_METHOD
                                    : WORD_ERROR_MALFORMED;
  write_error_page(request, status, said(request, words));
}
