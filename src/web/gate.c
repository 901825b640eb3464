#include "web/gate.h"

#include "base/log.h"
#include "base/log.h"
#include "people/refusal.h"
#include "trial/occasion.h"
#include "trial/person.h"
#include "web/page.h"
#include "web/page_again.h"
#include "web/web.h"

/* ---- languages ---- */

static int language_from_header(const char *header) {
  for (const char *c = header; c && *c;) {
    c += strspn(c, " ,");
    char code[3] = {0};
    for (int i = 0; i < 2 && c[i]; i++) code[i] = (char)(c[i] | 0x20);
    int found = language_find(code);
    if (found >= 0) return found;
    c += strcspn(c, ",");
  }
  return -1;
}

void gate_language(struct request *request) {
  const char *asked = pairs_get(&request->query, "language");
  int language = asked ? language_find(asked) : -1;
  if (language >= 0) request_cookie(request, "language", language_code((enum language)language), 365 * 24 * 3600);
  if (language < 0 && (asked = pairs_get(&request->cookies, "language"))) language = language_find(asked);
  if (language < 0 && request->who) language = language_find(request->who->account.language);
  if (language < 0) language = language_from_header(request->accept_language);
  if (language < 0 && request->study) language = language_find(request->study->languages[0]);
  request->language = language < 0 ? LANGUAGE_ENGLISH : (enum language)language;
  if (request->study) request->study_language = study_language(request->study, language_code(request->language));
}

/* ---- where ---- */

void request_serve(struct request *request, struct served *served) {
  request->served = served;
  request->home = served->home;
  request->detector = served->detector;
  request->now_ms = clock_now(&served->home->clock);
  request->seat = seat_take(served);
  struct error stale; /* then it is served as it was known last; a write catches up before it stamps */
  if (request->seat && home_catch_up(served->home, request->seat->masked, &stale))
    log_line(LOG_WARNING, "study", "%s: whether the study was amended elsewhere could not be read: %s", served->home->name, stale.text);
  request->study = home_study(served->home);
  if (request->seat) request->desk = request->seat->desk;
}

void gate_leave(struct request *request) {
  if (request->seat) seat_give(request->served, request->seat);
  request->seat = NULL;
  request->db = NULL;
  request->desk = NULL;
}

static bool serve_by_name(struct request *request, const char *name, size_t length) {
  for (size_t i = 0; i < request->web->served_count; i++) {
    struct served *served = &request->web->served[i];
    if (strlen(served->home->name) != length || memcmp(served->home->name, name, length)) continue;
    request_serve(request, served);
    return true;
  }
  return false;
}

/* A form's link does not name its study (patients' addresses give nothing away): the home that knows it is found by
 * the token. Without any, the first one answers that there is no such form. */
static void serve_by_token(struct request *request, const char *token) {
  for (size_t i = 0; i < request->web->served_count; i++) {
    struct occasion occasion;
    if (request->seat) gate_leave(request);
    request_serve(request, &request->web->served[i]);
    if (!request->seat) return;
    enum err err = occasion_by_token(request->seat->masked, token, &occasion, &(struct error){0});
    if (!err) return;
    if (err != ERR_MISSING) return gate_leave(request); /* it cannot be told: 503, not 404 */
  }
}

static enum route_match find_route(struct request *request) {
  const char *path = request->path;
  request->route = NULL;
  if (route_at_root(path)) {
    enum route_match match =
        route_find(request->arena, true, request->method, path, &request->route, request->parameters);
    if (match == ROUTE_FOUND && (request->route->roles & ROLE_PATIENT)) serve_by_token(request, request->parameters[0]);
    return match;
  }
  size_t length = strcspn(path + 1, "/");
  if (!serve_by_name(request, path + 1, length)) return ROUTE_NO_PATH;
  const char *rest = path + 1 + length;
  return route_find(request->arena, false, request->method, *rest ? rest : "/", &request->route, request->parameters);
}

/* ---- who ---- */

static void touch_done(struct job *job) {
  free(job->input);
  free(job);
}

/* Writes down when a sign-in was last seen, without holding up the request. */
static void touch(struct request *request, const char *token_hash) {
  struct touch {
    struct sign_in_touch input;
    char token_hash[65];
  } *input = malloc(sizeof *input);
  struct job *job = calloc(1, sizeof *job);
  if (!input || !job) die("out of memory");
  snprintf(input->token_hash, sizeof input->token_hash, "%s", token_hash);
  input->input.token_hash = input->token_hash;
  *job = (struct job){.run = sign_in_touch, .input = input, .done = touch_done};
  ledger_post(request->home->ledger, job);
}

/* False when it cannot be told, because the database is lost: that is not the same as nobody. */
static bool find_who(struct request *request) {
  const char *cookie = request->served ? pairs_get(&request->cookies, request->served->cookie) : NULL;
  if (!cookie) return true;
  if (!request->seat) return false;
  struct sign_in *who = arena_alloc(request->arena, sizeof *who);
  bool flush = false;
  struct error error = {0};
  enum err err =
      sign_in_find(request->seat->account, request->served->seen, cookie, request->now_ms, who, &flush, &error);
  if (err) return err != ERR_STORE && err != ERR_BUSY;
  if (flush) touch(request, who->token_hash);
  request->who = who;
  request->actor = (struct actor){
      .code = who->account.code, .roles = who->account.roles, .site = who->account.site, .person = who->account.person};
  return true;
}

/* ---- may they ---- */

static void after_refusal(struct request *request, enum err err, const struct error *error) {
  (void)err, (void)error; /* not being able to write it down opens nothing */
  request_error(request, ERR_DENIED, &(struct error){.code = ERR_DENIED, .id = "role"});
}

/* Refuses someone who is signed in a page of another role, which is an entry. */
static void refuse(struct request *request) {
  struct refusal *input = arena_alloc(request->arena, sizeof *input);
  *input = (struct refusal){.account = request->who->account.code, .sign_in = request->who->token_hash, .what = request->route->path};
  request_write(request, refusal, input, after_refusal);
}

/* In a real home nobody who may meet an arm or an identity goes on without a second factor; an account that has none yet
 * is led to where it is set up. */
static bool lacks_second_factor(const struct request *request) {
  const struct account *account = &request->who->account;
  return account->roles & ROLES_GUARDED && !account->has_totp && !request->web->config->made_up &&
         request->route->reader != READER_OWN;
}

static bool door_opens(struct request *request) {
  const struct route *route = request->route;
  bool door = route->reader == READER_DOOR, anyone = route->roles & (ROLE_PUBLIC | ROLE_PATIENT);
  bool full = request->who && request->who->full && !request->who->locked;
  if (door && anyone) return true;
  if (!request->who && anyone) return true;
  if (request->who && !full && anyone) {
    request->who = NULL; /* half signed in: a visitor */
    return true;
  }
  if (door && request->who) return true;
  if (!request->who || !full) {
    page_again_closed(request);
    return false;
  }
  if (anyone) return true;
  request->actor.roles &= route->roles; /* a page asks for its own roles, whatever else the person is */
  if (!request->actor.roles)
    refuse(request);
  else if (lacks_second_factor(request))
    request_redirect(request, address(request, "/account/authenticator"));
  else
    return true;
  return false;
}

/* ---- from one of our pages ---- */

static const char *door_cookie(const struct request *request) {
  return request->web->config->behind_tls ? "__Host-attune-door" : "attune-door";
}

const char *gate_door_token(struct request *request) {
  const char *token = pairs_get(&request->cookies, door_cookie(request));
  if (token && strlen(token) == 22) return token;
  static _Atomic uint64_t count;
  uint8_t bytes[16];
  const struct chance *chance = &request->web->config->chance;
  chance_bytes(chance, "door-token", "", chance->frozen ? 0 : ++count, bytes, sizeof bytes);
  token = base64url_text(request->arena, bytes, sizeof bytes);
  request_cookie(request, door_cookie(request), token, -1);
  return token;
}

static bool tokens_equal(const char *sent, const char *known) {
  return known && *known && strlen(sent) == strlen(known) && bytes_equal(sent, known, strlen(known));
}

bool gate_from_own_page(const struct request *request) {
  const char *site = request->fetch_site, *origin = request->origin;
  if (site && strcmp(site, "same-origin") && strcmp(site, "none")) return false;
  /* With Referrer-Policy: no-referrer browsers send "null" for a form posted to its own origin. */
  if (!origin || !strcmp(origin, "null")) return true;
  const char *host = strstr(origin, "://");
  return host && request->host && !strcmp(host + 3, request->host);
}

static bool token_is_ours(const struct request *request) {
  if (request->route->roles & ROLE_PATIENT) return true;
  const char *sent = request_field(request, "form_token");
  if (request->who && tokens_equal(sent, request->who->form_token)) return true;
  return request->route->reader == READER_DOOR && (request->route->roles & ROLE_PUBLIC) &&
         tokens_equal(sent, pairs_get(&request->cookies, door_cookie(request)));
}

/* Before anything of a post is kept, and so before the door: a lock keeps what was typed, but only on our own pages. */
static bool may_be_kept(const struct request *request) {
  if (request->method != METHOD_POST) return true;
  bool locked = request->who && request->who->locked;
  return gate_from_own_page(request) && (!locked || token_is_ours(request));
}

static void refuse_foreign(struct request *request) {
  if (request->who && request->who->locked) request->who = NULL;
  request_error(request, ERR_DENIED, &(struct error){.code = ERR_DENIED, .id = "form-token"});
}

/* ---- the reader ---- */

static struct db *reader_db(const struct seat *seat, enum reader reader) {
  switch (reader) {
  case READER_OPEN:
    return seat->open;
  case READER_MASKED:
    return seat->masked;
  case READER_DOOR:
  case READER_OWN:
    return seat->account;
  default:
    return NULL;
  }
}

static void refuse_lost(struct request *request) {
  request_error(request, ERR_BUSY, &(struct error){.code = ERR_BUSY, .id = "store"});
}

static bool choose_reader(struct request *request) {
  request->db = NULL;
  if (request->route->reader == READER_NONE || !request->home) return true;
  if (!request->seat) {
    refuse_lost(request);
    return false;
  }
  if (request->route->reader == READER_OPEN && (request->route->roles & ROLES_MASKED)) { /* no such row compiles */
    log_line(LOG_ERROR, "route", "%s would hand the open reader to a masked role", request->route->path);
    refuse_lost(request);
    return false;
  }
  request->db = reader_db(request->seat, request->route->reader);
  return true;
}

static void pass(struct request *request) {
  if (!may_be_kept(request)) return refuse_foreign(request);
  if (!door_opens(request) || !choose_reader(request)) return;
  if (request->method == METHOD_POST && !token_is_ours(request)) return refuse_foreign(request);
  if (request->route->proved && !sign_in_proved(request->who, request->now_ms)) return page_again_prove(request);
  request->route->handler(request);
}

void gate_enter(struct request *request) {
  enum route_match match = find_route(request);
  bool told = !request->served || find_who(request);
  gate_language(request);
  if (match != ROUTE_FOUND && request->who && (!request->who->full || request->who->locked)) request->who = NULL;
  if (match == ROUTE_NO_PATH)
    request_error(request, ERR_MISSING, &(struct error){.code = ERR_MISSING, .id = "page"});
  else if (match == ROUTE_NO_METHOD)
    web_refuse(request, 405);
  else if (!told && !(request->route->roles & ROLE_PUBLIC))
    refuse_lost(request);
  else
    pass(request);
  gate_leave(request);
}

void gate_go_on(struct request *request, const char *path) {
  struct sign_in *who = arena_alloc(request->arena, sizeof *who);
  *who = *request->who;
  who->proved_ms = request->now_ms;
  who->locked = false;
  request->who = who;
  request->actor.roles = who->account.roles;
  request->path = path;
  const char *rest = path + 1 + strcspn(path + 1, "/");
  if (route_find(request->arena, false, METHOD_POST, *rest ? rest : "/", &request->route, request->parameters) != ROUTE_FOUND)
    return request_error(request, ERR_MISSING, &(struct error){.code = ERR_MISSING, .id = "page"});
  if (door_opens(request) && choose_reader(request)) request->route->handler(request);
}

void gate_resume(struct request *request) {
  request->stored = waiting_stored(request);
  if (request->served) {
    request->seat = seat_take(request->served);
    if (request->seat) request->desk = request->seat->desk;
    if (choose_reader(request))
      waiting_end(request);
    else
      request->waiting = NULL;
  } else
    waiting_end(request);
  gate_leave(request);
}
