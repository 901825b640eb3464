/* monitoring.h: the study at a glance, for the coordinator: targets, recruitment, what is overdue, who is stuck.
 * Reads through the masked reader: nothing here depends on an arm. */
#ifndef ATTUNE_TRIAL_MONITORING_H
#define ATTUNE_TRIAL_MONITORING_H

#include "trial/visit.h"

struct progress {
  int64_t target, reached, withdrawn;
  int64_t projected_day; /* when the target is reached at the pace of the last eight weeks; -1 when it cannot be told */
};
struct week {
  int64_t first_day;
  int64_t therapists, patients; /* enrolled in that week */
  int64_t planned_patients;     /* by the study's plan, -1 without one */
};
struct site_row {
  const char *site;
  int64_t therapists, patients, sessions;
  int64_t forms_due, forms_done; /* overdue now and still open; answered */
};
struct overdue {
  char occasion[CODE_BYTES], respondent[CODE_BYTES], patient[CODE_BYTES], name[64], rater[16];
  int64_t session_number, due_ms, closes_ms;
  int64_t reminded_ms; /* 0 never */
};
struct flow { /* two levels, without arms */
  int64_t therapists_enrolled, therapists_consented, therapists_withdrawn, therapists_active;
  int64_t patients_enrolled, patients_consented, patients_withdrawn, patients_complete, patients_active, erased;
};
struct overview {
  struct progress therapists, patients;
  size_t week_count, site_count, overdue_count, overdue_total;
  struct week *weeks;       /* oldest first, at most 26 */
  struct site_row *sites;   /* in the study's order */
  struct overdue *overdue;  /* longest overdue first, at most 50; overdue_total counts all */
  struct flow flow;
  int64_t forms_done, forms_open, forms_missed; /* submitted; open; closed unanswered */
};
enum err monitoring_overview(struct db *masked, const struct home *home, struct arena *arena, const char *site,
                             int64_t now_ms, struct overview *overview, struct error *error);

/* One click reminds: a new link serial and a message in the outbox, one entry. At most one a day a form:
 * "reminded-already". */
struct form_remind {
  struct home *home;
  const struct actor *by;
  const char *occasion;
};
verb form_remind;
enum err monitoring_apply_reminder(struct db *db, const struct entry *entry, const json_t *body, struct error *error);

/* ---- the log ---- */

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
enum err monitoring_log(struct db *masked, struct arena *arena, const struct log_filter *filter, struct log_row **rows,
                        size_t *count, struct error *error);

#endif
