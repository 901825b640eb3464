#include "trial/person.h"

#include "base/utf8.h"

/* A person who is there, not erased and still taking part. */
enum err person_active(struct db *db, const char *code, enum person_kind kind, const char *id, struct error *error) {
  struct rows rows;
  rows_open(&rows, db, "SELECT withdrawn_ms FROM person WHERE code = $1 AND kind = $2 ORDER BY code",
            ARGS(v_text(code), v_text(person_kind_name(kind))));
  bool found = rows_next(&rows);
  bool left = found && rows_int(&rows, 0) != 0;
  enum err err = rows_close(&rows, error);
  if (err) return err;
  if (!found) return fail(error, ERR_MISSING, id, person_kind_name(kind), "there is no %s '%s'", person_kind_name(kind), code);
  if (left) return fail(error, ERR_STATE, "person-withdrawn", person_kind_name(kind), "%s has withdrawn", code);
  return OK;
}

enum err person_read(struct db *db, const char *code, struct person *person, struct error *error) {
  struct rows rows;
  rows_open(&rows, db,
            "SELECT kind, site, therapist, language, enrolled_ms, withdrawn_ms FROM person WHERE code = $1 ORDER BY code",
            ARGS(v_text(code)));
  bool found = rows_next(&rows);
  if (found) {
    snprintf(person->code, sizeof person->code, "%s", code);
    person->kind = person_kind_of(rows_text(&rows, 0));
    snprintf(person->site, sizeof person->site, "%s", rows_text(&rows, 1));
    snprintf(person->therapist, sizeof person->therapist, "%s", rows_text(&rows, 2));
    snprintf(person->language, sizeof person->language, "%s", rows_text(&rows, 3));
    person->enrolled_ms = rows_int(&rows, 4);
    person->withdrawn_ms = rows_int(&rows, 5);
  }
  enum err err = rows_close(&rows, error);
  if (err || found) return err;
  return fail(error, ERR_MISSING, "no-such-person", "person", "there is no person '%s'", code);
}

static bool actor_may(const struct actor *by, unsigned roles, const struct person *person) {
  if (!(by->roles & roles)) return false;
  const char *therapist = *person->therapist ? person->therapist : person->code;
  if ((by->roles & roles) == ROLE_THERAPIST) return *by->person && !strcmp(by->person, therapist);
  return !*by->site || !strcmp(by->site, person->site);
}

enum err actor_person(struct db *db, const struct actor *by, unsigned roles, const char *code, struct person *person,
                      struct error *error) {
  enum err err = person_read(db, code, person, error);
  if (err || actor_may(by, roles, person)) return err;
  return fail(error, ERR_MISSING, "no-such-person", "person", "there is no person '%s'", code);
}

enum err text_fits(const char *field, const char *text, size_t longest, struct error *error) {
  if (!utf8_valid(text, strlen(text)) || utf8_has_control(text))
    return fail(error, ERR_INPUT, "encoding", field, "%s: this text has characters that cannot be kept", field);
  if (utf8_length(text) > longest)
    return fail(error, ERR_INPUT, "too-long", field, "%s: at most %zu characters", field, longest);
  return OK;
}
