#include "study/words.h"

#include <stddef.h>

const char *words_in(const struct words *words, int language) {
  if (language >= 0 && language < STUDY_LANGUAGES && words->in[language]) return words->in[language];
  return words->in[0] ? words->in[0] : "";
}
