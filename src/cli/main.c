#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "base/crypto.h"

static void print_usage(FILE *to) {
  fprintf(to, "attune: run a psychotherapy trial, watch alliances\n\nUsage: attune COMMAND [ARGUMENTS]   (attune COMMAND --help says more)\n\n");
  for (const struct command *c = commands; c->name; c++) fprintf(to, "  %-11s %s\n", c->name, c->purpose);
}

int main(int argc, char **argv) {
  crypto_start();
  if (argc < 2) {
    print_usage(stderr);
    return EXIT_USAGE;
  }
  if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help")) {
    print_usage(stdout);
    return EXIT_DONE;
  }
  for (const struct command *c = commands; c->name; c++)
    if (!strcmp(c->name, argv[1])) return c->run(argc - 1, argv + 1);
  fprintf(stderr, "attune: there is no command '%s'; 'attune --help' lists them\n", argv[1]);
  return EXIT_USAGE;
}
