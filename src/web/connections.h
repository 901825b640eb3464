/* connections.h: who is connected, and for how long a connection may keep the server waiting.
 *
 * Of each connection it is known whose network it comes from (network.h) and what it is doing:
 *     reading    a request is awaited or comes in: it must be there whole, head and body, `read_ms` after the connection
 *                was made, or `idle_ms` + `read_ms` after the answer before it. How the bytes are spaced changes nothing.
 *     working    we are at it: no limit
 *     sending    the answer must be gone after `send_ms`
 * Whoever is late is cut off: its socket is shut down, and the HTTP library, which sees it close, does the rest.
 *
 * At most `most` connections, and `most_of_one` of one network. Beyond that a newcomer takes the place of the one that
 * has been reading longest: of its own network, or, when the server is full, of the network that has most. So one
 * network's slow connections push each other out, and nobody else's. When all of those are being worked at, the
 * newcomer is refused.
 *
 * The functions may be called from any thread. One thread of this file's own looks for the late ones. */
#ifndef ATTUNE_WEB_CONNECTIONS_H
#define ATTUNE_WEB_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connections;
struct connection;

struct connection_limits {
  size_t most, most_of_one;
  int64_t read_ms, idle_ms, send_ms;
};

/* NULL when there is no thread to be had. */
struct connections *connections_open(const struct connection_limits *limits);
void connections_close(struct connections *connections); /* when all connections are gone; NULL is fine */

/* Before a connection is taken: makes room for one of this network, or says no. "" is a network without a limit of its
 * own: that of a proxy, which speaks for many. */
bool connections_admit(struct connections *connections, const char *network);
/* A connection has been made, and is reading. Never NULL; the socket stays the caller's. */
struct connection *connection_add(struct connections *connections, int fd, const char *network);
/* Before its socket is closed. */
void connection_remove(struct connection *connection);

void connection_works(struct connection *connection);
void connection_sends(struct connection *connection);
void connection_reads(struct connection *connection); /* again, after an answer */

/* Connections now, and those cut off since the beginning: for the tests. */
struct connection_counts {
  size_t now, cut;
};
struct connection_counts connections_counts(struct connections *connections);

#endif
