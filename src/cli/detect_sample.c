/* The sample that the estimate rests on. A file of up to SAMPLE_PATIENTS patients is in memory as one block and counts
 * whole; of a larger file windows at even distances are read besides, so that the estimate is not one of the first
 * patients alone, and memory does not grow with the file. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/detect.h"

#define WINDOWS 32
#define WINDOW_BYTES 16384

static enum err estimate_from(struct alliance_estimate *estimate, const struct alliance_settings *settings,
                              const struct input_block *block, struct error *error) {
  struct alliance_series *series = malloc((block->count + 1) * sizeof *series);
  int longest = 1;
  if (!series) die("out of memory estimating");
  for (size_t p = 0; p < block->count; p++) {
    series[p] = (struct alliance_series){block->sessions + block->patients[p].first, block->patients[p].count};
    if (series[p].count > longest) longest = series[p].count;
  }
  size_t bytes = alliance_estimate_memory(block->count, longest);
  void *memory = malloc(bytes);
  if (!memory) die("out of memory estimating");
  enum alliance_status status = alliance_estimate_sample(estimate, series, block->count, settings, memory, bytes);
  free(memory);
  free(series);
  if (!status) return OK;
  return fail(error, ERR_INPUT, "detect-sample", "rating", "no estimate from this sample: %s",
              alliance_status_text(status));
}

static void block_append(struct input_block *to, const struct input_block *from, size_t first, size_t end) {
  for (size_t p = first; p < end; p++) {
    const struct input_patient *patient = &from->patients[p];
    size_t rows = to->rows + (size_t)patient->count;
    to->sessions = realloc(to->sessions, rows * sizeof *to->sessions);
    to->patients = realloc(to->patients, (to->count + 1) * sizeof *to->patients);
    if (!to->sessions || !to->patients) die("out of memory estimating");
    memcpy(to->sessions + to->rows, from->sessions + patient->first, (size_t)patient->count * sizeof *to->sessions);
    to->patients[to->count++] = (struct input_patient){.first = to->rows, .count = patient->count};
    to->rows = rows;
  }
}

/* The header line and one window of whole lines as a small file; the first and last patient may be cut and stay out. */
static void window_read(struct input_block *sample, int fd, off_t at, const char *header, size_t header_length,
                        bool worse) {
  char *text = malloc(header_length + WINDOW_BYTES);
  if (!text) die("out of memory estimating");
  memcpy(text, header, header_length);
  ssize_t got = pread(fd, text + header_length, WINDOW_BYTES, at);
  char *start = got > 0 ? memchr(text + header_length, '\n', (size_t)got) : NULL;
  char *end = got > 0 ? text + header_length + got : NULL;
  while (end && end > start && end[-1] != '\n') end--;
  if (start && end > start + 1) {
    size_t length = (size_t)(end - start - 1);
    memmove(text + header_length, start + 1, length);
    struct arena arena;
    arena_init(&arena, 0);
    struct input input;
    struct input_block block = {0};
    struct error ignored;
    /* A fault in the window is named with its line when the file itself is read. */
    if (!input_open_memory(&input, &arena, text, header_length + length, "window", worse, &ignored) &&
        !input_fill(&input, &block, SAMPLE_PATIENTS / WINDOWS + 2, &ignored) && block.count > 2)
      block_append(sample, &block, 1, block.count - 1);
    input_close(&input);
    block_free(&block);
    arena_free(&arena);
  }
  free(text);
}

static enum err estimate_windows(struct alliance_estimate *estimate, const struct sample *of, struct error *error) {
  struct input_block sample = {0};
  struct stat status;
  char header[8192];
  int fd = strcmp(of->path, "-") ? open(of->path, O_RDONLY | O_CLOEXEC) : -1;
  ssize_t got = fd >= 0 && !fstat(fd, &status) && S_ISREG(status.st_mode) ? pread(fd, header, sizeof header, 0) : 0;
  char *line = got > 0 ? memchr(header, '\n', (size_t)got) : NULL;
  if (line) {
    size_t length = (size_t)(line - header) + 1;
    for (int w = 0; w < WINDOWS; w++)
      window_read(&sample, fd, (off_t)length - 1 + (status.st_size - (off_t)length) / WINDOWS * w, header, length,
                  of->input->sign < 0);
  }
  if (fd >= 0) close(fd);
  enum err err = estimate_from(estimate, of->settings, sample.count >= 100 ? &sample : of->first, error);
  block_free(&sample);
  return err;
}

enum err sample_estimate(struct alliance_estimate *estimate, struct sample *sample, struct error *error) {
  enum err err = input_fill(sample->input, sample->first, SAMPLE_PATIENTS, error);
  if (err) return err;
  if (!sample->first->count) return fail(error, ERR_INPUT, "detect-empty", "", "%s has a header but no rows", sample->path);
  sample->whole = sample->input->done;
  if (sample->whole) return estimate_from(estimate, sample->settings, sample->first, error);
  return estimate_windows(estimate, sample, error);
}
