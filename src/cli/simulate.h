/* simulate.h: a design of a made-up trial in JSON, and its people as CSV. */
#ifndef ATTUNE_CLI_SIMULATE_H
#define ATTUNE_CLI_SIMULATE_H

#include <stdio.h>

#include "attune/alliance.h"
#include "base/err.h"

int command_simulate(int argc, char **argv);

/* `name` is what errors call the text. Keys left out are those of alliance_world_default(). */
enum err simulate_design_read(struct alliance_world *world, const char *text, size_t length, const char *name,
                              struct error *error);
/* therapist,programme,patient,session,rater,rating,reported,true_tension,true_repair; false if writing failed. */
bool simulate_print(FILE *out, const struct alliance_world *world, uint64_t seed);

#endif
