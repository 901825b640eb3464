/* study_fixture.h: forms and studies in memory, for the tests of the study room. */
#ifndef TESTS_UNIT_STUDY_FIXTURE_H
#define TESTS_UNIT_STUDY_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "base/embed.h"
#include "study/form_read.h"
#include "study/source.h"
#include "study/study_read.h"

/* The files of a study that travels inside the program. */
static inline struct source fixture_source(const char *name, struct arena *arena) {
  struct source source;
  struct error error;
  if (source_read_embedded(&source, name, arena, &error)) {
    fprintf(stderr, "%s\n", error.text);
    abort();
  }
  return source;
}

/* In that file, the first `find` becomes `replace`; `find` NULL: the file becomes `replace`, and is made if needed.
 * Returns the line of the change. */
static inline int fixture_change(struct source *source, const char *file, const char *find, const char *replace,
                                 struct arena *arena) {
  struct source_file *changed = NULL;
  for (size_t i = 0; i < source->count; i++)
    if (!strcmp(source->files[i].name, file)) changed = &source->files[i];
  if (!changed) {
    changed = &source->files[source->count++];
    *changed = (struct source_file){.name = file, .bytes = "", .length = 0};
  }
  const char *at = find ? strstr(changed->bytes, find) : changed->bytes;
  if (!at) {
    fprintf(stderr, "%s does not hold %s\n", file, find ? find : "");
    abort();
  }
  int line = 1;
  for (const char *c = changed->bytes; c < at; c++) line += *c == '\n';
  const char *rest = find ? at + strlen(find) : "";
  changed->bytes =
      arena_printf(arena, "%.*s%s%s", (int)(find ? at - changed->bytes : 0), changed->bytes, replace, rest);
  changed->length = strlen(changed->bytes);
  return line;
}

/* The finding of that id, or NULL. */
static inline const struct study_finding *fixture_finding(const struct study_findings *findings, const char *id) {
  for (size_t i = 0; i < findings->count; i++)
    if (!strcmp(findings->list[i].id, id)) return &findings->list[i];
  return NULL;
}

#endif
