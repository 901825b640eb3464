/* page.h: the parts that all pages share: the frame, headings, notices, buttons, tables, progress bars.
 *
 *     page_open(request, &(struct page){.title = said(request, WORD_CASELOAD)});
 *     html(&request->out, "<p>...</p>");
 *     page_close(request);
 *
 * Markup classes are those of assets/attune.css; its first lines say what there is. */
#ifndef ATTUNE_WEB_PAGE_H
#define ATTUNE_WEB_PAGE_H

#include "study/study.h"
#include "web/request.h"

/* Writes words of the pages, escaped: say(request, WORD_X, "first", "second"). */
#define say(request, ...) SAY_PICK(request, __VA_ARGS__, NULL)
#define SAY_PICK(request, which, ...) page_say(request, which, (const char *const[]){__VA_ARGS__})
void page_say(struct request *request, enum word which, const char *const *values);
/* The same as text in the arena, for attributes (%s of html() escapes it). */
#define said(request, ...) SAID_PICK(request, __VA_ARGS__, NULL)
#define SAID_PICK(request, which, ...) page_said(request, which, (const char *const[]){__VA_ARGS__})
const char *page_said(const struct request *request, enum word which, const char *const *values);
/* Words of the study in the reader's language. */
const char *study_words(const struct request *request, const struct words *words);

/* Figures and dates in the reader's language. */
const char *say_date(const struct request *request, int64_t day);
const char *say_time(const struct request *request, int64_t time_ms);
const char *say_day_of(const struct request *request, int64_t time_ms);
/* The day that it is then at a site of the study. */
const char *say_day_at(const struct request *request, const char *site, int64_t time_ms);
const char *say_count(const struct request *request, int64_t count);
const char *say_number(const struct request *request, double value, int decimals);

/* ---- the frame ---- */
enum page_kind {
  PAGE_STAFF,  /* header with study, who, navigation */
  PAGE_PUBLIC, /* header with study alone */
  PAGE_NEUTRAL /* patients: neutral title and sender, nothing else */
};
struct page {
  enum page_kind kind;
  const char *title;         /* text, shown as the heading and in <title> */
  const char *lead;          /* a line under the heading, or NULL */
  const char *current;       /* path of the navigation's row that this page is under, or NULL */
  const char *class_name;    /* of <main>: "narrow" or "wide"; NULL for the usual measure */
  const char *language_form; /* id of a form whose typed answers a change of language must keep, or NULL */
  bool quick_exit;
  bool no_title; /* the page writes its own heading */
};
/* What the last action did, carried over a redirect as ?done=NAME, is a line at the top. */
void page_open(struct request *request, const struct page *page);
void page_close(struct request *request);

/* ---- parts ---- */
enum note_kind { NOTE_PLAIN, NOTE_GOOD, NOTE_ATTENTION, NOTE_WRONG };
void note_open(struct request *request, enum note_kind kind);
void note_close(struct request *request);
/* <input type=hidden name=form_token ...>: in every form that is posted by someone signed in. */
void form_token_field(struct request *request);
/* Opens a form that posts to a path of the study, with the token in it. */
void post_open(struct request *request, const char *path, const char *class_name);
void post_close(struct request *request);
void button(struct request *request, enum word label, const char *class_name);
/* Cells of a table that becomes cards on narrow screens: each says its heading. table_open() writes the head row. */
void table_open(struct request *request, const char *caption, const enum word *headings, size_t count);
void table_close(struct request *request);
void cell_open(struct request *request, enum word heading, const char *class_name); /* close with </td> */
void heading(struct request *request, enum word words);                             /* <h2> */
void paragraph(struct request *request, enum word words, const char *class_name);
/* Writes a text in which telephone numbers (three digits or more; blanks, dots or dashes between them) can be tapped and
 * stay on one line. */
void write_with_numbers(struct buf *out, const char *text);
/* A progress bar: `reached` of `target`, labelled for screen readers. */
void progress_bar(struct request *request, const char *label, int64_t reached, int64_t target);
/* A marker of state: shape and word. */
enum mark { MARK_EARLY, MARK_STEADY, MARK_TENSION, MARK_REPAIRED, MARK_UNCONFIRMED, MARK_LATE, MARK_DONE, MARK_NONE };
void state_mark(struct request *request, enum mark mark, enum word label);

/* The roles that sign in, in the order in which pages name them. */
struct role_word {
  enum role role;
  enum word label;
};
#define ROLE_WORDS 10
extern const struct role_word role_words[ROLE_WORDS];
const char *roles_text(const struct request *request, unsigned roles); /* "trainer, rater" */

/* A site of the study by its name, as people call it. */
const char *site_words(const struct request *request, const char *name);

/* The page on which this account begins: the first in the menu of its roles. */
const char *home_path(const struct request *request);

#endif
