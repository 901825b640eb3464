#include "trial/draft.h"

#include "trial/occasion.h"

#define DRAFT_MOST ((size_t)64 << 10)

enum err draft_save(struct txn *txn, void *input, struct error *error) {
  struct draft_save *draft = input;
  json_t *body = json_object();
  size_t length;
  for (size_t i = 0; i < draft->count; i++)
    json_object_set_new(body, draft->typed[i].item, json_string(draft->typed[i].value));
  char *text = json_canonical(txn_arena(txn), body, &length);
  json_decref(body);
  if (length > DRAFT_MOST) return fail(error, ERR_LIMIT, "draft-large", "", "a half-filled form keeps at most %zu bytes", DRAFT_MOST);
  struct occasion occasion;
  enum err err = occasion_by_id(txn_db(txn), draft->occasion, &occasion, error);
  if (!err) err = occasion_answerable(&occasion, txn_now(txn), error);
  if (err) return err;
  return db_exec(txn_db(txn), error,
                 "INSERT INTO run_draft (occasion, subject, body, saved_ms) VALUES ($1, $2, $3, $4) "
                 "ON CONFLICT (occasion) DO UPDATE SET body = excluded.body, saved_ms = excluded.saved_ms",
                 ARGS(v_text(occasion.id), v_text(occasion.subject), v_text(text), v_int(txn_now(txn))));
}

#define OVER                                                                                                           \
  "(SELECT count(*) FROM occasion o WHERE o.id = run_draft.occasion AND o.submitted_ms = 0 AND o.closes_ms > $1"       \
  " AND (SELECT count(*) FROM person p WHERE (p.code = o.respondent OR p.code = o.patient) AND p.withdrawn_ms > 0) = 0) = 0"

enum err drafts_over(struct db *db, int64_t now_ms, bool *due, struct error *error) {
  int64_t count = 0;
  enum err err = db_int(db, error, &count, 0, "SELECT count(*) FROM run_draft WHERE " OVER, ARGS(v_int(now_ms)));
  *due = count > 0;
  return err;
}

enum err draft_purge(struct txn *txn, void *input, struct error *error) {
  (void)input;
  return db_exec(txn_db(txn), error, "DELETE FROM run_draft WHERE " OVER, ARGS(v_int(txn_clock(txn))));
}

enum err draft_read(struct db *db, struct arena *arena, const char *occasion, struct typed **typed, size_t *count,
                    struct error *error) {
  char *text;
  *count = 0;
  *typed = NULL;
  enum err err = db_text(db, error, arena, &text, "SELECT body FROM run_draft WHERE occasion = $1 ORDER BY occasion", ARGS(v_text(occasion)));
  if (err || !text) return err;
  json_t *body;
  err = json_read(&body, text, strlen(text), "draft", error);
  if (err) return err;
  *typed = arena_array(arena, json_object_size(body), sizeof **typed);
  const char *item;
  json_t *value;
  json_object_foreach(body, item, value) {
    (*typed)[(*count)++] = (struct typed){arena_text(arena, item), arena_text(arena, json_string_value(value))};
  }
  json_decref(body);
  return OK;
}
