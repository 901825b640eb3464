/* pages.h: the handlers of the routes, one page_*.c each. */
#ifndef ATTUNE_WEB_PAGES_H
#define ATTUNE_WEB_PAGES_H

#include "web/route.h"

handler page_studies, page_front, page_leave, page_asset, page_favicon; /* page_front.c */

#endif
