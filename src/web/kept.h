/* kept.h: what someone typed and could not be taken yet: carried through a locked sign-in, or given back on the page
 * that says that the server could not take it.
 *
 * Only a post that the gate has found to come from one of our pages is kept (gate.h), and what is kept is shown before
 * it can be sent, so that nobody sends, under their own name, what another page typed for them. Passwords and codes of
 * an authenticator are never written into a page. */
#ifndef ATTUNE_WEB_KEPT_H
#define ATTUNE_WEB_KEPT_H

#include "web/request.h"

/* Through the lock: hidden fields "keep.NAME" in the form of the page that asks for the password; whatever came as such
 * is carried on. `fresh` false: nothing else is. */
void kept_carry(struct request *request, bool fresh);
/* The same, to be read: before it is sent on without another question. */
void kept_show(struct request *request, bool fresh);
/* Makes what came so the posted form itself. */
void kept_restore(struct request *request);
/* Whether anything came so. */
bool kept_came(const struct request *request);
/* After the lock: all of it, to be read, and in hidden fields of its own names; inside a form. */
void kept_give_back(struct request *request);

/* When the server could not take a post: the whole of it again in a form that sends it to the same address, to be read
 * first. Its form token is the one that came, so that what was not to be accepted then is not later. Nothing when there
 * is nothing to keep, or a secret among it. */
void kept_again(struct request *request);

#endif
