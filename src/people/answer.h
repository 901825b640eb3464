/* answer.h: a second administrator confirms what one has asked for (ask.h), or either of them refuses it. */
#ifndef ATTUNE_PEOPLE_ANSWER_H
#define ATTUNE_PEOPLE_ANSWER_H

#include "people/sign_in.h"

/* Confirming does it: the roles are given, or the link is made and handed to whoever confirms, once. ERR_MISSING
 * "ask-missing": nothing of the kind waits. ERR_DENIED "ask-own": whoever asked does not confirm. What account_change and
 * sign_in_link_make refuse is refused here too. */
struct account_answer {
  const char *by, *account, *what; /* ASK_LINK, ASK_ROLES */
  bool confirm;
  int64_t valid_ms;                /* of a link */
  char token[SIGN_IN_TOKEN_BYTES]; /* out: of a link; else "" */
};
verb account_answer;

#endif
