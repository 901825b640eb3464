/* load_home HOME PATIENTS [RATED [remind]]: a home of the practice's study with that many patients, twenty a therapist, each with
 * one open questionnaire after the first session. With RATED, the first therapist has that many patients more, each with
 * six rated sessions, and an account. With "remind", every patient has a reminder waiting in the outbox. Prints JSON: tokens of the open forms, codes of the rated patients, a sign-in
 * token. For the load and fault harnesses: nobody in it is real. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "people/sign_in.h"
#include "trial/enrolment.h"
#include "trial/home.h"
#include "trial/occasion.h"
#include "trial/person.h"
#include "trial/rating.h"
#include "trial/reminder.h"
#include "trial/session.h"

static const struct actor loader = {.code = "load", .roles = ROLE_COORDINATOR, .site = "", .person = ""};

/* Posts the same verb for many inputs and waits for all: they share batches. */
struct wave {
  pthread_mutex_t lock;
  pthread_cond_t all_done;
  int left;
  struct error error;
};

static void wave_done(struct job *job) {
  struct wave *wave = job->owner;
  pthread_mutex_lock(&wave->lock);
  if (job->result) wave->error = job->error;
  if (!--wave->left) pthread_cond_signal(&wave->all_done);
  pthread_mutex_unlock(&wave->lock);
}

static enum err wave_run(struct home *home, verb *run, void *inputs, size_t size, int count, struct error *error) {
  enum { AT_ONCE = 2000 };
  static struct job jobs[AT_ONCE];
  for (int from = 0; from < count; from += AT_ONCE) {
    int many = count - from < AT_ONCE ? count - from : AT_ONCE;
    struct wave wave = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, many, {0}};
    for (int i = 0; i < many; i++) {
      jobs[i] = (struct job){.run = run, .input = (char *)inputs + (size_t)(from + i) * size, .done = wave_done, .owner = &wave};
      ledger_post(home->ledger, &jobs[i]);
    }
    pthread_mutex_lock(&wave.lock);
    while (wave.left) pthread_cond_wait(&wave.all_done, &wave.lock);
    pthread_mutex_unlock(&wave.lock);
    *error = wave.error;
    if (error->code) return error->code;
  }
  return OK;
}

static char (*purposes)[40];

static struct enrol *people(struct home *home, struct arena *arena, const char *kind, const struct enrol *therapists, int therapist_count, int count) {
  struct enrol *list = arena_array(arena, (size_t)count, sizeof *list);
  purposes = arena_array(arena, (size_t)count, sizeof *purposes);
  for (int i = 0; i < count; i++) {
    snprintf(purposes[i], sizeof purposes[i], "load/%s/%d", kind, i);
    list[i] = (struct enrol){.home = home, .by = &loader, .kind = person_kind_of(kind), .site = home_study(home)->sites[0].name,
                             .therapist = therapists ? therapists[i / 20 < therapist_count ? i / 20 : 0].code : "",
                             .language = home_study(home)->languages[0], .identity = identity_named(arena, home_study(home), person_kind_of(kind), "Load", arena_printf(arena, "%s%d@example.org", kind, i)), .purpose = purposes[i]};
  }
  return list;
}

static enum err sessions(struct home *home, struct arena *arena, const struct enrol *patients, int count, struct error *error) {
  struct session_record *list = arena_array(arena, (size_t)count, sizeof *list);
  for (int i = 0; i < count; i++)
    list[i] = (struct session_record){.home = home, .by = &loader, .patient = patients[i].code, .number = 1, .held_day = clock_now(&home->clock) / DAY_MS};
  return wave_run(home, session_record, list, sizeof *list, count, error);
}

static enum err reminders(struct home *home, struct arena *arena, int count, struct error *error) {
  struct form_remind *list = arena_array(arena, (size_t)count, sizeof *list);
  struct db *db;
  struct rows rows;
  int found = 0;
  enum err err = db_open(&db, home->store, DB_OPEN, error);
  if (err) return err;
  rows_open(&rows, db, "SELECT id FROM occasion WHERE rater = 'patient' ORDER BY id", NO_ARGS);
  while (found < count && rows_next(&rows)) list[found++] = (struct form_remind){.home = home, .by = &loader, .occasion = arena_text(arena, rows_text(&rows, 0))};
  err = rows_close(&rows, error);
  db_close(db);
  return err ? err : wave_run(home, form_remind, list, sizeof *list, found, error);
}

static enum err ratings(struct home *home, struct arena *arena, const struct enrol *patients, int count, struct error *error) {
  static const struct rating_row rows[6] = {{1, "72", -1}, {2, "76", 0}, {3, "80", 0}, {4, "44", 1}, {5, "68", 0}, {6, "80", 0}};
  struct rating_import *list = arena_array(arena, (size_t)count, sizeof *list);
  for (int i = 0; i < count; i++)
    list[i] = (struct rating_import){.home = home, .by = &loader, .patient = patients[i].code, .rater = PERSON_PATIENT, .rows = rows, .count = 6};
  return wave_run(home, rating_import, list, sizeof *list, count, error);
}

static enum err account(struct home *home, const char *person, char token[SIGN_IN_TOKEN_BYTES], struct error *error) {
  struct account_create create = {.by = "cli", .roles = ROLE_THERAPIST, .person = person, .site = "", .language = "en", .login = "load", .name = "Load", .address = ""};
  enum err err = ledger_do(home->ledger, account_create, &create, error);
  struct sign_in_link_make make = {.by = "cli", .account = create.code, .valid_ms = DAY_MS, .purpose = "load"};
  if (!err) err = ledger_do(home->ledger, sign_in_link_make, &make, error);
  memcpy(token, make.token, SIGN_IN_TOKEN_BYTES);
  return err;
}

static enum err print_tokens(struct home *home, struct error *error) {
  struct db *db;
  struct rows rows;
  enum err err = db_open(&db, home->store, DB_OPEN, error);
  if (err) return err;
  printf("{\"tokens\": [");
  rows_open(&rows, db, "SELECT id FROM occasion WHERE rater = 'patient' ORDER BY id", NO_ARGS);
  for (int i = 0; rows_next(&rows); i++) {
    char token[LINK_TOKEN_BYTES];
    link_token(&home->keys, rows_text(&rows, 0), 1, token);
    printf("%s\"%s\"", i ? ", " : "", token);
  }
  err = rows_close(&rows, error);
  db_close(db);
  return err;
}

static enum err fill(struct home *home, struct arena *arena, int count, int rated, bool remind, struct error *error) {
  int therapist_count = (count + 19) / 20 + 1;
  char token[SIGN_IN_TOKEN_BYTES] = "";
  struct enrol *therapists = people(home, arena, "therapist", NULL, 0, therapist_count);
  enum err err = wave_run(home, person_enrol, therapists, sizeof *therapists, therapist_count, error);
  struct enrol *patients = people(home, arena, "patient", therapists + 1, therapist_count - 1, count);
  if (!err) err = wave_run(home, person_enrol, patients, sizeof *patients, count, error);
  if (!err) err = sessions(home, arena, patients, count, error);
  if (!err && remind) err = reminders(home, arena, count, error);
  struct enrol *more = people(home, arena, "patient-rated", NULL, 0, rated);
  for (int i = 0; i < rated; i++) more[i].kind = PERSON_PATIENT, more[i].therapist = therapists[0].code;
  if (!err && rated) err = wave_run(home, person_enrol, more, sizeof *more, rated, error);
  if (!err && rated) err = ratings(home, arena, more, rated, error);
  if (!err && rated) err = account(home, therapists[0].code, token, error);
  if (!err) err = print_tokens(home, error);
  printf("], \"patients\": [");
  for (int i = 0; i < rated; i++) printf("%s\"%s\"", i ? ", " : "", more[i].code);
  printf("], \"sign_in\": \"%s\"}\n", token);
  return err;
}

int main(int argc, char **argv) {
  if (argc < 3) return fprintf(stderr, "usage: load_home HOME PATIENTS [RATED [remind]]\n"), 2;
  struct error error;
  struct arena arena = {0};
  struct study_findings findings = {.arena = &arena};
  const struct study *study;
  struct home *home = NULL;
  crypto_start();
  enum err err = study_load_embedded(&study, "practice", &findings, &arena, &error);
  struct home_create create = {.directory = argv[1], .by = "load", .study = study, .clock = clock_system(), .chance = chance_system()};
  if (!err) err = home_create(&create, &error);
  if (!err) err = home_open(&home, argv[1], STORE_MAKE, clock_system(), chance_frozen(1), &error);
  if (!err) err = fill(home, &arena, (int)strtol(argv[2], NULL, 10), argc > 3 ? (int)strtol(argv[3], NULL, 10) : 0, argc > 4, &error);
  home_close(home);
  arena_free(&arena);
  if (err) fprintf(stderr, "load_home: %s\n", error.text);
  return err != OK;
}
