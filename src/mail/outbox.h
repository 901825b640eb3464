/* outbox.h: mail that waits to be sent, kept by the database. A row names a rule, a form and the person whose sealed address
 * is meant: never a body, an address or a token; the worker writes the message when it sends it.
 *
 * Rows are changed by the ledger's writer alone, each by a conditional update, so that the same holds on both engines: of
 * two workers one claims a message; a claim that is not settled within OUTBOX_LEASE_MS (its worker was killed) may be
 * claimed again, with the Message-ID that it got before its first try. A message is therefore never lost, and one that was
 * handed over twice is known by its Message-ID.
 *
 *     waiting -> sending -> sent | refused | dropped, or waiting again, later
 *
 * `refused`: the server will not take it for this address, or could not for days. `dropped`: there was no reason left to
 * send it (the form was answered meanwhile). */
#ifndef ATTUNE_MAIL_OUTBOX_H
#define ATTUNE_MAIL_OUTBOX_H

#include "ledger/ledger.h"
#include "people/account.h"

#define OUTBOX_LEASE_MS (150 * SECOND_MS) /* longer than the longest try and the skew of two machines' clocks */
#define OUTBOX_TRIES 20                   /* with the pauses between them, three and a half days */
#define MESSAGE_ID_BYTES 340

/* ---- by whoever has something to say ---- */

struct outbox_new {
  const char *rule;     /* "reminder": which words (the letter's) */
  const char *occasion; /* the form it is about */
  const char *person;   /* whose sealed address */
  const char *subject;  /* whose erasure takes it along */
  int64_t serial;       /* the iteration; it also makes the link's token again (people/link.h) */
  const char *why;      /* one line, in codes: why it is sent */
};
/* Inside a verb: puts one message in the box. The same rule, occasion, person and serial again: nothing. */
enum err outbox_put(struct txn *txn, const struct outbox_new *message, struct error *error);

/* ---- by the worker ---- */

struct outbox_message {
  char id[CODE_BYTES], occasion[CODE_BYTES], person[CODE_BYTES], rule[32], message_id[MESSAGE_ID_BYTES];
  int64_t serial, made_ms, tries; /* with this one; those that a kill broke off do not count */
};
/* Is there a message to claim at this time? By the open reader. */
enum err outbox_due(struct db *open, int64_t now_ms, bool *due, struct error *error);

/* Claims the next one that is due, oldest first. */
struct outbox_claim {
  const char *claim;  /* the worker's own, random */
  const char *domain; /* right half of a new Message-ID */
  bool found;         /* out */
  struct outbox_message message;
};
verb outbox_claim;

enum outbox_end {
  OUTBOX_SENT,
  OUTBOX_LATER,     /* not now: again after a pause that grows with the tries; after OUTBOX_TRIES `refused` */
  OUTBOX_UNREACHED, /* no try: the server could not be spoken to; again after half a minute */
  OUTBOX_REFUSED,
  OUTBOX_DROPPED
};
/* What came of it. Does nothing when the claim is no longer ours, or the message was erased. */
struct outbox_settle {
  const struct outbox_message *message;
  const char *claim;
  enum outbox_end end;
  int64_t code;        /* the server's; 0: none */
  const char *outcome; /* one line, without a name or an address */
};
verb outbox_settle;

/* Gives back every claim at once: only where no other process can hold one (a SQLite home has one owner). */
verb outbox_release;

/* The pause after the n-th try (1, 2, ...): 15 s, four times as long each time, at most six hours. */
int64_t outbox_pause_ms(int64_t tries);

#endif
