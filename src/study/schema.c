#include "study/schema.h"

#include "base/buf.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "study/pattern.h"
#include "study/position.h"

struct study_place schema_place(const char *file, const char *text, size_t length, const char *pointer) {
  struct study_place place = {.file = file, .where = pointer};
  position_find(text, length, pointer, &place.line, &place.column);
  return place;
}

static void say(const struct schema_check *check, const char *pointer, const char *id, const char *cure,
                const char *text) {
  finding_add(check->findings, STUDY_BROKEN, id, schema_place(check->file, check->text, check->length, pointer), cure,
              "%s", text);
}

#define TEXT(...) arena_printf(check->arena, __VA_ARGS__)

static const char *type_name(const json_t *value) {
  switch (json_typeof(value)) {
  case JSON_OBJECT:
    return "object";
  case JSON_ARRAY:
    return "array";
  case JSON_STRING:
    return "string";
  case JSON_INTEGER:
    return "integer";
  case JSON_REAL:
    return "number";
  case JSON_TRUE:
  case JSON_FALSE:
    return "boolean";
  case JSON_NULL:
    return "null";
  }
  return "";
}

static bool type_fits(const json_t *type, const char *is) {
  const char *name = json_string_value(type);
  return name && (!strcmp(name, is) || (!strcmp(name, "number") && !strcmp(is, "integer")));
}

/* False when the rest of the schema makes no sense for this value. */
static bool check_type(const struct schema_check *check, const json_t *schema, const json_t *value,
                       const char *pointer) {
  const json_t *type = json_object_get(schema, "type"), *one;
  const char *is = type_name(value);
  bool fits = !type || type_fits(type, is);
  struct buf wanted = buf_in(check->arena, 32);
  buf_adds(&wanted, json_is_string(type) ? json_string_value(type) : "");
  size_t i;
  json_array_foreach(type, i, one) {
    fits = fits || type_fits(one, is);
    buf_addf(&wanted, "%s%s", i ? " or " : "", json_string_value(one));
  }
  if (!fits)
    say(check, pointer, "json-type", TEXT("Write a value of type %s.", wanted.data), TEXT("this is of type %s", is));
  return fits;
}

static void check_enum(const struct schema_check *check, const json_t *schema, const json_t *value,
                       const char *pointer) {
  const json_t *allowed = json_object_get(schema, "enum"), *one;
  if (!allowed) return;
  size_t i;
  struct buf list = buf_in(check->arena, 64);
  json_array_foreach(allowed, i, one) {
    if (json_equal(one, value)) return;
    if (json_is_string(one))
      buf_addf(&list, "%s%s", list.length ? ", " : "", json_string_value(one));
    else if (json_is_integer(one))
      buf_addf(&list, "%s%lld", list.length ? ", " : "", json_integer_value(one));
  }
  const char *text = json_is_string(value) ? json_string_value(value) : "this value";
  say(check, pointer, "json-value", TEXT("Use one of: %s.", list.data), TEXT("'%.80s' is not known here", text));
}

static void check_text(const struct schema_check *check, const json_t *schema, const char *text, const char *pointer) {
  int64_t least = json_int(schema, "minLength", 0), most = json_int(schema, "maxLength", 100000);
  int64_t length = (int64_t)utf8_length(text);
  if (length < least) say(check, pointer, "json-value", "Write something.", "this text is empty or too short");
  if (length > most)
    say(check, pointer, "json-value", TEXT("At most %lld characters.", (long long)most), "this text is too long");
  const char *expression = json_text(schema, "pattern", NULL);
  const struct pattern *pattern;
  if (!expression || pattern_compile(&pattern, expression, check->arena, NULL)) return;
  if (!pattern_match(pattern, text))
    say(check, pointer, "json-value", json_text(schema, "description", ""),
        TEXT("'%.80s' does not have the form %s", text, expression));
}

static void check_number(const struct schema_check *check, const json_t *schema, const json_t *value,
                         const char *pointer) {
  const json_t *least = json_object_get(schema, "minimum"), *most = json_object_get(schema, "maximum");
  double number = json_number_value(value);
  if (least && number < json_number_value(least))
    say(check, pointer, "json-value", "", TEXT("%g is less than %g", number, json_number_value(least)));
  if (most && number > json_number_value(most))
    say(check, pointer, "json-value", "", TEXT("%g is more than %g", number, json_number_value(most)));
}

static void check_value(const struct schema_check *check, const json_t *schema, const json_t *value,
                        const char *pointer);

static void check_array(const struct schema_check *check, const json_t *schema, const json_t *value,
                        const char *pointer) {
  size_t count = json_array_size(value), i;
  const json_t *items = json_object_get(schema, "items"), *one;
  if ((int64_t)count < json_int(schema, "minItems", 0))
    say(check, pointer, "json-count", "Add what is missing.", TEXT("this list has %zu entries, too few", count));
  if ((int64_t)count > json_int(schema, "maxItems", 10000))
    say(check, pointer, "json-count", "Take some out.", TEXT("this list has %zu entries, too many", count));
  json_array_foreach(value, i, one) {
    const char *place = TEXT("%s/%zu", pointer, i);
    if (items) check_value(check, items, one, place);
    for (size_t k = 0; json_flag(schema, "uniqueItems", 0) && k < i; k++)
      if (json_equal(one, json_array_get(value, k)))
        say(check, place, "json-twice", "Take one out.", "this is said twice");
  }
}

static const char *nearest_key(const struct schema_check *check, const json_t *properties, const char *name) {
  size_t count = 0;
  const char **names = arena_array(check->arena, json_object_size(properties), sizeof *names), *key;
  const json_t *unused;
  json_object_foreach((json_t *)properties, key, unused) names[count++] = key;
  (void)unused;
  return nearest_name(name, names, count);
}

/* A key as a step of a pointer. */
static const char *pointer_step(const struct schema_check *check, const char *pointer, const char *key) {
  struct buf out = buf_in(check->arena, 64);
  buf_addf(&out, "%s/", pointer);
  for (; *key; key++)
    if (*key == '~' || *key == '/')
      buf_adds(&out, *key == '~' ? "~0" : "~1");
    else
      buf_addc(&out, *key);
  return out.data;
}

static void check_object(const struct schema_check *check, const json_t *schema, json_t *value, const char *pointer) {
  const json_t *properties = json_object_get(schema, "properties"), *required = json_object_get(schema, "required");
  const json_t *others = json_object_get(schema, "additionalProperties"), *one;
  const char *key;
  size_t i;
  json_object_foreach(value, key, one) {
    const char *place = pointer_step(check, pointer, key);
    const json_t *property = json_object_get(properties, key);
    if (property)
      check_value(check, property, one, place);
    else if (json_is_object(others))
      check_value(check, others, one, place);
    else if (json_is_false(others)) {
      const char *near = nearest_key(check, properties, key);
      say(check, place, "json-key-unknown", near ? TEXT("Did you mean '%s'?", near) : "Take it out.",
          TEXT("the key '%.80s' is not known here", key));
    }
  }
  json_array_foreach(required, i, one) {
    if (!json_object_get(value, json_string_value(one)))
      say(check, pointer, "json-key-missing", "docs/study.md says what it holds.",
          TEXT("the key '%s' is missing", json_string_value(one)));
  }
}

static const json_t *follow(const struct schema_check *check, const json_t *schema) {
  const char *reference = json_text(schema, "$ref", NULL);
  if (!reference) return schema;
  return json_object_get(json_object_get(check->root, "$defs"), reference + strlen("#/$defs/"));
}

static void check_value(const struct schema_check *check, const json_t *schema, const json_t *value,
                        const char *pointer) {
  schema = follow(check, schema);
  if (!schema || !check_type(check, schema, value, pointer)) return;
  check_enum(check, schema, value, pointer);
  if (json_is_string(value)) check_text(check, schema, json_string_value(value), pointer);
  if (json_is_number(value)) check_number(check, schema, value, pointer);
  if (json_is_array(value)) check_array(check, schema, value, pointer);
  if (json_is_object(value)) check_object(check, schema, (json_t *)value, pointer);
}

void schema_check(const struct schema_check *check, const json_t *value) {
  check_value(check, check->root, value, "");
}

/* --- the schema itself -------------------------------------------------------------------------------------------- */

static const char *unsupported_member(const json_t *members) {
  const char *name, *found = NULL;
  json_t *member;
  json_object_foreach((json_t *)members, name, member) {
    if (!found) found = schema_supported(member);
  }
  return found;
}

const char *schema_supported(const json_t *schema) {
  static const char *const known[] = {
      "$ref",      "type",      "enum",     "properties",  "required",    "additionalProperties",
      "items",     "minItems",  "maxItems", "uniqueItems", "minimum",     "maximum",
      "minLength", "maxLength", "pattern",  "title",       "description", "$schema",
      "$id",       "$defs"};
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)schema, key, value) {
    bool found = false;
    for (size_t i = 0; i < sizeof known / sizeof *known && !found; i++) found = !strcmp(known[i], key);
    if (!found) return key;
    const char *inner = NULL;
    if (!strcmp(key, "properties") || !strcmp(key, "$defs"))
      inner = unsupported_member(value);
    else if (!strcmp(key, "items") || !strcmp(key, "additionalProperties"))
      inner = schema_supported(value);
    if (inner) return inner;
  }
  const char *reference = json_text(schema, "$ref", "#/$defs/");
  if (strncmp(reference, "#/$defs/", 8)) return "$ref";
  const char *pattern = json_text(schema, "pattern", "^$");
  return pattern[0] == '^' && pattern[strlen(pattern) - 1] == '$' ? NULL : "pattern";
}
