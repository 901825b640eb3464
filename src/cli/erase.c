/* attune erase HOME CODE --reason TEXT: erases a person or an account, for good. */
#include <stdio.h>

#include "cli/options.h"
#include "trial/erasure.h"

int command_erase(int argc, char **argv) {
  const char *reason = "";
  const struct option options[] = {{"reason", "TEXT", "why; it stays on record", .text = &reason}, {NULL, NULL, NULL, .flag = NULL}};
  struct arguments arguments = {.usage = "attune erase HOME CODE --reason TEXT",
                                .about = "Erases a patient, a therapist or an account, by its code: the key of their entries is destroyed, their rows give way\n"
                                         "to a tombstone, and nothing of either is left in the home's files. Nobody can undo it. A SQLite home that is being\n"
                                         "served is erased from on its page, or after the server is stopped. Then delete the backups that still hold the\n"
                                         "person.",
                                .options = options,
                                .least = 2,
                                .most = 2};
  int code = arguments_read(&arguments, argc, argv);
  if (code >= 0) return code;
  struct error error = {0};
  struct home *home = NULL;
  struct actor by = {.code = "cli", .roles = ROLE_ADMINISTRATOR, .site = "", .person = ""};
  enum err err = home_open(&home, arguments.words[0], STORE_OWN, clock_system(), chance_system(), &error);
  struct person_erase erase = {.home = home, .by = &by, .person = arguments.words[1], .reason = reason};
  if (!err) err = ledger_do(home->ledger, person_erase, &erase, &error);
  home_close(home);
  if (err) return say_no(&error);
  printf("%s is erased. Backups made before still hold what was erased: delete them when you no longer need them.\n", arguments.words[1]);
  return EXIT_DONE;
}
