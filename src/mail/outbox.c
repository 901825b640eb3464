#include "mail/outbox.h"

#define UNREACHED_PAUSE_MS (30 * SECOND_MS)
#define PAUSE_FIRST_MS (15 * SECOND_MS)
#define PAUSE_MOST_MS (6 * HOUR_MS)

static enum err code_free(struct txn *txn, const char *key, char id[CODE_BYTES], struct error *error) {
  for (uint64_t draw = 0; draw < 64; draw++) {
    int64_t taken;
    code_make(txn_chance(txn), 'M', key, draw, id);
    enum err err = db_int(txn_db(txn), error, &taken, 0, "SELECT count(*) FROM run_outbox WHERE id = $1", ARGS(v_text(id)));
    if (err || !taken) return err;
  }
  return fail(error, ERR_STORE, "code-taken", "", "no free code was found in 64 draws");
}

enum err outbox_put(struct txn *txn, const struct outbox_new *message, struct error *error) {
  char id[CODE_BYTES];
  const char *key = arena_printf(txn_arena(txn), "%s %s %s %lld", message->rule, message->person, message->occasion, (long long)message->serial);
  enum err err = code_free(txn, key, id, error);
  if (err) return err;
  return db_exec(txn_db(txn), error,
                 "INSERT INTO run_outbox (id, key, subject, template, occasion, person, serial, why, made_ms, sent_ms, state)"
                 " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 'waiting') ON CONFLICT (key) DO NOTHING",
                 ARGS(v_text(id), v_text(key), v_text(message->subject), v_text(message->rule), v_text(message->occasion),
                      v_text(message->person), v_int(message->serial), v_text(message->why), v_int(txn_now(txn))));
}

/* $1 now, $2 the time before which a claim is forfeit. */
#define CLAIMABLE "((state = 'waiting' AND next_ms <= $1) OR (state = 'sending' AND claimed_ms <= $2))"

enum err outbox_due(struct db *open, int64_t now_ms, bool *due, struct error *error) {
  int64_t count = 0;
  enum err err = db_int(open, error, &count, 0, "SELECT count(*) FROM run_outbox WHERE " CLAIMABLE, ARGS(v_int(now_ms), v_int(now_ms - OUTBOX_LEASE_MS)));
  *due = count > 0;
  return err;
}

static enum err next_of(struct db *db, int64_t now_ms, struct outbox_claim *claim, struct error *error) {
  struct rows rows;
  struct outbox_message *message = &claim->message;
  rows_open(&rows, db,
            "SELECT id, occasion, person, template, message_id, serial, made_ms, tries FROM run_outbox WHERE " CLAIMABLE
            " ORDER BY made_ms, id LIMIT 1",
            ARGS(v_int(now_ms), v_int(now_ms - OUTBOX_LEASE_MS)));
  claim->found = rows_next(&rows);
  if (claim->found) {
    *message = (struct outbox_message){.serial = rows_int(&rows, 5), .made_ms = rows_int(&rows, 6), .tries = rows_int(&rows, 7) + 1};
    snprintf(message->id, sizeof message->id, "%s", rows_text(&rows, 0));
    snprintf(message->occasion, sizeof message->occasion, "%s", rows_text(&rows, 1));
    snprintf(message->person, sizeof message->person, "%s", rows_text(&rows, 2));
    snprintf(message->rule, sizeof message->rule, "%s", rows_text(&rows, 3));
    snprintf(message->message_id, sizeof message->message_id, "%s", rows_text(&rows, 4));
  }
  return rows_close(&rows, error);
}

/* "<M-7K3QX9M2.0123456789abcdef@example.org>": the code tells messages of a home apart, the digits homes. */
static void message_id_make(struct txn *txn, const char *domain, struct outbox_message *message) {
  uint8_t mac[SHA256_BYTES];
  const char *text = arena_printf(txn_arena(txn), "attune-message-id %s", message->id);
  hmac_sha256(mac, txn_keys(txn)->link, KEY_BYTES, text, strlen(text));
  snprintf(message->message_id, sizeof message->message_id, "<%s.%s@%s>", message->id, hex_text(txn_arena(txn), mac, 8), domain);
}

enum err outbox_claim(struct txn *txn, void *input, struct error *error) {
  struct outbox_claim *claim = input;
  int64_t now_ms = txn_clock(txn);
  enum err err = next_of(txn_db(txn), now_ms, claim, error);
  if (err || !claim->found) return err;
  if (!*claim->message.message_id) message_id_make(txn, claim->domain, &claim->message);
  err = db_exec(txn_db(txn), error,
                "UPDATE run_outbox SET state = 'sending', claim = $3, claimed_ms = $1, message_id = $4 WHERE id = $5 AND " CLAIMABLE,
                ARGS(v_int(now_ms), v_int(now_ms - OUTBOX_LEASE_MS), v_text(claim->claim), v_text(claim->message.message_id), v_text(claim->message.id)));
  if (!err) claim->found = db_changes(txn_db(txn)) == 1;
  return err;
}

int64_t outbox_pause_ms(int64_t tries) {
  int64_t pause = PAUSE_FIRST_MS;
  while (--tries > 0 && pause < PAUSE_MOST_MS) pause *= 4;
  return pause < PAUSE_MOST_MS ? pause : PAUSE_MOST_MS;
}

enum err outbox_settle(struct txn *txn, void *input, struct error *error) {
  const struct outbox_settle *settle = input;
  bool over = settle->end == OUTBOX_LATER && settle->message->tries >= OUTBOX_TRIES;
  enum outbox_end end = over ? OUTBOX_REFUSED : settle->end;
  static const char *const states[] = {[OUTBOX_SENT] = "sent", [OUTBOX_LATER] = "waiting", [OUTBOX_UNREACHED] = "waiting",
                                       [OUTBOX_REFUSED] = "refused", [OUTBOX_DROPPED] = "dropped"};
  int64_t now_ms = txn_clock(txn);
  int64_t next_ms = end == OUTBOX_LATER ? now_ms + outbox_pause_ms(settle->message->tries) : end == OUTBOX_UNREACHED ? now_ms + UNREACHED_PAUSE_MS : 0;
  const char *outcome = over ? arena_printf(txn_arena(txn), "given up after %d tries: %s", OUTBOX_TRIES, settle->outcome) : settle->outcome;
  return db_exec(txn_db(txn), error,
                 "UPDATE run_outbox SET state = $3, sent_ms = $4, next_ms = $5, tries = tries + $6, code = $7, outcome = $8, claim = ''"
                 " WHERE id = $1 AND claim = $2 AND state = 'sending'",
                 ARGS(v_text(settle->message->id), v_text(settle->claim), v_text(states[end]), v_int(end == OUTBOX_SENT ? now_ms : 0),
                      v_int(next_ms), v_int(settle->end != OUTBOX_UNREACHED), v_int(settle->code), v_text(outcome)));
}

enum err outbox_release(struct txn *txn, void *input, struct error *error) {
  (void)input;
  return db_exec(txn_db(txn), error, "UPDATE run_outbox SET state = 'waiting', claim = '', next_ms = 0 WHERE state = 'sending'", NO_ARGS);
}
