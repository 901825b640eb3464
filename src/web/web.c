#include "web/web.h"

#include "base/log.h"
#include "feedback/learner.h"
#include "trial/letter.h"
#include "trial/tending.h"
#include "web/gate.h"

/* For the page that says that a request needed too much memory, with what was typed in it. */
#define TOO_MUCH_PAGE ((size_t)8 << 20)

const char *const web_security_headers[] = {
    "Content-Security-Policy",
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options",
    "nosniff",
    "X-Frame-Options",
    "DENY",
    "Referrer-Policy",
    "no-referrer",
    "Cross-Origin-Opener-Policy",
    "same-origin",
    "Cross-Origin-Resource-Policy",
    "same-origin",
    "Permissions-Policy",
    "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    NULL};

static bool name_reserved(const char *name) {
  static const char *const reserved[] = {"f", "assets", "leave", "favicon.ico"};
  for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
    if (!strcmp(reserved[i], name)) return true;
  return false;
}

/* Where time stands still no thread sends mail: the request that made it puts it into the sink. */
static enum err sink_mail(struct served *served, struct error *error) {
  struct mail_place place = home_mail(served->home, web_base(served->web));
  return mail_to_sink(&place, error);
}

enum err web_open(struct web *web, const struct server_config *config, const char *own_origin, struct error *error) {
  static const size_t arena_maximum = (size_t)16 << 20;
  *web = (struct web){.config = config};
  snprintf(web->own_origin, sizeof web->own_origin, "%s", own_origin);
  arena_init(&web->arena, arena_maximum);
  web->assets = assets_load(&web->arena);
  web->served = arena_array(&web->arena, config->home_count, sizeof *web->served);
  for (size_t i = 0; i < config->home_count; i++) {
    struct home *home = config->homes[i];
    if (name_reserved(home->name))
      return fail(error, ERR_STATE, "name-reserved", "name",
                  "A study cannot be served under the name '%s': give it another.", home->name);
    for (size_t j = 0; j < i; j++)
      if (!strcmp(config->homes[j]->name, home->name))
        return fail(error, ERR_STATE, "name-twice", "name", "Two homes hold a study named '%s': serve them apart.",
                    home->name);
    struct served *served = &web->served[i];
    *served = (struct served){.web = web, .home = home, .seen = sign_in_seen_new()};
    pthread_mutex_init(&served->lock, NULL);
    snprintf(served->cookie, sizeof served->cookie, "%sattune-%s", config->behind_tls ? "__Host-" : "", home->name);
    web->served_count++;
    struct seat *seat = seat_take(served); /* so that a broken store is noticed now */
    if (!seat)
      return fail(error, ERR_STORE, "store", home->directory, "The database of %s cannot be read.", home->directory);
    seat_give(served, seat);
    enum err err = detector_open(&served->detector, home, error);
    if (err) return err;
    if (home->chance.frozen && (err = sink_mail(served, error))) return err;
    if (!config->background) continue;
    served->learner = learner_start(served->detector);
    served->tender = tender_start(home);
    struct mail_place place = home_mail(home, web_base(web));
    served->mailer = mailer_start(&place);
  }
  return OK;
}

static void seat_close(struct seat *seat) {
  db_close(seat->open);
  db_close(seat->masked);
  db_close(seat->account);
  expression_desk_close(seat->desk);
  free(seat);
}

void web_close(struct web *web) {
  for (size_t i = 0; i < web->served_count; i++) {
    struct served *served = &web->served[i];
    while (served->free) {
      struct seat *seat = served->free;
      served->free = seat->next;
      seat_close(seat);
    }
    mailer_stop(served->mailer);
    tender_stop(served->tender);
    learner_stop(served->learner);
    detector_close(served->detector);
    sign_in_seen_free(served->seen);
    pthread_mutex_destroy(&served->lock);
  }
  web->served_count = 0;
  arena_free(&web->arena);
}

static struct seat *seat_new(struct served *served) {
  struct seat *seat = calloc(1, sizeof *seat);
  if (!seat) die("out of memory");
  struct error error = {0};
  struct store *store = served->home->store;
  enum err err = db_open(&seat->open, store, DB_OPEN, &error);
  if (!err) err = db_open(&seat->masked, store, DB_MASKED, &error);
  if (!err) err = db_open(&seat->account, store, DB_ACCOUNT, &error);
  seat->desk = expression_desk_open();
  if (!err) return seat;
  log_line(LOG_ERROR, "store", "%s", error.text);
  seat_close(seat);
  return NULL;
}

struct seat *seat_take(struct served *served) {
  pthread_mutex_lock(&served->lock);
  struct seat *seat = served->free;
  if (seat) served->free = seat->next;
  pthread_mutex_unlock(&served->lock);
  if (!seat) seat = seat_new(served);
  if (seat) db_view_begin(seat->open), db_view_begin(seat->masked), db_view_begin(seat->account);
  return seat;
}

void seat_give(struct served *served, struct seat *seat) {
  db_view_end(seat->open);
  db_view_end(seat->masked);
  db_view_end(seat->account);
  pthread_mutex_lock(&served->lock);
  seat->next = served->free;
  served->free = seat;
  pthread_mutex_unlock(&served->lock);
}

static void step(void *state) {
  struct request *request = state;
  if (request->waiting)
    gate_resume(request);
  else
    gate_enter(request);
}

const char *web_base(const struct web *web) {
  return web->config->base ? web->config->base : web->own_origin;
}

static void draw_too_much(void *state) {
  struct request *request = state;
  request->out = buf_in(request->arena, 16384);
  request_error(request, ERR_BUSY, &(struct error){.code = ERR_BUSY, .id = "too-much"});
}

/* The handler was left wherever it was: nothing of its answer counts. */
static void too_much(struct request *request) {
  if (request->seat) {
    db_leave_rows(request->seat->open);
    db_leave_rows(request->seat->masked);
    db_leave_rows(request->seat->account);
    expression_desk_close(request->seat->desk);
    request->seat->desk = expression_desk_open();
  }
  gate_leave(request);
  request->waiting = NULL;
  request->asset = NULL;
  request->header_count = 0;
  request->arena->maximum = request->arena->used + TOO_MUCH_PAGE;
  if (arena_try(request->arena, draw_too_much, request)) return;
  request->status = 503;
  request->header_count = 0;
  request->out = (struct buf){0};
}

void web_run(struct request *request) {
  bool slept = request->waiting;
  struct error error = {0};
  if (!arena_try(request->arena, step, request)) too_much(request);
  if (slept && request->served && request->served->home->chance.frozen && sink_mail(request->served, &error))
    log_line(LOG_ERROR, "mail", "%s: %s", request->served->home->name, error.text);
}

char *server_form_path(struct arena *arena, const char *token) {
  return url(arena, "/f/%s", token);
}

char *server_sign_in_path(struct arena *arena, const struct home *home, const char *token) {
  return url(arena, "/%s/sign-in/link/%s", home->name, token);
}
