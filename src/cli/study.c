/* attune study amend HOME DIR: a new version of the study, as one entry with the ethics approval's reference. */
#include <stdio.h>

#include "cli/options.h"
#include "cli/study_from.h"
#include "trial/amendment.h"
#include "trial/home.h"

static enum err show_difference(const struct home *home, const struct study *after, struct arena *arena, struct error *error) {
  struct study_difference difference;
  home_compare(home, after, arena, &difference);
  printf("%zu changes:\n", difference.count);
  for (size_t i = 0; i < difference.count; i++) printf("  - %s\n", difference.lines[i]);
  for (size_t i = 1; i < difference.refusal_count; i++) fprintf(stderr, "attune: refused: %s\n", difference.refusals[i]);
  return difference.refused ? fail(error, ERR_INPUT, "study-reinterprets", "", "refused: %s", difference.refusals[0]) : OK;
}

static bool confirmed(void) {
  char answer[16];
  printf("Make this the study from now on? Answers given so far keep the version they were given under. (yes/no) ");
  fflush(stdout);
  return fgets(answer, sizeof answer, stdin) && !strncmp(answer, "yes", 3);
}

static enum err amend(struct home *home, struct study_amend *amendment, bool yes, struct error *error) {
  if (!yes && !confirmed()) return fail(error, ERR_STATE, "not-confirmed", "", "nothing was changed");
  return ledger_do(home->ledger, study_amend, amendment, error);
}

int command_study(int argc, char **argv) {
  const char *approval = "", *date = "";
  bool yes = false;
  const struct option options[] = {{"approval", "REFERENCE", "the ethics approval's reference", .text = &approval},
                                   {"approval-date", "DATE", "its date, such as 2026-11-23", .text = &date},
                                   {"yes", NULL, "do not ask again", .flag = &yes},
                                   {0}};
  struct arguments arguments = {.usage = "attune study amend HOME DIR --approval REFERENCE --approval-date DATE",
                                .about = "Shows the difference in words, then makes it one entry of the ledger. A change that would give stored\n"
                                         "answers another meaning is refused.",
                                .options = options,
                                .least = 3,
                                .most = 3};
  int code = arguments_read(&arguments, argc, argv);
  if (code >= 0) return code;
  struct error error;
  struct arena arena = {0};
  struct home *home = NULL;
  const struct study *after;
  enum err err = strcmp(arguments.words[0], "amend") ? fail(&error, ERR_USAGE, "", "", "a study can be amended: attune study amend HOME DIR") : OK;
  if (!err) err = study_from(&after, arguments.words[2], &arena, &error);
  if (!err) err = home_open(&home, arguments.words[1], STORE_OWN, clock_system(), chance_system(), &error);
  if (!err) err = show_difference(home, after, &arena, &error);
  if (!err) {
    struct study_amend amendment = {.home = home, .by = "cli", .approval = approval, .approval_date = date, .study = after};
    err = amend(home, &amendment, yes, &error);
  }
  if (!err) printf("%s is at version %lld of the study.\n", arguments.words[1], (long long)home_version(home) + 1);
  home_close(home);
  arena_free(&arena);
  return err ? say_no(&error) : EXIT_DONE;
}
