/* page_caseload.c: a therapist's list (what is due from me, then my patients), and a trainer's list of flagged courses.
 *
 * Where the study withholds feedback from this therapist, the columns for it are not there: the page is whole without
 * them. Where it is shown, the showing is an entry before the page is sent. */
#include "feedback/caseload.h"
#include "feedback/showing.h"
#include "report/chart.h"
#include "report/course_words.h"
#include "web/course_parts.h"
#include "web/page.h"

#define TRIES 3 /* to show what nobody has changed meanwhile */

struct listing {
  struct caseload caseload;
  const char *page; /* as the showings name it */
  bool trainer, sparks;
  int64_t sessions; /* across each small line */
  int tries;
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
    say(request, WORD_OPEN_UNTIL, say_day_at(request, task->site, task->closes_ms));
  } else
    say(request, WORD_DUE_BY, say_day_at(request, task->site, task->due_ms));
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
  int64_t more = caseload->task_total - (int64_t)caseload->task_count;
  if (more <= 0) return;
  html(&request->out, "<p class=\"quiet-text\">");
  say(request, WORD_MORE_TASKS, say_count(request, more));
  html(&request->out, "</p>");
}

/* The badge, since when and how sure, and whether the patient has gone quiet. */
static void write_state_cell(struct request *request, const struct course *row) {
  struct buf *out = &request->out;
  const struct course_state *state = &row->state;
  cell_open(request, WORD_STATE, "state");
  if (row->sight.level != SIGHT_NOTHING) {
    write_badge(request, state->badge);
    if (state->now) {
      html(out, "<br><span class=\"quiet-text\">");
      course_write_row(out, request->language, row);
      html(out, "</span>");
    }
    if (state->silent && !row->left) {
      html(out, "<br>");
      html(out, "<span class=\"silent\">%s</span>", said(request, WORD_STATE_SILENT, say_count(request, state->answered)));
    }
    if (row->left && state->stopped) html(out, "<br><span class=\"silent\">%s</span>", said(request, WORD_LEFT_STUDY));
  }
  html(out, "</td>");
}

static void write_spark_cell(struct request *request, const struct listing *listing, const struct course *row) {
  cell_open(request, WORD_ALLIANCE, NULL);
  if (row->sight.level == SIGHT_COURSE) chart_spark(&request->out, request->language, row, listing->sessions);
  html(&request->out, "</td>");
}

static void write_sessions_cell(struct request *request, const struct course *row) {
  cell_open(request, WORD_SESSIONS, NULL);
  if (row->sessions_planned)
    say(request, WORD_SESSIONS_OF, say_count(request, row->held), say_count(request, row->sessions_planned));
  else
    html(&request->out, "%s", say_count(request, row->held));
  html(&request->out, "</td>");
  cell_open(request, WORD_LAST_SESSION, NULL);
  if (row->held && row->last_day >= 0)
    html(&request->out, "%s", say_date(request, row->last_day));
  else
    say(request, WORD_NONE_YET);
  html(&request->out, "</td>");
}

static void write_row(struct request *request, const struct listing *listing, const struct course *row) {
  struct buf *out = &request->out;
  html(out, "<tr><th scope=\"row\" data-label=\"%s\">", said(request, WORD_PATIENT));
  if (row->sight.level != SIGHT_NOTHING)
    html(out, "<a class=\"code\" href=\"%s\">%s</a></th>", address(request, "/patients/%s", row->patient),
         row->patient);
  else
    html(out, "<span class=\"code\">%s</span></th>", row->patient);
  if (listing->trainer) {
    cell_open(request, WORD_THERAPIST, NULL);
    html(out, "<span class=\"code\">%s</span></td>", row->therapist);
  }
  if (listing->caseload.feedback) write_state_cell(request, row);
  if (listing->sparks) write_spark_cell(request, listing, row);
  write_sessions_cell(request, row);
  if (!listing->trainer) {
    cell_open(request, WORD_TO_DO, "actions");
    if (row->left)
      say(request, WORD_LEFT_STUDY);
    else if (row->sessions_planned && row->held >= row->sessions_planned)
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
  if (caseload->feedback) headings[count++] = WORD_STATE;
  if (listing->sparks) headings[count++] = WORD_ALLIANCE;
  headings[count++] = WORD_SESSIONS;
  headings[count++] = WORD_LAST_SESSION;
  if (!listing->trainer) headings[count++] = WORD_TO_DO;
  html(&request->out, "<div class=\"card\">");
  table_open(request, NULL, headings, count);
  for (size_t i = 0; i < caseload->count; i++) write_row(request, listing, &caseload->rows[i]);
  table_close(request);
  html(&request->out, "</div>");
}

static void write_page_link(struct request *request, const struct listing *listing, int64_t page, enum word words) {
  html(&request->out, "<a class=\"button\" href=\"%s?page=%lld\">", request_address(request, listing->page), (long long)page);
  say(request, words);
  html(&request->out, "</a>");
}

static void write_pager(struct request *request, const struct listing *listing) {
  const struct caseload *caseload = &listing->caseload;
  if (caseload->pages < 2) return;
  html(&request->out, "<nav class=\"row\" aria-label=\"%s\">", said(request, WORD_PAGER));
  if (caseload->page > 1) write_page_link(request, listing, caseload->page - 1, WORD_PAGE_BEFORE);
  html(&request->out, "<span>");
  say(request, WORD_PAGE_OF, say_count(request, caseload->page), say_count(request, caseload->pages));
  html(&request->out, "</span>");
  if (caseload->page < caseload->pages) write_page_link(request, listing, caseload->page + 1, WORD_PAGE_AFTER);
  html(&request->out, "</nav>");
}

static void draw(struct request *request, const struct listing *listing) {
  page_open(request, &(struct page){.kind = PAGE_STAFF,
                                    .title = said(request, listing->trainer ? WORD_FLAGGED_TITLE : WORD_CASELOAD_TITLE),
                                    .lead = listing->trainer ? said(request, WORD_FLAGGED_LEAD) : NULL,
                                    .current = listing->page});
  if (!listing->trainer) {
    write_tasks(request, &listing->caseload);
    heading(request, WORD_MY_PATIENTS);
    if (listing->caseload.feedback)
      paragraph(request, listing->sparks ? WORD_MOST_URGENT_FIRST : WORD_URGENT_FIRST_PLAIN, "quiet-text");
  }
  if (listing->caseload.count) {
    write_rows(request, listing);
    write_pager(request, listing);
  } else {
    html(&request->out, "<div class=\"empty\">");
    paragraph(request, listing->trainer ? WORD_NO_FLAGS : WORD_NO_PATIENTS, NULL);
    html(&request->out, "</div>");
  }
  page_close(request);
}

static void show(struct request *request, struct listing *listing);

static void after_showing(struct request *request, enum err err, const struct error *error) {
  struct listing *listing = request->state;
  if (err == ERR_CONFLICT && !strcmp(error->id, SHOWING_STALE) && ++listing->tries < TRIES) return show(request, listing);
  if (err) return request_error(request, err, error);
  draw(request, listing);
}

static enum err listing_read(struct request *request, struct listing *listing, struct error *error) {
  int64_t page = strtoll(request_query(request, "page"), NULL, 10);
  struct caseload *caseload = &listing->caseload;
  const struct viewing viewing = {request->db, request->detector, request->arena, &request->actor};
  enum err err = listing->trainer ? feedback_flagged(&viewing, page, caseload, error)
                                  : feedback_caseload(&viewing, request->now_ms, page, caseload, error);
  listing->sparks = false;
  listing->sessions = 0;
  for (size_t i = 0; i < caseload->count; i++) {
    if (caseload->rows[i].sight.level != SIGHT_COURSE) continue;
    int64_t sessions = chart_sessions(&caseload->rows[i]);
    listing->sparks = true;
    if (sessions > listing->sessions) listing->sessions = sessions;
  }
  return err;
}

/* Reads the list, sees to the showings' entries, draws what they hold. */
static void show(struct request *request, struct listing *listing) {
  struct error error = {0};
  struct feedback_show *due;
  size_t count = 0;
  enum err err = listing_read(request, listing, &error);
  struct showing_query query = {.detector = request->detector,
                                .viewer = &request->actor,
                                .page = listing->page + 1,
                                .sign_in = request->who->token_hash,
                                .now_ms = request->now_ms,
                                .courses = listing->caseload.rows,
                                .count = listing->caseload.count};
  if (!err) err = feedback_showings_due(request->db, request->arena, &query, &due, &count, &error);
  if (err) return request_error(request, err, &error);
  if (!count) return draw(request, listing);
  request->state = listing;
  request_write_many(request, feedback_show, due, sizeof *due, count, after_showing);
}

static void begin(struct request *request, const char *page, bool trainer) {
  struct listing *listing = arena_alloc(request->arena, sizeof *listing);
  listing->page = page;
  listing->trainer = trainer;
  show(request, listing);
}

static void page_caseload(struct request *request) {
  begin(request, "/caseload", false);
}
static void page_flagged(struct request *request) {
  begin(request, "/flagged", true);
}

ROUTES(caseload) = {
    ROUTE_MENU(10, WORD_NAV_CASELOAD, GET, "/caseload", page_caseload, ROLE_THERAPIST, READER_OPEN, "a therapist's list"),
    ROUTE_MENU(20, WORD_NAV_FLAGGED, GET, "/flagged", page_flagged, ROLE_TRAINER, READER_OPEN, "flagged courses of trained therapists"),
    ROUTES_END,
};
