#include "store/store_engine.h"

/* Every table of the schema, each list in byte order (a test compares them with the schema itself). */

static const char *const derived[] = {
    "account",    "account_role", "answer",    "arm_allocation", "arm_showing",   "audit_masked", "consent",
    "correction", "identity",     "link",      "note",           "occasion",      "person",       "rating",
    "reminder",   "score",        "screening", "session",        "study_version", "submission",   "tombstone",
};

static const char *const ledger[] = {"ledger_body", "ledger_checkpoint", "ledger_entry", "ledger_head", "ledger_key"};

static const char *const working[] = {
    "cache_detection", "cache_estimate",   "run_draft",    "run_outbox",
    "run_session",     "run_sign_in_link", "run_throttle", "run_totp",
};

/* A table enters this list only when neither its rows nor their being there depends on an arm, and when a masked page
 * has need of it. Left out beside what tells the arm: account (password, second factor), identity, note (the free
 * text of a therapist, who may write of the training), run_outbox (a trained therapist's mail differs). */
static const char *const masked[] = {
    "account_role", "answer",    "audit_masked", "cache_detection", "consent",    "correction",
    "link",         "occasion",  "person",       "rating",          "reminder",   "run_draft",
    "score",        "screening", "session",      "study_version",   "submission", "tombstone",
};

/* The rest of the derived, cache_ and run_ tables have the column `subject`. */
static const char *const without_subject[] = {"audit_masked", "cache_estimate", "run_throttle"};

#define LIST(list) (*count = sizeof(list) / sizeof *(list), (list))
const char *const *store_derived_tables(size_t *count) {
  return LIST(derived);
}
const char *const *store_masked_tables(size_t *count) {
  return LIST(masked);
}
const char *const *store_ledger_tables(size_t *count) {
  return LIST(ledger);
}
const char *const *store_working_tables(size_t *count) {
  return LIST(working);
}

static bool listed(const char *const *list, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++)
    if (!strcmp(list[i], name)) return true;
  return false;
}

bool store_table_masked(const char *name) {
  return listed(masked, sizeof masked / sizeof *masked, name);
}

bool store_table_has_subject(const char *name) {
  return !listed(without_subject, sizeof without_subject / sizeof *without_subject, name);
}

bool store_table_known(const char *name) {
  return listed(derived, sizeof derived / sizeof *derived, name) ||
         listed(ledger, sizeof ledger / sizeof *ledger, name) ||
         listed(working, sizeof working / sizeof *working, name) || !strcmp(name, "schema_version");
}
