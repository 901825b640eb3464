/* asset.h: style, script and icon, from inside the program. Each is served under a name with the hash of its bytes
 * ("/assets/attune.1f0c2a9b8d7e6f54.css") and may be kept for ever. */
#ifndef ATTUNE_WEB_ASSET_H
#define ATTUNE_WEB_ASSET_H

#include <stddef.h>

#include "base/arena.h"

struct asset {
  const char *name; /* "attune.css" */
  const char *path; /* with the hash */
  const char *type; /* of its content */
  const unsigned char *bytes;
  size_t length;
  void *cached; /* the server's own */
};
struct assets {
  struct asset *list;
  size_t count;
};

struct assets *assets_load(struct arena *arena);
const struct asset *asset_find(const struct assets *assets, const char *path);
/* The path of a name; the name must exist. */
const char *asset_path(const struct assets *assets, const char *name);

#endif
