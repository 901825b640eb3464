/* account.h: accounts of staff and therapists, and the verbs that change them.
 *
 * An account is a random code ("A-......."); its sign-in name, name and address are sealed (X25519) and the sign-in
 * name is found again by a keyed hash. Every change is an entry whose subject is the account. Passwords are hashed
 * before the verb runs (never in the writer), so the body holds what was decided.
 *
 * Who may: an enabled administrator, or the operator at the machine (`by` is "cli" or "demo"). A person may change the
 * language and the credentials of their own account. The last enabled administrator cannot be disabled or lose that
 * role except by the operator ("last-administrator"). Everyone else: ERR_DENIED "not-administrator". */
#ifndef ATTUNE_PEOPLE_ACCOUNT_H
#define ATTUNE_PEOPLE_ACCOUNT_H

#include "ledger/ledger.h"
#include "people/role.h"

#define CODE_BYTES 16 /* a code with its NUL */
#define PASSWORD_HASH_BYTES 128
#define TOTP_SECRET_BYTES 20

struct account {
  char code[CODE_BYTES];
  unsigned roles;          /* set of enum role */
  char person[CODE_BYTES]; /* the therapist whose account this is, or "" */
  char site[40];           /* "" means all sites */
  char language[8];
  bool disabled, has_password, has_totp;
  int64_t created_ms;
  int64_t sign_ins, signed_in_ms; /* how many were completed, and when the last was (0: never) */
};

/* Reads one account; ERR_MISSING "account-missing" when there is none. By the writer or an open reader: the masked
 * reader is not let at accounts. */
enum err account_read(struct db *db, const char *code, struct account *account, struct error *error);
/* All accounts by code, in the arena. */
enum err account_list(struct db *db, struct arena *arena, struct account **accounts, size_t *count,
                      struct error *error);
/* The code of the account with this sign-in name ("" in `code` when there is none). */
enum err account_find(struct db *db, const struct keys *keys, const char *login, char code[CODE_BYTES],
                      struct error *error);

/* What is sealed, for those pages and commands that must show a name (keys_load_identity_secret). */
struct account_identity {
  const char *login, *name, *address; /* in the arena; "" where none */
};
enum err account_identity(struct db *db, struct arena *arena, const struct keys *keys, const uint8_t secret[KEY_BYTES],
                          const char *code, struct account_identity *identity, struct error *error);

/* ---- verbs (run them by ledger_do or ledger_post; `by` is the acting account's code, "cli" or "demo") ---- */

/* ERR_INPUT with the field: "roles-none", "roles-mixed" (a masked role beside one that may meet an arm: role.h; entries
 * of earlier days that gave such a pair are replayed as they are), "site-form", "language-form", "person-missing" (a therapist's account needs
 * the therapist's code, any other has none), "login-form", "name-form", "address-form". ERR_CONFLICT "login-taken". */
struct account_create {
  const char *by;
  unsigned roles;                       /* some of ROLES_STAFF */
  const char *person, *site, *language; /* "" where none; `language` as in the study: "en", "fr" */
  const char *login, *name, *address;   /* login: what they type to sign in; "" when by link only */
  char code[CODE_BYTES];                /* out */
};
verb account_create;

/* Disabling ends the account's sign-ins. Nothing is appended when nothing would change. */
struct account_change {
  const char *by, *account;
  unsigned roles;       /* the new set; 0 leaves them */
  int disabled;         /* 1, 0, or -1 leaves it */
  const char *language; /* NULL leaves it */
  bool asked;           /* out: the roles wait for a second administrator (ask.h); what else changed is done */
};
verb account_change;

/* By the one whose account it is, or the operator; anyone else is refused, "not-yours". Ends the account's other sign-ins and
 * its unused one-time links. */
struct account_credential {
  const char *by, *account;
  const char *password_hash;  /* Argon2id string (password_hash()), or NULL leaves it */
  const uint8_t *totp_secret; /* TOTP_SECRET_BYTES, or NULL leaves it */
  int remove_totp;
  const char *keep_token_hash; /* of the sign-in that stays (struct sign_in); NULL: none does */
};
verb account_credential;

#endif
