/* Whose network a request comes from, which heads are refused, and who is cut off when there are too many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "web/connections.h"
#include "web/head.h"
#include "web/network.h"

/* ---- networks ---- */

static const char *network(const char *text) {
  static char out[NETWORK_BYTES];
  struct address address;
  if (!address_read(&address, text, strlen(text))) return "none";
  address_network(&address, out);
  return out;
}

static void test_network(void **state) {
  (void)state;
  assert_string_equal(network("192.0.2.7"), "192.0.2.7");
  assert_string_equal(network(" 192.0.2.7\t"), "192.0.2.7");
  assert_string_equal(network("::ffff:192.0.2.7"), "192.0.2.7");
  assert_string_equal(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  assert_string_equal(network("2001:DB8:1:2:ffff:ffff:ffff:ffff"), "2001:db8:1:2::/64");
  assert_string_equal(network("2001:db8:1:3::"), "2001:db8:1:3::/64");
  assert_string_equal(network("::1"), "::/64");
  static const char *const none[] = {"", " ", "unknown", "192.0.2", "192.0.2.7:80", "[2001:db8::1]", "2001:db8::1%eth0",
                                     "1.2.3.4, 5.6.7.8", "2001:db8:1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:17:18"};
  for (size_t i = 0; i < sizeof none / sizeof *none; i++) assert_string_equal(network(none[i]), "none");
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000207)};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
  struct sockaddr local = {.sa_family = AF_UNIX};
  struct address a, b;
  assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.7", &v6.sin6_addr), 1);
  assert_true(address_of(&a, (struct sockaddr *)&v4) && address_of(&b, (struct sockaddr *)&v6) && address_same(&a, &b));
  assert_false(address_of(&a, &local) || address_of(&a, NULL) || address_on_this_machine(&b));
  assert_true(address_read(&a, "127.3.2.1", 9) && address_on_this_machine(&a));
  assert_true(address_read(&a, "::1", 3) && address_on_this_machine(&a));
  assert_true(address_read(&a, "::7f00:1", 8) && !address_on_this_machine(&a));
}

static void test_forwarded(void **state) {
  (void)state;
  struct address last, wanted;
  assert_true(address_read(&wanted, "192.0.2.7", 9));
  assert_true(address_forwarded(&last, "192.0.2.7") && address_same(&last, &wanted));
  assert_true(address_forwarded(&last, "198.51.100.1, 203.0.113.9 , 192.0.2.7 ") && address_same(&last, &wanted));
  assert_true(address_forwarded(&last, "made up,,\"<script>,192.0.2.7") && address_same(&last, &wanted));
  assert_false(address_forwarded(&last, "192.0.2.7, unknown"));
  assert_false(address_forwarded(&last, "192.0.2.7,"));
  assert_false(address_forwarded(&last, ""));
}

/* ---- heads ---- */

/* Names and values in turn, ended by NULL. */
static bool acceptable(const char *version, const char *const *lines) {
  struct head head = {0};
  for (; *lines; lines += 2) head_take(&head, lines[0], strlen(lines[0]), lines[1], strlen(lines[1]));
  return head_acceptable(&head, version);
}
#define HEAD(...) acceptable("HTTP/1.1", (const char *const[]){__VA_ARGS__, NULL})

static void test_head(void **state) {
  (void)state;
  assert_true(HEAD("Host", "a"));
  assert_true(HEAD("host", "a", "Content-Length", "12", "X-Any", "caf\xc3\xa9\tand more", "X-Any", "again"));
  assert_true(HEAD("Host", "a", "Transfer-Encoding", "Chunked"));
  assert_false(HEAD("Host", "a", "HOST", "a"));
  assert_false(HEAD("Content-Length", "1", "content-length", "1"));
  assert_false(HEAD("Content-Length", "1", "Transfer-Encoding", "chunked"));
  assert_false(HEAD("Transfer-Encoding", "chunked", "Transfer-Encoding", "chunked"));
  assert_false(HEAD("Transfer-Encoding", "chunked", "Transfer-Encoding", "identity"));
  static const char *const codings[] = {"", "identity", "gzip, chunked", "chunked, chunked", "chunked ", "xchunked", "chunked;a"};
  for (size_t i = 0; i < sizeof codings / sizeof *codings; i++) assert_false(HEAD("Transfer-Encoding", codings[i]));
  static const char *const lengths[] = {"", "+1", "-1", "1 ", "1,1", "0x1", "1\t", "one"};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) assert_false(HEAD("Content-Length", lengths[i]));
  static const char *const names[] = {"", "Content-Length ", "Content-Length\t", " Host", "a b", "a(b)", "caf\xc3\xa9", "a\x01"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) assert_false(HEAD(names[i], "1"));
  assert_false(HEAD("X", "a\rb") || HEAD("X", "a\nb") || HEAD("X", "a\x7f") || HEAD("X", "\x01"));
  assert_false(acceptable("HTTP/1.0", (const char *const[]){"Transfer-Encoding", "chunked", NULL}));
  assert_true(acceptable("HTTP/1.0", (const char *const[]){"Content-Length", "1", NULL}));
}

/* ---- connections ---- */

#define LATE_MS 300
struct made {
  struct connection *connection;
  int ours, theirs; /* what the server holds, and the client */
};

static struct connections *open_limited(size_t most, size_t most_of_one) {
  struct connection_limits limits = {.most = most, .most_of_one = most_of_one, .read_ms = 60000, .idle_ms = 60000, .send_ms = 60000};
  struct connections *connections = connections_open(&limits);
  assert_non_null(connections);
  return connections;
}

static bool make(struct connections *connections, const char *from, struct made *made) {
  int pair[2];
  if (!connections_admit(connections, from)) return false;
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
  *made = (struct made){.ours = pair[0], .theirs = pair[1]};
  made->connection = connection_add(connections, pair[0], from);
  return true;
}

static void unmake(struct made *made) {
  connection_remove(made->connection);
  close(made->ours);
  close(made->theirs);
}

static bool is_cut(const struct made *made) {
  char byte;
  ssize_t got = read(made->theirs, &byte, 1);
  return !got || (got < 0 && errno != EAGAIN);
}

/* A newcomer takes the place of its own network's oldest, and of nobody else's. */
static void test_full_of_one(void **state) {
  (void)state;
  struct connections *connections = open_limited(100, 3);
  struct made one[5], other;
  assert_true(make(connections, "192.0.2.1", &other));
  for (int i = 0; i < 5; i++) assert_true(make(connections, "192.0.2.9", &one[i]));
  assert_true(is_cut(&one[0]) && is_cut(&one[1]));
  assert_false(is_cut(&one[2]) || is_cut(&one[3]) || is_cut(&one[4]) || is_cut(&other));
  assert_int_equal(connections_counts(connections).now, 4);
  /* Who is being worked at keeps its place; whoever began to read last goes last. */
  struct made more;
  connection_works(one[2].connection);
  connection_works(one[3].connection);
  connection_sends(one[4].connection);
  assert_false(make(connections, "192.0.2.9", &more));
  connection_reads(one[4].connection);
  connection_reads(one[2].connection);
  assert_true(make(connections, "192.0.2.9", &more));
  assert_true(is_cut(&one[4]));
  assert_false(is_cut(&one[2]) || is_cut(&one[3]) || is_cut(&other));
  assert_int_equal(connections_counts(connections).cut, 3);
  for (int i = 0; i < 5; i++) unmake(&one[i]);
  unmake(&other);
  unmake(&more);
  assert_int_equal(connections_counts(connections).now, 0);
  connections_close(connections);
}

/* When the server is full, the network that has most gives way. A proxy has no limit of its own, but counts. */
static void test_full_of_all(void **state) {
  (void)state;
  struct connections *connections = open_limited(10, 8);
  struct made crowd[6], few[2], proxy[9], late;
  for (int i = 0; i < 2; i++) assert_true(make(connections, "192.0.2.1", &few[i]));
  for (int i = 0; i < 6; i++) assert_true(make(connections, "192.0.2.9", &crowd[i]));
  for (int i = 0; i < 2; i++) assert_true(make(connections, "", &proxy[i]));
  assert_true(make(connections, "192.0.2.2", &late));
  assert_true(is_cut(&crowd[0]));
  assert_false(is_cut(&crowd[1]) || is_cut(&few[0]) || is_cut(&few[1]) || is_cut(&proxy[0]));
  for (int i = 1; i < 6; i++) connection_works(crowd[i].connection);
  for (int i = 2; i < 9; i++) assert_true(make(connections, "", &proxy[i]));
  assert_int_equal(connections_counts(connections).now, 10);
  assert_false(is_cut(&crowd[1]) || is_cut(&proxy[8]));
  for (int i = 0; i < 9; i++) unmake(&proxy[i]);
  for (int i = 0; i < 6; i++) unmake(&crowd[i]);
  for (int i = 0; i < 2; i++) unmake(&few[i]);
  unmake(&late);
  connections_close(connections);
}

static void wait_ms(long ms) {
  struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  while (nanosleep(&time, &time)) continue;
}

/* Bytes that come in do not put the end off; work has no end. */
static void test_late(void **state) {
  (void)state;
  struct connection_limits limits = {.most = 10, .most_of_one = 10, .read_ms = LATE_MS, .idle_ms = 4 * LATE_MS, .send_ms = LATE_MS};
  struct connections *connections = connections_open(&limits);
  struct made slow, kept, working, sending;
  assert_true(make(connections, "a", &slow) && make(connections, "a", &kept) && make(connections, "a", &working) &&
              make(connections, "a", &sending));
  connection_reads(kept.connection);
  connection_works(working.connection);
  connection_sends(sending.connection);
  for (int i = 0; i < 10 && !is_cut(&slow); i++) {
    if (write(slow.theirs, "x", 1) < 0) break;
    wait_ms(LATE_MS / 3);
  }
  wait_ms(LATE_MS);
  assert_true(is_cut(&slow) && is_cut(&sending));
  assert_false(is_cut(&kept) || is_cut(&working));
  wait_ms(5 * LATE_MS);
  assert_true(is_cut(&kept));
  assert_false(is_cut(&working));
  connection_sends(slow.connection); /* whoever was cut off stays so */
  unmake(&slow);
  unmake(&kept);
  unmake(&working);
  unmake(&sending);
  connections_close(connections);
  connections_close(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_network),     cmocka_unit_test(test_forwarded),   cmocka_unit_test(test_head),
      cmocka_unit_test(test_full_of_one), cmocka_unit_test(test_full_of_all), cmocka_unit_test(test_late),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
