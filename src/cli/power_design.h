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

/* Reads and checks a design; errors name it (`name`), the key and what is allowed. */
enum err power_design_parse(struct power_file *file, const char *text, size_t length, const char *name,
                            struct arena *arena, struct error *error);
/* The same from a file. */
enum err power_design_read(struct power_file *file, const char *path, struct arena *arena, struct error *error);

/* Whether a design has such a key at its top. */
bool power_design_has_key(const char *key);

/* The names of the two arms that are compared are file->arm_name[design.from] and [design.to]. */

#endif
