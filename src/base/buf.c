#include "base/buf.h"

#include <stdarg.h>

#include "base/err.h"

struct buf buf_in(struct arena *arena, size_t capacity) {
  struct buf buf = {.arena = arena, .capacity = capacity < 64 ? 64 : capacity};
  buf.data = arena_alloc(arena, buf.capacity);
  return buf;
}

static void buf_grow(struct buf *buf, size_t extra) {
  if (extra > BUF_MAXIMUM || buf->length + extra + 1 > BUF_MAXIMUM) die("a text passed its maximum of %zu bytes", BUF_MAXIMUM);
  size_t need = buf->length + extra + 1;
  if (need <= buf->capacity) return;
  size_t capacity = buf->capacity * 2 < need ? need : buf->capacity * 2;
  char *data = arena_alloc(buf->arena, capacity);
  if (buf->length) memcpy(data, buf->data, buf->length);
  buf->data = data;
  buf->capacity = capacity;
}

void buf_add(struct buf *buf, const void *bytes, size_t length) {
  buf_grow(buf, length);
  if (length) memcpy(buf->data + buf->length, bytes, length);
  buf->length += length;
  buf->data[buf->length] = 0;
}

void buf_adds(struct buf *buf, const char *text) { buf_add(buf, text, strlen(text)); }
void buf_addc(struct buf *buf, char c) { buf_add(buf, &c, 1); }

static void buf_addv(struct buf *buf, const char *format, va_list args) {
  va_list again;
  va_copy(again, args);
  int length = vsnprintf(buf->data + buf->length, buf->capacity - buf->length, format, args);
  if (length < 0) die("a format string is broken: %s", format);
  if ((size_t)length >= buf->capacity - buf->length) {
    buf_grow(buf, (size_t)length);
    vsnprintf(buf->data + buf->length, buf->capacity - buf->length, format, again);
  }
  va_end(again);
  buf->length += (size_t)length;
}

void buf_addf(struct buf *buf, const char *format, ...) {
  va_list args;
  va_start(args, format);
  buf_addv(buf, format, args);
  va_end(args);
}

void buf_clear(struct buf *buf) {
  buf->length = 0;
  buf->data[0] = 0;
}

static void html_escape(struct buf *out, const char *text) {
  const char *start = text;
  for (const char *c = text;; c++) {
    const char *entity = NULL;
    switch (*c) {
    case '&': entity = "&amp;"; break;
    case '<': entity = "&lt;"; break;
    case '>': entity = "&gt;"; break;
    case '"': entity = "&quot;"; break;
    case '\'': entity = "&#39;"; break;
    default:
      if (*c && ((unsigned char)*c >= 0x20 || *c == '\n' || *c == '\t') && *c != 0x7f) continue;
      entity = "";
    }
    buf_add(out, start, (size_t)(c - start));
    if (!*c) return;
    buf_adds(out, entity);
    start = c + 1;
  }
}

static void url_escape(struct buf *out, const char *text) {
  static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  for (; *text; text++) {
    if (strchr(unreserved, *text)) buf_addc(out, *text);
    else buf_addf(out, "%%%02X", (unsigned)(unsigned char)*text);
  }
}

/* One conversion of the format: copies its specification, takes its argument, moves past it. */
static const char *one_conversion(struct buf *out, const char *percent, va_list *args,
                                  void (*escape)(struct buf *, const char *)) {
  char spec[16];
  size_t length = strspn(percent + 1, "0123456789.+-") + 1;
  while (percent[length] == 'l' || percent[length] == 'z') length++;
  char kind = percent[length];
  if (++length >= sizeof spec || !kind) die("a markup format is broken: %s", percent);
  memcpy(spec, percent, length);
  spec[length] = 0;
  char number[400];
  number[0] = 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* spec was taken apart above; its argument follows its kind */
  if (kind == 's') escape(out, va_arg(*args, const char *));
  else if (kind == '%') buf_addc(out, '%');
  else if (kind == 'c') escape(out, (char[]){(char)va_arg(*args, int), 0});
  else if (strstr(spec, "lld")) snprintf(number, sizeof number, spec, va_arg(*args, long long));
  else if (strstr(spec, "ld")) snprintf(number, sizeof number, spec, va_arg(*args, long));
  else if (strstr(spec, "zu")) snprintf(number, sizeof number, spec, va_arg(*args, size_t));
  else if (kind == 'd' || kind == 'u') snprintf(number, sizeof number, spec, va_arg(*args, int));
  else if (kind == 'f') snprintf(number, sizeof number, spec, va_arg(*args, double));
  else die("a markup format uses %s, which html() does not know", spec);
#pragma GCC diagnostic pop
  buf_adds(out, number);
  return percent + length;
}

static void escaped_vprintf(struct buf *out, const char *format, va_list *args,
                            void (*escape)(struct buf *, const char *)) {
  for (;;) {
    const char *percent = strchr(format, '%');
    if (!percent) break;
    buf_add(out, format, (size_t)(percent - format));
    format = one_conversion(out, percent, args, escape);
  }
  buf_adds(out, format);
}

void html(struct buf *out, const char *format, ...) {
  va_list args;
  va_start(args, format);
  escaped_vprintf(out, format, &args, html_escape);
  va_end(args);
}

char *url(struct arena *arena, const char *format, ...) {
  struct buf out = buf_in(arena, 128);
  va_list args;
  va_start(args, format);
  escaped_vprintf(&out, format, &args, url_escape);
  va_end(args);
  return out.data;
}
