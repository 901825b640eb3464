/* log.h: one line of JSON on stderr for the person who runs the server. It never holds a name, an address, a token,
 * an answer or an arm: pseudonymous codes, routes and figures only. */
#ifndef ATTUNE_BASE_LOG_H
#define ATTUNE_BASE_LOG_H

#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

/* `event` is a stable short name ("request", "batch-failed"); the format gives one sentence. */
void log_line(enum log_level level, const char *event, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
