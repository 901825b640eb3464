#include "allocation/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum allocation_status allocation_fail(struct allocation_error *error, enum allocation_status status, const char *field,
                                       const char *format, ...) {
  if (!error) return status;
  va_list arguments;
  error->status = status;
  snprintf(error->field, sizeof error->field, "%s", field);
  va_start(arguments, format);
  vsnprintf(error->text, sizeof error->text, format, arguments);
  va_end(arguments);
  return status;
}

void text_add(struct allocation_text *out, const char *format, ...) {
  if (out->full) return;
  size_t room = out->capacity - out->length;
  va_list arguments;
  va_start(arguments, format);
  int written = vsnprintf(out->data + out->length, room, format, arguments);
  va_end(arguments);
  out->full = written < 0 || (size_t)written >= room;
  if (!out->full) out->length += (size_t)written;
}

void text_add_hex(struct allocation_text *out, const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) text_add(out, "%02x", bytes[i]);
}

bool text_take(struct text_in *in, const char *literal) {
  size_t length = strlen(literal);
  if ((size_t)(in->end - in->at) < length || memcmp(in->at, literal, length)) return false;
  in->at += length;
  for (size_t i = 0; i < length; i++) in->line += literal[i] == '\n';
  return true;
}

bool text_take_integer(struct text_in *in, int64_t least, int64_t most, int64_t *out) {
  const char *at = in->at;
  bool negative = at < in->end && *at == '-';
  at += negative;
  const char *digits = at;
  int64_t value = 0;
  while (at < in->end && *at >= '0' && *at <= '9' && at - digits < 18) value = value * 10 + (*at++ - '0');
  bool none = at == digits, padded = !none && *digits == '0' && (at - digits > 1 || negative);
  if (negative) value = -value;
  if (none || padded || value < least || value > most) return false;
  *out = value;
  in->at = at;
  return true;
}

static int hex_digit(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool text_take_hex(struct text_in *in, uint8_t *out, size_t length) {
  if ((size_t)(in->end - in->at) < 2 * length) return false;
  for (size_t i = 0; i < length; i++) {
    int high = hex_digit(in->at[2 * i]), low = hex_digit(in->at[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = (uint8_t)(high << 4 | low);
  }
  in->at += 2 * length;
  return true;
}

static bool name_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool code_letter(char c) {
  return name_letter(c) || (c >= 'A' && c <= 'Z');
}

static bool take_letters(struct text_in *in, char *out, size_t size, bool (*letter)(char)) {
  size_t length = 0;
  while (in->at + length < in->end && letter(in->at[length])) length++;
  if (length == 0 || length >= size) return false;
  memcpy(out, in->at, length);
  out[length] = 0;
  in->at += length;
  return true;
}

bool text_take_name(struct text_in *in, char *out, size_t size) {
  return take_letters(in, out, size, name_letter);
}

bool text_take_code(struct text_in *in, char *out, size_t size) {
  return take_letters(in, out, size, code_letter);
}

static bool letters_valid(const char *text, size_t size, bool (*letter)(char)) {
  size_t length = 0;
  while (length < size && letter(text[length])) length++;
  return length > 0 && length < size && !text[length];
}

bool text_name_valid(const char *name, size_t size) {
  return letters_valid(name, size, name_letter);
}

bool text_code_valid(const char *code, size_t size) {
  return letters_valid(code, size, code_letter);
}

enum allocation_status text_refuse(const struct text_in *in, const char *what, struct allocation_error *error) {
  return allocation_fail(error, ALLOCATION_TEXT, in->name, "%s, line %zu: %s is expected here", in->name, in->line,
                         what);
}
