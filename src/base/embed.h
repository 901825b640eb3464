/* embed.h: the files that travel inside the program (assets/, studies/, src/store/sql/, the list of common passwords), so
 * that it is one file to copy. The Makefile lists them and links their bytes; names are paths from the project's root. */
#ifndef ATTUNE_BASE_EMBED_H
#define ATTUNE_BASE_EMBED_H

#include <stddef.h>

struct embedded {
  const char *name;           /* "assets/attune.css" */
  const unsigned char *bytes; /* followed by a NUL that is not counted */
  size_t length;
};

const struct embedded *embedded_find(const char *name); /* NULL when there is none */
/* All files, sorted by name in byte order; `*count` is their number. */
const struct embedded *embedded_all(size_t *count);

#endif
