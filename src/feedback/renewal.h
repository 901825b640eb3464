/* renewal.h: keeps what the ratings say up to date in the cache_ tables: with each entry that bears on a course, in its
 * savepoint (FOLLOW rows at the end of renewal.c); and all of it again after another estimate, a restored backup or
 * another version of the program. cache_detection holds the judgement of each session, cache_course how urgent the course
 * is, by which lists are ordered. */
#ifndef ATTUNE_FEEDBACK_RENEWAL_H
#define ATTUNE_FEEDBACK_RENEWAL_H

#include "feedback/detection.h"

/* Keeps the estimate, and judges again each course of which what is kept no longer holds, a job each. Without a ledger
 * (STORE_LOOK) it does nothing. Not in the writer. */
enum err feedback_renew(struct detector *detector, struct error *error);
/* detector_learn(), then all courses by what was learnt. */
enum err feedback_learn(struct detector *detector, struct error *error);

#endif
