/* options.h: the one way in which commands read their arguments.
 *
 *     const char *listen = "127.0.0.1:8080";
 *     bool json = false;
 *     const struct option options[] = {
 *         {"listen", "ADDR:PORT", "where to listen (127.0.0.1:8080)", .text = &listen},
 *         {"json", NULL, "one JSON document", .flag = &json},
 *         {0}};
 *     struct arguments arguments = {.usage = "attune serve HOME...", .options = options, .least = 1, .most = 99};
 *     int code = arguments_read(&arguments, argc, argv);
 *     if (code >= 0) return code;               -- --help was answered (EXIT_DONE), or usage was wrong (EXIT_USAGE)
 *     ... arguments.words[0 .. arguments.count-1] ...
 *
 * Options may stand anywhere; "--name VALUE" and "--name=VALUE"; "--" ends them. Numbers are checked. */
#ifndef ATTUNE_CLI_OPTIONS_H
#define ATTUNE_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cli/command.h"

#define OPTION_REPEATS 64

struct repeated {
  const char *values[OPTION_REPEATS];
  size_t count;
};

struct option { /* exactly one of the pointers is set */
  const char *name;   /* without dashes */
  const char *value;  /* what its value is called in the help; NULL for a flag */
  const char *purpose;
  bool *flag;
  const char **text;
  int64_t *integer;
  double *number;
  struct repeated *repeated; /* may be given more than once */
};

struct arguments {
  const char *usage, *about; /* "attune serve HOME..."; about: further lines for the help, or NULL */
  const struct option *options;
  int least, most; /* how many words that are no options */
  const char *words[64];
  int count;
};

int arguments_read(struct arguments *arguments, int argc, char **argv);

/* How many there are: what --threads is by default. */
size_t processors(void);

/* Says the error's sentence on stderr and returns EXIT_SAYS_NO (EXIT_USAGE for ERR_USAGE). */
int say_no(const struct error *error);

/* What a command that prints on stdout returns at its end: EXIT_DONE where all went well and was written, else the
 * sentence of the error, or of an output that could not be written (a full disk, a closed pipe). */
int finish_output(enum err err, struct error *error);

#endif
