/* page_course.c: one patient's course: chart, table, who noticed what, how sure, what to do next, my notes. */
#include "feedback/note.h"
#include "feedback/showing.h"
#include "report/chart.h"
#include "report/course_words.h"
#include "web/course_parts.h"
#include "web/fields.h"
#include "web/page.h"

#define PAGE_NAME "course"
#define TRIES 3 /* to show what nobody has changed meanwhile */

struct note_form {
  const char *text;
};
static const struct field note_fields[] = {FIELD_AREA(struct note_form, text, FIELD_REQUIRED, 1, 4000)};

struct view {
  struct course course;
  struct fields fields;
  int tries;
};

/* ---- the state in words ---- */

static void write_how_sure(struct request *request, const struct course *course) {
  struct buf *out = &request->out;
  html(out, "<p>");
  course_write_sentences(out, request->language, course);
  html(out, "</p>");
  int64_t one_in = course->basis.false_alarm > 0 ? (int64_t)(1 / course->basis.false_alarm + 0.5) : 0;
  if (!one_in) return;
  html(out, "<p class=\"quiet-text\">");
  say(request, WORD_FALSE_ALARMS, say_count(request, one_in));
  html(out, "</p>");
}

static void write_steps(struct request *request, enum course_badge badge, bool trainer) {
  html(&request->out, "<section class=\"card\">");
  heading(request, trainer && course_consults(badge) ? WORD_FOR_CONSULTATION : WORD_WHAT_NEXT);
  html(&request->out, "<ol class=\"steps\">");
  for (int i = 0; i < COURSE_STEPS; i++) {
    html(&request->out, "<li><span>");
    say(request, course_step_word(badge, i, trainer));
    html(&request->out, "</span></li>");
  }
  html(&request->out, "</ol><p><a href=\"%s#repair\">", address(request, "/help"));
  say(request, WORD_MORE_ON_REPAIR);
  html(&request->out, "</a></p></section>");
}

/* ---- the table ---- */

/* Which columns there are: without the course there are no ratings to show. */
struct columns {
  bool ratings, well_being;
  int decimals;
};

/* A dash, which cards on narrow screens leave out. */
static void blank_cell(struct request *request, enum word label) {
  cell_open(request, label, "blank");
  html(&request->out, "–</td>");
}

static void write_rating(struct request *request, enum word label, bool has, double rating, int decimals) {
  if (!has) return blank_cell(request, label);
  cell_open(request, label, NULL);
  html(&request->out, "%s</td>", say_number(request, rating, decimals));
}

static void write_expected(struct request *request, const struct course_point *point, int decimals) {
  if (point->place == PLACE_UNKNOWN) return blank_cell(request, WORD_EXPECTED);
  struct band band = course_band(point, decimals);
  cell_open(request, WORD_EXPECTED, NULL);
  say(request, WORD_FROM_TO, say_number(request, band.low, decimals), say_number(request, band.high, decimals));
  html(&request->out, "</td>");
}

/* The state seen in this session: how sure a tension is stands beside it, unless somebody reported it. */
static void write_seen(struct request *request, const struct course_point *point) {
  struct buf *out = &request->out;
  if (!point->tension && point->mended == MENDED_NOT) return blank_cell(request, WORD_STATE);
  cell_open(request, WORD_STATE, "state");
  if (point->tension) {
    bool reported = point->reported[PERSON_PATIENT] == 1 || point->reported[PERSON_THERAPIST] == 1;
    enum certainty certainty = course_certainty(reported, point->seen.tension);
    state_mark(request, MARK_TENSION, WORD_STATE_TENSION);
    if (certainty != CERTAINTY_NONE)
      html(out, " <span class=\"quiet-text\">%s</span>", certainty_words(request->arena, request->language, certainty, point->seen.tension));
  }
  if (point->tension && point->mended != MENDED_NOT) html(out, "<br>");
  if (point->mended == MENDED) write_badge(request, COURSE_REPAIRED);
  if (point->mended == MENDED_UNCONFIRMED) write_badge(request, COURSE_UNCONFIRMED);
  html(out, "</td>");
}

static void write_noticed(struct request *request, const struct course_point *point) {
  if (!point->tension) return blank_cell(request, WORD_NOTICED_BY);
  cell_open(request, WORD_NOTICED_BY, NULL);
  say(request, noticed_word(course_point_noticed(point)));
  html(&request->out, "</td>");
}

static void write_point(struct request *request, const struct course_point *point, const struct columns *columns) {
  html(&request->out, "<tr><th scope=\"row\" data-label=\"%s\">%s</th>", said(request, WORD_SESSION), say_count(request, point->session_number));
  if (point->held_day >= 0) {
    cell_open(request, WORD_HELD_ON, "nowrap");
    html(&request->out, "%s</td>", say_date(request, point->held_day));
  } else
    blank_cell(request, WORD_HELD_ON);
  if (columns->ratings) {
    write_rating(request, WORD_BY_PATIENT, point->has[PERSON_PATIENT], point->rating[PERSON_PATIENT], columns->decimals);
    write_rating(request, WORD_BY_THERAPIST, point->has[PERSON_THERAPIST], point->rating[PERSON_THERAPIST], columns->decimals);
    write_expected(request, point, columns->decimals);
  }
  write_seen(request, point);
  write_noticed(request, point);
  if (columns->well_being) write_rating(request, WORD_WELL_BEING, point->has_well_being, point->well_being, columns->decimals);
  html(&request->out, "</tr>");
}

static void write_table(struct request *request, const struct course *course) {
  struct columns columns = {.ratings = course->sight.level == SIGHT_COURSE, .decimals = course_decimals(course)};
  for (size_t i = 0; i < course->count; i++) columns.well_being |= course->points[i].has_well_being;
  enum word headings[8] = {WORD_SESSION, WORD_HELD_ON};
  size_t count = 2;
  if (columns.ratings) {
    headings[count++] = WORD_BY_PATIENT;
    headings[count++] = WORD_BY_THERAPIST;
    headings[count++] = WORD_EXPECTED;
  }
  headings[count++] = WORD_STATE;
  headings[count++] = WORD_NOTICED_BY;
  if (columns.well_being) headings[count++] = WORD_WELL_BEING;
  html(&request->out, "<section class=\"card\">");
  heading(request, WORD_COURSE_TABLE);
  table_open(request,
             columns.ratings ? said(request, WORD_COURSE_CAPTION, say_number(request, course->lowest, 0), say_number(request, course->highest, 0))
                             : said(request, WORD_COURSE_CAPTION_EVENTS),
             headings, count);
  for (size_t i = 0; i < course->count; i++) write_point(request, &course->points[i], &columns);
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

/* ---- the page ---- */

static void write_head(struct request *request, const struct course *course) {
  struct buf *out = &request->out;
  html(out, "<h1>");
  say(request, WORD_COURSE_TITLE, course->patient);
  html(out, "</h1><p class=\"lead row\">");
  write_badge(request, course->state.badge);
  html(out, "<span>");
  if (course->sessions_planned)
    say(request, WORD_SESSIONS_SO_FAR, say_count(request, course->rated), say_count(request, course->sessions_planned));
  else
    say(request, WORD_SESSIONS_COUNT, say_count(request, course->rated));
  html(out, "</span></p>");
}

static void write_chart(struct request *request, const struct course *course) {
  bool some = course->sight.level != SIGHT_COURSE || course->sight.flagged_only;
  if (some) paragraph(request, WORD_COURSE_EVENTS_ONLY, "quiet-text");
  if (course->sight.level != SIGHT_COURSE) return;
  html(&request->out, "<section class=\"card\">");
  if (course->count)
    chart_course(&request->out, request->language, course);
  else
    paragraph(request, WORD_NO_SESSIONS, NULL);
  html(&request->out, "</section>");
}

static void draw(struct request *request, const struct view *view) {
  struct buf *out = &request->out;
  const struct course *course = &view->course;
  bool trainer = !(request->actor.roles & ROLE_THERAPIST);
  page_open(request, &(struct page){.kind = PAGE_STAFF,
                                    .title = said(request, WORD_COURSE_TITLE, course->patient),
                                    .current = trainer ? "/flagged" : "/caseload",
                                    .no_title = true});
  write_head(request, course);
  write_chart(request, course);
  html(out, "<div class=\"split\"><section class=\"card\">");
  heading(request, WORD_HOW_SURE);
  write_how_sure(request, course);
  html(out, "</section>");
  write_steps(request, course->state.badge, trainer);
  html(out, "</div>");
  if (course->count) write_table(request, course);
  write_notes(request, view);
  html(out, "<p class=\"no-print row\"><button type=\"button\" class=\"quiet\" data-print hidden>");
  say(request, WORD_PRINT);
  html(out, "</button></p>");
  page_close(request);
}

static void show(struct request *request, struct view *view);

static void after_showing(struct request *request, enum err err, const struct error *error) {
  struct view *view = request->state;
  if (err == ERR_CONFLICT && !strcmp(error->id, SHOWING_STALE) && ++view->tries < TRIES) return show(request, view);
  if (err) return request_error(request, err, error);
  draw(request, view);
}

/* Reads the course, sees to the showing's entry, draws what the entry holds. */
static void show(struct request *request, struct view *view) {
  struct error error = {0};
  struct feedback_show *due;
  size_t count = 0;
  const struct viewing viewing = {request->db, request->detector, request->arena, &request->actor};
  enum err err = feedback_course(&viewing, request->parameters[0], &view->course, &error);
  struct showing_query query = {.detector = request->detector,
                                .viewer = &request->actor,
                                .page = PAGE_NAME,
                                .sign_in = request->who->token_hash,
                                .now_ms = request->now_ms,
                                .courses = &view->course,
                                .count = 1};
  if (!err) err = feedback_showings_due(request->db, request->arena, &query, &due, &count, &error);
  if (err == ERR_MISSING) return request_error(request, err, &(struct error){.code = err, .id = "page"});
  if (err) return request_error(request, err, &error);
  if (!count) return draw(request, view);
  request->state = view;
  request_write(request, feedback_show, due, after_showing);
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
