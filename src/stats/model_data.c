#include "stats/model_data.h"

#include <math.h>
#include <string.h>

#include "stats/model_base.h"

#define TRY(call)                                                                                                      \
  do {                                                                                                                 \
    enum stats_status try_ = call;                                                                                     \
    if (try_) return try_;                                                                                             \
  } while (0)
#define RANK_SUSPECT 1e-9   /* squared relative residual below which rank is looked at closely */
#define RANK_TOLERANCE 1e-7 /* relative residual of a column that counts as none, as in R's qr() */

/* --- distinct columns --------------------------------------------------------------------------------------------- */

static bool same_column(const struct frame_column *a, const struct frame_column *b) {
  if (!a || !b || a->parts != b->parts) return false;
  for (int i = 0; i < a->parts; i++)
    if (a->part[i].variable != b->part[i].variable || a->part[i].level != b->part[i].level) return false;
  return true;
}

static size_t distinct_column(struct model_data *data, const struct frame_column *from, bool centred) {
  centred = centred && (!from || from->parts > 0);
  for (size_t i = 0; i < data->columns; i++)
    if (data->column[i].centred == centred && same_column(data->column[i].from, from)) return i;
  data->column[data->columns] = (struct data_column){from, centred, 0, 1};
  return data->columns++;
}

static enum stats_status order_terms(struct model_data *data, struct stats_error *error) {
  const struct frame *frame = data->frame;
  if (!(data->order = model_take(data->memory, frame->terms, sizeof *data->order))) return model_no_memory(error);
  for (size_t t = 0; t < frame->terms; t++) {
    size_t at = t, levels = frame->group[frame->term[t].group].factor.levels;
    for (; at > 0 && frame->group[frame->term[data->order[at - 1]].group].factor.levels < levels; at--)
      data->order[at] = data->order[at - 1];
    data->order[at] = t;
  }
  return STATS_OK;
}

static enum stats_status own_order(struct model_data *data, struct stats_error *error) {
  const struct frame *frame = data->frame;
  data->z_frame = model_take(data->memory, frame->terms, sizeof *data->z_frame);
  for (size_t t = 0; data->z_frame && t < frame->terms; t++) {
    size_t count = frame->term[data->order[t]].columns.count;
    if (!(data->z_frame[t] = model_take(data->memory, count, sizeof **data->z_frame))) return model_no_memory(error);
    for (size_t i = 0; i < count; i++) data->z_frame[t][i] = i;
  }
  return data->z_frame ? STATS_OK : model_no_memory(error);
}

static enum stats_status collect_columns(struct model_data *data, struct stats_error *error) {
  const struct frame *frame = data->frame;
  size_t most = frame->fixed.count + 1;
  for (size_t t = 0; t < frame->terms; t++) most += frame->term[t].columns.count;
  data->column = model_take(data->memory, most, sizeof *data->column);
  data->x = model_take(data->memory, frame->fixed.count, sizeof *data->x);
  data->x_frame = model_take(data->memory, frame->fixed.count, sizeof *data->x_frame);
  data->dropped = model_take(data->memory, frame->fixed.count, sizeof *data->dropped);
  data->z = model_take(data->memory, frame->terms, sizeof *data->z);
  if (!data->column || !data->x || !data->x_frame || !data->dropped || !data->z) return model_no_memory(error);
  bool intercept = frame->formula->fixed.intercept;
  for (data->p = 0; data->p < frame->fixed.count; data->p++) {
    data->x[data->p] = distinct_column(data, &frame->fixed.column[data->p], intercept);
    data->x_frame[data->p] = data->p;
  }
  for (size_t t = 0; t < frame->terms; t++) {
    const struct frame_term *term = &frame->term[data->order[t]];
    bool centred = term->correlated && term->columns.column[0].parts == 0;
    if (!(data->z[t] = model_take(data->memory, term->columns.count, sizeof **data->z))) return model_no_memory(error);
    for (size_t i = 0; i < term->columns.count; i++)
      data->z[t][i] = distinct_column(data, &term->columns.column[data->z_frame[t][i]], centred);
  }
  data->response = distinct_column(data, NULL, intercept);
  return STATS_OK;
}

static void raw_values(const struct model_data *data, const struct frame_block *block, size_t c, double *value) {
  const struct data_column *column = &data->column[c];
  if (column->from)
    frame_column_values(data->frame, block, column->from, value);
  else
    memcpy(value, block->number[data->frame->formula->response], block->n * sizeof *value);
}

void data_block_values(const struct model_data *data, const struct frame_block *block, double *value, double *column) {
  for (size_t c = 0; c < data->columns; c++) {
    raw_values(data, block, c, column);
    double centre = data->column[c].centre, inverse = 1 / data->column[c].scale;
    for (size_t i = 0; i < block->n; i++) value[i * data->columns + c] = (column[i] - centre) * inverse;
  }
  for (size_t i = 0; data->frame->weight && i < block->n; i++) {
    double root = sqrt(data->frame->weight[block->row[i]]);
    for (size_t c = 0; c < data->columns; c++) value[i * data->columns + c] *= root;
  }
}

/* --- first pass: centres, scales and who is whose parent ---------------------------------------------------------- */

struct moments {
  double shift, sum, square, least, most;
};

static void add_moments(struct moments *m, const double *value, size_t n, bool first) {
  if (first) *m = (struct moments){value[0], 0, 0, value[0], value[0]};
  double sum = 0, square = 0;
  for (size_t i = 0; i < n; i++) {
    double x = value[i] - m->shift;
    sum += x;
    square += x * x;
    if (value[i] < m->least) m->least = value[i];
    if (value[i] > m->most) m->most = value[i];
  }
  m->sum += sum;
  m->square += square;
}

static enum stats_status set_scale(struct model_data *data, size_t c, const struct moments *m,
                                   struct stats_error *error) {
  struct data_column *column = &data->column[c];
  double n = (double)data->frame->n, mean = m->sum / n;
  column->centre = column->centred ? m->shift + mean : 0;
  double square =
      column->centred ? m->square / n - mean * mean : m->square / n + 2 * m->shift * mean + m->shift * m->shift;
  bool constant = m->least == m->most;
  if (c == data->response && constant)
    return model_fail(error, STATS_BAD_DATA, data->frame->variable[data->frame->formula->response].label,
                      "the response '%.60s' is constant (%.15g in all %zu rows): there is nothing to model",
                      data->frame->variable[data->frame->formula->response].label, m->least, data->frame->n);
  if (column->centred && constant) square = 0;
  const char *name = column->from ? column->from->name : data->frame->variable[data->frame->formula->response].label;
  if (!isfinite(square))
    return model_fail(error, STATS_BAD_DATA, name, "'%.60s' has values too large to compute with", name);
  if (square > 0 && square < 1e-200)
    return model_fail(error, STATS_BAD_DATA, name, "'%.60s' has values too small to compute with", name);
  bool one = column->from && column->from->parts == 0;
  column->scale = one || !(square > 0) ? 1 : sqrt(square);
  return STATS_OK;
}

/* Notes the parent of each group of stage s; false when one has two. */
static bool note_parents(uint32_t *parent, const int32_t *child, const int32_t *of, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint32_t value = (uint32_t)of[i] + 1;
    if (parent[child[i]] == 0)
      parent[child[i]] = value;
    else if (parent[child[i]] != value)
      return false;
  }
  return true;
}

struct first_pass {
  struct moments *moments;
  uint32_t *parent[KERNEL_STAGES]; /* + 1, for the groups in order of levels */
  size_t group[FORMULA_RANDOM];    /* frame groups, most levels first */
};

static enum stats_status pass_one(struct model_data *data, struct first_pass *pass, struct stats_error *error) {
  const struct frame *frame = data->frame;
  struct frame_block block;
  double value[FRAME_BLOCK];
  TRY(frame_block_start(frame, data->memory, &block, error));
  bool first = true;
  while (frame_block_read(frame, &block)) {
    for (size_t c = 0; c < data->columns; c++) {
      raw_values(data, &block, c, value);
      add_moments(&pass->moments[c], value, block.n, first);
    }
    for (size_t s = 0; s + 1 < frame->groups && !data->crossed; s++)
      data->crossed =
          !note_parents(pass->parent[s], block.group[pass->group[s]], block.group[pass->group[s + 1]], block.n);
    first = false;
  }
  for (size_t c = 0; c < data->columns; c++) TRY(set_scale(data, c, &pass->moments[c], error));
  return STATS_OK;
}

static enum stats_status look(struct model_data *data, struct first_pass *pass, struct stats_error *error) {
  const struct frame *frame = data->frame;
  size_t seen = 0;
  for (size_t t = 0; t < frame->terms; t++) {
    size_t g = frame->term[data->order[t]].group, i = 0;
    while (i < seen && pass->group[i] != g) i++;
    if (i == seen) pass->group[seen++] = g;
  }
  pass->moments = model_take(data->memory, data->columns, sizeof *pass->moments);
  if (!pass->moments) return model_no_memory(error);
  for (size_t s = 0; s < frame->groups; s++) {
    pass->parent[s] = model_take(data->memory, frame->group[pass->group[s]].factor.levels, sizeof **pass->parent);
    if (!pass->parent[s]) return model_no_memory(error);
  }
  return pass_one(data, pass, error);
}

/* --- the tree ----------------------------------------------------------------------------------------------------- */

static void lay_terms(struct model_data *data) {
  const struct frame *frame = data->frame;
  struct kernel *kernel = &data->kernel;
  for (size_t t = 0; t < frame->terms; t++) {
    const struct frame_term *from = &frame->term[data->order[t]];
    struct kernel_term *term = &kernel->term[t];
    term->size = from->columns.count;
    term->stage = data->group_stage[from->group];
    term->at = kernel->stage[term->stage].q;
    kernel->stage[term->stage].q += term->size;
    term->theta = kernel->thetas;
    kernel->thetas += packed_size(term->size);
  }
}

static enum stats_status lay_out(struct model_data *data, struct first_pass *pass, bool reml,
                                 struct stats_error *error) {
  const struct frame *frame = data->frame;
  struct kernel *kernel = &data->kernel;
  *kernel = (struct kernel){.n = frame->n, .p = data->p, .terms = frame->terms, .reml = reml};
  kernel->levels = frame->groups;
  for (size_t s = 0; s < frame->groups; s++) {
    data->group_stage[pass->group[s]] = s;
    data->stage_group[s] = pass->group[s];
    kernel->stage[s].nodes = frame->group[pass->group[s]].factor.levels;
  }
  lay_terms(data);
  if (data->crossed) return STATS_OK;
  for (size_t s = kernel->levels; s-- > 0;) {
    struct kernel_stage *stage = &kernel->stage[s];
    size_t above = s + 1 < kernel->levels ? kernel->stage[s + 1].q + kernel->stage[s + 1].w : data->p + 1;
    stage->w = above;
    if (!(stage->parent = model_take(data->memory, stage->nodes, sizeof *stage->parent))) return model_no_memory(error);
    for (size_t i = 0; s + 1 < kernel->levels && i < stage->nodes; i++) stage->parent[i] = pass->parent[s][i] - 1;
  }
  return STATS_OK;
}

/* --- second pass: cross-products ---------------------------------------------------------------------------------- */

struct place { /* a column right of Z_0 */
  size_t at, column;
};

struct crossing {
  struct model_data *data;
  size_t *own, owns; /* columns of Z_0 */
  struct place *place;
  size_t places;
  double *g;    /* [groups][packed q] */
  double *gram; /* packed, of the current run */
  double *full; /* with crossed factors: of [Z_1 .. | X y], both triangles; `place` says which columns these are */
};

static enum stats_status find_places(struct crossing *c, struct stats_error *error) {
  struct model_data *data = c->data;
  const struct kernel *kernel = &data->kernel;
  size_t z = 0, before[KERNEL_STAGES + 1] = {0};
  for (size_t t = 0; t < kernel->terms; t++) z += kernel->term[t].size;
  c->own = model_take(data->memory, z, sizeof *c->own);
  c->place = model_take(data->memory, z + data->p + 1, sizeof *c->place);
  if (data->crossed) c->full = model_take(data->memory, (z + data->p + 1) * (z + data->p + 1), sizeof *c->full);
  c->gram = model_take(data->memory, packed_size(data->columns), sizeof *c->gram);
  if (!c->own || !c->place || !c->gram || (data->crossed && !c->full)) return model_no_memory(error);
  for (size_t s = data->crossed ? 0 : 1; s < kernel->levels; s++) before[s + 1] = before[s] + kernel->stage[s].q;
  for (size_t s = 0; s < kernel->levels; s++)
    for (size_t t = 0; t < kernel->terms; t++) {
      const struct kernel_term *term = &kernel->term[t];
      if (term->stage != s) continue;
      for (size_t k = 0; k < term->size; k++) {
        if (s == 0 && !data->crossed) {
          c->own[c->owns++] = data->z[t][k];
          continue;
        }
        c->place[c->places++] = (struct place){before[s] + term->at + k, data->z[t][k]};
      }
    }
  size_t effects = kernel->levels > 1 ? before[kernel->levels] : 0;
  for (size_t j = 0; j <= data->p; j++)
    c->place[c->places++] = (struct place){effects + j, j < data->p ? data->x[j] : data->response};
  return STATS_OK;
}

static double from_gram(const struct crossing *c, size_t a, size_t b) {
  size_t low = a < b ? a : b, high = a < b ? b : a;
  return c->gram[packed_row(c->data->columns, low) + high - low];
}

static void end_run(struct crossing *c) {
  struct model_data *data = c->data;
  for (size_t i = 0; i < packed_size(data->columns); i++) data->total[i] += c->gram[i];
  memset(c->gram, 0, packed_size(data->columns) * sizeof *c->gram);
}

/* A run where factors cross. */
static bool flush_crossed(struct crossing *c, const int32_t *group_code) {
  struct model_data *data = c->data;
  size_t border = data->p + 1, z = c->places - border;
  int32_t level[KERNEL_STAGES];
  for (size_t s = 0; s < data->kernel.levels; s++) level[s] = group_code[data->stage_group[s]];
  for (size_t i = 0; i < c->places; i++)
    for (size_t j = 0; j < c->places; j++)
      c->full[i * c->places + j] = from_gram(c, c->place[i].column, c->place[j].column);
  double *base = data->kernel.base;
  for (size_t i = 0; i < border; i++)
    for (size_t j = i; j < border; j++) *base++ += c->full[(z + i) * c->places + z + j];
  end_run(c);
  return crossed_add(data->kernel.crossed, level, c->full);
}

/* Adds the cross-products of a run of rows that share all their groups. */
static bool flush_run(struct crossing *c, const int32_t *group_code) {
  struct model_data *data = c->data;
  struct kernel *kernel = &data->kernel;
  if (data->crossed) return flush_crossed(c, group_code);
  size_t node = 0, first = kernel->levels ? 1 : 0, d = kernel->stage[first].q + kernel->stage[first].w;
  if (kernel->levels) {
    size_t group = (size_t)group_code[data->stage_group[0]], w = kernel->stage[0].w;
    double *g = c->g + group * packed_size(c->owns), *u = kernel->u + group * c->owns * w;
    for (size_t k = 0; k < c->owns; k++) {
      for (size_t l = k; l < c->owns; l++) *g++ += from_gram(c, c->own[k], c->own[l]);
      for (size_t i = 0; i < c->places; i++) u[k * w + c->place[i].at] += from_gram(c, c->own[k], c->place[i].column);
    }
    node = kernel->stage[0].parent[group];
  }
  double *base = kernel->base + node * packed_size(d);
  for (size_t i = 0; i < c->places; i++)
    for (size_t j = i; j < c->places; j++)
      base[packed_row(d, c->place[i].at) + c->place[j].at - c->place[i].at] +=
          from_gram(c, c->place[i].column, c->place[j].column);
  end_run(c);
  return true;
}

static void add_row(double *gram, const double *row, size_t n) {
  for (size_t a = 0; a < n; a++) {
    double x = row[a];
    for (size_t b = a; b < n; b++) *gram++ += x * row[b];
  }
}

static bool same_run(const struct frame_block *block, size_t groups, size_t i, const int32_t *code) {
  for (size_t g = 0; g < groups; g++)
    if (block->group[g][i] != code[g]) return false;
  return true;
}

static enum stats_status pass_two(struct crossing *c, struct stats_error *error) {
  struct model_data *data = c->data;
  struct frame_block block;
  size_t columns = data->columns, groups = data->frame->groups;
  double one[FRAME_BLOCK], *value = model_take(data->memory, columns * FRAME_BLOCK, sizeof *value);
  if (!value) return model_no_memory(error);
  TRY(frame_block_start(data->frame, data->memory, &block, error));
  int32_t code[FORMULA_RANDOM];
  bool open = false;
  while (frame_block_read(data->frame, &block)) {
    data_block_values(data, &block, value, one);
    for (size_t i = 0; i < block.n; i++) {
      if (!open || !same_run(&block, groups, i, code)) {
        if (open && !flush_run(c, code)) return model_no_memory(error);
        for (size_t g = 0; g < groups; g++) code[g] = block.group[g][i];
        open = true;
      }
      add_row(c->gram, value + i * columns, columns);
    }
  }
  return !open || flush_run(c, code) ? STATS_OK : model_no_memory(error);
}

static bool begin_crossed(struct model_data *data) {
  struct kernel *kernel = &data->kernel;
  struct crossed_group group[KERNEL_STAGES];
  for (size_t s = 0; s < kernel->levels; s++)
    group[s] = (struct crossed_group){kernel->stage[s].nodes, kernel->stage[s].q};
  kernel->crossed = crossed_new(group, kernel->levels, kernel->p + 1, data->memory);
  return kernel->crossed != NULL;
}

static enum stats_status accumulate(struct model_data *data, struct stats_error *error) {
  struct crossing c = {.data = data};
  TRY(find_places(&c, error));
  size_t groups = data->kernel.levels && !data->crossed ? data->kernel.stage[0].nodes : 1;
  if (data->crossed && !begin_crossed(data)) return model_no_memory(error);
  c.g = model_take(data->memory, groups, (packed_size(c.owns) + 1) * sizeof *c.g);
  data->total = model_take(data->memory, packed_size(data->columns), sizeof *data->total);
  if (!c.g || !data->total || !kernel_begin(&data->kernel, data->memory)) return model_no_memory(error);
  TRY(pass_two(&c, error));
  return kernel_end(&data->kernel, c.g, data->memory) ? STATS_OK : model_no_memory(error);
}

/* --- rank --------------------------------------------------------------------------------------------------------- */

static double total_of(const struct model_data *data, size_t a, size_t b) {
  size_t low = a < b ? a : b, high = a < b ? b : a;
  return data->total[packed_row(data->columns, low) + high - low];
}

/* Relative size of what is left of column j after regression on the kept ones: from the rows themselves. */
static enum stats_status residual_share(struct model_data *data, const size_t *kept, size_t count, size_t j,
                                        const double *coefficient, double *share, struct stats_error *error) {
  struct frame_block block;
  double one[FRAME_BLOCK], *value = model_take(data->memory, data->columns * FRAME_BLOCK, sizeof *value);
  if (!value) return model_no_memory(error);
  TRY(frame_block_start(data->frame, data->memory, &block, error));
  double left = 0, all = 0;
  while (frame_block_read(data->frame, &block)) {
    data_block_values(data, &block, value, one);
    for (size_t i = 0; i < block.n; i++) {
      const double *row = value + i * data->columns;
      double x = row[data->x[j]], rest = x;
      for (size_t k = 0; k < count; k++) rest -= coefficient[k] * row[data->x[kept[k]]];
      left += rest * rest;
      all += x * x;
    }
  }
  *share = all > 0 ? sqrt(left / all) : 0;
  return STATS_OK;
}

/* Columns of X that are linear combinations of earlier ones are left out, as lme4 does (and R's lm). */
static enum stats_status drop_dependent(struct model_data *data, bool *changed, struct stats_error *error) {
  size_t p = data->p, count = 0;
  double *l = model_take(data->memory, p * p + 1, sizeof *l), *v = model_take(data->memory, p + 1, sizeof *v);
  size_t *kept = model_take(data->memory, p + 1, sizeof *kept);
  if (!l || !v || !kept) return model_no_memory(error);
  *changed = false;
  for (size_t j = 0; j < p; j++) {
    double own = total_of(data, data->x[j], data->x[j]), left = own, share = 0;
    for (size_t k = 0; k < count; k++) {
      double sum = total_of(data, data->x[kept[k]], data->x[j]);
      for (size_t m = 0; m < k; m++) sum -= l[k * p + m] * v[m];
      v[k] = sum / l[k * p + k];
      left -= v[k] * v[k];
    }
    bool keep = own > 0 && left > RANK_SUSPECT * own;
    if (own > 0 && !keep) {
      double *coefficient = model_take(data->memory, count + 1, sizeof *coefficient);
      if (!coefficient) return model_no_memory(error);
      for (size_t k = count; k-- > 0;) {
        double sum = v[k];
        for (size_t m = k + 1; m < count; m++) sum -= l[m * p + k] * coefficient[m];
        coefficient[k] = sum / l[k * p + k];
      }
      TRY(residual_share(data, kept, count, j, coefficient, &share, error));
      keep = share > RANK_TOLERANCE;
      if (keep && !(left > share * share * own / 2)) left = share * share * own;
    }
    if (!keep) {
      data->dropped[data->dropped_count++] = data->x_frame[j];
      *changed = true;
      continue;
    }
    for (size_t k = 0; k < count; k++) l[count * p + k] = v[k];
    l[count * p + count] = sqrt(left);
    kept[count++] = j;
  }
  for (size_t k = 0; k < count; k++) {
    data->x[k] = data->x[kept[k]];
    data->x_frame[k] = data->x_frame[kept[k]];
  }
  data->p = count;
  return STATS_OK;
}

enum stats_status data_build(const struct frame *frame, bool reml, size_t **z_frame, const struct stats_memory *memory,
                             struct model_data *data, struct stats_error *error) {
  struct first_pass pass = {0};
  *data = (struct model_data){.frame = frame, .memory = memory, .z_frame = z_frame};
  if (frame->terms > KERNEL_TERMS)
    return model_fail(error, STATS_BAD_FORMULA, "formula", "the formula has more than %d random terms", KERNEL_TERMS);
  TRY(order_terms(data, error));
  if (!z_frame) TRY(own_order(data, error));
  TRY(collect_columns(data, error));
  TRY(look(data, &pass, error));
  bool changed = true;
  for (int round = 0; round < 2 && changed; round++) {
    TRY(lay_out(data, &pass, reml, error));
    TRY(accumulate(data, error));
    if (round == 0) TRY(drop_dependent(data, &changed, error));
  }
  if (frame->n <= data->p)
    return model_fail(error, STATS_BAD_DATA, "",
                      "there are %zu rows for %zu fixed effects: none are left for the residual", frame->n, data->p);
  return STATS_OK;
}
