/* expression.h: conditions and calculations of a form, in the ODK profile of XPath 1.0.
 *
 *     ${tension} = '1' and ${strength} >= 4
 *     if(count-answered(${a}, ${b}, ${c}) >= 2, round(mean-answered(${a}, ${b}, ${c}), 2), '')
 *
 * The language: `${item}` is an item's value as text ('' when it is not answered), `.` the value of the item itself;
 * 'text' and numbers; = != < <= > >= and or + - * div mod ( ). A blank is NaN in arithmetic, as in XPath.
 * Functions of XPath 1.0: string concat starts-with contains substring substring-before substring-after string-length
 * normalize-space translate boolean not true false number floor ceiling; and of ODK: if(condition, then, else)
 * selected(list, choice) count-selected(list) coalesce(a, b) regex(value, 'pattern') int(x) round(x[, digits])
 * once(x) (the item's own value if it has one, else x) min(..) max(..) sum(..) abs(x) pow(x, whole number) sqrt(x);
 * and ours, for scores:
 *
 *     mean-answered(a, b, ..)     mean of those that hold a number; NaN if none does
 *     count-answered(a, b, ..)    how many hold something
 *     prorate(least, a, b, ..)    mean of the answered x number of items, if at least `least` are answered; else NaN
 *
 * sum(..) is NaN as soon as one is blank. Refused: paths, attributes, predicates, variables, anything that knows the
 * time or chance (today, now, random, uuid), and node-set functions.
 *
 * Reference: XLSForm (xlsform.org) and the ODK XForms specification (getodk.github.io/xforms-spec); evaluated by
 * libxml2 in expression.c and nowhere else. A regular expression is matched as a whole (pattern.h).
 *
 * Limits: EXPRESSION_LENGTH bytes, EXPRESSION_DEPTH nested parentheses, EXPRESSION_ITEMS different items. */
#ifndef ATTUNE_STUDY_EXPRESSION_H
#define ATTUNE_STUDY_EXPRESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"

#define EXPRESSION_LENGTH 4096
#define EXPRESSION_DEPTH 24
#define EXPRESSION_ITEMS 200

/* One use of ${item} in an expression. */
struct expression_item {
  const char *name;
  int column;   /* from 1, in the expression's text */
  bool summed;  /* an argument of sum() itself */
  size_t index; /* of the item in its form; set by whoever compiled it */
};

/* Immutable once its items' indices are set; may be shared by threads. */
struct expression {
  const char *text;  /* as written */
  const char *xpath; /* as libxml2 reads it */
  unsigned long hash;
  struct expression_item *items; /* every different item, in order of first use */
  size_t item_count;
  const char *equals; /* when it is just ${item} = 'value' (or = a whole number): that value; else NULL */
  bool uses_self;     /* holds `.` or once() */
};

/* Reads and checks an expression, in the arena. On ERR_INPUT the sentence names the column, also in *column. */
enum err expression_compile(const struct expression **out, const char *text, struct arena *arena, int *column,
                            struct error *error);

/* What one thread needs to evaluate expressions: libxml2's context and its compiled forms of the expressions that the
 * thread has met (libxml2 writes into a compiled expression while it runs it, so these are never shared). Open one a
 * thread and keep it; it belongs to one thread at a time and to no study. */
struct expression_desk;
struct expression_desk *expression_desk_open(void);
void expression_desk_close(struct expression_desk *desk);

/* Values by the items' indices; NULL is a blank. `self` is the value of `.` or NULL. */
struct expression_values {
  const char *const *by_index;
  const char *self;
};

bool expression_true(struct expression_desk *desk, const struct expression *expression,
                     struct expression_values values);
/* The value as text in the arena, or NULL for a blank (also for NaN and infinities). Numbers: whole ones exactly,
 * others rounded to six decimals without trailing zeros: the same text on every machine. */
const char *expression_text(struct expression_desk *desk, const struct expression *expression,
                            struct expression_values values, struct arena *arena);

/* "3", "3.25", "-0.5": the text of a number as above; NULL when it is not finite. */
const char *number_text(struct arena *arena, double value);
/* A decimal in canonical text ("-12", "3.5"; no exponent); false when it is none. */
bool number_read(const char *text, double *value);

#endif
