#include "feedback/caseload.h"

/* ---- pages ---- */

static void page_set(struct caseload *caseload, int64_t page) {
  caseload->pages = caseload->total ? (caseload->total + CASELOAD_ROWS - 1) / CASELOAD_ROWS : 1;
  caseload->page = page < 1 ? 1 : page > caseload->pages ? caseload->pages : page;
}

/* The patients of one page. */
struct codes {
  char code[CASELOAD_ROWS][CODE_BYTES];
  size_t count;
};

static void codes_take(struct rows *rows, struct codes *codes) {
  codes->count = 0;
  while (codes->count < CASELOAD_ROWS && rows_next(rows)) snprintf(codes->code[codes->count++], CODE_BYTES, "%s", rows_text(rows, 0));
}

static enum err rows_read(const struct viewing *viewing, const struct codes *codes, struct caseload *caseload, struct error *error) {
  enum err err = OK;
  caseload->rows = arena_array(viewing->arena, codes->count + 1, sizeof *caseload->rows);
  for (size_t i = 0; i < codes->count && !err; i++) {
    struct course *row = &caseload->rows[caseload->count];
    err = course_row(viewing, codes->code[i], row, error);
    if (err == ERR_MISSING) { /* not at the viewer's site */
      err = OK;
      continue;
    }
    caseload->feedback |= row->sight.level != SIGHT_NOTHING;
    caseload->count++;
  }
  return err;
}

/* ---- a therapist's ---- */

/* $2 is 1 where the courses are shown, else the order tells nothing of them: by code, who has left last. $3 is 1 where those
 * without an event are not shown: they stand after the others. */
static enum err own_codes(const struct viewing *viewing, struct sight sight, const struct caseload *caseload, struct codes *codes,
                          struct error *error) {
  struct rows rows;
  rows_open(&rows, viewing->open,
            "SELECT p.code FROM person p LEFT JOIN cache_course c ON c.patient = p.code WHERE p.therapist = $1 ORDER BY "
            "(1 - $2) * CASE WHEN p.withdrawn_ms = 0 THEN 0 ELSE 1 END "
            "+ $2 * (1 - $3) * coalesce(c.urgency, $6) + $2 * $3 * coalesce(c.flagged * c.urgency + (1 - c.flagged) * $6, $6), "
            "$2 * coalesce(c.last_day, -1) DESC, p.code LIMIT $4 OFFSET $5",
            ARGS(v_text(viewing->viewer->person), v_int(sight.level != SIGHT_NOTHING), v_int(sight.flagged_only), v_int(CASELOAD_ROWS),
                 v_int((caseload->page - 1) * CASELOAD_ROWS), v_int(COURSE_URGENCIES)));
  codes_take(&rows, codes);
  return rows_close(&rows, error);
}

static enum err own_tasks(const struct viewing *viewing, int64_t now_ms, struct caseload *caseload, struct error *error) {
#define OPEN_FORMS                                                                                                     \
  "FROM occasion o JOIN person p ON p.code = o.subject "                                                               \
  "WHERE o.respondent = $1 AND o.submitted_ms = 0 AND o.closes_ms > $2 AND p.withdrawn_ms = 0 "
  struct rows rows;
  const char *person = viewing->viewer->person;
  enum err err = db_int(viewing->open, error, &caseload->task_total, 0, "SELECT count(*) " OPEN_FORMS "ORDER BY 1",
                        ARGS(v_text(person), v_int(now_ms)));
  if (err) return err;
  caseload->tasks = arena_array(viewing->arena, CASELOAD_TASKS, sizeof *caseload->tasks);
  rows_open(&rows, viewing->open, "SELECT o.id, o.patient, o.name, o.session_number, o.due_ms, o.closes_ms, p.site " OPEN_FORMS
            "ORDER BY o.due_ms, o.id LIMIT $3",
            ARGS(v_text(person), v_int(now_ms), v_int(CASELOAD_TASKS)));
#undef OPEN_FORMS
  while (rows_next(&rows)) {
    struct task *task = &caseload->tasks[caseload->task_count++];
    *task = (struct task){.session_number = rows_int(&rows, 3), .due_ms = rows_int(&rows, 4), .closes_ms = rows_int(&rows, 5)};
    snprintf(task->occasion, sizeof task->occasion, "%s", rows_text(&rows, 0));
    snprintf(task->patient, sizeof task->patient, "%s", rows_text(&rows, 1));
    snprintf(task->name, sizeof task->name, "%s", rows_text(&rows, 2));
    snprintf(task->site, sizeof task->site, "%s", rows_text(&rows, 6));
    task->overdue = task->due_ms <= now_ms;
  }
  return rows_close(&rows, error);
}

enum err feedback_caseload(const struct viewing *viewing, int64_t now_ms, int64_t page, struct caseload *caseload, struct error *error) {
  const struct actor *viewer = viewing->viewer;
  struct codes codes;
  *caseload = (struct caseload){0};
  enum err err = own_tasks(viewing, now_ms, caseload, error);
  if (!err)
    err = db_int(viewing->open, error, &caseload->total, 0, "SELECT count(*) FROM person WHERE therapist = $1 ORDER BY 1",
                 ARGS(v_text(viewer->person)));
  if (err) return err;
  page_set(caseload, page);
  const struct study *study = home_study(detector_home(viewing->detector));
  struct sight sight = who_sees(viewing->open, study, viewing->arena, viewer, viewer->person);
  err = own_codes(viewing, sight, caseload, &codes, error);
  return err ? err : rows_read(viewing, &codes, caseload, error);
}

/* ---- a trainer's ---- */

#define ARMS_MOST 8

/* The names of the arms (among them "": in none) whose courses a trainer sees, padded with what is no arm's name. More
 * than eight arms are more than anybody has allocated therapists to; the ninth would be left out. */
static size_t arms_seen(const struct study *study, const char *arms[ARMS_MOST]) {
  size_t count = 0;
  for (int i = 0; i < ARMS_MOST; i++) arms[i] = "-";
  for (size_t i = 0; i <= study->arm_count && count < ARMS_MOST; i++) {
    const char *arm = i < study->arm_count ? study->arms[i].name : "";
    if (who_sees_in_arm(study, "trainer", arm).level != SIGHT_NOTHING) arms[count++] = arm;
  }
  return count;
}

#define FLAGGED                                                                                                        \
  "FROM cache_course c JOIN person p ON p.code = c.patient LEFT JOIN arm_allocation a ON a.person = p.therapist "      \
  "WHERE c.flagged = 1 AND (p.site = $1 OR $1 = '') AND coalesce(a.arm, '') IN ($2, $3, $4, $5, $6, $7, $8, $9) "

enum err feedback_flagged(const struct viewing *viewing, int64_t page, struct caseload *caseload, struct error *error) {
  struct codes codes;
  const char *arms[ARMS_MOST];
  struct value values[1 + ARMS_MOST + 2] = {v_text(viewing->viewer->site)}; /* $1, the arms, how many, from which on */
  struct rows rows;
  *caseload = (struct caseload){.page = 1, .pages = 1};
  if (!arms_seen(home_study(detector_home(viewing->detector)), arms)) return OK;
  for (int i = 0; i < ARMS_MOST; i++) values[1 + i] = v_text(arms[i]);
  enum err err = db_int(viewing->open, error, &caseload->total, 0, "SELECT count(*) " FLAGGED "ORDER BY 1", values, 1 + ARMS_MOST);
  if (err) return err;
  page_set(caseload, page);
  values[1 + ARMS_MOST] = v_int(CASELOAD_ROWS);
  values[2 + ARMS_MOST] = v_int((caseload->page - 1) * CASELOAD_ROWS);
  rows_open(&rows, viewing->open, "SELECT c.patient " FLAGGED "ORDER BY c.urgency, c.last_day DESC, c.patient LIMIT $10 OFFSET $11",
            values, sizeof values / sizeof *values);
  codes_take(&rows, &codes);
  err = rows_close(&rows, error);
  return err ? err : rows_read(viewing, &codes, caseload, error);
}
