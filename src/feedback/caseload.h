/* caseload.h: a therapist's page, a trainer's page: tasks, and patients as far as the viewer may see them. */
#ifndef ATTUNE_FEEDBACK_CASELOAD_H
#define ATTUNE_FEEDBACK_CASELOAD_H

#include "feedback/course.h"

struct task {
  char occasion[CODE_BYTES], patient[CODE_BYTES], name[64];
  int64_t session_number, due_ms, closes_ms;
  bool overdue;
};
struct caseload_row {
  char patient[CODE_BYTES], therapist[CODE_BYTES];
  int64_t sessions, sessions_planned, last_day;
  bool withdrawn;
  bool shown;           /* feedback may be shown: `course` is filled */
  struct course course; /* without notes */
};
struct caseload {
  bool feedback;        /* any row shown */
  size_t task_count;
  struct task *tasks;   /* the therapist's own open forms, soonest due first */
  size_t count;
  struct caseload_row *rows; /* with feedback: most urgent first; without: by code */
};
/* A therapist's own patients, or (trainer) the flagged patients of the trained therapists. */
enum err feedback_caseload(struct db *open, struct detector *detector, struct arena *arena, const struct actor *viewer,
                           int64_t now_ms, struct caseload *caseload, struct error *error);

#endif
