#include "cli/ask_secret.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum err ask_secret(const char *prompt, char *out, size_t capacity, struct error *error) {
  struct termios before, quiet;
  bool terminal = isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &before);
  if (terminal) {
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    fprintf(stderr, "%s: ", prompt);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  char *line = fgets(out, (int)capacity, stdin);
  if (terminal) {
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fprintf(stderr, "\n");
  }
  size_t length = line ? strcspn(line, "\r\n") : 0;
  if (!length) return fail(error, ERR_INPUT, "password-none", "password", "no password was given");
  out[length] = 0;
  return OK;
}
