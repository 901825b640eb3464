#include "trial/judged.h"

#include <pthread.h>

#define PLACES 1024
#define SESSIONS_MOST 64 /* longer courses are judged each time */

struct place {
  size_t length, count;
  struct detection *out;
  unsigned char *key;
};
struct judged {
  pthread_mutex_t lock;
  struct place places[PLACES];
};

struct judged *judged_new(void) {
  struct judged *judged = calloc(1, sizeof *judged);
  if (!judged) die("out of memory");
  pthread_mutex_init(&judged->lock, NULL);
  return judged;
}

void judged_free(struct judged *judged) {
  if (!judged) return;
  for (int i = 0; i < PLACES; i++) {
    free(judged->places[i].key);
    free(judged->places[i].out);
  }
  pthread_mutex_destroy(&judged->lock);
  free(judged);
}

/* Field by field: the bytes between the fields of a struct are anybody's. */
struct session_key {
  int64_t number, has[2], reported[2], resolved[2];
  double rating[2];
};

struct judged_key judged_key(struct arena *arena, const char *estimate, int thresholds,
                             const struct detection_series *series, size_t count) {
  size_t head = 24, length = head + count * sizeof(struct session_key);
  char *bytes = arena_alloc(arena, length);
  snprintf(bytes, head, "%s %d", estimate, thresholds);
  for (size_t i = 0; i < count; i++) {
    const struct detection_series *one = &series[i];
    struct session_key key = {.number = one->session_number};
    for (int rater = 0; rater < 2; rater++) {
      key.has[rater] = one->has[rater];
      key.reported[rater] = one->reported[rater];
      key.resolved[rater] = one->resolved[rater];
      key.rating[rater] = one->has[rater] ? one->rating[rater] : 0;
    }
    memcpy(bytes + head + i * sizeof key, &key, sizeof key);
  }
  return (struct judged_key){bytes, length};
}

/* FNV-1a (Fowler, Noll, Vo); the key itself is compared too. */
static struct place *place_of(struct judged *judged, struct judged_key key) {
  uint64_t hash = UINT64_C(14695981039346656037);
  const unsigned char *bytes = key.bytes;
  for (size_t i = 0; i < key.length; i++) hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
  return &judged->places[(hash ^ hash >> 32) % PLACES];
}

bool judged_find(struct judged *judged, struct judged_key key, struct detection *out, size_t count) {
  struct place *place = place_of(judged, key);
  pthread_mutex_lock(&judged->lock);
  bool found =
      place->key && place->count == count && place->length == key.length && !memcmp(place->key, key.bytes, key.length);
  if (found && count) memcpy(out, place->out, count * sizeof *out);
  pthread_mutex_unlock(&judged->lock);
  return found;
}

void judged_keep(struct judged *judged, struct judged_key key, const struct detection *out, size_t count) {
  if (!count || count > SESSIONS_MOST) return;
  struct place *place = place_of(judged, key), fresh = {.length = key.length, .count = count};
  fresh.key = malloc(key.length);
  fresh.out = malloc(count * sizeof *out);
  if (!fresh.key || !fresh.out) die("out of memory");
  memcpy(fresh.key, key.bytes, key.length);
  memcpy(fresh.out, out, count * sizeof *out);
  pthread_mutex_lock(&judged->lock);
  struct place old = *place;
  *place = fresh;
  pthread_mutex_unlock(&judged->lock);
  free(old.key);
  free(old.out);
}
