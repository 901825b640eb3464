#include "mail/message.h"

#include "base/clock.h"
#include "base/crypto.h"

#define LINE 76
#define WORD_MOST 39 /* bytes of text in one encoded word: with the header's name under 78 characters a line */

/* How many bytes of the text fit into one encoded word without a character cut in two. */
static size_t piece_length(const char *text, size_t left) {
  size_t length = left < WORD_MOST ? left : WORD_MOST;
  while (length < left && length && ((unsigned char)text[length] & 0xc0) == 0x80) length--;
  return length ? length : 1;
}

/* Always as encoded words: whatever the text holds, it is one header. */
static void add_words(struct buf *out, const char *text) {
  size_t left = strlen(text);
  for (bool first = true; left; first = false) {
    size_t length = piece_length(text, left);
    buf_addf(out, "%s=?UTF-8?B?%s?=", first ? "" : "\r\n ", base64_text(out->arena, text, length));
    text += length;
    left -= length;
  }
}

static void add_body(struct buf *out, const char *body) {
  struct buf lines = buf_in(out->arena, strlen(body) + 64);
  for (const char *c = body; *c; c++) {
    if (*c == '\n') buf_addc(&lines, '\r');
    buf_addc(&lines, *c);
  }
  const char *encoded = base64_text(out->arena, lines.data, lines.length);
  for (size_t left = strlen(encoded), length; left; left -= length, encoded += length) {
    length = left < LINE ? left : LINE;
    buf_add(out, encoded, length);
    buf_adds(out, "\r\n");
  }
}

void message_write(struct buf *out, const struct letter *letter, const char *from, const char *message_id, int64_t time_ms) {
  char date[HTTP_DATE_BYTES]; /* "Mon, 23 Nov 2026 08:15:30 GMT" */
  http_date(date, time_ms);
  buf_addf(out, "Date: %.*s+0000\r\nFrom: ", (int)(strlen(date) - 3), date);
  add_words(out, letter->sender);
  buf_addf(out, " <%s>\r\nTo: <%s>\r\nMessage-ID: %s\r\nSubject: ", from, letter->to, message_id);
  add_words(out, letter->subject);
  buf_addf(out, "\r\nContent-Language: %s\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                "Content-Transfer-Encoding: base64\r\n\r\n",
           letter->language);
  add_body(out, letter->body);
}
