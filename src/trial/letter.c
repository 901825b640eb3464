#include "trial/letter.h"

#include "base/words.h"
#include "mail/address.h"
#include "trial/candidate.h"
#include "trial/occasion.h"

struct writing {
  struct home *home;
  struct db *open;
  struct arena *arena;
  const struct outbox_message *message;
  const char *base;
  int64_t now_ms;
};

/* Another message about the same form waits behind this one: two at once would only say the same twice. */
static enum err newer_waits(const struct writing *writing, bool *newer, struct error *error) {
  const struct outbox_message *message = writing->message;
  int64_t count;
  enum err err = db_int(writing->open, error, &count, 0,
                        "SELECT count(*) FROM run_outbox WHERE occasion = $1 AND person = $2 AND template = $3 AND serial > $4",
                        ARGS(v_text(message->occasion), v_text(message->person), v_text(message->rule), v_int(message->serial)));
  *newer = count > 0;
  return err;
}

static const char *reason_not_to(const struct occasion *occasion, const struct person *person, int64_t now_ms) {
  struct error refused = {0};
  if (person->withdrawn_ms) return "not sent: the person has left";
  if (!occasion_answerable(occasion, now_ms, &refused)) return "";
  if (!strcmp(refused.id, "form-done")) return "not sent: the form was answered meanwhile";
  if (!strcmp(refused.id, "form-late")) return "not sent: the form was closed meanwhile";
  return "not sent: the person has left";
}

static enum err is_there_a_reason(const struct writing *writing, struct occasion *occasion, struct person *person, const char **why_not,
                                  struct error *error) {
  enum err err = occasion_by_id(writing->open, writing->message->occasion, occasion, error);
  if (!err) err = person_read(writing->open, writing->message->person, person, error);
  if (err == ERR_MISSING) {
    *why_not = "not sent: the form or the person is no longer there";
    return OK;
  }
  if (err) return err;
  bool newer;
  *why_not = reason_not_to(occasion, person, writing->now_ms);
  err = newer_waits(writing, &newer, error);
  if (!err && newer && !**why_not) *why_not = "not sent: a newer message about the same form took its place";
  return err;
}

static enum err address_of(const struct writing *writing, const struct person *person, const char **address, struct error *error) {
  struct mail_whom whom = {.person = person->code, .directory = writing->home->directory, .keys = &writing->home->keys};
  whom.fields = identity_fields(home_study(writing->home), person->kind, &whom.count);
  return mail_address(writing->open, &whom, writing->arena, address, error);
}

static void write_words(const struct writing *writing, const struct occasion *occasion, const struct person *person, struct letter *letter) {
  const struct study *study = home_study(writing->home);
  int in_study = study_language(study, person->language), found = language_find(person->language);
  enum language language = found < 0 ? LANGUAGE_ENGLISH : (enum language)found;
  char token[LINK_TOKEN_BYTES];
  link_token(&writing->home->keys, occasion->id, writing->message->serial, token);
  struct buf body = buf_in(writing->arena, 1024);
  buf_addf(&body, "%s\n\n%s\n%s %s\n\n%s/f/%s\n\n%s\n", word(language, WORD_LETTER_HELLO), word(language, WORD_LETTER_FORM),
           word(language, WORD_LETTER_UNTIL), instant_words(writing->arena, language, occasion->closes_ms), writing->base, token,
           word(language, WORD_LETTER_YOURS));
  const char *contact = words_in(&study->contact, in_study);
  if (*contact) buf_addf(&body, "\n%s %s\n", word(language, WORD_LETTER_CONTACT), contact);
  letter->language = language_code(language);
  letter->sender = words_in(&study->neutral_sender, in_study);
  letter->subject = words_in(&study->neutral_title, in_study);
  letter->body = body.data;
}

enum err letter_write(void *state, struct db *open, const struct outbox_message *message, const char *base, int64_t now_ms, struct arena *arena,
                      struct letter *letter, struct error *error) {
  struct writing writing = {.home = state, .open = open, .arena = arena, .message = message, .base = base, .now_ms = now_ms};
  struct occasion occasion;
  struct person person;
  *letter = (struct letter){.why_not = ""};
  enum err err = is_there_a_reason(&writing, &occasion, &person, &letter->why_not, error);
  if (err || *letter->why_not) return err;
  err = address_of(&writing, &person, &letter->to, error);
  if (err) return err;
  if (!*letter->to)
    letter->why_not = "not sent: no e-mail address is known";
  else
    write_words(&writing, &occasion, &person, letter);
  return OK;
}

struct mail_place home_mail(struct home *home, const char *base) {
  return (struct mail_place){.directory = home->directory, .name = home->name, .store = home->store, .ledger = home->ledger, .clock = home->clock,
                             .chance = home->chance, .write = letter_write, .state = home, .base = base};
}
