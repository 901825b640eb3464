/* worker.h: takes messages out of the box and sends them: a thread of its own, never the ledger's writer. Several may work
 * on one home; the claims (outbox.h) keep them apart. */
#ifndef ATTUNE_MAIL_WORKER_H
#define ATTUNE_MAIL_WORKER_H

#include "mail/message.h"
#include "mail/outbox.h"

/* What a message says, in the words of the room that put it there (trial/letter.h). `base` is what links begin with. */
typedef enum err letter_writer(void *state, struct db *open, const struct outbox_message *message, const char *base, int64_t now_ms,
                               struct arena *arena, struct letter *letter, struct error *error);

/* The home whose mail it is; copied, all that it points to must outlive the worker. */
struct mail_place {
  const char *directory, *name;
  struct store *store;
  struct ledger *ledger;
  struct clock clock;
  struct chance chance;
  letter_writer *write;
  void *state;
  const char *base; /* where the settings name none */
};

/* Looks every few seconds, for as long as the settings name a server. Stop it before the ledger. */
struct mailer;
struct mailer *mailer_start(const struct mail_place *place);
void mailer_stop(struct mailer *mailer); /* NULL is fine; breaks off a try under way */

/* Where time stands still: everything that waits goes, in order, to the end of HOME/sink.jsonl instead (one line a message:
 * {"id", "message", "person", "rule"}), and counts as sent. In the calling thread. */
#define MAIL_SINK "sink.jsonl"
enum err mail_to_sink(const struct mail_place *place, struct error *error);

#endif
