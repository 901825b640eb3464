/* throttle.h: counts of wrong tries, in run_throttle under keyed hashes, so that the table tells neither a name nor an
 * address. A window begins with the first wrong try and lasts 15 minutes; one that begins ahead of now, by a clock that was
 * wrong, is over. Inside the room only. */
#ifndef ATTUNE_PEOPLE_THROTTLE_H
#define ATTUNE_PEOPLE_THROTTLE_H

#include "people/device.h"

#define THROTTLE_TRIES 10
#define THROTTLE_WINDOW_MS (15 * MINUTE_MS)

/* What is counted: `purpose` a literal such as "name", `what` the name itself; "" is nobody and never counted. */
struct throttled {
  const char *purpose, *what;
};
/* What a try is counted by: the device that it comes from, when that is known; else this and the network. How many. */
size_t throttle_of(struct throttled counted[2], struct throttled what, const struct sign_in_from *from);
/* Whether one of them has had its tries. */
enum err throttle_read(struct db *db, const struct keys *keys, int64_t now_ms, const struct throttled *counted,
                       size_t count, bool *held, struct error *error);
/* The same inside a verb; drops the windows that are over. */
enum err throttle_held(struct txn *txn, const struct throttled *counted, size_t count, bool *held, struct error *error);
enum err throttle_count(struct txn *txn, const struct throttled *counted, size_t count, struct error *error);
enum err throttle_forget(struct txn *txn, struct throttled counted, struct error *error);

#endif
