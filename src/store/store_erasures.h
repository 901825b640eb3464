/* store_erasures.h: HOME/erasures, the list of who was erased, kept outside the database so that `restore` can erase them
 * again from a backup that is older. One line a step, "TIME_MS CODE WORD", on the disk when the call returns:
 *
 *     asked     before the erasing transaction commits
 *     (none)    it is committed: the person is erased
 *     failed    it is not
 *     emptied   and nothing of it is left in the database's files or its journal (SQLite)
 *
 * So a process that ends at any point leaves either a line that agrees with the database or `asked`, which the next opening
 * settles by looking (ledger/erasures.h). Of one code the last line counts. */
#ifndef ATTUNE_STORE_STORE_ERASURES_H
#define ATTUNE_STORE_STORE_ERASURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum erasure_state { ERASURE_ASKED, ERASURE_DONE, ERASURE_FAILED, ERASURE_EMPTIED };
struct erasure {
  int64_t time_ms;
  char code[24];
  enum erasure_state state;
  int line;
};

enum err erasure_note(const char *home, int64_t time_ms, const char *code, enum erasure_state state, struct error *error);
/* Cuts off a last line that a kill left unfinished: whoever asked for it was not answered. */
enum err erasures_mend(const char *home, struct error *error);
/* The last line of each code, by code, in the arena; none when there is no list. ERR_INPUT "erasures-broken". */
enum err erasures_read(struct arena *arena, const char *home, struct erasure **list, size_t *count, struct error *error);
/* The same from the text of such a list, which is cut into pieces. */
enum err erasures_parse(struct arena *arena, char *text, struct erasure **list, size_t *count, struct error *error);
/* The line of one code, or NULL. */
const struct erasure *erasure_find(const struct erasure *list, size_t count, const char *code);
static inline bool erasure_made(const struct erasure *erasure) {
  return erasure && (erasure->state == ERASURE_DONE || erasure->state == ERASURE_EMPTIED);
}

#endif
