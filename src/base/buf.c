#include "base/buf.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct buf buf_in(struct arena *arena, size_t capacity) {
  struct buf buf = {.arena = arena, .capacity = capacity < 64 ? 64 : capacity};
  buf.data = arena_raw(arena, buf.capacity);
  buf.data[0] = 0;
  return buf;
}

static void buf_grow(struct buf *buf, size_t extra) {
  size_t need = extra > BUF_MAXIMUM ? SIZE_MAX : buf->length + extra + 1;
  if (need > BUF_MAXIMUM) need = SIZE_MAX; /* more than any arena has */
  if (need <= buf->capacity) return;
  size_t capacity = buf->capacity * 2 < need ? need : buf->capacity * 2;
  char *data = arena_raw(buf->arena, capacity);
  memcpy(data, buf->data, buf->length + 1);
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

static void __attribute__((format(printf, 2, 0))) buf_addv(struct buf *buf, const char *format, va_list args) {
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

void buf_insert(struct buf *buf, size_t at, const void *bytes, size_t length) {
  size_t after = buf->length - at;
  buf_add(buf, bytes, length); /* makes the room */
  memmove(buf->data + at + length, buf->data + at, after);
  memcpy(buf->data + at, bytes, length);
}

void buf_clear(struct buf *buf) {
  buf->length = 0;
  buf->data[0] = 0;
}

/* What stands for a byte in markup: NULL for itself, "" for nothing (control characters but tab and line feed). */
static const char *const entity_of[256] = {
    ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&#39;", [0x7f] = "",
    [1] = "",  [2] = "",  [3] = "",  [4] = "",  [5] = "",  [6] = "",  [7] = "",  [8] = "",  [11] = "", [12] = "",
    [13] = "", [14] = "", [15] = "", [16] = "", [17] = "", [18] = "", [19] = "", [20] = "", [21] = "", [22] = "",
    [23] = "", [24] = "", [25] = "", [26] = "", [27] = "", [28] = "", [29] = "", [30] = "", [31] = "",
};

static void html_escape(struct buf *out, const char *text) {
  const unsigned char *start = (const unsigned char *)text, *c = start;
  for (; *c; c++) {
    const char *entity = entity_of[*c];
    if (!entity) continue;
    buf_add(out, start, (size_t)(c - start));
    buf_adds(out, entity);
    start = c + 1;
  }
  buf_add(out, start, (size_t)(c - start));
}

/* RFC 3986: letters, digits and - . _ ~ */
static bool unreserved(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

static void url_escape(struct buf *out, const char *text) {
  for (const char *start = text;; text++) {
    if (unreserved((unsigned char)*text)) continue;
    buf_add(out, start, (size_t)(text - start));
    if (!*text) return;
    buf_addf(out, "%%%02X", (unsigned)(unsigned char)*text);
    start = text + 1;
  }
}

static void add_integer(struct buf *out, long long value, int digits) {
  char text[24];
  size_t at = sizeof text;
  unsigned long long rest = value < 0 ? 0 - (unsigned long long)value : (unsigned long long)value;
  do text[--at] = (char)('0' + rest % 10), digits--;
  while ((rest /= 10) || digits > 0);
  if (value < 0) text[--at] = '-';
  buf_add(out, text + at, sizeof text - at);
}

void buf_add_decimal(struct buf *out, double value, int decimals) {
  static const double power[] = {1, 10, 100, 1000};
  if (decimals > 3 || !(value > -1e9 && value < 1e9)) {
    buf_addf(out, "%.*f", decimals, value);
    return;
  }
  double scaled = (value < 0 ? -value : value) * power[decimals] + 0.5;
  long long whole = (long long)scaled, base = (long long)power[decimals];
  if (value < 0 && whole) buf_addc(out, '-');
  add_integer(out, whole / base, 1);
  if (!decimals) return;
  buf_addc(out, '.');
  add_integer(out, whole % base, decimals);
}

/* One conversion of the format: copies its specification, takes its argument, moves past it. */
static const char *one_conversion(struct buf *out, const char *percent, va_list *args,
                                  void (*escape)(struct buf *, const char *)) {
  /* The common ones first, without taking the specification apart. */
  if (percent[1] == 's') return escape(out, va_arg(*args, const char *)), percent + 2;
  if (percent[1] == 'd') return add_integer(out, va_arg(*args, int), 1), percent + 2;
  if (percent[1] == '%') return buf_addc(out, '%'), percent + 2;
  if (!strncmp(percent, "%lld", 4)) return add_integer(out, va_arg(*args, long long), 1), percent + 4;
  if (percent[1] == '.' && percent[2] >= '0' && percent[2] <= '9' && percent[3] == 'f') {
    double value = va_arg(*args, double);
    buf_add_decimal(out, value, percent[2] - '0');
    return percent + 4;
  }
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
  if (kind == 'c') escape(out, (char[]){(char)va_arg(*args, int), 0});
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
