#include "base/clock.h"
#include "base/utf8.h"
#include "study/form.h"

struct validation {
  const struct form *form;
  struct arena *arena;
  struct expression_desk *desk;
  struct form_result *result;
  const char **given;       /* by item: what came in, blank ones left out */
  size_t capacity;          /* of problems */
  struct form_problem **of; /* by item: its problem, if any */
};

static const char *problem_id(enum form_problem_kind kind) {
  static const char *const ids[] = {
      [PROBLEM_REQUIRED] = "answer-required",
      [PROBLEM_NOT_WHOLE] = "answer-not-whole",
      [PROBLEM_NOT_NUMBER] = "answer-not-number",
      [PROBLEM_NOT_DATE] = "answer-not-date",
      [PROBLEM_OUT_OF_RANGE] = "answer-out-of-range",
      [PROBLEM_NO_SUCH_CHOICE] = "answer-no-such-choice",
      [PROBLEM_TOO_LONG] = "answer-too-long",
      [PROBLEM_ENCODING] = "answer-encoding",
      [PROBLEM_CONSTRAINT] = "answer-constraint",
      [PROBLEM_UNKNOWN_FIELD] = "answer-unknown-field",
      [PROBLEM_TWICE] = "answer-twice",
  };
  return ids[kind];
}

/* The first problem of an item is kept: it is the one to cure first. */
static void item_problem(struct validation *validation, const struct form_item *item, enum form_problem_kind kind) {
  if (validation->of[item->index]) return;
  struct form_problem *problem = arena_alloc(validation->arena, sizeof *problem);
  *problem = (struct form_problem){.kind = kind, .id = problem_id(kind), .field = item->name, .item = item};
  if (kind == PROBLEM_OUT_OF_RANGE) {
    problem->low = item->has_low ? item->low_text : NULL;
    problem->high = item->has_high ? item->high_text : NULL;
  }
  if (kind == PROBLEM_TOO_LONG) problem->maximum = item->max_length;
  if (kind == PROBLEM_CONSTRAINT) problem->message = &item->constraint_message;
  validation->of[item->index] = problem;
}

/* A field's name that may be shown: printable, short. */
static const char *clean_name(struct arena *arena, const char *name) {
  char *clean = arena_text_n(arena, name, strnlen(name, 60));
  for (char *c = clean; *c; c++)
    if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f) *c = '?';
  return clean;
}

static void add_problem(struct form_result *result, struct validation *validation, struct form_problem problem) {
  if (result->problem_count == validation->capacity) {
    size_t capacity = validation->capacity * 2 + 8;
    struct form_problem *problems = arena_array(validation->arena, capacity, sizeof *problems);
    if (result->problem_count) memcpy(problems, result->problems, result->problem_count * sizeof *problems);
    result->problems = problems;
    validation->capacity = capacity;
  }
  result->problems[result->problem_count++] = problem;
}

/* --- one value ---------------------------------------------------------------------------------------------------- */

static const char *trim(struct arena *arena, const char *text) {
  size_t length = strlen(text), from = 0;
  while (from < length && strchr(" \t\r\n", text[from])) from++;
  while (length > from && strchr(" \t\r\n", text[length - 1])) length--;
  if (!from && !text[length]) return text;
  return arena_text_n(arena, text + from, length - from);
}

static bool within(const struct form_item *item, double value) {
  return (!item->has_low || value >= item->low) && (!item->has_high || value <= item->high);
}

static const char *take_integer(struct validation *validation, const struct form_item *item, const char *text) {
  size_t digits = strspn(text + (*text == '-'), "0123456789");
  double value;
  if (!number_read(text, &value) || text[digits + (*text == '-')]) {
    item_problem(validation, item, PROBLEM_NOT_WHOLE);
    return NULL;
  }
  if (within(item, value)) return number_text(validation->arena, value);
  item_problem(validation, item, PROBLEM_OUT_OF_RANGE);
  return NULL;
}

static const char *take_decimal(struct validation *validation, const struct form_item *item, const char *text) {
  char *dotted = arena_text(validation->arena, text);
  char *comma = strchr(dotted, ',');
  if (comma) *comma = '.';
  const char *point = strchr(dotted, '.');
  double value;
  if (!number_read(dotted, &value) || (point && strlen(point) > 7)) {
    item_problem(validation, item, PROBLEM_NOT_NUMBER);
    return NULL;
  }
  if (within(item, value)) return number_text(validation->arena, value);
  item_problem(validation, item, PROBLEM_OUT_OF_RANGE);
  return NULL;
}

static const char *take_point(struct validation *validation, const struct form_item *item, const char *text) {
  for (size_t i = 0; i < item->point_count; i++)
    if (!strcmp(item->points[i], text)) return item->points[i];
  double value;
  bool number = number_read(text, &value);
  bool between = number && within(item, value);
  item_problem(validation, item,
               !number   ? PROBLEM_NOT_NUMBER
               : between ? PROBLEM_NO_SUCH_CHOICE
                         : PROBLEM_OUT_OF_RANGE);
  return NULL;
}

static const char *take_one(struct validation *validation, const struct form_item *item, const char *text) {
  for (size_t i = 0; i < item->choice_count; i++)
    if (!strcmp(item->choices[i].name, text)) return item->choices[i].name;
  item_problem(validation, item, PROBLEM_NO_SUCH_CHOICE);
  return NULL;
}

/* The chosen names in the list's order, once each. */
static const char *take_several(struct validation *validation, const struct form_item *item, const char *text) {
  bool *chosen = arena_array(validation->arena, item->choice_count, sizeof *chosen);
  size_t bytes = 1;
  for (const char *at = text; *at;) {
    size_t word = strcspn(at, " "), i = 0;
    while (i < item->choice_count &&
           (strlen(item->choices[i].name) != word || memcmp(item->choices[i].name, at, word) != 0))
      i++;
    if (i == item->choice_count) {
      item_problem(validation, item, PROBLEM_NO_SUCH_CHOICE);
      return NULL;
    }
    bytes += chosen[i] ? 0 : word + 1;
    chosen[i] = true;
    at += word;
    at += strspn(at, " ");
  }
  char *list = arena_alloc(validation->arena, bytes);
  size_t length = 0;
  for (size_t i = 0; i < item->choice_count; i++) {
    if (!chosen[i]) continue;
    if (length) list[length++] = ' ';
    memcpy(list + length, item->choices[i].name, strlen(item->choices[i].name));
    length += strlen(item->choices[i].name);
  }
  return list;
}

/* Line ends become one line feed, so that every browser's text is the same text. */
static const char *take_text(struct validation *validation, const struct form_item *item, const char *text) {
  char *plain = arena_alloc(validation->arena, strlen(text) + 1);
  size_t length = 0;
  for (const char *c = text; *c; c++)
    if (*c != '\r')
      plain[length++] = *c;
    else if (c[1] != '\n')
      plain[length++] = '\n';
  if (utf8_length(plain) <= item->max_length) return plain;
  item_problem(validation, item, PROBLEM_TOO_LONG);
  return NULL;
}

static const char *take_date(struct validation *validation, const struct form_item *item, const char *text) {
  int64_t day;
  if (strlen(text) == 10 && date_parse(text, &day)) return text;
  item_problem(validation, item, PROBLEM_NOT_DATE);
  return NULL;
}

static const char *take_value(struct validation *validation, const struct form_item *item, const char *text) {
  switch (item->type) {
  case FORM_INTEGER:
    return take_integer(validation, item, text);
  case FORM_DECIMAL:
    return take_decimal(validation, item, text);
  case FORM_RANGE:
    return take_point(validation, item, text);
  case FORM_SELECT_ONE:
    return take_one(validation, item, text);
  case FORM_SELECT_MULTIPLE:
    return take_several(validation, item, text);
  case FORM_TEXT:
    return take_text(validation, item, text);
  case FORM_DATE:
    return take_date(validation, item, text);
  case FORM_NOTE:
  case FORM_CALCULATE:
  case FORM_GROUP:
  case FORM_GROUP_END:
    break;
  }
  return NULL;
}

/* --- all answers
 * -------------------------------------------------------------------------------------------------------- */

static void take_answer(struct validation *validation, const struct form_item *item, const struct form_answer *answer) {
  bool readable = answer->value_length <= FORM_VALUE_BYTES;
  if (!readable)
    item_problem(validation, item, PROBLEM_TOO_LONG);
  else if (!utf8_valid(answer->value, answer->value_length)) {
    readable = false;
    item_problem(validation, item, PROBLEM_ENCODING);
  }
  if (!readable) return;
  const char *text = arena_text_n(validation->arena, answer->value, answer->value_length);
  if (utf8_has_control(text)) {
    item_problem(validation, item, PROBLEM_ENCODING);
    return;
  }
  text = trim(validation->arena, text);
  if (*text) validation->given[item->index] = text;
}

/* Unknown fields are kept apart, to stand after the form's own. */
struct unknown {
  struct form_problem *list;
  size_t count;
};

static void take_answers(struct validation *validation, const struct form_answer *answers, size_t count,
                         struct unknown *unknown) {
  bool *seen = arena_array(validation->arena, validation->form->item_count, sizeof *seen);
  for (size_t i = 0; i < count; i++) {
    const struct form_item *item = form_item(validation->form, answers[i].name);
    if (!item || !form_type_asked(item->type)) {
      if (unknown->count < 20)
        unknown->list[unknown->count++] =
            (struct form_problem){.kind = PROBLEM_UNKNOWN_FIELD,
                                  .id = problem_id(PROBLEM_UNKNOWN_FIELD),
                                  .field = clean_name(validation->arena, answers[i].name)};
      continue;
    }
    if (seen[item->index]) {
      item_problem(validation, item, PROBLEM_TWICE);
      validation->given[item->index] = NULL;
      continue;
    }
    seen[item->index] = true;
    take_answer(validation, item, &answers[i]);
  }
}

static struct expression_values values_for(const struct validation *validation, const struct form_item *item) {
  return (struct expression_values){.by_index = validation->result->values,
                                    .self = validation->result->values[item->index]};
}

/* Relevance, then the value; in an order in which everything it depends on has been done. */
static void settle_item(struct validation *validation, const struct form_item *item) {
  struct form_result *result = validation->result;
  bool relevant = item->group == FORM_NONE || result->relevant[item->group];
  if (relevant && item->relevant)
    relevant = expression_true(validation->desk, item->relevant, values_for(validation, item));
  result->relevant[item->index] = relevant;
  const char *given = validation->given[item->index];
  if (!relevant) {
    validation->of[item->index] = NULL; /* dropped without a word */
    result->typed[item->index] = given;
    return;
  }
  if (item->type == FORM_CALCULATE)
    result->values[item->index] =
        expression_text(validation->desk, item->calculation, values_for(validation, item), validation->arena);
  else if (given && !validation->of[item->index])
    result->values[item->index] = take_value(validation, item, given);
  if (validation->of[item->index]) result->typed[item->index] = given;
}

static void check_item(struct validation *validation, const struct form_item *item, size_t *risks) {
  struct form_result *result = validation->result;
  const char *value = result->values[item->index];
  if (!form_type_asked(item->type) || !result->relevant[item->index] || validation->of[item->index]) return;
  if (!value) {
    if (item->required) item_problem(validation, item, PROBLEM_REQUIRED);
    return;
  }
  result->answered++;
  if (item->constraint && !expression_true(validation->desk, item->constraint, values_for(validation, item))) {
    item_problem(validation, item, PROBLEM_CONSTRAINT);
    result->typed[item->index] = validation->given[item->index];
    return;
  }
  if (item->risk &&
      (!item->risk_when || expression_true(validation->desk, item->risk_when, values_for(validation, item))))
    risks[result->risk_count++] = item->index;
}

void form_validate(const struct form *form, const struct form_answer *answers, size_t count,
                   struct expression_desk *desk, struct arena *arena, struct form_result *result) {
  size_t items = form->item_count;
  *result = (struct form_result){.values = arena_array(arena, items, sizeof *result->values),
                                 .typed = arena_array(arena, items, sizeof *result->typed),
                                 .relevant = arena_array(arena, items, sizeof *result->relevant)};
  struct validation validation = {.form = form,
                                  .arena = arena,
                                  .desk = desk,
                                  .result = result,
                                  .given = arena_array(arena, items, sizeof *validation.given),
                                  .of = arena_array(arena, items, sizeof *validation.of)};
  struct unknown unknown = {.list = arena_array(arena, 20, sizeof *unknown.list)};
  size_t *risks = arena_array(arena, items, sizeof *risks);
  take_answers(&validation, answers, count, &unknown);
  for (size_t i = 0; i < items; i++) settle_item(&validation, &form->items[form->order[i]]);
  for (size_t i = 0; i < items; i++) check_item(&validation, &form->items[i], risks);
  for (size_t i = 0; i < items; i++) {
    if (!validation.of[i]) continue;
    if (validation.of[i]->kind == PROBLEM_CONSTRAINT) result->values[i] = NULL;
    add_problem(result, &validation, *validation.of[i]);
  }
  for (size_t i = 0; i < unknown.count; i++) add_problem(result, &validation, unknown.list[i]);
  result->risks = risks;
  result->valid = result->problem_count == 0;
}
