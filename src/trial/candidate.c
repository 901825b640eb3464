#include "trial/candidate.h"

static bool address_plausible(const char *address) {
  const char *at = strchr(address, '@');
  return at && at != address && at[1] && !strchr(at + 1, '@') && !strpbrk(address, " \t\r\n<>,;\"");
}

enum err candidate_identity_fits(const char *name, const char *address, struct error *error) {
  enum err err = text_fits("name", name, LONGEST_NAME, error);
  if (!err) err = text_fits("address", address, LONGEST_ADDRESS, error);
  if (err) return err;
  if (*address && !address_plausible(address))
    return fail(error, ERR_INPUT, "address-wrong", "address", "this is not an e-mail address such as name@example.org");
  return OK;
}

enum err candidate_new(struct txn *txn, const char *lookup, struct error *error) {
  if (!*lookup) return OK;
  int64_t known;
  enum err err = db_int(txn_db(txn), error, &known, 0, "SELECT count(*) FROM identity WHERE lookup = $1", ARGS(v_text(lookup)));
  if (err || !known) return err;
  return fail(error, ERR_CONFLICT, "duplicate-person", "address", "someone with this address takes part already");
}

enum err candidate_code(struct txn *txn, char prefix, const char *purpose, char out[CODE_BYTES], struct error *error) {
  for (uint64_t draw = 0; draw < 64; draw++) {
    code_make(txn_chance(txn), prefix, purpose, draw, out);
    int64_t taken;
    enum err err = db_int(txn_db(txn), error, &taken, 0, "SELECT count(*) FROM ledger_entry WHERE subject = $1", ARGS(v_text(out)));
    if (err || !taken) return err;
  }
  return fail(error, ERR_STORE, "code-taken", "", "no free code was found in 64 draws");
}

char *candidate_identity_seal(struct txn *txn, const char *name, const char *address, const char *code) {
  json_t *identity = json_pack("{s:s, s:s}", "name", name, "address", address);
  size_t length;
  char *plain = json_canonical(txn_arena(txn), identity, &length);
  json_decref(identity);
  uint8_t *sealed = arena_alloc(txn_arena(txn), length + SEALED_OVERHEAD);
  sealed_write(txn_chance(txn), txn_keys(txn)->identity_public, code, 0, plain, length, sealed);
  bytes_wipe(plain, length);
  return base64_text(txn_arena(txn), sealed, length + SEALED_OVERHEAD);
}
