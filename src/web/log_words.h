/* log_words.h: the sentence of the log for each kind of entry that masked roles see; the build assembles it from the KIND()
 * rows and the LOGGED() rows of words.def (tools/assemble.sh): a kind without its sentence does not compile. */
#ifndef ATTUNE_WEB_LOG_WORDS_H
#define ATTUNE_WEB_LOG_WORDS_H

#include "ledger/ledger.h"
#include "base/words.h"

struct log_words {
  const struct entry_kind *kind;
  enum word sentence; /* {1} who, {2} about whom */
};
extern const struct log_words assembled_log_words[]; /* ends with a row without a kind */

#endif
