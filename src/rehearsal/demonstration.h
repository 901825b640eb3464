/* demonstration.h: a study in mid-flight with simulated people, made through the same verbs that people use.
 *
 * Therapists enrol, consent, are allocated (where the study has arms), bring patients; sessions are held, rated by
 * both, with tensions and repairs of known truth, missing answers and people who leave. Nothing here writes a table.
 * The same seed gives the same world; with `swap_arms` the arms are exchanged and nothing else: people, ratings,
 * missingness, times and codes come from streams of their own (attune/stats_random.h), never from one shared stream. */
#ifndef ATTUNE_REHEARSAL_DEMONSTRATION_H
#define ATTUNE_REHEARSAL_DEMONSTRATION_H

#include "trial/home.h"
#include "trial/occasion.h"

#define DEMONSTRATION_ROLES 12
#define DEMONSTRATION_FORMS 60 /* open ones that are told of, at most */

struct demonstration_plan {
  struct home *home;    /* fresh, opened with clock_fixed(now_ms) */
  int64_t *now_ms;      /* the home's clock: moved along, at `until_ms` in the end */
  int64_t until_ms;     /* the moment at which the demonstration stands */
  uint64_t seed;
  int therapists, patients_each; /* 0: as many as make the study look half-way */
  bool swap_arms;
  void (*progress)(void *state, int done, int all);
  void *progress_state;
};

struct demonstration {
  /* One account a role, "therapist-control" for a therapist in another arm; names as `sign_in` of the contract. */
  size_t account_count;
  struct demonstration_account {
    char name[24], code[CODE_BYTES];
  } accounts[DEMONSTRATION_ROLES + 2]; /* the two therapists that visitors are shown come last */
  int64_t tensions, repairs; /* true ones, of the patients simulated */
};

enum err demonstration_make(const struct demonstration_plan *plan, struct demonstration *made, struct error *error);

/* An open form of a patient, for the address list: those due last first. Where nobody is allocated to an arm, the patients
 * of the therapist shown come before all, so that whoever answers one sees the therapist's page change. (With arms the order
 * must not depend on them.) */
struct demonstration_form {
  char occasion[CODE_BYTES], respondent[CODE_BYTES], form[64], token[LINK_TOKEN_BYTES];
};
enum err demonstration_forms(struct home *home, const struct demonstration *made, struct arena *arena, int64_t now_ms, struct demonstration_form **forms,
                             size_t *count, struct error *error);

#endif
