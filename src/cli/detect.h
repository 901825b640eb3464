/* detect.h: the parts of `attune detect`. */
#ifndef ATTUNE_CLI_DETECT_H
#define ATTUNE_CLI_DETECT_H

#include <stdio.h>

#include "alliance/engine.h"
#include "cli/detect_run.h"

int command_detect(int argc, char **argv);

/* detect_sample.c: the estimate from a file: all of it, or evenly spaced parts of a large one. */
enum err sample_estimate(struct alliance_estimate *estimate, const struct alliance_settings *settings,
                         struct input *input, struct input_block *first, const char *path, bool worse, bool *whole,
                         struct error *error);
#define SAMPLE_PATIENTS 1000 /* more than these: the estimate rests on a sample of about as many */

/* detect_output.c */
struct output {
  FILE *to;
  char *text;
  size_t used;
  double sign;  /* -1 where higher is worse */
  int decimals; /* of expected ratings */
  bool json, first;
};
void output_start(struct output *output, FILE *to, const struct run *run, bool json, double sign, bool whole);
void output_block(struct output *output, const struct run *run, const struct input_block *block);
bool output_finish(struct output *output, const struct run *run);

/* detect_operating.c */
struct operating_options {
  int64_t sessions, trials, seed;
  double depth, missing, false_alarm;
  const char *length, *shape;
  bool hindsight, json;
};
int operating_command(const struct operating_options *options);

#endif
