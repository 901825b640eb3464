#include "people/told.h"

static void told_name(const struct told *told, struct arena *arena, char out[2 * SHA256_BYTES + 1]) {
  uint8_t digest[SHA256_BYTES];
  const char *text = arena_printf(arena, "%s\n%s\n%s\n%s\n%s", told->kind, told->actor, told->subject, told->what, told->sign_in);
  sha256(digest, text, strlen(text));
  snprintf(out, 2 * SHA256_BYTES + 1, "%s", hex_text(arena, digest, sizeof digest));
}

static enum err name_lately(struct db *db, const char *name, int64_t now_ms, bool *lately, struct error *error) {
  int64_t found = 0;
  enum err err = db_int(db, error, &found, 0,
                        "SELECT count(*) FROM run_told WHERE name = $1 AND time_ms > $2 AND time_ms <= $3",
                        ARGS(v_text(name), v_int(now_ms - TOLD_MS), v_int(now_ms)));
  *lately = found != 0;
  return err;
}

enum err told_lately(struct db *db, const struct told *told, int64_t now_ms, bool *lately, struct error *error) {
  char name[2 * SHA256_BYTES + 1];
  struct arena arena = {0};
  arena_init(&arena, 0);
  told_name(told, &arena, name);
  arena_free(&arena);
  return name_lately(db, name, now_ms, lately, error);
}

enum err told_append(struct txn *txn, const struct told *told, json_t *body, struct error *error) {
  char name[2 * SHA256_BYTES + 1];
  bool lately = false;
  told_name(told, txn_arena(txn), name);
  enum err err = name_lately(txn_db(txn), name, txn_clock(txn), &lately, error);
  if (err || lately) {
    json_decref(body);
    return err;
  }
  err = db_exec(txn_db(txn), error, "DELETE FROM run_told WHERE time_ms <= $1 OR time_ms > $2",
                ARGS(v_int(txn_clock(txn) - TOLD_MS), v_int(txn_clock(txn))));
  if (!err)
    err = db_exec(txn_db(txn), error, "INSERT INTO run_told (name, subject, time_ms) VALUES ($1, $2, $3)",
                  ARGS(v_text(name), v_text(told->subject), v_int(txn_clock(txn))));
  if (err) {
    json_decref(body);
    return err;
  }
  return ledger_append(txn, told->actor, told->kind, told->subject, body, error);
}
