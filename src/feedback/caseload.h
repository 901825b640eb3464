/* caseload.h: a therapist's list (tasks, and own patients as far as the study shows them), and a trainer's list of flagged
 * courses. The database orders and cuts them into pages (cache_course), so that a page costs what it shows. */
#ifndef ATTUNE_FEEDBACK_CASELOAD_H
#define ATTUNE_FEEDBACK_CASELOAD_H

#include "feedback/course.h"

#define CASELOAD_ROWS 50 /* of patients on a page */
#define CASELOAD_TASKS 30

struct task {
  char occasion[CODE_BYTES], patient[CODE_BYTES], name[64], site[40];
  int64_t session_number, due_ms, closes_ms;
  bool overdue;
};
struct caseload {
  bool feedback;        /* any row shown (its sight is not SIGHT_NOTHING) */
  size_t task_count;
  int64_t task_total;   /* task_count of them stand in `tasks` */
  struct task *tasks;   /* the therapist's own open forms, soonest due first */
  int64_t total;        /* patients on all pages */
  int64_t page, pages;  /* from 1 */
  size_t count;
  struct course *rows;  /* without notes; with feedback: most urgent first; without: by code */
};
/* Tasks and patients of the therapist whom the viewer's account belongs to. A page beyond the last is the last. */
enum err feedback_caseload(const struct viewing *viewing, int64_t now_ms, int64_t page, struct caseload *caseload, struct error *error);
/* The flagged patients of the therapists whom the viewer trains. */
enum err feedback_flagged(const struct viewing *viewing, int64_t page, struct caseload *caseload, struct error *error);

#endif
