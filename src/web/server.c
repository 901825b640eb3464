#include "web/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "web/connections.h"
#include "web/head.h"
#include "web/network.h"
#include "web/web.h"

#define SERVER_THREADS 2
#define CONNECTIONS_MAXIMUM 4096
#define CONNECTIONS_OF_ONE 512  /* of one network */
#define CONNECTIONS_SPARE 512   /* that were cut off and are not closed yet */
#define FILES_SPARE 512         /* databases, keys, standard streams */
#define READ_SECONDS 30         /* for a request, head and body */
#define IDLE_SECONDS 30         /* between two requests; also without any byte moving while one is read or answered */
#define SEND_SECONDS 120        /* for an answer */
#define ARENA_MAXIMUM ((size_t)64 << 20)
#define ARENA_KEPT ((size_t)256 << 10) /* an exchange that used more gives its memory back */
#define EXCHANGES_KEPT 128

struct server {
  struct web web;
  struct MHD_Daemon *daemon;
  struct connections *connections;
  struct address proxy; /* whose X-Forwarded-For counts, beside loopback; zeros: nobody's */
  int listen_socket;
  char address[256];
  pthread_mutex_t lock;
  struct exchange *spare;
  size_t spare_count;
  atomic_int under_way; /* exchanges that are not completed */
  atomic_bool stopping;
};

/* One request and its answer, from the first header to the last byte sent. */
struct exchange {
  struct server *server;
  struct MHD_Connection *connection;
  struct arena arena;
  struct request request;
  struct buf body;
  unsigned refused; /* a status that is answered without running anything; 0 none */
  bool early;       /* a body comes that will not be taken: answered at once, and the connection closed */
  bool running;
  struct exchange *next;
};

/* ---- exchanges ---- */

static struct exchange *exchange_take(struct server *server) {
  pthread_mutex_lock(&server->lock);
  struct exchange *exchange = server->spare;
  if (exchange) {
    server->spare = exchange->next;
    server->spare_count--;
  }
  pthread_mutex_unlock(&server->lock);
  if (!exchange) {
    exchange = calloc(1, sizeof *exchange);
    if (!exchange) die("out of memory");
    arena_init(&exchange->arena, ARENA_MAXIMUM);
  }
  atomic_fetch_add(&server->under_way, 1);
  return exchange;
}

static void exchange_give(struct exchange *exchange) {
  struct server *server = exchange->server;
  bool keep = exchange->arena.used <= ARENA_KEPT;
  if (keep)
    arena_reset(&exchange->arena);
  else
    arena_free(&exchange->arena);
  struct arena arena = exchange->arena;
  *exchange = (struct exchange){.arena = arena};
  if (!keep) arena_init(&exchange->arena, ARENA_MAXIMUM);
  pthread_mutex_lock(&server->lock);
  keep = server->spare_count < EXCHANGES_KEPT;
  if (keep) {
    exchange->next = server->spare;
    server->spare = exchange;
    server->spare_count++;
  }
  pthread_mutex_unlock(&server->lock);
  if (!keep) {
    arena_free(&exchange->arena);
    free(exchange);
  }
  atomic_fetch_sub(&server->under_way, 1);
}

static const char *header_of(struct MHD_Connection *connection, const char *name) {
  return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* A proxy was told of: with TLS in front of us one on this machine, and whichever was named. */
static bool proxy_trusted(const struct server *server, const struct address *peer) {
  static const struct address nobody;
  if (!address_same(&server->proxy, &nobody) && address_same(&server->proxy, peer)) return true;
  return server->web.config->behind_tls && address_on_this_machine(peer);
}

static enum MHD_Result last_forwarded(void *state, enum MHD_ValueKind kind, const char *name, const char *value) {
  (void)kind;
  const char **last = state;
  if (!strcasecmp(name, "X-Forwarded-For")) *last = value ? value : "";
  return MHD_YES;
}

/* The network of the client: what a trusted proxy says it is, else whoever connected. */
static const char *client_of(struct exchange *exchange) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  char *text = arena_alloc(&exchange->arena, NETWORK_BYTES);
  struct address client;
  if (!info || !address_of(&client, info->client_addr)) return text;
  const char *forwarded = NULL;
  if (proxy_trusted(exchange->server, &client))
    MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, last_forwarded, &forwarded);
  if (forwarded) address_forwarded(&client, forwarded);
  address_network(&client, text);
  return text;
}

static enum MHD_Result header_walked(void *state, enum MHD_ValueKind kind, const char *name, size_t name_length,
                                     const char *value, size_t value_length) {
  (void)kind;
  head_take(state, name, name_length, value ? value : "", value ? value_length : 0);
  return MHD_YES;
}

static bool head_is_plain(struct MHD_Connection *connection, const char *version) {
  struct head head = {0};
  MHD_get_connection_values_n(connection, MHD_HEADER_KIND, header_walked, &head);
  return head_acceptable(&head, version);
}

/* What is known of the connection itself (connections.h). */
static struct connection *connection_of(struct MHD_Connection *connection) {
  return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

struct query_reading {
  struct exchange *exchange;
  struct buf text;
};

static enum MHD_Result query_pair(void *state, enum MHD_ValueKind kind, const char *key, size_t key_length,
                                  const char *value, size_t value_length) {
  (void)kind;
  struct query_reading *reading = state;
  if (reading->text.length) buf_addc(&reading->text, '&');
  buf_add(&reading->text, key, key_length);
  if (value) {
    buf_addc(&reading->text, '=');
    /* The library has made blanks of plus signs; everything else is as it came. */
    for (size_t i = 0; i < value_length; i++) buf_addc(&reading->text, value[i] == ' ' ? '+' : value[i]);
  }
  return MHD_YES;
}

/* A path is taken as it came: an encoded slash is no slash, so only %XX of our own codes is decoded: none has any. */
static bool path_acceptable(const char *path) {
  if (path[0] != '/' || strlen(path) > 1000) return false;
  for (const char *c = path; *c; c++)
    if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f) return false;
  return true;
}

static bool body_type_acceptable(struct MHD_Connection *connection) {
  static const char wanted[] = "application/x-www-form-urlencoded";
  const char *type = header_of(connection, "Content-Type");
  return !type || (!strncasecmp(type, wanted, sizeof wanted - 1) && strchr("; ", type[sizeof wanted - 1]));
}

static void exchange_fill(struct exchange *exchange, const char *path, enum method method) {
  struct MHD_Connection *connection = exchange->connection;
  struct request *request = &exchange->request;
  *request = (struct request){.arena = &exchange->arena,
                              .web = &exchange->server->web,
                              .method = method,
                              .path = arena_text(&exchange->arena, path),
                              .status = 200,
                              .type = "text/html; charset=utf-8",
                              .origin = header_of(connection, "Origin"),
                              .fetch_site = header_of(connection, "Sec-Fetch-Site"),
                              .accept_language = header_of(connection, "Accept-Language"),
                              .host = header_of(connection, "Host")};
  request->now_ms = clock_now(&exchange->server->web.config->clock);
  request->network = client_of(exchange);
  pairs_cookies(&exchange->arena, &request->cookies, header_of(connection, "Cookie"));
}

static bool query_read(struct exchange *exchange) {
  struct query_reading reading = {.exchange = exchange, .text = buf_in(&exchange->arena, 64)};
  MHD_get_connection_values_n(exchange->connection, MHD_GET_ARGUMENT_KIND, query_pair, &reading);
  return pairs_decode(&exchange->arena, &exchange->request.query, reading.text.data, reading.text.length);
}

/* The body that the head announces. */
static void body_begin(struct exchange *exchange) {
  const char *length = header_of(exchange->connection, "Content-Length");
  unsigned long long bytes = length ? strtoull(length, NULL, 10) : 0;
  const struct route *route = exchange->request.route;
  if (!bytes && !header_of(exchange->connection, "Transfer-Encoding")) return;
  if (!exchange->refused && route && route->body == BODY_NONE)
    exchange->refused = 400;
  else if (bytes > REQUEST_BODY_MAXIMUM)
    exchange->refused = 413;
  else if (!exchange->refused && route && !body_type_acceptable(exchange->connection))
    exchange->refused = 415;
  exchange->early = exchange->refused || !route;
  if (!exchange->early) exchange->body = buf_in(&exchange->arena, bytes ? (size_t)bytes + 1 : 4096);
}

static void exchange_begin(struct exchange *exchange, const char *path, const char *method, const char *version) {
  bool get = !strcmp(method, "GET") || !strcmp(method, "HEAD"), post = !strcmp(method, "POST");
  exchange_fill(exchange, path, post ? METHOD_POST : METHOD_GET);
  if (!query_read(exchange)) exchange->refused = 400;
  if (!get && !post) exchange->refused = 405;
  if (!path_acceptable(path)) exchange->refused = 404;
  if (exchange->refused != 404 && exchange->refused != 405)
    exchange->request.route = route_of(exchange->request.method, path);
  body_begin(exchange);
  if (!head_is_plain(exchange->connection, version)) {
    exchange->refused = 400;
    exchange->early = true;
  }
}

/* ---- answering ---- */

static struct MHD_Response *asset_response(struct exchange *exchange) {
  const struct asset *asset = exchange->request.asset;
  return MHD_create_response_from_buffer(asset->length, (void *)(uintptr_t)asset->bytes, MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result exchange_answer(struct exchange *exchange) {
  struct request *request = &exchange->request;
  struct MHD_Response *response =
      request->asset ? asset_response(exchange)
                     : MHD_create_response_from_buffer(request->out.length, request->out.data, MHD_RESPMEM_PERSISTENT);
  char date[HTTP_DATE_BYTES];
  if (!response) return MHD_NO;
  for (size_t i = 0; web_security_headers[i]; i += 2)
    MHD_add_response_header(response, web_security_headers[i], web_security_headers[i + 1]);
  http_date(date, request->now_ms);
  MHD_add_response_header(response, "Date", date);
  MHD_add_response_header(response, "Cache-Control",
                          request->asset ? "public, max-age=31536000, immutable" : "no-store");
  if (request->asset)
    MHD_add_response_header(response, "Content-Type", request->asset->type);
  else if (request->out.length)
    MHD_add_response_header(response, "Content-Type", request->type);
  if (request->web->config->behind_tls)
    MHD_add_response_header(response, "Strict-Transport-Security", "max-age=31536000");
  for (size_t i = 0; i < request->header_count; i++)
    MHD_add_response_header(response, request->headers[i].name, request->headers[i].value);
  if (request->status >= 500)
    log_line(LOG_WARNING, "request-failed", "%u for %s", request->status,
             request->route ? request->route->path : "(no route)");
  connection_sends(connection_of(exchange->connection));
  enum MHD_Result result = MHD_queue_response(exchange->connection, request->status, response);
  MHD_destroy_response(response);
  return result;
}

static void exchange_wake(void *owner) {
  struct exchange *exchange = owner;
  MHD_resume_connection(exchange->connection);
}

static enum MHD_Result exchange_go_on(struct exchange *exchange) {
  struct request *request = &exchange->request;
  connection_works(connection_of(exchange->connection));
  if (!request->out.arena) request->out = buf_in(&exchange->arena, 16384);
  if (exchange->refused)
    web_refuse(request, exchange->refused);
  else
    web_run(request);
  exchange->refused = 0;
  if (!request->waiting) return exchange_answer(exchange);
  MHD_suspend_connection(exchange->connection);
  waiting_start(request, exchange_wake, exchange);
  return MHD_YES;
}

/* A body is kept only where exchange_begin() made room for it. */
static enum MHD_Result take_body(struct exchange *exchange, const char *data, size_t *length) {
  if (!exchange->refused && exchange->body.length + *length > REQUEST_BODY_MAXIMUM) exchange->refused = 413;
  if (!exchange->refused && exchange->body.arena) buf_add(&exchange->body, data, *length);
  *length = 0;
  return MHD_YES;
}

/* The library's callback (MHD_AccessHandlerCallback): its eight parameters are not ours to choose. */
static enum MHD_Result on_request(void *state, struct MHD_Connection *connection, const char *path, const char *method,
                                  const char *version, const char *data, size_t *length, void **slot) {
  struct server *server = state;
  struct exchange *exchange = *slot;
  if (!exchange) {
    exchange = *slot = exchange_take(server);
    exchange->server = server;
    exchange->connection = connection;
    exchange_begin(exchange, path, method, version);
    return exchange->early ? exchange_go_on(exchange) : MHD_YES; /* the library closes after an early answer */
  }
  if (*length) return take_body(exchange, data, length);
  if (!exchange->running) {
    exchange->running = true;
    if (!exchange->refused && exchange->body.length &&
        !pairs_decode(&exchange->arena, &exchange->request.form, exchange->body.data, exchange->body.length))
      exchange->refused = 400;
    if (atomic_load(&server->stopping)) exchange->refused = 503;
  }
  return exchange_go_on(exchange);
}

static void on_completed(void *state, struct MHD_Connection *connection, void **slot,
                         enum MHD_RequestTerminationCode code) {
  (void)state, (void)code;
  if (*slot) exchange_give(*slot);
  *slot = NULL;
  connection_reads(connection_of(connection));
}

/* ---- connections ---- */

/* A proxy speaks for many, and keeps their connections within bounds itself. */
static void network_to_count(const struct server *server, const struct sockaddr *from, char out[NETWORK_BYTES]) {
  struct address peer;
  *out = 0;
  if (address_of(&peer, from) && !proxy_trusted(server, &peer)) address_network(&peer, out);
}

static enum MHD_Result on_accept(void *state, const struct sockaddr *from, socklen_t length) {
  (void)length;
  struct server *server = state;
  char network[NETWORK_BYTES];
  network_to_count(server, from, network);
  return connections_admit(server->connections, network) ? MHD_YES : MHD_NO;
}

static void on_connection(void *state, struct MHD_Connection *connection, void **slot,
                          enum MHD_ConnectionNotificationCode code) {
  struct server *server = state;
  if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
    if (*slot) connection_remove(*slot);
    *slot = NULL;
    return;
  }
  const union MHD_ConnectionInfo *from = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  char network[NETWORK_BYTES];
  network_to_count(server, from ? from->client_addr : NULL, network);
  *slot = connection_add(server->connections,
                         MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd, network);
}

/* Paths and queries are decoded by us alone (pairs.c). */
static size_t keep_escapes(void *state, struct MHD_Connection *connection, char *text) {
  (void)state, (void)connection;
  return strlen(text);
}

/* ---- listening ---- */

static enum err listen_split(const char *listen_at, char host[128], char port[16], struct error *error) {
  const char *colon = strrchr(listen_at, ':');
  size_t length = colon ? (size_t)(colon - listen_at) : 0;
  bool bracketed = length > 2 && listen_at[0] == '[' && listen_at[length - 1] == ']';
  if (!colon || !length || length > 120 || !colon[1] || strlen(colon + 1) > 5 ||
      strspn(colon + 1, "0123456789") != strlen(colon + 1) || strtoul(colon + 1, NULL, 10) > 65535)
    return fail(error, ERR_USAGE, "listen", "--listen",
                "'%s' is no address to listen on: write ADDRESS:PORT, such as 127.0.0.1:8080.", listen_at);
  snprintf(host, 128, "%.*s", (int)(length - (bracketed ? 2 : 0)), listen_at + bracketed);
  snprintf(port, 16, "%s", colon + 1);
  return OK;
}

static enum err listen_error(const char *listen_at, struct error *error) {
  if (errno == EADDRINUSE)
    return fail(error, ERR_STATE, "port-in-use", "--listen",
                "%s is in use: stop the program that listens there, or choose another port with --listen ADDRESS:PORT.",
                listen_at);
  if (errno == EACCES)
    return fail(error, ERR_STATE, "port-denied", "--listen",
                "This user may not listen on %s: choose a port from 1024 up with --listen ADDRESS:PORT.", listen_at);
  return fail(error, ERR_STATE, "listen", "--listen",
              "%s cannot be listened on (%s): choose another with --listen ADDRESS:PORT.", listen_at, strerror(errno));
}

static enum err listen_open(struct server *server, const char *listen_at, struct error *error) {
  char host[128], port[16];
  enum err err = listen_split(listen_at, host, port, error);
  if (err) return err;
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV},
                  *found;
  if (!strcmp(host, "localhost")) snprintf(host, sizeof host, "127.0.0.1");
  if (getaddrinfo(host, port, &hints, &found))
    return fail(error, ERR_USAGE, "listen", "--listen",
                "'%s' is no address of this machine: write a numeric one, such as 127.0.0.1:8080.", listen_at);
  int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;
  bool bound = fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) &&
               !bind(fd, found->ai_addr, found->ai_addrlen) && !listen(fd, CONNECTIONS_MAXIMUM);
  freeaddrinfo(found);
  if (!bound) {
    err = listen_error(listen_at, error);
    if (fd >= 0) close(fd);
    return err;
  }
  struct sockaddr_storage name;
  socklen_t length = sizeof name;
  if (getsockname(fd, (struct sockaddr *)&name, &length)) memset(&name, 0, sizeof name);
  unsigned number = ntohs(name.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&name)->sin6_port
                                                     : ((struct sockaddr_in *)&name)->sin_port);
  snprintf(server->address, sizeof server->address, strchr(host, ':') ? "http://[%s]:%u" : "http://%s:%u", host,
           number);
  server->listen_socket = fd;
  return OK;
}

static void server_free(struct server *server) {
  while (server->spare) {
    struct exchange *exchange = server->spare;
    server->spare = exchange->next;
    arena_free(&exchange->arena);
    free(exchange);
  }
  connections_close(server->connections);
  web_close(&server->web);
  pthread_mutex_destroy(&server->lock);
  free(server);
}

static enum err proxy_read(struct server *server, const char *proxy, struct error *error) {
  if (!proxy || address_read(&server->proxy, proxy, strlen(proxy))) return OK;
  return fail(error, ERR_USAGE, "proxy", "--proxy", "'%s' is no address of a proxy: write a numeric one, such as 192.0.2.7.",
              proxy);
}

/* As many connections as are wanted, or as the process may have files for. */
static size_t connections_possible(void) {
  struct rlimit files;
  rlim_t wanted = CONNECTIONS_MAXIMUM + CONNECTIONS_SPARE + FILES_SPARE;
  if (getrlimit(RLIMIT_NOFILE, &files)) return CONNECTIONS_MAXIMUM / 16;
  if (files.rlim_cur < wanted) {
    files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &files);
    getrlimit(RLIMIT_NOFILE, &files);
  }
  if (files.rlim_cur >= wanted) return CONNECTIONS_MAXIMUM;
  size_t possible = files.rlim_cur > 2 * FILES_SPARE ? (files.rlim_cur - FILES_SPARE) / 2 : files.rlim_cur / 4;
  log_line(LOG_WARNING, "few-files", "%llu open files are allowed (ulimit -n): at most %zu connections",
           (unsigned long long)files.rlim_cur, possible);
  return possible;
}

static enum err connections_begin(struct server *server, struct error *error) {
  size_t most = connections_possible();
  struct connection_limits limits = {.most = most,
                                     .most_of_one = most < CONNECTIONS_OF_ONE ? most : CONNECTIONS_OF_ONE,
                                     .read_ms = READ_SECONDS * 1000,
                                     .idle_ms = IDLE_SECONDS * 1000,
                                     .send_ms = SEND_SECONDS * 1000};
  server->connections = connections_open(&limits);
  return server->connections ? OK : fail(error, ERR_STATE, "server", "", "A thread could not be started (ulimit -u).");
}

/* The library's own limit holds for each thread; the one that counts is ours. */
static enum err daemon_start(struct server *server, struct error *error) {
  server->daemon = MHD_start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_SUPPRESS_DATE_NO_CLOCK, 0, on_accept, server,
      on_request, server, MHD_OPTION_LISTEN_SOCKET, server->listen_socket, MHD_OPTION_THREAD_POOL_SIZE,
      (unsigned)SERVER_THREADS, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_NOTIFY_CONNECTION,
      on_connection, server, MHD_OPTION_CONNECTION_LIMIT,
      (unsigned)(SERVER_THREADS * (CONNECTIONS_MAXIMUM + CONNECTIONS_SPARE)), MHD_OPTION_CONNECTION_TIMEOUT,
      (unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32 << 10, MHD_OPTION_UNESCAPE_CALLBACK,
      keep_escapes, NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
  if (server->daemon) return OK;
  return fail(error, ERR_STATE, "server", "",
              "The server could not be started: are there files and threads to be had (ulimit)?");
}

enum err server_start(struct server **out, const struct server_config *config, struct error *error) {
  struct server *server = calloc(1, sizeof *server);
  if (!server) die("out of memory");
  server->listen_socket = -1;
  pthread_mutex_init(&server->lock, NULL);
  enum err err = proxy_read(server, config->proxy, error);
  if (!err) err = listen_open(server, config->listen, error);
  if (!err) err = web_open(&server->web, config, server->address, error);
  if (!err) err = connections_begin(server, error);
  if (!err) err = daemon_start(server, error);
  if (err) {
    if (server->listen_socket >= 0) close(server->listen_socket);
    server_free(server);
    return err;
  }
  *out = server;
  return OK;
}

const char *server_address(const struct server *server) {
  return server->address;
}

static sigset_t end_signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

void server_block_signals(void) {
  sigset_t set = end_signals();
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  signal(SIGPIPE, SIG_IGN);
}

void server_wait(struct server *server) {
  (void)server;
  sigset_t set = end_signals();
  int number;
  while (sigwait(&set, &number)) continue;
}

void server_stop(struct server *server) {
  if (!server) return;
  int fd = MHD_quiesce_daemon(server->daemon);
  atomic_store(&server->stopping, true);
  /* What sleeps is woken by the writer; a slow client is not waited for longer than this. */
  for (int i = 0; i < 300 && atomic_load(&server->under_way); i++) usleep(10000);
  MHD_stop_daemon(server->daemon);
  if (fd >= 0) close(fd);
  server_free(server);
}
