/* simulate.h: a made-up trial: from a design in JSON or from a study, and its people as CSV.
 *
 * Two kinds of design are told apart by their keys: one of people with tensions (the keys of `attune simulate --help`,
 * drawn by the alliance room), and one of `attune power` (docs/power.md, drawn by the statistics room). */
#ifndef ATTUNE_CLI_SIMULATE_H
#define ATTUNE_CLI_SIMULATE_H

#include <stdio.h>

#include "attune/alliance.h"
#include "base/err.h"
#include "cli/power_design.h"
#include "study/study.h"

/* A world, and what of it is written down. */
struct simulate_plan {
  struct alliance_world world;
  bool allocated;                                          /* false: no arms, `programme` stays empty */
  bool reversed;                                           /* higher is worse: ratings are mirrored on their scale */
  uint64_t rated[ALLIANCE_RATERS], asked[ALLIANCE_RATERS]; /* bit t: session t + 1 has a rating, a direct report */
};

int command_simulate(int argc, char **argv);

/* Whether this JSON is a design of `attune power`; keys of both kinds, or no object, are refused. `name` is what errors
 * call the text. */
enum err simulate_design_kind(bool *power, const char *text, size_t length, const char *name, struct error *error);

/* Keys left out are those of alliance_world_default(). */
enum err simulate_design_read(struct simulate_plan *plan, const char *text, size_t length, const char *name,
                              struct error *error);

/* As many therapists, patients and sessions as the study aims for, its raters, its scale in its own steps and its
 * direct reports; the default world's levels, spreads and tensions at the same places of the scale. Refused: a study
 * without ratings after sessions, or with other than two equal arms. */
enum err simulate_study_plan(struct simulate_plan *plan, const struct study *study, struct arena *arena,
                             struct error *error);

/* therapist,programme,patient,session,rater,rating,reported,true_tension,true_repair; false if writing failed. */
bool simulate_print(FILE *out, const struct simulate_plan *plan, uint64_t seed);
/* therapist,arm,patient,session,time,rater,rating,reported,true_tension,true_repair. */
enum err simulate_print_power(FILE *out, const struct power_file *file, uint64_t seed, struct arena *arena,
                              struct error *error);

#endif
