/* attune mail: how mail leaves a home, by the one who runs the machine. None of it needs the home's lock: a server that
 * runs meanwhile reads the settings again by itself. */
#include <stdio.h>

#include "cli/ask_secret.h"
#include "cli/options.h"
#include "mail/message.h"
#include "mail/send.h"
#include "trial/home.h"

#define ABOUT                                                                                                          \
  "  set HOME --smtp URL --from ADDRESS   names the mail server; what is not given stays as it is. With --user the\n"  \
  "                                       password is asked for, or read as one line of standard input\n"             \
  "  set HOME --off                       mail waits\n"                                                                \
  "  test HOME ADDRESS                    sends one message at once and says what the server answered\n"              \
  "  list HOME                            every message, and why it was sent or was not, tab-separated\n\n"           \
  "The settings stand in HOME/settings.json, which no backup holds. docs/mail.md says more."

struct mail_options {
  const char *smtp, *from, *user, *base, *ca, *state;
  bool plain, off, json;
};
struct mail_call {
  const struct mail_options *options;
  const char *directory, *address;
  struct arena arena;
};

/* ---- set ---- */

static void take(const char **into, const char *given) {
  if (given) *into = given;
}

static enum err switch_off(struct mail_call *call, struct error *error) {
  enum err err = mail_settings_clear(call->directory, error);
  if (!err) printf("Mail of %s waits until a server is named again.\n", call->directory);
  return err;
}

static enum err mail_set(struct mail_call *call, struct error *error) {
  const struct mail_options *options = call->options;
  struct mail_settings settings;
  char password[512] = "";
  if (options->off) return switch_off(call, error);
  enum err err = mail_settings_read(&settings, call->directory, &call->arena, error);
  if (err == ERR_INPUT) err = OK; /* what is wrong in it is put right now, or refused below */
  if (err) return err;
  take(&settings.smtp, options->smtp);
  take(&settings.from, options->from);
  take(&settings.user, options->user);
  take(&settings.base, options->base);
  take(&settings.ca, options->ca);
  if (options->smtp) settings.plain = options->plain;
  if (options->user && !*options->user) settings.password = "";
  if (options->user && *options->user) {
    err = ask_secret("Password at the mail server", password, sizeof password, error);
    settings.password = password;
  }
  if (!err) err = mail_settings_write(&settings, call->directory, error);
  bytes_wipe(password, sizeof password);
  if (!err) printf("Mail of %s leaves by %s, from %s.\n", call->directory, settings.smtp, settings.from);
  return err;
}

/* ---- test ---- */

static enum err mail_test(struct mail_call *call, struct error *error) {
  struct mail_settings settings;
  enum err err = mail_settings_read(&settings, call->directory, &call->arena, error);
  if (err) return err;
  if (!*settings.smtp) return fail(error, ERR_STATE, "mail-unset", "", "no mail server is named yet: attune mail set %s --smtp URL --from ADDRESS", call->directory);
  struct mail_settings aimed = settings;
  aimed.from = call->address; /* the same rule for what is an address */
  if (mail_settings_fit(&aimed, error)) return fail(error, ERR_INPUT, "address-wrong", "address", "this is no e-mail address such as name@example.org");
  struct letter letter = {.to = call->address, .sender = "Attune", .subject = "Test", .body = "This message was sent to test the mail settings.\n", .language = "en", .why_not = ""};
  struct clock clock = clock_system();
  struct chance chance = chance_system();
  struct buf text = buf_in(&call->arena, 2048);
  uint8_t bytes[16];
  struct mail_reply reply;
  chance_bytes(&chance, "mail-test", call->address, 0, bytes, sizeof bytes);
  message_write(&text, &letter, settings.from, arena_printf(&call->arena, "<test.%s@%s>", hex_text(&call->arena, bytes, sizeof bytes), mail_domain(&settings)), clock_now(&clock));
  struct mail_line *line = mail_line_open(&settings, NULL);
  mail_line_send(line, letter.to, text.data, text.length, &reply);
  mail_line_close(line);
  if (reply.end != OUTBOX_SENT)
    return fail(error, ERR_STATE, "mail-not-sent", "", "%s%s%s", reply.outcome, *reply.said ? "; it said: " : "", reply.said);
  printf("%s: %s\n", call->address, reply.outcome);
  return OK;
}

/* ---- list ---- */

static void print_row(struct mail_call *call, struct rows *rows) {
  static const char *const texts[] = {"id", "state", "rule", "person", "occasion", "why", "outcome", "message_id"};
  static const char *const numbers[] = {"made_ms", "sent_ms", "tries", "code"};
  if (call->options->json) {
    json_t *object = json_object();
    for (int i = 0; i < 8; i++) json_object_set_new(object, texts[i], json_string(rows_text(rows, i)));
    for (int i = 0; i < 4; i++) json_object_set_new(object, numbers[i], json_integer(rows_int(rows, 8 + i)));
    printf("%s\n", json_canonical(&call->arena, object, NULL));
    json_decref(object);
    return;
  }
  const char *outcome = rows_text(rows, 6);
  printf("%s\t%s\t%s\t%s\t%s\t%s\t%s; %s\n", rows_text(rows, 0), rows_text(rows, 1), instant_text(&call->arena, rows_int(rows, 8)), rows_text(rows, 2),
         rows_text(rows, 3), rows_text(rows, 4), rows_text(rows, 5), *outcome ? outcome : "it has not been its turn");
}

static enum err mail_list(struct mail_call *call, struct error *error) {
  struct home *home = NULL;
  struct db *open = NULL;
  enum err err = home_open(&home, call->directory, STORE_LOOK, clock_system(), chance_system(), error);
  if (!err) err = db_open(&open, home->store, DB_OPEN, error);
  if (!err) {
    const char *state = call->options->state ? call->options->state : "";
    struct rows rows;
    rows_open(&rows, open,
              "SELECT id, state, template, person, occasion, why, outcome, message_id, made_ms, sent_ms, tries, code FROM run_outbox"
              " WHERE state = $1 OR $1 = '' ORDER BY made_ms, id",
              ARGS(v_text(state)));
    while (rows_next(&rows)) print_row(call, &rows);
    err = rows_close(&rows, error);
  }
  db_close(open);
  home_close(home);
  return err;
}

static const struct {
  const char *name;
  int words;
  enum err (*run)(struct mail_call *call, struct error *error);
} actions[] = {{"set", 2, mail_set}, {"test", 3, mail_test}, {"list", 2, mail_list}};

int command_mail(int argc, char **argv) {
  struct mail_options options = {0};
  const struct option list[] = {{"smtp", "URL", "the mail server: smtp://mail.example.org:587 (STARTTLS) or smtps://", .text = &options.smtp},
                                {"from", "ADDRESS", "the sender's address", .text = &options.from},
                                {"user", "NAME", "the name at the mail server; \"\" for none", .text = &options.user},
                                {"base", "URL", "what links begin with, https://trial.example.org (what serve was told)", .text = &options.base},
                                {"ca", "FILE", "certificates to trust instead of the system's", .text = &options.ca},
                                {"plain", NULL, "set: speak without encryption where the server offers none", .flag = &options.plain},
                                {"off", NULL, "set: name no server any more", .flag = &options.off},
                                {"state", "NAME", "list: waiting, sending, sent, refused or dropped alone", .text = &options.state},
                                {"json", NULL, "list: one JSON object a line", .flag = &options.json},
                                {0}};
  struct arguments arguments = {.usage = "attune mail set|test|list HOME", .about = ABOUT, .options = list, .least = 2, .most = 3};
  int code = arguments_read(&arguments, argc, argv);
  if (code >= 0) return code;
  struct error error = {0};
  struct mail_call call = {.options = &options, .directory = arguments.words[1], .address = arguments.count > 2 ? arguments.words[2] : ""};
  enum err err = fail(&error, ERR_USAGE, "", "", "write: attune mail set HOME, attune mail test HOME ADDRESS, or attune mail list HOME");
  for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
    if (!strcmp(arguments.words[0], actions[i].name) && arguments.count == actions[i].words) err = actions[i].run(&call, &error);
  arena_free(&call.arena);
  return finish_output(err, &error);
}
