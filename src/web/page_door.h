/* page_door.h: what the pages of coming in and staying in share. */
#ifndef ATTUNE_WEB_PAGE_DOOR_H
#define ATTUNE_WEB_PAGE_DOOR_H

#include "web/request.h"

/* Where the person wanted to go: an address of this study, or its front. */
const char *door_way_back(const struct request *request);
/* Opens a page outside of the staff's frame. */
void door_open_page(struct request *request, enum word title, enum word lead);
/* A code as typed, without blanks. */
const char *door_digits(const struct request *request, const char *typed);

#endif
