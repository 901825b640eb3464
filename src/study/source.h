/* source.h: the files of a study, wherever they came from: a directory, the program itself, or a bundle. */
#ifndef ATTUNE_STUDY_SOURCE_H
#define ATTUNE_STUDY_SOURCE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

#define SOURCE_FILES 200
#define SOURCE_FILE_BYTES ((size_t)4 << 20)

struct source_file {
  const char *name; /* "study.json", "choices.csv", "forms/session-patient.csv" */
  const char *bytes;
  size_t length;
};

struct source {
  struct source_file *files; /* sorted by name */
  size_t count;
  bool kept; /* from a bundle: it was checked when it was taken in */
};

/* Takes study.json, choices.csv, settings.csv and forms/ *.csv; anything else in the directory is left alone.
 * ERR_MISSING: no such directory; ERR_LIMIT: too large; ERR_STORE: the disk. */
enum err source_read_dir(struct source *out, const char *dir, struct arena *arena, struct error *error);
enum err source_read_embedded(struct source *out, const char *name, struct arena *arena, struct error *error);
enum err source_read_bundle(struct source *out, const char *text, size_t length, struct arena *arena,
                            struct error *error);
const struct source_file *source_find(const struct source *source, const char *name);

/* The canonical JSON text of all files; `study` is the parsed study.json. */
char *source_bundle(const struct source *source, const json_t *study, struct arena *arena, size_t *length);

#endif
