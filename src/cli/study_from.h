/* study_from.h: which study a command means. */
#ifndef ATTUNE_CLI_STUDY_FROM_H
#define ATTUNE_CLI_STUDY_FROM_H

#include "base/arena.h"
#include "base/err.h"
#include "study/study.h"

/* A study from a directory or, by name, from inside the program; says every finding on stderr when it is broken. */
enum err study_from(const struct study **study, const char *where, struct arena *arena, struct error *error);

#endif
