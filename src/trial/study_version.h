/* study_version.h: a version of the study as an entry: the first one, and each amendment. */
#ifndef ATTUNE_TRIAL_STUDY_VERSION_H
#define ATTUNE_TRIAL_STUDY_VERSION_H

#include "ledger/ledger.h"
#include "study/study.h"

struct study_set {
  const struct study *study;
  const char *by, *approval, *approval_date;
  int64_t version;
};

/* Inside a verb: the one entry that makes it the current version. Checks nothing. */
enum err study_version_append(struct txn *txn, const struct study_set *set, struct error *error);
/* The same as a verb of its own; its input is a struct study_set. For a fresh home. */
verb study_version_first;

#endif
