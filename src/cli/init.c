/* attune init HOME --study DIR: makes a home, a study with its own ledger. */
#include <stdio.h>

#include "cli/options.h"
#include "cli/study_from.h"
#include "trial/home.h"

static void print_findings(const struct study_findings *findings, struct arena *arena) {
  for (size_t i = 0; i < findings->count; i++) fprintf(stderr, "attune: %s\n", finding_text(arena, &findings->list[i]));
}

/* A directory, or the name of a study that travels inside the program. */
enum err study_from(const struct study **study, const char *where, struct arena *arena, struct error *error) {
  struct study_findings findings = {.arena = arena};
  enum err err = study_load_dir(study, where, &findings, arena, error);
  if (err == ERR_MISSING && !strchr(where, '/')) {
    findings = (struct study_findings){.arena = arena};
    err = study_load_embedded(study, where, &findings, arena, error);
  }
  if (err) print_findings(&findings, arena);
  return err;
}

int command_init(int argc, char **argv) {
  const char *from = NULL, *store = NULL;
  const struct option options[] = {
      {"study", "DIR", "the study: a directory, or the name of one that travels with the program", .text = &from},
      {"store", "CONNECT", "a PostgreSQL connection string; without it the home keeps a SQLite file", .text = &store},
      {0}};
  struct arguments arguments = {.usage = "attune init HOME --study DIR",
                                .about = "Makes HOME: the study's database, its keys and the first entry of its ledger.\n"
                                         "Copy HOME/keys to a safe place before real people take part.",
                                .options = options,
                                .least = 1,
                                .most = 1};
  int code = arguments_read(&arguments, argc, argv);
  if (code >= 0) return code;
  struct error error;
  struct arena arena = {0};
  const struct study *study = NULL;
  enum err err = from ? study_from(&study, from, &arena, &error) : fail(&error, ERR_USAGE, "", "study", "init needs --study DIR");
  struct home_create create = {
      .directory = arguments.words[0], .connect = store, .by = "cli", .study = study, .clock = clock_system(), .chance = chance_system()};
  if (!err) err = home_create(&create, &error);
  if (!err) printf("%s holds the study %s (%s).\nNext: attune user add %s --role administrator --name NAME --login LOGIN; attune serve %s\n",
                   arguments.words[0], study->name, words_in(&study->title, 0), arguments.words[0], arguments.words[0]);
  arena_free(&arena);
  return err ? say_no(&error) : EXIT_DONE;
}
