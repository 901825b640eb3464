#include "stats/model_frame.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stats/model_keys.h"

#define TRY(call)                                                                                                      \
  do {                                                                                                                 \
    enum stats_status try_ = call;                                                                                     \
    if (try_) return try_;                                                                                             \
  } while (0)

/* --- finding columns ---------------------------------------------------------------------------------------------- */

static size_t smallest(size_t a, size_t b, size_t c) {
  size_t least = a < b ? a : b;
  return least < c ? least : c;
}

/* Edit distance (Levenshtein 1966) between names of at most 63 bytes, ignoring case. */
static size_t distance(const char *a, const char *b) {
  size_t row[65], n = strnlen(b, 63);
  for (size_t j = 0; j <= n; j++) row[j] = j;
  for (size_t i = 1; a[i - 1] && i <= 63; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= n; j++) {
      size_t above = row[j];
      bool same = (a[i - 1] | 32) == (b[j - 1] | 32);
      row[j] = smallest(above + 1, row[j - 1] + 1, diagonal + !same);
      diagonal = above;
    }
  }
  return row[n];
}

enum stats_status frame_column_find(const struct stats_table *table, const char *name,
                                    const struct stats_column **column, struct stats_error *error) {
  const char *nearest = NULL;
  size_t least = SIZE_MAX;
  for (size_t c = 0; c < table->columns; c++) {
    if (!strcmp(table->column[c].name, name)) {
      *column = &table->column[c];
      return STATS_OK;
    }
    size_t d = distance(name, table->column[c].name);
    if (d < least) {
      least = d;
      nearest = table->column[c].name;
    }
  }
  if (!nearest)
    return model_fail(error, STATS_BAD_DATA, name, "there is no column '%s': the data have no columns", name);
  return model_fail(error, STATS_BAD_DATA, name, "there is no column '%.60s'; the nearest name is '%.60s'", name,
                    nearest);
}

/* --- factors ------------------------------------------------------------------------------------------------------ */

struct valued {
  double number;
  const char *text;
};

static int by_number(const void *a, const void *b) {
  double x = ((const struct valued *)a)->number, y = ((const struct valued *)b)->number;
  return (x > y) - (x < y);
}
static int by_bytes(const void *a, const void *b) {
  return strcmp(((const struct valued *)a)->text, ((const struct valued *)b)->text);
}

static uint64_t bits_of(double x) {
  uint64_t bits;
  x += 0.0; /* -0 is 0 */
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

struct ranked {
  struct valued value;
  int32_t number;
};

/* Numbers the distinct values of a numeric column; the order of levels is by number or by text. */
static enum stats_status factor_of_numbers(const struct frame *frame, const struct stats_column *column, bool by_text,
                                           const struct stats_memory *memory, struct frame_factor *factor,
                                           struct stats_error *error) {
  size_t rows = frame->table->rows;
  struct key_set set = {.memory = memory};
  int32_t *code = model_take(memory, rows, sizeof *code);
  if (!code) return model_no_memory(error);
  for (size_t i = 0; i < rows; i++) {
    code[i] = -1;
    if (isnan(column->number[i]) || (frame->dropped && frame->dropped[i])) continue;
    if ((code[i] = key_set_number(&set, bits_of(column->number[i]))) < 0) return model_no_memory(error);
  }
  struct ranked *ranked = model_take(memory, set.count, sizeof *ranked);
  int32_t *rank = model_take(memory, set.count, sizeof *rank);
  factor->level = model_take(memory, set.count, sizeof *factor->level);
  if (!ranked || !rank || !factor->level) return model_no_memory(error);
  for (size_t i = 0; i < set.count; i++) {
    double x;
    memcpy(&x, &set.key[i], sizeof x);
    ranked[i] = (struct ranked){{x, model_text(memory, "%.15g", x)}, (int32_t)i};
    if (!ranked[i].value.text) return model_no_memory(error);
  }
  qsort(ranked, set.count, sizeof *ranked, by_text ? by_bytes : by_number);
  for (size_t i = 0; i < set.count; i++) {
    rank[ranked[i].number] = (int32_t)i;
    factor->level[i] = ranked[i].value.text;
  }
  for (size_t i = 0; i < rows; i++)
    if (code[i] >= 0) code[i] = rank[code[i]];
  factor->code = code;
  factor->levels = set.count;
  return STATS_OK;
}

/* Leaves out the levels that no row has. */
static enum stats_status factor_of_codes(const struct frame *frame, const struct stats_column *column,
                                         const struct stats_memory *memory, struct frame_factor *factor,
                                         struct stats_error *error) {
  int32_t *map = model_take(memory, column->levels, sizeof *map);
  if (!map) return model_no_memory(error);
  for (size_t i = 0; i < frame->table->rows; i++)
    if (column->code[i] >= 0 && !(frame->dropped && frame->dropped[i])) map[column->code[i]] = 1;
  size_t used = 0;
  for (size_t l = 0; l < column->levels; l++) map[l] = map[l] ? (int32_t)used++ : -1;
  factor->level = model_take(memory, used, sizeof *factor->level);
  if (!factor->level) return model_no_memory(error);
  for (size_t l = 0; l < column->levels; l++)
    if (map[l] >= 0) factor->level[map[l]] = column->level[l];
  factor->code = column->code;
  factor->map = used == column->levels ? NULL : map;
  factor->levels = used;
  return STATS_OK;
}

enum stats_status frame_factor_of(const struct frame *frame, const char *name, bool by_text,
                                  const struct stats_memory *memory, struct frame_factor *factor,
                                  struct stats_error *error) {
  const struct stats_column *column;
  TRY(frame_column_find(frame->table, name, &column, error));
  return column->code ? factor_of_codes(frame, column, memory, factor, error)
                      : factor_of_numbers(frame, column, by_text, memory, factor, error);
}

static int32_t factor_code(const struct frame_factor *factor, size_t row) {
  int32_t code = factor->code[row];
  return code >= 0 && factor->map ? factor->map[code] : code;
}

static int by_key(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static const char *joined_level(const struct frame_factor *part, size_t parts, uint64_t key,
                                const struct stats_memory *memory) {
  const char *text = NULL;
  for (size_t i = parts; i-- > 0 && part[i].levels; key /= part[i].levels) {
    const char *level = part[i].level[key % part[i].levels];
    text = text ? model_text(memory, "%s:%s", level, text) : level;
    if (!text) return NULL;
  }
  return text;
}

/* A group made of several columns: the combinations that occur, the first column varying slowest. */
static enum stats_status factor_of_parts(const struct frame *frame, const struct frame_factor *part, size_t parts,
                                         const struct stats_memory *memory, struct frame_factor *factor,
                                         struct stats_error *error) {
  size_t rows = frame->table->rows;
  struct key_set set = {.memory = memory};
  int32_t *code = model_take(memory, rows, sizeof *code);
  uint64_t size = 1;
  for (size_t p = 0; p < parts; p++)
    if (__builtin_mul_overflow(size, (uint64_t)part[p].levels, &size))
      return model_fail(error, STATS_BAD_DATA, "",
                        "a group of several columns has more combinations than can be numbered");
  if (!code) return model_no_memory(error);
  for (size_t i = 0; i < rows; i++) {
    code[i] = -1;
    if (frame->dropped && frame->dropped[i]) continue;
    uint64_t key = 0;
    for (size_t p = 0; p < parts; p++) key = key * part[p].levels + (uint64_t)factor_code(&part[p], i);
    if ((code[i] = key_set_number(&set, key)) < 0) return model_no_memory(error);
  }
  uint64_t *sorted = model_take(memory, set.count, sizeof *sorted);
  int32_t *rank = model_take(memory, set.count, sizeof *rank);
  factor->level = model_take(memory, set.count, sizeof *factor->level);
  if (!sorted || !rank || !factor->level) return model_no_memory(error);
  for (size_t i = 0; i < set.count; i++) sorted[i] = set.key[i];
  qsort(sorted, set.count, sizeof *sorted, by_key);
  for (size_t i = 0; i < set.count; i++) {
    rank[key_set_number(&set, sorted[i])] = (int32_t)i;
    if (!(factor->level[i] = joined_level(part, parts, sorted[i], memory))) return model_no_memory(error);
  }
  for (size_t i = 0; i < rows; i++)
    if (code[i] >= 0) code[i] = rank[code[i]];
  factor->code = code;
  factor->levels = set.count;
  return STATS_OK;
}

/* --- variables and missing values --------------------------------------------------------------------------------- */

static enum stats_status bind_variable(struct frame *frame, const struct formula_variable *from,
                                       const struct stats_memory *memory, struct frame_variable *to,
                                       struct stats_error *error) {
  const struct stats_column *column;
  to->label = from->label;
  if (from->kind != FORMULA_EXPRESSION) {
    TRY(frame_column_find(frame->table, from->name, &column, error));
    to->number = column->number;
    to->is_factor = from->kind == FORMULA_FACTOR || column->code;
    return STATS_OK;
  }
  to->op = from->op;
  to->ops = from->ops;
  to->op_column = model_take(memory, from->ops, sizeof(const struct stats_column *));
  if (!to->op_column) return model_no_memory(error);
  for (size_t i = 0; i < from->ops; i++) {
    if (from->op[i].op != 'c') continue;
    TRY(frame_column_find(frame->table, from->op[i].name, &to->op_column[i], error));
    if (to->op_column[i]->code)
      return model_fail(error, STATS_BAD_DATA, from->op[i].name, "'%s' computes with '%s', which is not numeric",
                        from->label, from->op[i].name);
  }
  return STATS_OK;
}

/* 1 or 0; NaN where one of them is. */
static double compare(char op, double a, double b) {
  if (isnan(a) || isnan(b)) return NAN;
  switch (op) {
  case '<':
    return a < b;
  case '>':
    return a > b;
  case '{':
    return a <= b;
  case '}':
    return a >= b;
  case '=':
    return a == b;
  default:
    return a != b;
  }
}

/* Evaluates an expression at the rows of a block; the result is left in stack[0]. */
static void evaluate(const struct frame_variable *v, const uint32_t *row, size_t n, double (*stack)[FRAME_BLOCK]) {
  size_t top = 0;
  for (size_t k = 0; k < v->ops; k++) {
    const struct formula_op *op = &v->op[k];
    if (op->op == 'c' || op->op == 'n') {
      for (size_t i = 0; i < n; i++) stack[top][i] = op->op == 'c' ? v->op_column[k]->number[row[i]] : op->number;
      top++;
      continue;
    }
    bool one = strchr("~lesa", op->op) != NULL;
    double *a = stack[one ? top - 1 : top - 2], *b = stack[top - 1];
    for (size_t i = 0; i < n; i++) switch (op->op) {
      case '~':
        a[i] = -a[i];
        break;
      case 'l':
        a[i] = log(a[i]);
        break;
      case 'e':
        a[i] = exp(a[i]);
        break;
      case 's':
        a[i] = sqrt(a[i]);
        break;
      case 'a':
        a[i] = fabs(a[i]);
        break;
      case '<':
      case '>':
      case '{':
      case '}':
      case '=':
      case '!':
        a[i] = compare(op->op, a[i], b[i]);
        break;
      case '+':
        a[i] += b[i];
        break;
      case '-':
        a[i] -= b[i];
        break;
      case '*':
        a[i] *= b[i];
        break;
      case '/':
        a[i] /= b[i];
        break;
      default:
        a[i] = b[i] == 2 ? a[i] * a[i] : pow(a[i], b[i]);
      }
    if (!one) top--;
  }
}

static bool uses_variable(const struct formula *formula, size_t v) {
  uint64_t bit = UINT64_C(1) << v;
  bool used = v == formula->response || (formula->offset & bit);
  for (size_t i = 0; i < formula->fixed.terms; i++) used |= (formula->fixed.term[i] & bit) != 0;
  for (size_t r = 0; r < formula->randoms; r++)
    for (size_t i = 0; i < formula->random[r].effect.terms; i++) used |= (formula->random[r].effect.term[i] & bit) != 0;
  return used;
}

static enum stats_status drop_row(struct frame *frame, size_t row, const struct stats_memory *memory,
                                  struct stats_error *error) {
  if (!frame->dropped && !(frame->dropped = model_take(memory, frame->table->rows, 1))) return model_no_memory(error);
  frame->dropped[row] = 1;
  return STATS_OK;
}

static enum stats_status drop_missing_numbers(struct frame *frame, const char *label, const double *value,
                                              const uint32_t *row, size_t n, const struct stats_memory *memory,
                                              struct stats_error *error) {
  for (size_t i = 0; i < n; i++) {
    if (fabs(value[i]) <= FRAME_VALUE_MAXIMUM) continue;
    if (!isnan(value[i]))
      return model_fail(error, STATS_BAD_DATA, label,
                        "'%.60s' is %g in data row %u, which is too large to compute with", label, value[i],
                        row[i] + 1);
    TRY(drop_row(frame, row[i], memory, error));
  }
  return STATS_OK;
}

/* What is no number though its columns hold some, such as the logarithm of -1, is not missing. */
static enum stats_status check_computed(const struct frame_variable *variable, const double *value, const uint32_t *row,
                                        size_t n, struct stats_error *error) {
  for (size_t i = 0; i < n; i++) {
    if (!isnan(value[i])) continue;
    bool missing = false;
    for (size_t k = 0; k < variable->ops; k++)
      missing |= variable->op_column[k] && isnan(variable->op_column[k]->number[row[i]]);
    if (!missing)
      return model_fail(error, STATS_BAD_DATA, variable->label, "'%.60s' is not a number in data row %u",
                        variable->label, row[i] + 1);
  }
  return STATS_OK;
}

/* Blocks that the longest expression needs. */
static size_t stack_size(const struct frame *frame) {
  size_t most = 1;
  for (size_t v = 0; v < frame->formula->variables; v++)
    if (frame->variable[v].ops > most) most = frame->variable[v].ops;
  return most;
}

static enum stats_status drop_missing(struct frame *frame, const struct stats_memory *memory,
                                      struct stats_error *error) {
  const struct formula *formula = frame->formula;
  double(*stack)[FRAME_BLOCK] = model_take(memory, stack_size(frame), sizeof *stack);
  uint32_t row[FRAME_BLOCK];
  if (!stack) return model_no_memory(error);
  for (size_t start = 0; start < frame->table->rows; start += FRAME_BLOCK) {
    size_t n = frame->table->rows - start < FRAME_BLOCK ? frame->table->rows - start : FRAME_BLOCK;
    for (size_t i = 0; i < n; i++) row[i] = (uint32_t)(start + i);
    for (size_t v = 0; v < formula->variables; v++) {
      const struct frame_variable *variable = &frame->variable[v];
      if (!uses_variable(formula, v)) continue;
      if (variable->op) evaluate(variable, row, n, stack);
      if (variable->op) TRY(check_computed(variable, stack[0], row, n, error));
      const double *value = variable->op ? stack[0] : variable->number ? variable->number + start : NULL;
      if (value) TRY(drop_missing_numbers(frame, variable->label, value, row, n, memory, error));
    }
  }
  return STATS_OK;
}

static enum stats_status drop_missing_codes(struct frame *frame, const char *name, const struct stats_memory *memory,
                                            struct stats_error *error) {
  const struct stats_column *column;
  TRY(frame_column_find(frame->table, name, &column, error));
  for (size_t i = 0; i < frame->table->rows; i++)
    if (column->code ? column->code[i] < 0 : isnan(column->number[i])) TRY(drop_row(frame, i, memory, error));
  return STATS_OK;
}

static enum stats_status find_rows(struct frame *frame, const struct stats_memory *memory, struct stats_error *error) {
  const struct formula *formula = frame->formula;
  if (frame->table->rows > UINT32_MAX)
    return model_fail(error, STATS_BAD_DATA, "", "the data have more than 2^32 rows");
  TRY(drop_missing(frame, memory, error));
  for (size_t v = 0; v < formula->variables; v++)
    if (frame->variable[v].is_factor && uses_variable(formula, v))
      TRY(drop_missing_codes(frame, formula->variable[v].name, memory, error));
  for (size_t r = 0; r < formula->randoms; r++)
    for (size_t p = 0; p < formula->random[r].parts; p++)
      TRY(drop_missing_codes(frame, formula->random[r].part[p], memory, error));
  frame->n = frame->table->rows;
  for (size_t i = 0; frame->dropped && i < frame->table->rows; i++) frame->n -= frame->dropped[i];
  frame->rows_dropped = frame->table->rows - frame->n;
  if (!frame->n)
    return model_fail(error, STATS_BAD_DATA, "", "no rows are left: each of the %zu has a missing value",
                      frame->table->rows);
  return STATS_OK;
}

/* --- columns of the design ---------------------------------------------------------------------------------------- */

static bool holds_term(const struct formula_terms *terms, uint64_t term) {
  if (!term) return terms->intercept;
  for (size_t i = 0; i < terms->terms; i++)
    if (terms->term[i] == term) return true;
  return false;
}

static enum stats_status add_column(struct frame_columns *columns, const struct frame_column *column,
                                    const struct stats_memory *memory, struct stats_error *error) {
  if (columns->count == FRAME_COLUMNS)
    return model_fail(error, STATS_BAD_DATA, "", "the formula asks for more than %d coefficients", FRAME_COLUMNS);
  if (columns->count == columns->capacity) {
    size_t capacity = columns->capacity ? 4 * columns->capacity : 4;
    struct frame_column *more = model_take(memory, capacity, sizeof *more);
    if (!more) return model_no_memory(error);
    if (columns->count) memcpy(more, columns->column, columns->count * sizeof *more);
    columns->column = more;
    columns->capacity = capacity;
  }
  columns->column[columns->count++] = *column;
  return STATS_OK;
}

/* A variable's part of a coefficient's name, as R has it. */
static const char *part_name(const struct frame *frame, int v, int level, const struct stats_memory *memory) {
  const struct frame_variable *from = &frame->variable[v];
  if (from->basis && from->basis->kind == BASIS_SCALE) return from->label;
  if (from->basis) return model_text(memory, "%s%d", from->label, level + 1);
  if (level >= 0) return model_text(memory, "%s%s", from->label, from->factor.level[level]);
  return frame->formula->variable[v].truth ? model_text(memory, "%sTRUE", from->label) : from->label;
}

/* All columns of one term; the levels of its first factor vary fastest. */
static enum stats_status add_term(const struct frame *frame, const struct formula_terms *terms, size_t index,
                                  bool complete, const struct stats_memory *memory, struct frame_columns *columns,
                                  struct stats_error *error) {
  uint64_t term = terms->term[index];
  int variable[FRAME_PARTS], first[FRAME_PARTS], levels[FRAME_PARTS], at[FRAME_PARTS], parts = 0;
  for (int v = 0; v < FORMULA_VARIABLES; v++) {
    if (!(term >> v & 1)) continue;
    if (parts == FRAME_PARTS)
      return model_fail(error, STATS_BAD_FORMULA, "formula", "a term joins more than %d variables", FRAME_PARTS);
    const struct frame_variable *from = &frame->variable[v];
    variable[parts] = v;
    first[parts] = from->basis ? 0 : !from->is_factor ? -1 : !complete && holds_term(terms, term & ~(UINT64_C(1) << v));
    levels[parts] = from->basis ? (int)from->basis->columns : from->is_factor ? (int)from->factor.levels : 0;
    at[parts] = first[parts];
    parts++;
  }
  for (;;) {
    struct frame_column column = {.name = "", .parts = parts, .term = index};
    for (int i = 0; i < parts; i++) {
      column.part[i].variable = variable[i];
      column.part[i].level = at[i];
      const char *own = part_name(frame, variable[i], at[i], memory);
      if (!own || !(column.name = model_text(memory, "%s%s%s", column.name, i ? ":" : "", own)))
        return model_no_memory(error);
    }
    TRY(add_column(columns, &column, memory, error));
    int i = 0;
    while (i < parts && (at[i] < 0 || ++at[i] == levels[i])) {
      at[i] = first[i];
      i++;
    }
    if (i == parts) return STATS_OK;
  }
}

static enum stats_status add_terms(const struct frame *frame, const struct formula_terms *terms, bool complete,
                                   const struct stats_memory *memory, struct frame_columns *columns,
                                   struct stats_error *error) {
  struct frame_column one = {.name = "(Intercept)", .term = SIZE_MAX};
  if (terms->intercept) TRY(add_column(columns, &one, memory, error));
  for (size_t i = 0; i < terms->terms; i++) TRY(add_term(frame, terms, i, complete, memory, columns, error));
  return STATS_OK;
}

enum stats_status frame_complete_columns(const struct frame *frame, const struct stats_memory *memory,
                                         struct frame_columns *columns, struct stats_error *error) {
  return add_terms(frame, &frame->formula->fixed, true, memory, columns, error);
}

/* --- groups ------------------------------------------------------------------------------------------------------- */

static bool same_parts(const struct frame_group *group, const struct formula_random *random) {
  if (group->parts != random->parts) return false;
  for (size_t i = 0; i < group->parts; i++) {
    bool found = false;
    for (size_t j = 0; j < random->parts; j++) found |= !strcmp(group->part[i], random->part[j]);
    if (!found) return false;
  }
  return true;
}

static enum stats_status code_group(const struct frame *frame, struct frame_group *group,
                                    const struct stats_memory *memory, struct stats_error *error) {
  struct frame_factor part[FORMULA_GROUP_PARTS] = {{0}};
  for (size_t i = 0; i < group->parts; i++) TRY(frame_factor_of(frame, group->part[i], false, memory, &part[i], error));
  if (group->parts == 1)
    group->factor = part[0];
  else
    TRY(factor_of_parts(frame, part, group->parts, memory, &group->factor, error));
  size_t levels = group->factor.levels;
  if (levels < 2)
    return model_fail(error, STATS_BAD_DATA, group->label,
                      "the group '%.60s' has a single level, '%.60s': nothing can vary between groups", group->label,
                      group->factor.level[0]);
  if (levels >= frame->n)
    return model_fail(error, STATS_BAD_DATA, group->label,
                      "the group '%.60s' has as many levels (%zu) as there are rows (%zu): its effects cannot be told "
                      "from the residuals",
                      group->label, levels, frame->n);
  return STATS_OK;
}

static enum stats_status add_random(struct frame *frame, const struct formula_random *random,
                                    const struct stats_memory *memory, struct stats_error *error) {
  struct frame_term *term = &frame->term[frame->terms++];
  size_t g = 0, before = 0;
  while (g < frame->groups && !same_parts(&frame->group[g], random)) g++;
  if (g == frame->groups) {
    frame->group[frame->groups++] =
        (struct frame_group){.label = random->group, .part = random->part, .parts = random->parts};
    TRY(code_group(frame, &frame->group[g], memory, error));
  }
  for (size_t t = 0; t + 1 < frame->terms; t++) before += frame->term[t].group == g;
  term->group = g;
  term->correlated = random->correlated;
  term->label = before ? model_text(memory, "%s.%zu", random->group, before) : random->group;
  if (!term->label) return model_no_memory(error);
  TRY(add_terms(frame, &random->effect, false, memory, &term->columns, error));
  size_t effects = term->columns.count * frame->group[g].factor.levels;
  if (effects >= frame->n)
    return model_fail(
        error, STATS_BAD_DATA, random->group,
        "the random term of '%.60s' has %zu effects (%zu for each of %zu groups) but there are only %zu rows",
        random->group, effects, term->columns.count, frame->group[g].factor.levels, frame->n);
  return STATS_OK;
}

static enum stats_status code_factors(struct frame *frame, const struct stats_memory *memory,
                                      struct stats_error *error) {
  for (size_t v = 0; v < frame->formula->variables; v++) {
    struct frame_variable *variable = &frame->variable[v];
    if (!variable->is_factor || !uses_variable(frame->formula, v)) continue;
    TRY(frame_factor_of(frame, frame->formula->variable[v].name, true, memory, &variable->factor, error));
    if (variable->factor.levels < 2)
      return model_fail(
          error, STATS_BAD_DATA, variable->label,
          "the factor '%.60s' has a single level, '%.60s', in the rows that count: it cannot be estimated",
          variable->label, variable->factor.level[0]);
  }
  return STATS_OK;
}

/* The rows that count settle what scale(), poly(), ns() and bs() are. */
static enum stats_status fit_bases(struct frame *frame, const struct stats_memory *memory, struct stats_error *error) {
  double *value = NULL, (*stack)[FRAME_BLOCK] = NULL;
  for (size_t v = 0; v < frame->formula->variables; v++) {
    const struct formula_variable *from = &frame->formula->variable[v];
    struct frame_variable *variable = &frame->variable[v];
    if (!from->basis || !uses_variable(frame->formula, v)) continue;
    if (!value) value = model_take(memory, 3 * frame->n, sizeof *value);
    if (!stack) stack = model_take(memory, stack_size(frame), sizeof *stack);
    variable->basis = model_take(memory, 1, sizeof *variable->basis);
    if (!value || !stack || !variable->basis) return model_no_memory(error);
    size_t n = 0;
    for (uint32_t row = 0; row < frame->table->rows; row++) {
      if (frame->dropped && frame->dropped[row]) continue;
      evaluate(variable, &row, 1, stack);
      value[n++] = stack[0][0];
    }
    const char *why = basis_fit(variable->basis, from->basis, from->columns, value, n, value + n);
    if (why) return model_fail(error, STATS_BAD_DATA, from->label, "'%.60s' %s", from->label, why);
  }
  return STATS_OK;
}

static enum stats_status take_weights(struct frame *frame, const char *name, const struct stats_memory *memory,
                                      struct stats_error *error) {
  const struct stats_column *column;
  TRY(frame_column_find(frame->table, name, &column, error));
  if (!column->number) return model_fail(error, STATS_BAD_DATA, name, "the weights '%.60s' are not numeric", name);
  frame->weight = column->number;
  for (size_t i = 0; i < frame->table->rows; i++) {
    if (isnan(frame->weight[i]))
      TRY(drop_row(frame, i, memory, error));
    else if (!(frame->weight[i] > 0 && frame->weight[i] <= FRAME_VALUE_MAXIMUM))
      return model_fail(error, STATS_BAD_DATA, name, "the weight '%.60s' is %g in data row %zu; weights are above 0",
                        name, frame->weight[i], i + 1);
  }
  return STATS_OK;
}

enum stats_status frame_build(const struct formula *formula, const struct stats_table *table, const char *weight,
                              const struct stats_memory *memory, struct frame *frame, struct stats_error *error) {
  *frame = (struct frame){.table = table, .formula = formula};
  frame->variable = model_take(memory, formula->variables, sizeof *frame->variable);
  frame->term = model_take(memory, formula->randoms, sizeof *frame->term);
  frame->group = model_take(memory, formula->randoms, sizeof *frame->group);
  if (!frame->variable || !frame->term || !frame->group) return model_no_memory(error);
  for (size_t v = 0; v < formula->variables; v++)
    if (uses_variable(formula, v)) TRY(bind_variable(frame, &formula->variable[v], memory, &frame->variable[v], error));
  if (frame->variable[formula->response].is_factor)
    return model_fail(error, STATS_BAD_DATA, formula->variable[formula->response].label,
                      "the response '%.60s' is not numeric", formula->variable[formula->response].label);
  if (weight) TRY(take_weights(frame, weight, memory, error));
  TRY(find_rows(frame, memory, error));
  TRY(fit_bases(frame, memory, error));
  TRY(code_factors(frame, memory, error));
  TRY(add_terms(frame, &formula->fixed, false, memory, &frame->fixed, error));
  for (size_t r = 0; r < formula->randoms; r++) TRY(add_random(frame, &formula->random[r], memory, error));
  return STATS_OK;
}

/* --- blocks ------------------------------------------------------------------------------------------------------- */

enum stats_status frame_block_start(const struct frame *frame, const struct stats_memory *memory,
                                    struct frame_block *block, struct stats_error *error) {
  *block = (struct frame_block){.next = 0};
  block->number = model_take(memory, frame->formula->variables, sizeof *block->number);
  block->basis = model_take(memory, frame->formula->variables, sizeof *block->basis);
  for (size_t v = 0; v < frame->formula->variables && block->basis; v++) {
    if (!frame->variable[v].basis) continue;
    block->basis[v] = model_take(memory, frame->variable[v].basis->columns, sizeof *block->basis[v]);
    if (!block->basis[v]) return model_no_memory(error);
  }
  block->code = model_take(memory, frame->formula->variables, sizeof *block->code);
  block->group = model_take(memory, frame->groups, sizeof *block->group);
  block->stack = model_take(memory, stack_size(frame), sizeof *block->stack);
  if (!block->number || !block->basis || !block->code || !block->group || !block->stack) return model_no_memory(error);
  return STATS_OK;
}

static void gather_codes(const struct frame_factor *factor, const uint32_t *row, size_t n, int32_t *code) {
  for (size_t i = 0; i < n; i++) code[i] = factor->code[row[i]];
  for (size_t i = 0; factor->map && i < n; i++) code[i] = factor->map[code[i]];
}

static void fill_basis(const struct frame_variable *variable, const struct frame_block *block, size_t v) {
  double one[FORMULA_BASIS_MOST];
  for (size_t i = 0; i < block->n; i++) {
    basis_evaluate(variable->basis, block->number[v][i], one);
    for (size_t j = 0; j < variable->basis->columns; j++) block->basis[v][j][i] = one[j];
  }
}

static void subtract_offsets(const struct frame *frame, struct frame_block *block) {
  double *response = block->number[frame->formula->response];
  for (size_t v = 0; v < frame->formula->variables; v++)
    for (size_t i = 0; (frame->formula->offset >> v & 1) && i < block->n; i++) response[i] -= block->number[v][i];
}

void frame_block_fill(const struct frame *frame, struct frame_block *block) {
  for (size_t v = 0; v < frame->formula->variables; v++) {
    const struct frame_variable *variable = &frame->variable[v];
    if (variable->op) {
      evaluate(variable, block->row, block->n, block->stack);
      memcpy(block->number[v], block->stack[0], block->n * sizeof(double));
      if (variable->basis) fill_basis(variable, block, v);
    } else if (variable->is_factor) {
      gather_codes(&variable->factor, block->row, block->n, block->code[v]);
    } else if (variable->number) {
      for (size_t i = 0; i < block->n; i++) block->number[v][i] = variable->number[block->row[i]];
    }
  }
  if (frame->formula->offset) subtract_offsets(frame, block);
  for (size_t g = 0; g < frame->groups; g++)
    gather_codes(&frame->group[g].factor, block->row, block->n, block->group[g]);
}

bool frame_block_read(const struct frame *frame, struct frame_block *block) {
  block->n = 0;
  while (block->n < FRAME_BLOCK && block->next < frame->table->rows) {
    if (!frame->dropped || !frame->dropped[block->next]) block->row[block->n++] = (uint32_t)block->next;
    block->next++;
  }
  frame_block_fill(frame, block);
  return block->n > 0;
}

void frame_column_values(const struct frame *frame, const struct frame_block *block, const struct frame_column *column,
                         double *value) {
  for (size_t i = 0; i < block->n; i++) value[i] = 1;
  for (int p = 0; p < column->parts; p++) {
    int v = column->part[p].variable, level = column->part[p].level;
    if (level < 0)
      for (size_t i = 0; i < block->n; i++) value[i] *= block->number[v][i];
    else if (frame->variable[v].basis)
      for (size_t i = 0; i < block->n; i++) value[i] *= block->basis[v][level][i];
    else
      for (size_t i = 0; i < block->n; i++) value[i] = block->code[v][i] == level ? value[i] : 0;
  }
}
