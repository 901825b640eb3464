#include "people/refusal.h"

#include "people/told.h"

enum err refusal_note(struct txn *txn, const char *account, const char *why, const char *address, struct error *error) {
  const struct told told = {"account.refused", "visitor", *account ? account : "study", why, ""};
  char from[65] = "";
  if (*address) keys_lookup(txn_keys(txn), "refusal-address", address, from);
  from[16] = 0; /* tells networks apart, no more */
  return told_append(txn, &told, json_pack("{s:s, s:s}", "why", why, "from", from), error);
}

enum err refusal(struct txn *txn, void *input, struct error *error) {
  const struct refusal *in = input;
  const struct told told = {"access.refused", in->account, in->account, in->what, in->sign_in};
  return told_append(txn, &told, json_pack("{s:s}", "what", in->what), error);
}

static enum err refusal_apply(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  (void)db, (void)entry, (void)body, (void)error; /* for the log alone */
  return OK;
}

KIND(account_refused, "account.refused", LOG_OPEN, refusal_apply);
KIND(access_refused, "access.refused", LOG_OPEN, refusal_apply);
