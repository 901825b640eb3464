/* utf8.h: text that came from outside is checked before it is kept (RFC 3629). */
#ifndef ATTUNE_BASE_UTF8_H
#define ATTUNE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* True when all bytes are well-formed UTF-8 without NUL (no overlong forms, no surrogates, at most U+10FFFF). */
bool utf8_valid(const char *bytes, size_t length);
/* Number of characters (code points) in a valid text. */
size_t utf8_length(const char *text);
/* True when the text holds a control character other than tab, line feed and carriage return. */
bool utf8_has_control(const char *text);

#endif
