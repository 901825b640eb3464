/* send.h: hands one message to the mail server (SMTP over libcurl; this room's only user of it). What came of it is read
 * from the server's response code and from how far the talk had come: libcurl gives one error for 451 and 550 alike. */
#ifndef ATTUNE_MAIL_SEND_H
#define ATTUNE_MAIL_SEND_H

#include <stdatomic.h>

#include "mail/outbox.h"
#include "mail/settings.h"

struct mail_line;
/* A connection that several messages share; nothing is opened yet. `settings` must outlive it. When *over becomes true a
 * try under way is broken off; NULL: never. */
struct mail_line *mail_line_open(const struct mail_settings *settings, const atomic_bool *over);
void mail_line_close(struct mail_line *line); /* NULL is fine */

struct mail_reply {
  enum outbox_end end; /* OUTBOX_SENT once the server has said that it has the message: then and not before */
  long code;           /* its last response code, 0 when it said nothing */
  char outcome[160];   /* one line without an address: "refused with 550" */
  char said[256];      /* the server's own last line, for whoever tests the settings; never kept: it may hold an address */
};
void mail_line_send(struct mail_line *line, const char *to, const char *bytes, size_t length, struct mail_reply *reply);

#endif
