#include "mail/send.h"

#include <curl/curl.h>

#define CONNECT_SECONDS 15L
#define TRY_SECONDS 60L

enum stage { STAGE_BEFORE, STAGE_RECIPIENT, STAGE_TEXT };

struct mail_line {
  CURL *curl;
  const struct mail_settings *settings;
  const atomic_bool *over;
  char url[512], sender[300];
  enum stage stage;
  const char *bytes; /* of the message under way */
  size_t left;
  char said[256];
};

static size_t give(char *into, size_t size, size_t count, void *state) {
  struct mail_line *line = state;
  size_t length = size * count < line->left ? size * count : line->left;
  memcpy(into, line->bytes, length);
  line->bytes += length;
  line->left -= length;
  return length;
}

/* Hears the talk: how far it has come, and what was said last. Nothing of it is kept beyond the try. */
static int hear(CURL *curl, curl_infotype kind, char *bytes, size_t length, void *state) {
  struct mail_line *line = state;
  (void)curl;
  if (kind == CURLINFO_HEADER_OUT && length > 4) {
    if (!strncmp(bytes, "MAIL", 4)) line->stage = STAGE_BEFORE;
    if (!strncmp(bytes, "RCPT", 4)) line->stage = STAGE_RECIPIENT;
    if (!strncmp(bytes, "DATA", 4)) line->stage = STAGE_TEXT;
  }
  if (kind == CURLINFO_HEADER_IN && length) {
    size_t most = length < sizeof line->said ? length : sizeof line->said - 1;
    memcpy(line->said, bytes, most);
    line->said[most] = 0;
    for (char *c = line->said; *c; c++)
      if ((unsigned char)*c < ' ' || *c == 127) *c = c[1] ? ' ' : 0;
  }
  return 0;
}

static int go_on(void *state, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
  const struct mail_line *line = state;
  (void)a, (void)b, (void)c, (void)d;
  return line->over && atomic_load(line->over);
}

static void security(CURL *curl, const struct mail_settings *settings) {
  bool may_be_plain = settings->plain || mail_server_here(settings);
  curl_easy_setopt(curl, CURLOPT_USE_SSL, (long)(may_be_plain ? CURLUSESSL_TRY : CURLUSESSL_ALL));
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  if (*settings->ca) curl_easy_setopt(curl, CURLOPT_CAINFO, settings->ca);
  if (!*settings->user) return;
  curl_easy_setopt(curl, CURLOPT_USERNAME, settings->user);
  curl_easy_setopt(curl, CURLOPT_PASSWORD, settings->password);
}

struct mail_line *mail_line_open(const struct mail_settings *settings, const atomic_bool *over) {
  struct mail_line *line = calloc(1, sizeof *line);
  if (!line) die("out of memory");
  line->curl = curl_easy_init();
  if (!line->curl) die("out of memory");
  line->settings = settings;
  line->over = over;
  /* The path is what we call ourselves: the sender's domain, never this machine's name. */
  snprintf(line->url, sizeof line->url, "%s/%s", settings->smtp, mail_domain(settings));
  snprintf(line->sender, sizeof line->sender, "<%s>", settings->from);
  CURL *curl = line->curl;
  curl_easy_setopt(curl, CURLOPT_URL, line->url);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* whatever the environment says */
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, TRY_SECONDS);
  curl_easy_setopt(curl, CURLOPT_MAIL_FROM, line->sender);
  curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
  curl_easy_setopt(curl, CURLOPT_READDATA, line);
  curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);
  curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, hear);
  curl_easy_setopt(curl, CURLOPT_DEBUGDATA, line);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, go_on);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, line);
  security(curl, settings);
  return line;
}

void mail_line_close(struct mail_line *line) {
  if (!line) return;
  curl_easy_cleanup(line->curl);
  free(line);
}

/* A 5xx before the recipient was named is about us, our password or our address: no fault of this message. */
static void judge(const struct mail_line *line, CURLcode result, struct mail_reply *reply) {
  long code = reply->code;
  if (result == CURLE_OK && code / 100 == 2) {
    reply->end = OUTBOX_SENT;
    snprintf(reply->outcome, sizeof reply->outcome, "taken by the mail server (%ld)", code);
  } else if (result == CURLE_LOGIN_DENIED) {
    reply->end = OUTBOX_UNREACHED;
    snprintf(reply->outcome, sizeof reply->outcome, "the mail server refuses the name or the password (%ld)", code);
  } else if (code / 100 == 5 && line->stage != STAGE_BEFORE) {
    reply->end = OUTBOX_REFUSED;
    snprintf(reply->outcome, sizeof reply->outcome, "refused for this address (%ld)", code);
  } else if (code / 100 == 4) {
    reply->end = OUTBOX_LATER;
    snprintf(reply->outcome, sizeof reply->outcome, "the mail server asks to try later (%ld)", code);
  } else if (line->stage != STAGE_BEFORE) {
    reply->end = OUTBOX_LATER;
    snprintf(reply->outcome, sizeof reply->outcome, "the connection ended before the mail server had it (%ld)", code);
  } else {
    reply->end = OUTBOX_UNREACHED;
    snprintf(reply->outcome, sizeof reply->outcome, "the mail server was not reached: %s (%ld)", curl_easy_strerror(result), code);
  }
}

/* What could be more than one address, or could be written only by servers that few have (RFC 6531). */
static bool can_be_written(const char *to) {
  const char *at = strrchr(to, '@');
  for (const char *c = to; *c; c++)
    if ((unsigned char)*c <= ' ' || *c == 127 || *c == '<' || *c == '>' || ((unsigned char)*c > 127 && c < at)) return false;
  return at && at != to && at[1] && strlen(to) <= 254;
}

void mail_line_send(struct mail_line *line, const char *to, const char *bytes, size_t length, struct mail_reply *reply) {
  char recipient[300];
  snprintf(recipient, sizeof recipient, "<%s>", to);
  if (!can_be_written(to)) {
    *reply = (struct mail_reply){.end = OUTBOX_REFUSED, .outcome = "nothing can be sent to an address written like this"};
    return;
  }
  struct curl_slist *recipients = curl_slist_append(NULL, recipient);
  if (!recipients) die("out of memory");
  *reply = (struct mail_reply){.end = OUTBOX_UNREACHED};
  line->stage = STAGE_BEFORE;
  *line->said = 0;
  line->bytes = bytes;
  line->left = length;
  curl_easy_setopt(line->curl, CURLOPT_MAIL_RCPT, recipients);
  curl_easy_setopt(line->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)length);
  CURLcode result = curl_easy_perform(line->curl);
  curl_easy_getinfo(line->curl, CURLINFO_RESPONSE_CODE, &reply->code);
  judge(line, result, reply);
  snprintf(reply->said, sizeof reply->said, "%s", line->said);
  curl_easy_setopt(line->curl, CURLOPT_MAIL_RCPT, NULL);
  curl_slist_free_all(recipients);
}
