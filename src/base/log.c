#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"

static void json_escape(struct buf *out, const char *text) {
  for (; *text; text++) {
    if (*text == '"' || *text == '\\') buf_addf(out, "\\%c", *text);
    else if ((unsigned char)*text < 0x20) buf_addf(out, "\\u%04x", (unsigned)(unsigned char)*text);
    else buf_addc(out, *text);
  }
}

void log_line(enum log_level level, const char *event, const char *format, ...) {
  static const char *const names[] = {"debug", "info", "warning", "error"};
  struct arena arena;
  arena_init(&arena, 0);
  char sentence[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(sentence, sizeof sentence, format, args);
  va_end(args);
  struct clock clock = clock_system();
  struct buf line = buf_in(&arena, 512);
  buf_addf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\",\"text\":\"", instant_text(&arena, clock_now(&clock)),
           names[level], event);
  json_escape(&line, sentence);
  buf_adds(&line, "\"}\n");
  fwrite(line.data, 1, line.length, stderr); /* one write a line: lines of several threads never mix */
  arena_free(&arena);
}
