/* Erasure down to the bytes: what was known of a person, and the key that opened their entries, is in no file of a home
 * that goes on being used; and HOME/erasures agrees with the database whenever the process ends. */
#include <signal.h>
#include <sys/wait.h>

#include "feedback/note.h"
#include "store/store_erasures.h"
#include "store/store_files.h"
#include "trial/correction.h"
#include "trial/draft.h"
#include "trial/reminder.h"
#include "trial/withdrawal.h"
#include "trial_fixture.h"

/* ---- looking into every file of a home ---- */

struct needle {
  const char *what;
  char bytes[256];
  size_t length;
};
static struct needle needles[16];
static size_t needle_count;
static char found_in[300]; /* the last file that held one, "" for none */
static const char *found_what;

static void look_for(const char *what, const void *bytes, size_t length) {
  struct needle *needle = &needles[needle_count++];
  assert_true(needle_count <= 16 && length >= 8 && length <= sizeof needle->bytes);
  *needle = (struct needle){.what = what, .length = length};
  memcpy(needle->bytes, bytes, length);
}

static int look_into(const char *path, const struct stat *facts, int kind, struct FTW *walk) {
  (void)facts, (void)walk;
  if (kind != FTW_F) return 0;
  struct arena arena = {0};
  char *text;
  size_t length;
  assert_ok(file_read(&arena, path, 64 << 20, &text, &length, error));
  for (size_t i = 0; i < needle_count && !*found_in; i++) {
    if (!memmem(text, length, needles[i].bytes, needles[i].length)) continue;
    snprintf(found_in, sizeof found_in, "%s", path);
    found_what = needles[i].what;
  }
  arena_free(&arena);
  return 0;
}

static bool somewhere(const char *home) {
  *found_in = 0;
  nftw(home, look_into, 16, FTW_PHYS);
  return *found_in != 0;
}

static void assert_nowhere(const char *home) {
  if (somewhere(home)) stop_test("%s holds %s still", found_in, found_what);
}

static void look_for_row(struct db *db, const char *what, const char *sql, const char *code) {
  struct rows rows;
  size_t length;
  rows_open(&rows, db, sql, ARGS(v_text(code)));
  if (!rows_next(&rows)) stop_test("there is no %s of %s", what, code);
  const void *bytes = rows_blob(&rows, 0, &length);
  look_for(what, bytes, length < 64 ? length : 64);
  assert_ok(rows_close(&rows, error));
}

/* ---- one person of a home in use ---- */

static const char known[] = "a sentence that stands nowhere else";

static const char *trial_subject(struct trial *trial, const char *occasion) {
  struct occasion found;
  struct db *db;
  assert_ok(db_open(&db, trial->home->store, DB_OPEN, error));
  assert_ok(occasion_by_id(db, occasion, &found, error));
  db_close(db);
  return arena_text(&trial->arena, found.subject);
}

static void reminded(struct trial *trial, const char *occasion) {
  struct form_remind remind = {.home = trial->home, .by = &the_coordinator, .occasion = occasion};
  must(trial, form_remind, &remind);
  struct draft_save draft = {.occasion = occasion, .subject = trial_subject(trial, occasion), .typed = &(struct typed){"goal", known}, .count = 1};
  must(trial, draft_save, &draft);
}

/* What is known of one patient: in answers, a correction, a note, a draft, a message that waits, links. */
static void much_of_a_patient(struct trial *trial, const char *therapist, const char *patient) {
  for (int session = 1; session <= 3; session++) {
    trial->now_ms += 7 * DAY_MS;
    trial_session(trial, patient, session);
    if (session < 3) trial_submit(trial, patient, session, "patient", "5", "0");
  }
  struct occasion done = trial_occasion(trial, patient, 1, "patient"), open = trial_occasion(trial, patient, 3, "patient"),
                  theirs = trial_occasion(trial, patient, 3, "therapist");
  struct form_correct correct = {.home = trial->home, .by = &the_coordinator, .occasion = done.id, .item = "goal", .value = "4", .reason = known};
  must(trial, form_correct, &correct);
  reminded(trial, open.id);
  struct draft_save draft = {.occasion = theirs.id, .subject = patient, .typed = &(struct typed){"goal", known}, .count = 1};
  must(trial, draft_save, &draft);
  struct actor writer = {.code = "A-WRITER", .roles = ROLE_THERAPIST, .site = "", .person = therapist};
  struct note_write note = {.detector = trial->detector, .by = &writer, .patient = patient, .text = known};
  must(trial, note_write, &note);
}

static void test_nothing_is_left(void **state) {
  (void)state;
  struct trial trial;
  struct db *db, *reader;
  char therapist[CODE_BYTES], patient[CODE_BYTES], other[CODE_BYTES];
  trial_open(&trial, "practice", false);
  assert_ok(db_open(&reader, trial.home->store, DB_MASKED, error)); /* as a server has them open */
  trial_person(&trial, "therapist", "", "t@example.org", therapist);
  trial_person(&trial, "patient", therapist, "p@example.org", patient);
  trial_person(&trial, "patient", therapist, "o@example.org", other);
  much_of_a_patient(&trial, therapist, patient);
  struct withdraw withdraw = {.home = trial.home, .by = &the_coordinator, .person = patient, .reason = known};
  must(&trial, person_withdraw, &withdraw);
  needle_count = 0;
  look_for("the known sentence", known, strlen(known));
  assert_ok(db_open(&db, trial.home->store, DB_OPEN, error));
  look_for_row(db, "the wrapped key", "SELECT wrapped FROM ledger_key WHERE subject = $1 ORDER BY subject", patient);
  look_for_row(db, "the sealed identity", "SELECT sealed FROM identity WHERE person = $1 ORDER BY person", patient);
  look_for_row(db, "the hash of the address", "SELECT lookup FROM identity WHERE person = $1 ORDER BY person", patient);
  look_for_row(db, "a waiting message", "SELECT id FROM run_outbox WHERE person = $1 ORDER BY id", patient);
  look_for_row(db, "a link", "SELECT token FROM link WHERE subject = $1 ORDER BY token", patient);
  look_for_row(db, "a form", "SELECT id FROM occasion WHERE subject = $1 ORDER BY id", patient);
  db_close(db);
  for (size_t all = needle_count, i = 0; i < all; i++) { /* each is there before, or its absence would show nothing */
    struct needle first = needles[0];
    needles[0] = needles[i];
    needle_count = 1;
    if (!somewhere(trial.place.path)) stop_test("%s is nowhere", needles[0].what);
    needles[0] = first;
    needle_count = all;
  }
  struct person_erase erase = {.home = trial.home, .by = &the_coordinator, .person = patient, .reason = "asked for it"};
  must(&trial, person_erase, &erase);
  assert_nowhere(trial.place.path);
  trial_session(&trial, other, 1); /* and life goes on */
  assert_nowhere(trial.place.path);
  db_close(reader);
  trial_verify(&trial);
  trial_close(&trial);
}

/* A therapist: the message to them and their own half-filled form are about a patient, who stays. */
static void what_waits_goes_too(bool postgresql) {
  struct trial trial;
  struct db *db;
  int64_t left;
  char therapist[CODE_BYTES], patient[CODE_BYTES];
  trial_open(&trial, "practice", postgresql);
  trial_person(&trial, "therapist", "", "t@example.org", therapist);
  trial_person(&trial, "patient", therapist, "p@example.org", patient);
  trial_session(&trial, patient, 1);
  struct occasion theirs = trial_occasion(&trial, patient, 1, "therapist"), open = trial_occasion(&trial, patient, 1, "patient");
  reminded(&trial, theirs.id);
  reminded(&trial, open.id);
  struct person_erase erase = {.home = trial.home, .by = &the_coordinator, .person = therapist, .reason = "asked for it"};
  must(&trial, person_erase, &erase);
  assert_ok(db_open(&db, trial.home->store, DB_OPEN, error));
  assert_ok(db_int(db, error, &left, -1, "SELECT count(*) FROM run_outbox ORDER BY 1", NO_ARGS));
  assert_int_equal(left, 1);
  assert_ok(db_int(db, error, &left, -1, "SELECT count(*) FROM run_draft ORDER BY 1", NO_ARGS));
  assert_int_equal(left, 1);
  db_close(db);
  trial_verify(&trial);
  trial_close(&trial);
}
ON_BOTH(what_waits_goes_too)

/* ---- pages that rows were moved out of ---- */

/* SQLite overwrites what it deletes, not the copies that stay behind where rows were moved to another page: after many
 * erasures some are there, until the file is written anew. */
static void test_moved_rows_leave_nothing(void **state) {
  (void)state;
  enum { SUBJECTS = 300, ERASED = 200, KEYS = 30 };
  struct fixture_home place;
  struct chance chance = chance_frozen(3);
  struct store *store;
  struct db *db;
  char key[40], subject[SUBJECTS][CODE_BYTES];
  home_make(&place, false, &chance);
  assert_ok(store_open(&store, place.path, STORE_OWN, error));
  assert_ok(db_open(&db, store, DB_WRITER, error));
  assert_ok(db_begin(db, error));
  for (int i = 0; i < SUBJECTS; i++) code_make(&chance, 'P', "moved", (uint64_t)i, subject[i]);
  for (int n = 0; n < KEYS; n++)
    for (int i = 0; i < SUBJECTS; i++) {
      snprintf(key, sizeof key, "%s-of-%d", subject[i] + 2, n);
      assert_ok(db_exec(db, error, "INSERT INTO submission (key, subject, occasion, body_hash) VALUES ($1, $2, 'F-1', 'x')",
                        ARGS(v_text(key), v_text(subject[i]))));
    }
  assert_ok(db_commit(db, error));
  for (int i = 0; i < ERASED; i++) {
    assert_ok(db_begin(db, error));
    assert_ok(db_erase_subject(db, subject[i], error));
    assert_ok(db_commit(db, error));
  }
  assert_ok(db_empty_journal(db, error));
  int before = 0, after = 0;
  for (int pass = 0; pass < 2; pass++) {
    for (int i = 0; i < ERASED; i++) {
      needle_count = 0;
      snprintf(key, sizeof key, "%s-of-", subject[i] + 2);
      look_for("a key", key, strlen(key));
      *(pass ? &after : &before) += somewhere(place.path);
    }
    if (pass) break;
    assert_ok(db_rewrite(db, error));
    assert_ok(db_empty_journal(db, error));
  }
  print_message("of %d erased, %d were left in a moved copy\n", ERASED, before);
  assert_true(before > 0);
  assert_int_equal(after, 0);
  db_close(db);
  store_close(store);
  home_remove(&place);
}

/* ---- who still looks ---- */

static enum erasure_state line_of(const char *home, const char *code) {
  struct arena arena = {0};
  struct erasure *list;
  size_t count;
  assert_ok(erasures_read(&arena, home, &list, &count, error));
  const struct erasure *line = erasure_find(list, count, code);
  enum erasure_state state = line ? line->state : ERASURE_FAILED;
  arena_free(&arena);
  return state;
}

/* A backup or a check that still reads an older state keeps the journal: the reply does not wait for it, and the traces go
 * as soon as it has ended. */
static void test_a_reader_delays_it(void **state) {
  (void)state;
  struct trial trial;
  struct db *db;
  char therapist[CODE_BYTES];
  trial_open(&trial, "practice", false);
  trial_person(&trial, "therapist", "", "t@example.org", therapist);
  needle_count = 0;
  assert_ok(db_open(&db, trial.home->store, DB_OPEN, error));
  look_for_row(db, "the wrapped key", "SELECT wrapped FROM ledger_key WHERE subject = $1 ORDER BY subject", therapist);
  assert_ok(db_snapshot(db, error));
  struct person_erase erase = {.home = trial.home, .by = &the_coordinator, .person = therapist, .reason = "asked for it"};
  must(&trial, person_erase, &erase);
  assert_int_equal(line_of(trial.place.path, therapist), ERASURE_DONE);
  assert_true(somewhere(trial.place.path));
  db_close(db);
  for (int tenths = 0; tenths < 100 && line_of(trial.place.path, therapist) != ERASURE_EMPTIED; tenths++) usleep(100000);
  assert_int_equal(line_of(trial.place.path, therapist), ERASURE_EMPTIED);
  assert_nowhere(trial.place.path);
  trial_close(&trial);
}

/* ---- killed ---- */

#define HURRIED 40

static void child_erases(const char *directory, int64_t now_ms, char (*codes)[CODE_BYTES], int from, int begun) {
  struct home *home;
  struct error problem;
  if (home_open(&home, directory, STORE_OWN, clock_fixed(&now_ms), chance_system(), &problem)) _exit(1);
  if (write(begun, "b", 1) != 1) _exit(1);
  for (int i = from; i < HURRIED; i++) {
    struct person_erase erase = {.home = home, .by = &the_coordinator, .person = codes[i], .reason = "asked for it"};
    if (ledger_do(home->ledger, person_erase, &erase, &problem)) _exit(1);
  }
  _exit(0);
}

/* Destroyed keys from the first on, and lines that say just that, once the home is open again. */
static int agreed(struct trial *trial, char (*codes)[CODE_BYTES]) {
  int erased = 0;
  struct db *db;
  assert_ok(home_open(&trial->home, trial->place.path, STORE_OWN, clock_fixed(&trial->now_ms), chance_system(), error));
  assert_ok(db_open(&db, trial->home->store, DB_OPEN, error));
  for (int i = 0; i < HURRIED; i++) {
    int64_t there;
    assert_ok(db_int(db, error, &there, -1, "SELECT length(wrapped) FROM ledger_key WHERE subject = $1 ORDER BY subject", ARGS(v_text(codes[i]))));
    enum erasure_state line = line_of(trial->place.path, codes[i]);
    if ((there == 0) != (line == ERASURE_EMPTIED) || (there != 0) != (line == ERASURE_FAILED)) stop_test("%s: key of %lld bytes, line %d", codes[i], (long long)there, line);
    erased += there == 0;
  }
  db_close(db);
  trial_verify(trial);
  home_close(trial->home);
  trial->home = NULL;
  return erased;
}

static void test_a_kill_leaves_agreement(void **state) {
  (void)state;
  struct trial trial;
  char codes[HURRIED][CODE_BYTES];
  trial_open(&trial, "practice", false);
  for (int i = 0; i < HURRIED; i++) {
    char address[40];
    snprintf(address, sizeof address, "t%d@example.org", i);
    trial_person(&trial, "therapist", "", address, codes[i]);
  }
  detector_close(trial.detector);
  trial.detector = NULL;
  home_close(trial.home);
  trial.home = NULL;
  int erased = 0, kills = 0, step = 500; /* microseconds; longer on a slow machine, so that some erasures are made */
  for (; erased < HURRIED && kills < 200 && (kills < 25 || erased < 8); kills++) {
    int delay = step * (1 + kills % 15), before = erased;
    int begun[2];
    char byte;
    assert_int_equal(pipe(begun), 0);
    pid_t child = fork();
    if (!child) child_erases(trial.place.path, trial.now_ms, codes, erased, begun[1]);
    assert_int_equal(read(begun[0], &byte, 1), 1);
    close(begun[0]);
    close(begun[1]);
    usleep((useconds_t)delay);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    erased = agreed(&trial, codes);
    if (erased == before) step += step / 20;
  }
  print_message("%d erased, %d kills\n", erased, kills);
  assert_true(kills >= 3 && erased >= 8);
  trial_close(&trial);
}

/* A line that a kill has cut short, and one whose commit never came. */
static void test_the_list_is_mended(void **state) {
  (void)state;
  struct trial trial;
  char therapist[CODE_BYTES], path[FIXTURE_PATH + 20];
  trial_open(&trial, "practice", false);
  trial_person(&trial, "therapist", "", "t@example.org", therapist);
  detector_close(trial.detector);
  trial.detector = NULL;
  home_close(trial.home);
  assert_ok(erasure_note(trial.place.path, 5, therapist, ERASURE_ASKED, error));
  snprintf(path, sizeof path, "%s/erasures", trial.place.path);
  FILE *file = fopen(path, "a");
  fprintf(file, "1700 %.4s", therapist);
  fclose(file);
  assert_ok(home_open(&trial.home, trial.place.path, STORE_OWN, clock_fixed(&trial.now_ms), chance_frozen(7), error));
  assert_int_equal(line_of(trial.place.path, therapist), ERASURE_FAILED);
  trial_verify(&trial);
  /* an older copy of the database, in which someone is back */
  assert_ok(erasure_note(trial.place.path, 6, therapist, ERASURE_DONE, error));
  struct verify_report report;
  assert_ok(ledger_verify(trial.home->store, &trial.home->keys, assembled_kinds, NULL, &report, error));
  assert_non_null(strstr(report.first_difference, "who is not erased here"));
  trial_close(&trial);
}

int main(void) {
  crypto_start();
  if (!fixture_server()) print_message("PostgreSQL was left out: ATTUNE_TEST_POSTGRESQL is not set\n");
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_nothing_is_left),
      BOTH(what_waits_goes_too),
      cmocka_unit_test(test_moved_rows_leave_nothing),
      cmocka_unit_test(test_a_reader_delays_it),
      cmocka_unit_test(test_a_kill_leaves_agreement),
      cmocka_unit_test(test_the_list_is_mended),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
