/* A planted fault for mail.py: a message is said to be sent when the one before it is. A kill loses the one that is held. */
#include <stdlib.h>
#include <string.h>

#include "mail/send.h"

void __real_mail_line_send(struct mail_line *line, const char *to, const char *bytes, size_t length, struct mail_reply *reply);

void __wrap_mail_line_send(struct mail_line *line, const char *to, const char *bytes, size_t length, struct mail_reply *reply) {
  static char *held, *held_to;
  static size_t held_length;
  struct mail_reply before;
  if (held) __real_mail_line_send(line, held_to, held, held_length, &before);
  free(held);
  free(held_to);
  held = malloc(length);
  held_to = strdup(to);
  held_length = length;
  if (held) memcpy(held, bytes, length);
  *reply = (struct mail_reply){.end = OUTBOX_SENT, .code = 250, .outcome = "planted"};
}
