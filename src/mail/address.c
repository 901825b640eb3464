#include "mail/address.h"

#include "base/json.h"

/* The sealed bytes in the arena, *length 0 when nothing is kept of this person. */
static enum err sealed_of(struct db *open, const char *person, struct arena *arena, uint8_t **sealed, size_t *length, struct error *error) {
  struct rows rows;
  *length = 0;
  rows_open(&rows, open, "SELECT sealed FROM identity WHERE person = $1 ORDER BY person", ARGS(v_text(person)));
  if (rows_next(&rows)) {
    const void *bytes = rows_blob(&rows, 0, length);
    *sealed = arena_alloc(arena, *length + 1);
    if (*length) memcpy(*sealed, bytes, *length);
  }
  return rows_close(&rows, error);
}

static const char *address_in(const json_t *identity, const struct mail_whom *whom) {
  for (size_t i = 0; i < whom->count; i++) {
    const char *value = strcmp(whom->fields[i].kind, "email") ? "" : json_text(identity, whom->fields[i].name, "");
    if (*value) return value;
  }
  return json_text(identity, "address", ""); /* bodies of before */
}

static enum err address_open(const uint8_t *sealed, size_t length, const struct mail_whom *whom, struct arena *arena, const char **address, struct error *error) {
  uint8_t secret[KEY_BYTES];
  enum err err = keys_load_identity_secret(secret, whom->directory, error);
  if (err) return err;
  size_t plain_length = length - SEALED_OVERHEAD;
  char *plain = arena_alloc(arena, plain_length + 1);
  json_t *identity = NULL;
  if (!sealed_read(whom->keys->identity_public, secret, sealed, length, (uint8_t *)plain))
    err = fail(error, ERR_STATE, "identity-sealed", "", "the identity of %s is not sealed under this home's key", whom->person);
  bytes_wipe(secret, sizeof secret);
  if (!err) err = json_read(&identity, plain, plain_length, "identity", error);
  if (!err) *address = arena_text(arena, address_in(identity, whom));
  json_decref(identity);
  bytes_wipe(plain, plain_length);
  return err;
}

enum err mail_address(struct db *open, const struct mail_whom *whom, struct arena *arena, const char **address, struct error *error) {
  uint8_t *sealed = NULL;
  size_t length;
  *address = "";
  enum err err = sealed_of(open, whom->person, arena, &sealed, &length, error);
  return err || length <= SEALED_OVERHEAD ? err : address_open(sealed, length, whom, arena, address, error);
}
