#include "feedback/judged.h"

#include <pthread.h>

#include "study/expression.h"

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

struct judged_key judged_key(struct arena *arena, const char *judged_by, const struct detection_series *series,
                             size_t count) {
  size_t head = 2 * SHA256_BYTES, length = head + count * sizeof(struct session_key);
  char *bytes = arena_alloc(arena, length);
  memcpy(bytes, judged_by, head);
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

/* ---- in the table ---- */

void judged_key_text(struct judged_key key, char out[2 * SHA256_BYTES + 1]) {
  uint8_t hash[SHA256_BYTES];
  sha256(hash, key.bytes, key.length);
  hex_write(out, hash, sizeof hash);
}

static bool take_row(struct rows *rows, struct detection *out) {
  *out = (struct detection){.known = rows_int(rows, 1) != 0,
                            .event = (enum detection_event)rows_int(rows, 7),
                            .reported = rows_int(rows, 8) != 0};
  return number_read(rows_text(rows, 2), &out->expected) && number_read(rows_text(rows, 3), &out->low) &&
         number_read(rows_text(rows, 4), &out->high) && number_read(rows_text(rows, 5), &out->tension) &&
         number_read(rows_text(rows, 6), &out->repaired);
}

enum err judged_read(struct db *db, const struct detection_course *course, struct judged_key key, struct detection *out,
                     bool *found, struct error *error) {
  char basis[2 * SHA256_BYTES + 1];
  size_t read = 0;
  bool holds = true;
  struct rows rows;
  judged_key_text(key, basis);
  rows_open(&rows, db,
            "SELECT basis, known, expected, low, high, tension, repaired, event, reported FROM cache_detection "
            "WHERE patient = $1 ORDER BY session_number",
            ARGS(v_text(course->patient)));
  for (; holds && rows_next(&rows); read++)
    holds = read < course->count && !strcmp(rows_text(&rows, 0), basis) && take_row(&rows, &out[read]);
  *found = holds && read && read == course->count;
  return rows_close(&rows, error);
}

enum err judged_write(struct db *db, struct arena *arena, const struct detection_course *course, struct judged_key key,
                      const struct detection *seen, struct error *error) {
  char basis[2 * SHA256_BYTES + 1];
  enum err err = OK;
  judged_key_text(key, basis);
  for (size_t i = 0; i < course->count && !err; i++)
    err = db_exec(
        db, error,
        "INSERT INTO cache_detection (patient, session_number, subject, basis, known, expected, low, high, tension, "
        "repaired, event, reported) VALUES ($1, $2, $1, $3, $4, $5, $6, $7, $8, $9, $10, $11) "
        "ON CONFLICT (patient, session_number) DO UPDATE SET basis = excluded.basis, known = excluded.known, "
        "expected = excluded.expected, low = excluded.low, high = excluded.high, tension = excluded.tension, "
        "repaired = excluded.repaired, event = excluded.event, reported = excluded.reported",
        ARGS(v_text(course->patient), v_int(course->series[i].session_number), v_text(basis), v_int(seen[i].known),
             v_text(number_text(arena, seen[i].expected)), v_text(number_text(arena, seen[i].low)),
             v_text(number_text(arena, seen[i].high)), v_text(number_text(arena, seen[i].tension)),
             v_text(number_text(arena, seen[i].repaired)), v_int(seen[i].event), v_int(seen[i].reported)));
  return err;
}
