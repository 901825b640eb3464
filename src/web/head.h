/* head.h: whether a request's head says plainly where the request ends (RFC 9112, sections 2 to 6).
 *
 * The HTTP library takes the first of two lengths, and reads a coding that it does not know until the connection
 * ends; a proxy in front of us may decide otherwise, and the two would then see different requests in the same bytes.
 * So every header is walked before anything else, and a head that two readers could take differently is refused (400)
 * and its connection closed:
 *     a name that is no token ("Content-Length :"), a control character in a value
 *     more than one Host, Content-Length or Transfer-Encoding
 *     Content-Length beside Transfer-Encoding; Content-Length that is no number
 *     Transfer-Encoding that is not exactly "chunked", or in HTTP/1.0
 * What the library has already changed or cut cannot be seen here (a bare line feed, a folded line, a NUL): that is the
 * proxy's to refuse (docs/serving.md). Pure. */
#ifndef ATTUNE_WEB_HEAD_H
#define ATTUNE_WEB_HEAD_H

#include <stdbool.h>
#include <stddef.h>

struct head { /* begins as zeros */
  int hosts, lengths, codings;
  bool broken;
};

void head_take(struct head *head, const char *name, size_t name_length, const char *value, size_t value_length);
bool head_acceptable(const struct head *head, const char *version); /* "HTTP/1.1" */

#endif
