/* web.h: the site without HTTP: served homes, their connections, assets, and how a request is run.
 *
 * server.c (the only file that knows the HTTP library) fills a struct request and calls web_run(); when the request
 * wants to sleep (request->waiting) the server suspends the connection, then calls waiting_start(); when everything
 * waited for is done, `wake` is called from another thread, and the server calls web_run() again. */
#ifndef ATTUNE_WEB_WEB_H
#define ATTUNE_WEB_WEB_H

#include <pthread.h>

#include "study/expression.h"
#include "web/asset.h"
#include "web/request.h"
#include "web/server.h"

/* The readers and an expression desk: one request uses them at a time, and gives them back before it sleeps or ends. */
struct seat {
  struct db *open, *masked, *account;
  struct expression_desk *desk;
  struct seat *next;
};

struct served {
  struct web *web;
  struct home *home;
  struct detector *detector;
  struct learner *learner; /* these three are NULL where nothing runs in the background */
  struct tender *tender;
  struct mailer *mailer;
  struct sign_in_seen *seen;
  pthread_mutex_t lock;
  struct seat *free; /* a stack */
  char cookie[96];   /* the name of the sign-in's cookie */
};

struct web {
  const struct server_config *config;
  struct served *served;
  size_t served_count;
  struct arena arena; /* of the assets and the table of served homes; given back by web_close() */
  struct assets *assets;
  char own_origin[256]; /* "http://127.0.0.1:8080" */
};

/* `own_origin`: what it listens on, "http://127.0.0.1:8080". */
enum err web_open(struct web *web, const struct server_config *config, const char *own_origin, struct error *error);
void web_close(struct web *web);

/* What a link begins with: the address that the server was told (--base), never what a request says of itself. */
const char *web_base(const struct web *web);

/* Runs the gate and the handler, or goes on after a sleep. Afterwards either request->waiting is set or the answer is
 * complete. Work that needs more memory than the request's arena gives is left half-way (arena_try() in base/arena.h):
 * the answer is then a page that says so (503), the seat is given back with nothing open, and the process goes on. */
void web_run(struct request *request);
/* Posts what the request waits for; `wake(owner)` is called once, when all is done. */
void waiting_start(struct request *request, void (*wake)(void *owner), void *owner);
/* Binds a request to a home (also used by pages of the root). */
void request_serve(struct request *request, struct served *served);
/* Whether all that the sleep was for has been written; false when it was for a hash. */
bool waiting_stored(const struct request *request);
/* Ends the sleep: calls what was to come after it. */
void waiting_end(struct request *request);
/* Takes a seat of the home, gives it back. */
struct seat *seat_take(struct served *served);
void seat_give(struct served *served, struct seat *seat);
/* For a failure before there is a request to run: fills in an error answer. */
void web_refuse(struct request *request, unsigned status);

/* The headers that every answer carries, as name and value in turn, ended by NULL. */
extern const char *const web_security_headers[];

#endif
