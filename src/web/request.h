/* request.h: one request and its answer, as a page's handler sees them.
 *
 * A handler is a plain function. It reads through request->db (the kind of connection that its route names), writes
 * markup into request->out, and returns. Memory comes from request->arena; it frees nothing.
 *
 * To change something, a handler asks for it and returns; the connection sleeps until the change is durable, then
 * `after` draws the answer in a server thread:
 *
 *     static void after_note(struct request *request, enum err err, const struct error *error) {
 *       if (err) return request_error(request, err, error);
 *       request_redirect(request, address(request, "/patients/%s", code));
 *     }
 *     request_write(request, note_write, &input, after_note);      -- `input` in the arena
 *
 * `db` holds no transaction between two calls and must not be kept: it is another connection in `after`. */
#ifndef ATTUNE_WEB_REQUEST_H
#define ATTUNE_WEB_REQUEST_H

#include "base/buf.h"
#include "people/password.h"
#include "people/sign_in.h"
#include "trial/person.h"
#include "trial/home.h"
#include "web/route.h"
#include "base/words.h"

#define REQUEST_BODY_MAXIMUM ((size_t)256 << 10)
#define REQUEST_FIELDS_MAXIMUM 1000
#define REQUEST_HEADERS 12

struct detector;
struct fields;
struct served;
struct web;

struct pair {
  const char *name, *value;
  size_t length; /* of value, which may hold any byte */
};
struct pairs {
  struct pair *list;
  size_t count;
};

typedef void after(struct request *request, enum err err, const struct error *error);

struct request {
  struct arena *arena;
  struct web *web;

  /* what was asked */
  enum method method;
  const char *path;                                         /* whole, as asked: "/practice/patients/P-7K3QX9M" */
  const struct route *route;                                /* NULL when there is none */
  const char *parameters[ROUTE_PARAMETERS];                 /* what ":name" took, in order */
  struct pairs query, form, cookies;                        /* decoded */
  const char *origin, *fetch_site, *accept_language, *host; /* headers; NULL when absent */
  const char *network;                                      /* the client's, as text (network.h); "" unknown */
  int64_t now_ms;

  /* where, by whom */
  struct served *served;
  struct home *home;         /* NULL on pages of the whole site */
  struct detector *detector; /* of that home (feedback/detection.h) */
  const struct study *study; /* its current version */
  enum language language;
  int study_language;        /* the same, as the study counts its languages */
  const struct sign_in *who; /* NULL: nobody is signed in */
  struct actor actor;        /* who, as verbs want it; empty when nobody */
  struct db *db;             /* of the route's reader; NULL with READER_NONE */
  struct expression_desk *desk;

  /* the answer */
  unsigned status;  /* 200 unless changed */
  const char *type; /* "text/html; charset=utf-8" unless changed */
  struct buf out;
  const struct fields *summary; /* of problems, to be put in at summary_at when the page is complete (fields.h) */
  size_t summary_at;
  struct {
    const char *name, *value;
  } headers[REQUEST_HEADERS];
  size_t header_count;
  const struct asset *asset; /* answer with these bytes instead */

  /* the sleep: see web.h */
  void *state; /* the handler's own, from one call to the next */
  const struct password_job *hashed; /* the last hash that was asked for */
  struct waiting *waiting;
  bool stored; /* what was written in the last sleep is on disk, whatever becomes of the answer */
  struct seat *seat;
};

/* ---- what came ---- */
const char *pairs_get(const struct pairs *pairs, const char *name);         /* the first; NULL when absent or with a NUL inside */
const char *request_query(const struct request *request, const char *name); /* "" when absent */
const char *request_field(const struct request *request, const char *name); /* "" when absent */
/* Splits "a=b&c=d" (form) decoding %XX and +; false, and no pairs at all, when it is malformed or has too many fields. */
bool pairs_decode(struct arena *arena, struct pairs *pairs, const char *text, size_t length);
void pairs_cookies(struct arena *arena, struct pairs *pairs, const char *header);
bool request_may(const struct request *request, unsigned roles); /* who holds one of them */

/* ---- addresses: every %s is percent-encoded ---- */
/* Under the study: address(request, "/patients/%s", code) gives "/practice/patients/P-...". In the arena. */
#define address(request, ...) request_address(request, url((request)->arena, __VA_ARGS__))
const char *request_address(const struct request *request, const char *path);
/* `path` when it is an address of this study on this server, else NULL: what "to" parameters may name. */
const char *request_own_path(const struct request *request, const char *path);

/* ---- answering ---- */
void request_header(struct request *request, const char *name, const char *value);
void request_redirect(struct request *request, const char *path);                                   /* 303 See Other */
void request_cookie(struct request *request, const char *name, const char *value, int64_t seconds); /* 0: forget */
/* A calm page in the reader's language: what happened, what was kept, what to do. The words are chosen by error->id
 * (page_problem.c), else by the code. Missing and denied things look alike where they must not be told apart: verbs
 * answer ERR_MISSING for both. */
void request_error(struct request *request, enum err err, const struct error *error);
/* What is missing looks like a page that is not there, whatever it was; other errors stay as they are. */
const struct error *request_missing(enum err err, struct error *error);
/* The words for an error in the reader's language; never NULL. */
const char *request_error_words(const struct request *request, enum err err, const struct error *error);

/* ---- changing ---- */
void request_write(struct request *request, verb *run, void *input, after *then);
/* The same verb on several inputs, in one batch; `inputs` is an array of elements of `size` bytes. `then` gets the
 * first error. */
void request_write_many(struct request *request, verb *run, void *inputs, size_t size, size_t count, after *then);
/* On the password pool: checks `password` against `hash`, or makes a hash when `hash` is NULL. `then` finds the result
 * in request_hashed(). ERR_BUSY when too many wait. */
void request_hash(struct request *request, const char *password, const char *hash, after *then);
const struct password_job *request_hashed(const struct request *request);

#endif
