/* person_page.h: what the pages about one person share: is there such a person for whoever asks, and
 * how a form ends that cannot be undone. */
#ifndef ATTUNE_WEB_PERSON_PAGE_H
#define ATTUNE_WEB_PERSON_PAGE_H

#include "web/request.h"

/* The person of the first parameter, when they are of the actor's site; else NULL, and the request says that there is no
 * such page. */
const struct person *person_page(struct request *request);
/* The end of a form that cannot be undone, and of its page: the button that does it, and the way back to the list. */
void person_page_end(struct request *request, enum word does);

#endif
