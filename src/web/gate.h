/* gate.h: what every request passes before its handler, in this order:
 *   1. the study and the route (404, 405);
 *   2. who: the sign-in behind the cookie, its lock and second step; the language. When that cannot be told because the
 *      database is lost: 503, with what was typed;
 *   3. a post must come from one of our own pages (Sec-Fetch-Site and Origin), also to a locked sign-in, which keeps
 *      what was typed;
 *   4. the roles of the route (no sign-in: to the sign-in page and back; another role: 403);
 *   5. the reader: the kind of connection that the route names, and never the open one for a masked role;
 *   6. the token in the posted form, compared in constant time (that of the sign-in; before there is one, the cookie's
 *      own; a form's link is its own token);
 *   7. a proof, where the row asks for one: password or code, given in the last minutes.
 * Who is signed in and is refused for a role has an entry of it (people/refusal.h). */
#ifndef ATTUNE_WEB_GATE_H
#define ATTUNE_WEB_GATE_H

#include "web/request.h"

void gate_enter(struct request *request);
void gate_resume(struct request *request);
/* Chooses the language; called by gate_enter(), and for a request that is refused before it gets there. */
void gate_language(struct request *request);

/* After a proof, with the posted form in place: what a form posted to this path of the study would have done. The roles, the
 * reader and the second factor are asked for again. */
void gate_go_on(struct request *request, const char *path);
/* Gives the seat back. */
void gate_leave(struct request *request);
/* By what the browser says of where a post comes from. */
bool gate_from_own_page(const struct request *request);

/* The token of the sign-in pages' forms, before anyone is signed in: makes the cookie if there is none. */
const char *gate_door_token(struct request *request);

#endif
