/* ask.h: what one administrator may not do alone. A sign-in link is a key to somebody's account, and a role may open what
 * its holder must not see; so, where an account may meet an arm or an identity (ROLES_GUARDED), an administrator asks, which
 * is an entry "account.ask" that the masked log shows, and a second administrator confirms or refuses ("account.confirm",
 * "account.refuse"). Whoever runs the machine (`attune user`) needs no second one: in a fresh home with one administrator
 * that is the way. */
#ifndef ATTUNE_PEOPLE_ASK_H
#define ATTUNE_PEOPLE_ASK_H

#include "people/account.h"

#define ASK_VALID_MS (7 * DAY_MS)
#define ASK_LINK "link"
#define ASK_ROLES "roles"

struct ask {
  char account[CODE_BYTES], what[8], by[ACTOR_BYTES];
  unsigned roles; /* all that the account is to have; 0 for a link */
  int64_t time_ms;
};
/* All that wait, by account and what; those that are too old are left out. In the arena. */
enum err ask_list(struct db *db, struct arena *arena, int64_t now_ms, struct ask **asks, size_t *count, struct error *error);
/* *there false when none waits. */
enum err ask_find(struct db *db, const char *account, const char *what, int64_t now_ms, struct ask *ask, bool *there,
                  struct error *error);

/* Inside a verb: appends the question as its entry, with what else is done at once in `rest` (stolen; NULL: nothing). ERR_STATE
 * "ask-waits" when another administrator has asked for the same: that one is to be answered. */
enum err ask_append(struct txn *txn, const char *by, const char *account, const char *what, unsigned roles, json_t *rest,
                    struct error *error);

#endif
