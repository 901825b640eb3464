/* server.h: serves homes over HTTP. The only user of the HTTP library (libmicrohttpd) is server.c.
 *
 * `/` lists the studies, `/NAME/...` is a study, `/f/TOKEN` a form opened from a link, `/assets/...` style and script.
 * Two server threads (epoll); a request that changes something sleeps until its change is on disk.
 *
 * TLS is a reverse proxy's work: `behind_tls` says that people come by https, through a proxy on this machine, so that
 * cookies get `Secure` and `__Host-`; `proxy` names one that is elsewhere. From these the last address of
 * X-Forwarded-For counts as the client's, and their connections are theirs to limit; from anyone else the header means
 * nothing. A request has 30 s to come in, head and body (connections.h). docs/serving.md has a proxy's configuration. */
#ifndef ATTUNE_WEB_SERVER_H
#define ATTUNE_WEB_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/err.h"
#include "people/password.h"
#include "trial/home.h"

/* What a demonstration offers on its front page, again and again: a sign-in as one of its people, and open forms of
 * patients. */
struct server_door {
  const struct home *home;
  const char *name;    /* "coordinator", "therapist-control" */
  const char *account; /* NULL: a form; then its token */
  const char *token;
};

struct server_config {
  struct home *const *homes; /* opened to own; they stay the caller's */
  size_t home_count;
  const char *listen; /* "127.0.0.1:8080", "[::1]:8080"; port 0: any free one */
  bool behind_tls;
  bool background; /* learns as samples grow (feedback/learner.h), does what time brings (trial/tending.h) */
  const char *proxy; /* the numeric address of a proxy on another machine; NULL: none */
  const char *base; /* "https://trial.example.org": what people reach the server by, for links; NULL: what it listens on */
  bool made_up;     /* everyone is: nobody is asked for a second factor */
  struct clock clock; /* of the Date header and the pages */
  struct chance chance;
  struct password_pool *passwords; /* the caller's */
  const struct server_door *doors; /* of a demonstration alone, on loopback; the caller's */
  size_t door_count;
};

struct server;

/* Blocks SIGINT and SIGTERM in this thread and all that it starts: call it first in the process, so that server_wait()
 * receives them. */
void server_block_signals(void);
/* `config` must stay until server_stop(). ERR_STATE with one sentence when the address is in use or cannot be had. */
enum err server_start(struct server **server, const struct server_config *config, struct error *error);
/* "http://127.0.0.1:8080", with the port that it got. */
const char *server_address(const struct server *server);
/* Returns when the process is asked to end (SIGINT, SIGTERM). */
void server_wait(struct server *server);
/* Takes no new requests, finishes those under way, closes. */
void server_stop(struct server *server);

/* Paths for whoever hands out links; in the arena, without the server's address. */
char *server_form_path(struct arena *arena, const char *token); /* "/f/TOKEN" */
char *server_sign_in_path(struct arena *arena, const struct home *home,
                          const char *token); /* "/NAME/sign-in/link/TOKEN" */

#endif
