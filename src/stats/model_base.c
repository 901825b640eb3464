#include "stats/model_base.h"

#include <stdio.h>
#include <string.h>

void *model_take(const struct stats_memory *memory, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count ? count : 1, size, &bytes)) return NULL;
  return memory->take(memory->state, bytes);
}

const char *model_text(const struct stats_memory *memory, const char *format, ...) {
  char *text = NULL;
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int length = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (length >= 0) text = model_take(memory, (size_t)length + 1, 1);
  if (text) vsnprintf(text, (size_t)length + 1, format, again);
  va_end(again);
  return text;
}

enum stats_status model_fail(struct stats_error *error, enum stats_status status, const char *field, const char *format,
                             ...) {
  if (!error) return status;
  error->status = status;
  snprintf(error->field, sizeof error->field, "%s", field);
  va_list args;
  va_start(args, format);
  vsnprintf(error->text, sizeof error->text, format, args);
  va_end(args);
  return status;
}

enum stats_status model_no_memory(struct stats_error *error) {
  return model_fail(error, STATS_NO_MEMORY, "", "there is not enough memory for this model");
}
