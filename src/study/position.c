#include "study/position.h"

#include <stdbool.h>

struct scan {
  const char *at, *end;
};

static void skip_blanks(struct scan *scan) {
  while (scan->at < scan->end && strchr(" \t\r\n", *scan->at)) scan->at++;
}

static void skip_string(struct scan *scan) {
  for (scan->at++; scan->at < scan->end && *scan->at != '"'; scan->at++)
    if (*scan->at == '\\') scan->at++;
  if (scan->at < scan->end) scan->at++;
}

/* Over one whole value, without looking inside. */
static void skip_value(struct scan *scan) {
  int depth = 0;
  do {
    skip_blanks(scan);
    if (scan->at >= scan->end) return;
    if (*scan->at == '"')
      skip_string(scan);
    else if (*scan->at == '{' || *scan->at == '[')
      depth++, scan->at++;
    else if (*scan->at == '}' || *scan->at == ']')
      depth--, scan->at++;
    else if (*scan->at == ',' || *scan->at == ':')
      scan->at++;
    else
      while (scan->at < scan->end && !strchr(",:]} \t\r\n", *scan->at)) scan->at++;
  } while (depth > 0);
}

/* Whether the string at `at` is the key that the pointer's step (to the next / or the end) names. */
static bool key_is(const struct scan *scan, const char *step, size_t step_length) {
  const char *at = scan->at + 1;
  for (size_t i = 0; i < step_length; i++, at++) {
    char c = step[i];
    if (c == '~' && i + 1 < step_length) c = step[++i] == '1' ? '/' : '~';
    if (at >= scan->end || *at != c) return false;
  }
  return at < scan->end && *at == '"';
}

/* Moves to the value of that key; *key is where the key stands. */
static bool enter_object(struct scan *scan, const char *step, size_t length, const char **key) {
  for (scan->at++;;) {
    skip_blanks(scan);
    if (scan->at >= scan->end || *scan->at != '"') return false;
    bool found = key_is(scan, step, length);
    if (found) *key = scan->at;
    skip_string(scan);
    skip_blanks(scan);
    if (scan->at < scan->end) scan->at++; /* the colon */
    skip_blanks(scan);
    if (found) return true;
    skip_value(scan);
    skip_blanks(scan);
    if (scan->at >= scan->end || *scan->at != ',') return false;
    scan->at++;
  }
}

static bool enter_array(struct scan *scan, const char *step, const char **key) {
  long index = strtol(step, NULL, 10);
  scan->at++;
  skip_blanks(scan);
  for (long i = 0; i < index; i++) {
    if (scan->at >= scan->end || *scan->at == ']') return false;
    skip_value(scan);
    skip_blanks(scan);
    if (scan->at >= scan->end || *scan->at != ',') return false;
    scan->at++;
    skip_blanks(scan);
  }
  if (scan->at >= scan->end || *scan->at == ']') return false;
  *key = scan->at;
  return true;
}

void position_find(const char *text, size_t length, const char *pointer, int *line, int *column) {
  struct scan scan = {text, text + length};
  skip_blanks(&scan);
  const char *place = scan.at;
  bool inside = true;
  while (inside && *pointer == '/') {
    pointer++;
    size_t step = strcspn(pointer, "/");
    if (scan.at >= scan.end) break;
    if (*scan.at == '{')
      inside = enter_object(&scan, pointer, step, &place);
    else if (*scan.at == '[')
      inside = enter_array(&scan, pointer, &place);
    else
      inside = false;
    pointer += step;
  }
  *line = *column = 1;
  for (const char *c = text; c < place; c++) {
    *column = *c == '\n' ? 1 : *column + 1;
    *line += *c == '\n';
  }
}
