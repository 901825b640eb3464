/* sign_in.h: how a person with an account comes in, stays in, and is locked out after 15 idle minutes.
 *
 * The cookie holds 32 random bytes in base64url (43 characters); its SHA-256 stands in run_session. Steps: name and
 * password (hashing on a bounded pool, password.h), or a one-time link; then the code of the authenticator if the
 * account has one. Every completed sign-in is an entry "account.sign_in" (subject: the account; body: by which means).
 *
 * Wrong tries are counted by keyed hash of the name, of the account (codes, proofs) and of the network address: after
 * 10 in 15 minutes every further one is "throttled", right or wrong, until the 15 minutes are over. Whether a name
 * exists cannot be told from the answer or its time.
 *
 * A job that says no here must keep its count, and the ledger takes back what a job wrote when it returns an error. So
 * these verbs return OK and say no in `refused`: refused.code is OK when the person was let in, else ERR_DENIED or
 * ERR_LIMIT, with the reason in refused.id. A verb returns an error only when nothing was counted. */
#ifndef ATTUNE_PEOPLE_SIGN_IN_H
#define ATTUNE_PEOPLE_SIGN_IN_H

#include "people/account.h"

#define SIGN_IN_TOKEN_BYTES 48 /* base64url of 32 bytes with its NUL */
#define SIGN_IN_IDLE_MS (15 * MINUTE_MS)
#define SIGN_IN_LONGEST_MS (12 * HOUR_MS)
#define SIGN_IN_CODE_MS (10 * MINUTE_MS)  /* the code must follow the password within this */
#define SIGN_IN_PROVED_MS (5 * MINUTE_MS) /* signing, exporting, unmasking ask for a proof this fresh */

struct sign_in {
  char token_hash[65];
  struct account account;
  bool full;   /* false while the second factor is awaited */
  bool locked; /* idle too long: the page is kept, the password is asked for again */
  int64_t proved_ms;
  char form_token[SIGN_IN_TOKEN_BYTES]; /* against cross-site requests: in every form of this sign-in */
};

/* Remembers in memory when each sign-in was last seen, so that a request need not write; flushed at most once a minute
 * a sign-in. One for each served home, shared by its threads. */
struct sign_in_seen;
struct sign_in_seen *sign_in_seen_new(void);
void sign_in_seen_free(struct sign_in_seen *seen);

/* Looks a cookie up (any text; "" for none). ERR_MISSING "sign-in-ended": none, ended, too old, or the account is
 * disabled. On OK with `*flush` set, post sign_in_touch soon. Finding an unlocked sign-in counts as activity, so a page
 * that asks by itself must ask for nothing that needs a sign-in. */
enum err sign_in_find(struct db *db, struct sign_in_seen *seen, const char *cookie, int64_t now_ms,
                      struct sign_in *sign_in, bool *flush, struct error *error);

/* ---- steps: jobs for the writer ---- */

/* What a name is: read it before hashing. Always fills `hash` (a decoy when there is no such account), so that both
 * cases take one hashing. */
struct sign_in_candidate {
  char account[CODE_BYTES]; /* "" for a decoy */
  char hash[PASSWORD_HASH_BYTES];
};
enum err sign_in_candidate(struct db *db, const struct keys *keys, const char *login,
                           struct sign_in_candidate *candidate, struct error *error);

/* Whether the name or the network address ("" if unknown) has had its wrong tries. Asked before hashing, it keeps
 * someone who only guesses from filling the pool; sign_in_try asks again. */
enum err sign_in_held(struct db *db, const struct keys *keys, const char *login, const char *address, int64_t now_ms,
                      bool *held, struct error *error);

struct sign_in_try {
  const char *login, *address;      /* of the network; "" if unknown */
  const char *account;              /* candidate.account */
  bool password_right;              /* what the pool said */
  struct error refused;             /* out: "sign-in-wrong", "throttled" */
  char cookie[SIGN_IN_TOKEN_BYTES]; /* out; "" when refused */
  bool needs_code;                  /* out */
};
verb sign_in_try;

struct sign_in_code {
  const char *cookie, *code; /* six digits */
  const char *address;
  struct error refused; /* out: "code-wrong", "throttled" */
};
verb sign_in_code; /* totp_check() in password.h, each code once. ERR_MISSING "sign-in-ended" */

/* Making the same link again (frozen chance, same account and purpose) makes it new: usable once more. ERR_MISSING
 * "account-missing", ERR_STATE "account-disabled". */
struct sign_in_link_make {
  const char *account;
  int64_t valid_ms;
  const char *purpose;             /* tells repeated links of one account apart under --frozen */
  char token[SIGN_IN_TOKEN_BYTES]; /* out */
};
verb sign_in_link_make;
struct sign_in_link_use {
  const char *token;
  char cookie[SIGN_IN_TOKEN_BYTES]; /* out */
  bool needs_code;                  /* out: a link stands for the password, not for the authenticator */
};
verb sign_in_link_use; /* by POST only: a GET never consumes. ERR_MISSING "link-used": used, expired, or never made */

struct sign_in_prove {
  const char *cookie;
  bool password_right;
  const char *address;  /* of the network; "" if unknown */
  struct error refused; /* out: "password-wrong", "throttled" */
};
verb sign_in_prove; /* after a lock, or before signing. ERR_MISSING "sign-in-ended" */
struct sign_in_touch {
  const char *token_hash;
};
verb sign_in_touch;
struct sign_in_end {
  const char *cookie;
};
verb sign_in_end; /* OK also when there is none */

#endif
