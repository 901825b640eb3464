/* log.h: the log that masked roles see, filtered. */
#ifndef ATTUNE_REPORT_LOG_H
#define ATTUNE_REPORT_LOG_H

#include "store/store.h"

struct log_filter {
  const char *actor, *kind, *about; /* NULL or "" for all */
  int64_t from_ms, until_ms;        /* 0 for open ends; until is exclusive */
  int64_t before;                   /* number below which to go on; 0 for the newest */
  int64_t limit;                    /* at most 200 */
};
struct log_row {
  int64_t number, time_ms;
  const char *actor, *kind, *about;
};
/* The log that masked roles see (audit_masked, its own numbers), newest first. */
enum err report_log(struct db *masked, struct arena *arena, const struct log_filter *filter, struct log_row **rows,
                        size_t *count, struct error *error);

#endif
