/* page_caseload.c: a therapist's list (what is due from me, then my patients), and a trainer's list of flagged courses.
 *
 * Where the study withholds feedback from this therapist, the columns for it are not there: the page is whole without
 * them. Where it is shown, the showing is an entry before the page is sent. */
#include "feedback/caseload.h"
#include "feedback/course.h"
#include "feedback/showing.h"
#include "web/chart.h"
#include "web/page.h"

struct listing {
  struct caseload caseload;
  const char *page; /* as the showings name it */
  bool trainer;
};

static void write_task(struct request *request, const struct task *task) {
  struct buf *out = &request->out;
  const struct study_occasion *occasion = study_occasion(request->study, task->name);
  html(out, "<li class=\"card\"><h3>%s</h3><p>", occasion ? study_words(request, &occasion->title) : task->name);
  if (*task->patient) {
    html(out, "<span class=\"code\">%s</span>", task->patient);
    if (task->session_number >= 0) {
      html(out, ", ");
      say(request, WORD_SESSION_N, say_count(request, task->session_number));
    }
    html(out, "<br>");
  }
  if (task->overdue) {
    state_mark(request, MARK_LATE, WORD_OVERDUE);
    html(out, " · ");
    say(request, WORD_OPEN_UNTIL, say_day_of(request, task->closes_ms));
  } else
    say(request, WORD_DUE_BY, say_day_of(request, task->due_ms));
  html(out, "</p><p><a class=\"button primary\" href=\"%s\">", address(request, "/forms/%s", task->occasion));
  say(request, WORD_ANSWER_NOW);
  html(out, "<span class=\"visually-hidden\"> (%s)</span></a></p></li>", task->patient);
}

static void write_tasks(struct request *request, const struct caseload *caseload) {
  heading(request, WORD_DUE_FROM_ME);
  if (!caseload->task_count) {
    html(&request->out, "<div class=\"empty\">");
    paragraph(request, WORD_NOTHING_DUE, NULL);
    html(&request->out, "</div>");
    return;
  }
  html(&request->out, "<ul class=\"cards\">");
  for (size_t i = 0; i < caseload->task_count; i++) write_task(request, &caseload->tasks[i]);
  html(&request->out, "</ul>");
}

void write_course_state(struct request *request, enum course_state state) {
  switch (state) {
  case COURSE_EARLY:
    state_mark(request, MARK_EARLY, WORD_STATE_EARLY);
    break;
  case COURSE_STEADY:
    state_mark(request, MARK_STEADY, WORD_STATE_STEADY);
    break;
  case COURSE_TENSION:
    state_mark(request, MARK_TENSION, WORD_STATE_TENSION);
    break;
  case COURSE_REPAIRED:
    state_mark(request, MARK_REPAIRED, WORD_STATE_REPAIRED);
    break;
  }
}

static void write_sessions_cell(struct request *request, const struct caseload_row *row) {
  cell_open(request, WORD_SESSIONS, NULL);
  if (row->sessions_planned)
    say(request, WORD_SESSIONS_OF, say_count(request, row->sessions), say_count(request, row->sessions_planned));
  else
    html(&request->out, "%s", say_count(request, row->sessions));
  html(&request->out, "</td>");
  cell_open(request, WORD_LAST_SESSION, NULL);
  if (row->sessions && row->last_day >= 0)
    html(&request->out, "%s", say_date(request, row->last_day));
  else
    say(request, WORD_NONE_YET);
  html(&request->out, "</td>");
}

static void write_row(struct request *request, const struct listing *listing, const struct caseload_row *row) {
  struct buf *out = &request->out;
  html(out, "<tr><th scope=\"row\" data-label=\"%s\">", said(request, WORD_PATIENT));
  if (row->shown)
    html(out, "<a class=\"code\" href=\"%s\">%s</a></th>", address(request, "/patients/%s", row->patient),
         row->patient);
  else
    html(out, "<span class=\"code\">%s</span></th>", row->patient);
  if (listing->trainer) {
    cell_open(request, WORD_THERAPIST, NULL);
    html(out, "<span class=\"code\">%s</span></td>", row->therapist);
  }
  if (listing->caseload.feedback) {
    cell_open(request, WORD_STATE, NULL);
    if (row->shown) write_course_state(request, row->course.state);
    html(out, "</td>");
    cell_open(request, WORD_ALLIANCE, NULL);
    if (row->shown) chart_spark(request, &row->course);
    html(out, "</td>");
  }
  write_sessions_cell(request, row);
  if (!listing->trainer) {
    cell_open(request, WORD_TO_DO, "actions");
    if (row->withdrawn)
      say(request, WORD_LEFT_STUDY);
    else if (row->sessions_planned && row->sessions >= row->sessions_planned)
      state_mark(request, MARK_DONE, WORD_COMPLETE);
    else {
      html(out, "<a href=\"%s?patient=%s\">", address(request, "/session"), row->patient);
      say(request, WORD_RECORD_SESSION);
      html(out, "<span class=\"visually-hidden\"> (%s)</span></a>", row->patient);
    }
    html(out, "</td>");
  }
  html(out, "</tr>");
}

static void write_rows(struct request *request, const struct listing *listing) {
  const struct caseload *caseload = &listing->caseload;
  enum word headings[8];
  size_t count = 0;
  headings[count++] = WORD_PATIENT;
  if (listing->trainer) headings[count++] = WORD_THERAPIST;
  if (caseload->feedback) {
    headings[count++] = WORD_STATE;
    headings[count++] = WORD_ALLIANCE;
  }
  headings[count++] = WORD_SESSIONS;
  headings[count++] = WORD_LAST_SESSION;
  if (!listing->trainer) headings[count++] = WORD_TO_DO;
  html(&request->out, "<div class=\"card\">");
  table_open(request, NULL, headings, count);
  for (size_t i = 0; i < caseload->count; i++) write_row(request, listing, &caseload->rows[i]);
  table_close(request);
  html(&request->out, "</div>");
}

static void draw(struct request *request, const struct listing *listing) {
  page_open(request, &(struct page){.kind = PAGE_STAFF,
                                    .title = said(request, listing->trainer ? WORD_FLAGGED_TITLE : WORD_CASELOAD_TITLE),
                                    .lead = listing->trainer ? said(request, WORD_FLAGGED_LEAD) : NULL,
                                    .current = listing->page});
  if (!listing->trainer) {
    write_tasks(request, &listing->caseload);
    heading(request, WORD_MY_PATIENTS);
    if (listing->caseload.feedback) paragraph(request, WORD_MOST_URGENT_FIRST, "quiet-text");
  }
  if (listing->caseload.count)
    write_rows(request, listing);
  else {
    html(&request->out, "<div class=\"empty\">");
    paragraph(request, listing->trainer ? WORD_NO_FLAGS : WORD_NO_PATIENTS, NULL);
    html(&request->out, "</div>");
  }
  page_close(request);
}

static void after_showing(struct request *request, enum err err, const struct error *error) {
  if (err) return request_error(request, err, error);
  draw(request, request->state);
}

static enum err showings(struct request *request, struct listing *listing, struct feedback_show **shows, size_t *count,
                         struct error *error) {
  const struct caseload *caseload = &listing->caseload;
  const char **patients = arena_array(request->arena, caseload->count, sizeof *patients), **due = NULL;
  size_t shown = 0;
  for (size_t i = 0; i < caseload->count; i++)
    if (caseload->rows[i].shown) patients[shown++] = caseload->rows[i].patient;
  *count = 0;
  if (!shown) return OK;
  enum err err = feedback_showings_due(request->db, request->arena, &request->actor, listing->page + 1,
                                       request->who->token_hash, request->now_ms, patients, shown, &due, count, error);
  if (err) return err;
  *shows = arena_array(request->arena, *count, sizeof **shows);
  for (size_t i = 0; i < *count; i++)
    (*shows)[i] = (struct feedback_show){.detector = request->detector,
                                         .viewer = &request->actor,
                                         .page = listing->page + 1,
                                         .sign_in = request->who->token_hash,
                                         .patient = due[i]};
  return OK;
}

static void show(struct request *request, const char *page, bool trainer) {
  struct listing *listing = arena_alloc(request->arena, sizeof *listing);
  listing->page = page;
  listing->trainer = trainer;
  struct error error = {0};
  enum err err = feedback_caseload(request->db, request->detector, request->arena, &request->actor, request->now_ms,
                                   &listing->caseload, &error);
  struct feedback_show *shows = NULL;
  size_t count = 0;
  if (!err) err = showings(request, listing, &shows, &count, &error);
  if (err) return request_error(request, err, &error);
  if (!count) return draw(request, listing);
  request->state = listing;
  request_write_many(request, feedback_show, shows, sizeof *shows, count, after_showing);
}

static void page_caseload(struct request *request) {
  show(request, "/caseload", false);
}
static void page_flagged(struct request *request) {
  show(request, "/flagged", true);
}

ROUTES(caseload) = {
    ROUTE(GET, "/caseload", page_caseload, ROLE_THERAPIST, READER_OPEN, "a therapist's list"),
    ROUTE(GET, "/flagged", page_flagged, ROLE_TRAINER, READER_OPEN, "flagged courses of trained therapists"),
    ROUTES_END,
};
