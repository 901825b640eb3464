/* Permutation inference over therapists, restricted to the allocations that the design allowed. */
#include <math.h>
#include <string.h>

#include "attune/stats_accuracy.h"
#include "stats/model_work.h"

#define TRY(call)                                                                                                      \
  do {                                                                                                                 \
    enum stats_status try_ = call;                                                                                     \
    if (try_) return try_;                                                                                             \
  } while (0)

struct permute {
  const struct stats_permutation_input *input;
  struct stats_model_options options;
  const struct stats_scratch *scratch;
  struct stats_table table;
  struct stats_column *arm; /* within the table's columns */
  double *number;
  int32_t *code;
  size_t *unit; /* [rows] index into the units, or SIZE_MAX */
};

static enum stats_status index_units(struct permute *p, const struct stats_memory *memory, struct stats_error *error) {
  const struct stats_permutation_input *input = p->input;
  struct frame frame = {.table = input->table};
  struct frame_factor factor = {0};
  TRY(frame_factor_of(&frame, input->unit, false, memory, &factor, error));
  size_t *index = model_take(memory, factor.levels, sizeof *index);
  p->unit = model_take(memory, input->table->rows, sizeof *p->unit);
  if (!index || !p->unit) return model_no_memory(error);
  for (size_t l = 0; l < factor.levels; l++) {
    index[l] = 0;
    while (index[l] < input->units && strcmp(input->unit_name[index[l]], factor.level[l]) != 0) index[l]++;
    if (index[l] == input->units)
      return model_fail(error, STATS_BAD_DATA, input->unit,
                        "the list of allocations has no column for '%.60s' of '%.60s'", factor.level[l], input->unit);
  }
  for (size_t i = 0; i < input->table->rows; i++) {
    int32_t code = factor.code[i];
    if (code >= 0 && factor.map) code = factor.map[code];
    p->unit[i] = code < 0 ? SIZE_MAX : index[code];
  }
  return STATS_OK;
}

static enum stats_status copy_table(struct permute *p, const struct stats_memory *memory, struct stats_error *error) {
  const struct stats_table *from = p->input->table;
  const struct stats_column *arm;
  TRY(frame_column_find(from, p->input->arm, &arm, error));
  struct stats_column *column = model_take(memory, from->columns, sizeof *column);
  p->number = model_take(memory, from->rows, sizeof *p->number);
  p->code = model_take(memory, from->rows, sizeof *p->code);
  if (!column || !p->number || !p->code) return model_no_memory(error);
  memcpy(column, from->column, from->columns * sizeof *column);
  p->table = (struct stats_table){from->rows, from->columns, column};
  p->arm = &column[arm - from->column];
  return STATS_OK;
}

/* |t| of the coefficient in the table as it stands; NaN when the fit or the coefficient fails. */
static double statistic(struct permute *p, struct stats_error *error) {
  struct stats_model *model;
  double t = NAN;
  if (!stats_model_fit(p->input->formula, &p->table, &p->options, &p->scratch->memory, &model, error)) {
    for (size_t j = 0; j < model->p; j++)
      if (!strcmp(model->fixed[j].name, p->input->coefficient)) t = fabs(model->fixed[j].t);
    if (isnan(t))
      model_fail(error, STATS_BAD_DATA, p->input->coefficient, "the model has no coefficient '%.60s'",
                 p->input->coefficient);
  }
  p->scratch->drop(p->scratch->memory.state);
  return t;
}

/* Puts an allocation into the arm's column; true when it is the data's own. */
static bool allocate(struct permute *p, const double *allocation) {
  const struct stats_column *own = p->arm - p->table.column + p->input->table->column;
  bool same = true;
  for (size_t i = 0; i < p->table.rows; i++) {
    double arm = p->unit[i] == SIZE_MAX ? NAN : allocation[p->unit[i]];
    if (own->code) {
      p->code[i] = isnan(arm) || own->code[i] < 0 ? -1 : (int32_t)arm;
      same &= p->code[i] == own->code[i] || own->code[i] < 0;
    } else {
      p->number[i] = isnan(own->number[i]) ? NAN : arm;
      same &= isnan(own->number[i]) || p->number[i] == own->number[i];
    }
  }
  if (own->code)
    p->arm->code = p->code;
  else
    p->arm->number = p->number;
  return same;
}

static enum stats_status check_codes(const struct permute *p, struct stats_error *error) {
  const struct stats_permutation_input *input = p->input;
  for (size_t i = 0; i < input->allocations * input->units && p->arm->code; i++)
    if (!(input->allocation[i] >= 0 && input->allocation[i] < (double)p->arm->levels))
      return model_fail(error, STATS_BAD_DATA, input->arm, "an allocation gives an arm that '%.60s' does not have",
                        input->arm);
  return STATS_OK;
}

enum stats_status stats_permutation_test(const struct stats_permutation_input *input,
                                         const struct stats_model_options *options, const struct stats_memory *memory,
                                         const struct stats_scratch *scratch, struct stats_permutation *out,
                                         struct stats_error *error) {
  struct permute p = {.input = input, .options = {.ml = options->ml, .df = STATS_DF_NONE}, .scratch = scratch};
  struct stats_error said;
  *out = (struct stats_permutation){.allocations = input->allocations};
  if (!input->allocations) return model_fail(error, STATS_BAD_DATA, "", "the list of allocations is empty");
  TRY(copy_table(&p, memory, error));
  TRY(check_codes(&p, error));
  TRY(index_units(&p, memory, error));
  out->observed = statistic(&p, &said);
  if (isnan(out->observed)) return model_fail(error, said.status, said.field, "%s", said.text);
  for (size_t a = 0; a < input->allocations; a++) {
    out->observed_in_list |= allocate(&p, input->allocation + a * input->units);
    double t = statistic(&p, &said);
    out->failed += isnan(t);
    out->as_extreme += isnan(t) || t >= out->observed * (1 - 1e-9);
  }
  double extra = out->observed_in_list ? 0 : 1;
  out->p = ((double)out->as_extreme + extra) / ((double)out->allocations + extra);
  return STATS_OK;
}
