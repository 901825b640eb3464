/* schema.h: is a JSON value of the shape that a JSON Schema describes? The part of draft 2020-12 that
 * studies/study.schema.json uses, so that the published schema and the checker are one and the same:
 * $ref to #/$defs/.., type, enum, properties, required, additionalProperties, items, minItems, maxItems, uniqueItems,
 * minimum, maximum, minLength, maxLength, pattern (always written ^..$; pattern.h). Anything else in a schema but
 * title, description, $schema, $id and $defs is a defect that schema_supported() names. */
#ifndef ATTUNE_STUDY_SCHEMA_H
#define ATTUNE_STUDY_SCHEMA_H

#include "base/json.h"
#include "study/finding.h"

struct schema_check {
  const json_t *root; /* the schema */
  const char *file;   /* what findings call the text */
  const char *text;   /* of the value, for lines and columns */
  size_t length;
  struct arena *arena;
  struct study_findings *findings;
};

/* Adds a finding for every place where `value` has another shape: ids "json-type", "json-key-unknown",
 * "json-key-missing", "json-value" and "json-count". */
void schema_check(const struct schema_check *check, const json_t *value);

/* NULL, or the first keyword that schema_check() would pass over. */
const char *schema_supported(const json_t *schema);

/* A place in a JSON text, for findings. */
struct study_place schema_place(const char *file, const char *text, size_t length, const char *pointer);

#endif
