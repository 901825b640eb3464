/* detect.h: the parts of `attune detect`. */
#ifndef ATTUNE_CLI_DETECT_H
#define ATTUNE_CLI_DETECT_H

#include <stdio.h>

#include "base/buf.h"
#include "cli/detect_run.h"

int command_detect(int argc, char **argv);

/* detect_sample.c: the estimate from a file: all of it, or evenly spaced parts of a large one. */
struct sample {
  const struct alliance_settings *settings;
  const char *path;
  struct input *input;
  struct input_block *first; /* filled: the file's first block */
  bool whole;                /* set: the first block is the whole file */
};
enum err sample_estimate(struct alliance_estimate *estimate, struct sample *sample, struct error *error);
#define SAMPLE_PATIENTS 1000 /* more than these: the estimate rests on a sample of about as many */

/* detect_output.c: findings as text. */
struct output {
  enum alliance_rater rater; /* whose ratings are shown */
  double sign;               /* -1 where higher is worse */
  int decimals;              /* of expected ratings */
  bool json;
};
void output_start(struct output *output, struct buf *out, const struct run *run, bool json, double sign, bool whole);
/* `first`: this is the file's first block. */
void output_block(const struct output *output, struct buf *out, const struct run_block *judged,
                  const struct input_block *block, bool first);
void output_finish(const struct output *output, struct buf *out, const struct run *run);

/* detect_flow.c: writes the head, judges the block at hand and all that follow, on `threads` threads, and writes what
 * they say; the bytes do not depend on the threads. The block is freed. After a fault in the file, what was read before
 * it is written still. */
struct flowing {
  FILE *to;
  struct run *run;
  struct input *input;
  struct input_block *block;
  const struct output *output;
  const struct buf *head;
  size_t threads;
};
enum err flow(const struct flowing *flowing, struct error *error);
enum err text_write(const struct buf *text, FILE *to, struct error *error);

/* detect_diagnose.c: warns on stderr where something is large; `all` prints the rest too. */
void diagnose(const struct run *run, const struct alliance_mirror *mirror, const struct input_block *block, bool all);

/* detect_operating.c */
struct operating_options {
  int64_t sessions, trials, seed;
  double depth, missing, false_alarm;
  const char *length, *shape;
  bool hindsight, json;
};
int operating_command(const struct operating_options *options);

#endif
