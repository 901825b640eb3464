#include "cli/fit_ready.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"

enum err fit_ready_model(const struct fit_ready *ready, const struct stats_model_options *options,
                         struct fit_context *context, struct stats_ready_model *out, struct error *error) {
  struct stats_error said;
  enum stats_status status =
      !strcmp(ready->kind, "truth-and-bias")
          ? stats_truth_and_bias(context->table, &ready->columns, options, context->memory, out, &said)
          : stats_response_surface(context->table, &ready->columns, options, context->memory, out, &said);
  if (status) return fit_error(&said, error);
  context->model = out->model;
  return OK;
}

void fit_show_quantities(const struct fit_context *context, const struct stats_quantity *quantity, size_t count) {
  json_t *all = json_array();
  if (!context->document)
    printf("\n%-14s %12s %12s %9s %9s %10s\n", "Quantity", "Estimate", "Std. Error", "df", "t", "p");
  for (size_t i = 0; i < count; i++) {
    const struct stats_quantity *q = &quantity[i];
    json_array_append_new(all,
                          json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "name", q->symbol, "meaning", q->meaning,
                                    "estimate", fit_number(q->value.estimate), "se", fit_number(q->value.se), "df",
                                    fit_number(q->value.df), "t", fit_number(q->value.t), "p", fit_number(q->value.p)));
    if (!context->document)
      printf("%-14s %12.6g %12.6g %9.4g %9.3f %10.4g  %s\n", q->symbol, q->value.estimate, q->value.se, q->value.df,
             q->value.t, q->value.p, q->meaning);
  }
  if (context->document)
    json_object_set_new(context->document, "quantities", all);
  else
    json_decref(all);
}

/* --- permutation -------------------------------------------------------------------------------------------------- */

static void *take(void *state, size_t bytes) {
  return arena_alloc(state, bytes);
}
static void drop(void *state) {
  arena_reset(state);
}

/* The arm as a number: itself, or the code of its level. */
static enum err read_arm(const struct csv *csv, const struct csv_row *row, int column, const struct stats_column *arm,
                         double *out, struct error *error) {
  const char *text = row->fields[column];
  char *end;
  for (size_t l = 0; arm->code && l < arm->levels; l++)
    if (!strcmp(arm->level[l], text)) {
      *out = (double)l;
      return OK;
    }
  *out = strtod(text, &end);
  if (arm->code || !*text || *end || !isfinite(*out))
    return csv_refuse(csv, row->line, column, error, "'%s' is not an arm that '%s' has", text, arm->name);
  return OK;
}

static enum err read_allocations(const char *path, const struct stats_column *arm, struct arena *arena,
                                 struct stats_permutation_input *input, struct error *error) {
  struct csv *csv;
  struct csv_row row;
  double *all = NULL;
  size_t capacity = 0;
  enum err err = csv_open_file(&csv, arena, path, error);
  if (err) return err;
  input->units = csv_columns(csv);
  const char **name = arena_array(arena, input->units + 1, sizeof *name);
  for (size_t i = 0; i < input->units; i++) name[i] = arena_text(arena, csv_name(csv, i));
  input->unit_name = name;
  while (!(err = csv_next_row(csv, &row, error)) && row.fields) {
    if (input->allocations == capacity) {
      double *more = arena_array(arena, capacity ? 2 * capacity * input->units : 64 * input->units, sizeof *more);
      if (capacity) memcpy(more, all, capacity * input->units * sizeof *more);
      capacity = capacity ? 2 * capacity : 64;
      all = more;
    }
    for (size_t i = 0; i < input->units && !err; i++)
      err = read_arm(csv, &row, (int)i, arm, &all[input->allocations * input->units + i], error);
    if (err) break;
    input->allocations++;
  }
  input->allocation = all;
  csv_close(csv);
  return err;
}

static void show_permutation(const struct fit_context *context, const char *coefficient,
                             const struct stats_permutation *r) {
  if (context->document) {
    json_object_set_new(context->document, "permutation",
                        json_pack("{s:s, s:o, s:o, s:I, s:I, s:I, s:b}", "coefficient", coefficient, "observed",
                                  fit_number(r->observed), "p", fit_number(r->p), "allocations",
                                  (json_int_t)r->allocations, "as_extreme", (json_int_t)r->as_extreme, "failed",
                                  (json_int_t)r->failed, "observed_in_list", r->observed_in_list));
    return;
  }
  printf("\nPermutation test of %s over %zu allowed allocations: |t| = %.4f, %zu as extreme, p = %.5g\n", coefficient,
         r->allocations, r->observed, r->as_extreme, r->p);
  if (!r->observed_in_list) printf("The data's own allocation is not in the list; it was added.\n");
  if (r->failed) printf("%zu fits failed; each counts as extreme.\n", r->failed);
}

enum err fit_add_permutation(const struct fit_context *context, const struct fit_permute *permute,
                             const struct stats_model_options *options, struct error *error) {
  struct stats_permutation_input input = {.formula = permute->formula,
                                          .table = context->table,
                                          .arm = permute->arm,
                                          .unit = permute->unit,
                                          .coefficient = permute->coefficient};
  const struct stats_column *arm = NULL;
  struct stats_permutation result;
  struct stats_error said;
  struct arena arena;
  if (!permute->arm || !permute->unit || !permute->coefficient)
    return fail(error, ERR_USAGE, "permute", "--permute", "--permute wants --arm, --unit and --coefficient too");
  for (size_t c = 0; c < context->table->columns; c++)
    if (!strcmp(context->table->column[c].name, permute->arm)) arm = &context->table->column[c];
  if (!arm)
    return fail(error, ERR_INPUT, "arm", permute->arm, "the formula does not use the arm's column '%s'", permute->arm);
  enum err err = read_allocations(permute->path, arm, context->arena, &input, error);
  if (err) return err;
  arena_init(&arena, (size_t)8 << 30);
  struct stats_scratch scratch = {{take, &arena}, drop};
  if (stats_permutation_test(&input, options, context->memory, &scratch, &result, &said)) err = fit_error(&said, error);
  arena_free(&arena);
  if (!err) show_permutation(context, permute->coefficient, &result);
  return err;
}
