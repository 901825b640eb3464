#include "study/form_read.h"

#include "base/csv.h"
#include "base/nearest.h"
#include "base/utf8.h"

/* --- a sheet: the rows of one CSV file -------------------------------------------------------------------------- */

struct sheet {
  struct form_reader *reader;
  struct csv *csv;
  const char *file;
  struct csv_row row;
};

static struct study_place sheet_place(const struct sheet *sheet, const char *column, const char *where) {
  int index = column ? csv_column(sheet->csv, column) : -1;
  return (struct study_place){.file = sheet->file, .line = (int)sheet->row.line, .column = index + 1, .where = where};
}

static void csv_finding(struct form_reader *reader, const char *file, const struct error *error) {
  struct study_place place = {.file = file, .where = ""};
  const char *sentence = finding_place_read(error->text, &place);
  finding_add(reader->findings, STUDY_BROKEN, "csv-broken", place,
              "Save the sheet as CSV in UTF-8, with as many fields in each row as in the header.", "%s", sentence);
}

/* False when the file cannot be read (said) or is not there. */
static bool sheet_open(struct sheet *sheet, struct form_reader *reader, const char *file) {
  *sheet = (struct sheet){.reader = reader, .file = file};
  const struct source_file *source = source_find(reader->source, file);
  if (!source) return false;
  struct error error;
  if (!csv_open_memory(&sheet->csv, reader->arena, source->bytes, source->length, file, &error)) return true;
  csv_finding(reader, file, &error);
  return false;
}

static bool row_empty(const struct sheet *sheet) {
  for (size_t i = 0; i < csv_columns(sheet->csv); i++)
    if (sheet->row.fields[i][0]) return false;
  return true;
}

static bool sheet_next(struct sheet *sheet) {
  struct error error;
  do {
    if (csv_next_row(sheet->csv, &sheet->row, &error)) {
      csv_finding(sheet->reader, sheet->file, &error);
      return false;
    }
  } while (sheet->row.fields && row_empty(sheet));
  return sheet->row.fields != NULL;
}

static char *trimmed(struct arena *arena, const char *text) {
  while (*text == ' ' || *text == '\t') text++;
  size_t length = strlen(text);
  while (length && (text[length - 1] == ' ' || text[length - 1] == '\t')) length--;
  return arena_text_n(arena, text, length);
}

static const char *cell(const struct sheet *sheet, const char *column) {
  int index = csv_column(sheet->csv, column);
  return index < 0 ? "" : trimmed(sheet->reader->arena, sheet->row.fields[index]);
}

/* The column that holds `base` in that language: "label::English (en)"; plain "label" is the first language's. */
static int language_column(const struct sheet *sheet, const char *base, int language) {
  const char *code = sheet->reader->languages[language];
  size_t base_length = strlen(base), code_length = strlen(code);
  for (size_t i = 0; i < csv_columns(sheet->csv); i++) {
    const char *name = csv_name(sheet->csv, i);
    size_t length = strlen(name);
    if (language == 0 && !strcmp(name, base)) return (int)i;
    if (strncmp(name, base, base_length) || strncmp(name + base_length, "::", 2)) continue;
    if (length < base_length + 2 + code_length + 2 || name[length - 1] != ')') continue;
    const char *tail = name + length - 1 - code_length;
    if (tail[-1] == '(' && !strncmp(tail, code, code_length)) return (int)i;
  }
  return -1;
}

static struct words cell_words(const struct sheet *sheet, const char *base) {
  struct words words = {{NULL}};
  for (int language = 0; language < sheet->reader->language_count; language++) {
    int column = language_column(sheet, base, language);
    const char *text = column < 0 ? "" : trimmed(sheet->reader->arena, sheet->row.fields[column]);
    words.in[language] = *text ? text : NULL;
  }
  return words;
}

/* Columns that are not in `known` ("label::" stands for all languages) would be ignored, and a condition with them. */
static void sheet_check_columns(const struct sheet *sheet, const char *const *known, size_t count) {
  for (size_t i = 0; i < csv_columns(sheet->csv); i++) {
    const char *name = csv_name(sheet->csv, i);
    bool found = false;
    for (size_t k = 0; k < count && !found; k++) {
      size_t length = strlen(known[k]);
      bool many = length > 2 && !strcmp(known[k] + length - 2, "::");
      found = many ? !strncmp(name, known[k], length) ||
                         (strlen(name) == length - 2 && !strncmp(name, known[k], length - 2))
                   : !strcmp(name, known[k]);
    }
    if (found) continue;
    const char *near = nearest_name(name, known, count);
    finding_add(sheet->reader->findings, STUDY_BROKEN, "column-unknown",
                (struct study_place){sheet->file, 1, (int)i + 1, ""},
                near ? arena_printf(sheet->reader->arena, "Did you mean '%s'?", near) : "Rename it or take it out.",
                "the column '%.80s' is not known", name);
  }
}

/* --- small readers ------------------------------------------------------------------------------------------------ */

/* Letters, digits, - _ and . after a first letter; at most 60 bytes. */
static bool name_valid(const char *name) {
  size_t length = strlen(name);
  if (!length || length > 60) return false;
  for (const char *c = name; *c; c++) {
    bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
    if (!letter && (c == name || !strchr("0123456789-_.", *c))) return false;
  }
  return true;
}

/* The value of KEY in "key=value key=value", or NULL. */
static const char *parameter(struct arena *arena, const char *parameters, const char *key) {
  size_t length = strlen(key);
  for (const char *at = parameters; *at;) {
    at += strspn(at, " ;,");
    size_t word = strcspn(at, " ;,");
    if (word > length && at[length] == '=' && !strncmp(at, key, length))
      return arena_text_n(arena, at + length + 1, word - length - 1);
    at += word;
  }
  return NULL;
}

static bool yes(const char *text) {
  return !strcmp(text, "yes") || !strcmp(text, "true") || !strcmp(text, "TRUE") || !strcmp(text, "true()");
}

static bool no(const char *text) {
  return !*text || !strcmp(text, "no") || !strcmp(text, "false") || !strcmp(text, "FALSE") || !strcmp(text, "false()");
}

static bool cell_flag(const struct sheet *sheet, const char *column, const char *where) {
  const char *text = cell(sheet, column);
  if (!yes(text) && !no(text))
    finding_add(sheet->reader->findings, STUDY_BROKEN, "flag-wrong", sheet_place(sheet, column, where),
                "Write yes or no.", "'%.60s' is neither yes nor no", text);
  return yes(text);
}

/* --- choices.csv -------------------------------------------------------------------------------------------------- */

static struct choice_list *list_find(struct form_reader *reader, const char *name) {
  for (size_t i = 0; i < reader->list_count; i++)
    if (!strcmp(reader->lists[i].name, name)) return &reader->lists[i];
  return NULL;
}

static struct choice_list *list_add(struct form_reader *reader, const char *name, int line) {
  struct choice_list *lists = arena_array(reader->arena, reader->list_count + 1, sizeof *lists);
  if (reader->list_count) memcpy(lists, reader->lists, reader->list_count * sizeof *lists);
  reader->lists = lists;
  struct choice_list *list = &lists[reader->list_count++];
  *list = (struct choice_list){.name = name, .line = line};
  return list;
}

static void choice_add(struct form_reader *reader, struct choice_list *list, struct form_choice choice, int line) {
  if (list->count == list->capacity) {
    size_t capacity = list->capacity ? list->capacity * 2 : 8;
    struct form_choice *choices = arena_array(reader->arena, capacity, sizeof *choices);
    int *lines = arena_array(reader->arena, capacity, sizeof *lines);
    if (list->count) memcpy(choices, list->choices, list->count * sizeof *choices);
    if (list->count) memcpy(lines, list->lines, list->count * sizeof *lines);
    list->choices = choices;
    list->lines = lines;
    list->capacity = capacity;
  }
  list->choices[list->count] = choice;
  list->lines[list->count++] = line;
}

/* Choice names are stored, and joined by spaces for select_multiple. */
static bool choice_name_valid(const char *name) {
  size_t length = strlen(name);
  return length && length <= 60 && !strchr(name, ' ') && !utf8_has_control(name);
}

static void read_choice(struct sheet *sheet) {
  struct form_reader *reader = sheet->reader;
  const char *list_name = cell(sheet, "list_name"), *name = cell(sheet, "name");
  if (!name_valid(list_name)) {
    finding_add(reader->findings, STUDY_BROKEN, "list-name", sheet_place(sheet, "list_name", name),
                "A list's name begins with a letter and holds letters, digits, - _ and . only.",
                "'%.60s' is no name for a list of choices", list_name);
    return;
  }
  if (!choice_name_valid(name))
    finding_add(reader->findings, STUDY_BROKEN, "choice-name", sheet_place(sheet, "name", list_name),
                "The name is what is stored: one short word, such as 1 or none.", "'%.60s' is no name for a choice",
                name);
  struct choice_list *list = list_find(reader, list_name);
  if (!list) list = list_add(reader, list_name, (int)sheet->row.line);
  for (size_t i = 0; i < list->count; i++)
    if (!strcmp(list->choices[i].name, name))
      finding_add(reader->findings, STUDY_BROKEN, "choice-twice", sheet_place(sheet, "name", list_name),
                  "Take one out, or rename it.", "the choice '%s' stands twice in the list '%s'", name, list_name);
  choice_add(reader, list, (struct form_choice){.name = name, .label = cell_words(sheet, "label")},
             (int)sheet->row.line);
}

static void read_choices(struct form_reader *reader) {
  static const char *const known[] = {"list_name", "name", "label::", "note"};
  struct sheet sheet;
  if (!sheet_open(&sheet, reader, "choices.csv")) return;
  sheet_check_columns(&sheet, known, sizeof known / sizeof *known);
  while (sheet_next(&sheet)) read_choice(&sheet);
  csv_close(sheet.csv);
}

/* --- one row of a form ------------------------------------------------------------------------------------------ */

static const struct expression *read_expression(struct sheet *sheet, const char *column, const char *text,
                                                const char *where) {
  if (!*text) return NULL;
  const struct expression *expression;
  struct error error;
  int at;
  if (!expression_compile(&expression, text, sheet->reader->arena, &at, &error)) return expression;
  finding_add(sheet->reader->findings, STUDY_BROKEN, error.id, sheet_place(sheet, column, where),
              "docs/forms.md says how an expression is written.", "%s, in '%.200s'", error.text, text);
  return NULL;
}

/* A number among the parameters; false when it is there and is none (said). */
static bool read_bound(struct sheet *sheet, const struct form_item *item, const char *key, bool *has, double *value,
                       const char **text) {
  const char *given = parameter(sheet->reader->arena, cell(sheet, "parameters"), key);
  if (!given) return true;
  *has = number_read(given, value);
  if (*has)
    *text = number_text(sheet->reader->arena, *value);
  else
    finding_add(sheet->reader->findings, STUDY_BROKEN, "parameter-number", sheet_place(sheet, "parameters", item->name),
                "Write it as in start=1 end=6 step=1.", "%s=%.40s is not a number", key, given);
  return *has;
}

#define MICRO 1000000.0

static void read_points(struct sheet *sheet, struct form_item *item) {
  double step = 1;
  bool has_step = false;
  const char *step_text = "1";
  read_bound(sheet, item, "step", &has_step, &step, &step_text);
  struct study_place place = sheet_place(sheet, "parameters", item->name);
  if (!item->has_low || !item->has_high || step <= 0) {
    finding_add(sheet->reader->findings, STUDY_BROKEN, "range-incomplete", place,
                "Write parameters such as start=1 end=6 step=1.", "a range needs start, end and a step above 0");
    return;
  }
  int64_t low = (int64_t)(item->low * MICRO), high = (int64_t)(item->high * MICRO), by = (int64_t)(step * MICRO + 0.5);
  if (low >= high) return; /* said by read_bounds() */
  if ((high - low) % by || (high - low) / by > 100) {
    finding_add(sheet->reader->findings, STUDY_BROKEN, "range-step", place,
                "Choose a step that leads from start to end in 100 steps or fewer.",
                "steps of %s do not lead from %s to %s", step_text, item->low_text, item->high_text);
    return;
  }
  item->point_count = (size_t)((high - low) / by) + 1;
  const char **points = arena_array(sheet->reader->arena, item->point_count, sizeof *points);
  for (size_t i = 0; i < item->point_count; i++)
    points[i] = number_text(sheet->reader->arena, (double)(low + (int64_t)i * by) / MICRO);
  item->points = points;
}

static void read_bounds(struct sheet *sheet, struct form_item *item) {
  bool score = item->type == FORM_CALCULATE;
  read_bound(sheet, item, score ? "low" : "start", &item->has_low, &item->low, &item->low_text);
  read_bound(sheet, item, score ? "high" : "end", &item->has_high, &item->high, &item->high_text);
  if (item->has_low && item->has_high && item->low >= item->high)
    finding_add(sheet->reader->findings, STUDY_BROKEN, "range-inverted", sheet_place(sheet, "parameters", item->name),
                "Put the smaller number first.", "the range runs from %s to %s", item->low_text, item->high_text);
  const char *direction = parameter(sheet->reader->arena, cell(sheet, "parameters"), "higher");
  item->higher_is_worse = direction && !strcmp(direction, "worse");
}

static void read_max_length(struct sheet *sheet, struct form_item *item) {
  const char *given = parameter(sheet->reader->arena, cell(sheet, "parameters"), "max-length");
  double value = FORM_TEXT_LENGTH;
  if (given && (!number_read(given, &value) || value < 1 || value > FORM_TEXT_LENGTH || value != (int)value))
    finding_add(sheet->reader->findings, STUDY_BROKEN, "parameter-length", sheet_place(sheet, "parameters", item->name),
                "Write max-length=300 or another whole number.", "max-length=%.40s is not within 1 and %d", given,
                FORM_TEXT_LENGTH);
  else
    item->max_length = (size_t)value;
}

static void read_list(struct sheet *sheet, struct form_item *item, const char *name, const char *column) {
  item->list = name;
  const struct choice_list *list = list_find(sheet->reader, name);
  if (list && list->count) {
    item->choices = list->choices;
    item->choice_count = list->count;
    return;
  }
  finding_add(sheet->reader->findings, STUDY_BROKEN, "choices-missing", sheet_place(sheet, column, item->name),
              "Write its rows into choices.csv (list_name,name,label::..).",
              "there is no list of choices named '%.60s'", name);
}

static void read_parameters(struct sheet *sheet, struct form_item *item, const char *list) {
  static const char *const known[] = {"start", "end", "step", "low", "high", "higher", "tick_labelset", "max-length"};
  struct arena *arena = sheet->reader->arena;
  const char *parameters = cell(sheet, "parameters");
  for (const char *at = parameters; *at;) {
    at += strspn(at, " ;,");
    size_t word = strcspn(at, " ;,"), key = strcspn(at, "= ;,");
    const char *name = arena_text_n(arena, at, key);
    bool found = !word;
    for (size_t i = 0; i < sizeof known / sizeof *known && !found; i++) found = !strcmp(known[i], name);
    if (!found)
      finding_add(sheet->reader->findings, STUDY_BROKEN, "parameter-unknown",
                  sheet_place(sheet, "parameters", item->name),
                  "Known are start, end, step, tick_labelset, max-length, and low, high, higher for scores.",
                  "the parameter '%.60s' is not known", name);
    at += word;
  }
  bool ranged = item->type == FORM_INTEGER || item->type == FORM_DECIMAL || item->type == FORM_RANGE ||
                item->type == FORM_CALCULATE;
  if (ranged) read_bounds(sheet, item);
  if (item->type == FORM_RANGE) read_points(sheet, item);
  if (item->type == FORM_TEXT) read_max_length(sheet, item);
  if (list) read_list(sheet, item, list, "type");
  const char *ticks = parameter(arena, parameters, "tick_labelset");
  if (ticks && item->type == FORM_RANGE) read_list(sheet, item, ticks, "parameters");
}

static void read_conditions(struct sheet *sheet, struct form_item *item) {
  item->required = cell_flag(sheet, "required", item->name);
  item->relevant = read_expression(sheet, "relevant", cell(sheet, "relevant"), item->name);
  item->constraint = read_expression(sheet, "constraint", cell(sheet, "constraint"), item->name);
  item->calculation = read_expression(sheet, "calculation", cell(sheet, "calculation"), item->name);
  const char *risk = cell(sheet, "risk");
  item->risk = !no(risk);
  if (item->risk && !yes(risk)) item->risk_when = read_expression(sheet, "risk", risk, item->name);
}

/* What a type cannot have. */
static void check_misplaced(struct sheet *sheet, const struct form_item *item) {
  struct study_findings *findings = sheet->reader->findings;
  bool computed = item->type == FORM_CALCULATE;
  if (computed && !*cell(sheet, "calculation"))
    finding_add(findings, STUDY_BROKEN, "calculation-missing", sheet_place(sheet, "calculation", item->name),
                "Write the expression into the column 'calculation'.", "there is nothing to calculate");
  if (!computed && *cell(sheet, "calculation"))
    finding_add(findings, STUDY_BROKEN, "calculation-misplaced", sheet_place(sheet, "calculation", item->name),
                "Make it a row of its own of type calculate.", "an item of type %s is not calculated",
                form_type_name(item->type));
  if (form_type_asked(item->type)) return;
  if (item->required || *cell(sheet, "constraint") || item->risk)
    finding_add(findings, STUDY_BROKEN, "condition-misplaced", sheet_place(sheet, "type", item->name),
                "Leave required, constraint and risk empty in this row.", "a row of type %s is never answered",
                form_type_name(item->type));
}

static void read_item(struct sheet *sheet, struct form_draft *draft) {
  struct form_reader *reader = sheet->reader;
  struct form_item *item = &draft->items[draft->form.item_count];
  const char *type = cell(sheet, "type"), *name = cell(sheet, "name"), *list;
  *item = (struct form_item){.index = draft->form.item_count,
                             .group = FORM_NONE,
                             .shown_if_item = FORM_NONE,
                             .line = (int)sheet->row.line,
                             .name = name};
  if (!form_type_read(type, &item->type, &list)) {
    finding_add(reader->findings, STUDY_BROKEN, "type-unknown", sheet_place(sheet, "type", name),
                "Use note, select_one LIST, select_multiple LIST, integer, decimal, range, text, date, calculate, "
                "begin group or end group.",
                "'%.60s' is no type of item", type);
    return;
  }
  bool end = item->type == FORM_GROUP_END;
  if (!name_valid(name) && !(end && !*name))
    finding_add(reader->findings, STUDY_BROKEN, "item-name", sheet_place(sheet, "name", name),
                "A name begins with a letter and holds letters, digits, - _ and . only (60 at most).",
                "'%.60s' is no name for an item", name);
  for (size_t i = 0; i < draft->form.item_count && !end; i++)
    if (draft->items[i].type != FORM_GROUP_END && !strcmp(draft->items[i].name, name))
      finding_add(reader->findings, STUDY_BROKEN, "item-twice", sheet_place(sheet, "name", name), "Rename one of them.",
                  "the name '%s' stands already in line %d", name, draft->items[i].line);
  item->label = cell_words(sheet, "label");
  item->hint = cell_words(sheet, "hint");
  item->constraint_message = cell_words(sheet, "constraint_message");
  read_conditions(sheet, item);
  read_parameters(sheet, item, list);
  check_misplaced(sheet, item);
  draft->form.item_count++;
}

static void read_items(struct form_reader *reader, struct form_draft *draft) {
  static const char *const known[] = {"type",
                                      "name",
                                      "label::",
                                      "hint::",
                                      "required",
                                      "relevant",
                                      "constraint",
                                      "calculation",
                                      "risk",
                                      "parameters",
                                      "appearance",
                                      "note",
                                      "constraint_message::"};
  static const char *const needed[] = {"type", "name"};
  struct sheet sheet;
  if (!sheet_open(&sheet, reader, draft->form.file)) return;
  sheet_check_columns(&sheet, known, sizeof known / sizeof *known);
  for (size_t i = 0; i < 2; i++)
    if (csv_column(sheet.csv, needed[i]) < 0)
      finding_add(reader->findings, STUDY_BROKEN, "column-missing", (struct study_place){sheet.file, 1, 0, ""},
                  "Add it to the header.", "the column '%s' is missing", needed[i]);
  draft->items = arena_array(reader->arena, FORM_ITEMS, sizeof *draft->items);
  while (sheet_next(&sheet)) {
    if (draft->form.item_count == FORM_ITEMS) {
      finding_add(reader->findings, STUDY_BROKEN, "form-large", sheet_place(&sheet, NULL, ""), "Make two forms of it.",
                  "a form has at most %d rows", FORM_ITEMS);
      break;
    }
    read_item(&sheet, draft);
  }
  csv_close(sheet.csv);
}

/* --- settings.csv ------------------------------------------------------------------------------------------------- */

static void check_setting_words(struct sheet *sheet, const struct form *form) {
  for (int language = 0; language < sheet->reader->language_count; language++) {
    if (!form->title.in[language])
      finding_add(sheet->reader->findings, STUDY_BROKEN, "translation-missing", sheet_place(sheet, NULL, form->name),
                  "Fill the column form_title:: of that language.", "the form '%s' has no title in '%s'", form->name,
                  sheet->reader->languages[language]);
    if (!form->validated && !form->notice.in[language])
      finding_add(sheet->reader->findings, STUDY_BROKEN, "notice-missing", sheet_place(sheet, NULL, form->name),
                  "Fill the column notice:: of that language, for example: not a validated instrument.",
                  "the form '%s' is not validated and does not say so in '%s'", form->name,
                  sheet->reader->languages[language]);
  }
}

static bool read_settings_row(struct sheet *sheet, struct form_draft *draft) {
  struct form_reader *reader = sheet->reader;
  const char *name = cell(sheet, "form_id");
  *draft = (struct form_draft){.settings_line = (int)sheet->row.line};
  draft->form = (struct form){.name = name,
                              .version = cell(sheet, "version"),
                              .file = arena_printf(reader->arena, "forms/%s.csv", name),
                              .rater = cell(sheet, "rater"),
                              .title = cell_words(sheet, "form_title"),
                              .notice = cell_words(sheet, "notice"),
                              .validated = cell_flag(sheet, "validated", name),
                              .licence = cell(sheet, "licence"),
                              .wording_source = cell(sheet, "wording_source"),
                              .minutes = cell(sheet, "minutes")};
  if (!name_valid(name)) {
    finding_add(reader->findings, STUDY_BROKEN, "form-name", sheet_place(sheet, "form_id", ""),
                "A form's name begins with a letter and holds letters, digits, - _ and . only.",
                "'%.60s' is no name for a form", name);
    return false;
  }
  if (!*draft->form.version)
    finding_add(reader->findings, STUDY_BROKEN, "form-version", sheet_place(sheet, "version", name),
                "Write one, such as 1; change it with every change of the questions.", "the form '%s' has no version",
                name);
  if (!source_find(reader->source, draft->form.file)) {
    finding_add(reader->findings, STUDY_BROKEN, "form-file", sheet_place(sheet, "form_id", name),
                "Add the file, or take this row out.", "the form '%s' has no file %s", name, draft->form.file);
    return false;
  }
  check_setting_words(sheet, &draft->form);
  return true;
}

static void check_unlisted(struct form_reader *reader, const struct form *forms, size_t count) {
  for (size_t i = 0; i < reader->source->count; i++) {
    const char *file = reader->source->files[i].name;
    bool listed = strncmp(file, "forms/", 6) != 0;
    for (size_t k = 0; k < count && !listed; k++) listed = !strcmp(forms[k].file, file);
    if (!listed)
      finding_add(reader->findings, STUDY_BROKEN, "form-unlisted", (struct study_place){.file = file, .where = ""},
                  "Add a row for it to settings.csv, or take the file out.", "this form has no row in settings.csv");
  }
}

static void check_form_twice(const struct sheet *sheet, const struct form *forms, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++)
    if (!strcmp(forms[i].name, name))
      finding_add(sheet->reader->findings, STUDY_BROKEN, "form-twice", sheet_place(sheet, "form_id", name),
                  "Take one row out.", "the form '%s' stands twice", name);
}

void form_read_all(struct form_reader *reader, const struct form **forms, size_t *count) {
  static const char *const known[] = {"form_id", "version", "form_title::",   "rater",    "validated",
                                      "licence", "minutes", "wording_source", "notice::", "note"};
  struct form *list = arena_array(reader->arena, SOURCE_FILES, sizeof *list);
  *forms = list;
  *count = 0;
  read_choices(reader);
  struct sheet sheet;
  if (!source_find(reader->source, "settings.csv"))
    finding_add(reader->findings, STUDY_BROKEN, "settings-missing",
                (struct study_place){.file = "settings.csv", .where = ""},
                "Add it, with one row a form: form_id,version,form_title::English (en),..", "there is no such file");
  if (!sheet_open(&sheet, reader, "settings.csv")) return;
  sheet_check_columns(&sheet, known, sizeof known / sizeof *known);
  while (sheet_next(&sheet) && *count < SOURCE_FILES) {
    struct form_draft draft;
    if (!read_settings_row(&sheet, &draft)) continue;
    check_form_twice(&sheet, list, *count, draft.form.name);
    read_items(reader, &draft);
    form_check(reader, &draft);
    list[(*count)++] = draft.form;
  }
  csv_close(sheet.csv);
  check_unlisted(reader, list, *count);
}
