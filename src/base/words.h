/* words.h: every word that a person reads on a page, in each language of the pages, side by side in words.def.
 *
 *     tell(out, language, WORD_SESSIONS_OF, "3", "6");
 *
 * Placeholders stand as {1}, {2}, ... so that a language may put them in its own order; values are texts, and are
 * escaped where they are written. Pages say it shorter still (say() in web/page.h). A study's own words (titles, items) come
 * from the study (study/words.h). */
#ifndef ATTUNE_BASE_WORDS_H
#define ATTUNE_BASE_WORDS_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"

enum language { LANGUAGE_ENGLISH, LANGUAGE_FRENCH, LANGUAGE_COUNT };

enum word {
#define WORD(name, english, french) WORD_##name,
#include "base/words.def"
#undef DONE
#undef LOGGED
#undef PROBLEM
#undef WORD
  WORD_COUNT
};

const char *word(enum language language, enum word word);
/* "en", "fr"; and back: -1 when the pages do not speak it. */
const char *language_code(enum language language);
int language_find(const char *code);
/* The name of a language in itself: "Français". */
const char *language_name(enum language language);

/* Replaces {1}, {2}, ... by `values` (ends with NULL) and writes the result escaped. */
void words_write(struct buf *out, const char *words, const char *const *values);
char *words_fill(struct arena *arena, const char *words, const char *const *values);

/* Both at once, shorter: tell(out, language, WORD_SESSIONS_OF, "3", "6"), and told(arena, language, ...) as a text. */
#define tell(out, language, ...) TELL_PICK(out, language, __VA_ARGS__, NULL)
#define TELL_PICK(out, language, which, ...) words_write(out, word(language, which), (const char *const[]){__VA_ARGS__})
#define told(arena, language, ...) TOLD_PICK(arena, language, __VA_ARGS__, NULL)
#define TOLD_PICK(arena, language, which, ...) words_fill(arena, word(language, which), (const char *const[]){__VA_ARGS__})

/* Dates and numbers as people of the language write them; all in the arena. */
char *date_words(struct arena *arena, enum language language, int64_t day);        /* "23 November 2026" */
char *date_short(struct arena *arena, enum language language, int64_t day);        /* "23 Nov" */
char *instant_words(struct arena *arena, enum language language, int64_t time_ms); /* "23 November 2026, 14:05 UTC" */
char *number_words(struct arena *arena, enum language language, double value, int decimals); /* "5.4", "5,4" */
char *count_words(struct arena *arena, enum language language, int64_t count);               /* "1,204", "1 204" */
char *percent_words(struct arena *arena, enum language language, double share);              /* "82%", "82 %" */

#endif
