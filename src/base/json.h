/* json.h: the small layer over jansson (the JSON library) that the house needs.
 *
 * Parsing refuses duplicate keys, trailing bytes, NUL characters and nesting deeper than JSON_DEPTH; canonical text
 * is compact with sorted keys, so that equal values give equal bytes. Numbers in ledger bodies are integers; decimals
 * travel as text. */
#ifndef ATTUNE_BASE_JSON_H
#define ATTUNE_BASE_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define JSON_DEPTH 200

/* Caller owns *out (json_decref). `name` is what the error calls the text ("study.json"). */
enum err json_read(json_t **out, const char *text, size_t length, const char *name, struct error *error);
/* The canonical text of a value, in the arena. */
char *json_canonical(struct arena *arena, const json_t *value, size_t *length);

/* Borrowed look-ups with a default when the key is absent or of another type. */
const char *json_text(const json_t *object, const char *key, const char *otherwise);
int64_t json_int(const json_t *object, const char *key, int64_t otherwise);
int json_flag(const json_t *object, const char *key, int otherwise);

#endif
