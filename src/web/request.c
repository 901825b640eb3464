#include "web/request.h"

#include "web/web.h"

const char *request_query(const struct request *request, const char *name) {
  const char *value = pairs_get(&request->query, name);
  return value ? value : "";
}

const char *request_field(const struct request *request, const char *name) {
  const char *value = pairs_get(&request->form, name);
  return value ? value : "";
}

bool request_may(const struct request *request, unsigned roles) {
  return request->who && (request->who->account.roles & roles);
}

const char *request_address(const struct request *request, const char *path) {
  if (!request->home) return path;
  return arena_printf(request->arena, "/%s%s", request->home->name, path);
}

const char *request_own_path(const struct request *request, const char *path) {
  if (!request->home || !path || path[0] != '/') return NULL;
  size_t length = strlen(request->home->name);
  if (strncmp(path + 1, request->home->name, length) || path[length + 1] != '/' || strlen(path) > 500) return NULL;
  for (const char *c = path; *c; c++)
    if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || *c == '\\') return NULL;
  return strstr(path, "//") || strstr(path, "/sign-") || strstr(path, "/unlock") || strstr(path, "/prove") ? NULL : path;
}

void request_header(struct request *request, const char *name, const char *value) {
  if (request->header_count == REQUEST_HEADERS) die("an answer has more than %d headers of its own", REQUEST_HEADERS);
  request->headers[request->header_count].name = name;
  request->headers[request->header_count++].value = value;
}

void request_redirect(struct request *request, const char *path) {
  request->status = 303;
  buf_clear(&request->out);
  request_header(request, "Location", path);
}

/* Under https the name's prefix __Host- has browsers insist on Secure, no Domain and Path=/. */
void request_cookie(struct request *request, const char *name, const char *value, int64_t seconds) {
  bool tls = request->web->config->behind_tls;
  bool strict = request->served && !strcmp(name, request->served->cookie);
  request_header(request, "Set-Cookie",
                 arena_printf(request->arena, "%s=%s; Path=/; HttpOnly; SameSite=%s%s%s", name, value,
                              strict ? "Strict" : "Lax", tls ? "; Secure" : "",
                              seconds < 0    ? ""
                              : seconds == 0 ? "; Max-Age=0"
                                             : arena_printf(request->arena, "; Max-Age=%lld", (long long)seconds)));
}
