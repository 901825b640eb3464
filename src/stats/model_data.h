/* model_data.h: from a frame to a kernel: centred and scaled columns, one pass of cross-products.
 *
 * Cross-products square the condition number, so every column is centred and scaled first, where that is an exact
 * change of variables: columns of X and y are centred when X has an intercept, those of a random term when it is
 * correlated and has one. X = X_c T^-1, Z = Z_c A^-1; what is found is carried back by model_fit.c. */
#ifndef ATTUNE_STATS_MODEL_DATA_H
#define ATTUNE_STATS_MODEL_DATA_H

#include "stats/model_frame.h"
#include "stats/model_kernel.h"

struct data_column {               /* a distinct column; those of X and Z that are the same share one */
  const struct frame_column *from; /* NULL for the response */
  bool centred;
  double centre, scale;
};

struct model_data {
  const struct frame *frame;
  const struct stats_memory *memory;
  struct data_column *column;
  size_t columns, response;
  size_t *x;       /* [p] columns of X that are kept */
  size_t *x_frame; /* [p] their places in frame->fixed */
  size_t p;
  size_t **z;                         /* [terms][size] columns of Z in the order of the kernel */
  size_t **z_frame;                   /* [terms][size] their places in the term of the frame */
  size_t *order;                      /* [terms] the frame's term of each kernel term: most levels first */
  size_t group_stage[FORMULA_RANDOM]; /* stage of each frame group: most levels first */
  size_t stage_group[KERNEL_STAGES];  /* and back */
  bool crossed;
  size_t *dropped; /* places in frame->fixed of columns left out */
  size_t dropped_count;
  double *total; /* packed cross-products of all columns */
  struct kernel kernel;
};

/* `z_frame` is an order of the columns of each kernel term, or NULL for the frame's own. */
enum stats_status data_build(const struct frame *frame, bool reml, size_t **z_frame, const struct stats_memory *memory,
                             struct model_data *data, struct stats_error *error);

/* Centred and scaled values of all distinct columns for a block, times the root of each row's weight:
 * value[row * columns + column]. */
void data_block_values(const struct model_data *data, const struct frame_block *block, double *value, double *column);

#endif
