/* form_read.h: from the sheets (CSV) to forms, with all findings. form_read.c reads the cells, form_check.c looks at
 * the form as a whole: what refers to what, in which order, which words are missing. Used by study_load.c. */
#ifndef ATTUNE_STUDY_FORM_READ_H
#define ATTUNE_STUDY_FORM_READ_H

#include "study/finding.h"
#include "study/form.h"
#include "study/source.h"

struct choice_list {
  const char *name;
  struct form_choice *choices;
  int *lines;
  size_t count, capacity;
  int line;      /* of its first choice */
  bool reported; /* its missing labels were said */
};

struct form_reader {
  const struct source *source;
  const char *const *languages; /* codes */
  int language_count;
  struct arena *arena;
  struct study_findings *findings;
  struct choice_list *lists;
  size_t list_count;
};

/* A form while it is being read: form_check() completes it. */
struct form_draft {
  struct form form;
  struct form_item *items;
  int settings_line;
};

/* All forms of the source, in the order of settings.csv. */
void form_read_all(struct form_reader *reader, const struct form **forms, size_t *count);

void form_check(struct form_reader *reader, struct form_draft *draft);

#endif
