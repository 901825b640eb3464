/* role.h: who comes to the trial. A set of roles is a bit mask; an account may hold several, a page asks for one. */
#ifndef ATTUNE_PEOPLE_ROLE_H
#define ATTUNE_PEOPLE_ROLE_H

#include <stdbool.h>

enum role {
  ROLE_PUBLIC = 1 << 0,  /* anyone, without sign-in */
  ROLE_PATIENT = 1 << 1, /* holds a form's link; never an account */
  ROLE_THERAPIST = 1 << 2,
  ROLE_COORDINATOR = 1 << 3,
  ROLE_ASSISTANT = 1 << 4, /* site assistant */
  ROLE_TRAINER = 1 << 5,
  ROLE_RATER = 1 << 6,
  ROLE_INTERVIEWER = 1 << 7,
  ROLE_ANALYST = 1 << 8,
  ROLE_MONITOR = 1 << 9,
  ROLE_ALLOCATOR = 1 << 10,
  ROLE_ADMINISTRATOR = 1 << 11
};
#define ROLE_COUNT 12

/* Roles that must never learn an arm: their pages read through the masked reader. (The coordinator's and the
 * administrator's pages do so too, because they need no arm; but those people may meet one elsewhere.) */
#define ROLES_MASKED (ROLE_PUBLIC | ROLE_PATIENT | ROLE_ASSISTANT | ROLE_RATER | ROLE_ANALYST | ROLE_MONITOR)
/* Roles that sign in to an account. */
#define ROLES_STAFF (((1 << ROLE_COUNT) - 1) & ~(ROLE_PUBLIC | ROLE_PATIENT))

/* Roles whose holders may meet an arm or an identity. Nobody gets into such an account, or gets such a role, by one
 * administrator alone (ask.h), and in a real home they sign in with a second factor. */
#define ROLES_GUARDED (ROLES_STAFF & ~(ROLE_RATER | ROLE_ANALYST | ROLE_MONITOR))

/* No account holds a masked role beside one whose holders may meet an arm: the gate asks for a page's role, but the person
 * behind it is one. False when a set holds such a pair; *masked and *meets then name it. */
bool roles_apart(unsigned roles, enum role *masked, enum role *meets);

const char *role_name(enum role role);      /* "therapist": as in the study file, on the command line and in JSON */
enum role role_from_name(const char *name); /* 0 when there is none */

#endif
