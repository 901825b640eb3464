/* store_place.h: a home with its writer open, and a few rows to put there, for the tests of the store. */
#ifndef ATTUNE_TESTS_STORE_PLACE_H
#define ATTUNE_TESTS_STORE_PLACE_H

#include "store_fixture.h"

struct place {
  struct home home;
  struct store *store;
  struct db *writer;
};

static inline void place_open(struct place *place, bool postgresql) {
  struct chance chance = chance_frozen(1);
  home_make(&place->home, postgresql, &chance);
  assert_ok(store_open(&place->store, place->home.path, STORE_OWN, error));
  assert_ok(db_open(&place->writer, place->store, DB_WRITER, error));
}

static inline void place_close(struct place *place) {
  db_close(place->writer);
  store_close(place->store);
  home_remove(&place->home);
}

static const char note_insert[] =
    "INSERT INTO note (patient, author, number, subject, text, time_ms) VALUES ($1, $2, $3, $1, $4, $5)";

static inline enum err note(struct db *db, const char *patient, int64_t number, const char *text,
                            struct error *problem) {
  return db_exec(db, problem, note_insert,
                 ARGS(v_text(patient), v_text("A-1"), v_int(number), v_text(text), v_int(-5)));
}

static inline int64_t notes(struct db *db) {
  int64_t count = -1;
  assert_ok(db_int(db, error, &count, -1, "SELECT count(*) FROM note ORDER BY 1", NO_ARGS));
  return count;
}

struct text {
  char bytes[8192];
  size_t length;
};
static inline enum err text_write(void *state, const void *bytes, size_t length) {
  struct text *text = state;
  assert_true(text->length + length < sizeof text->bytes);
  memcpy(text->bytes + text->length, bytes, length);
  text->length += length;
  text->bytes[text->length] = 0;
  return OK;
}

static inline void some_rows(struct db *db) {
  assert_ok(db_begin(db, error));
  /* in an order that is neither the key's nor the alphabet's; capital letters and accents tell byte order */
  static const char *const codes[] = {"b", "a", "B", "\xc3\xa9", "_", "aa", "A"};
  for (int i = 0; i < 7; i++) assert_ok(note(db, codes[i], i, "text, with: 5 signs\n", error));
  assert_ok(db_exec(db, error, "INSERT INTO identity (person, subject, lookup, sealed) VALUES ($1, $1, $2, $3)",
                    ARGS(v_text("P-1"), v_text("x"), v_blob("\0\1,\n", 4))));
  assert_ok(db_commit(db, error));
}

static inline void dump_of(struct db *db, struct text *text) {
  text->length = 0;
  assert_ok(db_dump(db, text_write, text, error));
}

#endif
