/* kinds.h: every kind of entry of the program, and what follows on them. The build assembles both lists
 * (tools/assemble.sh) from the KIND() and FOLLOW() rows at the end of each activity's file. Names are for good; a kind is
 * never removed. Both lists end with NULL. */
#ifndef ATTUNE_TRIAL_KINDS_H
#define ATTUNE_TRIAL_KINDS_H

#include "ledger/ledger.h"

extern const struct entry_kind *const assembled_kinds[];
extern const struct entry_follow *const assembled_follows[];

#endif
