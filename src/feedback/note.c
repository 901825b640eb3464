#include "feedback/note.h"

#include "base/utf8.h"

#define LONGEST_NOTE 4000

enum err note_write(struct txn *txn, void *input, struct error *error) {
  struct note_write *write = input;
  const struct viewing viewing = {txn_db(txn), write->detector, txn_arena(txn), write->by};
  enum err err = feedback_may_see(&viewing, write->patient, error);
  if (err) return err;
  size_t length = strlen(write->text);
  if (!length) return fail(error, ERR_INPUT, "answer-required", "text", "a note needs some words");
  if (!utf8_valid(write->text, length) || utf8_length(write->text) > LONGEST_NOTE)
    return fail(error, ERR_INPUT, "too-long", "text", "a note has at most %d characters", LONGEST_NOTE);
  int64_t last;
  err = db_int(txn_db(txn), error, &last, 0, "SELECT max(number) FROM note WHERE patient = $1 AND author = $2",
               ARGS(v_text(write->patient), v_text(write->by->code)));
  if (err) return err;
  json_t *body = json_pack("{s:I, s:s}", "number", (json_int_t)(last + 1), "text", write->text);
  return ledger_append(txn, write->by->code, "note.write", write->patient, body, error);
}

static enum err note_apply(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  return db_exec(db, error, "INSERT INTO note (patient, author, number, subject, text, time_ms) VALUES ($1, $2, $3, $1, $4, $5)",
                 ARGS(v_text(entry->subject), v_text(entry->actor), v_int(json_int(body, "number", 0)), v_text(json_text(body, "text", "")),
                      v_int(entry->time_ms)));
}

/* Not in the masked log: a trainer writes about trained therapists' patients alone. */
KIND(note_write, "note.write", LOG_OPEN, note_apply);
