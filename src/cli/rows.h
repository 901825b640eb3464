/* rows.h: the commands, for the table in commands.c, and what two of them share. */
#ifndef ATTUNE_CLI_ROWS_H
#define ATTUNE_CLI_ROWS_H

#include "base/arena.h"
#include "base/err.h"
#include "study/study.h"

int command_demo(int argc, char **argv);
int command_import(int argc, char **argv);
int command_init(int argc, char **argv);
int command_study(int argc, char **argv);

/* A study from a directory or, by name, from inside the program; says every finding on stderr when it is broken. */
enum err study_from(const struct study **study, const char *where, struct arena *arena, struct error *error);

#endif
