/* load_home HOME PATIENTS [STUDY]: a home with that many patients, each with one open questionnaire after the first
 * session; prints one token a line. For the load and fault harnesses: nobody in it is real. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trial/home.h"
#include "trial/visit.h"

static const struct actor loader = {.code = "load", .roles = ROLE_COORDINATOR, .site = "", .person = ""};

static enum err enrol(struct home *home, const char *kind, const char *therapist, int number, char code[CODE_BYTES], struct error *error) {
  char purpose[40];
  snprintf(purpose, sizeof purpose, "load/%s/%d", kind, number);
  struct enrol input = {.home = home, .by = &loader, .kind = kind, .site = home_study(home)->sites[0].name, .therapist = therapist,
                        .language = home_study(home)->languages[0], .name = "Load", .address = "", .purpose = purpose};
  enum err err = ledger_do(home->ledger, person_enrol, &input, error);
  if (!err) memcpy(code, input.code, CODE_BYTES);
  return err;
}

static enum err fill(struct home *home, int patients, struct error *error) {
  char therapist[CODE_BYTES] = "", patient[CODE_BYTES];
  enum err err = OK;
  for (int i = 0; i < patients && !err; i++) {
    if (i % 20 == 0) err = enrol(home, "therapist", "", i / 20, therapist, error);
    if (!err) err = enrol(home, "patient", therapist, i, patient, error);
    struct session_record record = {.home = home, .by = &loader, .patient = patient, .number = 1, .held_day = clock_now(&home->clock) / DAY_MS};
    if (!err) err = ledger_do(home->ledger, session_record, &record, error);
  }
  return err;
}

static enum err print_tokens(struct home *home, struct error *error) {
  struct db *db;
  struct rows rows;
  enum err err = db_open(&db, home->store, DB_OPEN, error);
  if (err) return err;
  rows_open(&rows, db, "SELECT id FROM occasion WHERE rater = 'patient' ORDER BY id", NO_ARGS);
  while (rows_next(&rows)) {
    char token[LINK_TOKEN_BYTES];
    link_token(&home->keys, rows_text(&rows, 0), 1, token);
    puts(token);
  }
  err = rows_close(&rows, error);
  db_close(db);
  return err;
}

int main(int argc, char **argv) {
  if (argc < 3) return fprintf(stderr, "usage: load_home HOME PATIENTS [STUDY]\n"), 2;
  struct error error;
  struct arena arena = {0};
  struct study_findings findings = {.arena = &arena};
  const struct study *study;
  struct home *home = NULL;
  crypto_start();
  enum err err = study_load_embedded(&study, argc > 3 ? argv[3] : "practice", &findings, &arena, &error);
  struct home_create create = {.directory = argv[1], .by = "load", .study = study, .clock = clock_system(), .chance = chance_system()};
  if (!err) err = home_create(&create, &error);
  if (!err) err = home_open(&home, argv[1], STORE_MAKE, clock_system(), chance_frozen(1), &error);
  if (!err) err = fill(home, atoi(argv[2]), &error);
  if (!err) err = print_tokens(home, &error);
  home_close(home);
  arena_free(&arena);
  if (err) fprintf(stderr, "load_home: %s\n", error.text);
  return err != OK;
}
