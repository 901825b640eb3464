/* Predictions for other rows, estimated means and their differences. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "attune/stats_accuracy.h"
#include "attune/stats_distributions.h"
#include "attune/stats_predict.h"
#include "stats/model_work.h"

#define TRY(call)                                                                                                      \
  do {                                                                                                                 \
    enum stats_status try_ = call;                                                                                     \
    if (try_) return try_;                                                                                             \
  } while (0)
#define GRID_MOST 100000 /* combinations of levels */

/* --- the frame of a model over other rows ------------------------------------------------------------------------- */

static bool in_effects(const struct formula_terms *terms, size_t v) {
  for (size_t i = 0; i < terms->terms; i++)
    if (terms->term[i] >> v & 1) return true;
  return false;
}

/* Whether a prediction needs a variable. */
static bool is_needed(const struct formula *f, size_t v) {
  bool needed = in_effects(&f->fixed, v) || (f->offset >> v & 1);
  for (size_t r = 0; r < f->randoms; r++) needed |= in_effects(&f->random[r].effect, v);
  return needed && v != f->response;
}

/* The fitted level of every row's value: -1 where it is missing. */
static enum stats_status match_levels(struct frame *frame, const struct frame_factor *fitted, const char *label,
                                      const char *column, const struct stats_memory *memory, struct frame_factor *out,
                                      struct stats_error *error) {
  struct frame_factor own = {0};
  TRY(frame_factor_of(frame, column, true, memory, &own, error));
  int32_t *match = model_take(memory, own.levels, sizeof *match);
  int32_t *code = model_take(memory, frame->table->rows, sizeof *code);
  if (!match || !code) return model_no_memory(error);
  for (size_t i = 0; i < own.levels; i++) {
    match[i] = -1;
    for (size_t l = 0; l < fitted->levels; l++)
      if (!strcmp(own.level[i], fitted->level[l])) match[i] = (int32_t)l;
    if (match[i] < 0)
      return model_fail(error, STATS_BAD_DATA, column, "'%.60s' has the level '%.60s', which the fit did not have",
                        label, own.level[i]);
  }
  for (size_t i = 0; i < frame->table->rows; i++) {
    int32_t at = own.code[i] >= 0 && own.map ? own.map[own.code[i]] : own.code[i];
    code[i] = at < 0 ? -1 : match[at];
  }
  *out = (struct frame_factor){code, NULL, fitted->levels, fitted->level};
  return STATS_OK;
}

static enum stats_status bind_again(struct frame *frame, size_t v, const struct stats_memory *memory,
                                    struct stats_error *error) {
  const struct formula_variable *from = &frame->formula->variable[v];
  struct frame_variable *to = &frame->variable[v];
  const struct stats_column *column;
  if (to->is_factor) return match_levels(frame, &to->factor, to->label, from->name, memory, &to->factor, error);
  if (from->kind == FORMULA_COLUMN) {
    TRY(frame_column_find(frame->table, from->name, &column, error));
    if (!column->number) return model_fail(error, STATS_BAD_DATA, from->name, "'%.60s' is not numeric", from->name);
    to->number = column->number;
    return STATS_OK;
  }
  to->op_column = model_take(memory, from->ops, sizeof(const struct stats_column *));
  if (!to->op_column) return model_no_memory(error);
  for (size_t i = 0; i < from->ops; i++) {
    if (from->op[i].op != 'c') continue;
    TRY(frame_column_find(frame->table, from->op[i].name, &to->op_column[i], error));
    if (!to->op_column[i]->number)
      return model_fail(error, STATS_BAD_DATA, from->op[i].name, "'%.60s' is not numeric", from->op[i].name);
  }
  return STATS_OK;
}

/* The model's frame with other rows: no response, no groups; every row counts. */
static enum stats_status rebind(const struct stats_model *model, const struct stats_table *table, struct frame *frame,
                                struct stats_error *error) {
  const struct stats_model_work *work = model->work;
  size_t count = work->formula.variables;
  *frame = work->frame;
  frame->table = table;
  frame->dropped = NULL;
  frame->weight = NULL;
  frame->groups = 0;
  frame->n = table->rows;
  frame->variable = model_take(work->memory, count, sizeof *frame->variable);
  if (!frame->variable) return model_no_memory(error);
  for (size_t v = 0; v < count; v++) {
    if (!is_needed(&work->formula, v)) continue;
    frame->variable[v] = work->frame.variable[v];
    TRY(bind_again(frame, v, work->memory, error));
  }
  return STATS_OK;
}

static bool is_complete(const struct frame *frame, size_t row) {
  for (size_t v = 0; v < frame->formula->variables; v++) {
    const struct frame_variable *variable = &frame->variable[v];
    if (variable->is_factor && variable->factor.code && variable->factor.code[row] < 0) return false;
    if (variable->number && isnan(variable->number[row])) return false;
    for (size_t k = 0; variable->op && k < variable->ops; k++)
      if (variable->op_column[k] && isnan(variable->op_column[k]->number[row])) return false;
  }
  return true;
}

/* Blocks of the other rows; rows that lack a value are skipped. */
struct reader {
  struct frame frame;
  struct frame_block block;
  double *column; /* [columns of X or of a term][FRAME_BLOCK] */
  size_t next;
};

static enum stats_status open_reader(const struct stats_model *model, const struct stats_table *table, struct reader *r,
                                     struct stats_error *error) {
  size_t most = model->p;
  *r = (struct reader){.next = 0};
  TRY(rebind(model, table, &r->frame, error));
  for (size_t t = 0; t < r->frame.terms; t++)
    if (r->frame.term[t].columns.count > most) most = r->frame.term[t].columns.count;
  if (!(r->column = model_take(model->work->memory, most + 1, FRAME_BLOCK * sizeof *r->column)))
    return model_no_memory(error);
  return frame_block_start(&r->frame, model->work->memory, &r->block, error);
}

static bool read_block(struct reader *r) {
  r->block.n = 0;
  for (; r->block.n < FRAME_BLOCK && r->next < r->frame.table->rows; r->next++)
    if (is_complete(&r->frame, r->next)) r->block.row[r->block.n++] = (uint32_t)r->next;
  frame_block_fill(&r->frame, &r->block);
  return r->block.n > 0;
}

static void fixed_columns(const struct stats_model *model, struct reader *r) {
  for (size_t j = 0; j < model->p; j++)
    frame_column_values(&r->frame, &r->block, &r->frame.fixed.column[model->work->data.x_frame[j]],
                        r->column + j * FRAME_BLOCK);
}

static double offset_of(const struct reader *r, size_t i) {
  double sum = 0;
  for (size_t v = 0; v < r->frame.formula->variables; v++)
    if (r->frame.formula->offset >> v & 1) sum += r->block.number[v][i];
  return sum;
}

/* --- predictions -------------------------------------------------------------------------------------------------- */

/* variance[i] += z'Dz of every random term. */
static void add_random_variance(const struct stats_model *model, struct reader *r, double *variance) {
  for (size_t t = 0; t < model->terms; t++) {
    const struct frame_term *term = &r->frame.term[model->work->data.order[t]];
    size_t n = term->columns.count;
    const double *d = model->random[t].covariance;
    for (size_t k = 0; k < n; k++)
      frame_column_values(&r->frame, &r->block, &term->columns.column[k], r->column + k * FRAME_BLOCK);
    for (size_t i = 0; i < r->block.n; i++)
      for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < n; b++)
          variance[i] += r->column[a * FRAME_BLOCK + i] * d[a * n + b] * r->column[b * FRAME_BLOCK + i];
  }
}

static enum stats_status predict_block(struct stats_model *model, struct reader *r, double level, double *row,
                                       struct stats_prediction *out, struct stats_error *error) {
  double variance[FRAME_BLOCK] = {0};
  fixed_columns(model, r);
  for (size_t i = 0; i < r->block.n; i++) {
    struct stats_prediction *to = &out[r->block.row[i]];
    struct stats_coefficient c;
    for (size_t j = 0; j < model->p; j++) row[j] = r->column[j * FRAME_BLOCK + i];
    TRY(stats_model_contrast(model, row, &c, error));
    *to = (struct stats_prediction){.fit = c.estimate + offset_of(r, i), .se = c.se, .df = c.df};
  }
  add_random_variance(model, r, variance);
  for (size_t i = 0; i < r->block.n; i++) {
    struct stats_prediction *to = &out[r->block.row[i]];
    double t = stats_t_quantile(0.5 + level / 2, to->df);
    double wide = t * sqrt(to->se * to->se + variance[i] + model->sigma2);
    to->low = to->fit - t * to->se;
    to->high = to->fit + t * to->se;
    to->new_low = to->fit - wide;
    to->new_high = to->fit + wide;
  }
  return STATS_OK;
}

enum stats_status stats_model_predict(struct stats_model *model, const struct stats_table *table, double level,
                                      struct stats_prediction *out, struct stats_error *error) {
  struct reader r;
  double *row = model_take(model->work->memory, model->p + 1, sizeof *row);
  if (!row) return model_no_memory(error);
  for (size_t i = 0; i < table->rows; i++) out[i] = (struct stats_prediction){NAN, NAN, NAN, NAN, NAN, NAN, NAN};
  TRY(open_reader(model, table, &r, error));
  while (read_block(&r)) TRY(predict_block(model, &r, level, row, out, error));
  return STATS_OK;
}

/* --- the grid of estimated means ---------------------------------------------------------------------------------- */

struct axis { /* a column that the fixed effects use */
  const char *name;
  const struct frame_factor *factor; /* NULL: a covariate */
  double value;
  size_t stride; /* in the grid */
  bool asked;
};

struct grid {
  struct stats_model *model;
  const struct stats_means_request *request;
  struct axis *axis, **asked; /* [axes], [request->factors] */
  size_t axes, rows, cells;
};

static enum stats_status add_axis(struct grid *g, const char *name, const struct frame_factor *factor,
                                  struct stats_error *error) {
  const struct frame *frame = &g->model->work->frame;
  const struct stats_column *column;
  for (size_t i = 0; i < g->axes; i++)
    if (!strcmp(g->axis[i].name, name)) {
      if (factor) g->axis[i].factor = factor;
      return STATS_OK;
    }
  struct axis *axis = &g->axis[g->axes++];
  *axis = (struct axis){.name = name, .factor = factor};
  TRY(frame_column_find(frame->table, name, &column, error));
  double sum = 0, n = 0;
  for (size_t i = 0; column->number && i < frame->table->rows; i++) {
    if (frame->dropped && frame->dropped[i]) continue;
    sum += column->number[i];
    n++;
  }
  axis->value = sum / n;
  for (size_t i = 0; i < g->request->ats; i++)
    if (!strcmp(g->request->at[i], name)) axis->value = g->request->value[i];
  return STATS_OK;
}

static enum stats_status find_axes(struct grid *g, struct stats_error *error) {
  const struct stats_model_work *work = g->model->work;
  size_t most = 0;
  for (size_t v = 0; v < work->formula.variables; v++) most += 1 + work->formula.variable[v].ops;
  if (!(g->axis = model_take(work->memory, most, sizeof *g->axis))) return model_no_memory(error);
  for (size_t v = 0; v < work->formula.variables; v++) {
    const struct formula_variable *from = &work->formula.variable[v];
    const struct frame_variable *variable = &work->frame.variable[v];
    if (!is_needed(&work->formula, v)) continue;
    if (from->name) TRY(add_axis(g, from->name, variable->is_factor ? &variable->factor : NULL, error));
    for (size_t i = 0; i < from->ops; i++)
      if (from->op[i].op == 'c') TRY(add_axis(g, from->op[i].name, NULL, error));
  }
  return STATS_OK;
}

static struct axis *axis_of(struct grid *g, const char *name) {
  for (size_t i = 0; i < g->axes; i++)
    if (!strcmp(g->axis[i].name, name)) return &g->axis[i];
  return NULL;
}

/* Asked factors vary slowest, in the order asked; so the rows of a cell stand together. */
static enum stats_status lay_grid(struct grid *g, struct stats_error *error) {
  const struct stats_means_request *request = g->request;
  for (size_t i = 0; i < request->ats; i++) {
    const struct axis *axis = axis_of(g, request->at[i]);
    if (!axis || axis->factor)
      return model_fail(error, STATS_BAD_FORMULA, request->at[i], "'%.60s' is no covariate of the fixed effects",
                        request->at[i]);
  }
  g->rows = g->cells = 1;
  g->asked = model_take(g->model->work->memory, request->factors, sizeof(struct axis *));
  if (!g->asked) return model_no_memory(error);
  for (size_t i = 0; i < request->factors; i++) {
    struct axis *axis = axis_of(g, request->factor[i]);
    if (!axis || !axis->factor || axis->asked)
      return model_fail(error, STATS_BAD_FORMULA, request->factor[i],
                        "'%.60s' is no factor of the fixed effects, or named twice; a covariate is given a value "
                        "(--at COLUMN=VALUE)",
                        request->factor[i]);
    axis->asked = true;
    g->asked[i] = axis;
    g->cells *= axis->factor->levels;
    if (g->cells > GRID_MOST) break;
  }
  for (size_t i = 0; i < g->axes; i++) {
    if (!g->axis[i].factor || g->axis[i].asked) continue;
    g->axis[i].stride = g->rows;
    g->rows *= g->axis[i].factor->levels;
    if (g->rows > GRID_MOST) break;
  }
  if (g->cells > GRID_MOST / g->rows)
    return model_fail(error, STATS_BAD_DATA, "", "the factors have more than %d combinations of levels", GRID_MOST);
  for (size_t i = request->factors; i-- > 0;) {
    g->asked[i]->stride = g->rows;
    g->rows *= g->asked[i]->factor->levels;
  }
  return STATS_OK;
}

/* The rows of the grid as a table. */
static enum stats_status grid_table(struct grid *g, struct stats_table *table, struct stats_error *error) {
  const struct stats_memory *memory = g->model->work->memory;
  struct stats_column *column = model_take(memory, g->axes, sizeof *column);
  if (!column) return model_no_memory(error);
  for (size_t c = 0; c < g->axes; c++) {
    const struct axis *axis = &g->axis[c];
    const struct stats_column *from;
    TRY(frame_column_find(g->model->work->frame.table, axis->name, &from, error));
    double *number = model_take(memory, g->rows, sizeof *number);
    int32_t *code = model_take(memory, g->rows, sizeof *code);
    if (!number || !code) return model_no_memory(error);
    for (size_t i = 0; i < g->rows; i++) {
      size_t level = axis->factor ? i / axis->stride % axis->factor->levels : 0;
      code[i] = (int32_t)level;
      number[i] = axis->factor && from->number ? strtod(axis->factor->level[level], NULL) : axis->value;
    }
    column[c] = from->number ? (struct stats_column){.name = axis->name, .number = number}
                             : (struct stats_column){axis->name, NULL, code, axis->factor->level, axis->factor->levels};
  }
  *table = (struct stats_table){g->rows, g->axes, column};
  return STATS_OK;
}

static size_t rows_of_cell(const struct grid *g) {
  return g->cells && g->rows > g->cells ? g->rows / g->cells : 1;
}

/* l [cells][p] and the offset of each cell: the means of its rows. */
static enum stats_status cell_rows(struct grid *g, double *l, double *offset, struct stats_error *error) {
  struct stats_table table;
  struct reader r;
  size_t p = g->model->p, each = rows_of_cell(g);
  TRY(grid_table(g, &table, error));
  TRY(open_reader(g->model, &table, &r, error));
  while (read_block(&r)) {
    fixed_columns(g->model, &r);
    for (size_t i = 0; i < r.block.n; i++) {
      size_t cell = r.block.row[i] / each;
      for (size_t j = 0; j < p; j++) l[cell * p + j] += r.column[j * FRAME_BLOCK + i] / (double)each;
      offset[cell] += offset_of(&r, i) / (double)each;
    }
  }
  return STATS_OK;
}

static const char *cell_name(struct grid *g, size_t cell) {
  const char *name = "";
  size_t row = cell * rows_of_cell(g);
  for (size_t i = 0; i < g->request->factors && name; i++) {
    const struct axis *axis = g->asked[i];
    name = model_text(g->model->work->memory, "%s%s%s", name, i ? " " : "",
                      axis->factor->level[row / axis->stride % axis->factor->levels]);
  }
  return name;
}

static enum stats_status test_row(struct grid *g, const double *row, double offset, struct stats_mean *out,
                                  struct stats_error *error) {
  struct stats_coefficient c;
  TRY(stats_model_contrast(g->model, row, &c, error));
  double half = stats_t_quantile(0.5 + g->request->level / 2, c.df) * c.se;
  out->estimate = c.estimate + offset;
  out->se = c.se;
  out->df = c.df;
  out->t = out->estimate / c.se;
  out->p = out->p_holm = stats_t_two_sided(out->t, c.df);
  out->low = out->estimate - half;
  out->high = out->estimate + half;
  return STATS_OK;
}

static int by_p(const void *a, const void *b) {
  double x = (*(struct stats_mean *const *)a)->p, y = (*(struct stats_mean *const *)b)->p;
  return (x > y) - (x < y);
}

/* Holm's step-down adjustment. */
static enum stats_status adjust(struct stats_mean *difference, size_t count, const struct stats_memory *memory,
                                struct stats_error *error) {
  struct stats_mean **order = model_take(memory, count, sizeof(struct stats_mean *));
  double least = 0;
  if (!order) return model_no_memory(error);
  for (size_t i = 0; i < count; i++) order[i] = &difference[i];
  qsort(order, count, sizeof *order, by_p);
  for (size_t i = 0; i < count; i++) {
    double p = order[i]->p * (double)(count - i);
    least = p > least ? p : least;
    order[i]->p_holm = least < 1 ? least : 1;
  }
  return STATS_OK;
}

static enum stats_status fill_differences(struct grid *g, const double *l, const double *offset,
                                          struct stats_means *out, struct stats_error *error) {
  const struct stats_memory *memory = g->model->work->memory;
  size_t p = g->model->p;
  double *row = model_take(memory, p + 1, sizeof *row);
  out->difference = model_take(memory, g->cells * (g->cells - 1) / 2, sizeof *out->difference);
  if (!row || !out->difference) return model_no_memory(error);
  for (size_t a = 0; a < g->cells; a++)
    for (size_t b = a + 1; b < g->cells; b++) {
      struct stats_mean *to = &out->difference[out->differences++];
      for (size_t j = 0; j < p; j++) row[j] = l[b * p + j] - l[a * p + j];
      to->name = model_text(memory, "%s - %s", out->mean[b].name, out->mean[a].name);
      if (!to->name) return model_no_memory(error);
      TRY(test_row(g, row, offset[b] - offset[a], to, error));
    }
  return adjust(out->difference, out->differences, memory, error);
}

enum stats_status stats_model_means(struct stats_model *model, const struct stats_means_request *request,
                                    struct stats_means *out, struct stats_error *error) {
  struct grid g = {.model = model, .request = request};
  const struct stats_memory *memory = model->work->memory;
  *out = (struct stats_means){0};
  if (model->dropped)
    return model_fail(error, STATS_BAD_FORMULA, model->dropped_name[0],
                      "the data do not tell all coefficients (%.60s was left out), so the means cannot be estimated",
                      model->dropped_name[0]);
  TRY(find_axes(&g, error));
  TRY(lay_grid(&g, error));
  if (g.cells > 400) return model_fail(error, STATS_BAD_DATA, "", "there are more than 400 means to compare");
  double *l = model_take(memory, g.cells, (model->p + 1) * sizeof *l), *offset = model_take(memory, g.cells, sizeof *l);
  out->mean = model_take(memory, g.cells, sizeof *out->mean);
  if (!l || !offset || !out->mean) return model_no_memory(error);
  TRY(cell_rows(&g, l, offset, error));
  for (size_t cell = 0; cell < g.cells; cell++) {
    struct stats_mean *to = &out->mean[out->means++];
    if (!(to->name = cell_name(&g, cell))) return model_no_memory(error);
    TRY(test_row(&g, l + cell * model->p, offset[cell], to, error));
  }
  return fill_differences(&g, l, offset, out, error);
}
