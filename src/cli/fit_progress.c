#include "cli/fit_progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

#define QUIET_MS 2000
#define TERMINAL_MS 500
#define LOG_MS 10000

static void tell(void *state, size_t evaluations, double gradient) {
  struct fit_progress *progress = state;
  int64_t now = clock_elapsed_ms(), pause = progress->terminal ? TERMINAL_MS : LOG_MS;
  if (now - progress->start < QUIET_MS || (progress->told && now - progress->last < pause)) return;
  progress->last = now;
  progress->told = true;
  fprintf(stderr, progress->terminal ? "\r" : "");
  if (evaluations)
    fprintf(stderr, "attune fit: %zu evaluations of the criterion, gradient %.1e  ", evaluations, gradient);
  else
    fprintf(stderr, "attune fit: the model is fitted; degrees of freedom (--df none leaves them out)  ");
  if (!progress->terminal) fprintf(stderr, "\n");
}

struct stats_progress fit_progress_start(struct fit_progress *progress) {
  *progress = (struct fit_progress){.start = clock_elapsed_ms(), .terminal = isatty(STDERR_FILENO)};
  return (struct stats_progress){tell, progress};
}

void fit_progress_end(const struct fit_progress *progress) {
  if (progress->told && progress->terminal) fprintf(stderr, "\r%90s\r", "");
}
