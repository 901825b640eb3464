/* administration.h: what an administrator sees of the study beside its accounts; no names, arms or outcomes. */
#ifndef ATTUNE_REPORT_ADMINISTRATION_H
#define ATTUNE_REPORT_ADMINISTRATION_H

#include "store/store.h"

struct version_row {
  int64_t version, time_ms;
  const char *approval, *approval_date, *hash;
};
/* The study's versions, newest first; by any reader that sees study_version. */
enum err report_versions(struct db *db, struct arena *arena, struct version_row **rows, size_t *count, struct error *error);

struct mail_counts {
  int64_t waiting, sent, bounced;
};
enum err report_mail(struct db *open, struct mail_counts *mail, struct error *error);

/* The last refusals, newest first: at the door (a wrong password or code) or at a page. At most REFUSED_ROWS, of the last
 * REFUSED_ENTRIES entries of the ledger. */
#define REFUSED_ROWS 20
#define REFUSED_ENTRIES 5000
struct refused_row {
  int64_t time_ms;
  const char *account; /* "" when the name was nobody's */
  bool at_door;
};
enum err report_refusals(struct db *open, struct arena *arena, struct refused_row **rows, size_t *count, struct error *error);

#endif
