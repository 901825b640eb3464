#include "base/json.h"

/* jansson's own nesting limit is 2,048 and it recurses; ours is lower, counted before parsing. */
static int too_deep(const char *text, size_t length) {
  int depth = 0, in_string = 0;
  for (size_t i = 0; i < length; i++) {
    char c = text[i];
    if (in_string) {
      if (c == '\\') i++;
      else if (c == '"') in_string = 0;
    } else if (c == '"') in_string = 1;
    else if (c == '{' || c == '[') {
      if (++depth > JSON_DEPTH) return 1;
    } else if (c == '}' || c == ']') depth--;
  }
  return 0;
}

enum err json_read(json_t **out, const char *text, size_t length, const char *name, struct error *error) {
  *out = NULL;
  if (too_deep(text, length)) return fail(error, ERR_INPUT, "json-deep", name, "%s: nested deeper than %d", name, JSON_DEPTH);
  json_error_t problem;
  *out = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem);
  if (*out) return OK;
  return fail(error, ERR_INPUT, "json-broken", name, "%s: line %d, column %d: %s", name, problem.line, problem.column,
              problem.text);
}

char *json_canonical(struct arena *arena, const json_t *value, size_t *length) {
  size_t need = json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
  char *text = arena_alloc(arena, need + 1);
  json_dumpb(value, text, need, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
  if (length) *length = need;
  return text;
}

const char *json_text(const json_t *object, const char *key, const char *otherwise) {
  const char *value = json_string_value(json_object_get(object, key));
  return value ? value : otherwise;
}

int64_t json_int(const json_t *object, const char *key, int64_t otherwise) {
  const json_t *value = json_object_get(object, key);
  return json_is_integer(value) ? (int64_t)json_integer_value(value) : otherwise;
}

int json_flag(const json_t *object, const char *key, int otherwise) {
  const json_t *value = json_object_get(object, key);
  return json_is_boolean(value) ? json_is_true(value) : otherwise;
}
