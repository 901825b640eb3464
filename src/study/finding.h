/* finding.h: what is wrong with a study or a form, all of it and not the first thing alone.
 *
 * Each finding has a stable id, a file, a line and column (both from 1; 0 when the whole file is meant), the pointer of
 * the JSON value (RFC 6901) or the name of the form's row, one sentence that says what is wrong and one that says how
 * to cure it. A study with a finding of STUDY_BROKEN cannot go live; a STUDY_NOTICE is only said. */
#ifndef ATTUNE_STUDY_FINDING_H
#define ATTUNE_STUDY_FINDING_H

#include <stddef.h>

#include "base/arena.h"

#define FINDINGS_MAXIMUM 500 /* more than that are counted, not kept */

enum study_severity { STUDY_BROKEN, STUDY_NOTICE };

struct study_finding {
  enum study_severity severity;
  const char *id;   /* "form-unknown" */
  const char *file; /* "forms/session-patient.csv" */
  int line, column;
  const char *where; /* "/occasions/2/form", or the name of a form's item; "" if neither */
  const char *text, *cure;
};

struct study_findings {
  struct arena *arena; /* set by the caller; everything below is in it */
  struct study_finding *list;
  size_t count, capacity;
  size_t broken, notices; /* all that were found, also those past the maximum */
};

struct study_place {
  const char *file;
  int line, column;
  const char *where;
};

/* `cure` may be "". */
void finding_add(struct study_findings *findings, enum study_severity severity, const char *id,
                 struct study_place place, const char *cure, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* The base's readers begin their sentences with "NAME, line L, column C..: ": takes the place out of such a text.
 * Returns what follows it, or the whole text when it holds no place. */
const char *finding_place_read(const char *text, struct study_place *place);

/* "forms/a.csv, line 4, column 2 (item): the sentence. The cure. [id]" in the arena. */
char *finding_text(struct arena *arena, const struct study_finding *finding);

#endif
