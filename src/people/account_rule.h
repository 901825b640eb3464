/* account_rule.h (inside): who may change accounts, and what holds of them. */
#ifndef ATTUNE_PEOPLE_ACCOUNT_RULE_H
#define ATTUNE_PEOPLE_ACCOUNT_RULE_H

#include "people/account.h"

/* Whoever runs the machine: "cli", or "demo" for people who are made up. */
bool account_operator(const char *by);
/* An enabled administrator, or the operator; else ERR_DENIED "not-administrator". */
enum err account_administrator(struct txn *txn, const char *by, struct error *error);
/* ERR_INPUT "roles-mixed". */
enum err account_roles_apart(unsigned roles, struct error *error);
/* A code of letters, digits, dashes and underscores of at most so many bytes; "" too. */
bool account_word(const char *text, size_t most);
/* Whether `in` may be done to the account as it is now. */
enum err account_change_allowed(struct txn *txn, const struct account_change *in, const struct account *now,
                                struct error *error);

/* A set of roles as an array of their names, and back into the table for the entry's subject. */
json_t *account_roles_json(unsigned roles);
enum err account_roles_apply(struct db *db, const struct entry *entry, const json_t *roles, struct error *error);
/* What else an entry may change: "disabled", "language". */
enum err account_rest_apply(struct db *db, const struct entry *entry, const json_t *body, struct error *error);
enum err account_body_wrong(const struct entry *entry, struct error *error);

#endif
