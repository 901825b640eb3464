/* routes.c: every address, who may open it, and through which reader it reads (route.h). */
#include "web/route.h"

#include "web/page_door.h"
#include "web/pages.h"

const struct route routes[] = {
    /* the whole site */
    SITE(GET, "/", page_studies, ROLE_PUBLIC, READER_NONE, "the studies of this server"),
    SITE(GET, "/leave", page_leave, ROLE_PUBLIC, READER_NONE, "quick exit: an empty page"),
    SITE(GET, "/assets/:name", page_asset, ROLE_PUBLIC, READER_NONE, "style, script, icons"),
    SITE(GET, "/favicon.ico", page_favicon, ROLE_PUBLIC, READER_NONE, "the icon"),

    /* the door */
    ROUTE(GET, "/", page_front, ROLE_PUBLIC, READER_NONE, "to the page on which this person begins"),
    ROUTE(GET, "/sign-in", page_sign_in, ROLE_PUBLIC, READER_DOOR, "name and password"),
    ROUTE(POST, "/sign-in", page_sign_in_try, ROLE_PUBLIC, READER_DOOR, "try name and password"),
    ROUTE(GET, "/sign-in/code", page_code, ROLE_PUBLIC, READER_DOOR, "the authenticator's code"),
    ROUTE(POST, "/sign-in/code", page_code_try, ROLE_PUBLIC, READER_DOOR, "try the code"),
    ROUTE(GET, "/sign-in/link/:token", page_link, ROLE_PUBLIC, READER_DOOR, "a one-time link: shows a button"),
    ROUTE(POST, "/sign-in/link/:token", page_link_use, ROLE_PUBLIC, READER_DOOR, "use a one-time link"),
    ROUTE(POST, "/sign-out", page_sign_out, ROLES_STAFF, READER_DOOR, "end the sign-in"),
    ROUTE(GET, "/unlock", page_unlock, ROLES_STAFF, READER_DOOR, "locked: the password again"),
    ROUTE(POST, "/unlock", page_unlock_try, ROLES_STAFF, READER_DOOR, "unlock and go on"),
};

const size_t route_count = sizeof routes / sizeof *routes;
