#include "trial/candidate.h"

#define LONGEST_TEXT 200
#define LONGEST_ADDRESS 254 /* RFC 5321 */
#define LONGEST_PHONE 40

static bool address_plausible(const char *address) {
  const char *at = strchr(address, '@');
  return at && at != address && at[1] && !strchr(at + 1, '@') && !strpbrk(address, " \t\r\n<>,;\"");
}

/* Digits with what people put between them; at least five digits. */
static bool phone_plausible(const char *phone) {
  size_t digits = 0;
  for (const char *c = phone; *c; c++) {
    if (!strchr("0123456789+-.()/ x#", *c)) return false;
    digits += *c >= '0' && *c <= '9';
  }
  return digits >= 5;
}

const struct study_identity_field *identity_fields(const struct study *study, enum person_kind kind, size_t *count) {
  *count = kind == PERSON_PATIENT ? study->patient_identity_count : study->therapist_identity_count;
  return kind == PERSON_PATIENT ? study->patient_identity : study->therapist_identity;
}

static enum err field_fits(const struct study_identity_field *field, const char *value, struct error *error) {
  bool email = !strcmp(field->kind, "email"), phone = !strcmp(field->kind, "phone");
  enum err err = text_fits(field->name, value, email ? LONGEST_ADDRESS : phone ? LONGEST_PHONE : LONGEST_TEXT, error);
  if (err) return err;
  if (!*value && field->required)
    return fail(error, ERR_INPUT, "identity-missing", field->name, "%s: this study needs it", field->name);
  if (*value && email && !address_plausible(value))
    return fail(error, ERR_INPUT, "address-wrong", field->name, "this is not an e-mail address such as name@example.org");
  if (*value && phone && !phone_plausible(value))
    return fail(error, ERR_INPUT, "phone-wrong", field->name, "this is not a telephone number such as 613 555 0100");
  return OK;
}

enum err candidate_identity_fits(const struct study *study, enum person_kind kind, const struct identity *identity,
                                 struct error *error) {
  size_t count;
  const struct study_identity_field *fields = identity_fields(study, kind, &count);
  if (identity->count != count)
    return fail(error, ERR_INPUT, "identity-count", "", "this study keeps %zu fields of a person, not %zu", count, identity->count);
  for (size_t i = 0; i < count; i++) {
    enum err err = field_fits(&fields[i], identity->values[i], error);
    if (err) return err;
  }
  return OK;
}

const char *identity_of_kind(const struct study *study, enum person_kind kind, const struct identity *identity,
                             const char *field_kind) {
  size_t count;
  const struct study_identity_field *fields = identity_fields(study, kind, &count);
  for (size_t i = 0; i < count && i < identity->count; i++)
    if (!strcmp(fields[i].kind, field_kind) && *identity->values[i]) return identity->values[i];
  return "";
}

struct identity identity_named(struct arena *arena, const struct study *study, enum person_kind kind, const char *name,
                               const char *email) {
  size_t count;
  const struct study_identity_field *fields = identity_fields(study, kind, &count);
  const char **values = arena_array(arena, count + 1, sizeof *values);
  for (size_t i = 0; i < count; i++) {
    const char **given = !strcmp(fields[i].kind, "text") ? &name : !strcmp(fields[i].kind, "email") ? &email : NULL;
    values[i] = given ? *given : "";
    if (given) *given = "";
  }
  return (struct identity){values, count};
}

enum err candidate_new(struct txn *txn, const char *lookup, struct error *error) {
  if (!*lookup) return OK;
  int64_t known;
  enum err err = db_int(txn_db(txn), error, &known, 0, "SELECT count(*) FROM identity WHERE lookup = $1", ARGS(v_text(lookup)));
  if (err || !known) return err;
  return fail(error, ERR_CONFLICT, "duplicate-person", "address", "someone with this address takes part already");
}

enum err candidate_code(struct txn *txn, char prefix, const char *purpose, char out[CODE_BYTES], struct error *error) {
  for (uint64_t draw = 0; draw < 64; draw++) {
    code_make(txn_chance(txn), prefix, purpose, draw, out);
    int64_t taken;
    enum err err = db_int(txn_db(txn), error, &taken, 0, "SELECT count(*) FROM ledger_entry WHERE subject = $1", ARGS(v_text(out)));
    if (err || !taken) return err;
  }
  return fail(error, ERR_STORE, "code-taken", "", "no free code was found in 64 draws");
}

char *candidate_identity_seal(struct txn *txn, const struct study *study, enum person_kind kind,
                              const struct identity *identity, const char *code) {
  size_t count, length;
  const struct study_identity_field *fields = identity_fields(study, kind, &count);
  json_t *object = json_object();
  for (size_t i = 0; i < count && i < identity->count; i++) json_object_set_new(object, fields[i].name, json_string(identity->values[i]));
  char *plain = json_canonical(txn_arena(txn), object, &length);
  json_decref(object);
  uint8_t *sealed = arena_alloc(txn_arena(txn), length + SEALED_OVERHEAD);
  sealed_write(txn_chance(txn), txn_keys(txn)->identity_public, code, 0, plain, length, sealed);
  bytes_wipe(plain, length);
  return base64_text(txn_arena(txn), sealed, length + SEALED_OVERHEAD);
}
