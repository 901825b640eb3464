/* enrol.h: people come into the trial and leave it. Codes are random with a check character (base/crypto.h);
 * names and addresses are sealed; a duplicate is found by a keyed hash. */
#ifndef ATTUNE_TRIAL_ENROL_H
#define ATTUNE_TRIAL_ENROL_H

#include "people/account.h"
#include "trial/home.h"

/* Who acts: the account's code (or "cli", "demo", a person's own code) and where it may act. */
struct actor {
  const char *code;
  unsigned roles;
  const char *site;   /* "" all sites */
  const char *person; /* of a therapist's account */
};

/* A therapist or a patient, as the tables have it. */
struct person {
  char code[CODE_BYTES], kind[16], site[40], therapist[CODE_BYTES], language[8];
  int64_t enrolled_ms, withdrawn_ms; /* withdrawn_ms 0: taking part */
};
enum err person_read(struct db *db, const char *code, struct person *person, struct error *error);
/* May the actor, in one of these roles, act for this person? A therapist: self and own patients; others: at their site. */
bool actor_may(const struct actor *by, unsigned roles, const struct person *person);
/* Both at once: "no-such-person" alike when there is none and when it is not for this actor. */
enum err actor_person(struct db *db, const struct actor *by, unsigned roles, const char *code, struct person *person,
                      struct error *error);

struct enrol {
  struct home *home;
  const struct actor *by;
  const char *kind; /* "therapist" or "patient" */
  const char *site, *therapist, *language; /* therapist: of a patient, "" otherwise */
  const char *name, *address;              /* sealed; "" allowed */
  const char *external;                    /* the name in another system, by which an import finds a person; or NULL */
  const char *purpose;                     /* what tells this person's code apart under --frozen; NULL uses the address */
  char code[CODE_BYTES];                   /* out */
};
/* "duplicate-person" (same address), "no-such-site", "no-such-therapist", "therapist-withdrawn". */
verb person_enrol;

struct screen {
  struct home *home;
  const struct actor *by;
  const char *person;
  const char *const *criteria; /* names from the study */
  const int *met;
  size_t count;
};
verb person_screen;

struct consent {
  struct home *home;
  const struct actor *by;
  const char *person, *version;
};
verb person_consent;

struct withdraw {
  struct home *home;
  const struct actor *by;
  const char *person, *reason;
};
/* Open forms close with it; answers given stay. "withdrawn-already". */
verb person_withdraw;

/* Releases the arm of one therapist. The methods that choose it come with src/allocation/; here the entry exists. */
struct release {
  struct home *home;
  const struct actor *by;
  const char *person, *arm;
  int64_t wave, slot;
};
verb allocation_release;

enum err enrol_apply_person(struct db *db, const struct entry *entry, const json_t *body, struct error *error);
enum err enrol_apply_screening(struct db *db, const struct entry *entry, const json_t *body, struct error *error);
enum err enrol_apply_consent(struct db *db, const struct entry *entry, const json_t *body, struct error *error);
enum err enrol_apply_withdrawal(struct db *db, const struct entry *entry, const json_t *body, struct error *error);
enum err enrol_apply_release(struct db *db, const struct entry *entry, const json_t *body, struct error *error);

#endif
