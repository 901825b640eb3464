/* sign_in.h: how a person with an account comes in, stays in, and is locked out after 15 idle minutes.
 *
 * The cookie holds 32 random bytes in base64url (43 characters); its SHA-256 stands in run_session. Steps: name and
 * password (hashing on a bounded pool, password.h), or a one-time link; then the code of the authenticator if the
 * account has one. Every completed sign-in is an entry "account.sign_in" (subject: the account; body: by which means),
 * every refused one "account.refused" (refusal.h).
 *
 * Wrong tries are counted by keyed hash of the name, of the account (codes, proofs) and of the network address: after
 * 10 in 15 minutes every further one is "throttled", right or wrong, until the 15 minutes are over. On a device that has
 * signed in to the account before (device.h) tries are counted by that device alone, so that a stranger's do not lock the
 * person out. Whether a name exists cannot be told from the answer or its time.
 *
 * No time that lies ahead is believed: what a wrong clock wrote neither throttles, nor proves, nor keeps a sign-in, once the
 * clock is right again.
 *
 * A job that says no here must keep its count, and the ledger takes back what a job wrote when it returns an error. So
 * these verbs return OK and say no in `refused`: refused.code is OK when the person was let in, else ERR_DENIED or
 * ERR_LIMIT, with the reason in refused.id. A verb returns an error only when nothing was counted. */
#ifndef ATTUNE_PEOPLE_SIGN_IN_H
#define ATTUNE_PEOPLE_SIGN_IN_H

#include "people/device.h"

#define SIGN_IN_TOKEN_BYTES 48 /* base64url of 32 bytes with its NUL */
#define SIGN_IN_IDLE_MS (15 * MINUTE_MS)
#define SIGN_IN_LONGEST_MS (12 * HOUR_MS)
#define SIGN_IN_CODE_MS (10 * MINUTE_MS)  /* the code must follow the password within this */
#define SIGN_IN_PROVED_MS (5 * MINUTE_MS) /* what a route's row says must be proved asks for a proof this fresh */
/* Who has neither password nor authenticator has nothing to prove by but the link: it counts so long, to set one up. */
#define SIGN_IN_LINK_PROVED_MS (30 * MINUTE_MS)

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

/* Whether password or code were given lately enough for what asks for them. */
bool sign_in_proved(const struct sign_in *sign_in, int64_t now_ms);

/* ---- steps: jobs for the writer ---- */

/* What a name is: read it before hashing. Always fills `hash` (a decoy when there is no such account), so that both
 * cases take one hashing. */
struct sign_in_candidate {
  char account[CODE_BYTES]; /* "" for a decoy */
  char hash[PASSWORD_HASH_BYTES];
};
enum err sign_in_candidate(struct db *db, const struct keys *keys, const char *login,
                           struct sign_in_candidate *candidate, struct error *error);

/* What its password is checked against: its hash, or that of a password that nobody knows. In the arena. */
enum err sign_in_password(struct db *db, struct arena *arena, const char *code, const char **hash, struct error *error);
/* Whether the device, or else the name or the network address, has had its wrong tries. Asked before hashing, it keeps
 * someone who only guesses from filling the pool; sign_in_try asks again. */
enum err sign_in_held(struct db *db, const struct keys *keys, const char *login, const struct sign_in_from *from,
                      int64_t now_ms, bool *held, struct error *error);

struct sign_in_try {
  const char *login;
  struct sign_in_from from;
  const char *account;              /* candidate.account */
  bool password_right;              /* what the pool said */
  struct error refused;             /* out: "sign-in-wrong", "throttled" */
  char cookie[SIGN_IN_TOKEN_BYTES]; /* out; "" when refused */
  bool needs_code;                  /* out */
};
verb sign_in_try;

struct sign_in_code {
  const char *cookie, *code; /* six digits */
  struct sign_in_from from;
  struct error refused; /* out: "code-wrong", "throttled" */
};
verb sign_in_code; /* totp_check() in password.h, each code once. ERR_MISSING "sign-in-ended" */

/* A link is a key to the account: making one is an entry "account.link" that the masked log shows. Where the account may meet
 * an arm or an identity an administrator only asks for one (`asked`), and a second one confirms (ask.h). Making the same
 * link again (frozen chance, same account and purpose) makes it new: usable once more. ERR_DENIED "not-administrator",
 * ERR_MISSING "account-missing", ERR_STATE "account-disabled", "ask-waits". */
struct sign_in_link_make {
  const char *by, *account;
  int64_t valid_ms;
  const char *purpose;             /* tells repeated links of one account apart under --frozen */
  bool asked;                      /* out: it waits for a second administrator */
  char token[SIGN_IN_TOKEN_BYTES]; /* out; "" when it waits */
};
verb sign_in_link_make;
struct sign_in_link_use {
  const char *token;
  char account[CODE_BYTES];         /* out */
  char cookie[SIGN_IN_TOKEN_BYTES]; /* out */
  bool needs_code;                  /* out: a link stands for the password, not for the authenticator */
};
verb sign_in_link_use; /* by POST only: a GET never consumes. ERR_MISSING "link-used": used, expired, or never made */

struct sign_in_prove {
  const char *cookie;
  bool password_right;
  const char *code;     /* six digits instead, of an account with an authenticator; NULL: the password was given */
  struct error refused; /* out: "password-wrong", "code-wrong", "throttled" */
};
verb sign_in_prove; /* after a lock, or before what must be proved. ERR_MISSING "sign-in-ended" */
struct sign_in_touch {
  const char *token_hash;
};
verb sign_in_touch;
struct sign_in_end {
  const char *cookie;
};
verb sign_in_end; /* OK also when there is none */

#endif
