/* store_files.h: the few things a home does with files: read one whole, write one so that it is complete or not there,
 * add a line that is on the disk when the call returns. A failed fsync ends the process (see base/err.h). */
#ifndef ATTUNE_STORE_STORE_FILES_H
#define ATTUNE_STORE_STORE_FILES_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"

/* The whole file in the arena, ended by a NUL that is not counted. ERR_MISSING, ERR_LIMIT above `maximum` bytes. */
enum err file_read(struct arena *arena, const char *path, size_t maximum, char **text, size_t *length,
                   struct error *error);
/* Writes FILE.part (mode 0600), syncs it, renames it to FILE and syncs the directory. */
enum err file_write_whole(const char *path, const void *bytes, size_t length, struct error *error);
/* The second half of file_write_whole(), for a FILE.part that someone else has written. */
enum err file_part_finish(const char *path, struct error *error);
/* Writes a copy of a file of any size (mode 0600, not synced: for one that is thrown away); `to` must not be there. */
enum err file_copy(const char *from, const char *to, struct error *error);
/* Appends one line (without its line feed) and syncs; makes the file (mode 0600) when it is not there. */
enum err file_append_line(const char *path, const char *line, struct error *error);

#endif
