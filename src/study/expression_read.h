/* expression_read.h: the first half of expression_compile(): the text of an expression, token by token, is checked
 * against the profile (expression.h) and written as XPath for libxml2: ${item} becomes $i0, $i1, ..; `.` becomes
 * $self. Only expression.c includes this. */
#ifndef ATTUNE_STUDY_EXPRESSION_READ_H
#define ATTUNE_STUDY_EXPRESSION_READ_H

#include "study/expression.h"

/* Fills text, xpath, items and uses_self. *columns gets, for each byte of the xpath, the column in the text. */
enum err expression_read(struct expression *out, const char *text, struct arena *arena, const int **columns,
                         int *column, struct error *error);

#endif
