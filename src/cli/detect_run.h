/* detect_run.h: judging blocks of patients with thresholds shared between those who miss as many sessions.
 *
 * One thread meets the blocks in the file's order, which makes the thresholds; then blocks can be judged by any thread
 * and in any order. */
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
struct run_class {
  int sessions, rated[ALLIANCE_RATERS], asked[ALLIANCE_RATERS];
  uint64_t times; /* a hash of the session times */
};
struct run_threshold {
  struct run_class of;
  struct alliance_threshold threshold;
  struct run_threshold *next;       /* in the order in which they were met */
  struct run_threshold *next_alike; /* of the same bucket */
};
#define RUN_BUCKETS 256

struct run {
  struct run_options options;
  struct alliance_estimate estimate;
  struct run_threshold *first, *last, *bucket[RUN_BUCKETS];
  double factor; /* of the model's limits: above 1 where the mirrored sample asks for stricter ones */
  size_t too_short, too_long, patients;
};

/* Memory that grows. */
struct run_memory {
  void *bytes;
  size_t size;
};

/* One block, from meeting it to its findings: cases[p] is the block's patient p. */
struct run_block {
  struct alliance_case *cases;
  struct run_memory cases_memory, engine;
};

void run_start(struct run *run, const struct run_options *options, const struct alliance_estimate *estimate);
/* Compares the model's limits with the mirrored sample, of which this is all or the first part, before any block is met;
 * limits found later are as much stricter. */
enum err run_check(struct run *run, const struct input_block *block, struct alliance_mirror *mirror,
                   struct error *error);
/* Says who can be judged and finds the thresholds: blocks in the file's order. */
enum err run_meet(struct run *run, struct run_block *out, const struct input_block *block, struct error *error);
/* Fills out->cases[].result. Any thread, for a block that was met. */
enum err run_judge(const struct run *run, struct run_block *out, const struct input_block *block, struct error *error);
void run_block_free(struct run_block *block);
void run_free(struct run *run);

#endif
