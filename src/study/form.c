#include "study/form.h"

#include <string.h>

static const struct {
  const char *name;
  enum form_type type;
  bool listed; /* a list's name follows */
} types[] = {
    {"note", FORM_NOTE, false},
    {"select_one", FORM_SELECT_ONE, true},
    {"select_multiple", FORM_SELECT_MULTIPLE, true},
    {"integer", FORM_INTEGER, false},
    {"decimal", FORM_DECIMAL, false},
    {"range", FORM_RANGE, false},
    {"text", FORM_TEXT, false},
    {"date", FORM_DATE, false},
    {"calculate", FORM_CALCULATE, false},
    {"begin group", FORM_GROUP, false},
    {"begin_group", FORM_GROUP, false},
    {"end group", FORM_GROUP_END, false},
    {"end_group", FORM_GROUP_END, false},
};

const char *form_type_name(enum form_type type) {
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (types[i].type == type) return types[i].name;
  return "";
}

bool form_type_read(const char *text, enum form_type *type, const char **list) {
  *list = NULL;
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    size_t length = strlen(types[i].name);
    if (strncmp(text, types[i].name, length)) continue;
    *type = types[i].type;
    if (!types[i].listed && !text[length]) return true;
    if (types[i].listed && text[length] == ' ') {
      *list = text + length + strspn(text + length, " ");
      return **list != 0;
    }
  }
  return false;
}

bool form_type_asked(enum form_type type) {
  return type != FORM_NOTE && type != FORM_CALCULATE && type != FORM_GROUP && type != FORM_GROUP_END;
}

const struct form_item *form_item(const struct form *form, const char *name) {
  for (size_t i = 0; i < form->item_count; i++)
    if (form->items[i].type != FORM_GROUP_END && !strcmp(form->items[i].name, name)) return &form->items[i];
  return NULL;
}

const struct words *form_choice_label(const struct form_item *item, const char *value) {
  for (size_t i = 0; i < item->choice_count; i++)
    if (!strcmp(item->choices[i].name, value)) return &item->choices[i].label;
  return NULL;
}
