#include "web/head.h"

#include <string.h>
#include <strings.h>

/* RFC 9110, section 5.6.2. */
static bool token(const char *text, size_t length) {
  for (size_t i = 0; i < length; i++) {
    char c = text[i], small = (char)(c | 0x20);
    if ((small < 'a' || small > 'z') && (c < '0' || c > '9') && (!c || !strchr("!#$%&'*+-.^_`|~", c))) return false;
  }
  return length > 0;
}

static bool plain(const char *text, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (((unsigned char)text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f) return false;
  return true;
}

static bool digits(const char *text, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (text[i] < '0' || text[i] > '9') return false;
  return length > 0;
}

static bool same(const char *text, size_t length, const char *word) {
  return length == strlen(word) && !strncasecmp(text, word, length);
}

void head_take(struct head *head, const char *name, size_t name_length, const char *value, size_t value_length) {
  if (!token(name, name_length) || !plain(value, value_length)) head->broken = true;
  if (same(name, name_length, "Host")) head->hosts++;
  if (same(name, name_length, "Content-Length")) {
    head->lengths++;
    if (!digits(value, value_length)) head->broken = true;
  }
  if (same(name, name_length, "Transfer-Encoding")) {
    head->codings++;
    if (!same(value, value_length, "chunked")) head->broken = true;
  }
}

bool head_acceptable(const struct head *head, const char *version) {
  if (head->broken || head->hosts > 1 || head->lengths + head->codings > 1) return false;
  return !head->codings || strcmp(version, "HTTP/1.0") != 0;
}
