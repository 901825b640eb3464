/* Finding a sign-in by its cookie, for every request; the steps that make one are in sign_in_step.c. */
#include "people/sign_in.h"

#include <pthread.h>

#include "people/password.h"
#include "people/throttle.h"
#include "people/token.h"

/* ---- when each was last seen ---- */

#define SLOTS 1024
#define FLUSH_MS MINUTE_MS

struct slot {
  char token[TOKEN_HASH_BYTES];
  int64_t seen_ms, flushed_ms;
  struct slot *next;
};
struct sign_in_seen {
  pthread_mutex_t lock;
  struct slot *slots[SLOTS];
};

struct sign_in_seen *sign_in_seen_new(void) {
  struct sign_in_seen *seen = calloc(1, sizeof *seen);
  if (!seen) die("no memory for the table of who is signed in");
  pthread_mutex_init(&seen->lock, NULL);
  return seen;
}

void sign_in_seen_free(struct sign_in_seen *seen) {
  if (!seen) return;
  for (int i = 0; i < SLOTS; i++)
    for (struct slot *slot = seen->slots[i], *next; slot; slot = next) {
      next = slot->next;
      free(slot);
    }
  pthread_mutex_destroy(&seen->lock);
  free(seen);
}

static struct slot **chain_of(struct sign_in_seen *seen, const char *token_hash) {
  uint8_t bytes[2] = {0, 0};
  char first[5] = {0};
  memcpy(first, token_hash, 4);
  hex_read(first, bytes, sizeof bytes);
  return &seen->slots[(bytes[0] << 8 | bytes[1]) % SLOTS];
}

/* The slot of this sign-in; those of its chain that are over are given back on the way. Only sign-ins that stand in
 * the table come here, so that the memory is bounded by the sign-ins of 12 hours. */
static struct slot *slot_of(struct sign_in_seen *seen, const char *token_hash, int64_t now_ms) {
  struct slot **chain = chain_of(seen, token_hash), *found = NULL;
  for (struct slot **at = chain; *at;) {
    struct slot *slot = *at;
    if (!strcmp(slot->token, token_hash)) found = slot;
    if (slot != found && now_ms - slot->seen_ms > SIGN_IN_LONGEST_MS) {
      *at = slot->next;
      free(slot);
    } else {
      at = &slot->next;
    }
  }
  if (found) return found;
  struct slot *slot = calloc(1, sizeof *slot);
  if (!slot) die("no memory for the table of who is signed in");
  memcpy(slot->token, token_hash, TOKEN_HASH_BYTES);
  slot->next = *chain;
  *chain = slot;
  return slot;
}

/* Whether it was idle too long; if not, now is when it was last seen. `stored_ms`: as the table has it. */
static bool note_seen(struct sign_in_seen *seen, const char *token_hash, int64_t stored_ms, int64_t now_ms,
                      bool *flush) {
  pthread_mutex_lock(&seen->lock);
  struct slot *slot = slot_of(seen, token_hash, now_ms);
  if (slot->seen_ms > now_ms + CLOCK_SKEW_MS) slot->seen_ms = 0; /* the clock was wrong then */
  if (slot->flushed_ms > now_ms + CLOCK_SKEW_MS) slot->flushed_ms = 0;
  if (stored_ms > now_ms + CLOCK_SKEW_MS) stored_ms = 0;
  if (slot->seen_ms < stored_ms) slot->seen_ms = stored_ms;
  if (slot->flushed_ms < stored_ms) slot->flushed_ms = stored_ms;
  bool idle = now_ms - slot->seen_ms > SIGN_IN_IDLE_MS;
  if (!idle && slot->seen_ms < now_ms) slot->seen_ms = now_ms;
  *flush = !idle && now_ms - slot->flushed_ms >= FLUSH_MS;
  if (*flush) slot->flushed_ms = now_ms; /* one request flushes, not all that come at once */
  pthread_mutex_unlock(&seen->lock);
  return idle;
}

/* ---- finding ---- */

static enum err ended(struct error *error) {
  return fail(error, ERR_MISSING, "sign-in-ended", "", "this sign-in has ended; sign in again");
}

enum err sign_in_find(struct db *db, struct sign_in_seen *seen, const char *cookie, int64_t now_ms,
                      struct sign_in *sign_in, bool *flush, struct error *error) {
  *sign_in = (struct sign_in){0};
  *flush = false;
  if (!token_well_formed(cookie, token_characters(32))) return ended(error);
  token_hash(cookie, sign_in->token_hash);
  char account[CODE_BYTES] = "";
  int64_t made_ms = 0, seen_ms = 0;
  struct rows rows;
  rows_open(&rows, db,
            "SELECT subject, made_ms, seen_ms, proved_ms, stage, form_token FROM run_session WHERE token = $1"
            " ORDER BY token",
            ARGS(v_text(sign_in->token_hash)));
  if (rows_next(&rows)) {
    snprintf(account, sizeof account, "%s", rows_text(&rows, 0));
    made_ms = rows_int(&rows, 1);
    seen_ms = rows_int(&rows, 2);
    sign_in->proved_ms = rows_int(&rows, 3);
    sign_in->full = !strcmp(rows_text(&rows, 4), "full");
    snprintf(sign_in->form_token, sizeof sign_in->form_token, "%s", rows_text(&rows, 5));
  }
  enum err err = rows_close(&rows, error);
  if (err) return err;
  bool over = now_ms - made_ms > (sign_in->full ? SIGN_IN_LONGEST_MS : SIGN_IN_CODE_MS) || made_ms > now_ms + CLOCK_SKEW_MS;
  if (!*account || over) return ended(error);
  err = account_read(db, account, &sign_in->account, error);
  if (err == ERR_MISSING || (!err && sign_in->account.disabled)) return ended(error);
  if (!err && sign_in->full) sign_in->locked = note_seen(seen, sign_in->token_hash, seen_ms, now_ms, flush);
  return err;
}

bool sign_in_proved(const struct sign_in *sign_in, int64_t now_ms) {
  bool can = sign_in->account.has_password || sign_in->account.has_totp;
  int64_t age = now_ms - sign_in->proved_ms;
  return sign_in->full && !sign_in->locked && age >= -CLOCK_SKEW_MS && age < (can ? SIGN_IN_PROVED_MS : SIGN_IN_LINK_PROVED_MS);
}

enum err sign_in_password(struct db *db, struct arena *arena, const char *code, const char **hash, struct error *error) {
  char *found = NULL;
  enum err err = db_text(db, error, arena, &found, "SELECT password FROM account WHERE code = $1 ORDER BY code", ARGS(v_text(code)));
  *hash = found && *found ? found : password_decoy();
  return err;
}

enum err sign_in_candidate(struct db *db, const struct keys *keys, const char *login,
                           struct sign_in_candidate *candidate, struct error *error) {
  *candidate = (struct sign_in_candidate){.account = ""};
  snprintf(candidate->hash, sizeof candidate->hash, "%s", password_decoy());
  char code[CODE_BYTES];
  enum err err = account_find(db, keys, login, code, error);
  if (err || !*code) return err;
  struct rows rows;
  rows_open(&rows, db, "SELECT password FROM account WHERE code = $1 AND disabled = 0 AND password <> '' ORDER BY code",
            ARGS(v_text(code)));
  if (rows_next(&rows)) {
    snprintf(candidate->account, sizeof candidate->account, "%s", code);
    snprintf(candidate->hash, sizeof candidate->hash, "%s", rows_text(&rows, 0));
  }
  return rows_close(&rows, error);
}

enum err sign_in_held(struct db *db, const struct keys *keys, const char *login, const struct sign_in_from *from,
                      int64_t now_ms, bool *held, struct error *error) {
  struct throttled counted[2];
  return throttle_read(db, keys, now_ms, counted, throttle_of(counted, (struct throttled){"name", login}, from), held, error);
}
