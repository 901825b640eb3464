#include "base/err.h"

#include <stdarg.h>
#include <unistd.h>

enum err fail(struct error *error, enum err code, const char *id, const char *field, const char *format, ...) {
  if (!error) return code;
  error->code = code;
  snprintf(error->id, sizeof error->id, "%s", id ? id : "");
  snprintf(error->field, sizeof error->field, "%s", field ? field : "");
  va_list args;
  va_start(args, format);
  vsnprintf(error->text, sizeof error->text, format, args);
  va_end(args);
  return code;
}

_Noreturn void die(const char *format, ...) {
  char line[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  fprintf(stderr, "attune: %s\n", line);
  _exit(1);
}
