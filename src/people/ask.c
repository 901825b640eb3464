#include "people/ask.h"

#include "people/account_rule.h"

/* ---- reading ---- */

static unsigned roles_read(const char *names) {
  unsigned roles = 0;
  while (*names) {
    char name[24];
    size_t length = strcspn(names, " ");
    snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : 0), names);
    roles |= role_from_name(name);
    names += length + (names[length] == ' ');
  }
  return roles;
}

static void ask_fill(struct rows *rows, struct ask *ask) {
  *ask = (struct ask){.roles = roles_read(rows_text(rows, 2)), .time_ms = rows_int(rows, 4)};
  snprintf(ask->account, sizeof ask->account, "%s", rows_text(rows, 0));
  snprintf(ask->what, sizeof ask->what, "%s", rows_text(rows, 1));
  snprintf(ask->by, sizeof ask->by, "%s", rows_text(rows, 3));
}

enum err ask_list(struct db *db, struct arena *arena, int64_t now_ms, struct ask **asks, size_t *count, struct error *error) {
  int64_t all = 0;
  *count = 0;
  enum err err = db_int(db, error, &all, 0, "SELECT count(*) FROM account_ask WHERE time_ms > $1", ARGS(v_int(now_ms - ASK_VALID_MS)));
  if (err) return err;
  *asks = arena_array(arena, (size_t)all + 1, sizeof **asks);
  struct rows rows;
  rows_open(&rows, db, "SELECT account, what, roles, asked_by, time_ms FROM account_ask WHERE time_ms > $1 ORDER BY account, what",
            ARGS(v_int(now_ms - ASK_VALID_MS)));
  while (*count < (size_t)all && rows_next(&rows)) ask_fill(&rows, &(*asks)[(*count)++]);
  return rows_close(&rows, error);
}

enum err ask_find(struct db *db, const char *account, const char *what, int64_t now_ms, struct ask *ask, bool *there,
                  struct error *error) {
  struct rows rows;
  rows_open(&rows, db,
            "SELECT account, what, roles, asked_by, time_ms FROM account_ask WHERE account = $1 AND what = $2 AND time_ms > $3"
            " ORDER BY account",
            ARGS(v_text(account), v_text(what), v_int(now_ms - ASK_VALID_MS)));
  *there = rows_next(&rows);
  if (*there) ask_fill(&rows, ask);
  return rows_close(&rows, error);
}

/* ---- asking ---- */

enum err ask_append(struct txn *txn, const char *by, const char *account, const char *what, unsigned roles, json_t *rest,
                    struct error *error) {
  struct ask before;
  bool there;
  json_t *body = rest ? rest : json_object();
  enum err err = ask_find(txn_db(txn), account, what, txn_clock(txn), &before, &there, error);
  if (!err && there && strcmp(before.by, by) != 0)
    err = fail(error, ERR_STATE, "ask-waits", "", "another administrator has asked for this already: confirm that, or refuse it");
  if (err) {
    json_decref(body);
    return err;
  }
  json_object_set_new(body, "what", json_string(what));
  if (roles) json_object_set_new(body, "asked", account_roles_json(roles));
  return ledger_append(txn, by, "account.ask", account, body, error);
}

static enum err ask_apply(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  char names[256] = "";
  size_t i, used = 0;
  json_t *role;
  json_array_foreach(json_object_get(body, "asked"), i, role) {
    if (!json_is_string(role)) return account_body_wrong(entry, error);
    int length = snprintf(names + used, sizeof names - used, "%s%s", used ? " " : "", json_string_value(role));
    used += (size_t)length;
    if (used >= sizeof names) return account_body_wrong(entry, error);
  }
  enum err err = db_exec(db, error,
                         "INSERT INTO account_ask (account, what, subject, roles, asked_by, time_ms) VALUES ($1, $2, $1, $3, $4, $5)"
                         " ON CONFLICT (account, what) DO UPDATE SET roles = excluded.roles, asked_by = excluded.asked_by,"
                         " time_ms = excluded.time_ms",
                         ARGS(v_text(entry->subject), v_text(json_text(body, "what", "")), v_text(names), v_text(entry->actor),
                              v_int(entry->time_ms)));
  return err ? err : account_rest_apply(db, entry, body, error);
}

KIND(account_ask, "account.ask", LOG_MASKED, ask_apply);
