/* The outbox on both engines: who claims what, what comes of it, and for how long it is tried; the settings; the letter as it
 * stands on the wire; what is no longer sent. */
#include <sys/stat.h>

#include "trial_fixture.h"
#include "mail/settings.h"
#include "trial/letter.h"
#include "trial/reminder.h"

static char *text_of(struct trial *trial, const char *sql) {
  struct db *db;
  char *found;
  assert_ok(db_open(&db, trial->home->store, DB_OPEN, error));
  assert_ok(db_text(db, error, &trial->arena, &found, sql, NO_ARGS));
  db_close(db);
  return found ? found : arena_text(&trial->arena, "");
}

static int64_t number_of(struct trial *trial, const char *sql) {
  struct db *db;
  int64_t found;
  assert_ok(db_open(&db, trial->home->store, DB_OPEN, error));
  assert_ok(db_int(db, error, &found, 0, sql, NO_ARGS));
  db_close(db);
  return found;
}

static enum err put_thrice(struct txn *txn, void *input, struct error *error) {
  (void)input;
  static const char *const occasions[] = {"F-1", "F-1", "F-2"};
  for (int i = 0; i < 3; i++) {
    struct outbox_new message = {.rule = "reminder", .occasion = occasions[i], .person = "P-1", .subject = "P-1", .serial = 3, .why = "a test"};
    enum err err = outbox_put(txn, &message, error);
    if (err) return err;
  }
  return OK;
}

static struct outbox_claim claimed(struct trial *trial, const char *by) {
  struct outbox_claim claim = {.claim = by, .domain = "example.org"};
  must(trial, outbox_claim, &claim);
  return claim;
}

static void settled(struct trial *trial, const struct outbox_claim *claim, enum outbox_end end) {
  struct outbox_settle settle = {.message = &claim->message, .claim = claim->claim, .end = end, .code = 451, .outcome = "said so"};
  must(trial, outbox_settle, &settle);
}

/* One row a rule, occasion and iteration; each is had by one worker; nobody settles what is another's. */
static void claims(bool postgresql) {
  struct trial trial;
  trial_open(&trial, "practice", postgresql);
  must(&trial, put_thrice, NULL);
  must(&trial, put_thrice, NULL);
  assert_int_equal(number_of(&trial, "SELECT count(*) FROM run_outbox"), 2);
  struct outbox_claim first = claimed(&trial, "one"), second = claimed(&trial, "two"), none = claimed(&trial, "three");
  assert_true(first.found && second.found && !none.found);
  assert_string_not_equal(first.message.id, second.message.id);
  assert_string_not_equal(first.message.message_id, second.message.message_id);
  struct outbox_claim thief = first;
  thief.claim = "two";
  settled(&trial, &thief, OUTBOX_SENT);
  assert_int_equal(number_of(&trial, "SELECT count(*) FROM run_outbox WHERE state = 'sent'"), 0);
  settled(&trial, &first, OUTBOX_SENT);
  assert_int_equal(number_of(&trial, "SELECT count(*) FROM run_outbox WHERE state = 'sent'"), 1);
  /* The second worker was killed: another has its message after the lease, not before, under the same Message-ID. */
  trial.now_ms += OUTBOX_LEASE_MS - 1;
  none = claimed(&trial, "three");
  assert_false(none.found);
  trial.now_ms += 1;
  struct outbox_claim again = claimed(&trial, "three");
  assert_true(again.found);
  assert_string_equal(again.message.id, second.message.id);
  assert_string_equal(again.message.message_id, second.message.message_id);
  assert_int_equal(again.message.tries, 1);
  settled(&trial, &second, OUTBOX_REFUSED); /* it comes back to life: too late */
  assert_string_equal(text_of(&trial, "SELECT state FROM run_outbox WHERE claim = 'three'"), "sending");
  must(&trial, outbox_release, NULL);
  again = claimed(&trial, "four");
  assert_true(again.found);
  settled(&trial, &again, OUTBOX_REFUSED);
  assert_string_equal(text_of(&trial, "SELECT outcome FROM run_outbox WHERE state = 'refused'"), "said so");
  none = claimed(&trial, "five");
  assert_false(none.found);
  trial_verify(&trial);
  trial_close(&trial);
}

/* Pauses grow; what could not be tried costs no try; after the last try the message is given up, and says so. */
static void pauses(bool postgresql) {
  struct trial trial;
  trial_open(&trial, "practice", postgresql);
  must(&trial, put_thrice, NULL);
  struct outbox_claim other = claimed(&trial, "w");
  settled(&trial, &other, OUTBOX_DROPPED);
  assert_int_equal(outbox_pause_ms(1), 15 * SECOND_MS);
  assert_int_equal(outbox_pause_ms(2), MINUTE_MS);
  assert_int_equal(outbox_pause_ms(7), 6 * HOUR_MS);
  assert_int_equal(outbox_pause_ms(1000), 6 * HOUR_MS);
  for (int tries = 1; tries <= OUTBOX_TRIES; tries++) {
    struct outbox_claim claim = claimed(&trial, "w");
    assert_true(claim.found);
    settled(&trial, &claim, OUTBOX_UNREACHED);
    trial.now_ms += 30 * SECOND_MS;
    claim = claimed(&trial, "w");
    assert_true(claim.found);
    assert_int_equal(claim.message.tries, tries);
    settled(&trial, &claim, OUTBOX_LATER);
    trial.now_ms += outbox_pause_ms(tries) - 1;
    claim = claimed(&trial, "w");
    assert_false(claim.found);
    trial.now_ms += 1;
  }
  assert_string_equal(text_of(&trial, "SELECT outcome FROM run_outbox WHERE state = 'refused'"), "given up after 20 tries: said so");
  trial_close(&trial);
}

static struct letter letter_to(struct trial *trial, const struct outbox_claim *claim) {
  struct letter letter;
  struct db *db;
  assert_ok(db_open(&db, trial->home->store, DB_OPEN, error));
  assert_ok(letter_write(trial->home, db, &claim->message, "https://trial.example.org", trial->now_ms, &trial->arena, &letter, error));
  db_close(db);
  return letter;
}

static void reminded(struct trial *trial, const struct occasion *occasion) {
  struct form_remind remind = {.home = trial->home, .by = &the_coordinator, .occasion = occasion->id};
  must(trial, form_remind, &remind);
}

/* The letter has the person's address, a link that opens the form, and neutral words; and there is none for what was answered
 * meanwhile, or where a newer one waits. */
static void letters(bool postgresql) {
  struct trial trial;
  char therapist[CODE_BYTES], patient[CODE_BYTES];
  trial_open(&trial, "practice", postgresql);
  trial_person(&trial, "therapist", "", "t@example.org", therapist);
  trial_person(&trial, "patient", therapist, "p@example.org", patient);
  trial_session(&trial, patient, 1);
  struct occasion occasion = trial_occasion(&trial, patient, 1, "patient"), found;
  reminded(&trial, &occasion);
  struct outbox_claim claim = claimed(&trial, "w");
  struct letter letter = letter_to(&trial, &claim);
  assert_string_equal(letter.why_not, "");
  assert_string_equal(letter.to, "p@example.org");
  assert_string_equal(letter.subject, words_in(&home_study(trial.home)->neutral_title, 0));
  assert_null(strstr(letter.body, "Someone"));
  assert_null(strstr(letter.body, patient));
  const char *link = strstr(letter.body, "https://trial.example.org/f/");
  assert_non_null(link);
  struct db *db;
  assert_ok(db_open(&db, trial.home->store, DB_OPEN, error));
  assert_ok(occasion_by_token(db, arena_text_n(&trial.arena, link + strlen("https://trial.example.org/f/"), LINK_TOKEN_BYTES - 1), &found, error));
  db_close(db);
  assert_string_equal(found.id, occasion.id);
  trial.now_ms += DAY_MS;
  reminded(&trial, &occasion);
  letter = letter_to(&trial, &claim);
  assert_string_equal(letter.why_not, "not sent: a newer message about the same form took its place");
  trial_submit(&trial, patient, 1, "patient", "5", "0");
  claim = claimed(&trial, "w");
  letter = letter_to(&trial, &claim);
  assert_string_equal(letter.why_not, "not sent: the form was answered meanwhile");
  trial_close(&trial);
}

ON_BOTH(claims)
ON_BOTH(pauses)
ON_BOTH(letters)

/* Whatever the words hold, there is one header of each kind, no line is longer than 78 characters, and none can be added. */
static void test_message(void **state) {
  (void)state;
  struct arena arena = {0};
  struct buf out = buf_in(&arena, 64);
  struct letter letter = {.to = "p@example.org", .sender = "Une équipe\r\nBcc: x@example.org", .language = "fr", .why_not = "",
                          .subject = "Quelques questions, é é é é é é é é é é é é é é é é é é é é é é é é é é é é é é é é é é", .body = "Bonjour,\n.\nfin\n"};
  message_write(&out, &letter, "s@example.org", "<M-1@example.org>", INT64_C(20514) * DAY_MS);
  assert_non_null(strstr(out.data, "Date: Mon, 02 Mar 2026 00:00:00 +0000\r\n"));
  assert_null(strstr(out.data, "Bcc"));
  assert_non_null(strstr(out.data, "\r\n\r\nQm9uam91ciwNCi4NCmZpbg0K\r\n"));
  for (const char *line = out.data; *line; line = strstr(line, "\r\n") + 2) assert_in_range(strstr(line, "\r\n") - line, 0, 78);
  arena_free(&arena);
}

static void fits(const char *smtp, const char *from, const char *base, const char *id) {
  struct mail_settings settings = {.smtp = smtp, .from = from, .base = base, .user = "", .password = "", .ca = ""};
  struct error error = {0};
  mail_settings_fit(&settings, &error);
  assert_string_equal(error.id, id);
}

static void test_settings(void **state) {
  (void)state;
  struct trial trial;
  struct error why = {0};
  trial_open(&trial, "practice", false);
  struct mail_settings settings, given = {.smtp = "smtp://mail.example.org:587", .from = "s@example.org", .user = "u", .password = "p", .base = "", .ca = ""};
  assert_ok(mail_settings_read(&settings, trial.home->directory, &trial.arena, error));
  assert_string_equal(settings.smtp, "");
  assert_ok(mail_settings_write(&given, trial.home->directory, error));
  assert_ok(mail_settings_read(&settings, trial.home->directory, &trial.arena, error));
  assert_string_equal(settings.password, "p");
  const char *path = arena_printf(&trial.arena, "%s/settings.json", trial.home->directory);
  struct stat facts;
  assert_int_equal(stat(path, &facts), 0);
  assert_int_equal(facts.st_mode & 0777, 0600);
  assert_int_equal(chmod(path, 0640), 0);
  assert_int_equal(mail_settings_read(&settings, trial.home->directory, &trial.arena, &why), ERR_STATE);
  assert_string_equal(why.id, "settings-open");
  fits("smtp://mail.example.org", "s@example.org", "https://x.example.org", "");
  fits("https://mail.example.org", "s@example.org", "", "smtp-wrong");
  fits("smtp://user:word@mail.example.org", "s@example.org", "", "smtp-wrong");
  fits("smtp://mail.example.org/x", "s@example.org", "", "smtp-wrong");
  fits("smtp://mail.example.org", "s@example.org\r\nBcc: x@example.org", "", "from-wrong");
  fits("smtp://mail.example.org", "nobody", "", "from-wrong");
  fits("smtp://mail.example.org", "s@example.org", "ftp://x", "base-wrong");
  trial_close(&trial);
}

int main(void) {
  const struct CMUnitTest tests[] = {BOTH(claims), BOTH(pauses), BOTH(letters), cmocka_unit_test(test_message), cmocka_unit_test(test_settings)};
  crypto_start();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
