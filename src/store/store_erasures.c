/* HOME/erasures: who was erased, kept outside the database. Lines are only ever added; of one code the last counts. */
#include "store/store_erasures.h"

#include <errno.h>
#include <unistd.h>

#include "store/store_files.h"

#define LONGEST_LIST ((size_t)64 << 20)

static const char *const words[] = {"asked", "", "failed", "emptied"};
#define WORDS (sizeof words / sizeof *words)

static char *list_path(struct arena *arena, const char *home) {
  return arena_printf(arena, "%s/erasures", home);
}

enum err erasure_note(const char *home, int64_t time_ms, const char *code, enum erasure_state state, struct error *error) {
  struct arena arena = {0};
  char *line = arena_printf(&arena, "%lld %s%s%s", (long long)time_ms, code, *words[state] ? " " : "", words[state]);
  enum err err = file_append_line(list_path(&arena, home), line, error);
  arena_free(&arena);
  return err;
}

/* "TIME CODE" or "TIME CODE WORD"; a line that a kill has cut short is the last and says nothing. */
static bool line_read(char *line, struct erasure *out) {
  char *code = strchr(line, ' ');
  if (!code) return false;
  char *word = strchr(++code, ' ');
  if (word) *word++ = 0;
  if (!*code || strlen(code) >= sizeof out->code) return false;
  *out = (struct erasure){.time_ms = strtoll(line, NULL, 10)};
  snprintf(out->code, sizeof out->code, "%s", code);
  for (size_t i = 0; i < WORDS; i++) {
    out->state = (enum erasure_state)i;
    if (!strcmp(word ? word : "", words[i])) return true;
  }
  return false;
}

static int by_code(const void *a, const void *b) {
  const struct erasure *left = a, *right = b;
  int order = strcmp(left->code, right->code);
  return order ? order : left->line - right->line;
}

/* The last line of each code. */
static size_t last_of_each(struct erasure *list, size_t count) {
  size_t kept = 0;
  qsort(list, count, sizeof *list, by_code);
  for (size_t i = 0; i < count; i++)
    if (i + 1 == count || strcmp(list[i].code, list[i + 1].code)) list[kept++] = list[i];
  return kept;
}

enum err erasures_parse(struct arena *arena, char *text, struct erasure **list, size_t *count, struct error *error) {
  size_t lines = 0;
  for (const char *c = text; *c; c++) lines += *c == '\n';
  *list = arena_array(arena, lines + 1, sizeof **list);
  *count = 0;
  int number = 0;
  for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
    *end = 0;
    struct erasure *one = &(*list)[*count];
    number++;
    if (!line_read(line, one))
      return fail(error, ERR_INPUT, "erasures-broken", "", "line %d of the list of erasures is not \"TIME CODE\"", number);
    one->line = number;
    ++*count;
  }
  *count = last_of_each(*list, *count);
  return OK;
}

enum err erasures_mend(const char *home, struct error *error) {
  struct arena arena = {0};
  char *text, *path = list_path(&arena, home);
  size_t length;
  enum err err = file_read(&arena, path, LONGEST_LIST, &text, &length, error);
  if (!err && length && text[length - 1] != '\n') {
    const char *last = strrchr(text, '\n');
    if (truncate(path, last ? last + 1 - text : 0)) err = fail(error, ERR_STORE, "file", path, "%s: cannot be mended: %s", path, strerror(errno));
  }
  arena_free(&arena);
  return err == ERR_MISSING ? OK : err;
}

enum err erasures_read(struct arena *arena, const char *home, struct erasure **list, size_t *count, struct error *error) {
  char *text;
  size_t length;
  *list = NULL;
  *count = 0;
  enum err err = file_read(arena, list_path(arena, home), LONGEST_LIST, &text, &length, error);
  if (err == ERR_MISSING) return OK;
  return err ? err : erasures_parse(arena, text, list, count, error);
}

const struct erasure *erasure_find(const struct erasure *list, size_t count, const char *code) {
  for (size_t i = 0; i < count; i++)
    if (!strcmp(list[i].code, code)) return &list[i];
  return NULL;
}
