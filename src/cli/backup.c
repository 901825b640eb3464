#include <stdio.h>

#include "cli/options.h"
#include "store/keys.h"
#include "store/store.h"
#include "store/store_erasures.h"
#include "store/store_files.h"

/* Beside the backup stands the list of erasures so far, as the database has them and as HOME/erasures does: `restore` makes
 * those again that an older backup has not seen. */
static enum err erasures_copy(struct store *store, const char *file, struct arena *arena, struct error *error) {
  struct erasure *list;
  size_t count;
  struct db *db = NULL;
  struct buf text = buf_in(arena, 1024);
  enum err err = erasures_read(arena, store_home(store), &list, &count, error);
  if (!err) err = db_open(&db, store, DB_OPEN, error);
  if (err) return err;
  struct rows rows;
  rows_open(&rows, db, "SELECT erased, time_ms FROM tombstone ORDER BY time_ms, erased", NO_ARGS);
  while (rows_next(&rows)) buf_addf(&text, "%lld %s\n", (long long)rows_int(&rows, 1), rows_text(&rows, 0));
  err = rows_close(&rows, error);
  db_close(db);
  for (size_t i = 0; i < count; i++)
    if (erasure_made(&list[i])) buf_addf(&text, "%lld %s\n", (long long)list[i].time_ms, list[i].code);
  return err ? err : file_write_whole(arena_printf(arena, "%s.erasures", file), text.data, text.length, error);
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
  if (!err) err = erasures_copy(store, file, &arena, &error);
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
