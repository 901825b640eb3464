/* route.h: every address of the program: method, path, handler, roles, reader, purpose. A page's rows stand at the end of
 * its file, and the build puts them together (tools/assemble.sh):
 *
 *     ROUTES(log) = {
 *         ROUTE(GET, "/log", page_log, ROLE_MONITOR, READER_MASKED, "the log"),
 *         ROUTES_END,
 *     };
 *
 * Together they are the access matrix: the gate (gate.h) reads roles and reader from it, `attune routes --json` prints it,
 * and the tests walk it. A row without roles does not compile, nor does one that hands the open reader to a role that
 * must never learn an arm. ROLE_PUBLIC in a row means anyone, signed in or not; ROLE_PATIENT whoever holds a form's
 * link. Paths of ROUTE() stand under the study (/NAME/...); those of SITE() at the root. ":name" takes one segment. */
#ifndef ATTUNE_WEB_ROUTE_H
#define ATTUNE_WEB_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/words.h"
#include "people/role.h"

struct request;

enum method { METHOD_GET, METHOD_POST };

/* Through which kind of connection the handler reads. */
enum reader {
  READER_NONE,   /* it reads no table */
  READER_DOOR,   /* the account tables, to find out who someone is: sign-in pages alone */
  READER_OWN,    /* the account tables, about the one who is signed in: pages of one's own account alone */
  READER_MASKED, /* the allow-list of the masked reader */
  READER_OPEN    /* everything */
};

/* What a request to the row may carry. A third, a stream that is handed on in pieces, comes with recordings. */
enum body {
  BODY_NONE,  /* nothing: a request with a body is refused (400) and its connection closed */
  BODY_FIELDS /* names and values, REQUEST_BODY_MAXIMUM bytes, whole in the arena before the handler runs */
};

typedef void handler(struct request *request);

struct route {
  bool site; /* at the root, not under a study */
  enum method method;
  const char *path;
  handler *handler;
  unsigned roles;
  enum reader reader;
  enum body body; /* none for GET, fields for POST */
  int menu;       /* its place in the menu of the roles that may open it, lowest first; 0: not in the menu */
  enum word label;
  bool proved;    /* asks for password or code when neither was given in the last minutes (sign_in_proved) */
  const char *purpose;
};

#define ROUTE_MUST(condition) (0 * sizeof(char[(condition) ? 1 : -1]))
#define ROUTE_ROW(site_, proved_, method_, path_, handler_, roles_, reader_, purpose_)                                 \
  .site = (site_), .proved = (proved_) + ROUTE_MUST(!(proved_) || !((roles_) & (ROLE_PUBLIC | ROLE_PATIENT))),         \
  .method = METHOD_##method_, .path = (path_), .handler = (handler_),                                                  \
  .roles = (unsigned)((roles_) + ROUTE_MUST((roles_) != 0) +                                                           \
                      ROUTE_MUST((reader_) != READER_OPEN || !((roles_) & ROLES_MASKED))),                             \
  .reader = (reader_), .body = METHOD_##method_ == METHOD_POST ? BODY_FIELDS : BODY_NONE, .purpose = (purpose_)
#define ROUTE(method, path, handler, roles, reader, purpose)                                                           \
  { ROUTE_ROW(false, false, method, path, handler, roles, reader, purpose) }
/* A page that stands in the menu, at this place and by this name. The first that somebody may open is where they begin. */
#define ROUTE_MENU(place, word, method, path, handler, roles, reader, purpose)                                         \
  { ROUTE_ROW(false, false, method, path, handler, roles, reader, purpose), .menu = (place), .label = (word) }
/* What is done in someone's name and cannot be taken back, or opens what is kept from them: links, roles, one's second factor,
 * exports, unmasking, signing. The gate asks for password or code again, and goes on with what was typed. */
#define ROUTE_PROVED(method, path, handler, roles, reader, purpose)                                                    \
  { ROUTE_ROW(false, true, method, path, handler, roles, reader, purpose) }
#define SITE(method, path, handler, roles, reader, purpose)                                                            \
  { ROUTE_ROW(true, false, method, path, handler, roles, reader, purpose) }

#define ROUTES(page)                                                                                                   \
  extern const struct route routes_##page[];                                                                           \
  const struct route routes_##page[]
#define ROUTES_END                                                                                                     \
  { .path = NULL }

extern const struct route *const assembled_routes[]; /* each page's rows; ends with NULL */
/* Every row in turn: begin with zeros; NULL after the last. */
struct route_walk {
  size_t page, row;
};
const struct route *route_next(struct route_walk *walk);

#define ROUTE_PARAMETERS 4
enum route_match { ROUTE_FOUND, ROUTE_NO_PATH, ROUTE_NO_METHOD };
/* Finds the row for a path ("/patients/P-7K3QX9M"); what ":name" took is copied into the arena, in order. */
enum route_match route_find(struct arena *arena, bool site, enum method method, const char *path,
                            const struct route **route, const char *parameters[ROUTE_PARAMETERS]);
/* The row for a path as it was asked, whole, whether or not there is such a study; NULL when there is none. */
const struct route *route_of(enum method method, const char *path);
/* Whether this path is of the site itself, not of a study. */
bool route_at_root(const char *path);
/* Whether a role has a page of its own: one that is not for everybody who signs in. */
bool route_serves(enum role role);
const char *reader_name(enum reader reader);
const char *body_name(enum body body);

#endif
