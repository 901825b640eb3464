#include "stats/formula.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stats/model_base.h"

#define DEPTH_MAXIMUM 60

/* Terms while they are being read. `intercept`: 1 asked for, -1 taken away, 0 not spoken of. */
struct terms {
  uint64_t *term;
  size_t count, capacity;
  int intercept;
};

struct reader {
  const char *text, *at;
  const struct stats_memory *memory;
  struct stats_error *error;
  struct formula *formula;
  int depth;
  bool failed;
};

static void *take(struct reader *r, size_t count, size_t size) {
  void *bytes = model_take(r->memory, count, size);
  if (!bytes && !r->failed) {
    model_no_memory(r->error);
    r->failed = true;
  }
  return bytes;
}

static void complain(struct reader *r, const char *what) {
  if (r->failed) return;
  r->failed = true;
  size_t at = (size_t)(r->at - r->text);
  if (*r->at)
    model_fail(r->error, STATS_BAD_FORMULA, "formula", "the formula %s, at character %zu: '%.24s'", what, at + 1,
               r->at);
  else
    model_fail(r->error, STATS_BAD_FORMULA, "formula", "the formula %s, at its end", what);
}

static char peek(struct reader *r) {
  while (isspace((unsigned char)*r->at)) r->at++;
  return r->failed ? '\0' : *r->at;
}

static bool accept(struct reader *r, char c) {
  if (c == '\0' || peek(r) != c) return false;
  r->at++;
  return true;
}

static void expect(struct reader *r, char c) {
  char what[40];
  if (accept(r, c)) return;
  snprintf(what, sizeof what, "lacks a '%c'", c);
  complain(r, what);
}

static bool starts_name(char c) {
  return isalpha((unsigned char)c) || c == '.' || c == '`' || (unsigned char)c >= 128;
}
static bool goes_on(char c) {
  return isalnum((unsigned char)c) || c == '.' || c == '_' || (unsigned char)c >= 128;
}

static const char *read_name(struct reader *r) {
  const char *start, *end;
  if (!starts_name(peek(r))) {
    complain(r, "lacks a name");
    return "";
  }
  if (*r->at == '`') {
    start = ++r->at;
    while (*r->at && *r->at != '`') r->at++;
    end = r->at;
    if (*r->at != '`') {
      complain(r, "lacks a closing `");
      return "";
    }
    if (end == start) {
      complain(r, "has an empty name");
      return "";
    }
    r->at++;
  } else {
    start = r->at;
    while (goes_on(*r->at)) r->at++;
    end = r->at;
  }
  char *name = take(r, (size_t)(end - start) + 1, 1);
  if (!name) return "";
  memcpy(name, start, (size_t)(end - start));
  return name;
}

/* --- variables ---------------------------------------------------------------------------------------------------- */

static size_t variable_index(struct reader *r, struct formula_variable variable) {
  struct formula *f = r->formula;
  for (size_t i = 0; i < f->variables; i++)
    if (!strcmp(f->variable[i].label, variable.label)) return i;
  if (f->variables == FORMULA_VARIABLES) {
    complain(r, "names more than 60 variables");
    return 0;
  }
  f->variable[f->variables] = variable;
  return f->variables++;
}

/* Expressions within I() and other functions: each reader appends postfix steps and returns the text as R writes it. */
struct expression {
  struct formula_op *op;
  size_t ops;
};

static const char *read_sum(struct reader *r, struct expression *e);

static void push(struct reader *r, struct expression *e, char op, double number, const char *name) {
  if (e->ops == FORMULA_OPS) {
    complain(r, "holds an I() that is too long");
    return;
  }
  e->op[e->ops++] = (struct formula_op){op, number, name};
}

static const char *text_of(struct reader *r, const char *a, const char *op, const char *b) {
  const char *text = model_text(r->memory, "%s%s%s", a, op, b);
  if (!text) take(r, SIZE_MAX, 1);
  return text ? text : "";
}

static bool enter(struct reader *r) {
  if (++r->depth <= DEPTH_MAXIMUM) return true;
  complain(r, "nests too deeply");
  return false;
}

static const char *read_number(struct reader *r, double *number) {
  char *end;
  const char *start = r->at;
  if (!isdigit((unsigned char)*start) && *start != '.') {
    complain(r, "lacks a number or a name");
    return "";
  }
  *number = strtod(start, &end);
  if (end == start || !isfinite(*number)) {
    complain(r, "holds a number that cannot be read");
    return "";
  }
  r->at = end;
  return model_text(r->memory, "%.15g", *number);
}

/* The op of a function of one number, or 0. */
static char function_op(const char *name) {
  static const struct {
    const char *name;
    char op;
  } functions[] = {{"log", 'l'}, {"exp", 'e'}, {"sqrt", 's'}, {"abs", 'a'}};
  for (size_t i = 0; i < 4; i++)
    if (!strcmp(name, functions[i].name)) return functions[i].op;
  return 0;
}

/* A column, or a function of an expression. */
static const char *read_named(struct reader *r, struct expression *e) {
  bool quoted = *r->at == '`';
  const char *name = read_name(r);
  char op = quoted ? 0 : function_op(name);
  if (!op || !accept(r, '(')) {
    push(r, e, 'c', 0, name);
    return name;
  }
  const char *inner = read_sum(r, e);
  expect(r, ')');
  push(r, e, op, 0, NULL);
  return text_of(r, text_of(r, name, "(", inner), ")", "");
}

static const char *read_operand(struct reader *r, struct expression *e) {
  if (!enter(r)) return "";
  const char *text = "";
  if (accept(r, '(')) {
    text = text_of(r, "(", read_sum(r, e), ")");
    expect(r, ')');
  } else if (accept(r, '-')) {
    text = text_of(r, "-", read_operand(r, e), "");
    push(r, e, '~', 0, NULL);
  } else if (starts_name(peek(r)) && !(*r->at == '.' && isdigit((unsigned char)r->at[1]))) {
    text = read_named(r, e);
  } else {
    double number = 0;
    text = read_number(r, &number);
    push(r, e, 'n', number, NULL);
  }
  r->depth--;
  return text ? text : "";
}

static const char *read_power(struct reader *r, struct expression *e) {
  if (!enter(r)) return "";
  bool minus = accept(r, '-');
  const char *text = read_operand(r, e);
  if (accept(r, '^')) {
    text = text_of(r, text, "^", read_power(r, e));
    push(r, e, '^', 0, NULL);
  }
  if (minus) {
    text = text_of(r, "-", text, "");
    push(r, e, '~', 0, NULL);
  }
  r->depth--;
  return text;
}

static const char *read_product(struct reader *r, struct expression *e) {
  const char *text = read_power(r, e);
  while (peek(r) == '*' || peek(r) == '/') {
    char op = *r->at++;
    text = text_of(r, text, op == '*' ? " * " : "/", read_power(r, e));
    push(r, e, op, 0, NULL);
  }
  return text;
}

static const char *read_sum(struct reader *r, struct expression *e) {
  if (!enter(r)) return "";
  const char *text = read_product(r, e);
  while (peek(r) == '+' || peek(r) == '-') {
    char op = *r->at++;
    text = text_of(r, text, op == '+' ? " + " : " - ", read_product(r, e));
    push(r, e, op, 0, NULL);
  }
  r->depth--;
  return text;
}

/* The op of a comparison that stands here, or 0; *sign is its text. */
static char read_comparison(struct reader *r, const char **sign) {
  static const struct {
    const char *sign;
    char op;
  } signs[] = {{"<=", '{'}, {">=", '}'}, {"==", '='}, {"!=", '!'}, {"<", '<'}, {">", '>'}};
  peek(r);
  for (size_t i = 0; i < 6 && !r->failed; i++) {
    size_t length = strlen(signs[i].sign);
    if (strncmp(r->at, signs[i].sign, length) != 0) continue;
    r->at += length;
    *sign = model_text(r->memory, " %s ", signs[i].sign);
    return *sign ? signs[i].op : 0;
  }
  return 0;
}

/* Within I(): a sum, or the comparison of two. */
static const char *read_truth(struct reader *r, struct expression *e, bool *truth) {
  const char *text = read_sum(r, e), *sign = "";
  char op = read_comparison(r, &sign);
  *truth = op != 0;
  if (!op) return text;
  text = text_of(r, text, sign, read_sum(r, e));
  push(r, e, op, 0, NULL);
  return text;
}

static struct formula_variable new_expression(struct reader *r, struct expression *e) {
  *e = (struct expression){take(r, FORMULA_OPS, sizeof *e->op), 0};
  return (struct formula_variable){.kind = FORMULA_EXPRESSION, .label = "", .op = e->op};
}

/* After "NAME(": I, log, exp, sqrt, abs, offset, scale. */
static size_t read_expression(struct reader *r, const char *name) {
  struct expression e;
  struct formula_variable v = new_expression(r, &e);
  if (!e.op) return 0;
  const char *text = strcmp(name, "I") != 0 ? read_sum(r, &e) : read_truth(r, &e, &v.truth);
  expect(r, ')');
  if (function_op(name)) push(r, &e, function_op(name), 0, NULL);
  v.basis = !strcmp(name, "scale") ? BASIS_SCALE : BASIS_NONE;
  v.columns = 1;
  v.ops = e.ops;
  v.label = text_of(r, text_of(r, name, "(", text), ")", "");
  return variable_index(r, v);
}

/* After "poly(", "ns(" or "bs(": an expression, a comma and how many columns. */
static size_t read_basis(struct reader *r, const char *name, enum formula_basis basis) {
  struct expression e;
  struct formula_variable v = new_expression(r, &e);
  const char *argument = basis == BASIS_POLY ? "degree" : "df";
  double number = 0;
  if (!e.op) return 0;
  const char *text = read_sum(r, &e);
  expect(r, ',');
  if (starts_name(peek(r))) {
    if (strcmp(read_name(r), argument) != 0) complain(r, basis == BASIS_POLY ? "wants degree =" : "wants df =");
    expect(r, '=');
  } else {
    argument = NULL;
  }
  peek(r);
  const char *count = read_number(r, &number);
  double least = basis == BASIS_BS ? 3 : 1;
  if (!(number >= least && number <= FORMULA_BASIS_MOST && number == floor(number)))
    complain(r, basis == BASIS_BS ? "wants 3 to 20 columns of bs()" : "wants 1 to 20 columns of poly() or ns()");
  expect(r, ')');
  v.basis = basis;
  v.columns = (size_t)number;
  v.ops = e.ops;
  text = text_of(r, text_of(r, name, "(", text), ", ", argument ? text_of(r, argument, " = ", count) : count);
  v.label = text_of(r, text, ")", "");
  return variable_index(r, v);
}

static size_t read_variable(struct reader *r) {
  const char *name = read_name(r);
  if (r->failed) return 0;
  if (!accept(r, '('))
    return variable_index(r, (struct formula_variable){.kind = FORMULA_COLUMN, .label = name, .name = name});
  bool plain = !strcmp(name, "I") || !strcmp(name, "scale") || !strcmp(name, "offset") || function_op(name);
  if (plain) return read_expression(r, name);
  if (!strcmp(name, "poly")) return read_basis(r, name, BASIS_POLY);
  if (!strcmp(name, "ns")) return read_basis(r, name, BASIS_NS);
  if (!strcmp(name, "bs")) return read_basis(r, name, BASIS_BS);
  if (strcmp(name, "factor") != 0 && strcmp(name, "as.factor") != 0) {
    r->at--;
    complain(r, "calls a function that is not known (I, log, exp, sqrt, abs, scale, poly, ns, bs, factor, offset are)");
    return 0;
  }
  const char *column = read_name(r);
  expect(r, ')');
  const char *label = text_of(r, text_of(r, name, "(", column), ")", "");
  return variable_index(r, (struct formula_variable){.kind = FORMULA_FACTOR, .label = label, .name = column});
}

/* --- terms -------------------------------------------------------------------------------------------------------- */

static void terms_add(struct reader *r, struct terms *set, uint64_t term) {
  for (size_t i = 0; i < set->count; i++)
    if (set->term[i] == term) return;
  if (set->count == FORMULA_TERMS) {
    complain(r, "expands to more than 400 terms");
    return;
  }
  if (set->count == set->capacity) {
    uint64_t *more = take(r, set->capacity ? 4 * set->capacity : 4, sizeof *more);
    if (!more) return;
    if (set->count) memcpy(more, set->term, set->count * sizeof *more);
    set->capacity = set->capacity ? 4 * set->capacity : 4;
    set->term = more;
  }
  set->term[set->count++] = term;
}

static void terms_join(struct reader *r, struct terms *set, const struct terms *more) {
  for (size_t i = 0; i < more->count; i++) terms_add(r, set, more->term[i]);
  if (more->intercept) set->intercept = more->intercept;
}

static void terms_remove(struct terms *set, const struct terms *less) {
  size_t kept = 0;
  for (size_t i = 0; i < set->count; i++) {
    bool found = false;
    for (size_t j = 0; j < less->count; j++) found |= set->term[i] == less->term[j];
    if (!found) set->term[kept++] = set->term[i];
  }
  set->count = kept;
  if (less->intercept) set->intercept = -less->intercept;
}

static struct terms *terms_new(struct reader *r) {
  return take(r, 1, sizeof(struct terms));
}

/* a:b, every term of one with every term of the other. */
static struct terms *terms_cross(struct reader *r, const struct terms *a, const struct terms *b) {
  struct terms *set = terms_new(r);
  if (!set) return NULL;
  for (size_t i = 0; i < a->count; i++)
    for (size_t j = 0; j < b->count && !r->failed; j++) terms_add(r, set, a->term[i] | b->term[j]);
  return set;
}

static struct terms *read_terms(struct reader *r);

static void add_random(struct reader *r, const struct terms *effect, bool correlated);

/* A parenthesis: a group of terms, or a random term (which leaves no fixed terms behind). */
static struct terms *read_parenthesis(struct reader *r) {
  size_t before = r->formula->randoms;
  uint64_t offset = r->formula->offset;
  struct terms *set = read_terms(r);
  if (r->failed || !set) return NULL;
  if (accept(r, '|')) {
    bool correlated = !accept(r, '|');
    if (r->formula->offset != offset) complain(r, "holds an offset() within a random term");
    if (r->formula->randoms > before)
      complain(r, "holds a random term within another");
    else
      add_random(r, set, correlated);
    expect(r, ')');
    return terms_new(r);
  }
  expect(r, ')');
  return set;
}

static struct terms *read_atom(struct reader *r) {
  char c = peek(r);
  struct terms *set;
  if (c == '(') {
    r->at++;
    return read_parenthesis(r);
  }
  if (!(set = terms_new(r))) return NULL;
  if (c == '0' || c == '1') {
    if (isalnum((unsigned char)r->at[1]) || r->at[1] == '.') complain(r, "has a number other than 0 and 1");
    r->at++;
    set->intercept = c == '1' ? 1 : -1;
    return set;
  }
  size_t v = read_variable(r);
  if (r->failed) return set;
  if (strncmp(r->formula->variable[v].label, "offset(", 7) != 0 || !r->formula->variable[v].ops) {
    terms_add(r, set, UINT64_C(1) << v);
    return set;
  }
  r->formula->offset |= UINT64_C(1) << v;
  char after = peek(r);
  if (after && after != '+' && after != '-' && after != ')') complain(r, "has an offset() that does not stand alone");
  return set;
}

/* What is joined to other terms must be some. */
static void need_terms(struct reader *r, const struct terms *set) {
  if (!set->count && !set->intercept) complain(r, "joins a term to none");
}

static struct terms *read_raised(struct reader *r) {
  struct terms *set = read_atom(r);
  while (!r->failed && set && accept(r, '^')) {
    char c = peek(r);
    if (c < '1' || c > '9' || isdigit((unsigned char)r->at[1])) {
      complain(r, "raises terms to something else than 1 to 9");
      return NULL;
    }
    r->at++;
    struct terms *sum = set, *base = set;
    for (int i = 1; i < c - '0' && sum && !r->failed; i++) {
      struct terms *next = terms_new(r), *cross = terms_cross(r, sum, base);
      if (!next || !cross) return NULL;
      terms_join(r, next, sum);
      terms_join(r, next, cross);
      sum = next;
    }
    set = sum;
  }
  return set;
}

static struct terms *read_interaction(struct reader *r) {
  struct terms *set = read_raised(r);
  while (!r->failed && set && accept(r, ':')) {
    struct terms *other = read_raised(r);
    if (!other || r->failed) return NULL;
    if (set->intercept || other->intercept) complain(r, "joins 0 or 1 to a term by ':'");
    need_terms(r, set);
    need_terms(r, other);
    set = terms_cross(r, set, other);
  }
  return set;
}

/* a * b is a + b + a:b, and a / b is a + (all variables of a):b. */
static struct terms *read_crossing(struct reader *r) {
  struct terms *set = read_interaction(r);
  while (!r->failed && set && (peek(r) == '*' || peek(r) == '/')) {
    char op = *r->at++;
    struct terms *other = read_interaction(r), *inner;
    if (!other || r->failed) return NULL;
    need_terms(r, other);
    if (op == '*') {
      inner = terms_cross(r, set, other);
      terms_join(r, set, other);
    } else {
      struct terms *all = terms_new(r);
      if (!all) return NULL;
      uint64_t every = 0;
      for (size_t i = 0; i < set->count; i++) every |= set->term[i];
      if (every) terms_add(r, all, every);
      inner = terms_cross(r, all, other);
    }
    if (!inner) return NULL;
    terms_join(r, set, inner);
  }
  return set;
}

static struct terms *read_terms(struct reader *r) {
  if (!enter(r)) return NULL;
  struct terms *sum = terms_new(r);
  bool minus = accept(r, '-');
  if (!minus) accept(r, '+');
  while (sum && !r->failed) {
    struct terms *next = read_crossing(r);
    if (!next || r->failed) break;
    if (minus)
      terms_remove(sum, next);
    else
      terms_join(r, sum, next);
    char c = peek(r);
    if (c != '+' && c != '-') break;
    minus = c == '-';
    r->at++;
  }
  r->depth--;
  return r->failed ? NULL : sum;
}

/* --- random terms ------------------------------------------------------------------------------------------------- */

static int degree(uint64_t term) {
  return __builtin_popcountll(term);
}

/* Orders terms by degree and keeps the order of appearance within one. */
static void finish_terms(struct reader *r, const struct terms *from, struct formula_terms *to) {
  to->intercept = from->intercept >= 0;
  to->terms = 0;
  to->term = take(r, from->count, sizeof *to->term);
  if (!to->term) return;
  for (int d = 1; d <= FORMULA_VARIABLES; d++)
    for (size_t i = 0; i < from->count; i++)
      if (degree(from->term[i]) == d) to->term[to->terms++] = from->term[i];
}

static struct formula_random *new_random(struct reader *r) {
  struct formula *f = r->formula;
  if (f->randoms == FORMULA_RANDOM) {
    complain(r, "has more than 40 random terms");
    return NULL;
  }
  return &f->random[f->randoms++];
}

/* One group for one set of effects; `||` gives each effect a term of its own, as lme4 does. */
static void add_group(struct reader *r, const struct terms *effect, bool correlated,
                      const struct formula_random *group) {
  struct formula_terms all;
  finish_terms(r, effect, &all);
  if (r->failed) return;
  if (!all.intercept && !all.terms) {
    complain(r, "has a random term without any effect");
    return;
  }
  size_t pieces = correlated ? 1 : all.terms + all.intercept;
  for (size_t i = 0; i < pieces && !r->failed; i++) {
    struct formula_random *random = new_random(r);
    if (!random) return;
    *random = *group;
    random->correlated = correlated;
    random->effect = all;
    if (correlated) continue;
    random->effect.intercept = all.intercept && i == 0;
    random->effect.terms = random->effect.intercept ? 0 : 1;
    random->effect.term = all.term + (random->effect.intercept ? 0 : i - all.intercept);
  }
}

/* One grouping column, or several joined by ':'. */
static void read_group(struct reader *r, struct formula_random *group) {
  const char *label = "";
  group->parts = 0;
  do {
    bool parenthesis = accept(r, '(');
    const char *name = read_name(r);
    if (!strcmp(name, "factor") && accept(r, '(')) {
      name = read_name(r);
      expect(r, ')');
    }
    if (parenthesis) expect(r, ')');
    if (r->failed) return;
    if (group->parts == FORMULA_GROUP_PARTS) {
      complain(r, "joins more than 8 columns to one group");
      return;
    }
    label = group->parts ? text_of(r, label, ":", name) : name;
    group->part[group->parts++] = name;
  } while (accept(r, ':'));
  group->group = label;
}

static void add_random(struct reader *r, const struct terms *effect, bool correlated) {
  struct formula_random outer = {0}, next = {0};
  read_group(r, &outer);
  if (r->failed) return;
  add_group(r, effect, correlated, &outer);
  while (!r->failed && accept(r, '/')) {
    read_group(r, &next);
    if (r->failed) return;
    if (outer.parts + next.parts > FORMULA_GROUP_PARTS) {
      complain(r, "joins more than 8 columns to one group");
      return;
    }
    bool deep = strchr(outer.group, ':') != NULL;
    const char *tail = deep ? text_of(r, "(", outer.group, ")") : outer.group;
    next.group = text_of(r, next.group, ":", tail);
    memcpy(next.part + next.parts, outer.part, outer.parts * sizeof *outer.part);
    next.parts += outer.parts;
    outer = next;
    add_group(r, effect, correlated, &outer);
  }
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static void check_response(struct reader *r) {
  struct formula *f = r->formula;
  uint64_t bit = UINT64_C(1) << f->response;
  const struct formula_variable *response = &f->variable[f->response];
  bool fine = response->kind != FORMULA_FACTOR && !response->basis && strncmp(response->label, "offset(", 7) != 0;
  if (!fine) {
    model_fail(r->error, STATS_BAD_FORMULA, "formula", "the response cannot be %s", response->label);
    r->failed = true;
  }
  for (size_t i = 0; i < f->fixed.terms && !r->failed; i++)
    if (f->fixed.term[i] & bit) {
      model_fail(r->error, STATS_BAD_FORMULA, "formula", "the response '%s' is also on the right-hand side",
                 f->variable[f->response].label);
      r->failed = true;
    }
}

enum stats_status formula_read(const char *text, const struct stats_memory *memory, struct formula *formula,
                               struct stats_error *error) {
  struct stats_error unused;
  struct reader r = {text, text, memory, error ? error : &unused, formula, 0, false};
  *formula = (struct formula){.text = text};
  if (strlen(text) > FORMULA_TEXT_MAXIMUM)
    return model_fail(error, STATS_BAD_FORMULA, "formula", "the formula is longer than %d bytes", FORMULA_TEXT_MAXIMUM);
  formula->variable = take(&r, FORMULA_VARIABLES, sizeof *formula->variable);
  formula->random = take(&r, FORMULA_RANDOM, sizeof *formula->random);
  if (r.failed) return STATS_NO_MEMORY;
  formula->response = read_variable(&r);
  expect(&r, '~');
  struct terms *fixed = r.failed ? NULL : read_terms(&r);
  if (!r.failed && peek(&r)) complain(&r, "goes on where it should end");
  if (!r.failed && fixed) finish_terms(&r, fixed, &formula->fixed);
  if (!r.failed) check_response(&r);
  return r.failed ? r.error->status : STATS_OK;
}

const char *formula_term_label(const struct formula *formula, uint64_t term, const struct stats_memory *memory) {
  const char *label = "";
  for (size_t v = 0; v < formula->variables && label; v++)
    if (term >> v & 1) label = model_text(memory, "%s%s%s", label, *label ? ":" : "", formula->variable[v].label);
  return label;
}
