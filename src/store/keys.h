/* keys.h: the keys of a home, one file each under HOME/keys/ (mode 0600, the directory 0700).
 *
 *     log        Ed25519: signs the ledger's checkpoints; its public half stands in log.public
 *     body       wraps the key of each subject, under which the bodies of its entries are sealed
 *     link       makes the tokens of patients' links: HMAC-SHA256(link key, form id || serial), first 160 bits
 *     lookup     keyed hash by which a person or an account is found again without its name
 *     identity   X25519: names and addresses are sealed to the public half; the secret half is read by the mail worker
 *                and by the pages that must show a name, by nothing else but for a look at the start whether the two belong
 *                together
 *
 * Under `attune demo --frozen` they come from the seed. */
#ifndef ATTUNE_STORE_KEYS_H
#define ATTUNE_STORE_KEYS_H

#include "base/crypto.h"
#include "base/err.h"

struct keys {
  uint8_t log_public[32], log_secret[64];
  uint8_t body[KEY_BYTES], link[KEY_BYTES], lookup[KEY_BYTES];
  uint8_t identity_public[KEY_BYTES];
};

enum err keys_create(const char *home, const struct chance *chance, struct error *error);
/* ERR_STATE "key-missing", "key-open" (others can read it), "key-broken", "key-pair" (a public half is of another secret). */
enum err keys_load(struct keys *keys, const char *home, struct error *error);
enum err keys_load_identity_secret(uint8_t secret[KEY_BYTES], const char *home, struct error *error);
/* Copies the key files of one directory (HOME/keys, or where a copy of it is kept) into another, which is made. */
enum err keys_copy(const char *from, const char *to, struct error *error);
void keys_wipe(struct keys *keys);

/* What tells these keys from any others and gives nothing of them away: "NAME=HEX" for each, HEX being the first 128 bits
 * of HMAC-SHA256(key or its public half, "attune-key-check-v1 NAME"). The ledger's head keeps it (ledger.c). */
#define KEYS_CHECK_BYTES 256
void keys_check_write(const struct keys *keys, char out[KEYS_CHECK_BYTES]);
/* The name of the first key of which `check` tells otherwise, or NULL. */
const char *keys_check_differs(const struct keys *keys, const char *check);

/* The keyed hash of a normalised name or address (ASCII letters lowered, outer blanks cut), as 64 hex digits. */
void keys_lookup(const struct keys *keys, const char *purpose, const char *text, char out[65]);

#endif
