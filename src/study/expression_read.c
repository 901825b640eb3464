#include "study/expression_read.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "study/pattern.h"

struct function {
  const char *name;
  int least, most; /* arguments */
};

/* What an expression may call; whatever is not here is refused with its name. */
static const struct function functions[] = {
    {"abs", 1, 1},
    {"boolean", 1, 1},
    {"ceiling", 1, 1},
    {"coalesce", 2, 2},
    {"concat", 2, 99},
    {"contains", 2, 2},
    {"count-answered", 1, 99},
    {"count-selected", 1, 1},
    {"false", 0, 0},
    {"floor", 1, 1},
    {"if", 3, 3},
    {"int", 1, 1},
    {"max", 1, 99},
    {"mean-answered", 1, 99},
    {"min", 1, 99},
    {"normalize-space", 1, 1},
    {"not", 1, 1},
    {"number", 1, 1},
    {"once", 1, 1},
    {"pow", 2, 2},
    {"prorate", 2, 99},
    {"regex", 2, 2},
    {"round", 1, 2},
    {"selected", 2, 2},
    {"sqrt", 1, 1},
    {"starts-with", 2, 2},
    {"string", 1, 1},
    {"string-length", 1, 1},
    {"substring", 2, 3},
    {"substring-after", 2, 2},
    {"substring-before", 2, 2},
    {"sum", 1, 99},
    {"translate", 3, 3},
    {"true", 0, 0},
};

/* An open parenthesis: of a function call, or plain (function NULL). */
struct frame {
  const struct function *function;
  int arguments; /* commas so far */
  bool empty;
  int column;
};

struct reading {
  struct expression *out;
  struct arena *arena;
  const char *text;
  size_t at;
  struct buf xpath;
  int *columns;
  struct frame frames[EXPRESSION_DEPTH];
  int depth;
  bool after_value; /* the last token ended a value: an operator may follow, a value may not */
  int *column;
  struct error *error;
};

static enum err refuse(struct reading *reading, size_t at, const char *id, const char *sentence) {
  *reading->column = (int)at + 1;
  return fail(reading->error, ERR_INPUT, id, "", "column %d: %s", *reading->column, sentence);
}

static void put(struct reading *reading, const char *bytes, size_t length, size_t from) {
  for (size_t i = 0; i < length; i++) reading->columns[reading->xpath.length + i] = (int)from + 1;
  buf_add(&reading->xpath, bytes, length);
}

static bool name_starts(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static bool name_goes_on(char c) {
  return name_starts(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
}
static bool digit(char c) {
  return c >= '0' && c <= '9';
}
static bool blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const struct function *function_find(const char *name, size_t length) {
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
    if (strlen(functions[i].name) == length && !memcmp(functions[i].name, name, length)) return &functions[i];
  return NULL;
}

/* A value may not follow a value. */
static enum err value_begins(struct reading *reading, size_t at) {
  if (reading->after_value) return refuse(reading, at, "expression-syntax", "an operator is missing before this");
  if (reading->depth) reading->frames[reading->depth - 1].empty = false;
  return OK;
}

static struct expression_item *item_use(struct reading *reading, const char *name, size_t length, size_t at) {
  struct expression *out = reading->out;
  for (size_t i = 0; i < out->item_count; i++)
    if (strlen(out->items[i].name) == length && !memcmp(out->items[i].name, name, length)) return &out->items[i];
  if (out->item_count == EXPRESSION_ITEMS) return NULL;
  struct expression_item *item = &out->items[out->item_count++];
  item->name = arena_text_n(reading->arena, name, length);
  item->column = (int)at + 1;
  return item;
}

static enum err take_item(struct reading *reading) {
  size_t start = reading->at;
  const char *name = reading->text + start + 2;
  if (reading->text[start + 1] != '{')
    return refuse(reading, start, "expression-syntax", "an item is written ${name}, with braces");
  size_t length = 0;
  while (name_goes_on(name[length])) length++;
  if (!length || !name_starts(name[0]) || name[length] != '}')
    return refuse(reading, start, "expression-syntax", "an item is written ${name}: letters, digits, _ - . inside");
  enum err err = value_begins(reading, start);
  if (err) return err;
  struct expression_item *item = item_use(reading, name, length, start);
  if (!item) return refuse(reading, start, "expression-large", "an expression uses at most 200 items");
  const struct frame *frame = reading->depth ? &reading->frames[reading->depth - 1] : NULL;
  if (frame && frame->function && !strcmp(frame->function->name, "sum")) item->summed = true;
  const char *variable = arena_printf(reading->arena, "$i%zu ", (size_t)(item - reading->out->items));
  put(reading, variable, strlen(variable), start);
  reading->at = start + 2 + length + 1;
  reading->after_value = true;
  return OK;
}

static bool pattern_expected(const struct reading *reading) {
  const struct frame *frame = reading->depth ? &reading->frames[reading->depth - 1] : NULL;
  return frame && frame->function && !strcmp(frame->function->name, "regex") && frame->arguments == 1;
}

static enum err take_literal(struct reading *reading) {
  size_t start = reading->at;
  const char *end = strchr(reading->text + start + 1, reading->text[start]);
  if (!end) return refuse(reading, start, "expression-syntax", "the text that begins here has no closing quote");
  enum err err = value_begins(reading, start);
  if (err) return err;
  size_t length = (size_t)(end - (reading->text + start)) + 1;
  if (pattern_expected(reading)) {
    const struct pattern *pattern;
    struct error why;
    if (pattern_compile(&pattern, arena_text_n(reading->arena, reading->text + start + 1, length - 2), reading->arena,
                        &why))
      return refuse(reading, start, "expression-pattern", why.text);
  }
  put(reading, reading->text + start, length, start);
  reading->at = start + length;
  reading->after_value = true;
  return OK;
}

static enum err take_number(struct reading *reading) {
  size_t start = reading->at, end = start;
  while (digit(reading->text[end])) end++;
  if (reading->text[end] == '.')
    for (end++; digit(reading->text[end]);) end++;
  enum err err = value_begins(reading, start);
  if (err) return err;
  put(reading, reading->text + start, end - start, start);
  put(reading, " ", 1, start);
  reading->at = end;
  reading->after_value = true;
  return OK;
}

static enum err take_self(struct reading *reading) {
  size_t start = reading->at;
  if (reading->text[start + 1] == '.') return refuse(reading, start, "expression-path", "paths are not understood");
  enum err err = value_begins(reading, start);
  if (err) return err;
  put(reading, "$self ", 6, start);
  reading->out->uses_self = true;
  reading->at = start + 1;
  reading->after_value = true;
  return OK;
}

static enum err open_frame(struct reading *reading, const struct function *function, size_t start) {
  if (reading->depth == EXPRESSION_DEPTH)
    return refuse(reading, start, "expression-deep", "parentheses are nested too deep");
  reading->frames[reading->depth++] = (struct frame){.function = function, .empty = true, .column = (int)start};
  put(reading, "(", 1, start);
  reading->after_value = false;
  return OK;
}

static enum err unknown_name(struct reading *reading, size_t start, size_t length, bool called) {
  const char *name = arena_text_n(reading->arena, reading->text + start, length);
  if (!called)
    return refuse(reading, start, "expression-name",
                  arena_printf(reading->arena, "'%.80s' alone means nothing: an item is written ${%.80s}, a text 'so'",
                               name, name));
  static const char *const refused[] = {"today", "now", "random", "uuid", "format-date", "decimal-date-time"};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    if (!strcmp(name, refused[i]))
      return refuse(
          reading, start, "expression-clock",
          arena_printf(reading->arena, "%s() is refused: the same answers must always give the same result", name));
  return refuse(reading, start, "expression-function",
                arena_printf(reading->arena, "there is no function %.80s() (docs/forms.md lists them)", name));
}

static enum err take_call(struct reading *reading, size_t start, size_t length, size_t parenthesis) {
  const struct function *function = function_find(reading->text + start, length);
  if (!function) return unknown_name(reading, start, length, true);
  enum err err = value_begins(reading, start);
  if (err) return err;
  if (pattern_expected(reading))
    return refuse(reading, start, "expression-pattern", "the pattern of regex() is a text in quotes");
  put(reading, function->name, length, start);
  reading->at = parenthesis + 1;
  bool once = !strcmp(function->name, "once");
  err = open_frame(reading, function, start);
  if (err || !once) return err;
  reading->out->uses_self = true;
  put(reading, "$self ,", 7, start); /* our once() takes the item's own value first */
  return OK;
}

static enum err take_name(struct reading *reading) {
  size_t start = reading->at, length = 0;
  while (name_goes_on(reading->text[start + length])) length++;
  size_t next = start + length;
  while (blank(reading->text[next])) next++;
  if (reading->after_value) {
    static const char *const operators[] = {"and", "or", "div", "mod"};
    for (size_t i = 0; i < 4; i++)
      if (strlen(operators[i]) == length && !memcmp(operators[i], reading->text + start, length)) {
        put(reading, " ", 1, start);
        put(reading, operators[i], length, start);
        put(reading, " ", 1, start);
        reading->at = start + length;
        reading->after_value = false;
        return OK;
      }
  }
  if (reading->text[next] == '(') return take_call(reading, start, length, next);
  return unknown_name(reading, start, length, false);
}

static enum err close_frame(struct reading *reading) {
  size_t start = reading->at++;
  if (!reading->depth) return refuse(reading, start, "expression-syntax", "a ) without its (");
  const struct frame *frame = &reading->frames[--reading->depth];
  if (!reading->after_value && !(frame->empty && !frame->arguments))
    return refuse(reading, start, "expression-syntax", "a value is missing before this )");
  if (frame->function) {
    int given = frame->empty && !frame->arguments ? 0 : frame->arguments + 1;
    if (given < frame->function->least || given > frame->function->most)
      return refuse(reading, (size_t)frame->column, "expression-arguments",
                    arena_printf(reading->arena, "%s() takes %d to %d values, not %d", frame->function->name,
                                 frame->function->least, frame->function->most, given));
  } else if (frame->empty)
    return refuse(reading, start, "expression-syntax", "there is nothing between ( and )");
  put(reading, ")", 1, start);
  reading->after_value = true;
  return OK;
}

static enum err take_comma(struct reading *reading) {
  size_t start = reading->at++;
  struct frame *frame = reading->depth ? &reading->frames[reading->depth - 1] : NULL;
  if (!frame || !frame->function || !reading->after_value)
    return refuse(reading, start, "expression-syntax", "a comma stands between two values of a function");
  frame->arguments++;
  put(reading, ",", 1, start);
  reading->after_value = false;
  return OK;
}

static enum err take_operator(struct reading *reading) {
  size_t start = reading->at;
  char c = reading->text[start], second = reading->text[start + 1];
  if (c == '!' && second != '=') return refuse(reading, start, "expression-syntax", "unequal is written !=");
  if (c != '-' && !reading->after_value)
    return refuse(reading, start, "expression-syntax", "a value is missing before this operator");
  size_t length = strchr("!<>", c) && second == '=' ? 2 : 1;
  put(reading, " ", 1, start);
  put(reading, reading->text + start, length, start);
  put(reading, " ", 1, start);
  reading->at = start + length;
  reading->after_value = false;
  return OK;
}

static enum err take_token(struct reading *reading) {
  char c = reading->text[reading->at], next = reading->text[reading->at + 1];
  if (pattern_expected(reading) && !blank(c) && c != '\'' && c != '"' && c != ')' && c != ',')
    return refuse(reading, reading->at, "expression-pattern", "the pattern of regex() is one text in quotes");
  if (c == '$') return take_item(reading);
  if (c == '\'' || c == '"') return take_literal(reading);
  if (digit(c) || (c == '.' && digit(next))) return take_number(reading);
  if (c == '.') return take_self(reading);
  if (name_starts(c)) return take_name(reading);
  if (c == ')') return close_frame(reading);
  if (c == ',') return take_comma(reading);
  if (c == '(') {
    enum err err = value_begins(reading, reading->at);
    return err ? err : open_frame(reading, NULL, reading->at++);
  }
  if (strchr("+-*=<>!", c)) return take_operator(reading);
  if (strchr("/@[]:|", c))
    return refuse(reading, reading->at, "expression-path", "paths and node sets are not understood: write ${name}");
  return refuse(reading, reading->at, "expression-syntax", "a sign that an expression cannot hold");
}

/* "${item} = 'value'" and nothing else: the value, else NULL. */
static const char *simple_equality(const struct expression *expression, struct arena *arena) {
  if (expression->item_count != 1 || expression->uses_self) return NULL;
  const char *at = expression->text + strspn(expression->text, " ");
  if (*at != '$') return NULL;
  at = strchr(at, '}') + 1;
  at += strspn(at, " ");
  if (*at++ != '=') return NULL;
  at += strspn(at, " ");
  bool quoted = *at == '\'' || *at == '"';
  const char *start = at + quoted;
  size_t length = quoted ? strcspn(start, *at == '"' ? "\"" : "'") : strspn(start, "0123456789");
  const char *end = start + length + quoted;
  bool plain = length && (quoted || length == 1 || *start != '0');
  return plain && !end[strspn(end, " ")] ? arena_text_n(arena, start, length) : NULL;
}

enum err expression_read(struct expression *out, const char *text, struct arena *arena, const int **columns,
                         int *column, struct error *error) {
  size_t length = strlen(text);
  *column = 1;
  if (length > EXPRESSION_LENGTH)
    return fail(error, ERR_INPUT, "expression-large", "", "an expression has at most %d bytes", EXPRESSION_LENGTH);
  if (!utf8_valid(text, length)) return fail(error, ERR_INPUT, "expression-syntax", "", "column 1: not UTF-8");
  struct reading reading = {.out = out, .arena = arena, .text = text, .column = column, .error = error};
  reading.xpath = buf_in(arena, length * 2 + 64);
  reading.columns = arena_array(arena, length * 16 + 64, sizeof *reading.columns);
  out->text = arena_text(arena, text);
  out->items = arena_array(arena, EXPRESSION_ITEMS, sizeof *out->items);
  while (text[reading.at]) {
    if (blank(text[reading.at])) {
      reading.at++;
      continue;
    }
    enum err err = take_token(&reading);
    if (err) return err;
  }
  if (reading.depth)
    return refuse(&reading, (size_t)reading.frames[reading.depth - 1].column, "expression-syntax",
                  "the ( that opens here is never closed");
  if (!reading.after_value) return refuse(&reading, length, "expression-syntax", "a value is missing at the end");
  struct expression_item *items = arena_array(arena, out->item_count, sizeof *items);
  if (out->item_count) memcpy(items, out->items, out->item_count * sizeof *items);
  out->items = items;
  out->xpath = reading.xpath.data;
  out->equals = simple_equality(out, arena);
  *columns = reading.columns;
  return OK;
}
