#include "people/role.h"

#include <string.h>

static const char *const names[ROLE_COUNT] = {"public",    "patient", "therapist", "coordinator",
                                              "assistant", "trainer", "rater",     "interviewer",
                                              "analyst",   "monitor", "allocator", "administrator"};

const char *role_name(enum role role) {
  for (int i = 0; i < ROLE_COUNT; i++)
    if ((int)role == 1 << i) return names[i];
  return "";
}

enum role role_from_name(const char *name) {
  for (int i = 0; i < ROLE_COUNT; i++)
    if (!strcmp(name, names[i])) return (enum role)(1 << i);
  return 0;
}
