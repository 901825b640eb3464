/* erasures.h (inside): what surrounds the commit of an erasure: the lines in HOME/erasures, and that
 * nothing of what was erased is left in the database's files. */
#ifndef ATTUNE_LEDGER_ERASURES_H
#define ATTUNE_LEDGER_ERASURES_H

#include "base/json.h"
#include "store/store.h"

struct erasures {
  const char *home; /* "" in memory: then there is no list */
  struct db *db;    /* the writer's */
  json_t *batch;    /* codes erased in the batch in hand */
  json_t *left;     /* codes whose traces are still in the files */
  bool rewrite;     /* the file has to be written anew; false: only the journal is left to empty */
};

void erasures_open(struct erasures *erasures, const char *home, struct db *db);
void erasures_close(struct erasures *erasures);

/* Before COMMIT: the batch's codes are asked for. An error must keep the batch from committing. */
enum err erasures_ask(struct erasures *erasures, int64_t now_ms, struct error *error);
/* After it: the erasures are made, and forgotten; or the batch failed: then its lines stay open, since nobody may know
 * whether a server that was lost took it. What cannot be written now, the next opening finds out. */
void erasures_settle(struct erasures *erasures, bool committed, int64_t now_ms);
/* Tries again where a reader held an older state of the database. Returns whether something is left. */
bool erasures_forget(struct erasures *erasures, int64_t now_ms);
/* At the opening: the list is made to agree with the keys that are destroyed, and what a process left behind is
 * forgotten. */
enum err erasures_reconcile(struct erasures *erasures, int64_t now_ms, struct error *error);

#endif
