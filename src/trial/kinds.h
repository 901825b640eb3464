/* kinds.h: every kind of entry, in one table (kinds.c): its name, whether masked roles see it in their log, and the
 * function that applies it. The names are for good; a kind is never removed. */
#ifndef ATTUNE_TRIAL_KINDS_H
#define ATTUNE_TRIAL_KINDS_H

#include "ledger/ledger.h"

extern const struct entry_kind trial_kinds[]; /* ends with a row without a name */

#endif
