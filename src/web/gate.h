/* gate.h: what every request passes before its handler, in this order:
 *   1. the study and the route (404, 405);
 *   2. who: the sign-in behind the cookie, its lock and second step; the language;
 *   3. the roles of the route (no sign-in: to the sign-in page and back; another role: 403);
 *   4. a post must come from one of our own pages: Sec-Fetch-Site and Origin, and the token in the form, compared in
 *      constant time (that of the sign-in; before there is one, the cookie's own; a form's link is its own token);
 *   5. the reader: the kind of connection that the route names, and never the open one for a masked role. */
#ifndef ATTUNE_WEB_GATE_H
#define ATTUNE_WEB_GATE_H

#include "web/request.h"

void gate_enter(struct request *request);
void gate_resume(struct request *request);
/* Chooses the language; called by gate_enter(), and for a request that is refused before it gets there. */
void gate_language(struct request *request);

/* The token of the sign-in pages' forms, before anyone is signed in: makes the cookie if there is none. */
const char *gate_door_token(struct request *request);

#endif
