/* The readers that see some tables alone, and what their statements may say, word by word. Both engines ask this first; after it stand SQLite's authorizer and
 * the check of the compiled program, and PostgreSQL's grants. An allow-list of words is stricter than any of them: a
 * table, column or function that is not on it cannot be named at all, whatever the grammar around it. */
#include <ctype.h>

#include "store/store_engine.h"

/* Another reader is another row, and its name beside its tables in src/store/sql/. */
static const struct reader_list readers[] = {
    {DB_MASKED, "masked", &assembled_masked},
    {DB_ACCOUNT, "account", &assembled_account},
};
_Static_assert(sizeof readers / sizeof *readers == STORE_READERS, "each reader has a connection string");

const struct reader_list *reader_list_at(int which) {
  return &readers[which];
}

const struct reader_list *reader_list_of(enum db_kind kind) {
  for (int i = 0; i < STORE_READERS; i++)
    if (readers[i].kind == kind) return &readers[i];
  return NULL;
}

bool reader_reads(const struct reader_list *list, const char *table) {
  for (size_t i = 0; i < list->tables->count; i++)
    if (!strcmp(list->tables->names[i], table)) return true;
  return false;
}

static const char *const keywords[] = {
    "all",       "and",   "as",        "asc",    "between", "bigint", "by",   "case",  "cast",   "cross", "desc",
    "distinct",  "else",  "end",       "escape", "except",  "exists", "from", "group", "having", "in",    "inner",
    "intersect", "is",    "join",      "left",   "like",    "limit",  "not",  "null",  "offset", "on",    "or",
    "order",     "outer", "recursive", "select", "then",    "union",  "when", "where", "with",
};
static const char *const functions[] = {"abs",    "coalesce", "count",  "length", "lower", "max",  "min",
                                        "nullif", "replace",  "substr", "sum",    "trim",  "upper"};
/* Names that an engine answers without a table, in its own order of storage or from its own state. */
static const char *const hidden[] = {"rowid",          "oid",
                                     "_rowid_",        "ctid",
                                     "xmin",           "xmax",
                                     "cmin",           "cmax",
                                     "tableoid",       "user",
                                     "current_user",   "session_user",
                                     "current_role",   "current_catalog",
                                     "current_schema", "current_time",
                                     "current_date",   "current_timestamp",
                                     "localtime",      "localtimestamp"};
/* Words of either grammar that could stand where a name is given, and would then mean something else. */
static const char *const reserved[] = {
    "natural",     "using",  "full",      "right", "indexed", "window",  "for",   "fetch",   "only", "lateral",
    "into",        "set",    "returning", "over",  "filter",  "values",  "table", "collate", "glob", "materialized",
    "tablesample", "isnull", "notnull",   "match", "regexp",  "similar", "ilike", "array"};
static const char *const prefixes[] = {"arm_", "ledger_", "run_",    "cache_",
                                       "pg_",  "sqlite_", "schema_", "information_"};

#define HOLDS(list, word) holds(list, sizeof(list) / sizeof *(list), word)
static bool holds(const char *const *list, size_t count, const char *word) {
  for (size_t i = 0; i < count; i++)
    if (!strcmp(list[i], word)) return true;
  return false;
}

bool reader_function_allowed(const char *name) {
  return HOLDS(functions, name) || !strcmp(name, "like"); /* the operator LIKE is a function to SQLite */
}

enum err reader_words_load(struct reader_words *words, struct db *db, struct error *error) {
  words->list = reader_list_of(db->kind);
  for (size_t i = 0; i < words->list->tables->count; i++) {
    struct table_shape shape;
    enum err err = db->engine->shape(db, words->list->tables->names[i], &shape, error);
    if (err) return err;
    for (int c = 0; c < shape.columns; c++) {
      if (words->count == READER_WORDS) die("the tables of the %s reader have too many columns", words->list->name);
      snprintf(words->word[words->count++], sizeof words->word[0], "%s", shape.name[c]);
    }
  }
  return OK;
}

static bool is_column(const struct reader_words *words, const char *word) {
  for (int i = 0; i < words->count; i++)
    if (!strcmp(words->word[i], word)) return true;
  return false;
}

/* ---- tokens ---- */

enum token_type { TOKEN_END, TOKEN_WORD, TOKEN_VALUE, TOKEN_SIGN, TOKEN_FOREIGN };
struct token {
  enum token_type type;
  char text[64]; /* a word in small letters, or one sign */
};

static const char *skip_text(const char *at) { /* from the opening quote past the closing one, or NULL */
  for (at++; *at; at++) {
    if (*at != '\'') continue;
    if (at[1] != '\'') return at + 1;
    at++;
  }
  return NULL;
}

static const char *token_read(const char *at, struct token *token) {
  *token = (struct token){.type = TOKEN_END};
  while (*at == ' ' || *at == '\n' || *at == '\t') at++;
  if (!*at) return at;
  size_t length = 1;
  if (isalpha((unsigned char)*at) || *at == '_') {
    token->type = TOKEN_WORD;
    while (isalnum((unsigned char)at[length]) || at[length] == '_') length++;
    if (length >= sizeof token->text)
      token->type = TOKEN_FOREIGN;
    else
      for (size_t i = 0; i < length; i++) token->text[i] = (char)tolower((unsigned char)at[i]);
    return at + length;
  }
  if (isdigit((unsigned char)*at) || (*at == '$' && isdigit((unsigned char)at[1]))) {
    token->type = TOKEN_VALUE;
    while (isdigit((unsigned char)at[length])) length++;
    if (isalpha((unsigned char)at[length]) || at[length] == '_' || at[length] == '$') token->type = TOKEN_FOREIGN;
    return at + length;
  }
  if (*at == '\'') {
    const char *end = skip_text(at);
    token->type = end ? TOKEN_VALUE : TOKEN_FOREIGN;
    return end ? end : at;
  }
  bool comment = (at[0] == '-' && at[1] == '-') || (at[0] == '/' && at[1] == '*') || (at[0] == '-' && at[1] == '>');
  token->type = !comment && strchr("(),.*+-/%=<>!|", *at) ? TOKEN_SIGN : TOKEN_FOREIGN;
  token->text[0] = *at;
  return at + 1;
}

/* ---- names that the statement itself gives ---- */

#define ALIASES 64
struct aliases {
  int count;
  char word[ALIASES][64];
};

static bool is_alias(const struct aliases *aliases, const char *word) {
  for (int i = 0; i < aliases->count; i++)
    if (!strcmp(aliases->word[i], word)) return true;
  return false;
}

static bool may_be_alias(const char *word) {
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
    if (!strncmp(word, prefixes[i], strlen(prefixes[i]))) return false;
  return !HOLDS(keywords, word) && !HOLDS(functions, word) && !HOLDS(hidden, word) && !HOLDS(reserved, word) &&
         !store_table_known(word);
}

/* A name is given after AS, after a table's name, after a closing parenthesis, and before "AS (" (a CTE). */
static bool gives_name(const struct reader_list *list, const struct token *before, const struct token *word, const char *rest) {
  if (before->type == TOKEN_WORD && (!strcmp(before->text, "as") || reader_reads(list, before->text)))
    return strcmp(word->text, "as") != 0;
  if (before->type == TOKEN_SIGN && before->text[0] == ')') return true;
  struct token next;
  rest = token_read(rest, &next);
  if (next.type != TOKEN_WORD || strcmp(next.text, "as")) return false;
  token_read(rest, &next);
  return next.type == TOKEN_SIGN && next.text[0] == '(';
}

static void aliases_collect(const struct reader_list *list, struct aliases *aliases, const char *sql) {
  struct token before = {.type = TOKEN_END}, token;
  for (const char *at = token_read(sql, &token); token.type != TOKEN_END && token.type != TOKEN_FOREIGN;
       before = token, at = token_read(at, &token)) {
    if (token.type != TOKEN_WORD || aliases->count == ALIASES) continue;
    if (gives_name(list, &before, &token, at) && may_be_alias(token.text))
      snprintf(aliases->word[aliases->count++], sizeof aliases->word[0], "%s", token.text);
  }
}

/* ---- the check ---- */

static bool word_allowed(const struct reader_words *words, const struct aliases *aliases, const struct token *before,
                         const char *word, bool called) {
  if (called) return HOLDS(keywords, word) || HOLDS(functions, word);
  if (before->type == TOKEN_WORD && (!strcmp(before->text, "from") || !strcmp(before->text, "join")))
    return reader_reads(words->list, word) || is_alias(aliases, word);
  return HOLDS(keywords, word) || reader_reads(words->list, word) || is_column(words, word) || is_alias(aliases, word);
}

enum err reader_text_check(const struct reader_words *words, const char *sql, struct error *error) {
  struct aliases aliases = {0};
  aliases_collect(words->list, &aliases, sql);
  struct token before = {.type = TOKEN_END}, token;
  bool first = true;
  for (const char *at = token_read(sql, &token); token.type != TOKEN_END; before = token, at = token_read(at, &token)) {
    if (token.type == TOKEN_FOREIGN)
      return fail(error, ERR_DENIED, "reader", "",
                  "a statement of the %s reader holds a sign that it may not (near \"%.40s\"): %.200s", words->list->name, at, sql);
    if (first && (token.type != TOKEN_WORD || (strcmp(token.text, "select") && strcmp(token.text, "with"))))
      return fail(error, ERR_DENIED, "reader", "", "a statement of the %s reader begins with SELECT or WITH: %.200s", words->list->name, sql);
    first = false;
    if (token.type != TOKEN_WORD) continue;
    struct token next;
    token_read(at, &next);
    bool called = next.type == TOKEN_SIGN && next.text[0] == '(';
    if (!word_allowed(words, &aliases, &before, token.text, called))
      return fail(error, ERR_DENIED, "reader", "", "a statement of the %s reader may not say \"%s\": %.200s", words->list->name, token.text, sql);
  }
  if (first) return fail(error, ERR_DENIED, "reader", "", "a statement of the %s reader is empty", words->list->name);
  return OK;
}
