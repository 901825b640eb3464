/* outbox.h: mail that waits to be sent. A row names a template, a form and the person whose sealed address is meant:
 * never a body, an address or a token; the mail worker writes the message when it sends it. */
#ifndef ATTUNE_PEOPLE_OUTBOX_H
#define ATTUNE_PEOPLE_OUTBOX_H

#include "ledger/ledger.h"

/* Inside a verb: puts one message in the box. `serial` makes the link's token again (link.h). */
enum err outbox_put(struct txn *txn, const char *template_name, const char *occasion, const char *person,
                    const char *subject, int64_t serial, struct error *error);

#endif
