#include "base/utf8.h"

/* Bytes of the character at `at`, or 0 when it is malformed. */
static size_t one_character(const unsigned char *at, size_t left) {
  unsigned char first = at[0];
  if (first == 0) return 0;
  if (first < 0x80) return 1;
  size_t need = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || left < need) return 0;
  for (size_t i = 1; i < need; i++)
    if ((at[i] & 0xc0) != 0x80) return 0;
  if (first == 0xe0 && at[1] < 0xa0) return 0; /* overlong */
  if (first == 0xed && at[1] > 0x9f) return 0; /* surrogate */
  if (first == 0xf0 && at[1] < 0x90) return 0; /* overlong */
  if (first == 0xf4 && at[1] > 0x8f) return 0; /* beyond U+10FFFF */
  return need;
}

bool utf8_valid(const char *bytes, size_t length) {
  for (size_t at = 0; at < length;) {
    size_t taken = one_character((const unsigned char *)bytes + at, length - at);
    if (!taken) return false;
    at += taken;
  }
  return true;
}

size_t utf8_length(const char *text) {
  size_t count = 0;
  for (; *text; text++) count += ((unsigned char)*text & 0xc0) != 0x80;
  return count;
}

bool utf8_has_control(const char *text) {
  for (const unsigned char *c = (const unsigned char *)text; *c; c++)
    if ((*c < 0x20 && *c != '\t' && *c != '\n' && *c != '\r') || *c == 0x7f) return true;
  return false;
}
