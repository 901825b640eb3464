/* text.h (inside): bounded writing and strict reading of the published files, and errors.
 *
 * A reader takes exactly the bytes that the writer would write: a literal, a canonical integer, lower-case hex. So a
 * text that was read has one form only, and its hash is the hash of what it says. */
#ifndef ATTUNE_ALLOCATION_TEXT_H
#define ATTUNE_ALLOCATION_TEXT_H

#include "attune/allocation_record.h"

enum allocation_status allocation_fail(struct allocation_error *error, enum allocation_status status, const char *field,
                                       const char *format, ...) __attribute__((format(printf, 4, 5)));

/* What does not fit is dropped, and `full` set. */
void text_add(struct allocation_text *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_hex(struct allocation_text *out, const uint8_t *bytes, size_t length);

struct text_in {
  const char *at, *end;
  size_t line;      /* from 1 */
  const char *name; /* the file's */
};
bool text_take(struct text_in *in, const char *literal); /* moves past it, or stays and says false */
bool text_take_integer(struct text_in *in, int64_t least, int64_t most, int64_t *out);
bool text_take_hex(struct text_in *in, uint8_t *out, size_t length);
/* Names: 1 to size - 1 of a-z 0-9 - _; people's codes: capitals too. */
bool text_take_name(struct text_in *in, char *out, size_t size);
bool text_take_code(struct text_in *in, char *out, size_t size);
bool text_name_valid(const char *name, size_t size);
bool text_code_valid(const char *code, size_t size);
enum allocation_status text_refuse(const struct text_in *in, const char *what, struct allocation_error *error);

#endif
