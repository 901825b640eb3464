#include "web/connections.h"

#include <pthread.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/err.h"
#include "web/network.h"

#define BUCKETS 1024
#define LOOK_MS 250 /* how often it is looked for late ones */

struct network {
  char name[NETWORK_BYTES];
  size_t count;
  struct connection *oldest, *newest; /* those that are reading */
  struct network *next;               /* in its bucket */
};

struct connection {
  struct connections *connections;
  struct network *network; /* NULL once cut off */
  int fd;
  bool reading;
  int64_t deadline_ms;            /* 0: none */
  struct connection *older, *newer; /* among the network's that are reading */
  struct connection *before, *after; /* among all */
};

struct connections {
  struct connection_limits limits;
  pthread_mutex_t lock; /* guards all below */
  pthread_cond_t stop;
  pthread_t thread;
  bool stopping;
  size_t count, cut;
  struct connection *all;
  struct network *networks[BUCKETS];
};

/* ---- networks ---- */

static struct network **bucket_of(struct connections *connections, const char *name) {
  uint32_t hash = 2166136261U; /* FNV-1a */
  for (const char *c = name; *c; c++) hash = (hash ^ (unsigned char)*c) * 16777619U;
  return &connections->networks[hash % BUCKETS];
}

static struct network *network_find(struct connections *connections, const char *name) {
  for (struct network *network = *bucket_of(connections, name); network; network = network->next)
    if (!strcmp(network->name, name)) return network;
  return NULL;
}

static struct network *network_take(struct connections *connections, const char *name) {
  struct network *network = network_find(connections, name);
  if (network) return network;
  network = calloc(1, sizeof *network);
  if (!network) die("out of memory");
  snprintf(network->name, sizeof network->name, "%s", name);
  struct network **bucket = bucket_of(connections, name);
  network->next = *bucket;
  *bucket = network;
  return network;
}

static void network_leave(struct connections *connections, struct network *network) {
  if (--network->count) return;
  struct network **at = bucket_of(connections, network->name);
  while (*at != network) at = &(*at)->next;
  *at = network->next;
  free(network);
}

static struct network *network_largest(struct connections *connections) {
  struct network *largest = NULL;
  for (size_t i = 0; i < BUCKETS; i++)
    for (struct network *network = connections->networks[i]; network; network = network->next)
      if (network->oldest && (!largest || network->count > largest->count)) largest = network;
  return largest;
}

/* ---- those that are reading, by age ---- */

static void reading_end(struct connection *connection) {
  struct network *network = connection->network;
  if (!connection->reading) return;
  *(connection->older ? &connection->older->newer : &network->oldest) = connection->newer;
  *(connection->newer ? &connection->newer->older : &network->newest) = connection->older;
  connection->older = connection->newer = NULL;
  connection->reading = false;
}

static void reading_begin(struct connection *connection) {
  struct network *network = connection->network;
  if (connection->reading) return;
  connection->older = network->newest;
  *(network->newest ? &network->newest->newer : &network->oldest) = connection;
  network->newest = connection;
  connection->reading = true;
}

/* ---- cutting off ---- */

static void forget(struct connection *connection) {
  struct connections *connections = connection->connections;
  reading_end(connection);
  network_leave(connections, connection->network);
  connection->network = NULL;
  connection->deadline_ms = 0;
  connections->count--;
}

/* From now on it does not count, though its socket is open until the library has noticed. */
static void cut(struct connection *connection) {
  connection->connections->cut++;
  forget(connection);
  shutdown(connection->fd, SHUT_RDWR);
}

static void *look(void *state) {
  struct connections *connections = state;
  pthread_mutex_lock(&connections->lock);
  while (!connections->stopping) {
    int64_t now_ms = clock_elapsed_ms();
    for (struct connection *one = connections->all; one; one = one->after)
      if (one->deadline_ms && now_ms > one->deadline_ms) cut(one);
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LOOK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_cond_timedwait(&connections->stop, &connections->lock, &until);
  }
  pthread_mutex_unlock(&connections->lock);
  return NULL;
}

/* ---- coming and going ---- */

struct connections *connections_open(const struct connection_limits *limits) {
  struct connections *connections = calloc(1, sizeof *connections);
  if (!connections) die("out of memory");
  connections->limits = *limits;
  pthread_mutex_init(&connections->lock, NULL);
  pthread_condattr_t steady;
  pthread_condattr_init(&steady);
  pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
  pthread_cond_init(&connections->stop, &steady);
  pthread_condattr_destroy(&steady);
  if (!pthread_create(&connections->thread, NULL, look, connections)) return connections;
  pthread_cond_destroy(&connections->stop);
  pthread_mutex_destroy(&connections->lock);
  free(connections);
  return NULL;
}

void connections_close(struct connections *connections) {
  if (!connections) return;
  pthread_mutex_lock(&connections->lock);
  connections->stopping = true;
  pthread_cond_signal(&connections->stop);
  pthread_mutex_unlock(&connections->lock);
  pthread_join(connections->thread, NULL);
  pthread_cond_destroy(&connections->stop);
  pthread_mutex_destroy(&connections->lock);
  free(connections);
}

bool connections_admit(struct connections *connections, const char *name) {
  const struct connection_limits *limits = &connections->limits;
  pthread_mutex_lock(&connections->lock);
  struct network *own = network_find(connections, name);
  struct network *yields = own && *name && own->count >= limits->most_of_one ? own
                           : connections->count >= limits->most              ? network_largest(connections)
                                                                             : NULL;
  bool full = yields || connections->count >= limits->most;
  bool room = !full || (yields && yields->oldest);
  if (full && room) cut(yields->oldest);
  pthread_mutex_unlock(&connections->lock);
  return room;
}

struct connection *connection_add(struct connections *connections, int fd, const char *name) {
  struct connection *connection = calloc(1, sizeof *connection);
  if (!connection) die("out of memory");
  pthread_mutex_lock(&connections->lock);
  *connection = (struct connection){.connections = connections,
                                    .fd = fd,
                                    .network = network_take(connections, name),
                                    .deadline_ms = clock_elapsed_ms() + connections->limits.read_ms,
                                    .after = connections->all};
  if (connections->all) connections->all->before = connection;
  connections->all = connection;
  connection->network->count++;
  connections->count++;
  reading_begin(connection);
  pthread_mutex_unlock(&connections->lock);
  return connection;
}

void connection_remove(struct connection *connection) {
  struct connections *connections = connection->connections;
  pthread_mutex_lock(&connections->lock);
  if (connection->network) forget(connection);
  *(connection->before ? &connection->before->after : &connections->all) = connection->after;
  if (connection->after) connection->after->before = connection->before;
  pthread_mutex_unlock(&connections->lock);
  free(connection);
}

static void turn_to(struct connection *connection, bool reading, int64_t within_ms) {
  pthread_mutex_t *lock = &connection->connections->lock;
  pthread_mutex_lock(lock);
  if (connection->network) {
    if (reading)
      reading_begin(connection);
    else
      reading_end(connection);
    connection->deadline_ms = within_ms ? clock_elapsed_ms() + within_ms : 0;
  }
  pthread_mutex_unlock(lock);
}

void connection_works(struct connection *connection) {
  turn_to(connection, false, 0);
}

void connection_sends(struct connection *connection) {
  turn_to(connection, false, connection->connections->limits.send_ms);
}

void connection_reads(struct connection *connection) {
  const struct connection_limits *limits = &connection->connections->limits;
  turn_to(connection, true, limits->idle_ms + limits->read_ms);
}

struct connection_counts connections_counts(struct connections *connections) {
  pthread_mutex_lock(&connections->lock);
  struct connection_counts counts = {.now = connections->count, .cut = connections->cut};
  pthread_mutex_unlock(&connections->lock);
  return counts;
}
