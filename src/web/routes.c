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

    /* a form, opened from a link by whoever holds it; its address does not name the study */
    SITE(GET, "/f/:token", page_form, ROLE_PATIENT, READER_MASKED, "a questionnaire"),
    SITE(POST, "/f/:token", page_form_send, ROLE_PATIENT, READER_MASKED, "send it, or keep it for later"),
    SITE(POST, "/f/:token/draft", page_form_draft, ROLE_PATIENT, READER_MASKED, "keep what was filled in so far"),

    /* for anyone */
    ROUTE(GET, "/record", page_record, ROLE_PUBLIC, READER_MASKED, "the study's public record"),
    ROUTE(GET, "/help", page_help, ROLE_PUBLIC, READER_NONE, "what the pages mean"),

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
    ROUTE(GET, "/account", page_own, ROLES_STAFF, READER_NONE, "one's own account"),
    ROUTE(POST, "/account", page_own_password, ROLES_STAFF, READER_OWN, "set one's password"),
    ROUTE(GET, "/account/authenticator", page_authenticator, ROLES_STAFF, READER_OWN, "a second factor on offer"),
    ROUTE(POST, "/account/authenticator", page_authenticator_set, ROLES_STAFF, READER_OWN, "confirm it by a code"),
    ROUTE(POST, "/account/authenticator/remove", page_authenticator_remove, ROLES_STAFF, READER_OWN,
          "take one's second factor away"),

    /* therapists, trainers */
    ROUTE(GET, "/caseload", page_caseload, ROLE_THERAPIST, READER_OPEN, "a therapist's list"),
    ROUTE(GET, "/forms/:occasion", page_task, ROLE_THERAPIST, READER_OPEN, "a therapist's own questionnaire"),
    ROUTE(POST, "/forms/:occasion", page_task_send, ROLE_THERAPIST, READER_OPEN, "send it, or keep it for later"),
    ROUTE(POST, "/forms/:occasion/draft", page_task_draft, ROLE_THERAPIST, READER_OPEN,
          "keep what was filled in so far"),
    ROUTE(GET, "/flagged", page_flagged, ROLE_TRAINER, READER_OPEN, "flagged courses of trained therapists"),
    ROUTE(GET, "/patients/:code", page_course, ROLE_THERAPIST | ROLE_TRAINER, READER_OPEN, "one patient's course"),
    ROUTE(POST, "/patients/:code/notes", page_course_note, ROLE_THERAPIST | ROLE_TRAINER, READER_OPEN, "write a note"),

    /* coordinators, site assistants */
    ROUTE(GET, "/overview", page_overview, ROLE_COORDINATOR | ROLE_ASSISTANT, READER_MASKED, "the study at a glance"),
    ROUTE(POST, "/overview/remind", page_remind, ROLE_COORDINATOR | ROLE_ASSISTANT, READER_MASKED, "send a reminder"),
    ROUTE(GET, "/people", page_people, ROLE_COORDINATOR | ROLE_ASSISTANT, READER_MASKED, "who is in the study"),
    ROUTE(GET, "/enrol", page_enrol, ROLE_COORDINATOR | ROLE_ASSISTANT, READER_MASKED, "enrol someone"),
    ROUTE(POST, "/enrol", page_enrol_try, ROLE_COORDINATOR | ROLE_ASSISTANT, READER_MASKED, "enrol someone"),
    ROUTE(GET, "/people/:code/withdraw", page_withdraw, ROLE_COORDINATOR | ROLE_ASSISTANT, READER_MASKED,
          "a withdrawal"),
    ROUTE(POST, "/people/:code/withdraw", page_withdraw_try, ROLE_COORDINATOR | ROLE_ASSISTANT, READER_MASKED,
          "record a withdrawal"),
    ROUTE(GET, "/session", page_session, ROLE_COORDINATOR | ROLE_ASSISTANT | ROLE_THERAPIST, READER_MASKED,
          "record a session"),
    ROUTE(POST, "/session", page_session_try, ROLE_COORDINATOR | ROLE_ASSISTANT | ROLE_THERAPIST, READER_MASKED,
          "record a session"),

    /* those who watch and keep it */
    ROUTE(GET, "/log", page_log, ROLE_MONITOR | ROLE_ANALYST | ROLE_ADMINISTRATOR, READER_MASKED, "the log"),
    ROUTE(GET, "/administration", page_administration, ROLE_ADMINISTRATOR, READER_OPEN, "accounts, versions, mail"),
    ROUTE(GET, "/accounts", page_account_new, ROLE_ADMINISTRATOR, READER_OPEN, "a new account"),
    ROUTE(POST, "/accounts", page_account_create, ROLE_ADMINISTRATOR, READER_OPEN, "open a new account"),
    ROUTE(GET, "/accounts/:code", page_account, ROLE_ADMINISTRATOR, READER_OPEN, "one account"),
    ROUTE(POST, "/accounts/:code", page_account_change, ROLE_ADMINISTRATOR, READER_OPEN, "change its roles and access"),
    ROUTE(POST, "/accounts/:code/link", page_account_link, ROLE_ADMINISTRATOR, READER_OPEN,
          "make a one-time sign-in link"),
};

const size_t route_count = sizeof routes / sizeof *routes;
