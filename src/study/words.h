/* words.h: the study's own words, in each of its languages.
 *
 * A study names its languages ("en", "fr"); everywhere else a language is its index in that list, at most
 * STUDY_LANGUAGES - 1. `attune check` sees to it that a study that is live has every word in every language. */
#ifndef ATTUNE_STUDY_WORDS_H
#define ATTUNE_STUDY_WORDS_H

#define STUDY_LANGUAGES 4

struct words {
  const char *in[STUDY_LANGUAGES]; /* NULL where there are none */
};

/* The words in that language; else in the study's first language; else "". */
const char *words_in(const struct words *words, int language);

#endif
