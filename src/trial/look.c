#include "trial/look.h"

#include "people/told.h"

static struct told told_of(const struct look *in) {
  return (struct told){"person.look", in->by->code, in->person, in->page, in->sign_in};
}

enum err look_due(struct db *db, const struct look *in, int64_t now_ms, bool *due, struct error *error) {
  const struct told told = told_of(in);
  bool lately = false;
  enum err err = told_lately(db, &told, now_ms, &lately, error);
  *due = !lately;
  return err;
}

enum err look(struct txn *txn, void *input, struct error *error) {
  const struct look *in = input;
  const struct told told = told_of(in);
  struct person person;
  const char *code = arena_text_n(txn_arena(txn), in->person, strcspn(in->person, "/"));
  enum err err = actor_person(txn_db(txn), in->by, ROLES_STAFF, code, &person, error);
  return err ? err : told_append(txn, &told, json_pack("{s:s}", "page", in->page), error);
}

static enum err look_apply(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  (void)db, (void)entry, (void)body, (void)error; /* for the log alone */
  return OK;
}

KIND(person_look, "person.look", LOG_OPEN, look_apply);
