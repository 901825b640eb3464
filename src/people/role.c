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

static enum role first_of(unsigned roles) {
  return (enum role)(roles & ~(roles - 1));
}

bool roles_apart(unsigned roles, enum role *masked, enum role *meets) {
  *masked = first_of(roles & ROLES_STAFF & ROLES_MASKED);
  *meets = first_of(roles & ROLES_STAFF & ~(unsigned)ROLES_MASKED);
  return !*masked || !*meets;
}
