/* Between-within degrees of freedom (Schluchter & Elashoff 1990; Pinheiro & Bates 2000, section 2.4.2), extended to
 * random slopes: a column of X that is, within every group of a stage, a multiple of one column of that stage's Z is
 * estimated between the groups of that stage (arm:time under a random slope of time by therapist is estimated between
 * therapists). With m groups, m' groups of the next coarser stage whose Z has that column too, and k such columns,
 *     df = m - m' - k;
 * the coarsest stage of which it is true counts, and there m' = 0. Every other column: rows - effects of the finest
 * stage that can be told apart - such columns. */
#include "stats/model_within.h"

#include <math.h>
#include <string.h>

#define TRY(call)                                                                                                      \
  do {                                                                                                                 \
    enum stats_status try_ = call;                                                                                     \
    if (try_) return try_;                                                                                             \
  } while (0)
#define SAME 1e-9

struct within {
  const struct model_data *data;
  const struct frame *frame;
  size_t strata; /* pairs of a term and one of its columns */
  struct {
    size_t term, column;
  } * stratum;
  double **reference; /* [strata][levels * (1 + p)]: z and x of the row with the largest |z| so far */
  bool *multiple;     /* [strata * p] */
};

static enum stats_status new_strata(struct within *w, const struct stats_memory *memory, struct stats_error *error) {
  size_t most = 0, p = w->data->p;
  for (size_t t = 0; t < w->frame->terms; t++) most += w->frame->term[t].columns.count;
  w->stratum = model_take(memory, most, sizeof *w->stratum);
  w->reference = model_take(memory, most, sizeof *w->reference);
  w->multiple = model_take(memory, most * p + 1, 1);
  if (!w->stratum || !w->reference || !w->multiple) return model_no_memory(error);
  for (size_t t = w->frame->terms; t-- > 0;) { /* coarsest first */
    const struct frame_term *term = &w->frame->term[w->data->order[t]];
    for (size_t k = 0; k < term->columns.count; k++) {
      w->stratum[w->strata].term = w->data->order[t];
      w->stratum[w->strata].column = k;
      w->reference[w->strata] =
          model_take(memory, w->frame->group[term->group].factor.levels, (1 + p) * sizeof(double));
      if (!w->reference[w->strata++]) return model_no_memory(error);
    }
  }
  memset(w->multiple, 1, most * p + 1);
  return STATS_OK;
}

static void compare(struct within *w, size_t s, size_t group, double z, const double *x, size_t stride,
                    const double *size) {
  size_t p = w->data->p;
  double *reference = w->reference[s] + group * (1 + p);
  for (size_t j = 0; j < p; j++) {
    double a = x[j * stride] * reference[0], b = reference[1 + j] * z;
    if (fabs(a - b) > SAME * size[j] * (fabs(reference[0]) + fabs(z))) w->multiple[s * p + j] = false;
  }
  if (fabs(z) < fabs(reference[0])) return;
  reference[0] = z;
  for (size_t j = 0; j < p; j++) reference[1 + j] = x[j * stride];
}

static enum stats_status scan(struct within *w, const struct stats_memory *memory, struct stats_error *error) {
  struct frame_block block;
  size_t p = w->data->p;
  double *x = model_take(memory, p + 1, FRAME_BLOCK * sizeof *x), z[FRAME_BLOCK];
  double *size = model_take(memory, p + 1, sizeof *size);
  if (!x || !size) return model_no_memory(error);
  for (size_t j = 0; j < p; j++) {
    const struct data_column *column = &w->data->column[w->data->x[j]];
    size[j] = fabs(column->centre) + column->scale;
  }
  TRY(frame_block_start(w->frame, memory, &block, error));
  while (frame_block_read(w->frame, &block)) {
    for (size_t j = 0; j < p; j++)
      frame_column_values(w->frame, &block, &w->frame->fixed.column[w->data->x_frame[j]], x + j * FRAME_BLOCK);
    for (size_t s = 0; s < w->strata; s++) {
      const struct frame_term *term = &w->frame->term[w->stratum[s].term];
      frame_column_values(w->frame, &block, &term->columns.column[w->stratum[s].column], z);
      for (size_t i = 0; i < block.n; i++)
        compare(w, s, (size_t)block.group[term->group][i], z[i], x + i, FRAME_BLOCK, size);
    }
  }
  return STATS_OK;
}

static const struct frame_column *column_of(const struct within *w, size_t s) {
  return &w->frame->term[w->stratum[s].term].columns.column[w->stratum[s].column];
}

static size_t levels_of(const struct within *w, size_t s) {
  return w->frame->group[w->frame->term[w->stratum[s].term].group].factor.levels;
}

/* Groups of the next coarser stage whose Z has the same column; 0 when there is none. */
static size_t levels_above(const struct within *w, size_t s) {
  for (size_t other = s; other-- > 0;)
    if (levels_of(w, other) < levels_of(w, s) && !strcmp(column_of(w, other)->name, column_of(w, s)->name))
      return levels_of(w, other);
  return 0;
}

static size_t rank_of(double *g, size_t q) {
  size_t rank = 0;
  for (size_t j = 0; j < q; j++) {
    double pivot = g[j * q + j], own = pivot;
    for (size_t k = 0; k < j; k++) pivot -= g[j * q + k] * g[j * q + k];
    bool some = pivot > 1e-10 * own;
    double root = some ? sqrt(pivot) : 0;
    rank += some;
    for (size_t i = j + 1; i < q; i++) {
      double sum = g[i * q + j];
      for (size_t k = 0; k < j; k++) sum -= g[i * q + k] * g[j * q + k];
      g[i * q + j] = some ? sum / root : 0;
    }
    g[j * q + j] = root;
  }
  return rank;
}

/* Effects of the finest stage that the rows can tell apart. */
static size_t finest_effects(const struct kernel *kernel, double *scratch) {
  size_t q = kernel->stage[0].q, sum = 0;
  for (size_t i = 0; i < kernel->patterns; i++) {
    memcpy(scratch, kernel->pattern_g + i * q * q, q * q * sizeof *scratch);
    sum += kernel->pattern_count[i] * rank_of(scratch, q);
  }
  return sum;
}

enum stats_status model_between_within(struct stats_model *model, struct stats_error *error) {
  const struct stats_model_work *work = model->work;
  struct within w = {.data = &work->data, .frame = &work->frame};
  size_t p = model->p, q = work->data.kernel.stage[0].q;
  if (work->data.crossed)
    return model_fail(error, STATS_BAD_FORMULA, "df", "between-within degrees of freedom are for groups that nest");
  TRY(new_strata(&w, work->memory, error));
  TRY(scan(&w, work->memory, error));
  size_t *home = model_take(work->memory, p + 1, sizeof *home),
         *members = model_take(work->memory, w.strata + 1, sizeof *members);
  double *scratch = model_take(work->memory, q * q + 1, sizeof *scratch);
  if (!home || !members || !scratch) return model_no_memory(error);
  for (size_t j = 0; j < p; j++) {
    home[j] = 0;
    while (home[j] < w.strata && !w.multiple[home[j] * p + j]) home[j]++;
    members[home[j]]++;
  }
  for (size_t j = 0; j < p; j++) {
    double all = home[j] < w.strata ? (double)levels_of(&w, home[j]) - (double)levels_above(&w, home[j])
                                    : (double)model->n - (double)finest_effects(&work->data.kernel, scratch);
    double df = all - (double)members[home[j]];
    model->fixed[j].df = df >= 1 ? df : 1;
  }
  return STATS_OK;
}
