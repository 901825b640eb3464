/* attune checkpoint HOME: the newest signed checkpoint, for a witness to keep. */
#include <stdio.h>

#include "cli/options.h"
#include "ledger/ledger.h"

int command_checkpoint(int argc, char **argv) {
  const struct option options[] = {{NULL, NULL, NULL, .flag = NULL}};
  struct arguments arguments = {.usage = "attune checkpoint HOME",
                                .about = "Prints the newest checkpoint of the ledger as a signed note. Kept where nobody who runs the home can change it\n"
                                         "(an ethics office, a data monitor), it pins every entry so far: 'attune verify HOME --note FILE' tells whether the\n"
                                         "ledger still is that one, grown. Works beside a running server. The note tells how many entries there are: it is\n"
                                         "not for people who must not know the arms.",
                                .options = options,
                                .least = 1,
                                .most = 1};
  int code = arguments_read(&arguments, argc, argv);
  if (code >= 0) return code;
  struct error error = {0};
  struct arena arena = {0};
  struct store *store = NULL;
  struct db *db = NULL;
  char *note = NULL;
  enum err err = store_open(&store, arguments.words[0], STORE_LOOK, &error);
  if (!err) err = db_open(&db, store, DB_OPEN, &error);
  if (!err) err = ledger_checkpoint_text(db, &arena, &note, &error);
  if (!err) fputs(note, stdout);
  db_close(db);
  store_close(store);
  code = finish_output(err, &error);
  arena_free(&arena);
  return code;
}
