/* Expressions and patterns on any text: what compiles must evaluate, twice to the same text, with any values. */
#include <stdint.h>

#include "study/expression.h"
#include "study/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first line is the expression, the second the value of every item, the third that of the item itself. */
static char *take_line(struct arena *arena, const uint8_t **data, size_t *size) {
  const uint8_t *end = *size ? memchr(*data, '\n', *size) : NULL;
  size_t length = end ? (size_t)(end - *data) : *size;
  char *line = arena_text_n(arena, (const char *)*data, length);
  *data += end ? length + 1 : length;
  *size -= end ? length + 1 : length;
  return line;
}

static void evaluate(const struct expression *expression, const char *value, const char *self, struct arena *arena) {
  static struct expression_desk *desk;
  if (!desk) desk = expression_desk_open();
  const char *values[EXPRESSION_ITEMS];
  for (size_t i = 0; i < expression->item_count; i++) {
    expression->items[i].index = i;
    values[i] = i % 3 == 2 ? NULL : value;
  }
  struct expression_values all = {values, self};
  const char *first = expression_text(desk, expression, all, arena);
  const char *second = expression_text(desk, expression, all, arena);
  if (!first != !second || (first && strcmp(first, second) != 0)) abort();
  expression_true(desk, expression, all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct arena arena;
  arena_init(&arena, 0);
  const char *text = take_line(&arena, &data, &size);
  const char *value = take_line(&arena, &data, &size), *self = take_line(&arena, &data, &size);
  const struct expression *expression;
  struct error error;
  int column = -1;
  if (!expression_compile(&expression, text, &arena, &column, &error))
    evaluate(expression, value, self, &arena);
  else if (column < 1 || (size_t)column > strlen(text) + 1)
    abort(); /* a refusal names its column */
  const struct pattern *pattern;
  if (!pattern_compile(&pattern, text, &arena, &error)) pattern_match(pattern, "a1 \xc3\xa9-zzzzzzzzzzzzzzzzz");
  arena_free(&arena);
  return 0;
}
