/* attune serve: serves one or more homes over HTTP, each study under its own path. */
#include "cli/options.h"
#include "trial/home.h"
#include "web/server.h"

#include <stdio.h>

#define HOMES_MAXIMUM 64

static void close_all(struct home **homes, size_t count) {
  for (size_t i = 0; i < count; i++) home_close(homes[i]);
}

/* Serves until the process is asked to end. */
static enum err serve(struct home **homes, size_t count, struct server_config config, struct error *error) {
  struct chance chance = chance_system();
  struct password_pool *passwords = password_pool_start(&chance, 2, error);
  if (!passwords) return error->code;
  config.homes = homes;
  config.home_count = count;
  config.background = true;
  config.clock = clock_system();
  config.chance = chance;
  config.passwords = passwords;
  struct server *server;
  enum err err = server_start(&server, &config, error);
  if (!err) {
    for (size_t i = 0; i < count; i++) printf("%s/%s/\n", server_address(server), homes[i]->name);
    fflush(stdout);
    server_wait(server);
    server_stop(server);
  }
  for (size_t i = 0; i < count; i++) home_log_counts(homes[i]);
  password_pool_stop(passwords);
  return err;
}

/* "https://trial.example.org" or "http://127.0.0.1:8080": no path, no name, nothing that could not stand in a link. */
static enum err base_fits(const char *base, bool behind_tls, struct error *error) {
  if (!base && !behind_tls) return OK;
  if (!base)
    return fail(error, ERR_USAGE, "base", "--base", "--behind-tls needs --base URL: the address by which people reach this server, for links");
  const char *host = !strncmp(base, "https://", 8) ? base + 8 : !strncmp(base, "http://", 7) ? base + 7 : "";
  if (*host && strlen(base) < 250 && !host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]")]) return OK;
  return fail(error, ERR_USAGE, "base", "--base", "'%s' is no address of a server: write http:// or https:// and its name, without a path", base);
}

int command_serve(int argc, char **argv) {
  struct server_config config = {.listen = "127.0.0.1:8080"};
  const struct option options[] = {
      {"listen", "ADDR:PORT", "where to listen (127.0.0.1:8080)", .text = &config.listen},
      {"behind-tls", NULL, "people come by https, through a reverse proxy on this machine", .flag = &config.behind_tls},
      {"proxy", "ADDR", "a reverse proxy on another machine, whose X-Forwarded-For counts", .text = &config.proxy},
      {"base", "URL", "the address by which people reach it, for links (what it listens on)", .text = &config.base},
      {NULL, NULL, NULL, .flag = NULL}};
  struct arguments arguments = {.usage = "attune serve HOME...",
                                .about = "Serves homes over HTTP until it is asked to end (SIGINT, SIGTERM); prints "
                                         "the address of each study.",
                                .options = options,
                                .least = 1,
                                .most = HOMES_MAXIMUM};
  int code = arguments_read(&arguments, argc, argv);
  if (code >= 0) return code;
  struct home *homes[HOMES_MAXIMUM];
  size_t count = 0;
  struct error error = {0};
  if (base_fits(config.base, config.behind_tls, &error)) return say_no(&error);
  server_block_signals();
  enum err err = OK;
  while (!err && count < (size_t)arguments.count) {
    err = home_open(&homes[count], arguments.words[count], STORE_OWN, clock_system(), chance_system(), &error);
    if (!err) count++;
  }
  if (!err) err = serve(homes, count, config, &error);
  close_all(homes, count);
  return err ? say_no(&error) : EXIT_DONE;
}
