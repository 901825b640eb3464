#include "web/network.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static void take_ipv4(struct address *address, const struct in_addr *from) {
  memcpy(address->bytes, mapped, sizeof mapped);
  memcpy(address->bytes + sizeof mapped, from, 4);
}

static bool is_ipv4(const struct address *address) {
  return !memcmp(address->bytes, mapped, sizeof mapped);
}

bool address_of(struct address *address, const struct sockaddr *from) {
  if (!from) return false;
  if (from->sa_family == AF_INET) {
    take_ipv4(address, &((const struct sockaddr_in *)from)->sin_addr);
    return true;
  }
  if (from->sa_family != AF_INET6) return false;
  memcpy(address->bytes, &((const struct sockaddr_in6 *)from)->sin6_addr, sizeof address->bytes);
  return true;
}

bool address_read(struct address *address, const char *text, size_t length) {
  char copy[INET6_ADDRSTRLEN];
  while (length && (*text == ' ' || *text == '\t')) text++, length--;
  while (length && (text[length - 1] == ' ' || text[length - 1] == '\t')) length--;
  if (!length || length >= sizeof copy) return false;
  memcpy(copy, text, length);
  copy[length] = 0;
  struct in_addr ipv4;
  if (inet_pton(AF_INET6, copy, address->bytes) == 1) return true;
  if (inet_pton(AF_INET, copy, &ipv4) != 1) return false;
  take_ipv4(address, &ipv4);
  return true;
}

bool address_same(const struct address *a, const struct address *b) {
  return !memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

bool address_on_this_machine(const struct address *address) {
  static const struct address loopback = {.bytes = {[15] = 1}};
  return is_ipv4(address) ? address->bytes[12] == 127 : address_same(address, &loopback);
}

void address_network(const struct address *address, char out[NETWORK_BYTES]) {
  if (is_ipv4(address)) {
    inet_ntop(AF_INET, address->bytes + sizeof mapped, out, NETWORK_BYTES);
    return;
  }
  struct address network = {0};
  memcpy(network.bytes, address->bytes, 8);
  inet_ntop(AF_INET6, network.bytes, out, NETWORK_BYTES - 4);
  memcpy(out + strlen(out), "/64", 4);
}

bool address_forwarded(struct address *address, const char *header) {
  const char *comma = strrchr(header, ','), *last = comma ? comma + 1 : header;
  return address_read(address, last, strlen(last));
}
