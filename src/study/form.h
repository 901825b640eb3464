/* form.h: a questionnaire: its items, choices, conditions and scores, and whether a set of answers is valid.
 *
 * A form is read once, is immutable after that, and may be shared by threads. It is written in the shape of XLSForm
 * (docs/forms.md), three sheets as CSV in a study's directory:
 *   forms/NAME.csv   the items, one a row: type,name,label::English (en),hint::..,required,relevant,constraint,
 *                    constraint_message::..,calculation,parameters,risk
 *   choices.csv      list_name,name,label::..           (for all forms of the study)
 *   settings.csv     form_id,version,form_title::..,rater,validated,licence,wording_source,notice::..,minutes
 *
 * A page draws a form by walking items[] in order:
 *
 *     struct form_result result;
 *     form_validate(form, posted, posted_count, desk, arena, &result);     (also for a draft, or with no answers)
 *     for (size_t i = 0; i < form->item_count; i++) {
 *       const struct form_item *item = &form->items[i];
 *       ... words_in(&item->label, language), result.values[i], result.problems of item ...
 *     }
 *
 * Without JavaScript every item is shown; one that is not relevant carries result.relevant[i] == false and is not
 * stored. With JavaScript a page may hide it by item->shown_if_item / shown_if_value. */
#ifndef ATTUNE_STUDY_FORM_H
#define ATTUNE_STUDY_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "study/expression.h"
#include "study/words.h"

#define FORM_ITEMS 300        /* rows of a form, at most */
#define FORM_TEXT_LENGTH 2000 /* characters of a text item, unless its parameters say less */
#define FORM_VALUE_BYTES 8192 /* bytes of any posted value */
#define FORM_NONE ((size_t)-1)

enum form_type {
  FORM_NOTE,            /* words alone */
  FORM_SELECT_ONE,      /* one of choices[] */
  FORM_SELECT_MULTIPLE, /* any of choices[]: their names, in the list's order, with one space between */
  FORM_INTEGER,         /* whole number within low..high where given */
  FORM_DECIMAL,         /* decimal number, at most six decimals; a comma is taken for the point */
  FORM_RANGE,           /* one of points[], low to high; words at both ends in choices[] (XLSForm's tick_labelset) */
  FORM_TEXT,            /* free text of at most max_length characters */
  FORM_DATE,            /* 2026-11-23 */
  FORM_CALCULATE,       /* never asked: computed from the others (a score) */
  FORM_GROUP,           /* begin group: a heading */
  FORM_GROUP_END
};

struct form_choice {
  const char *name; /* what is stored */
  struct words label;
};

struct form_item {
  enum form_type type;
  const char *name;
  size_t index; /* in the form */
  size_t group; /* index of the group around it, or FORM_NONE */
  struct words label, hint, constraint_message;
  bool required;
  const struct expression *relevant, *constraint, *calculation; /* NULL where there is none */
  bool risk;                          /* a risk item (the form then needs the study's safety path) */
  const struct expression *risk_when; /* answers that must reach the responder; NULL: every answer */
  const char *list;                   /* name of the choice list; NULL if none */
  const struct form_choice *choices;
  size_t choice_count;
  const char *const *points; /* RANGE: every value that can be chosen, as text */
  size_t point_count;
  bool has_low, has_high; /* INTEGER, DECIMAL, RANGE; a score's stated range for CALCULATE */
  double low, high;
  const char *low_text, *high_text;
  bool higher_is_worse; /* CALCULATE: parameters higher=worse */
  size_t max_length;    /* TEXT: characters */
  /* When `relevant` (or that of its group) is just "item X has the value V"; else FORM_NONE. */
  size_t shown_if_item;
  const char *shown_if_value;
  int line; /* in its file */
};

struct form {
  const char *name, *version; /* together they stand beside every stored answer */
  const char *file;           /* "forms/session-patient.csv" */
  const char *rater;          /* "patient", "therapist", ..., "" when anyone's */
  struct words title, notice; /* notice: a line at the foot, such as "not a validated instrument" */
  bool validated;             /* false: our own items */
  const char *licence, *wording_source;
  const char *minutes;  /* how long it takes, as text ("2"); "" if not said */
  bool has_risk;        /* some item is a risk item: see study_form_may_open() */
  bool wording_missing; /* a skeleton: some label is empty, so that it cannot be shown to anyone */
  const struct form_item *items;
  size_t item_count;
  size_t asked, asked_always; /* items that wait for an answer: all, and those without any condition */
  const size_t *order;        /* the items in an order in which each stands after all that it depends on */
};

const struct form_item *form_item(const struct form *form, const char *name); /* NULL when there is none */
const char *form_type_name(enum form_type type);                              /* "select_one" */
/* "select_one agree" gives the type and the list's name; false when it is no type. */
bool form_type_read(const char *text, enum form_type *type, const char **list);
bool form_type_asked(enum form_type type); /* waits for an answer (not a note, group or calculation) */
/* The label of that item's choice or labelled end point; NULL when it has none. */
const struct words *form_choice_label(const struct form_item *item, const char *value);

/* --- answers ------------------------------------------------------------------------------------------------- */

struct form_answer {
  const char *name;
  const char *value;   /* bytes as they came */
  size_t value_length; /* of them; a NUL inside is a bad encoding */
};

enum form_problem_kind {
  PROBLEM_REQUIRED,       /* "answer-required" */
  PROBLEM_NOT_WHOLE,      /* "answer-not-whole": a whole number is asked for */
  PROBLEM_NOT_NUMBER,     /* "answer-not-number" */
  PROBLEM_NOT_DATE,       /* "answer-not-date" */
  PROBLEM_OUT_OF_RANGE,   /* "answer-out-of-range": see low and high */
  PROBLEM_NO_SUCH_CHOICE, /* "answer-no-such-choice" */
  PROBLEM_TOO_LONG,       /* "answer-too-long": more than `maximum` characters */
  PROBLEM_ENCODING,       /* "answer-encoding": not UTF-8, or control characters */
  PROBLEM_CONSTRAINT,     /* "answer-constraint": the form's own words are in `message` */
  PROBLEM_UNKNOWN_FIELD,  /* "answer-unknown-field": the form asks for no such thing */
  PROBLEM_TWICE           /* "answer-twice": the same field came more than once */
};

struct form_problem {
  enum form_problem_kind kind;
  const char *id;               /* the stable name above; pages have their words for it in each language */
  const char *field;            /* the item's name (or the unknown field, cleaned and shortened) */
  const struct form_item *item; /* NULL for an unknown field */
  const char *low, *high;       /* OUT_OF_RANGE: the bounds as text, NULL where open */
  size_t maximum;               /* TOO_LONG */
  const struct words *message;  /* the form's constraint_message, or NULL */
};

struct form_result {
  bool valid;                    /* no problem at all: values may be stored */
  const char **values;           /* by item index: canonical text; NULL: not answered, not relevant, or not valid */
  const char **typed;            /* by item index: what came in and is not among values (not valid, or not relevant as
                                    things stand), so that a page can show it again; else NULL */
  bool *relevant;                /* by item index */
  struct form_problem *problems; /* in the order of the form, unknown fields last */
  size_t problem_count;
  size_t answered;     /* items asked that hold a value */
  const size_t *risks; /* indices of risk items whose answer must reach the responder */
  size_t risk_count;
};

/* Never fails: whatever came in, the result says what is wrong with it. Blank values count as not answered; answers to
 * items that are not relevant are dropped without a word; calculations are computed (posting one is a problem).
 * Everything is in `arena`; borrowed from `form` besides. */
void form_validate(const struct form *form, const struct form_answer *answers, size_t count,
                   struct expression_desk *desk, struct arena *arena, struct form_result *result);

#endif
