/* command.h: every command is a row in one table (commands.c); one file a command.
 *
 * A command prints results on stdout and messages on stderr; it returns EXIT_DONE, EXIT_SAYS_NO (the input or the
 * state says no, with one sentence naming file, line, column or field) or EXIT_USAGE. `--help` is answered by each. */
#ifndef ATTUNE_CLI_COMMAND_H
#define ATTUNE_CLI_COMMAND_H

#define EXIT_DONE 0
#define EXIT_SAYS_NO 1
#define EXIT_USAGE 2

struct command {
  const char *name;
  const char *purpose;                 /* one line for `attune --help` */
  int (*run)(int argc, char **argv);   /* argv[0] is the command's name */
};

extern const struct command commands[]; /* ends with a row without a name */

int command_check(int argc, char **argv);
int command_demo(int argc, char **argv);
int command_serve(int argc, char **argv);
int command_routes(int argc, char **argv);
int command_import(int argc, char **argv);
int command_init(int argc, char **argv);
int command_study(int argc, char **argv);
int command_allocation(int argc, char **argv);
int command_agree(int argc, char **argv);
int command_power(int argc, char **argv);
int command_fit(int argc, char **argv);
int command_user(int argc, char **argv);
int command_verify(int argc, char **argv);
int command_checkpoint(int argc, char **argv);
int command_mail(int argc, char **argv);
int command_erase(int argc, char **argv);
int command_backup(int argc, char **argv);
int command_restore(int argc, char **argv);

#endif
