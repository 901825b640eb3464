/* The one file that talks to libxml2. */
#include "study/expression.h"

#include <libxml/xmlerror.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>
#include <math.h>
#include <stdint.h>

#include "study/expression_read.h"
#include "study/pattern.h"

#define DESK_SLOTS 1024 /* compiled expressions that a desk keeps; a power of two */
#define DESK_OPERATIONS 200000

struct slot {
  char *xpath; /* NULL: free */
  unsigned long hash;
  xmlXPathCompExprPtr compiled;
};

struct expression_desk {
  xmlXPathContextPtr context;
  struct slot slots[DESK_SLOTS];
  size_t used;
  struct arena patterns; /* of regex(): compiled once for each text */
  struct kept_pattern {
    const char *text;
    const struct pattern *pattern;
  } kept[32];
  size_t kept_count;
  const struct expression *expression; /* while one is being evaluated */
  struct expression_values values;
};

/* --- numbers as text ------------------------------------------------------------------------------------------- */

const char *number_text(struct arena *arena, double value) {
  if (!isfinite(value) || fabs(value) >= 1e15) return NULL;
  if (value == 0) return "0";
  if (value == floor(value)) return arena_printf(arena, "%lld", (long long)value);
  char *text = arena_printf(arena, "%.6f", value);
  size_t end = strlen(text);
  while (text[end - 1] == '0') end--;
  if (text[end - 1] == '.') end--;
  text[end] = 0;
  return strcmp(text, "-0") ? text : "0";
}

bool number_read(const char *text, double *value) {
  const char *at = text + (*text == '-');
  size_t whole = strspn(at, "0123456789"), part = 0;
  const char *end = at + whole;
  if (*end == '.') {
    part = strspn(end + 1, "0123456789");
    if (!part) return false;
    end += 1 + part;
  }
  if (!whole || *end || whole + part > 15) return false;
  *value = strtod(text, NULL);
  return true;
}

/* --- functions ------------------------------------------------------------------------------------------------- */

static bool object_blank(xmlXPathObjectPtr object) {
  if (object->type == XPATH_STRING) return !object->stringval || !*object->stringval;
  return object->type == XPATH_NUMBER && isnan(object->floatval);
}

/* Takes the numbers of the last `count` arguments off the stack; those without one are counted in *without. */
struct tally {
  double sum, least, most;
  int numbers, held; /* arguments that are a number; that are not blank */
};

static struct tally tally_arguments(xmlXPathParserContextPtr parser, int count) {
  struct tally tally = {.least = INFINITY, .most = -INFINITY};
  double values[100];
  count = count > 100 ? 100 : count;
  for (int i = count; i-- > 0;) {
    xmlXPathObjectPtr object = valuePop(parser);
    values[i] = NAN;
    if (!object) continue;
    tally.held += !object_blank(object);
    values[i] = xmlXPathCastToNumber(object);
    xmlXPathFreeObject(object);
  }
  for (int i = 0; i < count; i++) { /* in the order of the arguments, so that sums are the same everywhere */
    if (isnan(values[i])) continue;
    tally.numbers++;
    tally.sum += values[i];
    tally.least = fmin(tally.least, values[i]);
    tally.most = fmax(tally.most, values[i]);
  }
  return tally;
}

static void push_number(xmlXPathParserContextPtr parser, double value) {
  valuePush(parser, xmlXPathNewFloat(value));
}

static void call_sum(xmlXPathParserContextPtr parser, int count) {
  struct tally tally = tally_arguments(parser, count);
  push_number(parser, tally.numbers == count ? tally.sum : NAN);
}

static void call_mean_answered(xmlXPathParserContextPtr parser, int count) {
  struct tally tally = tally_arguments(parser, count);
  push_number(parser, tally.numbers ? tally.sum / tally.numbers : NAN);
}

static void call_count_answered(xmlXPathParserContextPtr parser, int count) {
  push_number(parser, tally_arguments(parser, count).held);
}

static void call_prorate(xmlXPathParserContextPtr parser, int count) {
  struct tally tally = tally_arguments(parser, count - 1);
  double least = xmlXPathPopNumber(parser);
  bool enough = tally.numbers > 0 && tally.numbers >= least;
  push_number(parser, enough ? tally.sum / tally.numbers * (count - 1) : NAN);
}

static void call_min(xmlXPathParserContextPtr parser, int count) {
  struct tally tally = tally_arguments(parser, count);
  push_number(parser, tally.numbers ? tally.least : NAN);
}

static void call_max(xmlXPathParserContextPtr parser, int count) {
  struct tally tally = tally_arguments(parser, count);
  push_number(parser, tally.numbers ? tally.most : NAN);
}

static void call_abs(xmlXPathParserContextPtr parser, int count) {
  (void)count;
  push_number(parser, fabs(xmlXPathPopNumber(parser)));
}

static void call_sqrt(xmlXPathParserContextPtr parser, int count) {
  (void)count;
  push_number(parser, sqrt(xmlXPathPopNumber(parser)));
}

static void call_int(xmlXPathParserContextPtr parser, int count) {
  (void)count;
  push_number(parser, trunc(xmlXPathPopNumber(parser)));
}

/* By multiplication alone: the same on every machine. */
static double power(double base, int exponent) {
  double result = 1;
  for (int i = 0; i < abs(exponent); i++) result *= base;
  return exponent < 0 ? 1 / result : result;
}

static void call_pow(xmlXPathParserContextPtr parser, int count) {
  (void)count;
  double exponent = xmlXPathPopNumber(parser), base = xmlXPathPopNumber(parser);
  bool whole = exponent == floor(exponent) && fabs(exponent) <= 64;
  push_number(parser, whole ? power(base, (int)exponent) : NAN);
}

/* Halves go up, as XPath has it. */
static void call_round(xmlXPathParserContextPtr parser, int count) {
  double places = count == 2 ? xmlXPathPopNumber(parser) : 0, value = xmlXPathPopNumber(parser);
  bool sensible = places == floor(places) && fabs(places) <= 9;
  double scale = sensible ? power(10, (int)fabs(places)) : 1;
  double rounded = places >= 0 ? floor(value * scale + 0.5) / scale : floor(value / scale + 0.5) * scale;
  push_number(parser, sensible ? rounded : NAN);
}

static void call_if(xmlXPathParserContextPtr parser, int count) {
  (void)count;
  xmlXPathObjectPtr otherwise = valuePop(parser), then = valuePop(parser);
  int condition = xmlXPathPopBoolean(parser);
  xmlXPathFreeObject(condition ? otherwise : then);
  valuePush(parser, condition ? then : otherwise);
}

/* coalesce(a, b), and once(x), which is written once(self, x). */
static void call_coalesce(xmlXPathParserContextPtr parser, int count) {
  (void)count;
  xmlXPathObjectPtr second = valuePop(parser), first = valuePop(parser);
  if (!first || !second) return;
  bool use_second = object_blank(first);
  xmlXPathFreeObject(use_second ? first : second);
  valuePush(parser, use_second ? second : first);
}

static void call_selected(xmlXPathParserContextPtr parser, int count) {
  (void)count;
  xmlChar *choice = xmlXPathPopString(parser), *list = xmlXPathPopString(parser);
  bool found = false;
  size_t length = choice ? strlen((const char *)choice) : 0;
  for (const char *at = (const char *)list; at && length && *at && !found;) {
    size_t word = strcspn(at, " ");
    found = word == length && !memcmp(at, choice, length);
    at += word;
    at += strspn(at, " ");
  }
  xmlFree(choice);
  xmlFree(list);
  valuePush(parser, xmlXPathNewBoolean(found));
}

static void call_count_selected(xmlXPathParserContextPtr parser, int count) {
  (void)count;
  xmlChar *list = xmlXPathPopString(parser);
  int words = 0;
  for (const char *at = (const char *)list; at && *at;) {
    size_t word = strcspn(at, " ");
    words += word > 0;
    at += word;
    at += strspn(at, " ");
  }
  xmlFree(list);
  push_number(parser, words);
}

static const struct pattern *desk_pattern(struct expression_desk *desk, const char *text) {
  for (size_t i = 0; i < desk->kept_count; i++)
    if (!strcmp(desk->kept[i].text, text)) return desk->kept[i].pattern;
  if (desk->kept_count == sizeof desk->kept / sizeof *desk->kept) {
    desk->kept_count = 0;
    arena_reset(&desk->patterns);
  }
  struct kept_pattern *kept = &desk->kept[desk->kept_count];
  if (pattern_compile(&kept->pattern, text, &desk->patterns, NULL)) return NULL;
  kept->text = arena_text(&desk->patterns, text);
  desk->kept_count++;
  return kept->pattern;
}

static void call_regex(xmlXPathParserContextPtr parser, int count) {
  (void)count;
  struct expression_desk *desk = parser->context->userData;
  xmlChar *text = xmlXPathPopString(parser), *value = xmlXPathPopString(parser);
  const struct pattern *pattern = text ? desk_pattern(desk, (const char *)text) : NULL;
  bool matched = pattern && value && pattern_match(pattern, (const char *)value);
  xmlFree(text);
  xmlFree(value);
  valuePush(parser, xmlXPathNewBoolean(matched));
}

static const struct {
  const char *name;
  xmlXPathFunction call;
} calls[] = {
    {"abs", call_abs},
    {"coalesce", call_coalesce},
    {"count-answered", call_count_answered},
    {"count-selected", call_count_selected},
    {"if", call_if},
    {"int", call_int},
    {"max", call_max},
    {"mean-answered", call_mean_answered},
    {"min", call_min},
    {"once", call_coalesce},
    {"pow", call_pow},
    {"prorate", call_prorate},
    {"regex", call_regex},
    {"round", call_round},
    {"selected", call_selected},
    {"sqrt", call_sqrt},
    {"sum", call_sum},
};

/* --- the desk -------------------------------------------------------------------------------------------------- */

static xmlXPathObjectPtr variable_value(void *state, const xmlChar *name, const xmlChar *space) {
  (void)space;
  const struct expression_desk *desk = state;
  const char *value = NULL;
  if (name[0] == 's')
    value = desk->values.self;
  else if (desk->expression) {
    unsigned long index = strtoul((const char *)name + 1, NULL, 10);
    if (index < desk->expression->item_count) value = desk->values.by_index[desk->expression->items[index].index];
  }
  return xmlXPathNewString((const xmlChar *)(value ? value : ""));
}

/* libxml2 says what it thinks of an expression here and not on stderr. */
static void keep_quiet(void *state, xmlErrorPtr problem) {
  (void)state;
  (void)problem;
}

struct expression_desk *expression_desk_open(void) {
  struct expression_desk *desk = calloc(1, sizeof *desk);
  if (!desk) die("out of memory for the evaluation of expressions");
  desk->context = xmlXPathNewContext(NULL);
  if (!desk->context) die("out of memory for the evaluation of expressions");
  arena_init(&desk->patterns, 0);
  desk->context->error = keep_quiet;
  desk->context->userData = desk;
  desk->context->opLimit = DESK_OPERATIONS;
  xmlXPathContextSetCache(desk->context, 1, -1, 0);
  xmlXPathRegisterVariableLookup(desk->context, variable_value, desk);
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    const xmlChar *name = (const xmlChar *)calls[i].name;
    xmlXPathRegisterFunc(desk->context, name, NULL); /* round and sum are there already, and would stay */
    xmlXPathRegisterFunc(desk->context, name, calls[i].call);
  }
  return desk;
}

static void desk_forget(struct expression_desk *desk) {
  for (size_t i = 0; i < DESK_SLOTS; i++) {
    if (!desk->slots[i].xpath) continue;
    xmlXPathFreeCompExpr(desk->slots[i].compiled);
    free(desk->slots[i].xpath);
    desk->slots[i] = (struct slot){0};
  }
  desk->used = 0;
}

void expression_desk_close(struct expression_desk *desk) {
  if (!desk) return;
  desk_forget(desk);
  xmlXPathFreeContext(desk->context);
  arena_free(&desk->patterns);
  free(desk);
}

static xmlXPathCompExprPtr desk_compiled(struct expression_desk *desk, const struct expression *expression) {
  if (desk->used > DESK_SLOTS * 3 / 4) desk_forget(desk);
  size_t at = expression->hash & (DESK_SLOTS - 1);
  for (; desk->slots[at].xpath; at = (at + 1) & (DESK_SLOTS - 1))
    if (desk->slots[at].hash == expression->hash && !strcmp(desk->slots[at].xpath, expression->xpath))
      return desk->slots[at].compiled;
  xmlXPathCompExprPtr compiled = xmlXPathCtxtCompile(desk->context, (const xmlChar *)expression->xpath);
  if (!compiled) return NULL;
  char *copy = strdup(expression->xpath);
  if (!copy) die("out of memory for the evaluation of expressions");
  desk->slots[at] = (struct slot){.xpath = copy, .hash = expression->hash, .compiled = compiled};
  desk->used++;
  return compiled;
}

static xmlXPathObjectPtr evaluate(struct expression_desk *desk, const struct expression *expression,
                                  struct expression_values values) {
  xmlXPathCompExprPtr compiled = desk_compiled(desk, expression);
  if (!compiled) return NULL;
  desk->expression = expression;
  desk->values = values;
  desk->context->opCount = 0;
  xmlXPathObjectPtr object = xmlXPathCompiledEval(compiled, desk->context);
  desk->expression = NULL;
  return object;
}

bool expression_true(struct expression_desk *desk, const struct expression *expression,
                     struct expression_values values) {
  xmlXPathObjectPtr object = evaluate(desk, expression, values);
  bool result = object && xmlXPathCastToBoolean(object);
  if (object) xmlXPathFreeObject(object);
  return result;
}

const char *expression_text(struct expression_desk *desk, const struct expression *expression,
                            struct expression_values values, struct arena *arena) {
  xmlXPathObjectPtr object = evaluate(desk, expression, values);
  const char *text = NULL;
  if (object && object->type == XPATH_NUMBER)
    text = number_text(arena, object->floatval);
  else if (object && object->type == XPATH_BOOLEAN)
    text = object->boolval ? "true" : "false";
  else if (object && object->type == XPATH_STRING && object->stringval && *object->stringval)
    text = arena_text(arena, (const char *)object->stringval);
  if (object) xmlXPathFreeObject(object);
  return text;
}

/* --- compiling ------------------------------------------------------------------------------------------------- */

static unsigned long text_hash(const char *text) { /* FNV-1a */
  uint64_t hash = UINT64_C(14695981039346656037);
  for (const unsigned char *c = (const unsigned char *)text; *c; c++) hash = (hash ^ *c) * UINT64_C(1099511628211);
  return (unsigned long)hash;
}

struct syntax {
  int at; /* byte in the xpath, or -1 */
};

static void keep_place(void *state, xmlErrorPtr problem) {
  struct syntax *syntax = state;
  if (syntax->at < 0) syntax->at = problem->int1;
}

enum err expression_compile(const struct expression **out, const char *text, struct arena *arena, int *column,
                            struct error *error) {
  *out = NULL;
  int unused;
  if (!column) column = &unused;
  struct expression *expression = arena_alloc(arena, sizeof *expression);
  const int *columns;
  enum err err = expression_read(expression, text, arena, &columns, column, error);
  if (err) return err;
  expression->hash = text_hash(expression->xpath);
  struct syntax syntax = {.at = -1};
  xmlXPathContextPtr context = xmlXPathNewContext(NULL);
  if (!context) die("out of memory for the reading of expressions");
  context->error = keep_place;
  context->userData = &syntax;
  xmlXPathCompExprPtr compiled = xmlXPathCtxtCompile(context, (const xmlChar *)expression->xpath);
  xmlXPathFreeCompExpr(compiled);
  xmlXPathFreeContext(context);
  if (!compiled) {
    bool inside = syntax.at >= 0 && (size_t)syntax.at < strlen(expression->xpath);
    *column = inside ? columns[syntax.at] : (int)strlen(text);
    return fail(error, ERR_INPUT, "expression-syntax", "", "column %d: this is not an expression", *column);
  }
  *out = expression;
  return OK;
}
