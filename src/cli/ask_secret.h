/* ask_secret.h: one line that must not be seen: from the terminal without echo, else from standard input. */
#ifndef ATTUNE_CLI_ASK_SECRET_H
#define ATTUNE_CLI_ASK_SECRET_H

#include <stddef.h>

#include "base/err.h"

/* Without its line end. ERR_INPUT "password-none" when nothing comes. Wipe it afterwards. */
enum err ask_secret(const char *prompt, char *out, size_t capacity, struct error *error);

#endif
