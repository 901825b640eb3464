#include "cli/command.h"

#include <stddef.h>

const struct command commands[] = {
    {"check", "is this study definition fit to go live?", command_check},
    {NULL, NULL, NULL},
};
