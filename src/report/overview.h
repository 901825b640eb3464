/* overview.h: the study at a glance, for the coordinator: targets, recruitment, what is overdue, who is stuck.
 * Reads through the masked reader: nothing here depends on an arm. */
#ifndef ATTUNE_REPORT_OVERVIEW_H
#define ATTUNE_REPORT_OVERVIEW_H

#include "trial/home.h"
#include "trial/person.h"

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
  char occasion[CODE_BYTES], respondent[CODE_BYTES], patient[CODE_BYTES], name[64], site[40];
  enum person_kind rater;
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
enum err report_overview(struct db *masked, const struct home *home, struct arena *arena, const char *site,
                             int64_t now_ms, struct overview *overview, struct error *error);

#endif
