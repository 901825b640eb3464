/* attune routes: every address, who may open it and through which reader it reads: the access matrix. */
#include "base/json.h"
#include "cli/options.h"
#include "web/route.h"

#include <stdio.h>

static json_t *roles_json(unsigned roles) {
  json_t *list = json_array();
  for (int i = 0; i < ROLE_COUNT; i++)
    if (roles & (1U << i)) json_array_append_new(list, json_string(role_name((enum role)(1 << i))));
  return list;
}

static void print_json(void) {
  json_t *list = json_array();
  const struct route *route;
  for (struct route_walk walk = {0}; (route = route_next(&walk));) {
    json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:o, s:s, s:s, s:b, s:s}", "method",
                                          route->method == METHOD_POST ? "POST" : "GET", "path", route->path, "site",
                                          route->site, "roles", roles_json(route->roles), "reader",
                                          reader_name(route->reader), "body", body_name(route->body),
                                          "proved", route->proved, "purpose", route->purpose));
  }
  struct arena arena;
  arena_init(&arena, 0);
  size_t length;
  printf("%s\n", json_canonical(&arena, list, &length));
  arena_free(&arena);
  json_decref(list);
}

static void print_table(void) {
  const struct route *route;
  for (struct route_walk walk = {0}; (route = route_next(&walk));) {
    printf("%-4s %-28s %-7s", route->method == METHOD_POST ? "POST" : "GET", route->path, reader_name(route->reader));
    for (int k = 0; k < ROLE_COUNT; k++)
      if (route->roles & (1U << k)) printf(" %s", role_name((enum role)(1 << k)));
    printf("%s\n", route->proved ? " (proved)" : "");
  }
}

int command_routes(int argc, char **argv) {
  bool json = false;
  const struct option options[] = {{"json", NULL, "a JSON list", .flag = &json}, {NULL, NULL, NULL, .flag = NULL}};
  struct arguments arguments = {
      .usage = "attune routes",
      .about = "Prints every address with its method, reader and roles. \"site\": at the root, not under a study;\n"
               "\"proved\": asks for password or code again.",
      .options = options};
  int code = arguments_read(&arguments, argc, argv);
  if (code >= 0) return code;
  if (json)
    print_json();
  else
    print_table();
  return EXIT_DONE;
}
