/* network.h: whose network a request comes from: what is counted when tries, waiting places and connections are
 * limited.
 *
 * An IPv4 address is a network of its own; of an IPv6 address the first 64 bits are, because whoever has one address
 * of a /64 has them all. An IPv4 address inside IPv6 (::ffff:192.0.2.7) is that IPv4 address. Pure. */
#ifndef ATTUNE_WEB_NETWORK_H
#define ATTUNE_WEB_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETWORK_BYTES 48

struct sockaddr;

struct address {
  uint8_t bytes[16]; /* as IPv6 */
};

/* False when it is not of the internet (a local socket). */
bool address_of(struct address *address, const struct sockaddr *from);
/* A numeric address, without port, brackets or zone; blanks around it are skipped. */
bool address_read(struct address *address, const char *text, size_t length);
bool address_same(const struct address *a, const struct address *b);
bool address_on_this_machine(const struct address *address); /* loopback */
/* "192.0.2.7", "2001:db8:0:1::/64" */
void address_network(const struct address *address, char out[NETWORK_BYTES]);

/* The address that a proxy put last into X-Forwarded-For: its own word, while all before it is whatever the client
 * wrote. False when it is no address. */
bool address_forwarded(struct address *address, const char *header);

#endif
