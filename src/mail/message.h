/* message.h: what a letter looks like on the wire (RFC 5322, MIME): text alone, UTF-8 in base64, nothing else. */
#ifndef ATTUNE_MAIL_MESSAGE_H
#define ATTUNE_MAIL_MESSAGE_H

#include <stdint.h>

#include "base/buf.h"

/* What is said to one person, or why nothing is. The words are neutral: nobody who sees a telephone's screen learns of a
 * study from them. */
struct letter {
  const char *to;       /* the address */
  const char *sender;   /* a name for the From line */
  const char *subject, *body, *language;
  const char *why_not;  /* "" when it is to be sent; else the other fields mean nothing */
};

/* Lines end with CR LF. `message_id` has its angle brackets. */
void message_write(struct buf *out, const struct letter *letter, const char *from, const char *message_id, int64_t time_ms);

#endif
