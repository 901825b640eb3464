/* candidate.h: what holds of somebody before they are enrolled: is this person there already, which code is free, and
 * the sealed identity. Names and addresses are sealed; a duplicate is found by a keyed hash. */
#ifndef ATTUNE_TRIAL_CANDIDATE_H
#define ATTUNE_TRIAL_CANDIDATE_H

#include "trial/person.h"

#define LONGEST_NAME 200
#define LONGEST_ADDRESS 254 /* RFC 5321 */

/* Name and address as typed; "" allowed. "encoding", "too-long", "address-wrong". */
enum err candidate_identity_fits(const char *name, const char *address, struct error *error);
/* "duplicate-person" when someone with this keyed hash (keys_lookup()) takes part already; "" is nobody's. */
enum err candidate_new(struct txn *txn, const char *lookup, struct error *error);
/* A code that nobody has: drawn again in the (never seen) case that it is taken, or was before an erasure. */
enum err candidate_code(struct txn *txn, char prefix, const char *purpose, char out[CODE_BYTES], struct error *error);
/* Name and address sealed under the home's identity key, as base64 in the job's arena. */
char *candidate_identity_seal(struct txn *txn, const char *name, const char *address, const char *code);

#endif
