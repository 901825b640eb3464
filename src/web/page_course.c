/* page_course.c: one patient's course: chart, table, who noticed what, how sure, what to do next, my notes. */
#include "feedback/course.h"
#include "feedback/note.h"
#include "feedback/showing.h"
#include "web/chart.h"
#include "web/fields.h"
#include "web/page.h"

#define PAGE_NAME "course"

struct note_form {
  const char *text;
};
static const struct field note_fields[] = {FIELD_AREA(struct note_form, text, FIELD_REQUIRED, 1, 4000)};

struct view {
  struct course course;
  struct fields fields;
};

/* ---- the state in words ---- */

static const struct course_point *last_event(const struct course *course) {
  for (size_t i = course->count; i-- > 0;)
    if (course->points[i].seen.event != DETECTION_NONE) return &course->points[i];
  return NULL;
}

static void write_how_sure(struct request *request, const struct course *course) {
  struct buf *out = &request->out;
  const struct course_point *event = last_event(course);
  html(out, "<p>");
  if (course->state == COURSE_EARLY)
    say(request, WORD_COURSE_EARLY, say_count(request, course->least_sessions));
  else if (course->state == COURSE_STEADY)
    say(request, WORD_COURSE_STEADY);
  else if (event && event->seen.event == DETECTION_TENSION && event->seen.reported)
    say(request, WORD_COURSE_REPORTED, say_count(request, event->session_number));
  else if (event && event->seen.event == DETECTION_TENSION)
    say(request, WORD_COURSE_TENSION, say_count(request, event->session_number),
        percent_words(request->arena, request->language, event->seen.tension));
  else if (event)
    say(request, WORD_COURSE_REPAIRED, say_count(request, event->session_number),
        percent_words(request->arena, request->language, event->seen.repaired));
  html(out, "</p><p class=\"quiet-text\">");
  int64_t one_in = course->basis.false_alarm > 0 ? (int64_t)(1 / course->basis.false_alarm + 0.5) : 0;
  if (one_in) say(request, WORD_CRIES_WOLF, say_count(request, one_in));
  html(out, "</p>");
}

static void write_steps(struct request *request, enum course_state state, bool trainer) {
  static const enum word steps[][3] = {
      [COURSE_EARLY] = {WORD_EARLY_1, WORD_EARLY_2, WORD_EARLY_3},
      [COURSE_STEADY] = {WORD_STEADY_1, WORD_STEADY_2, WORD_STEADY_3},
      [COURSE_TENSION] = {WORD_TENSION_1, WORD_TENSION_2, WORD_TENSION_3},
      [COURSE_REPAIRED] = {WORD_REPAIRED_1, WORD_REPAIRED_2, WORD_REPAIRED_3},
  };
  /* A trainer speaks with the therapist, not with the patient. */
  static const enum word consult[][3] = {
      [COURSE_TENSION] = {WORD_CONSULT_TENSION_1, WORD_CONSULT_TENSION_2, WORD_CONSULT_TENSION_3},
      [COURSE_REPAIRED] = {WORD_CONSULT_REPAIRED_1, WORD_CONSULT_REPAIRED_2, WORD_CONSULT_REPAIRED_3},
  };
  bool consulting = trainer && (state == COURSE_TENSION || state == COURSE_REPAIRED);
  html(&request->out, "<section class=\"card\">");
  heading(request, consulting ? WORD_FOR_CONSULTATION : WORD_WHAT_NEXT);
  html(&request->out, "<ol class=\"steps\">");
  for (int i = 0; i < 3; i++) {
    html(&request->out, "<li><span>");
    say(request, (consulting ? consult : steps)[state][i]);
    html(&request->out, "</span></li>");
  }
  html(&request->out, "</ol><p><a href=\"%s#repair\">", address(request, "/help"));
  say(request, WORD_MORE_ON_REPAIR);
  html(&request->out, "</a></p></section>");
}

/* ---- the table ---- */

/* A dash, which cards on narrow screens leave out. */
static void blank_cell(struct request *request, enum word label) {
  cell_open(request, label, "blank");
  html(&request->out, "–</td>");
}

static void write_rating(struct request *request, enum word label, bool has, double rating) {
  if (!has) return blank_cell(request, label);
  cell_open(request, label, NULL);
  html(&request->out, "%s</td>", say_number(request, rating, 0));
}

static void write_noticed(struct request *request, const struct course_point *point) {
  bool patient = point->reported[0] == 1, therapist = point->reported[1] == 1;
  if (point->reported[0] < 0 && point->reported[1] < 0) return blank_cell(request, WORD_NOTICED_BY);
  cell_open(request, WORD_NOTICED_BY, NULL);
  say(request, patient && therapist ? WORD_NOTICED_BOTH
               : patient            ? WORD_NOTICED_PATIENT
               : therapist          ? WORD_NOTICED_THERAPIST
                                    : WORD_NOTICED_NOBODY);
  html(&request->out, "</td>");
}

static void write_seen(struct request *request, const struct course_point *point) {
  if (course_band_known(point)) {
    cell_open(request, WORD_EXPECTED, NULL);
    say(request, WORD_FROM_TO, say_number(request, point->seen.low, 0), say_number(request, point->seen.high, 0));
    html(&request->out, "</td>");
  } else
    blank_cell(request, WORD_EXPECTED);
  if (point->seen.event == DETECTION_NONE) return blank_cell(request, WORD_STATE);
  cell_open(request, WORD_STATE, NULL);
  if (point->seen.event == DETECTION_TENSION)
    state_mark(request, MARK_TENSION, WORD_STATE_TENSION);
  else
    state_mark(request, MARK_REPAIRED, WORD_STATE_REPAIRED);
  html(&request->out, "</td>");
}

static void write_table(struct request *request, const struct course *course) {
  static const enum word headings[] = {WORD_SESSION,  WORD_HELD_ON, WORD_BY_PATIENT, WORD_BY_THERAPIST,
                                       WORD_EXPECTED, WORD_STATE,   WORD_NOTICED_BY};
  html(&request->out, "<section class=\"card\">");
  heading(request, WORD_COURSE_TABLE);
  table_open(request,
             said(request, WORD_COURSE_CAPTION, say_number(request, course->lowest, 0),
                  say_number(request, course->highest, 0)),
             headings, COUNT(headings));
  for (size_t i = 0; i < course->count; i++) {
    const struct course_point *point = &course->points[i];
    html(&request->out, "<tr><th scope=\"row\" data-label=\"%s\">%s</th>", said(request, WORD_SESSION),
         say_count(request, point->session_number));
    if (point->held_day >= 0) {
      cell_open(request, WORD_HELD_ON, "nowrap");
      html(&request->out, "%s</td>", say_date(request, point->held_day));
    } else
      blank_cell(request, WORD_HELD_ON);
    write_rating(request, WORD_BY_PATIENT, point->has[0], point->rating[0]);
    write_rating(request, WORD_BY_THERAPIST, point->has[1], point->rating[1]);
    write_seen(request, point);
    write_noticed(request, point);
    html(&request->out, "</tr>");
  }
  table_close(request);
  html(&request->out, "</section>");
}

static void write_notes(struct request *request, const struct view *view) {
  struct buf *out = &request->out;
  html(out, "<section class=\"card%s\" id=\"notes\">", view->course.note_count ? "" : " no-print");
  heading(request, WORD_MY_NOTES);
  paragraph(request, WORD_NOTES_LEAD, "quiet-text");
  for (size_t i = 0; i < view->course.note_count; i++)
    html(out, "<div class=\"note plain-note\"><p class=\"quiet-text\">%s</p><p>%s</p></div>",
         say_time(request, view->course.notes[i].time_ms), view->course.notes[i].text);
  html(out, "<div class=\"no-print\">");
  fields_summary(request, &view->fields);
  post_open(request, url(request->arena, "/patients/%s/notes", view->course.patient), "stack");
  field_area(request, &view->fields, "text", WORD_NEW_NOTE);
  button(request, WORD_KEEP_NOTE, "primary");
  post_close(request);
  html(out, "</div></section>");
}

static void draw(struct request *request, const struct view *view) {
  struct buf *out = &request->out;
  const struct course *course = &view->course;
  bool trainer = !(request->actor.roles & ROLE_THERAPIST);
  page_open(request, &(struct page){.kind = PAGE_STAFF,
                                    .title = said(request, WORD_COURSE_TITLE, course->patient),
                                    .current = trainer ? "/flagged" : "/caseload",
                                    .no_title = true});
  html(out, "<h1>");
  say(request, WORD_COURSE_TITLE, course->patient);
  html(out, "</h1><p class=\"lead row\">");
  write_course_state(request, course->state);
  html(out, "<span>");
  if (course->sessions_planned)
    say(request, WORD_SESSIONS_SO_FAR, say_count(request, (int64_t)course->count),
        say_count(request, course->sessions_planned));
  else
    say(request, WORD_SESSIONS_COUNT, say_count(request, (int64_t)course->count));
  html(out, "</span></p><section class=\"card\">");
  if (course->count)
    chart_course(request, course);
  else
    paragraph(request, WORD_NO_SESSIONS, NULL);
  html(out, "</section><div class=\"split\"><section class=\"card\">");
  heading(request, WORD_HOW_SURE);
  write_how_sure(request, course);
  html(out, "</section>");
  write_steps(request, course->state, trainer);
  html(out, "</div>");
  if (course->count) write_table(request, course);
  write_notes(request, view);
  html(out, "<p class=\"no-print row\"><button type=\"button\" class=\"quiet\" data-print hidden>");
  say(request, WORD_PRINT);
  html(out, "</button></p>");
  page_close(request);
}

static void after_showing(struct request *request, enum err err, const struct error *error) {
  if (err) return request_error(request, err, error);
  draw(request, request->state);
}

/* Reads the course, sees to the showing's entry, draws. */
static void show(struct request *request, struct view *view) {
  struct error error = {0};
  const char *patient = request->parameters[0], **due = NULL;
  size_t count = 0;
  enum err err = feedback_may_see(request->db, request->detector, &request->actor, patient, &error);
  if (!err)
    err = feedback_course(request->db, request->detector, request->arena, &request->actor, patient, &view->course, &error);
  if (!err)
    err = feedback_showings_due(request->db, request->arena, &request->actor, PAGE_NAME, request->who->token_hash,
                                request->now_ms, &patient, 1, &due, &count, &error);
  if (err == ERR_MISSING) return request_error(request, err, &(struct error){.code = err, .id = "page"});
  if (err) return request_error(request, err, &error);
  if (!count) return draw(request, view);
  struct feedback_show *input = arena_alloc(request->arena, sizeof *input);
  *input = (struct feedback_show){.detector = request->detector,
                                  .viewer = &request->actor,
                                  .page = PAGE_NAME,
                                  .sign_in = request->who->token_hash,
                                  .patient = patient};
  request->state = view;
  request_write(request, feedback_show, input, after_showing);
}

static void page_course(struct request *request) {
  struct view *view = arena_alloc(request->arena, sizeof *view);
  view->fields = fields_blank(request, note_fields, COUNT(note_fields));
  show(request, view);
}

static void after_note(struct request *request, enum err err, const struct error *error) {
  if (err == ERR_MISSING) return request_error(request, err, &(struct error){.code = err, .id = "page"});
  if (err) return request_error(request, err, error);
  request_redirect(request, address(request, "/patients/%s?done=note#notes", request->parameters[0]));
}

static void page_course_note(struct request *request) {
  struct view *view = arena_alloc(request->arena, sizeof *view);
  struct note_form form;
  view->fields = fields_read(request, note_fields, COUNT(note_fields), &form);
  if (!view->fields.valid) return show(request, view);
  struct note_write *input = arena_alloc(request->arena, sizeof *input);
  *input = (struct note_write){
      .detector = request->detector, .by = &request->actor, .patient = request->parameters[0], .text = form.text};
  request_write(request, note_write, input, after_note);
}

ROUTES(course) = {
    ROUTE(GET, "/patients/:code", page_course, ROLE_THERAPIST | ROLE_TRAINER, READER_OPEN, "one patient's course"),
    ROUTE(POST, "/patients/:code/notes", page_course_note, ROLE_THERAPIST | ROLE_TRAINER, READER_OPEN, "write a note"),
    ROUTES_END,
};
