/* buf.h: text that grows, in an arena.
 *
 *     struct buf out = buf_in(arena, 4096);
 *     html(&out, "<td>%s</td>", name);          -- every %s is escaped
 *     buf_addf(&out, "%d rows\n", rows);        -- plain text, nothing escaped
 *
 * `data` is always NUL-terminated (NUL bytes inside are allowed and counted). A buffer that passes BUF_MAXIMUM
 * does as an arena at its maximum (base/arena.h). */
#ifndef ATTUNE_BASE_BUF_H
#define ATTUNE_BASE_BUF_H

#include <stddef.h>

#include "base/arena.h"

#define BUF_MAXIMUM ((size_t)512 << 20)

struct buf {
  struct arena *arena;
  char *data;
  size_t length, capacity;
};

struct buf buf_in(struct arena *arena, size_t capacity);
void buf_add(struct buf *buf, const void *bytes, size_t length);
void buf_adds(struct buf *buf, const char *text);
void buf_addc(struct buf *buf, char c);
void buf_addf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Like "%.Nf", halves away from zero and never "-0"; charts are full of them. */
void buf_add_decimal(struct buf *buf, double value, int decimals);
/* Puts bytes in before what stands at `at` (at most buf->length). */
void buf_insert(struct buf *buf, size_t at, const void *bytes, size_t length);
void buf_clear(struct buf *buf);

/* Writes markup. `format` is trusted markup, a literal (the compiler and `make check` see to it); every %s is
 * escaped for text and for double-quoted attributes (& < > " '), and control characters other than tab and newline
 * are dropped. Also understood: %d %ld %lld %zu %u %c and %.Nf; nothing else. */
void html(struct buf *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Returns a path or address in the arena: `format` is trusted, every %s is percent-encoded (all but unreserved
 * characters of RFC 3986), so that no value can leave its segment. %d and %lld are understood too. */
char *url(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
