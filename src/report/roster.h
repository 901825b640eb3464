/* roster.h: who is in the study, by code; page by page. Reads through the masked reader. */
#ifndef ATTUNE_REPORT_ROSTER_H
#define ATTUNE_REPORT_ROSTER_H

#include "trial/person.h"

struct roster_row {
  const char *code, *site, *therapist;
  int64_t enrolled_ms, withdrawn_ms, sessions, open_forms;
};
struct roster {
  struct roster_row *rows;
  size_t count;
  bool more; /* than these: go on after the last one's code */
};
struct roster_query {
  enum person_kind kind;
  const char *site;  /* "" all */
  const char *find;  /* those whose own or whose therapist's code holds it; "" everybody */
  const char *after; /* go on after this code; "" from the beginning */
  int64_t now_ms;
  size_t limit;
};
enum err report_roster(struct db *masked, struct arena *arena, const struct roster_query *query, struct roster *roster,
                       struct error *error);

#endif
