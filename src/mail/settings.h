/* settings.h: how mail leaves this home: HOME/settings.json (mode 0600; in no ledger and no backup). It is read again for
 * each round of the worker, so that a change counts at once and needs no lock.
 *
 *     {"mail": {"smtp": "smtp://mail.example.org:587", "from": "study@example.org", "user": "...", "password": "...",
 *               "base": "https://trial.example.org", "ca": "/etc/ssl/own.pem", "plain": false}}
 *
 * `smtp` is smtp:// (STARTTLS is asked for, and must be had unless the server is on this machine or `plain` is true) or
 * smtps://. `base` is what links begin with; "" what the server was started with. `ca`: certificates to trust instead of
 * the system's. Texts are "" where nothing was set. */
#ifndef ATTUNE_MAIL_SETTINGS_H
#define ATTUNE_MAIL_SETTINGS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"

struct mail_settings {
  const char *smtp, *from, *user, *password, *base, *ca;
  bool plain;
};
/* In the arena. A home without the file, or without mail in it, has empty settings: OK, `smtp` is "". ERR_STATE
 * "settings-open" (others can read it), "settings-broken". */
enum err mail_settings_read(struct mail_settings *settings, const char *directory, struct arena *arena, struct error *error);
/* Checks them as a whole: ERR_INPUT "smtp-wrong", "from-wrong", "base-wrong", "text-wrong" with the field. */
enum err mail_settings_fit(const struct mail_settings *settings, struct error *error);
/* Checks and writes them, whole or not at all; whatever else the file holds stays. */
enum err mail_settings_write(const struct mail_settings *settings, const char *directory, struct error *error);

/* Takes the mail settings away; OK when there were none. */
enum err mail_settings_clear(const char *directory, struct error *error);

/* What follows the @ of the sender's address. */
const char *mail_domain(const struct mail_settings *settings);
/* Is the mail server on this machine? */
bool mail_server_here(const struct mail_settings *settings);

#endif
