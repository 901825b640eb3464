/* account.h: accounts of staff and therapists, and the verbs that change them.
 *
 * An account is a random code ("A-......."); its name and address are sealed (X25519) and found again by a keyed
 * hash. Every change is an entry whose subject is the account. Passwords are hashed before the verb runs (never in the
 * writer), so the body holds what was decided. */
#ifndef ATTUNE_PEOPLE_ACCOUNT_H
#define ATTUNE_PEOPLE_ACCOUNT_H

#include "ledger/ledger.h"
#include "people/role.h"

#define CODE_BYTES 16        /* a code with its NUL */
#define PASSWORD_HASH_BYTES 128

struct account {
  char code[CODE_BYTES];
  unsigned roles;          /* set of enum role */
  char person[CODE_BYTES]; /* the therapist whose account this is, or "" */
  char site[40];           /* "" means all sites */
  char language[8];
  bool disabled, has_password, has_totp;
  int64_t created_ms;
};

/* Reads one account; ERR_MISSING when there is none. Either kind of reader that may read accounts (not DB_MASKED). */
enum err account_read(struct db *db, const char *code, struct account *account, struct error *error);
/* All accounts by code, in the arena. */
enum err account_list(struct db *db, struct arena *arena, struct account **accounts, size_t *count, struct error *error);

/* ---- verbs (run them by ledger_do or ledger_post; `by` is the acting account's code, or "cli") ---- */

struct account_create {
  const char *by;
  unsigned roles;
  const char *person, *site, *language; /* "" where none */
  const char *login, *name, *address;   /* login: what they type to sign in; "" when by link only */
  char code[CODE_BYTES];                /* out */
};
verb account_create; /* input: struct account_create. "login-taken" when the sign-in name exists */

struct account_change {
  const char *by, *account;
  unsigned roles;  /* the new set; 0 leaves them */
  int disabled;    /* 1, 0, or -1 leaves it */
  const char *language; /* NULL leaves it */
};
verb account_change;

struct account_credential {
  const char *by, *account;
  const char *password_hash;    /* Argon2id string (password_hash()), or NULL leaves it */
  const uint8_t *totp_secret;   /* 20 bytes, or NULL leaves it */
  int remove_totp;
};
verb account_credential;

/* ---- how their entries are applied (rows of the table of kinds) ---- */
enum err account_apply_create(struct db *db, const struct entry *entry, const json_t *body, struct error *error);
enum err account_apply_change(struct db *db, const struct entry *entry, const json_t *body, struct error *error);
enum err account_apply_credential(struct db *db, const struct entry *entry, const json_t *body, struct error *error);
enum err account_apply_sign_in(struct db *db, const struct entry *entry, const json_t *body, struct error *error);

#endif
