#include "study/pattern.h"

#include <stdint.h>

#include "base/utf8.h"

/* --- the tree ------------------------------------------------------------------------------------------------- */

struct span {
  uint32_t low, high;
};

enum node_kind { NODE_EMPTY, NODE_SET, NODE_BOTH, NODE_EITHER, NODE_REPEAT };

struct node {
  enum node_kind kind;
  struct node *left, *right;
  int least, most; /* REPEAT; most -1: without end */
  struct span *spans;
  size_t span_count;
  bool inverted;
};

struct reader {
  struct arena *arena;
  const char *text, *at;
  int depth;
  const char *wrong; /* the first thing that was wrong, or NULL */
};

static struct node *node_new(struct reader *reader, enum node_kind kind) {
  struct node *node = arena_alloc(reader->arena, sizeof *node);
  node->kind = kind;
  return node;
}

static struct node *refuse(struct reader *reader, const char *wrong) {
  if (!reader->wrong) reader->wrong = wrong;
  return node_new(reader, NODE_EMPTY);
}

/* The text was checked to be UTF-8 before. */
static uint32_t take_character(const char **at) {
  const unsigned char *c = (const unsigned char *)*at;
  int more = c[0] >= 0xf0 ? 3 : c[0] >= 0xe0 ? 2 : c[0] >= 0xc0 ? 1 : 0;
  uint32_t value = more == 3 ? c[0] & 0x07u : more == 2 ? c[0] & 0x0fu : more == 1 ? c[0] & 0x1fu : c[0];
  for (int i = 1; i <= more; i++) value = value << 6 | (c[i] & 0x3fu);
  *at += 1 + more;
  return value;
}

static const struct span digits[] = {{'0', '9'}};
static const struct span word_characters[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
static const struct span blanks[] = {{'\t', '\r'}, {' ', ' '}};

static void set_add(struct reader *reader, struct node *set, const struct span *spans, size_t count) {
  struct span *all = arena_array(reader->arena, set->span_count + count, sizeof *all);
  if (set->span_count) memcpy(all, set->spans, set->span_count * sizeof *all);
  memcpy(all + set->span_count, spans, count * sizeof *all);
  set->spans = all;
  set->span_count += count;
}

static void set_add_one(struct reader *reader, struct node *set, uint32_t low, uint32_t high) {
  struct span span = {low, high};
  set_add(reader, set, &span, 1);
}

/* The opposite of a sorted list of spans. */
static void set_add_others(struct reader *reader, struct node *set, const struct span *spans, size_t count) {
  uint32_t from = 1;
  for (size_t i = 0; i < count; i++) {
    if (spans[i].low > from) set_add_one(reader, set, from, spans[i].low - 1);
    from = spans[i].high + 1;
  }
  set_add_one(reader, set, from, 0x10ffff);
}

/* After a backslash: a class is added to the set and true returned; a plain character goes into *character. */
static bool read_escape(struct reader *reader, struct node *set, uint32_t *character) {
  char c = *reader->at;
  if (c) reader->at++;
  *character = (unsigned char)c;
  switch (c) {
  case 'd':
    set_add(reader, set, digits, 1);
    return true;
  case 'w':
    set_add(reader, set, word_characters, 4);
    return true;
  case 's':
    set_add(reader, set, blanks, 2);
    return true;
  case 'D':
    set_add_others(reader, set, digits, 1);
    return true;
  case 'W':
    set_add_others(reader, set, word_characters, 4);
    return true;
  case 'S':
    set_add_others(reader, set, blanks, 2);
    return true;
  case 't':
    *character = '\t';
    return false;
  case 'n':
    *character = '\n';
    return false;
  default:
    break;
  }
  if (!c || !strchr("\\.[](){}*+?|^$-/'\" ,:;!#%&=@_~<>`", c)) refuse(reader, "an escape that is not known");
  return false;
}

static struct node *read_set(struct reader *reader) {
  struct node *set = node_new(reader, NODE_SET);
  if (*reader->at == '^') {
    set->inverted = true;
    reader->at++;
  }
  for (bool first = true; *reader->at != ']' || first; first = false) {
    if (!*reader->at) return refuse(reader, "a [ without its ]");
    uint32_t low = take_character(&reader->at), high;
    if (low == '\\' && read_escape(reader, set, &low)) continue;
    high = low;
    if (reader->at[0] == '-' && reader->at[1] && reader->at[1] != ']') {
      reader->at++;
      high = take_character(&reader->at);
      struct node *unused = node_new(reader, NODE_SET);
      if (high == '\\' && read_escape(reader, unused, &high)) return refuse(reader, "a range that ends in a class");
    }
    if (high < low) return refuse(reader, "a range that runs backwards");
    set_add_one(reader, set, low, high);
  }
  reader->at++;
  return set;
}

static struct node *read_either(struct reader *reader);

static struct node *read_atom(struct reader *reader) {
  struct node *set = node_new(reader, NODE_SET);
  uint32_t character = take_character(&reader->at);
  if (character == '(') {
    if (reader->at[0] == '?' && reader->at[1] == ':') reader->at += 2;
    if (++reader->depth > PATTERN_DEPTH) return refuse(reader, "too many nested parentheses");
    struct node *inner = read_either(reader);
    reader->depth--;
    if (*reader->at != ')') return refuse(reader, "a ( without its )");
    reader->at++;
    return inner;
  }
  if (character == '[') return read_set(reader);
  if (character && strchr("*+?{}]^$", (int)character) && character < 0x80)
    return refuse(reader, "a sign that needs a backslash before it here");
  if (character == '.')
    set_add_one(reader, set, 1, 0x10ffff);
  else if (character != '\\' || !read_escape(reader, set, &character))
    set_add_one(reader, set, character, character);
  return set;
}

static bool read_count(struct reader *reader, int *value) {
  if (*reader->at < '0' || *reader->at > '9') return false;
  for (*value = 0; *reader->at >= '0' && *reader->at <= '9'; reader->at++)
    if (*value <= PATTERN_STATES) *value = *value * 10 + (*reader->at - '0');
  return *value <= PATTERN_STATES;
}

static struct node *read_repeat(struct reader *reader) {
  struct node *atom = read_atom(reader);
  while (!reader->wrong && *reader->at && strchr("*+?{", *reader->at)) {
    struct node *repeat = node_new(reader, NODE_REPEAT);
    char sign = *reader->at++;
    *repeat = (struct node){.kind = NODE_REPEAT, .left = atom, .least = sign == '+', .most = sign == '?' ? 1 : -1};
    if (sign == '{') {
      if (!read_count(reader, &repeat->least)) return refuse(reader, "a { without a count");
      repeat->most = repeat->least;
      if (*reader->at == ',') {
        reader->at++;
        if (*reader->at == '}')
          repeat->most = -1;
        else if (!read_count(reader, &repeat->most))
          return refuse(reader, "a count that cannot be read");
      }
      if (*reader->at != '}') return refuse(reader, "a { without its }");
      reader->at++;
      if (repeat->most >= 0 && repeat->most < repeat->least) return refuse(reader, "a count that runs backwards");
    }
    if (++reader->depth > 4 * PATTERN_DEPTH) return refuse(reader, "too many repetitions of repetitions");
    atom = repeat;
  }
  return atom;
}

static struct node *read_both(struct reader *reader) {
  struct node *all = node_new(reader, NODE_EMPTY);
  int depth = reader->depth;
  while (!reader->wrong && *reader->at && *reader->at != '|' && *reader->at != ')') {
    if (reader->at[0] == '$' && !reader->at[1] && !reader->depth) {
      reader->at++;
      break;
    }
    struct node *both = node_new(reader, NODE_BOTH);
    both->left = all;
    both->right = read_repeat(reader);
    reader->depth = depth;
    all = both;
  }
  return all;
}

static struct node *read_either(struct reader *reader) {
  struct node *all = read_both(reader);
  while (!reader->wrong && *reader->at == '|') {
    reader->at++;
    struct node *either = node_new(reader, NODE_EITHER);
    either->left = all;
    either->right = read_both(reader);
    all = either;
  }
  return all;
}

/* --- the program: states --------------------------------------------------------------------------------------- */

enum state_kind { STATE_SET, STATE_SPLIT, STATE_JUMP, STATE_MATCH };

struct state {
  enum state_kind kind;
  uint16_t to, other; /* SPLIT: both; JUMP: to; SET: goes on to the next state */
  const struct node *set;
};

struct pattern {
  struct state states[PATTERN_STATES];
  uint16_t count;
  int steps; /* taken while writing: repetitions of nothing need no states, but must end too */
};

/* False when the states do not suffice. */
static bool state_add(struct pattern *pattern, struct state state) {
  if (pattern->count == PATTERN_STATES) return false;
  pattern->states[pattern->count++] = state;
  return true;
}

static bool emit(struct pattern *pattern, const struct node *node);

static bool emit_either(struct pattern *pattern, const struct node *node) {
  uint16_t split = pattern->count;
  if (!state_add(pattern, (struct state){.kind = STATE_SPLIT, .to = (uint16_t)(split + 1)}) ||
      !emit(pattern, node->left))
    return false;
  uint16_t jump = pattern->count;
  if (!state_add(pattern, (struct state){.kind = STATE_JUMP})) return false;
  pattern->states[split].other = pattern->count;
  if (!emit(pattern, node->right)) return false;
  pattern->states[jump].to = pattern->count;
  return true;
}

static bool emit_optional(struct pattern *pattern, const struct node *node, bool again) {
  uint16_t split = pattern->count;
  if (!state_add(pattern, (struct state){.kind = STATE_SPLIT, .to = (uint16_t)(split + 1)}) || !emit(pattern, node))
    return false;
  if (again && !state_add(pattern, (struct state){.kind = STATE_JUMP, .to = split})) return false;
  pattern->states[split].other = pattern->count;
  return true;
}

static bool emit_repeat(struct pattern *pattern, const struct node *node) {
  for (int i = 0; i < node->least; i++)
    if (!emit(pattern, node->left)) return false;
  if (node->most < 0) return emit_optional(pattern, node->left, true);
  for (int i = node->least; i < node->most; i++)
    if (!emit_optional(pattern, node->left, false)) return false;
  return true;
}

static bool emit(struct pattern *pattern, const struct node *node) {
  if (++pattern->steps > 20 * PATTERN_STATES) return false;
  switch (node->kind) {
  case NODE_EMPTY:
    return true;
  case NODE_SET:
    return state_add(pattern, (struct state){.kind = STATE_SET, .set = node});
  case NODE_BOTH:
    return emit(pattern, node->left) && emit(pattern, node->right);
  case NODE_EITHER:
    return emit_either(pattern, node);
  case NODE_REPEAT:
    return emit_repeat(pattern, node);
  }
  return false;
}

enum err pattern_compile(const struct pattern **out, const char *text, struct arena *arena, struct error *error) {
  *out = NULL;
  if (strlen(text) > PATTERN_STATES || !utf8_valid(text, strlen(text)))
    return fail(error, ERR_INPUT, "pattern-wrong", "", "a pattern is at most %d bytes of UTF-8", PATTERN_STATES);
  struct reader reader = {.arena = arena, .text = text, .at = *text == '^' ? text + 1 : text};
  struct node *tree = read_either(&reader);
  if (!reader.wrong && *reader.at) reader.wrong = "a ) without its (";
  if (reader.wrong)
    return fail(error, ERR_INPUT, "pattern-wrong", "", "the pattern has %s, near character %zu", reader.wrong,
                (size_t)(reader.at - text) + (*reader.at != 0));
  struct pattern *pattern = arena_alloc(arena, sizeof *pattern);
  if (!emit(pattern, tree) || !state_add(pattern, (struct state){.kind = STATE_MATCH}))
    return fail(error, ERR_INPUT, "pattern-large", "", "the pattern needs more than %d states", PATTERN_STATES);
  *out = pattern;
  return OK;
}

/* --- matching -------------------------------------------------------------------------------------------------- */

/* The set of states that are alive, each once. */
struct alive {
  uint16_t list[PATTERN_STATES];
  uint16_t count;
  uint32_t mark[PATTERN_STATES];
  uint32_t round;
};

static void alive_clear(struct alive *alive) {
  alive->count = 0;
  alive->round++;
}

/* Adds a state and all that it leads to without reading a character. */
static void alive_add(struct alive *alive, const struct pattern *pattern, uint16_t first) {
  uint16_t waiting[2 * PATTERN_STATES + 1];
  size_t left = 0;
  waiting[left++] = first;
  while (left) {
    uint16_t index = waiting[--left];
    if (alive->mark[index] == alive->round) continue;
    alive->mark[index] = alive->round;
    const struct state *state = &pattern->states[index];
    if (state->kind == STATE_SPLIT) waiting[left++] = state->other;
    if (state->kind == STATE_SPLIT || state->kind == STATE_JUMP)
      waiting[left++] = state->to;
    else
      alive->list[alive->count++] = index;
  }
}

static bool set_holds(const struct node *set, uint32_t character) {
  bool inside = false;
  for (size_t i = 0; i < set->span_count && !inside; i++)
    inside = character >= set->spans[i].low && character <= set->spans[i].high;
  return inside != set->inverted;
}

bool pattern_match(const struct pattern *pattern, const char *text) {
  if (!utf8_valid(text, strlen(text))) return false;
  struct alive sets[2] = {{.round = 0}, {.round = 0}};
  struct alive *now = &sets[0], *next = &sets[1];
  alive_clear(now);
  alive_add(now, pattern, 0);
  while (*text && now->count) {
    uint32_t character = take_character(&text);
    alive_clear(next);
    for (uint16_t i = 0; i < now->count; i++) {
      const struct state *state = &pattern->states[now->list[i]];
      if (state->kind == STATE_SET && set_holds(state->set, character))
        alive_add(next, pattern, (uint16_t)(now->list[i] + 1));
    }
    struct alive *swap = now;
    now = next;
    next = swap;
  }
  for (uint16_t i = 0; i < now->count; i++)
    if (pattern->states[now->list[i]].kind == STATE_MATCH && !*text) return true;
  return false;
}
