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
static enum err serve(struct home **homes, size_t count, const char *listen, const char *proxy, bool behind_tls,
                      struct error *error) {
  struct chance chance = chance_system();
  struct password_pool *passwords = password_pool_start(&chance, 2, error);
  if (!passwords) return error->code;
  struct server_config config = {.homes = homes,
                                 .home_count = count,
                                 .listen = listen,
                                 .behind_tls = behind_tls,
                                 .background = true,
                                 .proxy = proxy,
                                 .clock = clock_system(),
                                 .chance = chance,
                                 .passwords = passwords};
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

int command_serve(int argc, char **argv) {
  const char *listen = "127.0.0.1:8080", *proxy = NULL;
  bool behind_tls = false;
  const struct option options[] = {
      {"listen", "ADDR:PORT", "where to listen (127.0.0.1:8080)", .text = &listen},
      {"behind-tls", NULL, "people come by https, through a reverse proxy on this machine", .flag = &behind_tls},
      {"proxy", "ADDR", "a reverse proxy on another machine, whose X-Forwarded-For counts", .text = &proxy},
      {NULL, NULL, NULL, .flag = NULL}};
  struct arguments arguments = {.usage = "attune serve HOME...",
                                .about = "Serves homes over HTTP until it is asked to end (SIGINT, SIGTERM); prints "
                                         "the address of each study.",
                                .options = options,
                                .least = 1,
                                .most = HOMES_MAXIMUM};
  int code = arguments_read(&arguments, argc, argv);
  if (code >= 0) return code;
  server_block_signals();
  struct home *homes[HOMES_MAXIMUM];
  size_t count = 0;
  struct error error = {0};
  enum err err = OK;
  while (!err && count < (size_t)arguments.count) {
    err = home_open(&homes[count], arguments.words[count], STORE_OWN, clock_system(), chance_system(), &error);
    if (!err) count++;
  }
  if (!err) err = serve(homes, count, listen, proxy, behind_tls, &error);
  close_all(homes, count);
  return err ? say_no(&error) : EXIT_DONE;
}
