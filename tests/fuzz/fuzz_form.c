/* A form of any bytes, and any bytes as answers: what was read without a fault can be answered, and answering twice
 * gives the same. */
#include <stdint.h>

#include "study/form_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char choices[] = "list_name,name,label::English (en),label::Fran\xc3\xa7"
                              "ais (fr)\nyn,0,No,Non\nyn,1,Yes,Oui\nends,1,Low,Bas\nends,6,High,Haut\n";
static const char settings[] = "form_id,version,form_title::English (en),form_title::Fran\xc3\xa7"
                               "ais (fr),validated\nf,1,F,F,yes\n";

/* "name=value" lines. */
static size_t read_answers(struct form_answer *answers, size_t room, char *text, size_t length) {
  size_t count = 0;
  char *end = text + length;
  while (text < end && count < room) {
    char *next = memchr(text, '\n', (size_t)(end - text)), *stop = next ? next : end;
    char *equals = memchr(text, '=', (size_t)(stop - text));
    if (equals) {
      *equals = 0;
      answers[count++] = (struct form_answer){text, equals + 1, (size_t)(stop - equals) - 1};
    }
    text = stop + 1;
  }
  return count;
}

static void check_result(const struct form *form, const struct form_result *result) {
  if (result->valid != (result->problem_count == 0)) abort();
  for (size_t i = 0; i < form->item_count; i++)
    if (!result->relevant[i] && result->values[i]) abort(); /* what is not relevant holds nothing */
  for (size_t i = 0; result->valid && i < form->item_count; i++)
    if (form_type_asked(form->items[i].type) && form->items[i].required && result->relevant[i] && !result->values[i])
      abort();
}

static void answer(const struct form *form, char *text, size_t length, struct arena *arena) {
  static struct expression_desk *desk;
  if (!desk) desk = expression_desk_open();
  struct form_answer answers[40];
  struct form_result first, second;
  size_t count = read_answers(answers, 40, text, length);
  form_validate(form, answers, count, desk, arena, &first);
  form_validate(form, answers, count, desk, arena, &second);
  check_result(form, &first);
  if (first.valid != second.valid || first.problem_count != second.problem_count) abort();
  for (size_t i = 0; i < form->item_count; i++)
    if (strcmp(first.values[i] ? first.values[i] : "", second.values[i] ? second.values[i] : "") != 0) abort();
}

/* The input: the form's sheet, a line "--", the answers. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const languages[] = {"en", "fr"};
  struct arena arena;
  arena_init(&arena, 0);
  char *bytes = arena_text_n(&arena, (const char *)data, size);
  char *cut = size ? memmem(bytes, size, "\n--\n", 4) : NULL;
  size_t sheet = cut ? (size_t)(cut - bytes) + 1 : size;
  struct source_file files[] = {{.name = "choices.csv", .bytes = choices, .length = sizeof choices - 1},
                                {.name = "forms/f.csv", .bytes = arena_text_n(&arena, bytes, sheet), .length = sheet},
                                {.name = "settings.csv", .bytes = settings, .length = sizeof settings - 1}};
  struct source source = {.files = files, .count = 3};
  struct study_findings findings = {.arena = &arena};
  struct form_reader reader = {
      .source = &source, .languages = languages, .language_count = 2, .arena = &arena, .findings = &findings};
  const struct form *forms;
  size_t count;
  form_read_all(&reader, &forms, &count);
  for (size_t i = 0; i < findings.count; i++) finding_text(&arena, &findings.list[i]);
  if (!findings.broken && count == 1 && cut) answer(&forms[0], cut + 4, size - sheet - 3, &arena);
  arena_free(&arena);
  return 0;
}
