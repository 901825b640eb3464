/* candidate.h: what holds of somebody before they are enrolled: is this person there already, which code is free, and
 * the sealed identity. Names and addresses are sealed; a duplicate is found by a keyed hash. */
#ifndef ATTUNE_TRIAL_CANDIDATE_H
#define ATTUNE_TRIAL_CANDIDATE_H

#include "trial/person.h"

/* What is asked of a person's identity: the fields that the study names, in its order. */
struct identity {
  const char *const *values; /* as typed, "" where nothing was; one a field */
  size_t count;
};
/* The fields that the study keeps of this kind of person. */
const struct study_identity_field *identity_fields(const struct study *study, enum person_kind kind, size_t *count);
/* Does what was typed fit them? The error's field is the study's name of it: "identity-count", "identity-missing",
 * "encoding", "too-long", "address-wrong", "phone-wrong". */
enum err candidate_identity_fits(const struct study *study, enum person_kind kind, const struct identity *identity,
                                 struct error *error);
/* An identity of which a name and an e-mail address alone are known: in the first field of each kind. */
struct identity identity_named(struct arena *arena, const struct study *study, enum person_kind kind, const char *name,
                               const char *email);
/* The value of the first field of this kind ("email", "phone") that was filled in, or "". */
const char *identity_of_kind(const struct study *study, enum person_kind kind, const struct identity *identity,
                             const char *field_kind);
/* "duplicate-person" when someone with this keyed hash (keys_lookup()) takes part already; "" is nobody's. */
enum err candidate_new(struct txn *txn, const char *lookup, struct error *error);
/* A code that nobody has: drawn again in the (never seen) case that it is taken, or was before an erasure. */
enum err candidate_code(struct txn *txn, char prefix, const char *purpose, char out[CODE_BYTES], struct error *error);
/* The fields sealed under the home's identity key, as base64 in the job's arena: a JSON object of the study's names and
 * what was typed. (Bodies of before hold "name" and "address".) */
char *candidate_identity_seal(struct txn *txn, const struct study *study, enum person_kind kind,
                              const struct identity *identity, const char *code);

#endif
