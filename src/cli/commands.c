#include "cli/command.h"

#include <stddef.h>

#include "cli/detect.h"
#include "cli/simulate.h"

const struct command commands[] = {
    {"check", "is this study definition fit to go live?", command_check},
    {"serve", "serve homes over HTTP, each study under its own path", command_serve},
    {"routes", "every address, who may open it and through which reader", command_routes},
    {"demo", "complete studies in mid-flight with simulated people, served on loopback", command_demo},
    {"import", "take in session ratings from another system", command_import},
    {"init", "make a home: a study with its own ledger", command_init},
    {"study", "amend a study: the difference in words, then one entry", command_study},
    {"allocation", "who goes to which arm: compare methods, rehearse, redraw", command_allocation},
    {"fit", "fit a linear mixed model to a CSV file", command_fit},
    {"user", "accounts: add, list, change, disable, password, authenticator, link", command_user},
    {"mail", "how mail leaves a home: set, test, list", command_mail},
    {"verify", "does the ledger hold, and give the tables as they are?", command_verify},
    {"checkpoint", "print the ledger's newest signed checkpoint, for a witness to keep", command_checkpoint},
    {"erase", "erase a person or an account, for good", command_erase},
    {"backup", "copy a home's database into one file, while it is in use", command_backup},
    {"restore", "make a new home from a backup", command_restore},
    {"power", "the power of a design, and how many therapists it takes", command_power},
    {"agree", "how far raters agree: ICCs, kappas, Gwet's AC1", command_agree},
    {"simulate", "a trial of made-up people as CSV, with its truth", command_simulate},
    {"detect", "find tensions and repairs in a file of session ratings", command_detect},
    {NULL, NULL, NULL},
};
