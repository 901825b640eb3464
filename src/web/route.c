#include "web/route.h"

#include <string.h>

/* Compares one route's path with the asked one, segment by segment, without changing it. */
static bool path_matches(const char *pattern, const char *path) {
  while (*pattern || *path) {
    if (*pattern != '/' || *path != '/') return false;
    pattern++, path++;
    size_t want = strcspn(pattern, "/"), have = strcspn(path, "/");
    if (*pattern == ':') {
      if (!have) return false;
    } else if (want != have || memcmp(pattern, path, want))
      return false;
    pattern += want;
    path += have;
  }
  return true;
}

static void parameters_take(struct arena *arena, const char *pattern, const char *path,
                            const char *parameters[ROUTE_PARAMETERS]) {
  for (size_t count = 0; *pattern == '/';) {
    pattern++, path++;
    size_t have = strcspn(path, "/");
    if (*pattern == ':' && count < ROUTE_PARAMETERS) parameters[count++] = arena_text_n(arena, path, have);
    pattern += strcspn(pattern, "/");
    path += have;
  }
}

const struct route *route_next(struct route_walk *walk) {
  while (assembled_routes[walk->page]) {
    const struct route *row = &assembled_routes[walk->page][walk->row++];
    if (row->path) return row;
    *walk = (struct route_walk){walk->page + 1, 0};
  }
  return NULL;
}

enum route_match route_find(struct arena *arena, bool site, enum method method, const char *path,
                            const struct route **route, const char *parameters[ROUTE_PARAMETERS]) {
  enum route_match match = ROUTE_NO_PATH;
  const struct route *row;
  for (struct route_walk walk = {0}; (row = route_next(&walk));) {
    if (row->site != site || !path_matches(row->path, path)) continue;
    match = ROUTE_NO_METHOD;
    if (row->method != method) continue;
    *route = row;
    parameters_take(arena, row->path, path, parameters);
    return ROUTE_FOUND;
  }
  return match;
}

bool route_at_root(const char *path) {
  const struct route *row;
  size_t length = strcspn(path + 1, "/");
  for (struct route_walk walk = {0}; (row = route_next(&walk));)
    if (row->site && strcspn(row->path + 1, "/") == length && !strncmp(row->path + 1, path + 1, length)) return true;
  return false;
}

const struct route *route_of(enum method method, const char *path) {
  bool site = route_at_root(path);
  if (!site && *path) path += 1 + strcspn(path + 1, "/");
  const struct route *row;
  for (struct route_walk walk = {0}; (row = route_next(&walk));)
    if (row->site == site && row->method == method && path_matches(row->path, *path ? path : "/")) return row;
  return NULL;
}

bool route_serves(enum role role) {
  const struct route *row;
  for (struct route_walk walk = {0}; (row = route_next(&walk));)
    if (row->method == METHOD_GET && (row->roles & role) && (row->roles & ROLES_STAFF) != ROLES_STAFF) return true;
  return false;
}

const char *body_name(enum body body) {
  return body == BODY_FIELDS ? "fields" : "none";
}

const char *reader_name(enum reader reader) {
  switch (reader) {
  case READER_NONE:
    return "none";
  case READER_OWN:
    return "own";
  case READER_DOOR:
    return "door";
  case READER_MASKED:
    return "masked";
  case READER_OPEN:
    return "open";
  }
  return "none";
}
