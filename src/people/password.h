/* password.h: Argon2id (64 MiB, 3 passes; RFC 9106) on a bounded pool, so that hashing never holds up the writer and
 * never takes more than two times 64 MiB; and the codes of an authenticator. The only file of the room that includes
 * libsodium is password.c. */
#ifndef ATTUNE_PEOPLE_PASSWORD_H
#define ATTUNE_PEOPLE_PASSWORD_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "people/account.h"

#define PASSWORD_SHORTEST 12 /* characters */
#define PASSWORD_LONGEST 128 /* characters; at most 512 bytes */

/* ---- the pool ---- */

struct password_pool;
struct password_job {
  const char *password;           /* must live until done, as must the two below */
  const char *network;            /* who asks: places in the queue are shared out by network; NULL or "": not known */
  const char *subject;            /* when `make`: whose it is, so that salts differ under --frozen */
  char hash[PASSWORD_HASH_BYTES]; /* in: to check against; out: the new hash when `make` */
  bool make, right;               /* right: out; false when `make` */
  bool failed; /* out: it could not be told (no memory for it, the queue was full, the pool stops): answer "busy, try
                  again", count no try */
  void (*done)(struct password_job *job); /* in a thread of the pool, or of one who posts or stops it */
  void *owner;
  int64_t turn; /* the pool's, as is `next` */
  struct password_job *next;
};
struct password_pool *password_pool_start(const struct chance *chance, int threads, struct error *error); /* 1 or 2 */
/* Finishes what is being hashed; what still waits is answered `failed`. NULL is fine. */
void password_pool_stop(struct password_pool *pool);
/* Networks take turns. False when 64 jobs wait already, or 16 of this network: answer "busy, try again"; done() is not
 * called. When 64 wait and this network has fewer of them than another, the other's last is answered `failed` and this
 * one waits in its place. */
bool password_pool_post(struct password_pool *pool, struct password_job *job);

/* ---- at once, in this thread: for the command line and for the pool ---- */

enum err password_hash(const struct chance *chance, const char *subject, const char *password,
                       char out[PASSWORD_HASH_BYTES], struct error *error);
/* `failed` is set when there was no memory for it: then nothing is known. */
bool password_right(const char *hash, const char *password, bool *failed);
/* The hash of a password that nobody knows, as costly to check as any: for names that do not exist. */
const char *password_decoy(void);

/* "password-text" (not UTF-8, or control characters), "password-short", "password-long", "password-common": one of the
 * 20,000 most used (common_passwords.txt names the source), or a common word repeated, with digits around it or letters written as digits; a walk along the keyboard;
 * fewer than five different characters (ASVS 5.0 6.2.1, 6.2.4, 6.2.5: length and rarity, no rules of composition). */
enum err password_acceptable(const char *password, struct error *error);

/* ---- the authenticator ---- */

/* RFC 6238 with SHA-1, 6 digits, 30 s, one step either side. `step_used` is the last step accepted (-1: none), which
 * must be remembered: each is taken once. Returns the step, or -1. */
int64_t totp_check(const uint8_t secret[20], const char *code, int64_t now_ms, int64_t step_used);
/* The code that an authenticator shows at that time. */
void totp_code(const uint8_t secret[20], int64_t now_ms, char out[7]);
/* The secret as a person types it: base32 (RFC 4648), without blanks. */
char *totp_text(struct arena *arena, const uint8_t secret[20]);
/* "otpauth://totp/..." for the authenticator, with the secret in base32. */
char *totp_address(struct arena *arena, const uint8_t secret[20], const char *issuer, const char *label);

#endif
