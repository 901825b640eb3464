#include "people/throttle.h"

#define WHAT_MOST 400 /* bytes of what someone typed that are looked at */

static void throttle_name(const struct keys *keys, struct throttled counted, char out[65]) {
  char purpose[64], what[WHAT_MOST + 1];
  snprintf(purpose, sizeof purpose, "throttle-%s", counted.purpose);
  size_t length = strnlen(counted.what, WHAT_MOST);
  memcpy(what, counted.what, length);
  what[length] = 0;
  keys_lookup(keys, purpose, what, out);
}

size_t throttle_of(struct throttled counted[2], struct throttled what, const struct sign_in_from *from) {
  counted[0] = *from->device ? (struct throttled){"device", from->device} : what;
  counted[1] = (struct throttled){"address", from->address};
  return *from->device ? 1 : 2;
}

enum err throttle_read(struct db *db, const struct keys *keys, int64_t now_ms, const struct throttled *counted,
                       size_t count, bool *held, struct error *error) {
  *held = false;
  enum err err = OK;
  for (size_t i = 0; i < count && !err; i++) {
    if (!*counted[i].what) continue;
    char name[65];
    int64_t tries = 0;
    throttle_name(keys, counted[i], name);
    err =
        db_int(db, error, &tries, 0, "SELECT tries FROM run_throttle WHERE name = $1 AND window_ms > $2 AND window_ms <= $3 ORDER BY name",
               ARGS(v_text(name), v_int(now_ms - THROTTLE_WINDOW_MS), v_int(now_ms + CLOCK_SKEW_MS)));
    *held = *held || tries >= THROTTLE_TRIES;
  }
  return err;
}

enum err throttle_held(struct txn *txn, const struct throttled *counted, size_t count, bool *held,
                       struct error *error) {
  enum err err = db_exec(txn_db(txn), error, "DELETE FROM run_throttle WHERE window_ms <= $1 OR window_ms > $2",
                         ARGS(v_int(txn_clock(txn) - THROTTLE_WINDOW_MS), v_int(txn_clock(txn) + CLOCK_SKEW_MS)));
  return err ? err : throttle_read(txn_db(txn), txn_keys(txn), txn_clock(txn), counted, count, held, error);
}

enum err throttle_count(struct txn *txn, const struct throttled *counted, size_t count, struct error *error) {
  enum err err = OK;
  for (size_t i = 0; i < count && !err; i++) {
    if (!*counted[i].what) continue;
    char name[65];
    throttle_name(txn_keys(txn), counted[i], name);
    err = db_exec(txn_db(txn), error,
                  "INSERT INTO run_throttle (name, window_ms, tries) VALUES ($1, $2, 1)"
                  " ON CONFLICT (name) DO UPDATE SET tries = run_throttle.tries + 1",
                  ARGS(v_text(name), v_int(txn_clock(txn))));
  }
  return err;
}

enum err throttle_forget(struct txn *txn, struct throttled counted, struct error *error) {
  char name[65];
  throttle_name(txn_keys(txn), counted, name);
  return db_exec(txn_db(txn), error, "DELETE FROM run_throttle WHERE name = $1", ARGS(v_text(name)));
}
