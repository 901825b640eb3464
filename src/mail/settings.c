#include "mail/settings.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/crypto.h"
#include "base/json.h"
#include "store/store_files.h"

#define SETTINGS_MOST ((size_t)64 << 10)

static const char *path_of(struct arena *arena, const char *directory) { return arena_printf(arena, "%s/settings.json", directory); }

/* The whole file as an object (the caller's); an empty one when there is none. */
static enum err document_read(json_t **out, const char *directory, struct arena *arena, struct error *error) {
  const char *path = path_of(arena, directory);
  struct stat facts;
  *out = NULL;
  if (stat(path, &facts)) {
    if (errno != ENOENT) return fail(error, ERR_STATE, "settings-broken", path, "%s cannot be read: %s", path, strerror(errno));
    *out = json_object();
    return OK;
  }
  if (facts.st_mode & 077) return fail(error, ERR_STATE, "settings-open", path, "%s can be read by others; run: chmod 600 %s", path, path);
  char *text;
  size_t length;
  enum err err = file_read(arena, path, SETTINGS_MOST, &text, &length, error);
  if (!err) err = json_read(out, text, length, path, error);
  if (!err && !json_is_object(*out)) {
    json_decref(*out);
    err = fail(error, ERR_STATE, "settings-broken", path, "%s does not hold an object", path);
  }
  return err;
}

enum err mail_settings_read(struct mail_settings *settings, const char *directory, struct arena *arena, struct error *error) {
  json_t *document;
  *settings = (struct mail_settings){.smtp = "", .from = "", .user = "", .password = "", .base = "", .ca = ""};
  enum err err = document_read(&document, directory, arena, error);
  if (err) return err;
  const json_t *mail = json_object_get(document, "mail");
  const struct {
    const char *name;
    const char **into;
  } texts[] = {{"smtp", &settings->smtp}, {"from", &settings->from}, {"user", &settings->user},
               {"password", &settings->password}, {"base", &settings->base}, {"ca", &settings->ca}};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) *texts[i].into = arena_text(arena, json_text(mail, texts[i].name, ""));
  settings->plain = json_flag(mail, "plain", false);
  json_decref(document);
  return *settings->smtp ? mail_settings_fit(settings, error) : OK;
}

const char *mail_domain(const struct mail_settings *settings) {
  const char *at = strrchr(settings->from, '@');
  return at ? at + 1 : "attune.invalid";
}

static const char *host_of(const struct mail_settings *settings) {
  const char *slashes = strstr(settings->smtp, "://");
  return slashes ? slashes + 3 : "";
}

bool mail_server_here(const struct mail_settings *settings) {
  static const char *const here[] = {"127.0.0.1", "localhost", "[::1]"};
  const char *host = host_of(settings);
  for (size_t i = 0; i < sizeof here / sizeof *here; i++) {
    size_t length = strlen(here[i]);
    if (!strncmp(host, here[i], length) && (!host[length] || host[length] == ':' || host[length] == '/')) return true;
  }
  return false;
}

#define HOST_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]"

static bool server_plausible(const char *address, const char *first, const char *second) {
  const char *host = !strncmp(address, first, strlen(first)) ? address + strlen(first) : !strncmp(address, second, strlen(second)) ? address + strlen(second) : "";
  return *host && strlen(address) < 250 && !host[strspn(host, HOST_LETTERS)];
}

static bool address_plausible(const char *address) {
  const char *at = strchr(address, '@');
  if (!at || at == address || !at[1] || strchr(at + 1, '@') || strlen(address) > 254) return false;
  for (const char *c = address; *c; c++)
    if (*c <= ' ' || *c > '~' || strchr("<>,;:\"\\()", *c)) return false;
  return true;
}

static bool printable(const char *text) {
  for (; *text; text++)
    if ((unsigned char)*text < ' ' || *text == 127) return false;
  return true;
}

enum err mail_settings_fit(const struct mail_settings *settings, struct error *error) {
  if (!server_plausible(settings->smtp, "smtp://", "smtps://"))
    return fail(error, ERR_INPUT, "smtp-wrong", "smtp", "'%s' is no mail server: write smtp:// or smtps://, its name, and its port, such as smtp://mail.example.org:587", settings->smtp);
  if (!address_plausible(settings->from))
    return fail(error, ERR_INPUT, "from-wrong", "from", "this is no sender's address such as study@example.org");
  if (*settings->base && !server_plausible(settings->base, "https://", "http://"))
    return fail(error, ERR_INPUT, "base-wrong", "base", "'%s' is no address of a server: write http:// or https:// and its name, without a path", settings->base);
  if (!printable(settings->user) || !printable(settings->password) || !printable(settings->ca))
    return fail(error, ERR_INPUT, "text-wrong", "user", "a name, a password or a file's name holds a control character");
  return OK;
}

/* Writes the whole file with another value of "mail" (stolen; NULL: none). */
static enum err document_write(json_t *mail, const char *directory, struct error *error) {
  struct arena arena = {0};
  json_t *document;
  enum err err = document_read(&document, directory, &arena, error);
  if (!err) {
    if (mail) json_object_set(document, "mail", mail);
    else json_object_del(document, "mail");
    size_t length;
    char *text = json_canonical(&arena, document, &length);
    err = file_write_whole(path_of(&arena, directory), text, length, error);
    bytes_wipe(text, length);
    json_decref(document);
  }
  json_decref(mail);
  arena_free(&arena);
  return err;
}

enum err mail_settings_write(const struct mail_settings *settings, const char *directory, struct error *error) {
  enum err err = mail_settings_fit(settings, error);
  if (err) return err;
  return document_write(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "smtp", settings->smtp, "from", settings->from, "user", settings->user,
                                  "password", settings->password, "base", settings->base, "ca", settings->ca, "plain", settings->plain),
                        directory, error);
}

enum err mail_settings_clear(const char *directory, struct error *error) {
  return document_write(NULL, directory, error);
}
