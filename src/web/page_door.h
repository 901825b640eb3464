/* page_door.h: coming in, staying in, going out. */
#ifndef ATTUNE_WEB_PAGE_DOOR_H
#define ATTUNE_WEB_PAGE_DOOR_H

#include "web/request.h"

/* For a page that asks for a sign-in which is not there, is half done, or is locked: to the right step, and back. What
 * was posted while locked is kept on the page and sent after the password. */
void page_door_closed(struct request *request);

#endif
