#include <stdio.h>

#include "cli/options.h"
#include "store/keys.h"
#include "store/store.h"
#include "store/store_files.h"

#define LONGEST_LIST ((size_t)16 << 20)

/* Beside the backup stands the list of erasures so far: `restore` applies those that an older backup has not seen. */
static enum err erasures_copy(const char *home, const char *file, struct error *error) {
  struct arena arena = {0};
  char *text;
  size_t length;
  enum err err = file_read(&arena, arena_printf(&arena, "%s/erasures", home), LONGEST_LIST, &text, &length, error);
  if (err == ERR_MISSING) err = OK, length = 0, text = arena_text(&arena, "");
  if (!err) err = file_write_whole(arena_printf(&arena, "%s.erasures", file), text, length, error);
  arena_free(&arena);
  return err;
}

int command_backup(int argc, char **argv) {
  const char *keys = NULL;
  const struct option options[] = {{"keys", "DIR", "copy the home's keys too, into this new directory", .text = &keys},
                                   {NULL, NULL, NULL, .flag = NULL}};
  struct arguments arguments = {.usage = "attune backup HOME FILE [--keys DIR]",
                                .about = "Copies the database into one file while it is in use; the file is complete "
                                         "or not there. FILE.erasures beside it\n"
                                         "lists who was erased. The keys are not in the file: without a copy of "
                                         "HOME/keys it cannot be read, by anyone.\n"
                                         "Keep that copy elsewhere than the backups.",
                                .options = options,
                                .least = 2,
                                .most = 2};
  int code = arguments_read(&arguments, argc, argv);
  if (code >= 0) return code;
  const char *home = arguments.words[0], *file = arguments.words[1];
  struct error error = {0};
  struct arena arena = {0};
  struct store *store;
  enum err err = store_open(&store, home, STORE_LOOK, &error);
  if (!err) err = store_backup(store, file, &error);
  if (!err) err = erasures_copy(home, file, &error);
  if (!err && keys) err = keys_copy(arena_printf(&arena, "%s/keys", home), keys, &error);
  store_close(store);
  arena_free(&arena);
  if (err) return say_no(&error);
  printf("%s is in %s", home, file);
  if (keys)
    printf(", its keys in %s: keep the two apart\n", keys);
  else
    printf("; it needs the keys in %s/keys, of which a copy must be kept elsewhere\n", home);
  return EXIT_DONE;
}
