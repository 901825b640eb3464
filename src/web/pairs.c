/* pairs.c: what comes as names and values: query, posted form, cookies. */
#include "web/request.h"

const char *pairs_get(const struct pairs *pairs, const char *name) {
  for (size_t i = 0; i < pairs->count; i++)
    if (!strcmp(pairs->list[i].name, name))
      return strlen(pairs->list[i].value) == pairs->list[i].length ? pairs->list[i].value : NULL;
  return NULL;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/* Decodes into the arena; NULL when a % is not followed by two hexadecimal digits. */
static char *decode(struct arena *arena, const char *text, size_t length, size_t *out_length) {
  char *out = arena_alloc(arena, length + 1);
  size_t used = 0;
  for (size_t i = 0; i < length; i++) {
    if (text[i] == '+')
      out[used++] = ' ';
    else if (text[i] != '%')
      out[used++] = text[i];
    else {
      if (length - i < 3) return NULL;
      int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return NULL;
      out[used++] = (char)(high * 16 + low);
      i += 2;
    }
  }
  *out_length = used;
  return out;
}

static bool pair_decode(struct arena *arena, struct pair *pair, const char *text, size_t length) {
  const char *equals = memchr(text, '=', length);
  size_t split = equals ? (size_t)(equals - text) : length, name_length = 0;
  pair->name = decode(arena, text, split, &name_length);
  pair->value = equals ? decode(arena, equals + 1, length - split - 1, &pair->length) : "";
  return pair->name && pair->value && !memchr(pair->name, 0, name_length);
}

bool pairs_decode(struct arena *arena, struct pairs *pairs, const char *text, size_t length) {
  *pairs = (struct pairs){0};
  if (!length) return true;
  size_t count = 1;
  for (size_t i = 0; i < length; i++) count += text[i] == '&';
  if (count > REQUEST_FIELDS_MAXIMUM) return false;
  struct pairs found = {.list = arena_array(arena, count, sizeof *found.list)};
  for (size_t start = 0; start <= length;) {
    size_t end = start;
    while (end < length && text[end] != '&') end++;
    if (end > start && !pair_decode(arena, &found.list[found.count++], text + start, end - start)) return false;
    start = end + 1;
  }
  *pairs = found;
  return true;
}

void pairs_cookies(struct arena *arena, struct pairs *pairs, const char *header) {
  *pairs = (struct pairs){0};
  if (!header) return;
  size_t count = 1;
  for (const char *c = header; *c; c++) count += *c == ';';
  if (count > 50) return;
  pairs->list = arena_array(arena, count, sizeof *pairs->list);
  while (*header) {
    header += strspn(header, " \t;");
    size_t length = strcspn(header, ";");
    const char *equals = memchr(header, '=', length);
    if (equals) {
      size_t value = length - (size_t)(equals + 1 - header);
      while (value && (equals[value] == ' ' || equals[value] == '\t')) value--;
      pairs->list[pairs->count++] = (struct pair){.name = arena_text_n(arena, header, (size_t)(equals - header)),
                                                  .value = arena_text_n(arena, equals + 1, value),
                                                  .length = value};
    }
    header += length;
  }
}
