/* pages.h: the handlers of the routes, one page_*.c each. */
#ifndef ATTUNE_WEB_PAGES_H
#define ATTUNE_WEB_PAGES_H

#include "web/route.h"

handler page_studies, page_front, page_leave, page_asset, page_favicon;                         /* page_front.c */
handler page_record;                                                                            /* page_record.c */
handler page_help;                                                                              /* page_help.c */
handler page_form, page_form_send, page_form_draft, page_task, page_task_send, page_task_draft; /* page_form.c */
handler page_caseload, page_flagged;                                                            /* page_caseload.c */
handler page_course, page_course_note;                                                          /* page_course.c */
handler page_overview, page_remind;                                                             /* page_overview.c */
handler page_people, page_enrol, page_enrol_try, page_session, page_session_try, page_withdraw, page_withdraw_try;
handler page_log; /* page_log.c */
/* page_administration.c */
handler page_administration, page_account_new, page_account_create, page_account, page_account_change,
    page_account_link;
/* page_own.c */
handler page_own, page_own_password, page_authenticator, page_authenticator_set, page_authenticator_remove;

#endif
