/* told.h: one entry for the same thing in five minutes. Refusals and looks at personal data are entries, and someone who
 * loads a page ten times must not fill the ledger: the first is written and waits for the disk like any entry, what is the
 * same within five minutes writes nothing. A row that lies in the future (a clock was wrong) counts for nothing. */
#ifndef ATTUNE_PEOPLE_TOLD_H
#define ATTUNE_PEOPLE_TOLD_H

#include "ledger/ledger.h"

#define TOLD_MS (5 * MINUTE_MS)

/* What is the same: the kind of entry, by whom, about whom, what of them, in which sign-in ("" where none). */
struct told {
  const char *kind, *actor, *subject, *what, *sign_in;
};
/* By the writer, the open, the account or the contact reader. */
enum err told_lately(struct db *db, const struct told *told, int64_t now_ms, bool *lately, struct error *error);
/* Inside a verb: appends the entry, unless the same was told lately. Steals `body`. */
enum err told_append(struct txn *txn, const struct told *told, json_t *body, struct error *error);

#endif
