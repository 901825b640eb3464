/* person.h: a therapist or a patient as the tables have it, and who may act for them. Codes are random with a check
 * character (base/crypto.h). */
#ifndef ATTUNE_TRIAL_PERSON_H
#define ATTUNE_TRIAL_PERSON_H

#include "people/account.h"
#include "people/role.h"
#include "study/study.h"

/* Who acts: the account's code (or "cli", "demo", a person's own code) and where it may act. */
struct actor {
  const char *code;
  unsigned roles;
  const char *site;   /* "" all sites */
  const char *person; /* of a therapist's account */
};

struct person {
  char code[CODE_BYTES], site[40], therapist[CODE_BYTES], language[8];
  enum person_kind kind;
  int64_t enrolled_ms, withdrawn_ms; /* withdrawn_ms 0: taking part */
};
enum err person_read(struct db *db, const char *code, struct person *person, struct error *error);
/* Is there a person of this kind who is taking part? ERR_MISSING with `id`, or "person-withdrawn". */
enum err person_active(struct db *db, const char *code, enum person_kind kind, const char *id, struct error *error);
/* The person, when the actor may act for them in one of these roles. A therapist: self and own patients; others: at their
 * site. "no-such-person" alike when there is none and when it is not for this actor. */
enum err actor_person(struct db *db, const struct actor *by, unsigned roles, const char *code, struct person *person,
                      struct error *error);

/* Who brings people in and takes them out. */
#define ROLES_ENROLLING (ROLE_COORDINATOR | ROLE_ASSISTANT)

/* A text that a person typed: valid UTF-8 without control characters ("encoding"), at most `longest` characters
 * ("too-long"). */
enum err text_fits(const char *field, const char *text, size_t longest, struct error *error);
#define LONGEST_REASON 500

#endif
