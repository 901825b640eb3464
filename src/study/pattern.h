/* pattern.h: regular expressions for the constraints of forms, matched in time proportional to the text.
 *
 * Understood: literals, . [a-z] [^a-z] \d \w \s (ASCII) and their opposites \D \W \S, \t \n, \ before punctuation,
 * ( ) (?: ) |, and * + ? {n} {n,} {n,m}. A pattern matches a text as a whole, as in the ODK specification; a leading
 * ^ and a trailing $ say the same and are allowed. Characters are Unicode code points.
 *
 * Method: Ken Thompson, "Regular Expression Search Algorithm", Communications of the ACM 11:6 (1968): all states at
 * once, no backtracking, so that no pattern and no answer can hold up the server. At most PATTERN_STATES states. */
#ifndef ATTUNE_STUDY_PATTERN_H
#define ATTUNE_STUDY_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"

#define PATTERN_STATES 1000
#define PATTERN_DEPTH 16

struct pattern; /* immutable, may be shared */

/* ERR_INPUT when it is no such pattern; the sentence says which character. */
enum err pattern_compile(const struct pattern **out, const char *text, struct arena *arena, struct error *error);
/* A text that is not UTF-8 matches nothing. */
bool pattern_match(const struct pattern *pattern, const char *text);

#endif
