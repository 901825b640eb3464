/* detect_run.h: judging blocks of patients with thresholds and plans shared between those of one design. */
#ifndef ATTUNE_CLI_DETECT_RUN_H
#define ATTUNE_CLI_DETECT_RUN_H

#include "cli/detect_input.h"

struct run_options {
  enum alliance_rule rule;
  enum alliance_view view;
  double false_alarm;
  uint64_t seed;
  int simulations; /* 0: the usual number */
  bool textbook;   /* the rule's customary limit instead of a calibrated one */
};

/* One threshold for all patients with as many sessions, of which as many are rated (and reports asked) by each. */
struct run_threshold {
  int sessions, rated[ALLIANCE_RATERS], asked[ALLIANCE_RATERS];
  uint64_t times; /* a hash of the session times */
  struct alliance_threshold threshold;
};

struct run {
  struct run_options options;
  struct alliance_estimate estimate;
  struct run_threshold *thresholds;
  size_t threshold_count, threshold_capacity;
  void *memory; /* for the engine */
  size_t bytes;
  struct alliance_finding *findings; /* by row of the block */
  size_t findings_capacity;
  bool *judged; /* by patient of the block: long enough, and not too long */
  size_t judged_capacity;
  size_t too_short, too_long, patients;
};

void run_start(struct run *run, const struct run_options *options, const struct alliance_estimate *estimate);
/* Fills run->findings and run->judged for the whole block. */
enum err run_block(struct run *run, const struct input_block *block, struct error *error);
void run_free(struct run *run);

#endif
