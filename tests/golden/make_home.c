/* make_home HOME STUDY [CONNECTION]: makes a golden home (tests/golden/homes/README.md) with the program as it is: a few
 * simulated people part-way through a shipped study, then one entry of each kind that the simulation leaves out, a
 * draft, and two erasures: a patient with answers and an account. Time and chance come from a seed. */
#include <stdio.h>
#include <string.h>

#include "feedback/note.h"
#include "people/password.h"
#include "people/sign_in.h"
#include "rehearsal/demonstration.h"
#include "study/form.h"
#include "trial/correction.h"
#include "trial/draft.h"
#include "trial/erasure.h"
#include "trial/rating.h"
#include "trial/reminder.h"
#include "trial/withdrawal.h"

#define UNTIL_MS (INT64_C(20514) * DAY_MS + 10 * HOUR_MS) /* 2026-03-02T10:00:00Z */

struct making {
  struct home *home;
  struct detector *detector;
  struct db *open;
  struct arena arena;
  struct error error;
  struct actor by;
};

static void must(struct making *making, enum err err, const char *what) {
  if (!err) return;
  fprintf(stderr, "make_home: %s: %s\n", what, making->error.text);
  exit(1);
}

static void act(struct making *making, verb *run, void *input, const char *what) {
  must(making, ledger_do(making->home->ledger, run, input, &making->error), what);
}

/* The first text that a query gives. */
static const char *one(struct making *making, const char *sql) {
  char *text;
  must(making, db_text(making->open, &making->error, &making->arena, &text, sql, NO_ARGS), sql);
  if (!text) must(making, fail(&making->error, ERR_MISSING, "", "", "gives no row"), sql);
  return text;
}

static void more_of_the_people(struct making *making) {
  struct form_remind remind = {.home = making->home,
                               .by = &making->by,
                               .occasion = one(making, "SELECT id FROM occasion WHERE submitted_ms = 0 AND rater = 'patient' AND "
                                                       "patient IN (SELECT code FROM person WHERE withdrawn_ms = 0) ORDER BY due_ms DESC, id")};
  act(making, form_remind, &remind, "a reminder");
  struct draft_save draft = {.occasion = remind.occasion,
                             .subject = one(making, "SELECT o.subject FROM occasion o JOIN reminder r ON r.occasion = o.id ORDER BY o.id"),
                             .typed = &(struct typed){"w1", "4"},
                             .count = 1};
  act(making, draft_save, &draft, "a draft");
  struct form_correct correct = {.home = making->home,
                                 .by = &making->by,
                                 .occasion = one(making, "SELECT occasion FROM answer WHERE value = '5' ORDER BY occasion, item"),
                                 .item = one(making, "SELECT item FROM answer WHERE value = '5' ORDER BY occasion, item"),
                                 .value = "4",
                                 .reason = "read aloud and misheard"};
  act(making, form_correct, &correct, "a correction");
  const char *patient = one(making, "SELECT patient FROM rating ORDER BY patient");
  struct account account;
  const char *writer = one(making, "SELECT a.code FROM account a JOIN person p ON p.therapist = a.person ORDER BY p.code");
  must(making, account_read(making->open, writer, &account, &making->error), "an account");
  struct actor therapist = {.code = account.code, .roles = account.roles, .site = account.site, .person = account.person};
  const char *own = one(making, "SELECT p.code FROM account a JOIN person p ON p.therapist = a.person ORDER BY p.code");
  struct note_write note = {.detector = making->detector, .by = &therapist, .patient = own, .text = "asked about last week, \"all well\""};
  enum err err = ledger_do(making->home->ledger, note_write, &note, &making->error);
  if (err && err != ERR_MISSING) must(making, err, "a note"); /* where this therapist is shown nothing there is none */
  struct rating_import import = {.home = making->home,
                                 .by = &making->by,
                                 .patient = patient,
                                 .rater = PERSON_THERAPIST,
                                 .rows = (struct rating_row[]){{90, "4.5", 0}, {91, "", 1}},
                                 .count = 2};
  act(making, rating_import, &import, "an import");
  struct withdraw withdraw = {.home = making->home, .by = &making->by, .person = one(making, "SELECT code FROM person WHERE withdrawn_ms = 0 AND kind = 'patient' AND code NOT IN (SELECT subject FROM reminder) ORDER BY code"), .reason = "found the questions too many"};
  act(making, person_withdraw, &withdraw, "a withdrawal");
}

static void more_of_the_accounts(struct making *making) {
  char hash[PASSWORD_HASH_BYTES];
  uint8_t totp[TOTP_SECRET_BYTES] = {1, 2, 3};
  const char *account = one(making, "SELECT a.code FROM account a JOIN account_role r ON r.account = a.code WHERE r.role = 'coordinator' ORDER BY a.code");
  must(making, password_hash(&making->home->chance, account, "four golden homes stand", hash, &making->error), "a password");
  struct account_credential credential = {.by = "demo", .account = account, .password_hash = hash, .totp_secret = totp};
  act(making, account_credential, &credential, "a credential");
  struct account_change change = {.by = "demo", .account = account, .disabled = -1, .language = "fr"};
  act(making, account_change, &change, "a change");
  const char *visitor = one(making, "SELECT account FROM account_role WHERE role = 'therapist' ORDER BY account");
  struct sign_in_link_make link = {.by = "demo", .account = visitor, .valid_ms = DAY_MS, .purpose = "golden"};
  act(making, sign_in_link_make, &link, "a link");
  struct sign_in_link_use use = {.token = link.token};
  act(making, sign_in_link_use, &use, "a sign-in");
  act(making, sign_in_link_make, &link, "a link to stay");
}

static void erasures(struct making *making) {
  struct person_erase patient = {.home = making->home,
                                 .by = &making->by,
                                 .person = one(making, "SELECT patient FROM rating WHERE rater = 'patient' AND patient NOT IN (SELECT subject FROM reminder) ORDER BY patient DESC"),
                                 .reason = "asked for it"};
  act(making, person_erase, &patient, "an erasure");
  struct account_create create = {.by = "demo", .roles = ROLE_ASSISTANT, .person = "", .site = "", .language = "en", .login = "leaver", .name = "Leaver", .address = ""};
  act(making, account_create, &create, "an account");
  struct person_erase account = {.home = making->home, .by = &making->by, .person = create.code, .reason = "left the trial"};
  act(making, person_erase, &account, "an account's erasure");
}

int main(int argc, char **argv) {
  if (argc < 3) return fprintf(stderr, "make_home HOME STUDY [CONNECTION]\n"), 2;
  crypto_start();
  struct making making = {.by = {.code = "demo", .roles = ROLE_COORDINATOR, .site = "", .person = ""}};
  struct study_findings findings = {.arena = &making.arena};
  const struct study *study;
  must(&making, study_load_embedded(&study, argv[2], &findings, &making.arena, &making.error), argv[2]);
  int64_t now = UNTIL_MS - INT64_C(27) * 7 * DAY_MS;
  struct home_create create = {.directory = argv[1], .connect = argc > 3 ? argv[3] : NULL, .by = "demo", .study = study, .clock = clock_fixed(&now), .chance = chance_frozen(1)};
  must(&making, home_create(&create, &making.error), "a home");
  must(&making, home_open(&making.home, argv[1], STORE_MAKE, create.clock, create.chance, &making.error), "opening");
  struct demonstration_plan plan = {.home = making.home, .now_ms = &now, .until_ms = UNTIL_MS, .seed = 1, .therapists = 4, .patients_each = 1};
  struct demonstration made;
  must(&making, demonstration_make(&plan, &made, &making.error), "the demonstration");
  must(&making, db_open(&making.open, making.home->store, DB_OPEN, &making.error), "reading");
  must(&making, detector_open(&making.detector, making.home, &making.error), "judging");
  more_of_the_people(&making);
  more_of_the_accounts(&making);
  erasures(&making);
  db_close(making.open);
  detector_close(making.detector);
  home_close(making.home);
  arena_free(&making.arena);
  return 0;
}
