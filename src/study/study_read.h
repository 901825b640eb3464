/* study_read.h: the steps of loading a study, for study_load.c and its tests: study_read.c takes the values out of
 * study.json (whatever has another shape than the schema says becomes empty), study_check.c looks at the study as a
 * whole. */
#ifndef ATTUNE_STUDY_STUDY_READ_H
#define ATTUNE_STUDY_STUDY_READ_H

#include "base/json.h"
#include "study/source.h"
#include "study/study.h"

struct study_reading {
  const json_t *root;
  const struct source_file *file; /* study.json, for lines and columns */
  struct study *study;
  struct arena *arena, *scratch; /* scratch: gone when loading ends */
  struct study_findings *findings;
  bool kept; /* it was taken in once: what this machine lacks is no fault of the study */
};

/* The languages come first: the forms need them. */
void study_read_languages(struct study_reading *reading);
void study_read_all(struct study_reading *reading);
void study_check_all(struct study_reading *reading);

/* The whole of loading, once the files are in memory. */
enum err study_load_source(const struct study **out, const struct source *source, struct study_findings *findings,
                           struct arena *arena, struct error *error);

void study_say(struct study_reading *reading, enum study_severity severity, const char *id, const char *pointer,
               const char *cure, const char *text);

#endif
