#include "people/outbox.h"

#include "people/account.h"

enum err outbox_put(struct txn *txn, const char *template_name, const char *occasion, const char *person,
                    const char *subject, int64_t serial, struct error *error) {
  char id[CODE_BYTES];
  char *seed = arena_printf(txn_arena(txn), "%s %s %s %lld", template_name, person, occasion, (long long)serial);
  for (uint64_t count = 0;; count++) {
    int64_t taken = 0;
    code_make(txn_chance(txn), 'M', seed, count, id);
    enum err err =
        db_int(txn_db(txn), error, &taken, 0, "SELECT count(*) FROM run_outbox WHERE id = $1", ARGS(v_text(id)));
    if (err) return err;
    if (!taken) break;
  }
  return db_exec(txn_db(txn), error,
                 "INSERT INTO run_outbox (id, subject, template, occasion, person, serial, made_ms, sent_ms, state)"
                 " VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 'waiting')",
                 ARGS(v_text(id), v_text(subject), v_text(template_name), v_text(occasion), v_text(person),
                      v_int(serial), v_int(txn_now(txn))));
}
