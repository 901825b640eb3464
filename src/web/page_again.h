/* page_again.h: who someone is, asked again: after a lock, and before what must be proved (ROUTE_PROVED). */
#ifndef ATTUNE_WEB_PAGE_AGAIN_H
#define ATTUNE_WEB_PAGE_AGAIN_H

#include "web/request.h"

/* For a page that asks for a sign-in which is not there, is half done, or is locked: to the right step, and back. What
 * was posted while locked is carried along, shown after the password, and then sent. */
void page_again_closed(struct request *request);
/* For a page whose proof is too old: asks for password or code, shows what was typed, and goes on with it. */
void page_again_prove(struct request *request);

#endif
