#include "mail/worker.h"

#include <unistd.h>

#include "base/log.h"
#include "base/pulse.h"
#include "mail/send.h"
#include "store/store_files.h"

#define LOOK_EVERY_S 5
#define CLAIM_BYTES 33
#define SINK_FROM "study@attune.invalid"
#define SINK_BASE "https://attune.invalid"

struct mailer {
  struct mail_place place;
  char claim[CLAIM_BYTES];
  atomic_bool over;
  bool warned; /* that it cannot send: said once, until it can again */
  struct pulse *pulse;
};

/* One message on its way: what is common to sending and to the sink. */
struct round {
  const struct mail_place *place;
  const char *claim, *from, *base, *domain;
  struct db *open;
  struct arena arena; /* of one message */
};

static enum err settle(const struct round *round, const struct outbox_message *message, enum outbox_end end, int64_t code, const char *outcome,
                       struct error *error) {
  struct outbox_settle settle = {.message = message, .claim = round->claim, .end = end, .code = code, .outcome = outcome};
  return ledger_do(round->place->ledger, outbox_settle, &settle, error);
}

/* Claims the next message and writes it. *found is false when nothing is due; *out is NULL where it was not to be sent,
 * which is settled then. */
static enum err take(struct round *round, struct outbox_message *message, struct letter *letter, struct buf *text, bool *found, bool *to_send, struct error *error) {
  struct outbox_claim claim = {.claim = round->claim, .domain = round->domain};
  *to_send = false;
  enum err err = outbox_due(round->open, clock_now(&round->place->clock), found, error);
  if (err || !*found) return err;
  err = ledger_do(round->place->ledger, outbox_claim, &claim, error);
  *found = claim.found;
  if (err || !*found) return err;
  *message = claim.message;
  *letter = (struct letter){.why_not = ""};
  err = round->place->write(round->place->state, round->open, message, round->base, clock_now(&round->place->clock), &round->arena, letter, error);
  if (err) { /* this one cannot be written now; the others can */
    log_line(LOG_ERROR, "mail", "%s: message %s could not be written: %s", round->place->name, message->id, error->text);
    return settle(round, message, OUTBOX_LATER, 0, "it could not be written: see the server's log", error);
  }
  if (*letter->why_not) return settle(round, message, OUTBOX_DROPPED, 0, letter->why_not, error);
  *text = buf_in(&round->arena, 4096);
  message_write(text, letter, round->from, message->message_id, message->made_ms);
  *to_send = true;
  return OK;
}

/* ---- to the server ---- */

static void say_trouble(struct mailer *mailer, const char *what) {
  if (!mailer->warned) log_line(LOG_WARNING, "mail", "%s: mail waits: %s", mailer->place.name, what);
  mailer->warned = true;
}

/* Until nothing is due, or the server is not to be had. */
static enum err send_all(struct mailer *mailer, struct round *round, struct mail_line *line, struct error *error) {
  enum err err = OK;
  for (bool found = true, reached = true; !err && found && reached && !atomic_load(&mailer->over); arena_reset(&round->arena)) {
    struct outbox_message message;
    struct letter letter;
    struct buf text;
    struct mail_reply reply;
    bool to_send;
    err = take(round, &message, &letter, &text, &found, &to_send, error);
    if (err || !to_send) continue;
    mail_line_send(line, letter.to, text.data, text.length, &reply);
    err = settle(round, &message, reply.end, reply.code, reply.outcome, error);
    reached = reply.end != OUTBOX_UNREACHED;
    if (!reached) say_trouble(mailer, reply.outcome);
    else mailer->warned = false;
  }
  return err;
}

static enum err send_round(struct mailer *mailer, struct arena *arena, struct error *error) {
  const struct mail_place *place = &mailer->place;
  struct mail_settings settings;
  bool due = false;
  struct round round = {.place = place, .claim = mailer->claim};
  enum err err = mail_settings_read(&settings, place->directory, arena, error);
  if (err || !*settings.smtp) return err;
  round.from = settings.from;
  round.base = *settings.base ? settings.base : place->base;
  round.domain = mail_domain(&settings);
  err = db_open(&round.open, place->store, DB_OPEN, error);
  if (err) return err;
  err = outbox_due(round.open, clock_now(&place->clock), &due, error);
  if (!err && due) {
    struct mail_line *line = mail_line_open(&settings, &mailer->over);
    err = send_all(mailer, &round, line, error);
    mail_line_close(line);
  }
  db_close(round.open);
  arena_free(&round.arena);
  return err;
}

static void beat(void *state) {
  struct mailer *mailer = state;
  struct arena arena = {0};
  struct error error = {0};
  if (send_round(mailer, &arena, &error)) say_trouble(mailer, error.text);
  arena_free(&arena);
}

struct mailer *mailer_start(const struct mail_place *place) {
  struct mailer *mailer = calloc(1, sizeof *mailer);
  if (!mailer) die("out of memory");
  mailer->place = *place;
  uint8_t bytes[(CLAIM_BYTES - 1) / 2];
  struct chance chance = chance_system(); /* two nodes must never draw the same */
  chance_bytes(&chance, "mail-claim", place->name, 0, bytes, sizeof bytes);
  hex_write(mailer->claim, bytes, sizeof bytes);
  struct error error = {0};
  /* A home on SQLite has one owner: what is claimed there was claimed by a worker that is no more. */
  if (!strcmp(store_engine_name(place->store), "sqlite") && ledger_do(place->ledger, outbox_release, NULL, &error))
    log_line(LOG_WARNING, "mail", "%s: %s", place->name, error.text);
  mailer->pulse = pulse_start(LOOK_EVERY_S, beat, mailer);
  return mailer;
}

void mailer_stop(struct mailer *mailer) {
  if (!mailer) return;
  atomic_store(&mailer->over, true);
  pulse_stop(mailer->pulse);
  free(mailer);
}

/* ---- to the sink ---- */

static enum err sink_one(struct round *round, const struct outbox_message *message, const struct buf *text, struct error *error) {
  json_t *line = json_pack("{s:s, s:s, s:s, s:s}", "id", message->id, "rule", message->rule, "person", message->person, "message", text->data);
  const char *path = arena_printf(&round->arena, "%s/" MAIL_SINK, round->place->directory);
  enum err err = file_append_line(path, json_canonical(&round->arena, line, NULL), error);
  json_decref(line);
  return err ? err : settle(round, message, OUTBOX_SENT, 0, "put into the sink", error);
}

enum err mail_to_sink(const struct mail_place *place, struct error *error) {
  struct round round = {.place = place, .claim = "sink", .from = SINK_FROM, .base = SINK_BASE, .domain = "attune.invalid"};
  enum err err = db_open(&round.open, place->store, DB_OPEN, error);
  if (err) return err;
  for (bool found = true; !err && found; arena_reset(&round.arena)) {
    struct outbox_message message;
    struct letter letter;
    struct buf text;
    bool to_send;
    err = take(&round, &message, &letter, &text, &found, &to_send, error);
    if (!err && to_send) err = sink_one(&round, &message, &text, error);
  }
  db_close(round.open);
  arena_free(&round.arena);
  return err;
}
