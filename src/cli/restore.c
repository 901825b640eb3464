/* restore: a new home from a backup. It is built beside its place and renamed at the end, so that HOME is a whole,
 * verified home or not there. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/options.h"
#include "people/role.h"
#include "store/store_erasures.h"
#include "store/store_files.h"
#include "trial/erasure.h"
#include "trial/home.h"
#include "trial/kinds.h"
#include "trial/person.h"

#define LONGEST_LIST ((size_t)16 << 20)

struct restoring {
  const char *file, *home, *keys, *erasures, *connect;
  char *staging;
  struct arena arena;
  int64_t erased; /* applied again */
  struct verify_report report;
};

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *walk) {
  (void)facts, (void)kind, (void)walk;
  return remove(path);
}

static enum err fill(struct restoring *r, struct error *error) {
  struct store *store = NULL;
  enum err err = store_create(r->staging, r->connect, error);
  if (!err) err = keys_copy(r->keys, arena_printf(&r->arena, "%s/keys", r->staging), error);
  if (!err) err = store_open(&store, r->staging, STORE_OWN, error);
  if (!err) err = store_restore(store, r->file, error);
  store_close(store);
  return err;
}

/* Erasures that the backup has not seen are made again, as entries of their own. */
static enum err erase_again(struct restoring *r, struct home *home, const char *subject, struct error *error) {
  struct actor by = {.code = "cli", .roles = ROLE_ADMINISTRATOR, .site = "", .person = ""};
  struct person_erase erase = {
      .home = home, .by = &by, .person = subject, .reason = "restored from a backup older than the erasure"};
  struct error detail = {0};
  enum err err = ledger_do(home->ledger, person_erase, &erase, &detail);
  if (!err) r->erased++;
  bool nothing_to_do = !strcmp(detail.id, "erased-already") || !strcmp(detail.id, "no-such-person");
  return err && !nothing_to_do ? fail(error, err, detail.id, subject, "%s: %s", subject, detail.text) : OK;
}

/* Of those whose erasure was under way when the list ended nobody knows whether it was made; erasing is for good. */
static void say_asked(const struct restoring *r, const struct erasure *one) {
  fprintf(stderr, "attune: the list of erasures ends while %s was being erased: if that is still wanted, run attune erase %s %s\n", one->code,
          r->home, one->code);
}

static enum err list_write(struct restoring *r, const struct erasure *list, size_t count, struct error *error) {
  struct buf text = buf_in(&r->arena, 1024);
  for (size_t i = 0; i < count; i++)
    if (erasure_made(&list[i])) buf_addf(&text, "%lld %s\n", (long long)list[i].time_ms, list[i].code);
  return file_write_whole(arena_printf(&r->arena, "%s/erasures", r->staging), text.data, text.length, error);
}

static enum err erasures_apply(struct restoring *r, struct error *error) {
  char *text, *given = arena_printf(&r->arena, "%s.erasures", r->file);
  size_t length, count;
  struct erasure *list;
  enum err err = file_read(&r->arena, r->erasures ? r->erasures : given, LONGEST_LIST, &text, &length, error);
  if (err == ERR_MISSING && !r->erasures)
    return fail(error, ERR_INPUT, "erasures-missing", given,
                "%s is not there; name the list of erasures with --erasures FILE", given);
  if (!err) err = erasures_parse(&r->arena, text, &list, &count, error);
  if (!err) err = list_write(r, list, count, error);
  if (err) return err;
  struct home *home;
  err = home_open(&home, r->staging, STORE_OWN, clock_system(), chance_system(), error);
  if (err) return err;
  for (size_t i = 0; !err && i < count; i++) {
    if (erasure_made(&list[i])) err = erase_again(r, home, list[i].code, error);
    if (list[i].state == ERASURE_ASKED) say_asked(r, &list[i]);
  }
  home_close(home);
  return err;
}

static enum err check(struct restoring *r, struct error *error) {
  struct store *store = NULL;
  struct keys keys;
  enum err err = store_open(&store, r->staging, STORE_LOOK, error);
  if (!err) err = keys_load(&keys, r->staging, error);
  if (!err) err = ledger_verify(store, &keys, assembled_kinds, NULL, &r->report, error);
  store_close(store);
  keys_wipe(&keys);
  if (!err && *r->report.first_difference)
    return fail(error, ERR_STATE, "backup-differs", r->file, "%s does not hold: %s", r->file,
                r->report.first_difference);
  return err;
}

static enum err put_in_place(struct restoring *r, struct error *error) {
  if (rename(r->staging, r->home))
    return fail(error, ERR_STATE, "home-exists", r->home, "%s: cannot be put in place: %s", r->home, strerror(errno));
  char *parent = arena_printf(&r->arena, "%s/..", r->home);
  int directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0 || fsync(directory)) die("%s: cannot be synced: %s", parent, strerror(errno));
  close(directory);
  return OK;
}

static enum err restore(struct restoring *r, struct error *error) {
  r->staging = arena_printf(&r->arena, "%s.restoring", r->home);
  if (!access(r->staging, F_OK))
    return fail(error, ERR_STATE, "restoring", r->staging,
                "%s is there, from a restore that was stopped; remove it first", r->staging);
  if (!access(r->home, F_OK) && rmdir(r->home))
    return fail(error, ERR_STATE, "home-exists", r->home,
                "%s is there already and not empty; a backup is restored into a new home", r->home);
  enum err err = fill(r, error);
  if (!err) err = erasures_apply(r, error);
  if (!err) err = check(r, error);
  if (!err) err = put_in_place(r, error);
  if (err) nftw(r->staging, remove_one, 16, FTW_DEPTH | FTW_PHYS);
  return err;
}

int command_restore(int argc, char **argv) {
  struct restoring r = {0};
  const struct option options[] = {
      {"keys", "DIR", "the copy of the home's keys", .text = &r.keys},
      {"erasures", "FILE", "the newest list of erasures (FILE.erasures beside the backup)", .text = &r.erasures},
      {"store", "CONNECTION", "restore into this empty PostgreSQL database (SQLite in HOME)", .text = &r.connect},
      {NULL, NULL, NULL, .flag = NULL}};
  struct arguments arguments = {.usage = "attune restore FILE HOME --keys DIR [--erasures FILE] [--store CONNECTION]",
                                .about = "Makes a new home from a backup, erases again whom the list of erasures "
                                         "names, and verifies it. HOME is whole and\n"
                                         "verified in the end, or not there. Give the newest list of erasures that you "
                                         "have: HOME/erasures of the lost home.",
                                .options = options,
                                .least = 2,
                                .most = 2};
  int code = arguments_read(&arguments, argc, argv);
  if (code >= 0) return code;
  struct error error = {0};
  r.file = arguments.words[0];
  r.home = arguments.words[1];
  enum err err = r.keys ? restore(&r, &error)
                        : fail(&error, ERR_USAGE, "", "keys", "restore needs --keys DIR, the copy of the home's keys");
  if (!err)
    printf("%s holds %lld entries and verifies; %lld erased again\n", r.home, (long long)r.report.entries,
           (long long)r.erased);
  arena_free(&r.arena);
  return err ? say_no(&error) : EXIT_DONE;
}
