/* power_design.h: reads DESIGN.json, the plan of a growth trial (docs/power.md has every key). */
#ifndef ATTUNE_CLI_POWER_DESIGN_H
#define ATTUNE_CLI_POWER_DESIGN_H

#include "attune/stats_power.h"
#include "base/arena.h"
#include "base/err.h"

struct power_file {
  struct stats_power_design design;
  const char *arm_name[STATS_POWER_ARMS];
  double alpha;
};

/* Reads and checks the file; errors name the file and the key. */
enum err power_design_read(struct power_file *file, const char *path, struct arena *arena, struct error *error);

/* The names of the two arms that are compared are file->arm_name[design.from] and [design.to]. */

#endif
