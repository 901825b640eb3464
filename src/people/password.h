/* password.h: Argon2id (64 MiB, 3 passes; RFC 9106) on a bounded pool, so that hashing never holds up the writer and
 * never takes more than two times 64 MiB. The only file of the room that includes libsodium is password.c. */
#ifndef ATTUNE_PEOPLE_PASSWORD_H
#define ATTUNE_PEOPLE_PASSWORD_H

#include "base/crypto.h"
#include "people/account.h"

#define PASSWORD_SHORTEST 12  /* characters */
#define PASSWORD_LONGEST 128  /* characters; at most 512 bytes */

struct password_pool;
struct password_job {
  const char *password; /* must live until done */
  char hash[PASSWORD_HASH_BYTES]; /* in: to check against; out: the new hash when `make` */
  bool make, right;
  void (*done)(struct password_job *job); /* in a thread of the pool */
  void *owner;
  struct password_job *next;
};
struct password_pool *password_pool_start(const struct chance *chance, int threads, struct error *error); /* 1 or 2 */
void password_pool_stop(struct password_pool *pool);
/* False when 64 jobs wait already: answer "busy, try again". */
bool password_pool_post(struct password_pool *pool, struct password_job *job);

/* At once, in this thread: for the command line. */
enum err password_hash(const struct chance *chance, const char *subject, const char *password,
                       char out[PASSWORD_HASH_BYTES], struct error *error);
/* "password-short", "password-long", "password-common" (a short list of the most used; ASVS 6.2.4). */
enum err password_acceptable(const char *password, struct error *error);

/* RFC 6238 with SHA-1, 6 digits, 30 s. `step_used` is the last step accepted (each once); returns the step, or -1. */
int64_t totp_check(const uint8_t secret[20], const char *code, int64_t now_ms, int64_t step_used);
/* "otpauth://totp/..." for the authenticator, with the secret in base32. */
char *totp_address(struct arena *arena, const uint8_t secret[20], const char *issuer, const char *label);

#endif
